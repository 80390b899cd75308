package device

import (
	"os"
	"slices"
	"testing"
	"time"

	"zapas/shared/vault"
)

// TestBackup_ClockMoves: whatever somebody does to a phone's clock, the next backup begins at once, under a counter that
// has grown and that is not of the phone's time.
func TestBackup_ClockMoves(t *testing.T) {
	t.Parallel()
	s := newService(t)
	off := 72 * time.Hour
	p := enrolled(t, s, 1)
	restart := func(to time.Duration) {
		t.Helper()
		off = to
		p.restart(t, s)
		p.config.Now = func() time.Time { return s.now.Add(off) }
		p.use(p.id)
	}
	m, last := demo(), int64(0)
	var earlier []byte // the identity after the first backup
	backUp := func(what string, begins int) {
		t.Helper()
		if _, err := p.CheckIn(t.Context(), nil); err != nil { // it learns the time
			t.Fatal(err)
		}
		m = m.clone()
		m.items = append(m.items, sms(2000+len(s.snaps), what))
		s.requests = nil
		r := p.backUp(t, m)
		begun := slices.DeleteFunc(slices.Clone(s.requests), func(r string) bool { return r != "POST /v1/device/sessions" })
		if len(begun) != begins || len(s.requests) != begins+3 {
			t.Errorf("%s: %q, want %d beginnings", what, s.requests, begins)
		}
		if r.Unchanged || s.rows[vault.SessionID(r.Snapshot)].State != vault.Committed {
			t.Errorf("%s: %+v", what, r)
		}
		if p.id.Counter <= last || p.id.Counter > s.now.Add(time.Hour).UnixMilli() {
			t.Errorf("%s: the counter is %d after %d, by a clock that is at %d", what, p.id.Counter, last, s.now.UnixMilli())
		}
		last = p.id.Counter
	}
	for _, to := range []time.Duration{72 * time.Hour, 0, -72 * time.Hour, 72 * time.Hour, -365 * 24 * time.Hour, 0} {
		restart(to)
		backUp(to.String(), 1)
		if earlier == nil {
			var err error
			earlier, err = os.ReadFile(p.Device.dir.Path("device.json"))
			must(t, err)
		}
	}
	must(t, os.WriteFile(p.Device.dir.Path("device.json"), earlier, 0o600))
	restart(-72 * time.Hour)
	backUp("put back from a copy, by a clock that is behind", 2) // the first is stale, and told by how much
	got := new(memory)
	restored(t, s, string(s.snaps[int64(len(s.snaps))].ID), got)
	same(t, "after all", got, m)
}

// TestBackup_CounterOfAnotherTime: a counter from a clock that was years ahead neither sticks nor falls back.
func TestBackup_CounterOfAnotherTime(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	ahead := s.now.AddDate(70, 0, 0).UnixMilli()
	m := demo()
	p.backUp(t, m)
	p.id.Counter = ahead
	for n := range 3 {
		m = m.clone()
		m.items = append(m.items, sms(3000+n, "more"))
		if r := p.backUp(t, m); r.Requests.API != 3 || p.id.Counter != ahead+int64(n)+1 {
			t.Errorf("backup %d: counter %d, %+v", n, p.id.Counter, r.Requests)
		}
		p.restart(t, s)
	}
}
