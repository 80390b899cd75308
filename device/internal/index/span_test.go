package index

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestSpans holds them against sets of numbers.
func TestSpans(t *testing.T) {
	t.Parallel()
	some := func(t *rapid.T, name string) (out Spans, set map[uint32]bool) {
		set = map[uint32]bool{}
		for _, n := range rapid.SliceOfN(rapid.Uint32Range(0, 40), 0, 30).Draw(t, name) {
			set[n] = true
		}
		for n := range uint32(41) {
			if set[n] {
				out = out.Add(n)
			}
		}
		return out, set
	}
	rapid.Check(t, func(t *rapid.T) {
		a, inA := some(t, "a")
		b, inB := some(t, "b")
		both := a.With(b)
		var want Spans
		for n := range uint32(43) {
			if a.Has(n) != inA[n] || both.Has(n) != (inA[n] || inB[n]) {
				t.Fatalf("%d: %v %v %v", n, a, b, both)
			}
			if inA[n] || inB[n] {
				want = want.Add(n)
			}
		}
		if d := cmp.Diff(want, both); d != "" || a.Len() != int64(len(inA)) || !a.Lawful() || !both.Lawful() {
			t.Fatalf("%v and %v: %s", a, b, d)
		}
	})
	for _, tt := range []struct {
		spans  Spans
		lawful bool
	}{
		{nil, true}, {Spans{{0, MaxRecords}}, true}, {Spans{{MaxRecords - 1, 1}}, true}, {Spans{{0, 1}, {1, 1}}, true},
		{Spans{{0, 0}}, false}, {Spans{{1, MaxRecords}}, false}, {Spans{{MaxRecords, 1}}, false}, {Spans{{5, 1<<32 - 1}}, false},
		{Spans{{0, 2}, {1, 1}}, false}, {Spans{{4, 1}, {2, 1}}, false},
	} {
		if tt.spans.Lawful() != tt.lawful {
			t.Errorf("%v: lawful is %t", tt.spans, !tt.lawful)
		}
	}
}
