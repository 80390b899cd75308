package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin"
	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fault"
	"zapas/shared/fleet"
)

// told are the events that the bus has, of a device, each once, and how often in all.
func (w *world) told(t *testing.T, of caller.DeviceID) (all []event.Event, times int) {
	t.Helper()
	for _, text := range w.stack.EventBridge.Seen.Events() {
		var e struct{ Detail event.Event }
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		if e.Detail.Device != of {
			continue
		}
		if times++; !slices.ContainsFunc(all, func(other event.Event) bool { return other.ID == e.Detail.ID }) {
			all = append(all, e.Detail)
		}
	}
	return all, times
}

func types(all []event.Event) (out []event.Type) {
	for _, e := range all {
		out = append(out, e.Type)
	}
	return out
}

// dumb has the bus fail: nothing of it works until the next strike.
func (w *world) dumb(how standin.Fault) {
	w.stack.Strike(func(c standin.Call) standin.Fault {
		if c.Operation == "PutEvents" {
			return how
		}
		return standin.None
	})
}

// happenings are what can happen to a device, and what is told of it. The device is enrolled by then.
func happenings() []struct {
	name string
	do   func(t *testing.T, r *ran) error
	want []event.Type
	ours bool // people do it: the watch has to wait until who has noted it is surely gone
} {
	committed := func(started time.Duration, shrunk bool) func(t *testing.T, r *ran) error {
		return func(t *testing.T, r *ran) error {
			at := r.clock.Now().Add(started)
			if err := r.Begun(t.Context(), r.device.ID, one, fleet.RunOf(r.device.ID, r.p, at, time.Time{})); err != nil {
				return err
			}
			_, err := r.Committed(t.Context(), r.phone(), one, fleet.Run{}, fleet.Stored{At: at.Add(time.Minute), Seq: 1}, shrunk)
			return err
		}
	}
	return []struct {
		name string
		do   func(t *testing.T, r *ran) error
		want []event.Type
		ours bool
	}{
		{"Committed", committed(0, false), []event.Type{event.BackupCommitted}, false},
		{"Shrunk", committed(0, true), []event.Type{event.BackupCommitted, event.BackupShrunk}, false},
		{"Recovered", func(t *testing.T, r *ran) error {
			r.overdue(t, r.clock.Now().Add(-time.Hour))
			return committed(0, false)(t, r)
		}, []event.Type{event.BackupCommitted, event.BackupRecovered}, false},
		{"RecoveredUnchanged", func(t *testing.T, r *ran) error {
			r.overdue(t, r.clock.Now().Add(-time.Hour))
			_, err := r.Unchanged(t.Context(), r.device.ID, r.p, time.Time{})
			return err
		}, []event.Type{event.BackupRecovered}, false},
		{"StillOverdue", func(t *testing.T, r *ran) error {
			r.overdue(t, r.clock.Now().Add(time.Hour))
			return committed(0, false)(t, r)
		}, []event.Type{event.BackupCommitted}, false},
		{"Unchanged", func(t *testing.T, r *ran) error {
			_, err := r.Unchanged(t.Context(), r.device.ID, r.p, time.Time{})
			return err
		}, nil, false},
		{"Failed", func(t *testing.T, r *ran) error {
			if err := r.Begun(t.Context(), r.device.ID, one, fleet.RunOf(r.device.ID, r.p, r.clock.Now(), time.Time{})); err != nil {
				return err
			}
			_, err := r.GivenUp(t.Context(), r.device.ID, one)
			return err
		}, []event.Type{event.BackupFailed}, false},
		{"Requested", func(t *testing.T, r *ran) error {
			_, err := r.Fleet.Order(t.Context(), anna, r.device, "")
			return err
		}, []event.Type{event.BackupRequested}, true},
	}
}

