package item

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Contact is one card of an address book, in the shape of a JSContact Card (RFC 9553): what a person can see and
// edit has a field, all else is kept as Lines.
type Contact struct {
	UID           string         `cbor:"1,keyasint,omitempty"`
	Name          Name           `cbor:"2,keyasint"`
	Nicknames     []string       `cbor:"3,keyasint,omitempty"`
	Organizations []Organization `cbor:"4,keyasint,omitempty"`
	Titles        []Title        `cbor:"5,keyasint,omitempty"`
	Phones        []Phone        `cbor:"6,keyasint,omitempty"`
	Emails        []Value        `cbor:"7,keyasint,omitempty"`
	Addresses     []Postal       `cbor:"8,keyasint,omitempty"`
	Online        []Online       `cbor:"9,keyasint,omitempty"`
	Links         []Value        `cbor:"10,keyasint,omitempty"`
	Anniversaries []Anniversary  `cbor:"11,keyasint,omitempty"`
	Notes         []string       `cbor:"12,keyasint,omitempty"`
	Relations     []Relation     `cbor:"13,keyasint,omitempty"`
	Groups        []string       `cbor:"14,keyasint,omitempty"`
	Media         []Media        `cbor:"15,keyasint,omitempty"`
	Starred       bool           `cbor:"16,keyasint,omitempty"`
	Lines         []string       `cbor:"17,keyasint,omitempty"` // properties without a field: unfolded content lines of RFC 6350, 3.3
}

// Label is what a card says of one of its values.
type Label struct {
	Types  []string `cbor:"20,keyasint,omitempty"` // lower case, sorted, each once: "home", "cell"
	Pref   int64    `cbor:"21,keyasint,omitempty"` // 1 is preferred most, 100 least; 0: not said
	Label  string   `cbor:"22,keyasint,omitempty"` // its user's own word for it
	Group  string   `cbor:"23,keyasint,omitempty"` // by which Lines refer to it
	Params []string `cbor:"24,keyasint,omitempty"` // other parameters as the source wrote them: NAME=value
}

// Ungroup takes the value out of its group, by which Lines of another card may mean something else.
func (l *Label) Ungroup() { l.Group = "" }

// Component is a piece of a name or of a postal address. The kinds are positions, from 1, in the structured values
// of RFC 6350, 6.2.2 and 6.3.1, and of RFC 9554, 2.1 and 2.2.
type Component struct {
	Kind byte   `cbor:"1,keyasint"`
	Text string `cbor:"2,keyasint"`
}

// MaxComponent is the last kind of component.
const MaxComponent = 18

// Name is a person's name, or a company's.
type Name struct {
	Full       string      `cbor:"1,keyasint,omitempty"`
	Components []Component `cbor:"2,keyasint,omitempty"` // in the order of their kinds
	Params     []string    `cbor:"3,keyasint,omitempty"` // of the components, as in Label
	FullParams []string    `cbor:"4,keyasint,omitempty"` // of the full name
}

// Organization is where somebody works, and in which units of it.
type Organization struct {
	Label
	Name  string   `cbor:"1,keyasint,omitempty"`
	Units []string `cbor:"2,keyasint,omitempty"`
}

// Title is a position, or a role.
type Title struct {
	Label
	Text string `cbor:"1,keyasint"`
	Role bool   `cbor:"2,keyasint,omitempty"`
}

// Phone is a telephone number; what is dialled behind a pause is in the address's Raw alone.
type Phone struct {
	Label
	Address Address `cbor:"1,keyasint"`
}

// Value is an e-mail address or a link.
type Value struct {
	Label
	Text string `cbor:"1,keyasint"`
}

// Postal is a postal address.
type Postal struct {
	Label
	Components []Component `cbor:"1,keyasint,omitempty"` // in the order of their kinds
}

// Online is an account with a service.
type Online struct {
	Label
	Text    string `cbor:"1,keyasint"`
	Service string `cbor:"2,keyasint,omitempty"` // the vCard property, where it is not IMPP
}

// Occasion is what an anniversary is of.
type Occasion byte

// The occasions.
const (
	Birth         Occasion = 1
	Wedding       Occasion = 2
	Death         Occasion = 3
	OtherOccasion Occasion = 4 // the label says which
)

// Anniversary is a day to remember.
type Anniversary struct {
	Label
	Occasion Occasion `cbor:"1,keyasint"`
	Date     string   `cbor:"2,keyasint"`           // 19960415, --0415 without a year, or any other form of RFC 6350, 4.3
	Text     bool     `cbor:"3,keyasint,omitempty"` // Date is in words
}

