package unpack

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/device/internal/match"
	"zapas/device/internal/progress"
	"zapas/device/internal/seal"
	"zapas/shared/api"
)

// Outcome accounts for every item of the elements that were to be restored.
type Outcome struct {
	Ledger   api.RestoreLedgers
	Near     map[string]int64 // by element: items inserted that may be ones that the target held in another form
	Failures []ledger.Failure
	Track    *progress.Tracker // counts on the way; may be nil
	// Only reports whether an item was chosen; nil for all. One that was not is planned and skipped.
	Only func(it item.Item) bool
	// Again are the records, by chunk, that are to be brought and no others; nil for all. The others are planned and skipped.
	Again map[index.ID]index.Spans
	// Left are the elements of which earlier restores have left something out: what is not in Again was not all brought.
	Left map[string]bool
	// Before are the records that earlier restores have not brought. Those that were not chosen now are Missed still.
	Before map[index.ID]index.Spans
	// Missed are the records of the items that failed, by element and chunk.
	Missed map[string]map[index.ID]index.Spans
}

func (o *Outcome) miss(element string, chunk index.ID, number uint32) {
	if o.Missed == nil {
		o.Missed = map[string]map[index.ID]index.Spans{}
	}
	if o.Missed[element] == nil {
		o.Missed[element] = map[index.ID]index.Spans{}
	}
	o.Missed[element][chunk] = o.Missed[element][chunk].Add(number)
}

func (o *Outcome) failed() (n int64) {
	for _, l := range o.Ledger {
		n += l.Failed
	}
	return n
}

// The reasons of what is not restored again.
const (
	restoredBefore = "restored_before" // an earlier restore has brought it
	notFailed      = "not_failed"      // none has failed to; but something of its element was left out, and this may be that
)

// Lose accounts for items that cannot be restored, and says why.
func (o *Outcome) Lose(f ledger.Failure) {
	if f.Items == 0 {
		return
	}
	f.Remedy = ledger.Remedy(f.Reason)
	l := o.Ledger[f.Element]
	l.Planned += f.Items
	l.Failed += f.Items
	ledger.Explain(&l.Reasons, f.Reason, f.Items)
	o.Ledger[f.Element] = l
	for i := range o.Failures {
		if g := &o.Failures[i]; g.Element == f.Element && g.Reason == f.Reason && g.Detail == f.Detail {
			g.Items += f.Items
			return
		}
	}
	o.Failures = append(o.Failures, f)
}

// Tell says what is wrong beside the items that are lost, once.
func (o *Outcome) Tell(f ledger.Failure) {
	f.Remedy = ledger.Remedy(f.Reason)
	for _, g := range o.Failures {
		if g.Element == f.Element && g.Reason == f.Reason && g.Detail == f.Detail {
			return
		}
	}
	o.Failures = append(o.Failures, f)
}

// Restore writes the items of the given kinds to a target, and accounts for each in out. What the target holds already is
// not written again. An error that wraps item.ErrSchema says that a record is of a newer schema.
func Restore(ctx context.Context, g *Chunks, kinds []item.Kind, to Sink, out *Outcome) error {
	return bring(ctx, g, kinds, to, out, progress.Writing)
}

// bring is a restore, or a plan of one.
func bring(ctx context.Context, g *Chunks, kinds []item.Kind, to Sink, out *Outcome, work progress.Work) error {
	w := &writing{g: g, to: to, out: out, only: out.Only, track: out.Track, work: work}
	for _, e := range elements(kinds) {
		w.track.Begin(progress.Reading, e, 0)
	}
	for it, err := range to.Existing() {
		if _, ok := errors.AsType[*ledger.Unreadable](err); ok {
			continue
		}
		if err != nil {
			return fmt.Errorf("read what the target holds: %w", err)
		}
		w.note(it)
	}
	w.track.End(progress.Reading)
	if err := g.locate(); err != nil {
		return err
	}
	// What cannot be read now is accounted for when it is to be written, but for what needs a newer app: before that nothing is
	// written at all.
	if w.held.Len()+w.contacts.Len() > 0 || g.Index.Schema > item.Schema {
		scratch := &Outcome{Ledger: api.RestoreLedgers{}}
		scratch.Again = out.Again
		expect := &writing{g: g, out: scratch, one: w.expect, only: out.Only, track: out.Track, work: progress.Matching}
		if err := expect.chunks(ctx, kinds); err != nil {
			return err
		}
		w.track.End(progress.Matching)
	}
	w.one = w.write
	if err := w.chunks(ctx, kinds); err != nil {
		return err
	}
	w.harmed(kinds)
	if err := to.Finish(); err != nil {
		return fmt.Errorf("finish the target: %w", err)
	}
	w.track.End(work)
	return nil
}

