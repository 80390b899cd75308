package journey_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/localstack/standin"
	"zapas/shared/api"
)

// trade enrols a new phone by a code.
func (p person) trade(code, label string) *phone {
	p.t.Helper()
	f := &phone{world: p.world, Phone: *gatewaytest.NewPhone(p.t.(*testing.T), "")}
	out := good[api.Enrolled](p.t, f.ask("enrolDevice", "", "", api.EnrolInput{Code: code, PublicKey: b64(f.PublicKey()), Platform: "ios", Model: "M", Label: label, AppVersion: "1"}), 200)
	f.ID, f.user = out.Device, out.User
	return f
}

// set stores settings in the place of a version.
func (p person) set(version int64, in any) events.APIGatewayV2HTTPResponse {
	p.t.Helper()
	return p.insist("editSettings", func() events.APIGatewayV2HTTPResponse {
		e := gatewaytest.Event("editSettings", "", "", in)
		e.Headers["authorization"], e.Headers["if-match"] = p.issuer.Bearer(p.stack.Clock.Now(), p.subject, p.groups...), quoted(version)
		return p.world.ask(e, "editSettings")
	})
}

// moving sends a backup to a phone of which there is only a code yet; it answers the restore at its end.
func (j *journey) moving(snapshot string) api.Restore {
	j.t.Helper()
	code := good[api.Enrolment](j.t, j.anna.ask("createMyEnrolment", "", "", nil), 201)
	asked := good[api.Restore](j.t, j.anna.ask("createMyRestore", "", "", api.RestoreInput{Snapshot: snapshot, Enrolment: &code.Id}), 201)
	if asked.State != "waiting" || asked.Device != nil || asked.Enrolment == nil || *asked.Enrolment != code.Id || asked.ExpiresAt == nil || asked.Until != nil {
		j.t.Errorf("the restore is %+v", asked)
	}
	if due := j.checkIn(j.fresh); len(due.Restores) != 0 {
		j.t.Errorf("another phone is told of %v", due.Restores)
	}
	f := j.anna.trade(code.Code, "Newest")
	if r := good[api.Restore](j.t, j.anna.ask("getMyRestore", asked.Id, "", nil), 200); r.Device == nil || *r.Device != f.ID || r.State != "waiting" {
		j.t.Errorf("enrolled, the restore is %+v", r)
	}
	due := j.checkIn(f)
	// Asked for twice, since an answer was lost, it is there twice.
	if !slices.ContainsFunc(due.Restores, func(r api.Restore) bool { return r.Id == asked.Id && r.Device != nil && *r.Device == f.ID }) {
		j.t.Fatalf("at its first check-in the phone is told of %v", due.Restores)
	}
	if out := j.fresh.ask("beginSession", "", "", api.SessionInput{Kind: api.SessionInputKindRestore, Counter: new(int64(1)), Restore: &asked.Id}); out.StatusCode != 404 {
		j.t.Errorf("another phone opens it with %d", out.StatusCode)
	}
	s := f.begin(api.SessionInput{Kind: api.SessionInputKindRestore, Restore: &asked.Id})
	keys := good[api.Keys](j.t, f.ask("releaseKeys", *s.Session, "", api.KeysInput{PublicKey: b64(f.secret.PublicKey().Bytes()), Sessions: []string{snapshot}}), 200).Keys
	if f.unseal(snapshot, keys[0].Key) != j.keys[snapshot] {
		j.t.Error("the key is another")
	}
	good[api.Restore](j.t, f.ask("reportRestore", asked.Id, "", api.ResultInput{Session: *s.Session, Ledger: api.RestoreLedgers{"contacts": {}, "calls": {}, "messages": {Planned: 1, Inserted: 1}}}), 200)
	r := good[api.Restore](j.t, j.anna.ask("getMyRestore", asked.Id, "", nil), 200)
	if r.Device == nil || *r.Device != f.ID {
		j.t.Errorf("it went to %v", r.Device)
	}
	r.Id, r.Snapshot, r.Device, r.Enrolment, r.CreatedAt, r.UpdatedAt = "", "", nil, nil, time.Time{}, time.Time{}
	return r
}

