package vcard

import (
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"zapas/device/internal/item"
	"zapas/device/internal/match"
)

// alike draws a file of cards that are alike more often than not.
func alike() *rapid.Generator[string] {
	line := rapid.SampledFrom([]string{"UID:1", "UID:1", "UID:urn:uuid:2", "FN:Ann Lee", "FN:ann lee", "FN:Lee Ann", "FN:", "N:Lee;Ann;;;", "N:;;;;", "N:Lee;;;;", "NICKNAME:Ann",
		"TEL:+48600100201", "TEL;TYPE=CELL:600100201", "item1.TEL:600 100 202", "TEL;VALUE=uri:tel:+48600100202", "TEL:112", "TEL:", "TEL:+48600100201,123", "EMAIL:a@b.pl", "EMAIL:A@B.PL",
		"EMAIL:", "NOTE:tea", "NOTE:likes tea", `NOTE:a\n\ntea`, "NOTE:", "NOTE:  tea ", "ORG:Acme", "ORG:ACME;Unit", "ORG:Acme;", "ADR:;;Main 1;;;;", "BDAY:19800102", "BDAY:1980-01-02",
		"BDAY;VALUE=text:in May", "CATEGORIES:a,b", "CATEGORIES:A", "X-FOO:1", "X-FOO:2", "item1.X-ABLABEL:foo", "item2.X-BAR:1", "REV:20200101T000000Z", "REV:2021", "KIND:group", "KIND:org",
		"GENDER:M", "PHOTO;ENCODING=b;TYPE=JPEG:QUJD", "PHOTO;ENCODING=b;TYPE=JPEG:QUJDREVG", "PHOTO;ENCODING=b;TYPE=PNG:REVG", "LOGO;ENCODING=b;TYPE=PNG:QUJD", "TITLE:Dr", "ROLE:Dr",
		"RELATED:Bob", "URL:http://a.example", "IMPP:xmpp:a@b.pl", "X-ANDROID-STARRED:1"})
	return rapid.Custom(func(t *rapid.T) (all string) {
		for range rapid.IntRange(0, 8).Draw(t, "cards") {
			all += lines("BEGIN:VCARD", "VERSION:"+rapid.SampledFrom([]string{"3.0", "4.0"}).Draw(t, "version")) +
				lines(rapid.SliceOfN(line, 0, 6).Draw(t, "lines")...) + lines("END:VCARD")
		}
		return all
	})
}

// contactsOf are those of a file.
func contactsOf(t *rapid.T, f *File) (all []*item.Contact) {
	for it, err := range f.Items() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, it.(*item.Contact))
	}
	return all
}

// bring writes to a file what it has not of another, and counts that.
func bring(t *rapid.T, path string, from *File) (wrote int) {
	w, err := Create(path, Options{Region: "PL"})
	if err != nil {
		t.Fatal(err)
	}
	var b match.Book
	for it, err := range w.Existing() {
		if err != nil {
			t.Fatal(err)
		}
		b.Add(it.(*item.Contact))
	}
	all := contactsOf(t, from)
	for _, c := range all {
		b.Expect(c)
	}
	for _, c := range all {
		at, how := b.Match(c)
		switch how {
		case match.Unlike:
			err = w.Put(c, from.OpenBlob)
			wrote++
		case match.Alike:
			_, err = w.Merge(at, c, from.OpenBlob)
			wrote++
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return wrote
}

// TestMergedAgain: what was put into a file or merged with its cards needs neither a second time, in the form in which it
// is read again, and whatever else was brought in between.
func TestMergedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, "target.vcf")
		if err := os.WriteFile(path, []byte(alike().Draw(t, "target")), 0o600); err != nil {
			t.Fatal(err)
		}
		a, b := file(alike().Draw(t, "a")), file(alike().Draw(t, "b"))
		bring(t, path, a)
		if n := bring(t, path, a); n > 0 {
			t.Fatalf("a wrote %d again", n)
		}
		bring(t, path, b)
		for _, f := range []*File{a, b} {
			if n := bring(t, path, f); n > 0 {
				t.Fatalf("after the other, one wrote %d again", n)
			}
		}
	})
}
