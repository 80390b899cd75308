// Package index knows the table that makes a snapshot complete by itself: which chunks it uses, which of their records
// are dead, how many items it holds and what its device could see (FORMAT.md). It does not know how a table is sealed,
// what a record says, nor where chunks are kept.
package index

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

// Format is the version that Encode writes and Decode reads. Version 0 carries no promise of compatibility yet.
const Format = 0

// ErrTooNew is wrapped by the error for an index of another format than this app reads.
var ErrTooNew = errors.New("update the app")

const (
	MaxChunks  = 10_000    // chunks of one snapshot
	MaxEncoded = 4 << 20   // bytes of an encoded index; as many as a chunk takes
	MaxNumber  = 1<<53 - 1 // the largest number of an index: one that every language's numbers hold
)

// MaxRecords is the most records of a chunk.
const MaxRecords = 1 << 20

// Index is the table of one snapshot.
type Index struct {
	Snapshot ID
	Previous [32]byte // SHA-256 of the encoded index of the snapshot that this one was built on; zeros for none
	Schema   uint64   // of the records: the highest version that any of them has
	Chunks   []Chunk  // in the order of their making; the last one holds this index
	Counts   map[string]int64
	Coverage map[string]string
}

// Chunk is one chunk that a snapshot uses. Of one without records an index holds only the beginning of the ID, and neither
// Size nor RecordPart: decoded, it is to be Found.
type Chunk struct {
	Session    ID       // that made it
	ID         ID       // first 16 bytes of its SHA-256; zeros in the chunk that holds the index
	Size       int64    // sealed bytes; 0 in the chunk that holds the index
	RecordPart int64    // length of its beginning that holds records; 0 in the chunk that holds the index
	Mark       Mark     // by which a part of it is known to be of it; zeros in the chunk that holds the index
	Runs       []Run    // its records, in their order
	Parts      []Run    // of blobs: by kind, ascending, how many blobs, and parts of blobs, of it items of that kind name
	Dead       []uint32 // numbers of records that are no items of this snapshot, ascending
}

// Mark is the beginning of a sealed chunk's commitment. All its blocks are bound to that, and the chunks of a session have
// each their own.
type Mark [8]byte

// Run is some records of one kind that follow each other.
type Run struct {
	_     struct{} `cbor:",toarray"`
	Kind  byte
	Count uint32
}

// Holds reports whether items of one of these kinds name a blob of the chunk.
func (c *Chunk) Holds(kinds ...byte) bool {
	return slices.ContainsFunc(c.Parts, func(r Run) bool { return slices.Contains(kinds, r.Kind) })
}

// Records is the number of all records, dead ones included.
func (c *Chunk) Records() (n uint32) {
	for _, r := range c.Runs {
		n += r.Count
	}
	return n
}

// Live is the number of items by kind.
func (c *Chunk) Live() map[byte]int64 {
	out := map[byte]int64{}
	for kind := range c.live() {
		out[kind]++
	}
	return out
}

// Lives is the number of items by kind among some records.
func (c *Chunk) Lives(first, count uint32) map[byte]int64 {
	out := map[byte]int64{}
	var number uint32
	for _, r := range c.Runs {
		for n := max(number, first); n < min(number+r.Count, first+count); n++ {
			if !c.IsDead(n) {
				out[r.Kind]++
			}
		}
		number += r.Count
	}
	return out
}

// live goes through the kinds of the records that are not dead.
func (c *Chunk) live() iter.Seq[byte] {
	return func(yield func(byte) bool) {
		var number uint32
		dead := c.Dead
		for _, r := range c.Runs {
			for range r.Count {
				if len(dead) > 0 && dead[0] == number {
					dead = dead[1:]
				} else if !yield(r.Kind) {
					return
				}
				number++
			}
		}
	}
}

// IsDead reports whether a record is no item of the snapshot.
func (c *Chunk) IsDead(number uint32) bool {
	_, dead := slices.BinarySearch(c.Dead, number)
	return dead
}

