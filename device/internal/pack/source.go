// Package pack knows what a phone holds that its last snapshot does not, and how that becomes sealed chunks, an index and a
// commit. It does not know how anything is sent, nor where items come from.
//
// A chunk with records is filled to 16 MiB, so that a day is one object as long as it can be. Chunks of attachments alone, most
// of a first backup, are closed at 9.5 MiB: two of them are sent at the same time, and a kill still costs less than 20 MB. Halved
// once more, they would keep four requests busy, and a restore of the contacts alone would take more of them than it may.
//
// A backup is sealed chunk by chunk, and a chunk that is closed is noted with the digests of what it holds, and may be sent
// while the next is sealed. Killed on any line, a later run of the same session, which has the same key, adopts the chunks that
// are noted and seals what they do not hold: by content, so that neither the order nor the items need be what they were. A
// chunk that was not noted was never sent; it is thrown away, and what it held is sealed under another salt. So no salt
// ever serves two contents, nothing that has arrived is sent again, and the spool holds a few chunks, however large the phone.
// The last chunk alone, which holds the index, is noted with the commit that makes all of them a snapshot (state.Journal).
package pack

import (
	"io"
	"iter"

	"zapas/device/internal/item"
)

// Source is where a backup's items come from.
type Source interface {
	// Coverage says what can be seen of an element now: full, limited, denied or unavailable. It is asked before a reading and
	// after it.
	Coverage(element string) string
	// Items goes through all items, more than once and in the same order as long as nothing changes. An
	// *ledger.Unreadable stands for items that cost only themselves, a *ledger.Blank for an element of which nothing is
	// shown; any other error ends the run.
	Items() iter.Seq2[item.Item, error]
	// OpenBlob reads an attachment of an item that Items has yielded, by its SHA256 and Size.
	OpenBlob(b item.Blob) (io.ReadCloser, error)
}
