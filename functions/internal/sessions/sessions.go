// Package sessions knows how sessions of backup, restore, proof and rebuild, their keys and the consent to a restore are
// asked for over HTTP. It does not know who may have which key, nor anything of objects.
package sessions

import (
	"context"
	"net/http"

	"zapas/functions/internal/gateway"
	"zapas/shared/api"
	"zapas/shared/fleet"
	"zapas/shared/profile"
	"zapas/shared/restore"
	"zapas/shared/vault"
)

// Handlers answer the operations of the function sessions.
type Handlers struct {
	Opener   *vault.Opener
	Profiles *profile.Service
	Restores *restore.Service
	Runs     fleet.RunBook
	Orders   fleet.OrderBook
	Proofs   fleet.ProofBook
}

// Operations are all of them.
func (h Handlers) Operations() map[string]gateway.Operation {
	return map[string]gateway.Operation{
		"beginSession":    gateway.JSON(h.begin),
		"endSession":      gateway.Plain(h.end, "outcome"),
		"releaseKeys":     gateway.JSON(h.keys),
		"reportRestore":   gateway.JSON(h.result),
		"listMyRestores":  gateway.Plain(h.list, "limit", "cursor"),
		"createMyRestore": gateway.Once(gateway.JSON(h.consent)),
		"getMyRestore":    gateway.Plain(h.get),
		"cancelMyRestore": gateway.Plain(h.cancel),
	}
}

// Once are the operations that a device's token serves once. That nothing has changed is true when the device says it:
// said again by another, a little later, it would stand for a run that never was.
func Once() []string { return []string{"beginSession"} }

func (h Handlers) begin(ctx context.Context, r gateway.Request, in api.SessionInput) (gateway.Answer[api.Session], error) {
	b, err := wish(r.Who.Device, in)
	if err != nil {
		return gateway.Answer[api.Session]{}, err
	}
	out := api.Session{Kind: api.SessionKind(in.Kind), Tenant: h.Opener.Tenant, User: string(r.Who.User)}
	switch in.Kind {
	case api.SessionInputKindBackup:
		err = h.backup(ctx, r, b, &out)
	case api.SessionInputKindUnchanged:
		err = h.unchanged(ctx, r, b, &out)
	case api.SessionInputKindRestore:
		err = h.restore(ctx, r, b, &out)
	case api.SessionInputKindVerify, api.SessionInputKindRebuild:
		err = h.own(ctx, r, b, &out)
	}
	return gateway.Answer[api.Session]{Body: out}, err
}

// backup opens a session and releases its key. If we die in between, the device repeats its counter and gets the same.
func (h Handlers) backup(ctx context.Context, r gateway.Request, b wished, out *api.Session) error {
	p, err := h.Profiles.ForRun(ctx, b.profile)
	if err != nil {
		return err
	}
	b.Location, b.ShrinkOver = p.Location, p.Alerts.ShrinkOver
	o, err := h.ordered(ctx, r, b)
	if err != nil {
		return err
	}
	run := h.Runs.Run(r.Who.Device, p, b.slot)
	b.Run = &vault.Run{Profile: string(p.ID), At: run.At, Deadline: run.Deadline}
	s, err := h.Opener.Begin(ctx, r.Who.User, b.Beginning)
	if err != nil {
		return err
	}
	if s.Run != nil { // the session may have begun before, and its answer was lost
		run = fleet.Run{Profile: profile.ID(s.Run.Profile), At: s.Run.At, Deadline: s.Run.Deadline}
	}
	if err := h.Runs.Begun(ctx, r.Who.Device, string(s.ID), run); err != nil {
		return err
	}
	if err := h.Orders.Carry(ctx, o, string(s.ID)); err != nil {
		return err
	}
	keys, err := h.Opener.Begun(ctx, r.Who.User, s, b.publicKey)
	if err != nil {
		return err
	}
	opened(out, s)
	out.Key = new(binary(keys.Keys[0].Key))
	return nil
}

func (h Handlers) unchanged(ctx context.Context, r gateway.Request, b wished, out *api.Session) error {
	p, err := h.Profiles.ForRun(ctx, b.profile)
	if err != nil {
		return err
	}
	b.Location = p.Location
	if err := h.Opener.Unchanged(ctx, r.Who.User, b.Beginning); err != nil {
		return err
	}
	o, err := h.ordered(ctx, r, b)
	if err != nil {
		return err
	}
	at, err := h.Runs.Unchanged(ctx, r.Who.Device, p, b.slot)
	if err != nil {
		return err
	}
	out.UnchangedAt = &at
	return h.Orders.Unchanged(ctx, o)
}

