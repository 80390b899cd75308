package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/profile"
)

// Regrouped says what became of a device that was to be put into a group.
type Regrouped string

const (
	GroupChanged Regrouped = "changed"
	GroupSame    Regrouped = "same"
	GroupNone    Regrouped = "not_found"
	GroupRetired Regrouped = "retired"
	GroupBusy    Regrouped = "busy" // it has just changed, or there was no time left: the same can be asked again
)

// MaxRegroup is how many devices can be put into a group at once.
const MaxRegroup = 200

// Regroup puts devices into a group, whatever they were in; "" is none, and spaces about a name are not part of it. It
// answers for each in their order. Repeating it changes nothing.
func (f *Fleet) Regroup(ctx context.Context, who caller.Caller, ids []caller.DeviceID, group string) ([]Regrouped, error) {
	group = strings.TrimSpace(group)
	fields := checkText("/group", group, 0, profile.MaxGroupName)
	if len(ids) < 1 || len(ids) > MaxRegroup {
		fields = append(fields, fault.Field{Pointer: "/devices", Code: "invalid", Detail: "it must have 1 to 200 devices"})
	}
	seen := map[caller.DeviceID]bool{}
	for i, id := range ids {
		at := fmt.Sprintf("/devices/%d", i)
		switch {
		case len(ids) > MaxRegroup: // that is enough to say
		case !caller.ValidID(string(id)):
			fields = append(fields, fault.Field{Pointer: at, Code: "invalid", Detail: "it is no id of a device"})
		case seen[id]:
			fields = append(fields, fault.Field{Pointer: at, Code: "duplicate", Detail: "it stands there twice"})
		}
		seen[id] = true
	}
	if err := fault.Fields(fields); err != nil {
		return nil, err
	}
	out := make([]Regrouped, len(ids))
	for i, id := range ids {
		var err error
		out[i], err = f.regroup(ctx, who, id, group)
		if fault.Is(err, fault.Stale) || fault.Is(err, fault.Unavailable) && slices.Contains(out, GroupChanged) {
			out[i], err = GroupBusy, nil
		}
		if err != nil { // nothing has been done yet, or the same fails whenever it is asked
			return nil, err
		}
	}
	return out, nil
}

func (f *Fleet) regroup(ctx context.Context, who caller.Caller, id caller.DeviceID, group string) (Regrouped, error) {
	if short(ctx) {
		return GroupBusy, nil
	}
	d, err := f.Identities.Device(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return GroupNone, nil
	case err != nil:
		return "", err
	case d.State == Retired:
		return GroupRetired, nil
	}
	_, changed, err := f.change(ctx, who, d, nil, Change{Group: &group})
	switch {
	case err != nil:
		return "", err
	case !changed:
		return GroupSame, nil
	}
	return GroupChanged, nil
}
