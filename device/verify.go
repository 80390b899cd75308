package device

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"zapas/device/internal/gather"
	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/device/internal/progress"
	"zapas/device/internal/remote"
	"zapas/device/internal/unpack"
	"zapas/shared/api"
)

// What a proof came to.
const (
	Proven  = "proven"  // all of the snapshot can be restored
	Sampled = "sampled" // what was looked at can be, and it was not all
	Damaged = "damaged" // something cannot be
)

// VerifyOptions say what is to be proven.
type VerifyOptions struct {
	Snapshot string   // of this device; "" is its newest
	Elements []string // these alone; none: all
	Sample   float64  // percent of the attachments, drawn at random, beside all records; 0: all
}

// VerifyReport is what a proof found. Its numbers balance: items = proven + lost.
type VerifyReport struct {
	Snapshot    string                   `json:"snapshot"`
	Outcome     string                   `json:"outcome"` // as the service was told
	Elements    map[string]ProvenElement `json:"elements"`
	Attachments ProvenAttachments        `json:"attachments"`
	Sample      float64                  `json:"sample,omitempty"` // percent of the attachments that were to be looked at, if not all
	Failures    []Failure                `json:"failures,omitempty"`
	Objects     int                      `json:"objects"` // read
	Bytes       int64                    `json:"bytes"`   // in them
	Requests    Requests                 `json:"requests"`
}

// ProvenElement accounts for the items of an element.
type ProvenElement struct {
	Items   int64            `json:"items"`
	Proven  int64            `json:"proven"`
	Lost    int64            `json:"lost"`
	Reasons map[string]int64 `json:"reasons,omitempty"` // of what is lost
}

// ProvenAttachments counts attachments that the items name, each once.
type ProvenAttachments struct {
	Named  int64 `json:"named"`
	Proven int64 `json:"proven"`
}

// Lost is the number of items that cannot be restored.
func (r *VerifyReport) Lost() (n int64) {
	for _, e := range r.Elements {
		n += e.Lost
	}
	return n
}

// Verify proves that a snapshot of this device can be restored: every chunk is downloaded and opened, every item decoded,
// every attachment compared with its hash, every number with the others. Nothing is written but the service's note of what
// was found, and no chunk stays on the disk. A chunk that is missing or damaged costs its own items alone, which the report
// names; it is complete, too, when the service could not be told. What only a newer app can read is not damaged: ErrAppTooOld, and
// the service is told nothing.
func (d *Device) Verify(ctx context.Context, o VerifyOptions) (VerifyReport, error) {
	if d.id.Device == "" {
		return VerifyReport{}, d.nobody
	}
	if err := o.check(); err != nil {
		return VerifyReport{}, err
	}
	agenda, err := d.dir.Agenda()
	if err != nil {
		return VerifyReport{}, err
	}
	defer d.heed(agenda.Profile.Conditions)()
	d.track = progress.New(d.config.Progress)
	defer d.track.Break() // what has come to no end
	before := d.client.Sent()
	out, err := d.verify(ctx, o)
	err = errors.Join(err, d.dir.ClearProof())
	if err == nil {
		err = d.keepOffset()
	}
	out.Requests = d.client.Sent().Minus(before)
	if err != nil {
		err = fmt.Errorf("verify a backup: %w", tooOld(err))
	}
	return out, err
}

func (o VerifyOptions) check() error {
	for _, e := range o.Elements {
		if !slices.Contains(ledger.Elements(), e) {
			return fmt.Errorf("%q is no element; there are %v", e, ledger.Elements())
		}
	}
	if !(o.Sample >= 0 && o.Sample <= 100) { // also what is no number
		return fmt.Errorf("a sample of %v percent cannot be; it is more than 0 and at most 100", o.Sample)
	}
	return nil
}

// kinds are what is to be proven, and whether that is all that a snapshot may hold.
func (o VerifyOptions) kinds() (kinds []item.Kind, all bool) {
	all = true
	for _, e := range ledger.Elements() {
		if len(o.Elements) > 0 && !slices.Contains(o.Elements, e) {
			all = false
			continue
		}
		kinds = append(kinds, ledger.Kinds(e)...)
	}
	return kinds, all
}

func (o VerifyOptions) share() float64 {
	if o.Sample == 0 {
		return 1
	}
	return o.Sample / 100
}

