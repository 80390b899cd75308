package mobile

import "zapas/device/internal/item"

// What became of a call, as Android's call log numbers it (CallLog.Calls).
const (
	CallIncoming          = int(item.Incoming)
	CallOutgoing          = int(item.Outgoing)
	CallMissed            = int(item.Missed)
	CallVoicemail         = int(item.Voicemail)
	CallRejected          = int(item.Rejected)
	CallBlocked           = int(item.Blocked)
	CallAnsweredElsewhere = int(item.AnsweredElsewhere)
)

// Whether a caller showed his number, as Android's call log numbers it; 0 where nothing says.
const (
	PresentationAllowed     = int(item.Allowed)
	PresentationRestricted  = int(item.Restricted)
	PresentationUnknown     = int(item.Unknown)
	PresentationPayphone    = int(item.Payphone)
	PresentationUnavailable = int(item.Unavailable)
)

// Call is one line of the call log.
type Call struct {
	Type         int
	Date         int64 // when it began; Unix milliseconds
	Unit         int   // of Date: UnitMillisecond, or what the phone keeps
	Address      *Address
	Duration     int64 // seconds
	Presentation int
	Read         bool
	IsNew        bool // its user was not told of it yet
	Features     int64
	PostDial     string // digits dialled behind the number
	ViaNumber    string // the owner's number that was called
	Line         string // which of the phone's lines: the card's ICCID
	LineOf       string // what runs the line
	Country      string
	Place        string // of the number, in words
	BlockReason  int64
	MissedReason int64
	DataUsage    int64  // bytes
	Service      string // empty for the cellular network

	extras item.Extras
}

// NewCall is a call with a number; its type is one of the Call constants.
func NewCall(callType int, number string) *Call {
	return &Call{Type: callType, Unit: UnitMillisecond, Address: &Address{Raw: number}}
}

// SetExtra keeps an attribute of the platform that no field stands for; space says whose it is, as android.call.
func (c *Call) SetExtra(space, name, value string) { setExtra(&c.extras, space, name, value) }

// Extra is such an attribute; empty when there is none.
func (c *Call) Extra(space, name string) string { return c.extras[space][name] }

func (c *Call) item(region string) item.Item {
	shown := item.Presentation(small(c.Presentation))
	return &item.Call{Type: item.CallType(small(c.Type)), Date: c.Date, Unit: item.Unit(small(c.Unit)),
		Address: item.ParseCaller(c.Address.raw(), shown, regions(region)...), Duration: c.Duration, Presentation: shown,
		Read: c.Read, New: c.IsNew, Features: c.Features, Extras: c.extras, PostDial: c.PostDial, ViaNumber: c.ViaNumber, Line: c.Line, LineOf: c.LineOf,
		Country: c.Country, Place: c.Place, BlockReason: c.BlockReason, MissedReason: c.MissedReason, DataUsage: c.DataUsage, Service: c.Service}
}

func callOf(c *item.Call) *Call {
	return &Call{Type: int(c.Type), Date: c.Date, Unit: int(c.Unit), Address: addressOf(c.Address), Duration: c.Duration, Presentation: int(c.Presentation),
		Read: c.Read, IsNew: c.New, Features: c.Features, PostDial: c.PostDial, ViaNumber: c.ViaNumber, Line: c.Line, LineOf: c.LineOf,
		Country: c.Country, Place: c.Place, BlockReason: c.BlockReason, MissedReason: c.MissedReason, DataUsage: c.DataUsage, Service: c.Service,
		extras: c.Extras}
}
