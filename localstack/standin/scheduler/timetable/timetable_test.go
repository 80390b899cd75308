package timetable_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapas/localstack/standin/scheduler/timetable"
)

func parse(t testing.TB, expression, zone, anchor string) (timetable.Table, error) {
	t.Helper()
	z, err := timetable.Zone(zone)
	if err != nil {
		t.Fatal(err)
	}
	return timetable.Parse(expression, z, at(t, anchor))
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// following are the next times after one, in UTC.
func following(t testing.TB, table timetable.Table, after time.Time, n int) (times []string) {
	t.Helper()
	for range n {
		next, ok := table.After(after)
		if !ok {
			return append(times, "never")
		}
		if !next.After(after) {
			t.Fatalf("after %v comes %v", after, next)
		}
		times, after = append(times, next.UTC().Format("2006-01-02T15:04:05Z")), next
	}
	return times
}

// TestAfter: all from the page "Schedule types in EventBridge Scheduler" (EventBridge Scheduler User Guide); the numbers
// are those of a calendar on paper.
func TestAfter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		expression, zone, after string
		want                    string
	}{
		"CronDaily":                {"cron(15 10 * * ? *)", "UTC", "2024-02-28T10:15:00Z", "2024-02-29T10:15:00Z 2024-03-01T10:15:00Z"},
		"CronSameMinute":           {"cron(15 10 * * ? *)", "UTC", "2024-02-28T10:14:59Z", "2024-02-28T10:15:00Z"},
		"CronIncrement":            {"cron(1/25 0 * * ? *)", "UTC", "2024-02-29T00:00:00Z", "2024-02-29T00:01:00Z 2024-02-29T00:26:00Z 2024-02-29T00:51:00Z 2024-03-01T00:01:00Z"},
		"CronIncrementOfAll":       {"cron(*/30 12 * * ? *)", "UTC", "2024-02-29T00:00:00Z", "2024-02-29T12:00:00Z 2024-02-29T12:30:00Z"},
		"CronIncrementInRange":     {"cron(10-40/20 12 * * ? *)", "UTC", "2024-02-29T00:00:00Z", "2024-02-29T12:10:00Z 2024-02-29T12:30:00Z 2024-03-01T12:10:00Z"},
		"CronListAndRange":         {"cron(0 8-9,17 ? * MON-FRI *)", "UTC", "2024-03-01T08:00:00Z", "2024-03-01T09:00:00Z 2024-03-01T17:00:00Z 2024-03-04T08:00:00Z"},
		"CronListOutOfOrder":       {"cron(30,0 5 * * ? *)", "UTC", "2024-03-01T00:00:00Z", "2024-03-01T05:00:00Z 2024-03-01T05:30:00Z"},
		"CronSundayIsOne":          {"cron(0 0 ? * 1 *)", "UTC", "2024-03-01T00:00:00Z", "2024-03-03T00:00:00Z 2024-03-10T00:00:00Z"},
		"CronMonthNames":           {"cron(0 0 1 JAN,JUL ? *)", "UTC", "2024-01-01T00:00:00Z", "2024-07-01T00:00:00Z 2025-01-01T00:00:00Z"},
		"CronLeapDay":              {"cron(0 0 29 2 ? *)", "UTC", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"},
		"CronMonthEnd":             {"cron(0 0 31 * ? *)", "UTC", "2024-03-31T00:00:00Z", "2024-05-31T00:00:00Z 2024-07-31T00:00:00Z 2024-08-31T00:00:00Z"},
		"CronLastDay":              {"cron(0 0 L * ? *)", "UTC", "2024-01-31T00:00:00Z", "2024-02-29T00:00:00Z 2024-03-31T00:00:00Z 2024-04-30T00:00:00Z"},
		"CronLastDayOfWeek":        {"cron(0 0 ? * L *)", "UTC", "2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z 2024-03-09T00:00:00Z"},
		"CronLastFriday":           {"cron(15 10 ? * 6L 2022-2023)", "UTC", "2022-01-01T00:00:00Z", "2022-01-28T10:15:00Z 2022-02-25T10:15:00Z 2022-03-25T10:15:00Z"},
		"CronLastFridayEnds":       {"cron(15 10 ? * 6L 2022-2023)", "UTC", "2023-12-29T10:14:00Z", "2023-12-29T10:15:00Z never"},
		"CronThirdTuesday":         {"cron(0 0 ? * 3#3 *)", "UTC", "2024-03-01T00:00:00Z", "2024-03-19T00:00:00Z 2024-04-16T00:00:00Z"},
		"CronFifthByName":          {"cron(0 0 ? * FRI#5 *)", "UTC", "2024-03-01T00:00:00Z", "2024-03-29T00:00:00Z 2024-05-31T00:00:00Z"},
		"CronWeekday":              {"cron(0 0 3W * ? *)", "UTC", "2024-01-03T00:00:00Z", "2024-02-02T00:00:00Z 2024-03-04T00:00:00Z 2024-04-03T00:00:00Z"},
		"CronWeekdayOfTheFirst":    {"cron(0 0 1W 6 ? *)", "UTC", "2024-01-01T00:00:00Z", "2024-06-03T00:00:00Z 2025-06-02T00:00:00Z"},
		"CronWeekdayAtTheEnd":      {"cron(0 0 31W 3 ? *)", "UTC", "2024-01-01T00:00:00Z", "2024-03-29T00:00:00Z 2025-03-31T00:00:00Z"},
		"CronWeekdayOfNone":        {"cron(0 0 31W 2,3 ? *)", "UTC", "2024-01-01T00:00:00Z", "2024-03-29T00:00:00Z"},
		"CronYears":                {"cron(0 0 1 1 ? 2030/10)", "UTC", "2024-01-01T00:00:00Z", "2030-01-01T00:00:00Z 2040-01-01T00:00:00Z"},
		"CronLastYear":             {"cron(0 0 1 1 ? *)", "UTC", "2198-06-01T00:00:00Z", "2199-01-01T00:00:00Z never"},
		"ZoneSkipsAtGap":           {"cron(30 2 * * ? *)", "Europe/Berlin", "2024-03-30T12:00:00+01:00", "2024-04-01T00:30:00Z"},
		"ZoneGapHourly":            {"cron(0 * * * ? *)", "Europe/Berlin", "2024-03-31T00:30:00+01:00", "2024-03-31T00:00:00Z 2024-03-31T01:00:00Z 2024-03-31T02:00:00Z"},
		"ZoneOnceAtOverlap":        {"cron(30 2 * * ? *)", "Europe/Berlin", "2024-10-26T12:00:00+02:00", "2024-10-27T00:30:00Z 2024-10-28T01:30:00Z"},
		"ZoneOnceWithinOverlap":    {"cron(30 2 * * ? *)", "Europe/Berlin", "2024-10-27T01:00:00Z", "2024-10-28T01:30:00Z"},
		"ZoneOverlapHourly":        {"cron(0 * * * ? *)", "Europe/Berlin", "2024-10-26T23:30:00Z", "2024-10-27T00:00:00Z 2024-10-27T02:00:00Z"},
		"ZoneGapAmerica":           {"cron(30 2 * * ? *)", "America/New_York", "2024-03-09T12:00:00Z", "2024-03-11T06:30:00Z"},
		"ZoneGapAtMidnight":        {"cron(15 0 * * ? *)", "America/Santiago", "2024-09-07T12:00:00Z", "2024-09-09T03:15:00Z"},
		"ZoneOverlapBeforeDay":     {"cron(30 23 * * ? *)", "America/Santiago", "2024-04-06T12:00:00Z", "2024-04-07T02:30:00Z 2024-04-08T03:30:00Z"},
		"ZoneHalfHourShift":        {"cron(45 1 * * ? *)", "Australia/Lord_Howe", "2024-04-06T00:00:00Z", "2024-04-06T14:45:00Z 2024-04-07T15:15:00Z"},
		"ZoneQuarterHour":          {"cron(0 0 * * ? *)", "Asia/Kathmandu", "2024-03-01T00:00:00Z", "2024-03-01T18:15:00Z"},
		"ZoneFarEast":              {"cron(0 0 * * ? *)", "Pacific/Kiritimati", "2024-03-01T00:00:00Z", "2024-03-01T10:00:00Z"},
		"ZoneFarWest":              {"cron(0 23 * * ? *)", "Pacific/Pago_Pago", "2024-03-01T00:00:00Z", "2024-03-01T10:00:00Z"},
		"ZoneWithoutADay":          {"cron(0 12 30 12 ? *)", "Pacific/Apia", "2010-12-31T00:00:00Z", "2012-12-29T22:00:00Z"},
		"ZoneAlias":                {"cron(0 0 * * ? *)", "Asia/Calcutta", "2024-03-01T00:00:00Z", "2024-03-01T18:30:00Z"},
		"AtIsOnce":                 {"at(2024-11-20T13:00:00)", "UTC", "2024-11-20T12:59:59Z", "2024-11-20T13:00:00Z never"},
		"AtInZone":                 {"at(2024-07-01T00:00:00)", "America/New_York", "2024-01-01T00:00:00Z", "2024-07-01T04:00:00Z never"},
		"AtOverlap":                {"at(2024-10-27T02:30:00)", "Europe/Berlin", "2024-01-01T00:00:00Z", "2024-10-27T00:30:00Z never"},
		"RateFromAnchor":           {"rate(5 minutes)", "UTC", "2023-01-01T00:00:00Z", "2024-01-01T00:00:07Z 2024-01-01T00:05:07Z"},
		"RateOne":                  {"rate(1 hour)", "UTC", "2024-01-01T00:00:07Z", "2024-01-01T01:00:07Z"},
		"RateOfADayIgnoresDaytime": {"rate(1 day)", "Europe/Berlin", "2024-03-30T12:00:00Z", "2024-03-31T00:00:07Z 2024-04-01T00:00:07Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, err := parse(t, c.expression, c.zone, "2024-01-01T00:00:07Z")
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Fields(c.want)
			if diff := cmp.Diff(want, following(t, table, at(t, c.after), len(want))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRefused: the same page, its tables of fields and wildcards, and its notes.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{
		"", "0 0 * * ? *", "cron()", "cron(0 0 * * ?)", "cron(0 0 * * ? * *)", "cron(0 0 * * * *)", "cron(0 0 ? * ? *)", "cron(0 0 1 * MON *)",
		"cron(60 0 * * ? *)", "cron(0 24 * * ? *)", "cron(0 0 0 * ? *)", "cron(0 0 32 * ? *)", "cron(0 0 * 0 ? *)", "cron(0 0 * 13 ? *)", "cron(0 0 ? * 0 *)", "cron(0 0 ? * 8 *)",
		"cron(0 0 * * ? 1969)", "cron(0 0 * * ? 2200)", "cron(? 0 * * ? *)", "cron(0 0 * ? MON *)", "cron(*/0 0 * * ? *)", "cron(*/60 0 * * ? *)", "cron(0/ 0 * * ? *)",
		"cron(5-1 0 * * ? *)", "cron(1- 0 * * ? *)", "cron(1,,2 0 * * ? *)", "cron(-1 0 * * ? *)", "cron(a 0 * * ? *)", "cron(0 0 * MAI ? *)", "cron(0 0 ? * mon *)",
		"cron(0 0 ? * 2/2 *)", "cron(0 0 ? * 3#6 *)", "cron(0 0 ? * 3#0 *)", "cron(0 0 ? * 3#1,6#3 *)", "cron(0 0 L-3 * ? *)", "cron(0 0 LW * ? *)", "cron(0 0 W * ? *)", "cron(0 0 32W * ? *)",
		"cron(0 0 1,3W * ? *)", "cron(0 0 30 2 ? *)", "cron(0 0 31 4,6,9,11 ? *)", "CRON(0 0 * * ? *)", "cron(0 0 * * ? *) ", "cron(00000 0 * * ? *)",
		"rate(0 minutes)", "rate(-1 hours)", "rate(5)", "rate(5 weeks)", "rate(5 seconds)", "rate(1.5 hours)", "rate(5  minutes)", "rate(999999 days)", "rate(5 minutes) ",
		"at(2024-11-20)", "at(2024-11-20T13:00)", "at(2024-11-20T13:00:00Z)", "at(2024-02-30T13:00:00)", "at(2024-11-20T24:00:00)", "at(2024-03-31T02:30:00)", "at(2024-11-20T13:00:00.5)",
	} {
		if _, err := parse(t, expression, "Europe/Berlin", ""); err == nil {
			t.Errorf("%q is taken", expression)
		}
	}
	for _, zone := range []string{"", "Local", "Europe/Zapas", "../UTC", "posixrules"} {
		if _, err := timetable.Zone(zone); err == nil {
			t.Errorf("the zone %q is taken", zone)
		}
	}
}

// TestNothingBetween: whatever the zone, no minute between two times shows on its clocks what the schedule asks for, unless
// they showed it before.
func TestNothingBetween(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, err := timetable.Zone(rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca", "Pacific/Chatham"}).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		minute, hour := rapid.SampledFrom([]string{"0", "30", "59"}).Draw(t, "minute"), rapid.SampledFrom([]string{"*", "0", "1", "2", "3", "23"}).Draw(t, "hour")
		table, err := timetable.Parse("cron("+minute+" "+hour+" * * ? *)", zone, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Date(2024, time.Month(rapid.IntRange(1, 12).Draw(t, "month")), 1, 0, 0, 0, 0, time.UTC)
		shown := map[string]bool{} // the clocks of the day before do not matter
		expected, actual := []time.Time{}, []time.Time{}
		for now := begin.Add(-24 * time.Hour); now.Before(begin.AddDate(0, 1, 0)); now = now.Add(time.Minute) {
			wall := now.In(zone).Format("2006-01-02 15:04")
			due := wall[14:] == ("0" + minute)[len(minute)-1:] && (hour == "*" || wall[11:13] == ("0" + hour)[len(hour)-1:])
			if due && !shown[wall] && now.After(begin) {
				expected = append(expected, now)
			}
			shown[wall] = true
		}
		for now, ok := table.After(begin); ok && now.Before(begin.AddDate(0, 1, 0)); now, ok = table.After(now) {
			actual = append(actual, now.UTC())
		}
		if diff := cmp.Diff(expected, actual); diff != "" {
			t.Fatal(diff)
		}
	})
}
