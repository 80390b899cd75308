package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/alloctest"
)

// kept opens a state directory that has a sealed session, and returns what lies in one of its files.
func kept(f *testing.F, names ...string) (*Dir, []byte) {
	f.Helper()
	d, err := Open(filepath.Join(f.TempDir(), "state"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = d.Close() })
	if err := d.NewSession(); err != nil {
		f.Fatal(err)
	}
	if err := d.PutIdentity(Identity{Server: "https://x", Device: "D", User: "U", Tenant: "T", Counter: 1, Begun: map[string]Begun{"backup": {Counter: 1}}}); err != nil {
		f.Fatal(err)
	}
	j := Journal{Session: "S", Location: "eu", Chunks: []Spooled{{ID: "C", SHA256: "x", Size: 3}}, Commit: json.RawMessage(`{"a":1}`), Report: json.RawMessage(`{}`)}
	if err := d.PutJournal(j, sample()); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(d.Path(names...))
	if err != nil {
		f.Fatal(err)
	}
	return d, b
}

func write(t *testing.T, d *Dir, b []byte, names ...string) {
	t.Helper()
	if err := os.WriteFile(d.Path(names...), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// FuzzJournal gives the journal whatever may lie on a disk, with its check sum and without.
func FuzzJournal(f *testing.F) {
	d, sound := kept(f, sessionFolder, journalFile)
	var c checked
	if err := json.Unmarshal(sound, &c); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(c.Journal), true)
	f.Add(sound, false)
	f.Add([]byte(`{"session":"S","chunks":[{}],"commit":null}`), true)
	f.Fuzz(func(t *testing.T, b []byte, summed bool) {
		if summed {
			if !json.Valid(b) {
				return
			}
			var err error
			sum := sha256.Sum256(b)
			if b, err = json.Marshal(checked{b, sum[:]}); err != nil {
				t.Fatal(err)
			}
		}
		write(t, d, b, sessionFolder, journalFile)
		var j *Journal
		var err error
		alloctest.Within(t, 128<<10+uint64(len(b))*100, func() { j, err = d.Journal() })
		if err != nil {
			if _, ok := errors.AsType[*DamagedSession](err); !ok {
				t.Errorf("refused otherwise: %v", err)
			}
			return
		}
		if err := d.PutJournal(*j, sample()); err != nil {
			t.Fatal(err)
		}
		if again, err := d.Journal(); err != nil || again.Session != j.Session || cmp.Diff(j.Chunks, again.Chunks) != "" {
			t.Errorf("it was kept and is another: %v", err)
		}
	})
}

// FuzzIdentity gives the identity whatever may lie on a disk: who cannot be read is not enrolled, and never half somebody.
func FuzzIdentity(f *testing.F) {
	d, sound := kept(f, identityFile)
	f.Add(sound)
	f.Add([]byte(`{"server":"s","device":"d","counter":1e3}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		write(t, d, b, identityFile)
		id, err := d.Identity()
		if err != nil {
			if !errors.Is(err, ErrNotEnrolled) {
				t.Errorf("refused otherwise: %v", err)
			}
			return
		}
		if err := d.PutIdentity(id); err != nil || id.Device == "" || id.Server == "" {
			t.Fatalf("%+v: %v", id, err)
		}
		if again, err := d.Identity(); err != nil || cmp.Diff(id, again) != "" {
			t.Errorf("it was kept and is another: %v %s", err, cmp.Diff(id, again))
		}
	})
}

// FuzzUploaded gives the list of what has arrived whatever a crash may leave: a line that is not whole does not count.
func FuzzUploaded(f *testing.F) {
	d, _ := kept(f, identityFile)
	f.Add([]byte("A\nB\n"))
	f.Add([]byte("A\nB"))
	f.Fuzz(func(t *testing.T, b []byte) {
		write(t, d, b, sessionFolder, doneFile)
		before, err := d.Uploaded()
		if err != nil {
			t.Fatal(err)
		}
		if err := d.NoteUploaded("01ARZ3NDEKTSV4RRFFQ69G5FAV"); err != nil {
			t.Fatal(err)
		}
		after, err := d.Uploaded()
		if torn := b[bytes.LastIndexByte(b, '\n')+1:]; len(torn) > 0 {
			before[string(torn)] = true // it is a line of its own, and none of the others
		}
		if before["01ARZ3NDEKTSV4RRFFQ69G5FAV"] = true; err != nil || cmp.Diff(before, after) != "" {
			t.Errorf("%v %s", err, cmp.Diff(before, after))
		}
	})
}
