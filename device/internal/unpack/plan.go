package unpack

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"

	"zapas/device/internal/item"
	"zapas/device/internal/match"
	"zapas/device/internal/progress"
)

// Target is a Sink as far as a plan needs it: nothing is written to it.
type Target interface {
	// Takes and Existing are those of the Sink.
	Takes(kind item.Kind) bool
	Existing() iter.Seq2[item.Item, error]
	// Refuses answers the error that the Sink's Insert would have for an item whose attachments can be read, or its Merge
	// when a contact becomes this one; nil when there is none. It reads no attachments.
	Refuses(it item.Item) error
}

// Plan is Restore without the writing: it accounts in out for what a Restore would do now. Attachments are looked for, and
// not read.
func Plan(ctx context.Context, g *Chunks, kinds []item.Kind, target Target, out *Outcome) error {
	return bring(ctx, g, kinds, &trial{Target: target}, out, progress.Planning)
}

// trial is a Sink that writes nothing, and answers as the one would that writes to the target.
type trial struct {
	Target
	contacts []*item.Contact // as they would be by now, in the order of Existing
}

func (t *trial) Existing() iter.Seq2[item.Item, error] {
	return func(yield func(item.Item, error) bool) {
		for it, err := range t.Target.Existing() {
			if c, ok := it.(*item.Contact); ok && err == nil {
				t.contacts = append(t.contacts, c)
			}
			if !yield(it, err) {
				return
			}
		}
	}
}

func (t *trial) Insert(it item.Item, _ func(item.Blob) (io.ReadCloser, error)) error {
	return t.Refuses(it)
}

func (t *trial) Merge(at int, c *item.Contact, open func(item.Blob) (io.ReadCloser, error)) (changed bool, err error) {
	if at >= len(t.contacts) {
		return false, errors.New("the target has no such contact")
	}
	held := t.contacts[at]
	merged, changed := match.Merge(held, c)
	if !changed {
		return false, nil
	}
	if err := t.Refuses(merged); err != nil {
		return false, err
	}
	for _, b := range merged.Blobs() {
		if slices.ContainsFunc(held.Blobs(), func(have item.Blob) bool { return have.SHA256 == b.SHA256 }) {
			continue
		}
		r, err := open(b)
		if err != nil {
			return false, err
		}
		if err := r.Close(); err != nil {
			return false, err
		}
	}
	t.contacts[at] = merged
	return true, nil
}

func (t *trial) Finish() error { return nil }
