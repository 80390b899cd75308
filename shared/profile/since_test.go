package profile_test

import (
	"testing"
	"time"

	"zapas/shared/profile"
)

// TestSince: a profile has said the same, of whom and when, since that last changed; what else is edited does not count, and
// an edit that is told again finds what it has done.
func TestSince(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]struct {
		change func(p *profile.Profile)
		moves  bool
	}{
		"Name":         {func(p *profile.Profile) { p.Name = "Other" }, false},
		"Priority":     {func(p *profile.Profile) { p.Priority++ }, false},
		"ShrinkOver":   {func(p *profile.Profile) { p.Alerts.ShrinkOver++ }, false},
		"Schedule":     {func(p *profile.Profile) { p.Schedule = profile.Schedule{Kind: profile.Hourly, Hours: 6, Zone: "UTC"} }, true},
		"Enabled":      {func(p *profile.Profile) { p.Enabled = !p.Enabled }, true},
		"DeviceGroups": {func(p *profile.Profile) { p.DeviceGroups = []string{"field"} }, true},
		"Window":       {func(p *profile.Profile) { p.Window = 10 }, true},
		"QuietHours":   {func(p *profile.Profile) { p.QuietHours = profile.QuietHours{From: "22:00", To: "23:00"} }, true},
		"OverdueAfter": {func(p *profile.Profile) { p.Alerts.OverdueAfter++ }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t, true)
			p := w.created(t)
			made := p.Since
			if !made.Equal(p.CreatedAt) {
				t.Fatalf("it was made at %s, and has said the same since %s", p.CreatedAt, made)
			}
			edit.change(&p)
			for range 2 { // the second time its answer was lost
				w.stack.Clock.Advance(time.Hour)
				edited, err := w.Edit(t.Context(), ada, p, 1)
				want := made
				if edit.moves {
					want = edited.UpdatedAt
				}
				if err != nil || !edited.Since.Equal(want) {
					t.Fatalf("edited at %s, it has said the same since %s: %v; want %s", edited.UpdatedAt, edited.Since, err, want)
				}
			}
		})
	}
}
