package device

import (
	"testing"
	"time"

	"zapas/shared/api"
)

// TestOwn: what is due by the phone's own copy of the schedule is due once, however many moments have passed, and no more
// when a backup has begun since; a restart forgets none of it.
func TestOwn(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	noon := s.now
	profile := profileOf("eu")
	var agenda []api.Planned
	for n := range 5 {
		slot := noon.Add(time.Duration(n+1) * time.Hour)
		agenda = append(agenda, api.Planned{Slot: slot, Start: slot.Add(10 * time.Minute)})
	}
	told := func(change func(a *api.CheckInAnswer)) {
		t.Helper()
		a := api.CheckInAnswer{Why: api.CheckInAnswerWhyNotDue, Profile: &profile, Agenda: agenda, Time: s.now}
		change(&a)
		if err := p.remember(a); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(what string, want bool) {
		t.Helper()
		p.restart(t, s)
		got, due, _, err := p.Own()
		if err != nil || due != want || due && got.Id != profile.Id {
			t.Errorf("%s: due %v for %q, %v; want %v", what, due, got.Id, err, want)
		}
	}
	m := demo()
	expect("never told", false)
	told(func(*api.CheckInAnswer) {})
	expect("before the first moment", false)
	s.now = noon.Add(70*time.Minute - time.Millisecond)
	expect("after the slot, before its own moment", false)
	s.now = noon.Add(70 * time.Minute)
	expect("at its own moment", true)
	s.now = noon.Add(190 * time.Minute)
	expect("three moments later", true)
	p.backUp(t, m)
	expect("after one backup for all of them", false)
	s.now = noon.Add(250 * time.Minute)
	expect("at the next moment", true)
	p.backUp(t, m)
	expect("after one that found nothing new", false)

	slot := noon.Add(4*time.Hour + 11*time.Minute)
	told(func(a *api.CheckInAnswer) {
		a.Due, a.Why, a.Slot, a.NotBefore = true, api.CheckInAnswerWhySlot, &slot, new(slot.Add(5*time.Minute))
	})
	expect("due, and to start later", false)
	s.now = slot.Add(5 * time.Minute)
	expect("due, and its moment has come", true)
	told(func(a *api.CheckInAnswer) { a.Why, a.OldestApp = api.CheckInAnswerWhyAppTooOld, new("9") })
	s.now = noon.Add(24 * time.Hour)
	expect("an app that is too old", false)
}

// TestOwn_Waiting: conditions are heeded as the service heeds them.
func TestOwn_Waiting(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	profile := profileOf("eu")
	profile.Conditions = api.Conditions{Unmetered: new(true), Charging: new(true), Battery: new(30)}
	if err := p.remember(api.CheckInAnswer{Profile: &profile, Agenda: []api.Planned{{Slot: s.now, Start: s.now}}}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		are  *api.DeviceConditions
		want int
	}{{nil, 0}, {&api.DeviceConditions{}, 3}, {&api.DeviceConditions{Battery: 29, Unmetered: true}, 2}, {&api.DeviceConditions{Battery: 30, Unmetered: true, Charging: true}, 0}} {
		p.config.Conditions = nil
		if tt.are != nil {
			p.config.Conditions = func() Conditions {
				return Conditions{Unmetered: tt.are.Unmetered, Charging: tt.are.Charging, Battery: tt.are.Battery}
			}
		}
		if _, due, waiting, err := p.Own(); err != nil || !due || len(waiting) != tt.want {
			t.Errorf("%+v: due %v, waits for %v, %v", tt.are, due, waiting, err)
		}
	}
}

// TestBackup_Slot: a session names the moment that it serves.
func TestBackup_Slot(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	profile := profileOf("eu")
	slot := s.now.Add(time.Second)
	if err := p.remember(api.CheckInAnswer{Due: true, Why: api.CheckInAnswerWhySlot, Slot: &slot, Profile: &profile}); err != nil {
		t.Fatal(err)
	}
	if at := p.serving(); at == nil || !at.Equal(slot) {
		t.Errorf("it serves %v", at)
	}
	p.backUp(t, demo())
	if a, err := p.Device.dir.Agenda(); err != nil || !a.Begun.Equal(slot) {
		t.Errorf("it has begun at %s: %v", a.Begun, err)
	}
	if err := p.remember(api.CheckInAnswer{Why: api.CheckInAnswerWhyNotDue, Profile: &profile}); err != nil {
		t.Fatal(err)
	}
	if at := p.serving(); at != nil {
		t.Errorf("not due, it serves %v", at)
	}
}
