package functions_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"zapas/localstack/build"
	"zapas/localstack/stack"
	"zapas/localstack/story"
)

// TestStories plays every story in testdata/story against the real binaries, each on a stack of its own.
func TestStories(t *testing.T) {
	t.Parallel()
	programs := compiled(t)
	files, err := filepath.Glob(filepath.Join("testdata", "story", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no stories: %v", err)
	}
	var all rights
	t.Cleanup(func() { all.check(t, len(files)) })
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			log := logOf(t)
			begins, err := story.Begins(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := stack.Start(stack.Config{Dir: t.TempDir(), Programs: programs, API: "127.0.0.1:0", AWS: "127.0.0.1:0", Log: log, Now: time.Now, Begins: begins})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				all.add(s.Rights())
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			testscript.Run(t, story.Teller{Stack: s, Phone: programs.Phone, Out: t.Output()}.Params(file))
		})
	}
}

// The programs are built once for all tests that ask for them.
var (
	bin   string
	built = sync.OnceValues(func() (build.Programs, error) {
		root, err := build.Root()
		if err != nil {
			return build.Programs{}, err
		}
		return build.All(context.Background(), root, bin)
	})
)

func TestMain(m *testing.M) { os.Exit(withBin(m)) }

func withBin(m *testing.M) int {
	dir, err := os.MkdirTemp("", "zapas-functions-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	return m.Run()
}

func compiled(t *testing.T) build.Programs {
	t.Helper()
	p, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// logOf is where the functions print; it is shown when the story fails.
func logOf(t *testing.T) io.Writer {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "functions.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			if b, err := os.ReadFile(f.Name()); err == nil {
				t.Logf("the functions said:\n%s", b)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}
