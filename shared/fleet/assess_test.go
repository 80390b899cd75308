package fleet_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zapas/shared/fleet"
	"zapas/shared/profile"
	"zapas/shared/vault"
)

const theProfile, otherProfile profile.ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01BRZ3NDEKTSV4RRFFQ69G5FAV"

// moment reads a time in UTC; the seconds may be left out, and so may the date, which then is a Sunday.
func moment(s string) time.Time {
	for _, layout := range []string{"15:04", "01-02 15:04", time.DateTime} {
		if t, err := time.Parse(layout, s); err == nil {
			if t.Year() == 0 {
				t = t.AddDate(2026, 0, 0)
			}
			if layout == "15:04" {
				t = t.AddDate(0, 10, 21)
			}
			return t
		}
	}
	panic("no time: " + s)
}

// nightly falls due at 02:00, and is overdue six hours later.
func nightly() profile.Profile {
	return profile.Profile{ID: theProfile, Enabled: true, Since: moment("01-01 00:00"), Alerts: profile.Alerts{OverdueAfter: 360, ShrinkOver: 30},
		Schedule: profile.Schedule{Kind: profile.Daily, At: "02:00", Zone: "UTC"}}
}

// TestAssess: what a device should do and how it stands, on one nightly profile.
func TestAssess(t *testing.T) {
	t.Parallel()
	governed := func(change func(s *fleet.Status)) fleet.Status {
		s := fleet.Status{Device: "D", Trust: fleet.InUse, EnrolledAt: moment("11-01 12:00"), Seen: fleet.Seen{At: moment("11-21 12:00")},
			Governs: fleet.Governs{Profile: theProfile, Since: moment("11-01 12:00")}}
		change(&s)
		return s
	}
	ran := func(at string) func(s *fleet.Status) {
		return func(s *fleet.Status) {
			s.Run = fleet.Run{At: moment(at), Profile: theProfile, Session: "S"}
			s.Stored = fleet.Stored{Started: moment(at), At: moment(at).Add(time.Hour), Seq: 1}
		}
	}
	gaveUp := func(at string) func(s *fleet.Status) { // a run that began ten minutes before
		return func(s *fleet.Status) {
			ran("11-22 02:10")(s)
			s.Run.At, s.Run.Session, s.Failed = moment(at).Add(-10*time.Minute), "T", fleet.Failed{At: moment(at), Session: "T"}
		}
	}
	for _, tt := range []struct {
		name     string
		status   fleet.Status
		profile  func(p *profile.Profile)
		now      string
		state    fleet.State
		due      bool
		why      fleet.Why
		deadline string // "": none
		start    string // NotBefore
	}{
		{"RanThisMorning", governed(ran("11-22 02:10")), nil, "11-22 12:00", fleet.OK, false, fleet.NotDue, "11-23 08:00", "11-23 02:00"},
		{"AtTheSlot", governed(ran("11-22 02:10")), nil, "11-23 02:00", fleet.OK, true, fleet.SlotPassed, "11-23 08:00", "11-23 02:00"},
		{"RanAtTheVerySlot", governed(ran("11-23 02:00")), nil, "11-23 02:00", fleet.OK, false, fleet.NotDue, "11-24 08:00", "11-24 02:00"},
		{"UntilTheDeadline", governed(ran("11-22 02:10")), nil, "11-23 08:00", fleet.OK, true, fleet.SlotPassed, "11-23 08:00", "11-23 08:00"},
		{"AMomentAfterIt", governed(ran("11-22 02:10")), nil, "2026-11-23 08:00:01", fleet.Late, true, fleet.SlotPassed, "11-23 08:00", "2026-11-23 08:00:01"},
		{"ManySlotsLaterOnce", governed(ran("11-10 02:10")), nil, "11-22 12:00", fleet.Late, true, fleet.SlotPassed, "11-11 08:00", "11-22 12:00"},
		{"CaughtUpAfterManySlots", governed(ran("11-22 12:00")), nil, "11-22 12:01", fleet.OK, false, fleet.NotDue, "11-23 08:00", "11-23 02:00"},
		{"NothingNew", governed(func(s *fleet.Status) {
			ran("11-10 02:10")(s)
			s.Run, s.UnchangedAt = fleet.Run{At: moment("11-22 02:10"), Profile: theProfile}, moment("11-22 02:10")
		}), nil, "11-22 12:00", fleet.OK, false, fleet.NotDue, "11-23 08:00", "11-23 02:00"},
		{"Running", governed(func(s *fleet.Status) { ran("11-22 02:10")(s); s.Run.At = moment("11-23 02:01") }), nil, "11-23 02:30", fleet.Running, false, fleet.NotDue, "11-23 08:00", "11-24 02:00"},
		{"StillRunningAndOverdue", governed(func(s *fleet.Status) { ran("11-22 02:10")(s); s.Run.At = moment("11-23 02:01") }), nil, "11-23 09:00", fleet.Late, false, fleet.NotDue, "11-23 08:00", "11-24 02:00"},
		{"FirstRunning", governed(func(s *fleet.Status) {
			s.Governs.Since, s.Run = moment("11-22 12:00"), fleet.Run{At: moment("11-22 12:05"), Profile: theProfile, Session: "S"}
		}), nil, "11-22 12:10", fleet.Running, false, fleet.NotDue, "11-23 08:00", "11-23 02:00"},
		{"GivenUp", governed(func(s *fleet.Status) {
			ran("11-22 02:10")(s)
			s.Run.At, s.Run.Session, s.Failed = moment("11-23 02:01"), "T", fleet.Failed{At: moment("11-23 02:20"), Session: "T"}
		}), nil, "11-23 02:30", fleet.Failing, false, fleet.NotDue, "11-23 08:00", "11-23 03:20"},
		{"GivenUpNotAnHourAgo", governed(gaveUp("11-23 02:20")), nil, "2026-11-23 03:19:59", fleet.Failing, false, fleet.NotDue, "11-23 08:00", "11-23 03:20"},
		{"GivenUpAnHourAgo", governed(gaveUp("11-23 02:20")), nil, "11-23 03:20", fleet.Failing, true, fleet.SlotPassed, "11-23 08:00", "11-23 03:20"},
		{"GivenUpAnHourAgoInQuietHours", governed(gaveUp("11-23 02:20")), func(p *profile.Profile) { p.QuietHours = profile.QuietHours{From: "03:00", To: "05:00"} },
			"11-23 03:20", fleet.Failing, true, fleet.SlotPassed, "11-23 08:00", "11-23 05:00"},
		{"GivenUpAndOverdue", governed(gaveUp("11-23 07:30")), nil, "11-23 08:30", fleet.Late, true, fleet.SlotPassed, "11-23 08:00", "11-23 08:30"},
		{"GivenUpAndOverdueNotAnHourAgo", governed(gaveUp("11-23 07:30")), nil, "11-23 08:29", fleet.Late, false, fleet.NotDue, "11-23 08:00", "11-23 08:30"},
		{"GivenUpAndTheNextSlotComesFirst", governed(gaveUp("11-24 01:30")), nil, "11-24 01:31", fleet.Late, false, fleet.NotDue, "11-23 08:00", "11-24 02:00"},
		{"GivenUpAndTheNextSlotHasCome", governed(gaveUp("11-24 01:30")), nil, "11-24 02:00", fleet.Late, true, fleet.SlotPassed, "11-23 08:00", "11-24 02:00"},
		{"OrderedGivenUpAndServedBefore", governed(func(s *fleet.Status) {
			ran("11-23 02:10")(s)
			s.Run.At, s.Run.Session, s.Failed = moment("11-23 12:00"), "T", fleet.Failed{At: moment("11-23 12:20"), Session: "T"}
		}), nil, "11-23 20:00", fleet.Failing, false, fleet.NotDue, "11-24 08:00", "11-24 02:00"},
		{"FirstGivenUpAnHourAgo", governed(func(s *fleet.Status) {
			s.Governs.Since, s.Run, s.Failed = moment("11-22 12:00"), fleet.Run{At: moment("11-22 12:05"), Profile: theProfile, Session: "T"}, fleet.Failed{At: moment("11-22 12:10"), Session: "T"}
		}), nil, "11-22 13:10", fleet.Failing, true, fleet.SlotPassed, "11-23 08:00", "11-22 13:10"},
		{"GivenUpThenStored", governed(func(s *fleet.Status) {
			ran("11-23 02:30")(s)
			s.Failed = fleet.Failed{At: moment("11-23 02:20"), Session: "T"}
		}), nil, "11-23 03:30", fleet.OK, false, fleet.NotDue, "11-24 08:00", "11-24 02:00"},
		{"GivenUpAndRunningAgain", governed(func(s *fleet.Status) {
			ran("11-22 02:10")(s)
			s.Run.At, s.Run.Session, s.Failed = moment("11-23 02:25"), "U", fleet.Failed{At: moment("11-23 02:20"), Session: "T"}
		}), nil, "11-23 02:30", fleet.Running, false, fleet.NotDue, "11-23 08:00", "11-24 02:00"},
		{"NeverSeen", governed(func(s *fleet.Status) {
			s.Seen, s.EnrolledAt, s.Governs.Since = fleet.Seen{}, moment("11-22 12:00"), moment("11-22 12:10")
		}), nil, "11-22 13:00", fleet.Unseen, true, fleet.First, "11-23 08:00", "11-22 13:00"},
		{"NeverSeenAndOverdue", governed(func(s *fleet.Status) { s.Seen = fleet.Seen{} }), nil, "11-22 13:00", fleet.Late, true, fleet.First, "11-02 08:00", "11-22 13:00"},
		{"NoBackupYet", governed(func(s *fleet.Status) { s.Governs.Since = moment("11-22 12:00") }), nil, "11-22 13:00", fleet.NoBackup, true, fleet.First, "11-23 08:00", "11-22 13:00"},
		{"NotLookedAtYet", governed(func(s *fleet.Status) { s.Governs = fleet.Governs{} }), nil, "11-22 13:00", fleet.NoBackup, true, fleet.First, "11-23 08:00", "11-22 13:00"},
		{"CameFromAnotherProfile", governed(func(s *fleet.Status) {
			ran("11-10 02:10")(s)
			s.Run.Profile, s.Governs.Profile = otherProfile, otherProfile
		}), nil, "11-22 13:00",
			fleet.OK, true, fleet.First, "11-23 08:00", "11-22 13:00"},
		{"ProfileMoved", governed(ran("11-10 02:10")), func(p *profile.Profile) { p.Since = moment("11-22 12:00") }, "11-22 13:00", fleet.OK, true, fleet.SlotPassed, "11-23 08:00", "11-22 13:00"},
		{"AnnouncedAndProfileMoved", governed(func(s *fleet.Status) {
			ran("11-10 02:10")(s)
			s.Overdue = fleet.Overdue{Slot: moment("11-11 02:00"), Since: moment("11-11 08:15")}
		}), func(p *profile.Profile) { p.Since = moment("11-22 12:00") }, "11-22 13:00", fleet.Late, true, fleet.SlotPassed, "11-23 08:00", "11-22 13:00"},
		{"AnnouncedAndRanSince", governed(func(s *fleet.Status) {
			ran("11-22 02:10")(s)
			s.Overdue = fleet.Overdue{Slot: moment("11-11 02:00"), Since: moment("11-11 08:15")}
		}), nil, "11-22 13:00", fleet.OK, false, fleet.NotDue, "11-23 08:00", "11-23 02:00"},
		{"NothingGoverns", governed(ran("11-10 02:10")), func(p *profile.Profile) { p.Enabled = false }, "11-22 13:00", fleet.Disabled, false, fleet.NoProfile, "", ""},
		{"NothingGovernsAndAnnounced", governed(func(s *fleet.Status) {
			s.Overdue = fleet.Overdue{Slot: moment("11-11 02:00"), Since: moment("11-11 08:15")}
		}),
			func(p *profile.Profile) { p.Enabled = false }, "11-22 13:00", fleet.Disabled, false, fleet.NoProfile, "", ""},
		{"NothingGovernsAndNobodyLooked", fleet.Status{}, func(p *profile.Profile) { p.Enabled = false }, "11-22 13:00", fleet.Unseen, false, fleet.NoProfile, "", ""},
		{"Retired", governed(func(s *fleet.Status) { ran("11-10 02:10")(s); s.Trust = fleet.Retired }), nil, "11-22 13:00", fleet.Over, true, fleet.SlotPassed, "11-11 08:00", "11-22 13:00"},
		{"ItsMomentWasBeforeTheNewestSlot", governed(ran("11-22 02:10")), func(p *profile.Profile) { p.Window = 1440 }, "11-24 02:00",
			fleet.Late, true, fleet.SlotPassed, "2026-11-23 19:44:29", "11-24 02:00"},
		{"ItsMomentHasNotCome", governed(ran("11-22 02:10")), func(p *profile.Profile) { p.Window = 1440 }, "11-23 02:00",
			fleet.OK, true, fleet.SlotPassed, "2026-11-23 19:44:29", "2026-11-23 13:44:29"},
		{"ItWasEnrolledBeforeTheNewestSlot", governed(func(s *fleet.Status) { s.Governs.Since = moment("11-22 12:00") }), func(p *profile.Profile) { p.Window = 1440 }, "11-23 02:00",
			fleet.NoBackup, true, fleet.First, "2026-11-23 19:44:29", "11-23 02:00"},
		{"TheProfileMovedBeforeTheNewestSlot", governed(ran("11-10 02:10")), func(p *profile.Profile) { p.Window, p.Since = 1440, moment("11-23 01:59") }, "11-23 02:00",
			fleet.OK, true, fleet.SlotPassed, "2026-11-23 19:44:29", "11-23 02:00"},
		{"CaughtUpBeforeItsMomentAndGaveUpAnHourAgo", governed(gaveUp("11-23 02:20")), func(p *profile.Profile) { p.Window = 1440 }, "11-23 03:20",
			fleet.Failing, true, fleet.SlotPassed, "2026-11-23 19:44:29", "11-23 03:20"},
		{"CatchUpInQuietHours", governed(ran("11-10 02:10")), func(p *profile.Profile) { p.QuietHours = profile.QuietHours{From: "12:00", To: "18:30"} }, "11-22 13:00",
			fleet.Late, true, fleet.SlotPassed, "11-11 08:00", "11-22 18:30"},
		{"SlotInQuietHours", governed(ran("11-22 02:10")), func(p *profile.Profile) { p.QuietHours = profile.QuietHours{From: "01:00", To: "05:00"} }, "11-23 02:00",
			fleet.OK, true, fleet.SlotPassed, "11-23 11:00", "11-23 05:00"},
		{"NoSlotEver", governed(ran("11-22 02:10")), func(p *profile.Profile) { p.Schedule.Zone = "Nowhere" }, "11-23 02:00", fleet.OK, false, fleet.NotDue, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := nightly()
			if tt.profile != nil {
				tt.profile(&p)
			}
			st := fleet.Assess(tt.status, profile.NewSet([]profile.Profile{p}), moment(tt.now))
			same := func(what string, got time.Time, want string) {
				t.Helper()
				if want == "" && !got.IsZero() || want != "" && !got.Equal(moment(want)) {
					t.Errorf("the %s is %s, want %q", what, got, want)
				}
			}
			if st.State != tt.state || st.Due != tt.due || st.Why != tt.why {
				t.Errorf("it is %s, due %v (%s); want %s, %v (%s)", st.State, st.Due, st.Why, tt.state, tt.due, tt.why)
			}
			same("deadline", st.Deadline, tt.deadline)
			same("start", st.NotBefore, tt.start)
			if (st.State == fleet.Late) == st.Overdue.IsZero() {
				t.Errorf("it is %s, and overdue since %s", st.State, st.Overdue)
			}
		})
	}
}

