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
	"slices"

	"zapas/device/internal/index"
	"zapas/device/internal/progress"
	"zapas/device/internal/remote"
	"zapas/device/internal/unpack"
)

const (
	transfers = 3 // at the same time
	fetches   = 3 // of one chunk whose bytes are wrong or whose URL has expired
)

// download fetches the chunks that the index names and that hold what is to be restored, or its attachments.
func (g *gathering) download(ctx context.Context) error {
	needed := g.needed()
	size := map[string]int64{}
	for _, n := range needed {
		for _, e := range n.elements {
			size[e] += g.out.Index.Chunks[n.at].Size
		}
	}
	for _, k := range g.r.Kinds {
		if n, ok := size[k.Element()]; ok {
			g.d.Track.Begin(progress.Downloading, k.Element(), n)
			delete(size, k.Element())
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failure error
	remote.Each(transfers, len(needed), func(i int) {
		n := needed[i]
		bad, err := g.find(ctx, n)
		g.mu.Lock()
		defer g.mu.Unlock()
		if err != nil && failure == nil {
			failure = err
			cancel()
		}
		count := g.d.Track.Add
		if bad != nil {
			g.out.Bad[n.at] = *bad
			count = g.d.Track.Fail
		}
		for _, e := range n.elements {
			if err == nil {
				count(progress.Downloading, e, g.out.Index.Chunks[n.at].Size)
			}
		}
	})
	if failure == nil {
		failure = g.stands()
	}
	if failure == nil {
		g.d.Track.End(progress.Downloading)
	}
	return failure
}

// need is a chunk that is needed.
type need struct {
	at       int      // position in the index
	elements []string // for which
	records  bool     // for items, and not for attachments alone
	left     bool     // it is not fetched
}

func (g *gathering) needed() (all []need) {
	for i := range g.out.Index.Chunks {
		c := &g.out.Index.Chunks[i]
		live := c.Live()
		n := need{at: i}
		for _, k := range g.r.Kinds {
			n.records = n.records || live[byte(k)] > 0
			if (live[byte(k)] > 0 || c.Holds(byte(k))) && !slices.Contains(n.elements, k.Element()) {
				n.elements = append(n.elements, k.Element())
			}
		}
		if len(n.elements) == 0 {
			continue
		}
		// The last one is here already, for the index in it.
		if n.left = g.r.Records && !n.records && i < len(g.out.Index.Chunks)-1; n.left {
			n.elements = nil // nothing to wait for
		}
		all = append(all, n)
	}
	return all
}

// find has a needed chunk on the disk, or leaves it where it is.
func (g *gathering) find(ctx context.Context, n need) (*unpack.Bad, error) {
	c := g.out.Index.Chunks[n.at]
	at, ok := g.at[c.ID]
	switch {
	case !ok:
		return &unpack.Bad{Reason: "chunk_missing", Detail: fmt.Sprintf("chunk %s of session %s: the service does not list it", c.ID, c.Session)}, nil
	case g.chunks[at].Session != c.Session.String():
		return &unpack.Bad{Reason: "chunk_damaged", Detail: fmt.Sprintf("chunk %s: the service lists it under session %s instead of %s", c.ID, g.chunks[at].Session, c.Session)}, nil
	}
	if _, ok := g.out.Keys[c.Session]; !ok {
		return &unpack.Bad{Reason: "key_missing", Detail: fmt.Sprintf("chunk %s: the service did not give the key of session %s", c.ID, c.Session)}, nil
	}
	if n.left {
		g.leave(n.at)
		return nil, nil
	}
	return g.fetch(ctx, at, c.ID, c.Size)
}

func (g *gathering) leave(i int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.out.Left[i] = true
}

const chunkRefused = "chunk_refused" // the reason of what the storage does not give out

// fetch downloads one chunk and compares it with its id, unless an earlier run has it.
func (g *gathering) fetch(ctx context.Context, at int, id index.ID, size int64) (*unpack.Bad, error) {
	bad, err := g.try(ctx, at, id, size)
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

// stands fails when the storage has refused chunks, more than one, and given out none since the index: that is no word on
// these chunks, and they may be had another time.
func (g *gathering) stands() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.answers == 0 && len(g.refused) > 1 {
		return g.refusesAll()
	}
	return nil
}

func (g *gathering) refusesAll() error {
	return fmt.Errorf("the storage refuses everything that it was asked for; try again later: %s", g.refused[0])
}

func (g *gathering) try(ctx context.Context, at int, id index.ID, size int64) (*unpack.Bad, error) {
	path := g.out.Path(id)
	if whole(path, id, size) {
		return nil, nil
	}
	var bad *unpack.Bad
	for range fetches {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var sum [32]byte
		err := g.d.Client.Get(ctx, g.url(at), size, func() (io.WriteCloser, error) { return newSpool(path, &sum) })
		if err == nil && index.OfChunk(sum) == id {
			g.gotten(size)
			return nil, os.Rename(path+".part", path)
		}
		refused, _ := errors.AsType[*remote.Refused](err)
		_, wrongSize := errors.AsType[*remote.WrongSize](err)
		switch {
		case err == nil, wrongSize:
			bad = &unpack.Bad{Reason: "chunk_damaged", Detail: fmt.Sprintf("chunk %s: its bytes are not those that were stored", id)}
		case refused != nil && refused.Expired():
			bad = &unpack.Bad{Reason: chunkRefused, Detail: fmt.Sprintf("chunk %s: %v", id, refused)}
			if err := g.refresh(ctx, at); err != nil {
				return nil, err
			}
		case refused != nil && refused.Status == http.StatusNotFound:
			return &unpack.Bad{Reason: "chunk_missing", Detail: fmt.Sprintf("chunk %s: it is not there any more", id)}, nil
		case refused != nil && refused.OfOne():
			return &unpack.Bad{Reason: chunkRefused, Detail: fmt.Sprintf("chunk %s: %v", id, refused)}, nil
		default:
			return nil, fmt.Errorf("download chunk %s: %w", id, err)
		}
	}
	return bad, nil
}

func (g *gathering) gotten(size int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.out.Objects++
	g.out.Bytes += size
}

// whole reports whether an earlier run has brought a chunk, undamaged.
func whole(path string, id index.ID, size int64) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return err == nil && n == size && index.OfChunk([32]byte(h.Sum(nil))) == id
}

// spool writes a download to disk and takes its SHA-256.
type spool struct {
	file *os.File // not embedded: its ReadFrom would pass by Write
	hash hash.Hash
	sum  *[32]byte
}

func newSpool(path string, sum *[32]byte) (*spool, error) {
	f, err := os.OpenFile(path+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
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
