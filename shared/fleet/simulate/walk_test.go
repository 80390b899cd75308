package simulate_test

import (
	"context"
	"time"

	"zapas/shared/fleet"
)

// walk re-indexes devices at the seam, as the watch's walk through all of them will: of each row it notes what Placed says of
// it. Rows that nobody has written since the last walk, while no profile was, are passed over in a play that skips: what Placed
// says of a row hangs on nothing else, but for the moment at which a profile that begins to govern it is seen to do so.
func (w *world) walk(v *version, now int64) {
	edited := v.rev != w.walkRev
	if !edited && now < w.walked+3600 {
		return
	}
	w.walked, w.walkRev = now, v.rev
	w.billLists(now)
	w.each(w.walkers, func(r *part) {
		all := r.dirty
		if edited || w.exact {
			all = r.order
		}
		r.dirty, r.placed = nil, 0
		for _, d := range all {
			d.dirty = false
			if d.enrolled && (w.exact || d.walked != d.row.Rev || d.walkedBy != int64(v.rev)) {
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
