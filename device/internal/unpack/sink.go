// Package unpack knows how the items of a snapshot come out of its chunks, each proven before it is used, and into a target
// that may hold some of them already. It does not know how chunks were had, nor how a platform stores items.
package unpack

import (
	"io"
	"iter"

	"zapas/device/internal/item"
)

// Sink is where a restore's items go.
type Sink interface {
	// Takes reports whether the target can hold items of a kind.
	Takes(kind item.Kind) bool
	// Existing goes through what the target held before the restore. An *ledger.Unreadable is passed over; any other
	// error ends the restore.
	Existing() iter.Seq2[item.Item, error]
	// Insert adds an item whole or not at all. open reads its attachments, whose bytes are good only when they end with
	// io.EOF. An *ledger.Unwritable says that the target refuses this one; any other error ends the restore, but for
	// those of open.
	Insert(it item.Item, open func(b item.Blob) (io.ReadCloser, error)) error
	// Merge adds to a contact what another card of the same person has, takes nothing away, and reports whether that was
	// anything. It is known by its number, from 0, among the contacts that Existing yields. Errors are as those of Insert.
	Merge(at int, it *item.Contact, open func(b item.Blob) (io.ReadCloser, error)) (changed bool, err error)
	// Finish makes what was inserted last; without it the target is as it was.
	Finish() error
}
