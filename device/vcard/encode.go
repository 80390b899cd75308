package vcard

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"zapas/device/internal/item"
)

// folder writes content lines, and breaks them at 75 bytes and never within a character (RFC 6350, 3.2).
type folder struct {
	w      *bufio.Writer
	column int
}

const width = 75

func (f *folder) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		take := min(len(b), width-f.column)
		for take > 0 && take < len(b) && !utf8.RuneStart(b[take]) {
			take--
		}
		if take == 0 && f.column <= 1 { // no text: it can be cut anywhere
			take = min(len(b), width-f.column)
		}
		if take == 0 {
			if _, err := f.w.WriteString("\r\n "); err != nil {
				return 0, err
			}
			f.column = 1
			continue
		}
		if _, err := f.w.Write(b[:take]); err != nil {
			return 0, err
		}
		f.column += take
		b = b[take:]
	}
	return n, nil
}

func (f *folder) text(s string) { _, _ = f.Write([]byte(s)) } // the writer keeps its first error

func (f *folder) end() {
	_, _ = f.w.WriteString("\r\n")
	f.column = 0
}

// encoder writes one card.
type encoder struct {
	f    *folder
	old  bool // version 3.0
	c    *item.Contact
	item int // of the last group that was made up
}

// encode writes a contact as a card of the version 3.0 or 4.0.
func encode(w *bufio.Writer, c *item.Contact, version string, open Opener) error {
	e := &encoder{f: &folder{w: w}, old: version == "3.0", c: c}
	e.line("BEGIN:VCARD")
	e.line("VERSION:" + version)
	e.plain("UID", nil, c.UID)
	e.f.text("FN" + params(c.Name.FullParams) + ":" + escape(c.Name.Full))
	e.f.end()
	if len(c.Name.Components) > 0 || e.old {
		e.f.text("N" + params(c.Name.Params) + ":" + structured(c.Name.Components, 5))
		e.f.end()
	}
	e.list("NICKNAME", c.Nicknames)
	e.values()
	e.dates()
	for _, n := range c.Notes {
		e.f.text("NOTE:" + escape(n))
		e.f.end()
	}
	e.list("CATEGORIES", c.Groups)
	if c.Starred {
		e.line("X-ANDROID-STARRED:1")
	}
	for _, l := range c.Lines {
		e.line(l)
	}
	for i, b := range c.Blobs() {
		if err := e.medium(&c.Media[i], b, open); err != nil {
			return err
		}
	}
	e.line("END:VCARD")
	return nil
}

func (e *encoder) line(s string) {
	e.f.text(s)
	e.f.end()
}

func (e *encoder) values() {
	for _, v := range e.c.Organizations {
		s := escape(v.Name)
		for _, u := range v.Units {
			s += ";" + escape(u)
		}
		e.labelled("ORG", &v.Label, nil, s)
	}
	for _, v := range e.c.Titles {
		name := "TITLE"
		if v.Role {
			name = "ROLE"
		}
		e.labelled(name, &v.Label, nil, escape(v.Text))
	}
	for _, v := range e.c.Phones {
		e.labelled("TEL", &v.Label, nil, guard(v.Address.Raw))
	}
	for _, v := range e.c.Emails {
		e.labelled("EMAIL", &v.Label, nil, guard(v.Text))
	}
	for _, v := range e.c.Addresses {
		e.labelled("ADR", &v.Label, nil, structured(v.Components, 7))
	}
	for _, v := range e.c.Online {
		name := "IMPP"
		if v.Service != "" {
			name = v.Service
		}
		e.labelled(name, &v.Label, nil, guard(v.Text))
	}
	for _, v := range e.c.Links {
		e.labelled("URL", &v.Label, nil, guard(v.Text))
	}
	for _, v := range e.c.Relations {
		name, value := "RELATED", escape(v.Text)
		how := []string{"VALUE=text"}
		if v.URI {
			how, value = []string{"VALUE=uri"}, guard(v.Text)
		}
		if e.old {
			if name = "X-ABRELATEDNAMES"; !v.URI {
				how = nil
			}
		}
		e.labelled(name, &v.Label, how, value)
	}
}

func (e *encoder) dates() {
	for _, v := range e.c.Anniversaries {
		name := map[item.Occasion]string{item.Birth: "BDAY", item.Wedding: "ANNIVERSARY", item.Death: "DEATHDATE", item.OtherOccasion: "X-ABDATE"}[v.Occasion]
		if e.old && v.Occasion == item.Wedding {
			name = "X-ANNIVERSARY"
		}
		value, how := escape(v.Date), []string(nil)
		if v.Text {
			how = []string{"VALUE=text"}
		} else if e.old || v.Occasion == item.OtherOccasion {
			value = dashed(v.Date)
		}
		e.labelled(name, &v.Label, how, value)
	}
}

// dashed writes a day in the form of RFC 2426, 3.1.5.
func dashed(date string) string {
	digits, noYear := strings.CutPrefix(date, "--")
	switch {
	case strings.Trim(digits, "0123456789") != "":
	case noYear && len(digits) == 4:
		return "--" + digits[:2] + "-" + digits[2:]
	case !noYear && len(digits) == 8:
		return digits[:4] + "-" + digits[4:6] + "-" + digits[6:]
	}
	return escape(date)
}

