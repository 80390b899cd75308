package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/device/sample"
)

// TestMain lets the test's own program be a launcher, as bench is.
func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == launch {
		os.Exit(launched(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// meets is a phone that meets each bound exactly.
func meets() results {
	r := results{large: life{first: floor{Bytes: 1_000_000, Compressing: 1, Sealing: 0.5}, day: floor{Attached: 500}}}
	add := func(name string, did run) {
		did.Peak = mostMemory << 20
		r.large.rows = append(r.large.rows, row{name, did})
	}
	chunks := list{Chunks: make([]struct {
		Size    int64 `json:"n"`
		Records int64 `json:"r"`
	}, 4)}
	add(first, run{traffic: traffic{Up: 1_002_000, CallsUp: 200, Puts: 2, Calls: 4, Writes: 29, Reads: 13}, used: used{CPU: 3 * time.Second}})
	r.large.twice = 20_000_000
	add(resumed, run{})
	add(contacts, run{traffic: traffic{Gets: 6}})
	add(nextDay, run{traffic: traffic{Up: 10_000, CallsUp: 500, Puts: 1, Calls: 3, Writes: 28, Reads: 12}})
	add(same, run{traffic: traffic{Calls: 1}})
	add(all, run{traffic: traffic{Gets: 4}, list: chunks})
	add(proof, run{traffic: traffic{Gets: 4}, list: chunks})
	r.large.size = sample.Size{SMS: 1000}
	r.ten = &life{size: sample.Size{SMS: 11_000}, first: floor{Bytes: 1}}
	for _, l := range r.large.rows {
		l.Peak += mostPerItem * 10_000
		r.ten.rows = append(r.ten.rows, l)
	}
	for _, day := range marks(365) {
		ordinary := int64(10_000 + yearMessages(day)/2)
		m := mark{day: day, chunks: 50, ordinary: ordinary, mean: 8 * (ordinary + attachment), puts: 1, calls: 3, writes: 28, reads: 12}
		switch {
		case day > 180:
			m.chunks, m.mean = 66, 250_000
		case day > 90:
			m.chunks, m.mean = 66, 200_000
		}
		m.restored.Gets = 22
		r.year = append(r.year, m)
	}
	return r
}

// TestBounds: what is one too many makes the run fail, and is named; what is just allowed does not.
func TestBounds(t *testing.T) {
	t.Parallel()
	if err := verdict(meets().bounds()); err != nil {
		t.Errorf("at its bounds: %v", err)
	}
	row := func(r *results, name string) *row {
		for i := range r.large.rows {
			if r.large.rows[i].name == name {
				return &r.large.rows[i]
			}
		}
		t.Errorf("there is no row %s", name)
		return nil
	}
	for what, spoil := range map[string]func(r *results){
		"first backup: bytes up beyond the floor: 2,201 bytes":                             func(r *results) { row(r, first).Up++ },
		"first backup: peak memory":                                                        func(r *results) { row(r, first).Peak++ },
		"first backup: objects up: 3 PUT, at most 2":                                       func(r *results) { row(r, first).Puts++ },
		"first backup: objects down: 1 GET":                                                func(r *results) { row(r, first).Gets++ },
		"first backup: calls: 5 API, at most 4":                                            func(r *results) { row(r, first).Calls++ },
		"first backup: capacity: 30 WRU":                                                   func(r *results) { row(r, first).Writes++ },
		"first backup: capacity: 14 RRU":                                                   func(r *results) { row(r, first).Reads++ },
		"after a kill at 90 %: bytes sent twice: 20,000,001":                               func(r *results) { r.large.twice++ },
		"after a kill at 90 %: peak memory":                                                func(r *results) { row(r, resumed).Peak++ },
		"restore all: objects down: 5 GET, at most 4":                                      func(r *results) { row(r, all).Gets++ },
		"verify: objects down: 5 GET, at most 4":                                           func(r *results) { row(r, proof).Gets++ },
		"a day later: peak memory":                                                         func(r *results) { row(r, nextDay).Peak++ },
		"nothing changed: peak memory":                                                     func(r *results) { row(r, same).Peak++ },
		"verify: memory for each item more: 101 bytes":                                     func(r *results) { r.ten.rows[len(r.ten.rows)-1].Peak += 10_000 },
		"restore contacts: peak memory":                                                    func(r *results) { row(r, contacts).Peak++ },
		"restore contacts: objects down: 7 GET, at most 6":                                 func(r *results) { row(r, contacts).Gets++ },
		"a day later: bytes up beyond new attachments: 10,001 bytes":                       func(r *results) { row(r, nextDay).CallsUp++ },
		"a day later: objects up: 2 PUT":                                                   func(r *results) { row(r, nextDay).Puts++ },
		"a day later: objects down: 1 GET":                                                 func(r *results) { row(r, nextDay).Gets++ },
		"a day later: calls: 4 API":                                                        func(r *results) { row(r, nextDay).Calls++ },
		"a day later: capacity: 28.50 WRU":                                                 func(r *results) { row(r, nextDay).Writes += 0.5 },
		"a day later: capacity: 12.50 RRU":                                                 func(r *results) { row(r, nextDay).Reads += 0.5 },
		"nothing changed: calls: 2 API":                                                    func(r *results) { row(r, same).Calls++ },
		"nothing changed: objects: 1 PUT and GET":                                          func(r *results) { row(r, same).Puts++ },
		"restore all: peak memory":                                                         func(r *results) { row(r, all).Peak++ },
		"verify: peak memory":                                                              func(r *results) { row(r, proof).Peak++ },
		"up to day 1: bytes up of a day without compaction, beyond its attachment: 11,541": func(r *results) { r.year[0].ordinary++ },
		"up to day 30: objects up of a day: 2 PUT":                                         func(r *results) { r.year[1].puts++ },
		"up to day 90: calls of a day: 4 API":                                              func(r *results) { r.year[2].calls++ },
		"up to day 180: capacity of a day: 29 WRU":                                         func(r *results) { r.year[3].writes++ },
		"up to day 365: capacity of a day: 13 RRU":                                         func(r *results) { r.year[4].reads++ },
		"up to day 365: restore contacts, objects down: 23 GET":                            func(r *results) { r.year[4].restored.Gets++ },
		"day 180: chunks listed: 67 chunks, at most 66":                                    func(r *results) { r.year[3].chunks++ },
		"up to day 90: bytes up of any day beyond its attachment, mean: 687,481 bytes":     func(r *results) { r.year[2].mean++ },
		"days 181 to 365: bytes up of any day beyond its attachment, mean: 250,001":        func(r *results) { r.year[4].mean++ },
		"day 365: chunks listed: 67":                                                       func(r *results) { r.year[4].chunks++ },
	} {
		r := meets()
		spoil(&r)
		err := verdict(r.bounds())
		if err == nil || !strings.Contains(err.Error(), "\n  "+what) || !strings.HasPrefix(err.Error(), "1 of ") {
			t.Errorf("%s: %v", what, err)
		}
		var page strings.Builder
		r.page(&page)
		if strings.Count(page.String(), "MISSED") != 1 {
			t.Errorf("%s is not on the page:\n%s", what, page.String())
		}
	}
	slow := meets()
	row(&slow, first).CPU += time.Millisecond
	var page strings.Builder
	slow.page(&page)
	if err := verdict(slow.bounds()); err != nil || strings.Count(page.String(), "| told, not judged |") != 1 {
		t.Errorf("CPU is judged, or not told: %v", err)
	}
	if (bound{got: math.NaN(), most: 1}).holds() {
		t.Error("what is no number holds")
	}
}

// TestKept: a run without ten times the items keeps the section on them, and one with them replaces it.
func TestKept(t *testing.T) {
	t.Parallel()
	with := meets()
	var page, again strings.Builder
	with.page(&page)
	if got := keptFrom(page.String()); !strings.HasPrefix(got, tenfoldHead) || !strings.Contains(got, "| verify: memory for each item more | 100 | 100 | bytes | holds |") || strings.Contains(got, "A year") {
		t.Errorf("kept is %q", got)
	}
	less := meets()
	less.ten, less.kept = nil, keptFrom(page.String())
	less.page(&again)
	if keptFrom(again.String()) != keptFrom(page.String()) || keptFrom("# Benchmarks\n\n## A year of days\n") != "" {
		t.Errorf("the second time: %s", again.String())
	}
}

// TestMark: the worst of the days counts for calls and capacity, the last one for what there is.
func TestMark(t *testing.T) {
	t.Parallel()
	var later, earlier list
	if err := json.Unmarshal([]byte(`{"index":{"length":7},"chunks":[{"r":1},{"r":0},{"r":9}]}`), &later); err != nil {
		t.Fatal(err)
	}
	earlier.Bytes, later.Bytes = 500, 300
	var m mark
	m.add(run{traffic: traffic{Up: 90 + attachment, CallsUp: 10, Puts: 2, Calls: 3, Writes: 20, Reads: 9}, list: earlier, said: report{Compacted: 2}})
	m.add(run{traffic: traffic{Up: 40 + attachment, CallsUp: 10, Puts: 1, Calls: 4, Writes: 25, Reads: 8}, list: later})
	want := mark{chunks: 3, records: 2, list: 300, index: 7, mean: 150 + 2*attachment, ordinary: 50, compacted: 1, puts: 2, calls: 4, writes: 25, reads: 9}
	if diff := cmp.Diff(want, m, cmp.AllowUnexported(mark{}, run{}, used{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWire: a phone's objects and calls are counted, check-in by itself, and what functions do is not a phone's.
func TestWire(t *testing.T) {
	t.Parallel()
	units := 0.0
	w := &wire{consumed: func() (float64, float64) { return units, 2 * units }}
	answer := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		units++
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(rw, "had %d", len(b))
	})
	aws, behind := httptest.NewServer(w.aws(answer)), httptest.NewServer(answer)
	t.Cleanup(aws.Close)
	t.Cleanup(behind.Close)
	h, err := w.api(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(h)
	t.Cleanup(api.Close)
	for _, sent := range []struct{ method, address, body string }{
		{http.MethodPut, aws.URL + "/u/x/s/y/c/z?X-Amz-Signature=s", "0123456789"},
		{http.MethodGet, aws.URL + "/u/x/s/y/c/z?X-Amz-Signature=s", ""},
		{http.MethodPut, aws.URL + "/bucket/u/x/l/y", `{"index":{"length":5},"chunks":[{"r":1},{"r":0}]}`},
		{http.MethodGet, aws.URL + "/bucket/u/x/l/y", ""},
		{http.MethodPost, api.URL + "/v1/device/checkin", "check-in"},
		{http.MethodPost, api.URL + "/v1/device/sessions", "session"},
	} {
		if err := send(t.Context(), sent.method, sent.address, "", "", sent.body, nil); err != nil {
			t.Fatal(err)
		}
	}
	got, last, err := w.now()
	if err != nil {
		t.Fatal(err)
	}
	want := traffic{Puts: 1, Gets: 1, Calls: 1, CheckIns: 1, Up: 10, Down: int64(len("had 10had 0")), CallsUp: 7, CallsDown: 5,
		Writes: 5, Reads: 10, CheckInWrites: 1, CheckInReads: 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(traffic{}, got.minus(want)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(last.Chunks) != 2 || last.Index.Length != 5 || last.Bytes != 49 {
		t.Errorf("the list is %+v", last)
	}
	if err := send(t.Context(), http.MethodPut, aws.URL+"/bucket/u/x/l/y", "", "", "no list", nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.now(); err == nil {
		t.Error("a list that cannot be read is none")
	}
}

// TestMeasured: what a program uses is its own, however much memory whoever measures it holds.
func TestMeasured(t *testing.T) {
	t.Parallel()
	held := make([]byte, 256<<20)
	for i := 0; i < len(held); i += 4096 {
		held[i] = 1
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, u, err := measured(t.Context(), own, t.TempDir(), "/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done")
	if err != nil || string(out) != "done\n" {
		t.Fatalf("%s %v", out, err)
	}
	if u.Peak < 1<<16 || u.Peak > 128<<20 || u.CPU <= 0 {
		t.Errorf("a shell used %v and %d bytes, while %d bytes were held here", u.CPU, u.Peak, len(held))
	}
	if _, _, err := measured(t.Context(), own, t.TempDir(), "/bin/sh", "-c", "echo why; exit 3"); err == nil || !strings.Contains(err.Error(), "why") {
		t.Errorf("a failure is none: %v", err)
	}
	if _, _, err := measured(t.Context(), own, t.TempDir(), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a program that is not there was measured")
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", -999: "-999"} {
		if got := number(n); got != want {
			t.Errorf("number(%d) = %s", n, got)
		}
	}
	for v, want := range map[float64]string{12: "12", 12.5: "12.50", 10_000: "10,000"} {
		if got := amount(v); got != want {
			t.Errorf("amount(%v) = %s", v, got)
		}
	}
}
