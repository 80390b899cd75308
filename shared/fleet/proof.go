package fleet

import (
	"context"
	"fmt"
	"time"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/vault"
)

// ProofBook is what becomes of proofs that a device's backups can be restored.
type ProofBook struct {
	Statuses Statuses
	Audit    audit.Recorder
	Now      func() time.Time
}

// Ended records what a device found, then notes it on its card: a proof in full, or damage. A sample leaves the card as
// it is. Repeating it notes the same at a later time.
func (b ProofBook) Ended(ctx context.Context, who caller.Caller, s vault.Session, found vault.Outcome) error {
	now := moment(b.Now)
	var action audit.Action
	var c Change
	switch found {
	case vault.Proven:
		action, c.Proven = audit.ProofDone, &Proven{At: now, Snapshot: string(s.Base)}
	case vault.Sampled:
		action = audit.ProofSampled
	case vault.Damaged:
		action, c.DamagedAt = audit.ProofDamaged, &now
	default:
		return fmt.Errorf("a proof cannot end with %q", found)
	}
	if err := b.Audit.Record(ctx, who, action, string(s.ID), string(s.Base)); err != nil || found == vault.Sampled {
		return err
	}
	_, err := b.Statuses.Note(ctx, who.Device, c)
	return err
}
