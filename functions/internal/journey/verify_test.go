package journey_test

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/shared/api"
	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fault"
)

// proving has the old phone prove its newest backup twice: it is whole, and later it is not.
func (j *journey) proving() {
	j.t.Helper()
	s := j.old.begin(api.SessionInput{Kind: api.SessionInputKindVerify})
	if s.Base == nil || *s.Base != j.snapshots[1] || s.Key != nil {
		j.t.Fatalf("a proof is opened with %v", s)
	}
	j.old.reads(j, s)
	j.old.found(s, "proven")
	c := j.card(j.old)
	if c.ProvenAt == nil || c.ProvenSnapshot == nil || *c.ProvenSnapshot != j.snapshots[1] || c.DamagedAt != nil {
		j.t.Errorf("after a proof the card says %v", c)
	}
	j.stack.Clock.Advance(time.Hour)
	s = j.old.begin(api.SessionInput{Kind: api.SessionInputKindVerify, Base: &j.snapshots[1]})
	j.old.found(s, "damaged")
	if now := j.card(j.old); now.DamagedAt == nil || !now.ProvenAt.Equal(*c.ProvenAt) || !now.DamagedAt.After(*now.ProvenAt) {
		j.t.Errorf("after damage was found the card says %v", now)
	}
}

// reads reads what a proof is of, with its keys.
func (f *phone) reads(j *journey, s api.Session) {
	f.t.Helper()
	m := good[api.Manifest](f.t, f.ask("getBase", *s.Session, "", nil), 200)
	var read [][]byte
	keys := api.KeysInput{PublicKey: b64(f.secret.PublicKey().Bytes())}
	for _, c := range m.Chunks {
		read, keys.Sessions = append(read, f.get(c.Url)), append(keys.Sessions, c.Session)
	}
	if d := cmp.Diff([][]byte{chunk("second"), chunk("third")}, read); d != "" || m.Snapshot != *s.Base || m.Total != 2 {
		f.t.Errorf("the base of %s has %d chunks and leads to:\n%s", m.Snapshot, m.Total, d)
	}
	for _, k := range good[api.Keys](f.t, f.ask("releaseKeys", *s.Session, "", keys), 200).Keys {
		if f.unseal(k.Session, k.Key) != j.keys[k.Session] {
			f.t.Errorf("the key of %s is not the one that its backup had", k.Session)
		}
	}
}

// found ends a proof, and does so again.
func (f *phone) found(s api.Session, outcome string) {
	f.t.Helper()
	first := f.ask("endSession", *s.Session, "outcome="+outcome, nil)
	again := f.ask("endSession", *s.Session, "outcome="+outcome, nil)
	if d := cmp.Diff(first, again); d != "" || first.StatusCode != http.StatusNoContent {
		f.t.Errorf("%s is answered with %d %s; repeated, otherwise:\n%s", outcome, first.StatusCode, first.Body, d)
	}
}

// TestOutcome: an outcome belongs to a proof, and a proof has one.
func TestOutcome(t *testing.T) {
	t.Parallel()
	j := set(open(t, gatewaytest.NewIssuer(t)))
	snapshot := j.backup("", nil, [][]byte{chunk("hers")}, 1, 0)
	consent := good[api.Restore](t, j.anna.ask("createMyRestore", "", "", api.RestoreInput{Snapshot: snapshot, Device: &j.old.ID}), 201)
	writing := j.old.begin(api.SessionInput{Kind: api.SessionInputKindBackup, Profile: &j.profile.Id})
	reading := j.old.begin(api.SessionInput{Kind: api.SessionInputKindRestore, Restore: &consent.Id})
	over := j.old.begin(api.SessionInput{Kind: api.SessionInputKindVerify})
	proving := j.old.begin(api.SessionInput{Kind: api.SessionInputKindVerify})
	j.old.found(proving, "sampled")
	if c := j.card(j.old); c.ProvenAt != nil || c.ProvenSnapshot != nil || c.DamagedAt != nil {
		t.Errorf("after a sample the card says %v", c)
	}
	for _, row := range []struct {
		name, session, query string
		status               int
		says                 string
	}{
		{"OfABackup", *writing.Session, "outcome=proven", 400, "only a session of kind verify"},
		{"OfARestore", *reading.Session, "outcome=damaged", 400, "only a session of kind verify"},
		{"OfASnapshot", snapshot, "outcome=proven", 400, "only a session of kind verify"},
		{"AnotherOutcome", *proving.Session, "outcome=proven", 410, "session_over"},
		{"TakenOver", *over.Session, "outcome=proven", 410, "session_over"},
		{"NoWord", *proving.Session, "outcome=fine", 400, `"pointer":"outcome"`},
		{"Empty", *proving.Session, "outcome=", 400, `"pointer":"outcome"`},
		{"Twice", *proving.Session, "outcome=proven&outcome=proven", 400, `"pointer":"outcome"`},
		{"OtherParameter", *proving.Session, "result=proven", 400, `"pointer":"result"`},
		{"NoSession", nowhere, "outcome=proven", 204, ""},
	} {
		if out := j.old.ask("endSession", row.session, row.query, nil); out.StatusCode != row.status || !strings.Contains(out.Body, row.says) {
			t.Errorf("%s is answered with %d %s, want %d %s", row.name, out.StatusCode, out.Body, row.status, row.says)
		}
	}
	if c := j.card(j.old); c.ProvenAt != nil || c.DamagedAt != nil {
		t.Errorf("what was refused has changed the card: %v", c)
	}
	h, err := j.vaults.Head(t.Context(), caller.UserID(j.old.user))
	j.must(err)
	if len(h.Open) != 2 {
		t.Errorf("what was refused has ended sessions: %v", h.Open)
	}
}

