package match

import "iter"

// seat is a held item, as one that wants it sees it.
type seat struct {
	owner int32 // who has it, -1 while it is free
	seen  int32 // the search that has looked at it last, or spent
}

// spent says of a seat that no other pairing can ever free it.
const spent = -1

// look is which seats are listed. None that is spent ever is.
type look byte

const (
	free   look = iota // those that are nobody's: once owned, one is so for ever
	unseen             // those that the search under way has not seen
)

// options lists the seats that a wanting one may have.
type options func(at int32, what look) iter.Seq[int32]

// seats are shared out so that as many as can be have one.
type seats struct {
	list   []seat
	search int32 // the number of the one under way, from 1
}

func seatsFor(n int) seats {
	s := seats{list: make([]seat, n), search: 1}
	for i := range s.list {
		s.list[i].owner = -1
	}
	return s
}

// hides reports whether a seat is not listed.
func (s *seats) hides(h int32, what look) bool {
	at := s.list[h]
	return at.seen == spent || what == free && at.owner >= 0 || what == unseen && at.seen == s.search
}

// wish is a seat that is not free, and for whom it was looked at: the owner of an earlier one, by its place in the queue, or
// with -1 the one for whom the search is.
type wish struct{ seat, by int32 }

// give finds the wanting one a seat among its options, moving others to other options of theirs where needed: the shortest
// way to a free one. Who has a seat never loses it but for another.
func (s *seats) give(at int32, options options) bool {
	var queue []wish
	for next := int32(-1); int(next) < len(queue); next++ {
		wanting := s.wanting(at, next, queue)
		for h := range options(wanting, free) {
			s.move(at, h, next, queue)
			if len(queue) > 0 {
				s.search++
			}
			return true
		}
		for h := range options(wanting, unseen) {
			s.list[h].seen = s.search
			queue = append(queue, wish{h, next})
		}
	}
	// What a failed search has seen stays taken for ever, whatever comes (König), so the next
	// search need not look there again.
	for _, w := range queue {
		s.list[w.seat].seen = spent
	}
	return false
}

func (s *seats) wanting(at, place int32, queue []wish) int32 {
	if place < 0 {
		return at
	}
	return s.list[queue[place].seat].owner
}

// move gives a free seat to whom it was found for, his to whom that was looked at for, and so on.
func (s *seats) move(at, h, place int32, queue []wish) {
	for ; place >= 0; place = queue[place].by {
		left := queue[place].seat
		s.list[h].owner = s.list[left].owner
		h = left
	}
	s.list[h].owner = at
}
