package simulate_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// part is a part of the fleet with the rows of its devices: one thread plays it, beside others. It is to the domain what
// the tables are, and bills to a meter what they would cost.
type part struct {
	fleet.Identities // of which only Device is asked for
	world            *world
	now              int64
	meter            *meter
	phones           map[caller.DeviceID]*phone
	order            []*phone
	orders           map[fleet.OrderID]fleet.Order
	due              [][]*phone // by the epoch in which the watch is to look at them
	rev              int        // of the profiles that it last read
	bytes            [fleetShards]int
	dirty            []*phone   // that were written since the last walk
	placed           int64      // devices, by this walk
	queue            [][]*phone // by the epoch in which they do something next
	ids              uint64
	number           int
	counts           counts
	fleet            *fleet.Fleet
	runs             fleet.RunBook
	profiles         *profile.Service
	plant            plant
}

var (
	_ fleet.Statuses   = (*part)(nil)
	_ fleet.Orders     = (*part)(nil)
	_ fleet.Profiles   = (*part)(nil)
	_ fleet.Identities = (*part)(nil)
	_ audit.Log        = (*part)(nil)
)

func (r *part) clock() time.Time { return time.Unix(r.now, 0).UTC() }

func (r *part) newID() string {
	r.ids++
	return ulid(uint64(r.number+1)<<40 | r.ids)
}

func (r *part) reads(n int, halves int) {
	r.meter.add(allReads, r.now, halves)
	if n != allReads {
		r.meter.add(n, r.now, halves)
	}
}

func (r *part) writes(n int, halves int) {
	r.meter.add(allWrites, r.now, halves)
	if n != allWrites {
		r.meter.add(n, r.now, halves)
	}
}

// Append bills a record; nobody reads it.
func (r *part) Append(context.Context, audit.Record) error {
	r.writes(allWrites, 2)
	return nil
}

// Device reads who a device is.
func (r *part) Device(_ context.Context, id caller.DeviceID) (fleet.Device, error) {
	r.reads(allReads, 2)
	d := r.phones[id]
	if d == nil {
		return fleet.Device{}, fault.New(fault.NotFound, "not_found", "There is no such device.")
	}
	return fleet.Device{ID: id, Owner: d.row.Owner, State: d.row.Trust, EnrolledAt: d.row.EnrolledAt}, nil
}

// Set reads the number of the profiles, and them when it is another.
func (r *part) Set(context.Context) (profile.Set, error) {
	return r.revised().set, nil
}

func (r *part) revised() *version {
	r.reads(revReads, 2)
	v := r.world.version(r.now)
	if v.rev > r.rev {
		r.rev = v.rev
		r.reads(profileReads, r.world.setCost)
	}
	return v
}

// Slot reads the last slot that a tick recorded.
func (r *part) Slot(_ context.Context, id profile.ID) (time.Time, error) {
	n := r.world.number[id]
	r.reads(slotReads+n, 2)
	return r.world.recorded(n, r.now), nil
}

// Profile reads one, as a session does that begins.
func (r *part) Profile(_ context.Context, id profile.ID) (profile.Profile, error) {
	n, ok := r.world.number[id]
	if !ok {
		return profile.Profile{}, fault.New(fault.NotFound, "not_found", "There is no such profile.")
	}
	r.reads(runReads+n, 2)
	return r.world.version(r.now).profiles[n], nil
}

// Status reads one.
func (r *part) Status(_ context.Context, id caller.DeviceID) (fleet.Status, error) {
	d := r.phones[id]
	if d == nil || !d.enrolled {
		return fleet.Status{}, fault.New(fault.NotFound, "not_found", "There is no such device.")
	}
	r.reads(allReads, 2*units(d.size, 4096))
	return d.row, nil
}

// CreateStatus stores a new one.
func (r *part) CreateStatus(_ context.Context, s fleet.Status) error {
	d := r.phones[s.Device]
	if d.enrolled {
		r.writes(allWrites, 2*units(size(d.row), 1024))
		return nil
	}
	d.enrolled, d.row = true, s
	r.bill(d, fleet.Status{}, s, 1)
	return nil
}

// Note writes the members of c, as the adapter's update does.
func (r *part) Note(_ context.Context, id caller.DeviceID, c fleet.Change) (fleet.Status, error) {
	d := r.phones[id]
	if d == nil || !d.enrolled {
		return fleet.Status{}, fault.New(fault.NotFound, "not_found", "There is no such device.")
	}
	c = r.plant.note(c)
	old := d.row
	of := c.Of == "" || old.Run.Session == c.Of && old.Overdue == (fleet.Overdue{}) && len(old.Tell) == 0 && (c.Stored == nil || old.Stored.Seq < c.Stored.Seq)
	if !of || c.Over != nil && *c.Over != old.Edition() || c.Rev != nil && *c.Rev != old.Rev {
		r.writes(allWrites, 2*units(size(old), 1024))
		return old, fault.New(fault.Conflict, "conflict", "It has changed.")
	}
	if c.Stored != nil && c.Stored.Seq < old.Stored.Seq {
		r.writes(allWrites, 2*units(size(old), 1024))
		c.Stored, c.Overdue, c.Look = nil, nil, nil
		if c.Empty() {
			return old, nil
		}
	}
	changed(&d.row, c)
	r.bill(d, old, d.row, 1)
	return d.row, nil
}

