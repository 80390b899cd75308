package export

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device"
	"zapas/device/android"
	"zapas/device/internal/item"
)

func TestPlaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	writeFile(t, at("odd.xml"), "<calls/>")
	writeFile(t, at("zero.xml"), "")
	writeFile(t, at("broken.xml"), "hello")
	for name, c := range map[string]struct {
		paths []string
		want  map[string]string // nil: refused
	}{
		"NewFiles":   {[]string{at("a.vcf"), at("calls-1.xml"), at("b.xml")}, map[string]string{"contacts": at("a.vcf"), "calls": at("calls-1.xml"), "messages": at("b.xml")}},
		"ByContent":  {[]string{at("odd.xml"), at("zero.xml")}, map[string]string{"calls": at("odd.xml"), "messages": at("zero.xml")}},
		"Folder":     {[]string{at("new")}, map[string]string{"contacts": at("new/contacts.vcf"), "calls": at("new/calls.xml")}},
		"FolderThat": {[]string{dir}, map[string]string{"contacts": at("contacts.vcf"), "calls": at("calls.xml")}},
		"TwoOfOne":   {[]string{at("a.xml"), at("b.xml")}, nil},
		"Both":       {[]string{dir, at("a.vcf")}, nil},
		"NoExport":   {[]string{at("broken.xml")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Places(c.paths, []string{"contacts", "calls"})
			if (err == nil) != (c.want != nil) || err == nil && !maps.Equal(got, c.want) {
				t.Errorf("%v %s", err, cmp.Diff(c.want, got))
			}
		})
	}
}

// TestTarget_Skipped shows what is skipped and not failed: an element without a file, and a voicemail.
func TestTarget_Skipped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	to, err := OpenTarget(map[string]string{"calls": filepath.Join(dir, "calls.xml"), "contacts": filepath.Join(dir, "c.vcf")}, android.Options{})
	if err != nil {
		t.Fatal(err)
	}
	message := item.Message{Box: item.Inbox, Unit: item.Millisecond}
	for reason, it := range map[string]item.Item{"no_file": &item.SMS{Message: message}, "unsupported": &item.Call{Type: item.Voicemail, Unit: item.Millisecond}} {
		if u, ok := errors.AsType[*device.Unwritable](to.Insert(it, nil)); !ok || !u.Skipped || u.Reason != reason {
			t.Errorf("%s: %+v", reason, u)
		}
	}
	for _, it := range []item.Item{&item.Call{Type: item.Missed, Unit: item.Millisecond, Address: item.ParseAddress("112", "PL")}, &item.Contact{Name: item.Name{Full: "Ann"}}} {
		if err := to.Insert(it, nil); err != nil {
			t.Error(err)
		}
	}
	if err := to.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := to.Abort(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%v %v", left, err)
	}
}
