package device

import (
	"context"
	"errors"

	"zapas/device/internal/pack"
	"zapas/device/internal/state"
)

// ahead is how many bytes of closed chunks are sent together while others are sealed: four chunks of attachments, two at a time.
// Twice so many, with the chunks that complete them, and the open one, are in the spool at most.
const ahead = 3*pack.FullChunk + pack.FullChunk/2

// shipping sends a session's chunks while it is still being sealed, so that neither the spool grows with the backup, nor is
// anything sealed or sent twice when the run is killed: a chunk is noted before it is sent, and again when it has arrived, and
// whoever seals the same session later finds both notes.
type shipping struct {
	d      *Device
	ctx    context.Context //nolint:containedctx // of one run, as this is
	cancel context.CancelFunc
	j      state.Journal // the chunks so far, and no commit yet
	done   map[string]bool
	batch  []int
	bytes  int64      // of the batch
	under  chan error // way; nil while nothing is
}

func (d *Device) shipping(ctx context.Context, session string) *shipping {
	s := &shipping{d: d, j: state.Journal{Session: session}}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

// closed takes a chunk over.
func (s *shipping) closed(n int, c state.Spooled) error {
	if s.done == nil {
		var err error
		if s.done, err = s.d.dir.Uploaded(); err != nil {
			return errors.Join(errSpool, err)
		}
	}
	s.j.Chunks = append(s.j.Chunks, c)
	if s.done[c.ID] {
		return nil
	}
	s.batch = append(s.batch, n)
	if s.bytes += c.Size; s.bytes < ahead {
		return nil
	}
	if err := s.wait(); err != nil {
		return err
	}
	j, batch := s.j, s.batch // its chunks are appended to, and never changed
	s.batch, s.bytes, s.under = nil, 0, make(chan error, 1)
	go func() { s.under <- s.d.ship(s.ctx, &j, batch) }()
	return nil
}

// wait is for what is under way.
func (s *shipping) wait() error {
	if s.under == nil {
		return nil
	}
	err := <-s.under
	s.under = nil
	return err
}

// end waits as well, or breaks off when the sealing has failed. What was not sent is sent with the commit.
func (s *shipping) end(sealing error) error {
	if sealing != nil {
		s.cancel()
	}
	err := s.wait()
	s.cancel()
	if sealing != nil {
		return sealing
	}
	return err
}

// ship sends chunks and takes them out of the spool.
func (d *Device) ship(ctx context.Context, j *state.Journal, batch []int) error {
	if err := d.upload(ctx, j, batch); err != nil {
		return err
	}
	for _, n := range batch {
		if err := d.dir.DropChunk(n); err != nil {
			return err
		}
	}
	return nil
}
