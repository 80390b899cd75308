package device

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/item"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/vault"
)

var errKilled = errors.New("killed")

// TestBackup_Killed kills a backup at each request, before and after its effect, and at each change of the disk, and runs it
// again: the snapshot is whole, and no chunk is ever uploaded with other bytes (the service watches that).
func TestBackup_Killed(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"", "backup", "restore", "lost"} {
		for at := 0; ; at++ {
			if !killedAt(t, before, at) {
				if at < 15 {
					t.Errorf("there are only %d places to die at", at)
				}
				break
			}
		}
	}
}

func killedAt(t *testing.T, before string, at int) (reached bool) {
	t.Helper()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	switch before {
	case "backup":
		p.backUp(t, m)
		m = day(m)
	case "lost": // and found so
		p.backUp(t, m)
		delete(s.objects, p.objectOf(t, s, 0))
		p.verified(t, VerifyOptions{})
	case "restore": // of a larger one than its own
		q := enrolled(t, s, 2)
		snapshot := q.backUp(t, m).Snapshot
		m = &memory{items: []item.Item{sms(9000, "its own")}}
		p.backUp(t, m)
		_, err := p.Restore(t.Context(), s.consent(t, snapshot, p.id.Device, "messages"), m, nil)
		must(t, err)
	}
	ctx, kill := context.WithCancelCause(t.Context())
	defer kill(nil)
	where := ""
	step := func(what string) error {
		if reached {
			return errKilled
		}
		if at--; at < 0 {
			reached, where = true, what
			kill(errKilled)
			return errKilled
		}
		return nil
	}
	s.fault = func(req *http.Request, after bool) error {
		return step(fmt.Sprintf("%s %s after=%t", req.Method, req.URL.Path, after))
	}
	p.Device.dir.Before = step
	_, err := p.Backup(ctx, m, profileOf("eu"))
	s.fault = nil
	if reached && err == nil && !strings.Contains(where, "remove") {
		t.Errorf("killed at %q, and no error", where)
	}
	p.restart(t, s)
	r := p.backUp(t, m)
	got := new(memory)
	restored(t, s, r.Snapshot, got)
	same(t, "killed at "+where, got, m)
	if again := p.backUp(t, m); !again.Unchanged {
		t.Errorf("killed at %q: a third run found something new: %+v", where, again)
	}
	return reached
}

// TestBackup_Resumed shows that a session which was sealed is brought to its end byte for byte, though the phone has moved on.
func TestBackup_Resumed(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	m.mms(1, noise(1, 9<<20), noise(2, 9<<20))
	puts := 0
	s.fault = func(req *http.Request, after bool) error {
		if req.Method == http.MethodPut && !after {
			if puts++; puts > 1 {
				return errKilled
			}
		}
		return nil
	}
	if _, err := p.Backup(t.Context(), m, profileOf("eu")); err == nil {
		t.Fatal("no error")
	}
	s.fault = nil
	sent := len(s.chunksStored())
	p.restart(t, s)
	s.now = s.now.Add(48 * time.Hour) // the URLs have long expired
	later := day(m)
	r := p.backUp(t, later)
	if !r.Resumed || sent != 1 || r.Ledger["messages"].Stored != 3 {
		t.Errorf("%d chunks had been sent; %+v", sent, r)
	}
	if len(s.snaps) != 2 {
		t.Errorf("%d snapshots, want the resumed one and the new one", len(s.snaps))
	}
	got := new(memory)
	restored(t, s, r.Snapshot, got)
	same(t, "restored", got, later)
}

// TestBackup_ResumedReport shows whose report a run gives that has brought another's session to its end: its own, as soon as
// it has something to tell.
func TestBackup_ResumedReport(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		later  func(m *memory) *memory
		want   Report // what of it is compared
		failed int64
	}{
		{"NothingNew", func(m *memory) *memory { return m }, Report{Resumed: true, Finished: true, Why: "first"}, 0},
		{"Unreadable", func(m *memory) *memory {
			m = m.clone()
			m.bad = []*Unreadable{{Kind: item.KindSMS, Count: 2, Reason: "bad_xml", Err: errors.New("line 7")}}
			return m
		}, Report{Resumed: true}, 2},
		{"New", day, Report{Resumed: true}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			m := demo()
			s.interrupt(t, p, m)
			p.restart(t, s)
			r := p.backUp(t, tt.later(m))
			got := Report{Resumed: r.Resumed, Finished: r.Finished, Unchanged: r.Unchanged, Why: r.Why}
			if diff := cmp.Diff(tt.want, got); diff != "" || r.Failed() != tt.failed {
				t.Errorf("%d failed: %s", r.Failed(), diff)
			}
		})
	}
}

