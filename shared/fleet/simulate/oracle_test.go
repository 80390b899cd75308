package simulate_test

import "fmt"

// ledger is what the oracle knows of one device: from what happened to it and from timetables, never from what the service
// says of it. From that follows what must have happened by now.
type ledger struct {
	scene     int8  // that governs it; none or unknown
	since     int64 // when that was first looked at
	through   int64 // start of the last run that ended well
	lastRun   int64 // start of the last run
	lastScene int8  // for which that was
	gaveUp    int64 // when that was given up; 0: it was not
	owed      int64 // the slot for which a run is wanted
	deadline  int64
	expect    int64 // the watch that must announce it; 0: none
	lenient   int64 // until then the index may be behind, since an edit met a run
	late      int64 // the slot that was announced and not run for since
	edition   int   // of the timetable at the last start
}

const (
	none    = -1
	unknown = -2
	behind  = 4 * epoch // how late the watch may be, when more is late than it does in one go
	walks   = 3600 + 2*epoch
)

// counts are what a part of the fleet did, and what was wrong with it.
type counts struct {
	polls, skipped, audited, notes                            int64
	runs, unchanged, committed, failed, abandoned, alone      int64
	again                                                     int64
	orders, ordered, moves                                    int64
	served, inTime, reported, recovered, withdrawn, tolerated int64
	delay                                                     int64 // seconds: the longest from when a device was overdue to its event
	wrong                                                     map[string]int64
	first                                                     map[string]string
	window                                                    [maxScenes][10]int64 // starts by tenths of their windows
}

func newCounts() counts {
	return counts{wrong: map[string]int64{}, first: map[string]string{}}
}

// add sums two parts.
func (c *counts) add(o counts) {
	for _, p := range [][2]*int64{{&c.polls, &o.polls}, {&c.skipped, &o.skipped}, {&c.audited, &o.audited}, {&c.notes, &o.notes}, {&c.runs, &o.runs}, {&c.unchanged, &o.unchanged},
		{&c.committed, &o.committed}, {&c.failed, &o.failed}, {&c.abandoned, &o.abandoned}, {&c.alone, &o.alone}, {&c.again, &o.again}, {&c.orders, &o.orders}, {&c.ordered, &o.ordered},
		{&c.moves, &o.moves}, {&c.served, &o.served}, {&c.inTime, &o.inTime}, {&c.reported, &o.reported}, {&c.recovered, &o.recovered}, {&c.withdrawn, &o.withdrawn}, {&c.tolerated, &o.tolerated}} {
		*p[0] += *p[1]
	}
	c.delay = max(c.delay, o.delay)
	for k, n := range o.wrong {
		c.wrong[k] += n
		if c.first[k] == "" {
			c.first[k] = o.first[k]
		}
	}
	for i := range c.window {
		for j := range c.window[i] {
			c.window[i][j] += o.window[i][j]
		}
	}
}

// The violations there are.
const (
	notReported = "a deadline passed, and nobody was told"
	falseReport = "a device was told as overdue and was not"
	toldTwice   = "a device was told as overdue twice for one slot"
	ranTwice    = "a run began, and none was due"
	notAgain    = "a run was given up an hour ago, and none is due"
	slipped     = "a device was told to start later than at its moment after the first slot that it has not run for"
	unsound     = "a check-in that was skipped would have changed something"
	broke       = "a call failed"
	uneven      = "a shard has half as much again as its share"
	hot         = "a key or a shard takes more than a partition"
	bunched     = "starts are not spread over their window"
	unlike      = "a device-day costs something else in another fleet"
	rowsDiffer  = "rows and events disagree about who is overdue"
)

func (c *counts) violate(what, format string, args ...any) {
	if c.wrong[what]++; c.first[what] == "" {
		c.first[what] = fmt.Sprintf(format, args...)
	}
}

// oracle judges the devices of one part.
type oracle struct {
	tables *[maxScenes][]timetable
	counts *counts
}

// govern is the rule by which profiles govern, as people are told it.
func (o oracle) govern(d *phone, now int64) int8 {
	var candidates []int8
	if d.explicit {
		candidates = append(candidates, 5)
	}
	candidates = append(candidates, map[string][]int8{"field": {1, 4}, "office": {2}, "night": {3}, "board": {4}}[d.group]...)
	for _, n := range append(candidates, 0) {
		if o.table(n, now).enabled {
			return n
		}
	}
	return none
}

// table is how a scene stands at a moment.
func (o oracle) table(n int8, now int64) *timetable {
	all := o.tables[n]
	for i := len(all) - 1; i > 0; i-- {
		if all[i].from <= now {
			return &all[i]
		}
	}
	return &all[0]
}

// looked: somebody looked at the device, so that it is known since when its profile governs it.
func (o oracle) looked(d *phone, now int64) {
	n, l := o.govern(d, now), &d.ledger
	if n == l.scene {
		return
	}
	o.missed(d, now)
	l.scene, l.since = n, now
	if n == none && l.late != 0 {
		l.late = 0
		o.counts.withdrawn++
	}
	o.owes(d, now)
}

// owes finds what the device owes now, and by which watch it is told if it does not pay.
func (o oracle) owes(d *phone, now int64) {
	l := &d.ledger
	l.owed, l.deadline, l.expect = 0, 0, 0
	if l.scene < 0 || l.late != 0 {
		return
	}
	t := o.table(l.scene, now)
	if l.owed = t.after(max(l.through, t.since, l.since, d.enrolledAt)); l.owed == 0 {
		return
	}
	l.deadline = t.start(l.owed, d.id) + 60*t.patience
	l.expect = (max(l.deadline, now)/epoch + 1) * epoch // the watch comes at whole epochs
}

