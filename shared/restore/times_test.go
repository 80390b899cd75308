package restore_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/restore"
	"zapas/shared/vault"
)

const (
	hour = time.Hour
	day  = 24 * time.Hour
)

// set has the organisation hold restores for hours and let them wait for days.
func (w *world) set(t *testing.T, hours, days int) restore.Settings {
	t.Helper()
	old, err := w.Settings.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.Settings.Edit(t.Context(), caller.Caller{User: "0ADA0000000000000000000000"}, restore.Settings{Hold: hours, Expires: days}, old.Version)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// seen is how a restore stands: on my card, in the list, and to its device ("": it is not told of it), and the code with
// which the device is answered that opens it ("": it opens).
type seen struct{ Card, Listed, Device, Opens string }

func (w *world) seen(t *testing.T, id restore.ID, device caller.Caller) seen {
	t.Helper()
	got := seen{Card: string(w.stored(t, id).State)}
	all, _, err := w.List(t.Context(), w.anna.User, "", 200)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.ID == id {
			got.Listed = string(r.State)
		}
	}
	if all, err = w.ForDevice(t.Context(), device); err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.ID == id {
			got.Device = string(r.State)
		}
	}
	if _, err := w.ToOpen(t.Context(), device, id); err != nil {
		got.Opens = fmt.Sprint(fault.KindOf(err), " ", err.(*fault.Error).Code)
	}
	return got
}

var (
	held    = seen{"held", "held", "held", fmt.Sprint(fault.Conflict, " restore_held")}
	waiting = seen{"waiting", "waiting", "waiting", ""}
	opened  = seen{"opened", "opened", "opened", ""}
	expired = seen{"expired", "expired", "", fmt.Sprint(fault.Gone, " restore_expired")}
)

// TestClock: a hold ends and a consent expires at their very moment, without anybody's doing. What is set counts from
// the consent on, and what is set later changes nothing of it.
func TestClock(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, test := range []struct {
		name          string
		hold, expires int // -1: not set
		opens         time.Duration
		after         time.Duration
		want          seen
	}{
		{"NotSet", -1, -1, 0, 0, waiting},
		{"NotSetToTheLast", -1, -1, 0, 14*day - ms, waiting},
		{"NotSetOver", -1, -1, 0, 14 * day, expired},
		{"NotHeld", 0, 1, 0, 0, waiting},
		{"HeldFromTheFirst", 1, 1, 0, 0, held},
		{"HeldToTheLast", 1, 1, 0, hour - ms, held},
		{"HeldNoLonger", 1, 1, 0, hour, waiting},
		{"WaitsItsTimeAfterTheHold", 1, 1, 0, hour + day - ms, waiting},
		{"AndNoLonger", 1, 1, 0, hour + day, expired},
		{"LongestHold", 72, 90, 0, 72*hour - ms, held},
		{"LongestWait", 72, 90, 0, 72*hour + 90*day - ms, waiting},
		{"LongestWaitOver", 72, 90, 0, 72*hour + 90*day, expired},
		{"OpenedInItsTime", 0, 14, day, 14*day - ms, opened},
		{"OpenedAndOver", 0, 14, day, 14 * day, expired},
		{"OpenedLate", 0, 14, 14*day - ms, 21*day - 2*ms, opened},
		{"OpenedLateAndOver", 0, 14, 14*day - ms, 21*day - ms, expired},
		{"OpenedAtTheVeryEnd", 72, 90, 72*hour + 90*day - ms, 72*hour + 97*day - 2*ms, opened},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			if test.hold >= 0 {
				w.set(t, test.hold, test.expires)
			}
			r := w.consent(t)
			w.set(t, 7, 7)
			if test.opens > 0 {
				w.clock.Advance(test.opens)
				w.opened(t, r)
			}
			w.clock.Advance(test.after - test.opens)
			if d := cmp.Diff(test.want, w.seen(t, r.ID, w.on(phone))); d != "" {
				t.Error(d)
			}
			err := w.Consented(t.Context(), w.anna.User, vault.Session{ID: session, Device: phone, Restore: string(r.ID)})
			if (err == nil) != (test.want == opened) {
				t.Errorf("keys: %v", err)
			}
		})
	}
}

// TestReopened: who opens it again does not prolong it.
func TestReopened(t *testing.T) {
	t.Parallel()
	w := open(t)
	r := w.opened(t, w.consent(t))
	w.clock.Advance(14*day - time.Millisecond)
	read, err := w.ToOpen(t.Context(), w.on(phone), r.ID)
	if err == nil {
		_, err = w.Open(t.Context(), read, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
	}
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Millisecond)
	if d := cmp.Diff(expired, w.seen(t, r.ID, w.on(phone))); d != "" {
		t.Error(d)
	}
}

