package journey_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/localstack/standin"
	"zapas/shared/api"
)

// hand enrols a phone by an administrator's code.
func (j *journey) hand(user string) *phone {
	j.t.Helper()
	code := good[api.Enrolment](j.t, j.ada.ask("createEnrolment", "", "", api.EnrolmentInput{User: user}), 201)
	f := &phone{world: j.world, Phone: *gatewaytest.NewPhone(j.t.(*testing.T), ""), user: user}
	in := api.EnrolInput{Code: code.Code, PublicKey: b64(f.PublicKey()), Platform: "ios", Model: "M", Label: "Handed out", AppVersion: "1"}
	out := good[api.Enrolled](j.t, f.ask("enrolDevice", "", "", in), 200)
	if out.State != "unconfirmed" || out.User != user {
		j.t.Errorf("the phone is enrolled as %v", out)
	}
	f.ID = out.Device
	return f
}

// set makes a profile and two phones of Anna's, and nothing else.
func set(w *world) *journey {
	j := &journey{world: w, ada: person{w, "ada", []string{"admins"}}, wera: person{w, "wera", []string{"viewers"}}, anna: person{w, "anna", nil}, keys: map[string]string{}}
	j.begin()
	return j
}

// TestUnconfirmed: a phone that an administrator enrolled checks in and does nothing else until its user has confirmed it.
func TestUnconfirmed(t *testing.T) {
	t.Parallel()
	j := set(open(t, gatewaytest.NewIssuer(t)))
	hers, his := j.hand(j.old.user), j.hand(j.old.user)
	begin := func(f *phone) int {
		in := api.SessionInput{Kind: api.SessionInputKindBackup, Profile: &j.profile.Id, Counter: new(int64(1)), PublicKey: new(b64(make([]byte, 32)))}
		return f.ask("beginSession", "", "", in).StatusCode
	}
	if due := j.checkIn(hers); due.Due || due.Why != "unconfirmed" {
		t.Errorf("it is told %v", due)
	}
	if got := begin(hers); got != http.StatusForbidden {
		t.Errorf("begin is answered with %d", got)
	}
	if out := j.ada.ask("confirmMyDevice", hers.ID, "", api.ConfirmInput{Mine: true}); out.StatusCode != http.StatusNotFound {
		t.Errorf("the administrator's word is answered with %d", out.StatusCode)
	}
	if d := good[api.Device](t, j.anna.ask("confirmMyDevice", hers.ID, "", api.ConfirmInput{Mine: true}), 200); d.Trust != "active" {
		t.Errorf("confirmed, it is %s", d.Trust)
	}
	hers.begin(api.SessionInput{Kind: api.SessionInputKindBackup, Profile: &j.profile.Id})
	if d := good[api.Device](t, j.anna.ask("confirmMyDevice", his.ID, "", api.ConfirmInput{}), 200); d.Trust != "retired" {
		t.Errorf("disowned, it is %s", d.Trust)
	}
	for _, operation := range []string{"checkIn", "beginSession"} {
		if out := his.ask(operation, "", "", "{}"); out.StatusCode != http.StatusUnauthorized {
			t.Errorf("disowned, its %s is answered with %d", operation, out.StatusCode)
		}
	}
	if out := j.ada.ask("createEnrolment", "", "", api.EnrolmentInput{User: nowhere}); out.StatusCode != http.StatusNotFound {
		t.Errorf("a code for nobody is answered with %d", out.StatusCode)
	}
	users := good[api.UserList](t, j.ada.ask("listUsers", "", "limit=1", nil), 200)
	if len(users.Users) != 1 || users.Users[0].Id != j.old.user || users.Users[0].Name != "Name of anna" {
		t.Errorf("the users are %v", users)
	}
}

