// Package profiles knows how backup profiles are asked for over HTTP. It does not know which profiles are lawful, nor
// where they are kept.
package profiles

import (
	"context"
	"net/http"
	"time"

	"zapas/functions/internal/gateway"
	"zapas/shared/api"
	"zapas/shared/profile"
)

// Handlers answer the operations of the function profiles.
type Handlers struct {
	Profiles *profile.Service
	Now      func() time.Time
}

// Operations are all of them.
func (h Handlers) Operations() map[string]gateway.Operation {
	return map[string]gateway.Operation{
		"listProfiles": gateway.List(gateway.Plain(h.list, "name", "sort", "limit", "cursor"), "id", "version", "name", "description", "enabled", "elements",
			"messages.attachments", "messages.maxBytes", "location", "schedule.kind", "schedule.hours", "schedule.at", "schedule.days", "schedule.cron",
			"schedule.zone", "window", "conditions.unmetered", "conditions.charging", "conditions.battery", "quietHours.from", "quietHours.to",
			"retention.last", "retention.daily", "retention.weekly", "retention.monthly", "retention.yearly", "alerts.overdueAfter", "alerts.shrinkOver",
			"deviceGroups", "priority", "region", "nextRuns", "scheduled", "createdAt", "updatedAt"),
		"createProfile":  gateway.Once(gateway.JSON(h.create)),
		"getProfile":     gateway.Plain(h.get),
		"editProfile":    gateway.JSON(h.edit),
		"deleteProfile":  gateway.Plain(h.delete),
		"copyProfile":    gateway.Once(gateway.JSON(h.copy)),
		"previewProfile": gateway.JSON(h.preview),
		"listLocations":  gateway.Plain(h.locations),
	}
}

func (h Handlers) list(ctx context.Context, r gateway.Request) (out gateway.Answer[api.ProfileList], err error) {
	page, next, err := h.Profiles.Find(ctx, profile.Query{Name: r.Parameters["name"], Sort: r.Parameters["sort"], Limit: r.Limit, Cursor: r.Cursor})
	for _, p := range page {
		out.Body.Profiles = append(out.Body.Profiles, h.profile(p))
	}
	out.Body.Cursor = some(next)
	return out, err
}

func (h Handlers) create(ctx context.Context, r gateway.Request, in api.ProfileInput) (gateway.Answer[api.Profile], error) {
	p, err := h.Profiles.Create(ctx, r.Who, input(profile.ID(r.NewID), in))
	return h.created(p), err
}

func (h Handlers) copy(ctx context.Context, r gateway.Request, in api.ProfileCopy) (gateway.Answer[api.Profile], error) {
	p, err := h.Profiles.Copy(ctx, r.Who, profile.ID(r.ID), profile.ID(r.NewID), in.Name)
	return h.created(p), err
}

func (h Handlers) get(ctx context.Context, r gateway.Request) (gateway.Answer[api.Profile], error) {
	p, err := h.Profiles.Get(ctx, profile.ID(r.ID))
	return h.answer(p), err
}

func (h Handlers) edit(ctx context.Context, r gateway.Request, in api.ProfileInput) (gateway.Answer[api.Profile], error) {
	version, err := r.Version()
	if err != nil {
		return gateway.Answer[api.Profile]{}, err
	}
	p, err := h.Profiles.Edit(ctx, r.Who, input(profile.ID(r.ID), in), version)
	return h.answer(p), err
}

func (h Handlers) delete(ctx context.Context, r gateway.Request) (gateway.Answer[struct{}], error) {
	none := gateway.Answer[struct{}]{Status: http.StatusNoContent}
	version, err := r.Version()
	if err != nil {
		return none, err
	}
	return none, h.Profiles.Delete(ctx, r.Who, profile.ID(r.ID), version)
}

func (h Handlers) preview(ctx context.Context, _ gateway.Request, in api.ProfilePreviewInput) (gateway.Answer[api.ProfilePreview], error) {
	p, err := h.Profiles.Check(input(profile.ID(or(in.Id, "")), wished(in)))
	if err != nil {
		return gateway.Answer[api.ProfilePreview]{}, err
	}
	moved, err := h.Profiles.Moves(ctx, p)
	if err != nil {
		return gateway.Answer[api.ProfilePreview]{}, err
	}
	out := api.ProfilePreview{NextRuns: p.Runs(h.Now(), shownRuns), Zone: p.Schedule.Zone}
	for _, n := range p.Notes() {
		out.Notes = append(out.Notes, api.FieldError{Pointer: n.Pointer, Code: n.Code, Detail: n.Detail})
	}
	if moved != nil {
		out.Devices = &api.ProfileMoves{Starts: moved.Starts, Stops: moved.Stops, AsOf: moved.AsOf}
	}
	return gateway.Answer[api.ProfilePreview]{Body: out}, nil
}

func (h Handlers) locations(context.Context, gateway.Request) (out gateway.Answer[api.LocationList], err error) {
	for _, l := range h.Profiles.Locations {
		out.Body.Locations = append(out.Body.Locations, api.Location{Id: l.ID, Name: l.Name, Region: l.Region})
	}
	return out, nil
}
