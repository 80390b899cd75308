package s3

import (
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const testBucket = "vault-bucket"

func config(dir string) Config {
	return Config{Dir: dir, Now: time.Now, Sync: true, Log: slog.New(slog.DiscardHandler)}
}

// filled makes a folder with the objects "0" to "n-1", each holding its own name, and closes it.
func filled(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	s := mustOpen(t, dir)
	if err := s.CreateBucket(testBucket); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		want(t, s, "PUT", fmt.Sprint(i), fmt.Sprint(i), 200, "")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func mustOpen(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Open(config(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() }) // again after a test that closes it: no error then either
	return s
}

// want makes a call and checks its status and answer.
func want(t *testing.T, s *Server, method, key, body string, status int, answer string) {
	t.Helper()
	r := httptest.NewRequest(method, "/"+testBucket+"/"+key, strings.NewReader(body))
	r.Header.Set("Content-Length", fmt.Sprint(len(body)))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != status || !strings.Contains(w.Body.String(), answer) {
		t.Fatalf("%s %s: got %d %q, want %d %q", method, key, w.Code, w.Body, status, answer)
	}
}

func files(t *testing.T, dir string) (paths []string) {
	t.Helper()
	for _, sub := range []string{"objects", "tmp"} {
		err := filepath.WalkDir(filepath.Join(dir, sub), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

func TestStateSurvivesRestart(t *testing.T) {
	t.Parallel()
	dir := filled(t, 3)
	s := mustOpen(t, dir)
	want(t, s, "DELETE", "1", "", 204, "")
	want(t, s, "PUT", "2", "two", 200, "")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir)
	want(t, s, "GET", "0", "", 200, "0")
	want(t, s, "GET", "1", "", 404, "NoSuchKey")
	want(t, s, "GET", "2", "", 200, "two")
	if n := len(files(t, dir)); n != 2 {
		t.Fatalf("got %d files for 2 objects", n)
	}
}

func TestOpenRemovesWhatACrashLeft(t *testing.T) {
	t.Parallel()
	dir := filled(t, 1)
	kept := files(t, dir)
	for _, left := range []string{"tmp/put-123", "objects/ZZ/ZZ45", filepath.Join("objects", filepath.Base(filepath.Dir(kept[0])), "other")} {
		path := filepath.Join(dir, left)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("half an obj"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := mustOpen(t, dir)
	if got := files(t, dir); !slices.Equal(got, kept) {
		t.Fatalf("got the files %q, want %q", got, kept)
	}
	want(t, s, "GET", "0", "", 200, "0")
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	table := func(dir string) string { return filepath.Join(dir, "table.db") }
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	overwrite := func(t *testing.T, path string, at int64, with []byte) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		must(t, err)
		_, err = f.WriteAt(with, at)
		must(t, err)
		must(t, f.Close())
	}
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		says   string
	}{
		"NoTable":    {func(t *testing.T, dir string) { must(t, os.Remove(table(dir))) }, "is missing or empty"},
		"EmptyTable": {func(t *testing.T, dir string) { must(t, os.Truncate(table(dir), 0)) }, "is missing or empty"},
		"NoDatabase": {func(t *testing.T, dir string) {
			must(t, os.WriteFile(table(dir), []byte(strings.Repeat("x", 1<<16)), 0o600))
		}, "invalid"},
		"CutShort": {func(t *testing.T, dir string) { must(t, os.Truncate(table(dir), int64(3*os.Getpagesize()))) }, "damaged"},
		"CutToTwo": {func(t *testing.T, dir string) { must(t, os.Truncate(table(dir), int64(2*os.Getpagesize()))) }, "damaged"},
		"DamagedPages": {func(t *testing.T, dir string) {
			info, err := os.Stat(table(dir))
			must(t, err)
			start := int64(2 * os.Getpagesize())
			overwrite(t, table(dir), start, make([]byte, info.Size()-start))
		}, "damaged"},
		"DamagedRecord": {func(t *testing.T, dir string) {
			raw, err := os.ReadFile(table(dir))
			must(t, err)
			raw = []byte(strings.ReplaceAll(string(raw), `{"File":`, `("File":`))
			must(t, os.WriteFile(table(dir), raw, 0o600))
		}, "damaged"},
		"InUse": {func(t *testing.T, dir string) { mustOpen(t, dir) }, "in use by another process"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filled(t, 100)
			before := files(t, dir)
			c.damage(t, dir)
			s, err := Open(config(dir))
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %q, want it to say %q and to name the folder", err, c.says)
			}
			if got := files(t, dir); !slices.Equal(got, before) {
				t.Errorf("objects were removed: %d of %d are left", len(got), len(before))
			}
		})
	}
}

func TestLostContent(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(string) error{
		"Missing":  os.Remove,
		"CutShort": func(path string) error { return os.Truncate(path, 0) },
		"Changed":  func(path string) error { return os.WriteFile(path, []byte("1"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filled(t, 2)
			running := mustOpen(t, dir)
			var lost string
			for _, path := range files(t, dir) {
				if raw, err := os.ReadFile(path); err != nil || string(raw) == "0" {
					lost = path
				}
			}
			if err := damage(lost); err != nil {
				t.Fatal(err)
			}
			if name != "Changed" { // what has its size is looked at by its reader
				want(t, running, "GET", "0", "", 500, "are damaged")
			}
			want(t, running, "GET", "1", "", 200, "1")
			if err := running.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(config(dir)); err == nil || !strings.Contains(err.Error(), lost) || !strings.Contains(err.Error(), "from a copy") {
				t.Errorf("got %v, want an error that names the file and what helps", err)
			}
		})
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := filled(t, 1)
	s := mustOpen(t, dir)
	create := s.store.create
	s.store.create = func(tmp, _ string) (*os.File, error) {
		path := filepath.Join(tmp, "put-full")
		if err := os.Symlink("/dev/full", path); err != nil {
			return nil, err
		}
		return os.OpenFile(path, os.O_WRONLY, 0)
	}
	want(t, s, http.MethodPut, "0", "replacement", 500, "is full and nothing was stored")
	want(t, s, http.MethodPut, "1", "new", 500, "is full and nothing was stored")
	want(t, s, http.MethodGet, "0", "", 200, "0")
	want(t, s, http.MethodGet, "1", "", 404, "NoSuchKey")
	if n := len(files(t, dir)); n != 1 {
		t.Fatalf("got %d files for 1 object", n)
	}
	s.store.create = create
	want(t, s, http.MethodPut, "1", "new", 200, "")
	want(t, s, http.MethodGet, "1", "", 200, "new")
}
