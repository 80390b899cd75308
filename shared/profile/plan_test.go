package profile

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestPlan_Remembers: what a plan answers from the slots that it has found before is what a schedule answers that is read anew,
// in whatever order it is asked, about clock changes, too.
func TestPlan_Remembers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anySchedule(t)
		now := time.Unix(60*rapid.Int64Range(29_000_000, 40_000_000).Draw(t, "minute"), 0)
		plan := NewSet([]Profile{{ID: "P", Schedule: s}}).plans["P"]
		for range 6 {
			at := now.Add(time.Duration(rapid.Int64Range(-20*86400, 90*86400).Draw(t, "seconds")) * time.Second)
			n := rapid.IntRange(0, remembered+1).Draw(t, "n")
			if d := cmp.Diff(s.Next(at, n), plan.calendar.next(at, n)); d != "" && n > 0 {
				t.Fatalf("%+v after %s: other slots (+) than when it is read anew (-):\n%s", s, at, d)
			}
			if want, got := s.Last(at), plan.calendar.last(at); !got.Equal(want) {
				t.Fatalf("%+v at %s: the last slot is %s and not %s", s, at, got, want)
			}
		}
	})
}
