package vcard

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapas/device/internal/item"
)

// cards draws a card of properties that mean something and values that formats trip over.
func cards() *rapid.Generator[string] {
	names := rapid.SampledFrom([]string{"FN", "N", "UID", "NICKNAME", "ORG", "TITLE", "ROLE", "TEL", "EMAIL", "ADR", "IMPP", "X-SKYPE", "URL", "BDAY", "ANNIVERSARY",
		"X-ABDATE", "DEATHDATE", "RELATED", "X-ABRELATEDNAMES", "NOTE", "CATEGORIES", "X-ANDROID-STARRED", "X-ABLabel", "REV", "KIND", "X-ANY", "PHOTO", "LOGO", "KEY", "AGENT", "PRODID"})
	params := rapid.SampledFrom([]string{"", "", ";TYPE=home", ";type=CELL,pref", `;TYPE="work,x-y z"`, ";PREF=1", ";PREF=50", ";WORK", ";X-P=\"a;b:c\"", ";VALUE=uri", ";VALUE=text",
		";LANGUAGE=pl", ";ENCODING=b", ";CHARSET=UTF-8", ";ENCODING=QUOTED-PRINTABLE"})
	values := rapid.OneOf(
		rapid.SampledFrom([]string{"", "1", "a,b;c", `a\,b\;c\\d\ne`, "data:image/png;base64,QUJD", "QUJD", "--0412", "1996-04-12", "+48600123456,,1", "tel:112", " x ", "=C5=BB=",
			"zażółć 👩🏽‍🚀𠮷 " + strings.Repeat("ż", 60), "\u202eعربي\u0000", "http://a.example/?b=1,2;3", strings.Repeat(`\`, 5)}),
		rapid.StringMatching(`[ -~żł]{0,90}`),
	)
	line := rapid.Custom(func(t *rapid.T) string {
		group := rapid.SampledFrom([]string{"", "", "", "item1.", "item2.", "G."}).Draw(t, "group")
		return group + names.Draw(t, "name") + params.Draw(t, "a") + params.Draw(t, "b") + ":" + values.Draw(t, "value")
	})
	return rapid.Custom(func(t *rapid.T) string {
		version := rapid.SampledFrom([]string{"3.0", "4.0"}).Draw(t, "version")
		return lines("BEGIN:VCARD", "VERSION:"+version) + lines(rapid.SliceOfN(line, 0, 12).Draw(t, "lines")...) + lines("END:VCARD")
	})
}

// TestRoundTrip: whatever could be read of a card is there when it was written, in either version.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := file(cards().Draw(t, "card"))
		for it, err := range f.Items() {
			if err != nil {
				return // a bad card
			}
			for _, version := range []string{"3.0", "4.0"} {
				if diff := cmp.Diff(it.(*item.Contact), again(t, f, it.(*item.Contact), version)); diff != "" {
					t.Fatalf("through version %s: %s", version, diff)
				}
			}
		}
	})
}

// disturbed draws a file of three cards into which something has come.
func disturbed() *rapid.Generator[string] {
	words := rapid.SampledFrom([]string{"\n", "\r\n", "\r", " ", "\t", mark, "\x00", "x", ":", ";", "\"", "=", ".", "BEGIN", "END", "VCARD", "BEGIN:VCARD", "END:VCARD", "BEGIN:VEVENT",
		"AGENT:\n", "NOTE;ENCODING=QUOTED-PRINTABLE:a=\n"})
	cards := v3("UID:1", "FN:A", "TEL:1") + v4("UID:2", "FN:B", "TEL:2") + v3("UID:3", "FN:C", "TEL:3")
	return rapid.Custom(func(t *rapid.T) string {
		at := rapid.OneOf(rapid.IntRange(0, len(cards)), rapid.Just(len(cards))).Draw(t, "at")
		return cards[:at] + strings.Join(rapid.SliceOfN(words, 0, 6).Draw(t, "words"), "") + cards[at:]
	})
}

// TestNoCardIsLost: of a disturbed file all cards are read, or it is told that one was not.
func TestNoCardIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := disturbed().Draw(t, "text")
		if o := readAll(t, file(text)); len(o.contacts) < 3 && len(o.bad) == 0 && o.file == nil {
			t.Fatalf("%d cards of %q, and nothing is told", len(o.contacts), text)
		}
	})
}

// TestNoCardIsSwallowed: what is merged into a disturbed file and added to it can be read in it, or the file is refused.
func TestNoCardIsSwallowed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.vcf")
	rapid.Check(t, func(t *rapid.T) {
		text := disturbed().Draw(t, "text")
		before := readAll(t, file(text)).contacts
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w, err := Create(path, Options{Region: "PL"})
		if err != nil {
			if _, bad := errors.AsType[*BadFile](err); !bad {
				t.Fatal(err)
			}
			return
		}
		defer w.Abort()
		at := rapid.IntRange(-1, len(before)-1).Draw(t, "merged")
		if at >= 0 {
			if changed, err := w.Merge(at, one(func(c *item.Contact) { c.Notes = []string{"merged"} }), nothing); err != nil || !changed {
				t.Fatal(changed, err)
			}
		}
		if err := errors.Join(w.Put(one(func(*item.Contact) {}), nothing), w.Commit()); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		o := readAll(t, file(string(b)))
		if len(o.contacts) != len(before)+1 || o.file != nil || at >= 0 && !slices.Contains(o.contacts[at].Notes, "merged") {
			t.Fatalf("%d contacts before, %d after, %v; %q has become %q", len(before), len(o.contacts), o.file, text, b)
		}
	})
}
