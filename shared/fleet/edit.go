package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/profile"
)

// Edition is what people write of a device: all that one editor could write over another.
type Edition struct {
	Label    string
	Group    string
	Explicit profile.ID
}

// Edition is the one that the device has.
func (s Status) Edition() Edition {
	return Edition{Label: s.Label, Group: s.Group, Explicit: s.Explicit}
}

// Version names what people have said of the device: its Edition, and how far it is trusted. What the device itself does
// (check-ins, backups, orders) does not change it, so that a card on a screen does not grow stale by itself. Who sets
// everything back has the version of before: nobody's words are lost by that.
func (c Card) Version() int64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", c.Label, c.Group, c.Explicit, c.Trust))
	return int64(binary.BigEndian.Uint64(sum[:8]) >> 1)
}

// Rename gives a device another label. version is that of the card which its editor has read; fault.Stale when there is
// another by now. A change that is there already is not stale: its answer was lost, or somebody made the very same one
// (RFC 9110, 13.1.1).
func (f *Fleet) Rename(ctx context.Context, who caller.Caller, d Device, version int64, label string) (Card, error) {
	label = strings.TrimSpace(label)
	if err := fault.Fields(checkText("/label", label, 1, maxText)); err != nil {
		return Card{}, err
	}
	c, _, err := f.change(ctx, who, d, &version, Change{Label: &label})
	return c, err
}

// Govern puts a device into a group, or gives it a profile of its own; nil leaves as it is, "" takes away. version is as
// for Rename.
func (f *Fleet) Govern(ctx context.Context, who caller.Caller, d Device, version int64, group *string, explicit *profile.ID) (Card, error) {
	if group != nil {
		group = new(strings.TrimSpace(*group))
		if err := fault.Fields(checkText("/group", *group, 0, profile.MaxGroupName)); err != nil {
			return Card{}, err
		}
	}
	if explicit != nil && *explicit != "" {
		all, err := f.Profiles.Set(ctx)
		if err != nil {
			return Card{}, err
		}
		if !all.Has(*explicit) {
			return Card{}, fault.Fields([]fault.Field{{Pointer: "/profile", Code: "unknown", Detail: "there is no such profile; an empty string takes the device's own away"}})
		}
	}
	c, _, err := f.change(ctx, who, d, &version, Change{Group: group, Explicit: explicit})
	return c, err
}

// change writes what people wish of a device, in the place of a version; nil is whichever there is. changed: it was not so
// before.
func (f *Fleet) change(ctx context.Context, who caller.Caller, d Device, version *int64, c Change) (card Card, changed bool, err error) {
	if d.State == Retired {
		return Card{}, false, retired()
	}
	all, err := f.Profiles.Set(ctx)
	if err != nil {
		return Card{}, false, err
	}
	s, err := f.status(ctx, d)
	if err != nil {
		return Card{}, false, err
	}
	old := f.card(d, s, all)
	wished := c.of(old.Edition())
	switch {
	case wished == old.Edition():
		return old, false, nil
	case version != nil && old.Version() != *version:
		return Card{}, false, stale()
	}
	if err := f.Audit.Record(ctx, who, audit.DeviceChanged, string(d.ID), string(d.Owner)); err != nil {
		return Card{}, false, err
	}
	c.Over = new(old.Edition())
	s.Label, s.Group, s.Explicit = wished.Label, wished.Group, wished.Explicit
	placed := s.Placed(Assess(s, all, f.now()), f.now())
	c.Governs, c.Look, c.Overdue = placed.Governs, placed.Look, placed.Overdue
	s, err = f.Statuses.Note(ctx, d.ID, c)
	if fault.Is(err, fault.Conflict) { // somebody was faster, or this is the write's own effect, whose answer was lost
		if s, err = f.Statuses.Status(ctx, d.ID); err == nil && s.Edition() != wished {
			err = stale()
		}
	}
	return f.card(d, s, all), true, err
}

// of is an edition with the members of c in it.
func (c Change) of(e Edition) Edition {
	if c.Label != nil {
		e.Label = *c.Label
	}
	if c.Group != nil {
		e.Group = *c.Group
	}
	if c.Explicit != nil {
		e.Explicit = *c.Explicit
	}
	return e
}

func stale() error {
	return fault.New(fault.Stale, "stale", "This device was changed since you read it; read it again, then decide again.")
}