// TestAssess_Lease: a session that nothing has ended runs for as long as its lease, and no longer.
func TestAssess_Lease(t *testing.T) {
	t.Parallel()
	p := nightly()
	p.Schedule = profile.Schedule{Kind: profile.Cron, Cron: "0 2 1 * *", Zone: "UTC"}
	began := moment("11-02 02:00")
	s := fleet.Status{Device: "D", Governs: fleet.Governs{Profile: p.ID, Since: began}, Seen: fleet.Seen{At: began}, Run: fleet.Run{At: began, Profile: p.ID, Session: "S"}}
	for after, want := range map[time.Duration]fleet.State{vault.Lease - time.Millisecond: fleet.Running, vault.Lease: fleet.NoBackup} {
		if st := fleet.Assess(s, profile.NewSet([]profile.Profile{p}), began.Add(after)); st.State != want {
			t.Errorf("%s after it began it is %s, want %s", after, st.State, want)
		}
	}
}

// TestAssess_Ticked: a tick may be a moment ahead of our own clock; the device starts at the slot all the same.
func TestAssess_Ticked(t *testing.T) {
	t.Parallel()
	slot := moment("11-23 02:00")
	s := fleet.Status{Device: "D", Governs: fleet.Governs{Profile: theProfile, Since: moment("11-01 12:00")}, Run: fleet.Run{At: moment("11-22 02:00"), Profile: theProfile}}
	all := profile.NewSet([]profile.Profile{nightly()})
	if st := fleet.Assess(s, all, slot.Add(-time.Second)); st.Due {
		t.Errorf("before the tick: %+v", st)
	}
	if st := fleet.Assess(s, all.Ticked(theProfile, slot), slot.Add(-time.Second)); !st.Due || !st.Slot.Equal(slot) || !st.NotBefore.Equal(slot) {
		t.Errorf("after the tick: %+v", st)
	}
	if st := fleet.Assess(s, all.Ticked(otherProfile, slot), slot.Add(-time.Second)); st.Due {
		t.Errorf("after the tick of another profile: %+v", st)
	}
	if st := fleet.Assess(s, all.Ticked(theProfile, slot.AddDate(0, 0, -2)), slot.Add(-time.Second)); st.Due || !st.Slot.Equal(slot.AddDate(0, 0, -1)) {
		t.Errorf("after an old tick: %+v", st)
	}
}

