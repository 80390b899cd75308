package device

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"zapas/device/internal/gather"
	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/device/internal/progress"
	"zapas/device/internal/remote"
	"zapas/device/internal/state"
	"zapas/device/internal/unpack"
	"zapas/shared/api"
)

const openings = 3 // sessions that one restore opens before it gives up

// Restore brings the items of a snapshot to a target: all elements that the restore names, or those of them that chosen
// names, narrowed by only. What failed is named, and can be asked for alone the next time (Only.Failed): in another order of the
// snapshot, since the service ends one with its result. What the target holds already is not written again. A chunk that is
// missing or damaged costs its own items alone, which the report names. Killed at any moment, it is called again.
// ErrAppTooOld ends it before anything is written, and leaves it open.
func (d *Device) Restore(ctx context.Context, r api.Restore, to Sink, chosen []string, only ...Only) (RestoreReport, error) {
	if d.id.Device == "" {
		return RestoreReport{}, d.nobody
	}
	out, err := d.carry(r, chosen, only, func(b *bringing) error { return d.restore(ctx, b, to) })
	if err != nil {
		err = fmt.Errorf("restore snapshot %s: %w", r.Snapshot, tooOld(err))
	}
	return out, err
}

// bringing is a restore that is carried out, or a plan of one.
type bringing struct {
	restore api.Restore
	kinds   []item.Kind // that were chosen
	only    []Only
	known   state.Failed // of earlier restores of the snapshot
	records bool         // are read, and no attachments
	out     *RestoreReport
}

// carry does what a restore and a plan of one have in common before and after.
func (d *Device) carry(r api.Restore, chosen []string, only []Only, run func(b *bringing) error) (RestoreReport, error) {
	out := RestoreReport{Restore: r.Id, Snapshot: r.Snapshot, Ledger: api.RestoreLedgers{}}
	for _, e := range r.Elements {
		if len(chosen) == 0 || slices.Contains(chosen, string(e)) {
			out.Ledger[string(e)] = api.RestoreLedger{}
		}
	}
	for _, e := range chosen {
		if _, ok := out.Ledger[e]; !ok {
			return out, fmt.Errorf("this restore does not bring %q; it brings %v", e, r.Elements)
		}
	}
	d.track = progress.New(d.config.Progress)
	defer d.track.Break() // what has come to no end
	before := d.client.Sent()
	known, err := d.known(r.Snapshot, only)
	if err == nil {
		err = run(&bringing{restore: r, kinds: kindsIn(out.Ledger), only: only, known: known, out: &out})
	}
	if err == nil {
		err = d.keepOffset()
	}
	out.Requests = d.client.Sent().Minus(before)
	return out, err
}

func (d *Device) restore(ctx context.Context, b *bringing, to Sink) error {
	r, out := b.restore, b.out
	var session string
	gathered, err := d.bring(ctx, b, func(g *unpack.Chunks, o *unpack.Outcome) error {
		// Opened again, it is open still: its user may have cancelled it while it was downloaded.
		opened, err := d.begin(ctx, api.SessionInput{Kind: api.SessionInputKindRestore, Restore: &r.Id})
		if err != nil {
			return err
		}
		session = *opened.Session
		return unpack.Restore(ctx, g, b.kinds, to, o)
	})
	if err != nil {
		return err
	}
	if session == "" { // nothing could be written
		session = gathered
	}
	// What fails is known before the service ends the restore; what was brought at last is forgotten after it.
	if !failedAlone(b.only) {
		if err := d.dir.PutFailed(missed(b.known, b.kinds, out)); err != nil {
			return err
		}
	}
	// If we die before this line, another run finds everything there, and reports duplicates.
	result, err := d.client.Result(ctx, r.Id, api.ResultInput{Session: session, Ledger: out.Ledger})
	if err != nil {
		return fmt.Errorf("the items are written, and the service could not be told: %w", err)
	}
	if failedAlone(b.only) {
		if err := d.dir.PutFailed(missed(b.known, b.kinds, out)); err != nil {
			return err
		}
	}
	out.State = string(result.State)
	if result.State == api.RestoreStateDone || result.State == api.RestoreStatePartlyDone {
		d.noteRestored(r.Snapshot, out.Ledger)
		if err := d.dir.PutIdentity(d.id); err != nil {
			return err
		}
	}
	return d.dir.ClearRestores()
}

