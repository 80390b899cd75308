package recall

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"zapas/device/internal/alloctest"
	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/paged"
)

// order is that of Items, said plainly.
func order(a, b Item) int {
	return cmp.Or(bytes.Compare(a.ID[:], b.ID[:]), bytes.Compare(a.Content[:], b.Content[:]), cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Chunk, b.Chunk), cmp.Compare(a.Record, b.Record))
}

// spilling makes the files for what is too much for the memory.
func spilling(t *testing.T) func() (paged.File, error) {
	dir := t.TempDir()
	return func() (paged.File, error) {
		f, err := os.CreateTemp(dir, "")
		if err == nil {
			t.Cleanup(func() { _ = f.Close() })
		}
		return f, err
	}
}

// TestItems: sorted and sought, they are what a sorted list is, though most of them lie in a file, and many have an id, the
// beginning of one, or all but their place in common.
func TestItems(t *testing.T) {
	t.Parallel()
	spill := spilling(t)
	rapid.Check(t, func(r *rapid.T) {
		seed, same := rapid.Uint64().Draw(r, "seed"), rapid.Uint64Range(1, 1<<20).Draw(r, "ids")
		random := rand.New(rand.NewPCG(seed, same))
		x, list := In(spill), make([]Item, rapid.IntRange(0, 10_000).Draw(r, "items"))
		for i := range list {
			n := random.Uint64N(same)
			it := Item{Kind: item.Kind(2 + n%2), Content: [16]byte{byte(random.Uint32() % 3)}, Essence: item.Essence{Sum: [16]byte{byte(n)}, Announced: n%3 == 0, Lasts: -int64(n)}}
			binary.BigEndian.PutUint64(it.ID[:], n/2*(1<<43)) // ids in pairs begin alike
			it.ID[15] = byte(n % 2)
			for b := range random.Uint32() % 3 {
				it.Blobs = append(it.Blobs, b)
			}
			it.Chunk, it.Record = random.Uint32(), random.Uint32()
			list[i] = it
		}
		slices.SortFunc(list[:rapid.IntRange(0, len(list)).Draw(r, "in order")], order) // as those of a base are
		for _, it := range list {
			x.Append(it)
		}
		for range rapid.IntRange(0, min(3, len(list))).Draw(r, "moved") {
			it := &list[random.IntN(len(list))]
			it.Chunk, it.Record = random.Uint32(), random.Uint32()
		}
		for i, it := range list {
			if at := x.At(i); at.Chunk != it.Chunk || at.Record != it.Record {
				x.Move(i, it.Chunk, it.Record)
			}
		}
		x.Sort()
		slices.SortFunc(list, order)
		for i, got := range x.All() {
			if order(got, list[i]) != 0 || got.Essence != list[i].Essence || !slices.Equal(got.Blobs, list[i].Blobs) {
				r.Fatalf("item %d is %v, want %v", i, got, list[i])
			}
		}
		for range 300 {
			var it Item
			if len(list) > 0 {
				it = list[random.IntN(len(list))]
			}
			if random.Uint32()%4 == 0 {
				it.ID[random.Uint32()%16] ^= 1
			}
			from, to := x.Find(it.ID)
			at, found := slices.BinarySearchFunc(list, it, func(a, b Item) int { return bytes.Compare(a.ID[:], b.ID[:]) })
			behind, _ := slices.BinarySearchFunc(list, it, func(a, b Item) int { return cmp.Or(bytes.Compare(a.ID[:], b.ID[:]), -1) })
			if from != at || to != behind || found != (from < to) {
				r.Fatalf("found from %d to %d, want %d to %d", from, to, at, behind)
			}
			key := func(a, b Item) int { a.Chunk, a.Record = b.Chunk, b.Record; return order(a, b) }
			from, to = x.Equal(it.ID, it.Content, it.Kind)
			at, _ = slices.BinarySearchFunc(list, it, key)
			behind, _ = slices.BinarySearchFunc(list, it, func(a, b Item) int { return cmp.Or(key(a, b), -1) })
			if from != at || to != behind {
				r.Fatalf("equal from %d to %d, want %d to %d", from, to, at, behind)
			}
		}
		if x.Len() != len(list) || x.Err() != nil {
			r.Fatal(x.Len(), x.Err())
		}
	})
}

// TestCache_Memory: to put together, keep, read and search what a phone of 400,000 items remembers takes little more memory than
// for one of 10,000. Not parallel: it counts what the whole process allocates.
func TestCache_Memory(t *testing.T) {
	const items, most = 400_000, 2_300_000
	spill := spilling(t)
	random := rand.New(rand.NewPCG(1, 2))
	id := func(it *Item) {
		for at := 0; at < 16; at += 8 {
			binary.BigEndian.PutUint64(it.ID[at:], random.Uint64())
		}
	}
	alloctest.Within(t, most, func() {
		c := &Cache{Snapshot: "01S", Items: In(spill), Chunks: []index.Chunk{{Runs: []index.Run{{Kind: 2, Count: items}}}}}
		for n := range uint32(items) {
			it := Item{Kind: item.KindSMS, Record: n}
			id(&it)
			c.Items.Append(it)
		}
		c.Items.Sort()
		f, err := os.CreateTemp(t.TempDir(), "")
		must(t, err)
		defer f.Close()
		must(t, c.Encode(f))
		info, err := f.Stat()
		must(t, err)
		c, err = Decode(f, info.Size(), nil)
		must(t, err)
		found := 0
		for range 10_000 {
			it := c.Items.At(random.IntN(items))
			if from, to := c.Items.Equal(it.ID, it.Content, it.Kind); from+1 == to {
				found++
			}
		}
		if found != 10_000 {
			t.Errorf("%d of 10,000 were found", found)
		}
	})
}
