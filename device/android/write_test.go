package android

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapas/device/android/internal/markup"
	"zapas/device/internal/item"
)

// rewrite writes items and reads them again.
func rewrite(t interface {
	Helper()
	Fatal(...any)
}, from *Export, items []item.Item) ([]item.Item, string) {
	t.Helper()
	var b bytes.Buffer
	messages := func(yield func(item.Item) bool) {
		for _, it := range items {
			if !yield(it) {
				return
			}
		}
	}
	if err := Write(&b, len(items), messages, from.OpenBlob, Options{}); err != nil {
		t.Fatal(err)
	}
	var again []item.Item
	for it, err := range export(b.String()).Items() {
		if err != nil {
			t.Fatal(err, b.String())
		}
		again = append(again, it)
	}
	return again, b.String()
}

// waitingIsFailed is the one change that writing makes.
func waitingIsFailed(it item.Item) {
	switch m := it.(type) {
	case *item.SMS:
		m.Box = restored(m.Box)
	case *item.MMS:
		m.Box = restored(m.Box)
	}
}

func nasty() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "null", "a\r\n\tb \n", "<>&\"'", "&#0;", "שלום \u202eعربي", "👩🏽‍🚀𠮷", "e\u0301", "\u0085\u2028", "\ufeff", " x "}),
		rapid.SampledFrom([]string{"\x00\x01\x1f\x7f", "\ufffe\uffff\ufffd", "]]>"}),
		rapid.String(),
	)
}

func lists[T any](of *rapid.Generator[T]) *rapid.Generator[[]T] {
	return rapid.Map(rapid.SliceOfN(of, 0, 3), func(s []T) []T { return append([]T(nil), s...) })
}

func extrasIn(space string) *rapid.Generator[item.Extras] {
	names := rapid.StringMatching(`[a-z_]{1,3}_x[0-9]`)
	return rapid.Map(rapid.MapOfN(names, nasty(), 0, 3), func(m map[string]string) item.Extras {
		if len(m) == 0 {
			return nil
		}
		return item.Extras{space: m}
	})
}

func anySMS() *rapid.Generator[item.Item] {
	return rapid.Custom(func(t *rapid.T) item.Item {
		m := &item.SMS{
			Body: nasty().Draw(t, "body"), ServiceCenter: nasty().Draw(t, "smsc"), Protocol: rapid.Int64().Draw(t, "protocol"),
			Delivery: item.Delivery(rapid.IntRange(0, 3).Draw(t, "delivery")), ErrorCode: rapid.Int64().Draw(t, "error"),
		}
		m.Message = item.Message{
			Box: item.Box(rapid.IntRange(1, 6).Draw(t, "box")), Date: rapid.Int64().Draw(t, "date"), DateSent: rapid.Int64().Draw(t, "sent"), Unit: item.Millisecond,
			Read: rapid.Bool().Draw(t, "read"), Seen: rapid.Bool().Draw(t, "seen"), Locked: rapid.Bool().Draw(t, "locked"),
			Subject: nasty().Draw(t, "subject"), Extras: extrasIn("android.sms").Draw(t, "extras"),
		}
		if raw := nasty().Draw(t, "address"); raw != "" {
			m.Peers = []item.Address{item.ParseAddress(raw, "PL")}
		}
		return m
	})
}

// blobs is where the attachments of drawn items are.
type blobs map[[32]byte][]byte