// TestOver: what is held can be taken back like what waits; what has expired is over; and what a device has written
// counts, though it says so late.
func TestOver(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.set(t, 1, 1)
	taken, left, begun := w.consent(t), w.consent(t), w.consent(t, "messages")
	for range 2 {
		if c, err := w.Cancel(t.Context(), w.anna, taken.ID); err != nil || c.State != restore.Cancelled {
			t.Errorf("held, it is cancelled with %v %v", c.State, err)
		}
	}
	w.clock.Advance(hour)
	w.opened(t, begun)
	w.clock.Advance(7 * day)
	if got := w.stored(t, taken.ID).State; got != restore.Cancelled {
		t.Errorf("cancelled, it is %s", got)
	}
	_, err := w.Cancel(t.Context(), w.anna, left.ID)
	refused(t, err, fault.Conflict, "restore_over")
	if got := w.stored(t, begun.ID).State; got != restore.Expired {
		t.Errorf("opened a lease ago, it is %s", got)
	}
	done, err := w.Finish(t.Context(), w.anna.User, phone, begun.ID, session, map[string]restore.Ledger{"messages": {Planned: 2, Inserted: 2}})
	if err != nil || done.State != restore.Done || w.stored(t, begun.ID).State != restore.Done {
		t.Errorf("reported late, it is %s: %v", done.State, err)
	}
}

// TestEnrolment: a restore that names an enrolment goes to the phone that comes of it, to no other, and to nobody when
// none does in time.
func TestEnrolment(t *testing.T) {
	t.Parallel()
	toNew := restore.Restore{Snapshot: snapshot, Enrolment: enrolment}
	start := func(t *testing.T) (*world, restore.Restore) {
		w := open(t)
		w.expires = w.clock.Now().Add(15 * time.Minute)
		r, err := w.Consent(t.Context(), w.anna, toNew)
		if err != nil {
			t.Fatal(err)
		}
		return w, r
	}
	none := fmt.Sprint(fault.NotFound, " not_found")
	its := func(w *world) caller.Caller {
		return caller.Caller{User: w.anna.User, Device: fresh, Enrolment: enrolment}
	}

	t.Run("GoesToThePhone", func(t *testing.T) {
		t.Parallel()
		w, r := start(t)
		if got := w.stored(t, r.ID); got.State != restore.Waiting || got.Device != "" || got.Enrolment != enrolment {
			t.Errorf("asked for, it is %+v", got)
		}
		w.enrolled = fresh
		w.clock.Advance(time.Hour) // the code has long expired: used, it does not matter
		if got := w.stored(t, r.ID); got.Device != fresh {
			t.Errorf("enrolled, its device is %q", got.Device)
		}
		for name, other := range map[string]caller.Caller{
			"OtherDevice":    w.on(phone),
			"OtherEnrolment": {User: w.anna.User, Device: phone, Enrolment: "01ENR0VMENT000000000000001"},
			"OtherUser":      {User: "0P10TR00000000000000000000", Device: fresh, Enrolment: enrolment},
			"NotConfirmed":   {User: w.anna.User, Device: fresh, Enrolment: enrolment, Unconfirmed: true},
		} {
			if got := w.seen(t, r.ID, other); got.Device != "" || got.Opens != none {
				t.Errorf("%s: %+v", name, got)
			}
		}
		if d := cmp.Diff(waiting, w.seen(t, r.ID, its(w))); d != "" {
			t.Error(d)
		}
		read, err := w.ToOpen(t.Context(), its(w), r.ID)
		if err == nil {
			_, err = w.Open(t.Context(), read, session)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.enrolled = "" // from here on the restore itself knows
		if got := w.stored(t, r.ID); got.State != restore.Opened || got.Device != fresh {
			t.Errorf("opened, it is %+v", got)
		}
		if err := w.Consented(t.Context(), w.anna.User, vault.Session{ID: session, Device: fresh, Restore: string(r.ID)}); err != nil {
			t.Error(err)
		}
		if err := w.Consented(t.Context(), w.anna.User, vault.Session{ID: session, Device: phone, Restore: string(r.ID)}); err == nil {
			t.Error("another device has consent")
		}
	})

	t.Run("ExpiresWithTheCode", func(t *testing.T) {
		t.Parallel()
		w, r := start(t)
		w.clock.Advance(15*time.Minute - time.Millisecond)
		if got := w.stored(t, r.ID).State; got != restore.Waiting {
			t.Errorf("to the last moment of the code it is %s", got)
		}
		w.clock.Advance(time.Millisecond)
		if got := w.seen(t, r.ID, w.on(phone)); got.Card != "expired" || got.Listed != "expired" {
			t.Errorf("with the code it is %+v", got)
		}
		w.Enrolled = func(context.Context, caller.UserID, string) (caller.DeviceID, time.Time, error) {
			return "", time.Time{}, fault.New(fault.NotFound, "not_found", "It has gone.")
		}
		if got := w.stored(t, r.ID).State; got != restore.Expired {
			t.Errorf("when the code's row has gone, it is %s", got)
		}
	})

	t.Run("TheUsualTimesHold", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		w.set(t, 2, 1)
		w.expires, w.enrolled = w.clock.Now().Add(15*time.Minute), fresh
		w.enrolled = ""
		r, err := w.Consent(t.Context(), w.anna, toNew)
		if err != nil || r.State != restore.Held {
			t.Fatalf("it is %s: %v", r.State, err)
		}
		w.enrolled = fresh
		for _, row := range []struct {
			at   time.Duration
			want seen
		}{{0, held}, {2*hour - 1, held}, {1, waiting}, {day - 1, waiting}, {1, expired}} {
			w.clock.Advance(row.at)
			if d := cmp.Diff(row.want, w.seen(t, r.ID, its(w))); d != "" {
				t.Error(d)
			}
		}
	})

	t.Run("TheSameOfAllThatIsNotHis", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		w.retired = fresh
		now := w.clock.Now()
		for _, row := range []struct {
			name     string
			ask      string
			enrolled caller.DeviceID
			expires  time.Time
			good     bool
		}{
			{"Unknown", "01ENR0VMENT000000000000001", "", now.Add(time.Minute), false},
			{"ToTheLast", enrolment, "", now.Add(time.Millisecond), true},
			{"Expired", enrolment, "", now, false},
			{"UsedByHisPhone", enrolment, phone, now.Add(time.Minute), true},
			{"UsedByHisPhoneAndExpired", enrolment, phone, now, false},
			{"UsedByAPhoneNotInUse", enrolment, fresh, now.Add(time.Minute), false},
		} {
			w.enrolled, w.expires = row.enrolled, row.expires
			r, err := w.Consent(t.Context(), w.anna, restore.Restore{Snapshot: snapshot, Enrolment: row.ask})
			switch {
			case row.good && (err != nil || r.Device != row.enrolled):
				t.Errorf("%s: %+v %v", row.name, r, err)
			case !row.good && (err == nil || err.Error() != "not_found: There is no such enrolment."):
				t.Errorf("%s: %v", row.name, err)
			}
		}
	})

	t.Run("OneOfTheTwo", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		for pointer, r := range map[string]restore.Restore{"/device": {Snapshot: snapshot}, "/enrolment": {Snapshot: snapshot, Device: phone, Enrolment: enrolment}} {
			_, err := w.Consent(t.Context(), w.anna, r)
			if known, ok := err.(*fault.Error); !ok || known.Kind != fault.Invalid || known.Fields[0].Pointer != pointer {
				t.Errorf("%s: %v", pointer, err)
			}
		}
	})
}

