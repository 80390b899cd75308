package simulate_test

import (
	"context"
	"strconv"
	"time"

	"zapas/shared/fault"
	"zapas/shared/fleet"
)

var _ fleet.Walks = (*world)(nil)

// walk is the watch's way through all devices. In a play in which nothing is skipped it is that of fleet.Watch. Else it notes
// what Placed says of the rows that were written since the last walk, and of all when a profile was: what Placed says of a
// row hangs on nothing else, but for the moment at which a profile that begins to govern it is seen to do so.
func (w *world) walk(v *version, now int64) {
	edited := v.rev != w.walkRev
	if !edited && now < w.walked+3600 {
		return
	}
	w.walked, w.walkRev = now, v.rev
	w.billLists(now)
	if w.exact {
		if done, err := w.watch.Walk(context.Background()); err != nil || done.Ended != 1 || done.Busy != 0 {
			w.counts.violate(broke, "the walk: %+v, %v", done, err)
		}
		return
	}
	w.each(w.walkers, func(r *part) {
		all := r.dirty
		if edited {
			all = r.order
		}
		r.dirty, r.placed = nil, 0
		for _, d := range all {
			d.dirty = false
			if d.enrolled && (d.walked != d.row.Rev || d.walkedBy != int64(v.rev)) {
				r.place(d, v, now)
			}
		}
	})
}

// place has a row say what is so, at the pace of one who reads and notes one after the other.
func (r *part) place(d *phone, v *version, now int64) {
	at := time.Unix(now, 0).UTC()
	if c := d.row.Placed(fleet.Assess(d.row, v.set, at), at); !c.Empty() {
		r.now = min(now+r.placed*partsOf/pace, now+epoch-1)
		r.placed++
		s, err := r.Status(context.Background(), d.id)
		r.failed(d, err)
		c.Rev = &s.Rev
		_, err = r.Note(context.Background(), d.id, c)
		r.failed(d, err)
	}
	r.oracle().looked(d, now)
	d.walked, d.walkedBy = d.row.Rev, int64(v.rev)
}

// billLists bills the pages of the index, ten of 1 MB a second.
func (w *world) billLists(now int64) {
	sec := now
	for n := range fleetShards {
		bytes := 0
		for _, r := range w.parts {
			bytes += r.bytes[n]
		}
		for left := units(bytes, 4096); left > 0; left -= 2560 {
			w.meter.add(allReads, sec, min(left, 2560))
			w.meter.add(fleetReads+n, sec, min(left, 2560))
			sec = min(sec+1, now+epoch-1)
		}
	}
}

// Everyone lists the rows of one part after the other.
func (w *world) Everyone(_ context.Context, position string, _ int) (page []fleet.Status, next string, err error) {
	n, _ := strconv.Atoi(position)
	for _, d := range w.parts[n].order {
		if d.enrolled {
			page = append(page, d.row)
			w.parts[n].oracle().looked(d, w.now)
		}
	}
	if n+1 < len(w.parts) {
		next = strconv.Itoa(n + 1)
	}
	return page, next, nil
}

// Rev reads the number of the profiles.
func (w *world) Rev(context.Context) (int64, error) {
	w.bill(revReads, 2, false)
	return int64(w.version(w.now).rev), nil
}

// Walk reads where the walk is.
func (w *world) Walk(context.Context) (fleet.Walk, error) {
	w.bill(allReads, 2, false)
	return w.way, nil
}

// SetWalk stores it.
func (w *world) SetWalk(_ context.Context, way fleet.Walk) error {
	w.bill(allWrites, 2, true)
	if way.Version != w.way.Version {
		return fault.New(fault.Conflict, "conflict", "It has changed.")
	}
	way.Version++
	w.way = way
	return nil
}

// Totals reads what the last walk has counted.
func (w *world) Totals(context.Context) (fleet.Totals, error) {
	w.bill(allReads, 2, false)
	return w.totals, nil
}

// SetTotals stores it.
func (w *world) SetTotals(_ context.Context, t fleet.Totals) error {
	w.bill(allWrites, 2, true)
	w.totals = t
	return nil
}
