package device

import (
	"fmt"
	"slices"

	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/state"
)

// Failed is how many items restores of a snapshot have not brought to this phone so far; "" for none that it knows of.
func (d *Device) Failed() (snapshot string, items int64, err error) {
	f, err := d.dir.Failed()
	for _, chunks := range f.Elements {
		for _, spans := range chunks {
			for _, s := range spans {
				items += int64(s.Count)
			}
		}
	}
	return f.Snapshot, items, err
}

// again are the records to which a restore is narrowed that brings what has failed before; nil for all.
func (d *Device) again(snapshot string, kinds []item.Kind, only []Only) (map[index.ID][]uint32, error) {
	if !failedAlone(only) {
		return nil, nil
	}
	f, err := d.dir.Failed()
	if err != nil {
		return nil, err
	}
	if f.Snapshot != snapshot {
		return nil, fmt.Errorf("this phone does not know what of this backup has failed; restore all of it: what is here is not written twice")
	}
	for _, k := range kinds {
		if _, known := f.Elements[k.Element()]; !known {
			return nil, fmt.Errorf("this phone has not restored the %s of this backup before; restore all of them, or do not choose them", k.Element())
		}
	}
	out := map[index.ID][]uint32{}
	for e, chunks := range f.Elements {
		if !slices.ContainsFunc(kinds, func(k item.Kind) bool { return k.Element() == e }) {
			continue
		}
		for chunk, spans := range chunks {
			id, err := index.Parse(chunk)
			if err != nil {
				return nil, err
			}
			for _, s := range spans {
				for n := range s.Count {
					out[id] = append(out[id], s.First+n)
				}
			}
		}
	}
	for _, numbers := range out {
		slices.Sort(numbers)
	}
	return out, nil
}

func failedAlone(only []Only) bool {
	return slices.ContainsFunc(only, func(o Only) bool { return o.Failed })
}

// missed is what is to be known of a snapshot's failed items after a restore of some kinds. Nothing is where not even the index
// could be read: then all is to be restored again.
func missed(known state.Failed, snapshot string, kinds []item.Kind, out *RestoreReport) state.Failed {
	f := state.Failed{Snapshot: snapshot, Elements: map[string]map[string][]state.Span{}}
	if known.Snapshot == snapshot {
		f.Elements = known.Elements
	}
	for _, k := range kinds {
		f.Elements[k.Element()] = map[string][]state.Span{} // it has been restored
	}
	if out.missed == nil && out.Failed() > 0 {
		return state.Failed{}
	}
	for e, chunks := range out.missed {
		f.Elements[e] = map[string][]state.Span{}
		for chunk, numbers := range chunks {
			var spans []state.Span
			for _, n := range numbers {
				if at := len(spans) - 1; at >= 0 && spans[at].First+spans[at].Count == n {
					spans[at].Count++
				} else {
					spans = append(spans, state.Span{First: n, Count: 1})
				}
			}
			f.Elements[e][chunk.String()] = spans
		}
	}
	return f
}
