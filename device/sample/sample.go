// Package sample knows how to invent the contacts, messages and calls of a phone and of the days that
// pass on it, always the same for the same seed. It does not know any real person's, nor what a backup is.
package sample

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"zapas/device/android"
	"zapas/device/internal/item"
)

// Size is how much there is on a phone and how much a day brings.
type Size struct {
	SMS, MMS                     int
	MinAttachment, MaxAttachment int           // bytes; each MMS has one attachment
	History                      time.Duration // over which the first messages are spread
	DaySMS, DayMMS               int           // what a day brings
	DayDeleted                   int           // SMS of one conversation that a day takes, if it has as many
	Contacts, Calls              int           // on a new phone; 15 % of the contacts have a photo
	MinPhoto, MaxPhoto           int           // bytes
	DayCalls                     int
}

// Demo is the size of a phone for a demonstration: a year of few messages.
func Demo() Size {
	return Size{SMS: 2_000, MMS: 60, MinAttachment: 5 << 10, MaxAttachment: 40 << 10, History: years(1), DaySMS: 12, DayMMS: 2, DayDeleted: 7,
		Contacts: 120, Calls: 400, MinPhoto: 4 << 10, MaxPhoto: 16 << 10, DayCalls: 5}
}

// Full is the size of a phone with six busy years on it.
func Full() Size {
	return Size{SMS: 100_000, MMS: 3_000, MinAttachment: 50 << 10, MaxAttachment: 400 << 10, History: years(6), DaySMS: 60, DayMMS: 3, DayDeleted: 292,
		Contacts: 5_000, Calls: 20_000, MinPhoto: 20 << 10, MaxPhoto: 80 << 10, DayCalls: 25}
}

func years(n int) time.Duration { return time.Duration(n) * 365 * 24 * time.Hour }

// Change is what a day did. A rewritten message is, by its identity, one deleted and one new; a
// touched one is the same message in another state.
type Change struct {
	NewSMS, NewMMS int
	Touched        int
	Rewritten      int
	Deleted        int
	NewCalls       int
	Edited         int // contacts
	Removed        int // contacts
}

// Phone is the content of a phone. It is not for concurrent use.
type Phone struct {
	seed     uint64
	size     Size
	rand     *rand.Rand
	people   []person
	messages []message
	made     uint64 // messages ever made; seeds their attachments
	book     []contact
	calls    []*item.Call
}

// message is one message and, for an MMS, what its attachment is made of.
type message struct {
	item       item.Item
	sequence   uint64
	attachment int // bytes
}

// start is the moment up to which a new phone has its messages; day 1 begins there.
func start() time.Time { return time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC) }

// New invents a phone.
func New(seed uint64, size Size) *Phone {
	p := &Phone{seed: seed, size: size, rand: rand.New(rand.NewPCG(seed, 0))}
	p.people = invent(p.rand, max(8, min(900, size.SMS/150)))
	p.fill(start().Add(-size.History), start(), size.SMS, size.MMS)
	p.meet(size.Contacts)
	p.call(start().Add(-size.History), start(), size.Calls)
	return p
}

// Day lets the n-th day pass: 1, then 2 and so on.
func (p *Phone) Day(n int) Change {
	p.rand = rand.New(rand.NewPCG(p.seed, uint64(n)))
	c := Change{NewSMS: p.size.DaySMS, NewMMS: p.size.DayMMS}
	c.Deleted = p.forget(p.size.DayDeleted)
	c.Touched = p.touch(4)
	c.Rewritten = p.rewrite()
	from := start().Add(time.Duration(n-1) * 24 * time.Hour)
	p.fill(from, from.Add(24*time.Hour), c.NewSMS, c.NewMMS)
	c.Edited, c.Removed = p.revise(4, 2)
	c.NewCalls = p.size.DayCalls
	p.call(from, from.Add(24*time.Hour), c.NewCalls)
	return c
}

// Counts are the numbers of items on the phone, by kind.
func (p *Phone) Counts() map[item.Kind]int {
	counts := map[item.Kind]int{item.KindContact: len(p.book), item.KindCall: len(p.calls), item.KindSMS: 0, item.KindMMS: 0}
	for _, m := range p.messages {
		counts[m.item.Kind()]++
	}
	return counts
}

