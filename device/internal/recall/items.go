package recall

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
	"sort"

	"zapas/device/internal/item"
	"zapas/device/internal/paged"
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

// Items are the items of a phone, which may be a million: rows of bytes in pages, few of them in memory. The zero Items are none,
// ready, and wholly in memory.
type Items struct {
	rows   *paged.Array
	blobs  []uint32 // of all rows
	fences []uint64 // how the id of each fence-th row begins; nil until something is sought
	spill  func() (paged.File, error)
	end    func() // of the use of what Decode reads them from; nil for others
	order  int    // how many of the first are in their order
	last   [rowSize]byte
}

const fence = 128 // rows: as many as a page has, so that to seek is to read one or two

// In are Items of which a file that spill makes holds what is too much for the memory.
func In(spill func() (paged.File, error)) Items {
	return Items{rows: paged.New(rowSize, spill), spill: spill}
}

// Err is the first error of the file in which they are. What was read since it happened is not to be used.
func (x *Items) Err() error {
	if x.rows == nil {
		return nil
	}
	return x.rows.Err()
}

// Close ends their use, which only those of a Cache that was decoded need.
func (x *Items) Close() {
	if x.end != nil {
		x.end()
	}
}

// row is an Item as it lies in a page and, in rowSize bytes, on the disk.
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
	keySize   = 2 * 16   // at its beginning: id and content
	placeAt   = 3*16 + 8 // chunk and record
	kindAt    = rowSize - 2
	announced = 1 // in flags
)

// Len is how many there are.
func (x *Items) Len() int {
	if x.rows == nil {
		return 0
	}
	return x.rows.Len()
}

func (x *Items) row(i int) row { return rowOf(x.rows.Row(i)) }

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
		for i := range x.Len() {
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
	if x.rows == nil {
		x.rows = paged.New(rowSize, nil)
	}
	row := r.append(make([]byte, 0, rowSize))
	if x.order == x.rows.Len() && compare(x.last[:], row) <= 0 {
		x.last = [rowSize]byte(row)
		x.order++
	}
	x.rows.Add(row)
	x.fences = nil
}

// Move says where the record of the i-th item is.
func (x *Items) Move(i int, chunk, record uint32) {
	b := x.rows.Change(i)
	binary.BigEndian.PutUint32(b[placeAt:], chunk)
	binary.BigEndian.PutUint32(b[placeAt+4:], record)
	x.order = min(x.order, i)
}

// Sort puts them in the order of their ids, then of their contents. What is equal beyond that stays as the places of its
// records are, so that the order says nothing of how it came about.
func (x *Items) Sort() {
	x.fences = nil
	n := x.Len()
	if x.order < n/2 {
		x.order = 0
	}
	sort.Sort(byID{x, x.order})
	if 0 < x.order && x.order < n { // mostly it is a base, and what is new behind it
		x.merge()
	}
	x.order = 0 // the next is not compared with the last
}

// merge makes one of the first that are in their order, and those behind them that are in theirs.
func (x *Items) merge() {
	merged := paged.New(rowSize, x.spill)
	a, b, n := 0, x.order, x.Len()
	var first, second [rowSize]byte
	for a < x.order || b < n {
		if a < x.order {
			first = [rowSize]byte(x.rows.Row(a))
		}
		if b < n {
			second = [rowSize]byte(x.rows.Row(b))
		}
		if b == n || a < x.order && compare(first[:], second[:]) <= 0 {
			merged.Add(first[:])
			a++
		} else {
			merged.Add(second[:])
			b++
		}
	}
	if x.rows.Err() == nil { // or it stays known
		x.rows = merged
	}
}

// byID are the items from some on.
type byID struct {
	*Items
	from int
}

func (x byID) Len() int { return x.Items.Len() - x.from }

func (x byID) Less(i, j int) bool {
	i, j = i+x.from, j+x.from
	a := [rowSize]byte(x.rows.Row(i))
	return compare(a[:], x.rows.Row(j)) < 0
}

func (x byID) Swap(i, j int) {
	i, j = i+x.from, j+x.from
	a, b := [rowSize]byte(x.rows.Row(i)), [rowSize]byte(x.rows.Row(j))
	x.rows.Put(i, b[:])
	x.rows.Put(j, a[:])
}

// compare compares two rows as they lie there.
func compare(a, b []byte) int {
	return cmp.Or(bytes.Compare(a[:keySize], b[:keySize]), cmp.Compare(a[kindAt], b[kindAt]), bytes.Compare(a[placeAt:placeAt+8], b[placeAt:placeAt+8]))
}

// Find is the range of those with an id, once they are sorted.
func (x *Items) Find(id item.ID) (from, to int) {
	return x.search(id, func(row []byte) int { return bytes.Compare(row[:16], id[:]) })
}

// Equal is the range of those that one cannot be told from by its id, content and kind, once they are sorted.
func (x *Items) Equal(id item.ID, content [16]byte, kind item.Kind) (from, to int) {
	var key [keySize]byte
	copy(key[copy(key[:], id[:]):], content[:])
	return x.search(id, func(row []byte) int {
		return cmp.Or(bytes.Compare(row[:keySize], key[:]), cmp.Compare(row[kindAt], byte(kind)))
	})
}

func (x *Items) search(id item.ID, compare func(row []byte) int) (from, to int) {
	low, high := x.around(binary.BigEndian.Uint64(id[:]))
	from = low + sort.Search(high-low, func(i int) bool { return compare(x.rows.Row(low+i)) >= 0 })
	if from == x.Len() || compare(x.rows.Row(from)) != 0 {
		return from, from
	}
	// Nearly always it is one: the end is sought from its beginning, in ever longer steps.
	step := 1
	for from+step < x.Len() && compare(x.rows.Row(from+step)) == 0 {
		step *= 2
	}
	low = from + step/2 + 1
	return from, low + sort.Search(min(from+step, x.Len())-low, func(i int) bool { return compare(x.rows.Row(low+i)) > 0 })
}

// around is where the first row is that is not less than one whose id begins so: at low or behind, and not behind high.
func (x *Items) around(id uint64) (low, high int) {
	if x.fences == nil {
		x.fences = make([]uint64, 0, x.Len()/fence+1)
		for i := 0; i < x.Len(); i += fence {
			x.fences = append(x.fences, binary.BigEndian.Uint64(x.rows.Row(i)))
		}
	}
	low, _ = slices.BinarySearch(x.fences, id)
	high, _ = slices.BinarySearchFunc(x.fences[low:], id, func(at, id uint64) int { return cmp.Or(cmp.Compare(at, id), -1) })
	return max(0, low-1) * fence, min((low+high)*fence, x.Len())
}

func (r *row) append(b []byte) []byte {
	b = append(append(append(b, r.id[:]...), r.content[:]...), r.essence[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.lasts))
	for _, n := range []uint32{r.chunk, r.record, r.blobs} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return append(binary.BigEndian.AppendUint16(b, r.count), r.kind, r.flags)
}

func rowOf(b []byte) row {
	n := binary.BigEndian
	return row{id: [16]byte(b[:16]), content: [16]byte(b[16:32]), essence: [16]byte(b[32:48]), lasts: int64(n.Uint64(b[48:])),
		chunk: n.Uint32(b[56:]), record: n.Uint32(b[60:]), blobs: n.Uint32(b[64:]), count: n.Uint16(b[68:]), kind: b[70], flags: b[71]}
}
