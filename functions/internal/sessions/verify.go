package sessions

import (
	"context"
	"net/url"

	"zapas/functions/internal/gateway"
	"zapas/shared/api"
	"zapas/shared/fault"
	"zapas/shared/vault"
)

// own opens a session that reads a backup of the device's own. If we die before it hears of it, it repeats its counter.
func (h Handlers) own(ctx context.Context, r gateway.Request, b wished, out *api.Session) error {
	s, err := h.Opener.Begin(ctx, r.Who.User, b.Beginning)
	if err != nil {
		return err
	}
	opened(out, s)
	out.Base, out.Adopted = new(string(s.Base)), some(s.Adopted)
	return nil
}

// found ends a verify session with what its device found.
func (h Handlers) found(ctx context.Context, r gateway.Request, found vault.Outcome) error {
	return h.Opener.Prove(ctx, r.Who.User, r.Who.Device, vault.SessionID(r.ID), found, func(ctx context.Context, s vault.Session) error {
		return h.Proofs.Ended(ctx, r.Who, s, found)
	})
}

// outcome reads the query, which has no other parameter; "" when it has none.
func outcome(query string) (vault.Outcome, error) {
	values, err := url.ParseQuery(query)
	if err != nil || !values.Has("outcome") {
		return "", err
	}
	switch found := vault.Outcome(values.Get("outcome")); found {
	case vault.Proven, vault.Sampled, vault.Damaged:
		return found, nil
	}
	return "", fault.Fields([]fault.Field{{Pointer: "outcome", Code: "invalid", Detail: "it must be proven, sampled or damaged"}})
}
