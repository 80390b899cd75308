package android

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zapas/device/internal/outfile"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	write := func(t *testing.T, path, content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	create := func(t *testing.T, path string) *Writer {
		t.Helper()
		w, err := Create(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.Abort() })
		if err := w.Put(text("new"), nil); err != nil {
			t.Fatal(err)
		}
		return w
	}
	messages := func(t *testing.T, path string) int {
		t.Helper()
		e, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		o := readAll(t, e)
		if o.file != nil || len(o.bad) > 0 {
			t.Errorf("%v %v", o.bad, o.file)
		}
		return len(o.items)
	}
	const one = `<smses count="1"><sms address="a" date="1" type="2" body="x"/></smses>`

	t.Run("ASecondWriterIsRefusedUntilTheFirstEnds", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		path, link := filepath.Join(dir, "x.xml"), filepath.Join(dir, "link.xml")
		if err := os.Symlink("x.xml", link); err != nil {
			t.Fatal(err)
		}
		first := create(t, path)
		for _, again := range []string{path, link} {
			if _, err := Create(again, Options{}); !errors.Is(err, ErrBusy) {
				t.Errorf("a second writer: %v", err)
			}
		}
		if err := first.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := create(t, path).Commit(); err != nil {
			t.Fatal(err)
		}
		if n := messages(t, path); n != 2 {
			t.Errorf("%d messages, want 2", n)
		}
	})
	t.Run("ALockLeftByOneWhoDiedLocksNobodyOut", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "x.xml")
		write(t, path+outfile.LockSuffix, "")
		if err := create(t, path).Commit(); err != nil {
			t.Fatal(err)
		}
		if left := beside(t, path); len(left) > 0 {
			t.Errorf("still there: %v", left)
		}
	})
	t.Run("OnlyHalfWrittenFilesAreSwept", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "x.xml")
		for _, name := range []string{".part", ".my.part", ".1.part.gz"} {
			write(t, path+name, "mine")
		}
		write(t, path+".1.part", "")
		if err := create(t, path).Commit(); err != nil {
			t.Fatal(err)
		}
		if left := beside(t, path); len(left) != 3 {
			t.Errorf("there are %v", left)
		}
	})
	for name, c := range map[string]struct {
		before string
		change func(t *testing.T, path string)
		after  string
	}{
		"Longer": {one, func(t *testing.T, path string) { write(t, path, one+"\n") }, one + "\n"},
		"Touched": {one, func(t *testing.T, path string) {
			if err := os.Chtimes(path, time.Time{}, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		}, one},
		"Replaced": {one, func(t *testing.T, path string) {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path+".new", one)
			if err := errors.Join(os.Chtimes(path+".new", time.Time{}, info.ModTime()), os.Rename(path+".new", path)); err != nil {
				t.Fatal(err)
			}
		}, one},
		"Removed": {one, func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, ""},
		"Made": {"", func(t *testing.T, path string) { write(t, path, one) }, one},
	} {
		t.Run("AFileThatChangedIsNotReplaced/"+name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "x.xml")
			if c.before != "" {
				write(t, path, c.before)
			}
			w := create(t, path)
			c.change(t, path)
			if err := w.Commit(); err == nil || !strings.Contains(err.Error(), "changed by another program") {
				t.Errorf("got: %v", err)
			}
			if err := w.Abort(); err != nil {
				t.Error(err)
			}
			if got, _ := os.ReadFile(path); string(got) != c.after {
				t.Errorf("the file holds %q", got)
			}
			if left := beside(t, path); len(left) > 0 {
				t.Errorf("still there: %v", left)
			}
		})
	}
	for name, before := range map[string]string{"OfAFile": one, "OfNothing": ""} {
		t.Run("ALinkStaysALink/"+name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := errors.Join(os.Mkdir(filepath.Join(dir, "sub"), 0o700), os.Symlink("sub/b.xml", filepath.Join(dir, "a.xml")), os.Symlink("../x.xml", filepath.Join(dir, "sub", "b.xml"))); err != nil {
				t.Fatal(err)
			}
			path, want := filepath.Join(dir, "x.xml"), 1
			if before != "" {
				write(t, path, before)
				want++
			}
			if err := create(t, filepath.Join(dir, "a.xml")).Commit(); err != nil {
				t.Fatal(err)
			}
			info, err := os.Lstat(path)
			if err != nil || !info.Mode().IsRegular() || messages(t, path) != want {
				t.Errorf("%v, %v", info, err)
			}
			if to, err := os.Readlink(filepath.Join(dir, "a.xml")); err != nil || to != "sub/b.xml" {
				t.Errorf("the link names %q, %v", to, err)
			}
		})
	}
	t.Run("ALinkToItselfIsRefused", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "x.xml")
		if err := os.Symlink("x.xml", path); err != nil {
			t.Fatal(err)
		}
		if _, err := Create(path, Options{}); err == nil {
			t.Error("it was opened")
		}
	})
}