// elements are those of the kinds.
func elements(kinds []item.Kind) (out []string) {
	for _, k := range kinds {
		if !slices.Contains(out, k.Element()) {
			out = append(out, k.Element())
		}
	}
	return out
}

// writing is a restore on its way to its target, or a first look at what is to go there.
type writing struct {
	one      func(it item.Item) error
	only     func(it item.Item) bool // nil for all
	g        *Chunks
	held     match.Set // but for contacts
	contacts match.Book
	calls    match.Calls
	to       Sink
	out      *Outcome
	track    *progress.Tracker
	work     progress.Work
}

// note notes one item that the target holds.
func (w *writing) note(it item.Item) {
	w.track.Add(progress.Reading, it.Kind().Element(), 1)
	switch it := it.(type) {
	case *item.Contact:
		w.contacts.Add(it)
		return
	case *item.Call:
		w.calls.Add(it)
	}
	w.held.Add(it)
}

// expect notes one item that is to be restored.
func (w *writing) expect(it item.Item) error {
	w.track.Add(progress.Matching, it.Kind().Element(), 1)
	if c, ok := it.(*item.Contact); ok {
		w.contacts.Expect(c)
		return nil
	}
	w.held.Expect(it)
	return nil
}

func (w *writing) account(element string, add func(l *api.RestoreLedger)) {
	l := w.out.Ledger[element]
	add(&l)
	w.out.Ledger[element] = l
	w.track.Add(w.work, element, 1)
}

func (w *writing) lost(element, reason string, n int64, detail string) {
	w.track.Fail(w.work, element, n)
	w.out.Lose(ledger.Failure{Snapshot: w.g.Index.Snapshot.String(), Element: element, Items: n, Reason: reason, Detail: detail})
}

// chunks goes through the items of all chunks.
func (w *writing) chunks(ctx context.Context, kinds []item.Kind) error {
	total := map[string]int64{}
	for i := range w.g.Index.Chunks {
		live := w.g.Index.Chunks[i].Live()
		for _, k := range kinds {
			total[k.Element()] += live[byte(k)]
		}
	}
	for _, e := range elements(kinds) {
		w.track.Begin(w.work, e, total[e])
	}
	for i := range w.g.Index.Chunks {
		if err := w.chunk(ctx, i, kinds); err != nil {
			return err
		}
	}
	return nil
}

// write restores one item.
func (w *writing) write(it item.Item) error {
	element := it.Kind().Element()
	if !w.to.Takes(it.Kind()) {
		w.skip(element, "not_possible_here", 1)
		return nil
	}
	var duplicate bool
	if c, ok := it.(*item.Contact); ok {
		at, how := w.contacts.Match(c)
		if how == match.Alike { // it may have a note or a photo that the one there has not
			return w.merge(at, c)
		}
		duplicate = how == match.Contained
	} else {
		duplicate = w.held.Match(it)
	}
	if duplicate {
		w.account(element, func(l *api.RestoreLedger) { l.Planned++; l.Duplicate++ })
		return nil
	}
	for _, b := range it.Blobs() {
		if why := w.g.missing(b.SHA256); why != "" {
			w.lost(element, "attachment_missing", 1, why)
			return nil
		}
	}
	blobs := &opener{g: w.g}
	err := w.to.Insert(it, blobs.open)
	if err == nil && w.near(it) {
		if w.out.Near == nil {
			w.out.Near = map[string]int64{}
		}
		w.out.Near[element]++
	}
	return w.written(element, err, blobs, func(l *api.RestoreLedger) { l.Inserted++ })
}