func (b blobs) open(want item.Blob) (io.ReadCloser, error) {
	content, ok := b[want.SHA256]
	if !ok {
		return nil, errors.New("no such blob")
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

func (b blobs) add(content []byte) *item.Ref {
	sum := sha256.Sum256(content)
	b[sum] = content
	return &item.Ref{SHA256: sum, Size: int64(len(content))}
}

func anyMMS(b blobs) *rapid.Generator[item.Item] {
	part := rapid.Custom(func(t *rapid.T) item.Part {
		p := item.Part{
			Seq: rapid.Int64().Draw(t, "seq"), ContentType: rapid.OneOf(rapid.SampledFrom([]string{"text/plain", "image/jpeg", "application/smil"}), nasty()).Draw(t, "ct"),
			Charset: rapid.Int64().Draw(t, "chset"), Name: nasty().Draw(t, "name"), Filename: nasty().Draw(t, "fn"), ContentID: nasty().Draw(t, "cid"), Location: nasty().Draw(t, "cl"),
			Text: nasty().Draw(t, "text"), Extras: extrasIn("android.part").Draw(t, "extras"),
		}
		switch rapid.IntRange(0, 3).Draw(t, "blob") {
		case 0:
			p.Blob = b.add(rapid.SliceOf(rapid.Byte()).Draw(t, "data"))
		case 1:
			p.Blob = b.add([]byte(strings.Repeat(nasty().Draw(t, "long")+"x", item.MaxInlineText)))
		}
		return p
	})
	party := rapid.Custom(func(t *rapid.T) item.Party {
		return item.Party{
			Role: item.Role(rapid.IntRange(0, 4).Draw(t, "role")), Address: item.ParseAddress(nasty().Draw(t, "address"), "PL"),
			Charset: rapid.Int64().Draw(t, "charset"), Extras: extrasIn("android.addr").Draw(t, "extras"),
		}
	})
	return rapid.Custom(func(t *rapid.T) item.Item {
		m := &item.MMS{
			Parts: lists(part).Draw(t, "parts"), Parties: lists(party).Draw(t, "parties"),
			MessageID: nasty().Draw(t, "m_id"), TransactionID: nasty().Draw(t, "tr_id"), ContentLocation: nasty().Draw(t, "ct_l"),
			Type: rapid.Int64().Draw(t, "type"), SubjectCharset: rapid.Int64().Draw(t, "sub_cs"),
			Priority: rapid.Int64().Draw(t, "pri"), ReadReport: rapid.Int64().Draw(t, "rr"), DeliveryReport: rapid.Int64().Draw(t, "d_rpt"),
		}
		m.Message = item.Message{
			Box: item.Box(rapid.IntRange(1, 5).Draw(t, "box")), Date: rapid.Int64().Draw(t, "date"), DateSent: 1000 * rapid.Int64Range(-1<<40, 1<<40).Draw(t, "sent"), Unit: item.Second,
			Read: rapid.Bool().Draw(t, "read"), Seen: rapid.Bool().Draw(t, "seen"), Locked: rapid.Bool().Draw(t, "locked"),
			Subject: nasty().Draw(t, "subject"), Extras: extrasIn("android.mms").Draw(t, "extras"),
		}
		for _, name := range []string{"Ann", "Bob"} {
			m.Peers = append(m.Peers, item.ParseAddress(name))
		}
		return m
	})
}

func TestWrite(t *testing.T) {
	t.Parallel()
	t.Run("ReadsBackEqual", rapid.MakeCheck(func(t *rapid.T) {
		b := blobs{}
		items := lists(rapid.OneOf(anySMS(), anyMMS(b))).Draw(t, "items")
		var out bytes.Buffer
		all := func(yield func(item.Item) bool) {
			for _, it := range items {
				if !yield(it) {
					return
				}
			}
		}
		if err := Write(&out, len(items), all, b.open, Options{}); err != nil {
			t.Fatal(err)
		}
		e := export(out.String())
		var again []item.Item
		for it, err := range e.Items() {
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, it)
		}
		for _, it := range items {
			waitingIsFailed(it)
		}
		if diff := cmp.Diff(items, again); diff != "" {
			t.Fatal(diff)
		}
		if e.Notes().Declared != len(items) {
			t.Fatalf("the file's count is %d, want %d", e.Notes().Declared, len(items))
		}
	}))
	t.Run("AnyReaderOfXMLReadsTheSame", rapid.MakeCheck(func(t *rapid.T) {
		text := strings.Map(func(r rune) rune {
			if !markup.Lawful(r) {
				return -1
			}
			return r
		}, nasty().Draw(t, "text"))
		it := &item.SMS{Message: item.Message{Box: item.Sent, Unit: item.Millisecond}, Body: text}
		_, out := rewrite(t, nil, []item.Item{it})
		var file struct {
			SMS []struct {
				Body string `xml:"body,attr"`
			} `xml:"sms"`
		}
		if err := xml.Unmarshal([]byte(out), &file); err != nil {
			t.Fatal(err)
		}
		if len(file.SMS) != 1 || file.SMS[0].Body != text {
			t.Fatalf("encoding/xml reads %q, want %q", file.SMS, text)
		}
	}))
	t.Run("EmojiStandAsTheyAre", func(t *testing.T) {
		t.Parallel()
		_, out := rewrite(t, nil, []item.Item{&item.SMS{Message: item.Message{Box: item.Sent, Unit: item.Millisecond}, Body: "😎\x00"}})
		if !strings.Contains(out, `body="😎&#0;"`) {
			t.Error(out)
		}
	})
	t.Run("AWrongCountIsRefused", func(t *testing.T) {
		t.Parallel()
		if err := Write(io.Discard, 1, func(func(item.Item) bool) {}, nil, Options{}); err == nil {
			t.Error("a count of 1 for no message")
		}
	})
}

func text(body string) *item.SMS {
	return &item.SMS{Message: item.Message{Box: item.Sent, Date: 5, Unit: item.Millisecond, Peers: peer()}, Body: body}
}

func TestWriter(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return time.UnixMilli(77) }
	create := func(t *testing.T, path string) *Writer {
		t.Helper()
		w, err := Create(path, Options{Region: "PL", Now: now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.Abort() })
		return w
	}
	content := func(t *testing.T, path string) string {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	put := func(t *testing.T, w *Writer, items ...item.Item) {
		t.Helper()
		for _, it := range items {
			if err := w.Put(it, blobs{}.open); err != nil {
				t.Fatal(err)
			}
		}
	}
	commit := func(t *testing.T, w *Writer) {
		t.Helper()
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		if left := beside(t, w.path); len(left) > 0 {
			t.Errorf("still there: %v", left)
		}
	}
	old := "<?xml version='1.0' encoding='UTF-8' ?>\n<!-- mine --><smses backup_set='s' count='7'>\n  <sms date='1' type='1' body='&#55357;&#56846;'/><sms/>\n\t<rcs/></smses>\n"

	t.Run("MakesANewFile", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "new.xml")
		w := create(t, path)
		for range w.Existing() {
			t.Error("a new file holds something")
		}
		put(t, w, text("a"), text("b"))
		commit(t, w)
		got := content(t, path)
		if o := readAll(t, export(got)); len(o.items) != 2 || o.file != nil || !strings.Contains(got, `<smses count="2"`) || !strings.Contains(got, `backup_date="77"`) {
			t.Error(got)
		}
	})
	t.Run("KeepsWhatWasThere", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "old.xml")
		if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, count := range []string{"3", "4"} {
			w := create(t, path)
			put(t, w, text("new"))
			commit(t, w)
			got := content(t, path)
			for _, want := range []string{"<!-- mine -->", `backup_set="s"`, `count="` + count + `"`, "\n  <sms date='1' type='1' body='&#55357;&#56846;'/><sms/>\n\t<rcs/>"} {
				if !strings.Contains(got, want) {
					t.Errorf("%s is missing: %s", want, got)
				}
			}
			if o := readAll(t, export(got)); o.file != nil || len(o.bad) != 1 {
				t.Errorf("bad %v %v", o.bad, o.file)
			}
		}
	})
	t.Run("GivesWhatWasThere", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "old.xml")
		if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
		w := create(t, path)
		put(t, w, text("new"))
		good, bad := 0, 0
		for _, err := range w.Existing() {
			if err == nil {
				good++
			} else {
				bad++
			}
		}
		if good != 1 || bad != 1 {
			t.Errorf("%d good and %d bad, want one each", good, bad)
		}
	})
	t.Run("FillsAnEmptyRoot", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "empty.xml")
		if err := os.WriteFile(path, []byte("<smses/>"), 0o600); err != nil {
			t.Fatal(err)
		}
		w := create(t, path)
		put(t, w, text("a"))
		commit(t, w)
		if o := readAll(t, export(content(t, path))); len(o.items) != 1 || o.file != nil {
			t.Error(content(t, path))
		}
	})
	t.Run("AbortLeavesTheFile", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "old.xml")
		if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".123.part", []byte("left by one who died"), 0o600); err != nil {
			t.Fatal(err)
		}
		w := create(t, path)
		put(t, w, text("a"))
		if err := w.Abort(); err != nil {
			t.Fatal(err)
		}
		if left := beside(t, path); content(t, path) != old || len(left) > 0 {
			t.Errorf("still there: %v", left)
		}
	})
	t.Run("RefusesWhatItCannotRead", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "cut.xml")
		if err := os.WriteFile(path, []byte(old[:len(old)-5]), 0o600); err != nil {
			t.Fatal(err)
		}
		var bad *BadFile
		if _, err := Create(path, Options{}); !errors.As(err, &bad) || content(t, path) != old[:len(old)-5] {
			t.Errorf("got: %v", err)
		}
	})
	t.Run("APutThatFailsLeavesNothing", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "new.xml")
		w := create(t, path)
		b := blobs{}
		ref := b.add(bytes.Repeat([]byte("x"), 200_000))
		mms := func(ref *item.Ref) *item.MMS {
			m := &item.MMS{Message: item.Message{Box: item.Sent, Unit: item.Second}}
			m.Parts = []item.Part{{ContentType: "image/jpeg", Blob: ref}}
			return m
		}
		name := &item.SMS{Message: item.Message{Box: item.Sent, Unit: item.Millisecond, Extras: item.Extras{"android.sms": {"no name": ""}}}}
		for _, bad := range []item.Item{
			mms(&item.Ref{SHA256: [32]byte{1}}),
			mms(&item.Ref{SHA256: ref.SHA256, Size: ref.Size - 1}),
			name,
			&item.SMS{Message: item.Message{Box: item.Sent, Unit: item.Millisecond, Peers: append(peer(), peer()...)}},
		} {
			if err := w.Put(bad, b.open); err == nil {
				t.Errorf("put %+v", bad)
			}
		}
		if err := w.Put(mms(ref), b.open); err != nil {
			t.Fatal(err)
		}
		commit(t, w)
		if o := readAll(t, export(content(t, path))); len(o.items) != 1 || len(o.bad) > 0 || o.file != nil {
			t.Errorf("%v %v", o.bad, o.file)
		}
	})
	t.Run("WaitingIsPutAsFailed", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "new.xml")
		w := create(t, path)
		for _, box := range []item.Box{item.Outbox, item.Queued, item.Failed} {
			put(t, w, &item.SMS{Message: item.Message{Box: box, Unit: item.Millisecond}})
		}
		commit(t, w)
		if n := strings.Count(content(t, path), `type="5"`); n != 3 {
			t.Error(content(t, path))
		}
	})
}

// beside lists what is in the folder of a file but the file itself.
func beside(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(path) {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestOpen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path string
		o    Options
	}{
		"NoSuchFile": {filepath.Join(t.TempDir(), "no.xml"), Options{}},
		"Folder":     {t.TempDir(), Options{}},
		"OddRegion":  {os.DevNull, Options{Region: "pl"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Open(c.path, c.o); err == nil {
				t.Error("it was opened")
			}
		})
	}
}
