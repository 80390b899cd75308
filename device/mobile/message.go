package mobile

import (
	"fmt"

	"zapas/device/internal/item"
)

// MaxText is how many bytes of UTF-8 a Part's text may have; a longer one is an attachment of type text/plain.
const MaxText = int(item.MaxInlineText)

// Where a message lies, as Android's SMS provider numbers it (Telephony.TextBasedSmsColumns).
const (
	BoxInbox  = int(item.Inbox)
	BoxSent   = int(item.Sent)
	BoxDraft  = int(item.Draft)
	BoxOutbox = int(item.Outbox)
	BoxFailed = int(item.Failed)
	BoxQueued = int(item.Queued)
)

// What the network reported of a sent SMS.
const (
	DeliveryNone     = int(item.DeliveryNone)
	DeliveryComplete = int(item.DeliveryComplete)
	DeliveryPending  = int(item.DeliveryPending)
	DeliveryFailed   = int(item.DeliveryFailed)
)

// How a party takes part in an MMS.
const (
	RoleOther = int(item.OtherParty)
	RoleFrom  = int(item.From)
	RoleTo    = int(item.To)
	RoleCc    = int(item.Cc)
	RoleBcc   = int(item.Bcc)
)

// How exact a time is.
const (
	UnitSecond      = int(item.Second)
	UnitMillisecond = int(item.Millisecond)
)

// Message is an SMS or an MMS. Times are Unix milliseconds; 0 where a time is not known.
type Message struct {
	Kind     string // KindSMS or KindMMS
	Box      int
	Date     int64 // received, or sent, on the phone
	DateSent int64 // when the network took it
	Unit     int   // of Date: UnitMillisecond, or what the phone keeps
	Read     bool
	Seen     bool
	Locked   bool
	Subject  string

	// Of an SMS alone.
	Body          string
	Delivery      int
	ServiceCenter string
	Protocol      int64
	ErrorCode     int64

	// Of an MMS alone, as its headers have them (OMA-TS-MMS_ENC).
	MessageID       string
	TransactionID   string
	ContentLocation string
	Type            int64 // 128 sent, 130 announced, 132 received
	SubjectCharset  int64 // IANA MIBenum
	Priority        int64
	ReadReport      int64
	DeliveryReport  int64

	peers   []*Address
	parties []*Party
	parts   []*Part
	extras  item.Extras
}

// NewMessage is an SMS (KindSMS) or MMS (KindMMS) in the inbox.
func NewMessage(kind string) *Message {
	return &Message{Kind: kind, Box: BoxInbox, Unit: UnitMillisecond}
}

// Address is a telephone number, or what stands in its place.
type Address struct {
	Raw    string // as a phone had it
	Number string // a telephone number in international form, +48600123456; empty where it is none that is known
	Hidden bool   // withheld or unknown
}

func addressOf(a item.Address) *Address {
	out := &Address{Raw: a.Raw, Hidden: a.Kind == item.Hidden}
	if a.Kind == item.Subscriber {
		out.Number = a.Value
	}
	return out
}

// AddPeer adds one who took part, never the phone's owner: the sender, or all to whom it went.
func (m *Message) AddPeer(number string) { m.peers = append(m.peers, &Address{Raw: number}) }

// PeerCount is how many took part.
func (m *Message) PeerCount() int { return len(m.peers) }

// Peer is one who took part.
func (m *Message) Peer(i int) *Address { return at(m.peers, i) }

// Party is a line of an MMS's addresses as the phone has it, its owner's number included.
type Party struct {
	Role    int
	Address *Address
	Charset int64 // IANA MIBenum
}

// AddParty adds a line of an MMS's addresses.
func (m *Message) AddParty(role int, number string) *Party {
	p := &Party{Role: role, Address: &Address{Raw: number}}
	m.parties = append(m.parties, p)
	return p
}

// PartyCount is how many lines there are.
func (m *Message) PartyCount() int { return len(m.parties) }

// Party is one line.
func (m *Message) Party(i int) *Party { return at(m.parties, i) }

// Part is one part of an MMS: a text of at most MaxText bytes, or an attachment.
type Part struct {
	Seq         int64
	ContentType string
	Charset     int64 // IANA MIBenum
	Name        string
	Filename    string
	ContentID   string
	Location    string
	Text        string
	Attachment  *Attachment // null of a text
}

// Attachment is a photo or another file. An app that lists it gives its key, and its digest and size if it knows them: else it
// is read once more. An app that is to write it reads it by Item.Open.
type Attachment struct {
	Key    string // by which the app knows it; never stored
	Digest []byte // SHA-256
	Size   int64
}

// NewAttachment is one that Source.Open opens by key.
func NewAttachment(key string) *Attachment { return &Attachment{Key: key} }

func attachmentOf(r item.Ref) *Attachment { return &Attachment{Digest: r.SHA256[:], Size: r.Size} }

// AddPart adds a part to an MMS.
func (m *Message) AddPart(contentType string) *Part {
	p := &Part{ContentType: contentType}
	m.parts = append(m.parts, p)
	return p
}

// PartCount is how many parts there are.
func (m *Message) PartCount() int { return len(m.parts) }

