package index

import (
	"bytes"
	"testing"

	"zapas/device/internal/alloctest"
)

// FuzzDecode: what is accepted encodes to just those bytes, and reading anything costs no more than its size allows.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"valid.json", "invalid.json"} {
		for _, v := range readVectors(f, name) {
			f.Add(unhex(f, v.CBOR))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var x *Index
		var err error
		alloctest.Within(t, 128<<10+uint64(len(b))*200, func() { x, err = Decode(b) })
		if err != nil {
			return
		}
		if again, err := x.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("accepted %x, encoded %x, %v", b, again, err)
		}
		for i := range x.Chunks {
			c := &x.Chunks[i]
			live := int64(0)
			for _, n := range c.Live() {
				live += n
			}
			if live+int64(len(c.Dead)) != int64(c.Records()) {
				t.Errorf("%d live and %d dead of %d records", live, len(c.Dead), c.Records())
			}
		}
	})
}

// FuzzParse: what is an id is written in one way alone.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"00000000000000000000000000", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01arz3ndektsv4rrffq69g5fav", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var id ID
		var err error
		alloctest.Within(t, 64<<10+uint64(len(s))*16, func() { id, err = Parse(s) }) // the machinery of fuzzing allocates, too
		if err == nil && id.String() != s {
			t.Errorf("%q is read as %s", s, id)
		}
	})
}
