package item

import (
	"reflect"
	"slices"
	"strings"
)

// Likeness is how sure it is that two contacts are one.
type Likeness byte

// The likenesses.
const (
	Unlike    Likeness = iota
	Alike              // the same name, numbers, addresses and organization
	Identical          // the same UID
)

// Book is the contacts that a target already holds. The zero Book is empty and ready.
type Book struct {
	size  int
	uids  map[string]int
	ids   map[ID]int
	names map[string][]string // by telephone number and e-mail address: the folded words of names
}

// Add notes one contact that the target holds.
func (b *Book) Add(c *Contact) {
	if b.uids == nil {
		b.uids, b.ids, b.names = map[string]int{}, map[ID]int{}, map[string][]string{}
	}
	at := b.size
	b.size++
	if uid := c.uid(); uid != "" {
		if _, ok := b.uids[uid]; !ok {
			b.uids[uid] = at
		}
	}
	for _, id := range c.IDs() {
		if _, ok := b.ids[id]; !ok {
			b.ids[id] = at
		}
	}
	for _, key := range c.reach() {
		b.names[key] = append(b.names[key], fold(c.FullName()))
	}
}

// Match finds the contact that the target holds of c, by its number in the order of Add.
func (b *Book) Match(c *Contact) (at int, how Likeness) {
	if at, ok := b.uids[c.uid()]; ok {
		return at, Identical
	}
	for _, id := range c.IDs() {
		if at, ok := b.ids[id]; ok {
			return at, Alike
		}
	}
	return 0, Unlike
}

// Near reports whether a contact that matches none may still be one of them: they share a number or an e-mail
// address, and one's name is a part of the other's.
func (b *Book) Near(c *Contact) bool {
	words := strings.Fields(fold(c.FullName()))
	for _, key := range c.reach() {
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
func (c *Contact) reach() (keys []string) {
	for _, p := range c.Phones {
		if p.Address.Kind == Subscriber {
			keys = append(keys, p.Address.Value)
		}
	}
	for _, e := range c.Emails {
		keys = append(keys, fold(e.Text))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Merge gives what there is in either of two cards of one person, and reports whether that is more than held. It
// takes nothing away but a smaller photo: where both say something of which a card has but one, held stays right, and
// another name becomes a nickname. Merging the same again changes nothing.
func Merge(held, more *Contact) (merged *Contact, changed bool) {
	m := *held
	if m.UID == "" {
		m.UID = more.UID
	}
	m.mergeName(more)
	m.Nicknames = union(m.Nicknames, more.Nicknames, fold)
	m.Organizations = union(m.Organizations, more.Organizations, func(v Organization) string { return fold(v.Name + "\x00" + strings.Join(v.Units, "\x00")) })
	m.Titles = union(m.Titles, more.Titles, func(v Title) string { return fold(v.Text) })
	m.Phones = union(m.Phones, more.Phones, func(v Phone) string { return v.Address.Key() })
	m.Emails = union(m.Emails, more.Emails, func(v Value) string { return fold(v.Text) })
	m.Addresses = union(m.Addresses, more.Addresses, func(v Postal) string { return postal(v) })
	m.Online = union(m.Online, more.Online, func(v Online) string { return v.Service + "\x00" + fold(v.Text) })
	m.Links = union(m.Links, more.Links, func(v Value) string { return strings.TrimSpace(v.Text) })
	m.Anniversaries = union(m.Anniversaries, more.Anniversaries, func(v Anniversary) string { return string('0'+rune(v.Occasion)) + fold(v.Date) })
	m.Relations = union(m.Relations, more.Relations, func(v Relation) string { return fold(v.Text) })
	m.Groups = union(m.Groups, more.Groups, fold)
	m.Starred = m.Starred || more.Starred
	m.mergeNotes(more)
	m.mergeMedia(more)
	m.mergeLines(more)
	return &m, !reflect.DeepEqual(&m, held)
}

// union adds what more has and some has not. Values that come over lose their group, whose name may mean something
// else in the other card.
func union[T any](some, more []T, key func(T) string) []T {
	out := slices.Clip(some)
	have := map[string]bool{}
	for _, v := range some {
		have[key(v)] = true
	}
	for _, v := range more {
		k := key(v)
		if have[k] {
			continue
		}
		have[k] = true
		if l, ok := any(&v).(interface{ ungroup() }); ok {
			l.ungroup()
		}
		out = append(out, v)
	}
	return out
}

func (l *Label) ungroup() { l.Group = "" }

func postal(v Postal) string {
	var b strings.Builder
	for _, c := range v.Components {
		b.WriteString(c.Text + " ")
	}
	return fold(b.String())
}

func (c *Contact) mergeName(more *Contact) {
	name, other := fold(c.FullName()), more.FullName()
	switch {
	case name == "":
		c.Name = more.Name
	case fold(other) == name:
		if len(c.Name.Components) == 0 {
			c.Name.Components, c.Name.Params = more.Name.Components, more.Name.Params
		}
	case strings.TrimSpace(other) != "":
		c.Nicknames = union(c.Nicknames, []string{other}, fold)
	}
}

// mergeNotes writes another note under the one there is.
func (c *Contact) mergeNotes(more *Contact) {
	for _, n := range more.Notes {
		text := strings.TrimSpace(n)
		if slices.ContainsFunc(c.Notes, func(have string) bool { return strings.Contains(have, text) }) {
			continue
		}
		if len(c.Notes) == 0 {
			c.Notes = []string{n}
			continue
		}
		c.Notes = slices.Clone(c.Notes)
		c.Notes[0] += "\n\n" + text
	}
}

// mergeMedia takes the larger photo, and all else that is not there yet.
func (c *Contact) mergeMedia(more *Contact) {
	photo := func(m Media) bool { return m.Kind == Photo }
	media := more.Media
	if at := slices.IndexFunc(c.Media, photo); at >= 0 {
		if best := largest(media); best.Blob.Size > largest(c.Media).Blob.Size {
			best.Group = ""
			c.Media = slices.Clone(c.Media)
			c.Media[at] = best
		}
		media = slices.DeleteFunc(slices.Clone(media), photo)
	}
	c.Media = union(c.Media, media, func(m Media) string { return string(rune(m.Kind)) + string(m.Blob.SHA256[:]) })
}

// largest is the photo of most bytes.
func largest(media []Media) (best Media) {
	for _, m := range media {
		if m.Kind == Photo && m.Blob.Size > best.Blob.Size {
			best = m
		}
	}
	return best
}

// mergeLines takes over the properties of which a card may have several, or which it has not.
func (c *Contact) mergeLines(more *Contact) {
	name := func(line string) string {
		n := line[:strings.IndexAny(line, ":;")]
		return strings.ToUpper(n)
	}
	have := map[string]bool{}
	for _, l := range c.Lines {
		have[name(l)] = true
	}
	groups := map[string]bool{}
	for _, l := range more.Labels() {
		groups[l.Group] = true
	}
	var add []string
	for _, l := range more.Lines {
		if group, rest, ok := strings.Cut(l, "."); ok && strings.Contains(name(l), ".") {
			if groups[group] {
				continue // it speaks of a value of the other card
			}
			l = rest
		}
		switch n := name(l); {
		case have[n] && slices.Contains([]string{"REV", "KIND", "GENDER", "SORT-STRING", "CLASS", "PRODID"}, n):
		default:
			add = append(add, l)
		}
	}
	c.Lines = union(c.Lines, add, func(l string) string { return l[strings.Index(name(l), ".")+1:] })
}