func changed(s *fleet.Status, c fleet.Change) {
	put(&s.Seen, c.Seen)
	put(&s.Platform, c.Platform)
	put(&s.Governs, c.Governs)
	put(&s.Run, c.Run)
	put(&s.Stored, c.Stored)
	put(&s.UnchangedAt, c.UnchangedAt)
	put(&s.Failed, c.Failed)
	put(&s.Overdue, c.Overdue)
	put(&s.Look, c.Look)
	put(&s.Proven, c.Proven)
	put(&s.DamagedAt, c.DamagedAt)
	put(&s.Trust, c.Trust)
	put(&s.Label, c.Label)
	put(&s.Group, c.Group)
	put(&s.Explicit, c.Explicit)
	if len(c.Tell)+len(c.Told) > 0 { // what is there is not written to: others may have read it
		all := append(slices.Clone(s.Tell), c.Tell...)
		s.Tell = slices.DeleteFunc(all, func(e string) bool { return slices.Contains(c.Told, e) })
	}
	s.Rev++
}

func put[V any](to, from *V) {
	if from != nil {
		*to = *from
	}
}

// bill is what a row's change costs of the table and of its three indexes: "owner" and "fleet" hold the row, "due" its
// keys. A transaction takes all of it twice; an entry that moves costs two writes ("Using Global Secondary Indexes in DynamoDB", Amazon DynamoDB Developer Guide).
func (r *part) bill(d *phone, old, now fleet.Status, times int) {
	was, is := d.size, size(now)
	d.size = is
	if !d.dirty {
		d.dirty = true
		r.dirty = append(r.dirty, d)
	}
	r.bytes[fleetShard(now.Device)] += is - was
	r.counts.notes++
	whole := times * max(units(was, 1024), units(is, 1024))
	r.writes(allWrites, 2*2*whole)                        // the table's and that of "owner"
	r.writes(fleetWrites+fleetShard(now.Device), 2*whole) // labels never change here
	if old.Look == now.Look {
		return
	}
	for _, l := range []fleet.Look{old.Look, now.Look} {
		if n, ok := lookSeries(now.Device, l); ok {
			r.writes(n, 2*times)
		}
	}
	if now.Look.Overdue == "" && !now.Look.At.IsZero() {
		if n := max(now.Look.At.Unix(), r.now)/epoch - begins.Unix()/epoch; n < int64(len(r.due)) {
			r.due[n] = append(r.due[n], d)
		}
	}
}

func units(size, unit int) int { return max((size+unit-1)/unit, 1) }

func lookSeries(id caller.DeviceID, l fleet.Look) (n int, in bool) {
	switch {
	case l.At.IsZero():
		return 0, false
	case l.Overdue != "":
		return lateWrites + dueShard(id), true
	}
	return dueWrites + dueShard(id), true
}

func dueShard(id caller.DeviceID) int {
	return strings.IndexByte("0123456789ABCDEFGHJKMNPQRSTVWXYZ", id[len(id)-1]) % dueShards
}

func fleetShard(id caller.DeviceID) int { return int(id[len(id)-1]) % fleetShards }

// OfOwner and List are asked for by nobody here.
func (r *part) OfOwner(context.Context, caller.UserID) ([]fleet.Status, error) { panic("not played") }

func (r *part) List(context.Context, fleet.Which, string, int) ([]fleet.Status, string, error) {
	panic("not played")
}

// Order reads one.
func (r *part) Order(_ context.Context, id fleet.OrderID) (fleet.Order, error) {
	r.reads(allReads, 2)
	o, ok := r.orders[id]
	if !ok {
		return o, fault.New(fault.NotFound, "not_found", "There is no such order.")
	}
	return o, nil
}

// OpenOrder stores a new one, and the device's row names it and notes c: a transaction, which costs twice.
func (r *part) OpenOrder(_ context.Context, o fleet.Order, instead fleet.OrderID, c fleet.Change) error {
	return r.both(o, instead, o.ID, c)
}

// MoveOrder stores one with the next Rev.
func (r *part) MoveOrder(_ context.Context, o fleet.Order) error {
	r.writes(allWrites, 2)
	return r.move(o)
}

// EndOrder does so, and the device's row names none.
func (r *part) EndOrder(_ context.Context, o fleet.Order) error {
	return r.both(o, o.ID, "", fleet.Change{})
}

