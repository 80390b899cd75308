package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"zapas/localstack/standin"
	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

var olek = caller.Caller{Tenant: "acme", User: "0P111111111111111111111111", Subject: "olek"}

func deviceID(n int) caller.DeviceID { return caller.DeviceID(fmt.Sprintf("%026d", n)) }

// late are devices that were announced as overdue for a profile.
func (w *world) late(t *testing.T, p profile.ID, from, n int) {
	t.Helper()
	now := w.clock.Now()
	since := now.Add(-time.Hour)
	for i := range n {
		s := fleet.Status{Device: deviceID(from + i), Owner: anna.User, Trust: fleet.InUse, Label: "a", EnrolledAt: now.AddDate(0, 0, -9), Governs: fleet.Governs{Profile: p, Since: now.AddDate(0, 0, -9)},
			Overdue: fleet.Overdue{Slot: now.Add(-2 * time.Hour), Since: since}, Look: fleet.Look{At: since, Overdue: p}}
		if err := w.statuses.CreateStatus(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// records counts what is on record, by action and who did it.
func (w *world) records(t *testing.T, action audit.Action, who caller.UserID) (n int) {
	t.Helper()
	book, ok := w.Audit.Log.(audit.Book)
	if !ok {
		t.Fatal("what is recorded cannot be read")
	}
	day := w.clock.Now()
	page, _, err := audit.List(t.Context(), book, audit.Query{Who: who, Action: action, From: day, To: day, Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	return len(page)
}

func (w *world) ordered(t *testing.T, n int) bool {
	t.Helper()
	s, err := w.statuses.Status(t.Context(), deviceID(n))
	if err != nil {
		t.Fatal(err)
	}
	return s.Order != ""
}

// TestOrderAll: those that are overdue for the profile are ordered to back up, and no others; each is counted as what it was.
func TestOrderAll(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.nightlyFor(t, nil)
	w.late(t, p.ID, 0, 5)
	w.late(t, otherProfile, 10, 1)
	has := w.order(t, fleet.Device{ID: deviceID(1), Owner: anna.User, State: fleet.InUse})
	listed, err := w.statuses.Status(t.Context(), deviceID(4))
	if err != nil {
		t.Fatal(err)
	}
	for n, c := range map[int]fleet.Change{1: {Look: &listed.Look}, 2: {Trust: new(fleet.Unconfirmed)}, 3: {UnchangedAt: new(w.clock.Now())}} { // the second has recovered, and the list does not know it yet
		if _, err := w.statuses.Note(t.Context(), deviceID(n), c); err != nil {
			t.Fatal(err)
		}
	}
	b, err := w.OrderAll(t.Context(), olek, p.ID, "")
	if err != nil || b.State != fleet.OrderDone || b.Asked != 5 || b.Ordered != 2 || b.Already != 1 || b.Refused != 2 || b.Profile != p.ID {
		t.Errorf("%+v %v", b, err)
	}
	if got, err := w.Bulk(t.Context(), b.ID); err != nil || got.State != b.State || got.Ordered != 2 || got.By != olek.User {
		t.Errorf("it is kept as %+v: %v", got, err)
	}
	for n, want := range map[int]bool{0: true, 1: true, 2: false, 3: false, 4: true, 10: false} {
		if w.ordered(t, n) != want {
			t.Errorf("that device %d has an order is %v", n, !want)
		}
	}
	if s, err := w.statuses.Status(t.Context(), deviceID(1)); err != nil || s.Order != has.ID {
		t.Errorf("its order was replaced by %s: %v", s.Order, err)
	}
	if all, each := w.records(t, audit.BackupsOrdered, olek.User), w.records(t, audit.BackupOrdered, olek.User); all != 1 || each != 2 {
		t.Errorf("%d and %d are on record", all, each)
	}
	again, err := w.OrderAll(t.Context(), olek, p.ID, "")
	if err != nil || again.ID == b.ID || again.Ordered != 0 {
		t.Errorf("when it is over, another is %+v: %v", again, err)
	}
	same, err := w.OrderAll(t.Context(), olek, p.ID, b.ID)
	if err != nil || same.ID != b.ID || same.Ordered != 2 {
		t.Errorf("the same request is answered with %+v: %v", same, err)
	}
}

// TestOrderAll_Refused: what there is nothing to order for.
func TestOrderAll_Refused(t *testing.T) {
	t.Parallel()
	w := open(t)
	for _, p := range []profile.ID{"", "x", otherProfile} {
		if _, err := w.OrderAll(t.Context(), olek, p, ""); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", p, err)
		}
	}
	for _, id := range []fleet.OrderID{"", "x", "00000000000000000000000009"} {
		_, err := w.Bulk(t.Context(), id)
		refused(t, err, fault.NotFound, "not_found")
	}
	if n := w.records(t, audit.BackupsOrdered, olek.User); n != 0 {
		t.Errorf("%d are on record", n)
	}
}

// limits is a list that says how much of it was asked for.
type limits struct {
	fleet.Overdues
	asked *[]int
}

func (l limits) OverdueFor(ctx context.Context, p profile.ID, position string, limit int) ([]fleet.Place, string, error) {
	*l.asked = append(*l.asked, limit)
	return l.Overdues.OverdueFor(ctx, p, position, min(limit/50, 5))
}

// TestOrder_StaysOverdue: an order for one device, or its user's word that it is his, leaves it among those that are overdue.
func TestOrder_StaysOverdue(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(w *world, d fleet.Device) error{
		"Order": func(w *world, d fleet.Device) error { _, err := w.Order(t.Context(), anna, d, ""); return err },
		"Confirm": func(w *world, d fleet.Device) error {
			_, err := w.Confirm(t.Context(), w.fresh(anna), d.ID, true)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			p := w.nightlyFor(t, nil)
			d := w.given(t)
			since := w.clock.Now().Add(-time.Hour)
			late := fleet.Look{At: since, Overdue: p.ID}
			c := fleet.Change{Overdue: &fleet.Overdue{Slot: since.Add(-time.Hour), Since: since}, Look: &late, Governs: &fleet.Governs{Profile: p.ID, Since: since.AddDate(0, 0, -9)}}
			if name == "Order" {
				d.State = fleet.InUse
			}
			s, err := w.statuses.Status(t.Context(), d.ID)
			if err == nil {
				c.Told = s.Tell
				_, err = w.statuses.Note(t.Context(), d.ID, c)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := act(w, d); err != nil {
				t.Fatal(err)
			}
			s, err = w.statuses.Status(t.Context(), d.ID)
			if err != nil || len(s.Tell) != 0 || s.Look.Overdue != p.ID || !s.Look.At.Equal(since) {
				t.Errorf("%+v %v", s, err)
			}
			if page, _, err := w.statuses.OverdueFor(t.Context(), p.ID, "", 10); err != nil || len(page) != 1 || page[0].Device != d.ID {
				t.Errorf("overdue are %v: %v", page, err)
			}
		})
	}
}

// TestFurther: the first are ordered at once, and each watch orders more, until all are; while it goes on, whoever asks for
// the same is answered with it.
func TestFurther(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.nightlyFor(t, nil)
	w.late(t, p.ID, 0, 12)
	var asked []int
	w.Overdues = limits{w.Overdues, &asked}
	b, err := w.OrderAll(t.Context(), olek, p.ID, "")
	if err != nil || b.State != fleet.Begun || b.Asked != 2 || b.Ordered != 2 {
		t.Fatalf("%+v %v", b, err)
	}
	again, err := w.OrderAll(t.Context(), anna, p.ID, "")
	if err != nil || again.ID != b.ID {
		t.Errorf("whoever asks again gets %+v: %v", again, err)
	}
	for _, want := range []fleet.Furthered{{Bulks: 1, Asked: 5}, {Bulks: 1, Asked: 5}, {Bulks: 1, Ended: 1}, {}} {
		if done, err := w.Further(t.Context()); err != nil || done != want {
			t.Errorf("it does %+v: %v; want %+v", done, err, want)
		}
	}
	if b, err = w.Bulk(t.Context(), b.ID); err != nil || b.State != fleet.OrderDone || b.Asked != 12 || b.Ordered != 12 {
		t.Errorf("%+v %v", b, err)
	}
	if !slices.Equal(asked, []int{100, 1000, 1000, 1000}) {
		t.Errorf("%v were asked for", asked)
	}
	if n := w.records(t, audit.BackupOrdered, olek.User); n != 12 {
		t.Errorf("%d are on record in the name of who asked", n)
	}
}

// TestFurther_Damaged: a device whose row nobody can read is counted as refused, told of, and keeps no other from its order;
// what passes by itself ends the go, and is tried again.
func TestFurther_Damaged(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.nightlyFor(t, nil)
	w.late(t, p.ID, 0, 4)
	devices := &unreadable{Statuses: w.Statuses, err: map[caller.DeviceID]error{deviceID(1): errors.New("a stored device cannot be read")}}
	w.Statuses = devices
	b, err := w.OrderAll(t.Context(), olek, p.ID, "")
	if err != nil || b.State != fleet.OrderDone || b.Asked != 4 || b.Ordered != 3 || b.Refused != 1 {
		t.Errorf("%+v %v", b, err)
	}
	w.late(t, p.ID, 10, 2)
	devices.err = map[caller.DeviceID]error{deviceID(10): fault.New(fault.Unavailable, "unavailable", "Busy.")}
	if b, err = w.OrderAll(t.Context(), olek, p.ID, ""); err != nil || b.State != fleet.Begun || b.Refused != 0 || w.ordered(t, 11) {
		t.Errorf("%+v %v", b, err)
	}
	devices.err = map[caller.DeviceID]error{deviceID(10): errors.New("a stored device cannot be read")}
	if done, err := w.Further(t.Context()); err == nil || done.Ended != 1 || !w.ordered(t, 11) {
		t.Errorf("the watch does %+v, and tells %v", done, err)
	}
	if b, err = w.Bulk(t.Context(), b.ID); err != nil || b.State != fleet.OrderDone || b.Refused != 1 || b.Ordered != 2 || b.Already != 3 {
		t.Errorf("%+v %v", b, err)
	}
}

// unreadable are statuses of which some cannot be read.
type unreadable struct {
	fleet.Statuses
	err map[caller.DeviceID]error
}

func (u *unreadable) Status(ctx context.Context, id caller.DeviceID) (fleet.Status, error) {
	if err := u.err[id]; err != nil {
		return fleet.Status{}, err
	}
	return u.Statuses.Status(ctx, id)
}

// TestFurther_Expired: a bulk order that has not come to its end in a day is over, and lets another begin.
func TestFurther_Expired(t *testing.T) {
	t.Parallel()
	for after, state := range map[time.Duration]fleet.OrderState{fleet.OrderLife - time.Millisecond: fleet.OrderDone, fleet.OrderLife: fleet.OrderExpired} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			w := open(t)
			p := w.nightlyFor(t, nil)
			w.late(t, p.ID, 0, 4)
			var asked []int
			w.Overdues = limits{w.Overdues, &asked}
			b, err := w.OrderAll(t.Context(), olek, p.ID, "")
			if err != nil || b.State != fleet.Begun {
				t.Fatal(b, err)
			}
			w.clock.Advance(after)
			if done, err := w.Further(t.Context()); err != nil || done.Bulks != 1 || done.Ended != 1 || (done.Asked == 2) != (state == fleet.OrderDone) {
				t.Errorf("it does %+v: %v", done, err)
			}
			if b, err = w.Bulk(t.Context(), b.ID); err != nil || b.State != state {
				t.Errorf("%+v %v", b, err)
			}
			if next, err := w.OrderAll(t.Context(), olek, p.ID, ""); err != nil || next.ID == b.ID {
				t.Errorf("%+v %v", next, err)
			}
		})
	}
}

// TestFurther_Gone: a bulk order that is listed and no longer kept, since nobody has watched for so long, fails no watch.
func TestFurther_Gone(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.nightlyFor(t, nil)
	w.late(t, p.ID, 0, 4)
	var asked []int
	w.Overdues = limits{w.Overdues, &asked}
	if _, err := w.OrderAll(t.Context(), olek, p.ID, ""); err != nil {
		t.Fatal(err)
	}
	w.Bulks = listed{w.Bulks, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"}
	if done, err := w.Further(t.Context()); err != nil || done != (fleet.Furthered{Bulks: 1, Asked: 2, Ended: 1}) {
		t.Errorf("it does %+v: %v", done, err)
	}
}

// listed lists a bulk order that there is not before those that there are.
type listed struct {
	fleet.Bulks
	gone fleet.OrderID
}

func (l listed) OpenBulks(ctx context.Context) ([]fleet.OrderID, error) {
	open, err := l.Bulks.OpenBulks(ctx)
	return append([]fleet.OrderID{l.gone}, open...), err
}

// TestOrderAll_Faults: whatever befalls any call, each device has one order, and is not counted twice.
func TestOrderAll_Faults(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 34; n++ {
		for name, f := range map[string]standin.Fault{"Before": standin.Before, "After": standin.After, "Throttled": standin.Throttled} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				t.Parallel()
				w := open(t)
				p := w.nightlyFor(t, nil)
				w.late(t, p.ID, 0, 2)
				calls := 0
				w.stack.Strike(func(standin.Call) standin.Fault {
					if calls++; calls == n {
						return f
					}
					return standin.None
				})
				const id = "01ARZ3NDEKTSV4RRFFQ69G5FAW"
				_, err := w.OrderAll(t.Context(), olek, p.ID, id)
				if err != nil && !fault.Is(err, fault.Unavailable) {
					t.Fatal(err)
				}
				if err != nil {
					if _, err = w.OrderAll(t.Context(), olek, p.ID, id); err != nil {
						t.Fatal(err)
					}
				}
				for range 2 {
					if _, err := w.Further(t.Context()); err != nil && !fault.Is(err, fault.Unavailable) {
						t.Fatal(err)
					}
				}
				w.stack.Strike(nil)
				if calls < n {
					t.Fatalf("there are %d calls to befall", calls)
				}
				if b, err := w.Bulk(t.Context(), id); err != nil || b.State != fleet.OrderDone || b.Asked > 2 || b.Ordered != b.Asked {
					t.Errorf("it is %+v: %v", b, err)
				}
				if !w.ordered(t, 0) || !w.ordered(t, 1) {
					t.Error("not all have an order")
				}
				if n := w.records(t, audit.BackupOrdered, olek.User); n < 2 || n > 3 {
					t.Errorf("%d are on record", n)
				}
			})
		}
	}
}

