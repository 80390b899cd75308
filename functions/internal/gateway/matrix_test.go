package gateway_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/golang-jwt/jwt/v5"

	"zapas/functions/internal/gateway"
	"zapas/functions/internal/gateway/console"
	"zapas/functions/internal/gateway/device"
	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/shared/api"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
)

// callers are those who knock, in the order of the columns below.
var callers = []string{"anonymous", "expired", "otherAudience", "user", "viewer", "countsViewer", "operator", "auditor", "admin", "device", "unconfirmed", "retired"}

// matrix says what each caller is answered on each route: o is let in, 1 is 401, 3 is 403. It is written by hand: a route
// that the contract gains fails until somebody has decided who may call it.
var matrix = map[string]string{
	//                      a e o u v c o a a d u r
	"getHealth":           "o o o o o o o o o o o o",
	"listProfiles":        "1 1 1 3 o o o 3 o 1 1 1",
	"createProfile":       "1 1 1 3 3 3 3 3 o 1 1 1",
	"getProfile":          "1 1 1 3 o o o 3 o 1 1 1",
	"editProfile":         "1 1 1 3 3 3 3 3 o 1 1 1",
	"deleteProfile":       "1 1 1 3 3 3 3 3 o 1 1 1",
	"copyProfile":         "1 1 1 3 3 3 3 3 o 1 1 1",
	"previewProfile":      "1 1 1 3 3 3 3 3 o 1 1 1",
	"listLocations":       "1 1 1 3 o o o 3 o 1 1 1",
	"listDevices":         "1 1 1 3 o o o 3 o 1 1 1",
	"getDevice":           "1 1 1 3 o o o 3 o 1 1 1",
	"updateDevice":        "1 1 1 3 3 3 3 3 o 1 1 1",
	"retireDevice":        "1 1 1 3 3 3 3 3 o 1 1 1",
	"orderBackup":         "1 1 1 3 3 3 o 3 o 1 1 1",
	"getOrder":            "1 1 1 3 3 3 o 3 o 1 1 1",
	"orderFleetBackup":    "1 1 1 3 3 3 o 3 o 1 1 1",
	"groupDevices":        "1 1 1 3 3 3 3 3 o 1 1 1",
	"getFleet":            "1 1 1 3 o o o 3 o 1 1 1",
	"createEnrolment":     "1 1 1 3 3 3 3 3 o 1 1 1",
	"listUsers":           "1 1 1 3 o o o 3 o 1 1 1",
	"getSettings":         "1 1 1 3 3 3 3 3 o 1 1 1",
	"editSettings":        "1 1 1 3 3 3 3 3 o 1 1 1",
	"listDeviceSnapshots": "1 1 1 3 o o o 3 o 1 1 1",
	"listAudit":           "1 1 1 3 3 3 3 o o 1 1 1",
	"getMe":               "1 1 1 o o o o o o 1 1 1",
	"listMyDevices":       "1 1 1 o o o o o o 1 1 1",
	"getMyDevice":         "1 1 1 o o o o o o 1 1 1",
	"updateMyDevice":      "1 1 1 o o o o o o 1 1 1",
	"retireMyDevice":      "1 1 1 o o o o o o 1 1 1",
	"confirmMyDevice":     "1 1 1 o o o o o o 1 1 1",
	"orderMyBackup":       "1 1 1 o o o o o o 1 1 1",
	"getMyOrder":          "1 1 1 o o o o o o 1 1 1",
	"createMyEnrolment":   "1 1 1 o o o o o o 1 1 1",
	"listMySnapshots":     "1 1 1 o o o o o o 1 1 1",
	"listMyRestores":      "1 1 1 o o o o o o 1 1 1",
	"createMyRestore":     "1 1 1 o o o o o o 1 1 1",
	"getMyRestore":        "1 1 1 o o o o o o 1 1 1",
	"cancelMyRestore":     "1 1 1 o o o o o o 1 1 1",
	"enrolDevice":         "o o o o o o o o o o o o", // the handler asks for the code and the key
	"checkIn":             "1 1 1 1 1 1 1 1 1 o o 1",
	"beginSession":        "1 1 1 1 1 1 1 1 1 o 3 1",
	"endSession":          "1 1 1 1 1 1 1 1 1 o 3 1",
	"releaseKeys":         "1 1 1 1 1 1 1 1 1 o 3 1",
	"signChunks":          "1 1 1 1 1 1 1 1 1 o 3 1",
	"commitSession":       "1 1 1 1 1 1 1 1 1 o 3 1",
	"getManifest":         "1 1 1 1 1 1 1 1 1 o 3 1",
	"getBase":             "1 1 1 1 1 1 1 1 1 o 3 1",
	"reportRestore":       "1 1 1 1 1 1 1 1 1 o 3 1",
}

// phones are devices as they are stored.
type phones map[caller.DeviceID]fleet.Device