// verify opens a session, proves, and ends it. A session that ends meanwhile is opened again, and all is proven anew.
func (d *Device) verify(ctx context.Context, o VerifyOptions) (VerifyReport, error) {
	in := api.SessionInput{Kind: api.SessionInputKindVerify}
	if o.Snapshot != "" {
		in.Base = &o.Snapshot
	} else if d.Pending() {
		d.over(api.SessionInputKindVerify) // one that is open is of the newest as that was before a backup that may be committed
	}
	for n := 1; ; n++ {
		opened, err := d.begin(ctx, in)
		if err != nil {
			return VerifyReport{}, err
		}
		if opened.Base == nil || o.Snapshot != "" && *opened.Base != o.Snapshot {
			return VerifyReport{}, errors.New("the service opened another snapshot than the one that was asked for")
		}
		out, err := d.prove(ctx, o, *opened.Session, *opened.Base)
		if remote.Code(err) == "session_over" && n < openings {
			continue
		}
		if err != nil {
			return VerifyReport{}, err
		}
		// If we die before this line, the same session is opened again.
		if err := d.client.Prove(ctx, *opened.Session, out.Outcome); err != nil {
			return out, fmt.Errorf("it came to its end (%s), and the service could not be told: %w", out.Outcome, err)
		}
		d.over(api.SessionInputKindVerify)
		return out, d.dir.PutIdentity(d.id)
	}
}

// prove reads what the session is for.
func (d *Device) prove(ctx context.Context, o VerifyOptions, session, snapshot string) (VerifyReport, error) {
	folder, err := d.dir.ProofFolder()
	if err != nil {
		return VerifyReport{}, err
	}
	kinds, all := o.kinds()
	from := d.gatherer()
	from.Track = d.track
	s, err := from.Stream(ctx, gather.Restore{Snapshot: snapshot, Session: session, Proof: true, Folder: folder, Kinds: kinds})
	if err != nil {
		return VerifyReport{}, err
	}
	g := s.Gathered()
	defer g.Forget()
	out := VerifyReport{Snapshot: snapshot, Outcome: Damaged, Elements: map[string]ProvenElement{}}
	found := unpack.Outcome{Ledger: api.RestoreLedgers{}}
	seen, whole := []int(nil), true
	if g.Index == nil {
		lostIndex(&found, g, snapshot, kinds)
		d.allLost(found.Ledger)
	} else if seen, whole, err = d.stream(ctx, o, s, kinds, &found, &out.Attachments); err != nil {
		return VerifyReport{}, err
	}
	if err := d.noteLost(g, seen, found.Missed); err != nil {
		return VerifyReport{}, err
	}
	for _, k := range kinds {
		l := found.Ledger[k.Element()]
		out.Elements[k.Element()] = ProvenElement{Items: l.Planned, Proven: l.Inserted, Lost: l.Failed, Reasons: l.Reasons}
	}
	out.Failures, out.Objects, out.Bytes = found.Failures, g.Objects, g.Bytes
	if !whole {
		out.Sample = o.Sample
	}
	if len(out.Failures) == 0 {
		out.Outcome = Proven
		if !whole || !all {
			out.Outcome = Sampled
		}
	}
	return out, nil
}

// lostIndex accounts for all that the service says there is. Without an index nothing of it can be restored, were it
// nothing.
func lostIndex(found *unpack.Outcome, g *gather.Gathered, snapshot string, kinds []item.Kind) {
	for _, k := range kinds {
		found.Lose(Failure{Snapshot: snapshot, Element: k.Element(), Items: g.Counts[ledger.Name(k)], Reason: g.NoIndex.Reason, Detail: g.NoIndex.Detail})
	}
	if len(found.Failures) == 0 {
		found.Tell(Failure{Snapshot: snapshot, Reason: g.NoIndex.Reason, Detail: g.NoIndex.Detail})
	}
}

// stream proves chunk by chunk, and answers which it has seen, and whether none was left out. Where a sample finds attachments
// that cannot be read, only all others tell what is lost: then they are looked at, too.
func (d *Device) stream(ctx context.Context, o VerifyOptions, s *gather.Stream, kinds []item.Kind, found *unpack.Outcome, attachments *ProvenAttachments) (seen []int, whole bool, err error) {
	g := s.Gathered()
	p := unpack.NewProof(&g.Chunks, kinds, found)
	drawn, left, err := s.Draw(o.share(), d.config.Random)
	if err != nil {
		return nil, false, err
	}
	see := func(i int) error { return p.Chunk(ctx, i) }
	if err := s.Each(ctx, drawn, see); err != nil {
		return nil, false, err
	}
	if p.Unread() {
		if err := s.Each(ctx, left, see); err != nil {
			return nil, false, err
		}
		drawn, left = append(drawn, left...), nil
	}
	attachments.Named, attachments.Proven = p.End(len(left) == 0, g.Counts)
	return drawn, len(left) == 0, nil
}
