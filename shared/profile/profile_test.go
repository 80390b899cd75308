package profile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func lawful() Profile {
	return Profile{Name: "Every night", Enabled: true, Elements: []string{"contacts", "messages", "calls"}, Location: "eu",
		Schedule: Schedule{Kind: Daily, At: "02:00", Zone: "Europe/Warsaw"}, Region: "PL",
		Retention: DefaultRetention(), Alerts: DefaultAlerts()}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	locations := []Location{{ID: "eu"}}
	if f := lawful().check(locations); len(f) > 0 {
		t.Fatalf("a lawful profile is refused: %v", f)
	}
	groups := make([]string, MaxDeviceGroups)
	for i := range groups {
		groups[i] = fmt.Sprintf("group %05d", i)
	}
	for _, tt := range []struct {
		name    string
		change  func(p *Profile)
		pointer string // "" when it is lawful
	}{
		{"NameMissing", func(p *Profile) { p.Name = "" }, "/name"},
		{"NameOfSpaces", func(p *Profile) { p.Name = "  " }, "/name"},
		{"NameAtItsLimit", func(p *Profile) { p.Name = strings.Repeat("ż", MaxName) }, ""},
		{"NameOverItsLimit", func(p *Profile) { p.Name = strings.Repeat("ż", MaxName+1) }, "/name"},
		{"NameWithAControl", func(p *Profile) { p.Name = "a\x07b" }, "/name"},
		{"NameThatTurnsText", func(p *Profile) { p.Name = "a\u202eb" }, "/name"},
		{"NameNotUTF8", func(p *Profile) { p.Name = "a\xff" }, "/name"},
		{"DescriptionAtItsLimit", func(p *Profile) { p.Description = strings.Repeat("x", MaxDescription) }, ""},
		{"DescriptionOverItsLimit", func(p *Profile) { p.Description = strings.Repeat("x", MaxDescription+1) }, "/description"},
		{"NoElements", func(p *Profile) { p.Elements = nil }, "/elements"},
		{"UnknownElement", func(p *Profile) { p.Elements = []string{"photos"} }, "/elements"},
		{"ElementTwice", func(p *Profile) { p.Elements = []string{"calls", "calls"} }, "/elements"},
		{"UnknownLocation", func(p *Profile) { p.Location = "us" }, "/location"},
		{"GroupsAtTheirLimit", func(p *Profile) { p.DeviceGroups = groups }, ""},
		{"GroupsOverTheirLimit", func(p *Profile) { p.DeviceGroups = append(groups[:len(groups):len(groups)], "one more") }, "/deviceGroups"},
		{"GroupTwice", func(p *Profile) { p.DeviceGroups = []string{"a", "a"} }, "/deviceGroups"},
		{"GroupWithoutAName", func(p *Profile) { p.DeviceGroups = []string{""} }, "/deviceGroups"},
		{"PriorityAtItsLimit", func(p *Profile) { p.Priority = MaxPriority }, ""},
		{"PriorityOverItsLimit", func(p *Profile) { p.Priority = MaxPriority + 1 }, "/priority"},
		{"PriorityBelowZero", func(p *Profile) { p.Priority = -1 }, "/priority"},
		{"RegionLeftOut", func(p *Profile) { p.Region = "" }, ""},
		{"RegionInSmallLetters", func(p *Profile) { p.Region = "pl" }, "/region"},
		{"ZoneMissing", func(p *Profile) { p.Schedule.Zone = "" }, "/schedule/zone"},
		{"ZoneUnknown", func(p *Profile) { p.Schedule.Zone = "Europe/Radom" }, "/schedule/zone"},
		{"ZoneOfThisMachine", func(p *Profile) { p.Schedule.Zone = "Local" }, "/schedule/zone"},
		{"ZoneThatIsAPath", func(p *Profile) { p.Schedule.Zone = "../../etc/passwd" }, "/schedule/zone"},
		{"KindUnknown", func(p *Profile) { p.Schedule.Kind = "yearly" }, "/schedule/kind"},
		{"TimeWithoutZero", func(p *Profile) { p.Schedule.At = "2:00" }, "/schedule/at"},
		{"TimeOfTheNextDay", func(p *Profile) { p.Schedule.At = "24:00" }, "/schedule/at"},
		{"LastMinute", func(p *Profile) { p.Schedule.At = "23:59" }, ""},
		{"EveryFiveHours", func(p *Profile) { p.Schedule = Schedule{Kind: Hourly, Hours: 5, Zone: "UTC"} }, "/schedule/hours"},
		{"EveryTwelveHours", func(p *Profile) { p.Schedule = Schedule{Kind: Hourly, Hours: 12, Zone: "UTC"} }, ""},
		{"HourlyAtATime", func(p *Profile) { p.Schedule = Schedule{Kind: Hourly, Hours: 12, At: "02:00", Zone: "UTC"} }, "/schedule/kind"},
		{"DailyOnDays", func(p *Profile) { p.Schedule.Days = []string{"mon"} }, "/schedule/kind"},
		{"WeeklyWithoutDays", func(p *Profile) { p.Schedule.Kind = Weekly }, "/schedule/days"},
		{"WeeklyTwiceADay", func(p *Profile) { p.Schedule.Kind, p.Schedule.Days = Weekly, []string{"mon", "mon"} }, "/schedule/days"},
		{"CronOnBothDays", func(p *Profile) { p.Schedule = Schedule{Kind: Cron, Cron: "0 2 1 * mon", Zone: "UTC"} }, "/schedule/cron"},
		{"CronThatNeverFires", func(p *Profile) { p.Schedule = Schedule{Kind: Cron, Cron: "0 2 30 2 *", Zone: "UTC"} }, "/schedule/cron"},
		{"CronWithSpaces", func(p *Profile) { p.Schedule = Schedule{Kind: Cron, Cron: "  0  2 * * * ", Zone: "UTC"} }, ""},
		{"CronMissing", func(p *Profile) { p.Schedule = Schedule{Kind: Cron, Zone: "UTC"} }, "/schedule/cron"},
		{"CronAtATime", func(p *Profile) { p.Schedule = Schedule{Kind: Cron, Cron: "0 2 * * *", At: "02:00", Zone: "UTC"} }, "/schedule/kind"},
		{"DailyWithACron", func(p *Profile) { p.Schedule.Cron = "0 2 * * *" }, "/schedule/kind"},
		{"ZoneOfSomeMachines", func(p *Profile) { p.Schedule.Zone = "right/Europe/Warsaw" }, "/schedule/zone"},
		{"ZoneByAnAlias", func(p *Profile) { p.Schedule.Zone = "Europe/Kiev" }, ""},
		{"WindowAtItsLimit", func(p *Profile) { p.Window = MaxWindow }, ""},
		{"WindowOverItsLimit", func(p *Profile) { p.Window, p.Schedule.Kind, p.Schedule.Days = MaxWindow+1, Weekly, []string{"mon"} }, "/window"},
		{"WindowBelowZero", func(p *Profile) { p.Window = -1 }, "/window"},
		{"WindowAsLongAsThePeriod", func(p *Profile) { p.Window, p.Schedule = 240, Schedule{Kind: Hourly, Hours: 4, Zone: "UTC"} }, ""},
		{"WindowLongerThanThePeriod", func(p *Profile) { p.Window, p.Schedule = 241, Schedule{Kind: Hourly, Hours: 4, Zone: "UTC"} }, "/window"},
		{"WindowAsLongAsThePeriodOfACron", func(p *Profile) { p.Window, p.Schedule = 40, Schedule{Kind: Cron, Cron: "0,40 2 * * *", Zone: "UTC"} }, ""},
		{"WindowLongerThanThePeriodOfACron", func(p *Profile) { p.Window, p.Schedule = 41, Schedule{Kind: Cron, Cron: "0,40 2 * * *", Zone: "UTC"} }, "/window"},
		{"WindowWithoutATime", func(p *Profile) { p.Window, p.Schedule = 60, Schedule{Kind: Hourly, Zone: "UTC"} }, "/schedule/hours"},
		{"AttachmentsAtTheirLimit", func(p *Profile) { p.Messages.MaxAttachment = MaxAttachment }, ""},
		{"AttachmentsOverTheirLimit", func(p *Profile) { p.Messages.MaxAttachment = MaxAttachment + 1 }, "/messages/maxBytes"},
		{"AttachmentsBelowZero", func(p *Profile) { p.Messages.MaxAttachment = -1 }, "/messages/maxBytes"},
		{"AttachmentsLimitedAndLeftOut", func(p *Profile) { p.Messages = Messages{WithoutAttachments: true, MaxAttachment: 1} }, "/messages/maxBytes"},
		{"BatteryFull", func(p *Profile) { p.Conditions.Battery = 100 }, ""},
		{"BatteryOverFull", func(p *Profile) { p.Conditions.Battery = 101 }, "/conditions/battery"},
		{"BatteryBelowEmpty", func(p *Profile) { p.Conditions.Battery = -1 }, "/conditions/battery"},
		{"QuietOverMidnight", func(p *Profile) { p.QuietHours = QuietHours{"22:00", "06:00"} }, ""},
		{"QuietFromNowhere", func(p *Profile) { p.QuietHours = QuietHours{"", "06:00"} }, "/quietHours/from"},
		{"QuietToNowhere", func(p *Profile) { p.QuietHours = QuietHours{"22:00", "24:00"} }, "/quietHours/to"},
		{"QuietAllDay", func(p *Profile) { p.QuietHours = QuietHours{"22:00", "22:00"} }, "/quietHours/to"},
		{"RetentionOfNothing", func(p *Profile) { p.Retention = Retention{} }, "/retention"},
		{"RetentionOfZero", func(p *Profile) { p.Retention[KeepMonthly] = 0 }, "/retention/monthly"},
		{"RetentionAtItsLimit", func(p *Profile) { p.Retention = Retention{KeepLast: 1000} }, ""},
		{"RetentionOverItsLimit", func(p *Profile) { p.Retention = Retention{KeepYearly: 101} }, "/retention/yearly"},
		{"RetentionByDecades", func(p *Profile) { p.Retention = Retention{"decades": 1} }, "/retention/decades"},
		{"OverdueAtItsLeast", func(p *Profile) { p.Alerts.OverdueAfter = MinOverdue }, ""},
		{"OverdueBelowItsLeast", func(p *Profile) { p.Alerts.OverdueAfter = MinOverdue - 1 }, "/alerts/overdueAfter"},
		{"OverdueAtItsMost", func(p *Profile) { p.Alerts.OverdueAfter = MaxOverdue }, ""},
		{"OverdueOverItsMost", func(p *Profile) { p.Alerts.OverdueAfter = MaxOverdue + 1 }, "/alerts/overdueAfter"},
		{"ShrinkByNothing", func(p *Profile) { p.Alerts.ShrinkOver = 0 }, "/alerts/shrinkOver"},
		{"ShrinkByAll", func(p *Profile) { p.Alerts.ShrinkOver = 100 }, ""},
		{"ShrinkByMore", func(p *Profile) { p.Alerts.ShrinkOver = 101 }, "/alerts/shrinkOver"},
		{"WeeklyOnAllDays", func(p *Profile) { p.Schedule.Kind, p.Schedule.Days = Weekly, days }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := lawful()
			tt.change(&p)
			f := p.normal().check(locations)
			switch {
			case tt.pointer == "" && len(f) > 0:
				t.Errorf("refused: %v", f)
			case tt.pointer != "" && (len(f) == 0 || f[0].Pointer != tt.pointer):
				t.Errorf("%s is not named: %v", tt.pointer, f)
			case len(f) > 1:
				t.Errorf("more than one member is named: %v", f)
			}
		})
	}
}

