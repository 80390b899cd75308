package export

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device"
	"zapas/device/android"
	"zapas/device/internal/item"
)

// TestTrial_LinkToNowhere: a plan does not promise what the restore cannot write.
func TestTrial_LinkToNowhere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "contacts.vcf")
	if err := os.Symlink(filepath.Join(t.TempDir(), "none", "contacts.vcf"), path); err != nil {
		t.Fatal(err)
	}
	if files, err := OpenTrial(map[string]string{"contacts": path}, android.Options{}); err == nil {
		t.Errorf("it opens: %v", files.Close())
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
		try, err := OpenTrial(where, android.Options{})
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
		to, err := OpenTarget(where, android.Options{})
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
	try, err := OpenTrial(map[string]string{"calls": calls, "contacts": cards}, android.Options{})
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
		_, tried := OpenTrial(places, android.Options{})
		_, opened := OpenTarget(places, android.Options{})
		if tried == nil || opened == nil || tried.Error() != opened.Error() {
			t.Errorf("%s: %v, and then %v", path, tried, opened)
		}
	}
}