func (p phones) Device(_ context.Context, id caller.DeviceID) (fleet.Device, error) {
	if d, ok := p[id]; ok {
		return d, nil
	}
	return fleet.Device{}, fault.New(fault.NotFound, "not_found", "none")
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	clock := func() time.Time { return now }
	issuer, key := gatewaytest.NewIssuer(t), gatewaytest.NewPhone(t, "")
	stored := phones{}
	for state, id := range map[fleet.DeviceState]string{fleet.InUse: id[:25] + "1", fleet.Unconfirmed: id[:25] + "2", fleet.Retired: id[:25] + "3"} {
		stored[caller.DeviceID(id)] = fleet.Device{ID: caller.DeviceID(id), Owner: "U", PublicKey: key.PublicKey(), State: state}
	}
	roles := map[string]caller.Role{}
	for _, r := range caller.Roles() {
		roles[string(r)] = r
	}
	people := &console.Verifier{Issuer: gatewaytest.IssuerURL, Tenant: "acme", Audience: []string{gatewaytest.Audience}, GroupsClaim: "groups", Roles: roles,
		Transport: issuer, Now: clock}
	stale, elsewhere := gatewaytest.Claims(now.Add(-2*time.Hour), "anna", "admin"), gatewaytest.Claims(now, "anna", "admin")
	elsewhere["aud"] = "shop"
	authorization := func(who, method, path string) string {
		phone := func(id string) string {
			return "Zapas-Device " + gatewaytest.Sign(jwt.SigningMethodES256, key.Key, map[string]any{"kid": id}, key.Claims(now, method, path, nil))
		}
		switch who {
		case "anonymous":
			return ""
		case "expired":
			return "Bearer " + gatewaytest.Sign(jwt.SigningMethodRS256, issuer.Key, nil, stale)
		case "otherAudience":
			return "Bearer " + gatewaytest.Sign(jwt.SigningMethodRS256, issuer.Key, nil, elsewhere)
		case "countsViewer":
			return issuer.Bearer(now, who, "counts-viewer")
		case "device":
			return phone(id[:25] + "1")
		case "unconfirmed":
			return phone(id[:25] + "2")
		case "retired":
			return phone(id[:25] + "3")
		}
		return issuer.Bearer(now, who, who)
	}
	status := map[string]int{"o": http.StatusNoContent, "1": http.StatusUnauthorized, "3": http.StatusForbidden}
	for _, route := range api.Routes {
		row := strings.Fields(matrix[route.Operation])
		if len(row) != len(callers) {
			t.Errorf("nobody has decided who may call %s", route.Operation)
			continue
		}
		in := false
		a := &gateway.API{Function: route.Function, Console: people, Device: device.Verifier{Tenant: "acme", Devices: stored, Now: clock},
			Log: slog.New(slog.NewJSONHandler(new(bytes.Buffer), nil)), Now: clock,
			Operations: map[string]gateway.Operation{route.Operation: gateway.Plain(func(context.Context, gateway.Request) (gateway.Answer[struct{}], error) {
				in = true
				return gateway.Answer[struct{}]{Status: http.StatusNoContent}, nil
			})}}
		for i, who := range callers {
			in = false
			e := gatewaytest.Event(route.Operation, id, "", nil)
			e.Headers["authorization"] = authorization(who, route.Method, e.RawPath)
			out := handle(t, a, e)
			if out.StatusCode != status[row[i]] || in != (row[i] == "o") {
				t.Errorf("%s: %s is answered with %d, want %d", route.Operation, who, out.StatusCode, status[row[i]])
			}
			want := map[api.Auth]string{api.AuthConsole: "Bearer", api.AuthDevice: "Zapas-Device"}[route.Auth]
			if out.StatusCode == http.StatusUnauthorized && out.Headers["WWW-Authenticate"] != want {
				t.Errorf("%s: %s is told to use %q", route.Operation, who, out.Headers["WWW-Authenticate"])
			}
		}
	}
	for operation := range matrix {
		if !slices.ContainsFunc(api.Routes, func(r api.Route) bool { return r.Operation == operation }) {
			t.Errorf("the contract has no operation %s", operation)
		}
	}
}

// TestForgedEvent: what API Gateway would say of a caller is not believed.
func TestForgedEvent(t *testing.T) {
	t.Parallel()
	a := open("getMe", gateway.Plain(func(context.Context, gateway.Request) (out gateway.Answer[struct{}], err error) { return out, nil }), new(bytes.Buffer))
	a.Console = &console.Verifier{Issuer: gatewaytest.IssuerURL, Audience: []string{gatewaytest.Audience}, Transport: gatewaytest.NewIssuer(t), Now: a.Now}
	e := gatewaytest.Event("getMe", "", "", nil)
	e.RequestContext.Authorizer = authorizer(map[string]string{"iss": gatewaytest.IssuerURL, "sub": "anna", "aud": gatewaytest.Audience, "groups": "[admin]"})
	if out := handle(t, a, e); out.StatusCode != http.StatusUnauthorized {
		t.Errorf("a forged event is answered with %d", out.StatusCode)
	}
}

func authorizer(claims map[string]string) *events.APIGatewayV2HTTPRequestContextAuthorizerDescription {
	return &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: claims}}
}
