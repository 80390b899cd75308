package item

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// The message types of OMA-TS-MMS_ENC 7.3.30 that phones store.
const (
	SendRequest  = 128
	Notification = 130
	Retrieved    = 132
)

// Role is how a party takes part in an MMS.
type Role byte

// The roles.
const (
	OtherParty Role = 0
	From       Role = 1
	To         Role = 2
	Cc         Role = 3
	Bcc        Role = 4
)

// Party is a line of an MMS's addresses as the phone has it, its owner's number included.
type Party struct {
	Role    Role    `cbor:"1,keyasint,omitempty"`
	Address Address `cbor:"2,keyasint"`
	Charset int64   `cbor:"3,keyasint,omitempty"` // IANA MIBenum
	Extras  Extras  `cbor:"4,keyasint,omitempty"`
}

// Part is one part of an MMS. A text of at most MaxInlineText bytes is in Text; all else is a blob.
type Part struct {
	Seq         int64  `cbor:"1,keyasint,omitempty"`
	ContentType string `cbor:"2,keyasint,omitempty"`
	Charset     int64  `cbor:"3,keyasint,omitempty"` // IANA MIBenum
	Name        string `cbor:"4,keyasint,omitempty"`
	Filename    string `cbor:"5,keyasint,omitempty"`
	ContentID   string `cbor:"6,keyasint,omitempty"`
	Location    string `cbor:"7,keyasint,omitempty"`
	Text        string `cbor:"8,keyasint,omitempty"`
	Blob        *Ref   `cbor:"9,keyasint,omitempty"`
	Extras      Extras `cbor:"10,keyasint,omitempty"`
}

// MMS is one multimedia message.
type MMS struct {
	Message
	Parties         []Party `cbor:"20,keyasint,omitempty"`
	Parts           []Part  `cbor:"21,keyasint,omitempty"`
	MessageID       string  `cbor:"22,keyasint,omitempty"`
	TransactionID   string  `cbor:"23,keyasint,omitempty"`
	ContentLocation string  `cbor:"24,keyasint,omitempty"`
	Type            int64   `cbor:"25,keyasint,omitempty"` // SendRequest, Notification, Retrieved
	SubjectCharset  int64   `cbor:"26,keyasint,omitempty"` // IANA MIBenum
	Priority        int64   `cbor:"27,keyasint,omitempty"`
	ReadReport      int64   `cbor:"28,keyasint,omitempty"`
	DeliveryReport  int64   `cbor:"29,keyasint,omitempty"`
}

// Kind is KindMMS.
func (*MMS) Kind() Kind { return KindMMS }

// Pending says that the phone knows of the message but has not downloaded it: there is nothing in
// it yet but its announcement.
func (m *MMS) Pending() bool { return m.Type == Notification }

// Blobs lists the parts that are not inline, in their order.
func (m *MMS) Blobs() []Blob {
	var blobs []Blob
	for _, p := range m.Parts {
		if p.Blob != nil {
			name := p.Name
			if name == "" {
				name = p.Location
			}
			blobs = append(blobs, Blob{SHA256: p.Blob.SHA256, Size: p.Blob.Size, MIME: p.ContentType, Name: name})
		}
	}
	return blobs
}

// IDs calls a received message by its sender and message id, where it has one, and by its content
// else; the form by content is then the alias.
func (m *MMS) IDs() []ID {
	content := makeID("mms|" + m.Box.direction() + "|" + seconds(m.Date) + "|" + m.peers() + "|" + m.contentHash())
	if m.Box != Inbox || m.MessageID == "" {
		return []ID{content}
	}
	return []ID{makeID("mms|in|" + escape(m.MessageID) + "|" + escape(m.sender())), content}
}

// Essence of a message is its content; of an announcement, from where that can be had.
func (m *MMS) Essence() Essence {
	content := m.contentHash()
	announced := m.Pending() && len(m.Parts) == 0
	if announced {
		content = escape(m.ContentLocation)
	}
	return makeEssence("mms|"+m.peers()+"|"+escape(norm.NFC.String(m.Subject))+"|"+content, announced)
}

// Certain is never so.
func (*MMS) Certain() bool { return false }

func (m *MMS) sender() string {
	for _, p := range m.Parties {
		if p.Role == From {
			return p.Address.Key()
		}
	}
	return m.peers()
}

// contentHash covers what a person put into the message. The presentation (SMIL), the names and the
// order of parts are left out: every app writes its own.
func (m *MMS) contentHash() string {
	sums := make([][]byte, 0, len(m.Parts))
	for _, p := range m.Parts {
		ct := mediaType(p.ContentType)
		if ct == "application/smil" {
			continue
		}
		content := sha256.Sum256([]byte(norm.NFC.String(p.Text)))
		if p.Blob != nil {
			content = p.Blob.SHA256
		}
		sums = append(sums, append([]byte(ct+"\x00"), content[:]...))
	}
	slices.SortFunc(sums, bytes.Compare)
	all := sha256.Sum256(bytes.Join(sums, nil))
	return hex.EncodeToString(all[:])
}

// mediaType is a content type without parameters, in lower case.
func mediaType(ct string) string {
	ct, _, _ = strings.Cut(ct, ";")
	return strings.ToLower(strings.TrimSpace(ct))
}

func (m *MMS) validate() error {
	if err := m.Message.validate(); err != nil {
		return err
	}
	if len(m.Parties) > MaxAddresses {
		return fmt.Errorf("%d parties, at most %d: %w", len(m.Parties), MaxAddresses, ErrTooLarge)
	}
	if len(m.Parts) > MaxParts {
		return fmt.Errorf("%d parts, at most %d: %w", len(m.Parts), MaxParts, ErrTooLarge)
	}
	for i, p := range m.Parties {
		if err := p.validate(); err != nil {
			return fmt.Errorf("party %d: %w", i, err)
		}
	}
	for i, p := range m.Parts {
		if err := p.validate(); err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
	}
	return texts("message header", m.MessageID, m.TransactionID, m.ContentLocation)
}

func (p *Party) validate() error {
	if p.Role > Bcc {
		return fmt.Errorf("role %d is none of 0 to 4", p.Role)
	}
	if err := p.Address.validate(); err != nil {
		return err
	}
	return p.Extras.validate()
}

func (p *Part) validate() error {
	if len(p.Text) > MaxInlineText {
		return fmt.Errorf("text of %d bytes, at most %d inline: %w", len(p.Text), MaxInlineText, ErrTooLarge)
	}
	if p.Blob != nil && p.Blob.Size < 0 {
		return fmt.Errorf("blob of %d bytes", p.Blob.Size)
	}
	if err := texts("part header", p.ContentType, p.Name, p.Filename, p.ContentID, p.Location); err != nil {
		return err
	}
	if err := texts("part text", p.Text); err != nil {
		return err
	}
	return p.Extras.validate()
}
