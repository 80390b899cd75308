// Package uploads knows how uploads and commits are asked for over HTTP. It does not know what may be uploaded, nor
// where, nor anything of keys.
package uploads

import (
	"context"
	"time"

	"zapas/functions/internal/gateway"
	"zapas/shared/api"
	"zapas/shared/fleet"
	"zapas/shared/profile"
	"zapas/shared/vault"
)

// Handlers answer the operations of the function uploads.
type Handlers struct {
	Uploader *vault.Uploader
	Runs     fleet.RunBook
	Orders   fleet.OrderBook
	Now      func() time.Time
}

// Operations are all of them.
func (h Handlers) Operations() map[string]gateway.Operation {
	return map[string]gateway.Operation{
		"signChunks":    gateway.JSON(h.sign),
		"commitSession": gateway.JSON(h.commit),
	}
}

// Once are the operations that a device's token serves once. Bytes are granted whenever URLs are signed, and count as
// stored until garbage is collected: signed again by another, they would fill the vault.
func Once() []string { return []string{"signChunks"} }

func (h Handlers) sign(ctx context.Context, r gateway.Request, in api.ChunksInput) (gateway.Answer[api.SignedChunks], error) {
	chunks, err := sums(in)
	if err != nil {
		return gateway.Answer[api.SignedChunks]{}, err
	}
	now := h.Now().UTC().Truncate(time.Millisecond) // before the first signature: no URL ends earlier than it is said
	all, err := h.Uploader.Sign(ctx, r.Who.User, r.Who.Device, vault.SessionID(r.ID), chunks)
	return gateway.Answer[api.SignedChunks]{Body: signed(all, now.Add(vault.SignedFor))}, err
}

// commit makes a snapshot, then notes it on the device's card and ends the order that it carried out. If we die in
// between, the device commits again, which answers the same and does what is left.
func (h Handlers) commit(ctx context.Context, r gateway.Request, in api.CommitInput) (gateway.Answer[api.Committed], error) {
	n, err := h.Uploader.Commit(ctx, r.Who.User, r.Who.Device, vault.SessionID(r.ID), commit(in))
	if err != nil {
		return gateway.Answer[api.Committed]{}, err
	}
	var run fleet.Run
	if n.Run != nil {
		run = fleet.Run{Profile: profile.ID(n.Run.Profile), At: n.Run.At, Deadline: n.Run.Deadline}
	}
	s, err := h.Runs.Committed(ctx, r.Who, string(n.ID), run, fleet.Stored{At: n.At, Seq: n.Seq, Counts: n.Counts, Failed: n.Failed()}, n.Shrunk)
	if err == nil {
		err = h.Orders.Committed(ctx, s, string(n.ID))
	}
	return gateway.Answer[api.Committed]{Body: api.Committed{Snapshot: string(n.ID), Seq: n.Seq}}, err
}
