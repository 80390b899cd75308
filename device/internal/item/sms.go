package item

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"golang.org/x/text/unicode/norm"
)

// Delivery is what the network reported of a sent SMS.
type Delivery byte

// The delivery states; Android's provider calls them -1, 0, 32 and 64.
const (
	DeliveryNone     Delivery = 0
	DeliveryComplete Delivery = 1
	DeliveryPending  Delivery = 2
	DeliveryFailed   Delivery = 3
)

// SMS is one text message.
type SMS struct {
	Message
	Body          string   `cbor:"20,keyasint,omitempty"`
	Delivery      Delivery `cbor:"21,keyasint,omitempty"`
	ServiceCenter string   `cbor:"22,keyasint,omitempty"`
	Protocol      int64    `cbor:"23,keyasint,omitempty"`
	ErrorCode     int64    `cbor:"24,keyasint,omitempty"`
}

// Kind is KindSMS.
func (*SMS) Kind() Kind { return KindSMS }

// Blobs is empty.
func (*SMS) Blobs() []Blob { return nil }

// IDs uses, for a received message, the time at which the network took it, since the time of arrival
// differs on two phones that got the same message. The alias uses the time of arrival, for tools and
// platforms that keep no other.
func (s *SMS) IDs() []ID {
	body := sha256.Sum256([]byte(norm.NFC.String(s.Body)))
	head := "sms|" + s.Box.direction() + "|" + s.peers() + "|"
	tail := "|" + hex.EncodeToString(body[:])
	at := makeID(head + seconds(s.Date) + tail)
	if s.Box != Inbox || s.DateSent == 0 {
		return []ID{at}
	}
	sent := makeID(head + seconds(s.DateSent) + tail)
	if sent == at {
		return []ID{at}
	}
	return []ID{sent, at}
}

// Essence has the subject, the one thing a person sees that no id has.
func (s *SMS) Essence() Essence {
	body := sha256.Sum256([]byte(norm.NFC.String(s.Body)))
	return makeEssence("sms|"+s.peers()+"|"+escape(norm.NFC.String(s.Subject))+"|"+hex.EncodeToString(body[:]), false)
}

// Certain is a received one whose network time is known: a phone that was switched off may have got two in one second, which
// the network did not take in one.
func (s *SMS) Certain() bool { return s.Box == Inbox && s.DateSent != 0 }

func (s *SMS) validate() error {
	if err := s.Message.validate(); err != nil {
		return err
	}
	if s.Delivery > DeliveryFailed {
		return fmt.Errorf("delivery state %d is none of 0 to 3", s.Delivery)
	}
	if err := texts("body", s.Body); err != nil {
		return err
	}
	return texts("service center", s.ServiceCenter)
}
