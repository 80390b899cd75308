package simulate_test

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// world is the play: parts of the fleet, the profiles, the scheduler that ticks, the watch, and the oracle's timetables.
//
// Devices touch nothing in common but profiles and ticks, which are played before the devices of each quarter of an hour; so
// the parts are played side by side, and it comes to the same however many threads there are.
type world struct {
	config
	parts    []*part
	where    map[caller.DeviceID]*part
	meter    *meter   // of what no device does
	meters   []*meter // of devices, one for each thread
	walkers  []*meter // of the walk
	peaks    peaks
	rates    peaks // of devices alone: what grows with them
	counts   counts
	now      int64
	now0     version
	versions []version
	scenes   []scene
	number   map[profile.ID]int
	tables   [maxScenes][]timetable
	ticks    [maxScenes][]tick
	late     []action // ticks that come later than the quarter of their slot
	edits    []edit
	editor   *profile.Service
	ticker   profile.Ticks
	watch    fleet.Watch
	position string
	pending  [dueShards][]*phone // that the watch is to look at
	walked   int64
	walkRev  int
	way      fleet.Walk // and totals: of the watch's own walk
	totals   fleet.Totals
	mostLate int   // devices that one watch told as overdue
	upgrade  int64 // when a newer app comes out
	setCost  int   // of reading all profiles, in halves of a unit
	items    map[string]int64
	looked   int64 // reads and writes of this watch
}

// config says what is played.
type config struct {
	devices, days int
	seed          uint64
	exact         bool // nothing is skipped
	threads       int  // 0: as many as there are processors
	plant         plant
}

// plant is a fault that is planted, to show that the checks see it.
type plant struct {
	change   func(c fleet.Change) fleet.Change
	profiles func(p profile.Profile) profile.Profile
	silent   bool // the bus loses what is overdue
	alike    bool // all ids end alike
}

func (p plant) note(c fleet.Change) fleet.Change {
	if p.change == nil {
		return c
	}
	return p.change(c)
}

type version struct {
	at       int64
	rev      int
	set      profile.Set
	profiles []profile.Profile
}

type tick struct{ at, slot int64 }

// action is what somebody does who is no device.
type action struct {
	at int64
	do func()
}

const (
	partsOf = 32
	pace    = 200 // devices a second that the watch reads and notes, one after the other
)

func (c config) world() *world {
	w := &world{config: c, where: map[caller.DeviceID]*part{}, meter: &meter{}, scenes: scenes(), number: map[profile.ID]int{}, setCost: 2, edits: edits(), walkRev: 1,
		upgrade: begins.Unix() + int64(c.days)*86400/4, items: map[string]int64{"contacts": 312, "messages": 20418, "calls": 1200}, counts: newCounts()}
	from, until := begins.AddDate(0, 0, -3), begins.AddDate(0, 0, c.days+45)
	first := version{rev: 1, at: begins.Unix() - 86400}
	for n, s := range w.scenes {
		s.profile.CreatedAt, s.profile.UpdatedAt, s.profile.Since, s.profile.Version = begins.Add(-24*time.Hour), begins.Add(-24*time.Hour), begins.Add(-24*time.Hour), 1
		s.profile.Region = "PL"
		w.scenes[n] = s
		w.number[s.profile.ID] = n
		w.tables[n] = []timetable{tabulate(s, s.profile.Since, from, until)}
		first.profiles = append(first.profiles, s.profile)
	}
	w.now = first.at
	w.publish(first)
	w.now0 = w.versions[0]
	clock := func() time.Time { return time.Unix(w.now, 0).UTC() }
	w.editor = &profile.Service{Store: w, Audit: audit.Recorder{Log: w, Now: clock, NewID: func() string { return "" }}, Now: clock, Locations: []profile.Location{{ID: "eu"}}}
	w.ticker = profile.Ticks{Profiles: w, Slots: w, Bus: w, Tenant: "T", Now: clock}
	w.watch = fleet.Watch{Devices: w, Profiles: w, Walks: w, Bus: w, Tenant: "T", Now: clock}
	for n := range partsOf {
		w.parts = append(w.parts, w.part(n))
	}
	for i := range c.devices {
		w.people(i)
	}
	w.threads = cmp.Or(c.threads, runtime.GOMAXPROCS(0))
	for range w.threads {
		w.meters, w.walkers = append(w.meters, &meter{}), append(w.walkers, &meter{})
	}
	return w
}