// labelled writes a value with what its label says. A label of its user's own stands beside it in its group.
func (e *encoder) labelled(name string, l *item.Label, first []string, value string) {
	group := e.head(name, l, l.Types, first)
	e.f.text(":" + value)
	e.f.end()
	e.ownLabel(group, l)
}

func (e *encoder) ownLabel(group string, l *item.Label) {
	if l.Label != "" {
		e.line(group + "X-ABLabel:" + escape(l.Label))
	}
}

func (e *encoder) head(name string, l *item.Label, types, first []string) (group string) {
	switch {
	case l.Group != "":
		group = l.Group + "."
	case l.Label != "":
		group = e.newGroup() + "."
	}
	all := slices.Clone(first)
	types = slices.Clone(types)
	if l.Pref == 1 && e.old {
		types = append(types, "pref")
	} else if l.Pref > 0 {
		all = append(all, "PREF="+strconv.FormatInt(l.Pref, 10))
	}
	for _, t := range types {
		if strings.ContainsAny(t, ":;, ") {
			t = `"` + t + `"`
		}
		all = append(all, "TYPE="+t)
	}
	e.f.text(group + name + params(append(all, l.Params...)))
	return group
}

// newGroup makes up a group that nothing in the card uses.
func (e *encoder) newGroup() string {
	for {
		e.item++
		name := "item" + strconv.Itoa(e.item)
		used := slices.ContainsFunc(e.c.Lines, func(l string) bool { return strings.HasPrefix(strings.ToLower(l), name+".") })
		if !used && !slices.Contains(groups(e.c), name) {
			return name
		}
	}
}

func (e *encoder) plain(name string, how []string, value string) {
	if value != "" {
		e.line(name + params(how) + ":" + guard(value))
	}
}

func (e *encoder) list(name string, values []string) {
	if len(values) == 0 {
		return
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = escape(v)
	}
	e.line(name + ":" + strings.Join(out, ","))
}

func (e *encoder) medium(m *item.Media, b item.Blob, open Opener) error {
	name := map[item.MediaKind]string{item.Photo: "PHOTO", item.Logo: "LOGO", item.Sound: "SOUND", item.Key: "KEY"}[m.Kind]
	r, err := open(b)
	if err != nil {
		return fmt.Errorf("its %s cannot be had: %w", strings.ToLower(name), err)
	}
	defer r.Close()
	var group string
	if e.old {
		types, how := slices.Clone(m.Types), []string{"ENCODING=b"}
		if slices.ContainsFunc(types, func(t string) bool { return !isPlace(t) }) {
			how = append(how, `MEDIATYPE="`+m.Type+`"`)
		} else if kind, ok := strings.CutPrefix(m.Type, "image/"); ok && m.Kind <= item.Logo {
			types = append(types, strings.ToUpper(kind))
		} else if m.Type != "" {
			types = append(types, m.Type)
		}
		group = e.head(name, &m.Label, types, how)
		e.f.text(":")
	} else {
		group = e.head(name, &m.Label, m.Types, nil)
		e.f.text(":data:" + m.Type + ";base64,")
	}
	sum := sha256.New()
	encoded := base64.NewEncoder(base64.StdEncoding, e.f)
	size, err := io.Copy(encoded, io.TeeReader(r, sum))
	if err == nil {
		err = encoded.Close()
	}
	if err != nil {
		return fmt.Errorf("its %s cannot be copied: %w", strings.ToLower(name), err)
	}
	if size != b.Size || !bytes.Equal(sum.Sum(nil), b.SHA256[:]) {
		return fmt.Errorf("its %s has not the bytes that were promised (SHA-256 %x)", strings.ToLower(name), b.SHA256)
	}
	e.f.end()
	e.ownLabel(group, &m.Label)
	return nil
}

func params(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return ";" + strings.Join(all, ";")
}

// structured writes components in their places, at least so many.
func structured(all []item.Component, least int) string {
	kinds := least
	for _, c := range all {
		kinds = max(kinds, int(c.Kind))
	}
	parts := make([]string, kinds)
	for _, c := range all {
		if parts[c.Kind-1] != "" {
			parts[c.Kind-1] += ","
		}
		parts[c.Kind-1] += escape(c.Text)
	}
	return strings.Join(parts, ";")
}

// escape writes a text (RFC 6350, 3.4).
func escape(s string) string {
	if !strings.ContainsAny(s, "\\\n,;") {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, ",", `\,`, ";", `\;`).Replace(s)
}

// guard writes a value in which commas and semicolons are only themselves, as in a URI or a number.
func guard(s string) string {
	if !strings.ContainsAny(s, "\\\n") {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(s)
}

// groups are those that the card's values name.
func groups(c *item.Contact) (out []string) {
	for _, l := range c.Labels() {
		out = append(out, strings.ToLower(l.Group))
	}
	return out
}
