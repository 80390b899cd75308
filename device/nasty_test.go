package device

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zapas/device/internal/item"
)

// moments are where times break: before and at the beginning, the ends of 31 and 32 bits of seconds, of a century, of Go's
// and of JavaScript's years.
var moments = []int64{0, -1, 1, 999, 1000, 1<<31*1000 - 1, 1 << 31 * 1000, 1 << 32 * 1000, time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC).UnixMilli(),
	time.Date(2100, 2, 28, 23, 59, 59, 0, time.UTC).UnixMilli(), time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), 8_640_000_000_000_000, 1<<63 - 1, -1 << 63}

var scripts = []string{"", " ", "\u05e9\u05dc\u05d5\u05dd \u202e\u0639\u0631\u0628\u064a\u202c", "\u200f\u200e", "👩🏽‍🚀🏴󠁧󠁢󠁳󠁣󠁴󠁿", "𠮷\u20dd", "nul\x00nul", "\x00", "a\r\n\tb\x7f\x1b[0m", "\ufeff\ufffe\uffff\ufffd",
	"é", "e\u0301", "\u212b", "ﬁ", "İi̇ıI", "a|b,c%d%7C", "\u2028", strings.Repeat("👍", 700)}

func people(t *rapid.T) []item.Address {
	var all []item.Address
	for _, raw := range rapid.SliceOfN(rapid.SampledFrom(append([]string{"+48 600 100 200", "600100200", "112", "Allegro", "a@b.example", "-1", "sip:x@y", "*100#"}, scripts...)), 0, 4).Draw(t, "people") {
		all = append(all, item.ParseAddress(raw, "PL"))
	}
	return all
}

func extras(t *rapid.T) item.Extras {
	if !rapid.Bool().Draw(t, "extras") {
		return nil
	}
	text := rapid.SampledFrom(scripts)
	return item.Extras{"android.sms": {text.Draw(t, "name"): text.Draw(t, "value")}, text.Draw(t, "namespace") + "x": {"": ""}}
}

func anyMessage(t *rapid.T) item.Message {
	return item.Message{Box: item.Box(rapid.IntRange(1, 6).Draw(t, "box")), Date: rapid.SampledFrom(moments).Draw(t, "date"), DateSent: rapid.SampledFrom(moments).Draw(t, "sent"),
		Unit: item.Unit(rapid.IntRange(1, 3).Draw(t, "unit")), Peers: people(t), Read: rapid.Bool().Draw(t, "read"), Subject: rapid.SampledFrom(scripts).Draw(t, "subject"), Extras: extras(t)}
}

// anyItem draws a lawful item of any kind; its attachments go to m.
func anyItem(t *rapid.T, m *memory) item.Item {
	text := func(what string) string { return rapid.SampledFrom(scripts).Draw(t, what) }
	attach := func() item.Ref {
		b := noise(rapid.Uint64Max(3).Draw(t, "seed"), rapid.SampledFrom([]int{0, 1, 255, 1 << 20, 1<<20 + 1}).Draw(t, "size"))
		sum := sha256.Sum256(b)
		m.blobs[sum] = b
		return item.Ref{SHA256: sum, Size: int64(len(b))}
	}
	switch rapid.IntRange(1, 4).Draw(t, "kind") {
	case 1:
		c := &item.Contact{Name: item.Name{Full: text("full name")}, Notes: []string{text("note")}, Starred: rapid.Bool().Draw(t, "starred")}
		for _, a := range people(t) {
			c.Phones = append(c.Phones, item.Phone{Label: item.Label{Label: text("label")}, Address: a})
		}
		if rapid.Bool().Draw(t, "photo") {
			c.Media = []item.Media{{Kind: item.Photo, Type: "image/jpeg", Blob: attach()}}
		}
		return c
	case 2:
		return &item.SMS{Message: anyMessage(t), Body: text("body")}
	case 3:
		it := &item.MMS{Message: anyMessage(t), Type: rapid.SampledFrom([]int64{0, item.SendRequest, item.Notification, item.Retrieved}).Draw(t, "type"), MessageID: text("id")}
		for range rapid.IntRange(0, 2).Draw(t, "parts") {
			p := item.Part{ContentType: rapid.SampledFrom([]string{"", "text/plain", "application/smil"}).Draw(t, "content type"), Text: text("text"), Name: text("name")}
			if rapid.Bool().Draw(t, "attached") {
				ref := attach()
				p.Blob = &ref
			}
			it.Parts = append(it.Parts, p)
		}
		return it
	}
	return &item.Call{Type: item.CallType(rapid.IntRange(1, 7).Draw(t, "call")), Date: rapid.SampledFrom(moments).Draw(t, "date"), Unit: item.Second,
		Address: item.ParseCaller(text("caller"), item.Presentation(rapid.IntRange(0, 5).Draw(t, "presentation")), "PL"), Duration: rapid.SampledFrom([]int64{0, 1, 1<<63 - 1}).Draw(t, "lasts"), Place: text("place"), Extras: extras(t)}
}

