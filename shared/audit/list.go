package audit

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// MaxDays is how many days one list may span.
const MaxDays = 31

// Bounds of the work for one page. Where they end it, the page is shorter than was asked for, and says where to go on.
const (
	mostRead = 1000 // records
	mostDays = 7
)

// Position is a record's place in time; records of one moment stand in the order of their ids.
type Position struct {
	At time.Time
	ID string
}

// Compare orders positions, the older first.
func (p Position) Compare(q Position) int {
	return cmp.Or(p.At.Compare(q.At), cmp.Compare(p.ID, q.ID))
}

// Position is where r stands.
func (r Record) Position() Position { return Position{At: r.At, ID: r.ID} }

// Book is where records can be read.
type Book interface {
	// Day reads the records of the UTC day in which before stands that are older than before, newest first, at most limit.
	// What was appended when it is called is in it.
	Day(ctx context.Context, before Position, limit int) ([]Record, error)
}

// Query is what of the records is asked for.
type Query struct {
	From, To time.Time     // the first and the last day, UTC; both belong to it
	Who      caller.UserID // "": everybody
	Action   Action        // "": every
	Target   string        // "": whatever it was done to
	Limit    int           // of a page
	Cursor   string        // "": from the newest on
}

// ParseDays reads the days of a query, written as 2026-03-04: one day, or from and to; today when there is none.
func ParseDays(day, from, to string, now time.Time) (first, last time.Time, err error) {
	var wrong []fault.Field
	parse := func(name, s string) time.Time {
		t, err := time.Parse(time.DateOnly, s)
		if err != nil {
			wrong = append(wrong, fault.Field{Pointer: name, Code: "invalid", Detail: "it must be a day such as 2026-03-04"})
		}
		return t
	}
	switch {
	case day != "" && (from != "" || to != ""):
		wrong = append(wrong, fault.Field{Pointer: "day", Code: "invalid", Detail: "it cannot stand beside from and to"})
	case day != "":
		first = parse("day", day)
		last = first
	case from == "" && to == "":
		first = now.UTC().Truncate(24 * time.Hour)
		last = first
	case from == "":
		wrong = append(wrong, fault.Field{Pointer: "from", Code: "missing", Detail: "it is required beside to"})
	case to == "":
		wrong = append(wrong, fault.Field{Pointer: "to", Code: "missing", Detail: "it is required beside from"})
	default:
		first, last = parse("from", from), parse("to", to)
	}
	return first, last, fault.Fields(wrong)
}

func (q Query) check() error {
	var wrong []fault.Field
	switch {
	case q.To.Before(q.From):
		wrong = append(wrong, fault.Field{Pointer: "to", Code: "invalid", Detail: "it is before from"})
	case q.To.Sub(q.From) >= MaxDays*24*time.Hour:
		wrong = append(wrong, fault.Field{Pointer: "to", Code: "invalid", Detail: "it is more than 31 days from from; ask for less at a time"})
	}
	if q.Who != "" && !caller.ValidID(string(q.Who)) {
		wrong = append(wrong, fault.Field{Pointer: "actor", Code: "invalid", Detail: "it is no user's id"})
	}
	if q.Target != "" && !caller.ValidID(q.Target) {
		wrong = append(wrong, fault.Field{Pointer: "target", Code: "invalid", Detail: "it is no id"})
	}
	if q.Action != "" && !slices.Contains(Actions(), q.Action) {
		wrong = append(wrong, fault.Field{Pointer: "act", Code: "unknown", Detail: "nothing of that name is ever recorded"})
	}
	return fault.Fields(wrong)
}

// List reads one page, newest first; next is "" when nothing older is left. Where there is a next, it may turn out to be
// empty. Records that are appended meanwhile move
// nothing: what stood there when the first page was read stands on exactly one page.
func List(ctx context.Context, book Book, q Query) (page []Record, next string, err error) {
	if err := q.check(); err != nil {
		return nil, "", err
	}
	at := Position{At: q.To.Add(24*time.Hour - time.Millisecond), ID: last}
	if q.Cursor != "" {
		if at, err = parseCursor(q.Cursor); err != nil || at.At.Before(q.From) || at.At.Sub(q.To) >= 24*time.Hour {
			return nil, "", fault.Cursor()
		}
	}
	read, days := 0, 0
	for !at.At.Before(q.From) {
		want := min(q.Limit-len(page), mostRead-read)
		if q.Who != "" || q.Action != "" || q.Target != "" {
			want = min(max(want, 100), mostRead-read) // most will be passed over
		}
		found, err := book.Day(ctx, at, want)
		if err != nil {
			return nil, "", err
		}
		read += len(found)
		for _, r := range found {
			at = r.Position()
			if (q.Who == "" || r.Who == q.Who) && (q.Action == "" || r.Action == q.Action) && (q.Target == "" || r.Target == q.Target) {
				page = append(page, r)
			}
			if len(page) == q.Limit {
				return page, at.cursor(), nil
			}
		}
		if len(found) < want { // the day is done
			at = Position{At: at.At.UTC().Truncate(24 * time.Hour).Add(-time.Millisecond), ID: last}
			days++
		}
		if (read >= mostRead || days >= mostDays) && !at.At.Before(q.From) {
			return page, at.cursor(), nil
		}
	}
	return page, "", nil
}

// last stands after every id.
const last = "~"

const cursorTime = "2006-01-02T15:04:05.000Z"

func (p Position) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(p.At.UTC().Format(cursorTime) + "#" + p.ID))
}

func parseCursor(s string) (Position, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return Position{}, err
	}
	at, id, _ := strings.Cut(string(b), "#")
	t, err := time.Parse(cursorTime, at)
	if err == nil && id != last && !caller.ValidID(id) {
		err = fault.New(fault.Invalid, "invalid", "it names no record")
	}
	return Position{At: t, ID: id}, err
}
