package profile_test

import (
	"testing"
	"time"

	"zapas/shared/profile"
)

// TestMoves: how many devices an edit or a new profile would move.
func TestMoves(t *testing.T) {
	t.Parallel()
	old := time.UnixMilli(1_700_000_000_000)
	all := []profile.Profile{
		{ID: "A", Enabled: true, CreatedAt: old},
		{ID: "F", Enabled: true, CreatedAt: old.Add(1), DeviceGroups: []string{"field"}, Priority: 5},
	}
	census := profile.Census{Classes: map[profile.Class]int64{{}: 100, {Group: "field"}: 10, {Group: "desk"}: 1, {Explicit: "F"}: 1000, {Explicit: "A", Group: "field"}: 10_000}}
	for name, c := range map[string]struct {
		p             profile.Profile
		starts, stops int64
	}{
		"NewForAllIsTheYoungest": {profile.Profile{ID: "N", Enabled: true, CreatedAt: old.Add(2)}, 0, 0},
		"NewForAGroup":           {profile.Profile{ID: "N", Enabled: true, CreatedAt: old.Add(2), DeviceGroups: []string{"desk"}}, 1, 0},
		"NewAndHigher":           {profile.Profile{ID: "N", Enabled: true, CreatedAt: old.Add(2), DeviceGroups: []string{"desk", "field"}, Priority: 6}, 11, 0},
		"NewAndDisabled":         {profile.Profile{ID: "N", CreatedAt: old.Add(2), DeviceGroups: []string{"desk", "field"}, Priority: 6}, 0, 0},
		"AsItIs":                 {all[1], 0, 0},
		"Disabled":               {profile.Profile{ID: "F", CreatedAt: old.Add(1), DeviceGroups: []string{"field"}}, 0, 1010},
		"ForAnotherGroup":        {profile.Profile{ID: "F", Enabled: true, CreatedAt: old.Add(1), DeviceGroups: []string{"desk"}}, 1, 10},
		"ForAllYetYounger":       {profile.Profile{ID: "F", Enabled: true, CreatedAt: old.Add(1)}, 0, 10},
		"TheOldestForAGroup":     {profile.Profile{ID: "A", Enabled: true, CreatedAt: old, DeviceGroups: []string{"field"}, Priority: 9}, 10, 101},
	} {
		if starts, stops := census.Moves(all, c.p); starts != c.starts || stops != c.stops {
			t.Errorf("%s: %d would start, %d stop; want %d and %d", name, starts, stops, c.starts, c.stops)
		}
	}
}
