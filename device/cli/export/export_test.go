package export

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zapas/device"
	"zapas/device/android"
	"zapas/device/internal/item"
)

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFind_NoExport shows that a file that is of no element is told why, by what it seems to be.
func TestFind_NoExport(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, file, content, want string }{
		{"NoCards", "x.vcf", "hello\n", "no vCard file"},
		{"MisspeltCards", "x.vcf", "BEGN:VCARD\nEND:VCARD\n", "no vCard file"},
		{"CardsOfUTF16", "x.VCF", "\xff\xfeB\x00", "UTF-16"},
		{"Anything", "x.txt", "hello\n", "neither contacts (a vCard file begins with BEGIN:VCARD) nor messages or calls"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), tt.file)
			writeFile(t, path, tt.content)
			if _, err := Find([]string{path}); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Error(err)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "x.vcf")
	writeFile(t, path, "\ufeff\ufeffBEGIN:VCARD\nVERSION:3.0\nEND:VCARD\n")
	if e, err := Find([]string{path}); err != nil || e.elements["contacts"] != path {
		t.Error(err)
	}
}

// TestExport_Blank shows that a file of contacts that is empty is told from one that has some.
func TestExport_Blank(t *testing.T) {
	t.Parallel()
	for content, blank := range map[string]bool{
		"": true, " \r\n\n": true, "\ufeff": true, strings.Repeat("\n", 500): true,
		"BEGIN:VCARD\nVERSION:3.0\nEND:VCARD\n": false, "BEGIN:VCARD\nEND:VCARD\n": false,
	} {
		path := filepath.Join(t.TempDir(), "x.vcf")
		writeFile(t, path, content)
		e, err := Open("", path)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		got := false
		for _, err := range e.Items() {
			if b, ok := errors.AsType[*device.Blank](err); ok && b.Element == "contacts" {
				got = true
			}
		}
		if got != blank {
			t.Errorf("%q: %t", content, got)
		}
	}
}

func TestGaps_Count(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.xml")
	writeFile(t, path, `<smses count="1000000"><sms address="1" date="1" type="1" body="x"/></smses>`)
	e, err := Open("", path)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var last error
	for _, err := range e.Items() {
		last = err
	}
	if gap, ok := errors.AsType[*device.Unreadable](last); !ok || gap.Count != 999_999 || !strings.Contains(gap.Err.Error(), "the file says that it holds 1,000,000 messages and 1 was read") {
		t.Error(last)
	}
}

