package pack

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"zapas/device/internal/item"
	"zapas/device/internal/paged"
	"zapas/device/internal/recall"
	"zapas/device/internal/seal"
)

// What a backup writes again beside what is new (FORMAT.md of package index says what for).
const (
	smallChunk  = seal.MaxChunk / 2 // bytes of live records, below which a chunk is small
	smallBlobs  = 4 << 20           // bytes of attachments, or of all of a chunk that has no live records
	smallChunks = 16                // so many are merged
	lightBlob   = 64 << 10          // bytes of a blob that goes where the records go
	lightBlobs  = 1 << 20           // of one chunk; more stay, as heavy ones do
)

// weight is 0 for a light blob, and 1 for any other.
func weight(size int64) int {
	if size <= lightBlob {
		return 0
	}
	return 1
}

// compaction is what a scan writes again of its base.
type compaction struct {
	chosen  int                                           // chunks
	chunks  []bool                                        // by position in base.Chunks: all live records
	items   bits                                          // by position in base.Items: those of the chunks; once it is sealed
	blobs   []bool                                        // by position in base.Blobs
	records func(chunk int) iter.Seq2[seal.Record, error] // of the base, for those that the source does not show
	unseen  map[uint32][]uint32                           // by chunk: positions in base.Items, as their records ascend
}

// tally is what lives of the base's chunks, as far as it counts for compaction.
type tally struct {
	scan  *Scan
	live  []uint32 // records
	shown []uint32 // those of them that the source shows
	light []int64  // bytes of light blobs
	heavy []int64  // bytes of all other blobs that the source shows
	fixed []bool   // it holds a heavy blob that the source does not show
	held  [][]uint32
}

// Compact chooses what is written again: the live records of chunks that are mostly dead, and of the smallest ones when
// there are sixteen small ones; attachments as well if bulk. What Heal has found is written again in any case: it is missing.
func (s *Scan) Compact(bulk bool) {
	if s.base == nil {
		return
	}
	t := s.tally()
	s.compaction = compaction{chunks: make([]bool, len(s.base.Chunks)), blobs: make([]bool, len(s.base.Blobs)), unseen: map[uint32][]uint32{}}
	var small []int
	chosen := map[int]bool{}
	for i := range s.base.Chunks {
		c := &s.base.Chunks[i]
		switch {
		case s.Heals(i):
			t.heal(i)
		case s.healing.isLost(uint32(i)):
		case t.live[i] > 0 && 2*t.live[i] < c.Records():
			chosen[i] = true
		case t.isSmall(i):
			small = append(small, i)
		}
	}
	for _, i := range smallest(small, t.size) {
		chosen[i] = true
	}
	for i := range chosen {
		s.compaction.chunks[i] = t.live[i] > 0
		for _, b := range t.held[i] {
			s.compaction.blobs[b] = s.compaction.blobs[b] || t.isLight(i, b)
		}
	}
	if bulk {
		t.bulk(chosen)
	}
	t.notShown()
	s.compaction.chosen = len(chosen)
}

// smallest are those that are merged, when there are enough: half of them, and then as long as the next is no larger than
// all before, so that a byte is written again as often only as what it lies in has doubled.
func smallest(chunks []int, size func(int) int64) (merged []int) {
	if len(chunks) < smallChunks {
		return nil
	}
	slices.SortStableFunc(chunks, func(a, b int) int { return cmp.Compare(size(a), size(b)) })
	var sum int64
	for n, i := range chunks {
		if n >= len(chunks)/2 && size(i) > sum {
			break
		}
		merged = append(merged, i)
		sum += size(i)
	}
	return merged
}

