package match

import (
	"bytes"
	"hash/fnv"
	"iter"
	"slices"
	"strings"

	"zapas/device/internal/item"
)

// Likeness is what a contact that is to be restored is to one that the target holds.
type Likeness byte

// The likenesses.
const (
	Unlike    Likeness = iota
	Alike              // they are one person: what it has more is to be merged
	Contained          // they are one person, and all that it has is there
)

// Book is the contacts that a target already holds, as a Set is for all other items: Add comes first, for all that is
// held; then Expect, for all that is to be restored; then Match. The zero Book is empty and ready; it is not for
// concurrent use.
//
// What is decided depends on what was held before the restore, and not on the order of what comes. Of what a restore has
// brought, each contact is contained in one of its own, since Merge never takes away; and as many as can be are paired
// with such first. So nothing is left for a second restore to do, whatever else was restored in between (but perhaps in a
// book of more than maxCompared that are hardly to be told apart).
type Book struct {
	uids  map[string]bool
	names map[string][]string // by telephone number and e-mail address: the folded words of names

	held     []*item.Contact
	seats    seats
	twins    map[digest][]int32 // by content: held contacts that are nobody's yet
	wanted   []wanting
	index    map[uint64][]int32 // by mark: held contacts
	edges    map[int32][]int32  // by number in wanted: those in which it is contained
	answers  map[digest][]answer
	compared int // pairs of contacts
}

// wanting is a contact that is to be restored. Where its twin is held, it is that one.
type wanting struct {
	*item.Contact
	content digest
}

type answer struct {
	at  int32
	how Likeness
}

// maxCompared is with how many held contacts one is compared at most: those that share its rarest mark. More than a few
// are alike in all but notes and photos only in a book that was made to be slow.
const maxCompared = 64

// Len is how many contacts the target holds.
func (b *Book) Len() int { return len(b.seats.list) }

// Add notes one contact that the target holds.
func (b *Book) Add(c *item.Contact) {
	if b.uids == nil {
		b.uids, b.names, b.twins = map[string]bool{}, map[string][]string{}, map[digest][]int32{}
	}
	if content, ok := digestOf(c); ok {
		b.twins[content] = append(b.twins[content], int32(len(b.held)))
	}
	b.held, b.seats.list = append(b.held, c), append(b.seats.list, seat{owner: -1})
	b.uids[c.UIDKey()] = true
	name := item.Fold(c.FullName())
	for _, key := range reach(c) {
		if names := b.names[key]; len(names) < maxCompared && !slices.Contains(names, name) {
			b.names[key] = append(names, name)
		}
	}
}

// Expect notes one contact that is to be restored.
func (b *Book) Expect(c *item.Contact) {
	content, ok := digestOf(c)
	if !ok || len(b.held) == 0 {
		return
	}
	if twins := b.twins[content]; len(twins) > 0 {
		b.seats.list[twins[0]].owner = int32(len(b.wanted))
		b.twins[content], c = twins[1:], b.held[twins[0]]
	}
	b.wanted = append(b.wanted, wanting{c, content})
}

// Match says which held contact an expected one is, by its number in the order of Add. Each is so at most once.
func (b *Book) Match(c *item.Contact) (at int, how Likeness) {
	b.pair()
	content, _ := digestOf(c)
	answers := b.answers[content]
	if len(answers) == 0 {
		return 0, Unlike
	}
	b.answers[content] = answers[1:]
	return int(answers[0].at), answers[0].how
}

