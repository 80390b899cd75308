package android

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/infile"
)

// metered counts what is read of a file, in which a byte may be changed.
type metered struct {
	content []byte
	read    int
}

func (m *metered) ReadAt(p []byte, at int64) (int, error) {
	n, err := bytes.NewReader(m.content).ReadAt(p, at)
	m.read += n
	return n, err
}

// TestItems_Again: a second reading passes over attachments, and tells the same of everything.
func TestItems_Again(t *testing.T) {
	t.Parallel()
	wrapped := func(n int) string {
		text := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1, 2, 3}, n/3))
		return text[:len(text)/8*4] + "\n" + text[len(text)/8*4:]
	}
	var all strings.Builder
	for _, data := range []string{wrapped(30), wrapped(400_000), wrapped(40_000), wrapped(400_001), "!", "AQ&#1;ID", "", wrapped(60)} {
		fmt.Fprintf(&all, `<mms date="1" msg_box="1" address="1"><parts><part seq="0" ct="image/png" data='%s' /></parts></mms>`+"\n<sms/>\n", data)
	}
	m := &metered{content: []byte(whole(all.String()))}
	e := newExport("x", m, int64(len(m.content)), Options{})
	first := readAll(t, e)
	once, notes := m.read, e.Notes()
	if first.file != nil || len(first.items) != 6 || len(first.bad) != 10 {
		t.Fatalf("%d items, %d bad, %v", len(first.items), len(first.bad), first.file)
	}
	m.read = 0
	if diff := cmp.Diff(first, readAll(t, e), cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("(-first +again):\n%s", diff)
	}
	if diff := cmp.Diff(notes, e.Notes()); diff != "" {
		t.Errorf("(-first +again):\n%s", diff)
	}
	if m.read > once/2 {
		t.Errorf("again %d bytes were read, first %d", m.read, once)
	}
	for _, it := range first.items {
		for _, b := range it.Blobs() {
			r, err := e.OpenBlob(b)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, r); err != nil || n != b.Size {
				t.Errorf("%d of %d bytes: %v", n, b.Size, err)
			}
		}
	}
	last := bytes.LastIndex(m.content, []byte(`' />`))
	m.content[last-1], m.content[last] = '\'', ' '
	if o := readAll(t, e); o.file == nil || !errors.Is(o.file, infile.ErrMoved) {
		t.Errorf("an attachment ends elsewhere: %v", o.file)
	}
}
