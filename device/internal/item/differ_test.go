package item

import (
	"encoding/hex"
	"fmt"
	"testing"

	"zapas/device/internal/readertest"
)

// TestMutants_SecondReader: both readers accept or both refuse what is almost an item.
func TestMutants_SecondReader(t *testing.T) {
	t.Parallel()
	const mutants = 6000
	var of [][]byte
	for _, v := range readVectors(t, "valid.json") {
		if b := v.bytes(t); len(b) < 2000 {
			of = append(of, b)
		}
	}
	type vector struct {
		Name string `json:"name"`
		CBOR string `json:"cbor"`
	}
	var all []vector
	items := readertest.Mutants(1, mutants, of)
	for i, b := range items {
		all = append(all, vector{fmt.Sprint(i), hex.EncodeToString(b)})
	}
	told, accepted := readertest.ReadAll(t, "items", all), 0
	for i, b := range items {
		it, err := Decode(b)
		second := told[fmt.Sprint(i)]
		if (err == nil) != (second.Refused == "") {
			t.Errorf("%x: %v; the second reader: %q", b, err, second.Refused)
		}
		if err != nil {
			continue
		}
		if accepted++; string(second.Got) != `{"kind":"`+it.Kind().String()+`"}` {
			t.Errorf("%x is a %s; the second reader: %s", b, it.Kind(), second.Got)
		}
	}
	if accepted < mutants/20 || accepted > mutants/2 {
		t.Errorf("%d of %d mutants are accepted", accepted, mutants)
	}
	t.Logf("%d mutants, %d accepted", mutants, accepted)
}