// again tells what waits, as the watch does when its time has come, and answers what there is to read then.
func (r *ran) again(t *testing.T) fleet.Status {
	t.Helper()
	s := r.status(t)
	told, err := r.Fleet.News.Again(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.statuses.Note(t.Context(), r.device.ID, fleet.Change{Told: told, Rev: &s.Rev}); err != nil {
		t.Fatal(err)
	}
	return r.status(t)
}

// TestTold: what happens to a device is told, once; when the bus is down it happens all the same, waits, and is told by the
// watch under the same id.
func TestTold(t *testing.T) {
	t.Parallel()
	for _, tt := range happenings() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, how := range []standin.Fault{standin.None, standin.Before, standin.After, standin.Throttled} {
				r := openRun(t)
				before, _ := r.told(t, r.device.ID)
				r.dumb(how)
				if err := tt.do(t, r); err != nil {
					t.Fatalf("fault %d of the bus: %v", how, err)
				}
				r.stack.Strike(nil)
				waiting := r.status(t)
				if down := how != standin.None && tt.want != nil; (len(waiting.Tell) > 0) != down || (len(r.left) > 0) != down {
					t.Errorf("fault %d of the bus: %v waits, for %v", how, waiting.Tell, r.left)
				} else if look := r.clock.Now(); down {
					if tt.ours {
						look = look.Add(5 * time.Minute)
					}
					if !waiting.Look.At.Equal(look) || waiting.Look.Overdue != "" {
						t.Errorf("the watch looks at it by %v, want %s", waiting.Look, look)
					}
					if s := r.again(t); len(s.Tell) > 0 {
						t.Errorf("told again, %v waits", s.Tell)
					}
				}
				all, times := r.told(t, r.device.ID)
				got := types(all[len(before):])
				if slices.Sort(got); !slices.Equal(got, tt.want) { // what waits has no order
					t.Errorf("fault %d of the bus: told is %v, want %v", how, got, tt.want)
				}
				want := len(all)
				if how == standin.After {
					want += len(tt.want)
				}
				if times != want {
					t.Errorf("fault %d of the bus: %d events are told %d times, want %d", how, len(all), times, want)
				}
			}
		})
	}
}

// TestTold_Devices: a phone that enrols is told of once its card is there or nowhere; one that its user confirms is, too.
func TestTold_Devices(t *testing.T) {
	t.Parallel()
	for _, how := range []standin.Fault{standin.None, standin.Before} {
		w := open(t)
		if err := w.Met(t.Context(), anna); err != nil {
			t.Fatal(err)
		}
		w.dumb(how)
		code, _, err := w.NewCodeFor(t.Context(), caller.Caller{Tenant: "acme", User: "0ADA0000000000000000000000"}, anna.User)
		if err != nil {
			t.Fatal(err)
		}
		p := phone(t)
		d, err := w.Enrol(t.Context(), code, p)
		if err != nil {
			t.Fatal(err)
		}
		who := anna
		who.AuthTime = w.clock.Now()
		for range 2 {
			if _, err := w.Confirm(t.Context(), who, d.ID, true); err != nil {
				t.Fatal(err)
			}
		}
		w.stack.Strike(nil)
		s, err := w.statuses.Status(t.Context(), d.ID)
		if err != nil || s.Trust != fleet.InUse || (len(s.Tell) == 2) != (how != standin.None) {
			t.Errorf("%+v %v", s, err)
		}
		if told, err := w.News.Again(t.Context(), s); err != nil || !slices.Equal(told, s.Tell) {
			t.Errorf("of %v it has told %v: %v", s.Tell, told, err)
		}
		all, times := w.told(t, d.ID)
		slices.SortFunc(all, func(a, b event.Event) int { return -strings.Compare(string(a.Type), string(b.Type)) })
		if d := cmp.Diff([]event.Type{event.DeviceEnrolled, event.DeviceConfirmed}, types(all)); d != "" || times != 2 {
			t.Errorf("%d times:\n%s", times, d)
		}
		if _, err := w.Enrol(t.Context(), code, p); err != nil {
			t.Fatal(err)
		}
		if again, _ := w.told(t, d.ID); len(again) != 2 || !again[0].Time.Equal(d.EnrolledAt) {
			t.Errorf("when the phone asks again, it is told under another id: %v", again)
		}
	}
}

