package table_test

import (
	order "cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapas/localstack/deployment"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

const phone = caller.DeviceID("00000000000000000000PHONE0")

func TestStatuses(t *testing.T) {
	t.Parallel()

	t.Run("ReadBackAsWritten", func(t *testing.T) {
		t.Parallel()
		s, n := open(t).statuses(), 0
		rapid.Check(t, func(r *rapid.T) {
			n++
			want := made[fleet.Status]().Draw(r, "status")
			want.Device = id[caller.DeviceID](n)
			slices.Sort(want.Tell)
			want.Tell = slices.Compact(want.Tell) // a set
			must(r, s.CreateStatus(t.Context(), want))
			got, err := s.Status(t.Context(), want.Device)
			must(r, err)
			same(r, got, want)
		})
	})

	t.Run("NewPhoneHasOnlyWhatIsKnown", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		want := fleet.Status{Device: phone, Owner: user, Label: "Phone", Platform: "android", EnrolledAt: start, Seen: fleet.Seen{AppVersion: "1.0"}}
		must(t, w.statuses().CreateStatus(t.Context(), want))
		got, err := w.statuses().Status(t.Context(), phone)
		must(t, err)
		same(t, got, want)
		same(t, names(w.row(t, deployment.Table, "F#"+string(phone), "STATUS")), map[string]bool{"PK": true, "SK": true, "id": true,
			"owner": true, "label": true, "platform": true, "enrolledAt": true, "seen": true, "fleet": true, "fleetKey": true})
	})

	t.Run("CreatedOnce", func(t *testing.T) {
		t.Parallel()
		s := open(t).statuses()
		must(t, s.CreateStatus(t.Context(), fleet.Status{Device: phone, Owner: user, Label: "first"}),
			s.CreateStatus(t.Context(), fleet.Status{Device: phone, Owner: user, Label: "second"}))
		got, err := s.Status(t.Context(), phone)
		must(t, err)
		same(t, got.Label, "first")
	})

	t.Run("NoSuchDevice", func(t *testing.T) {
		t.Parallel()
		_, err := open(t).statuses().Status(t.Context(), phone)
		wantKind(t, err, fault.NotFound)
	})

	t.Run("OfOwner", func(t *testing.T) {
		t.Parallel()
		s := open(t).statuses()
		long := strings.Repeat("x", 200_000) // more than a page of an answer holds
		for n := range 8 {
			must(t, s.CreateStatus(t.Context(), fleet.Status{Device: id[caller.DeviceID](n), Owner: user, Label: "a", Model: long}))
		}
		must(t, s.CreateStatus(t.Context(), fleet.Status{Device: id[caller.DeviceID](9), Owner: "other", Label: "a"}))
		all, err := s.OfOwner(t.Context(), user)
		must(t, err)
		same(t, devices(all), ids(0, 1, 2, 3, 4, 5, 6, 7))
		all, err = s.OfOwner(t.Context(), "nobody")
		must(t, err)
		same(t, len(all), 0)
	})
}

func devices(all []fleet.Status) (out []caller.DeviceID) {
	for _, s := range all {
		out = append(out, s.Device)
	}
	return out
}

func ids(ns ...int) (out []caller.DeviceID) {
	for _, n := range ns {
		out = append(out, id[caller.DeviceID](n))
	}
	return out
}