// TestNewPhone: a restore that was asked for with an enrolment is there when the phone first checks in, whatever befalls
// a call of AWS on the way.
func TestNewPhone(t *testing.T) {
	t.Parallel()
	issuer := gatewaytest.NewIssuer(t)
	play := func(strike func(w *world) standin.Fault) api.Restore {
		w := open(t, issuer)
		j := set(w)
		snapshot := j.backup("", nil, [][]byte{chunk("hers")}, 1, 0)
		w.stack.Strike(func(standin.Call) standin.Fault {
			w.calls++
			return strike(w)
		})
		return j.moving(snapshot)
	}
	most := 0
	want := api.Restore{Elements: []api.Element{"contacts", "messages", "calls"}, State: "done",
		Ledger: &api.RestoreLedgers{"contacts": {}, "calls": {}, "messages": {Planned: 1, Inserted: 1}}}
	if d := cmp.Diff(want, play(func(w *world) standin.Fault { most = max(most, w.calls); return standin.None })); d != "" {
		t.Fatal(d)
	}
	for n := range most {
		for _, fault := range []standin.Fault{standin.Before, standin.After} {
			if d := cmp.Diff(want, play(func(w *world) standin.Fault {
				if w.first && w.calls == n+1 {
					return fault
				}
				return standin.None
			})); d != "" {
				t.Errorf("fault %d of each request's call %d: it ends otherwise:\n%s", fault, n, d)
			}
		}
	}
}

// TestForeignEnrolment: an enrolment that the caller did not make for himself, one that has expired and one whose phone is
// not in use are answered, byte for byte, as one that does not exist.
func TestForeignEnrolment(t *testing.T) {
	t.Parallel()
	j := set(open(t, gatewaytest.NewIssuer(t)))
	snapshot := j.backup("", nil, [][]byte{chunk("hers")}, 1, 0)
	piotr := person{j.world, "piotr", nil}
	good[api.Me](t, piotr.ask("getMe", "", "", nil), 200)
	code := func(p person) api.Enrolment {
		return good[api.Enrolment](t, p.ask("createMyEnrolment", "", "", nil), 201)
	}
	handed := good[api.Enrolment](t, j.ada.ask("createEnrolment", "", "", api.EnrolmentInput{User: j.old.user}), 201)
	enrolled := good[api.Enrolment](t, j.ada.ask("createEnrolment", "", "", api.EnrolmentInput{User: j.old.user}), 201)
	unconfirmed := j.anna.trade(enrolled.Code, "Handed out")
	confirmed := good[api.Enrolment](t, j.ada.ask("createEnrolment", "", "", api.EnrolmentInput{User: j.old.user}), 201)
	good[api.Device](t, j.anna.ask("confirmMyDevice", j.anna.trade(confirmed.Code, "Hers").ID, "", api.ConfirmInput{Mine: true}), 200)
	retired := code(j.anna)
	lost := j.anna.trade(retired.Code, "Lost").ID
	if out := j.anna.edit("retireMyDevice", lost, j.anna.ask("getMyDevice", lost, "", nil).Headers["ETag"], nil); out.StatusCode != http.StatusNoContent {
		t.Fatalf("the phone is retired with %d", out.StatusCode)
	}
	old := code(j.anna)
	j.stack.Clock.Advance(15 * time.Minute)
	ask := func(enrolment string) events.APIGatewayV2HTTPResponse {
		return j.anna.ask("createMyRestore", "", "", api.RestoreInput{Snapshot: snapshot, Enrolment: &enrolment})
	}
	none := ask(nowhere)
	if none.StatusCode != http.StatusNotFound {
		t.Errorf("what does not exist is answered with %d %s", none.StatusCode, none.Body)
	}
	for name, id := range map[string]string{"Expired": old.Id, "Another's": code(piotr).Id, "AnAdministrator's": handed.Id, "Unconfirmed": enrolled.Id, "ConfirmedSince": confirmed.Id, "Retired": retired.Id, "ADevice": j.fresh.ID} {
		if d := cmp.Diff(none, ask(id)); d != "" {
			t.Errorf("%s (+) is not answered as what does not exist (-):\n%s", name, d)
		}
	}
	if due := j.checkIn(unconfirmed); len(due.Restores) != 0 {
		t.Errorf("an unconfirmed phone is told of %v", due.Restores)
	}
	if all := good[api.RestoreList](t, j.anna.ask("listMyRestores", "", "", nil), 200).Restores; len(all) != 0 {
		t.Errorf("there are restores: %v", all)
	}
	for body, pointer := range map[string]string{`{"snapshot":"` + snapshot + `"}`: "/device", `{"snapshot":"` + snapshot + `","device":"` + j.fresh.ID + `","enrolment":"` + old.Id + `"}`: "/enrolment"} {
		if out := j.anna.ask("createMyRestore", "", "", body); out.StatusCode != http.StatusBadRequest || !strings.Contains(out.Body, `"pointer":"`+pointer+`"`) {
			t.Errorf("%s is answered with %d %s", body, out.StatusCode, out.Body)
		}
	}
}

