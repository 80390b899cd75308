package device

import (
	"fmt"
	"maps"
	"reflect"
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

// TestRoundTrip_Nasty: what can be stored comes back as it was, in each of its members, as often as it was; what cannot is
// counted as failed and named, and costs nothing else.
func TestRoundTrip_Nasty(t *testing.T) {
	t.Parallel()
	bad := unlawful()
	names := slices.Sorted(maps.Keys(bad))
	seen, members := map[string]bool{}, map[string]bool{}
	rapid.Check(t, func(rt *rapid.T) {
		s := newService(t)
		p := enrolled(t, s, 1)
		defer p.Close()
		m, want := allOf(), allOf()
		for range rapid.IntRange(0, 12).Draw(rt, "items") {
			it := (&filler{t: rt, m: want, seen: seen}).anyItem()
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
	for _, it := range []item.Item{new(item.Contact), new(item.SMS), new(item.MMS), new(item.Call)} {
		allMembers(reflect.TypeOf(it), members)
	}
	for name := range members {
		if !seen[name] {
			t.Errorf("no item had anything in %s", name)
		}
	}
	if len(members) < 80 {
		t.Errorf("there are %d members", len(members))
	}
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