// TestBounds: so many restores of a user can be open at the same time, however many are over; the list has them all, and
// a device is told of its own among them.
func TestBounds(t *testing.T) {
	t.Parallel()
	w := open(t)
	first := w.consent(t)
	for range 60 { // over, and more than a page
		if _, err := w.Cancel(t.Context(), w.anna, w.consent(t).ID); err != nil {
			t.Fatal(err)
		}
	}
	for range restore.MaxLive - 1 {
		w.consent(t)
	}
	_, err := w.Consent(t.Context(), w.anna, asked())
	refused(t, err, fault.Conflict, "too_many_restores")
	told, err := w.ForDevice(t.Context(), w.on(phone))
	if err != nil || len(told) != restore.MaxLive || told[0].ID != first.ID || !slices.IsSortedFunc(told, func(a, b restore.Restore) int { return a.CreatedAt.Compare(b.CreatedAt) }) {
		t.Errorf("the device is told of %d: %v", len(told), err)
	}
	listed := 0
	for position := ""; ; {
		page, next, err := w.List(t.Context(), w.anna.User, position, 7)
		if err != nil {
			t.Fatal(err)
		}
		listed += len(page)
		if position = next; next == "" {
			break
		}
	}
	if listed != 60+restore.MaxLive {
		t.Errorf("%d are listed", listed)
	}
	if _, err := w.Cancel(t.Context(), w.anna, first.ID); err != nil {
		t.Fatal(err)
	}
	w.consent(t)
	_, err = w.Consent(t.Context(), w.anna, asked())
	refused(t, err, fault.Conflict, "too_many_restores")
	w.clock.Advance(14 * day)
	w.anna.AuthTime = w.clock.Now()
	w.consent(t)

	// What cannot be open any more is not even read.
	w.clock.Advance(200 * day)
	reads := 0
	w.stack.Strike(func(c standin.Call) standin.Fault {
		reads++
		return standin.None
	})
	if told, err := w.ForDevice(t.Context(), w.on(phone)); err != nil || len(told) != 0 || reads != 1 {
		t.Errorf("long after, the device is told of %d with %d reads: %v", len(told), reads, err)
	}
}
