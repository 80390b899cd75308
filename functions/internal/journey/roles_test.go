package journey_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/localstack/standin"
	"zapas/shared/api"
)

// may says who has each permission of people; it is written by hand.
var may = map[string][]string{
	"profiles:read":  {"admin", "operator", "viewer", "countsViewer"},
	"profiles:write": {"admin"},
	"devices:read":   {"admin", "operator", "viewer", "countsViewer"},
	"devices:write":  {"admin"},
	"devices:force":  {"admin", "operator"},
	"audit:read":     {"admin", "auditor"},
	"settings:write": {"admin"},
	"me":             {"admin", "operator", "viewer", "countsViewer", "auditor", "user"},
}

// refusal is what a caller is answered on a route before anything is done; 0: he is let in.
func refusal(t *testing.T, r api.Route, who string) int {
	device := who == "old" || who == "handed" || who == "retired"
	switch {
	case r.Auth == api.AuthConsole && (device || who == "anonymous"), r.Auth == api.AuthDevice && (!device || who == "retired"):
		return http.StatusUnauthorized
	case r.Auth == api.AuthDevice:
		if who == "handed" && r.Permission != "device:checkin" {
			return http.StatusForbidden
		}
		return 0
	}
	all, decided := may[r.Permission]
	if !decided {
		t.Fatalf("nobody has decided who has the permission %s", r.Permission)
	}
	if !slices.Contains(all, who) {
		return http.StatusForbidden
	}
	return 0
}

// TestRoles: on every route, through its real handler, each caller is refused exactly where the table says, with nothing
// written; who may is let in, and who has good reason succeeds.
func TestRoles(t *testing.T) {
	t.Parallel()
	issuer := gatewaytest.NewIssuer(t)
	shared := give(open(t, issuer), "anna", nil)
	callers := append(slices.Sorted(maps.Keys(groups)), "anonymous", "old", "handed", "retired")
	asked := map[string]bool{}
	for _, a := range acts() {
		asked[a.operation] = true
		route := gatewaytest.Route(a.operation)
		if route.Auth == api.AuthOpen {
			continue // nobody is refused by who he is
		}
		t.Run(a.String(), func(t *testing.T) {
			b, welcome := shared, []string{a.by}
			for _, who := range callers {
				want := refusal(t, route, who)
				if want == 0 {
					welcome = append(welcome, who)
					continue
				}
				e := b.event(a, who)
				so := b.watch(nil)
				out := b.world.ask(e, a.operation)
				b.stack.Strike(nil)
				if out.StatusCode != want || *so != (written{}) {
					t.Errorf("%s is answered with %d, want %d, and there is written %+v", who, out.StatusCode, want, *so)
				}
			}
			if a.records != "" || a.unrecorded != "" {
				b = give(open(t, issuer), "anna", nil)
			}
			for i, who := range welcome {
				out := b.world.ask(b.event(a, who), a.operation)
				if i == 0 && out.StatusCode >= 300 || slices.Contains([]int{401, 403, 428, 500, 503}, out.StatusCode) {
					t.Errorf("%s is answered with %d %s", who, out.StatusCode, out.Body)
				}
			}
		})
	}
	for _, r := range api.Routes {
		if !asked[r.Operation] {
			t.Errorf("nobody asks for %s: give it a line in acts", r.Operation)
		}
	}
}

// TestRecordedFirst: what changes or releases something is recorded before it takes effect; when it cannot be recorded,
// it is not done.
func TestRecordedFirst(t *testing.T) {
	t.Parallel()
	issuer := gatewaytest.NewIssuer(t)
	for _, a := range acts() {
		t.Run(a.String(), func(t *testing.T) {
			t.Parallel()
			b := give(open(t, issuer), "anna", nil)
			ask := func(befalls func(written, bool) standin.Fault) (int, string, written) {
				e := b.event(a, a.by)
				so := b.watch(befalls)
				out := b.world.ask(e, a.operation)
				b.stack.Strike(nil)
				return out.StatusCode, out.Body, *so
			}
			if a.records == "" {
				status, body, so := ask(nil)
				if changes := so.before > 0; status >= 300 || so.records != 0 || changes != (a.unrecorded != "") {
					t.Errorf("it is answered with %d %s, and writes %+v: record it, or say why not", status, body, so)
				}
				return
			}
			unwell := func(status int, body string) {
				t.Helper()
				if status != http.StatusServiceUnavailable || !strings.Contains(body, `"code":"unavailable"`) || strings.Contains(body, `"key":`) {
					t.Errorf("it is answered with %d %s", status, body)
				}
			}
			status, body, so := ask(func(_ written, record bool) standin.Fault {
				if record {
					return standin.Before
				}
				return standin.None
			})
			if unwell(status, body); so.records != 0 || so.after != 0 || (so.before != 0) != a.before {
				t.Errorf("not recorded, it writes %+v", so)
			}
			status, body, so = ask(func(so written, record bool) standin.Fault {
				if so.records > 0 && !record {
					return standin.Before
				}
				return standin.None
			})
			if unwell(status, body); so.records != 1 || so.after != 0 {
				t.Errorf("recorded, and then struck, it writes %+v", so)
			}
			last := good[api.AuditList](t, b.person("auditor").ask("listAudit", "", "limit=1", nil), 200).Records
			if len(last) != 1 || last[0].Act != string(a.records) {
				t.Errorf("the record is %+v, want %s", last, a.records)
			}
			if status, body, so = ask(nil); status >= 300 {
				t.Errorf("asked for again, it is answered with %d %s: %+v", status, body, so)
			}
		})
	}
}
