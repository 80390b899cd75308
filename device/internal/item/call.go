package item

import (
	"fmt"
	"strconv"
)

// CallType is what became of a call. The numbers are those of Android's call log.
type CallType byte

// The types of calls.
const (
	Incoming          CallType = 1
	Outgoing          CallType = 2
	Missed            CallType = 3
	Voicemail         CallType = 4
	Rejected          CallType = 5
	Blocked           CallType = 6
	AnsweredElsewhere CallType = 7
)

// Class is the part of the type that identity sees: an iPhone does not tell a missed call from one that was
// rejected or blocked.
func (t CallType) Class() string {
	switch t {
	case Incoming, AnsweredElsewhere:
		return "in"
	case Outgoing:
		return "out"
	case Voicemail:
		return "vm"
	}
	return "miss"
}

// Presentation says whether the caller showed his number. The numbers are those of Android's call log.
type Presentation byte

// The presentations; 0 where the source does not say.
const (
	Allowed     Presentation = 1
	Restricted  Presentation = 2
	Unknown     Presentation = 3
	Payphone    Presentation = 4
	Unavailable Presentation = 5
)

// Call is one line of a call log.
type Call struct {
	Type         CallType     `cbor:"1,keyasint"`
	Date         int64        `cbor:"2,keyasint,omitempty"` // when it began; Unix milliseconds
	Unit         Unit         `cbor:"3,keyasint"`           // precision of Date
	Address      Address      `cbor:"4,keyasint"`
	Duration     int64        `cbor:"5,keyasint,omitempty"` // seconds
	Presentation Presentation `cbor:"6,keyasint,omitempty"`
	Read         bool         `cbor:"7,keyasint,omitempty"`
	New          bool         `cbor:"8,keyasint,omitempty"` // its user was not told of it yet
	Features     int64        `cbor:"9,keyasint,omitempty"` // bit mask of Android's call log: 1 is video
	Extras       Extras       `cbor:"10,keyasint,omitempty"`
	PostDial     string       `cbor:"20,keyasint,omitempty"` // digits dialled behind the number
	ViaNumber    string       `cbor:"21,keyasint,omitempty"` // the owner's number that was called
	Line         string       `cbor:"22,keyasint,omitempty"` // which of the phone's lines: the card's ICCID
	LineOf       string       `cbor:"23,keyasint,omitempty"` // what runs the line
	Country      string       `cbor:"24,keyasint,omitempty"`
	Place        string       `cbor:"25,keyasint,omitempty"` // of the number, in words
	BlockReason  int64        `cbor:"26,keyasint,omitempty"`
	MissedReason int64        `cbor:"27,keyasint,omitempty"`
	DataUsage    int64        `cbor:"28,keyasint,omitempty"` // bytes
	Service      string       `cbor:"29,keyasint,omitempty"` // empty for the cellular network
}

// Kind is KindCall.
func (*Call) Kind() Kind { return KindCall }

// Blobs is empty.
func (*Call) Blobs() []Blob { return nil }

// IDs leaves the duration out, which platforms keep differently; it is in the essence.
func (c *Call) IDs() []ID {
	return []ID{makeID("call|" + c.Type.Class() + "|" + escape(c.Address.Key()) + "|" + seconds(c.Date))}
}

// Essence is how long the call was: two that began in one second with one party may be two.
func (c *Call) Essence() Essence {
	e := makeEssence("call", false)
	e.Lasts = c.Duration
	return e
}

// Certain is never so.
func (*Call) Certain() bool { return false }

// maxDrift is by how many seconds the durations of one call may differ on two platforms.
const maxDrift = 2

func (c *Call) validate() error {
	if c.Type < Incoming || c.Type > AnsweredElsewhere {
		return fmt.Errorf("call type %d is none of 1 to 7", c.Type)
	}
	if c.Unit < Second || c.Unit > Nanosecond {
		return fmt.Errorf("unit of time %d is none of 1 to 3", c.Unit)
	}
	if c.Presentation > Unavailable {
		return fmt.Errorf("presentation %d is none of 0 to 5", c.Presentation)
	}
	if c.Duration < 0 {
		return fmt.Errorf("a call cannot last %d seconds", c.Duration)
	}
	if err := c.Address.validate(); err != nil {
		return err
	}
	if c.Presentation.hides() && (c.Address.Kind != Hidden || c.Address.Value != c.Presentation.why()) {
		return fmt.Errorf("a call of presentation %d is from a hidden address that says so", c.Presentation)
	}
	if err := texts("call", c.PostDial, c.ViaNumber, c.Line, c.LineOf, c.Country, c.Place, c.Service); err != nil {
		return err
	}
	return c.Extras.validate()
}

// ParseCaller is ParseAddress for a call, whose presentation may say that there is no number.
func ParseCaller(raw string, p Presentation, regions ...string) Address {
	if p.hides() {
		return Address{Kind: Hidden, Raw: raw, Value: p.why()}
	}
	return ParseAddress(raw, regions...)
}

// hides says that there is no number to be seen.
func (p Presentation) hides() bool { return p >= Restricted && p <= Unavailable }

// why is the presentation as the value of a hidden address.
func (p Presentation) why() string { return strconv.Itoa(int(p)) }
