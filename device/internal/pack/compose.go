package pack

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"

	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/device/internal/recall"
	"zapas/shared/api"
)

// snapshot is a new snapshot as it is put together from its base and the chunks of its session.
type snapshot struct {
	cache   *recall.Cache // what the next backup needs
	dropped []int         // positions in the base's list
	blobs   map[[32]byte]uint32
	healed  map[string]int64 // by element
	notes   []string         // on that
}

// compose puts a snapshot together. It can be called again when the session has another chunk.
func compose(s *Scan, p *packer, of Session) (*snapshot, error) {
	n := &snapshot{cache: &recall.Cache{Device: of.Device, Snapshot: of.ID, Location: of.Location, Schema: item.Schema, Items: recall.In(p.dir.Scratch)}, blobs: map[[32]byte]uint32{}}
	c := n.cache
	moved, first := n.keep(s, p)
	for _, added := range p.chunks {
		c.Chunks = append(c.Chunks, added.Chunk)
	}
	for _, it := range s.added() {
		blobs := it.Blobs
		it.Chunk, it.Blobs = it.Chunk+first, nil
		for _, number := range blobs {
			b := s.named[number]
			if at, stored := s.blobs[b.sum]; stored {
				it.Blobs = append(it.Blobs, n.stored(p, s.base.Blobs[at], moved, first))
			} else {
				it.Blobs = append(it.Blobs, n.fresh(b.sum, p.blobs[b.sum], first))
			}
		}
		c.Items.Append(it)
	}
	c.Items.Sort()
	live := make([]bits, len(c.Chunks)) // numbers of the records that are items
	for i := range live {
		live[i] = newBits(int(c.Chunks[i].Records()))
	}
	for _, it := range c.Items.All() {
		if records := live[it.Chunk]; int(it.Record) < 64*len(records) { // or it could not be read, and index says so
			records.set(int(it.Record))
		}
	}
	for i := range c.Chunks {
		c.Chunks[i].Dead = nil
		for number := range c.Chunks[i].Records() {
			if !live[i].has(int(number)) {
				c.Chunks[i].Dead = append(c.Chunks[i].Dead, number)
			}
		}
		c.Chunks[i].Parts = nil
	}
	n.idle(s, moved)
	n.attach()
	n.heal(s, p)
	n.blobs = nil
	err := errors.Join(s.err(), c.Items.Err())
	if p.moved != nil {
		err = errors.Join(err, p.moved.Err())
	}
	return n, err
}

// attach counts, by chunk and kind, the blobs and parts of blobs that items name.
func (n *snapshot) attach() {
	c := n.cache
	named := make([]byte, len(c.Blobs)) // a bit for each kind
	for _, it := range c.Items.All() {
		for _, b := range it.Blobs {
			named[b] |= 1 << it.Kind
		}
	}
	for kind := range byte(8) {
		count := make([]uint32, len(c.Chunks))
		for i, b := range c.Blobs {
			if named[i]&(1<<kind) != 0 {
				for _, chunk := range b.Chunks {
					count[chunk]++
				}
			}
		}
		for i, held := range count {
			if held > 0 {
				c.Chunks[i].Parts = append(c.Chunks[i].Parts, index.Run{Kind: kind, Count: held})
			}
		}
	}
}

// keep takes over what lives of the base, and answers where its chunks are now, and where those of the session begin. A chunk
// of which nothing is needed, since it is dead or written again, is dropped.
func (n *snapshot) keep(s *Scan, p *packer) (moved []uint32, first uint32) {
	if s.base == nil {
		return nil, 0
	}
	dead := s.dead()
	needed := make([]bool, len(s.base.Chunks))
	need := func(blob uint32) {
		if _, again := p.movedBlob(s.base.Blobs[blob]); again {
			return
		}
		for _, chunk := range s.base.Blobs[blob].Chunks {
			needed[chunk] = true
		}
	}
	for i, it := range s.base.Items.All() {
		if dead.has(i) {
			continue
		}
		if _, again := p.movedTo(i); !again {
			needed[it.Chunk] = true
		}
		for _, b := range it.Blobs {
			need(b)
		}
	}
	for _, it := range s.added() {
		for _, number := range it.Blobs {
			if at, stored := s.blobs[s.named[number].sum]; stored {
				need(at)
			}
		}
	}
	moved = make([]uint32, len(needed))
	for i, c := range s.base.Chunks {
		if !needed[i] {
			moved[i] = dropped
			n.dropped = append(n.dropped, i)
			continue
		}
		moved[i] = uint32(len(n.cache.Chunks))
		n.cache.Chunks = append(n.cache.Chunks, c)
	}
	first = uint32(len(n.cache.Chunks))
	for i, it := range s.base.Items.All() {
		if dead.has(i) {
			continue
		}
		if at, again := p.movedTo(i); again {
			it.Chunk, it.Record = first+at.chunk, at.record
		} else {
			it.Chunk = moved[it.Chunk]
		}
		blobs := it.Blobs
		it.Blobs = nil
		for _, b := range blobs {
			it.Blobs = append(it.Blobs, n.stored(p, s.base.Blobs[b], moved, first))
		}
		n.cache.Items.Append(it)
	}
	return moved, first
}

