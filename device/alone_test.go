package device

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"zapas/device/internal/item"
)

// TestRestore_ContactsAlone: contacts come back without what messages had attached, fresh and after 400 days: no object is
// asked for that holds none of them, none but the index's twice, and no more than its records of one that
// has no photo of theirs. A
// conversation or some days take no more than their element.
func TestRestore_ContactsAlone(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	p.config.Conditions = func() Conditions { return Conditions{Unmetered: true, Charging: true} }
	y := newYear(100, 500)
	for i := range 8 { // with what is sealed beside them, contacts lie in a chunk of 16 MiB
		y.mms(4000+i, noise(uint64(40+i), 7<<20))
	}
	r := p.backUp(t, y.memory)
	if r.Objects < 4 {
		t.Fatalf("%d objects", r.Objects)
	}
	contactsAlone(t, s, y, r.Snapshot, 6, 17_000_000)
	days := rand.New(rand.NewChaCha8([32]byte{9}))
	for range 400 {
		y.pass(days, 100_000)
		s.now = s.now.Add(24 * time.Hour)
		r = p.backUp(t, y.memory)
	}
	contactsAlone(t, s, y, r.Snapshot, 22, 17_000_000)
}

func contactsAlone(t *testing.T, s *service, y *year, snapshot string, gets int, bytes int64) {
	t.Helper()
	sent := len(s.requests)
	got := &memory{coverage: y.coverage}
	back := restored(t, s, snapshot, got, "contacts")
	asked := map[string]int{}
	for _, r := range s.requests[sent:] {
		asked[r]++
	}
	twice := 0
	for r, n := range asked {
		if n > 1 && len(r) > 4 && r[:4] == "GET " {
			twice += n - 1
		}
	}
	want := y.clone()
	want.items = slices.DeleteFunc(want.items, func(it item.Item) bool { return it.Kind() != item.KindContact })
	same(t, "contacts", got, want)
	t.Logf("contacts: %d GETs, %d bytes", back.Requests.Gets, back.Requests.BytesDown)
	if back.Requests.Gets > gets || back.Requests.BytesDown > bytes || twice > 1 {
		t.Errorf("contacts take %d GETs, %d for an object again, and %d bytes; want %d and %d", back.Requests.Gets, twice, back.Requests.BytesDown, gets, bytes)
	}
	q := enrolled(t, s, 98)
	defer q.Close()
	planned := func(element string, only ...Only) Plan {
		must(t, q.Device.dir.ClearRestores())
		plan, err := q.Plan(t.Context(), s.consent(t, snapshot, q.id.Device, element), &memory{coverage: y.coverage}, nil, only...)
		must(t, err)
		return plan
	}
	if plan := planned("contacts"); plan.Requests.Gets > gets || plan.Requests.BytesDown > 200_000 || plan.Elements["contacts"].New != 100 {
		t.Errorf("the plan takes %+v: %+v", plan.Requests, plan.Elements)
	}
	all := planned("messages")
	for _, only := range []Only{{With: []string{"+48600100200"}}, {Since: s.now.Add(-48 * time.Hour)}} {
		part := planned("messages", only)
		if part.Requests.Gets > all.Requests.Gets || part.Requests.BytesDown > all.Requests.BytesDown || all.Elements["messages"].New == 0 || part.Elements["messages"].Skipped == 0 {
			t.Errorf("%+v: %+v, and all messages %+v", only, part.Requests, all.Requests)
		}
	}
}
