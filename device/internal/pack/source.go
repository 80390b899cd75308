// Package pack knows what a phone holds that its last snapshot does not, and how that becomes sealed chunks, an index and a
// commit. It does not know how anything is sent, nor where items come from.
package pack

import (
	"io"
	"iter"

	"zapas/device/internal/item"
)

// Source is where a backup's items come from.
type Source interface {
	// Coverage says what can be seen of an element: full, limited, denied or unavailable.
	Coverage(element string) string
	// Items goes through all items, more than once and in the same order as long as nothing changes. An
	// *ledger.Unreadable stands for items that cost only themselves, a *ledger.Blank for an element of which nothing is
	// shown; any other error ends the run.
	Items() iter.Seq2[item.Item, error]
	// OpenBlob reads an attachment of an item that Items has yielded, by its SHA256 and Size.
	OpenBlob(b item.Blob) (io.ReadCloser, error)
}
