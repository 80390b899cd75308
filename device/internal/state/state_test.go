package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/recall"
)

func open(t *testing.T) *Dir {
	t.Helper()
	d, err := Open(filepath.Join(t.TempDir(), "state"))
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	d := open(t)
	if _, err := Open(d.path); err == nil || !strings.Contains(err.Error(), "at work already") {
		t.Errorf("a second process was let in: %v", err)
	}
	must(t, d.Close())
	again, err := Open(d.path)
	must(t, err)
	must(t, again.Close())
	if info, err := os.Stat(d.path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others can read it: %v %v", info.Mode(), err)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	d := open(t)
	if _, err := d.Identity(); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("nobody yet: %v", err)
	}
	want := Identity{Server: "https://x", Device: "D", User: "U", Tenant: "T", Counter: 1_700_000_000_000, Begun: map[string]Begun{"backup": {Counter: 1_700_000_000_000, Base: "B"}}}
	must(t, d.PutIdentity(want))
	if got, err := d.Identity(); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(want, got))
	}
	for _, damaged := range []string{`{"device":`, `{}`} {
		must(t, os.WriteFile(d.Path(identityFile), []byte(damaged), 0o600))
		if _, err := d.Identity(); !errors.Is(err, ErrNotEnrolled) || !strings.Contains(err.Error(), "damaged") || strings.Contains(err.Error(), "\n") {
			t.Errorf("damaged: %v", err)
		}
	}
}

