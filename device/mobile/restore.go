package mobile

import (
	"context"
	"slices"

	"zapas/device"
	"zapas/shared/api"
)

// Restore is a backup that its user has sent to this phone.
type Restore struct {
	RestoreID string
	Snapshot  string
	State     string // waiting, opened, or held: then not before Until
	CreatedAt int64  // Unix milliseconds, as the others
	Until     int64  // 0: now
	ExpiresAt int64  // 0: not known

	FailedOnly bool // set it to bring only what another restore of the snapshot could not: the rest counts as skipped

	asked  api.Restore
	region string
	chosen []string
}

func restoreOf(r api.Restore, region string) *Restore {
	out := &Restore{RestoreID: r.Id, Snapshot: r.Snapshot, State: string(r.State), CreatedAt: r.CreatedAt.UnixMilli(), asked: r, region: region}
	if r.Until != nil {
		out.Until = r.Until.UnixMilli()
	}
	if r.ExpiresAt != nil {
		out.ExpiresAt = r.ExpiresAt.UnixMilli()
	}
	return out
}

// Brings reports whether the restore brings an element.
func (r *Restore) Brings(element string) bool {
	return slices.Contains(r.asked.Elements, api.Element(element))
}

// Choose restores an element. Without any choice, all that the restore brings is restored.
func (r *Restore) Choose(element string) {
	if !slices.Contains(r.chosen, element) {
		r.chosen = append(r.chosen, element)
	}
}

// elements are those that are to be restored.
func (r *Restore) elements() (out []string) {
	if len(r.chosen) > 0 {
		return r.chosen
	}
	for _, e := range r.asked.Elements {
		out = append(out, string(e))
	}
	return out
}

func (r *Restore) only() device.Only { return device.Only{Failed: r.FailedOnly} }

// Plan says what Restore would do with the same arguments, and writes nothing.
func (d *Device) Plan(run *Run, of *Restore, from Source, to Sink) (*Plan, error) {
	var out *Plan
	err := d.do(run, func(ctx context.Context) error {
		if of == nil || from == nil || to == nil {
			return errNoArgument
		}
		p, err := d.d.Plan(ctx, of.asked, newSink(ctx, from, to, of), of.chosen, of.only())
		out = &Plan{Failed: p.Failed(), plan: p, failures: failuresOf(p.Failures)}
		return err
	})
	return given(out, err)
}

// Plan is what a restore would do.
type Plan struct {
	Failed int64 // items that it could not bring

	plan     device.Plan
	failures []*Failure
}

// Element plans the items of an element; null for one that the restore does not bring.
func (p *Plan) Element(element string) *Planned {
	e, ok := p.plan.Elements[element]
	if !ok {
		return nil
	}
	return &Planned{Planned: e.Planned, Fresh: e.New, Duplicate: e.Duplicate, Merge: e.Merge, Alike: e.Alike, Skipped: e.Skipped, Failed: e.Failed,
		reasons: reasonsOf(e.Reasons)}
}

// FailureCount is how many failures there are: what is missing or damaged in the backup, or cannot be written.
func (p *Plan) FailureCount() int { return len(p.failures) }

// Failure is one of them.
func (p *Plan) Failure(i int) *Failure { return at(p.failures, i) }

// Planned accounts for items: Planned = Fresh + Duplicate + Merge + Alike + Skipped + Failed.
type Planned struct {
	Planned   int64
	Fresh     int64 // not there yet
	Duplicate int64 // there already
	Merge     int64 // contacts that are there and would get something more
	Alike     int64 // perhaps there in another form: inserted, for the user to look at
	Skipped   int64 // no place here, or not chosen
	Failed    int64

	reasons []*Reason
}

// ReasonCount is how many reasons there are for what is skipped or fails.
func (p *Planned) ReasonCount() int { return len(p.reasons) }

// Reason is one of them.
func (p *Planned) Reason(i int) *Reason { return at(p.reasons, i) }

