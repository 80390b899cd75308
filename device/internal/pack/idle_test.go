package pack

import (
	"encoding/binary"
	"testing"

	"zapas/device/internal/index"
	"zapas/device/internal/recall"
)

// TestIdle: of blobs that no item names a cache remembers, behind those that are named, so many that were named last, where their
// chunks are still listed and not lost.
func TestIdle(t *testing.T) {
	t.Parallel()
	base := &recall.Cache{Chunks: make([]index.Chunk, 4)}
	blob := func(n uint32, chunks ...uint32) {
		b := recall.Blob{Size: 1, Chunks: chunks}
		binary.BigEndian.PutUint32(b.Sum[:], n)
		base.Blobs = append(base.Blobs, b)
	}
	blob(0, 1)    // named still
	blob(1, 0)    // its chunk is dropped
	blob(2, 1, 0) // a part of it is
	blob(3, 3)    // its chunk is lost
	for n := range uint32(idleBlobs + 2) {
		blob(10+n, 1, 2)
	}
	n := &snapshot{cache: &recall.Cache{Blobs: base.Blobs[:1:1]}, blobs: map[[32]byte]uint32{base.Blobs[0].Sum: 0}}
	n.idle(&Scan{base: base, healing: healing{lost: []bool{false, false, false, true}}}, []uint32{dropped, 5, 4, 3})
	if len(n.cache.Blobs) != 1+idleBlobs {
		t.Fatalf("%d are remembered, want %d beside the one that is named", len(n.cache.Blobs)-1, idleBlobs)
	}
	for i, b := range n.cache.Blobs[1:] {
		if got := binary.BigEndian.Uint32(b.Sum[:]); got != uint32(10+i) || len(b.Chunks) != 2 || b.Chunks[0] != 5 || b.Chunks[1] != 4 {
			t.Fatalf("the %d-th is number %d in %v", i, got, b.Chunks)
		}
	}
	if base.Blobs[4].Chunks[0] != 1 {
		t.Error("the base was changed")
	}
}