// TestPlaced: the row of a device is written when it does not say what is so, and not again.
func TestPlaced(t *testing.T) {
	t.Parallel()
	p, now := nightly(), moment("11-22 12:00")
	all := profile.NewSet([]profile.Profile{p})
	announced := fleet.Overdue{Slot: moment("11-11 02:00"), Since: moment("11-11 08:15")}
	ran := fleet.Stored{Started: moment("11-10 02:10"), At: moment("11-10 02:20"), Seq: 1}
	for _, tt := range []struct {
		name   string
		status fleet.Status
		all    profile.Set
		want   fleet.Look
	}{
		{"JustEnrolled", fleet.Status{EnrolledAt: now, Look: fleet.Look{At: now}}, all, fleet.Look{At: moment("11-23 08:00")}},
		{"Overdue", fleet.Status{Stored: ran, Governs: fleet.Governs{Profile: p.ID, Since: moment("11-01 12:00")}}, all, fleet.Look{At: moment("11-11 08:00")}},
		{"AnnouncedAsOverdue", fleet.Status{Stored: ran, Overdue: announced, Governs: fleet.Governs{Profile: p.ID, Since: moment("11-01 12:00")}}, all, fleet.Look{At: announced.Since, Overdue: p.ID}},
		{"AnnouncedAndMoved", fleet.Status{Stored: ran, Overdue: announced, Governs: fleet.Governs{Profile: otherProfile, Since: moment("11-01 12:00")},
			Look: fleet.Look{At: announced.Since, Overdue: otherProfile}}, all, fleet.Look{At: announced.Since, Overdue: p.ID}},
		{"NothingGoverns", fleet.Status{Stored: ran, Overdue: announced, Governs: fleet.Governs{Profile: p.ID, Since: moment("11-01 12:00")}, Look: fleet.Look{At: announced.Since, Overdue: p.ID}},
			profile.NewSet(nil), fleet.Look{}},
		{"Retired", fleet.Status{Trust: fleet.Retired, Stored: ran, Look: fleet.Look{At: now}}, all, fleet.Look{}},
		{"SomethingToTell", fleet.Status{Stored: ran, Tell: []string{"{}"}, Look: fleet.Look{At: moment("11-23 08:00")}}, all, fleet.Look{At: now}},
		{"SomethingToTellAlready", fleet.Status{Stored: ran, Tell: []string{"{}"}, Look: fleet.Look{At: moment("11-20 08:00")}}, all, fleet.Look{At: moment("11-20 08:00")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := tt.status
			s.Device, s.Seen.At = "D", moment("11-02 12:00")
			c := s.Placed(fleet.Assess(s, tt.all, now), now)
			if c.Look != nil {
				s.Look = *c.Look
			}
			if c.Governs != nil {
				s.Governs = *c.Governs
			}
			if c.Overdue != nil {
				s.Overdue = *c.Overdue
			}
			if s.Look.Overdue != tt.want.Overdue || !s.Look.At.Equal(tt.want.At) {
				t.Errorf("it is looked at %+v, want %+v", s.Look, tt.want)
			}
			later := now.Add(time.Minute)
			if again := s.Placed(fleet.Assess(s, tt.all, later), later); !again.Empty() {
				t.Errorf("a minute later it is placed again: %+v", again)
			}
			if st := fleet.Assess(s, tt.all, later); (st.State == fleet.Late) != (s.Overdue == announced || tt.name == "Overdue") {
				t.Errorf("it is %s, and announced as overdue: %+v", st.State, s.Overdue)
			}
		})
	}
}

