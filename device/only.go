package device

import (
	"slices"
	"time"

	"zapas/device/internal/item"
)

// Only narrows a restore to some of the messages and calls of its elements. All others are planned and skipped, as not_chosen.
// Contacts belong to no conversation and no day: whoever does not want them does not choose their element.
type Only struct {
	// With is a conversation: the messages whose other participants are these and no others, and the calls with this one.
	With   []string
	Region string // by which national numbers in With are read; ISO 3166 alpha-2, may be empty
	// Since and Until bound when they came or went: not before the one, before the other. Zero times bound nothing.
	Since, Until time.Time
	// Failed narrows it to the items that this phone's restores of the snapshot have not brought so far, if it still knows
	// them: all others are planned and skipped, as restored_before, or as not_failed where a narrowed restore may have left
	// them out.
	Failed bool
}

// takes is a rule that is nil when it takes all.
func takes(only []Only) func(item.Item) bool {
	var rules []func(peers []item.Address, at time.Time) bool
	for _, o := range only {
		if len(o.With) > 0 || !o.Since.IsZero() || !o.Until.IsZero() {
			rules = append(rules, o.rule())
		}
	}
	if rules == nil {
		return nil
	}
	return func(it item.Item) bool {
		peers, at, dated := talk(it)
		return !dated || !slices.ContainsFunc(rules, func(takes func([]item.Address, time.Time) bool) bool { return !takes(peers, at) })
	}
}

func (o Only) rule() func(peers []item.Address, at time.Time) bool {
	var with []item.Address
	for _, raw := range o.With {
		with = append(with, item.ParseAddress(raw, regions(o.Region)...))
	}
	want := keys(with)
	return func(peers []item.Address, at time.Time) bool {
		return (o.Since.IsZero() || !at.Before(o.Since)) && (o.Until.IsZero() || at.Before(o.Until)) &&
			(len(want) == 0 || slices.Equal(keys(peers), want))
	}
}

func regions(r string) []string {
	if r == "" {
		return nil
	}
	return []string{r}
}

// keys are what a set of addresses has, whatever their order.
func keys(addresses []item.Address) (out []string) {
	for _, a := range addresses {
		out = append(out, a.Key())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// talk is with whom and when a message or a call was.
func talk(it item.Item) (peers []item.Address, at time.Time, ok bool) {
	switch it := it.(type) {
	case *item.SMS:
		return it.Peers, time.UnixMilli(it.Date), true
	case *item.MMS:
		return it.Peers, time.UnixMilli(it.Date), true
	case *item.Call:
		return []item.Address{it.Address}, time.UnixMilli(it.Date), true
	}
	return nil, time.Time{}, false
}
