package story

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTellings(t *testing.T) {
	t.Parallel()
	event := func(of, id string, n string) []byte {
		return []byte(`{"detail-type":"` + of + `","source":"zapas","detail":{"id":"` + id + `","n":` + n + `}}`)
	}
	all := [][]byte{event("a", "1", "1"), event("b", "1", "2"), event("a", "2", "3"), event("a", "1", "4")}
	for of, want := range map[string]told{
		"a": {3, []json.RawMessage{json.RawMessage(`{"id":"1","n":4}`), json.RawMessage(`{"id":"2","n":3}`)}},
		"b": {1, []json.RawMessage{json.RawMessage(`{"id":"1","n":2}`)}},
		"c": {0, []json.RawMessage{}},
	} {
		got, err := tellings(all, of)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", of, err, diff)
		}
	}
	if _, err := tellings([][]byte{[]byte("{")}, "a"); err == nil {
		t.Error("what is no event is none")
	}
}
