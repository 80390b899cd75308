package vault_test

import (
	"context"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/vault"
)

const (
	anna  = caller.UserID("0ANNA000000000000000000000")
	piotr = caller.UserID("0P10TR00000000000000000000")
	one   = caller.DeviceID("01PH0NE0000000000000000001")
	two   = caller.DeviceID("01PH0NE0000000000000000002")
	eu    = "eu"
)

// phone is a device that knows the protocol and nothing of content.
type phone struct {
	w       *world
	user    caller.UserID
	id      caller.DeviceID
	counter int64
	shrink  int // what the profile says of it
}

func (p *phone) beginning(base vault.SessionID) vault.Beginning {
	p.counter++
	return vault.Beginning{Device: p.id, Kind: vault.Backup, Counter: p.counter, Base: base, Location: eu, ShrinkOver: p.shrink}
}

func (p *phone) begin(base vault.SessionID) vault.Session {
	p.w.t.Helper()
	s, err := p.w.opener.Begin(p.w.ctx(), p.user, p.beginning(base))
	if err != nil {
		p.w.t.Fatal(err)
	}
	return s
}

// upload signs and PUTs some bytes and returns the chunk as a commit names it.
func (p *phone) upload(s vault.Session, content string) vault.Added {
	p.w.t.Helper()
	sum := sha256.Sum256([]byte(content))
	signed, err := p.w.uploader.Sign(p.w.ctx(), p.user, p.id, s.ID, []vault.ChunkSum{{SHA256: sum, Size: int64(len(content))}})
	if err != nil {
		p.w.t.Fatal(err)
	}
	p.w.put(signed[0], content)
	return vault.Added{ID: signed[0].ID, Size: int64(len(content)), Records: 1}
}

// request is a lawful commit of n messages.
func request(n int64, added ...vault.Added) vault.Commit {
	return vault.Commit{Added: added, Index: vault.Index{Offset: 0, Length: 1}, Counts: vault.Counts{"sms": n},
		Coverage: map[string]string{"messages": "full"}, Ledger: map[string]vault.Ledger{"messages": {Seen: n, Stored: n}}}
}

func (p *phone) backup(base vault.SessionID, n int64, content string) vault.Snapshot {
	p.w.t.Helper()
	s := p.begin(base)
	snapshot, err := p.w.uploader.Commit(p.w.ctx(), p.user, p.id, s.ID, request(n, p.upload(s, content)))
	if err != nil {
		p.w.t.Fatal(err)
	}
	return snapshot
}

func refused(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != kind || e.Code != code {
		t.Errorf("the answer is %v, and should be of kind %d with code %q", err, kind, code)
	}
}