// TestHeld: what the organisation sets is what its users and their phones meet.
func TestHeld(t *testing.T) {
	t.Parallel()
	j := set(open(t, gatewaytest.NewIssuer(t)))
	snapshot := j.backup("", nil, [][]byte{chunk("hers")}, 1, 0)
	out := j.ada.ask("getSettings", "", "", nil)
	if s := good[api.Settings](t, out, 200); s != (api.Settings{RestoreExpires: 14}) || out.Headers["ETag"] != quoted(0) {
		t.Errorf("before anybody sets them they are %v %v", s, out.Headers)
	}
	for _, row := range []struct {
		version int64
		in      string
		status  int
		says    string
	}{
		{0, `{"restoreHold":24}`, 400, "/restoreExpires"}, {0, `{"restoreExpires":24}`, 400, "/restoreHold"}, {0, `{"restoreHold":73,"restoreExpires":91}`, 400, "/restoreExpires"},
		{1, `{"restoreHold":2,"restoreExpires":1}`, 412, "stale"}, {0, `{"restoreHold":2,"restoreExpires":1}`, 200, ""},
	} {
		if out := j.ada.set(row.version, row.in); out.StatusCode != row.status || !strings.Contains(out.Body, row.says) || row.status == 200 && out.Headers["ETag"] != quoted(1) {
			t.Errorf("%s is answered with %d %s", row.in, out.StatusCode, out.Body)
		}
	}
	if out := j.ada.ask("editSettings", "", "", api.Settings{RestoreExpires: 1}); out.StatusCode != http.StatusPreconditionRequired {
		t.Errorf("without If-Match they are set with %d", out.StatusCode)
	}

	now := j.stack.Clock.Now()
	asked := good[api.Restore](t, j.anna.ask("createMyRestore", "", "", api.RestoreInput{Snapshot: snapshot, Device: &j.fresh.ID}), 201)
	if asked.State != "held" || asked.Until == nil || !asked.Until.Equal(now.Add(2*time.Hour)) || !asked.ExpiresAt.Equal(now.Add(26*time.Hour)) {
		t.Errorf("asked for, it is %+v", asked)
	}
	if d := cmp.Diff([]api.Restore{asked}, j.checkIn(j.fresh).Restores); d != "" {
		t.Errorf("the phone is told otherwise:\n%s", d)
	}
	begin := api.SessionInput{Kind: api.SessionInputKindRestore, Counter: new(int64(1)), Restore: &asked.Id}
	says := asked.Until.Format("2006-01-02T15:04:05")
	if out := j.fresh.ask("beginSession", "", "", begin); out.StatusCode != http.StatusConflict || !strings.Contains(out.Body, "restore_held") || !strings.Contains(out.Body, says) {
		t.Errorf("held, it is opened with %d %s", out.StatusCode, out.Body)
	}
	second := good[api.Restore](t, j.anna.ask("createMyRestore", "", "", api.RestoreInput{Snapshot: snapshot, Device: &j.fresh.ID}), 201)
	if out := j.anna.ask("cancelMyRestore", second.Id, "", nil); out.StatusCode != http.StatusNoContent {
		t.Errorf("held, it is cancelled with %d", out.StatusCode)
	}
	j.stack.Clock.Advance(2 * time.Hour)
	if due := j.checkIn(j.fresh); len(due.Restores) != 1 || due.Restores[0].State != "waiting" || due.Restores[0].Until != nil {
		t.Errorf("after the hold the phone is told of %v", due.Restores)
	}
	j.stack.Clock.Advance(24 * time.Hour)
	if out := j.fresh.ask("beginSession", "", "", begin); out.StatusCode != http.StatusGone || !strings.Contains(out.Body, "restore_expired") {
		t.Errorf("expired, it is opened with %d %s", out.StatusCode, out.Body)
	}
	page := good[api.RestoreList](t, j.anna.ask("listMyRestores", "", "limit=1", nil), 200)
	if len(page.Restores) != 1 || page.Restores[0].State != "cancelled" || page.Cursor == nil {
		t.Fatalf("the list begins with %v", page)
	}
	page = good[api.RestoreList](t, j.anna.ask("listMyRestores", "", "limit=1&cursor="+*page.Cursor, nil), 200)
	if len(page.Restores) != 1 || page.Restores[0].Id != asked.Id || page.Restores[0].State != "expired" || page.Restores[0].ExpiresAt != nil || page.Cursor != nil {
		t.Errorf("the list goes on with %v", page)
	}
	if out := j.anna.ask("listMyRestores", "", "cursor=%21", nil); out.StatusCode != http.StatusBadRequest {
		t.Errorf("a cursor of no list is answered with %d", out.StatusCode)
	}
}