// Relation is another person.
type Relation struct {
	Label
	Text string `cbor:"1,keyasint"`
	URI  bool   `cbor:"2,keyasint,omitempty"`
}

// MediaKind is what a medium is for.
type MediaKind byte

// The kinds of media.
const (
	Photo MediaKind = 1
	Logo  MediaKind = 2
	Sound MediaKind = 3
	Key   MediaKind = 4
)

// Media is a picture, sound or key; its bytes are a blob.
type Media struct {
	Label
	Kind MediaKind `cbor:"1,keyasint"`
	Type string    `cbor:"2,keyasint,omitempty"` // media type
	Blob Ref       `cbor:"3,keyasint"`
}

// Kind is KindContact.
func (*Contact) Kind() Kind { return KindContact }

// Blobs lists the media, in their order.
func (c *Contact) Blobs() []Blob {
	var blobs []Blob
	for _, m := range c.Media {
		blobs = append(blobs, Blob{SHA256: m.Blob.SHA256, Size: m.Blob.Size, MIME: m.Type})
	}
	return blobs
}

// IDs gives the id by the UID, where there is one, and that by the fingerprint; for a contact that has neither, one
// by its whole content.
func (c *Contact) IDs() []ID {
	var ids []ID
	if uid := c.UIDKey(); uid != "" {
		ids = append(ids, makeID("contact|uid|"+uid))
	}
	if print := c.Fingerprint(); print != "" {
		ids = append(ids, makeID("contact|fp|"+print))
	}
	if len(ids) == 0 {
		b, err := encode(c)
		if err != nil { // it cannot be stored, and needs no id
			return []ID{{}}
		}
		sum := sha256.Sum256(b)
		ids = append(ids, makeID("contact|content|"+hex.EncodeToString(sum[:])))
	}
	return ids
}

// Essence is the same for all: a contact stays one while its user edits it, and its ids say all there is to say.
func (*Contact) Essence() Essence { return makeEssence("contact", false) }

// Certain is never so.
func (*Contact) Certain() bool { return false }

// UIDKey is the UID as identity sees it; "" for none.
func (c *Contact) UIDKey() string {
	uid := strings.ToLower(strings.TrimSpace(c.UID))
	return strings.TrimPrefix(uid, "urn:uuid:")
}

// Fingerprint is of the name, the addresses and the organizations; "" for a contact without a telephone number or e-mail
// address: many people share a name.
func (c *Contact) Fingerprint() string {
	if len(c.Phones)+len(c.Emails) == 0 {
		return ""
	}
	var keys []string
	for _, p := range c.Phones {
		keys = append(keys, "t:"+escape(p.Address.Key()))
	}
	for _, e := range c.Emails {
		keys = append(keys, "e:"+escape(Fold(e.Text)))
	}
	slices.Sort(keys)
	var organizations []string
	for _, o := range c.Organizations {
		organizations = append(organizations, escape(Fold(o.Name)))
	}
	slices.Sort(organizations)
	all := escape(Fold(c.FullName())) + "|" + strings.Join(slices.Compact(keys), ",") + "|" + strings.Join(organizations, ",")
	sum := sha256.Sum256([]byte(all))
	return hex.EncodeToString(sum[:])
}

// FullName is the name as one text.
func (c *Contact) FullName() string {
	if c.Name.Full != "" {
		return c.Name.Full
	}
	// Title, given names, surname, what follows it: the order in which a full name is mostly made.
	var words []string
	for _, kind := range []byte{4, 2, 3, 1, 6, 7, 5} {
		for _, p := range c.Name.Components {
			if p.Kind == kind {
				words = append(words, p.Text)
			}
		}
	}
	return strings.Join(words, " ")
}

// Fold is a text as equality sees it: without letter case, composition and width of white space.
func Fold(s string) string {
	return norm.NFC.String(cases.Fold().String(strings.Join(strings.Fields(s), " ")))
}

