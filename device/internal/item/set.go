package item

import (
	"bytes"
	"cmp"
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

// Set is what a target already holds. Match pairs the items to be restored with it, each held item
// with at most one of them, so that after a restore every item is there as often as in the richer of
// the two places: neither the sum nor once. The zero Set is empty and ready; it is not for
// concurrent use, and Add comes before the first Match.
type Set struct {
	first   map[ID]int32 // the latest link of an id
	links   []link
	held    []held
	matched []candidate
}

type link struct {
	held    int32
	next    int32 // -1 at the end
	primary bool
}

type held struct {
	owner   int32 // index into matched, -1 while free
	certain bool
	spent   bool // no other pairing can ever free it
}

type candidate struct {
	ids     []ID
	certain bool
}

// Add notes one item that the target holds.
func (s *Set) Add(it Item) {
	if s.first == nil {
		s.first = make(map[ID]int32)
	}
	at := int32(len(s.held))
	s.held = append(s.held, held{owner: -1, certain: it.certain()})
	for i, id := range it.IDs() {
		next, ok := s.first[id]
		if !ok {
			next = -1
		}
		s.first[id] = int32(len(s.links))
		s.links = append(s.links, link{held: at, next: next, primary: i == 0})
	}
}

// Match says whether the target holds the item, under its primary id or an alias, and not yet as the
// pair of another. An answer is final, and the pairing is the largest there is: where a held item is
// taken but its owner has another to go to, the owner goes.
func (s *Set) Match(it Item) (duplicate bool) {
	c := candidate{ids: it.IDs(), certain: it.certain()}
	at := int32(len(s.matched))
	for h := range s.options(c) {
		if s.held[h].owner < 0 {
			s.held[h].owner = at
			s.matched = append(s.matched, c)
			return true
		}
	}
	s.matched = append(s.matched, c)
	visited := map[int32]bool{}
	if s.displace(at, visited) {
		return true
	}
	// What a failed search has seen stays taken for ever, whatever comes (König), so the next
	// search need not look there again.
	for h := range visited {
		s.held[h].spent = true
	}
	s.matched = s.matched[:at]
	return false
}

// displace finds the candidate a held item, moving the owners of held items where needed.
func (s *Set) displace(at int32, visited map[int32]bool) bool {
	for h := range s.options(s.matched[at]) {
		if visited[h] {
			continue
		}
		visited[h] = true
		if owner := s.held[h].owner; owner < 0 || s.displace(owner, visited) {
			s.held[h].owner = at
			return true
		}
	}
	return false
}

// options lists the held items that may be the candidate, those under its primary id first.
func (s *Set) options(c candidate) func(yield func(int32) bool) {
	return func(yield func(int32) bool) {
		for i, id := range c.ids {
			at, ok := s.first[id]
			for ok && at >= 0 {
				l := s.links[at]
				at = l.next
				h := s.held[l.held]
				if h.spent || c.certain && h.certain && (i > 0 || !l.primary) {
					continue
				}
				if !yield(l.held) {
					return
				}
			}
		}
	}
}
