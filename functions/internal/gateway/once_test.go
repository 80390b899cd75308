package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/gateway"
	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/localstack/deployment"
	"zapas/localstack/standin/standintest"
	"zapas/shared/api"
	"zapas/shared/aws/table"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/idempotency"
)

// counter is an operation that creates something new each time that it is asked for.
type counter struct {
	ids  []string // that it was given
	fail error
}

func (c *counter) operation() gateway.Operation {
	return gateway.Once(gateway.JSON(func(_ context.Context, r gateway.Request, in api.ProfileCopy) (gateway.Answer[api.ProfileCopy], error) {
		c.ids = append(c.ids, r.NewID)
		return gateway.Answer[api.ProfileCopy]{Status: 201, Body: api.ProfileCopy{Name: fmt.Sprint(in.Name, " ", len(c.ids))}, ETag: gateway.ETag(int64(len(c.ids))),
			Location: "/v1/x"}, c.fail
	}))
}

func keeper(t *testing.T) gateway.Keeper {
	t.Helper()
	s, n := standintest.New(t), 0
	if err := deployment.Tables(s.AWS); err != nil {
		t.Fatal(err)
	}
	return idempotency.Keeper{Store: table.Requests{DB: table.Open(s.Config()), Name: deployment.Table}, Now: s.Clock.Now,
		NewID: func() string { n++; return fmt.Sprint("id ", n) }}
}

func copying(id, key, body string) events.APIGatewayV2HTTPRequest {
	e := gatewaytest.Event("copyProfile", id, "", body)
	if key != "" {
		e.Headers["idempotency-key"] = key
	}
	return e
}