// TestNote: each member is written alone or with the others; a backup that is older than the one noted is not, and does
// not keep the others from being written.
func TestNote(t *testing.T) {
	t.Parallel()
	seen := fleet.Seen{At: start.Add(time.Hour), AppVersion: "2", Coverage: map[string]string{"calls": "denied"}}
	run := fleet.Run{At: start.Add(2 * time.Hour), Profile: "P", Session: "S", Deadline: start.Add(9 * time.Hour)}
	stored := func(seq int64) *fleet.Stored {
		return &fleet.Stored{At: start.Add(3 * time.Hour), Seq: seq, Counts: map[string]int64{"sms": seq}}
	}
	unchanged := start.Add(4 * time.Hour)
	before := fleet.Status{Device: phone, Owner: user, Label: "Phone", EnrolledAt: start, Seen: fleet.Seen{AppVersion: "1"}}
	held := before
	held.Stored = *stored(7)
	grouped := before
	grouped.Group, grouped.Explicit = "field", "P"
	announced, marked := before, fleet.Overdue{Slot: start, Since: start.Add(time.Hour)}
	announced.Overdue, announced.Tell, announced.Look = marked, []string{"one", "two"}, fleet.Look{At: start.Add(time.Hour), Overdue: "P"}
	later := held
	later.Overdue, later.Look = marked, fleet.Look{At: unchanged}
	proven := fleet.Proven{At: start.Add(5 * time.Hour), Snapshot: "N1"}
	good := before
	good.Proven = proven
	for _, test := range []struct {
		name   string
		before fleet.Status
		c      fleet.Change
		change func(s *fleet.Status)
	}{
		{"Nothing", before, fleet.Change{}, func(*fleet.Status) {}},
		{"Seen", before, fleet.Change{Seen: &seen}, func(s *fleet.Status) { s.Seen = seen }},
		{"Run", before, fleet.Change{Run: &run}, func(s *fleet.Status) { s.Run = run }},
		{"UnchangedAt", before, fleet.Change{UnchangedAt: &unchanged}, func(s *fleet.Status) { s.UnchangedAt = unchanged }},
		{"Proven", before, fleet.Change{Proven: &proven}, func(s *fleet.Status) { s.Proven = proven }},
		{"ProvenAgain", good, fleet.Change{Proven: &fleet.Proven{At: start, Snapshot: "N2"}}, func(s *fleet.Status) { s.Proven = fleet.Proven{At: start, Snapshot: "N2"} }},
		{"DamagedAfterAProof", good, fleet.Change{DamagedAt: &unchanged}, func(s *fleet.Status) { s.DamagedAt = unchanged }},
		{"FirstBackup", before, fleet.Change{Stored: stored(1)}, func(s *fleet.Status) { s.Stored = *stored(1) }},
		{"NewerBackup", held, fleet.Change{Stored: stored(8)}, func(s *fleet.Status) { s.Stored = *stored(8) }},
		{"SameBackupAgain", held, fleet.Change{Stored: &fleet.Stored{At: start, Seq: 7}}, func(s *fleet.Status) { s.Stored = fleet.Stored{At: start, Seq: 7} }},
		{"OlderBackup", held, fleet.Change{Stored: stored(6)}, func(*fleet.Status) {}},
		{"OlderBackupAndMore", held, fleet.Change{Stored: stored(6), Seen: &seen, Run: &run, UnchangedAt: &unchanged},
			func(s *fleet.Status) { s.Seen, s.Run, s.UnchangedAt = seen, run, unchanged }},
		{"Label", before, fleet.Change{Label: new("Work")}, func(s *fleet.Status) { s.Label = "Work" }},
		{"Group", before, fleet.Change{Group: new("field")}, func(s *fleet.Status) { s.Group = "field" }},
		{"NoGroup", grouped, fleet.Change{Group: new("")}, func(s *fleet.Status) { s.Group = "" }},
		{"OwnProfile", before, fleet.Change{Explicit: new(profile.ID("P"))}, func(s *fleet.Status) { s.Explicit = "P" }},
		{"NoOwnProfileAndAnotherLabel", grouped, fleet.Change{Explicit: new(profile.ID("")), Label: new("Work")}, func(s *fleet.Status) { s.Explicit, s.Label = "", "Work" }},
		{"Platform", before, fleet.Change{Platform: new("ios")}, func(s *fleet.Status) { s.Platform = "ios" }},
		{"Governs", before, fleet.Change{Governs: &fleet.Governs{Profile: "P", Since: start}}, func(s *fleet.Status) { s.Governs = fleet.Governs{Profile: "P", Since: start} }},
		{"NothingGoverns", before, fleet.Change{Governs: &fleet.Governs{Since: start}}, func(s *fleet.Status) { s.Governs = fleet.Governs{Since: start} }},
		{"Failed", before, fleet.Change{Failed: &fleet.Failed{At: start, Session: "S"}}, func(s *fleet.Status) { s.Failed = fleet.Failed{At: start, Session: "S"} }},
		{"Overdue", before, fleet.Change{Overdue: &marked, Look: &announced.Look}, func(s *fleet.Status) { s.Overdue, s.Look = marked, announced.Look }},
		{"NotOverdueAnyMore", announced, fleet.Change{Overdue: &fleet.Overdue{}, Look: &fleet.Look{At: unchanged}}, func(s *fleet.Status) { s.Overdue, s.Look = fleet.Overdue{}, fleet.Look{At: unchanged} }},
		{"OverdueThoughOlderBackup", later, fleet.Change{Stored: stored(6), Overdue: &fleet.Overdue{}, Look: &fleet.Look{At: start}}, func(*fleet.Status) {}},
		{"NowhereToLookFor", announced, fleet.Change{Look: &fleet.Look{}}, func(s *fleet.Status) { s.Look = fleet.Look{} }},
		{"Tell", announced, fleet.Change{Tell: []string{"two", "three"}}, func(s *fleet.Status) { s.Tell = []string{"one", "three", "two"} }},
		{"FirstToTell", before, fleet.Change{Tell: []string{"one"}}, func(s *fleet.Status) { s.Tell = []string{"one"} }},
		{"Told", announced, fleet.Change{Told: []string{"one"}}, func(s *fleet.Status) { s.Tell = []string{"two"} }},
		{"AllTold", announced, fleet.Change{Told: []string{"one", "two", "three"}}, func(s *fleet.Status) { s.Tell = nil }},
		{"RetiredAndLate", announced, fleet.Change{Trust: new(fleet.Retired), Look: &fleet.Look{At: start}}, func(s *fleet.Status) { s.Trust, s.Look = fleet.Retired, fleet.Look{} }},
		{"Trust", before, fleet.Change{Trust: new(fleet.Retired)}, func(s *fleet.Status) { s.Trust = fleet.Retired }},
		{"Everything", held, fleet.Change{Stored: stored(10), Seen: &seen, Run: &run, UnchangedAt: &unchanged},
			func(s *fleet.Status) { s.Stored, s.Seen, s.Run, s.UnchangedAt = *stored(10), seen, run, unchanged }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for name, strikes := range map[string][]strike{"": nil, "AnswerLost": {lostAfter}, "FailedBefore": {lostBefore}} {
				w := open(t)
				s := w.statuses()
				must(t, s.CreateStatus(t.Context(), test.before))
				w.wire.strike(strikes...)
				c := test.c
				answered, err := s.Note(t.Context(), phone, c)
				must(t, err)
				same(t, c, test.c) // Note leaves its argument alone
				got, err := s.Status(t.Context(), phone)
				must(t, err)
				want := test.before
				test.change(&want)
				if moved := got.Rev > test.before.Rev; moved == cmp.Equal(want, test.before) && !strings.HasPrefix(test.name, "Same") {
					t.Errorf("its number is %d, and was %d", got.Rev, test.before.Rev)
				}
				want.Rev = got.Rev
				same(t, answered, want)
				if same(t, got, want); t.Failed() {
					t.Fatalf("after strike %q", name)
				}
			}
			_, err := open(t).statuses().Note(t.Context(), phone, test.c)
			wantKind(t, err, fault.NotFound)
		})
	}

	t.Run("InThePlaceOfWhatWasRead", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		s := w.statuses()
		must(t, s.CreateStatus(t.Context(), before))
		for n := range int64(3) {
			for _, rev := range []int64{n - 1, n + 1} {
				_, err := s.Note(t.Context(), phone, fleet.Change{Run: &run, Rev: &rev})
				wantKind(t, err, fault.Conflict)
			}
			got, err := s.Note(t.Context(), phone, fleet.Change{Run: &run, Rev: &n})
			must(t, err)
			same(t, got.Rev, n+1)
		}
		w.wire.strike(lostAfter)
		_, err := s.Note(t.Context(), phone, fleet.Change{Run: &run, Rev: new(int64(3))})
		wantKind(t, err, fault.Conflict) // its own effect: who reads it again sees that
		_, err = s.Note(t.Context(), "nobody", fleet.Change{Run: &run, Rev: new(int64(3))})
		wantKind(t, err, fault.NotFound)
	})

	t.Run("Unanswered", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		must(t, w.statuses().CreateStatus(t.Context(), before))
		w.wire.strike(lostBefore, lostBefore, lostBefore)
		_, err := w.statuses().Note(t.Context(), phone, fleet.Change{Run: &run})
		wantKind(t, err, fault.Unavailable)
	})

	t.Run("AnOrderIsBeingWritten", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		must(t, w.statuses().CreateStatus(t.Context(), before))
		w.wire.strike(refusal(400, "TransactionConflictException"))
		_, err := w.statuses().Note(t.Context(), phone, fleet.Change{Run: &run})
		wantKind(t, err, fault.Unavailable)
	})
}

