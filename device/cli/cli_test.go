package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"zapas/device"
	"zapas/shared/api"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"zapas-device": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{Dir: filepath.Join("testdata", "script"), RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits}})
}

// exits CODE COMMAND... runs a command and compares its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = e.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// TestExit_AppTooOld: what needs an update is told as that, and by a word that another program can switch on.
func TestExit_AppTooOld(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	term := &terminal{out: &out, errs: &errs, json: true}
	code := term.exit(fmt.Errorf("restore snapshot 01SNAP: %w", device.ErrAppTooOld))
	if code != exitFailed || !strings.Contains(out.String(), `"code":"app_too_old"`) || !strings.Contains(errs.String(), "update the app") {
		t.Errorf("exit code %d: %s%s", code, out.String(), errs.String())
	}
}

func pageOf(t *testing.T, write func(p *page)) string {
	t.Helper()
	var out bytes.Buffer
	if err := (&terminal{out: &out}).say(nil, write); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPage_Backup(t *testing.T) {
	t.Parallel()
	a := api.CheckInAnswer{Why: "first", Profile: &api.DeviceProfile{Name: "Every night"}}
	first := device.Report{Snapshot: "01SNAP", Why: "first", Objects: 1, BytesUp: 123_456, Requests: device.Requests{API: 3, Puts: 1},
		Ledger:   api.BackupLedgers{"contacts": {}, "messages": {Seen: 2063, Stored: 2060, Failed: 3, Reasons: map[string]int64{"malformed": 2, "too_large": 1}}},
		Coverage: api.Coverage{"contacts": "unavailable", "messages": "limited"}, Counts: api.Counts{"sms": 2000, "mms": 60}, Failures: []string{"line 7"}}
	want := `Backed up in full (the first one), for profile "Every night"
  backup    01SNAP
  contacts  not available here
  messages  2,063 seen = 2,060 stored + 0 already stored + 0 excluded + 3 failed (malformed 2, too large 1)
  holds     2,000 sms, 60 mms
  uploaded  1 object, 123.5 kB, 4 requests
  failed    line 7
  warning   3 items could not be read; nothing was taken for deleted in this run
`
	if got := pageOf(t, func(p *page) { p.backup(a, first) }); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	gone := device.Report{Base: "01BASE", Ledger: api.BackupLedgers{"calls": {Seen: 1, Already: 1}}, Coverage: api.Coverage{"calls": "full"},
		Removed: map[string]int64{"calls": 1200}, Counts: api.Counts{"contacts": 1, "sms": 1, "mms": 1, "calls": 1}}
	if got := pageOf(t, func(p *page) { p.backup(a, gone) }); !strings.Contains(got, "0 failed; 1,200 removed since the last backup\n") ||
		!strings.Contains(got, "holds     1 contact, 1 sms, 1 mms, 1 call\n") {
		t.Error(got)
	}
	if got := backedUp(gone, "Nightly"); !strings.Contains(got, `"Nightly"; 1,200 items removed; it holds 1 contact,`) {
		t.Error(got)
	}
	ended := device.Report{Resumed: true, Finished: true, Why: "first"}
	if got := pageOf(t, func(p *page) { p.backup(a, ended) }); !strings.HasPrefix(got, "Finished the backup that was interrupted, in full (the first one), for") {
		t.Error(got)
	}
	same := device.Report{Snapshot: "01SNAP", Unchanged: true, Requests: device.Requests{API: 1}, Ledger: api.BackupLedgers{"messages": {Seen: 1, Already: 1}}, Counts: api.Counts{"sms": 1}}
	if got := pageOf(t, func(p *page) { p.backup(a, same) }); !strings.Contains(got, "uploaded  0 objects, 1 request\n") || !strings.HasPrefix(got, "Nothing has changed") {
		t.Error(got)
	}
}

func TestPage_Restore(t *testing.T) {
	t.Parallel()
	r := device.RestoreReport{Snapshot: "01SNAP", State: "partly_done", Objects: 2, Bytes: 2_500_000, Requests: device.Requests{API: 4, Gets: 2},
		Ledger:   api.RestoreLedgers{"messages": {Planned: 10, Inserted: 7, Duplicate: 1, Failed: 2, Reasons: map[string]int64{"chunk_missing": 2}}},
		Failures: []device.Failure{{Snapshot: "01SNAP", Element: "messages", Items: 2, Reason: "chunk_missing", Detail: "chunk 01C is not there"}}}
	want := `Restored backup 01SNAP
  messages    10 planned = 7 inserted + 1 duplicate + 0 merged + 0 skipped + 2 failed (chunk missing 2)
  downloaded  2 objects, 2.5 MB, 6 requests
  state       partly done
  failed      2 items of messages: chunk 01C is not there
`
	if got := pageOf(t, func(p *page) { p.restore(r) }); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := number(n); got != want {
			t.Errorf("number(%d) = %s", n, got)
		}
	}
	for n, want := range map[int64]string{999: "999 B", 1000: "1.0 kB", 12_345_678: "12.3 MB", 2_000_000_000: "2.00 GB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %s", n, got)
		}
	}
}

func TestRestore_Choose(t *testing.T) {
	t.Parallel()
	two := []api.Restore{{Id: "A"}, {Id: "B"}}
	held := api.Restore{Id: "H", State: api.RestoreStateHeld}
	for _, tt := range []struct {
		id      string
		waiting []api.Restore
		want    string
	}{{"", two[:1], "A"}, {"B", two, "B"}, {"", two, ""}, {"C", two, ""}, {"", nil, ""}, {"", []api.Restore{held}, ""}, {"", []api.Restore{held, two[0]}, "A"}, {"H", []api.Restore{held}, "H"}} {
		got, err := (&where{ID: tt.id}).choose(tt.waiting)
		if got.Id != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q of %d: %q, %v", tt.id, len(tt.waiting), got.Id, err)
		}
	}
}

// TestBackup_IsDue: a pending backup is due, but not without a profile to make it for.
func TestBackup_IsDue(t *testing.T) {
	t.Parallel()
	some := &api.DeviceProfile{}
	for _, tt := range []struct {
		due, pending bool
		profile      *api.DeviceProfile
		want         bool
	}{{false, false, some, false}, {true, false, some, true}, {false, true, some, true}, {false, true, nil, false}} {
		if got := isDue(api.CheckInAnswer{Due: tt.due, Profile: tt.profile}, tt.pending); got != tt.want {
			t.Errorf("%+v: %t", tt, got)
		}
	}
}

func TestRestore_Verdict(t *testing.T) {
	t.Parallel()
	lost := api.RestoreLedgers{"messages": {Planned: 1, Failed: 1}}
	for _, tt := range []struct {
		report device.RestoreReport
		want   int
	}{
		{device.RestoreReport{State: "done"}, exitOK},
		{device.RestoreReport{State: "partly_done", Ledger: lost}, exitIncomplete},
		{device.RestoreReport{State: "failed", Ledger: lost}, exitFailed},
	} {
		if got := (&terminal{}).exit(verdict(tt.report)); got != tt.want {
			t.Errorf("%s: exit code %d, want %d", tt.report.State, got, tt.want)
		}
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
