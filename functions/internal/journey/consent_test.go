package journey_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/shared/api"
	"zapas/shared/audit"
)

// restores has the other phone restore some elements of a snapshot, of which messages come as they are told; cancelled says that
// Anna takes it back meanwhile.
func (j *journey) restores(snapshot string, elements []api.Element, messages api.RestoreLedger, cancelled bool) {
	j.t.Helper()
	asked := good[api.Restore](j.t, j.anna.ask("createMyRestore", "", "", api.RestoreInput{Snapshot: snapshot, Device: &j.fresh.ID, Elements: elements}), 201)
	s := j.fresh.begin(api.SessionInput{Kind: api.SessionInputKindRestore, Restore: &asked.Id})
	if cancelled {
		if out := j.anna.ask("cancelMyRestore", asked.Id, "", nil); out.StatusCode != http.StatusNoContent {
			j.t.Fatalf("it is cancelled with %d", out.StatusCode)
		}
	}
	in := api.ResultInput{Session: *s.Session, Ledger: api.RestoreLedgers{}}
	for _, e := range elements {
		in.Ledger[string(e)] = api.RestoreLedger{}
	}
	if slices.Contains(elements, "messages") {
		in.Ledger["messages"] = messages
	}
	good[api.Restore](j.t, j.fresh.ask("reportRestore", asked.Id, "", in), 200)
}

// TestBeyondConsent: a phone that has restored a part of another's backup reads no more of it: it can neither read it again nor
// build on it, has no key and leaves no session. When all has been restored, by as many restores as it may be, it can.
func TestBeyondConsent(t *testing.T) {
	t.Parallel()
	issuer := gatewaytest.NewIssuer(t)
	every, alone, others := []api.Element{"contacts", "messages", "calls"}, []api.Element{"messages"}, []api.Element{"contacts", "calls"}
	whole := api.RestoreLedger{Planned: 3, Inserted: 3}
	less := func(why string) api.RestoreLedger {
		return api.RestoreLedger{Planned: 3, Inserted: 2, Skipped: 1, Reasons: map[string]int64{why: 1}}
	}
	for _, tt := range []struct {
		name string
		play func(j *journey, snapshot string)
		want string // the code; "" when it is let in
	}{
		{"NoContacts", func(j *journey, n string) { j.restores(n, []api.Element{"messages", "calls"}, whole, false) }, "beyond_consent"},
		{"NoMessages", func(j *journey, n string) { j.restores(n, others, whole, false) }, "beyond_consent"},
		{"OneFailed", func(j *journey, n string) {
			j.restores(n, every, api.RestoreLedger{Planned: 3, Inserted: 2, Failed: 1, Reasons: map[string]int64{"unreadable": 1}}, false)
		}, "beyond_consent"},
		{"OneLeftOut", func(j *journey, n string) { j.restores(n, every, less("not_chosen"), false) }, "beyond_consent"},
		{"TheFailedAlone", func(j *journey, n string) { j.restores(n, every, less("restored_before"), false) }, "beyond_consent"},
		{"Cancelled", func(j *journey, n string) { j.restores(n, every, whole, true) }, "not_found"},
		{"TheOtherPartCancelled", func(j *journey, n string) {
			j.restores(n, alone, whole, false)
			j.restores(n, others, whole, true)
		}, "beyond_consent"},
		{"NoPlaceForOne", func(j *journey, n string) { j.restores(n, every, less("draft"), false) }, ""},
		{"All", func(j *journey, n string) { j.restores(n, every, whole, false) }, ""},
		{"PartByPart", func(j *journey, n string) {
			j.restores(n, alone, whole, false)
			j.restores(n, others, whole, false)
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := set(open(t, issuer))
			snapshot := j.backup("", nil, [][]byte{chunk("hers")}, 3, 0)
			tt.play(j, snapshot)
			rebuild := api.SessionInput{Kind: api.SessionInputKindRebuild, Base: &snapshot}
			backup := api.SessionInput{Kind: api.SessionInputKindBackup, Base: &snapshot, Profile: &j.profile.Id, PublicKey: new(b64(j.fresh.secret.PublicKey().Bytes()))}
			if tt.want == "" {
				s := j.fresh.begin(rebuild)
				m := good[api.Manifest](t, j.fresh.ask("getBase", *s.Session, "", nil), 200)
				good[api.Keys](t, j.fresh.ask("releaseKeys", *s.Session, "", api.KeysInput{PublicKey: *backup.PublicKey, Sessions: []string{snapshot}}), 200)
				last := good[api.AuditList](t, j.person("auditor").ask("listAudit", "", "limit=1", nil), 200).Records
				if s.Adopted == nil || !*s.Adopted || m.Total != 1 || last[0].Act != string(audit.KeyRebuild) {
					t.Errorf("it reads %+v of %d chunks, recorded as %+v", s, m.Total, last)
				}
				j.fresh.begin(backup)
				return
			}
			refused := func(in api.SessionInput, code string) {
				t.Helper()
				j.fresh.counter++
				if in.Counter = &j.fresh.counter; in.Kind == api.SessionInputKindUnchanged {
					in.Counter = nil
				}
				so := j.watch(nil)
				out := j.fresh.ask("beginSession", "", "", in)
				j.stack.Strike(nil)
				if status := map[string]int{"beyond_consent": 403, "not_found": 404, "base_gone": 409}[code]; out.StatusCode != status || !strings.Contains(out.Body, `"code":"`+code+`"`) || *so != (written{}) {
					t.Errorf("%s is answered with %d %s, and there is written %+v", in.Kind, out.StatusCode, out.Body, *so)
				}
			}
			refused(rebuild, tt.want)
			refused(api.SessionInput{Kind: api.SessionInputKindRebuild}, "not_found")
			refused(api.SessionInput{Kind: api.SessionInputKindVerify, Base: &snapshot}, "not_found")
			code := tt.want
			if code == "not_found" {
				code = "base_gone"
			}
			refused(backup, code)
			refused(api.SessionInput{Kind: api.SessionInputKindUnchanged, Base: &snapshot, Profile: &j.profile.Id}, code)
			backup.Base = nil
			j.fresh.begin(backup) // it has all it needs without
		})
	}
}

// TestBeyondConsent_Another: what one phone has restored lets neither another one of its user nor one of another user read it.
func TestBeyondConsent_Another(t *testing.T) {
	t.Parallel()
	j := set(open(t, gatewaytest.NewIssuer(t)))
	piotr := person{j.world, "piotr", nil}
	good[api.Me](t, piotr.ask("getMe", "", "", nil), 200)
	snapshot := j.backup("", nil, [][]byte{chunk("hers")}, 3, 0)
	j.restores(snapshot, []api.Element{"contacts", "messages", "calls"}, api.RestoreLedger{Planned: 3, Inserted: 3}, false)
	for name, f := range map[string]*phone{"third": j.anna.enrol("Third"), "his": piotr.enrol("His")} {
		for _, base := range []string{snapshot, nowhere} {
			out := f.ask("beginSession", "", "", api.SessionInput{Kind: api.SessionInputKindRebuild, Counter: new(int64(1)), Base: &base})
			if out.StatusCode != http.StatusNotFound || strings.Contains(out.Body, "consent") {
				t.Errorf("%s reads %s: %s", name, base, fmt.Sprint(out.StatusCode, out.Body))
			}
		}
	}
}