func (w *world) part(n int) *part {
	r := &part{world: w, phones: map[caller.DeviceID]*phone{}, orders: map[fleet.OrderID]fleet.Order{}, due: make([][]*phone, w.days*86400/epoch+1), queue: make([][]*phone, w.days*86400/epoch), number: n, counts: newCounts(), plant: w.plant}
	news := fleet.Announcer{Bus: r, Statuses: r, Tenant: "T", Now: r.clock, Left: func(_ context.Context, d caller.DeviceID, why error) { r.failed(r.phones[d], why) }}
	r.runs = fleet.RunBook{Statuses: r, News: news, Now: r.clock}
	r.profiles = &profile.Service{Store: onlyProfiles{part: r}, Now: r.clock}
	r.fleet = &fleet.Fleet{Tenant: "T", Identities: r, Statuses: r, Profiles: r, Orders: fleet.OrderBook{Store: r, Now: r.clock}, Now: r.clock, NewID: r.newID, News: news,
		Audit:     audit.Recorder{Log: r, Now: r.clock, NewID: func() string { return "" }},
		OldestApp: func(context.Context) (string, error) { r.reads(settingsReads, 2); return "2.0", nil }}
	return r
}

// onlyProfiles is a store of which one profile at a time is read.
type onlyProfiles struct {
	profile.Store
	part *part
}

func (o onlyProfiles) Profile(ctx context.Context, id profile.ID) (profile.Profile, error) {
	return o.part.Profile(ctx, id)
}

// people makes a device: which profile governs it, when it enrols, what its user and administrators will do.
func (w *world) people(i int) {
	d := &phone{id: caller.DeviceID(ulid(1<<50 | uint64(i))), luck: w.seed<<32 ^ uint64(i)*0x9e3779b97f4a7c15, ledger: ledger{scene: unknown, lastScene: unknown}}
	if w.plant.alike {
		d.id = d.id[:25] + "0"
	}
	d.random()
	for share, n := int(d.upTo(100)), 0; n < len(w.scenes); n++ {
		if share -= w.scenes[n].share; share < 0 {
			d.explicit = n == 5
			d.group = []string{"", "field", "office", "night", "board", ""}[n]
			break
		}
	}
	life := int64(w.days) * 86400
	d.phase, d.skew = d.upTo(86400), d.upTo(480)-240
	d.next = begins.Unix() + d.upTo(min(86400, life/2))
	d.drift(d.next + 7200)
	if d.in(60) { // moves to another group, and some of them back
		to := []string{"", "field", "office", "night", "board"}[d.upTo(5)]
		moved := d.next + d.upTo(life)
		if to != d.group {
			d.chores = append(d.chores, chore{at: moved, group: to})
			if d.in(500) {
				d.chores = append(d.chores, chore{at: moved + d.upTo(4*86400), group: d.group})
			}
		}
	}
	for d.in(250) {
		d.chores = append(d.chores, chore{at: d.next + d.upTo(life), order: true})
	}
	slices.SortStableFunc(d.chores, func(a, b chore) int { return cmp.Compare(a.at, b.at) })
	r := w.parts[i%partsOf]
	r.phones[d.id], w.where[d.id] = d, r
	r.order = append(r.order, d)
	r.wake(d)
}

// play plays all days.
func (w *world) play() {
	epochs := w.days * 86400 / epoch
	for n := range epochs {
		start := begins.Unix() + int64(n)*epoch
		w.meter.from, w.now = start, start
		for i := range w.meters {
			w.meters[i].from, w.walkers[i].from = start, start
		}
		if n > 0 {
			w.watches(start)
		}
		w.administrate(start, start+epoch)
		w.each(w.meters, func(r *part) {
			for _, d := range r.queue[n] {
				for d.at() < start+epoch {
					r.step(d)
				}
				r.wake(d)
			}
			r.queue[n] = nil
		})
		w.rates.take(w.meters)
		w.peaks.take(slices.Concat(w.meters, w.walkers, []*meter{w.meter}))
		for _, m := range slices.Concat(w.meters, w.walkers, []*meter{w.meter}) {
			m.used = [series][epoch]uint32{}
		}
	}
	end := begins.Unix() + int64(epochs)*epoch
	w.now = end
	for _, r := range w.parts {
		for _, d := range r.order {
			r.oracle().end(d, end)
		}
		w.counts.add(r.counts)
	}
}

// wake has a device be played when it does something next.
func (r *part) wake(d *phone) {
	if n := (d.at() - begins.Unix()) / epoch; n < int64(len(r.queue)) {
		r.queue[n] = append(r.queue[n], d)
	}
}

