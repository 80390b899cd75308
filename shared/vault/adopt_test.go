package vault_test

import (
	"testing"

	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/vault"
)

// restores opens a restore of a snapshot, and ends it as one that has brought everything, or has not.
func (p *phone) restores(base vault.SessionID, all bool) {
	p.w.t.Helper()
	p.counter++
	s, err := p.w.opener.Begin(p.w.ctx(), p.user, vault.Beginning{Device: p.id, Kind: vault.Restore, Counter: p.counter, Base: base})
	must(p.w.t, err)
	end := p.w.opener.End
	if all {
		end = p.w.opener.Restored
	}
	for range 2 { // its answer was lost
		must(p.w.t, end(p.w.ctx(), p.user, p.id, s.ID))
	}
}

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
	for _, all := range []bool{false, true} {
		_, err := begin(q, vault.Backup, second.ID)
		refused(t, err, fault.Conflict, "base_gone")
		_, err = begin(q, vault.Rebuild, "")
		refused(t, err, fault.NotFound, "not_found")
		q.restores(second.ID, all)
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
		f.restores(last.ID, true)
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
