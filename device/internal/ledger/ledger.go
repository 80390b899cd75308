// Package ledger knows how the items of a run are accounted for: by which names, with which reasons, and which errors cost
// an item and not the run. It does not know what an item is, nor what was tried with it.
package ledger

import (
	"fmt"

	"zapas/device/internal/item"
)

// What a run can see of an element.
const (
	Full        = "full"        // all of it: what is missing was deleted
	Limited     = "limited"     // some of it
	Denied      = "denied"      // nothing, for want of a permission
	Unavailable = "unavailable" // nothing: there is no such element here
)

// Elements are all that a profile may choose, in the order in which they are shown.
func Elements() []string { return []string{"contacts", "messages", "calls"} }

// Name is how the service calls a kind of item where it counts them.
func Name(k item.Kind) string {
	switch k {
	case item.KindContact:
		return "contacts"
	case item.KindCall:
		return "calls"
	}
	return k.String()
}

// Kinds are those of an element.
func Kinds(element string) (kinds []item.Kind) {
	for _, k := range []item.Kind{item.KindContact, item.KindSMS, item.KindMMS, item.KindCall} {
		if k.Element() == element {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// Reasons explain the items of one element. The service takes at most MaxReasons of them.
type Reasons = map[string]int64

// MaxReasons is the most reasons of one element.
const MaxReasons = 8

// Explain adds items to a reason, or to "other" when there are too many reasons.
func Explain(r *Reasons, reason string, n int64) {
	if *r == nil {
		*r = Reasons{}
	}
	if _, ok := (*r)[reason]; !ok && len(*r) >= MaxReasons-1 {
		reason = "other"
	}
	(*r)[reason] += n
}

// Unreadable stands for items that are there and cannot be read. They are accounted for as failed, and nothing of their
// element is taken for deleted in that run.
type Unreadable struct {
	Kind   item.Kind
	Count  int64  // at least 1
	Reason string // a word of a-z and _, at most 32 characters
	Err    error  // where, and what is wrong
}

func (e *Unreadable) Error() string {
	if e.Count == 1 {
		return e.Err.Error()
	}
	return fmt.Sprintf("%d items: %v", e.Count, e.Err)
}

func (e *Unreadable) Unwrap() error { return e.Err }

// Blank stands for an element of which a source shows nothing, not even that there is nothing. No item has failed, and
// nothing of the element is taken for deleted in that run.
type Blank struct {
	Element string
	Err     error // what was shown, and what to do about it
}

func (e *Blank) Error() string { return e.Err.Error() }

func (e *Blank) Unwrap() error { return e.Err }

// Unwritable stands for an item that a target cannot hold. It is accounted for as failed, or as skipped where nothing went
// wrong: such an item has no place there.
type Unwritable struct {
	Reason  string // a word of a-z and _, at most 32 characters
	Skipped bool
	Err     error
}

func (e *Unwritable) Error() string { return fmt.Sprintf("it cannot be written: %v", e.Err) }

func (e *Unwritable) Unwrap() error { return e.Err }

// Failure is a part of a snapshot that could not be restored.
type Failure struct {
	Snapshot string `json:"snapshot"`
	Element  string `json:"element"`
	Items    int64  `json:"items"`
	Reason   string `json:"reason"`
	Detail   string `json:"detail"`
	Remedy   string `json:"remedy,omitempty"` // what to do about it, of what is wrong with the backup
}

// Remedy is what to do about what is wrong with a backup, by its reason; "" for what is wrong with a target.
func Remedy(reason string) string {
	switch reason {
	case "chunk_damaged", "chunk_missing", "block_damaged", "attachment_damaged", "attachment_missing":
		return "ask your operator to bring the object back, which its storage keeps for a while; then restore what has failed alone. " +
			"Or restore another backup that has these items"
	case "index_damaged", "list_gone", "list_damaged":
		return "restore the backup before this one, or back up again from the phone"
	case "chunk_refused", "list_unreadable", "key_missing":
		return "try again later; then restore what has failed alone"
	case "record_damaged", "count_differs":
		return "restore another backup that has these items, and tell the makers of the app: what was stored is whole, and cannot be read"
	}
	return ""
}
