package mobile_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// bound is what gobind has made of the package, by file.
var bound = sync.OnceValues(func() (map[string]string, error) {
	dir := filepath.Join(home, "gobind")
	cmd := exec.Command("go", "tool", "gobind", "-lang=java,objc", "-outdir="+dir, "zapas/device/mobile")
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-trimpath", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, &failed{err, out}
	}
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[filepath.Base(path)] = string(b)
		return err
	})
	return files, err
})

type failed struct {
	err error
	out []byte
}

func (f *failed) Error() string { return f.err.Error() + "\n" + string(f.out) }

func bindings(t *testing.T) map[string]string {
	t.Helper()
	files, err := bound()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// member is one thing that the package exports.
type member struct{ of, name string } // of: its type, or "" for the package's own

// exported are the functions, constants, methods and fields of the package.
func exported(t *testing.T) (all []member) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(set, files, "zapas/device/mobile")
	if err != nil {
		t.Fatal(err)
	}
	constants := p.Consts
	funcs := p.Funcs
	for _, typ := range p.Types {
		constants, funcs = append(constants, typ.Consts...), append(funcs, typ.Funcs...)
		for _, m := range typ.Methods {
			all = append(all, member{typ.Name, m.Name})
		}
		var fields *ast.FieldList
		switch spec := typ.Decl.Specs[0].(*ast.TypeSpec).Type.(type) {
		case *ast.StructType:
			fields = spec.Fields
		case *ast.InterfaceType:
			fields = spec.Methods
		}
		for _, f := range fields.List {
			for _, name := range f.Names {
				if name.IsExported() {
					all = append(all, member{typ.Name, name.Name})
				}
			}
		}
	}
	for _, f := range funcs {
		if typ, ok := strings.CutPrefix(f.Name, "New"); ok {
			all = append(all, member{typ, f.Name})
			continue
		}
		all = append(all, member{"", f.Name})
	}
	for _, c := range constants {
		for _, name := range c.Names {
			all = append(all, member{"", name})
		}
	}
	if len(all) < 200 {
		t.Fatalf("only %d exported names were found", len(all))
	}
	return all
}

// lower is a name as gobind begins it in Java and Objective-C.
func lower(name string) string {
	n := 0
	for n < len(name) && name[n] >= 'A' && name[n] <= 'Z' {
		n++
	}
	if n > 1 && n < len(name) { // the last of several belongs to the next word
		n--
	}
	return strings.ToLower(name[:n]) + name[n:]
}

// TestGobind holds what gobind makes of the package against what the package exports.
func TestGobind(t *testing.T) {
	t.Parallel()
	files := bindings(t)
	t.Run("NothingIsSkipped", func(t *testing.T) {
		t.Parallel()
		for name, text := range files {
			for line := range strings.Lines(text) {
				if strings.Contains(line, "// skipped ") {
					t.Errorf("%s: %s", name, line)
				}
			}
		}
	})
	all := exported(t)
	t.Run("Java", func(t *testing.T) {
		t.Parallel()
		for _, m := range all {
			file, forms := "Mobile.java", []string{m.name + " =", " " + lower(m.name) + "("}
			if m.of != "" {
				name := lower(m.name)
				if m.name == "New"+m.of {
					name = m.of
				}
				file, forms = m.of+".java", []string{" " + name + "(", " get" + m.name + "("}
			}
			if !slices.ContainsFunc(forms, func(f string) bool { return strings.Contains(files[file], f) }) {
				t.Errorf("%s has none of %q", file, forms)
			}
		}
	})
	t.Run("ObjectiveC", func(t *testing.T) {
		t.Parallel()
		header := files["Mobile.objc.h"]
		for _, m := range all {
			text, want := header, `\bMobile`+m.name+`\b`
			if m.of != "" && m.name != "New"+m.of {
				declared := regexp.MustCompile(`(?ms)^@(interface|protocol) Mobile`+m.of+` .*?^@end`).FindAllString(header, -1)
				text, want = strings.Join(declared, "\n"), `(\)|\* _Nonnull |\* _Nullable | )`+lower(m.name)+`(:|;)`
			}
			if !regexp.MustCompile(want).MatchString(text) {
				t.Errorf("of %s there is no %s", m.of, want)
			}
		}
	})
}
