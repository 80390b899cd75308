package pack

import (
	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/device/internal/recall"
)

// Whole reports whether all elements of which a snapshot holds something were seen in full.
func (s *Scan) Whole(c *recall.Cache) bool {
	for _, it := range c.Items.All() {
		if s.coverage[it.Kind.Element()] != ledger.Full {
			return false
		}
	}
	return true
}

// Lacks reports whether a snapshot holds an item that may still be on the phone, which has not shown all of that element, and
// that neither was seen nor is in the base: a backup on this base would lose it.
func (s *Scan) Lacks(c *recall.Cache) bool {
	type alike struct {
		id      item.ID
		content [16]byte
		kind    item.Kind
	}
	missing := map[alike]int{}
	for at, it := range c.Items.All() {
		if s.coverage[it.Kind.Element()] == ledger.Full {
			continue
		}
		first, last := c.Items.Equal(it.ID, it.Content, it.Kind)
		if at != first { // equal ones are counted together
			continue
		}
		from, to := 0, 0
		if s.base != nil {
			from, to = s.base.Items.Equal(it.ID, it.Content, it.Kind)
		}
		if n := last - first - (to - from); n > 0 {
			missing[alike{it.ID, it.Content, it.Kind}] = n
		}
	}
	for _, it := range s.fresh.All() {
		if k := (alike{it.ID, it.Content, it.Kind}); missing[k] > 1 {
			missing[k]--
		} else {
			delete(missing, k)
		}
	}
	return len(missing) > 0
}
