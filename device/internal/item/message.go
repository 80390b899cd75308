package item

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Box is where a message lies on the phone. The numbers are those of Android's SMS provider.
type Box byte

// The boxes.
const (
	Inbox  Box = 1
	Sent   Box = 2
	Draft  Box = 3
	Outbox Box = 4
	Failed Box = 5
	Queued Box = 6
)

// direction is the part of the box that identity sees: whether a message was sent, failed or still
// waits is a state of one and the same message.
func (b Box) direction() string {
	switch b {
	case Inbox:
		return "in"
	case Draft:
		return "draft"
	}
	return "out"
}

// Message holds what SMS and MMS have in common. Texts are kept byte for byte.
type Message struct {
	Box      Box       `cbor:"1,keyasint"`
	Date     int64     `cbor:"2,keyasint,omitempty"` // received or sent on the device; Unix milliseconds
	DateSent int64     `cbor:"3,keyasint,omitempty"` // when the network took it; Unix milliseconds, 0 = unknown
	Unit     Unit      `cbor:"4,keyasint"`           // precision of Date
	Peers    []Address `cbor:"5,keyasint,omitempty"` // the other participants, never the phone's owner
	Read     bool      `cbor:"6,keyasint,omitempty"`
	Seen     bool      `cbor:"7,keyasint,omitempty"`
	Locked   bool      `cbor:"8,keyasint,omitempty"`
	Subject  string    `cbor:"9,keyasint,omitempty"`
	Extras   Extras    `cbor:"10,keyasint,omitempty"`
}

func (m *Message) validate() error {
	if m.Box < Inbox || m.Box > Queued {
		return fmt.Errorf("box %d is none of 1 to 6", m.Box)
	}
	if m.Unit < Second || m.Unit > Nanosecond {
		return fmt.Errorf("unit of time %d is none of 1 to 3", m.Unit)
	}
	if len(m.Peers) > MaxAddresses {
		return fmt.Errorf("%d peers, at most %d: %w", len(m.Peers), MaxAddresses, ErrTooLarge)
	}
	for _, a := range m.Peers {
		if err := a.validate(); err != nil {
			return err
		}
	}
	if err := texts("subject", m.Subject); err != nil {
		return err
	}
	return m.Extras.validate()
}

// peers is the identity of the participants: their keys, each once, in byte order.
func (m *Message) peers() string {
	keys := make([]string, len(m.Peers))
	for i, a := range m.Peers {
		keys[i] = escape(a.Key())
	}
	slices.Sort(keys)
	return strings.Join(slices.Compact(keys), ",")
}

func (x Extras) validate() error {
	if len(x) > MaxExtras {
		return fmt.Errorf("extras of %d namespaces, at most %d: %w", len(x), MaxExtras, ErrTooLarge)
	}
	for space, attrs := range x {
		if len(attrs) == 0 {
			return fmt.Errorf("extras %q are empty", space)
		}
		if len(attrs) > MaxExtras {
			return fmt.Errorf("%d extras in %q, at most %d: %w", len(attrs), space, MaxExtras, ErrTooLarge)
		}
		if err := texts("extras", space); err != nil {
			return err
		}
		for name, value := range attrs {
			if err := texts("extras", name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func texts(field string, values ...string) error {
	for _, v := range values {
		if !utf8.ValidString(v) {
			return fmt.Errorf("%s is not valid UTF-8", field)
		}
	}
	return nil
}

// seconds floors milliseconds to whole seconds, before 1970 too.
func seconds(ms int64) string {
	s := ms / 1000
	if ms%1000 < 0 {
		s--
	}
	return strconv.FormatInt(s, 10)
}

// escape keeps a field of an identity string from reaching into the next.
func escape(field string) string {
	if !strings.ContainsAny(field, "%|,") {
		return field
	}
	return strings.NewReplacer("%", "%25", "|", "%7C", ",", "%2C").Replace(field)
}
