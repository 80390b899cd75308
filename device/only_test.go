package device

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/item"
	"zapas/shared/api"
)

// TestRestore_Only: one conversation, some days, or both; what is left out is planned and skipped, and a plan says the same.
func TestRestore_Only(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	peers := func(raw ...string) (out []item.Address) {
		for _, r := range raw {
			out = append(out, item.ParseAddress(r, "PL"))
		}
		return out
	}
	ola, jan := "+48 600 100 200", "+48 600 100 300"
	m := &memory{coverage: map[string]string{"contacts": Full, "messages": Full, "calls": Full}}
	for i, with := range [][]string{{ola}, {ola}, {jan}, {ola, jan}} { // one a day
		m.items = append(m.items, &item.SMS{Message: item.Message{Box: item.Inbox, Unit: item.Millisecond, Peers: peers(with...),
			Date: noon.AddDate(0, 0, i).UnixMilli()}, Body: "See you"})
	}
	for i, with := range []string{ola, jan} {
		m.items = append(m.items, &item.Call{Type: item.Incoming, Unit: item.Millisecond, Address: item.ParseAddress(with, "PL"), Date: noon.AddDate(0, 0, i).UnixMilli()})
	}
	m.items = append(m.items, &item.Contact{Notes: []string{"a plumber"}})
	type left struct{ messages, calls int64 }
	for name, tt := range map[string]struct {
		only []Only
		want left
	}{
		"All":          {nil, left{4, 2}},
		"Nothing said": {[]Only{{}}, left{4, 2}},
		"Conversation": {[]Only{{With: []string{"600 100 200"}, Region: "PL"}}, left{2, 1}},
		"Group":        {[]Only{{With: []string{jan, ola}}}, left{1, 0}},
		"Nobody":       {[]Only{{With: []string{"+48600100999"}}}, left{0, 0}},
		"Since":        {[]Only{{Since: noon.AddDate(0, 0, 1)}}, left{3, 1}},
		"Until":        {[]Only{{Until: noon.AddDate(0, 0, 1)}}, left{1, 1}},
		"Both":         {[]Only{{With: []string{ola}, Since: noon.AddDate(0, 0, 1)}}, left{1, 0}},
		"Narrowed":     {[]Only{{With: []string{ola}}, {Until: noon.Add(1)}}, left{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			r := p.backUp(t, m)
			to := &memory{coverage: m.coverage}
			order := s.consent(t, r.Snapshot, p.id.Device)
			plan, err := p.Plan(t.Context(), order, to, nil, tt.only...)
			must(t, err)
			done, err := p.Restore(t.Context(), order, to, nil, tt.only...)
			must(t, err)
			ledger := func(all, n int64) api.RestoreLedger {
				l := api.RestoreLedger{Planned: all, Inserted: n, Skipped: all - n}
				if n < all {
					l.Reasons = map[string]int64{"not_chosen": all - n}
				}
				return l
			}
			want := api.RestoreLedgers{"contacts": ledger(1, 1), "messages": ledger(4, tt.want.messages), "calls": ledger(2, tt.want.calls)}
			if diff := cmp.Diff(want, done.Ledger); diff != "" {
				t.Error(diff)
			}
			for e, l := range want {
				if got := plan.Elements[e]; got.Planned != l.Planned || got.New != l.Inserted || got.Skipped != l.Skipped {
					t.Errorf("the plan of %s says %+v", e, got)
				}
			}
			if got := int64(len(to.items)); got != 1+tt.want.messages+tt.want.calls {
				t.Errorf("%d items came", got)
			}
		})
	}
}
