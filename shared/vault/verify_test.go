package vault_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/vault"
)

const none = vault.SessionID("01ARZ3NDEKTSV4RRFFQ69G5FAV")

// verify begins a proof of a snapshot of the phone's own; "" is its newest.
func (p *phone) verify(base vault.SessionID) vault.Session {
	p.w.t.Helper()
	p.counter++
	s, err := p.w.opener.Begin(p.w.ctx(), p.user, vault.Beginning{Device: p.id, Kind: vault.Verify, Counter: p.counter, Base: base})
	must(p.w.t, err)
	return s
}

func TestVerifyBegins(t *testing.T) {
	t.Parallel()
	w := open(t)
	p, q, his := w.phone(anna, one), w.phone(anna, two), w.phone(piotr, two)
	counter := int64(100)
	begin := func(user caller.UserID, device caller.DeviceID, base vault.SessionID) (vault.Session, error) {
		counter++
		return w.opener.Begin(t.Context(), user, vault.Beginning{Device: device, Kind: vault.Verify, Counter: counter, Base: base})
	}
	_, nothing := begin(anna, one, "")
	refused(t, nothing, fault.NotFound, "not_found")
	if h := w.head(anna); h.Rev != 0 {
		t.Errorf("a proof of nothing has left %+v", h)
	}
	if k, err := w.opener.Keys.Key(t.Context(), anna, 1); err != nil || len(k.Wrapped) > 0 {
		t.Errorf("a proof of nothing has made a key: %v", err)
	}
	p.counter = counter
	old := p.backup("", 3, "a")
	newest := p.backup(old.ID, 4, "b")
	another, foreign := q.backup("", 1, "c"), his.backup("", 1, "d")
	aborted := p.begin("")
	must(t, w.opener.End(t.Context(), anna, one, aborted.ID))
	expired := w.phone(anna, one)
	expired.counter = p.counter
	gone := expired.backup(newest.ID, 5, "e")
	last := expired.backup(gone.ID, 6, "f")
	w.change(anna, func(c *vault.Change) { gone.State = vault.Expired; c.Snapshots = []vault.Snapshot{gone} })
	counter = expired.counter
	for name, base := range map[string]vault.SessionID{"OfAnotherDevice": another.ID, "OfAnotherUser": foreign.ID, "Aborted": aborted.ID,
		"Expired": gone.ID, "NotAnID": "x"} {
		t.Run(name, func(t *testing.T) {
			_, err := begin(anna, one, base)
			_, missing := begin(anna, one, none)
			if e, m := new(fault.Error), new(fault.Error); !errors.As(err, &e) || !errors.As(missing, &m) || cmp.Diff(e, m) != "" {
				t.Errorf("%v is not %v", err, missing)
			}
			refused(t, err, fault.NotFound, "not_found")
		})
	}
	for base, want := range map[vault.SessionID]vault.Snapshot{"": last, old.ID: old, newest.ID: newest} {
		s, err := begin(anna, one, base)
		must(t, err)
		again, err := w.opener.Begin(t.Context(), anna, vault.Beginning{Device: one, Kind: vault.Verify, Counter: counter, Base: base})
		must(t, err)
		if d := cmp.Diff(s, again); d != "" {
			t.Errorf("the same counter opens another session: %s", d)
		}
		if s.Base != want.ID || s.Kind != vault.Verify || s.State != vault.Open || s.Location != eu {
			t.Errorf("a proof of %q is %+v", base, s)
		}
		if e := w.head(anna).Open; len(e) != 1 || e[0].Base != want.ID || e[0].BaseSeq != want.Seq || !e[0].Lease.Equal(w.clock.Now().Add(vault.Lease).UTC().Truncate(time.Millisecond)) {
			t.Errorf("what is kept for it is %+v", e)
		}
	}
}

// TestVerifyBesideOthers: a proof is a kind of its own; a newer one takes over from it, and from nothing else.
func TestVerifyBesideOthers(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.phone(anna, one)
	n := p.backup("", 1, "a")
	writing := p.begin(n.ID)
	p.counter++
	reading, err := w.opener.Begin(t.Context(), anna, vault.Beginning{Device: one, Kind: vault.Restore, Counter: p.counter, Base: n.ID})
	must(t, err)
	first := p.verify("")
	if h := w.head(anna); len(h.Open) != 3 {
		t.Errorf("%d sessions are open", len(h.Open))
	}
	second := p.verify("")
	for id, want := range map[vault.SessionID]vault.SessionState{writing.ID: vault.Open, reading.ID: vault.Open, first.ID: vault.Closed, second.ID: vault.Open} {
		if s := w.session(anna, id); s.State != want {
			t.Errorf("the session of kind %s is %s", s.Kind, s.State)
		}
	}
	refused(t, w.opener.Prove(t.Context(), anna, one, first.ID, vault.Proven, unheard(t)), fault.Gone, "session_over")
	_, err = w.reader.Base(t.Context(), anna, one, first.ID, "")
	refused(t, err, fault.Gone, "session_over")
	_, err = w.uploader.Sign(t.Context(), anna, one, second.ID, []vault.ChunkSum{{Size: 1}})
	refused(t, err, fault.Gone, "session_over")
	_, err = w.uploader.Commit(t.Context(), anna, one, second.ID, request(1, p.upload(writing, "b")))
	refused(t, err, fault.Gone, "session_over")
	must(t, w.opener.End(t.Context(), anna, one, second.ID))
	if s := w.session(anna, second.ID); s.State != vault.Closed || s.Outcome != "" {
		t.Errorf("given up, it is %s %q", s.State, s.Outcome)
	}
}

