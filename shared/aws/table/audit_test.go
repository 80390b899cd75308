package table_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fault"
)

// TestAudit_Pages: the pages of any query, put together, are the records that a plain search finds, newest first, also
// while new ones are appended.
func TestAudit_Pages(t *testing.T) {
	t.Parallel()
	w, n, midnight := open(t), 0, start.Truncate(24*time.Hour)
	rapid.Check(t, func(r *rapid.T) {
		midnight = midnight.AddDate(0, 0, 100) // each case has days of its own
		record := func(at time.Time) audit.Record {
			n++
			made := audit.Record{At: at, Who: id[caller.UserID](rapid.IntRange(1, 2).Draw(r, "who")),
				ID:     fmt.Sprintf("%04d%021d%c", rapid.IntRange(0, 2).Draw(r, "id"), n, rapid.SampledFrom([]byte("00000123456789")).Draw(r, "end")),
				Action: rapid.SampledFrom([]audit.Action{audit.KeyBackup, audit.DeviceRetired}).Draw(r, "action"),
				Target: id[string](rapid.IntRange(1, 2).Draw(r, "target"))}
			must(r, w.audit().Append(t.Context(), made))
			return made
		}
		var all []audit.Record
		for range rapid.IntRange(0, 25).Draw(r, "records") {
			// Many of one moment, and some on both sides of midnight.
			day := rapid.SampledFrom([]int{0, 0, 1, 9}).Draw(r, "day")
			in := rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Hour, 24*time.Hour - time.Millisecond}).Draw(r, "in")
			all = append(all, record(midnight.AddDate(0, 0, day).Add(in)))
		}
		from := rapid.IntRange(-1, 1).Draw(r, "from")
		q := audit.Query{From: midnight.AddDate(0, 0, from), To: midnight.AddDate(0, 0, from+rapid.SampledFrom([]int{0, 0, 1, 2, 9}).Draw(r, "days")), Limit: rapid.IntRange(1, 9).Draw(r, "limit")}
		if rapid.Bool().Draw(r, "of one") {
			q.Who = id[caller.UserID](1)
		}
		if rapid.Bool().Draw(r, "of one action") {
			q.Action = audit.KeyBackup
		}
		if rapid.Bool().Draw(r, "of one target") {
			q.Target = id[string](1)
		}
		want := slices.DeleteFunc(all, func(a audit.Record) bool {
			return a.At.Before(q.From) || !a.At.Before(q.To.Add(24*time.Hour)) || q.Who != "" && a.Who != q.Who || q.Action != "" && a.Action != q.Action ||
				q.Target != "" && a.Target != q.Target
		})
		slices.SortFunc(want, func(a, b audit.Record) int {
			return strings.Compare(b.At.Format("2006-01-02T15:04:05.000")+b.ID, a.At.Format("2006-01-02T15:04:05.000")+a.ID)
		})
		var got []audit.Record
		for range 100 {
			page, next, err := audit.List(t.Context(), w.audit(), q)
			must(r, err)
			if len(page) > q.Limit {
				r.Fatalf("a page of %d has %d", q.Limit, len(page))
			}
			got = append(got, page...)
			if q.Cursor = next; next == "" {
				break
			}
			if len(got) > 0 { // what is appended now is newer than what was read
				record(got[0].At.Add(time.Millisecond))
			}
		}
		if q.Cursor != "" {
			r.Fatal("the pages never end")
		}
		same(r, got, want)
	})
}

// TestAudit_Bounds: a page ends where the work for it would grow too much, and the next goes on there.
func TestAudit_Bounds(t *testing.T) {
	t.Parallel()
	w, midnight := open(t), start.Truncate(24*time.Hour)
	const many = 1_001
	for n := range many {
		must(t, w.audit().Append(t.Context(), audit.Record{ID: id[string](n), At: midnight.Add(time.Duration(n) * time.Second), Who: id[caller.UserID](min(n, 1)), Action: audit.KeyBackup}))
	}
	q := audit.Query{From: midnight, To: midnight.AddDate(0, 0, audit.MaxDays-1), Who: id[caller.UserID](0), Limit: 200}
	var pages []int
	for {
		page, next, err := audit.List(t.Context(), w.audit(), q)
		must(t, err)
		pages = append(pages, len(page))
		if q.Cursor = next; next == "" {
			break
		}
	}
	// Seven days a page, four times; then those with records: 1,000 that are passed over, and the one that is left.
	same(t, pages, []int{0, 0, 0, 0, 0, 1})
}

// TestAudit_Refused: what is no query is refused, at the edge of each limit.
func TestAudit_Refused(t *testing.T) {
	t.Parallel()
	w, day := open(t), start.Truncate(24*time.Hour)
	for n := range 2 {
		must(t, w.audit().Append(t.Context(), audit.Record{ID: id[string](n), At: start}))
	}
	_, cursor, err := audit.List(t.Context(), w.audit(), audit.Query{From: day, To: day, Limit: 1})
	must(t, err)
	for name, tt := range map[string]struct {
		change func(q *audit.Query)
		want   fault.Kind
	}{
		"OneDay":            {func(*audit.Query) {}, ok},
		"Longest":           {func(q *audit.Query) { q.To = day.AddDate(0, 0, 30) }, ok},
		"TooLong":           {func(q *audit.Query) { q.To = day.AddDate(0, 0, 31) }, fault.Invalid},
		"Backwards":         {func(q *audit.Query) { q.To = day.AddDate(0, 0, -1) }, fault.Invalid},
		"Somebody":          {func(q *audit.Query) { q.Who = id[caller.UserID](1) }, ok},
		"NobodysID":         {func(q *audit.Query) { q.Who = "anna" }, fault.Invalid},
		"Action":            {func(q *audit.Query) { q.Action = audit.ProfileCopied }, ok},
		"NoAction":          {func(q *audit.Query) { q.Action = "profile.read" }, fault.Invalid},
		"ItsCursor":         {func(q *audit.Query) { q.Cursor = cursor }, ok},
		"CursorOfOtherDays": {func(q *audit.Query) { q.Cursor, q.From, q.To = cursor, day.AddDate(0, 0, 1), day.AddDate(0, 0, 1) }, fault.Invalid},
		"CursorOfDaysAgo":   {func(q *audit.Query) { q.Cursor, q.From, q.To = cursor, day.AddDate(0, 0, -1), day.AddDate(0, 0, -1) }, fault.Invalid},
		"NoBase64":          {func(q *audit.Query) { q.Cursor = "!" }, fault.Invalid},
		"NoTime":            {func(q *audit.Query) { q.Cursor = "AAAA" }, fault.Invalid},
		"CursorCutOff":      {func(q *audit.Query) { q.Cursor = cursor[:34] }, fault.Invalid},
	} {
		q := audit.Query{From: day, To: day, Limit: 10}
		tt.change(&q)
		t.Run(name, func(t *testing.T) {
			_, _, err := audit.List(t.Context(), w.audit(), q)
			wantKind(t, err, tt.want)
		})
	}
}