// TestProofOfWho: a phone that is not confirmed, or is no more in use, proves nothing and has no key.
func TestProofOfWho(t *testing.T) {
	t.Parallel()
	j := set(open(t, gatewaytest.NewIssuer(t)))
	snapshot := j.backup("", nil, [][]byte{chunk("hers")}, 1, 0)
	s := j.old.begin(api.SessionInput{Kind: api.SessionInputKindVerify})
	handed := j.hand(j.old.user)
	secret, err := ecdh.X25519().GenerateKey(rand.Reader)
	j.must(err)
	keys := api.KeysInput{PublicKey: b64(secret.PublicKey().Bytes()), Sessions: []string{snapshot}}
	refused := func(f *phone, status int) {
		t.Helper()
		counter := int64(50)
		for operation, ask := range map[string]int{
			"beginSession": f.ask("beginSession", "", "", api.SessionInput{Kind: api.SessionInputKindVerify, Counter: &counter}).StatusCode,
			"getBase":      f.ask("getBase", *s.Session, "", nil).StatusCode,
			"releaseKeys":  f.ask("releaseKeys", *s.Session, "", keys).StatusCode,
			"endSession":   f.ask("endSession", *s.Session, "outcome=proven", nil).StatusCode,
		} {
			if ask != status {
				t.Errorf("%s is answered with %d, want %d", operation, ask, status)
			}
		}
	}
	refused(handed, http.StatusForbidden)
	good[api.Keys](t, j.old.ask("releaseKeys", *s.Session, "", keys), 200)
	if out := j.anna.edit("retireMyDevice", j.old.ID, j.anna.ask("getMyDevice", j.old.ID, "", nil).Headers["ETag"], nil); out.StatusCode != http.StatusNoContent {
		t.Fatalf("the phone is retired with %d %s", out.StatusCode, out.Body)
	}
	refused(j.old, http.StatusUnauthorized)
	if c := j.card(j.old); c.ProvenAt != nil {
		t.Errorf("its card says %v", c)
	}
}

// records is an audit that can be full, and remembers what it took.
type records struct {
	full  bool
	taken []audit.Action
}

// recording is a function's way to it.
type recording struct {
	audit.Log
	*records
}

func (r recording) Append(ctx context.Context, one audit.Record) error {
	if r.full {
		return fault.New(fault.Unavailable, "full", "The audit is full.")
	}
	err := r.Log.Append(ctx, one)
	if err == nil {
		r.taken = append(r.taken, one.Action)
	}
	return err
}

// TestProofIsRecordedFirst: while nothing can be recorded, no key leaves and no outcome is noted.
func TestProofIsRecordedFirst(t *testing.T) {
	t.Parallel()
	j := set(open(t, gatewaytest.NewIssuer(t)))
	snapshot := j.backup("", nil, [][]byte{chunk("hers")}, 1, 0)
	for outcome, action := range map[string]audit.Action{"proven": audit.ProofDone, "sampled": audit.ProofSampled, "damaged": audit.ProofDamaged} {
		s := j.old.begin(api.SessionInput{Kind: api.SessionInputKindVerify})
		keys := api.KeysInput{PublicKey: b64(j.old.secret.PublicKey().Bytes()), Sessions: []string{snapshot}}
		before := j.card(j.old)
		j.records.full, j.records.taken = true, nil
		for operation, e := range map[string]events.APIGatewayV2HTTPRequest{"releaseKeys": gatewaytest.Event("releaseKeys", *s.Session, "", keys),
			"endSession": gatewaytest.Event("endSession", *s.Session, "outcome="+outcome, nil)} {
			j.old.Authorize(j.stack.Clock.Now(), &e)
			if out := j.world.ask(e, operation); out.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("unrecorded, %s is answered with %d %s", operation, out.StatusCode, out.Body)
			}
		}
		if d := cmp.Diff(before, j.card(j.old)); d != "" {
			t.Errorf("unrecorded, the card has changed:\n%s", d)
		}
		j.records.full = false
		good[api.Keys](t, j.old.ask("releaseKeys", *s.Session, "", keys), 200)
		j.old.found(s, outcome)
		if d := cmp.Diff([]audit.Action{audit.KeyProof, action}, j.records.taken); d != "" {
			t.Errorf("%s is recorded otherwise:\n%s", outcome, d)
		}
	}
}
