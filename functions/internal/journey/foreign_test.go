package journey_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/shared/api"
	"zapas/shared/caller"
)

// TestForeignIDs: wherever a request has an id, one of another's is answered, byte for byte, as one that names nothing,
// and nothing more is written. What has not the form of an id is told so, or is answered as what names nothing, too. The
// places are those of the contract: one that it gains fails here until an act has an id there.
func TestForeignIDs(t *testing.T) {
	t.Parallel()
	w := open(t, gatewaytest.NewIssuer(t))
	hers := give(w, "anna", nil)
	his := give(w, "piotr", &hers.profile)
	probed := map[string]bool{}
	for _, a := range acts() {
		route, mine, theirs := gatewaytest.Route(a.operation), his.event(a, a.by), hers.event(a, a.by)
		for _, at := range places(t, mine) {
			probed[a.operation+at] = true
			if a.operation+at == "releaseKeys/sessions/0" {
				continue // whatever it names, its key is derived for the caller's own user: TestForeign
			}
			t.Run(a.String()+at, func(t *testing.T) {
				ask := func(id string) (events.APIGatewayV2HTTPResponse, written) {
					e := with(t, mine, at, id)
					his.sign(&e, a.by)
					so := w.watch(nil)
					out := w.ask(e, a.operation)
					w.stack.Strike(nil)
					out.Body = strings.ReplaceAll(out.Body, id, "the id")
					return out, *so
				}
				foreign := idAt(t, theirs, at)
				if all := route.Auth == api.AuthConsole && route.Permission != "me"; all || foreign == idAt(t, mine, at) {
					foreign = hers.snapshot // nothing here is another's: it is another kind of thing
				}
				none, nothing := ask(nowhere)
				if none.StatusCode < 400 && a.operation != "endSession" && a.operation != "groupDevices" || none.StatusCode >= 500 {
					t.Errorf("what does not exist is answered with %d %s", none.StatusCode, none.Body)
				}
				got, something := ask(foreign)
				if d := cmp.Diff(none, got); d != "" || something != nothing {
					t.Errorf("what is another's (+) is not answered as what does not exist (-), or writes %+v and not %+v:\n%s", something, nothing, d)
				}
				for _, malformed := range []string{"x", strings.ToLower(nowhere), nowhere + "0", "../" + nowhere[3:]} {
					got, wrote := ask(malformed)
					told := got.StatusCode == http.StatusBadRequest && strings.Contains(got.Body, `"pointer":"`+at+`"`)
					if at == "" {
						told = got.StatusCode == http.StatusNotFound && strings.Contains(got.Body, "There is nothing at this address.")
					}
					if d := cmp.Diff(none, got); !told && d != "" || wrote != (written{}) {
						t.Errorf("%s (+) is not answered as what does not exist (-), or writes %+v:\n%s", malformed, wrote, d)
					}
				}
			})
		}
	}
	for _, place := range contractPlaces(t) {
		if !probed[place] {
			t.Errorf("no id is probed at %s: give an act one there", place)
		}
	}
}

// places are where a request has ids: "" is the path, others are JSON pointers into the body.
func places(t *testing.T, e events.APIGatewayV2HTTPRequest) (all []string) {
	t.Helper()
	if e.PathParameters["id"] != "" {
		all = append(all, "")
	}
	walk(body(t, e), "", func(at, s string, _ func(string)) {
		if caller.ValidID(s) {
			all = append(all, at)
		}
	})
	slices.Sort(all)
	return all
}

func idAt(t *testing.T, e events.APIGatewayV2HTTPRequest, place string) (id string) {
	t.Helper()
	if place == "" {
		return e.PathParameters["id"]
	}
	walk(body(t, e), "", func(at, s string, _ func(string)) {
		if at == place {
			id = s
		}
	})
	return id
}

// with is the request with another id in a place.
func with(t *testing.T, e events.APIGatewayV2HTTPRequest, place, id string) events.APIGatewayV2HTTPRequest {
	t.Helper()
	out := e
	out.Headers = map[string]string{}
	for name, v := range e.Headers {
		out.Headers[name] = v
	}
	if place == "" {
		out.RawPath = strings.Replace(e.RawPath, e.PathParameters["id"], id, 1)
		out.PathParameters = map[string]string{"id": id}
		return out
	}
	v := body(t, e)
	walk(v, "", func(at, _ string, set func(string)) {
		if at == place {
			set(id)
		}
	})
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out.Body = string(b)
	return out
}

func body(t *testing.T, e events.APIGatewayV2HTTPRequest) (v any) {
	t.Helper()
	if e.Body == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(e.Body), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// walk shows every text in a JSON value.
func walk(v any, at string, see func(at, s string, set func(string))) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if s, ok := member.(string); ok {
				see(at+"/"+name, s, func(s string) { v[name] = s })
			}
			walk(member, at+"/"+name, see)
		}
	case []any:
		for i, member := range v {
			if s, ok := member.(string); ok {
				see(fmt.Sprintf("%s/%d", at, i), s, func(s string) { v[i] = s })
			}
			walk(member, fmt.Sprintf("%s/%d", at, i), see)
		}
	}
}

// contractPlaces are all places of ids in the contract's requests.
func contractPlaces(t *testing.T) (all []string) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../../../shared/api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range api.Routes {
		if strings.Contains(r.Path, "{id}") {
			all = append(all, r.Operation)
		}
		op := doc.Paths.Find(strings.TrimPrefix(r.Path, "/v1")).GetOperation(r.Method)
		if op.RequestBody == nil {
			continue
		}
		var look func(s *openapi3.SchemaRef, at string)
		look = func(s *openapi3.SchemaRef, at string) {
			if strings.HasSuffix(s.Ref, "/Id") {
				all = append(all, r.Operation+at)
			}
			for name, member := range s.Value.Properties {
				look(member, at+"/"+name)
			}
			if s.Value.Items != nil {
				look(s.Value.Items, at+"/0")
			}
		}
		look(op.RequestBody.Value.Content.Get("application/json").Schema, "")
	}
	return append(all, "updateDevice/profile") // which may be empty, and so is no Id there
}