// noteRestored remembers which elements a restore has brought in full, as the service does: when it is all of them, the next
// backup may build on the snapshot.
func (d *Device) noteRestored(snapshot string, l api.RestoreLedgers) {
	of := &state.Restored{Snapshot: snapshot, Elements: map[string]int64{}}
	if r := d.id.Restored; r != nil && r.Snapshot == snapshot {
		maps.Copy(of.Elements, r.Elements)
	}
	for e, l := range l {
		if inFull(l) {
			of.Elements[e] = l.Inserted + l.Duplicate + l.Merged
		}
	}
	if len(of.Elements) > 0 {
		d.id.Restored = of
	}
}

// inFull reports whether nothing of an element failed, and nothing was left out, by the service's rule (RestoreLedger in the
// contract). What stands under "other", since there were too many reasons, may have been left out.
func inFull(l api.RestoreLedger) bool {
	return l.Failed == 0 && !slices.ContainsFunc([]string{"not_chosen", "restored_before", "not_failed", "other"}, func(why string) bool {
		return l.Reasons[why] > 0
	})
}

// bring gathers what a restore needs, or the records of it alone, and accounts for what unpacked makes of it.
func (d *Device) bring(ctx context.Context, b *bringing, unpacked func(*unpack.Chunks, *unpack.Outcome) error) (session string, err error) {
	before, left := before(b.known, b.kinds)
	var again map[index.ID]index.Spans
	if failedAlone(b.only) {
		if again, err = before, alone(b.known, b.kinds); err != nil {
			return "", err
		}
	}
	g, session, err := d.gather(ctx, b, again)
	if err != nil {
		return "", err
	}
	defer g.Forget()
	out := b.out
	out.Objects, out.Bytes = g.Objects, g.Bytes
	o := unpack.Outcome{Ledger: out.Ledger, Track: d.track, Only: takes(b.only), Again: again, Left: left, Before: before}
	if g.Index == nil {
		lostIndex(&o, g, b.restore.Snapshot, b.kinds)
		out.noIndex = true
		d.allLost(out.Ledger)
	} else if err := unpacked(&g.Chunks, &o); err != nil {
		return "", err
	}
	out.Near, out.Failures, out.missed = o.Near, o.Failures, o.Missed
	if err := d.noteLost(g, nil, nil); err != nil { // of a snapshot of another phone, it costs nothing here
		return "", err
	}
	leftOut(b.restore, g.Counts, out.Ledger)
	return session, nil
}

// leftOut accounts for the elements that the restore brings and that were not chosen here.
func leftOut(r api.Restore, counts map[string]int64, l api.RestoreLedgers) {
	for _, e := range r.Elements {
		if _, chosen := l[string(e)]; chosen {
			continue
		}
		var n int64
		for _, k := range ledger.Kinds(string(e)) {
			n += counts[ledger.Name(k)]
		}
		skipped := api.RestoreLedger{Planned: n, Skipped: n}
		if n > 0 {
			skipped.Reasons = map[string]int64{"not_chosen": n}
		}
		l[string(e)] = skipped
	}
}

// gather opens the restore and downloads what it needs. A session that ends meanwhile is opened again: what has been
// downloaded stays.
func (d *Device) gather(ctx context.Context, b *bringing, again map[index.ID]index.Spans) (g *gather.Gathered, session string, err error) {
	folder, err := d.dir.RestoreFolder(b.restore.Snapshot)
	if err != nil {
		return nil, "", err
	}
	from := d.gatherer()
	from.Track = d.track
	for n := 1; ; n++ {
		opened, err := d.begin(ctx, api.SessionInput{Kind: api.SessionInputKindRestore, Restore: &b.restore.Id})
		if err != nil {
			return nil, "", err
		}
		g, err = from.Gather(ctx, gather.Restore{Snapshot: b.restore.Snapshot, Session: *opened.Session, Folder: folder, Kinds: b.kinds, Records: b.records, Again: again})
		if remote.Code(err) == "session_over" && n < openings {
			continue
		}
		return g, *opened.Session, err
	}
}

func kindsIn(l api.RestoreLedgers) (kinds []item.Kind) {
	for _, e := range slices.Sorted(maps.Keys(l)) {
		kinds = append(kinds, ledger.Kinds(e)...)
	}
	return kinds
}