// pair decides for all. What has its twin there keeps a place, and may be moved to another in which it is contained.
func (b *Book) pair() {
	if b.wanted == nil {
		return
	}
	b.seats.search = 1
	placed := make([]bool, len(b.wanted))
	for _, s := range b.seats.list {
		if s.owner >= 0 {
			placed[s.owner] = true
		}
	}
	var rest []int32
	for i := range b.wanted {
		if !placed[i] {
			rest = append(rest, int32(i))
		}
	}
	slices.SortFunc(rest, func(x, y int32) int { return bytes.Compare(b.wanted[x].content[:], b.wanted[y].content[:]) })
	if len(rest) > 0 {
		b.index, b.edges = map[uint64][]int32{}, map[int32][]int32{}
		for at, c := range b.held {
			for m := range marks(c, true) {
				b.index[m] = append(b.index[m], int32(at))
			}
		}
		rest = slices.DeleteFunc(rest, func(i int32) bool { return b.seats.give(i, b.options) })
	}
	b.answers = map[digest][]answer{}
	for at, s := range b.seats.list {
		if s.owner >= 0 {
			b.answer(s.owner, int32(at), Contained)
		}
	}
	for _, keys := range ties {
		rest = b.tie(rest, keys)
	}
	b.held, b.wanted, b.twins, b.index, b.edges = nil, nil, nil, nil, nil
}

func (b *Book) answer(wanted, at int32, how Likeness) {
	content := b.wanted[wanted].content
	b.answers[content] = append(b.answers[content], answer{at, how})
}

// options lists the held contacts in which a wanted one is contained.
func (b *Book) options(wanted int32, what look) iter.Seq[int32] {
	edges, ok := b.edges[wanted]
	if !ok {
		c := b.wanted[wanted].Contact
		var rarest []int32
		first := true
		for m := range marks(c, false) {
			if at := b.index[m]; first || len(at) < len(rarest) {
				rarest, first = at, false
			}
		}
		for _, at := range rarest[:min(len(rarest), maxCompared)] {
			b.compared++
			if containedIn(c, b.held[at]) {
				edges = append(edges, at)
			}
		}
		b.edges[wanted] = edges
	}
	return func(yield func(int32) bool) {
		for _, at := range edges {
			if !b.seats.hides(at, what) && !yield(at) {
				return
			}
		}
	}
}

// containedIn reports whether two contacts are one person's and held has all that c has. It stays so whatever is merged
// into held. A contact that has neither a UID nor an address, with which nothing is merged, is in its equals alone.
func containedIn(c, held *item.Contact) bool {
	if _, more := Merge(held, c); more {
		return false
	}
	if addressed(c) || c.UIDKey() != "" {
		return addressed(c) || c.UIDKey() == held.UIDKey()
	}
	_, less := Merge(c, held)
	return !less
}

func addressed(c *item.Contact) bool { return len(c.Phones)+len(c.Emails) > 0 }

// marks are what a held contact has in common with each that is contained in it, as hashes: one that is sought has some
// of them, and is in none that lacks one.
func marks(c *item.Contact, held bool) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		seen := map[uint64]bool{}
		mark := func(field, key string) bool {
			h := fnv.New64a()
			_, _ = h.Write([]byte(field + key)) // it never fails
			m := h.Sum64()
			if seen[m] {
				return true
			}
			seen[m] = true
			return yield(m)
		}
		ok := true
		if uid := c.UIDKey(); uid != "" && (held || !addressed(c)) {
			ok = mark("uid ", uid)
		}
		if !addressed(c) && c.UIDKey() == "" {
			ok = ok && mark("alone ", item.Fold(c.FullName()+"\x00"+strings.Join(c.Notes, "\x00")))
		}
		if name := item.Fold(c.FullName()); name != "" {
			ok = ok && mark("name ", name)
		}
		for _, n := range c.Nicknames {
			ok = ok && mark("name ", item.Fold(n))
		}
		for _, v := range c.Phones {
			ok = ok && mark("phone ", phoneKey(v))
		}
		for _, v := range c.Emails {
			ok = ok && mark("email ", emailKey(v))
		}
		for _, v := range c.Organizations {
			ok = ok && mark("organization ", organizationKey(v))
		}
		for _, v := range c.Addresses {
			ok = ok && mark("address ", postalKey(v))
		}
		for _, v := range c.Online {
			ok = ok && mark("online ", onlineKey(v))
		}
	}
}

