package devices

import (
	"context"
	"net/http"

	"zapas/functions/internal/gateway"
	"zapas/shared/api"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// own is the device that the path names, if it is the caller's.
func (h Handlers) own(ctx context.Context, r gateway.Request) (fleet.Device, error) {
	return h.Fleet.Own(ctx, r.Who.User, caller.DeviceID(r.ID))
}

// any is the device that the path names, for those who may see the fleet.
func (h Handlers) any(ctx context.Context, r gateway.Request) (fleet.Device, error) {
	return h.Fleet.Any(ctx, caller.DeviceID(r.ID))
}

func (h Handlers) confirm(ctx context.Context, r gateway.Request, in api.ConfirmInput) (gateway.Answer[api.Device], error) {
	c, err := h.Fleet.Confirm(ctx, r.Who, caller.DeviceID(r.ID), in.Mine)
	return answerCard(c, true), err
}

func (h Handlers) rename(ctx context.Context, r gateway.Request, in api.MyDeviceChange) (gateway.Answer[api.Device], error) {
	version, err := r.Version()
	if err != nil {
		return gateway.Answer[api.Device]{}, err
	}
	d, err := h.own(ctx, r)
	if err != nil {
		return gateway.Answer[api.Device]{}, err
	}
	c, err := h.Fleet.Rename(ctx, r.Who, d, version, in.Label)
	return answerCard(c, true), err
}

func (h Handlers) govern(ctx context.Context, r gateway.Request, in api.DeviceChange) (gateway.Answer[api.Device], error) {
	version, err := r.Version()
	if err != nil {
		return gateway.Answer[api.Device]{}, err
	}
	d, err := h.any(ctx, r)
	if err != nil {
		return gateway.Answer[api.Device]{}, err
	}
	c, err := h.Fleet.Govern(ctx, r.Who, d, version, in.Group, (*profile.ID)(in.Profile))
	return answerCard(c, r.Who.May(caller.CountsRead)), err
}

func (h Handlers) retireMine(ctx context.Context, r gateway.Request) (gateway.Answer[struct{}], error) {
	return h.retiring(ctx, r, h.own)
}

func (h Handlers) retire(ctx context.Context, r gateway.Request) (gateway.Answer[struct{}], error) {
	return h.retiring(ctx, r, h.any)
}

func (h Handlers) retiring(ctx context.Context, r gateway.Request, read func(context.Context, gateway.Request) (fleet.Device, error)) (gateway.Answer[struct{}], error) {
	none := gateway.Answer[struct{}]{Status: http.StatusNoContent}
	version, err := r.Version()
	if err != nil {
		return none, err
	}
	d, err := read(ctx, r)
	if err != nil {
		return none, err
	}
	return none, h.Fleet.Retire(ctx, r.Who, d, version)
}

func (h Handlers) orderMine(ctx context.Context, r gateway.Request) (gateway.Answer[api.Order], error) {
	d, err := h.own(ctx, r)
	return h.ordering(ctx, r, d, err, "/v1/me/orders/")
}

func (h Handlers) order(ctx context.Context, r gateway.Request) (gateway.Answer[api.Order], error) {
	d, err := h.any(ctx, r)
	return h.ordering(ctx, r, d, err, "/v1/orders/")
}

func (h Handlers) ordering(ctx context.Context, r gateway.Request, d fleet.Device, err error, at string) (gateway.Answer[api.Order], error) {
	if err != nil {
		return gateway.Answer[api.Order]{}, err
	}
	o, err := h.Fleet.Order(ctx, r.Who, d, fleet.OrderID(r.NewID))
	return gateway.Answer[api.Order]{Status: http.StatusAccepted, Body: order(o), Location: at + string(o.ID)}, err
}

func (h Handlers) myOrder(ctx context.Context, r gateway.Request) (gateway.Answer[api.Order], error) {
	o, err := h.Fleet.Orders.Mine(ctx, r.Who.User, fleet.OrderID(r.ID))
	return gateway.Answer[api.Order]{Body: order(o)}, err
}

func (h Handlers) anyOrder(ctx context.Context, r gateway.Request) (gateway.Answer[api.Order], error) {
	o, err := h.Fleet.Orders.Get(ctx, fleet.OrderID(r.ID))
	if fault.Is(err, fault.NotFound) {
		b, err := h.Fleet.Bulk(ctx, fleet.OrderID(r.ID))
		return gateway.Answer[api.Order]{Body: bulk(b)}, err
	}
	return gateway.Answer[api.Order]{Body: order(o)}, err
}

func (h Handlers) users(ctx context.Context, r gateway.Request) (out gateway.Answer[api.UserList], err error) {
	page, next, err := h.Fleet.People.Users(ctx, r.Cursor, r.Limit)
	for _, u := range page {
		out.Body.Users = append(out.Body.Users, api.User{Id: string(u.ID), Name: u.Name, Email: u.Email})
	}
	out.Body.Cursor = some(next)
	return out, err
}
