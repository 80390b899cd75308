package progress

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTracker(t *testing.T) {
	t.Parallel()
	var got []Step
	tr := New(func(s Step) { got = append(got, s) })
	tr.Begin(Reading, "calls", 0)
	for range 2*unheard + 1 {
		tr.Add(Reading, "calls", 1)
	}
	tr.Add(Reading, "contacts", 1) // was not begun
	tr.End(Reading)
	tr.Add(Reading, "calls", 1) // is not under way
	tr.Begin(Uploading, "calls", 500)
	tr.Begin(Uploading, "messages", 500)
	tr.Fail(Uploading, "calls", 4)
	tr.Add(Uploading, "calls", 1)
	tr.Add(Uploading, "calls", 1000)
	tr.Begin(Uploading, "messages", 3)
	tr.Fail(Uploading, "messages", 2)
	tr.Break()
	tr.End(Uploading)
	want := []Step{
		{"calls", Reading, Running, 0, 0, 0}, {"calls", Reading, Running, 100, 0, 0}, {"calls", Reading, Running, 200, 0, 0}, {"calls", Reading, Ended, 201, 201, 0},
		{"calls", Uploading, Running, 0, 500, 0}, {"messages", Uploading, Running, 0, 500, 0},
		{"calls", Uploading, Running, 5, 500, 4}, {"calls", Uploading, Running, 500, 500, 4},
		{"messages", Uploading, Running, 0, 3, 0}, {"messages", Uploading, Running, 2, 3, 2},
		{"calls", Uploading, Broken, 500, 500, 4}, {"messages", Uploading, Broken, 2, 3, 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTracker_AtOnce(t *testing.T) {
	t.Parallel()
	last := Step{}
	tr := New(func(s Step) { last = s }) // one call after the other: no lock of its own
	tr.Begin(Uploading, "calls", 1000)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 100 {
				tr.Add(Uploading, "calls", 1)
			}
		})
	}
	wg.Wait()
	if tr.End(Uploading); last != (Step{"calls", Uploading, Ended, 1000, 1000, 0}) {
		t.Errorf("%+v", last)
	}
}

func TestTracker_Nobody(t *testing.T) {
	t.Parallel()
	tr := New(nil)
	tr.Begin(Reading, "calls", 1)
	tr.Add(Reading, "calls", 1)
	tr.End(Reading)
	if tr.Break(); tr != nil {
		t.Error("it counts for nobody")
	}
}