func TestBegin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		try  func(t *testing.T, w *world)
	}{
		{"TheSameCounterAnswersTheSameSession", func(t *testing.T, w *world) {
			p := w.phone(anna, one)
			b := p.beginning("")
			first, err := w.opener.Begin(t.Context(), anna, b)
			if err != nil {
				t.Fatal(err)
			}
			again, err := w.opener.Begin(t.Context(), anna, b)
			if d := cmp.Diff(first, again); err != nil || d != "" {
				t.Error(err, d)
			}
		}},
		{"ALowerCounterIsStale", func(t *testing.T, w *world) {
			p := w.phone(anna, one)
			late := p.beginning("")
			p.begin("")
			_, err := w.opener.Begin(t.Context(), anna, late)
			refused(t, err, fault.Conflict, "stale")
			if e, ok := errors.AsType[*fault.Error](err); !ok || e.Counter != p.counter {
				t.Errorf("the last counter is not told: %v", err)
			}
		}},
		{"AnotherKindLeavesTheSessionOpen", func(t *testing.T, w *world) {
			p := w.phone(anna, one)
			b := p.beginning("")
			first, err := w.opener.Begin(t.Context(), anna, b)
			if err != nil {
				t.Fatal(err)
			}
			other := p.beginning("")
			other.Kind, other.Base = vault.Restore, w.phone(anna, two).backup("", 1, "a").ID
			if _, err := w.opener.Begin(t.Context(), anna, other); err != nil {
				t.Fatal(err)
			}
			again, err := w.opener.Begin(t.Context(), anna, b)
			if d := cmp.Diff(first, again); err != nil || d != "" {
				t.Error(err, d)
			}
			b.Kind = vault.Restore // of which that counter opened none
			_, err = w.opener.Begin(t.Context(), anna, b)
			refused(t, err, fault.Conflict, "stale")
		}},
		{"ACounterWhoseSessionIsOverIsStale", func(t *testing.T, w *world) {
			p := w.phone(anna, one)
			b := p.beginning("")
			s, err := w.opener.Begin(t.Context(), anna, b)
			if err == nil {
				err = w.opener.End(t.Context(), anna, one, s.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.opener.Begin(t.Context(), anna, b)
			refused(t, err, fault.Conflict, "stale")
		}},
		{"ACounterBelowOneIsInvalid", func(t *testing.T, w *world) {
			_, err := w.opener.Begin(t.Context(), anna, vault.Beginning{Device: one, Kind: vault.Backup, Location: eu})
			refused(t, err, fault.Invalid, "invalid")
		}},
		{"ANewSessionEndsTheOldOne", func(t *testing.T, w *world) {
			p := w.phone(anna, one)
			old := p.begin("")
			added := p.upload(old, "late")
			p.begin("")
			if s := w.session(anna, old.ID); s.State != vault.Aborted {
				t.Errorf("the old session is %s", s.State)
			}
			_, err := w.uploader.Commit(t.Context(), anna, one, old.ID, request(1, added))
			refused(t, err, fault.Gone, "session_over")
			if h := w.head(anna); h.Bytes != int64(len("late")) || len(h.Open) != 1 {
				t.Errorf("what it was granted does not count as stored: %+v", h)
			}
		}},
		{"TwoDevicesHaveASessionEach", func(t *testing.T, w *world) {
			w.phone(anna, one).begin("")
			w.phone(anna, two).begin("")
			if h := w.head(anna); len(h.Open) != 2 {
				t.Errorf("%d sessions are open", len(h.Open))
			}
		}},
		{"ABaseOfAnotherDeviceIsRefused", func(t *testing.T, w *world) {
			n := w.phone(anna, one).backup("", 3, "a")
			_, err := w.opener.Begin(t.Context(), anna, w.phone(anna, two).beginning(n.ID))
			refused(t, err, fault.Conflict, "base_gone")
		}},
		{"ABaseOfAnotherUserIsRefusedAsOneThatIsNot", func(t *testing.T, w *world) {
			n := w.phone(anna, one).backup("", 3, "a")
			_, foreign := w.opener.Begin(t.Context(), piotr, w.phone(piotr, two).beginning(n.ID))
			_, missing := w.opener.Begin(t.Context(), piotr, w.phone(piotr, two).beginning("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
			if foreign == nil || missing == nil || foreign.Error() != missing.Error() {
				t.Errorf("%v is not %v", foreign, missing)
			}
		}},
		{"ABaseInAnotherLocationIsRefused", func(t *testing.T, w *world) {
			p := w.phone(anna, one)
			n := p.backup("", 3, "a")
			b := p.beginning(n.ID)
			b.Location = "elsewhere"
			_, err := w.opener.Begin(t.Context(), anna, b)
			refused(t, err, fault.Conflict, "base_gone")
		}},
		{"AnOlderOwnBaseIsRefused", func(t *testing.T, w *world) {
			p := w.phone(anna, one)
			old := p.backup("", 3, "a")
			p.backup(old.ID, 4, "b")
			_, err := w.opener.Begin(t.Context(), anna, p.beginning(old.ID))
			refused(t, err, fault.Conflict, "base_gone")
			refused(t, w.opener.Unchanged(t.Context(), anna, vault.Beginning{Device: one, Base: old.ID, Location: eu}), fault.Conflict, "base_gone")
		}},
		{"AnExpiredBaseIsRefused", func(t *testing.T, w *world) {
			p := w.phone(anna, one)
			n := p.backup("", 3, "a")
			w.change(anna, func(c *vault.Change) { n.State = vault.Expired; c.Snapshots = []vault.Snapshot{n} })
			_, err := w.opener.Begin(t.Context(), anna, p.beginning(n.ID))
			refused(t, err, fault.Conflict, "base_gone")
			_, err = w.opener.Begin(t.Context(), anna, vault.Beginning{Device: two, Kind: vault.Restore, Counter: 1, Base: n.ID})
			refused(t, err, fault.Gone, "snapshot_expired")
		}},
		{"TheEleventhDeviceIsRefusedUntilOneIsRetired", func(t *testing.T, w *world) {
			for i := range vault.MaxDevices {
				p := w.phone(anna, caller.DeviceID(fmt.Sprintf("01PH0NE00000000000000000%02d", i)))
				if err := w.opener.End(t.Context(), anna, p.id, p.begin("").ID); err != nil {
					t.Fatal(err)
				}
			}
			p := w.phone(anna, "01PH0NE0000000000000000099")
			_, err := w.opener.Begin(t.Context(), anna, p.beginning(""))
			refused(t, err, fault.Conflict, "too_many_devices")
			w.retired = append(w.retired, "01PH0NE0000000000000000004")
			p.begin("")
			if h := w.head(anna); len(h.Devices) != vault.MaxDevices {
				t.Errorf("%d devices are known", len(h.Devices))
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { t.Parallel(); tt.try(t, open(t)) })
	}
}

func TestUnchanged(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.phone(anna, one)
	n := p.backup("", 3, "a")
	before := w.head(anna)
	if err := w.opener.Unchanged(t.Context(), anna, vault.Beginning{Device: one, Base: n.ID, Location: eu}); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(before, w.head(anna)); d != "" {
		t.Errorf("it changed the vault: %s", d)
	}
	for name, b := range map[string]vault.Beginning{
		"NoBase": {Device: one, Location: eu}, "OtherDevice": {Device: two, Base: n.ID, Location: eu},
		"OtherLocation": {Device: one, Base: n.ID, Location: "elsewhere"}, "NoSuchBase": {Device: one, Base: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Location: eu},
	} {
		t.Run(name, func(t *testing.T) { refused(t, w.opener.Unchanged(t.Context(), anna, b), fault.Conflict, "base_gone") })
	}
	refused(t, w.opener.Unchanged(t.Context(), piotr, vault.Beginning{Device: one, Base: n.ID, Location: eu}), fault.Conflict, "base_gone")
}

func TestSign(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.phone(anna, one)
	s := p.begin("")
	sums := func(n int, size int64) (out []vault.ChunkSum) {
		for i := range n {
			out = append(out, vault.ChunkSum{SHA256: sha256.Sum256(fmt.Append(nil, i, size)), Size: size})
		}
		return out
	}
	for _, tt := range []struct {
		name   string
		device caller.DeviceID
		id     vault.SessionID
		chunks []vault.ChunkSum
		kind   fault.Kind
		code   string // "" when URLs are answered
	}{
		{"NoChunks", one, s.ID, nil, fault.Invalid, "invalid"},
		{"AHundredChunks", one, s.ID, sums(vault.MaxSigned, 1), 0, ""},
		{"OneMore", one, s.ID, sums(vault.MaxSigned+1, 1), fault.Invalid, "invalid"},
		{"AnEmptyChunk", one, s.ID, sums(1, 0), fault.Invalid, "invalid"},
		{"TheLargestChunk", one, s.ID, sums(1, vault.MaxChunk), 0, ""},
		{"OneByteMore", one, s.ID, sums(1, vault.MaxChunk+1), fault.Invalid, "invalid"},
		{"TheSameTwice", one, s.ID, append(sums(1, 5), sums(1, 5)...), fault.Invalid, "invalid"},
		{"AnotherDevice", two, s.ID, sums(1, 1), fault.Gone, "session_over"},
		{"NoSuchSession", one, "01ARZ3NDEKTSV4RRFFQ69G5FAV", sums(1, 1), fault.Gone, "session_over"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			signed, err := w.uploader.Sign(t.Context(), anna, tt.device, tt.id, tt.chunks)
			if tt.code != "" {
				refused(t, err, tt.kind, tt.code)
			} else if err != nil || len(signed) != len(tt.chunks) {
				t.Errorf("%d URLs: %v", len(signed), err)
			}
		})
	}
}

// TestQuota: all open sessions together stay within it, to the byte.
func TestQuota(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.opener.Quota = 10
	a, b := w.phone(anna, one), w.phone(anna, two)
	sa, sb := a.begin(""), b.begin("")
	a.upload(sa, "123456")
	sum := func(s string) []vault.ChunkSum {
		return []vault.ChunkSum{{SHA256: sha256.Sum256([]byte(s)), Size: int64(len(s))}}
	}
	_, err := w.uploader.Sign(t.Context(), anna, two, sb.ID, sum("12345"))
	refused(t, err, fault.TooLarge, "quota")
	b.upload(sb, "1234")
	_, err = w.uploader.Sign(t.Context(), anna, one, sa.ID, sum("1"))
	refused(t, err, fault.TooLarge, "quota")
	if err := w.opener.End(t.Context(), anna, one, sa.ID); err != nil {
		t.Fatal(err)
	}
	_, err = w.uploader.Sign(t.Context(), anna, two, sb.ID, sum("1"))
	refused(t, err, fault.TooLarge, "quota")
}

func TestCommit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		try  func(t *testing.T, w *world, p *phone)
	}{
		{"ARepeatAnswersTheSame", func(t *testing.T, w *world, p *phone) {
			s := p.begin("")
			c := request(1, p.upload(s, "a"))
			first, err := w.uploader.Commit(t.Context(), anna, one, s.ID, c)
			if err != nil {
				t.Fatal(err)
			}
			w.clock.Advance(time.Hour)
			again, err := w.uploader.Commit(t.Context(), anna, one, s.ID, c)
			if d := cmp.Diff(first, again); err != nil || d != "" {
				t.Error(err, d)
			}
			_, err = w.uploader.Commit(t.Context(), anna, one, s.ID, request(2, c.Added...))
			refused(t, err, fault.Conflict, "committed_otherwise")
		}},
		{"AMissingChunkIsNamed", func(t *testing.T, w *world, p *phone) {
			s := p.begin("")
			a := p.upload(s, "a")
			missing := vault.Added{ID: vault.ChunkID(sha256.Sum256([]byte("b"))), Size: 1}
			_, err := w.uploader.Commit(t.Context(), anna, one, s.ID, request(1, a, missing))
			refused(t, err, fault.Unprocessable, "chunk_missing")
			if h := w.head(anna); h.Seq != 0 {
				t.Error("there is a snapshot")
			}
		}},
		{"AChunkOfAnotherSizeIsNamed", func(t *testing.T, w *world, p *phone) {
			s := p.begin("")
			a := p.upload(s, "a")
			a.Size++
			_, err := w.uploader.Commit(t.Context(), anna, one, s.ID, request(1, a))
			refused(t, err, fault.Unprocessable, "chunk_missing")
		}},
		{"AChunkOfAnotherSessionIsMissing", func(t *testing.T, w *world, p *phone) {
			a := p.upload(p.begin(""), "a")
			s := p.begin("")
			_, err := w.uploader.Commit(t.Context(), anna, one, s.ID, request(1, a))
			refused(t, err, fault.Unprocessable, "chunk_missing")
		}},
		{"AnotherDeviceCannotCommit", func(t *testing.T, w *world, p *phone) {
			s := p.begin("")
			_, err := w.uploader.Commit(t.Context(), anna, two, s.ID, request(1, p.upload(s, "a")))
			refused(t, err, fault.Gone, "session_over")
		}},
		{"AnotherUserCannotCommit", func(t *testing.T, w *world, p *phone) {
			s := p.begin("")
			_, err := w.uploader.Commit(t.Context(), piotr, one, s.ID, request(1, p.upload(s, "a")))
			refused(t, err, fault.Gone, "session_over")
		}},
		{"KeepsWhatItDoesNotDrop", func(t *testing.T, w *world, p *phone) {
			s := p.begin("")
			a, b := p.upload(s, "a"), p.upload(s, "bb")
			n, err := w.uploader.Commit(t.Context(), anna, one, s.ID, request(2, a, b))
			if err != nil {
				t.Fatal(err)
			}
			s = p.begin(n.ID)
			c := request(2, p.upload(s, "ccc"))
			c.Dropped = []int{0}
			if _, err = w.uploader.Commit(t.Context(), anna, one, s.ID, c); err != nil {
				t.Fatal(err)
			}
			if got, want := w.chunks(anna, two, s.ID), []string{b.ID, c.Added[0].ID}; !slices.Equal(got, want) {
				t.Errorf("it consists of %v and not %v", got, want)
			}
		}},
		{"NothingIsStoredAlreadyWithoutABase", func(t *testing.T, w *world, p *phone) {
			s := p.begin("")
			c := request(1, p.upload(s, "b"))
			c.Ledger["messages"] = vault.Ledger{Seen: 1, Already: 1}
			_, err := w.uploader.Commit(t.Context(), anna, one, s.ID, c)
			refused(t, err, fault.Invalid, "invalid")
		}},
		{"CannotHoldMoreThanTheBaseAndWhatIsStoredNow", func(t *testing.T, w *world, p *phone) {
			n := p.backup("", 3, "a")
			s := p.begin(n.ID)
			c := request(5, p.upload(s, "b"))
			c.Coverage["messages"], c.Ledger["messages"] = "limited", vault.Ledger{Seen: 1, Stored: 1}
			_, err := w.uploader.Commit(t.Context(), anna, one, s.ID, c)
			refused(t, err, fault.Invalid, "invalid")
			c.Counts["sms"] = 4
			if _, err := w.uploader.Commit(t.Context(), anna, one, s.ID, c); err != nil {
				t.Error(err)
			}
		}},
		{"AListThatIsGoneIsNotBusy", func(t *testing.T, w *world, p *phone) {
			n := p.backup("", 1, "a")
			s := p.begin(n.ID)
			c := request(1, p.upload(s, "b"))
			w.lose(vault.ListKey(anna, n.ID))
			if _, err := w.uploader.Commit(t.Context(), anna, one, s.ID, c); fault.KindOf(err) != fault.Lost {
				t.Errorf("it answers %v", err)
			}
		}},
		{"CannotDropBeyondTheBase", func(t *testing.T, w *world, p *phone) {
			n := p.backup("", 1, "a")
			s := p.begin(n.ID)
			c := request(1, p.upload(s, "b"))
			c.Dropped = []int{1}
			_, err := w.uploader.Commit(t.Context(), anna, one, s.ID, c)
			refused(t, err, fault.Invalid, "invalid")
		}},
		{"CannotDropWithoutABase", func(t *testing.T, w *world, p *phone) {
			s := p.begin("")
			c := request(1, p.upload(s, "b"))
			c.Dropped = []int{0}
			_, err := w.uploader.Commit(t.Context(), anna, one, s.ID, c)
			refused(t, err, fault.Invalid, "invalid")
		}},
		{"AnotherCommitsListIsNotAdopted", func(t *testing.T, w *world, p *phone) {
			s := p.begin("")
			a := p.upload(s, "a")
			w.strike("dynamodb", "TransactWriteItems", standin.Before)
			if _, err := w.uploader.Commit(t.Context(), anna, one, s.ID, request(1, a)); err == nil {
				t.Fatal("the fault did not strike")
			}
			w.calm()
			_, err := w.uploader.Commit(t.Context(), anna, one, s.ID, request(2, a))
			refused(t, err, fault.Conflict, "list_stored")
			if _, err := w.uploader.Commit(t.Context(), anna, one, s.ID, request(1, a)); err != nil {
				t.Errorf("the same commit is not adopted: %v", err)
			}
		}},
		{"ADropOfMoreThanThirtyPercentPutsAHold", func(t *testing.T, w *world, p *phone) {
			full := p.backup("", 100, "a")
			same := p.backup(full.ID, 70, "b")
			if n := w.snapshot(anna, full.Seq); n.Hold {
				t.Error("thirty percent less put a hold")
			}
			p.backup(same.ID, 48, "c")
			if n := w.snapshot(anna, same.Seq); !n.Hold {
				t.Error("over thirty percent less put no hold")
			}
		}},
		{"ADropOfMoreThanTheProfileSaysPutsAHold", func(t *testing.T, w *world, p *phone) {
			p.shrink = 10
			full := p.backup("", 100, "a")
			same := p.backup(full.ID, 90, "b")
			p.shrink = 100
			gone := p.backup(same.ID, 0, "c")
			if w.snapshot(anna, full.Seq).Hold || w.snapshot(anna, same.Seq).Hold {
				t.Error("a drop that the profile lets pass put a hold")
			}
			p.shrink = 10
			full = p.backup(gone.ID, 100, "d")
			p.backup(full.ID, 89, "e")
			if !w.snapshot(anna, full.Seq).Hold {
				t.Error("a drop of over ten percent put no hold")
			}
		}},
		{"WhatCannotBeSeenIsNoDrop", func(t *testing.T, w *world, p *phone) {
			n := p.backup("", 100, "a")
			s := p.begin(n.ID)
			c := request(0, p.upload(s, "b"))
			c.Counts, c.Coverage, c.Ledger = vault.Counts{}, map[string]string{"messages": "denied"}, map[string]vault.Ledger{"messages": {}}
			if _, err := w.uploader.Commit(t.Context(), anna, one, s.ID, c); err != nil {
				t.Fatal(err)
			}
			if w.snapshot(anna, n.Seq).Hold {
				t.Error("it put a hold")
			}
		}},
		{"TwoDevicesAtOnceBothGetIn", func(t *testing.T, w *world, p *phone) {
			q := w.phone(anna, two)
			s, r := p.begin(""), q.begin("")
			a, b := p.upload(s, "a"), q.upload(r, "b")
			errs := make(chan error, 2)
			go func() {
				_, err := w.uploader.Commit(context.WithoutCancel(t.Context()), anna, one, s.ID, request(1, a))
				errs <- err
			}()
			go func() {
				_, err := w.uploader.Commit(context.WithoutCancel(t.Context()), anna, two, r.ID, request(1, b))
				errs <- err
			}()
			if err := errors.Join(<-errs, <-errs); err != nil {
				t.Fatal(err)
			}
			if h := w.head(anna); h.Seq != 2 || len(h.Open) != 0 {
				t.Errorf("%+v", h)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { t.Parallel(); w := open(t); tt.try(t, w, w.phone(anna, one)) })
	}
}

func TestCommitIsHeldAgainstItself(t *testing.T) {
	t.Parallel()
	chunk := vault.Added{ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Size: 10, Records: 5}
	many := func(n int) (out []vault.Added) {
		for i := range n {
			out = append(out, vault.Added{ID: vault.ChunkID(sha256.Sum256(fmt.Append(nil, i))), Size: 10})
		}
		return out
	}
	reasons := func(n int) map[string]int64 {
		m := map[string]int64{}
		for i := range n {
			m["because_"+string(rune('a'+i))] = 1
		}
		return m
	}
	u := vault.Uploader{} // which it must not reach
	for _, tt := range []struct {
		name    string
		change  func(c *vault.Commit)
		pointer string
	}{
		{"NoChunks", func(c *vault.Commit) { c.Added = nil }, "/added"},
		{"TooManyChunks", func(c *vault.Commit) { c.Added = many(vault.MaxAdded + 1) }, "/added"},
		{"NoId", func(c *vault.Commit) { c.Added[0].ID = "x" }, "/added/0/id"},
		{"ChunkTwice", func(c *vault.Commit) { c.Added = append(c.Added, c.Added[0]) }, "/added/1/id"},
		{"EmptyChunk", func(c *vault.Commit) { c.Added[0].Size = 0 }, "/added/0/size"},
		{"LargeChunk", func(c *vault.Commit) { c.Added[0].Size = vault.MaxChunk + 1 }, "/added/0/size"},
		{"RecordsBeyond", func(c *vault.Commit) { c.Added[0].Records = 11 }, "/added/0/records"},
		{"IndexBeyond", func(c *vault.Commit) { c.Index = vault.Index{Offset: 5, Length: 6} }, "/index"},
		{"IndexOverflows", func(c *vault.Commit) { c.Index = vault.Index{Offset: 1<<63 - 1, Length: 2} }, "/index"},
		{"IndexEmpty", func(c *vault.Commit) { c.Index.Length = 0 }, "/index"},
		{"DroppedNotAscending", func(c *vault.Commit) { c.Dropped = []int{1, 1} }, "/dropped/1"},
		{"DroppedBelowZero", func(c *vault.Commit) { c.Dropped = []int{-1} }, "/dropped/0"},
		{"UnknownKind", func(c *vault.Commit) { c.Counts["photos"] = 1 }, "/counts"},
		{"CountBelowZero", func(c *vault.Commit) { c.Counts["sms"] = -1 }, "/counts/sms"},
		{"CountTooLarge", func(c *vault.Commit) { c.Counts["sms"] = vault.MaxCount + 1 }, "/counts/sms"},
		{"CountNotHeld", func(c *vault.Commit) { c.Counts["sms"] = 2 }, "/ledger/messages"},
		{"CountedAndNotAccountedFor", func(c *vault.Commit) { c.Counts["calls"] = 1 }, "/ledger"},
		{"UnknownCoverage", func(c *vault.Commit) { c.Coverage["messages"] = "some" }, "/coverage"},
		{"NothingLookedAt", func(c *vault.Commit) { c.Coverage, c.Ledger, c.Counts = nil, nil, nil }, "/coverage"},
		{"LookedAtAndNotAccountedFor", func(c *vault.Commit) { c.Coverage["calls"] = "full" }, "/ledger"},
		{"UnknownElement", func(c *vault.Commit) { c.Ledger["photos"] = vault.Ledger{} }, "/ledger"},
		{"Unbalanced", func(c *vault.Commit) { c.Ledger["messages"] = vault.Ledger{Seen: 2, Stored: 1} }, "/ledger/messages"},
		{"BelowZero", func(c *vault.Commit) { c.Ledger["messages"] = vault.Ledger{Seen: 1, Stored: 2, Already: -1} }, "/ledger/messages"},
		{"FailedWithoutAReason", func(c *vault.Commit) { c.Ledger["messages"] = vault.Ledger{Seen: 2, Stored: 1, Failed: 1} }, "/ledger/messages/reasons"},
		{"ReasonWithContent", func(c *vault.Commit) {
			c.Ledger["messages"] = vault.Ledger{Seen: 2, Stored: 1, Failed: 1, Reasons: map[string]int64{"Call me": 1}}
		}, "/ledger/messages/reasons"},
		{"TooManyReasons", func(c *vault.Commit) {
			c.Ledger["messages"] = vault.Ledger{Seen: 10, Stored: 1, Failed: 9, Reasons: reasons(9)}
		}, "/ledger/messages/reasons"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := request(1, chunk)
			tt.change(&c)
			_, err := u.Commit(t.Context(), anna, one, "01ARZ3NDEKTSV4RRFFQ69G5FAV", c)
			e, ok := errors.AsType[*fault.Error](err)
			if !ok || e.Kind != fault.Invalid || !slices.ContainsFunc(e.Fields, func(f fault.Field) bool { return f.Pointer == tt.pointer }) {
				t.Errorf("%s is not named: %v", tt.pointer, err)
			}
		})
	}
}

// TestKeys: a released key is the one that the device derives chunks with, and goes to nobody else.
func TestKeys(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.phone(anna, one)
	s := p.begin("")
	key, private := ephemeral(t)
	got, err := w.opener.Begun(t.Context(), anna, s, key)
	if err != nil || len(got.Keys) != 1 || got.Version != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	opened := unseal(t, private, got.Keys[0], anna, one)
	want, err := hkdf.Key(sha256.New, w.vaultKey(anna, 1), nil, "zapas session v1\x00tenant\x00"+string(anna)+"\x00"+string(s.ID), 32)
	if err != nil || !slices.Equal(opened, want) {
		t.Error("the key is not the session's", err)
	}
	if len(w.records) != 1 || w.records[0].Session != s.ID || w.records[0].Kind != vault.Backup {
		t.Errorf("the release is recorded as %+v", w.records)
	}
	t.Run("NoRecordNoKey", func(t *testing.T) {
		w.recordFails = errors.New("the audit is full")
		defer func() { w.recordFails = nil }()
		if got, err := w.opener.Begun(t.Context(), anna, s, key); err == nil || got.Keys != nil {
			t.Error("a key left without a record")
		}
	})
	for name, bad := range map[string][]byte{"Short": key[:31], "Long": append(slices.Clone(key), 0), "Empty": nil, "LowOrder": make([]byte, 32)} {
		t.Run("PublicKey"+name, func(t *testing.T) {
			_, err := w.opener.Begun(t.Context(), anna, s, bad)
			refused(t, err, fault.Invalid, "invalid")
		})
	}
}

// TestRelease: keys of past sessions go to an open restore that has consent, and to nothing else.
func TestRelease(t *testing.T) {
	t.Parallel()
	w := open(t)
	p, q := w.phone(anna, one), w.phone(anna, two)
	n := p.backup("", 1, "a")
	b := vault.Beginning{Device: two, Kind: vault.Restore, Counter: 1, Base: n.ID, Restore: "01REST0RE00000000000000000"}
	s, err := w.opener.Begin(t.Context(), anna, b)
	if err != nil {
		t.Fatal(err)
	}
	q.counter = 1
	key, _ := ephemeral(t)
	release := func(user caller.UserID, device caller.DeviceID, id vault.SessionID, asked ...vault.SessionID) error {
		_, err := w.opener.Release(t.Context(), user, device, id, asked, key)
		return err
	}
	if err := release(anna, two, s.ID, n.ID); err != nil {
		t.Fatal(err)
	}
	refused(t, release(anna, one, s.ID, n.ID), fault.Gone, "session_over")
	refused(t, release(piotr, two, s.ID, n.ID), fault.Gone, "session_over")
	refused(t, release(anna, one, p.begin(n.ID).ID, n.ID), fault.Gone, "session_over")
	refused(t, release(anna, two, s.ID), fault.Invalid, "invalid")
	refused(t, release(anna, two, s.ID, "no id"), fault.Invalid, "invalid")
	if err := release(anna, two, s.ID, slices.Repeat([]vault.SessionID{n.ID}, vault.MaxKeys)...); err != nil {
		t.Error(err)
	}
	refused(t, release(anna, two, s.ID, slices.Repeat([]vault.SessionID{n.ID}, vault.MaxKeys+1)...), fault.Invalid, "invalid")
	w.consent = fault.New(fault.Gone, "withdrawn", "The consent was withdrawn.")
	refused(t, release(anna, two, s.ID, n.ID), fault.Gone, "withdrawn")
	w.consent = nil
	w.erase(anna, 1)
	refused(t, release(anna, two, s.ID, n.ID), fault.Gone, "erased")
	next := q.begin("")
	if next.Version != 2 {
		t.Errorf("after an erasure the key version is %d", next.Version)
	}
	if old := w.session(anna, s.ID); old.State != vault.Closed {
		t.Errorf("the erasure that Begin finished left the restore %s", old.State)
	}
	refused(t, release(anna, two, s.ID, n.ID), fault.Gone, "session_over")
	if _, err := w.opener.Find(t.Context(), anna, n.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("an erased snapshot is found: %v", err)
	}
}

// TestManifest: an open restore reads its snapshot page by page, and a closed one nothing.
func TestManifest(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.phone(anna, one)
	n := p.backup("", 1, "content")
	s, err := w.opener.Begin(t.Context(), anna, vault.Beginning{Device: two, Kind: vault.Restore, Counter: 1, Base: n.ID})
	if err != nil {
		t.Fatal(err)
	}
	m, err := w.reader.Manifest(t.Context(), anna, two, s.ID, "")
	if err != nil || m.Total != 1 || m.Next != "" || len(m.Chunks) != 1 {
		t.Fatalf("%+v %v", m, err)
	}
	if got := w.get(m.Chunks[0].URL); got != "content" {
		t.Errorf("the URL reads %q", got)
	}
	for _, tt := range []struct {
		name   string
		user   caller.UserID
		device caller.DeviceID
		cursor string
		kind   fault.Kind
	}{
		{"AnotherUser", piotr, two, "", fault.Gone}, {"AnotherDevice", anna, one, "", fault.Gone},
		{"BeyondTheEnd", anna, two, "1", fault.Invalid}, {"NoPosition", anna, two, "-1", fault.Invalid}, {"Nonsense", anna, two, "abc", fault.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.reader.Manifest(t.Context(), tt.user, tt.device, s.ID, tt.cursor)
			if !fault.Is(err, tt.kind) {
				t.Errorf("it answers %v", err)
			}
		})
	}
	if err := w.opener.End(t.Context(), anna, two, s.ID); err != nil {
		t.Fatal(err)
	}
	_, err = w.reader.Manifest(t.Context(), anna, two, s.ID, "")
	refused(t, err, fault.Gone, "session_over")
}

// TestManifest_ListLost: of what a snapshot consists whose list is gone or damaged nobody knows; what it holds, its row says.
func TestManifest_ListLost(t *testing.T) {
	t.Parallel()
	for code, lose := range map[string]func(w *world, key string){
		"list_gone": func(w *world, key string) { w.lose(key) },
		"list_damaged": func(w *world, key string) {
			w.lose(key)
			if err := w.uploader.Store.PutList(w.ctx(), "eu", key, []byte("{}")); err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			p := w.phone(anna, one)
			n := p.backup("", 3, "content")
			b := p.begin(n.ID)
			added := p.upload(b, "b")
			s, err := w.opener.Begin(t.Context(), anna, vault.Beginning{Device: one, Kind: vault.Verify, Counter: 100, Base: n.ID})
			if err != nil {
				t.Fatal(err)
			}
			lose(w, vault.ListKey(anna, n.ID))
			_, err = w.reader.Base(t.Context(), anna, one, s.ID, "")
			refused(t, err, fault.Lost, code)
			if e, ok := errors.AsType[*fault.Error](err); !ok || e.Counts["sms"] != 3 {
				t.Errorf("it says that the snapshot holds %+v", e)
			}
			_, err = w.uploader.Commit(t.Context(), anna, one, b.ID, request(1, added))
			refused(t, err, fault.Lost, code)
		})
	}
}

// TestManifestPages: two hundred chunks a page, each chunk on one of them.
func TestManifestPages(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.phone(anna, one)
	base := vault.SessionID("")
	var want []string
	for i := range 3 { // 67 chunks each: 201
		s := p.begin(base)
		var added []vault.Added
		for j := range 67 {
			added = append(added, p.upload(s, fmt.Sprint(i, j)))
			want = append(want, added[j].ID)
		}
		n, err := w.uploader.Commit(t.Context(), anna, one, s.ID, request(1, added...))
		if err != nil {
			t.Fatal(err)
		}
		base = n.ID
	}
	if got := w.chunks(anna, two, base); !slices.Equal(got, want) {
		t.Errorf("%d chunks on all pages, and not the %d that there are", len(got), len(want))
	}
}

func ephemeral(t *testing.T) (public []byte, private hpke.PrivateKey) {
	t.Helper()
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err = hpke.NewDHKEMPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return k.PublicKey().Bytes(), private
}

func unseal(t *testing.T, private hpke.PrivateKey, k vault.SealedKey, user caller.UserID, device caller.DeviceID) []byte {
	t.Helper()
	info := "zapas key v1\x00tenant\x00" + string(user) + "\x00" + string(k.Session) + "\x00" + string(device)
	key, err := hpke.Open(private, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info), k.Key)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
