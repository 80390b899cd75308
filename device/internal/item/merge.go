package item

import (
	"reflect"
	"slices"
	"strings"
)

// Merge gives what there is in either of two cards of one person, and reports whether that is more than held. It
// takes nothing away but a smaller photo: where both say something of which a card has but one, held stays right, and
// another name becomes a nickname. Merging the same again changes nothing, whatever else was merged in between.
func Merge(held, more *Contact) (merged *Contact, changed bool) {
	m := *held
	if m.UID == "" {
		m.UID = more.UID
	}
	m.mergeName(more)
	m.Nicknames = union(m.Nicknames, more.Nicknames, fold)
	m.Organizations = union(m.Organizations, more.Organizations, Organization.key)
	m.Titles = union(m.Titles, more.Titles, Title.key)
	m.Phones = union(m.Phones, more.Phones, Phone.key)
	m.Emails = union(m.Emails, more.Emails, Value.key)
	m.Addresses = union(m.Addresses, more.Addresses, Postal.key)
	m.Online = union(m.Online, more.Online, Online.key)
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

// By their keys two values are one.

func (v Organization) key() string { return fold(v.Name + "\x00" + strings.Join(v.Units, "\x00")) }
func (v Title) key() string        { return fold(v.Text) }
func (v Phone) key() string        { return v.Address.Key() }
func (v Value) key() string        { return fold(v.Text) }
func (v Online) key() string       { return v.Service + "\x00" + fold(v.Text) }
func (v Postal) key() string {
	var b strings.Builder
	for _, c := range v.Components {
		b.WriteString(c.Text + " ")
	}
	return fold(b.String())
}

func (c *Contact) mergeName(more *Contact) {
	name, other := fold(c.FullName()), more.FullName()
	switch {
	case name == "" && (fold(other) != "" || reflect.DeepEqual(c.Name, Name{})):
		c.Name = more.Name
	case fold(other) == name:
		if len(c.Name.Components) == 0 && len(more.Name.Components) > 0 {
			c.Name.Components, c.Name.Params = more.Name.Components, more.Name.Params
		}
	case fold(other) != "":
		c.Nicknames = union(c.Nicknames, []string{other}, fold)
	}
}

// mergeNotes writes another note under the one there is.
func (c *Contact) mergeNotes(more *Contact) {
	for _, n := range more.Notes {
		text := strings.TrimSpace(n)
		if text == "" || slices.ContainsFunc(c.Notes, func(have string) bool { return strings.Contains(have, text) }) {
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
	name := func(line string) string { return strings.ToUpper(line[:strings.IndexAny(line, ":;")]) }
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
		case n == "N": // a card's second one, which would be the first where there is none
		case have[n] && slices.Contains([]string{"REV", "KIND", "GENDER", "SORT-STRING", "CLASS", "PRODID"}, n):
		default:
			add = append(add, l)
		}
	}
	c.Lines = union(c.Lines, add, func(l string) string { return l[strings.Index(l[:strings.IndexAny(l, ":;")], ".")+1:] })
}
