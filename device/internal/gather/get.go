package gather

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"

	"zapas/device/internal/index"
	"zapas/device/internal/remote"
	"zapas/device/internal/seal"
	"zapas/device/internal/unpack"
)

const (
	chunkRefused = "chunk_refused" // the reason of what the storage does not give out
	chunkDamaged = "chunk_damaged" // and of what is not what was stored
)

var errOther = errors.New("its bytes are not those that were stored")

// whole downloads a chunk and compares it with its id, unless an earlier run has it. Of one whose records are there already, or
// its index, the rest is enough. What is not as it was stored is there as well: its blocks prove what of it is. The error
// for one that is as it was stored, by a newer app in a format that this one does not know, wraps seal.ErrTooNew.
func (g *gathering) whole(ctx context.Context, at int, id index.ID, size, records int64) (found, error) {
	path := g.out.Path(id)
	if is(path, id, size) {
		return found{}, tooNew(path, id)
	}
	bad, err := g.asked(ctx, at, func(url string) error {
		if from, to := g.held(at, path, size, records); from > 0 || to < size {
			return g.rest(ctx, url, path, id, size, from, to)
		}
		var sum [32]byte
		err := g.d.Client.Get(ctx, url, size, func() (io.WriteCloser, error) { return newSpool(path+".part", false, &sum) })
		if err == nil && index.OfChunk(sum) != id {
			err = errOther
		}
		if err != nil {
			return err
		}
		g.gotten(size)
		return os.Rename(path+".part", path)
	})
	if err == nil && bad == nil {
		return found{}, tooNew(path, id)
	}
	if err != nil || bad.Reason != chunkDamaged {
		return found{bad: bad}, err
	}
	if err := os.Rename(path+".part", path); err != nil {
		return found{bad: bad}, nil //nolint:nilerr // nothing of it came
	}
	g.gotten(size)
	return found{harmed: bad}, nil
}

// tooNew is the error for a chunk of a later version of the format. Its bytes are known to be those that were stored: else it is
// damaged where the version stands.
func tooNew(path string, id index.ID) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var head [seal.HeaderLen]byte
	n, err := io.ReadFull(f, head[:])
	if newer := seal.TooNew(head[:n]); newer != nil {
		return fmt.Errorf("chunk %s: %w", id, newer)
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// held is how much of a chunk earlier requests have brought: its records, or 0, and what lies from its index on, or nothing from
// its end on.
func (g *gathering) held(at int, path string, size, records int64) (from, to int64) {
	if info, err := os.Stat(path); err == nil && records > 0 && records < size && info.Size() == records {
		from = records
	}
	to = size
	if info, err := os.Stat(tailOf(path)); err == nil && at == len(g.chunks)-1 && g.index.Offset >= from && info.Size() == size-g.index.Offset {
		to = g.index.Offset
	}
	return from, to
}

// tailOf is the file of what lies in a chunk from its index on.
func tailOf(path string) string { return path + ".index" }

// rest downloads what lies between what is there of a chunk. Where all of it is not the chunk, nothing of it is used again.
func (g *gathering) rest(ctx context.Context, url, path string, id index.ID, size, from, to int64) error {
	err := g.between(ctx, url, path, from, to)
	if err == nil {
		err = g.join(path, id, size, to)
	}
	switch {
	case isOther(err):
		return errors.Join(err, os.RemoveAll(path), os.RemoveAll(tailOf(path)))
	case err != nil:
		return err
	}
	return errors.Join(os.RemoveAll(tailOf(path)), os.Rename(path+".part", path))
}

// between copies the records that are there, if they are, and appends what follows them.
func (g *gathering) between(ctx context.Context, url, path string, from, to int64) error {
	if err := os.RemoveAll(path + ".part"); err != nil {
		return err
	}
	begin := func() (io.WriteCloser, error) {
		s, err := newSpool(path+".part", false, new([32]byte))
		if err == nil && from > 0 {
			err = appendTo(s, path)
		}
		return s, err
	}
	if from == to {
		s, err := begin()
		if err != nil {
			return err
		}
		return s.Close()
	}
	if err := g.d.Client.GetPart(ctx, url, from, to-from, begin); err != nil {
		return err
	}
	g.gotten(to - from)
	return nil
}

// join appends what lies from a chunk's index on, if it is there, and looks whether all of it is the chunk.
func (g *gathering) join(path string, id index.ID, size, to int64) error {
	if to < size {
		s, err := newSpool(path+".part", true, new([32]byte))
		if err != nil {
			return err
		}
		if err := errors.Join(appendTo(s, tailOf(path)), s.Close()); err != nil {
			return err
		}
	}
	if !is(path+".part", id, size) {
		return errOther
	}
	return nil
}

func appendTo(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// part downloads the records of a chunk and opens them. Where they are damaged, the rest of the chunk is needed, too: its
// table says which they are. So it is where they seem to be of a newer format: all of it says whether that was stored.
func (g *gathering) part(ctx context.Context, at int, c index.Chunk) (found, error) {
	path := g.out.Path(c.ID)
	if is(path, c.ID, c.Size) {
		return found{}, tooNew(path, c.ID)
	}
	if g.records(path, c) == nil {
		return found{part: true}, nil
	}
	newer := false
	bad, err := g.asked(ctx, at, func(url string) error {
		err := g.d.Client.GetPart(ctx, url, 0, c.RecordPart, func() (io.WriteCloser, error) {
			return newSpool(path+".part", false, new([32]byte))
		})
		if err != nil {
			return err
		}
		g.gotten(c.RecordPart)
		err = g.records(path+".part", c)
		newer = errors.Is(err, seal.ErrTooNew)
		if err != nil && !newer {
			return errOther
		}
		return os.Rename(path+".part", path)
	})
	if newer {
		return g.whole(ctx, at, c.ID, c.Size, c.RecordPart)
	}
	if err == nil && bad != nil && bad.Reason == chunkDamaged {
		return g.whole(ctx, at, c.ID, c.Size, 0)
	}
	return found{bad: bad, part: bad == nil}, err
}

// records opens the records that lie in a file.
func (g *gathering) records(path string, c index.Chunk) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() != c.RecordPart {
		return errors.Join(err, errOther)
	}
	r, err := seal.OpenRecords(f, c.RecordPart, c.Records(), g.out.Keys[c.Session])
	if err != nil {
		return err
	}
	if !c.Is(r.Mark()) {
		return errOther
	}
	return r.Damage()
}

// asked asks the storage for a chunk, or a part of one, as often as that may help, and says why it cannot be had.
func (g *gathering) asked(ctx context.Context, at int, get func(url string) error) (*unpack.Bad, error) {
	bad, err := g.try(ctx, at, get)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err != nil:
	case bad != nil && bad.Reason == chunkRefused:
		g.refused = append(g.refused, bad.Detail)
	case at < len(g.chunks)-1:
		g.answers++
	}
	return bad, err
}

