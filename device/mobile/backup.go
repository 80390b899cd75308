package mobile

import (
	"context"
	"maps"
	"slices"

	"zapas/device"
	"zapas/device/internal/ledger"
	"zapas/shared/api"
)

// Card is what the service answers a phone that checks in: what to do now.
type Card struct {
	Due       bool   // call BackUp
	Why       string // it is due, or not
	Ordered   bool   // somebody asks for a backup now, whatever the schedule says
	Profile   string // the name of what governs the phone; empty when nothing does
	PollAfter int64  // seconds until the app should check in again

	profile  *api.DeviceProfile
	restores []*Restore
}

// Chooses reports whether the profile backs an element up.
func (c *Card) Chooses(element string) bool {
	return c.profile != nil && slices.Contains(c.profile.Elements, api.Element(element))
}

// RestoreCount is how many restores wait for this phone.
func (c *Card) RestoreCount() int { return len(c.restores) }

// Restore is one of them.
func (c *Card) Restore(i int) *Restore { return at(c.restores, i) }

// CheckIn asks what to do now, and tells how much of each element from can show; it may be null.
func (d *Device) CheckIn(run *Run, from Source) (*Card, error) {
	var out *Card
	err := d.do(run, func(ctx context.Context) error {
		var coverage map[string]string
		if from != nil {
			coverage = map[string]string{}
			for _, e := range ledger.Elements() {
				coverage[e] = from.Coverage(e)
			}
		}
		a, err := d.d.CheckIn(ctx, coverage)
		if err != nil {
			return err
		}
		out = &Card{Due: a.Due || d.d.Pending(), Why: string(a.Why), Ordered: a.Order != nil, PollAfter: int64(a.PollAfter), profile: a.Profile}
		region := ""
		if a.Profile != nil {
			out.Profile, region = a.Profile.Name, a.Profile.Region
		}
		for _, r := range a.Restores {
			out.restores = append(out.restores, restoreOf(r, region))
		}
		return nil
	})
	return given(out, err)
}

// BackUp stores what is new since the last backup, for the profile and the order of a card. Cancelled or killed, it is called
// again, and goes on where it was.
func (d *Device) BackUp(run *Run, card *Card, from Source) (*BackupReport, error) {
	var out *BackupReport
	err := d.do(run, func(ctx context.Context) error {
		switch {
		case card == nil || from == nil:
			return errNoArgument
		case card.profile == nil:
			return errNoProfile
		}
		var elements []string
		for _, e := range card.profile.Elements {
			elements = append(elements, string(e))
		}
		r, err := d.d.Backup(ctx, newSource(ctx, from, card.profile.Region, elements), *card.profile)
		out = &BackupReport{Snapshot: r.Snapshot, Unchanged: r.Unchanged, Resumed: r.Resumed, Failed: r.Failed(), Healed: r.Mended(), BytesUp: r.BytesUp, Note: r.Note, report: r}
		return err
	})
	return given(out, err)
}

// BackupReport is what a backup did.
type BackupReport struct {
	Snapshot  string
	Unchanged bool  // nothing was new: the last backup still stands
	Resumed   bool  // what an earlier run had sealed was brought to its end
	Failed    int64 // items that could not be stored
	Healed    int64 // items of the last backup that were found lost, and that are stored again
	BytesUp   int64
	Note      string

	report device.Report
}

// Element accounts for the items of an element; null for one that was not backed up.
func (r *BackupReport) Element(element string) *BackedUp {
	l, ok := r.report.Ledger[element]
	if !ok {
		return nil
	}
	return &BackedUp{Seen: l.Seen, Stored: l.Stored, Already: l.Already, Excluded: l.Excluded, Failed: l.Failed,
		Removed: r.report.Removed[element], Healed: r.report.Healed[element], Coverage: r.report.Coverage[element], reasons: reasonsOf(l.Reasons)}
}

// FailureCount is how many failures are told in words: the first few.
func (r *BackupReport) FailureCount() int { return len(r.report.Failures) }

// Failure is one of them, in words that are for this phone alone; empty when there is none such.
func (r *BackupReport) Failure(i int) string {
	if i < 0 || i >= len(r.report.Failures) {
		return ""
	}
	return r.report.Failures[i]
}

// BackedUp accounts for items: Seen = Stored + Already + Excluded + Failed.
type BackedUp struct {
	Seen     int64
	Stored   int64
	Already  int64 // stored by an earlier backup
	Excluded int64
	Failed   int64
	Removed  int64  // of the last backup, and no longer there
	Healed   int64  // of the last backup; they were found lost, and are stored again
	Coverage string // what the run could see

	reasons []*Reason
}

// ReasonCount is how many reasons there are for what was excluded or has failed.
func (b *BackedUp) ReasonCount() int { return len(b.reasons) }

// Reason is one of them.
func (b *BackedUp) Reason(i int) *Reason { return at(b.reasons, i) }

// Reason is why some items were left out.
type Reason struct {
	Word  string // of a-z and _
	Items int64
}

func reasonsOf(m map[string]int64) (out []*Reason) {
	for _, word := range slices.Sorted(maps.Keys(m)) {
		out = append(out, &Reason{Word: word, Items: m[word]})
	}
	return out
}
