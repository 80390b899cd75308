package device

import (
	"errors"
	"fmt"
	"slices"

	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/state"
)

// Failed is how many items restores of a snapshot have not brought to this phone so far; "" for none that it knows of.
func (d *Device) Failed() (snapshot string, items int64, err error) {
	f, err := d.dir.Failed()
	return f.Snapshot, f.Items, err
}

// known is what this phone knows of earlier restores of a snapshot. What is damaged is no more than unknown to a restore
// that does not go by it.
func (d *Device) known(snapshot string, only []Only) (state.Failed, error) {
	f, err := d.dir.Failed()
	if _, damaged := errors.AsType[*state.DamagedFailed](err); damaged && !failedAlone(only) {
		err = nil
	}
	if err != nil || f.Snapshot != snapshot {
		f = state.Failed{}
	}
	if f.Snapshot == "" && err == nil && failedAlone(only) {
		err = fmt.Errorf("this phone does not know what of this backup has failed; restore all of it: what is here is not written twice")
	}
	f.Snapshot = snapshot
	return f, err
}

// before are the records of some kinds that earlier restores have not brought, and the elements of which they have left
// something out.
func before(known state.Failed, kinds []item.Kind) (records map[index.ID]index.Spans, left map[string]bool) {
	records, left = map[index.ID]index.Spans{}, map[string]bool{}
	for e, of := range known.Elements {
		if !slices.ContainsFunc(kinds, func(k item.Kind) bool { return k.Element() == e }) {
			continue
		}
		left[e] = of.Left
		for chunk, spans := range of.Failed {
			if id, err := index.Parse(chunk); err == nil { // it was read so
				records[id] = records[id].With(spans)
			}
		}
	}
	return records, left
}

// alone reports why what has failed cannot be restored alone.
func alone(known state.Failed, kinds []item.Kind) error {
	if known.TooMany {
		return fmt.Errorf("%d items of this backup have failed, in more places than this phone remembers (%d); restore all of it: "+
			"what is here is not written twice", known.Items, state.MaxSpans)
	}
	for _, k := range kinds {
		if _, ok := known.Elements[k.Element()]; !ok {
			return fmt.Errorf("this phone has not restored the %s of this backup before; restore all of them, or do not choose them", k.Element())
		}
	}
	return nil
}

func failedAlone(only []Only) bool {
	return slices.ContainsFunc(only, func(o Only) bool { return o.Failed })
}

// missed is what is to be known of a snapshot's failed items after a restore of some kinds: what was known before, where nothing
// could be looked at.
func missed(known state.Failed, kinds []item.Kind, out *RestoreReport) state.Failed {
	if out.noIndex {
		return known
	}
	f := state.Failed{Snapshot: known.Snapshot, Elements: map[string]state.Missed{}}
	for e, m := range known.Elements {
		f.Elements[e] = m
	}
	for _, k := range kinds {
		e := k.Element()
		l, was := out.Ledger[e], known.Elements[e]
		_, before := known.Elements[e]
		left := l.Skipped > l.Reasons["restored_before"]
		m := state.Missed{Left: left && (was.Left || !before)}
		for chunk, spans := range out.missed[e] {
			if m.Failed == nil {
				m.Failed = map[string]index.Spans{}
			}
			m.Failed[chunk.String()] = spans
		}
		f.Elements[e] = m
	}
	return f
}
