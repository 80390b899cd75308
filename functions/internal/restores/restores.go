// Package restores knows how a user's snapshots and the restore manifest are asked for over HTTP. It does not know which
// restore is open, nor anything of keys.
package restores

import (
	"context"

	"zapas/functions/internal/gateway"
	"zapas/shared/api"
	"zapas/shared/vault"
)

// Handlers answer the operations of the function restores.
type Handlers struct {
	Reader *vault.Reader
}

// Operations are all of them.
func (h Handlers) Operations() map[string]gateway.Operation {
	return map[string]gateway.Operation{
		"listMySnapshots": gateway.Plain(h.snapshots),
		"getManifest":     gateway.Plain(h.manifest, "cursor"),
		"getBase":         gateway.Plain(h.base, "cursor"),
	}
}

func (h Handlers) snapshots(ctx context.Context, r gateway.Request) (out gateway.Answer[api.SnapshotList], err error) {
	all, err := h.Reader.Snapshots(ctx, r.Who.User)
	for _, n := range all {
		out.Body.Snapshots = append(out.Body.Snapshots, snapshot(n))
	}
	return out, err
}

func (h Handlers) manifest(ctx context.Context, r gateway.Request) (gateway.Answer[api.Manifest], error) {
	m, err := h.Reader.Manifest(ctx, r.Who.User, r.Who.Device, vault.SessionID(r.ID), r.Cursor)
	return gateway.Answer[api.Manifest]{Body: manifest(m)}, err
}

func (h Handlers) base(ctx context.Context, r gateway.Request) (gateway.Answer[api.Manifest], error) {
	m, err := h.Reader.Base(ctx, r.Who.User, r.Who.Device, vault.SessionID(r.ID), r.Cursor)
	return gateway.Answer[api.Manifest]{Body: manifest(m)}, err
}
