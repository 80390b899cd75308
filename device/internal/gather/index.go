package gather

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/seal"
	"zapas/device/internal/unpack"
)

// readIndex opens the index, which is in the last chunk. Where there is none in the one that the service lists last, it is looked
// for in the others of its session: the order of a list is the service's word alone. An index that cannot be had leaves
// g.out.Index nil.
func (g *gathering) readIndex(ctx context.Context) error {
	last := len(g.chunks) - 1
	elsewhere, err := g.indexOfLast(ctx)
	why := g.out.NoIndex
	for i := last - 1; i >= 0 && err == nil && elsewhere && g.out.Index == nil; i-- {
		if g.chunks[i].Session != g.r.Snapshot {
			continue
		}
		g.exchange(i, last)
		if _, err = g.indexOfLast(ctx); g.out.Index == nil {
			g.exchange(i, last)
		}
	}
	if g.out.Index != nil {
		why = unpack.Bad{}
	}
	g.out.NoIndex = why
	if id, perr := index.Parse(g.chunks[last].Id); perr == nil {
		g.out.IndexIn = id
	}
	return err
}

// exchange changes the places of two chunks in the list.
func (g *gathering) exchange(i, j int) {
	g.chunks[i], g.chunks[j] = g.chunks[j], g.chunks[i]
	for at := range g.chunks {
		if id, err := index.Parse(g.chunks[at].Id); err == nil && (at == i || at == j) {
			g.at[id] = at
		}
	}
}

// indexOfLast opens the index in the chunk that stands last in the list, or says whether it may be elsewhere.
func (g *gathering) indexOfLast(ctx context.Context) (elsewhere bool, err error) {
	g.own = nil
	last := len(g.chunks) - 1
	c := g.chunks[last]
	lost := func(reason, format string, args ...any) (bool, error) {
		where := fmt.Sprintf("snapshot %s: its index, in chunk %s, ", g.r.Snapshot, c.Id)
		g.out.NoIndex = unpack.Bad{Reason: reason, Detail: where + fmt.Sprintf(format, args...) + noIndex}
		return elsewhere, nil
	}
	id, err := index.Parse(c.Id)
	if err != nil {
		return false, err
	}
	if c.Session != g.r.Snapshot || c.Size < 1 || c.Size > seal.MaxChunk {
		elsewhere = true
		return lost("index_damaged", "is of session %s and has %d bytes, says the service", c.Session, c.Size)
	}
	section, f, err := g.section(ctx, last, id)
	if err != nil {
		return false, err
	}
	if f.bad != nil {
		if f.bad.Reason == chunkRefused {
			if err := g.ask(ctx); err != nil {
				return false, err
			}
		}
		return lost(f.bad.Reason, "cannot be read: %s", f.bad.Detail)
	}
	elsewhere = f.harmed == nil && !seal.Begins(section)
	session, err := index.Parse(c.Session)
	if err != nil {
		return false, err
	}
	x, err := g.openIndex(section, session)
	if errors.Is(err, seal.ErrTooNew) && f.harmed == nil { // the whole chunk says whether that was stored
		f, werr := g.whole(ctx, last, id, c.Size, c.Records)
		switch {
		case werr != nil:
			return false, werr
		case f.bad == nil && f.harmed == nil:
			return false, fmt.Errorf("chunk %s: %w", c.Id, err)
		}
	}
	switch {
	case errors.Is(err, index.ErrTooNew):
		return false, fmt.Errorf("chunk %s: %w", c.Id, err)
	case err != nil && f.harmed != nil:
		return lost(f.harmed.Reason, "cannot be read: %s (%v)", f.harmed.Detail, err)
	case err != nil:
		return lost("index_damaged", "cannot be read: %v", err)
	case x.Snapshot != session:
		return lost("index_damaged", "is that of snapshot %s", x.Snapshot)
	}
	g.complete(x, id, c, section) // where the list does not say how long the records are, the chunk's own table does
	g.out.Index = x
	return false, nil
}

// complete adds to an index what the service's list says of chunks: of the last one, which the index lies in, and of those
// without records. It reports whether the last one's size, and the length of its records, can be what the list says; if
// not, that length is left unknown.
func (g *gathering) complete(x *index.Index, id index.ID, c listed, section []byte) bool {
	own := &x.Chunks[len(x.Chunks)-1]
	own.ID, own.Size, own.RecordPart, own.Mark = id, c.Size, c.Records, seal.MarkOf(section)
	possible := own.Size <= seal.MaxChunk && own.RecordPart >= 0 && own.RecordPart <= own.Size
	if !possible {
		own.RecordPart = 0
	}
	x.Find(g.list())
	return possible
}

