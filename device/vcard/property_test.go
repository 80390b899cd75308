package vcard

import (
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
