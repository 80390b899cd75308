package vault_test

import (
	"testing"

	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/vault"
)

// restores opens a restore of a snapshot, and ends it as one that has brought these elements in full.
func (p *phone) restores(base vault.SessionID, brought ...string) vault.Session {
	p.w.t.Helper()
	p.counter++
	s, err := p.w.opener.Begin(p.w.ctx(), p.user, vault.Beginning{Device: p.id, Kind: vault.Restore, Counter: p.counter, Base: base})
	must(p.w.t, err)
	for range 2 { // its answer was lost
		must(p.w.t, p.w.opener.Restored(p.w.ctx(), p.user, p.id, s.ID, vault.ElementsOf(brought...)))
	}
	return s
}

var every = []string{"contacts", "messages", "calls"}

// TestAdoption: a device whose restore of another's snapshot has brought everything may build on that, once; its backups then
// rest on that device's up to there, and it has the keys of these and no others.
func TestAdoption(t *testing.T) {
	t.Parallel()
	w := open(t)
	p, q := w.phone(anna, one), w.phone(anna, two)
	first := p.backup("", 1, "a")
	second := p.backup(first.ID, 2, "b")
	later := p.backup(second.ID, 3, "c")
	begin := func(f *phone, kind vault.Kind, base vault.SessionID) (vault.Session, error) {
		f.counter++
		return w.opener.Begin(t.Context(), anna, vault.Beginning{Device: f.id, Kind: kind, Counter: f.counter, Base: base, Location: eu})
	}
	for _, brought := range [][]string{nil, every} {
		_, err := begin(q, vault.Backup, second.ID)
		refused(t, err, fault.Conflict, "base_gone")
		_, err = begin(q, vault.Rebuild, "")
		refused(t, err, fault.NotFound, "not_found")
		q.restores(second.ID, brought...)
	}
	for _, base := range []vault.SessionID{first.ID, later.ID} {
		_, err := begin(q, vault.Backup, base)
		refused(t, err, fault.Conflict, "base_gone")
	}
	_, err := begin(q, vault.Verify, "")
	refused(t, err, fault.NotFound, "not_found")
	refused(t, w.opener.Unchanged(t.Context(), anna, vault.Beginning{Device: two, Base: second.ID, Location: eu}), fault.Conflict, "base_gone")
	key, _ := ephemeral(t)
	keys := func(f *phone, s vault.Session, asked ...vault.SessionID) error {
		_, err := w.opener.Release(t.Context(), anna, f.id, s.ID, asked, key)
		return err
	}
	reading, err := begin(q, vault.Rebuild, "")
	must(t, err)
	if reading.Base != second.ID || !reading.Adopted {
		t.Errorf("it reads %+v", reading)
	}
	must(t, keys(q, reading, first.ID, second.ID))
	refused(t, keys(q, reading, later.ID), fault.NotFound, "not_found")

	own := q.backup(second.ID, 2, "d")
	if own.Device != two || len(own.Origins) != 1 || own.Origins[0] != (vault.Origin{Device: one, Seq: second.Seq}) {
		t.Errorf("its backup is %+v", own)
	}
	_, err = begin(q, vault.Backup, second.ID) // which it has built on
	refused(t, err, fault.Conflict, "base_gone")
	next := q.backup(own.ID, 3, "e")
	proving := q.verify("")
	if m, err := w.reader.Base(t.Context(), anna, two, proving.ID, ""); err != nil || m.Total != 4 {
		t.Errorf("%d chunks: %v", m.Total, err)
	}
	must(t, keys(q, proving, first.ID, second.ID, own.ID, next.ID))
	refused(t, keys(q, proving, later.ID), fault.NotFound, "not_found")
	refused(t, keys(p, p.verify(""), own.ID), fault.NotFound, "not_found")

	// A chain of phones ends where nobody would know any more on whom it rests.
	last := next
	for n := range 6 {
		f := w.phone(anna, caller.DeviceID("01ARZ3NDEKTSV4RRFFQ69G500"+string(rune('A'+n))))
		f.restores(last.ID, every...)
		s, err := begin(f, vault.Backup, last.ID)
		if len(last.Origins) == 4 {
			refused(t, err, fault.Conflict, "base_gone")
			return
		}
		must(t, err)
		must(t, w.opener.End(t.Context(), anna, f.id, s.ID))
		last = f.backup(last.ID, 3, "f")
		must(t, keys(f, f.verify(""), first.ID, own.ID, last.ID))
	}
	t.Error("the chain has no end")
}

