package functions_test

import (
	"io"
	"os"
	"path/filepath"
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
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			log := logOf(t)
			s, err := stack.Start(stack.Config{Dir: t.TempDir(), Programs: programs, API: "127.0.0.1:0", AWS: "127.0.0.1:0", Log: log, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			testscript.Run(t, story.Teller{Stack: s, Phone: programs.Phone, Out: t.Output()}.Params(file))
		})
	}
}

// compiled builds the programs once for all stories.
func compiled(t *testing.T) build.Programs {
	t.Helper()
	root, err := build.Root()
	if err != nil {
		t.Fatal(err)
	}
	p, err := build.All(t.Context(), root, t.TempDir())
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
