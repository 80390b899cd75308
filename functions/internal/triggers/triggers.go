// Package triggers knows what EventBridge Scheduler calls for: the tick of a profile, or the watch, in the payload of each.
// It does not know what a tick does, nor what the parts of the watch look at.
package triggers

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/profile"
)

// Handlers answer Scheduler.
type Handlers struct {
	Ticks profile.Ticks
	Watch Watch
	Log   *slog.Logger
}

// payload is what Scheduler sends: {"profile": id, "slot": time} for a tick, {"watch": time} for the watch. Times are those
// for which the call is, whenever it comes.
type payload struct {
	Profile profile.ID `json:"profile,omitzero"`
	Slot    time.Time  `json:"slot,omitzero"`
	Watch   time.Time  `json:"watch,omitzero"`
}

// Answer says what was done. Nobody waits for it but tests and people who call by hand.
type Answer struct {
	Did   profile.Ticked            `json:"did,omitempty"`   // of a tick
	Watch map[string]map[string]int `json:"watch,omitempty"` // part -> what it counted
}

// Handle does what one payload asks for. Anything else is an error: the invocation fails, Lambda tries it twice more in
// vain, and the alarm on this function's errors tells of it. Nothing is written for it.
func (h Handlers) Handle(ctx context.Context, function string, event jsontext.Value) (Answer, error) {
	var in payload
	if err := json.Unmarshal(event, &in, json.RejectUnknownMembers(true)); err != nil {
		return Answer{}, fault.Wrap(err, fault.Invalid, "unknown_payload", "It is neither a tick nor the watch: see what calls this function with it.")
	}
	tick := caller.ValidID(string(in.Profile)) && !in.Slot.IsZero()
	switch {
	case tick && in.Watch.IsZero():
		return h.tick(ctx, in.Profile, in.Slot)
	case !in.Watch.IsZero() && in.Profile == "" && in.Slot.IsZero():
		counts, err := h.Watch.Run(ctx, function)
		h.Log.InfoContext(ctx, "watched", slog.Any("counts", counts))
		return Answer{Watch: counts}, err
	}
	return Answer{}, fault.New(fault.Invalid, "unknown_payload", "It is neither a tick, with an id and a slot, nor the watch: see what calls this function with it.")
}

func (h Handlers) tick(ctx context.Context, id profile.ID, slot time.Time) (Answer, error) {
	did, err := h.Ticks.Tick(ctx, id, slot)
	if err != nil {
		return Answer{}, err
	}
	h.Log.InfoContext(ctx, "ticked", slog.String("profile", string(id)), slog.Time("slot", slot), slog.String("did", string(did)))
	return Answer{Did: did}, nil
}
