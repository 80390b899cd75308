package gather

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"slices"

	"zapas/device/internal/index"
	"zapas/device/internal/remote"
	"zapas/device/internal/seal"
	"zapas/device/internal/unpack"
)

// Sizes of what is read of a chunk beside its records.
const (
	tailLen  = 4 << 10 // bytes at the end of a chunk, for its table of blocks
	tailPart = 96      // more of them for each blob
)

// Lost is what cannot be had again, whatever is tried.
type Lost struct{ unpack.Bad }

func (l *Lost) Error() string { return l.Detail }

func lost(reason, format string, args ...any) *Lost {
	return &Lost{unpack.Bad{Reason: reason, Detail: fmt.Sprintf(format, args...)}}
}

// Records reads items and tables of a snapshot's chunks again, by ranged requests, and no blob.
type Records struct {
	Index *index.Index // with what is known of the last chunk, too
	Plain []byte       // the encoded index

	g *gathering
}

// Records asks what an open rebuild session reads. only are the chunks of which anything will be read; none: all, and the index,
// too. *Lost when it is over for good; any other error may pass with another run, or with a newer app where it wraps
// seal.ErrTooNew or index.ErrTooNew.
func (d Gatherer) Records(ctx context.Context, r Restore, only ...index.ID) (_ *Records, err error) {
	g := d.begin(r)
	defer func() {
		if err != nil {
			g.out.Forget()
		}
	}()
	if err := g.manifest(ctx); err != nil {
		return nil, err
	}
	if no := g.out.NoIndex; no.Reason != "" {
		return nil, &Lost{no}
	}
	x := &Records{g: g}
	if len(only) == 0 {
		if err := g.keys(ctx); err != nil {
			return nil, err
		}
		return x, x.index(ctx)
	}
	var sessions []string
	for _, id := range only {
		at, ok := g.at[id]
		if !ok {
			return nil, lost("chunk_missing", "chunk %s: the service does not list it", id)
		}
		if s := g.chunks[at].Session; !slices.Contains(sessions, s) {
			sessions = append(sessions, s)
		}
	}
	return x, g.keysOf(ctx, sessions)
}

// Forget clears the keys.
func (x *Records) Forget() { x.g.out.Forget() }

// Bytes is how many were downloaded.
func (x *Records) Bytes() int64 { return x.g.out.Bytes }

// index reads the index alone.
func (x *Records) index(ctx context.Context) error {
	g := x.g
	at := len(g.chunks) - 1
	c := g.chunks[at]
	damaged := func(err error) error {
		return lost("index_damaged", "snapshot %s: its index, in chunk %s, cannot be read: %v", g.r.Snapshot, c.Id, err)
	}
	session, err := index.Parse(c.Session)
	if err != nil || c.Session != g.r.Snapshot {
		return damaged(fmt.Errorf("it is of session %s", c.Session))
	}
	key, ok := g.out.Keys[session]
	if !ok {
		return lost("key_missing", "snapshot %s: the service did not give its key", g.r.Snapshot)
	}
	if g.index.Offset < 0 || g.index.Length < 1 || g.index.Length > c.Size-g.index.Offset {
		return damaged(fmt.Errorf("it cannot be %d bytes at %d", g.index.Length, g.index.Offset))
	}
	section, err := x.bytes(ctx, at, g.index.Offset, g.index.Length)
	if err != nil {
		return err
	}
	if x.Plain, err = seal.OpenIndex(section, key); errors.Is(err, seal.ErrTooNew) {
		id, perr := index.Parse(c.Id)
		if perr != nil {
			return damaged(perr)
		}
		return x.stored(ctx, at, id, damaged(err))
	}
	if err != nil {
		return damaged(err)
	}
	if x.Index, err = index.Decode(x.Plain); errors.Is(err, index.ErrTooNew) {
		return fmt.Errorf("snapshot %s: %w", g.r.Snapshot, err)
	}
	if err != nil {
		return damaged(err)
	}
	if x.Index.Snapshot != session {
		return damaged(fmt.Errorf("it is that of snapshot %s", x.Index.Snapshot))
	}
	id, err := index.Parse(c.Id)
	if err != nil {
		return damaged(err)
	}
	if !g.complete(x.Index, id, c, section) {
		return damaged(fmt.Errorf("it is in a chunk that cannot have %d bytes of records and %d in all", c.Records, c.Size))
	}
	return nil
}

// place finds a chunk in the service's list, and its key.
func (x *Records) place(c index.Chunk) (at int, key seal.SessionKey, err error) {
	at, ok := x.g.at[c.ID]
	if !ok {
		return 0, key, lost("chunk_missing", "chunk %s of session %s: the service does not list it", c.ID, c.Session)
	}
	if x.g.chunks[at].Session != c.Session.String() {
		return 0, key, lost("chunk_damaged", "chunk %s: the service lists it under session %s instead of %s", c.ID, x.g.chunks[at].Session, c.Session)
	}
	if key, ok = x.g.out.Keys[c.Session]; !ok {
		return 0, key, lost("key_missing", "chunk %s: the service did not give the key of session %s", c.ID, c.Session)
	}
	return at, key, nil
}

