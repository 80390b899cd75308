package device

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/remote"
	"zapas/shared/vault"
)

// verified is what the phone's proof finds. Its numbers must balance, and nothing of it may be left on the disk.
func (p *phone) verified(t *testing.T, o VerifyOptions) VerifyReport {
	t.Helper()
	r, err := p.Verify(t.Context(), o)
	must(t, err)
	balanced(t, r)
	p.clean(t)
	return r
}

func balanced(t *testing.T, r VerifyReport) {
	t.Helper()
	lost := map[string]int64{}
	for _, f := range r.Failures {
		lost[f.Element] += f.Items
		if f.Snapshot != r.Snapshot || f.Reason == "" || f.Detail == "" {
			t.Errorf("not named: %+v", f)
		}
	}
	for element, e := range r.Elements {
		var reasons int64
		for _, n := range e.Reasons {
			reasons += n
		}
		if e.Items != e.Proven+e.Lost || e.Lost != lost[element] || e.Lost != reasons {
			t.Errorf("%s does not balance: %+v, and %d are named", element, e, lost[element])
		}
	}
}

// clean fails if a proof has left anything on the disk.
func (p *phone) clean(t *testing.T) {
	t.Helper()
	if err := filepath.WalkDir(filepath.Join(p.dir, "proof"), func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			t.Errorf("the proof has left %s", path)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// messages are an outcome for a snapshot with messages alone.
func messages(e ProvenElement) map[string]ProvenElement {
	return map[string]ProvenElement{"contacts": {}, "messages": e, "calls": {}}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	first := demo()
	old := p.backUp(t, first)
	r := p.backUp(t, day(first))
	before, head := maps.Clone(s.objects), s.head
	got := p.verified(t, VerifyOptions{})
	want := VerifyReport{Snapshot: r.Snapshot, Outcome: Proven, Elements: messages(ProvenElement{Items: 64, Proven: 64}), Attachments: ProvenAttachments{Named: 5, Proven: 5},
		Objects: 2, Bytes: got.Bytes, Requests: Requests{API: 4, Gets: 2, BytesDown: got.Bytes}}
	if d := cmp.Diff(want, got); d != "" || got.Bytes < 90_000 {
		t.Errorf("%d bytes: %s", got.Bytes, d)
	}
	if d := cmp.Diff(before, s.objects); d != "" {
		t.Error("a proof has changed what is stored")
	}
	if s.head.Seq != head.Seq || len(s.head.Open) != 0 || s.head.Bytes != head.Bytes {
		t.Errorf("a proof has left %+v", s.head)
	}
	if got := p.verified(t, VerifyOptions{Snapshot: old.Snapshot}); got.Snapshot != old.Snapshot || got.Outcome != Proven || got.Requests.API != 4 {
		t.Errorf("an older one: %+v", got)
	}
	if got := p.verified(t, VerifyOptions{Elements: []string{"messages"}}); got.Outcome != Sampled || len(got.Elements) != 1 || got.Elements["messages"].Proven != 64 {
		t.Errorf("one element: %+v", got)
	}
	if got := p.verified(t, VerifyOptions{Elements: []string{"calls"}}); got.Outcome != Sampled || got.Objects != 1 {
		t.Errorf("an element of which there is nothing, but for the index: %+v", got)
	}
	if want := []vault.Outcome{vault.Proven, vault.Proven, vault.Sampled, vault.Sampled}; !slices.Equal(s.outcomes, want) {
		t.Errorf("the service was told %v", s.outcomes)
	}
	if u := p.backUp(t, day(first)); !u.Unchanged {
		t.Errorf("after the proofs a backup finds %+v", u)
	}
}

func TestVerify_Refuses(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p, q := enrolled(t, s, 1), enrolled(t, s, 2)
	other := q.backUp(t, demo())
	for name, o := range map[string]VerifyOptions{"NoBackup": {}, "AnotherDevices": {Snapshot: other.Snapshot}, "NoElement": {Elements: []string{"photos"}},
		"Below": {Sample: -1}, "Above": {Sample: 100.1}, "NoNumber": {Sample: nan()}} {
		if r, err := p.Verify(t.Context(), o); err == nil || r.Outcome != "" {
			t.Errorf("%s: %+v %v", name, r, err)
		}
		p.clean(t)
	}
	if len(s.outcomes) != 0 {
		t.Errorf("the service was told %v", s.outcomes)
	}
	if _, err := (&Device{nobody: ErrNotEnrolled}).Verify(t.Context(), VerifyOptions{}); err == nil {
		t.Error("nobody verifies")
	}
}

func nan() float64 { var zero float64; return zero / zero }

// TestVerify_Damaged: what is damaged is lost, and named, and all else is proven, as a restore finds it.
func TestVerify_Damaged(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		damage func(s *service, keys []string) // of the first snapshot's chunks
		reason string
		lost   int64
	}{
		{"Flipped", func(s *service, k []string) { s.objects[k[0]][2000] ^= 1 }, "attachment_damaged", 1},
		{"FlippedSalt", func(s *service, k []string) { s.objects[k[0]][30] ^= 1 }, "chunk_damaged", 61},
		{"Missing", func(s *service, k []string) { delete(s.objects, k[0]) }, "chunk_missing", 61},
		{"CutShort", func(s *service, k []string) { s.objects[k[0]] = s.objects[k[0]][:500] }, "block_damaged", 61},
		{"TooLong", func(s *service, k []string) { s.objects[k[0]] = append(s.objects[k[0]], 0) }, "", 0},
		{"AnothersPlace", func(s *service, k []string) { s.objects[k[0]] = s.objects[k[1]] }, "chunk_damaged", 61},
	} {
		for _, sample := range []float64{0, 1} {
			t.Run(fmt.Sprint(tt.name, "/", sample), func(t *testing.T) {
				t.Parallel()
				s := newService(t)
				p := enrolled(t, s, 1)
				first := demo()
				p.backUp(t, first)
				keys := s.chunksStored()
				r := p.backUp(t, day(first)) // 3 of its items are in its own chunk, 61 in the first
				for _, k := range s.chunksStored() {
					if !slices.Contains(keys, k) {
						keys = append(keys, k)
					}
				}
				tt.damage(s, keys)
				got := p.verified(t, VerifyOptions{Sample: sample})
				want := messages(ProvenElement{Items: 64, Proven: 64 - tt.lost, Lost: tt.lost})
				if tt.lost > 0 {
					want = messages(ProvenElement{Items: 64, Proven: 64 - tt.lost, Lost: tt.lost, Reasons: map[string]int64{tt.reason: tt.lost}})
				}
				if d := cmp.Diff(want, got.Elements); d != "" || got.Outcome != Damaged || got.Snapshot != r.Snapshot || len(got.Failures) != 1 {
					t.Errorf("%+v: %s", got, d)
				}
				id := keys[0][strings.LastIndex(keys[0], "/")+1:]
				if !strings.Contains(got.Failures[0].Detail, id) || got.Lost() != tt.lost {
					t.Errorf("chunk %s is not named: %+v", id, got.Failures)
				}
				if !slices.Equal(s.outcomes, []vault.Outcome{vault.Damaged}) {
					t.Errorf("the service was told %v", s.outcomes)
				}
			})
		}
	}
	t.Run("Index", func(t *testing.T) {
		t.Parallel()
		s := newService(t)
		p := enrolled(t, s, 1)
		p.backUp(t, demo())
		for _, k := range s.chunksStored() {
			s.objects[k][inIndex(s.objects[k])] ^= 1
		}
		if got := p.verified(t, VerifyOptions{}); got.Outcome != Damaged || got.Elements["messages"].Lost != 64 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("IndexOfNothing", func(t *testing.T) {
		t.Parallel()
		s := newService(t)
		p := enrolled(t, s, 1)
		m := demo()
		p.backUp(t, m)
		p.backUp(t, &memory{})
		if got := p.verified(t, VerifyOptions{}); got.Outcome != Proven || got.Lost() != 0 {
			t.Fatalf("a backup of nothing: %+v", got)
		}
		for _, k := range s.chunksStored() {
			s.objects[k][inIndex(s.objects[k])] ^= 1
		}
		if got := p.verified(t, VerifyOptions{}); got.Outcome != Damaged || len(got.Failures) != 1 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("NoSuchObjectButLater", func(t *testing.T) { // what is mended is proven again
		t.Parallel()
		s := newService(t)
		p := enrolled(t, s, 1)
		p.backUp(t, demo())
		key := s.chunksStored()[0]
		s.objects[key][3000] ^= 1
		p.verified(t, VerifyOptions{})
		s.objects[key][3000] ^= 1
		if got := p.verified(t, VerifyOptions{}); got.Outcome != Proven {
			t.Errorf("%+v", got)
		}
	})
}

// large has messages with attachments over several chunks, one of them in three parts.
func large() *memory {
	m := demo()
	for i := range 3 {
		m.mms(i, noise(uint64(i), 11<<20))
	}
	m.mms(9, noise(9, 33<<20))
	return m
}

func TestVerify_Large(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	p.backUp(t, large())
	ids := p.listed(t)
	if len(ids) < 5 {
		t.Fatalf("%d chunks", len(ids))
	}
	most := 0
	s.fault = func(req *http.Request, _ bool) error {
		on, err := filepath.Glob(filepath.Join(p.dir, "proof", "*"))
		must(t, err)
		most = max(most, len(on))
		return nil
	}
	all := p.verified(t, VerifyOptions{})
	s.fault = nil
	if all.Outcome != Proven || all.Objects != len(ids) || all.Attachments.Named != all.Attachments.Proven || all.Elements["messages"].Proven != 68 {
		t.Errorf("%+v", all)
	}
	if most > transfersAtMost+1 { // those on their way, and the one with the index
		t.Errorf("%d chunks were on the disk at once", most)
	}

	part := p.verified(t, VerifyOptions{Sample: 10})
	if part.Outcome != Sampled || part.Sample != 10 || part.Objects >= all.Objects || part.Elements["messages"].Proven != 68 ||
		part.Attachments.Proven == 0 || part.Attachments.Proven >= part.Attachments.Named || part.Attachments.Named != all.Attachments.Named {
		t.Errorf("a sample: %+v", part)
	}
	drawn := map[int64]bool{}
	for range 4 {
		drawn[p.verified(t, VerifyOptions{Sample: 10}).Bytes] = true
	}
	if len(drawn) < 2 {
		t.Error("every sample is the same")
	}
	if r := p.verified(t, VerifyOptions{Sample: 100}); r.Outcome != Proven || r.Sample != 0 {
		t.Errorf("a sample of all: %+v", r)
	}

	// A chunk amid the one in parts.
	gone := ids[len(ids)-2]
	for key := range s.objects {
		if strings.HasSuffix(key, gone) {
			delete(s.objects, key)
		}
	}
	lost := p.verified(t, VerifyOptions{})
	if l := lost.Elements["messages"]; lost.Outcome != Damaged || l.Reasons["attachment_missing"] != l.Lost || l.Lost < 1 || l.Lost > 2 || !strings.Contains(lost.Failures[0].Detail, gone) {
		t.Errorf("%+v", lost)
	}
	got := new(memory)
	restoring := restored(t, s, lost.Snapshot, got)
	if restoring.Ledger["messages"].Failed != lost.Lost() {
		t.Errorf("the proof loses %d, and a restore %d", lost.Lost(), restoring.Ledger["messages"].Failed)
	}
	for range 40 { // sooner or later a sample finds it, looks at all, and loses the same
		if r := p.verified(t, VerifyOptions{Sample: 30}); r.Outcome == Damaged {
			if d := cmp.Diff(lost.Elements, r.Elements); d != "" || r.Sample != 0 {
				t.Errorf("the sample that finds it loses otherwise: %s", d)
			}
			return
		}
	}
	t.Error("no sample finds it")
}

// TestVerify_Counts: what the service counts otherwise is no proof.
func TestVerify_Counts(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	p.backUp(t, demo())
	n := s.snaps[1]
	n.Counts = maps.Clone(n.Counts)
	n.Counts["sms"] += 2
	n.Counts["calls"] = 1
	s.snaps[1] = n
	r := p.verified(t, VerifyOptions{})
	want := map[string]ProvenElement{"contacts": {}, "messages": {Items: 66, Proven: 64, Lost: 2, Reasons: map[string]int64{"count_differs": 2}},
		"calls": {Items: 1, Lost: 1, Reasons: map[string]int64{"count_differs": 1}}}
	if d := cmp.Diff(want, r.Elements); d != "" || r.Outcome != Damaged {
		t.Errorf("%s: %s", r.Outcome, d)
	}
}

// TestVerify_Killed kills a proof at each request, before and after its effect, and runs it again: it ends as one that was
// not disturbed, and the service hears of it once for each that ended.
func TestVerify_Killed(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	p.backUp(t, m)
	p.backUp(t, day(m))
	for at, reached := 0, true; reached; at++ {
		reached = false
		ctx, kill := context.WithCancelCause(t.Context())
		n := at
		s.fault = func(*http.Request, bool) error {
			if n--; n < 0 {
				reached = true
				kill(errKilled)
				return errKilled
			}
			return nil
		}
		_, err := p.Verify(ctx, VerifyOptions{})
		s.fault = nil
		if reached == (err == nil) {
			t.Errorf("killed at %d: %v", at, err)
		}
		p.restart(t, s)
		before := len(s.outcomes)
		if r := p.verified(t, VerifyOptions{}); r.Outcome != Proven || r.Elements["messages"].Proven != 64 {
			t.Errorf("killed at %d, then again: %+v", at, r)
		}
		if len(s.outcomes)-before > 1 || len(s.head.Open) != 0 {
			t.Errorf("killed at %d, then again: %d outcomes, %d sessions are open", at, len(s.outcomes)-before, len(s.head.Open))
		}
		kill(nil)
		if !reached && at < 10 {
			t.Errorf("there are only %d places to die at", at)
		}
	}
}

// TestVerify_Over: a proof whose session ends under it begins again; one that cannot be told of is an error with its report.
func TestVerify_Over(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	p.backUp(t, demo())
	ends := func(suffix string) func(*http.Request, bool) error {
		once := true
		return func(req *http.Request, after bool) error {
			if strings.HasSuffix(req.URL.RequestURI(), suffix) && !after && once {
				once = false
				for _, e := range s.head.Open {
					return s.opener().End(context.Background(), s.user, e.Device, e.Session)
				}
			}
			return nil
		}
	}
	for _, suffix := range []string{"/base", "/keys"} {
		s.fault = ends(suffix)
		if r := p.verified(t, VerifyOptions{}); r.Outcome != Proven {
			t.Errorf("%s: %+v", suffix, r)
		}
	}
	s.outcomes, s.fault = nil, ends("?outcome=proven")
	r, err := p.Verify(t.Context(), VerifyOptions{})
	if err == nil || r.Outcome != Proven || len(s.outcomes) != 0 || !strings.Contains(err.Error(), "could not be told") {
		t.Errorf("%+v %v", r, err)
	}
	p.clean(t)
	s.fault = nil
	if r := p.verified(t, VerifyOptions{}); r.Outcome != Proven || len(s.outcomes) != 1 {
		t.Errorf("then again: %+v", r)
	}
}

// TestVerify_KeyRefused: a chunk of a session whose key is not this device's to have ends the proof, and tells nothing.
func TestVerify_KeyRefused(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	old := p.backUp(t, m)
	p.backUp(t, day(m))
	row := s.rows[vault.SessionID(old.Snapshot)]
	row.Device = "01PH0NE0000000000000000002"
	s.rows[row.ID] = row
	if r, err := p.Verify(t.Context(), VerifyOptions{}); err == nil || r.Outcome != "" || len(s.outcomes) != 0 || remote.Code(err) != "not_found" {
		t.Errorf("%+v %v", r, err)
	}
	p.clean(t)
}

// inIndex is a place within the sealed index of a chunk, which stands behind a copy of the header.
func inIndex(chunk []byte) int { return bytes.LastIndex(chunk, chunk[:74]) + 100 }

// TestVerify_BrokenOff: a proof that was broken off goes on with the same snapshot, unless there is a newer one by then.
func TestVerify_BrokenOff(t *testing.T) {
	t.Parallel()
	for _, newer := range []bool{false, true} {
		s := newService(t)
		p := enrolled(t, s, 1)
		m := demo()
		want := p.backUp(t, m).Snapshot
		s.refuses = func(string) int { return http.StatusServiceUnavailable }
		if _, err := p.Verify(t.Context(), VerifyOptions{}); err == nil {
			t.Fatal("no error")
		}
		s.refuses = nil
		if newer {
			want = p.backUp(t, day(m)).Snapshot
		} else {
			p.backUp(t, m)
		}
		p.restart(t, s)
		begun := len(s.rows)
		if v := p.verified(t, VerifyOptions{}); v.Snapshot != want || v.Outcome != Proven || (len(s.rows) > begun) != newer {
			t.Errorf("newer: %t: %+v, want %s; %d sessions more", newer, v, want, len(s.rows)-begun)
		}
	}
}

// TestVerify_BrokenOffBeforeACommit: wherever a backup is killed between a proof that was broken off and the next one, that is of
// the newest snapshot that the service has.
func TestVerify_BrokenOffBeforeACommit(t *testing.T) {
	t.Parallel()
	for at, reached := 0, true; reached; at++ {
		reached = false
		s := newService(t)
		p := enrolled(t, s, 1)
		m := new(memory)
		m.mms(1, noise(1, 100))
		p.backUp(t, m)
		s.refuses = func(string) int { return http.StatusServiceUnavailable }
		if _, err := p.Verify(t.Context(), VerifyOptions{}); err == nil {
			t.Fatal("no error")
		}
		s.refuses = nil
		m.items = append(m.items, sms(9000, "later"))
		where, left := "", at
		step := func(what string) error {
			if left--; left >= 0 {
				return nil
			}
			if !reached {
				reached, where = true, what
			}
			return errKilled
		}
		s.fault = func(req *http.Request, after bool) error { return step(fmt.Sprint(req.Method, req.URL.Path, after)) }
		p.Device.dir.Before = step
		_, _ = p.Backup(t.Context(), m, profileOf("eu"))
		s.fault = nil
		p.restart(t, s)
		if v := p.verified(t, VerifyOptions{}); v.Snapshot != string(s.snaps[s.head.Seq].ID) {
			t.Errorf("killed at %s: %s is proven", where, v.Snapshot)
		}
	}
}