// TestAdoption_BeyondConsent: a device may read again, and build on, another's snapshot when its own restores of that one have
// brought every element of it since its last backup, and in no other case.
func TestAdoption_BeyondConsent(t *testing.T) {
	t.Parallel()
	type scene struct {
		w           *world
		p, q        *phone
		older, base vault.Snapshot
	}
	const free, closed, unknown = "", "beyond_consent", "not_found"
	for _, tt := range []struct {
		name string
		play func(s scene)
		want string // of a rebuild of the base that is named
	}{
		{"NothingRestored", func(scene) {}, unknown},
		{"NothingInFull", func(s scene) { s.q.restores(s.base.ID) }, unknown},
		{"ContactsAlone", func(s scene) { s.q.restores(s.base.ID, "contacts") }, closed},
		{"AllButOne", func(s scene) { s.q.restores(s.base.ID, "contacts", "calls") }, closed},
		{"AllAtOnce", func(s scene) { s.q.restores(s.base.ID, every...) }, free},
		{"AllByTwo", func(s scene) {
			s.q.restores(s.base.ID, "calls")
			s.q.restores(s.base.ID, "messages", "contacts")
		}, free},
		{"OneTwice", func(s scene) {
			s.q.restores(s.base.ID, "contacts", "messages")
			s.q.restores(s.base.ID, "messages")
		}, closed},
		{"TheRestOfAnotherSnapshot", func(s scene) {
			s.q.restores(s.older.ID, "messages", "calls")
			s.q.restores(s.base.ID, "contacts")
		}, closed},
		{"AnotherSnapshotBetween", func(s scene) {
			s.q.restores(s.base.ID, "contacts")
			s.q.restores(s.older.ID, "messages")
			s.q.restores(s.base.ID, "messages", "calls")
		}, closed},
		{"AnotherSnapshotAfterAll", func(s scene) {
			s.q.restores(s.base.ID, every...)
			s.q.restores(s.older.ID, "contacts")
		}, unknown},
		{"NothingOfAnotherAfterAll", func(s scene) {
			s.q.restores(s.base.ID, every...)
			s.q.restores(s.older.ID)
		}, free},
		{"OnAnotherDevice", func(s scene) {
			r := s.w.phone(anna, "01ARZ3NDEKTSV4RRFFQ69G500R")
			r.restores(s.base.ID, every...)
			s.q.restores(s.base.ID, "contacts")
		}, closed},
		{"ByAnotherDevicesSession", func(s scene) {
			s.q.counter++
			r, err := s.w.opener.Begin(t.Context(), anna, vault.Beginning{Device: two, Kind: vault.Restore, Counter: s.q.counter, Base: s.base.ID})
			must(t, err)
			must(t, s.w.opener.Restored(t.Context(), anna, one, r.ID, vault.Every))
			must(t, s.w.opener.Restored(t.Context(), piotr, two, r.ID, vault.Every))
			must(t, s.w.opener.Restored(t.Context(), anna, two, r.ID, vault.ElementsOf("contacts")))
		}, closed},
		{"AllOfAnotherSnapshot", func(s scene) { s.q.restores(s.older.ID, every...) }, unknown},
		{"ByTheSessionOfABackup", func(s scene) {
			own := s.q.backup("", 1, "of its own")
			s.q.restores(s.base.ID, "contacts")
			b := s.q.begin(own.ID)
			must(t, s.w.opener.Restored(t.Context(), anna, two, b.ID, vault.Every))
		}, closed},
		{"ToldAfterItsEnd", func(s scene) {
			r := s.q.restores(s.base.ID, "contacts")
			must(t, s.w.opener.Restored(t.Context(), anna, two, r.ID, vault.Every))
		}, closed},
		{"GivenUpBefore", func(s scene) { // as by its user, who takes his consent back
			s.q.counter++
			r, err := s.w.opener.Begin(t.Context(), anna, vault.Beginning{Device: two, Kind: vault.Restore, Counter: s.q.counter, Base: s.base.ID})
			must(t, err)
			must(t, s.w.opener.End(t.Context(), anna, two, r.ID))
			must(t, s.w.opener.Restored(t.Context(), anna, two, r.ID, vault.Every))
		}, unknown},
		{"ABackupSince", func(s scene) {
			s.q.restores(s.base.ID, "contacts", "messages")
			s.q.backup("", 1, "of its own")
			s.q.restores(s.base.ID, "calls")
		}, closed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			s := scene{w: w, p: w.phone(anna, one), q: w.phone(anna, two)}
			s.older = s.p.backup("", 1, "a")
			s.base = s.p.backup(s.older.ID, 2, "b")
			tt.play(s)
			begin := func(kind vault.Kind) (vault.Session, error) {
				s.q.counter++
				return w.opener.Begin(t.Context(), anna, vault.Beginning{Device: two, Kind: kind, Counter: s.q.counter, Base: s.base.ID, Location: eu})
			}
			reading, rerr := begin(vault.Rebuild)
			_, berr := begin(vault.Backup)
			uerr := w.opener.Unchanged(t.Context(), anna, vault.Beginning{Device: two, Base: s.base.ID, Location: eu})
			switch tt.want {
			case free:
				must(t, rerr)
				must(t, berr)
				key, _ := ephemeral(t)
				_, err := w.opener.Release(t.Context(), anna, two, reading.ID, []vault.SessionID{s.older.ID, s.base.ID}, key)
				must(t, err)
			case closed:
				for _, err := range []error{rerr, berr, uerr} {
					refused(t, err, fault.Forbidden, "beyond_consent")
				}
			default:
				refused(t, rerr, fault.NotFound, "not_found")
				for _, err := range []error{berr, uerr} {
					refused(t, err, fault.Conflict, "base_gone")
				}
			}
			if tt.want != free {
				for _, e := range w.head(anna).Open {
					if e.Device == two && e.Base == s.base.ID && e.Kind != vault.Restore {
						t.Errorf("refused, it stands open: %+v", e)
					}
				}
			}
		})
	}
}

