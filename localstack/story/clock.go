package story

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// longestMove is how long a stack may take to start, and a clock to be set forward: every schedule on the way is played.
const longestMove = 5 * time.Minute

// Begins is the time at which a story begins: that of its command begins; zero when it has none.
func Begins(file string) (time.Time, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return time.Time{}, err
	}
	for line := range strings.Lines(string(text)) {
		if at, ok := strings.CutPrefix(strings.TrimSpace(line), "begins "); ok {
			return time.Parse(time.RFC3339, strings.TrimSpace(at))
		}
	}
	return time.Time{}, nil
}

// begins holds that the stack was started for this story.
func (t Teller) begins(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 1, "begins TIME")
	at, err := time.Parse(time.RFC3339, args[0])
	ts.Check(err)
	_, err = t.Stack.Kept()
	t.check(ts, "begins", err)
	if now := t.Stack.Now(); now.Before(at) || now.After(at.Add(longestMove)) {
		ts.Fatalf("the story begins at %s and the stack's clock shows %s: start one for this story alone, as story.Begins says", args[0], now.UTC().Format(time.RFC3339))
	}
}

func (t Teller) clock(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, len(args) == 1, "clock +DURATION|TIME")
	to, err := readMoment(args[0], t.Stack.Now())
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), longestMove)
	defer cancel()
	err = t.Stack.SetClock(ctx, to)
	if neg && err == nil {
		ts.Fatalf("the clock was set to %s, and should not have been", args[0])
	}
	if neg {
		_, err = fmt.Fprintln(ts.Stderr(), err)
	}
	t.check(ts, "clock", err)
}

func (t Teller) moment(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "moment PLACE TIME")
	v, err := in(ts, args[0])
	ts.Check(err)
	is, err := time.Parse(time.RFC3339, v)
	ts.Check(err)
	should, err := time.Parse(time.RFC3339, args[1])
	ts.Check(err)
	if !is.Equal(should) {
		ts.Fatalf("%s is %s, which is %s and not %s", args[0], v, is.UTC().Format(time.RFC3339), args[1])
	}
}

// readMoment reads what a clock is to show.
func readMoment(text string, now time.Time) (time.Time, error) {
	by, relative := strings.CutPrefix(text, "+")
	if !relative {
		to, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return to, fmt.Errorf("%q is no time: write +26h, or 2027-03-28T00:59:00Z: %w", text, err)
		}
		return to, nil
	}
	d, err := time.ParseDuration(by)
	if err != nil {
		return now, fmt.Errorf("%q is no duration: write it as +26h: %w", text, err)
	}
	return now.Add(d), nil
}

// atTime gives a phone the story's clock. A story's own --clock is how far the phone is ahead of that.
func atTime(args []string, ahead time.Duration) ([]string, error) {
	const flag = "--clock="
	i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "--clock") })
	if i < 0 {
		if ahead == 0 {
			return args, nil
		}
		return append([]string{flag + ahead.String()}, args...), nil
	}
	own, err := time.ParseDuration(strings.TrimPrefix(args[i], flag))
	if err != nil {
		return nil, fmt.Errorf("%s: write it as --clock=72h: %w", args[i], err)
	}
	args = slices.Clone(args)
	args[i] = flag + (ahead + own).String()
	return args, nil
}