func (s *Scan) tally() *tally {
	n := len(s.base.Chunks)
	t := &tally{scan: s, live: make([]uint32, n), shown: make([]uint32, n), light: make([]int64, n), heavy: make([]int64, n), fixed: make([]bool, n), held: make([][]uint32, n)}
	needed, shown := make([]bool, len(s.base.Blobs)), make([]bool, len(s.base.Blobs))
	dead := s.dead()
	for i, it := range s.base.Items.All() {
		if dead.has(i) {
			continue
		}
		t.live[it.Chunk]++
		if s.kept.has(i) {
			t.shown[it.Chunk]++
		}
		for _, b := range it.Blobs {
			needed[b], shown[b] = true, shown[b] || s.kept.has(i)
		}
	}
	for _, it := range s.added() {
		for _, b := range it.Blobs {
			if at, stored := s.blobs[s.named[b].sum]; stored {
				needed[at], shown[at] = true, true
			}
		}
	}
	for at, b := range s.base.Blobs {
		if !needed[at] {
			continue
		}
		for _, chunk := range b.Chunks {
			switch {
			case !shown[at]:
				t.fixed[chunk] = true
				continue
			case b.Size <= lightBlob && len(b.Chunks) == 1:
				t.light[chunk] += b.Size
			default:
				t.heavy[chunk] += b.Size / int64(len(b.Chunks))
			}
			t.held[chunk] = append(t.held[chunk], uint32(at))
		}
	}
	return t
}

// size is about how many bytes a chunk's live records have, with the blobs that go with them.
func (t *tally) size(i int) int64 {
	n := t.records(i)
	if t.light[i] <= lightBlobs {
		n += t.light[i]
	}
	return n
}

// isSmall reports whether a chunk is small by its live records and the blobs that go with them. One that is large, without
// any, is not: to move a few blobs out of it would let go of nothing, unless nothing else lives in it.
func (t *tally) isSmall(i int) bool {
	if n := t.size(i); n == 0 || n >= smallChunk {
		return false
	}
	return t.live[i] > 0 || t.scan.base.Chunks[i].Size < smallBlobs || t.blobBytes(i) == 0 && !t.fixed[i]
}

func (t *tally) records(i int) int64 {
	c := &t.scan.base.Chunks[i]
	if t.live[i] == 0 {
		return 0
	}
	return c.RecordPart * int64(t.live[i]) / int64(c.Records())
}

func (t *tally) isLight(i int, blob uint32) bool {
	b := t.scan.base.Blobs[blob]
	return t.light[i] <= lightBlobs && b.Size <= lightBlob && len(b.Chunks) == 1
}

// blobBytes are those that a chunk keeps for attachments alone.
func (t *tally) blobBytes(i int) int64 {
	n := t.heavy[i]
	if t.light[i] > lightBlobs {
		n += t.light[i]
	}
	return n
}

// bulk chooses attachments: of chunks that are mostly dead, and of the smallest of sixteen that hold few.
func (t *tally) bulk(chosen map[int]bool) {
	var small []int
	move := func(i int) {
		for _, b := range t.held[i] {
			t.scan.compaction.blobs[b] = true
		}
		chosen[i] = true
	}
	for i := range t.scan.base.Chunks {
		n := t.blobBytes(i)
		switch c := &t.scan.base.Chunks[i]; {
		case n == 0 || t.fixed[i] || t.scan.healing.isLost(uint32(i)):
		case 2*(n+t.size(i)) < c.Size:
			move(i)
		case n < smallBlobs:
			small = append(small, i)
		}
	}
	for _, i := range smallest(small, t.blobBytes) {
		move(i)
	}
}

// notShown notes which live items of the chosen chunks the source does not show.
func (t *tally) notShown() {
	s := t.scan
	dead := s.dead()
	for i, it := range s.base.Items.All() {
		if s.compaction.chunks[it.Chunk] && !dead.has(i) && !s.kept.has(i) {
			s.compaction.unseen[it.Chunk] = append(s.compaction.unseen[it.Chunk], uint32(i))
		}
	}
	for _, at := range s.compaction.unseen {
		slices.SortFunc(at, func(a, b uint32) int {
			return cmp.Compare(s.base.Items.At(int(a)).Record, s.base.Items.At(int(b)).Record)
		})
	}
}

// again reports whether an item that is stored already is written again.
func (s *Scan) again(e entry) bool {
	return e.state == already && s.compaction.items != nil && s.compaction.items.has(int(e.at))
}

// Unseen are the chunks of the base, by position, that are to be written again and hold items that the source does not show:
// their records are needed.
func (s *Scan) Unseen() (chunks []int) {
	for chunk := range s.compaction.unseen {
		chunks = append(chunks, int(chunk))
	}
	slices.Sort(chunks)
	return chunks
}

// Spare leaves a chunk of the base as it is; one that is healed, as far as the source does not show what is in it.
func (s *Scan) Spare(chunk int) {
	delete(s.compaction.unseen, uint32(chunk))
	if s.Heals(chunk) {
		return
	}
	s.compaction.chunks[chunk] = false
	s.compaction.chosen--
}