// list is the service's, as an index takes it.
func (g *gathering) list() []index.Listed {
	out := make([]index.Listed, len(g.chunks))
	for id, at := range g.at {
		out[at] = index.Listed{ID: id, Size: g.chunks[at].Size, RecordPart: g.chunks[at].Records}
	}
	return out
}

// noIndex ends the sentence on an index that cannot be had. Records of listed chunks could be read, but nothing else says which
// of them were deleted since: they would all come back.
const noIndex = "; without it nobody can tell what of this backup's content had been deleted before"

// section brings the bytes of the index: by themselves where the rest of its chunk is much and perhaps not needed.
func (g *gathering) section(ctx context.Context, at int, id index.ID) (section []byte, f found, err error) {
	c := g.chunks[at]
	possible := g.index.Offset >= 0 && g.index.Length >= 1 && g.index.Length <= seal.MaxChunk-g.index.Offset
	alone := c.Size-c.Records-g.index.Length > smallOwn && (g.r.Records || !slices.Contains(g.r.Kinds, item.KindMMS))
	if possible && alone && !is(g.out.Path(id), id, c.Size) {
		return g.indexAlone(ctx, at, tailOf(g.out.Path(id)))
	}
	f, err = g.whole(ctx, at, id, c.Size, c.Records)
	if err == nil && f.bad == nil {
		g.own = &f
	}
	if err == nil && g.own == nil && possible && f.bad.Reason == chunkDamaged { // of another size than the service says
		return g.indexOf(ctx, at, tailOf(g.out.Path(id)), g.index.Length)
	}
	if g.own == nil || !possible {
		return nil, f, err
	}
	file, err := os.Open(g.out.Path(id))
	if err != nil {
		return nil, f, err
	}
	defer file.Close()
	section = make([]byte, g.index.Length)
	if _, err := file.ReadAt(section, g.index.Offset); err != nil {
		return g.indexOf(ctx, at, tailOf(g.out.Path(id)), g.index.Length) // it is cut short, or longer than the service says
	}
	return section, f, nil
}

// indexAlone downloads the index's bytes and what lies behind them, the table of blocks. Should the chunk be needed, the
// rest of it is one request more. Of one that ends elsewhere than the service says it downloads the index's bytes.
func (g *gathering) indexAlone(ctx context.Context, at int, path string) (section []byte, f found, err error) {
	if length := g.chunks[at].Size - g.index.Offset; length > g.index.Length {
		if section, f, err = g.indexOf(ctx, at, path, length); err != nil || f.bad != nil || section != nil {
			return section, f, err
		}
	}
	return g.indexOf(ctx, at, path, g.index.Length)
}

// indexOf downloads so many bytes that begin with the index's, unless an earlier run has them. It answers no section where
// there are not so many.
func (g *gathering) indexOf(ctx context.Context, at int, path string, length int64) (section []byte, f found, err error) {
	session, err := index.Parse(g.chunks[at].Session)
	if err != nil {
		return nil, f, err
	}
	if b, err := os.ReadFile(path); err == nil && int64(len(b)) == length {
		if _, err := g.openIndex(b[:g.index.Length], session); err == nil {
			return b[:g.index.Length], f, nil
		}
	}
	f.bad, err = g.asked(ctx, at, func(url string) error {
		err := g.d.Client.GetPart(ctx, url, g.index.Offset, length, func() (io.WriteCloser, error) {
			return newSpool(path, false, new([32]byte))
		})
		if err != nil {
			return err
		}
		g.gotten(length)
		if section, err = os.ReadFile(path); err != nil {
			return err
		}
		section = section[:g.index.Length]
		if _, err := g.openIndex(section, session); err != nil && !errors.Is(err, seal.ErrTooNew) && !errors.Is(err, index.ErrTooNew) {
			return errOther
		}
		return nil
	})
	if f.bad != nil && f.bad.Reason == chunkDamaged {
		f.bad = nil // whoever opens it says what is wrong with it
	}
	return section, f, err
}

// ask asks the storage for other chunks when it refuses the index's: only if it gives one out, that was a word on the index's.
func (g *gathering) ask(ctx context.Context) error {
	for i := 0; i < min(asked, len(g.chunks)-1) && g.answers == 0; i++ {
		id, err := index.Parse(g.chunks[i].Id)
		if err != nil {
			return err
		}
		if _, err := g.whole(ctx, i, id, g.chunks[i].Size, 0); err != nil {
			return err
		}
	}
	if g.answers == 0 {
		return g.refusesAll()
	}
	return nil
}

func (g *gathering) openIndex(section []byte, session index.ID) (*index.Index, error) {
	key, ok := g.out.Keys[session]
	if !ok {
		return nil, errors.New("the service did not give its key")
	}
	b, err := seal.OpenIndex(section, key)
	if err != nil {
		return nil, err
	}
	return index.Decode(b)
}
