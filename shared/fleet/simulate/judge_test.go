package simulate_test

import (
	"fmt"
	"math"
	"reflect"

	"zapas/shared/fleet"
)

// judge adds what only the whole fleet shows.
func (w *world) judge() {
	late, rows := 0, 0
	for _, r := range w.parts {
		for _, d := range r.order {
			if d.ledger.late != 0 {
				late++
			}
			if d.row.Overdue != (fleet.Overdue{}) {
				rows++
			}
		}
	}
	c := &w.counts
	if late != rows || c.reported-c.recovered-c.withdrawn != int64(late) {
		c.violate(rowsDiffer, "%d were told, %d recovered, %d were not wanted any more; by the oracle %d are overdue still, by the rows %d", c.reported, c.recovered, c.withdrawn, late, rows)
	}
	for _, group := range [][2]int{{dueWrites, dueShards}, {fleetWrites, fleetShards}} {
		sum, most := uint64(0), uint64(0)
		for n := group[0]; n < group[0]+group[1]; n++ {
			sum, most = sum+w.peaks.total[n], max(most, w.peaks.total[n])
		}
		share, few := float64(sum)/float64(group[1]), 6/math.Sqrt(float64(w.devices)/float64(group[1]))
		if float64(most) > (1.5+few)*share {
			c.violate(uneven, "%s: %d of %d", seriesName(group[0]), most/2, sum/2)
		}
	}
	for n := slotReads; n < series; n++ {
		w.within(n)
	}
	for _, n := range []int{revReads, settingsReads, profileReads} {
		w.within(n)
	}
	for n := range w.scenes {
		sum, most := int64(0), int64(0)
		for _, k := range c.window[n] {
			sum, most = sum+k, max(most, k)
		}
		few := 15 / math.Sqrt(min(float64(w.devices*w.scenes[n].share)/100, float64(max(sum, 1)))) // each device has its own moment, so that few are never even
		if float64(most)*10 > (1.5+few)*float64(sum) {
			c.violate(bunched, "%s: %v", w.scenes[n].profile.Name, c.window[n])
		}
	}
}

// within holds a key or a shard to what a partition takes.
func (w *world) within(n int) {
	limit := uint64(1000)
	if n == revReads || n == settingsReads || n == profileReads || n < slotWrites || n >= runReads && n < dueWrites || n >= fleetReads {
		limit = 3000
	}
	if most := w.peaks.second[n] / 2; most > limit {
		w.counts.violate(hot, "%s takes %d units in a second, and a partition %d", seriesName(n), most, limit)
	}
}

// sameAs compares two plays of the same fleet.
func (w *world) sameAs(o *world) error {
	for i, r := range w.parts {
		for j, d := range r.order {
			if e := o.parts[i].order[j]; !reflect.DeepEqual(d.row, e.row) {
				return fmt.Errorf("device %s stands otherwise:\n%+v\n%+v", d.id, d.row, e.row)
			}
		}
	}
	if w.rates != o.rates { // of the watch, each plays its own
		return fmt.Errorf("other units: %v and %v", w.rates.total, o.rates.total)
	}
	return nil
}
