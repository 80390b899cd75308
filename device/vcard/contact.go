package vcard

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"zapas/device/internal/item"
)

// assembly makes a contact of a card's properties.
type assembly struct {
	r      *reader
	c      *item.Contact
	groups map[string]*group
}

// group is the properties that share a group's name.
type group struct {
	values, labels, others int
	label                  string
}

// labelled are the properties whose values have an item.Label, and may so have a label of their user's own.
func labelled(name string) bool {
	switch name {
	case "ORG", "TITLE", "ROLE", "TEL", "EMAIL", "ADR", "URL", "IMPP", "BDAY", "ANNIVERSARY", "X-ANNIVERSARY", "DEATHDATE", "X-ABDATE",
		"RELATED", "X-ABRELATEDNAMES":
		return true
	}
	return isService(name)
}

// isService knows the properties that stood for accounts before IMPP did, and those that came after.
func isService(name string) bool {
	switch name {
	case "SOCIALPROFILE", "X-SOCIALPROFILE", "X-SIP", "X-AIM", "X-MSN", "X-YAHOO", "X-SKYPE", "X-SKYPE-USERNAME", "X-JABBER", "X-ICQ", "X-GOOGLE-TALK", "X-QQ":
		return true
	}
	return false
}

func (r *reader) contact(b *body) *item.Contact {
	a := &assembly{r: r, c: &item.Contact{}, groups: map[string]*group{}}
	for i := range b.properties {
		p := &b.properties[i]
		a.count(p, fits(p, strings.ToUpper(p.name)))
	}
	for i := range b.media {
		a.count(&b.media[i].property, true)
	}
	for i := range b.properties {
		p := &b.properties[i]
		if !p.blank() && !a.take(p, strings.ToUpper(p.name)) {
			a.keep(p)
		}
	}
	for i := range b.media {
		a.medium(&b.media[i])
	}
	if a.c.Name.Full == "" {
		a.c.Name.Full = a.fullName()
	}
	return a.c
}

func (a *assembly) count(p *property, value bool) {
	name := strings.ToUpper(p.name)
	if p.group == "" || alone(name) || !value && p.blank() {
		return
	}
	g := a.groups[p.group]
	if g == nil {
		g = &group{}
		a.groups[p.group] = g
	}
	switch {
	case value:
		g.values++
	case name == "X-ABLABEL":
		g.labels++
		g.label = unescape(p.value)
	default:
		g.others++
	}
}

// blank says that there is nothing in a property.
func (p *property) blank() bool {
	empty := ""
	switch strings.ToUpper(p.name) {
	case "N", "ADR":
		empty = ";,"
	case "ORG":
		empty = ";"
	case "TEL":
		return strings.TrimSpace(strings.TrimPrefix(p.value, "tel:")) == ""
	}
	return strings.IndexFunc(p.value, func(r rune) bool { return !unicode.IsSpace(r) && !strings.ContainsRune(empty, r) }) < 0
}

// alone are the properties of which a group says nothing.
func alone(name string) bool {
	return slices.Contains([]string{"FN", "N", "UID", "NICKNAME", "CATEGORIES", "NOTE", "X-ANDROID-STARRED", "PRODID"}, name)
}

// fits says whether a property has a labelled field that can hold it.
func fits(p *property, name string) bool {
	if !labelled(name) || p.blank() || p.get("ENCODING") != "" {
		return false
	}
	_, ok := components(p.value)
	return ok || name != "ADR"
}

// owned says that the label of a group is of one value alone.
func (g *group) owned() bool { return g.values == 1 && g.labels == 1 && g.label != "" }

// fullName is for a card without FN, which every card must have.
func (a *assembly) fullName() string {
	c := a.c
	switch {
	case c.FullName() != "":
		return c.FullName()
	case len(c.Organizations) > 0:
		return c.Organizations[0].Name
	case len(c.Nicknames) > 0:
		return c.Nicknames[0]
	case len(c.Emails) > 0:
		return c.Emails[0].Text
	case len(c.Phones) > 0:
		return c.Phones[0].Address.Raw
	}
	return ""
}

// keep keeps a property for which there is no field.
func (a *assembly) keep(p *property) {
	g := a.groups[p.group]
	if p.is("X-ABLABEL") && g != nil && g.owned() || p.is("PRODID") { // which names the program that exported
		return
	}
	var b strings.Builder
	if g != nil && g.values+g.labels+g.others > 1 && !alone(strings.ToUpper(p.name)) {
		b.WriteString(p.group + ".")
	}
	b.WriteString(p.name)
	value := p.value
	for _, q := range p.params {
		if q.isBase64() {
			if value == p.value {
				value = "data:application/octet-stream;base64," + value // 4.0 has no ENCODING
			}
			continue
		}
		b.WriteString(";" + q.written())
	}
	// A carriage return can stand for itself in a value; in a kept line it would end it.
	line := b.String() + ":" + value
	a.c.Lines = append(a.c.Lines, strings.NewReplacer("\r", "", "\n", `\n`).Replace(line))
}

func (q param) written() string {
	if q.name == "" {
		return q.value
	}
	return q.name + "=" + q.value
}

