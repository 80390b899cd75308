package tour

import (
	"io"
	"strings"
	"testing"

	"zapas/localstack/story"
)

// TestTable: a rule that no step has shown is an error, and so is a rule that there is not.
func TestTable(t *testing.T) {
	t.Parallel()
	var all []story.Shown
	for i, r := range rules {
		all = append(all, story.Shown{Rule: r[0], Step: i + 1, How: "thus"})
	}
	var out strings.Builder
	if err := table(&out, all); err != nil || strings.Count(out.String(), " step ") != len(rules) || !strings.Contains(out.String(), " step 3: thus\n") {
		t.Errorf("%v:\n%s", err, out.String())
	}
	if err := table(io.Discard, append(all, story.Shown{Rule: "R11", Step: 1})); err == nil || !strings.Contains(err.Error(), "R11") {
		t.Errorf("another rule: %v", err)
	}
	for i, r := range rules {
		some := append(append([]story.Shown{}, all[:i]...), all[i+1:]...)
		if err := table(io.Discard, some); err == nil || !strings.Contains(err.Error(), "not shown "+r[0]+":") {
			t.Errorf("without %s: %v", r[0], err)
		}
	}
}

func TestQuoted(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{".zapas/bin/zapas-device": ".zapas/bin/zapas-device", "/a b/c": "'/a b/c'", "it's": `'it'\''s'`, "": "''", "$(x)": "'$(x)'"} {
		if got := quoted(word); got != want {
			t.Errorf("%s is quoted %s", word, got)
		}
	}
}
