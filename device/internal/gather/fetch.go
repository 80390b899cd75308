package gather

import (
	"context"
	"fmt"
	"slices"

	"zapas/device/internal/item"
	"zapas/device/internal/progress"
	"zapas/device/internal/remote"
	"zapas/device/internal/unpack"
)

const (
	transfers = 3        // at the same time
	fetches   = 3        // of one chunk whose bytes are wrong or whose URL has expired
	spare     = 64 << 10 // bytes that are not needed and are fetched with the others: a whole chunk can be compared with its id
)

// download fetches the chunks that the index names and that hold what is to be restored, or its attachments.
func (g *gathering) download(ctx context.Context) error {
	needed := g.needed()
	g.begin(needed)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failure error
	remote.Each(transfers, len(needed), func(i int) {
		n := needed[i]
		f, err := g.find(ctx, n)
		g.mu.Lock()
		defer g.mu.Unlock()
		if err != nil && failure == nil {
			failure = err
			cancel()
		}
		if g.out.note(n.at, f); err == nil {
			g.count(n, f)
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

// begin tells how much there is to download for each element.
func (g *gathering) begin(needed []need) {
	size := map[string]int64{}
	for _, n := range needed {
		for _, e := range n.elements {
			size[e] += n.size
		}
	}
	for _, k := range g.r.Kinds {
		if n, ok := size[k.Element()]; ok {
			g.d.Track.Begin(progress.Downloading, k.Element(), n)
			delete(size, k.Element())
		}
	}
}

// count tells what came of one download.
func (g *gathering) count(n need, f found) {
	count := g.d.Track.Add
	if f.bad != nil {
		count = g.d.Track.Fail
	}
	for _, e := range n.elements {
		count(progress.Downloading, e, n.size)
	}
}

// need is what is needed of a chunk.
type need struct {
	at       int      // position in the index
	elements []string // for which
	records  bool     // items, and not attachments alone
	whole    bool     // attachments, too
	left     bool     // attachments, which are not fetched
	size     int64    // what is fetched
}

func (g *gathering) needed() (all []need) {
	kinds := g.kinds()
	for i := range g.out.Index.Chunks {
		c := &g.out.Index.Chunks[i]
		live := c.Live()
		if g.r.Again != nil && len(g.r.Again[c.ID]) == 0 {
			clear(live)
		}
		n := need{at: i}
		blobs := false
		for _, k := range kinds {
			n.records = n.records || live[byte(k)] > 0
			blobs = blobs || c.Holds(byte(k))
			if (live[byte(k)] > 0 || c.Holds(byte(k))) && !slices.Contains(n.elements, k.Element()) {
				n.elements = append(n.elements, k.Element())
			}
		}
		if len(n.elements) == 0 {
			continue
		}
		here := g.own != nil && i == len(g.out.Index.Chunks)-1 // for the index in it
		n.whole = here || blobs && !g.r.Records || n.records && (c.Size-c.RecordPart <= spare || c.RecordPart < 1)
		n.left = blobs && !n.whole
		switch {
		case n.whole:
			n.size = c.Size
		case n.records:
			n.size = c.RecordPart
		default:
			n.elements = nil // nothing to wait for
		}
		all = append(all, n)
	}
	return all
}

// kinds are those of which anything is needed.
func (g *gathering) kinds() (kinds []item.Kind) {
	if g.r.Again == nil {
		return g.r.Kinds
	}
	live := map[byte]bool{}
	for i := range g.out.Index.Chunks {
		c := &g.out.Index.Chunks[i]
		for _, s := range g.r.Again[c.ID] {
			for k := range c.Lives(s.First, s.Count) {
				live[k] = true
			}
		}
	}
	for _, k := range g.r.Kinds {
		if live[byte(k)] {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// found is what could be had of a chunk: nothing where it is bad.
type found struct {
	bad    *unpack.Bad
	harmed *unpack.Bad // it is not what was stored; some of it may be
	part   bool        // its records
	left   bool        // its attachments were not fetched
}

// note is for one goroutine at a time.
func (g *Gathered) note(i int, f found) {
	if f.bad != nil {
		g.Bad[i] = *f.bad
	}
	if f.harmed != nil {
		g.Harmed[i] = *f.harmed
	}
	if f.part {
		g.Part[i] = true
	}
	if f.left {
		g.Left[i] = true
	}
}

// find has what is needed of a chunk on the disk, or leaves it where it is.
func (g *gathering) find(ctx context.Context, n need) (found, error) {
	c := g.out.Index.Chunks[n.at]
	at, ok := g.at[c.ID]
	bad := func(reason, format string, args ...any) (found, error) {
		return found{bad: &unpack.Bad{Reason: reason, Detail: fmt.Sprintf(format, args...)}}, nil
	}
	switch {
	case !ok:
		return bad("chunk_missing", "chunk %s of session %s: the service does not list it", c.ID, c.Session)
	case g.chunks[at].Session != c.Session.String():
		return bad("chunk_damaged", "chunk %s: the service lists it under session %s instead of %s", c.ID, g.chunks[at].Session, c.Session)
	}
	if _, ok := g.out.Keys[c.Session]; !ok {
		return bad("key_missing", "chunk %s: the service did not give the key of session %s", c.ID, c.Session)
	}
	var f found
	var err error
	switch {
	case n.whole && g.own != nil && at == len(g.chunks)-1:
		f = *g.own
	case n.whole:
		f, err = g.whole(ctx, at, c.ID, c.Size, c.RecordPart)
	case n.records:
		f, err = g.part(ctx, at, c)
	}
	f.left = n.left && f.bad == nil
	return f, err
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
