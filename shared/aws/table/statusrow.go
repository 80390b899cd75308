package table

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"zapas/shared/caller"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

type statusRow struct {
	Device      caller.DeviceID   `dynamodbav:"id"`
	Owner       caller.UserID     `dynamodbav:"owner"`
	Trust       fleet.DeviceState `dynamodbav:"trust,omitempty"`
	Label       string            `dynamodbav:"label"`
	Group       string            `dynamodbav:"group,omitempty"`
	Explicit    profile.ID        `dynamodbav:"explicit,omitempty"`
	Platform    string            `dynamodbav:"platform,omitempty"`
	Model       string            `dynamodbav:"model,omitempty"`
	EnrolledAt  time.Time         `dynamodbav:"enrolledAt,omitempty"`
	Seen        seenRow           `dynamodbav:"seen"`
	Governs     *governsRow       `dynamodbav:"governs,omitempty"`
	Run         *runRow           `dynamodbav:"run,omitempty"`
	Stored      *lastRow          `dynamodbav:"stored,omitempty"`
	UnchangedAt time.Time         `dynamodbav:"unchangedAt,omitempty"`
	Failed      *failedRow        `dynamodbav:"failed,omitempty"`
	Overdue     *overdueRow       `dynamodbav:"overdue,omitempty"`
	Tell        []string          `dynamodbav:"tell,stringset,omitempty"`
	ProvenAt    time.Time         `dynamodbav:"provenAt,omitempty"`
	Proven      string            `dynamodbav:"provenSnapshot,omitempty"`
	DamagedAt   time.Time         `dynamodbav:"damagedAt,omitempty"`
	Order       fleet.OrderID     `dynamodbav:"order,omitempty"`
	Rev         int64             `dynamodbav:"rev,omitempty"`

	Shard    string `dynamodbav:"fleet,omitempty"` // none: it is not in the index
	FleetKey string `dynamodbav:"fleetKey"`
	Due      string `dynamodbav:"due,omitempty"` // as Shard
	DueKey   string `dynamodbav:"dueKey,omitempty"`
}

type seenRow struct {
	At         time.Time         `dynamodbav:"at,omitempty"`
	AppVersion string            `dynamodbav:"app,omitempty"`
	Coverage   map[string]string `dynamodbav:"coverage,omitempty"`
	Conditions *saidRow          `dynamodbav:"conditions,omitempty"`
	Waiting    []string          `dynamodbav:"waiting,omitempty"`
	PushToken  string            `dynamodbav:"push,omitempty"`
}

type saidRow struct {
	Unmetered bool `dynamodbav:"unmetered"`
	Charging  bool `dynamodbav:"charging"`
	Battery   int  `dynamodbav:"battery"`
}

type governsRow struct {
	Profile profile.ID `dynamodbav:"profile,omitempty"`
	Since   time.Time  `dynamodbav:"since,omitempty"`
}

type runRow struct {
	At       time.Time  `dynamodbav:"at,omitempty"`
	Profile  profile.ID `dynamodbav:"profile,omitempty"`
	Session  string     `dynamodbav:"session,omitempty"`
	Deadline time.Time  `dynamodbav:"deadline,omitempty"`
}

type lastRow struct {
	At      time.Time        `dynamodbav:"at,omitempty"`
	Started time.Time        `dynamodbav:"started,omitempty"`
	Seq     int64            `dynamodbav:"seq"`
	Counts  map[string]int64 `dynamodbav:"counts,omitempty"`
	Failed  int64            `dynamodbav:"failed,omitempty"`
}

type failedRow struct {
	At      time.Time `dynamodbav:"at,omitempty"`
	Session string    `dynamodbav:"session,omitempty"`
}

type overdueRow struct {
	Slot  time.Time `dynamodbav:"slot,omitempty"`
	Since time.Time `dynamodbav:"since,omitempty"`
}

func rowOfSeen(s fleet.Seen) seenRow {
	r := seenRow{At: s.At, AppVersion: s.AppVersion, Coverage: s.Coverage, Waiting: s.Waiting, PushToken: s.PushToken}
	if s.Conditions != nil {
		r.Conditions = new(saidRow(*s.Conditions))
	}
	return r
}

