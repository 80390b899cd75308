package vault_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/shared/fault"
	"zapas/shared/vault"
)

// TestRebuild: a rebuild reads what a proof would, is recorded as what it is, and has no outcome.
func TestRebuild(t *testing.T) {
	t.Parallel()
	w := open(t)
	p, q := w.phone(anna, one), w.phone(anna, two)
	rebuild := func(base vault.SessionID) (vault.Session, error) {
		p.counter++
		return w.opener.Begin(t.Context(), anna, vault.Beginning{Device: one, Kind: vault.Rebuild, Counter: p.counter, Base: base})
	}
	_, err := rebuild("")
	refused(t, err, fault.NotFound, "not_found")
	if h := w.head(anna); h.Rev != 0 {
		t.Errorf("a rebuild of nothing has left %+v", h)
	}
	other := q.backup("", 1, "c")
	_, err = rebuild("") // of a device that has none
	refused(t, err, fault.NotFound, "not_found")
	first := p.backup("", 1, "a")
	second := p.backup(first.ID, 2, "b")
	for _, base := range []vault.SessionID{other.ID, none} {
		_, err := rebuild(base)
		refused(t, err, fault.NotFound, "not_found")
	}
	proving, writing := p.verify(""), p.begin(second.ID)
	s, err := rebuild("")
	must(t, err)
	again, err := w.opener.Begin(t.Context(), anna, vault.Beginning{Device: one, Kind: vault.Rebuild, Counter: p.counter})
	must(t, err)
	if s.Base != second.ID || s.Location != eu || cmp.Diff(s, again) != "" || len(w.head(anna).Open) != 3 {
		t.Errorf("it is %+v, and again %+v", s, again)
	}
	if m, err := w.reader.Base(t.Context(), anna, one, s.ID, ""); err != nil || m.Snapshot.ID != second.ID || m.Total != 2 {
		t.Errorf("%+v %v", m, err)
	}
	_, err = w.reader.Manifest(t.Context(), anna, one, s.ID, "")
	refused(t, err, fault.Gone, "session_over")
	key, private := ephemeral(t)
	w.records = nil
	got, err := w.opener.Release(t.Context(), anna, one, s.ID, []vault.SessionID{first.ID, second.ID}, key)
	must(t, err)
	unseal(t, private, got.Keys[1], anna, one)
	if len(w.records) != 1 || w.records[0].Kind != vault.Rebuild || !slices.Equal(w.records[0].Sessions, []vault.SessionID{first.ID, second.ID}) {
		t.Errorf("the release is recorded as %+v", w.records)
	}
	for _, id := range []vault.SessionID{other.ID, writing.ID, proving.ID} {
		_, err := w.opener.Release(t.Context(), anna, one, s.ID, []vault.SessionID{first.ID, id}, key)
		refused(t, err, fault.NotFound, "not_found")
	}
	refused(t, w.opener.Prove(t.Context(), anna, one, s.ID, vault.Proven, unheard(t)), fault.Invalid, "invalid")
	_, err = w.uploader.Sign(t.Context(), anna, one, s.ID, []vault.ChunkSum{{Size: 1}})
	refused(t, err, fault.Gone, "session_over")
	must(t, w.opener.End(t.Context(), anna, one, s.ID))
	if is := w.session(anna, s.ID); is.State != vault.Closed || len(w.head(anna).Open) != 2 {
		t.Errorf("ended, it is %s", is.State)
	}
}