// TestAllAtOnce: whatever is wrong is named in one answer, and of very many device groups a few.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	p := Profile{Window: -1, Messages: Messages{MaxAttachment: -1}, QuietHours: QuietHours{From: "1", To: "2"}, Conditions: Conditions{Battery: -1},
		Retention: Retention{KeepLast: 0}, Priority: -1, DeviceGroups: make([]string, MaxDeviceGroups+1), Region: "Poland"}
	var got []string
	for _, f := range p.check(nil) {
		got = append(got, f.Pointer)
	}
	want := []string{"/name", "/elements", "/location"}
	want = append(want, slices.Repeat([]string{"/deviceGroups"}, maxNamed)...)
	want = append(want, "/priority", "/region", "/schedule/zone", "/schedule/kind", "/messages/maxBytes", "/window", "/conditions/battery",
		"/quietHours/from", "/quietHours/to", "/retention/last", "/alerts/overdueAfter", "/alerts/shrinkOver")
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestNormal(t *testing.T) {
	t.Parallel()
	p := Profile{Name: " Night ", Elements: []string{"calls", "contacts"}, DeviceGroups: []string{"b ", " a"}}
	want := Profile{Name: "Night", Elements: []string{"contacts", "calls"}, DeviceGroups: []string{"a", "b"}, Region: "PL"}
	if d := cmp.Diff(want, p.normal()); d != "" {
		t.Error(d)
	}
}