// ties are by what two contacts that are not contained in each other are one person, the surest first. One UID alone does
// not do: two apps may both have counted from 1.
var ties = []func(c *item.Contact) []string{
	func(c *item.Contact) []string { return shared(c, crossed(called(c), reached(c))) },
	func(c *item.Contact) []string { return shared(c, reached(c)) },
	func(c *item.Contact) []string { return shared(c, called(c)) },
	func(c *item.Contact) []string {
		if print := c.Fingerprint(); print != "" {
			return []string{print}
		}
		return nil
	},
}

func crossed(names, addresses []string) (out []string) {
	for _, n := range names {
		for _, a := range addresses {
			out = append(out, n+"\x00"+a)
		}
	}
	return out
}

// shared are keys for those of one UID.
func shared(c *item.Contact, keys []string) (out []string) {
	uid := c.UIDKey()
	if uid == "" {
		return nil
	}
	for _, k := range keys {
		out = append(out, uid+"\x00"+k)
	}
	return out
}

// called are the contact's names, whatever the order of their words.
func called(c *item.Contact) (names []string) {
	for _, n := range append([]string{c.FullName()}, c.Nicknames...) {
		words := strings.Fields(item.Fold(n))
		slices.Sort(words)
		if len(words) > 0 {
			names = append(names, "n:"+strings.Join(words, " "))
		}
	}
	return names
}

// reached are the addresses that say something of whom they reach.
func reached(c *item.Contact) (addresses []string) {
	for _, p := range c.Phones {
		if p.Address.Kind != item.Hidden && strings.TrimSpace(p.Address.Raw) != "" {
			addresses = append(addresses, "t:"+phoneKey(p))
		}
	}
	for _, e := range c.Emails {
		if emailKey(e) != "" {
			addresses = append(addresses, "e:"+emailKey(e))
		}
	}
	return addresses
}

// tie pairs those of the rest that have a key in common with a held contact that is free, and gives back the others.
func (b *Book) tie(rest []int32, keys func(c *item.Contact) []string) []int32 {
	if len(rest) == 0 {
		return nil
	}
	free := map[string][]int32{}
	for at, c := range b.held {
		if b.seats.list[at].owner < 0 {
			for _, k := range keys(c) {
				free[k] = append(free[k], int32(at))
			}
		}
	}
	return slices.DeleteFunc(rest, func(i int32) bool {
		for _, k := range keys(b.wanted[i].Contact) {
			at := free[k]
			for len(at) > 0 && b.seats.list[at[0]].owner >= 0 {
				at = at[1:]
			}
			free[k] = at
			if len(at) > 0 {
				b.seats.list[at[0]].owner = i
				b.answer(i, at[0], Alike)
				return true
			}
		}
		return false
	})
}

// Near reports whether a contact that matches none may still be one of them: they share a UID, or a number or an e-mail
// address and one's name is a part of the other's.
func (b *Book) Near(c *item.Contact) bool {
	if uid := c.UIDKey(); uid != "" && b.uids[uid] {
		return true
	}
	words := strings.Fields(item.Fold(c.FullName()))
	for _, key := range reach(c) {
		for _, name := range b.names[key] {
			if other := strings.Fields(name); within(words, other) || within(other, words) {
				return true
			}
		}
	}
	return false
}

func within(some, all []string) bool {
	return !slices.ContainsFunc(some, func(w string) bool { return !slices.Contains(all, w) })
}

// reach is by what the contact can be reached: subscribers' numbers and e-mail addresses.
func reach(c *item.Contact) (keys []string) {
	for _, p := range c.Phones {
		if p.Address.Kind == item.Subscriber {
			keys = append(keys, p.Address.Value)
		}
	}
	for _, e := range c.Emails {
		keys = append(keys, item.Fold(e.Text))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