// TestPending: a backup that was begun is pending until it has ended, however it broke off.
func TestPending(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		breaks func(req *http.Request, after bool) bool
		sealed bool
	}{
		{"BeginUnanswered", func(req *http.Request, after bool) bool { return after && strings.HasSuffix(req.URL.Path, "/sessions") }, false},
		{"BrokenBeforeTheJournal", nil, false},
		{"Put", func(req *http.Request, _ bool) bool { return req.Method == http.MethodPut }, true},
		{"CommitUnanswered", func(req *http.Request, after bool) bool { return after && strings.HasSuffix(req.URL.Path, "/commit") }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			pending := func(when string, want, sealed bool) {
				t.Helper()
				p.restart(t, s)
				st, err := p.Status()
				must(t, err)
				if p.Pending() != want || st.Unfinished != want || (st.Pending != "") != sealed {
					t.Errorf("%s: pending is %t and %+v, want %t", when, p.Pending(), st, want)
				}
			}
			pending("before", false, false)
			s.fault = func(req *http.Request, after bool) error {
				if tt.breaks != nil && tt.breaks(req, after) {
					return errKilled
				}
				return nil
			}
			p.Device.dir.Before = func(step string) error {
				if tt.breaks == nil && step == "create chunk" {
					return errKilled
				}
				return nil
			}
			if _, err := p.Backup(t.Context(), demo(), profileOf("eu")); err == nil {
				t.Fatal("no error")
			}
			s.fault = nil
			pending("broken off", true, tt.sealed)
			p.backUp(t, demo())
			pending("ended", false, false)
			p.backUp(t, demo())
			pending("unchanged", false, false)
		})
	}
}

// interrupt lets a backup break off when its chunks are sealed and none has arrived.
func (s *service) interrupt(t *testing.T, p *phone, m *memory) {
	t.Helper()
	s.fault = func(req *http.Request, after bool) error {
		if req.Method == http.MethodPut {
			return errKilled
		}
		return nil
	}
	if _, err := p.Backup(t.Context(), m, profileOf(s.location)); err == nil {
		t.Fatal("no error")
	}
	s.fault = nil
}

func TestBackup_SessionOver(t *testing.T) {
	t.Parallel()
	chunk := func(damage func(path string, b []byte) error) func(t *testing.T, s *service, p *phone) {
		return func(t *testing.T, _ *service, p *phone) {
			t.Helper()
			path := p.Device.dir.Path("session", "0.chunk")
			b, err := os.ReadFile(path)
			must(t, err)
			must(t, os.Remove(path))
			must(t, damage(path, b))
		}
	}
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, s *service, p *phone)
		given  int // sessions given up in words
	}{
		{"Ended", func(t *testing.T, s *service, p *phone) {
			for _, e := range s.head.Open {
				must(t, s.opener().End(t.Context(), s.user, caller.DeviceID(p.id.Device), e.Session))
			}
		}, 0},
		{"ChunkDamaged", chunk(func(path string, b []byte) error { b[len(b)/2] ^= 1; return os.WriteFile(path, b, 0o600) }), 1},
		{"ChunkCut", chunk(func(path string, b []byte) error { return os.WriteFile(path, b[:len(b)-1], 0o600) }), 1},
		{"ChunkLonger", chunk(func(path string, b []byte) error { return os.WriteFile(path, append(b, 0), 0o600) }), 1},
		{"ChunkEmpty", chunk(func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) }), 1},
		{"ChunkIsAFolder", chunk(func(path string, _ []byte) error { return os.Mkdir(path, 0o700) }), 1},
		{"ChunkMissing", chunk(func(string, []byte) error { return nil }), 1},
		{"DoneIsAFolder", func(t *testing.T, _ *service, p *phone) {
			must(t, os.Mkdir(p.Device.dir.Path("session", "done"), 0o700))
		}, 1},
		{"SizeInJournal", func(t *testing.T, _ *service, p *phone) {
			path := p.Device.dir.Path("session", "journal.json")
			b, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path, []byte(strings.Replace(string(b), `"size":`, `"size":1`, 1)), 0o600))
		}, 0},
		{"JournalDamaged", func(t *testing.T, _ *service, p *phone) {
			must(t, os.WriteFile(p.Device.dir.Path("session", "journal.json"), []byte("{"), 0o600))
		}, 0},
		{"JournalIsAFolder", func(t *testing.T, _ *service, p *phone) {
			must(t, os.Remove(p.Device.dir.Path("session", "journal.json")))
			must(t, os.MkdirAll(p.Device.dir.Path("session", "journal.json", "x"), 0o700))
		}, 0},
		{"SessionIsAFile", func(t *testing.T, _ *service, p *phone) {
			must(t, os.RemoveAll(p.Device.dir.Path("session")))
			must(t, os.WriteFile(p.Device.dir.Path("session"), []byte("x"), 0o600))
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			m := demo()
			s.interrupt(t, p, m)
			tt.damage(t, s, p)
			s.requests = nil
			r := p.backUp(t, m)
			got := new(memory)
			restored(t, s, r.Snapshot, got)
			same(t, "restored", got, m)
			if r.Note == "" || r.Resumed || r.Why != "first" || len(s.given) != tt.given {
				t.Errorf("%d sessions are given up, want %d: %+v", len(s.given), tt.given, r)
			}
			if tt.given > 0 && r.Requests != (Requests{API: 5, Puts: 1, BytesUp: r.BytesUp}) { // DELETE, a look for a backup before, begin, sign, commit
				t.Errorf("it was sent or signed: %+v", r.Requests)
			}
			if p.Pending() {
				t.Error("it is still pending")
			}
		})
	}
}

