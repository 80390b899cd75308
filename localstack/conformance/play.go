package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Play makes a target, asks it all cases, writes a line for each and one of totals, and removes what was made. It is an
// error if a case fails; what is not proven is none.
func Play(ctx context.Context, s Settings, prefix string, out io.Writer) (err error) {
	t, err := New(ctx, s, prefix)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Remove(context.WithoutCancel(ctx))) }()
	say := func(format string, values ...any) {
		_, failed := fmt.Fprintf(out, format, values...)
		err = errors.Join(err, failed)
	}
	enforced := Probe(ctx, t)
	for _, rule := range slices.Sorted(maps.Keys(enforced)) {
		if verdict, why := enforced.doubt(rule); verdict != Passed {
			say("%s\n", why)
		}
	}
	counts, cases := map[Verdict]int{}, Cases()
	if s.DataOnly {
		cases = dataCases()
	}
	for _, c := range cases {
		if stopped := ctx.Err(); stopped != nil {
			return fmt.Errorf("the cases were stopped before %s: %w", c.Name, stopped)
		}
		r := c.Check(ctx, t, enforced)
		counts[r.Verdict]++
		if r.Verdict == Passed {
			say("%-10s  %s\n", r.Verdict, c.Name)
		} else {
			say("%-10s  %s: %s (%s)\n", r.Verdict, c.Name, r.Why, c.Source)
		}
	}
	say("%d cases: %d passed, %d failed, %d not proven\n", len(cases), counts[Passed], counts[Failed], counts[NotProven])
	if n := counts[Failed]; n > 0 {
		return errors.Join(err, fmt.Errorf("the target does not behave as AWS in %d cases; they are marked %s above", n, Failed))
	}
	return err
}