func (c *Contact) validate() error {
	for _, n := range []int{len(c.Nicknames), len(c.Organizations), len(c.Titles), len(c.Phones), len(c.Emails), len(c.Addresses), len(c.Online),
		len(c.Links), len(c.Anniversaries), len(c.Notes), len(c.Relations), len(c.Groups), len(c.Media), len(c.Lines), len(c.Name.Params), len(c.Name.FullParams)} {
		if n > MaxValues {
			return fmt.Errorf("%d values in one list, at most %d: %w", n, MaxValues, ErrTooLarge)
		}
	}
	for _, list := range [][]string{{c.UID, c.Name.Full}, c.Nicknames, c.Notes, c.Groups, c.Lines, c.Name.Params, c.Name.FullParams} {
		if err := texts("contact", list...); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(c.Lines, func(l string) bool { return strings.ContainsAny(l, "\r\n") || !strings.Contains(l, ":") }) {
		return fmt.Errorf("a kept property is not one line of name and value")
	}
	if err := components(c.Name.Components); err != nil {
		return err
	}
	for _, l := range c.Labels() {
		if err := l.validate(); err != nil {
			return err
		}
	}
	return c.validateValues()
}

// Labels are those of all values.
func (c *Contact) Labels() (all []*Label) {
	for i := range c.Organizations {
		all = append(all, &c.Organizations[i].Label)
	}
	for i := range c.Titles {
		all = append(all, &c.Titles[i].Label)
	}
	for i := range c.Phones {
		all = append(all, &c.Phones[i].Label)
	}
	for i := range c.Emails {
		all = append(all, &c.Emails[i].Label)
	}
	for i := range c.Addresses {
		all = append(all, &c.Addresses[i].Label)
	}
	for i := range c.Online {
		all = append(all, &c.Online[i].Label)
	}
	for i := range c.Links {
		all = append(all, &c.Links[i].Label)
	}
	for i := range c.Anniversaries {
		all = append(all, &c.Anniversaries[i].Label)
	}
	for i := range c.Relations {
		all = append(all, &c.Relations[i].Label)
	}
	for i := range c.Media {
		all = append(all, &c.Media[i].Label)
	}
	return all
}

func (l *Label) validate() error {
	if l.Pref < 0 || l.Pref > 100 {
		return fmt.Errorf("preference %d is none of 0 to 100", l.Pref)
	}
	if len(l.Types) > MaxValues || len(l.Params) > MaxValues {
		return fmt.Errorf("%d types or parameters, at most %d: %w", max(len(l.Types), len(l.Params)), MaxValues, ErrTooLarge)
	}
	for i, t := range l.Types {
		if i > 0 && t <= l.Types[i-1] {
			return fmt.Errorf("types are not sorted, or not each once")
		}
	}
	if err := texts("label", l.Types...); err != nil {
		return err
	}
	if err := texts("label", l.Params...); err != nil {
		return err
	}
	return texts("label", l.Label, l.Group)
}

func (c *Contact) validateValues() error {
	var all []string
	for _, o := range c.Organizations {
		all = append(append(all, o.Name), o.Units...)
		if len(o.Units) > MaxValues {
			return fmt.Errorf("%d units, at most %d: %w", len(o.Units), MaxValues, ErrTooLarge)
		}
	}
	for _, v := range c.Titles {
		all = append(all, v.Text)
	}
	for _, v := range append(slices.Clone(c.Emails), c.Links...) {
		all = append(all, v.Text)
	}
	for _, v := range c.Online {
		all = append(all, v.Text, v.Service)
	}
	for _, v := range c.Relations {
		all = append(all, v.Text)
	}
	for _, v := range c.Anniversaries {
		all = append(all, v.Date)
		if v.Occasion < Birth || v.Occasion > OtherOccasion {
			return fmt.Errorf("occasion %d is none of 1 to 4", v.Occasion)
		}
	}
	for _, m := range c.Media {
		all = append(all, m.Type)
		if m.Kind < Photo || m.Kind > Key || m.Blob.Size < 0 {
			return fmt.Errorf("a medium of kind %d and %d bytes is not possible", m.Kind, m.Blob.Size)
		}
	}
	for _, p := range c.Phones {
		if err := p.Address.validate(); err != nil {
			return err
		}
	}
	for _, a := range c.Addresses {
		if err := components(a.Components); err != nil {
			return err
		}
	}
	return texts("contact", all...)
}

func components(all []Component) error {
	if len(all) > MaxValues {
		return fmt.Errorf("%d components, at most %d: %w", len(all), MaxValues, ErrTooLarge)
	}
	for i, c := range all {
		if c.Kind < 1 || c.Kind > MaxComponent || c.Text == "" || i > 0 && c.Kind < all[i-1].Kind {
			return fmt.Errorf("component %d is empty, of no kind or not in its place", i)
		}
		if err := texts("component", c.Text); err != nil {
			return err
		}
	}
	return nil
}
