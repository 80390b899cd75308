package pack

import (
	"cmp"
	"maps"
	"slices"

	"zapas/device/internal/ledger"
	"zapas/shared/api"
)

// ledger accounts for all that a scan has seen of the run's elements.
func (s *Scan) ledger() api.BackupLedgers {
	out := api.BackupLedgers{}
	for _, element := range s.elements {
		out[element] = api.BackupLedger{}
	}
	for _, e := range s.all() {
		if e.state == ignored || e.state == failed {
			continue
		}
		l := out[e.kind.Element()]
		l.Seen++
		if e.state == fresh {
			l.Stored++
		} else {
			l.Already++
		}
		out[e.kind.Element()] = l
	}
	for element, why := range s.failed {
		l := out[element]
		most := slices.SortedFunc(maps.Keys(why), func(a, b string) int { return cmp.Or(cmp.Compare(why[b], why[a]), cmp.Compare(a, b)) })
		for _, reason := range most {
			l.Seen += why[reason]
			l.Failed += why[reason]
			ledger.Explain(&l.Reasons, reason, why[reason])
		}
		out[element] = l
	}
	return out
}
