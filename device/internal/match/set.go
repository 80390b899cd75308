// Package match knows which of the items that are to be restored a target holds already, and what two cards of one person are
// together: the rules of device/internal/item/FORMAT.md, "Identity" and "Contacts in a restore". It does not know where the
// items of either come from, nor what is written of them.
package match

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"iter"
	"slices"
	"sort"

	"zapas/device/internal/item"
)

// Set is what a target already holds. Each item to be restored is paired with at most one held item,
// and each held item with at most one of them, so that after a restore every item is there as often as
// in the richer of the two places: neither the sum nor once. Add comes first, for all that is held;
// then Expect, for all that is to be restored, since whose pair a held item is can only be said when
// all that might claim it are known; then Match. Contacts have a Book instead. The zero Set is empty and ready; it is not for
// concurrent use.
//
// A phone may hold a million items: they are bytes here, in arrays without pointers.
type Set struct {
	held   rows[held]
	links  rows[link] // sorted by id once something is expected, what came last first
	seats  seats      // of held; made with the order
	order  []int32    // held items that can be stored, by content
	used   []int32    // by the place in order where a content begins: how many of it are the pair of their equals
	taken  []int32    // so too: how many of the expected of this content are duplicates
	others map[digest]int
	hidden [2]hidden   // by look
	wanted []candidate // those that wait for Match to pair them
	looked int         // links
}

// hidden are links behind which some seats are hidden, where an id has many, and the link that comes next. What hides them
// does so for ever, or as long as a search goes on.
type hidden struct {
	behind map[int32]int32
	search int32
}

// digest is of an item's encoding: equal ones can stand for each other.
type digest [16]byte

// link is an id of a held item.
type link struct {
	id      item.ID
	held    int32
	primary bool
}

type held struct {
	content  digest
	essence  [16]byte // its Sum
	lasts    int64
	certain  bool
	storable bool // what cannot be stored has no content, and no equal
	announce bool
}

func (h *held) whole() item.Essence {
	return item.Essence{Sum: h.essence, Announced: h.announce, Lasts: h.lasts}
}

type candidate struct {
	ids     []item.ID
	content digest
	essence item.Essence
	certain bool
}

// digestOf fails for an item that cannot be stored; it has no twin.
func digestOf(it item.Item) (digest, bool) {
	b, err := item.Encode(it)
	sum := sha256.Sum256(b)
	return digest(sum[:16]), err == nil
}

// Len is how many items the target holds.
func (s *Set) Len() int { return s.held.Len() }

// Add notes one item that the target holds.
func (s *Set) Add(it item.Item) {
	e := it.Essence()
	h := held{certain: it.Certain(), essence: e.Sum, announce: e.Announced, lasts: e.Lasts}
	h.content, h.storable = digestOf(it)
	at := int32(s.held.Len())
	s.held.add(h)
	for i, id := range it.IDs() {
		s.links.add(link{id: id, held: at, primary: i == 0})
	}
}

// sort makes what was added ready to be asked.
func (s *Set) sort() {
	if s.others != nil {
		return
	}
	s.others, s.seats = map[digest]int{}, seatsFor(s.held.Len())
	s.order = make([]int32, 0, s.held.Len())
	for i := range s.held.Len() {
		if s.held.at(i).storable {
			s.order = append(s.order, int32(i))
		}
	}
	content := func(i int32) []byte { return s.held.at(int(i)).content[:] }
	slices.SortFunc(s.order, func(a, b int32) int { return cmp.Or(bytes.Compare(content(a), content(b)), cmp.Compare(b, a)) })
	s.used, s.taken = make([]int32, len(s.order)), make([]int32, len(s.order))
	s.links.sort(func(a, b *link) bool {
		return cmp.Or(bytes.Compare(a.id[:], b.id[:]), cmp.Compare(b.held, a.held)) < 0
	})
}

// twins are the places in order of the held items of a content.
func (s *Set) twins(content digest) (from, to int) {
	find := func(least int) int {
		return sort.Search(len(s.order), func(i int) bool { return bytes.Compare(s.held.at(int(s.order[i])).content[:], content[:]) >= least })
	}
	return find(0), find(1)
}

// Expect notes one item that is to be restored. Where the target holds just that, the two are a pair
// for good.
func (s *Set) Expect(it item.Item) {
	content, ok := digestOf(it)
	if !ok || s.Len() == 0 {
		return
	}
	s.sort()
	if from, to := s.twins(content); from < to && int(s.used[from]) < to-from {
		s.seats.list[s.order[from+int(s.used[from])]].seen = spent
		s.used[from]++
		s.taken[from]++
		return
	}
	c := candidate{ids: it.IDs(), content: content, essence: it.Essence(), certain: it.Certain()}
	for range s.options(c, unseen) {
		s.wanted = append(s.wanted, c)
		return
	}
}

// Match says whether the target holds an expected item already: under its primary id or an alias, with
// the same essence, and not as the pair of another.
func (s *Set) Match(it item.Item) (duplicate bool) {
	s.pair()
	content, ok := digestOf(it)
	if !ok || s.others == nil {
		return false
	}
	if from, to := s.twins(content); from < to {
		if duplicate = s.taken[from] > 0; duplicate {
			s.taken[from]--
		}
		return duplicate
	}
	if duplicate = s.others[content] > 0; duplicate {
		s.others[content]--
	}
	return duplicate
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
	options := func(at int32, what look) iter.Seq[int32] { return s.options(s.wanted[at], what) }
	for i, c := range s.wanted {
		if !s.seats.give(int32(i), options) {
			continue
		}
		if from, to := s.twins(c.content); from < to {
			s.taken[from]++
		} else {
			s.others[c.content]++
		}
	}
	s.wanted = nil
}

// options lists the held items that may be the candidate, those under its primary id first.
func (s *Set) options(c candidate, what look) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i, id := range c.ids {
			at := s.links.search(func(l *link) bool { return bytes.Compare(l.id[:], id[:]) >= 0 })
			for ; ; at++ {
				at = s.pass(at, id, what)
				if at == s.links.Len() || s.links.at(at).id != id {
					break
				}
				l := s.links.at(at)
				h := s.held.at(int(l.held))
				if c.certain && h.certain && (i > 0 || !l.primary) || !c.essence.Within(h.whole()) {
					continue
				}
				if !yield(l.held) {
					return
				}
			}
		}
	}
}

// pass goes on from a link of an id to the first that is not hidden. The way is remembered, and thousands of equal messages
// are passed at once.
func (s *Set) pass(at int, id item.ID, what look) int {
	past := &s.hidden[what]
	if past.behind == nil || what == unseen && past.search != s.seats.search {
		*past = hidden{map[int32]int32{}, s.seats.search}
	}
	from := at
	for at < s.links.Len() && s.links.at(at).id == id {
		s.looked++
		if to, ok := past.behind[int32(at)]; ok {
			at = int(to)
		} else if s.seats.hides(s.links.at(at).held, what) {
			at++
		} else {
			break
		}
	}
	if at-from > 1 {
		past.behind[int32(from)] = int32(at)
	}
	return at
}
