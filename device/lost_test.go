package device

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"zapas/device/internal/item"
	"zapas/shared/caller"
	"zapas/shared/restore"
	"zapas/shared/vault"
)

// TestBackup_FailuresAlone: a run in which something could not be read is told to the service, though nothing is new; and the
// same run every day makes a snapshot of no more chunks.
func TestBackup_FailuresAlone(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	p.backUp(t, m)
	m.bad = []*Unreadable{{Kind: item.KindContact, Count: 1, Reason: "bad_vcard", Err: errKilled}}
	var first Report
	for n := range 5 {
		s.order, s.named = "ORDER", nil
		_, err := p.CheckIn(t.Context(), nil)
		must(t, err)
		r := p.backUp(t, m)
		if r.Unchanged || r.Failed() != 1 || r.Requests.API != 3 || r.Requests.Puts != 1 || r.BytesUp > 4096 || !slices.Equal(s.named, []string{"ORDER"}) {
			t.Errorf("run %d: %+v, and sessions named %q", n, r, s.named)
		}
		told := s.snaps[s.head.Seq]
		if string(told.ID) != r.Snapshot || told.Ledger["contacts"].Failed != 1 || told.Ledger["messages"].Already != 64 || told.Counts["sms"] != 61 {
			t.Errorf("run %d: the service knows %+v", n, told)
		}
		if n == 0 {
			first = r
		}
	}
	status, err := p.Status()
	must(t, err)
	if first.Base == "" || status.Chunks != 2 { // the first one's, and the newest index's
		t.Errorf("the snapshot has %d chunks", status.Chunks)
	}
	m.bad = nil
	if r := p.backUp(t, m); !r.Unchanged || r.Requests.Total() != 1 {
		t.Errorf("readable again: %+v", r)
	}
}

// listLoss are ways to lose the list of a snapshot's chunks, by the reason that is told.
var listLoss = map[string]func(s *service, key string){
	"list_gone":    func(s *service, key string) { delete(s.objects, key) },
	"list_damaged": func(s *service, key string) { s.objects[key] = []byte("{}") },
}

// TestListLost: without the list of its chunks all of a backup is lost, and named; the next one is in full.
func TestListLost(t *testing.T) {
	t.Parallel()
	for reason, lose := range listLoss {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			r := p.backUp(t, demo())
			lose(s, vault.ListKey(s.user, vault.SessionID(r.Snapshot)))

			v := p.verified(t, VerifyOptions{})
			if e := v.Elements["messages"]; v.Outcome != Damaged || v.Snapshot != r.Snapshot || e.Lost != 64 || e.Proven != 0 || e.Reasons[reason] != 64 {
				t.Errorf("verified: %+v", v)
			}
			if !slices.Equal(s.outcomes, []vault.Outcome{vault.Damaged}) {
				t.Errorf("the card was told %v", s.outcomes)
			}

			got := new(memory)
			rr := restored(t, s, r.Snapshot, got)
			if l := rr.Ledger["messages"]; rr.State != "failed" || l.Planned != 64 || l.Failed != 64 || l.Reasons[reason] != 64 || len(got.items) != 0 {
				t.Errorf("restored: %+v", rr)
			}

			later := day(demo())
			full := p.backUp(t, later)
			if full.Base != "" || full.Why != reason || full.Ledger["messages"].Stored != 64 {
				t.Errorf("backed up: %+v", full)
			}
			got = new(memory)
			restored(t, s, full.Snapshot, got)
			same(t, "restored", got, later)
		})
	}
}

// TestListUnreadable: a list that the storage does not give out may be given another time. A restore, of which there is one,
// waits for that; a proof says what it found, and finds otherwise later.
func TestListUnreadable(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	r := p.backUp(t, demo())
	s.unlisted = true
	if v := p.verified(t, VerifyOptions{}); v.Outcome != Damaged || v.Elements["messages"].Reasons["list_unreadable"] != 64 {
		t.Errorf("%+v", v)
	}
	q := enrolled(t, s, 99)
	into := s.consent(t, r.Snapshot, q.id.Device, "messages")
	if _, err := q.Restore(t.Context(), into, new(memory), nil); err == nil || s.restores[restore.ID(into.Id)].State != restore.Opened {
		t.Errorf("%v, and the restore is %s", err, s.restores[restore.ID(into.Id)].State)
	}
	s.unlisted = false
	if v := p.verified(t, VerifyOptions{}); v.Outcome != Proven {
		t.Errorf("later: %+v", v)
	}
	if rr, err := q.Restore(t.Context(), into, new(memory), nil); err != nil || rr.State != "done" {
		t.Errorf("later: %+v %v", rr, err)
	}
}

