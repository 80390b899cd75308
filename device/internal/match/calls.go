package match

import (
	"slices"

	"zapas/device/internal/item"
)

// Calls is the calls of a target as far as it takes to know those that are almost the same: somebody may have
// brought them there with another tool, which lost a second, an hour or a country code. The zero Calls is empty.
type Calls struct{ byParty map[string][]moment }

// moment is when a call was, and how long.
type moment struct{ at, lasts int64 }

// Add notes one call.
func (s *Calls) Add(c *item.Call) {
	if s.byParty == nil {
		s.byParty = map[string][]moment{}
	}
	p := party(c)
	s.byParty[p] = append(s.byParty[p], moment{c.Date, c.Duration})
}

// Near reports whether a call that no item of the target is may still be one of them: of the same sort with the
// same last digits, at most 2 seconds apart; or as long, and off by quarters of an hour up to 14 hours, as by a wrong
// time zone.
func (s *Calls) Near(c *item.Call) bool {
	const slack, quarter, most = 2000, 15 * 60 * 1000, 14 * 60 * 60 * 1000
	return slices.ContainsFunc(s.byParty[party(c)], func(m moment) bool {
		apart := max(m.at-c.Date, c.Date-m.at)
		if apart < 0 || apart > most+slack || (apart+slack)%quarter > 2*slack {
			return false
		}
		return apart <= slack || item.Essence{Lasts: m.lasts}.Within(item.Essence{Lasts: c.Duration})
	})
}

// party is the sort of call and the other end, by its last digits.
func party(c *item.Call) string {
	const digits = 9
	end := c.Address.Value
	if c.Address.Kind != item.Subscriber && c.Address.Kind != item.ShortCode || len(end) < digits {
		end = c.Address.Key()
	} else {
		end = end[len(end)-digits:]
	}
	return c.Type.Class() + "|" + end
}