// obey has the old phone see three orders and bring each to another end; it answers them as they are then.
func (j *journey) obey() (ends []api.OrderState) {
	j.t.Helper()
	order := func() *string {
		asked := good[api.Order](j.t, j.anna.ask("orderMyBackup", j.old.ID, "", nil), 202)
		due := j.checkIn(j.old)
		if !due.Due || due.Why != "order" || due.Order == nil || due.Order.Id != asked.Id || due.Order.State != "delivered" {
			j.t.Fatalf("the phone is not told of the order %v: %v", asked, due)
		}
		return &asked.Id
	}
	end := func(order *string, snapshot string) {
		o := good[api.Order](j.t, j.anna.ask("getMyOrder", *order, "", nil), 200)
		if (o.Snapshot != nil) != (snapshot != "") || o.Snapshot != nil && *o.Snapshot != snapshot {
			j.t.Errorf("the order %s names the snapshot %v, want %q", o.State, o.Snapshot, snapshot)
		}
		if c := good[api.Device](j.t, j.anna.ask("getMyDevice", j.old.ID, "", nil), 200); c.Order != nil {
			j.t.Errorf("after the order is %s, the card still names %s", o.State, *c.Order)
		}
		ends = append(ends, o.State)
	}
	id := order()
	s := j.old.begin(api.SessionInput{Kind: api.SessionInputKindBackup, Profile: &j.profile.Id, Order: id})
	if o := good[api.Order](j.t, j.anna.ask("getMyOrder", *id, "", nil), 200); o.State != "running" {
		j.t.Errorf("begun, the order is %s", o.State)
	}
	good[api.Committed](j.t, j.old.ask("commitSession", *s.Session, "", ending(j.old.upload(*s.Session, chunk("one")), []int{}, 1, 0)), 200)
	end(id, *s.Session)

	id = order()
	in := api.SessionInput{Kind: api.SessionInputKindUnchanged, Base: s.Session, Profile: &j.profile.Id, Order: id}
	good[api.Session](j.t, j.old.ask("beginSession", "", "", in), 200)
	good[api.Session](j.t, j.old.ask("beginSession", "", "", in), 200) // an order that is over changes nothing
	end(id, "")

	id = order()
	s = j.old.begin(api.SessionInput{Kind: api.SessionInputKindBackup, Profile: &j.profile.Id, Order: id})
	if out := j.old.ask("endSession", *s.Session, "", nil); out.StatusCode != http.StatusNoContent {
		j.t.Errorf("the session is given up with %d %s", out.StatusCode, out.Body)
	}
	end(id, "")
	return ends
}

// TestOrders: whatever befalls a call of AWS, before or after its effect, the same request sent again brings an order to
// the same end.
func TestOrders(t *testing.T) {
	t.Parallel()
	issuer := gatewaytest.NewIssuer(t)
	want := []api.OrderState{"done", "unchanged", "failed"}
	w, most := open(t, issuer), 0
	j := set(w)
	w.stack.Strike(func(standin.Call) standin.Fault {
		w.calls++
		most = max(most, w.calls)
		return standin.None
	})
	if d := cmp.Diff(want, j.obey()); d != "" {
		t.Fatal(d)
	}
	for _, fault := range []standin.Fault{standin.Before, standin.After} {
		for n := range most {
			w := open(t, issuer)
			j := set(w)
			w.stack.Strike(func(standin.Call) standin.Fault {
				if w.calls++; w.first && w.calls == n+1 {
					return fault
				}
				return standin.None
			})
			if d := cmp.Diff(want, j.obey()); d != "" {
				t.Errorf("fault %d of each request's call %d: they end otherwise:\n%s", fault, n, d)
			}
		}
	}
}

// TestCancel: an open restore that its user takes back has neither keys nor pages any more.
func TestCancel(t *testing.T) {
	t.Parallel()
	j := travel(open(t, gatewaytest.NewIssuer(t)))
	asked := good[api.Restore](t, j.anna.ask("createMyRestore", "", "", api.RestoreInput{Snapshot: j.snapshots[1], Device: &j.fresh.ID}), 201)
	s := j.fresh.begin(api.SessionInput{Kind: api.SessionInputKindRestore, Restore: &asked.Id})
	for range 2 {
		if out := j.anna.ask("cancelMyRestore", asked.Id, "", nil); out.StatusCode != http.StatusNoContent {
			t.Errorf("it is cancelled with %d %s", out.StatusCode, out.Body)
		}
	}
	keys := api.KeysInput{PublicKey: b64(j.fresh.secret.PublicKey().Bytes()), Sessions: []string{j.snapshots[1]}}
	if out := j.fresh.ask("releaseKeys", *s.Session, "", keys); out.StatusCode != http.StatusGone {
		t.Errorf("keys are answered with %d %s", out.StatusCode, out.Body)
	}
	if out := j.fresh.ask("getManifest", *s.Session, "", nil); out.StatusCode != http.StatusGone {
		t.Errorf("a page is answered with %d %s", out.StatusCode, out.Body)
	}
	if r := good[api.Restore](t, j.anna.ask("getMyRestore", asked.Id, "", nil), 200); r.State != "cancelled" {
		t.Errorf("it is %s", r.State)
	}
	if due := j.checkIn(j.fresh); len(due.Restores) != 0 {
		t.Errorf("the phone is still told of %v", due.Restores)
	}
	if out := j.anna.ask("cancelMyRestore", j.restore.Id, "", nil); out.StatusCode != http.StatusConflict || !strings.Contains(out.Body, "restore_over") {
		t.Errorf("one that is done is cancelled with %d %s", out.StatusCode, out.Body)
	}
}

