package story

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// longestCall is how long a function may take, whatever its own time-out.
const longestCall = 5 * time.Minute

// invoke calls a function by itself, as what drives it does.
func (t Teller) invoke(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, len(args) == 2, "invoke FUNCTION FILE")
	ctx, cancel := context.WithTimeout(context.Background(), longestCall)
	defer cancel()
	answer, err := t.Stack.Invoke(ctx, args[0], []byte(os.Expand(ts.ReadFile(args[1]), ts.Getenv)))
	if neg && err == nil {
		ts.Fatalf("%s did what it was asked, and should have failed: %s", args[0], answer)
	}
	if neg {
		_, err = fmt.Fprintln(ts.Stderr(), err)
	}
	ts.Check(err)
	_, err = ts.Stdout().Write(answer)
	ts.Check(err)
}

// told is what events shows of the events of a type.
type told struct {
	Told   int               `json:"told"`   // how often one was told
	Events []json.RawMessage `json:"events"` // each once, by its id, the last told first
}

// events shows what the world was told.
func (t Teller) events(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 1, "events TYPE")
	all, err := t.Stack.Told()
	t.check(ts, "events", err)
	out, err := tellings(all, args[0])
	ts.Check(err)
	b, err := json.Marshal(out)
	ts.Check(err)
	_, err = ts.Stdout().Write(append(b, '\n'))
	ts.Check(err)
}

// tellings reads events as buses have them.
func tellings(all [][]byte, of string) (told, error) {
	out := told{Events: []json.RawMessage{}}
	var ids []string
	for _, b := range slices.Backward(all) {
		var e struct {
			Type   string          `json:"detail-type"`
			Detail json.RawMessage `json:"detail"`
		}
		var named struct{ ID string }
		if err := json.Unmarshal(b, &e); err != nil {
			return out, err
		}
		if e.Type != of {
			continue
		}
		if err := json.Unmarshal(e.Detail, &named); err != nil {
			return out, err
		}
		if out.Told++; !slices.Contains(ids, named.ID) {
			ids, out.Events = append(ids, named.ID), append(out.Events, e.Detail)
		}
	}
	return out, nil
}
