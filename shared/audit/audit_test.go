package audit_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/shared/audit"
)

// TestActions: the list has every action that is declared, in the order of their declaration.
func TestActions(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "audit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []audit.Action
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			if kind, ok := v.Type.(*ast.Ident); ok && kind.Name == "Action" {
				s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				declared = append(declared, audit.Action(s))
			}
		}
		return true
	})
	if d := cmp.Diff(declared, audit.Actions()); d != "" {
		t.Errorf("the list has not what is declared (-), or has more (+):\n%s", d)
	}
}

func TestParseDays(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 23, 30, 0, 0, time.FixedZone("", -3600)) // the fifth in UTC
	for _, tt := range []struct{ day, from, to, first, last string }{
		{"", "", "", "2026-03-05", "2026-03-05"},
		{"2026-02-28", "", "", "2026-02-28", "2026-02-28"},
		{"", "2026-02-28", "2026-03-01", "2026-02-28", "2026-03-01"},
		{"2026-02-29", "", "", "", ""},
		{"2026-2-28", "", "", "", ""},
		{"2026-02-28T00:00:00Z", "", "", "", ""},
		{"", "2026-02-28", "", "", ""},
		{"", "", "2026-02-28", "", ""},
		{"2026-02-28", "2026-02-28", "2026-02-28", "", ""},
	} {
		first, last, err := audit.ParseDays(tt.day, tt.from, tt.to, now)
		if (err != nil) != (tt.first == "") || err == nil && (first.Format(time.DateOnly) != tt.first || last.Format(time.DateOnly) != tt.last) {
			t.Errorf("%+v: %v to %v, %v", tt, first, last, err)
		}
	}
}