// Part is one of them.
func (m *Message) Part(i int) *Part { return at(m.parts, i) }

// SetExtra keeps an attribute of the platform that no field stands for; space says whose it is, as android.sms.
func (m *Message) SetExtra(space, name, value string) { setExtra(&m.extras, space, name, value) }

// Extra is such an attribute; empty when there is none.
func (m *Message) Extra(space, name string) string { return m.extras[space][name] }

func setExtra(x *item.Extras, space, name, value string) {
	if *x == nil {
		*x = item.Extras{}
	}
	if (*x)[space] == nil {
		(*x)[space] = map[string]string{}
	}
	(*x)[space][name] = value
}

// check finds what an app has set and no item can have.
func (m *Message) check() error {
	if m.Kind != KindSMS && m.Kind != KindMMS {
		return fmt.Errorf("%q is no kind of message: one is %s or %s", m.Kind, KindSMS, KindMMS)
	}
	return nil
}

func (m *Message) item(region string, known func(*Attachment) (item.Ref, error)) (item.Item, error) {
	common := item.Message{Box: item.Box(small(m.Box)), Date: m.Date, DateSent: m.DateSent, Unit: item.Unit(small(m.Unit)),
		Read: m.Read, Seen: m.Seen, Locked: m.Locked, Subject: m.Subject, Extras: m.extras}
	for _, p := range m.peers {
		common.Peers = append(common.Peers, item.ParseAddress(p.Raw, regions(region)...))
	}
	if m.Kind != KindMMS {
		return &item.SMS{Message: common, Body: m.Body, Delivery: item.Delivery(small(m.Delivery)), ServiceCenter: m.ServiceCenter,
			Protocol: m.Protocol, ErrorCode: m.ErrorCode}, nil
	}
	out := &item.MMS{Message: common, MessageID: m.MessageID, TransactionID: m.TransactionID, ContentLocation: m.ContentLocation,
		Type: m.Type, SubjectCharset: m.SubjectCharset, Priority: m.Priority, ReadReport: m.ReadReport, DeliveryReport: m.DeliveryReport}
	for _, p := range m.parties {
		out.Parties = append(out.Parties, item.Party{Role: item.Role(small(p.Role)), Charset: p.Charset,
			Address: item.ParseAddress(p.Address.raw(), regions(region)...)})
	}
	for _, p := range m.parts {
		part := item.Part{Seq: p.Seq, ContentType: p.ContentType, Charset: p.Charset, Name: p.Name, Filename: p.Filename,
			ContentID: p.ContentID, Location: p.Location, Text: p.Text}
		if p.Attachment != nil {
			ref, err := known(p.Attachment)
			if err != nil {
				return nil, err
			}
			part.Blob = &ref
		}
		out.Parts = append(out.Parts, part)
	}
	return out, nil
}

func smsOf(s *item.SMS) *Message {
	m := &Message{Kind: KindSMS, Body: s.Body, Delivery: int(s.Delivery), ServiceCenter: s.ServiceCenter, Protocol: s.Protocol, ErrorCode: s.ErrorCode}
	m.take(&s.Message)
	return m
}

func mmsOf(s *item.MMS) *Message {
	m := &Message{Kind: KindMMS, MessageID: s.MessageID, TransactionID: s.TransactionID, ContentLocation: s.ContentLocation, Type: s.Type,
		SubjectCharset: s.SubjectCharset, Priority: s.Priority, ReadReport: s.ReadReport, DeliveryReport: s.DeliveryReport}
	m.take(&s.Message)
	for _, p := range s.Parties {
		m.parties = append(m.parties, &Party{Role: int(p.Role), Address: addressOf(p.Address), Charset: p.Charset})
	}
	for _, p := range s.Parts {
		part := &Part{Seq: p.Seq, ContentType: p.ContentType, Charset: p.Charset, Name: p.Name, Filename: p.Filename,
			ContentID: p.ContentID, Location: p.Location, Text: p.Text}
		if p.Blob != nil {
			part.Attachment = attachmentOf(*p.Blob)
		}
		m.parts = append(m.parts, part)
	}
	return m
}

func (m *Message) take(s *item.Message) {
	m.Box, m.Date, m.DateSent, m.Unit = int(s.Box), s.Date, s.DateSent, int(s.Unit)
	m.Read, m.Seen, m.Locked, m.Subject, m.extras = s.Read, s.Seen, s.Locked, s.Subject, s.Extras
	for _, p := range s.Peers {
		m.peers = append(m.peers, addressOf(p))
	}
}

// raw is what stands there; an app may have set an address to null.
func (a *Address) raw() string {
	if a == nil {
		return ""
	}
	return a.Raw
}

// small is a number that is stored in a byte. One that does not fit is none of the lawful ones, and the item is refused.
func small(n int) byte {
	if n < 0 || n > 255 {
		return 255
	}
	return byte(n)
}

func regions(region string) []string {
	if region == "" {
		return nil
	}
	return []string{region}
}

// at is list[i], or nil.
func at[T any](list []*T, i int) *T {
	if i < 0 || i >= len(list) {
		return nil
	}
	return list[i]
}