// TestTold_ConfirmedAfterADeath: who dies between the device and its card tells of it when he is asked again.
func TestTold_ConfirmedAfterADeath(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	if err := w.Identities.SetState(t.Context(), d.ID, fleet.InUse, fleet.Unconfirmed); err != nil {
		t.Fatal(err)
	}
	if _, err := w.statuses.Note(t.Context(), d.ID, fleet.Change{Trust: new(fleet.Unconfirmed)}); err != nil {
		t.Fatal(err)
	}
	who, struck := anna, false
	who.AuthTime = w.clock.Now()
	w.stack.Strike(func(c standin.Call) standin.Fault {
		if c.Operation == "UpdateItem" && struck {
			return standin.Before
		}
		struck = struck || c.Operation == "UpdateItem"
		return standin.None
	})
	if _, err := w.Confirm(t.Context(), who, d.ID, true); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("it is cut off with %v", err)
	}
	w.stack.Strike(nil)
	if _, err := w.Confirm(t.Context(), who, d.ID, true); err != nil {
		t.Fatal(err)
	}
	if all, times := w.told(t, d.ID); times != 2 || all[1].Type != event.DeviceConfirmed {
		t.Errorf("%v is told", all)
	}
}

// TestTell_Room: while the bus is down so many events of a device wait, and no more; no backup fails for it, an order does.
func TestTell_Room(t *testing.T) {
	t.Parallel()
	r := openRun(t)
	r.dumb(standin.Before)
	for n := range fleet.MaxTell + 1 {
		if _, err := r.Committed(t.Context(), r.phone(), fmt.Sprintf("01SESS10N%017d", n), fleet.Run{}, fleet.Stored{At: r.clock.Now(), Seq: int64(n + 1)}, false); err != nil {
			t.Fatal(err)
		}
		if s := r.status(t); len(s.Tell) != min(n+1, fleet.MaxTell) || s.Stored.Seq != int64(n+1) {
			t.Fatalf("after %d backups %d events wait", n+1, len(s.Tell))
		}
	}
	if last := r.left[len(r.left)-1].Error(); !strings.Contains(last, "1 events are lost: 8 others wait") {
		t.Errorf("nobody hears that one is lost: %s", last)
	}
	_, err := r.Fleet.Order(t.Context(), anna, r.device, "")
	refused(t, err, fault.Unavailable, "events_waiting")
	r.stack.Strike(nil)
	if s := r.again(t); len(s.Tell) != 0 {
		t.Errorf("%v waits", s.Tell)
	}
	if _, err := r.Fleet.Order(t.Context(), anna, r.device, ""); err != nil {
		t.Error(err)
	}
}

// TestAgain: what nobody can read waits no more, what waits twice is told once, and what the bus does not take stays.
func TestAgain(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	subject := event.Subject{Tenant: "acme", Device: d.ID, User: d.Owner}
	late := event.Committed(subject, one, w.clock.Now().Add(time.Hour))
	first, again, other := event.Committed(subject, one, w.clock.Now()), late, event.Failed(subject, another, w.clock.Now())
	s := fleet.Status{Device: d.ID, Tell: slices.Concat(fleet.Keep(w.clock.Now(), first, again, other).Tell, []string{"{", `{"type":"backup.committed"}`})}
	w.dumb(standin.Throttled)
	told, err := w.News.Again(t.Context(), s)
	if !fault.Is(err, fault.Unavailable) || len(told) != 3 || slices.Contains(told, s.Tell[0]) || slices.Contains(told, s.Tell[2]) || len(w.left) != 2 {
		t.Errorf("with the bus down, %v waits no more: %v, %v", told, err, w.left)
	}
	w.stack.Strike(nil)
	told, err = w.News.Again(t.Context(), s)
	slices.Sort(told)
	slices.Sort(s.Tell)
	if d := cmp.Diff(s.Tell, told); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
	if all, times := w.told(t, d.ID); times != 3 || all[1].ID != first.ID || all[2].ID != other.ID {
		t.Errorf("%v is told", all)
	}
	if told, err := w.News.Again(context.Background(), fleet.Status{Device: d.ID}); err != nil || told != nil {
		t.Errorf("of nothing %v is told: %v", told, err)
	}
}