func (r seenRow) seen() fleet.Seen {
	s := fleet.Seen{At: r.At, AppVersion: r.AppVersion, Coverage: r.Coverage, Waiting: r.Waiting, PushToken: r.PushToken}
	if r.Conditions != nil {
		s.Conditions = new(fleet.Conditions(*r.Conditions))
	}
	return s
}

func rowOfStatus(s fleet.Status) statusRow {
	r := statusRow{Device: s.Device, Owner: s.Owner, Trust: s.Trust, Label: s.Label, Group: s.Group, Explicit: s.Explicit, Platform: s.Platform,
		Model: s.Model, EnrolledAt: s.EnrolledAt, Seen: rowOfSeen(s.Seen), UnchangedAt: s.UnchangedAt, Tell: s.Tell, Order: s.Order, Rev: s.Rev,
		ProvenAt: s.Proven.At, Proven: s.Proven.Snapshot, DamagedAt: s.DamagedAt,
		Governs: unlessZero(governsRow(s.Governs)), Run: unlessZero(runRow(s.Run)), Failed: unlessZero(failedRow(s.Failed)), Overdue: unlessZero(overdueRow(s.Overdue)),
		Shard: shardOf(string(s.Device), shards), FleetKey: fleetKey(s.Label, s.Device)}
	r.Due, r.DueKey = lookKey(s.Device, s.Look)
	if l := lastRow(s.Stored); !l.At.IsZero() || l.Seq != 0 || len(l.Counts) > 0 {
		r.Stored = &l
	}
	return r
}

func (r statusRow) status() fleet.Status {
	s := fleet.Status{Device: r.Device, Owner: r.Owner, Trust: r.Trust, Label: r.Label, Group: r.Group, Explicit: r.Explicit, Platform: r.Platform,
		Model: r.Model, EnrolledAt: r.EnrolledAt, Seen: r.Seen.seen(), UnchangedAt: r.UnchangedAt, Tell: slices.Sorted(slices.Values(r.Tell)), Order: r.Order, Rev: r.Rev,
		Proven: fleet.Proven{At: r.ProvenAt, Snapshot: r.Proven}, DamagedAt: r.DamagedAt,
		Governs: fleet.Governs(given(r.Governs)), Run: fleet.Run(given(r.Run)), Stored: fleet.Stored(given(r.Stored)),
		Failed: fleet.Failed(given(r.Failed)), Overdue: fleet.Overdue(given(r.Overdue)), Look: look(r.Device, r.DueKey)}
	return s
}

// lookKey is where the index "due" has a device: D<shard> by the time, or O<shard> by profile and time. Both are "" when it
// has it nowhere.
func lookKey(id caller.DeviceID, l fleet.Look) (shard, key string) {
	switch {
	case l.At.IsZero():
		return "", ""
	case l.Overdue != "":
		return "O" + dueShard(id), string(l.Overdue) + "#" + stamp(l.At) + "#" + string(id)
	}
	return "D" + dueShard(id), stamp(l.At) + "#" + string(id)
}

// dueShard spreads devices evenly: the last of the 32 letters and digits of an id is random.
func dueShard(id caller.DeviceID) string {
	const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	return strconv.Itoa(max(strings.IndexByte(letters, id[len(id)-1]), 0) % dueShards)
}

// look reads what lookKey has made.
func look(id caller.DeviceID, key string) (l fleet.Look) {
	tail := len(layout) + len("#") + len(id)
	if len(key) < tail {
		return l
	}
	at := len(key) - tail
	l.At, _ = time.Parse(layout, key[at:at+len(layout)])
	if at > 0 {
		l.Overdue = profile.ID(key[:at-len("#")])
	}
	return l
}

// unlessZero is nil for a value that says nothing, so that its attribute is left out.
func unlessZero[V comparable](v V) *V {
	if v == *new(V) {
		return nil
	}
	return &v
}

func given[V any](p *V) (v V) {
	if p != nil {
		v = *p
	}
	return v
}
