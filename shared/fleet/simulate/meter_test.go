package simulate_test

import "fmt"

// What is counted, by the second: request units of DynamoDB in halves, and requests.
const (
	allWrites = iota // of all tables and indexes
	allReads
	revReads      // P / REV
	settingsReads // SETTINGS / SETTINGS
	profileReads  // P / PROFILE#, all of them and by queries
	requests      // that devices make of the API
	keyUses       // that KMS is asked for
	announced     // events handed to the bus
	slotReads     // P / SLOT#, one row for each scene
	slotWrites    = slotReads + maxScenes
	runReads      = slotWrites + maxScenes // P / PROFILE#, by the id of one
	dueWrites     = runReads + maxScenes
	lateWrites    = dueWrites + dueShards
	fleetWrites   = lateWrites + dueShards
	fleetReads    = fleetWrites + fleetShards
	series        = fleetReads + fleetShards
)

const (
	maxScenes   = 8
	dueShards   = 16
	fleetShards = 4
	epoch       = 900 // seconds: the watch comes at the end of each
)

func seriesName(n int) string {
	switch {
	case n >= fleetReads:
		return fmt.Sprintf("fleet / %d, reads", n-fleetReads)
	case n >= fleetWrites:
		return fmt.Sprintf("fleet / %d", n-fleetWrites)
	case n >= lateWrites:
		return fmt.Sprintf("due / O%d", n-lateWrites)
	case n >= dueWrites:
		return fmt.Sprintf("due / D%d", n-dueWrites)
	case n >= runReads:
		return fmt.Sprintf("P / PROFILE#%s, reads", scenes()[n-runReads].profile.Name)
	case n >= slotWrites:
		return fmt.Sprintf("P / SLOT#%s", scenes()[n-slotWrites].profile.Name)
	case n >= slotReads:
		return fmt.Sprintf("P / SLOT#%s, reads", scenes()[n-slotReads].profile.Name)
	}
	return []string{"all writes", "all reads", "P / REV, reads", "SETTINGS, reads", "P / PROFILE#*, reads", "requests", "KMS", "events"}[n]
}

// meter counts what is used within one epoch.
type meter struct {
	from int64
	used [series][epoch]uint32
}

func (m *meter) add(n int, sec int64, halves int) { m.used[n][sec-m.from] += uint32(halves) }

// peaks are what all epochs used together, and what the busiest second and the busiest minute did.
type peaks struct {
	total, second, minute [series]uint64
}

// take adds what several meters counted in one epoch.
func (p *peaks) take(all []*meter) {
	for n := range series {
		minute := uint64(0)
		for sec := range epoch {
			sum := uint64(0)
			for _, m := range all {
				sum += uint64(m.used[n][sec])
			}
			if sec%60 == 0 {
				minute = 0
			}
			minute += sum
			p.total[n] += sum
			p.second[n], p.minute[n] = max(p.second[n], sum), max(p.minute[n], minute)
		}
	}
}