// TestForeignFleet: another's device, order or restore is answered, byte for byte, as one that does not exist.
func TestForeignFleet(t *testing.T) {
	t.Parallel()
	j := set(open(t, gatewaytest.NewIssuer(t)))
	snapshot := j.backup("", nil, [][]byte{chunk("hers")}, 1, 0)
	consent := good[api.Restore](t, j.anna.ask("createMyRestore", "", "", api.RestoreInput{Snapshot: snapshot, Device: &j.fresh.ID}), 201)
	order := good[api.Order](t, j.anna.ask("orderMyBackup", j.old.ID, "", nil), 202)
	piotr := person{j.world, "piotr", nil}
	his := piotr.enrol("His")
	counter := int64(1)
	naming := func(f *phone) func(order string) events.APIGatewayV2HTTPResponse {
		return func(order string) events.APIGatewayV2HTTPResponse {
			return f.ask("beginSession", "", "", api.SessionInput{Kind: api.SessionInputKindBackup, Profile: &j.profile.Id, Counter: &counter,
				PublicKey: new(b64(make([]byte, 32))), Order: &order})
		}
	}
	before := good[api.Device](t, j.anna.ask("getMyDevice", j.old.ID, "", nil), 200)
	for name, probe := range map[string]struct {
		foreign string
		ask     func(id string) events.APIGatewayV2HTTPResponse
	}{
		"Order":   {order.Id, func(id string) events.APIGatewayV2HTTPResponse { return piotr.ask("getMyOrder", id, "", nil) }},
		"OrderOf": {j.old.ID, func(id string) events.APIGatewayV2HTTPResponse { return piotr.ask("orderMyBackup", id, "", nil) }},
		"Retire":  {j.old.ID, func(id string) events.APIGatewayV2HTTPResponse { return piotr.edit("retireMyDevice", id, `"1"`, nil) }},
		"Rename": {j.old.ID, func(id string) events.APIGatewayV2HTTPResponse {
			return piotr.edit("updateMyDevice", id, `"1"`, api.MyDeviceChange{Label: "X"})
		}},
		"Confirm": {j.old.ID, func(id string) events.APIGatewayV2HTTPResponse {
			return piotr.ask("confirmMyDevice", id, "", api.ConfirmInput{Mine: true})
		}},
		"NotMine": {j.old.ID, func(id string) events.APIGatewayV2HTTPResponse {
			return piotr.ask("confirmMyDevice", id, "", api.ConfirmInput{})
		}},
		"Cancel":    {consent.Id, func(id string) events.APIGatewayV2HTTPResponse { return piotr.ask("cancelMyRestore", id, "", nil) }},
		"Carry":     {order.Id, naming(his)},
		"CarryOwns": {order.Id, naming(j.fresh)},
	} {
		none := probe.ask(nowhere)
		if none.StatusCode != http.StatusNotFound {
			t.Errorf("%s: what does not exist is answered with %d %s", name, none.StatusCode, none.Body)
		}
		if d := cmp.Diff(none, probe.ask(probe.foreign)); d != "" {
			t.Errorf("%s: what is another's (+) is not answered as what does not exist (-):\n%s", name, d)
		}
	}
	if d := cmp.Diff(before, good[api.Device](t, j.anna.ask("getMyDevice", j.old.ID, "", nil), 200)); d != "" {
		t.Errorf("the other's device has changed:\n%s", d)
	}
	if o := good[api.Order](t, j.anna.ask("getMyOrder", order.Id, "", nil), 200); o.State != "queued" {
		t.Errorf("the other's order is %s", o.State)
	}
	if r := good[api.Restore](t, j.anna.ask("getMyRestore", consent.Id, "", nil), 200); r.State != "waiting" {
		t.Errorf("the other's restore is %s", r.State)
	}
	// The kind restore has no order.
	in := api.SessionInput{Kind: api.SessionInputKindRestore, Counter: &counter, Restore: &consent.Id, Order: &order.Id}
	if out := j.fresh.ask("beginSession", "", "", in); out.StatusCode != http.StatusBadRequest || !strings.Contains(out.Body, `"pointer":"/order"`) {
		t.Errorf("a restore that names an order is answered with %d %s", out.StatusCode, out.Body)
	}
}