// TestRegroup: each device is answered for, and is in its group then.
func TestRegroup(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.nightlyFor(t, func(p *profile.Profile) { p.DeviceGroups = []string{"field"} })
	a, b, gone := w.enrol(t), w.enrol(t), w.enrol(t)
	if _, err := w.Confirm(t.Context(), caller.Caller{User: anna.User, AuthTime: w.clock.Now()}, gone.ID, false); err != nil {
		t.Fatal(err)
	}
	ask := func(group string, ids ...caller.DeviceID) []fleet.Regrouped {
		t.Helper()
		out, err := w.Regroup(t.Context(), olek, ids, group)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := ask("field", a.ID); !slices.Equal(got, []fleet.Regrouped{fleet.GroupChanged}) {
		t.Errorf("%v", got)
	}
	if got := ask("field", gone.ID, b.ID, nobody, a.ID); !slices.Equal(got, []fleet.Regrouped{fleet.GroupRetired, fleet.GroupChanged, fleet.GroupNone, fleet.GroupSame}) {
		t.Errorf("%v", got)
	}
	c, err := w.Card(t.Context(), b)
	if err != nil || c.Group != "field" || c.Standing.Profile.ID != p.ID || c.Governs.Profile != p.ID || c.Look.At.IsZero() {
		t.Errorf("%+v %v", c, err)
	}
	if got := ask(" field ", b.ID); !slices.Equal(got, []fleet.Regrouped{fleet.GroupSame}) {
		t.Errorf("spaces about the name make another group of it: %v", got)
	}
	if got := ask("", b.ID); !slices.Equal(got, []fleet.Regrouped{fleet.GroupChanged}) {
		t.Errorf("%v", got)
	}
	if n := w.records(t, audit.DeviceChanged, olek.User); n != 3 {
		t.Errorf("%d are on record", n)
	}
	over := &ending{Context: t.Context(), over: true}
	if got, err := w.Regroup(over, olek, []caller.DeviceID{b.ID}, "late"); err != nil || !slices.Equal(got, []fleet.Regrouped{fleet.GroupBusy}) {
		t.Errorf("without time it is %v: %v", got, err)
	}
	writes := 0
	w.stack.Strike(func(c standin.Call) standin.Fault {
		if c.Operation == "UpdateItem" {
			if writes++; writes > 1 {
				return standin.Throttled
			}
		}
		return standin.None
	})
	if got := ask("busy", b.ID, a.ID); !slices.Equal(got, []fleet.Regrouped{fleet.GroupChanged, fleet.GroupBusy}) {
		t.Errorf("what is too busy is %v", got)
	}
	if _, err := w.Regroup(t.Context(), olek, []caller.DeviceID{a.ID, b.ID}, "busy"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("when nothing can be done it is answered with %v", err)
	}
}

const nobody caller.DeviceID = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"

// TestRegroup_Refused: a list that cannot be meant, or that is too long, changes nothing.
func TestRegroup_Refused(t *testing.T) {
	t.Parallel()
	w := open(t)
	some := func(n int) (all []caller.DeviceID) {
		for i := range n {
			all = append(all, deviceID(i))
		}
		return all
	}
	for name, c := range map[string]struct {
		ids     []caller.DeviceID
		group   string
		pointer string // "": it is lawful
	}{
		"One": {some(1), "g", ""}, "TwoHundred": {some(200), "g", ""}, "TwoHundredAndOne": {some(201), "g", "/devices"}, "None": {nil, "g", "/devices"},
		"Twice": {[]caller.DeviceID{nobody, deviceID(1), nobody}, "g", "/devices/2"}, "NoID": {[]caller.DeviceID{nobody, "x"}, "g", "/devices/1"},
		"Empty": {[]caller.DeviceID{""}, "g", "/devices/0"}, "LongGroup": {some(1), strings.Repeat("ż", profile.MaxGroupName+1), "/group"},
		"LongestGroup": {some(1), strings.Repeat("ż", profile.MaxGroupName), ""}, "ControlInGroup": {some(1), "a\tb", "/group"},
		"LaterControlInGroup": {some(1), "a\u0085b", "/group"}, "DirectionInGroup": {some(1), "a\u202eb", "/group"},
	} {
		_, err := w.Regroup(t.Context(), olek, c.ids, c.group)
		f, _ := errors.AsType[*fault.Error](err)
		switch {
		case c.pointer == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.pointer != "" && (f == nil || len(f.Fields) != 1 || f.Fields[0].Pointer != c.pointer):
			t.Errorf("%s: %+v", name, err)
		}
	}
}
