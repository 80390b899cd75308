package recall

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"zapas/device/internal/alloctest"
	"zapas/device/internal/index"
	"zapas/device/internal/item"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sample() *Cache {
	c := &Cache{Snapshot: "01S", IndexSum: [32]byte{7}, Location: "eu", Schema: 1,
		Chunks: []index.Chunk{{Session: index.ID{1}, ID: index.ID{2}, Size: 10, RecordPart: 5, Runs: []index.Run{{Kind: 2, Count: 3}}, Parts: []index.Run{{Kind: 3, Count: 1}}, Dead: []uint32{1}}},
		Blobs:  []Blob{{Sum: [32]byte{9}, Size: 4, Chunks: []uint32{0}}}}
	c.Items.Append(Item{ID: item.ID{1}, Kind: item.KindSMS, Content: [16]byte{1}, Essence: item.Essence{Sum: [16]byte{3}, Announced: true, Lasts: -1}})
	c.Items.Append(Item{ID: item.ID{2}, Kind: item.KindMMS, Content: [16]byte{2}, Record: 2, Blobs: []uint32{0}})
	return c
}

// encoded is a cache as it lies on the disk.
func encoded(t testing.TB, c *Cache) []byte {
	t.Helper()
	var out bytes.Buffer
	must(t, c.Encode(&out))
	return out.Bytes()
}

func read(b []byte) (*Cache, error) { return Decode(bytes.NewReader(b), int64(len(b)), nil) }

func TestCache(t *testing.T) {
	t.Parallel()
	b := encoded(t, sample())
	got, err := read(b)
	must(t, err)
	listed := cmp.Transformer("All", func(x Items) map[int]Item { return maps.Collect(x.All()) })
	if diff := cmp.Diff(sample(), got, cmpopts.EquateEmpty(), listed, cmp.AllowUnexported(Blob{}, index.Run{}, item.Essence{})); diff != "" {
		t.Error(diff)
	}
	for at := range b {
		bad := bytes.Clone(b)
		bad[at] ^= 0x10
		if _, err := read(bad); err == nil {
			t.Fatalf("byte %d was changed, and nobody saw it", at)
		}
	}
	for n := range b {
		if _, err := read(b[:n]); err == nil {
			t.Fatalf("cut to %d bytes, and nobody saw it", n)
		}
	}
}

func TestCache_RefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(c *Cache){
		"ItemBeyondChunks": func(c *Cache) { c.Items.Move(0, 1, 0) },
		"ItemBeyondChunk":  func(c *Cache) { c.Items.Move(0, 0, 3) },
		"ItemBeyondBlobs":  func(c *Cache) { c.Items.blobs[0] = 1 },
		"ItemBeyondRefs":   func(c *Cache) { c.Items.rows.Change(1)[kindAt-1] = 2 },
		"OutOfOrder":       func(c *Cache) { byID{&c.Items, 0}.Swap(0, 1) },
		"BlobBeyondChunks": func(c *Cache) { c.Blobs[0].Chunks[0] = 1 },
	} {
		c := sample()
		spoil(c)
		b := encoded(t, c)
		if _, err := read(b); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

// FuzzCache gives the cache whatever may lie on a disk, its check sum put right: it is read or refused in bounded memory,
// and what is read can be kept.
func FuzzCache(f *testing.F) {
	sound := encoded(f, sample())
	body := len(sound) - sha256.Size
	f.Add(sound[:body])
	f.Add(sound[:body-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		sum := sha256.Sum256(b)
		b = append(b[:len(b):len(b)], sum[:]...)
		var c *Cache
		var err error
		alloctest.Within(t, 512<<10+uint64(len(b))*200, func() { c, err = read(b) })
		if err != nil {
			return
		}
		kept := encoded(t, c)
		again, err := read(kept)
		if err != nil {
			t.Fatalf("it was kept and cannot be read: %v", err)
		}
		if !bytes.Equal(encoded(t, again), kept) {
			t.Error("it was kept and is another")
		}
	})
}