func TestGoverning(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Unix(int64(n)*86400, 0) }
	of := func(id ID, age int, priority int, groups ...string) Profile {
		return Profile{ID: id, Enabled: true, CreatedAt: day(age), Priority: priority, DeviceGroups: groups}
	}
	off := of("off", 0, 1000)
	off.Enabled = false
	all := []Profile{of("young", 9, 0), off, of("sales", 5, 10, "sales"), of("field", 6, 20, "sales", "field"),
		of("equal", 7, 20, "sales"), of("old", 1, 0)}
	for _, tt := range []struct {
		name     string
		all      []Profile
		explicit ID
		group    string
		want     ID
		why      Why
	}{
		{"ExplicitBeatsAll", all, "young", "sales", "young", Explicit},
		{"ExplicitButDisabledDoesNotCount", all, "off", "", "old", ByAge},
		{"ExplicitButGoneDoesNotCount", all, "gone", "field", "field", ByGroup},
		{"HighestPriorityOfTheGroup", all, "", "sales", "field", ByGroup},
		{"OldestWithoutAGroup", all, "", "", "old", ByAge},
		{"OldestForAGroupThatNobodyNames", all, "", "lab", "old", ByAge},
		{"SpacesAboutTheDevices", all, "", " field\u00a0", "field", ByGroup},
		{"SpacesAboutTheProfiles", []Profile{of("lab", 3, 0, "\tlab ")}, "", "lab", "lab", ByGroup},
		{"SpacesAlone", []Profile{of("blank", 3, 0, " ")}, "", "  ", "", ""},
		{"NothingForAGroupOnly", all[2:5], "", "lab", "", ""},
		{"Nothing", nil, "", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, why, ok := NewSet(tt.all).Governing(tt.explicit, tt.group)
			if ok != (tt.want != "") || ok && p.ID != tt.want || why != tt.why {
				t.Errorf("%v governs (%s)", p, why)
			}
		})
	}
}
