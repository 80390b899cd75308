package profiles_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/gateway"
	"zapas/functions/internal/gateway/console"
	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/functions/internal/profiles"
	"zapas/localstack/deployment"
	"zapas/localstack/standin"
	"zapas/localstack/standin/standintest"
	"zapas/shared/api"
	"zapas/shared/audit"
	"zapas/shared/aws/table"
	"zapas/shared/caller"
	"zapas/shared/fleet"
	"zapas/shared/idempotency"
	"zapas/shared/profile"
)

const nowhere = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"

// now is on the day before Poland's clocks leap from 2 to 3.
var now = time.Date(2026, 3, 28, 1, 0, 0, 0, time.UTC)

// world is the function profiles on an AWS of its own.
type world struct {
	*gateway.API
	t      *testing.T
	stack  *standintest.Stack
	issuer *gatewaytest.Issuer
	ids    atomic.Int64

	service *profile.Service
}

func open(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, stack: standintest.New(t), issuer: gatewaytest.NewIssuer(t)}
	if err := deployment.Tables(w.stack.AWS); err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return now }
	newID := func() string { return fmt.Sprintf("01%024d", w.ids.Add(1)) }
	db := table.Open(w.stack.Config())
	service := &profile.Service{Store: table.Profiles{DB: db, Name: deployment.Table}, Censuses: table.Walks{DB: db, Name: deployment.Table}, Locations: []profile.Location{{ID: "eu", Name: "Frankfurt", Region: "eu-central-1"}},
		Audit: audit.Recorder{Log: table.Audit{DB: db, Name: deployment.Audit}, Now: clock, NewID: newID}, Now: clock, NewID: newID}
	w.service = service
	w.API = &gateway.API{Function: "profiles", Operations: profiles.Handlers{Profiles: service, Now: clock}.Operations(), Log: slog.New(slog.DiscardHandler), Now: clock,
		Keeper: idempotency.Keeper{Store: table.Requests{DB: db, Name: deployment.Table}, Now: clock, NewID: newID},
		Console: &console.Verifier{Issuer: gatewaytest.IssuerURL, Tenant: "acme", Audience: []string{gatewaytest.Audience}, GroupsClaim: "groups",
			Roles: map[string]caller.Role{"admins": caller.Admin}, Transport: w.issuer, Now: clock}}
	return w
}

// ask sends a request of an administrator's with headers, as pairs of name and value.
func (w *world) ask(operation, id string, body any, header ...string) events.APIGatewayV2HTTPResponse {
	w.t.Helper()
	e := gatewaytest.Event(operation, id, "", body)
	e.Headers["authorization"] = w.issuer.Bearer(now, "ada", "admins")
	for i := 0; i < len(header); i += 2 {
		e.Headers[header[i]] = header[i+1]
	}
	out, err := w.Handle(w.t.Context(), e)
	if err != nil {
		w.t.Error(err)
	}
	return out
}

// good reads an answer that must be of a status.
func good[Out any](t *testing.T, out events.APIGatewayV2HTTPResponse, status int) (v Out) {
	t.Helper()
	if out.StatusCode != status {
		t.Fatalf("it is answered with %d %s, want %d", out.StatusCode, out.Body, status)
	}
	if err := json.Unmarshal([]byte(out.Body), &v, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("the answer %s is not of the contract: %v", out.Body, err)
	}
	return v
}

// refused reads a problem that must be of a status and name these members.
func refused(t *testing.T, out events.APIGatewayV2HTTPResponse, status int, code string, pointers ...string) {
	t.Helper()
	p := good[api.Problem](t, out, status)
	var named []string
	for _, f := range p.Errors {
		named = append(named, f.Pointer)
	}
	if d := cmp.Diff(pointers, named); d != "" || p.Code != code {
		t.Errorf("it is refused with %s, want %s:\n%s", out.Body, code, d)
	}
}

