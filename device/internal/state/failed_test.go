package state

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/alloctest"
	"zapas/device/internal/index"
)

// scattered is a Failed in so many places, each in a chunk of its own and as long to write as possible.
func scattered(n int) Failed {
	f := Failed{Snapshot: "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", Elements: map[string]Missed{"messages": {Failed: map[string]index.Spans{}, Left: true}}}
	for i := range n {
		id := index.ID{0xff, byte(i >> 16), byte(i >> 8), byte(i)}
		f.Elements["messages"].Failed[id.String()] = index.Spans{{First: 1_000_000 + uint32(i%8), Count: 40_000}}
		f.Items += 40_000
	}
	return f
}

// TestFailed_Limit: as many places as may be are known again; one more, and only how many items they are.
func TestFailed_Limit(t *testing.T) {
	t.Parallel()
	d := open(t)
	for _, n := range []int{1, MaxSpans, MaxSpans + 1} {
		want := scattered(n)
		must(t, d.PutFailed(want))
		if n > MaxSpans {
			want.Elements, want.TooMany = nil, true
		}
		if got, err := d.Failed(); err != nil || !reflect.DeepEqual(want, got) {
			t.Errorf("%d places: %v; there are %d items in %d elements", n, err, got.Items, len(got.Elements))
		}
		if info, err := os.Stat(d.Path(failedFile)); err != nil || info.Size() > maxFailed {
			t.Errorf("%d places are %d bytes; %v", n, info.Size(), err)
		}
	}
	must(t, d.PutFailed(Failed{Snapshot: "S", Elements: map[string]Missed{"calls": {Left: true}}}))
	if got, err := d.Failed(); err != nil || cmp.Diff(Failed{}, got) != "" {
		t.Errorf("nothing has failed: %+v %v", got, err)
	}
}

// TestFailed_Damaged: any byte flipped, cut off or added is a damage that is told, with what to do; and so is what has its check
// sum and cannot be.
func TestFailed_Damaged(t *testing.T) {
	t.Parallel()
	d := open(t)
	must(t, d.PutFailed(scattered(2)))
	sound, err := os.ReadFile(d.Path(failedFile))
	must(t, err)
	refused := func(what string) {
		t.Helper()
		f, err := d.Failed()
		if _, ok := errors.AsType[*DamagedFailed](err); !ok || !strings.Contains(err.Error(), "restore the backup again") || cmp.Diff(Failed{}, f) != "" {
			t.Errorf("%s: %+v %v", what, f, err)
		}
	}
	for i := range sound {
		b := slices.Clone(sound)
		b[i] ^= 1
		if f, err := decodeFailed(b); err == nil && cmp.Diff(scattered(2), f) != "" { // the bits of base64 behind the last byte say nothing
			t.Errorf("byte %d: %+v", i, f)
		}
		if f, err := decodeFailed(sound[:i]); err == nil {
			t.Errorf("%d bytes: %+v", i, f)
		}
	}
	must(t, os.WriteFile(d.Path(failedFile), sound[:len(sound)/2], 0o600))
	refused("half of it")
	must(t, os.WriteFile(d.Path(failedFile), append(slices.Clone(sound), 'x'), 0o600))
	refused("longer")
	must(t, os.WriteFile(d.Path(failedFile), make([]byte, maxFailed+1), 0o600))
	refused("too large")
	one := func(spans ...index.Span) map[string]Missed {
		return map[string]Missed{"calls": {Failed: map[string]index.Spans{"7ZZZZZZZZZZZZZZZZZZZZZZZZZ": spans}}}
	}
	for what, f := range map[string]Failed{
		"NoSnapshot": {Items: 1, Elements: one(index.Span{Count: 1})}, "Nothing": {Snapshot: "S"}, "Empty": {Snapshot: "S", Items: 0, Elements: one()},
		"OtherCount": {Snapshot: "S", Items: 2, Elements: one(index.Span{Count: 1})}, "Overlap": {Snapshot: "S", Items: 2, Elements: one(index.Span{Count: 1}, index.Span{Count: 1})},
		"Huge": {Snapshot: "S", Items: 1<<32 - 1, Elements: one(index.Span{First: 1, Count: 1<<32 - 1})},
		"NoID": {Snapshot: "S", Items: 1, Elements: map[string]Missed{"calls": {Failed: map[string]index.Spans{"../x": {{Count: 1}}}}}},
		"Both": {Snapshot: "S", Items: 1, TooMany: true, Elements: one(index.Span{Count: 1})},
	} {
		must(t, os.WriteFile(d.Path(failedFile), summed(t, f), 0o600))
		refused(what)
	}
	must(t, os.Remove(d.Path(failedFile)))
	must(t, os.Mkdir(d.Path(failedFile), 0o700))
	refused("a folder")
}

func summed(t *testing.T, f Failed) []byte {
	t.Helper()
	b, err := json.Marshal(f)
	must(t, err)
	sum := sha256.Sum256(b)
	b, err = json.Marshal(checkedFailed{b, sum[:]})
	must(t, err)
	return b
}

// FuzzFailed gives it whatever may lie on a disk, its check sum put right: it is read or refused in bounded memory, and what is
// read can be kept.
func FuzzFailed(f *testing.F) {
	for _, n := range []int{1, 3} {
		b, err := json.Marshal(scattered(n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"snapshot":"S","items":5,"tooMany":true}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !json.Valid(b) {
			return
		}
		sum := sha256.Sum256(b)
		b, err := json.Marshal(checkedFailed{b, sum[:]})
		must(t, err)
		var got Failed
		alloctest.Within(t, 128<<10+uint64(len(b))*200, func() { got, err = decodeFailed(b) })
		if err != nil {
			return
		}
		again, err := decodeFailed(summed(t, got))
		if err != nil || !maps.EqualFunc(got.Elements, again.Elements, func(a, b Missed) bool { return a.Left == b.Left && len(a.Failed) == len(b.Failed) }) || got.Items != again.Items {
			t.Errorf("it was kept and is another: %v", err)
		}
	})
}
