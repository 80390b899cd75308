package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device"
	"zapas/device/android"
	"zapas/device/internal/item"
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

// TestTrial_LinkToNowhere: a plan does not promise what the restore cannot write.
func TestTrial_LinkToNowhere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "contacts.vcf")
	if err := os.Symlink(filepath.Join(t.TempDir(), "none", "contacts.vcf"), path); err != nil {
		t.Fatal(err)
	}
	if files, err := openTrial(map[string]string{"contacts": path}, android.Options{}); err == nil {
		t.Errorf("it opens: %v", files.Close())
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

// TestTrial_RefusesWhatTheTargetRefuses, for the same reasons, and leaves no trace.
func TestTrial_RefusesWhatTheTargetRefuses(t *testing.T) {
	t.Parallel()
	message := item.Message{Box: item.Inbox, Date: 1, Unit: item.Millisecond, Peers: []item.Address{item.ParseAddress("112", "PL")}}
	two := message
	two.Peers = append(two.Peers, two.Peers[0])
	odd := message
	odd.Extras = item.Extras{"android.sms": {"no name": "x"}}
	photo := []byte("photo")
	ref := &item.Ref{SHA256: sha256.Sum256(photo), Size: int64(len(photo))}
	all := map[string]item.Item{
		"SMS":       &item.SMS{Message: message, Body: "x"},
		"TwoPeers":  &item.SMS{Message: two, Body: "x"},
		"OddExtras": &item.SMS{Message: odd, Body: "x"},
		"MMS":       &item.MMS{Message: two, Type: item.Retrieved, Parts: []item.Part{{ContentType: "image/png", Blob: ref}}},
		"Call":      &item.Call{Type: item.Missed, Unit: item.Millisecond, Address: item.ParseAddress("112", "PL")},
		"Voicemail": &item.Call{Type: item.Voicemail, Unit: item.Millisecond},
		"Contact":   &item.Contact{Name: item.Name{Full: "Ann"}, Media: []item.Media{{Kind: item.Photo, Blob: *ref}}},
		"Empty":     &item.Contact{},
	}
	refusals := 0
	for _, files := range [][]string{{"messages", "calls", "contacts"}, {"calls"}, nil} {
		dir := t.TempDir()
		where := map[string]string{}
		for _, e := range files {
			where[e] = filepath.Join(dir, names[e])
		}
		try, err := openTrial(where, android.Options{})
		if err != nil {
			t.Fatal(err)
		}
		said := map[string]error{}
		for name, it := range all {
			said[name] = try.Refuses(it)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("the trial has made %v: %v", left, err)
		}
		if err := try.Close(); err != nil {
			t.Error(err)
		}
		to, err := openTarget(where, android.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for name, it := range all {
			got, _ := errors.AsType[*device.Unwritable](said[name])
			want, _ := errors.AsType[*device.Unwritable](to.Insert(it, func(item.Blob) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(photo)), nil }))
			if (got == nil) != (want == nil) || got != nil && (got.Reason != want.Reason || got.Skipped != want.Skipped || got.Error() != want.Error()) {
				t.Errorf("%s into %v: planned %v, and then %v", name, files, got, want)
			}
			if got != nil {
				refusals++
			}
		}
		if err := to.Abort(); err != nil {
			t.Error(err)
		}
	}
	if refusals < 10 {
		t.Errorf("only %d are refused", refusals)
	}
}

// TestTrial_ReadsWhatIsThere, and refuses the files that a restore would not add to.
func TestTrial_ReadsWhatIsThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name, content string) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, content)
		return path
	}
	calls := at("c.xml", `<calls count="2"><call number="1" date="1" type="1"/><call number="1" date="never" type="1"/></calls>`)
	cards := at("c.vcf", "BEGIN:VCARD\nVERSION:4.0\nFN:A\nEND:VCARD\n")
	try, err := openTrial(map[string]string{"calls": calls, "contacts": cards}, android.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for it, err := range try.Existing() {
		if err != nil {
			got = append(got, "unreadable")
			continue
		}
		got = append(got, it.Kind().String())
	}
	if diff := cmp.Diff([]string{"contact", "call", "unreadable"}, got); diff != "" {
		t.Error(diff)
	}
	if err := try.Close(); err != nil {
		t.Error(err)
	}
	for element, path := range map[string]string{"messages": calls, "calls": at("cut.xml", `<calls count="2"><call `), "contacts": at("cut.vcf", "BEGIN:VCARD\nVERSION:4.0\n")} {
		places := map[string]string{element: path}
		_, tried := openTrial(places, android.Options{})
		_, opened := openTarget(places, android.Options{})
		if tried == nil || opened == nil || tried.Error() != opened.Error() {
			t.Errorf("%s: %v, and then %v", path, tried, opened)
		}
	}
}
