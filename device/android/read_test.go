package android

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"zapas/device/android/internal/markup"
	"zapas/device/internal/alloctest"
	"zapas/device/internal/item"
)

func export(xml string) *Export {
	return newExport("export.xml", strings.NewReader(xml), int64(len(xml)), Options{Region: "PL"})
}

// outcome is what a reading gave.
type outcome struct {
	items []item.Item
	bad   []*BadItem
	file  *BadFile
}

func readAll(t testing.TB, e *Export) (o outcome) {
	t.Helper()
	for it, err := range e.Items() {
		var bad *BadItem
		switch {
		case o.file != nil:
			t.Fatal("the reading went on behind a BadFile")
		case err == nil:
			o.items = append(o.items, it)
		case errors.As(err, &bad):
			o.bad = append(o.bad, bad)
		case !errors.As(err, &o.file):
			t.Fatalf("an error of no type: %v", err)
		}
	}
	return o
}

// whole wraps messages into a file.
func whole(messages string) string {
	return "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n<!-- app --><smses count=\"1\">\n" + messages + "\n</smses>\n"
}

func sms(attrs string) string { return whole(`<sms address="+48600123456" ` + attrs + ` />`) }

func joined(n int) Notes { return Notes{Mended: markup.Mended{Joined: n}} }

func kept(n int) Notes { return Notes{Mended: markup.Mended{Kept: n}} }

func replaced(n int) Notes { return Notes{Mended: markup.Mended{Replaced: n}} }

func peer() []item.Address { return []item.Address{item.ParseAddress("+48600123456")} }

const photo = "\xff\xd8 a photo"

