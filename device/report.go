package device

import (
	"zapas/device/internal/index"
	"zapas/shared/api"
)

// Report is what a backup did. Its ledger balances: seen = stored + already + excluded + failed.
type Report struct {
	Snapshot  string            `json:"snapshot"`
	Base      string            `json:"base,omitempty"`    // the snapshot it was built on
	Why       string            `json:"why,omitempty"`     // of a backup without a base: first, location_changed, too_many_chunks, base_gone; or how the base is damaged, such as list_gone, chunk_missing, index_damaged; list_unreadable for a day
	Rebuilt   string            `json:"rebuilt,omitempty"` // why what the phone knew of the base was read again: cache_lost, cache_damaged, cache_foreign, base_gone; or that this phone had it from a restore: restored
	Unchanged bool              `json:"unchanged"`         // nothing was new, and nothing failed: the base still stands
	Resumed   bool              `json:"resumed"`           // an earlier run's session was brought to its end
	Finished  bool              `json:"finished"`          // and this is its report: since then, nothing is new
	Ledger    api.BackupLedgers `json:"ledger"`
	Counts    api.Counts        `json:"counts"`
	Coverage  api.Coverage      `json:"coverage"`
	Removed   map[string]int64  `json:"removed,omitempty"`   // by element: items of the base that are no longer there
	Failures  []string          `json:"failures,omitempty"`  // the first few, in words
	Note      string            `json:"note,omitempty"`      // what else there is to know, in words
	Healed    map[string]int64  `json:"healed,omitempty"`    // by element: items of the base that this phone had found lost, and that are stored again
	Compacted int               `json:"compacted,omitempty"` // objects of the base whose content was stored again, so that a backup consists of few
	Objects   int               `json:"objects"`             // uploaded by this run
	BytesUp   int64             `json:"bytesUp"`             // in them
	Requests  Requests          `json:"requests"`
}

// Failed is the number of items that could not be stored.
func (r *Report) Failed() (n int64) {
	for _, l := range r.Ledger {
		n += l.Failed
	}
	return n
}

// Gone is the number of items of the base that are no longer there.
func (r *Report) Gone() (n int64) {
	for _, gone := range r.Removed {
		n += gone
	}
	return n
}

// Mended is the number of items that were found lost and are stored again.
func (r *Report) Mended() (n int64) {
	for _, healed := range r.Healed {
		n += healed
	}
	return n
}

// RestoreReport is what a restore did. Its ledger balances: planned = inserted + duplicate + merged + skipped + failed.
type RestoreReport struct {
	Restore  string             `json:"restore"`
	Snapshot string             `json:"snapshot"`
	State    string             `json:"state"` // as the service recorded it
	Ledger   api.RestoreLedgers `json:"ledger"`
	Near     map[string]int64   `json:"near,omitempty"` // by element: inserted items that may be ones that the phone had in another form
	Failures []Failure          `json:"failures,omitempty"`
	Objects  int                `json:"objects"` // read
	Bytes    int64              `json:"bytes"`   // in them
	Requests Requests           `json:"requests"`

	missed  map[string]map[index.ID]index.Spans // records of the items that failed, by element and chunk
	noIndex bool                                // nothing was looked at
}

// Failed is the number of items that could not be restored.
func (r *RestoreReport) Failed() (n int64) {
	for _, l := range r.Ledger {
		n += l.Failed
	}
	return n
}
