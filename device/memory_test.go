package device

import (
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"zapas/device/internal/item"
)

// crowd is a phone with so many messages that are made when they are read: it holds none of them, and neither does it hold
// what it is given.
type crowd struct {
	n, got int
	empty  bool // as a target: it holds none
}

func (c *crowd) Coverage(e string) string { return (&memory{}).Coverage(e) }

func (c *crowd) Items() iter.Seq2[item.Item, error] {
	return func(yield func(item.Item, error) bool) {
		for i := range c.n {
			if !yield(sms(i, "Hello, and see you later"), nil) {
				return
			}
		}
	}
}

func (c *crowd) Existing() iter.Seq2[item.Item, error] {
	if c.empty {
		return (&crowd{}).Items()
	}
	return c.Items()
}

func (c *crowd) OpenBlob(item.Blob) (io.ReadCloser, error) { return nil, os.ErrNotExist }
func (c *crowd) Takes(item.Kind) bool                      { return true }
func (c *crowd) Finish() error                             { return nil }

func (c *crowd) Insert(item.Item, func(item.Blob) (io.ReadCloser, error)) error {
	c.got++
	return nil
}

func (c *crowd) Merge(int, *item.Contact, func(item.Blob) (io.ReadCloser, error)) (bool, error) {
	return false, nil
}

// most is the most memory that was in use at any request and at any end of a work, but for what the service holds.
type most struct {
	s    *service
	live int64
}

func (m *most) look() {
	runtime.GC()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	live := int64(now.HeapAlloc)
	for _, b := range m.s.objects {
		live -= int64(cap(b))
	}
	m.live = max(m.live, live)
}

// inUse is the most that each run had in use, by its name.
func inUse(t *testing.T, items int) map[string]int64 {
	t.Helper()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := &most{s: s}
	p.config.Progress = func(step Progress) {
		if step.State == Ended {
			m.look()
		}
	}
	s.fault = func(*http.Request, bool) error { m.look(); return nil }
	out := map[string]int64{}
	run := func(name string, do func()) {
		m.live = 0
		do()
		out[name] = m.live
	}
	src := &crowd{n: items}
	var r Report
	backup := func() {
		var err error
		if r, err = p.Backup(t.Context(), src, profileOf(s.location)); err != nil || r.Ledger["messages"].Seen != int64(items) {
			t.Fatal(err, r.Ledger)
		}
	}
	run("First", backup)
	run("Same", backup)
	run("Verify", func() { p.verified(t, VerifyOptions{}) })
	for name, to := range map[string]*crowd{"Restore": {empty: true}, "RestoreAgain": {n: items}} {
		order := s.consent(t, r.Snapshot, p.id.Device)
		run(name, func() {
			if _, err := p.Restore(t.Context(), order, to, nil); err != nil {
				t.Fatal(err)
			}
		})
		if want := items; to.empty && to.got != want || !to.empty && to.got != 0 {
			t.Fatalf("%s wrote %d items", name, to.got)
		}
	}
	return out
}

const (
	measuring = "ZAPAS_TEST_MEASURES"
	few, many = 10_000, 30_000 // more of them than have place in the memory
)

// TestMemory bounds what a run keeps of each item, by what two phones need that differ in nothing but their size. It is
// measured in a process of its own.
func TestMemory(t *testing.T) {
	if os.Getenv(measuring) != "" {
		if err := json.NewEncoder(os.Stdout).Encode([]map[string]int64{inUse(t, few), inUse(t, many)}); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Parallel()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMemory$")
	child.Env = append(os.Environ(), measuring+"=1")
	said, err := child.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	var got []map[string]int64
	if err := json.NewDecoder(strings.NewReader(string(said))).Decode(&got); err != nil || len(got) != 2 {
		t.Fatalf("%v: %s", err, said)
	}
	for name, most := range map[string]int64{"First": 30, "Same": 30, "Verify": 10, "Restore": 10, "RestoreAgain": 140} {
		each := (got[1][name] - got[0][name]) / (many - few)
		if t.Logf("%s: %d bytes an item", name, each); each > most {
			t.Errorf("%s needs %d bytes for each item, want at most %d", name, each, most)
		}
	}
}
