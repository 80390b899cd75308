package vcard

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zapas/device/internal/item"
)

// failer is a test of either sort.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// again writes a contact of a file and reads it.
func again(t failer, from *File, c *item.Contact, version string) *item.Contact {
	t.Helper()
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	if err := encode(w, c, version, from.OpenBlob); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(b.String(), "\r\n") {
		if len(line) > width {
			t.Fatalf("a line of %d bytes: %q", len(line), line)
		}
	}
	o := readAll(t, file(b.String()))
	if len(o.contacts) != 1 || len(o.bad) > 0 || o.file != nil {
		t.Fatalf("%d contacts, %v, %v in %q", len(o.contacts), o.bad, o.file, b.String())
	}
	return o.contacts[0]
}

// target begins to write a file that holds the cards.
func target(t *testing.T, cards string) (*Writer, func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "contacts.vcf")
	if cards != "" {
		if err := os.WriteFile(path, []byte(cards), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w, err := Create(path, Options{Region: "PL"})
	if err != nil {
		t.Fatal(err)
	}
	return w, func() string {
		t.Helper()
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		if left, err := filepath.Glob(path + ".*"); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

func nothing(item.Blob) (io.ReadCloser, error) { return nil, errors.New("no such medium") }

func parsed(t *testing.T, cards string) *item.Contact {
	t.Helper()
	return readAll(t, file(cards)).contacts[0]
}

func TestWriter(t *testing.T) {
	t.Parallel()
	ann, bob := v4("UID:1", "FN:Ann", "TEL:600123456"), v3("UID:2", "FN:Bob", "PHOTO;ENCODING=b;TYPE=JPEG:"+encoded(photo))
	t.Run("MakesANewFileOf40", func(t *testing.T) {
		t.Parallel()
		w, commit := target(t, "")
		if err := w.Put(parsed(t, ann), nothing); err != nil {
			t.Fatal(err)
		}
		if got := commit(); !strings.HasPrefix(got, "BEGIN:VCARD\r\nVERSION:4.0\r\n") || len(readAll(t, file(got)).contacts) != 1 {
			t.Error(got)
		}
	})
	t.Run("KeepsWhatWasThereAndItsVersion", func(t *testing.T) {
		t.Parallel()
		old := "\ufeff" + strings.TrimSuffix(bob+"BEGIN:VCARD\nVERSION:2.1\nEND:VCARD\n", "\n")
		w, commit := target(t, old)
		if err := w.Put(parsed(t, ann), nothing); err != nil {
			t.Fatal(err)
		}
		if err := w.Put(one(func(c *item.Contact) { c.Media = []item.Media{picture(item.Photo, "", "x", item.Label{})} }), nothing); err == nil {
			t.Error("a contact without its photo was put")
		}
		got := commit()
		added, ok := strings.CutPrefix(got, old+"\r\n")
		if !ok || !strings.HasPrefix(added, "BEGIN:VCARD\r\nVERSION:3.0\r\n") || strings.Count(added, "BEGIN") != 1 {
			t.Error(got)
		}
	})
	t.Run("MergesInPlace", func(t *testing.T) {
		t.Parallel()
		other := v4("FN:Other")
		w, commit := target(t, other+bob+ann)
		more := parsed(t, v4("UID:2", "FN:Bob", "TEL:112", "NOTE:n"))
		for i, want := range []bool{true, false} {
			changed, err := w.Merge(1, more, nothing)
			if err != nil || changed != want {
				t.Fatalf("merged %d times: %v %v", i+1, changed, err)
			}
		}
		if _, err := w.Merge(1, parsed(t, v4("UID:2", "FN:Bob", "EMAIL:b@b.pl")), nothing); err != nil {
			t.Fatal(err)
		}
		got := commit()
		if !strings.HasPrefix(got, other+"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:2\r\n") || !strings.HasSuffix(got, "END:VCARD\r\n"+ann) {
			t.Error(got)
		}
		f := file(got)
		b := readAll(t, f).contacts[1]
		if len(b.Phones) != 1 || len(b.Emails) != 1 || len(b.Notes) != 1 || len(b.Media) != 1 {
			t.Errorf("%+v", b)
		}
		r, err := f.OpenBlob(b.Blobs()[0])
		if err != nil {
			t.Fatal(err)
		}
		if content, err := io.ReadAll(r); err != nil || string(content) != photo {
			t.Errorf("the photo is %q, %v", content, err)
		}
	})
	t.Run("NothingNewLeavesTheFile", func(t *testing.T) {
		t.Parallel()
		w, commit := target(t, ann)
		if changed, err := w.Merge(0, parsed(t, ann), nothing); changed || err != nil {
			t.Errorf("%v %v", changed, err)
		}
		if got := commit(); got != ann {
			t.Error(got)
		}
	})
	t.Run("AbortLeavesTheFile", func(t *testing.T) {
		t.Parallel()
		w, _ := target(t, ann)
		if err := w.Put(parsed(t, bob[:strings.Index(bob, "PHOTO")]+"END:VCARD\r\n"), nothing); err != nil {
			t.Fatal(err)
		}
		if err := w.Abort(); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(w.path); err != nil || string(b) != ann {
			t.Errorf("%q %v", b, err)
		}
	})
	for name, c := range map[string]struct{ cards, want string }{
		"CutOff":         {ann[:40], "cut off"},
		"CutInItsEnd":    {strings.TrimSuffix(ann, "CARD\r\n"), "cut off"},
		"WithAnOpenEnd":  {ann + "NOTE;ENCODING=QUOTED-PRINTABLE:a=", "line 7: it has text there that is of no card"},
		"WithASoftEnd":   {strings.TrimSuffix(ann, "END:VCARD\r\n") + "END;ENCODING=QUOTED-PRINTABLE:VCARD=", "cut off"},
		"WithStrayText":  {ann + "rubbish\r\n" + ann, "1 card was read before it"},
		"WithoutLineEnd": {strings.ReplaceAll(ann, "\r\n", "\r"), "carriage returns"},
	} {
		t.Run("RefusesAFile/"+name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "cut.vcf")
			if err := os.WriteFile(path, []byte(c.cards), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Create(path, Options{})
			if _, bad := errors.AsType[*BadFile](err); !bad || !strings.Contains(err.Error(), c.want) {
				t.Error(err)
			}
			if _, terr := Try(path, Options{}); terr == nil || terr.Error() != err.Error() {
				t.Errorf("tried: %v", terr)
			}
			if left, err := filepath.Glob(path + ".*"); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	for name, between := range map[string]string{"NoLineEnd": "", "Mark": "\ufeff", "Folded": "\r\n "} {
		for at := range 2 {
			t.Run(fmt.Sprintf("MergesCardsThatShareALine/%s/%d", name, at), func(t *testing.T) {
				t.Parallel()
				other := v4("UID:3", "FN:Cid", "TEL:5")
				w, commit := target(t, strings.TrimSuffix(ann, "\r\n")+between+other)
				uid := []string{"UID:1", "UID:3"}[at]
				if changed, err := w.Merge(at, parsed(t, v4(uid, "FN:x", "NOTE:n")), nothing); err != nil || !changed {
					t.Fatal(changed, err)
				}
				if err := w.Put(parsed(t, v4("FN:Dan", "TEL:112")), nothing); err != nil {
					t.Fatal(err)
				}
				o := readAll(t, file(commit()))
				if len(o.contacts) != 3 || len(o.bad) > 0 || o.file != nil || len(o.contacts[at].Notes) != 1 {
					t.Fatalf("%+v", o)
				}
				for _, c := range o.contacts {
					if len(c.Phones) != 1 {
						t.Errorf("%+v", c)
					}
				}
			})
		}
	}
	t.Run("MergesBehindAMark", func(t *testing.T) {
		t.Parallel()
		w, commit := target(t, "\ufeff"+ann)
		if _, err := w.Merge(0, parsed(t, v4("UID:1", "FN:Ann", "NOTE:n")), nothing); err != nil {
			t.Fatal(err)
		}
		if got := commit(); !strings.HasPrefix(got, "\ufeffBEGIN:VCARD") {
			t.Errorf("%q", got)
		}
	})
}

func TestCreate_Together(t *testing.T) {
	t.Parallel()
	w, done := target(t, "BEGIN:VCARD\nVERSION:4.0\nFN:A\nEND:VCARD\n")
	if _, err := Create(w.path, Options{}); !errors.Is(err, ErrBusy) {
		t.Errorf("a second writer: %v", err)
	}
	if err := w.Put(&item.Contact{Name: item.Name{Full: "B"}}, nothing); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(done(), "FN:B") {
		t.Error("the contact is not there")
	}
	late, err := Create(w.path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := late.Put(&item.Contact{Name: item.Name{Full: "C"}}, nothing); err != nil {
		t.Fatal(err)
	}
	const other = "BEGIN:VCARD\nVERSION:4.0\nFN:Other\nEND:VCARD\n"
	elsewhere := filepath.Join(t.TempDir(), "other.vcf")
	if err := errors.Join(os.WriteFile(elsewhere, []byte(other), 0o600), os.Rename(elsewhere, w.path)); err != nil {
		t.Fatal(err)
	}
	if err := late.Commit(); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("a file that was changed meanwhile: %v", err)
	}
	if err := late.Abort(); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(w.path); err != nil || string(b) != other {
		t.Errorf("%q %v", b, err)
	}
	if left, err := filepath.Glob(w.path + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
