package pack

import (
	"context"
	"encoding/base64"
	"errors"
	"io"

	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/device/internal/paged"
	"zapas/device/internal/progress"
	"zapas/device/internal/recall"
	"zapas/device/internal/seal"
	"zapas/device/internal/state"
)

// ErrMoved says that the source showed something else at its second reading.
var ErrMoved = errors.New("the phone's items have changed while they were read; run the backup again")

// packer seals a session's chunks into the spool: records, then blobs, then the index.
type packer struct {
	dir     *state.Dir
	session index.ID
	writer  *seal.Writer
	file    *watched // of the open chunk
	chunks  []packed // closed ones and, last, the open one
	blobs   map[[32]byte]*newBlob
	order   [][32]byte   // of blobs, as records name them
	moved   *paged.Array // by position in the base's Items: where those written again are; nil when none is
	adopted adopted
	staged  [256]batch // by kind
	bounded bool       // the open chunk is filled to FullChunk only

	closed   func(n int, c state.Spooled) error // Session.Closed
	contents []byte                             // of the open chunk's records: those that are not noted yet
	parts    []state.Part                       // of the open chunk
}

// packed is a chunk of this session.
type packed struct {
	index.Chunk
	spooled state.Spooled
}

// newBlob is an attachment that this session holds.
type newBlob struct {
	size   int64
	chunks []uint32 // of this session
	err    error    // why it could not be read
	stored bool     // the base holds it, too
	last   string   // the element of the item that it is the last piece of; "" if it is that of none
}

func newPacker(dir *state.Dir, session index.ID, of Session, random io.Reader) (*packer, error) {
	closed, err := dir.Begin(of.ID)
	if err != nil {
		return nil, err
	}
	p := &packer{dir: dir, session: session, closed: of.Closed, blobs: map[[32]byte]*newBlob{}}
	if err := p.adopt(closed); err != nil {
		return nil, err
	}
	out, err := p.create()
	if err != nil {
		return nil, err
	}
	p.writer, err = seal.NewWriter(out, of.Key, of.KeyVersion, random)
	return p, err
}

func (p *packer) create() (io.Writer, error) {
	f, err := p.dir.CreateChunk(len(p.chunks))
	if err != nil {
		return nil, err
	}
	p.file = &watched{ChunkFile: f}
	p.chunks = append(p.chunks, packed{Chunk: index.Chunk{Session: p.session}})
	return p.file, nil
}

func (p *packer) open() *packed { return &p.chunks[len(p.chunks)-1] }

// end closes the open chunk.
func (p *packer) end() (seal.Summary, error) {
	s, err := p.writer.Close()
	if err != nil {
		return s, err
	}
	if err := p.file.Finish(); err != nil {
		return s, err
	}
	p.file = nil
	c := p.open()
	c.ID, c.Size, c.RecordPart, c.Mark = index.OfChunk(s.SHA256), s.Size, s.RecordPart, s.Mark
	c.spooled = state.Spooled{ID: c.ID.String(), SHA256: base64.RawURLEncoding.EncodeToString(s.SHA256[:]), Size: s.Size}
	return s, nil
}

// next closes the open chunk and begins another.
func (p *packer) next() error {
	if _, err := p.end(); err != nil {
		return err
	}
	if err := p.close(); err != nil {
		return err
	}
	out, err := p.create()
	if err != nil {
		return err
	}
	p.bounded = false
	return p.writer.Reset(out)
}

// abandon lets go of the open chunk's file.
func (p *packer) abandon() {
	if p.file != nil {
		_ = p.file.Close() // its content is not needed
		p.file = nil
	}
}

// records writes all fresh entries of a scan and those that are written again, in one pass over the source. Where there is
// none, and something of the base is to be let go, the source still has to show a second time that it is not there.
func (p *packer) records(ctx context.Context, src Source, s *Scan) error {
	var kinds []item.Kind // as they come
	left := map[item.Kind]int{}
	for _, e := range s.all() {
		if e.state == fresh || s.again(e) {
			if left[e.kind]++; left[e.kind] == 1 {
				kinds = append(kinds, e.kind)
			}
		}
	}
	if len(kinds) == 0 && !s.dead().any() {
		return nil
	}
	i := 0
	for it, err := range src.Items() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if _, ok := errors.AsType[*ledger.Unreadable](err); ok {
			continue
		}
		if _, ok := errors.AsType[*ledger.Blank](err); ok {
			continue
		}
		if err != nil {
			return err
		}
		if i == s.entries.Len() {
			return ErrMoved
		}
		e := s.entry(i)
		i++
		if e.kind != it.Kind() {
			return ErrMoved
		}
		if e.state != fresh && !s.again(e) {
			continue
		}
		if err := p.write(s, e, it); err != nil {
			return err
		}
		for left[e.kind]--; len(kinds) > 0 && left[kinds[0]] == 0; kinds = kinds[1:] {
			if err := p.flush(s, kinds[0]); err != nil {
				return err
			}
		}
	}
	if i != s.entries.Len() {
		return ErrMoved
	}
	return nil
}

