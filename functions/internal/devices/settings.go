package devices

import (
	"context"

	"zapas/functions/internal/gateway"
	"zapas/shared/api"
	"zapas/shared/restore"
)

func (h Handlers) settings(ctx context.Context, _ gateway.Request) (gateway.Answer[api.Settings], error) {
	s, err := h.Settings.Get(ctx)
	return settings(s), err
}

func (h Handlers) set(ctx context.Context, r gateway.Request, in api.Settings) (gateway.Answer[api.Settings], error) {
	version, err := r.Version()
	if err != nil {
		return gateway.Answer[api.Settings]{}, err
	}
	s, err := h.Settings.Edit(ctx, r.Who, restore.Settings{Hold: in.RestoreHold, Expires: in.RestoreExpires, OldestApp: or(in.OldestApp)}, version)
	return settings(s), err
}

func settings(s restore.Settings) gateway.Answer[api.Settings] {
	return gateway.Answer[api.Settings]{Body: api.Settings{RestoreHold: s.Hold, RestoreExpires: s.Expires, OldestApp: some(s.OldestApp)}, ETag: gateway.ETag(s.Version)}
}