func nightly() api.ProfileInput {
	return api.ProfileInput{Name: "Every night", Elements: []api.Element{"contacts", "calls"}, Location: "eu", DeviceGroups: []string{"sales"},
		Schedule: api.Schedule{Kind: api.ScheduleKindDaily, At: new("02:30"), Zone: "Europe/Warsaw"}}
}

func named(name string) api.ProfileInput {
	in := nightly()
	in.Name = name
	return in
}

func (w *world) created() api.Profile {
	w.t.Helper()
	return good[api.Profile](w.t, w.ask("createProfile", "", nightly()), 201)
}

func (w *world) list() []api.Profile {
	w.t.Helper()
	return good[api.ProfileList](w.t, w.ask("listProfiles", "", nil), 200).Profiles
}

func TestPreview(t *testing.T) {
	t.Parallel()
	w := open(t)
	out := w.ask("previewProfile", "", nightly())
	// On the 29th there is no 02:30.
	want := `{"nextRuns":["2026-03-28T02:30:00+01:00","2026-03-30T02:30:00+02:00","2026-03-31T02:30:00+02:00"],"zone":"Europe/Warsaw"}`
	if out.StatusCode != 200 || out.Body != want || out.Headers["ETag"] != "" {
		t.Errorf("it is answered with %d %s", out.StatusCode, out.Body)
	}
	if all := w.list(); len(all) != 0 {
		t.Errorf("it left %v", all)
	}
	if d := cmp.Diff(good[api.ProfilePreview](t, out, 200).NextRuns, w.created().NextRuns); d != "" {
		t.Errorf("once it is stored (+) it runs otherwise than it was shown (-):\n%s", d)
	}
}

// TestRefusedAlike: what cannot be created can neither be previewed nor stored in the place of another.
func TestRefusedAlike(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.created()
	for pointer, change := range map[string]func(in *api.ProfileInput){
		"/name":          func(in *api.ProfileInput) { in.Name = "" },
		"/elements":      func(in *api.ProfileInput) { in.Elements = []api.Element{} },
		"/location":      func(in *api.ProfileInput) { in.Location = "us" },
		"/schedule/zone": func(in *api.ProfileInput) { in.Schedule.Zone = "Mars/Olympus" },
		"/priority":      func(in *api.ProfileInput) { in.Priority = new(profile.MaxPriority + 1) },
	} {
		in := nightly()
		change(&in)
		created := w.ask("createProfile", "", in)
		refused(t, created, 400, "invalid", pointer)
		if d := cmp.Diff(created, w.ask("previewProfile", "", in)); d != "" {
			t.Errorf("%s: a preview (+) is refused otherwise than a creation (-):\n%s", pointer, d)
		}
		if d := cmp.Diff(created, w.ask("editProfile", p.Id, in, "if-match", `"1"`)); d != "" {
			t.Errorf("%s: an edit (+) is refused otherwise than a creation (-):\n%s", pointer, d)
		}
	}
	if d := cmp.Diff([]api.Profile{p}, w.list()); d != "" {
		t.Error(d)
	}
}

func TestEdit(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.created()
	refused(t, w.ask("editProfile", p.Id, named("b")), 428, "version_required")
	refused(t, w.ask("editProfile", p.Id, named("b"), "if-match", `"2"`), 412, "stale")
	refused(t, w.ask("editProfile", p.Id, named("b"), "if-match", `"tag"`), 412, "stale")
	refused(t, w.ask("editProfile", p.Id, named("b"), "if-match", `*`), 400, "invalid", "If-Match")
	refused(t, w.ask("editProfile", nowhere, named("b"), "if-match", `"1"`), 404, "not_found")

	in := named("b")
	in.DeviceGroups, in.Enabled = nil, new(false) // what is left out is as when creating
	out := w.ask("editProfile", p.Id, in, "if-match", `"1"`)
	want := p
	want.Name, want.Version, want.DeviceGroups, want.Enabled = "b", 2, []string{}, false
	if d := cmp.Diff(want, good[api.Profile](t, out, 200)); d != "" || out.Headers["ETag"] != `"2"` || out.Headers["Location"] != "" {
		t.Errorf("it is answered with %v\n%s", out.Headers, d)
	}
	if got := w.ask("getProfile", p.Id, nil); got.Body != out.Body || got.Headers["ETag"] != `"2"` {
		t.Errorf("it is read back as %v %s", got.Headers, got.Body)
	}
	refused(t, w.ask("editProfile", p.Id, named("c"), "if-match", `"1"`), 412, "stale")
}