// write takes the record of an entry that is written. Kinds that alternate are kept apart until each fills a block.
func (p *packer) write(s *Scan, e entry, it item.Item) error {
	record, err := item.Encode(it)
	if err != nil || digest(record) != s.row(e).Content {
		return ErrMoved
	}
	if at, ok := p.adopted.take(s.row(e).Content); ok {
		p.placed(s, e, at)
		return nil
	}
	b := &p.staged[e.kind]
	if len(b.entries) > 0 && b.sealed+seal.RecordSize(len(record)) > seal.BlockRoom {
		if err := p.flush(s, e.kind); err != nil {
			return err
		}
	}
	b.bytes = append(b.bytes, record...)
	b.ends = append(b.ends, len(b.bytes))
	b.entries = append(b.entries, e)
	b.sealed += seal.RecordSize(len(record))
	return nil
}

// batch are records of one kind that go into one block.
type batch struct {
	bytes   []byte
	ends    []int // of each record in bytes
	entries []entry
	sealed  int // what they take of a block
}

// flush writes the records of a kind that wait for their block to be full.
func (p *packer) flush(s *Scan, kind item.Kind) error {
	b, from := &p.staged[kind], 0
	for i, e := range b.entries {
		at, err := p.record(kind, b.bytes[from:b.ends[i]])
		if err != nil {
			return err
		}
		p.placed(s, e, at)
		from = b.ends[i]
	}
	b.bytes, b.ends, b.entries, b.sealed = b.bytes[:0], b.ends[:0], b.entries[:0], 0
	return nil
}

// placed notes where the record of an entry is.
func (p *packer) placed(s *Scan, e entry, at place) {
	if e.state == already {
		p.moved.Put(int(e.at), at.row())
		return
	}
	s.fresh.Move(int(e.at), at.chunk, at.record)
	p.need(s, s.row(e))
}

const contentsNoted = 64 << 10 // bytes of digests that are noted at once

func (p *packer) record(kind item.Kind, record []byte) (place, error) {
	number, err := p.writer.Record(byte(kind), record)
	if errors.Is(err, seal.ErrFull) {
		if err = p.next(); err == nil {
			number, err = p.writer.Record(byte(kind), record)
		}
	}
	if err != nil {
		return place{}, err
	}
	content := digest(record)
	if p.contents = append(p.contents, content[:]...); len(p.contents) >= contentsNoted {
		if err := p.dir.NoteRecords(p.contents); err != nil {
			return place{}, err
		}
		p.contents = p.contents[:0]
	}
	c := p.open()
	if n := len(c.Runs); n > 0 && c.Runs[n-1].Kind == byte(kind) {
		c.Runs[n-1].Count++
	} else {
		c.Runs = append(c.Runs, index.Run{Kind: byte(kind), Count: 1})
	}
	return place{chunk: uint32(len(p.chunks) - 1), record: number}, nil
}

// need notes the blobs of an item that are not stored yet. It is sealed with the last of them: light ones come first.
func (p *packer) need(s *Scan, it recall.Item) {
	var last *newBlob
	for _, at := range it.Blobs {
		b := s.named[at]
		if _, stored := s.blobs[b.sum]; !stored && p.blobs[b.sum] == nil {
			n := &newBlob{size: b.size}
			p.blobs[b.sum] = n
			p.order = append(p.order, b.sum)
			if last == nil || n.size > lightBlob || last.size <= lightBlob {
				last = n
			}
		}
	}
	if last == nil {
		s.track.Add(progress.Sealing, it.Kind.Element(), 1)
	} else {
		last.last = it.Kind.Element()
	}
}

// watched tells an error of the spool from one of the source.
type watched struct {
	*state.ChunkFile
	failed bool
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.ChunkFile.Write(b)
	w.failed = w.failed || err != nil
	return n, err
}

// index ends the session's last chunk with the index that table answers for the chunks so far.
func (p *packer) index(table func() ([]byte, error)) (seal.Summary, error) {
	b, err := table()
	if err != nil {
		return seal.Summary{}, err
	}
	p.widen() // it needs no chunk of its own
	err = p.writer.Index(b)
	if errors.Is(err, seal.ErrFull) {
		if err = p.next(); err != nil {
			return seal.Summary{}, err
		}
		if b, err = table(); err != nil {
			return seal.Summary{}, err
		}
		err = p.writer.Index(b)
	}
	if err != nil {
		return seal.Summary{}, err
	}
	return p.end()
}
