package functions_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestOneClock: whatever runs in a function reads the time from the clock that its settings give. What does not goes by
// the machine's, and is of another day when a story's clock is set forward. What is left until the end of a context, which
// goes by the machine's clock, is asked by time.Until.
func TestOneClock(t *testing.T) {
	t.Parallel()
	forbidden := map[string]bool{"time.Now": true, "time.Since": true, "ulid.Now": true, "ulid.Make": true}
	var seen []string
	for _, tree := range []string{".", filepath.Join("..", "shared")} {
		err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if pkg, ok := s.X.(*ast.Ident); ok && forbidden[pkg.Name+"."+s.Sel.Name] {
						seen = append(seen, filepath.ToSlash(path))
						if filepath.Base(filepath.Dir(path)) != "settings" {
							t.Errorf("%s: %s.%s is the machine's clock: use env.Clock()", files.Position(s.Pos()), pkg.Name, s.Sel.Name)
						}
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) == 0 {
		t.Error("not even the clock of the settings was seen")
	}
}