// TestVerifyReads: only the device whose proof is open reads, and only what it proves.
func TestVerifyReads(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.phone(anna, one)
	n := p.backup("", 1, "content")
	s := p.verify("")
	m, err := w.reader.Base(t.Context(), anna, one, s.ID, "")
	if err != nil || m.Snapshot.ID != n.ID || m.Total != 1 || len(m.Chunks) != 1 || w.get(m.Chunks[0].URL) != "content" {
		t.Fatalf("%+v %v", m, err)
	}
	p.counter++
	reading, err := w.opener.Begin(t.Context(), anna, vault.Beginning{Device: one, Kind: vault.Restore, Counter: p.counter, Base: n.ID})
	must(t, err)
	for name, read := range map[string]func() (vault.Manifest, error){
		"AnotherDevice":     func() (vault.Manifest, error) { return w.reader.Base(t.Context(), anna, two, s.ID, "") },
		"AnotherUser":       func() (vault.Manifest, error) { return w.reader.Base(t.Context(), piotr, one, s.ID, "") },
		"NoSuchSession":     func() (vault.Manifest, error) { return w.reader.Base(t.Context(), anna, one, none, "") },
		"BaseOfARestore":    func() (vault.Manifest, error) { return w.reader.Base(t.Context(), anna, one, reading.ID, "") },
		"ManifestOfAProof":  func() (vault.Manifest, error) { return w.reader.Manifest(t.Context(), anna, one, s.ID, "") },
		"BaseOfACommitted":  func() (vault.Manifest, error) { return w.reader.Base(t.Context(), anna, one, n.ID, "") },
		"BaseOfNoID":        func() (vault.Manifest, error) { return w.reader.Base(t.Context(), anna, one, "", "") },
		"ManifestOfAnother": func() (vault.Manifest, error) { return w.reader.Manifest(t.Context(), anna, two, s.ID, "") },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read()
			refused(t, err, fault.Gone, "session_over")
		})
	}
}

