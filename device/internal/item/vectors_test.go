package item

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zapas/device/internal/readertest"
)

var update = flag.Bool("update", false, "write testdata/second.json anew")

type vector struct {
	Name   string
	Why    string
	CBOR   string
	Kind   string
	IDs    []string
	Blobs  int
	Error  string // what the sentence contains, of an invalid one
	Schema bool   // refused for its schema version
}

func (v vector) bytes(t testing.TB) []byte {
	b, err := hex.DecodeString(v.CBOR)
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	return b
}

func readVectors(t testing.TB, name string) []vector { return readJSON[vector](t, name) }

func readJSON[T any](t testing.TB, name string) []T {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 12 {
		t.Fatalf("%s holds only %d vectors", name, len(all))
	}
	return all
}

func TestVectors(t *testing.T) {
	t.Parallel()
	valid, invalid := readVectors(t, "valid.json"), readVectors(t, "invalid.json")
	t.Logf("Go: %d valid and %d invalid vectors", len(valid), len(invalid))
	for _, v := range valid {
		t.Run("Valid/"+v.Name, func(t *testing.T) {
			t.Parallel()
			b := v.bytes(t)
			it, err := Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Encode(it)
			if err != nil || !bytes.Equal(again, b) {
				t.Errorf("encoded again: %x, %v", again, err)
			}
			var ids []string
			for _, id := range it.IDs() {
				ids = append(ids, hex.EncodeToString(id[:]))
			}
			if it.Kind().String() != v.Kind || !slices.Equal(ids, v.IDs) || len(it.Blobs()) != v.Blobs {
				t.Errorf("%s %v with %d blobs, want %s %v with %d", it.Kind(), ids, len(it.Blobs()), v.Kind, v.IDs, v.Blobs)
			}
		})
	}
	for _, v := range invalid {
		t.Run("Invalid/"+v.Name, func(t *testing.T) {
			t.Parallel()
			it, err := Decode(v.bytes(t))
			if err == nil {
				t.Fatalf("accepted as %+v, though %s", it, v.Why)
			}
			if errors.Is(err, ErrSchema) != v.Schema || v.Error == "" || !strings.Contains(err.Error(), v.Error) {
				t.Errorf("refused with: %v, want %q", err, v.Error)
			}
		})
	}
}

// TestVectors_SecondReader: an implementation that shares no code with this one accepts and refuses the same, for the reason that
// is written down. It computes no ids.
func TestVectors_SecondReader(t *testing.T) {
	t.Parallel()
	valid, invalid := readVectors(t, "valid.json"), readVectors(t, "invalid.json")
	told := readertest.Read(t, "items", filepath.Join("testdata", "valid.json"))
	for _, v := range valid {
		if got := string(told[v.Name].Got); got != `{"kind":"`+v.Kind+`"}` {
			t.Errorf("%s: %s %s", v.Name, got, told[v.Name].Refused)
		}
	}
	told = readertest.Read(t, "items", filepath.Join("testdata", "invalid.json"))
	reasons := map[string]string{}
	for _, v := range invalid {
		if reasons[v.Name] = told[v.Name].Refused; reasons[v.Name] == "" {
			t.Errorf("%s: accepted, though %s", v.Name, v.Why)
		}
	}
	readertest.Reasons(t, filepath.Join("testdata", "second.json"), reasons, *update)
	t.Logf("Node: %d valid and %d invalid vectors", len(valid), len(invalid))
}

func TestAddressVectors(t *testing.T) {
	t.Parallel()
	type vector struct {
		Raw     string
		Regions []string
		Kind    AddressKind
		Key     string
	}
	for _, v := range readJSON[vector](t, "addresses.json") {
		t.Run(v.Raw, func(t *testing.T) {
			t.Parallel()
			a := ParseAddress(v.Raw, v.Regions...)
			if a.Kind != v.Kind || a.Key() != v.Key || a.Raw != v.Raw {
				t.Errorf("got %+v with key %q, want kind %d, key %q", a, a.Key(), v.Kind, v.Key)
			}
			if err := a.validate(); err != nil {
				t.Error(err)
			}
		})
	}
}
