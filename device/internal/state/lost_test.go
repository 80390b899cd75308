package state

import (
	"encoding/binary"
	"maps"
	"os"
	"testing"

	"zapas/device/internal/index"
)

func lostOf(n int) Lost {
	l := Lost{}
	for i := range n {
		var id index.ID
		binary.BigEndian.PutUint64(id[:], uint64(i)+1)
		l[id] = true
	}
	return l
}

// TestLost: what was found lost is known until it is forgotten; whatever befalls the note, it is known whole or not at all.
func TestLost(t *testing.T) {
	t.Parallel()
	d, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	check := func(want Lost) {
		t.Helper()
		if got := d.Lost(); !maps.Equal(got, want) {
			t.Errorf("%d chunks are known, want %d", len(got), len(want))
		}
	}
	put := func(l Lost) {
		t.Helper()
		if err := d.PutLost(l); err != nil {
			t.Fatal(err)
		}
	}
	check(nil)
	put(nil)
	for _, n := range []int{1, 3, index.MaxChunks} {
		put(lostOf(n))
		check(lostOf(n))
	}
	put(lostOf(index.MaxChunks + 1))
	if got := d.Lost(); len(got) != index.MaxChunks {
		t.Errorf("of too many, %d are known", len(got))
	}
	put(lostOf(3))
	writes := 0
	d.Before = func(string) error { writes++; return nil }
	if put(lostOf(3)); writes != 0 {
		t.Errorf("what is there was written again, in %d steps", writes)
	}
	whole, err := os.ReadFile(d.Path(lostFile))
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		b := append([]byte{}, whole...)
		b[i] ^= 1
		if l, err := decodeLost(b); err == nil && !maps.Equal(l, lostOf(3)) {
			t.Errorf("byte %d changed: %d chunks are known", i, len(l))
		}
		if l, err := decodeLost(whole[:i]); err == nil {
			t.Errorf("cut at %d: %d chunks are known", i, len(l))
		}
	}
	if _, err := decodeLost(append(make([]byte, maxLost), whole...)); err == nil {
		t.Error("a file of any size is read")
	}
	if err := os.WriteFile(d.Path(lostFile), whole[:9], 0o600); err != nil {
		t.Fatal(err)
	}
	check(nil)
	put(nil)
	if _, err := os.Lstat(d.Path(lostFile)); err == nil {
		t.Error("it is still there")
	}
}