// Fetch brings a chunk's record part to the disk.
func (x *Records) Fetch(ctx context.Context, c index.Chunk) error {
	at, _, err := x.place(c)
	if err != nil {
		return err
	}
	path := x.g.out.Path(c.ID)
	if c.RecordPart < 1 || c.RecordPart > c.Size {
		return lost("chunk_damaged", "chunk %s: its records cannot be %d of %d bytes", c.ID, c.RecordPart, c.Size)
	}
	if err := x.ranged(ctx, at, 0, c.RecordPart, func() (io.WriteCloser, error) {
		return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	}); err != nil {
		return err
	}
	if newer := tooNew(path, c.ID); newer != nil {
		return x.stored(ctx, at, c.ID, lost("chunk_damaged", "%v", newer))
	}
	return nil
}

// stored reads all of a chunk that begins as one of a newer format does: if it was stored so, the error says that the app is too
// old; if it was not, it is damaged.
func (x *Records) stored(ctx context.Context, at int, id index.ID, damaged error) error {
	f, err := x.g.whole(ctx, at, id, x.g.chunks[at].Size, x.g.chunks[at].Records)
	if err == nil && f.bad != nil {
		return &Lost{*f.bad}
	}
	return cmp.Or(err, damaged)
}

// Read goes through the records of a chunk that was fetched, all of them or up to the first error. Another may follow then.
func (x *Records) Read(c index.Chunk) iter.Seq2[seal.Record, error] {
	return func(yield func(seal.Record, error) bool) {
		_, key, err := x.place(c)
		if err != nil {
			yield(seal.Record{}, err)
			return
		}
		f, err := os.Open(x.g.out.Path(c.ID))
		if err != nil {
			yield(seal.Record{}, err)
			return
		}
		defer f.Close()
		var head [seal.HeaderLen]byte
		if _, err := f.ReadAt(head[:], 0); err != nil || !c.Is(seal.MarkOf(head[:])) {
			yield(seal.Record{}, lost("chunk_damaged", "chunk %s: it is another one", c.ID))
			return
		}
		for r, err := range seal.ReadRecords(bufio.NewReader(f), key) {
			if err != nil {
				err = lost("chunk_damaged", "chunk %s: %v", c.ID, err)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// Parts reads which blobs, and parts of blobs, a chunk that was fetched holds: its table alone.
func (x *Records) Parts(ctx context.Context, c index.Chunk) ([]seal.Part, error) {
	at, key, err := x.place(c)
	if err != nil {
		return nil, err
	}
	var held int64
	for _, r := range c.Parts {
		held += int64(r.Count)
	}
	head, err := os.ReadFile(x.g.out.Path(c.ID))
	if err != nil {
		return nil, err
	}
	for want := min(c.Size, tailLen+held*tailPart); ; {
		tail, err := x.bytes(ctx, at, c.Size-want, want)
		if err != nil {
			return nil, err
		}
		const footer = 12 // counter, length of the table, magic
		if len(tail) < footer {
			return nil, lost("chunk_damaged", "chunk %s: it cannot be %d bytes", c.ID, c.Size)
		}
		need := min(c.Size, int64(binary.BigEndian.Uint32(tail[len(tail)-footer+4:]))+footer)
		if need > want {
			want = need
			continue
		}
		r, err := seal.Open(&ends{head: head, tail: tail, size: c.Size}, c.Size, key)
		if err != nil {
			return nil, lost("chunk_damaged", "chunk %s: %v", c.ID, err)
		}
		if r.RecordCount() != c.Records() {
			return nil, lost("chunk_damaged", "chunk %s: it has %d records and the index says %d", c.ID, r.RecordCount(), c.Records())
		}
		return r.Parts(), nil
	}
}

// ends are the beginning and the end of a chunk.
type ends struct {
	head, tail []byte
	size       int64
}

func (e *ends) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) <= int64(len(e.head)) {
		return copy(p, e.head[at:]), nil
	}
	if from := at - (e.size - int64(len(e.tail))); from >= 0 && from <= int64(len(e.tail)) {
		if n := copy(p, e.tail[from:]); n == len(p) {
			return n, nil
		}
	}
	return 0, io.ErrUnexpectedEOF
}

func (x *Records) bytes(ctx context.Context, at int, offset, length int64) ([]byte, error) {
	var b buffer
	err := x.ranged(ctx, at, offset, length, func() (io.WriteCloser, error) {
		b.Reset()
		return &b, nil
	})
	return b.Bytes(), err
}

type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

// ranged downloads a part of a chunk.
func (x *Records) ranged(ctx context.Context, at int, offset, length int64, create func() (io.WriteCloser, error)) (err error) {
	g := x.g
	id := g.chunks[at].Id
	for range fetches {
		if err = g.d.Client.GetPart(ctx, g.url(at), offset, length, create); err == nil {
			g.gotten(length)
			return nil
		}
		refused, ok := errors.AsType[*remote.Refused](err)
		_, wrongSize := errors.AsType[*remote.WrongSize](err)
		switch {
		case wrongSize, ok && refused.Status == http.StatusRequestedRangeNotSatisfiable:
			return lost("chunk_damaged", "chunk %s: it ends before its %d bytes", id, g.chunks[at].Size)
		case ok && refused.Status == http.StatusNotFound:
			return lost("chunk_missing", "chunk %s: it is not there any more", id)
		case ok && refused.Expired():
			if err := g.refresh(ctx, at); err != nil {
				return err
			}
		default:
			return fmt.Errorf("download a part of chunk %s: %w", id, err)
		}
	}
	return fmt.Errorf("download a part of chunk %s: %w", id, err)
}