// schedules are some of every kind, in zones whose clocks are changed in the weeks of TestAssess_Always.
func schedules(t *rapid.T) profile.Profile {
	s := rapid.SampledFrom([]profile.Schedule{
		{Kind: profile.Hourly, Hours: 1}, {Kind: profile.Hourly, Hours: 4}, {Kind: profile.Daily, At: "02:30"}, {Kind: profile.Daily, At: "00:00"},
		{Kind: profile.Weekly, At: "01:15", Days: []string{"sun", "wed"}}, {Kind: profile.Cron, Cron: "30 2 * * 1-5"},
	}).Draw(t, "schedule")
	s.Zone = rapid.SampledFrom([]string{"Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"}).Draw(t, "zone")
	p := profile.Profile{ID: theProfile, Enabled: true, Schedule: s, Window: rapid.SampledFrom([]int{0, 30, 60}).Draw(t, "window"),
		Alerts: profile.Alerts{OverdueAfter: rapid.SampledFrom([]int{15, 90, 1440}).Draw(t, "overdueAfter")}}
	p.QuietHours = rapid.SampledFrom([]profile.QuietHours{{}, {From: "01:00", To: "03:00"}, {From: "22:00", To: "06:00"}}).Draw(t, "quiet")
	return p
}

// TestAssess_Always lets a device live through weeks in which clocks are changed, and holds at every step what must hold
// whatever happens: it checks in, backs up when it may, gives up, loses its network; its profile is changed.
func TestAssess_Always(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := schedules(t)
		now := time.Date(2026, rapid.SampledFrom([]time.Month{time.March, time.October}).Draw(t, "month"), rapid.IntRange(1, 31).Draw(t, "day"), 0, 0, 0, 0, time.UTC)
		s := fleet.Status{Device: "00000000000000000000000007", EnrolledAt: now, Seen: fleet.Seen{At: now}}
		p.Since, p.CreatedAt = now, now
		all := profile.NewSet([]profile.Profile{p})
		var started []time.Time // of runs
		place := func() {
			c := s.Placed(fleet.Assess(s, all, now), now)
			if c.Governs != nil {
				s.Governs = *c.Governs
			}
			if c.Overdue != nil {
				s.Overdue = *c.Overdue
			}
		}
		place()
		for range rapid.IntRange(5, 60).Draw(t, "steps") {
			before := fleet.Assess(s, all, now)
			switch rapid.SampledFrom([]string{"wait", "wait", "wait", "run", "unchanged", "give up", "look", "edit"}).Draw(t, "step") {
			case "wait":
				now = now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "minutes")) * time.Minute)
				after := fleet.Assess(s, all, now)
				if before.State == fleet.Late && after.State != fleet.Late {
					t.Fatalf("time alone took it from overdue to %s", after.State)
				}
				if before.Due && !after.Due {
					t.Fatalf("time alone took from it what was due")
				}
			case "run", "unchanged":
				if !before.Due || before.NotBefore.After(now) {
					continue
				}
				retry := s.Run.Session != "" && s.Run.Session == s.Failed.Session && !now.Before(s.Failed.At.Add(time.Hour))
				for slot := range slices.Values(p.Schedule.Next(now.Add(-48*time.Hour), 60)) {
					if ran := slices.ContainsFunc(started, func(at time.Time) bool { return !at.Before(slot) }); ran && slot.Equal(before.Slot) && before.Why == fleet.SlotPassed && !retry {
						t.Fatalf("it is due for %s, and has run since: %v", slot, started)
					}
				}
				started = append(started, now)
				s.Run = fleet.Run{At: now, Profile: p.ID, Session: now.String()}
				if st := fleet.Assess(s, all, now); st.Due {
					t.Fatalf("a second catch-up: it began at %s and is due for %s", now, st.Slot)
				}
				s.Stored = fleet.Stored{Started: now, At: now.Add(time.Minute), Seq: s.Stored.Seq + 1}
				if st := fleet.Assess(s, all, now); st.State == fleet.Late || s.Recovers(now) != !s.Overdue.Slot.IsZero() {
					t.Fatalf("it has just run well and is %s", st.State)
				}
				s.Overdue = fleet.Overdue{}
			case "give up":
				s.Run, s.Failed = fleet.Run{At: now, Profile: p.ID, Session: now.String()}, fleet.Failed{At: now, Session: now.String()}
				if st := fleet.Assess(s, all, now); st.Due || (st.State == fleet.Late) != (before.State == fleet.Late) {
					t.Fatalf("it gave up and is %s, due %v; before it was %s", st.State, st.Due, before.State)
				}
				started = append(started, now)
			case "look":
				if before.State == fleet.Late && s.Overdue.Slot.IsZero() {
					s.Overdue = fleet.Overdue{Slot: before.Owes, Since: now}
				}
				place()
				if st := fleet.Assess(s, all, now); st.State != before.State {
					t.Fatalf("looking at it took it from %s to %s", before.State, st.State)
				}
			case "edit":
				p.Since, p.Schedule = now, schedules(t).Schedule
				all = profile.NewSet([]profile.Profile{p})
				if st := fleet.Assess(s, all, now); st.State == fleet.Late && s.Overdue.Slot.IsZero() {
					t.Fatalf("the edit made it overdue at once: %+v", st)
				}
			}
			st := fleet.Assess(s, all, now)
			if st.Deadline.Before(st.Owes) || !st.Owes.After(s.Through()) {
				t.Fatalf("it owes a backup for %s by %s, and has run well at %s", st.Owes, st.Deadline, s.Through())
			}
			if st.State != fleet.Late && (st.Deadline.Before(now) || st.Deadline.Before(st.Owes.Add(time.Duration(p.Alerts.OverdueAfter)*time.Minute))) {
				t.Fatalf("at %s it is %s, with a deadline at %s", now, st.State, st.Deadline)
			}
			if st.Owes.After(now) && !st.Owes.Equal(st.Next) {
				t.Fatalf("the next slot is %s, and it owes %s", st.Next, st.Owes)
			}
		}
	})
}
