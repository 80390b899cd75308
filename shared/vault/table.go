package vault

import (
	"context"
	"errors"
	"slices"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// Table keeps the rows of vaults. Every read is strongly consistent. An error that is neither fault.NotFound nor
// fault.Conflict leaves unknown whether a write took effect; nobody below retries.
type Table interface {
	// Head reads a vault's head; a vault that never was has the zero Head.
	Head(ctx context.Context, user caller.UserID) (Head, error)
	// Session reads one session; fault.NotFound when there is no such row.
	Session(ctx context.Context, user caller.UserID, id SessionID) (Session, error)
	// Snapshot reads one snapshot by its sequence number; fault.NotFound when there is no such row.
	Snapshot(ctx context.Context, user caller.UserID, seq int64) (Snapshot, error)
	// Snapshots reads all snapshots, newest first.
	Snapshots(ctx context.Context, user caller.UserID) ([]Snapshot, error)
	// Write puts every row of the change or none, provided that the head's Rev is still c.Head.Rev (0: that there is
	// no head); the stored head has the next Rev. fault.Conflict when it is not, or another write is under way.
	Write(ctx context.Context, user caller.UserID, c Change) error
}

// Change is one step in a vault's history: the head as it was read and then changed, and the rows that change with it.
type Change struct {
	Head      Head
	Sessions  []Session
	Snapshots []Snapshot
}

// again marks a failure after which HEAD is read once more: a lost race, or a write of which nobody knows whether it took
// effect.
type again struct{ error }

func (a again) Unwrap() error { return a.error }

// write is Table.Write whose failure starts the request again from HEAD.
func write(ctx context.Context, t Table, user caller.UserID, c Change) error {
	if err := t.Write(ctx, user, c); err != nil {
		return again{err}
	}
	return nil
}

// serially runs step, which reads HEAD first and ends in at most one write, until it succeeds or fails for a reason that
// another reading cannot mend. What HEAD says at the next reading tells a lost answer from a lost race.
func serially(ctx context.Context, step func() error) error {
	var err error
	for range attempts {
		err = step()
		if _, ok := errors.AsType[again](err); !ok || ctx.Err() != nil {
			break
		}
	}
	if _, ok := errors.AsType[again](err); ok {
		return fault.Wrap(err, fault.Unavailable, "busy", "This backup vault is busy; try the same again in a moment.")
	}
	return err
}

// unlisted says what it means that the list of a snapshot cannot be read that an open session needs: the vault has moved,
// and HEAD is to be read again, or the list is gone, which must not be.
func unlisted(ctx context.Context, t Table, user caller.UserID, h Head, n Snapshot, err error) error {
	if !fault.Is(err, fault.NotFound) {
		return holding(n, err)
	}
	now, read := t.Head(ctx, user)
	if read != nil {
		return read
	}
	if now.Rev != h.Rev {
		return moved(err)
	}
	return holding(n, fault.Wrap(err, fault.Lost, "list_gone", "The chunk list of snapshot %s is gone, without which its chunks cannot be found; within 14 days an administrator can undelete it.", n.ID))
}

// holding adds what a snapshot holds to a failure to read its list: who asked for it can then say what is lost.
func holding(n Snapshot, err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || !slices.Contains([]string{"list_gone", "list_damaged", "list_unreadable"}, e.Code) {
		return err
	}
	with := *e
	with.Counts = n.Counts
	return &with
}

// moved turns "not there" into "read HEAD again": what an open session names is there until the session is over.
func moved(err error) error {
	if fault.Is(err, fault.NotFound) {
		return again{fault.Wrap(err, fault.Unavailable, "busy", "This backup vault has just changed; try the same again in a moment.")}
	}
	return err
}