// missed: what the device owes is about to change. Was it told in time until now?
func (o oracle) missed(d *phone, now int64) {
	l := &d.ledger
	switch {
	case l.expect == 0 || now <= l.expect:
	case now <= l.allowed():
		o.counts.tolerated++
	default:
		o.counts.violate(notReported, "device %s owed a run of %s for slot %d by %d; at %d no event was sent", d.id, seriesName(slotWrites+int(l.scene)), l.owed, l.deadline, now)
	}
}

func (l *ledger) allowed() int64 {
	return max(l.expect+behind, l.lenient)
}

// told: the device was announced as overdue.
func (o oracle) told(d *phone, slot, now int64) {
	l := &d.ledger
	switch {
	case l.late != 0 && l.late == slot:
		o.counts.violate(toldTwice, "device %s, slot %d, at %d", d.id, slot, now)
	case l.expect == 0 || now < l.expect || slot != l.owed:
		o.counts.violate(falseReport, "device %s was told at %d as overdue for slot %d; it owes one for %d by %d", d.id, now, slot, l.owed, l.deadline)
	default:
		if now > l.allowed() {
			o.counts.violate(notReported, "device %s owed a run for slot %d by %d; the event was sent at %d", d.id, slot, l.deadline, now)
		}
		o.counts.reported++
		o.counts.delay = max(o.counts.delay, now-max(l.deadline, l.expect-epoch))
	}
	l.late, l.expect = slot, 0
}

// mayTryAgain: the last run was given up an hour ago or more, and none has ended well since the last moment at which one was
// to be made.
func (o oracle) mayTryAgain(d *phone, scene int8, now int64) bool {
	l, last := &d.ledger, int64(0)
	if l.gaveUp == 0 || now < l.gaveUp+3600 {
		return false
	}
	for i, t := range o.tables[scene] {
		if until := now; t.from <= now {
			if i+1 < len(o.tables[scene]) {
				until = min(now, o.tables[scene][i+1].from) // what was ticked by then was a slot
			}
			last = max(last, t.last(until))
		}
	}
	return l.through < last
}

// asked: the device asked and was told whether it should run, and not before when.
func (o oracle) asked(d *phone, due bool, notBefore, now int64) {
	l := &d.ledger
	if l.scene < 0 {
		return
	}
	t := o.table(l.scene, now)
	if !due {
		if l.scene == l.lastScene && l.through < t.last(now) && o.mayTryAgain(d, l.scene, now) {
			o.counts.violate(notAgain, "device %s gave up at %d and asked at %d", d.id, l.gaveUp, now)
		}
		return
	}
	unserved := t.last(max(t.since, l.since))
	if l.scene == l.lastScene {
		unserved = max(unserved, t.after(l.lastRun))
	}
	if unserved == 0 {
		return
	}
	if start := max(t.start(unserved, d.id), now); notBefore > start && !t.quietAt(start) {
		o.counts.violate(slipped, "device %s last ran at %d for %s; for slot %d it was to start at %d, and was told at %d not to before %d",
			d.id, l.lastRun, seriesName(slotWrites+int(l.scene)), unserved, start, now, notBefore)
	}
}

// began: a run began that serves what was due at start. Of one that nobody ordered there must have been a slot since the last,
// or that was given up.
func (o oracle) began(d *phone, scene int8, start, now int64, ordered bool) {
	l, t := &d.ledger, o.table(scene, now)
	if !ordered && l.lastScene == scene {
		due := t.after(l.lastRun)
		for _, old := range o.tables[scene] { // a slot that was ticked stays one when the schedule is edited after it
			if old.from <= now && (due == 0 || due > start) {
				due = old.after(max(l.lastRun, old.from))
			}
		}
		switch {
		case due != 0 && due <= start:
		case o.mayTryAgain(d, scene, now):
			o.counts.again++
		default:
			o.counts.violate(ranTwice, "device %s began at %d; its last run was at %d and no slot of %s lies between", d.id, start, l.lastRun, seriesName(slotWrites+int(scene)))
		}
	}
	l.lastRun, l.lastScene, l.edition, l.gaveUp = start, scene, len(o.tables[scene]), 0
	o.counts.runs++
}

// good: a run ended well.
func (o oracle) good(d *phone, start, now int64) {
	l := &d.ledger
	o.missed(d, now)
	if l.scene != l.lastScene || l.scene >= 0 && l.edition != len(o.tables[l.scene]) { // the index has the old deadline until somebody looks
		l.lenient = now + walks
	}
	if l.owed != 0 && start >= l.owed && l.late == 0 {
		o.counts.served++
		if now <= l.deadline {
			o.counts.inTime++
		}
	}
	l.through = max(l.through, start)
	if l.late != 0 && l.through >= l.late {
		l.late = 0
		o.counts.recovered++
	}
	o.owes(d, now)
}

// spread notes when within its window a run began that a device of a schedule made in time.
func (o oracle) spread(scene int8, slot, now int64) {
	t := o.table(scene, now)
	if t.window == 0 || slot < t.from {
		return
	}
	if sec, ok := t.into(slot, now); ok {
		o.counts.window[scene][10*sec/(60*t.window)]++
	}
}

func (o oracle) end(d *phone, now int64) { o.missed(d, now) }