// ordered reads the order that a backup carries out; without one, an order that is over, to which nothing happens.
func (h Handlers) ordered(ctx context.Context, r gateway.Request, b wished) (fleet.Order, error) {
	if b.order == "" {
		return fleet.Order{}, nil
	}
	return h.Orders.ToCarry(ctx, r.Who.Device, b.order)
}

// restore opens a session that reads. If we die before the consent names it, no key of it is released, and the device
// repeats its counter.
func (h Handlers) restore(ctx context.Context, r gateway.Request, b wished, out *api.Session) error {
	consent, err := h.Restores.ToOpen(ctx, r.Who, restore.ID(b.Restore))
	if err != nil {
		return err
	}
	b.Base = consent.Snapshot
	s, err := h.Opener.Begin(ctx, r.Who.User, b.Beginning)
	if err != nil {
		return err
	}
	opened(out, s)
	_, err = h.Restores.Open(ctx, consent, s.ID)
	return err
}

// end gives a session up, then notes that, then ends the order that it was to carry out. If we die in between, the device
// ends it again.
func (h Handlers) end(ctx context.Context, r gateway.Request) (gateway.Answer[struct{}], error) {
	done := gateway.Answer[struct{}]{Status: http.StatusNoContent}
	found, err := outcome(r.Query)
	if err != nil {
		return done, err
	}
	if found != "" {
		return done, h.found(ctx, r, found)
	}
	if err := h.Opener.End(ctx, r.Who.User, r.Who.Device, vault.SessionID(r.ID)); err != nil {
		return done, err
	}
	s, err := h.Runs.GivenUp(ctx, r.Who.Device, r.ID)
	if err != nil {
		return done, err
	}
	return done, h.Orders.GivenUp(ctx, s, r.ID)
}

func (h Handlers) keys(ctx context.Context, r gateway.Request, in api.KeysInput) (gateway.Answer[api.Keys], error) {
	publicKey, err := parse("/publicKey", in.PublicKey)
	if err != nil {
		return gateway.Answer[api.Keys]{}, err
	}
	keys, err := h.Opener.Release(ctx, r.Who.User, r.Who.Device, vault.SessionID(r.ID), list[vault.SessionID](in.Sessions), publicKey)
	return gateway.Answer[api.Keys]{Body: released(keys)}, err
}

// result records the end of a restore, then closes its session. If we die in between, the device reports again.
func (h Handlers) result(ctx context.Context, r gateway.Request, in api.ResultInput) (gateway.Answer[api.Restore], error) {
	session := vault.SessionID(in.Session)
	done, err := h.Restores.Finish(ctx, r.Who.User, r.Who.Device, restore.ID(r.ID), session, ledgers(in.Ledger))
	if err != nil {
		return gateway.Answer[api.Restore]{}, err
	}
	err = h.Opener.Restored(ctx, r.Who.User, r.Who.Device, session, vault.ElementsOf(done.Brought()...))
	return gateway.Answer[api.Restore]{Body: restored(done)}, err
}

func (h Handlers) list(ctx context.Context, r gateway.Request) (out gateway.Answer[api.RestoreList], err error) {
	page, next, err := h.Restores.List(ctx, r.Who.User, r.Cursor, r.Limit)
	for _, one := range page {
		out.Body.Restores = append(out.Body.Restores, restored(one))
	}
	out.Body.Cursor = some(next)
	return out, err
}

func (h Handlers) consent(ctx context.Context, r gateway.Request, in api.RestoreInput) (gateway.Answer[api.Restore], error) {
	asked, err := h.Restores.Consent(ctx, r.Who, consent(restore.ID(r.NewID), in))
	return gateway.Answer[api.Restore]{Status: http.StatusCreated, Body: restored(asked), Location: "/v1/me/restores/" + string(asked.ID)}, err
}

func (h Handlers) get(ctx context.Context, r gateway.Request) (gateway.Answer[api.Restore], error) {
	one, err := h.Restores.Get(ctx, r.Who.User, restore.ID(r.ID))
	return gateway.Answer[api.Restore]{Body: restored(one)}, err
}

// cancel takes a consent back, then closes the session that was opened on it. If we die in between, no key is released
// any more, and the user cancels it again.
func (h Handlers) cancel(ctx context.Context, r gateway.Request) (gateway.Answer[struct{}], error) {
	done := gateway.Answer[struct{}]{Status: http.StatusNoContent}
	one, err := h.Restores.Cancel(ctx, r.Who, restore.ID(r.ID))
	if err != nil || one.Session == "" {
		return done, err
	}
	return done, h.Opener.End(ctx, r.Who.User, one.Device, one.Session)
}