func (g *gathering) try(ctx context.Context, at int, get func(url string) error) (*unpack.Bad, error) {
	id := g.chunks[at].Id
	because := func(reason, detail string) *unpack.Bad {
		return &unpack.Bad{Reason: reason, Detail: fmt.Sprintf("chunk %s: %s", id, detail)}
	}
	var bad *unpack.Bad
	for range fetches {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		err := get(g.url(at))
		if err == nil {
			return nil, nil
		}
		refused, _ := errors.AsType[*remote.Refused](err)
		switch {
		case isOther(err):
			bad = because(chunkDamaged, errOther.Error())
		case refused != nil && refused.Expired():
			bad = because(chunkRefused, refused.Error())
			if err := g.refresh(ctx, at); err != nil {
				return nil, err
			}
		case refused != nil && refused.Status == http.StatusNotFound:
			return because("chunk_missing", "it is not there any more"), nil
		case refused != nil && refused.OfOne():
			return because(chunkRefused, refused.Error()), nil
		default:
			return nil, fmt.Errorf("download chunk %s: %w", id, err)
		}
	}
	return bad, nil
}

// isOther reports whether what came, or how much of it, is not what was stored.
func isOther(err error) bool {
	refused, _ := errors.AsType[*remote.Refused](err)
	_, wrongSize := errors.AsType[*remote.WrongSize](err)
	return errors.Is(err, errOther) || wrongSize || refused != nil && refused.Status == http.StatusRequestedRangeNotSatisfiable
}

func (g *gathering) gotten(size int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.out.Objects++
	g.out.Bytes += size
}

// is reports whether a file is a chunk as it was stored.
func is(path string, id index.ID, size int64) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != size {
		return false
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return err == nil && index.OfChunk([32]byte(h.Sum(nil))) == id
}

// spool writes a download to disk and takes its SHA-256.
type spool struct {
	file *os.File // not embedded: its ReadFrom would pass by Write
	hash hash.Hash
	sum  *[32]byte
}

// newSpool begins a file, or goes on with it.
func newSpool(path string, goOn bool, sum *[32]byte) (*spool, error) {
	how := os.O_TRUNC
	if goOn {
		how = os.O_APPEND
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|how, 0o600)
	if err != nil {
		return nil, fmt.Errorf("spool a chunk: %w", err)
	}
	return &spool{f, sha256.New(), sum}, nil
}

func (s *spool) Write(b []byte) (int, error) {
	s.hash.Write(b)
	return s.file.Write(b)
}

func (s *spool) Close() error {
	*s.sum = [32]byte(s.hash.Sum(nil))
	return s.file.Close()
}