// TestRefused: what the storage refuses of one chunk costs the items of that one alone; what it refuses of all may come
// another time.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, status := range []int{500, 400} {
		s := newService(t)
		p := enrolled(t, s, 1)
		p.backUp(t, demo())
		old := s.chunksStored()
		r := p.backUp(t, day(demo())) // 3 of its items are in its own chunk, with the index, 61 in the first
		into := func(to *memory) (RestoreReport, error) {
			q := enrolled(t, s, 99)
			return q.Restore(t.Context(), s.consent(t, r.Snapshot, q.id.Device, "messages"), to, nil)
		}

		s.refuses = func(key string) int { return map[bool]int{true: status}[slices.Contains(old, key)] }
		v := p.verified(t, VerifyOptions{})
		if e := v.Elements["messages"]; v.Outcome != Damaged || e.Proven != 3 || e.Lost != 61 || e.Reasons["chunk_refused"] != 61 {
			t.Errorf("%d: verified: %+v", status, v)
		}
		got := new(memory)
		rr, err := into(got)
		must(t, err)
		if l := rr.Ledger["messages"]; l.Failed != 61 || l.Inserted != 3 || l.Reasons["chunk_refused"] != 61 || rr.State != "partly_done" {
			t.Errorf("%d: restored: %+v", status, rr)
		}

		s.refuses = func(key string) int { return map[bool]int{true: status}[!slices.Contains(old, key)] } // the index's
		v = p.verified(t, VerifyOptions{})
		if e := v.Elements["messages"]; v.Outcome != Damaged || e.Lost != 64 || e.Reasons["chunk_refused"] != 64 {
			t.Errorf("%d: verified without the index: %+v", status, v)
		}

		told := len(s.outcomes)
		for _, all := range []int{status, 503} {
			s.refuses = func(string) int { return all }
			if _, err := p.Verify(t.Context(), VerifyOptions{}); err == nil || len(s.outcomes) != told {
				t.Errorf("%d of all: %v, and the service was told %v", all, err, s.outcomes[told:])
			}
			p.clean(t)
			if _, err := into(new(memory)); err == nil {
				t.Errorf("%d of all: a restore came to its end", all)
			}
		}
		s.refuses = nil
		if v = p.verified(t, VerifyOptions{}); v.Outcome != Proven {
			t.Errorf("%d: later: %+v", status, v)
		}
	}
}

// TestRefused_AfterTheIndex: a storage that gives the index out and then nothing more is not heeded.
func TestRefused_AfterTheIndex(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	p.backUp(t, m)
	p.backUp(t, day(m))
	old := s.chunksStored()
	r := p.backUp(t, day(day(m)))
	s.refuses = func(key string) int { return map[bool]int{true: 500}[slices.Contains(old, key)] }
	if _, err := p.Verify(t.Context(), VerifyOptions{}); err == nil || !strings.Contains(err.Error(), "refuses everything") {
		t.Error(err)
	}
	q := enrolled(t, s, 99)
	if _, err := q.Restore(t.Context(), s.consent(t, r.Snapshot, q.id.Device, "messages"), new(memory), nil); err == nil {
		t.Error("a restore came to its end")
	}
}

// TestRestore_Cancelled: what is cancelled before anything is written is not written; what is cancelled later is told.
func TestRestore_Cancelled(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		when func(req *http.Request, after bool) bool
		want int // items
	}{
		"WhileItIsDownloaded": {func(req *http.Request, after bool) bool {
			return after && req.Method == http.MethodGet && req.URL.Host == "s3"
		}, 0},
		"WhileItIsWritten": {func(req *http.Request, after bool) bool { return !after && strings.HasSuffix(req.URL.Path, "/result") }, 64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			r := p.backUp(t, demo())
			into := s.consent(t, r.Snapshot, p.id.Device, "messages")
			s.fault = func(req *http.Request, after bool) error {
				one := s.restores[restore.ID(into.Id)]
				if tt.when(req, after) && one.State == restore.Opened {
					_, err := s.consents().Cancel(t.Context(), caller.Caller{User: s.user}, one.ID)
					must(t, err)
				}
				return nil
			}
			got := new(memory)
			rr, err := p.Restore(t.Context(), into, got, nil)
			if len(got.items) != tt.want || got.finished != (tt.want > 0) || (err == nil) != (tt.want > 0) {
				t.Errorf("%d items were written: %v", len(got.items), err)
			}
			if err != nil && !strings.Contains(err.Error(), "cancelled") {
				t.Error(err)
			}
			if err == nil && rr.State != "cancelled" {
				t.Errorf("it is %s", rr.State)
			}
			if l := s.restores[restore.ID(into.Id)].Ledger["messages"]; l.Inserted != int64(tt.want) {
				t.Errorf("the service knows of %+v", l)
			}
		})
	}
}

// TestListUnreadable_Backup: a list of the base's chunks that the storage does not give out is waited for, for a day; then the
// next backup is in full.
func TestListUnreadable_Backup(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} { // with what the phone remembers, and without
		s := newService(t)
		p := enrolled(t, s, 1)
		p.backUp(t, demo())
		later := day(demo())
		if lost {
			must(t, p.Device.dir.DropCache())
		}
		s.unlisted = true
		try := func() (Report, error) {
			p.restart(t, s)
			return p.Backup(t.Context(), later, profileOf(s.location))
		}
		start := s.now
		for _, after := range []time.Duration{0, time.Hour, patience - time.Second} {
			s.now = start.Add(after)
			if r, err := try(); err == nil || !strings.Contains(err.Error(), start.Add(patience).Format(time.RFC3339)) || r.Note != "" {
				t.Errorf("after %s: %v %q", after, err, r.Note)
			}
		}
		s.now = start.Add(patience)
		r, err := try()
		if err != nil || r.Why != listUnreadable || r.Ledger["messages"].Stored != 64 || p.Pending() || len(s.head.Open) != 0 {
			t.Errorf("after %s: %v %+v; %+v is open", patience, err, r, s.head.Open)
		}
		if r, err = try(); err != nil || !r.Unchanged {
			t.Errorf("afterwards: %v %+v", err, r)
		}
		later = day(later)
		if _, err = try(); err == nil {
			t.Error("of another base, it is not waited for")
		}
		s.unlisted = false
		if r, err = try(); err != nil || r.Why != "" || r.Objects > 1 {
			t.Errorf("given out again: %v %+v", err, r)
		}
		if !p.id.Unlisted.IsZero() {
			t.Error("it is still counted")
		}
	}
}
