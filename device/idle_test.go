package device

import (
	"testing"

	"zapas/device/internal/item"
)

// TestOneBlobOnce: an attachment whose object is still listed is not sent again: named by another message, as a contact's photo, or
// when its message is back after a day without.
func TestOneBlobOnce(t *testing.T) {
	t.Parallel()
	const size = 300_000
	photo := noise(1, size)
	base := func() *memory {
		m := &memory{blobs: map[[32]byte][]byte{}, coverage: map[string]string{"contacts": Full, "messages": Full}}
		m.items = append(m.items, &item.Contact{UID: "1", Name: item.Name{Full: "Ewa"}}, sms(1, "stays"))
		m.mms(1, photo)
		return m
	}
	for _, tt := range []struct {
		name string
		days []func(m *memory)
	}{
		{"AnotherMessage", []func(m *memory){func(m *memory) { m.mms(2, photo) }}},
		{"AnotherMessageInItsPlace", []func(m *memory){func(m *memory) { m.items = m.items[:2]; m.mms(2, photo) }}},
		{"ContactsPhoto", []func(m *memory){func(m *memory) {
			c := *m.items[0].(*item.Contact)
			m.photograph(&c, photo)
			m.items[0] = &c
		}}},
		{"GoneADay", []func(m *memory){func(m *memory) { m.items = m.items[:2] }, func(m *memory) { m.mms(1, photo) }}},
		{"GoneForDays", []func(m *memory){func(m *memory) { m.items = m.items[:2] }, func(m *memory) { m.items = append(m.items, sms(2, "a day")) },
			func(m *memory) { m.items = append(m.items, sms(3, "another")) }, func(m *memory) { m.mms(3, photo) }}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			m := base()
			if r := p.backUp(t, m); r.BytesUp < size {
				t.Fatalf("%+v", r)
			}
			for n, change := range tt.days {
				m = m.clone()
				change(m)
				if r := p.backUp(t, m); r.Unchanged || r.BytesUp > 10_000 {
					t.Errorf("day %d: %d bytes were sent: %+v", n, r.BytesUp, r)
				}
				p.named(t, m)
			}
			if v := p.verified(t, VerifyOptions{}); v.Outcome != Proven {
				t.Errorf("%+v", v)
			}
			got := &memory{coverage: m.coverage}
			restored(t, s, p.status(t).Snapshot, got, "contacts", "messages")
			same(t, "restored", got, m)
		})
	}
}

// named holds that a backup says of its objects that items need as many attachments of them as are named.
func (p *phone) named(t *testing.T, m *memory) {
	t.Helper()
	defer p.Device.dir.LetGo()
	want := map[item.Kind]map[[32]byte]bool{}
	for _, it := range m.items {
		for _, b := range it.Blobs() {
			if want[it.Kind()] == nil {
				want[it.Kind()] = map[[32]byte]bool{}
			}
			want[it.Kind()][b.SHA256] = true
		}
	}
	c, err := p.Device.dir.Cache()
	must(t, err)
	parts := map[item.Kind]int{}
	for i := range c.Chunks {
		for _, r := range c.Chunks[i].Parts {
			parts[item.Kind(r.Kind)] += int(r.Count)
		}
	}
	for _, k := range []item.Kind{item.KindContact, item.KindMMS} {
		if parts[k] != len(want[k]) {
			t.Errorf("of %s, %d parts are said to be needed, and %d are named", k, parts[k], len(want[k]))
		}
	}
}

// TestOneBlobOnce_Dropped: what no item names keeps no object, and is forgotten with it.
func TestOneBlobOnce_Dropped(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := &memory{items: []item.Item{sms(1, "stays")}}
	p.backUp(t, m)
	with := m.clone()
	with.mms(1, noise(1, 300_000))
	p.backUp(t, with)
	m.items = append(m.items, sms(2, "a day"))
	p.backUp(t, m)
	if n := p.status(t).Chunks; n != 2 {
		t.Errorf("%d objects are listed", n)
	}
	with.items = append(with.items, m.items[1])
	if r := p.backUp(t, with); r.BytesUp < 300_000 {
		t.Errorf("%d bytes were sent of an attachment that is not listed any more", r.BytesUp)
	}
	if v := p.verified(t, VerifyOptions{}); v.Outcome != Proven {
		t.Errorf("%+v", v)
	}
}
