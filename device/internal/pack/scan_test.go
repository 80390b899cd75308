package pack

import (
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/device/internal/progress"
	"zapas/device/internal/recall"
	"zapas/device/internal/state"
)

// texts is a phone that shows nothing but messages of one second, by what is in them.
type texts []int

func (x texts) Coverage(string) string                    { return ledger.Full }
func (x texts) OpenBlob(item.Blob) (io.ReadCloser, error) { return nil, errors.New("there is none") }
func (x texts) Items() iter.Seq2[item.Item, error] {
	return func(yield func(item.Item, error) bool) {
		for _, n := range x {
			it := &item.SMS{Message: item.Message{Box: item.Inbox, Unit: item.Millisecond, Date: 1_700_000_000_000, Read: n%2 == 0}, Body: strconv.Itoa(n / 2)}
			if !yield(it, nil) {
				return
			}
		}
	}
}

func open(t *testing.T) *state.Dir {
	t.Helper()
	d, err := state.Open(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func read(t *testing.T, d *state.Dir, src texts, base *recall.Cache) (*Scan, error) {
	t.Helper()
	return Read(t.Context(), d, src, []string{"messages"}, base, progress.New(nil))
}

// TestRead_Large: of a phone that shows more than is compared at once, with thousands of messages that are equal or equal but
// for their state, each is found as often as it was there, and no more often, in whatever order it shows them.
func TestRead_Large(t *testing.T) {
	t.Parallel()
	d := open(t)
	random := rand.New(rand.NewPCG(1, 1))
	draw := func(n, kinds int) (out texts) {
		for range n {
			out = append(out, random.IntN(kinds)*random.IntN(kinds)) // few of most, thousands of 0
		}
		return out
	}
	for _, kinds := range []int{3, 100, 10_000} {
		before, now := draw(3*together, kinds), draw(2*together+1, kinds)
		first, err := read(t, d, before, nil)
		if err != nil || first.fresh.Len() != len(before) {
			t.Fatal(err, first.fresh.Len())
		}
		base := &recall.Cache{Items: recall.In(d.Scratch)}
		for it := range first.seen() {
			base.Items.Append(it)
		}
		base.Items.Sort()
		s, err := read(t, d, now, base)
		if err != nil {
			t.Fatal(err)
		}
		left := map[int]int{}
		for _, n := range before {
			left[n]++
		}
		for i, n := range now { // among equals nobody knows which is which, but how many are
			e := s.entry(i)
			if e.state != fresh && e.state != already {
				t.Fatalf("message %d is %v", i, e.state)
			}
			if e.state == already {
				left[n]--
			}
		}
		want, kept := 0, 0
		have := map[int]int{}
		for _, n := range before {
			have[n]++
		}
		for _, n := range now {
			if have[n] > 0 {
				have[n]--
				want++
			}
		}
		for range s.kept.all() {
			kept++
		}
		for n, more := range left {
			if more < 0 {
				t.Errorf("%d was found %d times more often than it was there", n, -more)
			}
		}
		dead := 0
		for range s.dead().all() {
			dead++
		}
		if kept != want || s.fresh.Len() != len(now)-want || dead != len(before)-want {
			t.Errorf("of %d kinds, %d are kept, %d new, %d gone; want %d, %d, %d", kinds, kept, s.fresh.Len(), dead, want, len(now)-want, len(before)-want)
		}
	}
}

// TestRead_NoRoom: where a large phone has no room for what is compared, nothing is taken for found.
func TestRead_NoRoom(t *testing.T) {
	t.Parallel()
	d := open(t)
	full := errors.New("the disk is full")
	d.Before = func(step string) error {
		if step == "make room" {
			return full
		}
		return nil
	}
	if _, err := read(t, d, make(texts, 2*together), nil); !errors.Is(err, full) || !strings.Contains(err.Error(), "compare the phone with its last backup") {
		t.Errorf("it went on: %v", err)
	}
	if _, err := read(t, d, make(texts, 10), nil); err != nil {
		t.Errorf("a small phone needs no room: %v", err)
	}
}