// WriteXML writes the phone's messages as SMS Backup & Restore exports them.
func (p *Phone) WriteXML(w io.Writer) error {
	var attachment []byte
	messages := func(yield func(item.Item) bool) {
		for _, m := range p.messages {
			it := m.item
			if mms, ok := it.(*item.MMS); ok {
				attachment = p.attachment(m)
				it = attach(mms, attachment)
			}
			if !yield(it) {
				return
			}
		}
	}
	open := func(item.Blob) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(attachment)), nil }
	return android.Write(w, len(p.messages), messages, open, android.Options{Now: start})
}

// attachment makes the bytes of a message's attachment.
func (p *Phone) attachment(m message) []byte { return p.noise(m.sequence, 0, m.attachment) }

// noise is bytes that do not compress, as those of a photo do not.
func (p *Phone) noise(sequence uint64, sort byte, size int) []byte {
	var key [32]byte
	for i := range 8 {
		key[i], key[8+i] = byte(p.seed>>(8*i)), byte(sequence>>(8*i))
	}
	key[16] = sort
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	return b
}

// attach gives the message with its attachment named.
func attach(m *item.MMS, attachment []byte) *item.MMS {
	with := *m
	with.Parts = slices.Clone(m.Parts)
	for i := range with.Parts {
		if with.Parts[i].Blob != nil {
			with.Parts[i].Blob = &item.Ref{SHA256: sha256.Sum256(attachment), Size: int64(len(attachment))}
		}
	}
	return &with
}

// fill spreads new messages between two moments, in the order of their times.
func (p *Phone) fill(from, to time.Time, sms, mms int) {
	first := len(p.messages)
	span := to.Sub(from).Milliseconds()
	at := func() int64 { return from.UnixMilli() + p.rand.Int64N(span) }
	for sms > 0 {
		m := p.sms(at())
		p.add(m, 0)
		sms--
		if sms > 0 && p.rand.IntN(200) == 0 { // the same again, in the same second
			again := *m
			p.add(&again, 0)
			sms--
		}
	}
	for range mms {
		m := p.mms(at() / 1000 * 1000)
		size := 0
		if !m.Pending() {
			size = p.size.MinAttachment + p.rand.IntN(p.size.MaxAttachment-p.size.MinAttachment+1)
		}
		p.add(m, size)
	}
	slices.SortStableFunc(p.messages[first:], func(a, b message) int { return cmp.Compare(base(a).Date, base(b).Date) })
}

func (p *Phone) add(it item.Item, attachment int) {
	p.messages = append(p.messages, message{item: it, sequence: p.made, attachment: attachment})
	p.made++
}

func base(m message) *item.Message {
	if sms, ok := m.item.(*item.SMS); ok {
		return &sms.Message
	}
	return &m.item.(*item.MMS).Message
}

// forget deletes the first n SMS of a conversation that has so many, or all of the fullest.
func (p *Phone) forget(n int) int {
	sizes := map[string]int{}
	for _, m := range p.messages {
		if m.item.Kind() == item.KindSMS {
			sizes[base(m).Peers[0].Raw]++
		}
	}
	victim, best := "", -1
	for raw, count := range sizes {
		if count = min(count, n); count > best || count == best && raw < victim {
			victim, best = raw, count
		}
	}
	deleted := 0
	p.messages = slices.DeleteFunc(p.messages, func(m message) bool {
		if deleted == n || m.item.Kind() != item.KindSMS || base(m).Peers[0].Raw != victim {
			return false
		}
		deleted++
		return true
	})
	return deleted
}

// touch changes the state of up to n of the latest messages: read at last, or delivered.
func (p *Phone) touch(n int) int {
	touched := 0
	for i := len(p.messages) - 1; i >= 0 && touched < n; i-- {
		sms, ok := p.messages[i].item.(*item.SMS)
		if !ok {
			continue
		}
		changed := *sms
		switch {
		case sms.Box == item.Inbox && !sms.Read:
			changed.Read = true
		case sms.Delivery == item.DeliveryPending:
			changed.Delivery = item.DeliveryComplete
		default:
			continue
		}
		p.messages[i].item = &changed
		touched++
	}
	return touched
}

// rewrite gives one SMS another text.
func (p *Phone) rewrite() int {
	at := p.rand.IntN(max(1, len(p.messages)))
	for i := at; i < len(p.messages); i++ {
		if sms, ok := p.messages[i].item.(*item.SMS); ok {
			changed := *sms
			changed.Body += " ✎"
			p.messages[i].item = &changed
			return 1
		}
	}
	return 0
}