// Records says how the records of the Unseen are read. A chunk that does not hold what the base says is spared, with the reason.
func (s *Scan) Records(records func(chunk int) iter.Seq2[seal.Record, error]) (spared map[int]error) {
	s.compaction.records, spared = records, map[int]error{}
	for _, chunk := range s.Unseen() {
		for _, err := range s.lost(uint32(chunk)) {
			if err != nil {
				s.Spare(chunk)
				spared[chunk] = fmt.Errorf("chunk %s: %w", s.base.Chunks[chunk].ID, err)
				break
			}
		}
	}
	return spared
}

// lost goes through the records of a chunk that the source does not show: each with its position in base.Items. It ends with
// the first error, such as that one is missing.
func (s *Scan) lost(chunk uint32) iter.Seq2[unseen, error] {
	return func(yield func(unseen, error) bool) {
		waiting := s.compaction.unseen[chunk]
		for r, err := range s.compaction.records(int(chunk)) {
			if err != nil {
				yield(unseen{}, err)
				return
			}
			if len(waiting) == 0 || s.base.Items.At(int(waiting[0])).Record != r.Number {
				continue
			}
			it := s.base.Items.At(int(waiting[0]))
			if digest(r.Bytes) != it.Content || item.Kind(r.Kind) != it.Kind {
				yield(unseen{}, fmt.Errorf("record %d is not the one that was stored", r.Number))
				return
			}
			if !yield(unseen{at: waiting[0], record: r}, nil) {
				return
			}
			waiting = waiting[1:]
		}
		if len(waiting) > 0 {
			yield(unseen{}, fmt.Errorf("%d of its records are missing", len(waiting)))
		}
	}
}

type unseen struct {
	at     uint32 // position in base.Items
	record seal.Record
}

// old writes the records again that the source does not show.
func (p *packer) old(ctx context.Context, s *Scan) error {
	for _, chunk := range s.Unseen() {
		for u, err := range s.lost(uint32(chunk)) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				return fmt.Errorf("read chunk %s again: %w", s.base.Chunks[chunk].ID, err)
			}
			it := s.base.Items.At(int(u.at))
			at, adopted := p.adopted.take(it.Content)
			if !adopted {
				if at, err = p.record(it.Kind, u.record.Bytes); err != nil {
					return err
				}
			}
			p.moved.Put(int(u.at), at.row())
		}
	}
	return nil
}

// again notes the blobs that are written again. One that cannot be read stays where it is.
func (p *packer) again(s *Scan) {
	for at, moves := range s.compaction.blobs {
		if b := s.base.Blobs[at]; moves && p.blobs[b.Sum] == nil {
			p.blobs[b.Sum] = &newBlob{size: b.Size, stored: true}
			p.order = append(p.order, b.Sum)
		}
	}
}

// makeRoom readies the packer for what is written again.
func (p *packer) makeRoom(s *Scan) {
	if !slices.Contains(s.compaction.chunks, true) {
		return
	}
	s.compaction.items = newBits(s.base.Items.Len())
	for i, it := range s.base.Items.All() {
		if s.compaction.chunks[it.Chunk] {
			s.compaction.items.set(i)
		}
	}
	p.moved = paged.New(placeSize, p.dir.Scratch)
	for range s.base.Items.Len() {
		p.moved.Add(make([]byte, placeSize))
	}
}

// place is where a record is in this session.
type place struct{ chunk, record uint32 }

const placeSize = 8

// row is not zero.
func (p place) row() []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(make([]byte, 0, placeSize), p.chunk+1), p.record)
}

// movedTo is where an item of the base is in this session, too.
func (p *packer) movedTo(i int) (place, bool) {
	if p.moved == nil {
		return place{}, false
	}
	row := p.moved.Row(i)
	chunk := binary.BigEndian.Uint32(row)
	return place{chunk - 1, binary.BigEndian.Uint32(row[4:])}, chunk > 0
}

// movedBlob is a blob of the base that this session holds, too.
func (p *packer) movedBlob(b recall.Blob) (*newBlob, bool) {
	n := p.blobs[b.Sum]
	return n, n != nil && n.err == nil
}