// each has threads play all parts.
func (w *world) each(meters []*meter, do func(r *part)) {
	var wait sync.WaitGroup
	next := make(chan *part, len(w.parts))
	for _, r := range w.parts {
		next <- r
	}
	close(next)
	for _, m := range meters {
		wait.Go(func() {
			for r := range next {
				r.meter = m
				do(r)
			}
		})
	}
	wait.Wait()
}

// administrate plays what is done to profiles within a quarter of an hour: ticks, some of them late or twice, and edits.
func (w *world) administrate(from, to int64) {
	all := w.late
	w.late = nil
	for n := range w.scenes {
		t := oracle{tables: &w.tables}.table(int8(n), from)
		for slot := t.after(from - 1); slot != 0 && slot < to; slot = t.after(slot) {
			for _, at := range late(slot) {
				all = append(all, action{at, func() { w.tick(n, slot) }})
			}
		}
	}
	for _, e := range w.edits {
		// At the beginning of a quarter, so that no device of it is played at a time before the edit.
		if at := begins.Unix() + int64(e.at*float64(w.days)*86400)/epoch*epoch; at == from {
			all = append(all, action{at, func() { w.edit(e) }})
		}
	}
	slices.SortStableFunc(all, func(a, b action) int { return cmp.Compare(a.at, b.at) })
	for _, a := range all {
		if a.at >= to {
			w.late = append(w.late, a)
			continue
		}
		w.now = a.at
		a.do()
	}
}

// late are the moments at which a slot is told: some seconds after it, now and then twenty minutes, or twice.
func late(slot int64) []int64 {
	switch luck := slot / 60 * 2654435761 % 100; {
	case luck < 5:
		return []int64{slot + 1200}
	case luck < 10:
		return []int64{slot + 9, slot + 240}
	default:
		return []int64{slot + luck/2}
	}
}

func (w *world) tick(n int, slot int64) {
	if _, err := w.ticker.Tick(context.Background(), w.scenes[n].profile.ID, time.Unix(slot, 0)); err != nil {
		w.counts.violate(broke, "a tick: %v", err)
	}
}

func (w *world) edit(e edit) {
	s := w.scenes[e.scene]
	version := s.profile.Version
	e.do(&s)
	p, err := w.editor.Edit(context.Background(), caller.Caller{User: "admin"}, s.profile, version)
	if err != nil {
		w.counts.violate(broke, "an edit: %v", err)
		return
	}
	s.profile = p
	w.scenes[e.scene] = s
	if !e.moves() {
		return
	}
	affected := func(do func(r *part, d *phone)) {
		for _, r := range w.parts {
			for _, d := range r.order {
				if d.ledger.scene == int8(e.scene) {
					do(r, d)
				}
			}
		}
	}
	affected(func(r *part, d *phone) { r.oracle().missed(d, w.now) })
	clock := time.Unix(w.now, 0).UTC()
	w.tables[e.scene] = append(w.tables[e.scene], tabulate(s, clock, begins.AddDate(0, 0, -3), begins.AddDate(0, 0, w.days+45)))
	affected(func(r *part, d *phone) { r.oracle().owes(d, w.now) })
}

// watches plays the watch: what its index says, then all rows when profiles have changed or an hour has passed.
func (w *world) watches(now int64) {
	epochs := int(now-begins.Unix()) / epoch
	for _, r := range w.parts {
		for _, d := range r.due[epochs-1] {
			n := dueShard(d.id)
			w.pending[n] = append(w.pending[n], d)
		}
		r.due[epochs-1] = nil
	}
	w.looked = 0
	done, next, err := w.watch.Due(context.Background(), w.position)
	w.mostLate = max(w.mostLate, done.Overdue)
	if w.position = next; err != nil {
		w.counts.violate(broke, "the watch: %v %v", done, err)
	}
	w.walk(w.version(now), now)
}

// version is how the profiles stand at a moment.
func (w *world) version(now int64) *version {
	for i := len(w.versions) - 1; i > 0; i-- {
		if w.versions[i].at <= now {
			return &w.versions[i]
		}
	}
	return &w.versions[0]
}

func (w *world) publish(v version) {
	shown := v.profiles
	if w.plant.profiles != nil {
		shown = nil
		for _, p := range v.profiles {
			shown = append(shown, w.plant.profiles(p))
		}
	}
	v.set = profile.NewSet(shown)
	v.profiles = shown
	w.versions = append(w.versions, v)
}