// TestUnwritable: whatever cannot be written says what to do. A path that is in the way stands for a full disk.
func TestUnwritable(t *testing.T) {
	t.Parallel()
	d := open(t)
	must(t, os.Mkdir(d.Path(identityFile+".new"), 0o700))
	must(t, d.NewSession())
	must(t, os.MkdirAll(d.Path(sessionFolder, doneFile), 0o700))
	must(t, os.Mkdir(d.chunk(0), 0o700))
	full, err := d.CreateChunk(1)
	must(t, err)
	must(t, full.Close())
	_, chunk := d.CreateChunk(0)
	_, write := full.Write([]byte("x"))
	for what, err := range map[string]error{"put": d.PutIdentity(Identity{}), "create": chunk, "write": write, "note": d.NoteUploaded("x")} {
		if err == nil || !strings.HasSuffix(err.Error(), "; free some space or make the folder writable, then run it again") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func sample() *recall.Cache {
	c := &recall.Cache{Snapshot: "01S", IndexSum: [32]byte{7}, Location: "eu", Schema: 1, Chunks: []index.Chunk{{Runs: []index.Run{{Kind: 2, Count: 3}}}}}
	c.Items.Append(recall.Item{ID: item.ID{1}, Kind: item.KindSMS, Record: 2})
	return c
}

func TestCache(t *testing.T) {
	t.Parallel()
	d := open(t)
	if c, err := d.Cache(); c != nil || err != nil {
		t.Errorf("none yet: %v %v", c, err)
	}
	must(t, d.PutCache(sample()))
	one, err := d.Cache()
	must(t, err)
	other, err := d.Cache()
	must(t, err)
	other.Items.Close()
	if len(d.open) != 1 {
		t.Errorf("%d caches are in use, and one was closed", len(d.open))
	}
	if at := one.Items.At(0); one.Snapshot != "01S" || at.Record != 2 || one.Items.Err() != nil {
		t.Errorf("%s: %+v, %v", one.Snapshot, at, one.Items.Err())
	}
	b, err := os.ReadFile(d.Path(cacheFile))
	must(t, err)
	b[len(b)/2] ^= 0x10
	must(t, os.WriteFile(d.Path(cacheFile), b, 0o600))
	if _, err := d.Cache(); err == nil {
		t.Error("a byte was changed, and nobody saw it")
	} else if _, ok := errors.AsType[*Damaged](err); !ok {
		t.Error(err)
	}
	if len(d.open) != 1 {
		t.Errorf("%d caches are in use, and one cannot be used", len(d.open))
	}
}

func spooled(t *testing.T, d *Dir) Journal {
	t.Helper()
	must(t, d.NewSession())
	f, err := d.CreateChunk(0)
	must(t, err)
	_, err = f.Write([]byte("sealed"))
	must(t, err)
	must(t, f.Finish())
	j := Journal{Session: "01S", Location: "eu", Chunks: []Spooled{{ID: "01C", SHA256: "x", Size: 6}}, Commit: json.RawMessage(`{"a":1}`), Report: json.RawMessage(`{}`)}
	must(t, d.PutJournal(j, sample()))
	return j
}

func TestJournal(t *testing.T) {
	t.Parallel()
	d := open(t)
	if j, err := d.Journal(); j != nil || err != nil {
		t.Errorf("none yet: %v %v", j, err)
	}
	want := spooled(t, d)
	got, err := d.Journal()
	must(t, err)
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Error(diff)
	}
	f, err := d.OpenChunk(0)
	must(t, err)
	defer f.Close()
	if b, err := io.ReadAll(f); err != nil || string(b) != "sealed" {
		t.Errorf("chunk %q %v", b, err)
	}
	must(t, d.Adopt())
	if c, err := d.Cache(); err != nil || c.Snapshot != "01S" {
		t.Errorf("cache %v %v", c, err)
	}
	if j, err := d.Journal(); j != nil || err != nil {
		t.Errorf("after its end: %v %v", j, err)
	}
}

func TestJournal_Damaged(t *testing.T) {
	t.Parallel()
	d := open(t)
	spooled(t, d)
	b, err := os.ReadFile(d.Path(sessionFolder, journalFile))
	must(t, err)
	for at := range b {
		bad := bytes.Clone(b)
		bad[at] ^= 0x10
		for what, data := range map[string][]byte{"changed": bad, "cut": b[:at]} {
			must(t, os.WriteFile(d.Path(sessionFolder, journalFile), data, 0o600))
			j, err := d.Journal()
			if _, ok := errors.AsType[*DamagedSession](err); !ok || j != nil {
				t.Fatalf("%s at byte %d: %v %v", what, at, j, err)
			}
		}
	}
}

func TestUploaded_TornLine(t *testing.T) {
	t.Parallel()
	d := open(t)
	spooled(t, d)
	must(t, d.NoteUploaded("01A"))
	must(t, d.NoteUploaded("01B"))
	b, err := os.ReadFile(d.Path(sessionFolder, doneFile))
	must(t, err)
	must(t, os.WriteFile(d.Path(sessionFolder, doneFile), b[:len(b)-1], 0o600))
	got, err := d.Uploaded()
	must(t, err)
	if diff := cmp.Diff(map[string]bool{"01A": true}, got); diff != "" {
		t.Error(diff)
	}
	must(t, os.WriteFile(d.Path(sessionFolder, doneFile), b[:len(b)-2], 0o600))
	must(t, d.NoteUploaded("01C")) // whose chunk may be dropped next: it is not lost by the line before
	got, err = d.Uploaded()
	must(t, err)
	if !got["01A"] || got["01B"] || !got["01C"] {
		t.Errorf("after a torn line: %v", got)
	}
}

var errKilled = errors.New("killed")

// TestAdopt_Killed dies at each step of the way from a journal to a cache: the journal stays until the cache is there.
func TestAdopt_Killed(t *testing.T) {
	t.Parallel()
	for at := 0; ; at++ {
		d := open(t)
		spooled(t, d)
		n := 0
		d.Before = func(string) error {
			if n++; n > at {
				return errKilled
			}
			return nil
		}
		err := d.Adopt()
		d.Before = nil
		j, jerr := d.Journal()
		c, cerr := d.Cache()
		must(t, errors.Join(jerr, cerr))
		if j == nil && c == nil {
			t.Errorf("killed at step %d, both are gone", at)
		}
		must(t, d.Adopt())
		if c, err := d.Cache(); err != nil || c == nil {
			t.Errorf("killed at step %d, then again: %v", at, err)
		}
		if err == nil {
			if at < 3 {
				t.Errorf("there are only %d steps", at)
			}
			return
		}
	}
}

// TestNoteRecords: what is noted of a chunk's records before it is closed counts with the chunk, and with no other.
func TestNoteRecords(t *testing.T) {
	t.Parallel()
	d := open(t)
	begin := func() (records []string) {
		t.Helper()
		closed, err := d.Begin("01S")
		must(t, err)
		for _, c := range closed {
			records = append(records, string(c.Records))
		}
		return records
	}
	begin()
	must(t, d.NoteRecords([]byte("first")))
	must(t, d.NoteRecords([]byte(", second")))
	must(t, d.NoteClosed(Closed{Records: []byte(", third")}))
	must(t, d.NoteClosed(Closed{}))
	must(t, d.NoteRecords([]byte("of a chunk that was never closed")))
	want := []string{"first, second, third", ""}
	if diff := cmp.Diff(want, begin()); diff != "" {
		t.Error(diff)
	}
	must(t, d.NoteClosed(Closed{Records: []byte("next")}))
	if diff := cmp.Diff(append(want, "next"), begin()); diff != "" {
		t.Error(diff)
	}
}

// TestScratch: what a run has no memory for is gone with it.
func TestScratch(t *testing.T) {
	t.Parallel()
	d := open(t)
	f, err := d.Scratch()
	must(t, err)
	_, err = f.WriteAt([]byte("x"), 10)
	must(t, err)
	d.LetGo()
	if _, err := f.WriteAt([]byte("x"), 10); !errors.Is(err, os.ErrClosed) {
		t.Errorf("it was not closed: %v", err)
	}
	files, err := os.ReadDir(d.path)
	must(t, err)
	if len(files) != 1 || files[0].Name() != "lock" {
		t.Errorf("it has left %v", files)
	}
}

// TestSealed: records that were noted before their chunk was closed count with it, and those of no closed chunk do not.
func TestSealed(t *testing.T) {
	t.Parallel()
	d := open(t)
	if n := d.Sealed(); n != 0 {
		t.Errorf("%d without a session", n)
	}
	_, err := d.Begin("01S")
	must(t, err)
	must(t, d.NoteClosed(Closed{Records: make([]byte, 2*16)}))
	must(t, d.NoteRecords(make([]byte, 30*16)))
	must(t, d.NoteRecords(make([]byte, 400*16)))
	must(t, d.NoteClosed(Closed{Records: make([]byte, 5000*16)}))
	must(t, d.NoteRecords(make([]byte, 60_000*16)))
	if n := d.Sealed(); n != 5432 {
		t.Errorf("%d", n)
	}
}

// TestOpen_Tidies: what a run that was killed had begun to write, as much as all items take, is gone when the next begins.
func TestOpen_Tidies(t *testing.T) {
	t.Parallel()
	path, died := t.TempDir(), errors.New("died")
	d, err := Open(path)
	must(t, err)
	must(t, d.PutIdentity(Identity{Server: "https://a", Device: "01D"}))
	d.Before = func(step string) error { return map[bool]error{true: died}[step == "write restored"] }
	if err := d.PutRestoredCache(sample()); !errors.Is(err, died) {
		t.Fatal(err)
	}
	must(t, os.WriteFile(d.Path("scratch-123"), []byte("x"), 0o600))
	must(t, d.Close())
	d, err = Open(path)
	must(t, err)
	var names []string
	files, err := os.ReadDir(path)
	must(t, err)
	for _, f := range files {
		names = append(names, f.Name())
	}
	if want := []string{"device.json", "lock"}; !slices.Equal(names, want) {
		t.Errorf("there are %v, want %v", names, want)
	}
	must(t, d.Close())
}