func TestOnce(t *testing.T) {
	t.Parallel()
	const body, other = `{"name":"Copy"}`, "01ARZ3NDEKTSV4RRFFQ69G5FAW"

	t.Run("AnswersTheSame", func(t *testing.T) {
		t.Parallel()
		var c counter
		var log bytes.Buffer
		a := open("copyProfile", c.operation(), &log)
		a.Keeper = keeper(t)
		first := handle(t, a, copying(id, "sentinel", body))
		want := events.APIGatewayV2HTTPResponse{StatusCode: 201, Body: `{"name":"Copy 1"}`, Headers: map[string]string{
			"Content-Type": "application/json", "Cache-Control": "no-store", "ETag": `"1"`, "Location": "/v1/x"}}
		if d := cmp.Diff(want, first); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(first, handle(t, a, copying(id, "sentinel", body))); d != "" {
			t.Errorf("the second time (+) it is answered otherwise than the first (-):\n%s", d)
		}
		if len(c.ids) != 1 || c.ids[0] == "" || strings.Contains(log.String(), "sentinel") {
			t.Errorf("it is served %q; the log is %s", c.ids, log.String())
		}
	})

	t.Run("AKeyStandsForOneRequest", func(t *testing.T) {
		t.Parallel()
		var c counter
		a := open("copyProfile", c.operation(), new(bytes.Buffer))
		a.Operations["createProfile"] = c.operation()
		a.Keeper = keeper(t)
		handle(t, a, copying(id, "k", body))
		create := gatewaytest.Event("createProfile", "", "", body)
		create.Headers["idempotency-key"] = "k"
		for name, e := range map[string]events.APIGatewayV2HTTPRequest{
			"OtherBody": copying(id, "k", `{"name":"Copy" }`), "OtherPath": copying(other, "k", body), "OtherOperation": create,
		} {
			if p := problemOf(t, handle(t, a, e)); p.Status != 422 || p.Code != "key_reused" {
				t.Errorf("%s: it is answered with %d %s", name, p.Status, p.Code)
			}
		}
		if len(c.ids) != 1 {
			t.Errorf("it is served %q", c.ids)
		}
	})

	t.Run("WithoutAKeyEachIsNew", func(t *testing.T) {
		t.Parallel()
		var c counter
		a := open("copyProfile", c.operation(), new(bytes.Buffer))
		first := handle(t, a, copying(id, "", body)).Body
		if second := handle(t, a, copying(id, "", body)).Body; second == first {
			t.Errorf("both are answered with %s", first)
		}
		if d := cmp.Diff([]string{"", ""}, c.ids); d != "" {
			t.Error(d)
		}
	})

	t.Run("AFailureIsServedAgain", func(t *testing.T) {
		t.Parallel()
		c := counter{fail: fault.New(fault.Unavailable, "c", "s")}
		a := open("copyProfile", c.operation(), new(bytes.Buffer))
		a.Keeper = keeper(t)
		if p := problemOf(t, handle(t, a, copying(id, "k", body))); p.Status != 503 {
			t.Errorf("the first is answered with %d", p.Status)
		}
		c.fail = nil
		if out := handle(t, a, copying(id, "k", body)); out.StatusCode != 201 || len(c.ids) != 2 || c.ids[0] != c.ids[1] {
			t.Errorf("the second is answered with %d, after %q", out.StatusCode, c.ids)
		}
	})

	t.Run("WhoMayNoMoreHearsNothing", func(t *testing.T) {
		t.Parallel()
		var c counter
		a := open("copyProfile", c.operation(), new(bytes.Buffer))
		a.Keeper = keeper(t)
		handle(t, a, copying(id, "k", body))
		a.Console = as{User: admin.User, Roles: []caller.Role{caller.Viewer}}
		if p := problemOf(t, handle(t, a, copying(id, "k", body))); p.Status != 403 {
			t.Errorf("it is answered with %d", p.Status)
		}
	})

	t.Run("WithoutAKeeperNothingIsServed", func(t *testing.T) {
		t.Parallel()
		var c counter
		if out := handle(t, open("copyProfile", c.operation(), new(bytes.Buffer)), copying(id, "k", body)); out.StatusCode != 500 || len(c.ids) > 0 {
			t.Errorf("it is answered with %d, after %q", out.StatusCode, c.ids)
		}
	})

	t.Run("ASecretIsKeptNowhere", func(t *testing.T) {
		t.Parallel()
		var c counter
		a := open("copyProfile", gateway.Secret(c.operation()), new(bytes.Buffer))
		a.Keeper = keeper(t)
		if p := problemOf(t, handle(t, a, copying(id, "k", body))); p.Status != 400 || p.Code != "idempotency_unsupported" || len(c.ids) > 0 {
			t.Errorf("it is answered with %d %s, after %q", p.Status, p.Code, c.ids)
		}
		if out := handle(t, a, copying(id, "", body)); out.StatusCode != 201 {
			t.Errorf("without a key it is answered with %d", out.StatusCode)
		}
	})

	t.Run("KeysAreVisibleAndShort", func(t *testing.T) {
		t.Parallel()
		for key, status := range map[string]int{"!": 201, "~": 201, `"8e03978e-40d5-43dd-bc93-6894a57f9324"`: 201, strings.Repeat("k", 128): 201,
			strings.Repeat("k", 129): 400, "a b": 400, " ": 400, "\x7f": 400, "ż": 400, "a\tb": 400} {
			var c counter
			a := open("copyProfile", c.operation(), new(bytes.Buffer))
			a.Keeper = keeper(t)
			out := handle(t, a, copying(id, key, body))
			if out.StatusCode != status || len(c.ids) != map[int]int{201: 1}[status] {
				t.Errorf("%q is answered with %d", key, out.StatusCode)
			}
			if status == 400 && problemOf(t, out).Errors[0].Pointer != "Idempotency-Key" {
				t.Errorf("%q is not named: %s", key, out.Body)
			}
		}
	})
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"":                      "428",
		`"1"`:                   "1",
		`"9223372036854775807"`: "9223372036854775807",
		// no version ever had these
		`""`: "-1", `"x"`: "-1", `"01"`: "-1", `"+1"`: "-1", `"9223372036854775808"`: "-1", `"-2"`: "-2",
		// what is not one strong ETag is not guessed at
		`*`: "400", `1`: "400", `"1`: "400", `1"`: "400", `W/"1"`: "400", `"1", "2"`: "400", `"1","2"`: "400", `"1" `: "400", `'1'`: "400", "\"1\"\n": "400",
	} {
		got := ""
		op := gateway.Plain(func(_ context.Context, r gateway.Request) (out gateway.Answer[struct{}], err error) {
			version, err := r.Version()
			got = fmt.Sprint(version)
			return out, err
		})
		e := gatewaytest.Event("deleteProfile", id, "", nil)
		e.Headers["if-match"] = header
		if out := handle(t, open("deleteProfile", op, new(bytes.Buffer)), e); out.StatusCode != 200 {
			got = fmt.Sprint(out.StatusCode)
			if p := problemOf(t, out); out.StatusCode == 400 && p.Errors[0].Pointer != "If-Match" {
				t.Errorf("%q is not named: %s", header, out.Body)
			}
		}
		if got != want {
			t.Errorf("%q is read as %s, want %s", header, got, want)
		}
	}
}
