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
		Elements: list[api.Element](p.Elements), Messages: api.Messages{Attachments: new(!p.Messages.WithoutAttachments), MaxBytes: new(p.Messages.MaxAttachment)},
		Location: p.Location, Schedule: schedule(p.Schedule), Window: p.Window,
		Conditions: api.Conditions{Unmetered: &p.Conditions.Unmetered, Charging: &p.Conditions.Charging, Battery: &p.Conditions.Battery},
		QuietHours: quiet(p.QuietHours), Retention: retention(p.Retention),
		Alerts:       api.Alerts{OverdueAfter: &p.Alerts.OverdueAfter, ShrinkOver: &p.Alerts.ShrinkOver},
		DeviceGroups: p.DeviceGroups, Priority: p.Priority, Region: p.Region, NextRuns: p.Runs(h.Now(), shownRuns), Scheduled: p.Scheduled >= p.Version,
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt}
}

func quiet(q profile.QuietHours) *api.QuietHours {
	return some(api.QuietHours(q))
}

func retention(keep profile.Retention) api.Retention {
	return api.Retention{Last: some(keep[profile.KeepLast]), Daily: some(keep[profile.KeepDaily]), Weekly: some(keep[profile.KeepWeekly]),
		Monthly: some(keep[profile.KeepMonthly]), Yearly: some(keep[profile.KeepYearly])}
}

func schedule(s profile.Schedule) api.Schedule {
	return api.Schedule{Kind: api.ScheduleKind(s.Kind), Hours: some(s.Hours), At: some(s.At), Days: list[api.ScheduleDays](s.Days), Cron: some(s.Cron), Zone: s.Zone}
}

// input is the profile that is wished for; what is left out and is not nothing stands here.
func input(id profile.ID, in api.ProfileInput) profile.Profile {
	messages, conditions, alerts := or(in.Messages, api.Messages{}), or(in.Conditions, api.Conditions{}), or(in.Alerts, api.Alerts{})
	usual := profile.DefaultAlerts()
	p := profile.Profile{ID: id, Name: in.Name, Description: or(in.Description, ""), Enabled: or(in.Enabled, true),
		Elements: list[string](in.Elements), Location: in.Location, DeviceGroups: in.DeviceGroups, Priority: or(in.Priority, 0),
		Region: or(in.Region, ""), Schedule: profile.Schedule{Kind: profile.Kind(in.Schedule.Kind), Hours: or(in.Schedule.Hours, 0),
			At: or(in.Schedule.At, ""), Days: list[string](in.Schedule.Days), Cron: or(in.Schedule.Cron, ""), Zone: in.Schedule.Zone},
		Messages:   profile.Messages{WithoutAttachments: !or(messages.Attachments, true), MaxAttachment: or(messages.MaxBytes, 0)},
		Window:     or(in.Window, 0),
		Conditions: profile.Conditions{Unmetered: or(conditions.Unmetered, false), Charging: or(conditions.Charging, false), Battery: or(conditions.Battery, 0)},
		Retention:  profile.DefaultRetention(),
		Alerts:     profile.Alerts{OverdueAfter: or(alerts.OverdueAfter, usual.OverdueAfter), ShrinkOver: or(alerts.ShrinkOver, usual.ShrinkOver)}}
	if in.QuietHours != nil {
		p.QuietHours = profile.QuietHours(*in.QuietHours)
	}
	if in.Retention != nil {
		p.Retention = kept(*in.Retention)
	}
	return p
}

// kept has the rules that are given, those of zero, too.
func kept(in api.Retention) profile.Retention {
	out := profile.Retention{}
	for rule, n := range map[profile.Keep]*int{profile.KeepLast: in.Last, profile.KeepDaily: in.Daily, profile.KeepWeekly: in.Weekly,
		profile.KeepMonthly: in.Monthly, profile.KeepYearly: in.Yearly} {
		if n != nil {
			out[rule] = *n
		}
	}
	return out
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

// wished is a preview's profile without its id.
func wished(in api.ProfilePreviewInput) api.ProfileInput {
	return api.ProfileInput{Alerts: in.Alerts, Conditions: in.Conditions, Description: in.Description, DeviceGroups: in.DeviceGroups, Elements: in.Elements,
		Enabled: in.Enabled, Location: in.Location, Messages: in.Messages, Name: in.Name, Priority: in.Priority, QuietHours: in.QuietHours, Region: in.Region,
		Retention: in.Retention, Schedule: in.Schedule, Window: in.Window}
}
