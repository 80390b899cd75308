package android

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zapas/device/internal/item"
)

// TestBroken shows that markup that is broken costs one message and no other, wherever it is.
func TestBroken(t *testing.T) {
	t.Parallel()
	const good = `<sms address="a" date="1" type="2" body="good"/>` + "\n"
	const mms = `<parts><part ct="x/y" data="AAAA"/></parts><addrs><addr address="b" type="137"/></addrs>`
	for name, c := range map[string]struct{ xml, reason string }{
		"QuoteInAValue":         {`<sms date="1" type="1" body="he said "hi" twice" />`, "no value"},
		"QuoteInAValueOfAnMMS":  {`<mms date="1" msg_box="1" sub="a"b">` + mms + `</mms>`, "no value"},
		"QuoteInAPart":          {`<mms date="1" msg_box="1"><parts><part text="a" b"/><part ct="x/y" data="AAAA"/></parts></mms>`, "no value"},
		"LessThanInAValue":      {`<sms date="1" type="1" body="a < b" />`, "a < within a value"},
		"MarkupInAValue":        {`<sms date="1" type="1" body="a <b>c</b>" />`, "a < within a value"},
		"NoClosingQuote":        {`<sms date="1 type="1" body="x"/>`, "a name"},
		"NoClosingQuoteAtLast":  {`<sms date="1" type="1" body="x />` + "\n", "a < within a value"},
		"NoOpeningQuote":        {`<sms date="1" type="1" body=x"/>`, "not quoted"},
		"NoQuotes":              {`<sms date=1/>`, "not quoted"},
		"NoValue":               {`<sms date/>`, "no value"},
		"NoEndOfTag":            {`<sms date="1" type="1" body="x"` + "\n", "a name"},
		"StrayEnd":              {`</sms>`, "closes nothing"},
		"WrongEnd":              {`<sms date="1" type="1" body="x"></mms>`, "closes nothing"},
		"EndNotClosed":          {`<sms date="1" type="1" body="x"></sms `, "not closed"},
		"LongName":              {`<` + strings.Repeat("a", 129) + `/>`, "a name"},
		"Deep":                  {strings.Repeat("<a>", 16), "nested deeper"},
		"Unclosed":              {`<mms date="1" msg_box="1">` + mms, "closes nothing"},
		"UnclosedParts":         {`<mms date="1" msg_box="1"><parts><part ct="x/y" data="AAAA"/></mms>`, "closes nothing"},
		"UnclosedUnknown":       {`<rcs a="b">`, "closes nothing"},
		"DocumentTypeInside":    {`<!DOCTYPE a>`, "document type"},
		"LessThanBetween":       {` 1 < 2 `, "a name"},
		"NameThatIsBrokenUTF8":  {"<sms date=\"1\" type=\"1\" \xff=\"\"/>", "a name"},
		"NameThatIsNoneInXML":   {`<sms date="1" type="1" ×="" />`, "a name"},
		"AnEndThatIsNotTheRoot": {`<sms date="1" type="1" body="x" y </smsesx></smses x>`, "no value"},
	} {
		for where, sides := range map[string][2]string{"First": {"", good + good}, "Between": {good, good}, "Last": {good + good, ""}} {
			t.Run(name+"/"+where, func(t *testing.T) {
				t.Parallel()
				e := export("<smses>" + sides[0] + c.xml + sides[1] + "</smses>")
				o := readAll(t, e)
				if len(o.items) != 2 || len(o.bad) != 1 || o.file != nil {
					t.Fatalf("%d items, bad %v, %v; want 2, one, none", len(o.items), o.bad, o.file)
				}
				for _, it := range o.items {
					if m, ok := it.(*item.SMS); !ok || m.Body != "good" {
						t.Errorf("read %+v", it)
					}
				}
				kind := item.KindSMS
				if strings.HasPrefix(c.xml, "<mms") {
					kind = item.KindMMS
				}
				bad, offset := o.bad[0], len("<smses>"+sides[0])+strings.Index(c.xml, "<")
				if !strings.Contains(bad.Reason, c.reason) || !bad.Broken || bad.Offset != int64(offset) || bad.Kind != kind {
					t.Errorf("got: %v %v, want it at %d", bad.Kind, bad, offset)
				}
				if n := e.Notes(); n.Messages != 3 || n.Unknown != 0 || n.Foreign != 0 {
					t.Errorf("the notes are %+v", n)
				}
			})
		}
	}
	t.Run("UnclosedAndCutOff", func(t *testing.T) {
		t.Parallel()
		o := readAll(t, export(`<smses><mms date="1" msg_box="1">`+mms+good+good))
		if len(o.items) != 2 || len(o.bad) != 1 || o.file == nil || o.file.Reason != "the file is cut off" {
			t.Errorf("%d items, bad %v, %v", len(o.items), o.bad, o.file)
		}
	})
	t.Run("WhatIsReadTwiceIsMendedOnce", func(t *testing.T) {
		t.Parallel()
		e := export(`<smses><mms date="1" msg_box="1" sub="&#1;"><sms date="1" type="1" body="&#2;"/></smses>`)
		if o := readAll(t, e); len(o.items) != 1 || e.Notes().Kept != 2 || len(e.Notes().Places) != 2 {
			t.Errorf("%d items, %+v", len(o.items), e.Notes())
		}
	})
	t.Run("AWholeElementIsNeverLeft", func(t *testing.T) {
		t.Parallel()
		e := export(`<smses><sms date="1" type="1" body='"> &lt;sms date="1"> />' ><!-- <sms date="1"> --></sms>` + good + `</smses>`)
		if o := readAll(t, e); len(o.items) != 2 || len(o.bad) > 0 || o.file != nil {
			t.Errorf("%d items, bad %v, %v", len(o.items), o.bad, o.file)
		}
	})
	t.Run("ManyCostNoMoreThanTheirLength", func(t *testing.T) {
		t.Parallel()
		const n = 20_000
		xml := "<smses>" + strings.Repeat(`<mms a="">`, n) + "</smses>"
		f := &counted{r: strings.NewReader(xml)}
		o := readAll(t, newExport("export.xml", f, int64(len(xml)), Options{}))
		if len(o.bad) != n || o.file != nil {
			t.Errorf("%d bad, %v", len(o.bad), o.file)
		}
		if f.n > n*1024 {
			t.Errorf("%d bytes were read of a file of %d", f.n, len(xml))
		}
	})
	t.Run("NothingIsAddedToIt", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "x.xml")
		if err := os.WriteFile(path, []byte("<smses>"+good+`<sms a=b/></smses>`), 0o600); err != nil {
			t.Fatal(err)
		}
		var bad *BadFile
		if _, err := Create(path, Options{}); !errors.As(err, &bad) || bad.Read != 1 || bad.Line != 2 {
			t.Errorf("got: %v", err)
		}
	})
}

// counted counts what is read.
type counted struct {
	r io.ReaderAt
	n int
}

func (c *counted) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.r.ReadAt(p, at)
	c.n += n
	return n, err
}

// TestNames shows that names may have any letters.
func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"żółw", "日本", "a·b", "\U00010000", "é1", strings.Repeat("ż", 64)} {
		e := export(`<smses><sms date="1" type="1" ` + name + `="x"/></smses>`)
		o := readAll(t, e)
		if len(o.items) != 1 || o.items[0].(*item.SMS).Extras[extrasSMS][name] != "x" {
			t.Errorf("%s: %v %v", name, o.bad, o.file)
			continue
		}
		if _, out := rewrite(t, e, o.items); !strings.Contains(out, name+`="x"`) {
			t.Errorf("%s is written as %s", name, out)
		}
	}
}
