package vcard

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/alloctest"
	"zapas/device/internal/infile"
	"zapas/device/internal/item"
)

func file(cards string) *File {
	return newFile("cards.vcf", strings.NewReader(cards), int64(len(cards)), Options{Region: "PL"})
}

// outcome is what a reading gave.
type outcome struct {
	contacts []*item.Contact
	bad      []*BadCard
	file     *BadFile
}

func readAll(t failer, f *File) (o outcome) {
	t.Helper()
	for it, err := range f.Items() {
		bad, ok := errors.AsType[*BadCard](err)
		switch {
		case o.file != nil:
			t.Fatal("the reading went on behind a BadFile")
		case err == nil:
			if _, err := item.Encode(it); err != nil {
				t.Fatal(err)
			}
			o.contacts = append(o.contacts, it.(*item.Contact))
		case ok:
			o.bad = append(o.bad, bad)
		case !errors.As(err, &o.file):
			t.Fatalf("an error of no type: %v", err)
		}
	}
	return o
}

func lines(all ...string) string { return strings.Join(all, "\r\n") + "\r\n" }

func v3(all ...string) string {
	return lines("BEGIN:VCARD", "VERSION:3.0") + lines(all...) + lines("END:VCARD")
}

func v4(all ...string) string {
	return lines("BEGIN:VCARD", "VERSION:4.0") + lines(all...) + lines("END:VCARD")
}

func tel(raw string, l item.Label) item.Phone {
	return item.Phone{Label: l, Address: item.ParseAddress(raw, "PL")}
}

func one(change func(*item.Contact)) *item.Contact {
	c := &item.Contact{Name: item.Name{Full: "Ann"}}
	change(c)
	return c
}

func part(kind byte, text string) item.Component { return item.Component{Kind: kind, Text: text} }

const photo = "\xff\xd8 a photo \xfe\xfb"