// TestExport_Unreadable shows that bad messages, those behind a place where the file breaks off, those that the file does
// not hold though it says so, and elements that were passed over are accounted for.
func TestExport_Unreadable(t *testing.T) {
	t.Parallel()
	good := `<sms address="1" date="1700000000000" type="1" body="x" />`
	type lost = map[string]int64
	for _, tt := range []struct {
		name, xml string
		items     int
		lost      lost
		fatal     bool
	}{
		{"OneBad", `<smses count="2">` + good + `<sms address="1" date="never" type="1" body="x" /></smses>`, 1, lost{"malformed": 1}, false},
		{"ABrokenOneAtFirst", `<smses count="2"><sms address="1" body="he said "hi"" />` + good + `</smses>`, 1, lost{"malformed": 1}, false},
		{"CutOff", `<smses count="7">` + good + good + `<sms addr`, 2, lost{"file_cut_off": 5}, false},
		{"CutOffWithoutCount", `<smses>` + good, 1, lost{"file_cut_off": 1}, false},
		{"CutOffWithTheLargestCount", `<smses count="1000000">` + good, 1, lost{"file_cut_off": 999_999}, false},
		{"CutOffWithALargerCount", `<smses count="1000001">` + good, 1, lost{"file_cut_off": 1}, false},
		{"CutOffWithTheLargestNumber", `<smses count="9223372036854775807">` + good, 1, lost{"file_cut_off": 1}, false},
		{"CutOffWithTheSmallestNumber", `<smses count="-9223372036854775808">` + good, 1, lost{"file_cut_off": 1}, false},
		{"NoExport", `hello`, 0, lost{}, true},
		{"Whole", `<smses count="2">` + good + good + `</smses>`, 2, lost{}, false},
		{"FewerThanDeclared", `<smses count="100">` + good + good + `</smses>`, 2, lost{"missing_from_file": 98}, false},
		{"NoneOfThoseDeclared", `<smses count="3"/>`, 0, lost{"missing_from_file": 3}, false},
		{"ABadOneIsNotMissing", `<smses count="2">` + good + `<sms/></smses>`, 1, lost{"malformed": 1}, false},
		{"MoreThanDeclared", `<smses count="1">` + good + good + `</smses>`, 2, lost{}, false},
		{"AnAbsurdCount", `<smses count="50000000">` + good + `</smses>`, 1, lost{}, false},
		{"NoNumber", `<smses count="many">` + good + `</smses>`, 1, lost{}, false},
		{"CapitalLetters", `<smses count="2">` + good + `<SMS address="1" date="1" type="1" body="x" /></smses>`, 1, lost{"unknown_element": 1}, false},
		{"WithinAnother", `<smses count="2"><sms address="1" date="1" type="1" body="x">` + good + `</sms></smses>`, 1, lost{"missing_from_file": 1, "unknown_element": 1}, false},
		{"PartOutsideParts", `<smses count="1"><mms date="1" msg_box="1"><part ct="text/plain" text="x"/></mms></smses>`, 1, lost{"unknown_element": 1}, false},
		{"CutOffBehindAnUnknown", `<smses count="3"><SMS/>` + good, 1, lost{"file_cut_off": 1, "unknown_element": 1}, false},
		{"BadCall", `<calls><call number="1" date="never" type="1"/></calls>`, 0, lost{"malformed": 1}, false},
		{"ABrokenCall", `<calls count="2"><call number="1" contact_name="he said "hi"" /><call number="1" date="1" type="1"/></calls>`, 1, lost{"malformed": 1}, false},
		{"CallsCutOff", `<calls count="9"><call number="1" date="1" type="1"/><call numb`, 1, lost{"file_cut_off": 8}, false},
		{"FewerCallsThanDeclared", `<calls count="9"><call number="1" date="1" type="1"/><sms/></calls>`, 1, lost{"missing_from_file": 7, "unknown_element": 1}, false},
		{"BadCard", "BEGIN:VCARD\nVERSION:2.1\nEND:VCARD\nBEGIN:VCARD\nVERSION:4.0\nFN:A\nEND:VCARD\n", 1, lost{"malformed": 1}, false},
		{"StrayText", "BEGIN:VCARD\nVERSION:4.0\nFN:A\nEND:VCARD\nx\n", 1, lost{"malformed": 1}, false},
		{"CardsCutOff", "BEGIN:VCARD\nVERSION:4.0\nFN:A\nEND:VCARD\nBEGIN:VCARD\nVERSION:4.0\n", 1, lost{"file_cut_off": 1}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "x.xml")
			writeFile(t, path, tt.xml)
			e, err := Open("PL", path)
			if tt.fatal {
				if err == nil {
					t.Error("it was opened")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			var items int
			var fatal bool
			got := lost{}
			for _, err := range e.Items() {
				bad, ok := errors.AsType[*device.Unreadable](err)
				switch {
				case ok:
					got[bad.Reason] += bad.Count
				case err != nil:
					fatal = true
				default:
					items++
				}
			}
			if items != tt.items || !maps.Equal(got, tt.lost) || fatal != tt.fatal {
				t.Errorf("%d items, lost %v, fatal %t", items, got, fatal)
			}
		})
	}
}

// TestTarget shows that an item which cannot be written is refused alone, and that nothing is there before Finish.
func TestTarget(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.xml")
	w, err := android.Create(path, android.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	to := Target{files: map[string]adder{"messages": w}}
	open := func(item.Blob) (io.ReadCloser, error) { return nil, errors.New("no such attachment") }
	m := &item.MMS{Message: item.Message{Box: item.Inbox, Date: 1, Unit: item.Millisecond}, Type: item.Retrieved,
		Parts: []item.Part{{ContentType: "image/png", Blob: &item.Ref{Size: 1}}}}
	if _, refused := errors.AsType[*device.Unwritable](to.Insert(m, open)); !refused {
		t.Error("an item without its attachment was written")
	}
	s := &item.SMS{Message: item.Message{Box: item.Inbox, Date: 1, Unit: item.Millisecond}, Body: "x"}
	if err := to.Insert(s, open); err != nil {
		t.Error(err)
	}
	if _, err := Open("", path); err == nil {
		t.Error("the file is there before it is finished")
	}
	if err := to.Finish(); err != nil {
		t.Error(err)
	}
	if _, err := Open("", path); err != nil {
		t.Error(err)
	}
}
