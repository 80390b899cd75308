package state

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"iter"
	"sort"

	"zapas/device/internal/item"
)

// Item is one item of the snapshot and where its record is.
type Item struct {
	ID      item.ID
	Kind    item.Kind
	Content [16]byte // of the SHA-256 of its encoding
	Essence item.Essence
	Chunk   uint32 // position in Chunks
	Record  uint32
	Blobs   []uint32 // positions in Blobs
}

// Items are the items of a phone, which may be a million: rows of bytes that hold no pointers, in slabs that never move. The
// zero Items are none, and ready.
type Items struct {
	slabs []*[slab]row
	n     int
	blobs []uint32 // of all rows
}

const slab = 1 << 10 // rows

// row is an Item as it lies in memory and, in rowSize bytes, on the disk.
type row struct {
	id, content, essence [16]byte
	lasts                int64
	chunk, record        uint32
	blobs                uint32 // where its own begin
	count                uint16 // of its own
	kind, flags          byte
}

const (
	rowSize   = 3*16 + 8 + 3*4 + 2 + 2
	announced = 1 // in flags
)

// Len is how many there are.
func (x *Items) Len() int { return x.n }

func (x *Items) row(i int) *row { return &x.slabs[i/slab][i%slab] }

// At is the i-th item. Its Blobs are for reading.
func (x *Items) At(i int) Item {
	r := x.row(i)
	it := Item{ID: r.id, Kind: item.Kind(r.kind), Content: r.content, Chunk: r.chunk, Record: r.record, Essence: r.whole()}
	if r.count > 0 {
		it.Blobs = x.blobs[r.blobs : r.blobs+uint32(r.count) : r.blobs+uint32(r.count)]
	}
	return it
}

func (r *row) whole() item.Essence {
	return item.Essence{Sum: r.essence, Announced: r.flags&announced != 0, Lasts: r.lasts}
}

// All goes through them in their order.
func (x *Items) All() iter.Seq2[int, Item] {
	return func(yield func(int, Item) bool) {
		for i := range x.n {
			if !yield(i, x.At(i)) {
				return
			}
		}
	}
}

// Append adds one at the end. It keeps nothing of it but its bytes.
func (x *Items) Append(it Item) {
	r := row{id: it.ID, content: it.Content, essence: it.Essence.Sum, lasts: it.Essence.Lasts, chunk: it.Chunk, record: it.Record,
		blobs: uint32(len(x.blobs)), count: uint16(len(it.Blobs)), kind: byte(it.Kind)} // an item has far fewer than 65,536 blobs
	if it.Essence.Announced {
		r.flags = announced
	}
	x.blobs = append(x.blobs, it.Blobs...)
	x.push(r)
}

func (x *Items) push(r row) {
	if x.n%slab == 0 {
		x.slabs = append(x.slabs, new([slab]row))
	}
	x.n++
	*x.row(x.n - 1) = r
}

// Move says where the record of the i-th item is.
func (x *Items) Move(i int, chunk, record uint32) { x.row(i).chunk, x.row(i).record = chunk, record }

// Sort puts them in the order of their ids, then of their contents. What is equal beyond that stays as the places of its
// records are, so that the order says nothing of how it came about.
func (x *Items) Sort() { sort.Sort(byID{x}) }

type byID struct{ *Items }

func (x byID) Less(i, j int) bool { return x.row(i).compare(x.row(j)) < 0 }
func (x byID) Swap(i, j int)      { a, b := x.row(i), x.row(j); *a, *b = *b, *a }

func (r *row) compare(s *row) int {
	return cmp.Or(r.equal(s.id, s.content, s.kind), cmp.Compare(r.chunk, s.chunk), cmp.Compare(r.record, s.record))
}

func (r *row) equal(id item.ID, content [16]byte, kind byte) int {
	if c := bytes.Compare(r.id[:], id[:]); c != 0 {
		return c
	}
	return cmp.Or(bytes.Compare(r.content[:], content[:]), cmp.Compare(r.kind, kind))
}

// Find is the range of those with an id, once they are sorted.
func (x *Items) Find(id item.ID) (from, to int) {
	return x.search(func(r *row) int { return bytes.Compare(r.id[:], id[:]) })
}

// Equal is the range of those that one cannot be told from by its id, content and kind, once they are sorted.
func (x *Items) Equal(id item.ID, content [16]byte, kind item.Kind) (from, to int) {
	return x.search(func(r *row) int { return r.equal(id, content, byte(kind)) })
}

func (x *Items) search(compare func(r *row) int) (from, to int) {
	from = sort.Search(x.n, func(i int) bool { return compare(x.row(i)) >= 0 })
	if from == x.n || compare(x.row(from)) != 0 {
		return from, from
	}
	// Nearly always it is one: the end is sought from its beginning, in ever longer steps.
	step := 1
	for from+step < x.n && compare(x.row(from+step)) == 0 {
		step *= 2
	}
	low := from + step/2 + 1
	return from, low + sort.Search(min(from+step, x.n)-low, func(i int) bool { return compare(x.row(low+i)) > 0 })
}

func (x *Items) sorted() bool {
	for i := 1; i < x.n; i++ {
		if x.row(i-1).compare(x.row(i)) > 0 {
			return false
		}
	}
	return true
}

func (r *row) append(b []byte) []byte {
	b = append(append(append(b, r.id[:]...), r.content[:]...), r.essence[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.lasts))
	for _, n := range []uint32{r.chunk, r.record, r.blobs} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return append(binary.BigEndian.AppendUint16(b, r.count), r.kind, r.flags)
}

func rowOf(b *[rowSize]byte) row {
	n := binary.BigEndian
	return row{id: [16]byte(b[:16]), content: [16]byte(b[16:32]), essence: [16]byte(b[32:48]), lasts: int64(n.Uint64(b[48:])),
		chunk: n.Uint32(b[56:]), record: n.Uint32(b[60:]), blobs: n.Uint32(b[64:]), count: n.Uint16(b[68:]), kind: b[70], flags: b[71]}
}