// TestList: the shards read as one list in the order of labels, whatever their case, in pages whose edges lose and
// repeat nothing.
func TestList(t *testing.T) {
	t.Parallel()

	t.Run("Order", func(t *testing.T) {
		t.Parallel()
		s := open(t).statuses()
		labels := []string{"phone 2", "Phone", "phone", "Żaba", "aparat", "Phone#1", "phone!"}
		for n, l := range labels {
			must(t, s.CreateStatus(t.Context(), fleet.Status{Device: id[caller.DeviceID](n), Owner: user, Label: l}))
		}
		all, next, err := s.List(t.Context(), fleet.Which{}, "", 200)
		must(t, err)
		same(t, devices(all), ids(4, 1, 2, 0, 6, 5, 3))
		same(t, next, "")
	})

	t.Run("Pages", func(t *testing.T) {
		t.Parallel()
		s := open(t).statuses()
		const devicesAll = 13
		var want []caller.DeviceID
		for n := range devicesAll {
			for limit := 1; limit <= n+2; limit++ {
				same(t, walk(t, s, limit), want)
			}
			must(t, s.CreateStatus(t.Context(), fleet.Status{Device: id[caller.DeviceID](n), Owner: user, Label: fmt.Sprint("label ", n%3)}))
			want = append(want, id[caller.DeviceID](n))
			slices.SortFunc(want, func(a, b caller.DeviceID) int {
				last := func(id caller.DeviceID) int { n, _ := strconv.Atoi(string(id)); return n % 3 }
				return order.Or(order.Compare(last(a), last(b)), order.Compare(a, b))
			})
		}
	})

	t.Run("RowsTooLongForOneAnswer", func(t *testing.T) {
		t.Parallel()
		s := open(t).statuses()
		var want []caller.DeviceID
		for n := range 8 {
			d := id[caller.DeviceID](10 * n) // all end in 0, so that they share a shard
			want = append(want, d)
			must(t, s.CreateStatus(t.Context(), fleet.Status{Device: d, Owner: user, Label: "a", Model: strings.Repeat("x", 200_000)}))
		}
		same(t, walk(t, s, 7), want)
		same(t, walk(t, s, 8), want)
	})

	t.Run("AnotherLabelAnotherPlace", func(t *testing.T) {
		t.Parallel()
		s := open(t).statuses()
		for n, l := range []string{"a", "b", "c"} {
			must(t, s.CreateStatus(t.Context(), fleet.Status{Device: id[caller.DeviceID](n), Owner: user, Label: l}))
		}
		_, err := s.Note(t.Context(), id[caller.DeviceID](0), fleet.Change{Label: new("Z")})
		must(t, err)
		same(t, walk(t, s, 2), ids(1, 2, 0))
	})

	t.Run("RetiredDevicesAreNotInIt", func(t *testing.T) {
		t.Parallel()
		s := open(t).statuses()
		for n := range 3 {
			must(t, s.CreateStatus(t.Context(), fleet.Status{Device: id[caller.DeviceID](n), Owner: user, Label: "a"}))
		}
		for _, c := range []fleet.Change{{Trust: new(fleet.Retired)}, {Trust: new(fleet.Retired)}, {Label: new("b")}} {
			_, err := s.Note(t.Context(), id[caller.DeviceID](1), c)
			must(t, err)
			same(t, walk(t, s, 2), ids(0, 2))
		}
		all, err := s.OfOwner(t.Context(), user)
		must(t, err)
		same(t, len(all), 3)
	})

	t.Run("PositionOfNoList", func(t *testing.T) {
		t.Parallel()
		_, _, err := open(t).statuses().List(t.Context(), fleet.Which{}, "%", 10)
		wantKind(t, err, fault.Invalid)
	})

	t.Run("PositionOfADeviceThatHasGone", func(t *testing.T) {
		t.Parallel()
		s := open(t).statuses()
		for n := range 3 {
			must(t, s.CreateStatus(t.Context(), fleet.Status{Device: id[caller.DeviceID](n), Owner: user, Label: fmt.Sprint("label ", n)}))
		}
		all, _, err := s.List(t.Context(), fleet.Which{}, base64.RawURLEncoding.EncodeToString([]byte("label 0\t7ZZZZZZZZZZZZZZZZZZZZZZZZZ")), 10)
		must(t, err)
		same(t, devices(all), ids(1, 2))
	})

	t.Run("Unanswered", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		w.wire.strike(refusal(400, "AccessDeniedException"))
		_, _, err := w.statuses().List(t.Context(), fleet.Which{}, "", 10)
		wantKind(t, err, fault.Internal)
		same(t, errors.Unwrap(err) != nil, true)
	})
}

// walk reads the whole list, and holds every page but the last to be full, and the last not to be empty after another.
func walk(t *testing.T, s fleet.Statuses, limit int) (all []caller.DeviceID) {
	t.Helper()
	position := ""
	for {
		page, next, err := s.List(t.Context(), fleet.Which{}, position, limit)
		must(t, err)
		if len(page) > limit || next != "" && len(page) != limit || position != "" && len(page) == 0 {
			t.Fatalf("a page of at most %d has %d devices, after %q and before %q", limit, len(page), position, next)
		}
		all = append(all, devices(page)...)
		if position = next; position == "" {
			return all
		}
	}
}