func (x *Index) check() error {
	if n := len(x.Chunks); n < 1 || n > MaxChunks {
		return fmt.Errorf("index: it lists %d chunks; 1 to %d are possible", n, MaxChunks)
	}
	seen := make(map[string]bool, len(x.Chunks))
	for i := range x.Chunks {
		c := &x.Chunks[i]
		if err := c.check(i == len(x.Chunks)-1); err != nil {
			return fmt.Errorf("index: chunk %d: %w", i, err)
		}
		if seen[string(c.listed())] {
			return fmt.Errorf("index: chunk %d stands there twice", i)
		}
		seen[string(c.listed())] = true
	}
	if last := x.Chunks[len(x.Chunks)-1]; last.Session != x.Snapshot {
		return fmt.Errorf("index: its own chunk is of session %s and not of snapshot %s", last.Session, x.Snapshot)
	}
	if x.Schema > MaxNumber {
		return fmt.Errorf("index: schema version %d is larger than %d", x.Schema, uint64(MaxNumber))
	}
	for kind, n := range x.Counts {
		if n < 0 || n > MaxNumber {
			return fmt.Errorf("index: %d %s cannot be", n, kind)
		}
	}
	return nil
}

// listed is what the index has of the id.
func (c *Chunk) listed() []byte {
	if len(c.Runs) == 0 {
		return c.ID[:shortLen]
	}
	return c.ID[:]
}

// Listed is a chunk as it is listed where a snapshot is kept.
type Listed struct {
	ID         ID
	Size       int64
	RecordPart int64
}

// Find says of chunks without records what a list of all chunks says of them. Of two that begin alike it is the first.
func (x *Index) Find(list []Listed) {
	by := make(map[ID]Listed, len(list))
	for _, l := range list {
		if _, two := by[l.ID.Short()]; !two {
			by[l.ID.Short()] = l
		}
	}
	for i := range x.Chunks {
		c := &x.Chunks[i]
		if l, ok := by[c.ID]; ok && len(c.Runs) == 0 {
			c.ID, c.Size, c.RecordPart = l.ID, l.Size, l.RecordPart
		}
	}
}

// marked says whether the index has the chunk's mark: of a chunk without records nothing is read in part, and its attachments are
// known by their hashes.
func (c *Chunk) marked() bool { return c.ID != (ID{}) && len(c.Runs) > 0 }

// Is says whether a sealed chunk of a mark may be this one.
func (c *Chunk) Is(m Mark) bool { return !c.marked() || c.Mark == m }

func (c *Chunk) check(last bool) error {
	if own := c.ID == (ID{}); own != last || own && (c.Size != 0 || c.RecordPart != 0 || c.Mark != (Mark{})) {
		return fmt.Errorf("id, size, record part and mark are known of all chunks but the last")
	}
	if c.Size < 0 || c.Size > MaxNumber || c.RecordPart < 0 || c.RecordPart > c.Size {
		return fmt.Errorf("a record part of %d of %d bytes is not possible", c.RecordPart, c.Size)
	}
	var records uint64
	for i, r := range c.Runs {
		if r.Count == 0 || i > 0 && r.Kind == c.Runs[i-1].Kind {
			return fmt.Errorf("run %d is empty or goes on with the one before", i)
		}
		records += uint64(r.Count)
	}
	if records > MaxRecords {
		return fmt.Errorf("it has %d records", records)
	}
	for i, r := range c.Parts {
		if r.Count == 0 || i > 0 && r.Kind <= c.Parts[i-1].Kind {
			return fmt.Errorf("blobs of kind %d are none, or not in order", r.Kind)
		}
	}
	for i, n := range c.Dead {
		if uint64(n) >= records || i > 0 && n <= c.Dead[i-1] {
			return fmt.Errorf("dead record %d is not one of its %d records, or not in order", n, records)
		}
	}
	return nil
}
