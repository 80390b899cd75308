package devices

import (
	"time"

	"zapas/functions/internal/gateway"
	"zapas/shared/api"
	"zapas/shared/caller"
	"zapas/shared/fleet"
	"zapas/shared/profile"
	"zapas/shared/restore"
	"zapas/shared/vault"
)

func me(who caller.Caller) api.Me {
	return api.Me{Id: string(who.User), Name: who.Name, Email: who.Email,
		Roles: list[string](who.Roles), Permissions: list[string](who.Permissions())}
}

// report is what a device says when it checks in.
func report(in api.CheckIn) fleet.Report {
	out := fleet.Report{AppVersion: in.AppVersion, Platform: string(or(in.Platform)), Coverage: or(in.Coverage), PushToken: or(in.PushToken)}
	if c := in.Conditions; c != nil {
		out.Conditions = &fleet.Conditions{Unmetered: c.Unmetered, Charging: c.Charging, Battery: c.Battery}
	}
	return out
}

// device is how a device stands, with numbers of items for those who may see them.
func device(c fleet.Card, numbers bool) api.Device {
	s, st := c.Status, c.Standing
	d := api.Device{Id: string(s.Device), User: string(s.Owner), Label: s.Label, Platform: s.Platform, Model: s.Model,
		Trust: api.DeviceTrust(s.Trust), State: api.DeviceState(st.State), Group: some(s.Group), ExplicitProfile: some(string(s.Explicit)),
		Order: some(string(s.Order)), AppVersion: some(s.Seen.AppVersion), Fingerprint: some(c.Fingerprint),
		EnrolledAt: s.EnrolledAt, SeenAt: some(s.Seen.At), BackupAt: some(s.Stored.At), UnchangedAt: some(s.UnchangedAt), FailedAt: some(s.Failed.At),
		ProvenAt: some(s.Proven.At), ProvenSnapshot: some(s.Proven.Snapshot), DamagedAt: some(s.DamagedAt)}
	if st.State != fleet.Over {
		d.Profile, d.ProfileWhy = some(string(st.Profile.ID)), some(api.DeviceProfileWhy(st.Governs))
		d.NextSlot, d.Deadline, d.OverdueSince = some(st.Next), some(st.Deadline), some(st.Overdue)
		d.Waiting = list[api.Waiting](s.Seen.Waiting)
	}
	if len(s.Seen.Coverage) > 0 {
		d.Coverage = new(api.Coverage(s.Seen.Coverage))
	}
	if numbers && !s.Stored.At.IsZero() {
		d.Counts, d.Failed = new(api.Counts(s.Stored.Counts)), &s.Stored.Failed
	}
	return d
}

// answerCard is a card, with the version that a change of it must name.
func answerCard(c fleet.Card, numbers bool) gateway.Answer[api.Device] {
	return gateway.Answer[api.Device]{Body: device(c, numbers), ETag: gateway.ETag(c.Version())}
}

func order(o fleet.Order) api.Order {
	out := api.Order{Id: string(o.ID), Device: some(string(o.Device)), State: api.OrderState(o.State), CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt, ExpiresAt: o.ExpiresAt,
		Why: some(api.OrderWhy(o.Why))}
	if o.State == fleet.OrderDone {
		out.Snapshot = &o.Session
	}
	return out
}

func bulk(b fleet.Bulk) api.Order {
	return api.Order{Id: string(b.ID), Profile: some(string(b.Profile)), State: api.OrderState(b.State), CreatedAt: b.CreatedAt, UpdatedAt: b.UpdatedAt, ExpiresAt: b.ExpiresAt,
		Devices: &api.OrderDevices{Asked: b.Asked, Ordered: b.Ordered, Already: b.Already, Refused: b.Refused}}
}

func snapshot(n vault.Snapshot, numbers bool) api.Snapshot {
	out := api.Snapshot{Id: string(n.ID), Device: string(n.Device), At: n.At, State: api.SnapshotStateCommitted, Location: n.Location, Hold: n.Hold}
	if n.State == vault.Expired {
		out.State = api.SnapshotStateExpired
	}
	if numbers {
		out.Counts, out.Ledger = new(api.Counts(n.Counts)), new(api.BackupLedgers{})
		for element, l := range n.Ledger {
			(*out.Ledger)[element] = api.BackupLedger{Seen: l.Seen, Stored: l.Stored, Already: l.Already, Excluded: l.Excluded, Failed: l.Failed, Reasons: l.Reasons}
		}
	}
	return out
}

func answer(a fleet.Answer, restores []restore.Restore) api.CheckInAnswer {
	out := api.CheckInAnswer{Due: a.Due, Why: api.CheckInAnswerWhy(a.Why), Slot: some(a.Slot), NextSlot: some(a.Next), NotBefore: some(a.NotBefore),
		Waiting: list[api.Waiting](a.Waiting), OldestApp: some(a.OldestApp), PollAfter: int(a.PollAfter / time.Second), Time: a.Time,
		ProfileWhy: some(api.CheckInAnswerProfileWhy(a.Governs))}
	if a.Governs != "" {
		out.Profile = deviceProfile(a.Profile)
		for _, p := range a.Agenda {
			out.Agenda = append(out.Agenda, api.Planned(p))
		}
	}
	if a.Order != nil {
		out.Order = new(order(*a.Order))
	}
	for _, r := range restores {
		one := api.Restore{Id: string(r.ID), Snapshot: string(r.Snapshot), Device: some(string(r.Device)), Enrolment: some(r.Enrolment),
			Elements: list[api.Element](r.Elements), State: api.RestoreState(r.State), ExpiresAt: &r.ExpiresAt, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
		if r.State == restore.Held {
			one.Until = &r.HeldUntil
		}
		out.Restores = append(out.Restores, one)
	}
	return out
}

func deviceProfile(p profile.Profile) *api.DeviceProfile {
	out := &api.DeviceProfile{Id: string(p.ID), Version: p.Version, Name: p.Name, Elements: list[api.Element](p.Elements),
		Location: p.Location, Region: p.Region, Schedule: schedule(p.Schedule), Window: p.Window,
		Messages:   api.Messages{Attachments: new(!p.Messages.WithoutAttachments), MaxBytes: &p.Messages.MaxAttachment},
		Conditions: api.Conditions{Unmetered: &p.Conditions.Unmetered, Charging: &p.Conditions.Charging, Battery: &p.Conditions.Battery}}
	if p.QuietHours != (profile.QuietHours{}) {
		out.QuietHours = new(api.QuietHours(p.QuietHours))
	}
	return out
}

func schedule(s profile.Schedule) api.Schedule {
	return api.Schedule{Kind: api.ScheduleKind(s.Kind), Hours: some(s.Hours), At: some(s.At), Days: list[api.ScheduleDays](s.Days), Cron: some(s.Cron), Zone: s.Zone}
}

// some is a member that is left out when it has nothing to say.
func some[T comparable](v T) *T {
	if v == *new(T) {
		return nil
	}
	return &v
}

// or is a member, or nothing where it was left out.
func or[T any](given *T) (v T) {
	if given != nil {
		v = *given
	}
	return v
}

func list[To, From ~string](from []From) []To {
	var to []To
	for _, v := range from {
		to = append(to, To(v))
	}
	return to
}
