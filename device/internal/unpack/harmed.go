package unpack

import (
	"errors"
	"fmt"
	"slices"

	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/device/internal/seal"
)

func (w *writing) skip(element, reason string, n int64) {
	l := w.out.Ledger[element]
	l.Planned += n
	l.Skipped += n
	ledger.Explain(&l.Reasons, reason, n)
	w.out.Ledger[element] = l
	w.track.Add(w.work, element, n)
}

// harmed tells of chunks that are not as they were stored, for each element that has lost nothing. One in which no element has
// anything is fetched for the index in it: it is told of for itself.
func (w *writing) harmed(kinds []item.Kind) {
	for i := range w.g.Index.Chunks {
		is, ok := w.g.Harmed[i]
		if !ok {
			continue
		}
		c := &w.g.Index.Chunks[i]
		live := c.Live()
		concerned := []string{""}
		for _, k := range kinds {
			if live[byte(k)] > 0 || c.Holds(byte(k)) {
				concerned = append(concerned, k.Element())
			}
		}
		if len(concerned) > 1 {
			concerned = concerned[1:]
		}
		for _, e := range concerned {
			if w.out.Ledger[e].Failed == 0 {
				w.out.Tell(ledger.Failure{Snapshot: w.g.Index.Snapshot.String(), Element: e, Reason: is.Reason, Detail: is.Detail + "; all that is needed of it is whole"})
			}
		}
	}
}

// gone accounts for the records of the asked kinds, among some of a chunk, that cannot be read.
func (w *writing) gone(c *index.Chunk, asked []byte, first, count uint32, why Bad) {
	lost := map[byte]int64{}
	number := uint32(0)
	for _, r := range c.Runs {
		if slices.Contains(asked, r.Kind) {
			for n := max(number, first); n < min(number+r.Count, first+count); n++ {
				if !c.IsDead(n) && w.again(c, n) {
					lost[r.Kind]++
					w.out.miss(item.Kind(r.Kind).Element(), c.ID, n)
				}
			}
		}
		number += r.Count
	}
	for _, k := range asked {
		if lost[k] > 0 {
			w.lost(item.Kind(k).Element(), why.Reason, lost[k], why.Detail)
		}
	}
}

// record restores one record, and reports whether no later restore has to. The error for one of a newer schema wraps
// item.ErrSchema.
func (w *writing) record(c *index.Chunk, r seal.Record) (done bool, err error) {
	it, err := item.Decode(r.Bytes)
	switch {
	case errors.Is(err, item.ErrSchema):
		return false, fmt.Errorf("chunk %s, record %d: %w", c.ID, r.Number, err)
	case err == nil && byte(it.Kind()) != r.Kind:
		err = fmt.Errorf("a record of kind %d holds a %s", r.Kind, it.Kind())
	}
	if err != nil {
		w.lost(item.Kind(r.Kind).Element(), "record_damaged", 1, fmt.Sprintf("chunk %s, record %d: %v", c.ID, r.Number, err))
		return false, nil
	}
	if w.only != nil && !w.only(it) {
		w.skip(it.Kind().Element(), "not_chosen", 1)
		return !w.out.Before[c.ID].Has(r.Number), nil
	}
	failed := w.out.failed()
	err = w.one(it)
	return w.out.failed() == failed, err
}
