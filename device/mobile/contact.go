package mobile

import (
	"fmt"
	"slices"
	"strings"

	"zapas/device/internal/item"
)

// The fields of a contact: what a Value is. Other says which it is by its label.
const (
	FieldNickname     = "nickname"
	FieldOrganization = "organization"
	FieldTitle        = "title"
	FieldRole         = "role"
	FieldPhone        = "phone"
	FieldEmail        = "email"
	FieldPostal       = "postal"
	FieldOnline       = "online"
	FieldLink         = "link"
	FieldBirthday     = "birthday"
	FieldAnniversary  = "anniversary"
	FieldDeath        = "death"
	FieldOtherDate    = "other_date"
	FieldNote         = "note"
	FieldRelation     = "relation"
	FieldGroup        = "group"
	FieldPhoto        = "photo"
	FieldLogo         = "logo"
	FieldSound        = "sound"
	FieldKey          = "key"
	FieldLine         = "line" // a property that no field stands for, as a line of a vCard
)

// The parts of a name (RFC 6350, 6.2.2; RFC 9554, 2.2).
const (
	NameFamily     int = 1
	NameGiven      int = 2
	NameMiddle     int = 3
	NamePrefix     int = 4
	NameSuffix     int = 5
	NameFamily2    int = 6
	NameGeneration int = 7
)

// The parts of a postal address (RFC 6350, 6.3.1).
const (
	PostalBox      int = 1
	PostalExtended int = 2
	PostalStreet   int = 3
	PostalCity     int = 4
	PostalRegion   int = 5
	PostalCode     int = 6
	PostalCountry  int = 7
)

// Contact is one card of the address book: a name, and values by field.
type Contact struct {
	Key      string // by which the app knows a contact that the phone holds, as a row's id; never stored
	UID      string
	FullName string
	Starred  bool

	name   item.Name
	values []*Value
}

// NewContact is an empty one.
func NewContact() *Contact { return &Contact{} }

// AddName adds a part to the name: NameGiven and so on.
func (c *Contact) AddName(part int, text string) { addComponent(&c.name.Components, part, text) }

// Name is a part of the name; empty when there is none.
func (c *Contact) Name(part int) string { return component(c.name.Components, part) }

// Value is one value of a contact: a number, an address, a photo.
type Value struct {
	Field      string
	Text       string // of a date as 19960415, or --0415 without a year
	Number     string // of a phone that an app is to write: its international form, if known
	Types      string // lower case, separated by commas: home, work, cell, fax
	Label      string // its user's own word for it
	Preferred  int    // 1 is preferred most, 100 least; 0: not said
	Service    string // of an online account
	InWords    bool   // of a date: Text is no date in digits
	IsURI      bool   // of a relation
	MediaType  string // of a photo, logo, sound or key
	Attachment *Attachment

	units      []string
	components []item.Component
	label      item.Label // what a backup says beside, which a merge keeps
}

// Add adds a value of a field, for its other attributes to be set.
func (c *Contact) Add(field, text string) *Value {
	v := &Value{Field: field, Text: text}
	c.values = append(c.values, v)
	return v
}

// Count is how many values there are.
func (c *Contact) Count() int { return len(c.values) }

// Value is one of them.
func (c *Contact) Value(i int) *Value { return at(c.values, i) }

// AddPart adds a part to a postal address: PostalStreet and so on.
func (v *Value) AddPart(part int, text string) { addComponent(&v.components, part, text) }

// Part is a part of a postal address; empty when there is none.
func (v *Value) Part(part int) string { return component(v.components, part) }

// AddUnit adds to an organization a unit in which somebody works.
func (v *Value) AddUnit(text string) { v.units = append(v.units, text) }

// UnitCount is how many units there are.
func (v *Value) UnitCount() int { return len(v.units) }

// Unit is one of them; empty when there is none such.
func (v *Value) Unit(i int) string {
	if i < 0 || i >= len(v.units) {
		return ""
	}
	return v.units[i]
}

// addComponent keeps the order of kinds.
func addComponent(all *[]item.Component, kind int, text string) {
	if text == "" {
		return
	}
	*all = append(*all, item.Component{Kind: small(kind), Text: text})
	slices.SortStableFunc(*all, func(a, b item.Component) int { return int(a.Kind) - int(b.Kind) })
}

func component(all []item.Component, kind int) string {
	var words []string
	for _, c := range all {
		if c.Kind == small(kind) {
			words = append(words, c.Text)
		}
	}
	return strings.Join(words, " ")
}

// labelled is the label with what an app can set.
func (v *Value) labelled() item.Label {
	l := v.label
	l.Types = nil
	for t := range strings.SplitSeq(v.Types, ",") {
		if t = strings.ToLower(strings.TrimSpace(t)); t != "" {
			l.Types = append(l.Types, t)
		}
	}
	slices.Sort(l.Types)
	l.Types, l.Label, l.Pref = slices.Compact(l.Types), v.Label, int64(v.Preferred)
	return l
}

// occasions are the fields of dates, media those with an attachment, in the order of item's numbers, which begin at 1.
func occasions() []string {
	return []string{FieldBirthday, FieldAnniversary, FieldDeath, FieldOtherDate}
}

func media() []string { return []string{FieldPhoto, FieldLogo, FieldSound, FieldKey} }

