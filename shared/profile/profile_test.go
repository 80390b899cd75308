package profile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func lawful() Profile {
	return Profile{Name: "Every night", Enabled: true, Elements: []string{"contacts", "messages", "calls"}, Location: "eu",
		Schedule: Schedule{Kind: Daily, At: "02:00", Zone: "Europe/Warsaw"}, Region: "PL"}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	locations := []Location{{ID: "eu"}}
	if f := lawful().check(locations); len(f) > 0 {
		t.Fatalf("a lawful profile is refused: %v", f)
	}
	groups := make([]string, MaxDeviceGroups)
	for i := range groups {
		groups[i] = fmt.Sprintf("group %03d", i)
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
			}
		})
	}
}

func TestNormal(t *testing.T) {
	t.Parallel()
	p := Profile{Name: " Night ", Elements: []string{"calls", "contacts"}, DeviceGroups: []string{"b", "a"}}
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
		{"NothingForAGroupOnly", all[2:5], "", "lab", "", ""},
		{"Nothing", nil, "", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, why, ok := Governing(tt.all, tt.explicit, tt.group)
			if p.ID != tt.want || why != tt.why || ok != (tt.want != "") {
				t.Errorf("%q governs (%s)", p.ID, why)
			}
		})
	}
}