// TestAdoption_Unnamed: a rebuild that names no snapshot meets what was restored in part as one that there is not.
func TestAdoption_Unnamed(t *testing.T) {
	t.Parallel()
	w := open(t)
	p, q := w.phone(anna, one), w.phone(anna, two)
	base := p.backup("", 1, "a")
	q.restores(base.ID, "contacts")
	unnamed := func() (vault.Session, error) {
		q.counter++
		return w.opener.Begin(t.Context(), anna, vault.Beginning{Device: two, Kind: vault.Rebuild, Counter: q.counter})
	}
	_, err := unnamed()
	refused(t, err, fault.NotFound, "not_found")
	q.restores(base.ID, "messages", "calls")
	if s, err := unnamed(); err != nil || s.Base != base.ID {
		t.Errorf("%+v %v", s, err)
	}
}

// TestElementsOf: a set is of the elements that are named, however often, and of nothing else.
func TestElementsOf(t *testing.T) {
	t.Parallel()
	seen := map[vault.Elements]bool{}
	for _, names := range [][]string{nil, {"contacts"}, {"messages"}, {"calls"}, {"calls", "contacts"}, {"contacts", "messages"}, {"messages", "calls"}, every} {
		e := vault.ElementsOf(names...)
		if seen[e] || e != vault.ElementsOf(append(names, names...)...) || e != vault.ElementsOf(append(names, "sms", "")...) || (e == vault.Every) != (len(names) == 3) {
			t.Errorf("%v are %b", names, e)
		}
		seen[e] = true
	}
}