// TestVerifyKeys: a proof has the keys of its own device's backups up to what it proves, and no other.
func TestVerifyKeys(t *testing.T) {
	t.Parallel()
	w := open(t)
	p, q, his := w.phone(anna, one), w.phone(anna, two), w.phone(piotr, one)
	another, foreign := q.backup("", 1, "d"), his.backup("", 1, "e") // older than what is proven
	first := p.backup("", 1, "a")
	second := p.backup(first.ID, 2, "b")
	later := p.backup(second.ID, 3, "c")
	aborted := p.begin("")
	must(t, w.opener.End(t.Context(), anna, one, aborted.ID))
	writing := p.begin(later.ID)
	s := p.verify(second.ID)
	other := q.verify("")
	w.consent = fault.New(fault.Gone, "withdrawn", "No restore has consent.") // which a proof does not need
	key, private := ephemeral(t)
	release := func(user caller.UserID, device caller.DeviceID, id vault.SessionID, asked ...vault.SessionID) (vault.Released, error) {
		return w.opener.Release(t.Context(), user, device, id, asked, key)
	}
	w.records = nil
	got, err := release(anna, one, s.ID, second.ID, first.ID)
	if err != nil || len(got.Keys) != 2 || got.Keys[0].Session != second.ID || got.Keys[1].Session != first.ID {
		t.Fatalf("%+v %v", got, err)
	}
	if unseal(t, private, got.Keys[1], anna, one); len(w.records) != 1 || w.records[0].Kind != vault.Verify || w.records[0].Session != s.ID ||
		!slices.Equal(w.records[0].Sessions, []vault.SessionID{second.ID, first.ID}) {
		t.Errorf("the release is recorded as %+v", w.records)
	}
	w.records = nil
	for name, asked := range map[string]vault.SessionID{"Unknown": none, "OfAnotherDevice": another.ID, "OfAnotherUser": foreign.ID,
		"YoungerThanWhatIsProven": later.ID, "Aborted": aborted.ID, "Open": writing.ID, "Itself": s.ID, "OfAnothersProof": other.ID} {
		t.Run(name, func(t *testing.T) {
			got, err := release(anna, one, s.ID, first.ID, asked)
			refused(t, err, fault.NotFound, "not_found")
			if len(got.Keys) != 0 {
				t.Error("a key was released beside it")
			}
		})
	}
	for name, ask := range map[string]func() (vault.Released, error){
		"AnotherDevice":  func() (vault.Released, error) { return release(anna, two, s.ID, another.ID) },
		"AnotherUser":    func() (vault.Released, error) { return release(piotr, one, s.ID, foreign.ID) },
		"ABackupSession": func() (vault.Released, error) { return release(anna, one, writing.ID, first.ID) },
	} {
		t.Run("AskedBy"+name, func(t *testing.T) {
			_, err := ask()
			refused(t, err, fault.Gone, "session_over")
		})
	}
	_, err = release(anna, one, s.ID)
	refused(t, err, fault.Invalid, "invalid")
	_, err = release(anna, one, s.ID, slices.Repeat([]vault.SessionID{first.ID}, vault.MaxKeys+1)...)
	refused(t, err, fault.Invalid, "invalid")
	t.Run("NoRecordNoKey", func(t *testing.T) {
		w.recordFails = errors.New("the audit is full")
		defer func() { w.recordFails = nil }()
		if got, err := release(anna, one, s.ID, first.ID); err == nil || got.Keys != nil {
			t.Error("a key left without a record")
		}
	})
	t.Run("RetiredOrUnconfirmed", func(t *testing.T) {
		w.retired = []caller.DeviceID{one}
		defer func() { w.retired = nil }()
		_, err := release(anna, one, s.ID, first.ID)
		refused(t, err, fault.Gone, "session_over")
	})
	if len(w.records) != 0 {
		t.Errorf("what was refused is recorded as released: %+v", w.records)
	}
	if _, err := release(anna, one, s.ID, slices.Repeat([]vault.SessionID{first.ID}, vault.MaxKeys)...); err != nil {
		t.Error(err)
	}
	w.erase(anna, 1)
	_, err = release(anna, one, s.ID, first.ID)
	refused(t, err, fault.Gone, "erased")
	q.begin("") // finishes the erasure
	if s := w.session(anna, s.ID); s.State != vault.Closed {
		t.Errorf("the erasure left the proof %s", s.State)
	}
	_, err = release(anna, one, s.ID, first.ID)
	refused(t, err, fault.Gone, "session_over")
	refused(t, w.opener.Prove(t.Context(), anna, one, s.ID, vault.Proven, unheard(t)), fault.Gone, "session_over")
	anew := p.backup("", 1, "f")
	s = p.verify("")
	_, err = release(anna, one, s.ID, anew.ID, first.ID)
	refused(t, err, fault.NotFound, "not_found")
	if got, err := release(anna, one, s.ID, anew.ID); err != nil || got.Version != 2 {
		t.Errorf("after an erasure: %+v %v", got, err)
	}
}

// unheard is for outcomes that must not be noted.
func unheard(t *testing.T) func(context.Context, vault.Session) error {
	return func(_ context.Context, s vault.Session) error {
		t.Errorf("the outcome of %s %s is noted", s.Kind, s.ID)
		return nil
	}
}

// TestProve: an outcome is noted before its session ends, and a session has one.
func TestProve(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.phone(anna, one)
	n := p.backup("", 1, "a")
	for _, found := range []vault.Outcome{vault.Proven, vault.Sampled, vault.Damaged} {
		s, noted := p.verify(""), 0
		prove := func() error {
			return w.opener.Prove(t.Context(), anna, one, s.ID, found, func(ctx context.Context, s vault.Session) error {
				is, err := w.table.Session(ctx, anna, s.ID)
				if noted++; s.Base != n.ID || is.State != vault.Open {
					t.Errorf("%s of %+v is noted", found, s)
				}
				return err
			})
		}
		failing := errors.New("the card is full")
		if err := w.opener.Prove(t.Context(), anna, one, s.ID, found, func(context.Context, vault.Session) error { return failing }); !errors.Is(err, failing) {
			t.Errorf("what is not noted is answered with %v", err)
		}
		must(t, errors.Join(prove(), prove()))
		if is := w.session(anna, s.ID); noted != 1 || is.State != vault.Closed || is.Outcome != found || len(w.head(anna).Open) != 0 {
			t.Errorf("%s is noted %d times, and leaves %+v", found, noted, is)
		}
		for _, other := range []vault.Outcome{vault.Proven, vault.Sampled, vault.Damaged} {
			if other != found {
				refused(t, w.opener.Prove(t.Context(), anna, one, s.ID, other, unheard(t)), fault.Gone, "session_over")
			}
		}
	}
	s, writing := p.verify(""), p.begin(n.ID)
	must(t, errors.Join(w.opener.Prove(t.Context(), anna, two, s.ID, vault.Proven, unheard(t)), w.opener.Prove(t.Context(), piotr, one, s.ID, vault.Proven, unheard(t)),
		w.opener.Prove(t.Context(), anna, one, none, vault.Proven, unheard(t))))
	for _, id := range []vault.SessionID{writing.ID, n.ID} {
		refused(t, w.opener.Prove(t.Context(), anna, one, id, vault.Proven, unheard(t)), fault.Invalid, "invalid")
	}
	if h := w.head(anna); len(h.Open) != 2 {
		t.Errorf("%d sessions are left open", len(h.Open))
	}
}
