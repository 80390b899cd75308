package device

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapas/device/internal/item"
	"zapas/shared/api"
)

// onlyContacts are those of a phone.
func onlyContacts(m *memory) *memory {
	m.items = slices.DeleteFunc(m.items, func(it item.Item) bool { return it.Kind() != item.KindContact })
	m.coverage = map[string]string{"contacts": Full, "calls": Full}
	return m
}

// TestContacts_RestoredAgain: whatever two phones have backed up, and whatever a third one holds, to restore the one and the
// other once more writes nothing, and the plan says so.
func TestContacts_RestoredAgain(t *testing.T) {
	t.Parallel()
	wrote := int64(0)
	rapid.Check(t, func(rt *rapid.T) {
		s := newService(t)
		var snapshots []string
		target := onlyContacts(drawPhone(rt))
		for n := range 2 {
			p := enrolled(t, s, byte(1+n))
			m := onlyContacts(drawPhone(rt))
			if len(m.items) == 0 {
				m.items = append(m.items, &item.Contact{Name: item.Name{Full: "Ann"}})
			}
			snapshots = append(snapshots, p.backUp(t, m).Snapshot)
			maps.Copy(target.blobs, m.blobs)
			must(t, p.Close())
		}
		a, b := snapshots[0], snapshots[1]
		for i, snapshot := range []string{a, a, b, a, b} {
			q := enrolled(t, s, byte(3+i))
			into := s.consent(t, snapshot, q.id.Device, "contacts")
			plan, err := q.Plan(t.Context(), into, target, nil)
			must(t, err)
			done, err := q.Restore(t.Context(), into, target, nil)
			must(t, err)
			must(t, q.Close())
			if diff := cmp.Diff(planOf(done).Elements, plan.Elements); diff != "" {
				rt.Fatalf("planned, and not done: %s", diff)
			}
			l := done.Ledger["contacts"]
			if again := i != 0 && i != 2; again && l.Duplicate != l.Planned {
				rt.Fatalf("restore %d: %+v", i+1, l)
			}
			wrote += l.Inserted + l.Merged
		}
		if t.Failed() {
			rt.FailNow()
		}
	})
	if wrote == 0 {
		t.Error("nothing was ever written")
	}
}

// TestContacts_OneUID shows that a UID alone makes no one person of two.
func TestContacts_OneUID(t *testing.T) {
	t.Parallel()
	card := func(uid, name, number string) *item.Contact {
		return &item.Contact{UID: uid, Name: item.Name{Full: name}, Phones: []item.Phone{{Address: item.ParseAddress(number)}}, Notes: []string{"of " + name}}
	}
	adam, barbara, zofia := card("1", "Adam Nowak", "+48600100201"), card("1", "Barbara Lis", "+48600100202"), card("1", "Zofia Lis", "+48600100999")
	for name, tt := range map[string]struct {
		held, items []item.Item
		first       api.RestoreLedger
		near        int64
	}{
		"OtherOnThePhone": {[]item.Item{zofia}, []item.Item{adam}, api.RestoreLedger{Planned: 1, Inserted: 1}, 1},
		"TwiceInABackup":  {nil, []item.Item{adam, barbara}, api.RestoreLedger{Planned: 2, Inserted: 2}, 0},
		"TrueTwins":       {[]item.Item{adam}, []item.Item{adam, adam}, api.RestoreLedger{Planned: 2, Inserted: 1, Duplicate: 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			m := &memory{items: tt.items, coverage: map[string]string{"contacts": Full}}
			snapshot := p.backUp(t, m).Snapshot
			got := &memory{items: tt.held, coverage: m.coverage}
			r := restored(t, s, snapshot, got, "contacts")
			if diff := cmp.Diff(tt.first, r.Ledger["contacts"]); diff != "" || r.Near["contacts"] != tt.near {
				t.Errorf("near %d %s", r.Near["contacts"], diff)
			}
			n := int64(len(tt.items))
			if diff := cmp.Diff(api.RestoreLedger{Planned: n, Duplicate: n}, restored(t, s, snapshot, got, "contacts").Ledger["contacts"]); diff != "" {
				t.Errorf("again: %s", diff)
			}
			for _, it := range got.items {
				if c := it.(*item.Contact); len(c.Phones) != 1 || len(c.Nicknames) > 0 || c.Notes[0] != "of "+c.Name.Full {
					t.Errorf("two people are one: %+v", c)
				}
			}
		})
	}
}