// check finds what an app has set and no item can have.
func (c *Contact) check() error {
	for _, v := range c.values {
		switch isMedium := slices.Contains(media(), v.Field); {
		case isMedium && v.Attachment == nil:
			return fmt.Errorf("a %s has no attachment", v.Field)
		case !isMedium && !slices.Contains(fields(), v.Field):
			return fmt.Errorf("%q is no field of a contact", v.Field)
		}
	}
	return nil
}

func fields() []string {
	return append(occasions(), FieldNickname, FieldOrganization, FieldTitle, FieldRole, FieldPhone, FieldEmail, FieldPostal, FieldOnline,
		FieldLink, FieldNote, FieldRelation, FieldGroup, FieldLine)
}

func (c *Contact) item(region string, known func(*Attachment) (item.Ref, error)) (*item.Contact, error) {
	out := &item.Contact{UID: c.UID, Name: c.name, Starred: c.Starred}
	out.Name.Full = c.FullName
	for _, v := range c.values {
		if kind := slices.Index(media(), v.Field); kind >= 0 {
			ref, err := known(v.Attachment)
			if err != nil {
				return nil, err
			}
			out.Media = append(out.Media, item.Media{Label: v.labelled(), Kind: item.MediaKind(kind + 1), Type: v.MediaType, Blob: ref})
			continue
		}
		v.put(out, region)
	}
	return out, nil
}

// put adds a value to its list.
func (v *Value) put(c *item.Contact, region string) {
	switch l := v.labelled(); v.Field {
	case FieldNickname:
		c.Nicknames = append(c.Nicknames, v.Text)
	case FieldOrganization:
		c.Organizations = append(c.Organizations, item.Organization{Label: l, Name: v.Text, Units: v.units})
	case FieldTitle, FieldRole:
		c.Titles = append(c.Titles, item.Title{Label: l, Text: v.Text, Role: v.Field == FieldRole})
	case FieldPhone:
		c.Phones = append(c.Phones, item.Phone{Label: l, Address: item.ParseAddress(v.Text, regions(region)...)})
	case FieldEmail:
		c.Emails = append(c.Emails, item.Value{Label: l, Text: v.Text})
	case FieldPostal:
		c.Addresses = append(c.Addresses, item.Postal{Label: l, Components: v.components})
	case FieldOnline:
		c.Online = append(c.Online, item.Online{Label: l, Text: v.Text, Service: v.Service})
	case FieldLink:
		c.Links = append(c.Links, item.Value{Label: l, Text: v.Text})
	case FieldBirthday, FieldAnniversary, FieldDeath, FieldOtherDate:
		c.Anniversaries = append(c.Anniversaries, item.Anniversary{Label: l, Occasion: item.Occasion(slices.Index(occasions(), v.Field) + 1), Date: v.Text, Text: v.InWords})
	case FieldNote:
		c.Notes = append(c.Notes, v.Text)
	case FieldRelation:
		c.Relations = append(c.Relations, item.Relation{Label: l, Text: v.Text, URI: v.IsURI})
	case FieldGroup:
		c.Groups = append(c.Groups, v.Text)
	case FieldLine:
		c.Lines = append(c.Lines, v.Text)
	}
}

func contactOf(c *item.Contact) *Contact {
	out := &Contact{UID: c.UID, FullName: c.FullName(), Starred: c.Starred, name: c.Name}
	out.name.Components = slices.Clone(c.Name.Components)
	add := func(field, text string, l item.Label) *Value {
		v := out.Add(field, text)
		v.Types, v.Label, v.Preferred, v.label = strings.Join(l.Types, ","), l.Label, int(l.Pref), l
		return v
	}
	each(c.Nicknames, func(s string) { add(FieldNickname, s, item.Label{}) })
	each(c.Organizations, func(o item.Organization) { add(FieldOrganization, o.Name, o.Label).units = slices.Clone(o.Units) })
	each(c.Titles, func(t item.Title) {
		if t.Role {
			add(FieldRole, t.Text, t.Label)
			return
		}
		add(FieldTitle, t.Text, t.Label)
	})
	each(c.Phones, func(p item.Phone) { add(FieldPhone, p.Address.Raw, p.Label).Number = addressOf(p.Address).Number })
	each(c.Emails, func(e item.Value) { add(FieldEmail, e.Text, e.Label) })
	each(c.Addresses, func(a item.Postal) { add(FieldPostal, "", a.Label).components = slices.Clone(a.Components) })
	each(c.Online, func(o item.Online) { add(FieldOnline, o.Text, o.Label).Service = o.Service })
	each(c.Links, func(l item.Value) { add(FieldLink, l.Text, l.Label) })
	each(c.Anniversaries, func(a item.Anniversary) { add(occasions()[a.Occasion-1], a.Date, a.Label).InWords = a.Text })
	each(c.Notes, func(s string) { add(FieldNote, s, item.Label{}) })
	each(c.Relations, func(r item.Relation) { add(FieldRelation, r.Text, r.Label).IsURI = r.URI })
	each(c.Groups, func(s string) { add(FieldGroup, s, item.Label{}) })
	each(c.Media, func(m item.Media) {
		v := add(media()[m.Kind-1], "", m.Label)
		v.MediaType, v.Attachment = m.Type, attachmentOf(m.Blob)
	})
	each(c.Lines, func(s string) { add(FieldLine, s, item.Label{}) })
	return out
}

func each[T any](list []T, do func(T)) {
	for _, v := range list {
		do(v)
	}
}
