package api_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"go/format"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"zapas/shared/api"
)

var update = flag.Bool("update", false, "write routes.gen.go from openapi.yaml")

func contract(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestRoutes proves that the route table is what openapi.yaml says; -update makes it so.
func TestRoutes(t *testing.T) {
	var routes []api.Route
	for path, item := range contract(t).Paths.Map() {
		for method, op := range item.Operations() {
			routes = append(routes, api.Route{
				Operation: op.OperationID, Method: method, Path: "/v1" + path, Function: extension(t, op, "x-zapas-function"),
				Auth: api.Auth(extension(t, op, "x-zapas-auth")), Permission: extension(t, op, "x-zapas-permission"),
			})
		}
	}
	slices.SortFunc(routes, func(a, b api.Route) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	var src bytes.Buffer
	fmt.Fprint(&src, "// Code generated from openapi.yaml by go test -run TestRoutes -update; DO NOT EDIT.\n\npackage api\n\n")
	fmt.Fprint(&src, "// Routes are all operations, ordered by path and method.\nvar Routes = []Route{\n")
	for _, r := range routes {
		fmt.Fprintf(&src, "{Operation: %q, Method: %q, Path: %q, Function: %q, Auth: %q, Permission: %q},\n",
			r.Operation, r.Method, r.Path, r.Function, r.Auth, r.Permission)
	}
	fmt.Fprint(&src, "}\n")
	want, err := format.Source(src.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("routes.gen.go", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("routes.gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("routes.gen.go is not what openapi.yaml says: run go generate ./shared/api")
	}
}

func extension(t *testing.T, op *openapi3.Operation, name string) string {
	t.Helper()
	switch v := op.Extensions[name].(type) {
	case nil:
		return ""
	case string:
		return v
	case json.RawMessage:
		var s string
		if err := json.Unmarshal(v, &s); err != nil {
			t.Fatalf("%s: %s: %v", op.OperationID, name, err)
		}
		return s
	default:
		t.Fatalf("%s: %s is a %T", op.OperationID, name, v)
		return ""
	}
}

// TestEveryOperation holds each operation to the house's words.
func TestEveryOperation(t *testing.T) {
	functions := []string{"profiles", "devices", "sessions", "uploads", "restores"}
	name := regexp.MustCompile(`^[a-z]+([A-Z][a-z]+)*$`)
	seen := map[string]bool{}
	for _, r := range api.Routes {
		t.Run(r.Operation, func(t *testing.T) {
			if seen[r.Operation] || !name.MatchString(r.Operation) {
				t.Errorf("operationId %q is not a name of its own", r.Operation)
			}
			seen[r.Operation] = true
			if !slices.Contains(functions, r.Function) {
				t.Errorf("function %q does not exist", r.Function)
			}
			switch r.Auth {
			case api.AuthOpen:
				if r.Permission != "" {
					t.Errorf("an open operation asks for permission %q", r.Permission)
				}
			case api.AuthConsole, api.AuthDevice:
				if r.Permission == "" {
					t.Error("no permission is asked for")
				}
			default:
				t.Errorf("x-zapas-auth %q is not console, device or open", r.Auth)
			}
		})
	}
}

// TestContract has the document checked against OpenAPI itself.
func TestContract(t *testing.T) {
	if err := contract(t).Validate(t.Context()); err != nil {
		t.Error(err)
	}
}
