package profiles

import (
	"net/http"

	"zapas/functions/internal/gateway"
	"zapas/shared/api"
	"zapas/shared/profile"
)

const shownRuns = 3

func (h Handlers) answer(p profile.Profile) gateway.Answer[api.Profile] {
	return gateway.Answer[api.Profile]{Body: h.profile(p), ETag: gateway.ETag(p.Version)}
}

func (h Handlers) created(p profile.Profile) gateway.Answer[api.Profile] {
	out := h.answer(p)
	out.Status, out.Location = http.StatusCreated, "/v1/profiles/"+string(p.ID)
	return out
}

func (h Handlers) profile(p profile.Profile) api.Profile {
	return api.Profile{Id: string(p.ID), Version: p.Version, Name: p.Name, Description: p.Description, Enabled: p.Enabled,
		Elements: list[api.Element](p.Elements), Location: p.Location, Schedule: schedule(p.Schedule), DeviceGroups: p.DeviceGroups,
		Priority: p.Priority, Region: p.Region, NextRuns: p.Schedule.Next(h.Now(), shownRuns), CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt}
}

func schedule(s profile.Schedule) api.Schedule {
	return api.Schedule{Kind: api.ScheduleKind(s.Kind), Hours: some(s.Hours), At: some(s.At), Days: list[api.ScheduleDays](s.Days), Zone: s.Zone}
}

// input is the profile that is wished for; what is left out and is not nothing stands here.
func input(id profile.ID, in api.ProfileInput) profile.Profile {
	return profile.Profile{ID: id, Name: in.Name, Description: or(in.Description, ""), Enabled: or(in.Enabled, true),
		Elements: list[string](in.Elements), Location: in.Location, DeviceGroups: in.DeviceGroups, Priority: or(in.Priority, 0),
		Region: or(in.Region, ""), Schedule: profile.Schedule{Kind: profile.Kind(in.Schedule.Kind), Hours: or(in.Schedule.Hours, 0),
			At: or(in.Schedule.At, ""), Days: list[string](in.Schedule.Days), Zone: in.Schedule.Zone}}
}

// some is a member that is left out when it has nothing to say.
func some[T comparable](v T) *T {
	if v == *new(T) {
		return nil
	}
	return &v
}

func or[T any](given *T, otherwise T) T {
	if given == nil {
		return otherwise
	}
	return *given
}

func list[To, From ~string](from []From) []To {
	var to []To
	for _, v := range from {
		to = append(to, To(v))
	}
	return to
}
