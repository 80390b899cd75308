package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device"
)

func TestPage_Plan(t *testing.T) {
	t.Parallel()
	r := device.Plan{Snapshot: "01SNAP", Objects: 2, Bytes: 2_500_000, Requests: device.Requests{API: 4, Gets: 2},
		Elements: map[string]device.ElementPlan{
			"contacts": {Planned: 1234, New: 1000, Duplicate: 200, Merge: 30, Alike: 4},
			"messages": {Planned: 10, New: 7, Skipped: 1, Failed: 2, Reasons: map[string]int64{"chunk_missing": 2, "no_file": 1}}},
		Failures: []device.Failure{{Snapshot: "01SNAP", Element: "messages", Items: 2, Reason: "chunk_missing", Detail: "chunk 01C is not there"}}}
	want := `Restoring backup 01SNAP here would do this; nothing is written yet
              planned  new    duplicate  would merge  alike  not possible here
  contacts    1,234    1,000  200        30           4      0
  messages    10       7      0          0            0      3 (chunk missing 2, no file 1)
  alike       4 of the contacts may be there already in another form; they are inserted, for you to look at
  downloaded  2 objects, 2.5 MB, 6 requests
  failed      2 items of messages: chunk 01C is not there
`
	if got := pageOf(t, func(p *page) { p.plan(r) }); got != want {
		t.Error(cmp.Diff(want, got))
	}
}

// TestAsk_Stopped: a signal ends the question, which nobody answers.
func TestAsk_Stopped(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	in, answers := io.Pipe()
	defer answers.Close()
	if err := (&terminal{ctx: ctx, in: in, out: io.Discard}).ask("Restore?"); !errors.Is(err, errDeclined) {
		t.Errorf("it is answered with %v", err)
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]error{"y\n": nil, "Y\n": nil, " yes \n": nil, "y": nil, "n\n": errDeclined, "\n": errDeclined, "": errDeclined, "yellow\n": errDeclined} {
		var out bytes.Buffer
		term := &terminal{ctx: t.Context(), in: strings.NewReader(answer), out: &out}
		if err := term.ask("Restore?"); !errors.Is(err, want) || !strings.HasPrefix(out.String(), "Restore? [y/N] ") {
			t.Errorf("%q: %v, after %q", answer, err, out.String())
		}
	}
}