// unlawful are items that cannot be stored, by why.
func unlawful() map[string]item.Item {
	message := func(change func(m *item.Message)) item.Message {
		m := item.Message{Box: item.Inbox, Unit: item.Second, Date: 5}
		change(&m)
		return m
	}
	nothing := func(*item.Message) {}
	return map[string]item.Item{
		"half a pair of surrogates": &item.SMS{Message: message(nothing), Body: "a\xed\xa0\xbdb"},
		"two halves of a pair":      &item.SMS{Message: message(nothing), Body: "\xed\xa0\xbd\xed\xb8\x80"},
		"broken name":               &item.Contact{Name: item.Name{Full: "\xff"}},
		"too long a text":           &item.SMS{Message: message(nothing), Body: strings.Repeat("x", item.MaxEncoded)},
		"too many people": &item.SMS{Message: message(func(m *item.Message) {
			m.Peers = slices.Repeat([]item.Address{item.ParseAddress("112", "PL")}, item.MaxAddresses+1)
		})},
		"too many parts":  &item.MMS{Message: message(nothing), Parts: make([]item.Part, item.MaxParts+1)},
		"too many values": &item.Contact{Notes: make([]string, item.MaxValues+1)},
		"no box":          &item.SMS{},
		"no such call":    &item.Call{Type: 9},
	}
}

func allOf() *memory {
	return &memory{blobs: map[[32]byte][]byte{}, coverage: map[string]string{"contacts": Full, "messages": Full, "calls": Full}}
}

// TestRoundTrip_Nasty: what can be stored comes back as it was, as often as it was; what cannot is counted as failed and
// named, and costs nothing else.
func TestRoundTrip_Nasty(t *testing.T) {
	t.Parallel()
	bad := unlawful()
	names := slices.Sorted(maps.Keys(bad))
	rapid.Check(t, func(rt *rapid.T) {
		s := newService(t)
		p := enrolled(t, s, 1)
		defer p.Close()
		m, want := allOf(), allOf()
		for range rapid.IntRange(0, 12).Draw(rt, "items") {
			it := anyItem(rt, want)
			want.items = append(want.items, slices.Repeat([]item.Item{it}, rapid.SampledFrom([]int{1, 1, 1, 2, 5}).Draw(rt, "times"))...)
		}
		refused := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID).Draw(rt, "refused")
		m.blobs, m.items = want.blobs, slices.Clone(want.items)
		for _, name := range refused {
			m.items = slices.Insert(m.items, rapid.IntRange(0, len(m.items)).Draw(rt, "at"), bad[name])
		}
		r := p.backUp(t, m)
		failed, stored := int64(0), int64(0)
		for element, l := range r.Ledger {
			failed, stored = failed+l.Failed, stored+l.Stored
			if l.Seen != l.Stored+l.Already+l.Excluded+l.Failed {
				rt.Fatalf("the ledger of %s does not balance: %+v", element, l)
			}
		}
		if failed != int64(len(refused)) || stored != int64(len(want.items)) || len(r.Failures) != len(refused) {
			rt.Fatalf("%d failed (%v) and %d stored of %d and %d", failed, r.Failures, stored, len(refused), len(want.items))
		}
		got := allOf()
		restored(t, s, r.Snapshot, got, "contacts", "messages", "calls")
		same(t, "restored", got, want)
		if t.Failed() {
			rt.FailNow()
		}
	})
}

// TestRoundTrip_Limits: items at the edge of what can be stored come back; a message to 10,000 people is one of them.
func TestRoundTrip_Limits(t *testing.T) {
	t.Parallel()
	m := allOf()
	message := item.Message{Box: item.Sent, Unit: item.Second, Date: 1_700_000_000_000}
	crowd := make([]item.Address, 10_000)
	parties := make([]item.Party, len(crowd))
	for i := range crowd {
		crowd[i] = item.Address{Kind: item.Subscriber, Raw: fmt.Sprintf("600 1%02d %03d", i/1000, i%1000), Value: fmt.Sprintf("+486001%05d", i), Region: "PL"}
		parties[i] = item.Party{Role: item.To, Address: crowd[i]}
	}
	group := message
	group.Peers = crowd
	most := message
	most.Peers = slices.Repeat([]item.Address{{Kind: item.OtherAddress, Raw: "x"}}, item.MaxAddresses)
	longest := &item.SMS{Message: message, Body: strings.Repeat("ż", item.MaxEncoded/2-100)}
	b, err := item.Encode(longest)
	if err != nil {
		t.Fatal(err)
	}
	longest.Body += strings.Repeat("x", item.MaxEncoded-len(b))
	m.items = []item.Item{
		&item.SMS{Message: group, Body: "to 10,000"},
		&item.MMS{Message: group, Type: item.SendRequest, Parties: parties, Parts: []item.Part{{ContentType: "text/plain", Text: "to 10,000"}}},
		&item.SMS{Message: most}, longest,
		&item.MMS{Message: message, Type: item.SendRequest, Parts: slices.Repeat([]item.Part{{ContentType: "text/plain", Text: "x"}}, item.MaxParts)},
		&item.MMS{Message: message, Type: item.SendRequest, Parts: []item.Part{{ContentType: "text/plain", Text: strings.Repeat("x", item.MaxInlineText)}}},
		&item.Contact{Notes: slices.Repeat([]string{"x"}, item.MaxValues)},
		&item.SMS{Message: message, Body: "after all these"},
	}
	s := newService(t)
	p := enrolled(t, s, 1)
	r := p.backUp(t, m)
	for element, l := range r.Ledger {
		if l.Failed != 0 {
			t.Errorf("%s: %+v %v", element, l, r.Failures)
		}
	}
	got := allOf()
	restored(t, s, r.Snapshot, got, "contacts", "messages", "calls")
	same(t, "restored", got, m)
	if r := p.backUp(t, m); !r.Unchanged {
		t.Errorf("nothing has changed, and there is a backup: %+v", r)
	}
}
