package pack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"zapas/device/internal/item"
	"zapas/device/internal/progress"
	"zapas/device/internal/recall"
	"zapas/device/internal/seal"
	"zapas/device/internal/state"
)

// FullChunk is the size up to which a chunk without records is filled. Two of them can be sent at the same time and a run that is
// killed then still sends less than 20 MB twice.
const FullChunk = 19 << 19

// wholeBlob is the most bytes of a blob that is never cut: one request fetches it.
const wholeBlob = seal.MaxChunk - seal.MaxChunk/8

// ErrLoses says that a backup on this base would lose an item that the phone's own last snapshot holds, since its attachment cannot be
// read now.
var ErrLoses = errors.New("an item of the phone's own last backup cannot be read now, and is not in what this one builds on")

// holds reports whether a snapshot has an item of this id, in whatever state, or cannot say so.
func holds(c *recall.Cache, id item.ID) bool {
	from, to := c.Items.Find(id)
	return from < to || c.Items.Err() != nil
}

// attachments writes the new blobs, light ones next to the records with which they are written again. One that cannot be
// read costs the items that name it, and nothing else; ErrLoses if own has such an item.
func (p *packer) attachments(ctx context.Context, src Source, s *Scan, own *recall.Cache) error {
	p.bound()
	slices.SortStableFunc(p.order, func(a, b [32]byte) int {
		return weight(p.blobs[a].size) - weight(p.blobs[b].size)
	})
	for _, sum := range p.order {
		if ctx.Err() != nil { // not the source's fault: it must cost no item
			return context.Cause(ctx)
		}
		b := p.blobs[sum]
		err := p.attachment(src, sum, b)
		if source, ok := errors.AsType[*sourceError](err); ok {
			b.err = source.error
		} else if err != nil {
			return err
		} else if b.last != "" {
			s.track.Add(progress.Sealing, b.last, 1)
		}
	}
	for i, it := range s.added() {
		for _, at := range it.Blobs {
			key := s.named[at]
			if b := p.blobs[key.sum]; b != nil && b.err != nil && (!b.stored || s.inLost(s.base.Blobs[s.blobs[key.sum]])) {
				if own != nil && holds(own, it.ID) {
					return fmt.Errorf("%w: %w", ErrLoses, b.err)
				}
				s.entries.Put(i, entry{kind: it.Kind, state: failed}.row())
				s.track.Fail(progress.Sealing, it.Kind.Element(), 1)
				s.fail(it.Kind.Element(), "attachment_unreadable", 1, fmt.Sprintf("an attachment of %d bytes of a %s cannot be read: %v", key.size, it.Kind, b.err))
				break
			}
		}
	}
	return nil
}

// uncompared is what OpenBlob may answer: it reads on without comparing, at its end, the bytes with the SHA-256 that was
// announced. Sealing compares them itself.
type uncompared interface{ Uncompared() io.Reader }

// sourceError is the source's fault, and not the spool's.
type sourceError struct{ error }

func (p *packer) attachment(src Source, sum [32]byte, b *newBlob) error {
	in, err := src.OpenBlob(item.Blob{SHA256: sum, Size: b.size})
	if err != nil {
		return &sourceError{err}
	}
	defer in.Close()
	from := io.Reader(in)
	if u, ok := in.(uncompared); ok {
		from = u.Uncompared()
	}
	blob, err := seal.NewBlob(from, b.size, sum)
	if err != nil {
		return &sourceError{err}
	}
	if err := p.room(b.size); err != nil {
		return err
	}
	for !blob.Done() {
		before := blob.Taken()
		_, err := p.writer.Blob(blob)
		switch {
		case errors.Is(err, seal.ErrFull):
			if err := p.nextBlobs(); err != nil {
				return err
			}
			continue
		case err != nil:
			if p.file.failed {
				return err
			}
			return &sourceError{err}
		}
		b.chunks = append(b.chunks, uint32(len(p.chunks)-1))
		p.parts = append(p.parts, state.Part{Sum: sum, Size: b.size, Offset: before, Length: blob.Taken() - before})
	}
	return nil
}

// bound lets a chunk without records become no larger than FullChunk.
func (p *packer) bound() {
	if p.bounded = len(p.open().Runs) == 0; p.bounded {
		p.writer.Bound(FullChunk)
	}
}

// widen lets the open chunk become as large as any.
func (p *packer) widen() {
	p.writer.Bound(seal.MaxChunk)
	p.bounded = false
}

func (p *packer) nextBlobs() error {
	if err := p.next(); err != nil {
		return err
	}
	p.bound()
	return nil
}

// room makes room for a blob that one chunk can hold. A chunk that is not half full is rather filled beyond FullChunk than
// closed: compaction would take it for a small one, and what it makes of such again.
func (p *packer) room(size int64) error {
	for size <= wholeBlob && size > p.writer.Room() {
		if p.bounded && p.writer.Room() > FullChunk/2 {
			p.widen()
		} else if err := p.nextBlobs(); err != nil {
			return err
		}
	}
	return nil
}
