package tour

import (
	"fmt"
	"io"
	"strings"

	"zapas/localstack/story"
)

// rules are what the product promises, all of which the main job shows.
var rules = [...][2]string{
	{"R1", "an administrator keeps backup profiles"},
	{"R2", "a profile chooses elements, location, frequency"},
	{"R3", "a backup is incremental"},
	{"R4", "an app on the phone backs up and restores"},
	{"R5", "a user forces a backup from his card"},
	{"R6", "he picks a backup there and restores it on a phone"},
	{"R7", "he restores what his other phones have backed up"},
	{"R8", "he restores only his own"},
	{"R9", "nobody reads what is stored; numbers by permission"},
	{"R10", "all is kept in the organisation's account, region"},
}

const width = 54 // of a rule's words and the dots behind them

// table prints one line for each rule, or says which was not shown.
func table(out io.Writer, shown []story.Shown) error {
	how := map[string]story.Shown{}
	for _, s := range shown {
		how[s.Rule] = s
	}
	fmt.Fprintln(out, "\nWhat was shown")
	var missing []string
	for _, r := range rules {
		s, ok := how[r[0]]
		if !ok {
			missing = append(missing, r[0])
			continue
		}
		delete(how, r[0])
		dots := strings.Repeat(".", max(3, width-len(r[1])))
		fmt.Fprintf(out, "  %-3s  %s %s step %d: %s\n", r[0], r[1], dots, s.Step, s.How)
	}
	if len(missing) > 0 {
		return fmt.Errorf("the story has not shown %s: add a step that does, and says so by shows", strings.Join(missing, ", "))
	}
	for unknown := range how {
		return fmt.Errorf("the story shows %s, which is no rule", unknown)
	}
	return nil
}