// dropped stands for the place of a chunk that is not listed any more.
const dropped = math.MaxUint32

// idleBlobs is how many blobs that no item names a cache holds at most: those that were named last.
const idleBlobs = 4096

// idle keeps blobs of the base that no item names now, as long as they are still where they were: a message that comes back
// has its attachment there. They keep no chunk, and are behind those that are named.
func (n *snapshot) idle(s *Scan, moved []uint32) {
	if s.base == nil {
		return
	}
	left := idleBlobs
	for _, b := range s.base.Blobs {
		if _, named := n.blobs[b.Sum]; named || left == 0 || s.inLost(b) || slices.ContainsFunc(b.Chunks, func(i uint32) bool { return moved[i] == dropped }) {
			continue
		}
		n.blob(b, moved)
		left--
	}
}

// stored is the position of a blob of the base in the new cache.
func (n *snapshot) stored(p *packer, b recall.Blob, moved []uint32, first uint32) uint32 {
	if at, again := p.movedBlob(b); again {
		return n.fresh(b.Sum, at, first)
	}
	return n.blob(b, moved)
}

// fresh is the position of a blob that this session holds.
func (n *snapshot) fresh(sum [32]byte, b *newBlob, first uint32) uint32 {
	at := recall.Blob{Sum: sum, Size: b.size, Chunks: slices.Clone(b.chunks)}
	for i := range at.Chunks {
		at.Chunks[i] += first
	}
	return n.blob(at, nil)
}

// blob is the position of a blob in the new cache, to which it is added at its first mention.
func (n *snapshot) blob(b recall.Blob, moved []uint32) uint32 {
	at, ok := n.blobs[b.Sum]
	if !ok {
		at = uint32(len(n.cache.Blobs))
		n.blobs[b.Sum] = at
		b.Chunks = slices.Clone(b.Chunks)
		for i := range b.Chunks {
			if moved != nil {
				b.Chunks[i] = moved[b.Chunks[i]]
			}
		}
		n.cache.Blobs = append(n.cache.Blobs, b)
	}
	return at
}

// counts are the items of the snapshot by kind; a kind that cannot be seen and of which nothing is kept is absent.
func (n *snapshot) counts(s *Scan) api.Counts {
	out := api.Counts{}
	for _, element := range ledger.Elements() {
		if c := s.coverage[element]; c == ledger.Full || c == ledger.Limited {
			for _, k := range ledger.Kinds(element) {
				out[ledger.Name(k)] = 0
			}
		}
	}
	for _, it := range n.cache.Items.All() {
		out[ledger.Name(it.Kind)]++
	}
	return out
}

// index encodes the snapshot's index as the last chunk will hold it.
func (n *snapshot) index(s *Scan) ([]byte, error) {
	x := index.Index{Schema: n.cache.Schema, Chunks: slices.Clone(n.cache.Chunks), Counts: n.counts(s), Coverage: s.coverage}
	var err error
	if x.Snapshot, err = index.Parse(n.cache.Snapshot); err != nil {
		return nil, fmt.Errorf("the service named a session in a form that is not its own: %w", err)
	}
	if s.base != nil {
		x.Previous, x.Schema = s.base.IndexSum, max(x.Schema, s.base.Schema)
	}
	last := &x.Chunks[len(x.Chunks)-1]
	last.ID, last.Size, last.RecordPart, last.Mark = index.ID{}, 0, 0, index.Mark{}
	b, err := x.Encode()
	if err == nil {
		n.cache.IndexSum, n.cache.Schema = sha256.Sum256(b), x.Schema
	}
	return b, err
}

// ledger accounts for the run, and names every element of which the snapshot counts items.
func (n *snapshot) ledger(s *Scan) api.BackupLedgers {
	l := s.ledger()
	for _, it := range n.cache.Items.All() {
		if e := it.Kind.Element(); l[e].Seen == 0 {
			l[e] = api.BackupLedger{}
		}
	}
	return l
}
