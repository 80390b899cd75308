package devices

import (
	"context"

	"zapas/functions/internal/gateway"
	"zapas/shared/api"
	"zapas/shared/fleet"
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