// TestEditsAtOnce: of those who have read the same, exactly one wins.
func TestEditsAtOnce(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.created()
	answers := make([]int, 6)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			answers[i] = w.ask("editProfile", p.Id, named(fmt.Sprint("of ", i)), "if-match", `"1"`).StatusCode
		})
	}
	all.Wait()
	won := -1
	for i, status := range answers {
		if status == 200 && won < 0 {
			won = i
		} else if status != 412 {
			t.Errorf("they are answered with %v", answers)
		}
	}
	if got := w.list(); len(got) != 1 || got[0].Version != 2 || got[0].Name != fmt.Sprint("of ", won) {
		t.Errorf("%d won, and there is %v", won, got)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.created()
	refused(t, w.ask("deleteProfile", p.Id, nil), 428, "version_required")
	refused(t, w.ask("deleteProfile", p.Id, nil, "if-match", `"2"`), 412, "stale")
	refused(t, w.ask("deleteProfile", nowhere, nil, "if-match", `"1"`), 404, "not_found")
	if out := w.ask("deleteProfile", p.Id, nil, "if-match", `"1"`); out.StatusCode != 204 || out.Body != "" {
		t.Errorf("it is answered with %d %s", out.StatusCode, out.Body)
	}
	refused(t, w.ask("deleteProfile", p.Id, nil, "if-match", `"1"`), 404, "not_found")
	refused(t, w.ask("editProfile", p.Id, nightly(), "if-match", `"1"`), 404, "not_found")
	refused(t, w.ask("copyProfile", p.Id, api.ProfileCopy{Name: "b"}), 404, "not_found")
	refused(t, w.ask("getProfile", p.Id, nil), 404, "not_found")
	if all := w.list(); len(all) != 0 {
		t.Errorf("there is %v", all)
	}
}

func TestCopy(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.created()
	refused(t, w.ask("copyProfile", p.Id, `{}`), 400, "invalid", "/name")
	for _, name := range []string{"", " ", "Every night", "Every night ", strings.Repeat("x", profile.MaxName+1)} {
		refused(t, w.ask("copyProfile", p.Id, api.ProfileCopy{Name: name}), 400, "invalid", "/name")
	}
	out := w.ask("copyProfile", p.Id, api.ProfileCopy{Name: "Copy"})
	got, want := good[api.Profile](t, out, 201), p
	want.Id, want.Name = got.Id, "Copy"
	if d := cmp.Diff(want, got); d != "" || got.Id == p.Id || out.Headers["ETag"] != `"1"` || out.Headers["Location"] != "/v1/profiles/"+got.Id {
		t.Errorf("it is answered with %v\n%s", out.Headers, d)
	}
	if d := cmp.Diff([]api.Profile{p, got}, w.list()); d != "" {
		t.Error(d)
	}
}

// TestOnce: under a key, whatever befalls one call, one profile comes of it, and the answer is one.
func TestOnce(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"createProfile", "copyProfile"} {
		for _, f := range []standin.Fault{standin.Before, standin.After} {
			for n := range map[string]int{"createProfile": 4, "copyProfile": 5}[operation] {
				t.Run(fmt.Sprintf("%s/%d/%d", operation, n, f), func(t *testing.T) {
					t.Parallel()
					w := open(t)
					id, body := "", any(named("New"))
					if operation == "copyProfile" {
						id, body = w.created().Id, api.ProfileCopy{Name: "New"}
					}
					before, calls := len(w.list()), 0
					w.stack.Strike(func(standin.Call) standin.Fault {
						if calls++; calls == n+1 {
							return f
						}
						return standin.None
					})
					first := w.ask(operation, id, body, "idempotency-key", "k")
					if first.StatusCode == 503 {
						first = w.ask(operation, id, body, "idempotency-key", "k")
					}
					again := w.ask(operation, id, body, "idempotency-key", "k")
					if d := cmp.Diff(first, again); d != "" || first.StatusCode != 201 || calls < n+1 {
						t.Errorf("after %d calls it is answered with %d, and then otherwise:\n%s", calls, first.StatusCode, d)
					}
					if all := w.list(); len(all) != before+1 || all[before].Name != "New" {
						t.Errorf("there are %v", all)
					}
				})
			}
		}
	}
}

