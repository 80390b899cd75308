package android

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zapas/device/internal/infile"
)

// TestMoved shows that a file that changes while it is read is no smaller file.
func TestMoved(t *testing.T) {
	t.Parallel()
	one := `<sms address="a" date="1" type="2" body="x"/>` + "\n"
	few, all := whole(one), whole(one+one+one)
	for name, text := range map[string]string{"Whole": few, "WithinAnItem": all[:len(few)], "ToNothing": ""} {
		t.Run("EndsEarly/"+name, func(t *testing.T) {
			t.Parallel()
			o := readAll(t, newExport("x", strings.NewReader(text), int64(len(all)), Options{}))
			if o.file == nil || !errors.Is(o.file, infile.ErrMoved) {
				t.Errorf("%d items, %v", len(o.items), o.file)
			}
		})
	}
	for name, change := range map[string]func(path string) error{
		"Cut":     func(path string) error { return os.Truncate(path, int64(len(few))) },
		"Grown":   func(path string) error { return os.Truncate(path, int64(len(all)+1)) },
		"Touched": func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(1, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "x.xml")
			if err := os.WriteFile(path, []byte(all), 0o600); err != nil {
				t.Fatal(err)
			}
			e, err := Open(path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if o := readAll(t, e); len(o.items) != 3 || o.file != nil {
				t.Fatalf("%+v", o)
			}
			var last error
			once := sync.OnceValue(func() error { return change(path) })
			for _, err := range e.Items() { // they were all read before the first one came
				if err := once(); err != nil {
					t.Fatal(err)
				}
				last = err
			}
			if !errors.Is(last, infile.ErrMoved) {
				t.Error(last)
			}
		})
	}
}
