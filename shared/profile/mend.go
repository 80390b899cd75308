package profile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// What Mend looks at in one go.
const (
	atOnce   = 100 // profiles that were not told of
	compared = 50  // timers that are compared with their profiles
)

// Mended counts what Mend has found and done.
type Mended struct {
	Told      int // profiles that had not been told of
	Compared  int // timers
	Drifted   int // timers that were not what their profile says
	Withdrawn int // timers whose profile was gone
}

// Mend does what the outbox has left undone, and sees whether timers are what profiles say: a part of all in one go, from
// where the last go ended; "" is the beginning. One failure does not keep it from the rest. A timer that is no profile's by
// its name is left alone.
func (o Outbox) Mend(ctx context.Context, from string) (done Mended, next string, err error) {
	after, page, _ := strings.Cut(from, " ")
	all, err := o.Notes.Profiles(ctx)
	if err != nil {
		return done, from, err
	}
	all = around(all, ID(after))
	var failed []error
	for _, p := range all {
		if p.Scheduled >= p.Version && p.Told >= p.Version {
			continue
		}
		if done.Told == atOnce {
			break
		}
		done.Told++
		_, err := o.Deliver(ctx, p)
		failed = append(failed, err)
	}
	for _, p := range all[:min(len(all), compared)] {
		done.Compared++
		drifted, err := o.compare(ctx, p.ID)
		if drifted {
			done.Drifted++
		}
		failed = append(failed, err)
		after = string(p.ID)
	}
	withdrawn, page, err := o.orphans(ctx, all, page)
	done.Withdrawn = withdrawn
	return done, after + " " + page, errors.Join(append(failed, err)...)
}

// around are the profiles in the order of their ids, from the one that follows after to that one itself: each is among the
// first of them in its turn.
func around(all []Profile, after ID) []Profile {
	slices.SortFunc(all, func(a, b Profile) int { return cmp.Compare(a.ID, b.ID) })
	at, found := slices.BinarySearchFunc(all, after, func(p Profile, id ID) int { return cmp.Compare(p.ID, id) })
	if found {
		at++
	}
	return append(slices.Clone(all[at:]), all[:at]...)
}

// compare sees whether a profile's timer is as it says. The profile is read anew: what was read of all may be old.
func (o Outbox) compare(ctx context.Context, id ID) (drifted bool, err error) {
	p, err := o.Notes.Profile(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return false, nil // its timer is an orphan by now
	}
	if err != nil {
		return false, err
	}
	same, err := o.Timers.Is(ctx, id, p.Timer())
	if err != nil || same {
		return false, err
	}
	_, err = o.deliver(ctx, p, true)
	return true, err
}

// orphans withdraws the profiles that are gone and have a timer.
func (o Outbox) orphans(ctx context.Context, all []Profile, page string) (withdrawn int, next string, err error) {
	ids, next, err := o.Timers.Page(ctx, page)
	if err != nil {
		return 0, "", fmt.Errorf("from the first page on, next time: %w", err) // this page may be no page any more
	}
	var failed []error
	for _, id := range ids {
		if !caller.ValidID(string(id)) || slices.ContainsFunc(all, func(p Profile) bool { return p.ID == id }) {
			continue
		}
		_, err := o.Notes.Profile(ctx, id)
		if !fault.Is(err, fault.NotFound) {
			failed = append(failed, err) // it was made since all were read
			continue
		}
		err = o.Withdraw(ctx, id)
		if failed = append(failed, err); err == nil {
			withdrawn++
		}
	}
	return withdrawn, next, errors.Join(failed...)
}