func picture(kind item.MediaKind, mediaType, content string, l item.Label) item.Media {
	return item.Media{Label: l, Kind: kind, Type: mediaType, Blob: item.Ref{SHA256: sha256.Sum256([]byte(content)), Size: int64(len(content))}}
}

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestItems(t *testing.T) {
	t.Parallel()
	home := item.Label{Types: []string{"home"}}
	for name, c := range map[string]struct {
		cards string
		want  *item.Contact
	}{
		"Empty":       {v4(), &item.Contact{}},
		"FullName":    {v4("FN:Ann"), one(func(*item.Contact) {})},
		"NameOfParts": {v3("N:Nowak;Ann;Maria,Ewa;Dr;"), &item.Contact{Name: item.Name{Full: "Dr Ann Maria Ewa Nowak", Components: []item.Component{part(1, "Nowak"), part(2, "Ann"), part(3, "Maria"), part(3, "Ewa"), part(4, "Dr")}}}},
		"NoNameAtAll": {v4("TEL:600123456"), &item.Contact{Name: item.Name{Full: "600123456"}, Phones: []item.Phone{tel("600123456", item.Label{})}}},
		"Types": {v3("FN:Ann", "TEL;TYPE=CELL,work;TYPE=Pref:600 123 456"), one(func(c *item.Contact) {
			c.Phones = []item.Phone{tel("600 123 456", item.Label{Types: []string{"cell", "work"}, Pref: 1})}
		})},
		"QuotedTypes": {v4("FN:Ann", `TEL;VALUE=uri;PREF=1;TYPE="work,cell":tel:+48600123456`), one(func(c *item.Contact) {
			c.Phones = []item.Phone{tel("+48600123456", item.Label{Types: []string{"cell", "work"}, Pref: 1})}
		})},
		"BareTypes": {v3("FN:Ann", "TEL;HOME;VOICE:112"), one(func(c *item.Contact) {
			c.Phones = []item.Phone{tel("112", item.Label{Types: []string{"home", "voice"}})}
		})},
		"PauseInNumber": {v3("FN:Ann", "TEL:+48600123456,,12;3"), one(func(c *item.Contact) {
			c.Phones = []item.Phone{{Address: item.Address{Kind: item.Subscriber, Raw: "+48600123456,,12;3", Value: "+48600123456"}}}
		})},
		"EscapedSemicolon": {v4("FN:Ann", `ADR;TYPE=home:;;1\; Long\, St.;Gdańsk;;80-001;PL`), one(func(c *item.Contact) {
			c.Addresses = []item.Postal{{Label: home, Components: []item.Component{part(3, "1; Long, St."), part(4, "Gdańsk"), part(6, "80-001"), part(7, "PL")}}}
		})},
		"Escapes": {v4("FN:Ann", `NOTE:a\nb\Nc\\d\,e\;f\:g\h`+`\`), one(func(c *item.Contact) { c.Notes = []string{"a\nb\nc\\d,e;f:g\\h\\"} })},
		"OwnLabel": {v3("FN:Ann", "item1.TEL;type=VOICE:112", "item1.X-ABLabel:Kiosk"), one(func(c *item.Contact) {
			c.Phones = []item.Phone{tel("112", item.Label{Types: []string{"voice"}, Label: "Kiosk"})}
		})},
		"GroupStays": {v3("FN:Ann", "item1.ADR:;;St.", "item1.X-ABADR:pl", "item1.X-ABLabel:Hut"), one(func(c *item.Contact) {
			c.Addresses = []item.Postal{{Label: item.Label{Label: "Hut", Group: "item1"}, Components: []item.Component{part(3, "St.")}}}
			c.Lines = []string{"item1.X-ABADR:pl"}
		})},
		"LoneGroupGoes": {v3("FN:Ann", "item1.EMAIL:a@b.pl", "item2.X-FOO:1"), one(func(c *item.Contact) { c.Emails = []item.Value{{Text: "a@b.pl"}}; c.Lines = []string{"X-FOO:1"} })},
		"SharedLabel": {v3("FN:Ann", "g.EMAIL:a@b.pl", "g.URL:http://b.pl", "g.X-ABLabel:x"), one(func(c *item.Contact) {
			c.Emails = []item.Value{{Label: item.Label{Group: "g"}, Text: "a@b.pl"}}
			c.Links = []item.Value{{Label: item.Label{Group: "g"}, Text: "http://b.pl"}}
			c.Lines = []string{"g.X-ABLabel:x"}
		})},
		"Unknown": {v4("FN:Ann", `X-A;B="c:d;e";f=g:h\,i`, "KIND:individual", "GEO:geo:1,2"), one(func(c *item.Contact) { c.Lines = []string{`X-A;B="c:d;e";F=g:h\,i`, "KIND:individual", "GEO:geo:1,2"} })},
		"Twice": {v4("FN:Ann", "FN:Anna", "UID:1", "UID:2", "NOTE:a", "NOTE:a", "TEL:112", "TEL:112"), one(func(c *item.Contact) {
			c.UID = "1"
			c.Lines = []string{"FN:Anna", "UID:2"}
			c.Notes = []string{"a", "a"}
			c.Phones = []item.Phone{tel("112", item.Label{}), tel("112", item.Label{})}
		})},
		"Organization": {v3("FN:Ann", `ORG:Zapas\, Ltd.;R&D;;Two`, "TITLE:Boss", "ROLE:Cook"), one(func(c *item.Contact) {
			c.Organizations = []item.Organization{{Name: "Zapas, Ltd.", Units: []string{"R&D", "Two"}}}
			c.Titles = []item.Title{{Text: "Boss"}, {Text: "Cook", Role: true}}
		})},
		"Dates": {v4("FN:Ann", "BDAY:--0412", "ANNIVERSARY:2004-02-29"), one(func(c *item.Contact) {
			c.Anniversaries = []item.Anniversary{{Occasion: item.Birth, Date: "--0412"}, {Occasion: item.Wedding, Date: "20040229"}}
		})},
		"DatesInWords": {v4("FN:Ann", "BDAY;VALUE=text:about 1800", "DEATHDATE:1953-10-15T23:10:00Z"), one(func(c *item.Contact) {
			c.Anniversaries = []item.Anniversary{{Occasion: item.Birth, Date: "about 1800", Text: true}, {Occasion: item.Death, Date: "1953-10-15T23:10:00Z"}}
		})},
		"AppleDates": {v3("FN:Ann", "BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-12", "item1.X-ABDATE:--04-12", "item1.X-ABLabel:Name day"), one(func(c *item.Contact) {
			c.Anniversaries = []item.Anniversary{{Occasion: item.Birth, Date: "--0412"}, {Label: item.Label{Label: "Name day"}, Occasion: item.OtherOccasion, Date: "--0412"}}
		})},
		"Lists": {v3("FN:Ann", `NICKNAME:A,B\,b`, "CATEGORIES:x,y", "CATEGORIES:y,z"), one(func(c *item.Contact) { c.Nicknames = []string{"A", "B,b"}; c.Groups = []string{"x", "y", "z"} })},
		"Online": {v3("FN:Ann", "IMPP;TYPE=home:xmpp:a@b.pl", "X-SKYPE:ann", "URL:http\\://b.pl/?a=1,2"), one(func(c *item.Contact) {
			c.Online = []item.Online{{Label: home, Text: "xmpp:a@b.pl"}, {Text: "ann", Service: "X-SKYPE"}}
			c.Links = []item.Value{{Text: "http://b.pl/?a=1,2"}}
		})},
		"Relations": {v4("FN:Ann", "RELATED;TYPE=spouse;VALUE=text:Bob", "RELATED:urn:uuid:1"), one(func(c *item.Contact) {
			c.Relations = []item.Relation{{Label: item.Label{Types: []string{"spouse"}}, Text: "Bob"}, {Text: "urn:uuid:1", URI: true}}
		})},
		"Starred":      {v3("FN:Ann", "X-ANDROID-STARRED:1"), one(func(c *item.Contact) { c.Starred = true })},
		"ProducerGoes": {v3("PRODID:-//x//y", "FN:Ann"), one(func(*item.Contact) {})},
		"Parameters": {v4("FN;LANGUAGE=pl:Ann", "TEL;X-ID=7;PREF=200:112", "NOTE;LANGUAGE=pl:x"), one(func(c *item.Contact) {
			c.Name.FullParams = []string{"LANGUAGE=pl"}
			c.Phones = []item.Phone{tel("112", item.Label{Params: []string{"X-ID=7"}})}
			c.Lines = []string{"NOTE;LANGUAGE=pl:x"}
		})},
		"Photo3":          {v3("FN:Ann", "PHOTO;ENCODING=b;TYPE=JPEG:"+encoded(photo)), one(func(c *item.Contact) { c.Media = []item.Media{picture(item.Photo, "image/jpeg", photo, item.Label{})} })},
		"PhotoOfOldWords": {v3("FN:Ann", "PHOTO;BASE64;PNG:"+encoded(photo)), one(func(c *item.Contact) { c.Media = []item.Media{picture(item.Photo, "image/png", photo, item.Label{})} })},
		"Photo4": {v4("FN:Ann", "PHOTO;PREF=1:data:image/jpeg;base64,"+encoded(photo), `LOGO:data:image/png;base64\,`+encoded("logo"), "SOUND:DATA:audio/ogg;base64,"+encoded("sound")), one(func(c *item.Contact) {
			c.Media = []item.Media{picture(item.Photo, "image/jpeg", photo, item.Label{Pref: 1}), picture(item.Logo, "image/png", "logo", item.Label{}), picture(item.Sound, "audio/ogg", "sound", item.Label{})}
		})},
		"PhotoElsewhere":  {v4("FN:Ann", "PHOTO:http://b.pl/a.jpg", "PHOTO:data:,plain", "PHOTO;ENCODING=b:", "KEY:"), one(func(c *item.Contact) { c.Lines = []string{"PHOTO:http://b.pl/a.jpg", "PHOTO:data:,plain"} })},
		"PhotoWithBlanks": {v3("FN:Ann", "PHOTO;TYPE=JPEG;ENCODING=BASE64:"+encoded(photo)[:8]+"\r\n   "+encoded(photo)[8:]), one(func(c *item.Contact) { c.Media = []item.Media{picture(item.Photo, "image/jpeg", photo, item.Label{})} })},
		"FoldedCharacter": {v4("FN:Ann", "NOTE:za\xc5\r\n \xbc\r\n\t"+"ó\r\n  x"), one(func(c *item.Contact) { c.Notes = []string{"zażó x"} })},
		"LineFeeds":       {strings.ReplaceAll(v4("FN:Ann", "NOTE:a\r\n b"), "\r", ""), one(func(c *item.Contact) { c.Notes = []string{"ab"} })},
		"Charset":         {v3("FN;CHARSET=ISO-8859-2:\xaf\xf3\xb3w"), &item.Contact{Name: item.Name{Full: "Żółw"}}},
		"QuotedPrintable": {v3("FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=C5=BB=C3=B3=\r\n=C5=82w", "NOTE;ENCODING=QUOTED-PRINTABLE:a=0D=0Ab=3D"), &item.Contact{Name: item.Name{Full: "Żółw"}, Notes: []string{"a\nb="}}},
		"ByteOrderMark":   {"\ufeff" + v4("FN:Ann"), one(func(*item.Contact) {})},
		"BlanksAround":    {"\r\n\r\n" + v4("", "FN:Ann", "") + "\n\n", one(func(*item.Contact) {})},
		"NoLineEnd":       {strings.TrimSuffix(v4("FN:Ann"), "\r\n"), one(func(*item.Contact) {})},
		"LetterCase":      {"begin:vcard\r\nversion:4.0\r\nfn:Ann\r\nnote:x\r\nend:vcard", one(func(c *item.Contact) { c.Notes = []string{"x"} })},
		"CarriageReturns": {v4("FN:Ann", "NOTE:a\rb"), one(func(c *item.Contact) { c.Notes = []string{"a\rb"} })},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := file(c.cards)
			o := readAll(t, f)
			if len(o.bad) > 0 || o.file != nil || len(o.contacts) != 1 {
				t.Fatalf("%d contacts, %v %v", len(o.contacts), o.bad, o.file)
			}
			if diff := cmp.Diff(c.want, o.contacts[0]); diff != "" {
				t.Error(diff)
			}
			for _, version := range []string{"3.0", "4.0"} {
				if diff := cmp.Diff(c.want, again(t, f, o.contacts[0], version)); diff != "" {
					t.Errorf("through version %s: %s", version, diff)
				}
			}
		})
	}
}

// TestBadCard shows that each bad card is named by line and costs only itself.
func TestBadCard(t *testing.T) {
	t.Parallel()
	good := v4("FN:Good")
	for name, c := range map[string]struct {
		card, reason string
		at           int64 // within the card
		good         int   // cards behind it
	}{
		"Version21":     {lines("BEGIN:VCARD", "VERSION:2.1", "TEL;CELL;PREF:600", "NOTE;ENCODING=QUOTED-PRINTABLE:a=", "END:VCARD=", "b", "END:VCARD"), "vCard version", 1, 1},
		"Nested21":      {lines("BEGIN:VCARD", "VERSION:2.1", "AGENT:", "BEGIN:VCARD", "VERSION:2.1", "END:VCARD", "END:VCARD"), "vCard version", 1, 1},
		"Nested":        {v3("FN:A", "AGENT:", "BEGIN:VCARD", "FN:B", "END:VCARD"), "a card within it", 5, 1},
		"NoVersion":     {lines("BEGIN:VCARD", "FN:A", "END:VCARD"), "VERSION", 1, 1},
		"NoEnd":         {lines("BEGIN:VCARD", "VERSION:3.0", "FN:A"), "no END:VCARD", 4, 1},
		"OtherEnd":      {v3("FN:Q", "END:VEVENT", "TEL:5"), "an END that is not END:VCARD", 4, 1},
		"OtherBegin":    {v3("FN:Q", "BEGIN:VEVENT", "END:VEVENT"), "a BEGIN that is not BEGIN:VCARD", 4, 1},
		"EndTornApart":  {lines("BEGIN:VCARD", "VERSION:3.0", "FN:A", "END:VCARDBE", " GIN:VCARD"), "an END that is not END:VCARD", 4, 1},
		"WrongEscape":   {v3("FN;ENCODING=QUOTED-PRINTABLE:=ZZ"), "not quoted-printable", 3, 1},
		"HalfAnEscape":  {v3("FN;ENCODING=QUOTED-PRINTABLE:a=4"), "not quoted-printable", 3, 1},
		"NoColon":       {v4("FN:A", "something else"), "no property", 4, 1},
		"BrokenText":    {v4("FN:A\xff"), "a value is not UTF-8", 3, 1},
		"BrokenName":    {v4("FN:A", "X\xff:1"), "no property", 4, 1},
		"BrokenParam":   {v4("FN:A", "X;A=\xff:1"), "not UTF-8", 4, 1},
		"NoName":        {v4("FN:A", ";A=b:1"), "no property", 4, 1},
		"UnknownChars":  {v3("FN;CHARSET=KLINGON:A"), "a character set that cannot be read", 3, 1},
		"BrokenPhoto":   {v4("FN:A", "PHOTO:data:image/png;base64,AA!A"), "a value is not base64", 4, 1},
		"CutPhoto":      {v3("FN:A", "PHOTO;ENCODING=b:AAA"), "a value is not base64", 4, 1},
		"TooLarge":      {v4("FN:A", "NOTE:"+strings.Repeat("x", item.MaxEncoded)), "larger than", 4, 1},
		"TooLargeInSum": {v4("FN:A", strings.Repeat("X-A:"+strings.Repeat("x", 4000)+"\r\n", 300)), "larger than", 265, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := readAll(t, file(good+c.card+good))
			if len(o.bad) != 1 || len(o.contacts) != 1+c.good || o.file != nil {
				t.Fatalf("%d contacts, %v, %v", len(o.contacts), o.bad, o.file)
			}
			if b := o.bad[0]; !strings.Contains(b.Reason, c.reason) || b.Line != 5 || b.At != 4+c.at || b.Offset != int64(len(good)) {
				t.Errorf("%+v", b)
			}
		})
	}
}

// TestStray shows that text between cards and behind the last one is told, once for all of it, and what cards read on.
func TestStray(t *testing.T) {
	t.Parallel()
	a, b := v3("FN:A", "TEL:112"), v3("FN:B", "TEL:5")
	open := strings.TrimSuffix(a, "\r\n")
	for name, c := range map[string]struct {
		cards    string
		contacts int
		stray    []int64 // lines
	}{
		"MarkBetweenFiles":     {"\ufeff" + a + "\ufeff" + b + "\ufeff", 2, nil},
		"TwoMarks":             {"\ufeff\ufeff" + a, 1, nil},
		"NoLineEndBetween":     {open + b + a, 3, nil},
		"MarkInsteadOfLineEnd": {open + "\ufeff" + b, 2, nil},
		"FoldedOntoTheEnd":     {a + " " + b + a, 3, nil},
		"BlankBehindBlankLine": {a + "\r\n " + b, 2, nil},
		"Misspelt":             {a + strings.Replace(b, "BEGIN", "BEGN", 1) + a, 2, []int64{6}},
		"Quoted":               {a + strings.Replace(b, "VCARD", `"VCARD"`, 1) + a, 2, []int64{6}},
		"Zeros":                {a + "\x00\x00\x00\x00" + b + a, 2, []int64{6}},
		"ZerosAtTheEnd":        {a + "\x00\x00\x00\x00", 1, []int64{6}},
		"BlankLinesWithin":     {a + "\r\nx\r\n\r\ny:z\r\n\r\n" + b, 2, []int64{7}},
		"TwoRuns":              {a + "x\r\n" + b + "END:VCARD\r\n" + a + "y", 3, []int64{6, 12, 18}},
		"SoftBreak":            {a + "NOTE;ENCODING=QUOTED-PRINTABLE:a=\r\n" + b, 2, []int64{6}},
		"LongLine":             {a + strings.Repeat("\x01", 5<<20) + "\n" + b, 2, []int64{6}},
		"ManyLines":            {a + strings.Repeat("rubbish: yes\n", 1<<14) + b, 2, []int64{6}},
		"OtherObject":          {a + "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n" + b, 2, []int64{6}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := readAll(t, file(c.cards))
			var stray []int64
			for _, b := range o.bad {
				if !b.Stray || b.At != b.Line {
					t.Errorf("%+v", b)
				}
				stray = append(stray, b.Line)
			}
			if diff := cmp.Diff(c.stray, stray); diff != "" || len(o.contacts) != c.contacts || o.file != nil {
				t.Fatalf("%d contacts, %v, %s", len(o.contacts), o.file, diff)
			}
			for _, c := range o.contacts {
				if len(c.Phones) != 1 {
					t.Errorf("%+v", c)
				}
			}
		})
	}
}

// TestMoved shows that a file that changes while it is read is no smaller file.
func TestMoved(t *testing.T) {
	t.Parallel()
	a, all := v3("FN:A"), strings.Repeat(v3("FN:A"), 3)
	for name, text := range map[string]string{"BetweenCards": a + a, "WithinACard": a + a[:20], "ToNothing": ""} {
		t.Run("EndsEarly/"+name, func(t *testing.T) {
			t.Parallel()
			o := readAll(t, newFile("x", strings.NewReader(text), int64(len(all)), Options{}))
			if o.file == nil || !errors.Is(o.file, infile.ErrMoved) {
				t.Errorf("%d contacts, %v", len(o.contacts), o.file)
			}
		})
	}
	for name, change := range map[string]func(path string) error{
		"Cut":     func(path string) error { return os.Truncate(path, int64(len(a))) },
		"Grown":   func(path string) error { return os.Truncate(path, int64(len(all)+1)) },
		"Touched": func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(1, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "x.vcf")
			if err := os.WriteFile(path, []byte(all), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := Open(path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if o := readAll(t, f); len(o.contacts) != 3 || o.file != nil {
				t.Fatalf("%+v", o)
			}
			var last error
			once := sync.OnceValue(func() error { return change(path) })
			for _, err := range f.Items() { // they were all read before the first one came
				if err := once(); err != nil {
					t.Fatal(err)
				}
				last = err
			}
			if !errors.Is(last, infile.ErrMoved) {
				t.Error(last)
			}
		})
	}
}

func TestBadFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, reason string
		read         int
	}{
		"Text":      {"hello\n", "no vCard file", 0},
		"Other":     {"BEGIN:VCALENDAR\nEND:VCALENDAR\n", "no vCard file", 0},
		"UTF16":     {"\xff\xfeB\x00", "UTF-16", 0},
		"CutOff":    {v4("FN:A") + "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:B\r\n", "cut off", 1},
		"CutInEnd":  {v4("FN:A") + strings.TrimSuffix(v4("FN:B"), "CARD\r\n"), "cut off", 1},
		"OldMac":    {strings.ReplaceAll(v4("FN:A"), "\r\n", "\r"), "carriage returns alone", 0},
		"CutInLine": {v4("FN:A") + "BEGIN:VCARD\r\nVERS", "cut off", 1},
		"CutInData": {v4("FN:A") + "BEGIN:VCARD\r\nVERSION:3.0\r\nPHOTO;ENCODING=b:AAAA", "cut off", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := readAll(t, file(c.text))
			if o.file == nil || !strings.Contains(o.file.Reason, c.reason) || o.file.Read != c.read || len(o.contacts) != c.read {
				t.Errorf("%+v", o)
			}
		})
	}
	t.Run("EmptyIsNoContacts", func(t *testing.T) {
		t.Parallel()
		if o := readAll(t, file("\r\n")); o.file != nil || len(o.contacts) > 0 {
			t.Errorf("%+v", o)
		}
	})
	t.Run("FaultOfTheDisk", func(t *testing.T) {
		t.Parallel()
		o := readAll(t, newFile("x", broken{}, 100, Options{}))
		if o.file == nil || !errors.Is(o.file, errBroken) {
			t.Errorf("%+v", o.file)
		}
	})
}

var errBroken = errors.New("the disk is broken")

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errBroken }

func TestOpenBlob(t *testing.T) {
	t.Parallel()
	cards := v3("FN:A", "PHOTO;ENCODING=b:"+encoded(photo)[:5]+"\r\n "+encoded(photo)[5:]) + v4("FN:B", "PHOTO:data:image/png;base64,"+encoded("other"))
	f := file(cards)
	for i, want := range []string{photo, "other"} {
		b := readAll(t, f).contacts[i].Blobs()[0]
		r, err := f.OpenBlob(b)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("%q, %v", got, err)
		}
		b.Size++
		r, _ = f.OpenBlob(b)
		if _, err := io.ReadAll(r); err == nil {
			t.Error("other bytes than were promised")
		}
	}
	if _, err := f.OpenBlob(item.Blob{}); err == nil {
		t.Error("a medium that is not there was opened")
	}
}

// TestMemory reads cards whose photos are much larger than what may be held.
func TestMemory(t *testing.T) {
	const size, cards = 5 << 20, 4
	line := strings.Repeat("QUJD", 19)
	var b bytes.Buffer
	for i := range cards {
		fmt.Fprintf(&b, "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:%d\r\nPHOTO;ENCODING=b;TYPE=JPEG:", i)
		for n := 0; n < size; n += 57 {
			b.WriteString(line + "\r\n ")
		}
		b.WriteString(strings.Repeat("QUJD", i) + "\r\nEND:VCARD\r\n")
	}
	f := newFile("x", bytes.NewReader(b.Bytes()), int64(b.Len()), Options{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	o := readAll(t, f)
	runtime.ReadMemStats(&after)
	if len(o.contacts) != cards || o.contacts[0].Media[0].Blob.Size < size {
		t.Fatalf("%+v", o)
	}
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 1<<20 {
		t.Errorf("reading %d bytes of photos took %d bytes", b.Len(), spent)
	}
}

func FuzzItems(f *testing.F) {
	f.Add([]byte(v3("FN:Ann", "item1.TEL;type=pref:112", "item1.X-ABLabel:x", "PHOTO;ENCODING=b;TYPE=JPEG:"+encoded(photo))))
	f.Add([]byte(v4("N:a;b;c,d", "ADR:;;a\\;b", "BDAY:--0412", "PHOTO:data:image/png;base64,"+encoded(photo), "X-A;B=\"c:d\":e")))
	f.Add([]byte("BEGIN:VCARD\nVERSION:2.1\nAGENT:\nBEGIN:VCARD\nEND:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:a=\nb\nEND:VCARD\n"))
	item.ParseAddress("600123456", "PL") // what is loaded once is not counted
	f.Fuzz(func(t *testing.T, b []byte) {
		v := newFile("x", bytes.NewReader(b), int64(len(b)), Options{Region: "PL"})
		var all []*item.Contact
		alloctest.Within(t, 1<<20+uint64(len(b))*400, func() {
			for it, err := range v.Items() {
				if err == nil {
					all = append(all, it.(*item.Contact))
				}
			}
		})
		for _, c := range all {
			if _, err := item.Encode(c); err != nil {
				continue // too large
			}
			for _, version := range []string{"3.0", "4.0"} {
				if diff := cmp.Diff(c, again(t, v, c, version)); diff != "" {
					t.Fatalf("through version %s: %s", version, diff)
				}
			}
		}
	})
}
