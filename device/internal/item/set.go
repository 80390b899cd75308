package item

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"iter"
	"slices"
)

// Mark is what Number needs of an item: its primary id and the digest of its encoding.
type Mark struct {
	ID      ID
	Content [32]byte
}

// Number gives each mark its ordinal among the marks with the same id: two equal messages within one
// second are two items, #0 and #1. Ordinals follow the content, so that they do not depend on the
// order in which a phone lists its messages; marks that are wholly equal can stand for each other.
func Number(marks []Mark) []uint32 {
	order := make([]int32, len(marks))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(
			bytes.Compare(marks[a].ID[:], marks[b].ID[:]),
			bytes.Compare(marks[a].Content[:], marks[b].Content[:]),
			cmp.Compare(a, b),
		)
	})
	ordinals := make([]uint32, len(marks))
	for i := 1; i < len(order); i++ {
		if marks[order[i]].ID == marks[order[i-1]].ID {
			ordinals[order[i]] = ordinals[order[i-1]] + 1
		}
	}
	return ordinals
}

// Set is what a target already holds. Each item to be restored is paired with at most one held item,
// and each held item with at most one of them, so that after a restore every item is there as often as
// in the richer of the two places: neither the sum nor once. Add comes first, for all that is held;
// then Expect, for all that is to be restored, since whose pair a held item is can only be said when
// all that might claim it are known; then Match. Contacts have a Book instead. The zero Set is empty and ready; it is not for
// concurrent use.
type Set struct {
	first  map[ID]int32 // the latest link of an id
	links  []link
	held   []held
	seats  seats            // of held
	twins  map[digest]int32 // the latest held item of a content
	wanted []candidate      // those that wait for Match to pair them
	taken  map[digest]int   // by content: how many of the expected are duplicates
}

// digest is of an item's encoding: equal ones can stand for each other.
type digest [16]byte

type link struct {
	held    int32
	next    int32 // -1 at the end
	primary bool
}

type held struct {
	twin    int32 // an earlier held item of the same content, -1 at the end
	certain bool
	essence Essence
}

type candidate struct {
	ids     []ID
	content digest
	essence Essence
	certain bool
}

// digestOf fails for an item that cannot be stored; it has no twin.
func digestOf(it Item) (digest, bool) {
	b, err := encode(it)
	sum := sha256.Sum256(b)
	return digest(sum[:16]), err == nil
}

// Len is how many items the target holds.
func (s *Set) Len() int { return len(s.held) }

// Add notes one item that the target holds.
func (s *Set) Add(it Item) {
	if s.first == nil {
		s.first, s.twins, s.taken = map[ID]int32{}, map[digest]int32{}, map[digest]int{}
	}
	at := int32(len(s.held))
	h := held{twin: -1, certain: it.certain(), essence: it.Essence()}
	if content, ok := digestOf(it); ok {
		if twin, ok := s.twins[content]; ok {
			h.twin = twin
		}
		s.twins[content] = at
	}
	s.held, s.seats = append(s.held, h), append(s.seats, seat{owner: -1})
	for i, id := range it.IDs() {
		next, ok := s.first[id]
		if !ok {
			next = -1
		}
		s.first[id] = int32(len(s.links))
		s.links = append(s.links, link{held: at, next: next, primary: i == 0})
	}
}

// Expect notes one item that is to be restored. Where the target holds just that, the two are a pair
// for good.
func (s *Set) Expect(it Item) {
	content, ok := digestOf(it)
	if !ok || len(s.held) == 0 {
		return
	}
	if at, ok := s.twins[content]; ok && at >= 0 {
		s.twins[content] = s.held[at].twin
		s.seats[at].spent = true
		s.taken[content]++
		return
	}
	c := candidate{ids: it.IDs(), content: content, essence: it.Essence(), certain: it.certain()}
	for range s.options(c) {
		s.wanted = append(s.wanted, c)
		return
	}
}

// Match says whether the target holds an expected item already: under its primary id or an alias, with
// the same essence, and not as the pair of another.
func (s *Set) Match(it Item) (duplicate bool) {
	s.pair()
	content, ok := digestOf(it)
	if !ok || s.taken[content] == 0 {
		return false
	}
	s.taken[content]--
	return true
}

// pair finds the largest pairing of what has no twin. Whole messages go first: a mere announcement
// takes no held message from one of them.
func (s *Set) pair() {
	slices.SortStableFunc(s.wanted, func(a, b candidate) int {
		switch {
		case a.essence.Announced == b.essence.Announced:
			return 0
		case b.essence.Announced:
			return -1
		}
		return 1
	})
	options := func(at int32) iter.Seq[int32] { return s.options(s.wanted[at]) }
	for i, c := range s.wanted {
		if s.seats.give(int32(i), options) {
			s.taken[c.content]++
		}
	}
	s.wanted = nil
}

// options lists the held items that may be the candidate, those under its primary id first.
func (s *Set) options(c candidate) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i, id := range c.ids {
			at, ok := s.first[id]
			for ok && at >= 0 {
				l := s.links[at]
				at = l.next
				h := &s.held[l.held]
				if s.seats[l.held].spent || c.certain && h.certain && (i > 0 || !l.primary) || !c.essence.Within(h.essence) {
					continue
				}
				if !yield(l.held) {
					return
				}
			}
		}
	}
}