// merge brings a contact to the one that it is.
func (w *writing) merge(at int, c *item.Contact) error {
	blobs := &opener{g: w.g}
	changed, err := w.to.Merge(at, c, blobs.open)
	return w.written(c.Kind().Element(), err, blobs, func(l *api.RestoreLedger) {
		if changed {
			l.Merged++
		} else {
			l.Duplicate++
		}
	})
}

// near reports whether an item that is none of the target's may still be one of them.
func (w *writing) near(it item.Item) bool {
	switch it := it.(type) {
	case *item.Contact:
		return w.contacts.Near(it)
	case *item.Call:
		return w.calls.Near(it)
	}
	return false
}

// written accounts for an item by what the target said; done counts one that went well.
func (w *writing) written(element string, err error, blobs *opener, done func(l *api.RestoreLedger)) error {
	refused, ok := errors.AsType[*ledger.Unwritable](err)
	switch {
	case err == nil:
		w.account(element, func(l *api.RestoreLedger) { l.Planned++; done(l) })
	case blobs.err != nil:
		w.lost(element, "attachment_damaged", 1, blobs.err.Error())
	case ok && refused.Skipped:
		w.skip(element, refused.Reason, 1)
	case ok:
		w.lost(element, refused.Reason, 1, refused.Error())
	default:
		return fmt.Errorf("write to the target: %w", err)
	}
	return nil
}

// chunk restores the items of one chunk.
func (w *writing) chunk(ctx context.Context, i int, kinds []item.Kind) error {
	c := &w.g.Index.Chunks[i]
	bad, isBad := w.g.Bad[i]
	asked := w.asked(c, kinds)
	if len(asked) == 0 {
		return nil
	}
	var file *chunkFile
	if !isBad {
		var err error
		if file, err = w.g.openChunk(i); err != nil {
			bad, isBad = Bad{Reason: chunkDamaged, Detail: fmt.Sprintf("chunk %s: %v", c.ID, err)}, true
		}
	}
	if isBad {
		w.gone(c, asked, 0, c.Records(), bad)
		return nil
	}
	defer file.Close()
	for r, err := range file.Records(asked...) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if block, ok := errors.AsType[*seal.BlockError](err); ok {
			w.gone(c, asked, block.First, block.Count, Bad{Reason: "block_damaged",
				Detail: fmt.Sprintf("chunk %s, from record %d on, %d of them: %v", c.ID, block.First, block.Count, err)})
			continue
		}
		if err != nil {
			return err
		}
		if c.IsDead(r.Number) || !w.again(c, r.Number) {
			continue
		}
		brought, err := w.record(c, r)
		if err != nil {
			return err
		}
		if !brought {
			w.out.miss(item.Kind(r.Kind).Element(), c.ID, r.Number)
		}
	}
	return nil
}

const chunkDamaged = "chunk_damaged" // the reason of what cannot be opened

// asked are those of the kinds of which a chunk has something to bring. What an earlier restore has brought is accounted for.
func (w *writing) asked(c *index.Chunk, kinds []item.Kind) (asked []byte) {
	live, again := c.Live(), map[byte]int64{}
	if w.out.Again != nil {
		for _, s := range w.out.Again[c.ID] {
			for k, n := range c.Lives(s.First, s.Count) {
				again[k] += n
			}
		}
	}
	for _, k := range kinds {
		n := live[byte(k)]
		if w.out.Again != nil {
			if before := n - again[byte(k)]; before > 0 {
				why := restoredBefore
				if w.out.Left[k.Element()] {
					why = notFailed
				}
				w.skip(k.Element(), why, before)
			}
			n = again[byte(k)]
		}
		if n > 0 {
			asked = append(asked, byte(k))
		}
	}
	return asked
}

func (w *writing) again(c *index.Chunk, number uint32) bool {
	if w.out.Again == nil {
		return true
	}
	return w.out.Again[c.ID].Has(number)
}
