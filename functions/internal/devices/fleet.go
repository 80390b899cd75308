package devices

import (
	"context"
	"net/http"

	"zapas/functions/internal/gateway"
	"zapas/shared/api"
	"zapas/shared/caller"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// fleet is how all devices stand.
func (h Handlers) fleet(ctx context.Context, _ gateway.Request) (out gateway.Answer[api.Fleet], err error) {
	s, err := h.Fleet.Summary(ctx)
	out.Body = api.Fleet{AsOf: some(s.AsOf), Devices: s.Devices, States: states(s.States), Walking: s.Walking, Profiles: []api.ProfileCounts{}}
	for _, p := range s.Profiles {
		out.Body.Profiles = append(out.Body.Profiles, api.ProfileCounts{Id: string(p.ID), Name: some(p.Name), Devices: p.Devices, States: states(p.States)})
	}
	return out, err
}

func states(n map[fleet.State]int64) api.StateCounts {
	return api.StateCounts{Ok: n[fleet.OK], Running: n[fleet.Running], Unseen: n[fleet.Unseen], NoBackup: n[fleet.NoBackup], Overdue: n[fleet.Late],
		Failed: n[fleet.Failing], Disabled: n[fleet.Disabled]}
}

func (h Handlers) orderAll(ctx context.Context, r gateway.Request, in api.FleetBackupInput) (gateway.Answer[api.Order], error) {
	b, err := h.Fleet.OrderAll(ctx, r.Who, profile.ID(in.Profile), fleet.OrderID(r.NewID))
	return gateway.Answer[api.Order]{Status: http.StatusAccepted, Body: bulk(b), Location: "/v1/orders/" + string(b.ID)}, err
}

func (h Handlers) regroup(ctx context.Context, r gateway.Request, in api.GroupInput) (out gateway.Answer[api.GroupAnswer], err error) {
	became, err := h.Fleet.Regroup(ctx, r.Who, list[caller.DeviceID](in.Devices), in.Group)
	for i, one := range became {
		out.Body.Devices = append(out.Body.Devices, api.GroupedDevice{Id: in.Devices[i], Result: api.GroupedDeviceResult(one)})
	}
	return out, err
}
