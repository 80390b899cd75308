package pack

import (
	"bytes"
	"cmp"
	"slices"

	"zapas/device/internal/item"
	"zapas/device/internal/recall"
)

// waiting is an item that was yielded and not yet held against the base.
type waiting struct {
	entry
	is    recall.Item // but for its Blobs, which are these:
	blobs []item.Blob
}

// together is how many items are held against the base at once: in its order, so that each part of it is read once for all.
const together = 8 << 10

func (s *Scan) wait(w waiting) {
	if s.waiting = append(s.waiting, w); len(s.waiting) == together {
		s.settle()
	}
}

// settle finds out what those that wait are.
func (s *Scan) settle() {
	if s.base != nil {
		s.ordered = s.ordered[:0]
		for i, w := range s.waiting {
			if w.state == fresh {
				s.ordered = append(s.ordered, i)
			}
		}
		slices.SortFunc(s.ordered, func(a, b int) int {
			return cmp.Or(bytes.Compare(s.waiting[a].is.ID[:], s.waiting[b].is.ID[:]), cmp.Compare(a, b))
		})
		for _, i := range s.ordered {
			if at, ok := s.match(s.waiting[i].is); ok {
				s.kept.set(at)
				s.waiting[i].state, s.waiting[i].at = already, uint32(at)
			}
		}
	}
	for _, w := range s.waiting {
		if w.state == fresh {
			for _, b := range w.blobs {
				if at := s.name(blobKey{b.SHA256, b.Size}); !slices.Contains(w.is.Blobs, at) {
					w.is.Blobs = append(w.is.Blobs, at)
				}
			}
			w.at = uint32(s.fresh.Len())
			s.fresh.Append(w.is)
		}
		s.entries.Add(w.row())
	}
	clear(s.waiting)
	s.waiting = s.waiting[:0]
}

// name is the number of an attachment.
func (s *Scan) name(b blobKey) uint32 {
	at, ok := s.naming[b]
	if !ok {
		at = uint32(len(s.named))
		s.naming[b] = at
		s.named = append(s.named, b)
	}
	return at
}

// match finds the base's item that is this one, unchanged, and not yet another's: two equal messages are two. Of equal
// ones, which can stand for each other, it takes the first, then the next.
func (s *Scan) match(it recall.Item) (int, bool) {
	if s.base == nil {
		return 0, false
	}
	from, to := s.base.Items.Equal(it.ID, it.Content, it.Kind)
	if to-from > 1 {
		first := from
		from += s.paired[first]
		s.paired[first]++
	}
	return from, from < to && !s.kept.has(from)
}

// known is the range of the base's items with an id.
func (s *Scan) known(id item.ID) (from, to int) {
	if s.base == nil {
		return 0, 0
	}
	return s.base.Items.Find(id)
}
