package device

import (
	"maps"

	"zapas/device/internal/gather"
	"zapas/device/internal/index"
	"zapas/device/internal/state"
)

// lost is what this phone has found lost of what the service keeps for it.
func (d *Device) lost() func(index.ID) bool {
	lost := d.dir.Lost()
	return func(id index.ID) bool { return lost[id] || lost[id.Short()] } // of a chunk that no list names, only that is known
}

// noteLost remembers which chunks of a snapshot could not be had as they were stored, and those of missed records: the next
// backup brings again what was in them. Those that were seen whole are forgotten.
func (d *Device) noteLost(g *gather.Gathered, seen []int, missed map[string]map[index.ID]index.Spans) error {
	l := state.Lost{}
	maps.Copy(l, d.dir.Lost())
	if g.Index == nil {
		if g.IndexIn != (index.ID{}) {
			l[g.IndexIn] = true
		}
		return d.dir.PutLost(l)
	}
	for _, i := range seen {
		delete(l, g.Index.Chunks[i].ID)
	}
	for i := range g.Bad {
		l[g.Index.Chunks[i].ID] = true
	}
	for i := range g.Harmed {
		l[g.Index.Chunks[i].ID] = true
	}
	for _, chunks := range missed {
		for id := range chunks {
			l[id] = true
		}
	}
	return d.dir.PutLost(l)
}

// noteGone remembers a chunk that a backup itself has found missing or damaged.
func (d *Device) noteGone(id index.ID, why *gather.Lost) error {
	if why.Reason != "chunk_missing" && why.Reason != "chunk_damaged" {
		return nil // the storage may give it out another time
	}
	l := state.Lost{id: true}
	maps.Copy(l, d.dir.Lost())
	return d.dir.PutLost(l)
}

// forgetLost forgets the chunks that the newest snapshot does not list any more.
func (d *Device) forgetLost() error {
	lost := d.dir.Lost()
	if len(lost) == 0 {
		return d.dir.PutLost(nil)
	}
	c, err := d.dir.Cache()
	if err != nil || c == nil {
		return nil //nolint:nilerr // the next backup sees it, and says so
	}
	left := state.Lost{}
	for i := range c.Chunks {
		if id := c.Chunks[i].ID; lost[id] || lost[id.Short()] {
			left[id] = true
		}
	}
	return d.dir.PutLost(left)
}