func TestBackup_ExpiredURLIsSignedAgain(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	once := true
	s.fault = func(req *http.Request, after bool) error {
		if req.Method == http.MethodPut && !after && once {
			once = false
			s.now = s.now.Add(time.Hour)
		}
		return nil
	}
	if r := p.backUp(t, demo()); r.Requests.Puts != 2 || r.Requests.API != 4 || r.Objects != 1 {
		t.Errorf("%+v", r)
	}
}

// moving is a phone that gets other messages between the first and the second reading.
type moving struct {
	*memory
	later *memory
	reads int
}

func (m *moving) Items() iter.Seq2[item.Item, error] {
	if m.reads++; m.reads == 2 {
		m.memory = m.later
	}
	return m.memory.Items()
}

func TestBackup_SourceMoves(t *testing.T) {
	t.Parallel()
	first := demo()
	swapped := first.clone()
	swapped.items[2], swapped.items[3] = swapped.items[3], swapped.items[2]
	less := first.clone()
	less.items = less.items[:30]
	for name, later := range map[string]*memory{"Day": day(first), "Order": swapped, "Fewer": less} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			r := p.backUp(t, &moving{memory: first, later: later})
			got := new(memory)
			restored(t, s, r.Snapshot, got)
			same(t, "restored", got, later)
			if len(s.snaps) != 1 || s.rows[vault.SessionID(r.Snapshot)].State != vault.Committed {
				t.Errorf("%d snapshots", len(s.snaps))
			}
		})
	}
}

// TestBackup_Refused lets a commit be refused once.
func TestBackup_Refused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		refuse func(s *service) error
		why    string
		puts   int
		fails  string
	}{
		{"ChunkMissing", func(s *service) error { clear(s.objects); return nil }, "first", 2, ""},
		{"TooManyChunks", func(*service) error { return fault.New(fault.Unprocessable, "too_many_chunks", "Compact.") }, "too_many_chunks", 2, ""},
		{"CommittedOtherwise", func(*service) error { return fault.New(fault.Conflict, "committed_otherwise", "No.") }, "first", 2, ""},
		{"Invalid", func(*service) error { return fault.New(fault.Invalid, "invalid", "The ledger is wrong.") }, "first", 1, "The ledger is wrong."},
		{"Quota", func(*service) error { return fault.New(fault.TooLarge, "quota", "Delete old backups.") }, "first", 1, "Delete old backups."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			s.commits = func() error { s.commits = nil; return tt.refuse(s) }
			m := demo()
			r, err := p.Backup(t.Context(), m, profileOf("eu"))
			if tt.fails == "" && err != nil || tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)) {
				t.Errorf("error %v, want %q", err, tt.fails)
			}
			if r.Why != tt.why || r.Requests.Puts != tt.puts {
				t.Errorf("%+v", r)
			}
			r = p.backUp(t, m) // whatever it was, the next run is well
			got := new(memory)
			restored(t, s, r.Snapshot, got)
			same(t, "restored", got, m)
		})
	}
}

func TestBackup_ClockOff(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	p.config.Now = func() time.Time { return s.now.Add(-72 * time.Hour) }
	p.use(p.id)
	if r := p.backUp(t, demo()); r.Requests.API != 4 {
		t.Errorf("the offset costs one request once: %+v", r)
	}
	id, err := p.Device.dir.Identity()
	if err != nil || id.Offset != 72*time.Hour {
		t.Errorf("offset kept: %v, %v", id.Offset, err)
	}
}

// TestBackup_EnrolledAgain: a phone that is enrolled once more, as the device that it is, goes on with what it has begun.
func TestBackup_EnrolledAgain(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	m.mms(6000, noise(1, 9<<20))
	m.mms(6001, noise(2, 9<<20))
	p.Device.dir.Before = func(step string) error { return map[bool]error{true: errKilled}[step == "write journal.json"] }
	if _, err := p.Backup(t.Context(), m, profileOf("eu")); err == nil {
		t.Fatal("no error")
	}
	p.restart(t, s)
	if _, err := p.Enrol(t.Context(), Enrolment{Server: "https://zapas.test", Code: "GOOD-CODE", Platform: "android"}); err != nil || !p.Pending() {
		t.Fatal(err)
	}
	if r := p.backUp(t, m); len(s.rows) != 1 || r.Ledger["messages"].Stored != 66 {
		t.Errorf("%d sessions: %+v", len(s.rows), r)
	}
}