// TestFields: what is said of a profile is stored and read back, what is not said is what is usual, and what is said to be
// nothing is not taken for not said.
func TestFields(t *testing.T) {
	t.Parallel()
	w := open(t)
	in := nightly()
	in.Schedule = api.Schedule{Kind: api.ScheduleKindCron, Cron: new("30 2 * * 1-5"), Zone: "Europe/Kiev"}
	in.Messages = &api.Messages{Attachments: new(false), MaxBytes: new(int64(0))}
	in.Window, in.QuietHours = new(60), &api.QuietHours{From: "22:00", To: "06:00"}
	in.Conditions = &api.Conditions{Unmetered: new(true), Charging: new(true), Battery: new(40)}
	in.Retention = &api.Retention{Last: new(1), Yearly: new(100)}
	in.Alerts = &api.Alerts{OverdueAfter: new(15), ShrinkOver: new(100)}
	p := good[api.Profile](t, w.ask("createProfile", "", in), 201)
	got := api.ProfileInput{Name: p.Name, Elements: p.Elements, Location: p.Location, DeviceGroups: p.DeviceGroups, Schedule: p.Schedule, Messages: &p.Messages,
		Window: &p.Window, QuietHours: p.QuietHours, Conditions: &p.Conditions, Retention: &p.Retention, Alerts: &p.Alerts}
	if d := cmp.Diff(in, got); d != "" {
		t.Errorf("what is stored (+) is not what was said (-):\n%s", d)
	}
	preview := good[api.ProfilePreview](t, w.ask("previewProfile", "", in), 200)
	if len(preview.Notes) != 1 || preview.Notes[0].Code != "window_within" || cmp.Diff(preview.NextRuns, p.NextRuns) != "" {
		t.Errorf("it is shown as %v", preview)
	}

	edited := good[api.Profile](t, w.ask("editProfile", p.Id, nightly(), "if-match", `"1"`), 200)
	want := w.created()
	want.Id, want.Version, want.CreatedAt, want.UpdatedAt = p.Id, 2, edited.CreatedAt, edited.UpdatedAt
	if d := cmp.Diff(want, edited); d != "" || *want.Messages.Attachments != true || *want.Alerts.ShrinkOver != 30 || *want.Retention.Last != 7 || want.QuietHours != nil {
		t.Errorf("after an edit that says nothing of them they are %v, and not as after a creation:\n%s", edited, d)
	}

	for pointer, change := range map[string]func(in *api.ProfileInput){
		"/retention/daily":     func(in *api.ProfileInput) { in.Retention = &api.Retention{Last: new(1), Daily: new(0)} },
		"/alerts/overdueAfter": func(in *api.ProfileInput) { in.Alerts = &api.Alerts{OverdueAfter: new(0)} },
		"/alerts/shrinkOver":   func(in *api.ProfileInput) { in.Alerts = &api.Alerts{ShrinkOver: new(0)} },
		"/quietHours/from":     func(in *api.ProfileInput) { in.QuietHours = &api.QuietHours{To: "06:00"} },
		"/schedule/cron":       func(in *api.ProfileInput) { in.Schedule = api.Schedule{Kind: "cron", Cron: new("@daily"), Zone: "UTC"} },
	} {
		in := nightly()
		change(&in)
		refused(t, w.ask("createProfile", "", in), 400, "invalid", pointer)
	}
	nothing := `{"name": "a", "elements": ["calls"], "location": "eu", "schedule": {"kind": "hours", "hours": 1, "zone": "UTC"}, "retention": {}}`
	refused(t, w.ask("createProfile", "", nothing), 400, "invalid", "/retention")
}