func (r *part) both(o fleet.Order, was, is fleet.OrderID, c fleet.Change) error {
	d := r.phones[o.Device]
	r.writes(allWrites, 4)
	old := d.row
	if old.Order != was {
		return fault.New(fault.Conflict, "conflict", "It has changed.")
	}
	if err := r.move(o); err != nil {
		return err
	}
	if !c.Empty() {
		changed(&d.row, c)
	}
	d.row.Order = is
	r.bill(d, old, d.row, 2)
	return nil
}

func (r *part) move(o fleet.Order) error {
	if r.orders[o.ID].Rev != o.Rev {
		return fault.New(fault.Conflict, "conflict", "It has changed.")
	}
	o.Rev++
	r.orders[o.ID] = o
	return nil
}

// size is how large a device's row is, as "DynamoDB item sizes and formats" (Amazon DynamoDB Developer Guide) counts it.
func size(s fleet.Status) int {
	if s.Device == "" {
		return 0
	}
	const instant = 24
	id := len(s.Device)
	n := 2 + 2 + id + 2 + 6 + // PK F#<device>, SK STATUS
		2 + id + text("owner", string(s.Owner)) + text("trust", string(s.Trust)) + 5 + len(s.Label) + text("group", s.Group) + text("explicit", string(s.Explicit)) +
		text("platform", s.Platform) + text("model", s.Model) + when("enrolledAt", s.EnrolledAt) + when("unchangedAt", s.UnchangedAt) +
		when("provenAt", s.Proven.At) + text("provenSnapshot", s.Proven.Snapshot) + when("damagedAt", s.DamagedAt) + text("order", string(s.Order)) +
		6 /* fleet and its shard */ + 8 + len(s.Label) + 1 + id
	if len(s.Tell) > 0 {
		n += len("tell")
		for _, e := range s.Tell {
			n += len(e)
		}
	}
	if s.Rev != 0 {
		n += 3 + number(s.Rev)
	}
	n += 4 + 3 + member(when("at", s.Seen.At)) + member(text("app", s.Seen.AppVersion)) + member(text("push", s.Seen.PushToken))
	if len(s.Seen.Coverage) > 0 {
		n += 1 + 8 + 3
		for k, v := range s.Seen.Coverage {
			n += 1 + len(k) + len(v)
		}
	}
	if c := s.Seen.Conditions; c != nil {
		n += 1 + 10 + 3 + 3 + 9 + 1 + 8 + 1 + 7 + number(int64(c.Battery))
	}
	if len(s.Seen.Waiting) > 0 {
		n += 1 + 7 + 3
		for _, w := range s.Seen.Waiting {
			n += 1 + len(w)
		}
	}
	if s.Governs != (fleet.Governs{}) {
		n += 7 + 3 + member(text("profile", string(s.Governs.Profile))) + member(when("since", s.Governs.Since))
	}
	if s.Run != (fleet.Run{}) {
		n += 3 + 3 + member(when("at", s.Run.At)) + member(text("profile", string(s.Run.Profile))) + member(text("session", s.Run.Session)) + member(when("deadline", s.Run.Deadline))
	}
	if !s.Stored.At.IsZero() || s.Stored.Seq != 0 {
		n += 6 + 3 + member(when("at", s.Stored.At)) + member(when("started", s.Stored.Started)) + 1 + 3 + number(s.Stored.Seq)
		if len(s.Stored.Counts) > 0 {
			n += 1 + 6 + 3
			for k, v := range s.Stored.Counts {
				n += 1 + len(k) + number(v)
			}
		}
		if s.Stored.Failed != 0 {
			n += 1 + 6 + number(s.Stored.Failed)
		}
	}
	if s.Failed != (fleet.Failed{}) {
		n += 6 + 3 + member(when("at", s.Failed.At)) + member(text("session", s.Failed.Session))
	}
	if s.Overdue != (fleet.Overdue{}) {
		n += 7 + 3 + member(when("slot", s.Overdue.Slot)) + member(when("since", s.Overdue.Since))
	}
	if !s.Look.At.IsZero() {
		n += 3 + 1 + len(strconv.Itoa(dueShard(s.Device))) + 6 + instant + 1 + id
		if s.Look.Overdue != "" {
			n += len(s.Look.Overdue) + 1
		}
	}
	return n
}

func text(name, value string) int {
	if value == "" {
		return 0
	}
	return len(name) + len(value)
}

func when(name string, t time.Time) int {
	if t.IsZero() {
		return 0
	}
	return len(name) + len("2006-01-02T15:04:05.000Z")
}

// member is an entry of a map: one more than it is alone.
func member(size int) int {
	if size == 0 {
		return 0
	}
	return 1 + size
}

func number(n int64) int { return (len(strings.TrimRight(strconv.FormatInt(n, 10), "0"))+1)/2 + 1 }

// Announce takes everything.
func (r *part) Announce(_ context.Context, events ...event.Event) ([]event.Event, error) {
	r.meter.add(announced, r.now, 2*len(events))
	return nil, nil
}
