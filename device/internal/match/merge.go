package match

import (
	"reflect"
	"slices"
	"strings"

	"zapas/device/internal/item"
)

// Merge gives what there is in either of two cards of one person, and reports whether that is more than held. It
// takes nothing away but a smaller photo: where both say something of which a card has but one, held stays right, and
// another name becomes a nickname. Merging the same again changes nothing, whatever else was merged in between.
func Merge(held, more *item.Contact) (merged *item.Contact, changed bool) {
	m := *held
	if m.UID == "" {
		m.UID = more.UID
	}
	mergeName(&m, more)
	m.Nicknames = union(m.Nicknames, more.Nicknames, item.Fold)
	m.Organizations = union(m.Organizations, more.Organizations, organizationKey)
	m.Titles = union(m.Titles, more.Titles, func(v item.Title) string { return item.Fold(v.Text) })
	m.Phones = union(m.Phones, more.Phones, phoneKey)
	m.Emails = union(m.Emails, more.Emails, emailKey)
	m.Addresses = union(m.Addresses, more.Addresses, postalKey)
	m.Online = union(m.Online, more.Online, onlineKey)
	m.Links = union(m.Links, more.Links, func(v item.Value) string { return strings.TrimSpace(v.Text) })
	m.Anniversaries = union(m.Anniversaries, more.Anniversaries, func(v item.Anniversary) string { return string('0'+rune(v.Occasion)) + item.Fold(v.Date) })
	m.Relations = union(m.Relations, more.Relations, func(v item.Relation) string { return item.Fold(v.Text) })
	m.Groups = union(m.Groups, more.Groups, item.Fold)
	m.Starred = m.Starred || more.Starred
	mergeNotes(&m, more)
	mergeMedia(&m, more)
	mergeLines(&m, more)
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
		if l, ok := any(&v).(interface{ Ungroup() }); ok {
			l.Ungroup()
		}
		out = append(out, v)
	}
	return out
}

// By their keys two values are one.

func organizationKey(v item.Organization) string {
	return item.Fold(v.Name + "\x00" + strings.Join(v.Units, "\x00"))
}
func phoneKey(v item.Phone) string   { return v.Address.Key() }
func emailKey(v item.Value) string   { return item.Fold(v.Text) }
func onlineKey(v item.Online) string { return v.Service + "\x00" + item.Fold(v.Text) }
func postalKey(v item.Postal) string {
	var b strings.Builder
	for _, c := range v.Components {
		b.WriteString(c.Text + " ")
	}
	return item.Fold(b.String())
}

func mergeName(c, more *item.Contact) {
	name, other := item.Fold(c.FullName()), more.FullName()
	switch {
	case name == "" && (item.Fold(other) != "" || reflect.DeepEqual(c.Name, item.Name{})):
		c.Name = more.Name
	case item.Fold(other) == name:
		if len(c.Name.Components) == 0 && len(more.Name.Components) > 0 {
			c.Name.Components, c.Name.Params = more.Name.Components, more.Name.Params
		}
	case item.Fold(other) != "":
		c.Nicknames = union(c.Nicknames, []string{other}, item.Fold)
	}
}

// mergeNotes writes another note under the one there is.
func mergeNotes(c, more *item.Contact) {
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
func mergeMedia(c, more *item.Contact) {
	photo := func(m item.Media) bool { return m.Kind == item.Photo }
	media := more.Media
	if at := slices.IndexFunc(c.Media, photo); at >= 0 {
		if best := largest(media); best.Blob.Size > largest(c.Media).Blob.Size {
			best.Group = ""
			c.Media = slices.Clone(c.Media)
			c.Media[at] = best
		}
		media = slices.DeleteFunc(slices.Clone(media), photo)
	}
	c.Media = union(c.Media, media, func(m item.Media) string { return string(rune(m.Kind)) + string(m.Blob.SHA256[:]) })
}

// largest is the photo of most bytes.
func largest(media []item.Media) (best item.Media) {
	for _, m := range media {
		if m.Kind == item.Photo && m.Blob.Size > best.Blob.Size {
			best = m
		}
	}
	return best
}

// mergeLines takes over the properties of which a card may have several, or which it has not.
func mergeLines(c, more *item.Contact) {
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
