package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"zapas/device"
)

// TestBars shows that each element has a bar, and that none of them is left at the end.
func TestBars(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	term := &terminal{out: &out, errs: &out, bars: &bars{out: &out}}
	tell := term.bars.watching()
	for _, e := range elements {
		tell(device.Progress{Element: e, Work: device.Reading, State: device.Running})
		tell(device.Progress{Element: e, Work: device.Writing, State: device.Running, Done: 1234, Total: 5000, Failed: 2})
	}
	tell(device.Progress{Element: "calls", Work: device.Downloading, State: device.Broken, Done: 2_500_000, Total: 5_000_000})
	if err := term.say(nil, func(p *page) { p.title("The report") }); err != nil {
		t.Fatal(err)
	}
	shown, report, ended := strings.Cut(out.String(), "\x1b[3A\x1b[JThe report\n") // three lines up, all gone
	if !ended || report != "" {
		t.Errorf("the bars are not gone: %q", out.String())
	}
	for _, want := range []string{"contacts", "writing 1,234 of 5,000, 2 failed", "downloading 2.5 MB of 5.0 MB, broken off"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown in %q", want, shown)
		}
	}
	at := strings.LastIndex(shown, "  contacts")
	if last := shown[at:]; strings.Index(last, "messages") > strings.Index(last, "calls") || strings.Count(last, "\n") != 3 {
		t.Errorf("%q", last)
	}
}

// TestBars_NobodyWatches: to a file, a pipe and a buffer nothing is drawn, and nobody there is asked.
func TestBars_NobodyWatches(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for name, term := range map[string]*terminal{
		"Pipe":   {in: r, out: w, errs: w},
		"Buffer": {in: &bytes.Buffer{}, out: &bytes.Buffer{}, errs: &bytes.Buffer{}},
		"JSON":   {json: true},
	} {
		if term.watched(); term.bars != nil || term.asks || term.bars.watching() != nil {
			t.Errorf("%s: %+v", name, term)
		}
		term.bars.end()
	}
}