// params are the parameters of a property that has no item.Label.
func (p *property) rest() (out []string) {
	for _, q := range p.params {
		if q.name != "VALUE" {
			out = append(out, q.written())
		}
	}
	return out
}

// label reads a property's parameters, but for those that except names.
func (a *assembly) label(p *property, except ...string) (l item.Label) {
	for _, q := range p.params {
		switch {
		case slices.Contains(except, q.name):
		case q.name == "VALUE":
		case q.name == "TYPE", q.name == "":
			for t := range strings.SplitSeq(strings.ToLower(strings.ReplaceAll(q.value, `"`, "")), ",") {
				if t = strings.TrimSpace(t); t == "pref" {
					l.Pref = 1
				} else if t != "" {
					l.Types = append(l.Types, t)
				}
			}
		case q.name == "PREF":
			if n, err := strconv.Atoi(strings.Trim(q.value, `"`)); err == nil && n >= 1 && n <= 100 {
				l.Pref = int64(n)
			}
		default:
			l.Params = append(l.Params, q.written())
		}
	}
	slices.Sort(l.Types)
	l.Types = slices.Compact(l.Types)
	g := a.groups[p.group]
	if g == nil {
		return l
	}
	own := g.owned()
	if own {
		l.Label = g.label
	}
	if g.others > 0 || g.values > 1 || !own && g.labels > 0 {
		l.Group = p.group
	}
	return l
}

// take takes a property into its field, if there is one that can hold all of it.
func (a *assembly) take(p *property, name string) bool {
	c := a.c
	plain := func() bool { return len(p.rest()) == 0 }
	switch name {
	case "FN":
		if c.Name.Full != "" {
			return false
		}
		c.Name.Full, c.Name.FullParams = unescape(p.value), p.rest()
	case "N":
		parts, ok := components(p.value)
		if !ok || len(c.Name.Components) > 0 {
			return false
		}
		c.Name.Components, c.Name.Params = parts, p.rest()
	case "UID":
		if c.UID != "" || !plain() {
			return false
		}
		c.UID = unescape(p.value)
	case "NICKNAME", "CATEGORIES":
		if !plain() {
			return false
		}
		list := &c.Nicknames
		if name == "CATEGORIES" {
			list = &c.Groups
		}
		for _, v := range split(p.value, ',') {
			if v = unescape(v); v != "" && !slices.Contains(*list, v) {
				*list = append(*list, v)
			}
		}
	case "NOTE":
		if !plain() {
			return false
		}
		c.Notes = append(c.Notes, unescape(p.value))
	case "X-ANDROID-STARRED":
		if strings.TrimSpace(p.value) != "1" || !plain() {
			return false
		}
		c.Starred = true
	default:
		return fits(p, name) && a.takeLabelled(p, name)
	}
	return true
}

func (a *assembly) takeLabelled(p *property, name string) bool {
	c, value := a.c, unescape(p.value)
	switch name {
	case "ORG":
		parts := split(p.value, ';')
		o := item.Organization{Label: a.label(p), Name: unescape(parts[0])}
		for _, u := range parts[1:] {
			if u = unescape(u); u != "" {
				o.Units = append(o.Units, u)
			}
		}
		c.Organizations = append(c.Organizations, o)
	case "TITLE", "ROLE":
		c.Titles = append(c.Titles, item.Title{Label: a.label(p), Text: value, Role: name == "ROLE"})
	case "TEL":
		if uri, ok := strings.CutPrefix(value, "tel:"); ok {
			value = uri
		}
		c.Phones = append(c.Phones, item.Phone{Label: a.label(p), Address: a.r.address(value)})
	case "EMAIL":
		c.Emails = append(c.Emails, item.Value{Label: a.label(p), Text: value})
	case "ADR":
		parts, _ := components(p.value)
		c.Addresses = append(c.Addresses, item.Postal{Label: a.label(p), Components: parts})
	case "URL":
		c.Links = append(c.Links, item.Value{Label: a.label(p), Text: value})
	case "BDAY", "ANNIVERSARY", "X-ANNIVERSARY", "DEATHDATE", "X-ABDATE":
		return a.anniversary(p, name)
	case "RELATED", "X-ABRELATEDNAMES":
		uri := p.get("VALUE") == "uri" || name == "RELATED" && p.get("VALUE") != "text"
		c.Relations = append(c.Relations, item.Relation{Label: a.label(p), Text: value, URI: uri})
	default:
		o := item.Online{Label: a.label(p), Text: value}
		if name != "IMPP" {
			o.Service = name
		}
		c.Online = append(c.Online, o)
	}
	return true
}

func (a *assembly) anniversary(p *property, name string) bool {
	what := map[string]item.Occasion{"BDAY": item.Birth, "ANNIVERSARY": item.Wedding, "X-ANNIVERSARY": item.Wedding, "DEATHDATE": item.Death, "X-ABDATE": item.OtherOccasion}[name]
	v := item.Anniversary{Label: a.label(p, "X-APPLE-OMIT-YEAR"), Occasion: what, Text: p.get("VALUE") == "text"}
	if v.Date = unescape(p.value); !v.Text {
		v.Date = date(v.Date, p.get("X-APPLE-OMIT-YEAR"))
	}
	a.c.Anniversaries = append(a.c.Anniversaries, v)
	return true
}
