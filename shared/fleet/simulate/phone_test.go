package simulate_test

import (
	"cmp"
	"context"
	"time"

	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// phone is a device: its row in the table, how it behaves, and what the oracle knows of it.
type phone struct {
	id         caller.DeviceID
	row        fleet.Status
	size       int // of the row
	dirty      bool
	enrolled   bool
	enrolledAt int64
	explicit   bool // it has a profile of its own
	group      string

	next             int64 // when it does something
	luck             uint64
	offFrom, offTo   int64 // its next time without a network
	skew             int64 // its clock, as far as it was not set right by answers
	phase            int64 // of its user's day
	poll             int64 // what the last answer said
	session          string
	run              fleet.Run
	sessionAt, seq   int64
	outcome          byte
	chores           []chore // of administrators, in order
	plan             [3]struct{ slot, start int64 }
	planned          profile.ID
	begun            int64
	quiet            quiet
	walked, walkedBy int64
	ledger           ledger
}

// chore is what an administrator does with a device at a moment.
type chore struct {
	at    int64
	group string
	order bool
}

// quiet is what must still hold for a check-in to be one that answers as the last did and writes nothing.
type quiet struct {
	rev     int64
	profile int // rev of the profiles
	said    byte
	until   int64 // then something may be due, start, or be noted
	poll    int64
	scene   int
}

func (d *phone) random() uint64 { // SplitMix64
	d.luck += 0x9e3779b97f4a7c15
	z := d.luck
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (d *phone) upTo(n int64) int64 { return int64(d.random() % uint64(n)) }

// in reports whether something happens that happens in so many of 1,000 cases.
func (d *phone) in(n uint64) bool { return d.random()%1000 < n }

// drift finds the next time without a network: after some days, mostly for hours, now and then for days.
func (d *phone) drift(now int64) {
	d.offFrom = now + 3600 + d.upTo(5*86400)
	length := 1800 + d.upTo(8*3600)
	switch {
	case d.in(40):
		length = 86400 + d.upTo(9*86400)
	case d.in(200):
		length = 8*3600 + d.upTo(36*3600)
	}
	d.offTo = d.offFrom + length
}

// conditions are those of a phone that is charged at night and leaves its wireless network for work and back.
func (d *phone) conditions(now int64) fleet.Conditions {
	hour := (now + d.phase) / 3600 % 24
	return fleet.Conditions{Charging: hour < 6 || hour >= 22, Unmetered: hour != 8 && hour != 17, Battery: 50 + int(hour)}
}

var covered = map[string]string{"contacts": "full", "messages": "full", "calls": "full"}

// report is what the phone says, and what of it is news when it is not due.
func (d *phone) report(now, upgrade int64) (r fleet.Report, said byte) {
	c := d.conditions(now)
	r = fleet.Report{AppVersion: "2.4.1", Platform: "android", Coverage: covered, Conditions: &c}
	if d.phase%2 == 0 {
		r.PushToken = "fcm:" + string(d.id) + string(d.id) + string(d.id) + string(d.id) + string(d.id)
	}
	if now >= upgrade+d.phase {
		r.AppVersion, said = "2.5.0", 1
	}
	return r, said
}

// step does what the phone does next, or an administrator with it.
func (r *part) step(d *phone) {
	ctx := context.Background()
	if len(d.chores) > 0 && d.chores[0].at <= d.next {
		c := d.chores[0]
		r.now, d.chores = c.at, d.chores[1:]
		r.chore(ctx, d, c)
		return
	}
	r.now = d.next
	if r.now >= d.offTo {
		d.drift(r.now)
	}
	if r.now >= d.offFrom {
		d.next = d.offTo + d.upTo(60)
		return
	}
	switch {
	case !d.enrolled:
		r.enrol(ctx, d)
	case d.session != "":
		r.finish(ctx, d)
	case d.in(7):
		r.meter.add(requests, r.now, 2)
		r.alone(ctx, d)
	default:
		r.checkIn(ctx, d)
	}
}

// at is when the phone, or an administrator, does something next.
func (d *phone) at() int64 {
	if len(d.chores) > 0 {
		return min(d.next, d.chores[0].at)
	}
	return d.next
}

func (r *part) failed(d *phone, err error) {
	if err != nil {
		r.counts.violate(broke, "device %s at %d: %v", d.id, r.now, err)
	}
}

// enrol makes the row that an enrolment makes.
func (r *part) enrol(ctx context.Context, d *phone) {
	d.enrolledAt = r.now
	s := fleet.Status{Device: d.id, Owner: caller.UserID(d.id), Trust: fleet.InUse, Label: "Phone " + string(d.id[20:]), Platform: "android", Model: "SM-G991B", EnrolledAt: r.clock(),
		Group: d.group, Seen: fleet.Seen{AppVersion: "2.4.1"}, Look: fleet.Look{At: r.clock()}}
	if d.explicit {
		s.Explicit = r.world.now0.profiles[5].ID
	}
	r.failed(d, r.CreateStatus(ctx, s))
	d.next = r.now + 5
}

func (r *part) chore(ctx context.Context, d *phone, c chore) {
	if !d.enrolled {
		return
	}
	who := caller.Caller{User: "01M0000000000000000000ADMN"}
	device, err := r.Device(ctx, d.id)
	r.failed(d, err)
	if c.order {
		_, err = r.fleet.Order(ctx, who, device, "")
		r.failed(d, err)
		r.counts.orders++
		return
	}
	card, err := r.fleet.Card(ctx, device)
	r.failed(d, err)
	_, err = r.fleet.Govern(ctx, who, device, card.Version(), &c.group, nil)
	r.failed(d, err)
	d.group = c.group
	r.counts.moves++
	r.oracle().looked(d, r.now)
}

func (r *part) oracle() oracle { return oracle{&r.world.tables, &r.counts} }

// checkIn asks the service, unless it is known what it would answer. What the request reads is billed either way.
func (r *part) checkIn(ctx context.Context, d *phone) {
	report, said := d.report(r.now, r.world.upgrade)
	r.counts.polls++
	r.meter.add(requests, r.now, 2)
	_, err := r.Device(ctx, d.id) // who it is
	r.failed(d, err)
	r.reads(allReads, 2) // its restores
	still := d.row.Order == "" && d.quiet.rev == d.row.Rev && d.quiet.said == said && r.now < d.quiet.until && d.quiet.profile == r.world.version(r.now).rev
	if sampled := d.in(5); still && !r.world.exact && !sampled {
		r.counts.skipped++
		r.reads(allReads, 2*units(d.size, 4096))
		r.revised()
		if d.quiet.scene >= 0 {
			r.reads(slotReads+d.quiet.scene, 2)
		}
		r.reads(settingsReads, 2)
		d.next = r.now + d.quiet.poll + d.upTo(20)
		return
	}
	a, err := r.fleet.CheckIn(ctx, caller.Caller{User: d.row.Owner, Device: d.id}, report)
	r.failed(d, err)
	if still {
		r.counts.audited++
		if d.row.Rev != d.quiet.rev || a.Due || int64(a.PollAfter/time.Second) != d.quiet.poll {
			r.counts.violate(unsound, "device %s at %d: %+v", d.id, r.now, a.Standing)
		}
	}
	r.oracle().looked(d, r.now)
	r.oracle().asked(d, a.Due, a.NotBefore.Unix(), r.now)
	d.walked, d.walkedBy = d.row.Rev, int64(r.world.version(r.now).rev)
	r.remember(d, a, said)
	if a.Due && a.NotBefore.IsZero() && len(a.Waiting) == 0 {
		r.begin(ctx, d, a.Profile.ID, a.Slot, a.Order)
		return
	}
	d.next = r.now + d.poll + d.upTo(20)
}

// remember keeps what the answer said of what is to come.
//
// A check-in is quiet while nobody has written the row nor a profile, the phone says the same but for its conditions, it is not due before the next
// slot, its start is more than the longest poll away, and the last one that was noted is younger than four hours: then
// Assess sees the same row and the same profiles, and of the time only that no slot, no deadline's noting and no start has
// come, nor the hour after a run that was given up; so nothing is due, nothing is written, and the poll is the longest one, with what the same slot adds to it.
func (r *part) remember(d *phone, a fleet.Answer, said byte) {
	d.poll = int64(a.PollAfter / time.Second)
	d.plan, d.planned = [3]struct{ slot, start int64 }{}, a.Profile.ID
	for i := range min(len(a.Agenda), len(d.plan)) {
		d.plan[i].slot, d.plan[i].start = a.Agenda[i].Slot.Unix(), a.Agenda[i].Start.Unix()
	}
	d.quiet = quiet{}
	if a.Due || a.Order != nil || d.row.Order != "" || a.Governs == "" || a.Next.IsZero() || len(d.row.Tell) > 0 {
		return
	}
	if d.row.Failed.Session != "" && d.row.Failed.Session == d.row.Run.Session {
		return
	}
	const longest = 3600
	until := min(a.Next.Unix(), d.plan[0].start-longest+1, d.row.Seen.At.Unix()+4*3600)
	if r.now > d.plan[0].start-longest {
		return // this very answer was shorter than the longest
	}
	d.quiet = quiet{rev: d.row.Rev, profile: r.world.version(r.now).rev, said: said, until: until, poll: d.poll, scene: r.world.number[a.Profile.ID]}
}

// alone does what is due by the phone's own copy of the schedule, when a check-in has failed.
func (r *part) alone(ctx context.Context, d *phone) {
	d.next = r.now + 300
	now, slot := r.now+d.skew, int64(0)
	for _, p := range d.plan {
		if p.slot != 0 && p.start <= now && p.slot > d.begun {
			slot = p.slot
		}
	}
	c := d.conditions(r.now)
	if slot == 0 || d.planned == "" {
		return
	}
	if want := r.world.version(r.now).profiles[r.world.number[d.planned]].Conditions; want.Charging && !c.Charging || want.Unmetered && !c.Unmetered {
		return
	}
	r.counts.alone++
	r.begin(ctx, d, d.planned, time.Unix(slot, 0).UTC(), nil)
}

// begin is what functions/internal/sessions does for a backup, or for one with nothing new.
func (r *part) begin(ctx context.Context, d *phone, id profile.ID, slot time.Time, order *fleet.Order) {
	r.meter.add(requests, r.now, 2)
	p, err := r.profiles.ForRun(ctx, id)
	if fault.Is(err, fault.Conflict) { // it was disabled a moment ago
		d.planned, d.next = "", r.now+60
		return
	}
	r.failed(d, err)
	start, scene, o := r.now, int8(r.world.number[id]), fleet.Order{}
	if s := slot.Unix(); s > start && s <= start+300 {
		start = s
	}
	if order != nil {
		r.counts.ordered++
		if o, err = r.fleet.Orders.ToCarry(ctx, d.id, order.ID); err != nil {
			r.failed(d, err)
		}
	}
	if slot.Unix() > d.ledger.lastRun && d.ledger.lastScene == scene && order == nil && d.ledger.late == 0 && start-slot.Unix() < 86400 {
		r.oracle().spread(scene, slot.Unix(), r.now)
	}
	r.oracle().began(d, scene, start, r.now, order != nil)
	d.begun = start
	if d.seq > 0 && d.in(400) {
		r.vault(2, 3)
		_, err := r.runs.Unchanged(ctx, d.id, p, slot)
		r.failed(d, cmp.Or(err, r.fleet.Orders.Unchanged(ctx, o)))
		r.oracle().good(d, start, r.now)
		r.counts.unchanged++
		d.next = r.now + d.poll + d.upTo(20)
		return
	}
	r.vault(10, 6)
	r.meter.add(keyUses, r.now, 2)
	d.session, d.sessionAt, d.run = r.newID(), start, r.runs.Run(d.id, p, slot)
	r.failed(d, cmp.Or(r.runs.Begun(ctx, d.id, d.session, d.run), r.fleet.Orders.Carry(ctx, o, d.session)))
	d.outcome = 'c'
	if d.in(30) {
		d.outcome = 'f'
	} else if d.in(10) {
		d.outcome = 'a'
	}
	d.next = r.now + 20 + d.upTo(900)
}

// vault bills what a request takes of the vault and of records: parts of the 20 WRU and 11 RRU that a backup takes beside its
// notes (TestCapacityOfADay).
func (r *part) vault(writes, reads int) {
	r.writes(allWrites, 2*writes)
	r.reads(allReads, 2*reads)
}

// finish is the end of a run: what functions/internal/uploads and sessions do for one that is committed, or given up.
func (r *part) finish(ctx context.Context, d *phone) {
	session := d.session
	d.session, d.next = "", r.now+d.poll+d.upTo(20)
	if r.now > d.sessionAt+6*86400 { // its session is about to end; it begins anew when it is asked to
		d.outcome = 'a'
	}
	switch d.outcome {
	case 'c':
		d.seq++
		r.meter.add(requests, r.now, 4)
		r.vault(10, 5)
		before, err := r.runs.Committed(ctx, caller.Caller{User: d.row.Owner, Device: d.id}, session, d.run, fleet.Stored{At: r.clock(), Seq: d.seq, Counts: r.world.items}, false)
		r.failed(d, err)
		r.failed(d, r.fleet.Orders.Committed(ctx, before, session))
		r.oracle().good(d, d.sessionAt, r.now)
		r.counts.committed++
	case 'f':
		r.meter.add(requests, r.now, 2)
		r.vault(4, 3)
		before, err := r.runs.GivenUp(ctx, d.id, session)
		r.failed(d, err)
		r.failed(d, r.fleet.Orders.GivenUp(ctx, before, session))
		r.counts.failed++
		d.ledger.gaveUp = r.now
		d.next = r.now + 30 + d.upTo(870) // it asks soon when something went wrong
	default:
		r.counts.abandoned++
	}
}