// TestKeyed: under a key, a restore and an order are asked for once, whatever befalls a call of AWS on the way.
func TestKeyed(t *testing.T) {
	t.Parallel()
	issuer := gatewaytest.NewIssuer(t)
	key := map[string]string{"idempotency-key": "k"}
	play := func(strike func(w *world) standin.Fault) {
		w := open(t, issuer)
		j := set(w)
		snapshot := j.backup("", nil, [][]byte{chunk("hers")}, 1, 0)
		w.stack.Strike(func(standin.Call) standin.Fault {
			w.calls++
			return strike(w)
		})
		in := api.RestoreInput{Snapshot: snapshot, Device: &j.old.ID}
		asked := good[api.Restore](t, j.anna.send("createMyRestore", "", "", in, key), 201)
		if again := good[api.Restore](t, j.anna.send("createMyRestore", "", "", in, key), 201); again.Id != asked.Id {
			t.Errorf("restore %s, then %s", asked.Id, again.Id)
		}
		order := good[api.Order](t, j.anna.send("orderMyBackup", j.old.ID, "", nil, map[string]string{"idempotency-key": "o"}), 202)
		w.stack.Strike(nil)
		if all := good[api.RestoreList](t, j.anna.ask("listMyRestores", "", "", nil), 200).Restores; len(all) != 1 || all[0].Id != asked.Id {
			t.Errorf("there are %+v", all)
		}
		if d := good[api.Device](t, j.anna.ask("getMyDevice", j.old.ID, "", nil), 200); d.Order == nil || *d.Order != order.Id {
			t.Errorf("the card names %v, and the order is %s", d.Order, order.Id)
		}
	}
	most := 0
	play(func(w *world) standin.Fault { most = max(most, w.calls); return standin.None })
	for n := range most {
		for _, fault := range []standin.Fault{standin.Before, standin.After} {
			play(func(w *world) standin.Fault {
				if w.first && w.calls == n+1 {
					return fault
				}
				return standin.None
			})
		}
	}
}
