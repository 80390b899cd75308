// Package item knows what a contact, a message and a call are, whatever phone they came from: their
// fields, the ids by which one item from two phones is one item, and their bytes in a backup. It does
// not know how any platform stores items, nor how records are sealed, sent or kept.
package item

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// Schema is the version of the encoding that Encode writes and Decode reads. Version 0 carries no
// promise of compatibility yet.
const Schema = 0

// The limits of one item. What exceeds them is refused with an error that wraps ErrTooLarge and is
// never cut.
const (
	MaxEncoded    = 1 << 20 // bytes of an encoded item; as many as a record of a chunk may have
	MaxInlineText = 8 << 10 // bytes of a part's text kept in the item; a longer text is a blob
	MaxParts      = 512     // parts of an MMS
	MaxAddresses  = 1 << 14 // addresses in one list of a message: a message to 10,000 people is one
	MaxExtras     = 512     // extra attributes in one namespace, and namespaces
	MaxValues     = 512     // values in one list of a contact
)

var (
	// ErrTooLarge is wrapped by the errors for items that exceed a limit of this package.
	ErrTooLarge = errors.New("too large for one item")
	// ErrSchema is wrapped by the error for an item that another version of the program wrote.
	ErrSchema = errors.New("unknown schema version")
)

// Kind is what sort of item it is. The numbers are stored and never change their meaning.
type Kind byte

// The kinds.
const (
	KindContact Kind = 1
	KindSMS     Kind = 2
	KindMMS     Kind = 3
	KindCall    Kind = 4
)

// String is "contact", "sms", "mms" or "call".
func (k Kind) String() string {
	switch k {
	case KindContact:
		return "contact"
	case KindSMS:
		return "sms"
	case KindMMS:
		return "mms"
	case KindCall:
		return "call"
	}
	return fmt.Sprintf("kind %d", byte(k))
}

// Element names the element of a profile that the kind belongs to: "contacts", "messages", "calls",
// or "" for an unknown kind.
func (k Kind) Element() string {
	switch k {
	case KindContact:
		return "contacts"
	case KindSMS, KindMMS:
		return "messages"
	case KindCall:
		return "calls"
	}
	return ""
}

// ID is the first 16 bytes of the SHA-256 of an identity string (FORMAT.md gives the strings).
type ID [16]byte

func makeID(identity string) ID {
	sum := sha256.Sum256([]byte(identity))
	return ID(sum[:16])
}

// Essence is what a person sees of an item, without the state it is in, its times, and what every app
// writes anew: ids can be shared by items that are not one, since a network may give a message id twice.
type Essence struct {
	_         struct{} `cbor:",toarray"`
	Sum       [16]byte // of the SHA-256 of the essence string (FORMAT.md gives it)
	Announced bool     // an MMS of which there is only the announcement
	Lasts     int64    // seconds of a call
}

func makeEssence(essence string, announced bool) Essence {
	return Essence{Sum: makeID(essence), Announced: announced}
}

// Within says whether nothing is lost of an item when one of the essence of stands in its place, given
// that they share an id: they are equal, or the item only announces the message. Platforms round a call's
// duration in their own ways.
func (e Essence) Within(of Essence) bool {
	if drift := e.Lasts - of.Lasts; drift >= -maxDrift && drift <= maxDrift {
		of.Lasts = e.Lasts
	}
	return e == of || e.Announced && !of.Announced
}

// Item is one item: *Contact, *SMS, *MMS or *Call. An item is not changed after it was handed on.
type Item interface {
	Kind() Kind
	// IDs gives the primary id first, then the aliases: what the same item may be called where a
	// platform or a tool lost what the primary id is made of.
	IDs() []ID
	// Essence is what two items that share an id must agree in to be one.
	Essence() Essence
	// Blobs lists the attachments that the item refers to; their bytes travel apart.
	Blobs() []Blob

	// Certain says that the primary id alone decides against an item that is certain too.
	Certain() bool

	validate() error
}

// Blob is an attachment or a photo that an item refers to.
type Blob struct {
	SHA256 [32]byte
	Size   int64
	MIME   string
	Name   string // as the source called it; may be empty
}

// Ref names the bytes of a blob within an item.
type Ref struct {
	SHA256 [32]byte `cbor:"1,keyasint"`
	Size   int64    `cbor:"2,keyasint"`
}

// Extras are attributes of a source that no field stands for, by namespace ("android.sms") and
// name. They are kept to be written back to the same platform and never take part in identity.
type Extras map[string]map[string]string

// Unit is the precision of a source's times.
type Unit byte

// The units.
const (
	Second      Unit = 1
	Millisecond Unit = 2
	Nanosecond  Unit = 3
)
