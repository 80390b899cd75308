package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"zapas/device/sample"
)

// exported writes a phone as it is after so many days.
func exported(t *testing.T, days int) string {
	t.Helper()
	p := sample.New(1, sample.Size{SMS: 200, MMS: 4, MinAttachment: 3 << 20, MaxAttachment: 3 << 20, History: sample.Demo().History, DaySMS: 5, DayMMS: 1,
		Contacts: 20, Calls: 30, MinPhoto: 1 << 10, MaxPhoto: 1 << 10, DayCalls: 2})
	for n := range days {
		p.Day(n + 1)
	}
	dir := t.TempDir()
	for name, content := range map[string]func(io.Writer) error{"contacts.vcf": p.WriteContacts, "messages.xml": p.WriteXML, "calls.xml": p.WriteCalls} {
		var b bytes.Buffer
		if err := content(&b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func floorOf(t *testing.T, folder, base string) (f Floor) {
	t.Helper()
	var out bytes.Buffer
	if err := run(folder, base, &out); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFloor: all that is on a phone counts once, what it held before costs nothing, and each attachment has its size.
func TestFloor(t *testing.T) {
	t.Parallel()
	fresh, later := exported(t, 0), exported(t, 1)
	f := floorOf(t, fresh, "")
	var packed int64
	for kind, s := range f.Records {
		packed += s.Packed
		if s.Plain == 0 || s.Packed == 0 || s.Packed > s.Plain {
			t.Errorf("%s: %+v", kind, s)
		}
	}
	if len(f.Records) != 4 || f.Bytes != f.Attached+packed || f.Attached < 3<<20 || f.Compressing <= 0 || f.Sealing <= 0 || f.Reading <= 0 {
		t.Errorf("%+v", f)
	}
	if same := floorOf(t, fresh, fresh); same.Bytes != 0 || len(same.Records) != 0 || same.Attachments != 0 {
		t.Errorf("nothing has changed, and costs %+v", same)
	}
	day := floorOf(t, later, fresh)
	if day.Attachments > 1 || day.Attached != day.Attachments*3<<20 || day.Bytes-day.Attached > 5_000 || len(day.Records) != 4 {
		t.Errorf("a day costs %+v", day)
	}
	if err := run(t.TempDir(), "", io.Discard); err == nil || !strings.Contains(err.Error(), "contacts.vcf") {
		t.Errorf("an empty folder has a floor: %v", err)
	}
}

// TestSealer: every piece is sealed, under a nonce of its own.
func TestSealer(t *testing.T) {
	t.Parallel()
	s, err := newSealer()
	if err != nil {
		t.Fatal(err)
	}
	plain := bytes.Repeat([]byte("x"), 2*piece+1)
	s.seal(plain)
	var nonce [12]byte
	nonce[0] = 3
	got, err := s.aead.Open(nil, nonce[:], s.out, nil)
	if s.last != 3 || err != nil || string(got) != "x" {
		t.Errorf("%d pieces, the last %q: %v", s.last, got, err)
	}
}

// TestCompress: it is one whole stream that anybody can expand.
func TestCompress(t *testing.T) {
	t.Parallel()
	m, err := newMeasure()
	if err != nil {
		t.Fatal(err)
	}
	plain := bytes.Repeat([]byte("one two three "), 1_000)
	for range 2 { // the second in the memory of the first
		if err := m.compress(plain); err != nil {
			t.Fatal(err)
		}
	}
	r, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := r.DecodeAll(m.packed, nil); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
