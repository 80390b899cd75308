package android

import (
	"io"
	"strings"
	"testing"

	"zapas/device/internal/item"
)

// TestErrors_QuoteNothing shows that no word of a damaged file comes to stand in an error.
func TestErrors_QuoteNothing(t *testing.T) {
	t.Parallel()
	const word, number = "sekret", "48600123456"
	for name, xml := range map[string]string{
		"Encoding":        "<?xml version='1.0' encoding='sekret' ?><smses/>",
		"FirstElement":    `<sekret/>`,
		"ElementBehind":   `<smses></smses><sekret a="b"/>`,
		"NoValue":         `<smses><sms body="he said "sekret" twice"/></smses>`,
		"NotQuoted":       `<smses><sms body="a" sekret=b/></smses>`,
		"NoName":          `<smses><sms body="a" sekret="" "/></smses>`,
		"EndTag":          `<smses></sekret></smses>`,
		"EndTagNotClosed": `<smses></sekret sekret></smses>`,
		"Twice":           `<smses><sms date="1" type="1" sekret="" sekret=""/></smses>`,
		"BadReference":    `<smses><sms date="1" type="1" sekret="&"/></smses>`,
		"InAPart":         `<smses><mms date="1" msg_box="1"><parts><part sekret="&sekret;"/></parts></mms></smses>`,
		"InTheRoot":       `<smses sekret="" sekret=""/>`,
		"Type":            `<smses><sms date="1" type="48600123456"/></smses>`,
		"Box":             `<smses><mms date="1" msg_box="48600123456"/></smses>`,
		"Call":            `<calls><call date="1" type="48600123456"/></calls>`,
		"CallNotQuoted":   `<calls><call number="1" sekret=b/></calls>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := 0
			for _, err := range export(xml).Items() {
				if err == nil {
					continue
				}
				said++
				if s := err.Error(); strings.Contains(s, word) || strings.Contains(s, number) {
					t.Error(s)
				}
			}
			if said == 0 {
				t.Error("the file was read as if it were good")
			}
		})
	}
	t.Run("Writing", func(t *testing.T) {
		t.Parallel()
		m := text("a")
		m.Extras = item.Extras{extrasSMS: {"sekret sekret": ""}}
		err := Write(io.Discard, 1, func(yield func(item.Item) bool) { yield(m) }, nil, Options{})
		if err == nil || strings.Contains(err.Error(), word) {
			t.Errorf("got: %v", err)
		}
	})
}
