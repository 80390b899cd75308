package device

import (
	"context"
	"fmt"

	"zapas/device/internal/unpack"
	"zapas/shared/api"
)

// Target is a Sink as far as a plan needs it: nothing is written to it.
type Target = unpack.Target

// Plan is what a restore would do on a target.
type Plan struct {
	Restore  string                 `json:"restore"`
	Snapshot string                 `json:"snapshot"`
	Elements map[string]ElementPlan `json:"elements"`
	Failures []Failure              `json:"failures,omitempty"` // what is missing or damaged in the backup
	Objects  int                    `json:"objects"`            // read
	Bytes    int64                  `json:"bytes"`              // in them
	Requests Requests               `json:"requests"`
}

// ElementPlan is the plan of one element: planned = new + duplicate + merge + alike + skipped + failed. A restore inserts
// what is new and what is alike.
type ElementPlan struct {
	Planned   int64            `json:"planned"`
	New       int64            `json:"new"`
	Duplicate int64            `json:"duplicate"` // there already
	Merge     int64            `json:"merge"`     // contacts that are there and would get something more
	Alike     int64            `json:"alike"`     // perhaps there in another form: inserted, for the user to look at
	Skipped   int64            `json:"skipped"`   // it has no place here
	Failed    int64            `json:"failed"`    // it cannot be written here, or not be read in the backup
	Reasons   map[string]int64 `json:"reasons,omitempty"`
}

// NotPossible is the number of items that would not come to the target, or are not chosen.
func (p ElementPlan) NotPossible() int64 { return p.Skipped + p.Failed }

// Failed is the number of items that a restore could not bring.
func (p *Plan) Failed() (n int64) {
	for _, e := range p.Elements {
		n += e.Failed
	}
	return n
}

// Plan says what Restore would do with the same arguments, and writes nothing. It opens the restore and leaves it open, tells
// the service of no result, and keeps what it has downloaded: a Restore that follows does not download it again. Objects that
// hold attachments alone are left to that: whether those are whole, only it can say. All else it does as the plan says, if
// the target stays as it is.
func (d *Device) Plan(ctx context.Context, r api.Restore, target Target, chosen []string, only ...Only) (Plan, error) {
	if d.id.Device == "" {
		return Plan{}, d.nobody
	}
	out, err := d.carry(r, chosen, only, func(b *bringing) error {
		b.records = true
		_, err := d.bring(ctx, b, func(g *unpack.Chunks, o *unpack.Outcome) error {
			return unpack.Plan(ctx, g, b.kinds, target, o)
		})
		return err
	})
	if err != nil {
		err = fmt.Errorf("plan the restore of snapshot %s: %w", r.Snapshot, tooOld(err))
	}
	return planOf(out), err
}

// planOf reads a report of what has not been done.
func planOf(r RestoreReport) Plan {
	p := Plan{Restore: r.Restore, Snapshot: r.Snapshot, Elements: map[string]ElementPlan{}, Failures: r.Failures,
		Objects: r.Objects, Bytes: r.Bytes, Requests: r.Requests}
	for e, l := range r.Ledger {
		p.Elements[e] = ElementPlan{Planned: l.Planned, New: l.Inserted - r.Near[e], Duplicate: l.Duplicate, Merge: l.Merged,
			Alike: r.Near[e], Skipped: l.Skipped, Failed: l.Failed, Reasons: l.Reasons}
	}
	return p
}
