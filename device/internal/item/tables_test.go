package item

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// TestTables: the tables on which ids depend are those that the page names. A newer one changes ids: the page says what of it, and
// is changed with it.
func TestTables(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join("..", "..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/nyaruka/phonenumbers"
	version := regexp.MustCompile(regexp.QuoteMeta(module) + ` (v\S+)`).FindSubmatch(mod)
	if version == nil {
		t.Fatalf("go.mod does not name %s", module)
	}
	words := strings.Join(strings.Fields(string(page)), " ")
	if want := "`" + module + "` " + string(version[1]) + ","; !strings.Contains(words, want) {
		t.Errorf("the page does not say %s", want)
	}
	for what, v := range map[string]string{"categories": unicode.Version, "NFC": norm.Version, "case folding": cases.UnicodeVersion} {
		if !strings.Contains(words, "Unicode "+v+" for categories") {
			t.Errorf("%s are those of Unicode %s, and the page does not say so", what, v)
		}
	}
}
