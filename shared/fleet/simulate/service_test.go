package simulate_test

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// What the world is to profiles, ticks and the watch.
var (
	_ profile.Store = (*world)(nil)
	_ profile.Slots = (*world)(nil)
	_ profile.Bus   = (*world)(nil)
	_ fleet.Watched = (*world)(nil)
)

func (w *world) bill(n, halves int, write bool) {
	all := allReads
	if write {
		all = allWrites
	}
	w.meter.add(all, w.now, halves)
	if n != all {
		w.meter.add(n, w.now, halves)
	}
}

func (w *world) Append(context.Context, audit.Record) error {
	w.bill(allWrites, 2, true)
	return nil
}

func (w *world) Profiles(context.Context) ([]profile.Profile, error) { panic("not played") }

func (w *world) Create(context.Context, profile.Profile) error { panic("not played") }

func (w *world) Delete(context.Context, profile.ID, int64) error { panic("not played") }

func (w *world) Profile(_ context.Context, id profile.ID) (profile.Profile, error) {
	w.bill(allReads, 2, false)
	return w.scenes[w.number[id]].profile, nil
}

func (w *world) Replace(_ context.Context, p profile.Profile, _ int64) error {
	w.bill(allWrites, 8, true)
	last := w.versions[len(w.versions)-1]
	next := version{at: w.now, rev: last.rev + 1}
	for _, s := range w.scenes {
		if s.profile.ID == p.ID {
			s.profile = p
		}
		next.profiles = append(next.profiles, s.profile)
	}
	w.publish(next)
	return nil
}

func (w *world) Record(_ context.Context, id profile.ID, slot, at time.Time) error {
	n := w.number[id]
	w.bill(slotWrites+n, 2, true)
	if all := w.ticks[n]; len(all) > 0 && all[len(all)-1].slot >= slot.Unix() {
		return fault.New(fault.Conflict, "conflict", "It has changed.")
	}
	w.ticks[n] = append(w.ticks[n], tick{at.Unix(), slot.Unix()})
	return nil
}

func (w *world) Slot(_ context.Context, id profile.ID) (time.Time, error) {
	w.bill(slotReads+w.number[id], 2, false)
	return w.recorded(w.number[id], w.now), nil
}

// recorded is the last slot that a tick has recorded by a moment.
func (w *world) recorded(n int, now int64) time.Time {
	for _, t := range slices.Backward(w.ticks[n]) {
		if t.at <= now {
			return time.Unix(t.slot, 0).UTC()
		}
	}
	return time.Time{}
}

// Set reads the profiles anew at each watch.
func (w *world) Set(context.Context) (profile.Set, error) {
	w.bill(revReads, 2, false)
	w.bill(profileReads, w.setCost, false)
	return w.version(w.now).set, nil
}

// Announce takes everything; the oracle judges what is overdue.
func (w *world) Announce(_ context.Context, events ...event.Event) ([]event.Event, error) {
	for _, e := range events {
		w.meter.add(announced, w.now, 2)
		if e.Type == event.BackupOverdue && !w.plant.silent {
			r := w.where[e.Device]
			r.oracle().told(r.phones[e.Device], e.Slot.Unix(), w.now)
		}
	}
	return nil, nil
}

func (w *world) at(id caller.DeviceID) *part {
	r := w.where[id]
	r.now, r.meter = min(w.now+w.looked/(2*pace), w.meter.from+epoch-1), w.meter
	w.looked++
	return r
}

// Status reads a device's row for the watch.
func (w *world) Status(ctx context.Context, id caller.DeviceID) (fleet.Status, error) {
	return w.at(id).Status(ctx, id)
}

// Note writes it.
func (w *world) Note(ctx context.Context, id caller.DeviceID, c fleet.Change) (fleet.Status, error) {
	return w.at(id).Note(ctx, id, c)
}

// ToLookAt reads the shards of the index one after the other, as the adapter does.
func (w *world) ToLookAt(_ context.Context, position string, until time.Time, limit int) (page []caller.DeviceID, next string, err error) {
	first, _ := strconv.Atoi(position)
	for shard := first; shard < dueShards; shard++ {
		is := func(d *phone) bool {
			return d.row.Look.Overdue == "" && !d.row.Look.At.IsZero() && !d.row.Look.At.After(until)
		}
		found := slices.DeleteFunc(w.pending[shard], func(d *phone) bool { return !is(d) })
		slices.SortFunc(found, func(a, b *phone) int { return cmp.Or(a.row.Look.At.Compare(b.row.Look.At), cmp.Compare(a.id, b.id)) })
		found = slices.CompactFunc(found, func(a, b *phone) bool { return a == b })
		w.pending[shard] = found
		taken := min(len(found), limit-len(page))
		w.bill(allReads, units(taken*150, 4096), false)
		for _, d := range found[:taken] {
			page = append(page, d.id)
			w.where[d.id].oracle().looked(d, w.now)
		}
		if len(page) >= limit {
			if shard+1 == dueShards {
				return page, "", nil
			}
			return page, strconv.Itoa(shard + 1), nil
		}
	}
	return page, "", nil
}
