package sample

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"zapas/device/android"
	"zapas/device/internal/item"
	"zapas/device/vcard"
)

// contact is one contact and what its photo is made of.
type contact struct {
	item  *item.Contact
	made  uint64
	photo int // bytes; 0 for none
}

// dice are another source of chance for another purpose, so that more contacts leave the messages as they are.
func (p *Phone) dice(purpose uint64, moment time.Time) *rand.Rand {
	return rand.New(rand.NewPCG(p.seed^purpose<<56, uint64(moment.Unix())))
}

// names of people are of the six languages of the messages.
func given(language int) []string {
	return [...][]string{
		{"Anna", "Łukasz", "Małgorzata", "Świętosława"}, {"Emma", "Jack", "Mary-Jane", "O'Brien"}, {"Jürgen", "Käthe", "Hans-Peter", "Soraya"},
		{"Олена", "Тарас", "Соломія", "Ігор"}, {"أحمد", "ليلى", "يوسف", "سارة"}, {"花子", "太郎", "𠮷田", "結衣"},
	}[language]
}

func family(language int) []string {
	return [...][]string{
		{"Nowak", "Wiśniewska", "Źdźbło"}, {"Smith", "O'Neill", "Carter, Jr."}, {"Müller", "von der Heide", "Groß"},
		{"Шевченко", "Ковальчук", "Бондар"}, {"الحسن", "منصور", "حداد"}, {"山田", "佐藤", "高橋"},
	}[language]
}

// meet fills the address book.
func (p *Phone) meet(n int) {
	r := p.dice(1, start())
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	for i := range n {
		language := r.IntN(languages)
		first, last := pick(given(language)), fmt.Sprintf("%s %d", pick(family(language)), i)
		c := &item.Contact{Name: item.Name{Full: first + " " + last, Components: []item.Component{{Kind: 1, Text: last}, {Kind: 2, Text: first}}}}
		raw := fmt.Sprintf("+447700%06d", i)
		if i < len(p.people) && !p.people[i].sender {
			raw = p.people[i].address.Raw
		}
		c.Phones = []item.Phone{{Label: item.Label{Types: []string{"cell"}, Pref: 1}, Address: item.ParseAddress(raw, "PL")}}
		if r.IntN(3) == 0 {
			c.Phones = append(c.Phones, item.Phone{Label: item.Label{Types: []string{"voice"}, Label: "Działka"}, Address: item.ParseAddress(fmt.Sprintf("22 555 %04d", i), "PL")})
		}
		if r.IntN(2) == 0 {
			c.Emails = []item.Value{{Label: item.Label{Types: []string{"home"}}, Text: fmt.Sprintf("p%d@mail.example", i)}}
		}
		if r.IntN(4) == 0 {
			c.Organizations = []item.Organization{{Name: "Zapas; Sp. z o.o.", Units: []string{"R&D"}}}
			c.Titles = []item.Title{{Text: "Kierownik, zastępca"}}
		}
		if r.IntN(6) == 0 {
			c.Anniversaries = []item.Anniversary{{Occasion: item.Birth, Date: fmt.Sprintf("--%02d%02d", 1+r.IntN(12), 1+r.IntN(28))}}
			c.Addresses = []item.Postal{{Label: item.Label{Types: []string{"home"}}, Components: []item.Component{{Kind: 3, Text: "ul. Długa 1; m. 2"}, {Kind: 4, Text: "Gdańsk"}, {Kind: 6, Text: "80-001"}}}}
		}
		if r.IntN(8) == 0 {
			c.Notes = []string{strings.Repeat(pick(phrases(language)[1])+"\n", 1+r.IntN(4))}
			c.Lines = []string{"X-CUSTOM;KIND=sample:" + fmt.Sprint(i)}
		}
		c.Starred = r.IntN(20) == 0
		if r.IntN(2) == 0 { // phones do not give one, accounts do
			c.UID = fmt.Sprintf("urn:uuid:%08x-0000-4000-8000-%012x", uint32(p.seed), i)
		}
		photo := 0
		if r.IntN(100) < 15 {
			photo = p.size.MinPhoto + r.IntN(p.size.MaxPhoto-p.size.MinPhoto+1)
		}
		p.book = append(p.book, contact{c, uint64(i), photo})
	}
}

// revise edits some contacts, the first of them one with a photo, and removes others.
func (p *Phone) revise(edited, removed int) (int, int) {
	removed = min(removed, len(p.book))
	p.book = slices.Delete(p.book, len(p.book)-removed, len(p.book))
	edited = min(edited, len(p.book))
	at := slices.IndexFunc(p.book, func(c contact) bool { return c.photo > 0 })
	for i := range edited {
		c := &p.book[(max(0, at)+i)%len(p.book)]
		changed := *c.item
		changed.Notes = append(slices.Clone(changed.Notes), fmt.Sprintf("%d", p.rand.Uint32()))
		c.item = &changed
	}
	return edited, removed
}

// call adds calls between two moments, in the order of their times; now and then two in one second.
func (p *Phone) call(from, to time.Time, n int) {
	r := p.dice(2, from)
	first := len(p.calls)
	for len(p.calls)-first < n {
		who := p.people[int(float64(len(p.people))*r.Float64()*r.Float64())]
		c := &item.Call{Date: from.UnixMilli() + r.Int64N(to.Sub(from).Milliseconds()), Unit: item.Millisecond, Address: who.address,
			Presentation: item.Allowed, Line: fmt.Sprintf("8948010000%d", 1+r.IntN(2)), LineOf: "com.android.phone/.TelephonyConnectionService"}
		switch chance := r.IntN(100); {
		case chance < 35:
			c.Type, c.Duration = item.Incoming, r.Int64N(1800)
		case chance < 75:
			c.Type, c.Duration = item.Outgoing, r.Int64N(1800)
		case chance < 92:
			c.Type = item.Missed
		case chance < 95:
			c.Type = item.Rejected
		case chance < 97:
			c.Type = item.Blocked
		default:
			c.Type, c.Presentation = item.Missed, item.Restricted
			c.Address = item.ParseCaller("", c.Presentation)
		}
		p.calls = append(p.calls, c)
		if len(p.calls)-first < n && r.IntN(100) == 0 {
			again := *c
			p.calls = append(p.calls, &again)
		}
	}
	slices.SortStableFunc(p.calls[first:], func(a, b *item.Call) int { return cmp.Compare(a.Date, b.Date) })
}

// WriteContacts writes the phone's contacts as vCards.
func (p *Phone) WriteContacts(w io.Writer) error {
	var photo []byte
	contacts := func(yield func(*item.Contact) bool) {
		for _, c := range p.book {
			it := c.item
			if c.photo > 0 {
				photo = p.noise(c.made, 1, c.photo)
				with := *it
				with.Media = []item.Media{{Kind: item.Photo, Type: "image/jpeg", Blob: item.Ref{SHA256: sha256.Sum256(photo), Size: int64(len(photo))}}}
				it = &with
			}
			if !yield(it) {
				return
			}
		}
	}
	return vcard.Write(w, contacts, func(item.Blob) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(photo)), nil })
}

// WriteCalls writes the phone's calls as SMS Backup & Restore exports them.
func (p *Phone) WriteCalls(w io.Writer) error {
	calls := func(yield func(item.Item) bool) {
		for _, c := range p.calls {
			if !yield(c) {
				return
			}
		}
	}
	return android.WriteCalls(w, len(p.calls), calls, android.Options{Now: start})
}
