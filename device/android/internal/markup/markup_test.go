package markup

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// trace says what a Scanner reads, one line for each tag.
func trace(r io.Reader) ([]string, error) {
	s := NewScanner(r)
	var lines []string
	for {
		name, start, _, err := s.Next()
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		line := "/" + name
		if start {
			line = name
			for {
				v, attr, err := s.Attr()
				if err != nil {
					return lines, err
				}
				if v == nil {
					break
				}
				text, err := io.ReadAll(v)
				if err != nil {
					return lines, err
				}
				line += fmt.Sprintf(" %s=%q", attr, text)
			}
		}
		lines = append(lines, line)
	}
}

// strictly is trace by encoding/xml.
func strictly(text string) (lines []string, err error) {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.RawToken()
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			line := token.Name.Local
			for _, a := range token.Attr {
				line += fmt.Sprintf(" %s=%q", a.Name.Local, a.Value)
			}
			lines = append(lines, line)
		case xml.EndElement:
			lines = append(lines, "/"+token.Name.Local)
		}
	}
}

func document() *rapid.Generator[string] {
	pieces := rapid.SampledFrom([]string{"a", "żó", "😎", "&amp;", "&#10;", "&#x1F60E;", "\n", "\r\n", "\r", "\t", "&quot;", "&apos;", ">", " ", "null", "]]>"})
	values := rapid.Map(rapid.SliceOfN(pieces, 0, 6), func(p []string) string { return strings.Join(p, "") })
	gaps := rapid.SampledFrom([]string{"", " ", "\n", "<!-- <a> -->", "<?x <b> ?>", "text", "<![CDATA[<c>]]>"})
	var element func(depth int) *rapid.Generator[string]
	element = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			var b strings.Builder
			name := rapid.SampledFrom([]string{"a", "part", "b-1_x.y"}).Draw(t, "name")
			b.WriteString(gaps.Draw(t, "gap") + "<" + name)
			for i := range rapid.IntRange(0, 3).Draw(t, "attrs") {
				quote := rapid.SampledFrom([]string{`"`, "'"}).Draw(t, "quote")
				space := rapid.SampledFrom([]string{"", " ", "\n"}).Draw(t, "space")
				fmt.Fprintf(&b, " x%d%s=%s%s%s%s", i, space, space, quote, values.Draw(t, "value"), quote)
			}
			if depth == 0 || rapid.Bool().Draw(t, "empty") {
				return b.String() + " />"
			}
			b.WriteString(">")
			for range rapid.IntRange(0, 3).Draw(t, "children") {
				b.WriteString(element(depth-1).Draw(t, "child"))
			}
			b.WriteString(gaps.Draw(t, "gap") + "</" + name + " >")
			return b.String()
		})
	}
	return element(3)
}

func TestScanner(t *testing.T) {
	t.Parallel()
	t.Run("AgreesWithEncodingXML", rapid.MakeCheck(func(t *rapid.T) {
		text := document().Draw(t, "document")
		want, err := strictly(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := trace(iotest.OneByteReader(strings.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}))
	t.Run("NothingBreaksAtTheEndOfABuffer", func(t *testing.T) {
		t.Parallel()
		tail := `&#55357;&#56846;&lt;ż😎` + "\r\n" + `" y="null"/>`
		for n := bufferSize - 120; n < bufferSize+10; n++ {
			pad := strings.Repeat("x", n)
			for _, text := range []string{`<a x="` + pad + tail, "<!--" + pad + `--><a x="` + tail} {
				got, err := trace(strings.NewReader(text))
				if err != nil || len(got) != 2 || !strings.HasSuffix(got[0], `\U0001f60e<ż😎\n" y="null"`) && !strings.HasSuffix(got[0], `😎<ż😎\n" y="null"`) {
					t.Fatalf("behind %d bytes: %v %.80s", n, err, strings.TrimLeft(got[0], `a x="`))
				}
			}
		}
	})
	t.Run("KnowsItsPlace", func(t *testing.T) {
		t.Parallel()
		s := NewScanner(strings.NewReader("<a>\n\n <b x='\n'/>"))
		s.Next()
		_, _, at, _ := s.Next()
		if (at != Place{6, 3}) {
			t.Errorf("<b> is at %+v", at)
		}
		s.Next()
		if (s.Place() != Place{16, 4}) {
			t.Errorf("behind <b/> is %+v", s.Place())
		}
	})
}