// Restore brings the chosen elements to the phone. What from shows to be there already is not written again. Cancelled or
// killed, it is called again.
func (d *Device) Restore(run *Run, of *Restore, from Source, to Sink) (*RestoreReport, error) {
	var out *RestoreReport
	err := d.do(run, func(ctx context.Context) error {
		if of == nil || from == nil || to == nil {
			return errNoArgument
		}
		done, err := d.d.Restore(ctx, of.asked, newSink(ctx, from, to, of), of.chosen, of.only())
		out = &RestoreReport{State: done.State, Failed: done.Failed(), report: done, failures: failuresOf(done.Failures)}
		return err
	})
	return given(out, err)
}

// RestoreReport is what a restore did.
type RestoreReport struct {
	State  string // as the service recorded it: done, partly_done or failed
	Failed int64  // items that could not be restored

	report   device.RestoreReport
	failures []*Failure
}

// Element accounts for the items of an element; null for one that the restore does not bring.
func (r *RestoreReport) Element(element string) *Restored {
	l, ok := r.report.Ledger[element]
	if !ok {
		return nil
	}
	return &Restored{Planned: l.Planned, Inserted: l.Inserted, Duplicate: l.Duplicate, Merged: l.Merged, Skipped: l.Skipped, Failed: l.Failed,
		Alike: r.report.Near[element], reasons: reasonsOf(l.Reasons)}
}

// FailureCount is how many failures there are.
func (r *RestoreReport) FailureCount() int { return len(r.failures) }

// Failure is one of them.
func (r *RestoreReport) Failure(i int) *Failure { return at(r.failures, i) }

// Restored accounts for items: Planned = Inserted + Duplicate + Merged + Skipped + Failed.
type Restored struct {
	Planned   int64
	Inserted  int64
	Duplicate int64
	Merged    int64
	Skipped   int64
	Failed    int64
	Alike     int64 // of those inserted: perhaps there before in another form

	reasons []*Reason
}

// ReasonCount is how many reasons there are for what was skipped or has failed.
func (r *Restored) ReasonCount() int { return len(r.reasons) }

// Reason is one of them.
func (r *Restored) Reason(i int) *Reason { return at(r.reasons, i) }

// Failure is a part of a backup that cannot be restored.
type Failure struct {
	Element string
	Items   int64
	Reason  string
	Detail  string // in words that are for this phone alone
	Remedy  string // what to do about it; empty where the phone cannot hold the item
}

func failuresOf(all []device.Failure) (out []*Failure) {
	for _, f := range all {
		out = append(out, &Failure{Element: f.Element, Items: f.Items, Reason: f.Reason, Detail: f.Detail, Remedy: f.Remedy})
	}
	return out
}

// Verify proves that this phone's newest backup can be restored, and writes nothing. sample is how many percent of the
// attachments are looked at, beside all items; 0 is all. It is told to the service, which shows it on my card.
func (d *Device) Verify(run *Run, sample float64) (*Proof, error) {
	var out *Proof
	err := d.do(run, func(ctx context.Context) error {
		r, err := d.d.Verify(ctx, device.VerifyOptions{Sample: sample})
		out = &Proof{Snapshot: r.Snapshot, Outcome: r.Outcome, Lost: r.Lost(), AttachmentsNamed: r.Attachments.Named,
			AttachmentsProven: r.Attachments.Proven, proof: r, failures: failuresOf(r.Failures)}
		return err
	})
	return given(out, err)
}

// Proof is what a proof found.
type Proof struct {
	Snapshot          string
	Outcome           string // proven, sampled (what was looked at can be restored) or damaged
	Lost              int64  // items that cannot be restored
	AttachmentsNamed  int64
	AttachmentsProven int64

	proof    device.VerifyReport
	failures []*Failure
}

// Proven is how many items of an element can be restored.
func (p *Proof) Proven(element string) int64 { return p.proof.Elements[element].Proven }

// FailureCount is how many failures there are.
func (p *Proof) FailureCount() int { return len(p.failures) }

// Failure is one of them.
func (p *Proof) Failure(i int) *Failure { return at(p.failures, i) }