func TestItems(t *testing.T) {
	t.Parallel()
	message := func(m item.Message) item.Message {
		m.Box, m.Date, m.Unit, m.Peers = item.Inbox, 5, item.Millisecond, peer()
		return m
	}
	body := func(s string) item.Item { return &item.SMS{Message: message(item.Message{}), Body: s} }
	sum := sha256.Sum256([]byte(photo))
	long := strings.Repeat("ż", item.MaxInlineText/2+1)
	longSum := sha256.Sum256([]byte(long))
	group := item.Message{Box: item.Inbox, Date: 5000, DateSent: 4000, Unit: item.Second, Peers: []item.Address{item.ParseAddress("a"), item.ParseAddress("b")}}
	for name, c := range map[string]struct {
		xml   string
		want  []item.Item
		notes Notes
	}{
		"Plain":               {sms(`date="5" type="1" body="ok"`), []item.Item{body("ok")}, Notes{}},
		"SingleQuotes":        {sms(`date='5' type='1' body='"'`), []item.Item{body(`"`)}, Notes{}},
		"References":          {sms(`date="5" type="1" body="&lt;&amp;&#x142;&#10;&apos;&gt;"`), []item.Item{body("<&ł\n'>")}, Notes{}},
		"JoinedSurrogates":    {sms(`date="5" type="1" body="&#55357;&#56846;&#xD83D;&#xDE0E;"`), []item.Item{body("\U0001F60E\U0001F60E")}, joined(2)},
		"LoneSurrogates":      {sms(`date="5" type="1" body="&#55357;a&#56846;&#55357;"`), []item.Item{body("\ufffda\ufffd\ufffd")}, replaced(3)},
		"ForbiddenCharacters": {sms(`date="5" type="1" body="&#0;&#7;&#65534;` + "\x01" + `"`), []item.Item{body("\x00\x07\ufffe\x01")}, kept(4)},
		"BrokenUTF8":          {sms("date=\"5\" type=\"1\" body=\"\xffz\xc5\""), []item.Item{body("\ufffdz\ufffd")}, replaced(2)},
		"BeyondUnicode":       {sms(`date="5" type="1" body="&#x110000;"`), []item.Item{body("\ufffd")}, replaced(1)},
		"RawLines":            {sms("date=\"5\" type=\"1\" body=\"a\r\nb\rc\td\""), []item.Item{body("a\nb\nc\td")}, Notes{}},
		"NullIsAbsent":        {sms(`date="5" type="1" body="x" subject="null" service_center="null" toa="null"`), []item.Item{body("x")}, Notes{}},
		"NullIsAWordInABody":  {sms(`date="5" type="1" body="null"`), []item.Item{body("null")}, Notes{}},
		"DerivedIsDropped":    {sms(`date="5" type="1" body="x" readable_date="1 Jan 1970" contact_name="Ann"`), []item.Item{body("x")}, Notes{}},
		"AllFields": {sms(`date="5" date_sent="3000" type="1" body="x" read="1" seen="1" locked="1" status="64" subject="s" service_center="+48" protocol="57" error_code="2" sub_id="1" x:y=""`), []item.Item{&item.SMS{
			Message: message(item.Message{DateSent: 3000, Read: true, Seen: true, Locked: true, Subject: "s", Extras: item.Extras{"android.sms": {"sub_id": "1", "x:y": ""}}}),
			Body:    "x", Delivery: item.DeliveryFailed, ServiceCenter: "+48", Protocol: 57, ErrorCode: 2,
		}}, Notes{}},
		"OddValuesBecomeExtras": {sms(`date="5" type="1" body="x" read="2" status="33" protocol="?" date_sent="soon"`), []item.Item{&item.SMS{
			Message: message(item.Message{Extras: item.Extras{"android.sms": {"read": "2", "status": "33", "protocol": "?", "date_sent": "soon"}}}), Body: "x",
		}}, Notes{}},
		"UnknownElements": {whole(`<rcs a="1"><sms/></rcs><sms date="5" type="1" address="+48600123456" body="x"><y/>z</sms><![CDATA[<sms>]]>`), []item.Item{body("x")}, Notes{Unknown: 2, Foreign: 1, Passed: markup.Place{Offset: 87, Line: 3}}},
		"ByteOrderMark":   {"\ufeff" + sms(`date="5" type="1" body="x"`), []item.Item{body("x")}, Notes{}},
		"EmptyRoot":       {`<smses count="0"/>`, nil, Notes{}},
		"Call": {`<calls count="1"><call number="600 123 456" duration="61" date="5" type="1" presentation="1" subscription_id="8948" post_dial_digits="" subscription_component_name="c/d" readable_date="x" contact_name="Ann" is_read="1" new="1" features="1" x="y"/></calls>`,
			[]item.Item{&item.Call{Type: item.Incoming, Date: 5, Unit: item.Millisecond, Duration: 61, Address: item.ParseAddress("600 123 456", "PL"), Presentation: item.Allowed,
				Line: "8948", LineOf: "c/d", Read: true, New: true, Features: 1, Extras: item.Extras{"android.call": {"x": "y"}}}}, Notes{}},
		"CallFromNobody": {`<calls><call number="" duration="-1" date="5" type="3" presentation="2"/><sms/><call number="-1" date="5" type="6" presentation="9"/></calls>`, []item.Item{
			&item.Call{Type: item.Missed, Date: 5, Unit: item.Millisecond, Address: item.ParseCaller("", item.Restricted), Presentation: item.Restricted, Extras: item.Extras{"android.call": {"duration": "-1"}}},
			&item.Call{Type: item.Blocked, Date: 5, Unit: item.Millisecond, Address: item.ParseAddress("-1"), Extras: item.Extras{"android.call": {"presentation": "9"}}},
		}, Notes{Unknown: 1, Foreign: 1, Passed: markup.Place{Offset: 73, Line: 1}}},
		"MMS": {whole(`<mms date="5000" date_sent="4" msg_box="1" address="a~b" m_id="id" m_type="132" sub="s" sub_cs="106" pri="129" rr="1" d_rpt="2" tr_id="t" ct_l="l" v="18">` +
			`<parts><part seq="-1" ct="application/smil" chset="null" name="null" text="&lt;smil/&gt;" />` +
			`<part seq="0" ct="image/jpeg" name="p.jpg" fn="f" cid="&lt;c&gt;" cl="l" text="null" data="` + base64.StdEncoding.EncodeToString([]byte(photo)) + `" q="1"/>` +
			`<part seq="0" ct="text/plain" chset="106" text="null"/></parts>` +
			`<addrs><addr address="a" type="137" charset="106"/><addr address="insert-address-token" type="151"/><addr address="b" type="130"/><addr address="c" type="129"/><addr address="d" type="7"/></addrs></mms>`),
			[]item.Item{&item.MMS{
				Message: func() item.Message {
					m := group
					m.Subject, m.Extras = "s", item.Extras{"android.mms": {"v": "18"}}
					return m
				}(),
				MessageID: "id", Type: item.Retrieved, SubjectCharset: 106, Priority: 129, ReadReport: 1, DeliveryReport: 2, TransactionID: "t", ContentLocation: "l",
				Parts: []item.Part{
					{Seq: -1, ContentType: "application/smil", Text: "<smil/>"},
					{ContentType: "image/jpeg", Name: "p.jpg", Filename: "f", ContentID: "<c>", Location: "l", Blob: &item.Ref{SHA256: sum, Size: int64(len(photo))}, Extras: item.Extras{"android.part": {"q": "1"}}},
					{ContentType: "text/plain", Charset: 106, Text: "null"},
				},
				Parties: []item.Party{
					{Role: item.From, Address: item.ParseAddress("a"), Charset: 106}, {Role: item.To, Address: item.ParseAddress("insert-address-token")},
					{Role: item.Cc, Address: item.ParseAddress("b")}, {Role: item.Bcc, Address: item.ParseAddress("c")},
					{Address: item.ParseAddress("d"), Extras: item.Extras{"android.addr": {"type": "7"}}},
				},
			}}, Notes{}},
		"LongText": {whole(`<mms date="5000" date_sent="4" msg_box="1" address="a~b"><parts><part text="` + long + `" ct="text/plain"/></parts></mms>`), []item.Item{&item.MMS{
			Message: group, Parts: []item.Part{{ContentType: "text/plain", Blob: &item.Ref{SHA256: longSum, Size: int64(len(long))}}},
		}}, Notes{}},
		"WrappedBase64": {whole(`<mms date="5000" date_sent="4" msg_box="1" address="a~b"><parts><part ct="x/y" data="/9gg` + "\r\n" + ` YSBwaG&#57;0&#10;bw==` + "\n" + `"/></parts></mms>`), []item.Item{&item.MMS{
			Message: group, Parts: []item.Part{{ContentType: "x/y", Blob: &item.Ref{SHA256: sum, Size: int64(len(photo))}}},
		}}, Notes{}},
		"PeersFromParties": {whole(`<mms date="5000" date_sent="4" msg_box="1" address="null"><addrs><addr address="a" type="137"/><addr address="b" type="151"/><addr address="600600600" type="151"/></addrs></mms>`), []item.Item{&item.MMS{
			Message: group, Parties: []item.Party{{Role: item.From, Address: item.ParseAddress("a")}, {Role: item.To, Address: item.ParseAddress("b")}, {Role: item.To, Address: item.ParseAddress("600600600", "PL")}},
		}}, Notes{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newExport("export.xml", strings.NewReader(c.xml), int64(len(c.xml)), Options{Region: "PL", Own: []string{"+48600600600"}})
			o := readAll(t, e)
			if o.file != nil || len(o.bad) > 0 {
				t.Fatalf("bad: %v %v", o.bad, o.file)
			}
			if diff := cmp.Diff(c.want, o.items); diff != "" {
				t.Error(diff)
			}
			notes := e.Notes()
			if places := min(10, notes.Kept+notes.Replaced); len(notes.Places) != places {
				t.Errorf("%d places, want %d", len(notes.Places), places)
			}
			c.notes.Declared, c.notes.Messages, c.notes.Places = notes.Declared, len(c.want), notes.Places
			if diff := cmp.Diff(c.notes, notes); diff != "" {
				t.Error(diff)
			}
			for _, it := range o.items {
				if _, err := item.Encode(it); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestNotes_Declared(t *testing.T) {
	t.Parallel()
	for count, want := range map[string]int{
		"0": 0, "1": 1, "1000000": 1_000_000, "1000001": -1, "50000000": -1, "4294967297": -1, "-1": -1,
		"9223372036854775807": -1, "-9223372036854775808": -1, "9223372036854775808": -1, "many": -1, "": -1, "null": -1,
	} {
		e := export(`<smses count="` + count + `"/>`)
		readAll(t, e)
		if got := e.Notes().Declared; got != want {
			t.Errorf("a count of %q is taken for %d, want %d", count, got, want)
		}
	}
}

func TestBadItem(t *testing.T) {
	t.Parallel()
	good := `<sms address="a" date="1" type="2" body="good"/>`
	for name, c := range map[string]struct{ xml, reason string }{
		"NoDate":         {`<sms address="a" type="1" body="x"/>`, "no date"},
		"NullDate":       {`<sms address="a" date="null" type="1" body="x"/>`, "no date"},
		"OddDate":        {`<sms address="a" date="today" type="1" body="x"/>`, "date is not a number"},
		"NoType":         {`<sms address="a" date="1" body="x"/>`, "no type"},
		"OddType":        {`<sms address="a" date="1" type="7" body="x"/>`, "none of 1 to 6"},
		"OddBox":         {`<mms address="a" date="1" msg_box="6"/>`, "none of 1 to 5"},
		"Twice":          {`<sms address="a" date="1" date="2" type="1"/>`, "date twice"},
		"BareAmpersand":  {`<sms address="a" date="1" type="1" body="a & b"/>`, "an & that begins no reference"},
		"UnknownEntity":  {`<sms address="a" date="1" type="1" body="&nbsp;"/>`, "an & that begins no reference"},
		"TooLarge":       {`<sms address="a" date="1" type="1" body="` + strings.Repeat("x", item.MaxEncoded) + `"/>`, "larger than"},
		"NotBase64":      {`<mms date="1" msg_box="1"><parts><part ct="x/y" data="AAA!AAAA"/></parts></mms>`, "not base64"},
		"CutBase64":      {`<mms date="1" msg_box="1"><parts><part ct="x/y" data="AAA"/></parts></mms>`, "not base64"},
		"BehindPadding":  {`<mms date="1" msg_box="1"><parts><part ct="x/y" data="` + strings.Repeat("A", 16<<10-4) + `AA==AAAA"/></parts></mms>`, "not base64"},
		"DataTwice":      {`<mms date="1" msg_box="1"><parts><part ct="x/y" data="AAAA" data="AAAA"/></parts></mms>`, "data twice"},
		"TextTwice":      {`<mms date="1" msg_box="1"><parts><part ct="text/plain" text="" text="x"/></parts></mms>`, "text twice"},
		"BadText":        {`<mms date="1" msg_box="1"><parts><part ct="text/plain" text="&x"/></parts></mms>`, "an & that begins no reference"},
		"ManyParts":      {`<mms date="1" msg_box="1"><parts>` + strings.Repeat(`<part/>`, item.MaxParts+1) + `</parts></mms>`, "more than 512 parts"},
		"ManyAddresses":  {`<mms date="1" msg_box="1"><addrs>` + strings.Repeat(`<addr/>`, item.MaxAddresses+1) + `</addrs></mms>`, "more than 16384 addresses"},
		"ManyAttributes": {`<sms ` + attributes(maxAttrs+1) + `/>`, "more than 256 attributes"},
		"LargeInAll":     {`<mms date="1" msg_box="1"><parts>` + strings.Repeat(`<part text="`+strings.Repeat("x", item.MaxInlineText)+`"/>`, item.MaxEncoded/item.MaxInlineText+1) + `</parts></mms>`, "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := good + "\n" + good
			o := readAll(t, export("<smses>"+before+c.xml+good+"</smses>"))
			if len(o.items) != 3 || len(o.bad) != 1 || o.file != nil {
				t.Fatalf("%d items, bad %v, %v; want 3, one, none", len(o.items), o.bad, o.file)
			}
			bad := o.bad[0]
			if !strings.Contains(bad.Reason, c.reason) || bad.Offset != int64(len("<smses>"+before)) || bad.Line != 2 || bad.Kind.String() != c.xml[1:4] {
				t.Errorf("got: %v", bad)
			}
		})
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d=""`, i)
	}
	return b.String()
}

func TestBadFile(t *testing.T) {
	t.Parallel()
	one := `<sms address="a" date="1" type="2" body="x"/>` + "\n"
	for name, c := range map[string]struct {
		xml, reason string
		read        int
		line        int64
	}{
		"Empty":          {"", "it is empty", 0, 1},
		"Text":           {"hello\n", "neither <smses> nor <calls>", 0, 2},
		"Other":          {"<rcs></rcs>", "first element is neither <smses> nor <calls>", 0, 1},
		"UTF16":          {"\xff\xfe<\x00", "UTF-16", 0, 1},
		"Latin1":         {"<?xml version='1.0' encoding='ISO-8859-1' ?><smses/>", "another encoding", 0, 1},
		"DocumentType":   {"<!DOCTYPE smses [<!ENTITY a \"b\">]><smses/>", "document type", 0, 1},
		"TwoRoots":       {"<smses>" + one + "</smses><smses/>", "behind the end", 1, 2},
		"Deep":           {"<smses>" + strings.Repeat("<a>", 16), "nested deeper", 0, 1},
		"CutInComment":   {"<smses><!-- ", "cut off", 0, 1},
		"CutInData":      {`<smses><mms date="1" msg_box="1"><parts><part data="AAAA`, "cut off", 0, 1},
		"BadRoot":        {`<smses count="1" count="2"/>`, "count twice", 0, 1},
		"UnclosedEndTag": {"<smses></smses", "cut off", 0, 1},
		"BrokenAtItsEnd": {"<smses>" + one + `<sms date="1 type="1" body="x"/>`, "a name", 1, 2},
		"BrokenRoot":     {"<smses count=1>" + one + "</smses>", "not quoted", 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := readAll(t, export(c.xml))
			if o.file == nil {
				t.Fatal("the file was read to its end")
			}
			if !strings.Contains(o.file.Reason, c.reason) || o.file.Read != c.read || o.file.Line != c.line {
				t.Errorf("got: %v", o.file)
			}
		})
	}
	t.Run("EveryPrefixKeepsWhatIsWhole", func(t *testing.T) {
		t.Parallel()
		xml := whole(one + `<mms date="1" msg_box="1" address="b"><parts><part ct="x/y" data="AAAA"/></parts></mms>` + one)
		all := readAll(t, export(xml)).items
		end := strings.Index(xml, "</smses>") + len("</smses>")
		for n := range end {
			o := readAll(t, export(xml[:n]))
			if o.file == nil || len(o.bad) > 0 {
				t.Fatalf("the first %d bytes: %v %v", n, o.bad, o.file)
			}
			if diff := cmp.Diff(all[:len(o.items)], o.items, cmpopts.EquateEmpty()); diff != "" || o.file.Offset > int64(n) {
				t.Fatalf("the first %d bytes: %v %s", n, o.file, diff)
			}
		}
	})
	t.Run("ADiskErrorIsNamed", func(t *testing.T) {
		t.Parallel()
		e := newExport("export.xml", failing{}, 100, Options{})
		if o := readAll(t, e); o.file == nil || !errors.Is(o.file, os.ErrDeadlineExceeded) {
			t.Errorf("got: %v", o.file)
		}
	})
}

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, os.ErrDeadlineExceeded }

func TestOpenBlob(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("0123456789abcde"), 200_000) // over many buffers
	path := filepath.Join(t.TempDir(), "export.xml")
	long := strings.Repeat("&lt;é\n", 40_000)
	xml := whole(`<mms date="1" msg_box="1"><parts><part ct="x/y" data="` + base64.StdEncoding.EncodeToString(content) + `"/><part ct="text/plain" text='` + long + `'/><part data=""/></parts></mms>`)
	if err := os.WriteFile(path, []byte(xml), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.OpenBlob(item.Blob{}); err == nil {
		t.Error("a blob was opened before the messages were read")
	}
	o := readAll(t, e)
	blobs := o.items[0].Blobs()
	for i, want := range []string{string(content), strings.ReplaceAll(long, "&lt;", "<"), ""} {
		if got := readBlob(t, e, blobs[i]); got != want {
			t.Errorf("blob %d has other bytes", i)
		}
	}
	t.Run("NoticesAChange", func(t *testing.T) {
		at := strings.Index(xml, `data="`) + 100
		if err := os.WriteFile(path, []byte(xml[:at]+"////"+xml[at+4:]), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := e.OpenBlob(blobs[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err == nil || !strings.Contains(err.Error(), "changed") {
			t.Errorf("got: %v", err)
		}
	})
}

func readBlob(t testing.TB, e *Export, b item.Blob) string {
	t.Helper()
	r, err := e.OpenBlob(b)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// TestMemory is not parallel: it counts what is allocated in all.
func TestMemory(t *testing.T) {
	head, tail := `<smses><mms date="1" msg_box="1"><parts><part ct="x/y" data="`, `"/></parts></mms></smses>`
	const length = 32 << 20
	f := repeated{head, 'A', length, tail}
	e := newExport("export.xml", f, int64(len(head)+length+len(tail)), Options{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	o := readAll(t, e)
	runtime.ReadMemStats(&after)
	if len(o.items) != 1 || o.items[0].Blobs()[0].Size != length/4*3 {
		t.Fatalf("read %v, %v", o.items, o.file)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("an attachment of %d MiB took %d KiB of memory", length>>20, used>>10)
	}
}

// repeated is a file with one letter again and again in its middle.
type repeated struct {
	head   string
	letter byte
	n      int64
	tail   string
}

func (f repeated) ReadAt(p []byte, at int64) (int, error) {
	for i := range p {
		switch pos := at + int64(i) - int64(len(f.head)); {
		case pos < 0:
			p[i] = f.head[at+int64(i)]
		case pos < f.n:
			p[i] = f.letter
		case pos-f.n < int64(len(f.tail)):
			p[i] = f.tail[pos-f.n]
		default:
			return i, io.EOF
		}
	}
	return len(p), nil
}

// FuzzItems reads anything without a panic; what it reads can be stored or is too large, and comes
// back when written. Where encoding/xml reads the file, too, it counts the same messages.
func FuzzItems(f *testing.F) {
	f.Add(sms(`date="5" type="1" body="&#55357;&#56846;&#0; null" toa="null"`))
	f.Add(whole(`<mms date="5000" msg_box="4" address="a~b"><parts><part ct="image/jpeg" data="AAAA"/><part text="x"/></parts><addrs><addr type="137" address="a"/></addrs></mms>`))
	f.Add("<smses><sms date='1' type='6' body='a & b'/><!-- --><rcs/></smses>")
	f.Add("<smses count=\"1\"><sms date=\"1\" type=\"1\" body=\"x")
	readAll(f, export(sms(`address="600123456" date="5" type="1"`))) // what is loaded once is not counted
	f.Fuzz(func(t *testing.T, text string) {
		e := export(text)
		var o outcome
		alloctest.Within(t, 1<<20+uint64(len(text))*400, func() { o = readAll(t, e) })
		broken := slices.ContainsFunc(o.bad, func(b *BadItem) bool { return b.Broken })
		if strict, ok := countStrictly(text); ok && !broken && o.file == nil && strict != e.Notes().Messages {
			t.Errorf("%d messages, encoding/xml counts %d", e.Notes().Messages, strict)
		}
		var small []item.Item
		for _, it := range o.items {
			if _, err := item.Encode(it); err == nil {
				small = append(small, it)
			} else if !errors.Is(err, item.ErrTooLarge) {
				t.Fatalf("read and not storable: %v", err)
			}
		}
		again, _ := rewrite(t, e, small)
		for i := range small {
			waitingIsFailed(small[i])
		}
		if diff := cmp.Diff(small, again); diff != "" {
			t.Error(diff)
		}
	})
}

// countStrictly counts the messages directly under the root as encoding/xml sees them.
func countStrictly(text string) (n int, ok bool) {
	d := xml.NewDecoder(strings.NewReader(text))
	depth := 0
	for {
		token, err := d.Token()
		if err != nil {
			return n, err == io.EOF
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth == 1 && token.Name.Space == "" && (token.Name.Local == "sms" || token.Name.Local == "mms") {
				n++
			}
			depth++
		case xml.EndElement:
			depth--
		}
	}
}
