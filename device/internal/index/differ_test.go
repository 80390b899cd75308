package index

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/readertest"
)

// TestMutants_SecondReader: both readers read the same or both refuse what is almost an index.
func TestMutants_SecondReader(t *testing.T) {
	t.Parallel()
	const mutants = 5000
	var of [][]byte
	for _, v := range readVectors(t, "valid.json") {
		of = append(of, unhex(t, v.CBOR))
	}
	var all []vector
	for i, b := range readertest.Mutants(2, mutants, of) {
		all = append(all, vector{Name: fmt.Sprint(i), CBOR: hex.EncodeToString(b)})
	}
	said, accepted := readertest.ReadAll(t, "indexes", all), 0
	for _, v := range all {
		x, err := Decode(unhex(t, v.CBOR))
		second := said[v.Name]
		if (err == nil) != (second.Refused == "") {
			t.Errorf("%s: %v; the second reader: %q", v.CBOR, err, second.Refused)
			continue
		}
		if err != nil {
			continue
		}
		accepted++
		var got told
		if err := json.Unmarshal(second.Got, &got); err != nil {
			t.Error(err)
		} else if diff := cmp.Diff(tell(x), &got); diff != "" {
			t.Errorf("%s: %s", v.CBOR, diff)
		}
	}
	if accepted < mutants/20 || accepted > mutants/2 {
		t.Errorf("%d of %d mutants are accepted", accepted, mutants)
	}
	t.Logf("%d mutants, %d accepted", mutants, accepted)
}
