package device

import (
	"zapas/device/internal/ledger"
	"zapas/device/internal/pack"
	"zapas/device/internal/unpack"
)

// What a run can see of an element.
const (
	Full        = ledger.Full
	Limited     = ledger.Limited
	Denied      = ledger.Denied
	Unavailable = ledger.Unavailable
)

type (
	// Source is where a backup's items come from.
	Source = pack.Source
	// Sink is where a restore's items go.
	Sink = unpack.Sink
	// Unreadable is an error of a Source: items that it has and cannot read.
	Unreadable = ledger.Unreadable
	// Blank is an error of a Source: an element of which it shows nothing at all.
	Blank = ledger.Blank
	// Unwritable is an error of a Sink: an item that it cannot hold.
	Unwritable = ledger.Unwritable
	// Failure is a part of a snapshot that could not be restored.
	Failure = ledger.Failure
)
