package gather

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"sync"

	"zapas/device/internal/index"
	"zapas/device/internal/progress"
)

// Stream brings a snapshot's chunks one after the other: no more than a few of them are on the disk at a time.
type Stream struct{ g *gathering }

// Stream reads of what a snapshot consists. Errors are as those of Gather.
func (d Gatherer) Stream(ctx context.Context, r Restore) (*Stream, error) {
	g, err := d.open(ctx, r)
	if err != nil {
		return nil, err
	}
	return &Stream{g}, nil
}

// Gathered is what could be had so far.
func (s *Stream) Gathered() *Gathered { return s.g.out }

// Draw chooses chunks for a sample: all with records, and so many with attachments, at random, that they hold a share of
// all attachments. Both parts are in the index's order; a share of 1 leaves nothing over.
func (s *Stream) Draw(share float64, random io.Reader) (drawn, left []int, err error) {
	needed := s.g.needed()
	if share >= 1 {
		for _, n := range needed {
			drawn = append(drawn, n.at)
		}
		return drawn, nil, nil
	}
	var seed [32]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return nil, nil, fmt.Errorf("draw random bytes: %w", err)
	}
	chunks := s.g.out.Index.Chunks
	order := slices.Clone(needed)
	rand.New(rand.NewChaCha8(seed)).Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
	var all, have float64
	for _, n := range order {
		all += parts(&chunks[n.at])
	}
	in := map[int]bool{}
	for _, n := range order {
		if parts := parts(&chunks[n.at]); parts > 0 && have < share*all {
			in[n.at] = true
			have += parts
		}
	}
	for _, n := range needed {
		if in[n.at] || n.records {
			drawn = append(drawn, n.at)
		} else {
			left = append(left, n.at)
		}
	}
	return drawn, left, nil
}

// parts is the number of blobs, and parts of blobs, that are needed of a chunk.
func parts(c *index.Chunk) (n float64) {
	for _, r := range c.Parts {
		n += float64(r.Count)
	}
	return n
}

// Each downloads chunks, some ahead of the one that is looked at, and calls see for each, in this order. One that cannot
// be had is Bad by then. One that was seen leaves the disk.
func (s *Stream) Each(ctx context.Context, chunks []int, see func(i int) error) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type came struct {
		found
		err error
	}
	needed := s.whole(chunks)
	s.g.begin(needed)
	coming := make([]chan came, len(needed))
	fetch := func(n int) {
		if n >= len(needed) {
			return
		}
		coming[n] = make(chan came, 1)
		wg.Go(func() {
			f, err := s.g.find(ctx, needed[n])
			coming[n] <- came{f, err}
		})
	}
	for n := range transfers {
		fetch(n)
	}
	for n, i := range chunks {
		f := <-coming[n]
		if f.err != nil {
			return f.err
		}
		s.g.out.note(i, f.found)
		s.g.count(needed[n], f.found)
		if err := see(i); err != nil {
			return err
		}
		if err := os.Remove(s.g.out.Path(s.g.out.Index.Chunks[i].ID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a chunk that was seen: %w", err)
		}
		fetch(n + transfers)
	}
	if err := s.g.stands(); err != nil {
		return err
	}
	s.g.d.Track.End(progress.Downloading)
	return nil
}

// whole are these chunks, all that is in them.
func (s *Stream) whole(chunks []int) []need {
	of := map[int]need{}
	for _, n := range s.g.needed() {
		of[n.at] = n
	}
	needed := make([]need, len(chunks))
	for n, i := range chunks {
		needed[n] = need{at: i, elements: of[i].elements, whole: true, size: s.g.out.Index.Chunks[i].Size}
	}
	return needed
}