// TestDeviceGroups: the most that a profile may name fits a request, a row and an answer; one more is refused.
func TestDeviceGroups(t *testing.T) {
	t.Parallel()
	w := open(t)
	in := nightly()
	in.DeviceGroups = nil
	for i := range profile.MaxDeviceGroups {
		in.DeviceGroups = append(in.DeviceGroups, fmt.Sprintf("department no. %05d", i))
	}
	p := good[api.Profile](t, w.ask("createProfile", "", in), 201)
	if got := good[api.Profile](t, w.ask("getProfile", p.Id, nil), 200); len(got.DeviceGroups) != 10_000 {
		t.Errorf("%d are read back", len(got.DeviceGroups))
	}
	in.DeviceGroups = append(in.DeviceGroups, "one more")
	refused(t, w.ask("createProfile", "", in), 400, "invalid", "/deviceGroups")
}

func TestList(t *testing.T) {
	t.Parallel()
	w := open(t)
	var made []api.Profile
	for _, name := range []string{"b", "C", "a"} {
		made = append(made, good[api.Profile](t, w.ask("createProfile", "", named(name)), 201))
	}
	ask := func(query string) events.APIGatewayV2HTTPResponse {
		e := gatewaytest.Event("listProfiles", "", query, nil)
		e.Headers["authorization"] = w.issuer.Bearer(now, "ada", "admins")
		out, err := w.Handle(t.Context(), e)
		if err != nil {
			t.Error(err)
		}
		return out
	}
	first := good[api.ProfileList](t, ask("sort=-name&limit=2"), 200)
	if first.Cursor == nil {
		t.Fatal("it has one page")
	}
	second := good[api.ProfileList](t, ask("sort=-name&limit=2&cursor="+*first.Cursor), 200)
	if d := cmp.Diff([]api.Profile{made[1], made[0], made[2]}, append(first.Profiles, second.Profiles...)); d != "" || second.Cursor != nil {
		t.Error(d)
	}
	if d := cmp.Diff([]api.Profile{made[1]}, good[api.ProfileList](t, ask("name=c"), 200).Profiles); d != "" {
		t.Error(d)
	}
	refused(t, ask("sort=size"), 400, "invalid", "sort")
	refused(t, ask("order=name"), 400, "invalid", "order")
}

// TestPreviewMoves: a preview says how many devices it would move, once they were counted, and refuses the id of nothing.
func TestPreviewMoves(t *testing.T) {
	t.Parallel()
	w := open(t)
	in := func(id *string) api.ProfilePreviewInput {
		p := nightly()
		return api.ProfilePreviewInput{Id: id, Name: p.Name, Elements: p.Elements, Location: p.Location, Schedule: p.Schedule}
	}
	if p := good[api.ProfilePreview](t, w.ask("previewProfile", "", in(nil)), 200); p.Devices != nil {
		t.Errorf("before anybody has counted it says %+v", p.Devices)
	}
	at := time.UnixMilli(1_700_000_000_000).UTC()
	found := fleet.Totals{}
	found.AsOf, found.Classes = at, map[profile.Class]int64{{}: 7, {Group: "field"}: 5}
	walks := table.Walks{DB: table.Open(w.stack.Config()), Name: deployment.Table}
	for others, want := range []*api.ProfileMoves{{Starts: 12, AsOf: at}, nil} {
		found.Others = int64(others)
		if err := walks.SetTotals(t.Context(), found); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, good[api.ProfilePreview](t, w.ask("previewProfile", "", in(nil)), 200).Devices); d != "" {
			t.Error(d)
		}
	}
	if out := w.ask("previewProfile", "", in(new("00000000000000000000000009"))); out.StatusCode != 400 || !strings.Contains(out.Body, `"pointer":"/id"`) {
		t.Errorf("the id of nothing is answered with %d %s", out.StatusCode, out.Body)
	}
}
