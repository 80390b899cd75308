package device

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/item"
	"zapas/shared/api"
)

// everything is a phone that shows all elements.
func everything() *memory {
	m := demo()
	m.coverage = map[string]string{"contacts": Full, "calls": Full}
	for i := range 40 {
		c := &item.Contact{Name: item.Name{Full: fmt.Sprintf("Person %d", i)}, Phones: []item.Phone{{Address: item.ParseAddress(fmt.Sprintf("+4860020%04d", i))}}}
		if i%2 == 0 {
			c.UID = fmt.Sprint("uid-", i)
		}
		if i%8 == 0 {
			m.photograph(c, noise(uint64(1000+i), 50_000))
		}
		m.items = append(m.items, c)
	}
	for i := range 30 {
		m.items = append(m.items, call(i, 60))
	}
	m.items = append(m.items, call(3, 60)) // another in the same second
	return m
}

func (m *memory) photograph(c *item.Contact, photo []byte) {
	sum := sha256.Sum256(photo)
	m.blobs[sum] = photo
	c.Media = []item.Media{{Kind: item.Photo, Type: "image/jpeg", Blob: item.Ref{SHA256: sum, Size: int64(len(photo))}}}
}

func call(n int, duration int64) *item.Call {
	return &item.Call{Type: item.Incoming, Date: 1_700_000_000_000 + int64(n)*61_000, Unit: item.Millisecond, Duration: duration, Address: item.ParseAddress("+48600100200")}
}

var all = []string{"contacts", "messages", "calls"}

// everyContact edits contacts in place, whose items are not changed.
func (m *memory) everyContact(edit func(i int, c *item.Contact)) {
	n := 0
	for i, it := range m.items {
		if c, ok := it.(*item.Contact); ok {
			changed := *c
			edit(n, &changed)
			m.items[i] = &changed
			n++
		}
	}
}

func TestElements_RestoredTwice(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := everything()
	r := p.backUp(t, m)
	want := api.Counts{"contacts": 40, "sms": 61, "mms": 3, "calls": 31}
	if diff := cmp.Diff(want, r.Counts); diff != "" {
		t.Error(diff)
	}
	got := &memory{coverage: m.coverage}
	first := restored(t, s, r.Snapshot, got, all...)
	same(t, "restored", got, m)
	second := restored(t, s, r.Snapshot, got, all...)
	same(t, "restored again", got, m)
	for element, n := range map[string]int64{"contacts": 40, "messages": 64, "calls": 31} {
		if l := first.Ledger[element]; l.Inserted != n || l.Planned != n {
			t.Errorf("first, %s: %+v", element, l)
		}
		if l := second.Ledger[element]; l.Duplicate != n || l.Planned != n {
			t.Errorf("second, %s: %+v", element, l)
		}
	}
}

// TestElements_EditedContact shows that an edited contact sends its record again, and not its photo.
func TestElements_EditedContact(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := everything()
	p.backUp(t, m)
	m.everyContact(func(i int, c *item.Contact) {
		if i == 0 || i == 8 {
			c.Notes = []string{"edited"}
		}
	})
	r := p.backUp(t, m)
	if l := r.Ledger["contacts"]; l.Stored != 2 || l.Already != 38 || r.BytesUp > 5_000 || r.Objects != 1 {
		t.Errorf("%+v with %d bytes in %d objects", l, r.BytesUp, r.Objects)
	}
	got := &memory{coverage: m.coverage}
	restored(t, s, r.Snapshot, got, all...)
	same(t, "restored", got, m)
}

// TestElements_LimitedCoverage shows that nothing is deleted that a run could not see.
func TestElements_LimitedCoverage(t *testing.T) {
	t.Parallel()
	for _, coverage := range []string{Limited, Denied, Unavailable} {
		t.Run(coverage, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			m := everything()
			p.backUp(t, m)
			less := m.clone()
			less.coverage = map[string]string{"contacts": coverage, "calls": coverage}
			less.items = slices.DeleteFunc(less.items, func(it item.Item) bool { return it.Kind().Element() != "messages" })
			if coverage == Limited {
				less.items = append(less.items, m.items[len(demo().items)]) // one of the contacts
			}
			less.items = append(less.items, sms(2000, "new"))
			r := p.backUp(t, less)
			if r.Counts["contacts"] != 40 || r.Counts["calls"] != 31 || r.Coverage["contacts"] != coverage {
				t.Errorf("%v %v", r.Counts, r.Coverage)
			}
			got := &memory{coverage: m.coverage}
			restored(t, s, r.Snapshot, got, "contacts", "calls")
			m.items = slices.DeleteFunc(m.items, func(it item.Item) bool { return it.Kind().Element() == "messages" })
			same(t, "restored", got, m)
		})
	}
}

// TestElements_Merged restores onto a phone that has some of the contacts in other forms.
func TestElements_Merged(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := everything()
	snapshot := p.backUp(t, m).Snapshot
	got := &memory{coverage: m.coverage, items: []item.Item{
		&item.Contact{UID: "uid-0", Name: item.Name{Full: "Person 0"}, Notes: []string{"mine"}},                                                                          // less, and a note
		&item.Contact{Name: item.Name{Full: "person 1"}, Phones: []item.Phone{{Address: item.ParseAddress("+48 600 200 001")}}, Notes: []string{"mine"}},                 // the same
		&item.Contact{Name: item.Name{Full: "Person"}, Phones: []item.Phone{{Address: item.ParseAddress("+48600200002")}, {Address: item.ParseAddress("+48600999999")}}}, // perhaps
		call(5, 60), call(6, 99), // one that is there, and one that another app has put wrong
	}}
	r := restored(t, s, snapshot, got, all...)
	if l := r.Ledger["contacts"]; l.Merged != 1 || l.Duplicate != 1 || l.Inserted != 38 {
		t.Errorf("%+v", l)
	}
	if l := r.Ledger["calls"]; l.Duplicate != 1 || l.Inserted != 30 {
		t.Errorf("%+v", l)
	}
	if diff := cmp.Diff(map[string]int64{"contacts": 1, "calls": 1}, r.Near); diff != "" {
		t.Error(diff)
	}
	c := got.items[0].(*item.Contact)
	if len(c.Phones) != 1 || len(c.Media) != 1 || len(c.Notes) != 1 || got.blobs[c.Media[0].Blob.SHA256] == nil {
		t.Errorf("%+v", c)
	}
	if l := restored(t, s, snapshot, got, all...).Ledger; l["contacts"].Duplicate != 40 || l["calls"].Duplicate != 31 {
		t.Errorf("the second time: %+v", l)
	}
}
