package profile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/localstack/deployment"
	"zapas/localstack/standin"
	"zapas/localstack/standin/standintest"
	"zapas/shared/aws/bus"
	"zapas/shared/aws/schedules"
	"zapas/shared/aws/table"
	"zapas/shared/event"
	"zapas/shared/fault"
	"zapas/shared/profile"
)

// telling is a world whose profiles are told of.
type telling struct {
	*world
	profile.Outbox
	ticks profile.Ticks
	left  []error
}

func tellingWorld(t *testing.T) *telling {
	t.Helper()
	w := &telling{world: open(t, false)}
	if err := w.stack.Scheduler.CreateGroup("zapas"); err != nil {
		t.Fatal(err)
	}
	if err := w.stack.EventBridge.CreateBus("zapas"); err != nil {
		t.Fatal(err)
	}
	cfg := w.stack.Config()
	db := table.Open(cfg)
	rows := table.Profiles{DB: db, Name: deployment.Table}
	timers := schedules.New(cfg, schedules.Schedules{Group: "zapas", Role: standintest.RoleARN("scheduler"),
		Target:     "arn:aws:lambda:" + standintest.Region + ":" + standintest.Account + ":function:triggers",
		DeadLetter: "arn:aws:sqs:" + standintest.Region + ":" + standintest.Account + ":dead"})
	w.Outbox = profile.Outbox{Notes: rows, Timers: timers, Bus: bus.New(cfg, "zapas"), Tenant: "acme", Now: w.stack.Clock.Now}
	w.ticks = profile.Ticks{Profiles: rows, Slots: table.Slots{DB: db, Name: deployment.Table}, Bus: w.Bus, Tenant: "acme", Now: w.stack.Clock.Now}
	w.Service.Outbox = &w.Outbox
	w.Left = func(_ context.Context, _ profile.ID, why error) { w.left = append(w.left, why) }
	return w
}

// events are what the bus has, as "type revision", or "type slot".
func (w *telling) events(t *testing.T) (all []string) {
	t.Helper()
	for _, e := range w.told(t) {
		what := fmt.Sprint(e.Revision)
		switch {
		case e.Deleted:
			what = "deleted"
		case !e.Slot.IsZero():
			what = e.Slot.Format(time.RFC3339)
		}
		all = append(all, string(e.Type)+" "+what)
	}
	return all
}

func (w *telling) told(t *testing.T) (all []event.Event) {
	t.Helper()
	for _, text := range w.stack.EventBridge.Seen.Events() {
		var e struct{ Detail event.Event }
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e.Detail)
	}
	return all
}

// wantKnown: everybody knows of the version that is stored, and its row says so.
func (w *telling) wantKnown(t *testing.T, id profile.ID, version int64) {
	t.Helper()
	p, err := w.Notes.Profile(t.Context(), id)
	if err != nil || p.Version != version || p.Scheduled != version || p.Told != version {
		t.Fatalf("version %d is stored, %d scheduled and %d told, want %d: %v", p.Version, p.Scheduled, p.Told, version, err)
	}
	if same, err := w.Timers.Is(t.Context(), id, p.Timer()); err != nil || !same {
		t.Errorf("its timer is another: %v", err)
	}
	last := w.told(t)
	if i := slices.IndexFunc(last, func(e event.Event) bool { return e.Revision == version && e.Profile == string(id) }); i < 0 {
		t.Errorf("nobody was told of version %d", version)
	}
}

// mend mends until all was gone through.
func (w *telling) mend(t *testing.T) (sum profile.Mended) {
	t.Helper()
	from := ""
	for range 3 {
		done, next, err := w.Mend(t.Context(), from)
		if err != nil {
			t.Fatal(err)
		}
		from = next
		sum.Told, sum.Drifted, sum.Withdrawn = sum.Told+done.Told, sum.Drifted+done.Drifted, sum.Withdrawn+done.Withdrawn
	}
	return sum
}

// other is the profile at another time of the day.
func other(p profile.Profile, at string) profile.Profile {
	p.Schedule = profile.Schedule{Kind: profile.Daily, At: at, Zone: "Europe/Warsaw"}
	return p
}

// TestOutbox: what is saved is told, once, of each version.
func TestOutbox(t *testing.T) {
	t.Parallel()
	w := tellingWorld(t)
	p := w.created(t)
	w.wantKnown(t, p.ID, 1)
	if p.Scheduled != 1 || p.Told != 1 {
		t.Errorf("the answer says %d and %d", p.Scheduled, p.Told)
	}
	p.Enabled = false
	p, err := w.Edit(t.Context(), ada, p, 1)
	if err != nil {
		t.Fatal(err)
	}
	w.wantKnown(t, p.ID, 2)
	copied, err := w.Copy(t.Context(), ada, p.ID, "", "Copy")
	if err != nil {
		t.Fatal(err)
	}
	w.wantKnown(t, copied.ID, 1)
	if err := w.Delete(t.Context(), ada, p.ID, 2); err != nil {
		t.Fatal(err)
	}
	if ids, _, err := w.Timers.Page(t.Context(), ""); err != nil || !slices.Equal(ids, []profile.ID{copied.ID}) {
		t.Errorf("there are timers of %v: %v", ids, err)
	}
	if d := cmp.Diff([]string{"profile.changed 1", "profile.changed 2", "profile.changed 1", "profile.changed deleted"}, w.events(t)); d != "" {
		t.Error(d)
	}
	if done := w.mend(t); done != (profile.Mended{}) || len(w.left) > 0 {
		t.Errorf("there was something to mend: %+v, %v", done, w.left)
	}
}

// TestOutboxFaults: whatever befalls a call after the profile is saved, the save succeeds, and the watch does the rest.
func TestOutboxFaults(t *testing.T) {
	t.Parallel()
	for what, do := range map[string]func(w *telling, p profile.Profile) error{
		"Create": func(w *telling, p profile.Profile) error {
			_, err := w.Create(context.Background(), ada, p)
			return err
		},
		"Edit": func(w *telling, p profile.Profile) error {
			_, err := w.Edit(context.Background(), ada, other(p, "05:00"), p.Version)
			return err
		},
		"Delete": func(w *telling, p profile.Profile) error { return w.Delete(context.Background(), ada, p.ID, p.Version) },
	} {
		for how, f := range map[string]standin.Fault{"Before": standin.Before, "After": standin.After, "Throttled": standin.Throttled} {
			for at := 1; ; at++ { // the calls that follow the save
				reached := false
				t.Run(fmt.Sprint(what, how, at), func(t *testing.T) {
					w := tellingWorld(t)
					p := nightly()
					if what != "Create" {
						p = w.created(t)
					}
					saved, calls, saves := false, 0, savesAt()
					w.stack.Strike(func(c standin.Call) standin.Fault {
						if saved {
							if calls++; calls == at {
								reached = true
							}
							if calls >= at {
								return f // from then on nothing answers: as if we had died
							}
						}
						saved = saved || saves(c)
						return standin.None
					})
					err := do(w, p)
					w.stack.Strike(nil)
					if err != nil || reached != (len(w.left) > 0) {
						t.Fatalf("it fails: %v, and %v was left", err, w.left)
					}
					w.mend(t)
					all, err := w.Notes.Profiles(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					for _, p := range all {
						w.wantKnown(t, p.ID, p.Version)
					}
					ids, _, err := w.Timers.Page(t.Context(), "")
					if err != nil || len(ids) != len(all) || (what == "Delete") != (len(all) == 0) {
						t.Errorf("%d profiles have %d timers: %v", len(all), len(ids), err)
					}
					if what == "Delete" && !slices.Contains(w.events(t), "profile.changed deleted") {
						t.Errorf("nobody was told that it is gone: %v", w.events(t))
					}
				})
				if !reached {
					if at < 3 {
						t.Errorf("%s makes only %d calls after the save", what, at-1)
					}
					break
				}
			}
		}
	}
}

// savesAt tells by a call whether it is the one that saves: of the writes the second, for the first is the audit record's.
func savesAt() func(standin.Call) bool {
	writes := 0
	return func(c standin.Call) bool {
		if !slices.Contains([]string{"PutItem", "DeleteItem", "TransactWriteItems"}, c.Operation) {
			return false
		}
		writes++
		return writes == 2
	}
}

// TestLaterVersionWins: whoever is slow with an older version does not leave it behind, wherever he is overtaken.
func TestLaterVersionWins(t *testing.T) {
	t.Parallel()
	for at := range 4 { // the calls of the slow one after his save: set, announce, note
		for name, overtake := range map[string]func(w *telling, p profile.Profile) error{
			"ByEdit": func(w *telling, p profile.Profile) error {
				_, err := w.Edit(context.Background(), ada, other(p, "07:00"), 2)
				return err
			},
			"ByDelete": func(w *telling, p profile.Profile) error { return w.Delete(context.Background(), ada, p.ID, 2) },
		} {
			t.Run(fmt.Sprint(name, at), func(t *testing.T) {
				t.Parallel()
				w := tellingWorld(t)
				p := w.created(t)
				slow, calls, saves := other(p, "06:00"), -1, savesAt()
				w.stack.Strike(func(c standin.Call) standin.Fault {
					switch {
					case calls < 0 && saves(c):
						calls = 0
					case calls >= 0:
						if calls == at {
							w.stack.Strike(nil)
							if err := overtake(w, slow); err != nil {
								t.Error(err)
							}
						}
						calls++
					}
					return standin.None
				})
				if _, err := w.Edit(t.Context(), ada, slow, 1); err != nil {
					t.Fatal(err)
				}
				w.stack.Strike(nil)
				if at < 3 && calls <= at {
					t.Fatalf("he was not overtaken: %d calls", calls)
				}
				if name == "ByDelete" && at < 3 {
					if ids, _, err := w.Timers.Page(t.Context(), ""); err != nil || len(ids) > 0 {
						t.Errorf("a profile that is gone has a timer: %v", err)
					}
					return
				}
				version := int64(3)
				if at == 3 {
					version = 2
				}
				w.wantKnown(t, p.ID, version)
				if len(w.left) > 0 {
					t.Errorf("%v was left", w.left)
				}
			})
		}
	}
}

// TestMend finds what has drifted, page by page, and leaves the rest alone.
func TestMend(t *testing.T) {
	t.Parallel()
	w := tellingWorld(t)
	var ids []profile.ID
	for range 60 {
		ids = append(ids, w.created(t).ID)
	}
	if err := w.Timers.Set(t.Context(), ids[55], other(profile.Profile{}, "03:33").Timer()); err != nil {
		t.Fatal(err)
	}
	if err := w.Timers.Remove(t.Context(), ids[5]); err != nil {
		t.Fatal(err)
	}
	for _, stray := range []profile.ID{nowhere, "watch"} {
		if err := w.Timers.Set(t.Context(), stray, nightly().Timer()); err != nil {
			t.Fatal(err)
		}
	}
	first, from, err := w.Mend(t.Context(), "")
	if err != nil || first != (profile.Mended{Compared: 50, Drifted: 1, Withdrawn: 1}) {
		t.Errorf("%+v from %q: %v", first, from, err)
	}
	second, _, err := w.Mend(t.Context(), from)
	if err != nil || second != (profile.Mended{Compared: 50, Drifted: 1}) {
		t.Errorf("%+v: %v", second, err)
	}
	for _, id := range []profile.ID{ids[5], ids[55]} {
		w.wantKnown(t, id, 1)
	}
	if same, err := w.Timers.Is(t.Context(), "watch", nightly().Timer()); err != nil || !same {
		t.Errorf("a timer that is no profile's is gone: %v", err)
	}
	if d := cmp.Diff("profile.changed deleted", w.events(t)[60]); d != "" {
		t.Error(d)
	}

	w.stack.Strike(func(c standin.Call) standin.Fault {
		if c.Service == "scheduler" {
			return standin.Throttled
		}
		return standin.None
	})
	done, next, err := w.Mend(t.Context(), string(ids[20])+" some page")
	if !fault.Is(err, fault.Unavailable) || next != string(ids[10])+" " || done.Compared != 50 || done.Drifted != 0 {
		t.Errorf("%+v to %q: %v", done, next, err)
	}
}

// TestTick: a slot is told by one event and recorded by one write, however often and in whatever order its tick comes.
func TestTick(t *testing.T) {
	t.Parallel()
	w := tellingWorld(t)
	p, err := w.Create(t.Context(), ada, hourly(1))
	if err != nil {
		t.Fatal(err)
	}
	slot := w.stack.Clock.Now().Truncate(time.Hour)
	before := slot.Add(-time.Hour)
	due := "backup.due " + slot.Format(time.RFC3339)
	w.told(t)
	off, err := w.Create(t.Context(), ada, hourly(1))
	if err != nil {
		t.Fatal(err)
	}
	off.Enabled = false
	if off, err = w.Edit(t.Context(), ada, off, 1); err != nil {
		t.Fatal(err)
	}
	edited, err := w.Create(t.Context(), ada, hourly(12))
	if err != nil {
		t.Fatal(err)
	}
	w.stack.Clock.Advance(-w.stack.Clock.Now().Sub(slot.Add(-4 * time.Minute))) // 4 minutes to the slot
	for i, c := range []struct {
		name   string
		id     profile.ID
		slot   time.Time
		strike map[string]standin.Fault
		want   profile.Ticked
		fails  fault.Kind
		events []string
		writes int
	}{
		{"First", p.ID, before, nil, profile.Recorded, 0, []string{"backup.due " + before.Format(time.RFC3339)}, 1},
		{"AheadOfOurClock", p.ID, slot, nil, profile.Recorded, 0, []string{due}, 1},
		{"Repeated", p.ID, slot, nil, profile.Repeated, 0, []string{due}, 0},
		{"WithinTheMinute", p.ID, slot.Add(43 * time.Second), nil, profile.Repeated, 0, []string{due}, 0},
		{"OutOfOrder", p.ID, before, nil, profile.Older, 0, nil, 0},
		{"Future", p.ID, slot.Add(time.Hour), nil, "", fault.Invalid, nil, 0},
		{"Gone", nowhere, slot, nil, profile.NoMore, 0, nil, 0},
		{"Disabled", off.ID, slot, nil, profile.Off, 0, nil, 0},
		{"Edited", edited.ID, slot.Truncate(12 * time.Hour).Add(-time.Hour), nil, profile.NoSlot, 0, nil, 0},
		{"NoMinuteOfIt", p.ID, before.Add(time.Minute), nil, profile.NoSlot, 0, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen, writes := len(w.events(t)), 0
			w.stack.Strike(func(call standin.Call) standin.Fault {
				if strings.HasPrefix(call.Operation, "Put") && call.Service == "dynamodb" || call.Operation == "UpdateItem" {
					writes++
				}
				return standin.None
			})
			got, err := w.ticks.Tick(t.Context(), c.id, c.slot)
			if got != c.want || (err != nil) != (c.fails != 0) || c.fails != 0 && !fault.Is(err, c.fails) {
				t.Errorf("step %d: %s, %v, want %s", i, got, err, c.want)
			}
			if d := cmp.Diff(c.events, w.events(t)[seen:]); d != "" && len(c.events)+len(w.events(t)[seen:]) > 0 {
				t.Error(d)
			}
			if writes != c.writes {
				t.Errorf("%d writes, want %d", writes, c.writes)
			}
		})
	}
}

// TestTickFaults: a tick that was cut off anywhere is delivered again, and then all is as if nothing had been.
func TestTickFaults(t *testing.T) {
	t.Parallel()
	for how, f := range map[string]standin.Fault{"Before": standin.Before, "After": standin.After, "Throttled": standin.Throttled} {
		for at, did := range []profile.Ticked{profile.Recorded, profile.Recorded, profile.Recorded, profile.Recorded} { // read, read the slot, announce, record
			t.Run(fmt.Sprint(how, at), func(t *testing.T) {
				t.Parallel()
				w := tellingWorld(t)
				p, err := w.Create(t.Context(), ada, hourly(1))
				if err != nil {
					t.Fatal(err)
				}
				slot, calls := w.stack.Clock.Now().Truncate(time.Hour), 0
				w.stack.Strike(func(standin.Call) standin.Fault {
					if calls++; calls == at+1 {
						return f
					}
					return standin.None
				})
				if _, err := w.ticks.Tick(t.Context(), p.ID, slot); !fault.Is(err, fault.Unavailable) {
					t.Errorf("cut off, it ends with %v", err)
				}
				w.stack.Strike(nil)
				if at == 3 && f == standin.After {
					did = profile.Repeated
				}
				if got, err := w.ticks.Tick(t.Context(), p.ID, slot); got != did || err != nil {
					t.Errorf("again, it is %s, %v", got, err)
				}
				ids := map[string]bool{}
				for _, e := range w.told(t) {
					if e.Type == event.BackupDue {
						ids[e.ID] = true
					}
				}
				if recorded, err := w.ticks.Slots.Slot(t.Context(), p.ID); err != nil || !recorded.Equal(slot) || len(ids) != 1 {
					t.Errorf("%s is recorded, and told under %d ids: %v", recorded, len(ids), err)
				}
			})
		}
	}
}

// TestMissed: a slot whose tick never came, or was not told, is told and recorded by the watch, once its own attempts are over;
// nothing else is.
func TestMissed(t *testing.T) {
	t.Parallel()
	w := tellingWorld(t)
	midnight := w.stack.Clock.Now().Truncate(24 * time.Hour).Add(24 * time.Hour)
	set := func(at time.Time) { w.stack.Clock.Advance(at.Sub(w.stack.Clock.Now())) }
	set(midnight.Add(-2 * time.Hour))
	var all []profile.Profile
	for range 3 { // one is missed, one ticks, one is disabled
		p, err := w.Create(t.Context(), ada, hourly(12))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	off := all[2]
	off.Enabled = false
	if _, err := w.Edit(t.Context(), ada, off, 1); err != nil {
		t.Fatal(err)
	}
	told := func() (due []string) {
		for _, e := range w.told(t) {
			if e.Type == event.BackupDue {
				due = append(due, e.Profile+" "+e.Slot.Format(time.RFC3339))
			}
		}
		slices.Sort(due)
		return due
	}
	missed := func(want int, fails bool) {
		t.Helper()
		n, _, err := w.ticks.Missed(t.Context(), "")
		if n != want || (err != nil) != fails {
			t.Errorf("%d are recorded, want %d: %v", n, want, err)
		}
	}
	missed(0, false) // the slot at noon came before they were made
	set(midnight)
	if _, err := w.ticks.Tick(t.Context(), all[1].ID, midnight); err != nil {
		t.Fatal(err)
	}
	w.stack.Strike(func(c standin.Call) standin.Fault {
		if c.Operation == "PutEvents" {
			return standin.Before
		}
		return standin.None
	})
	if did, err := w.ticks.Tick(t.Context(), all[0].ID, midnight); err == nil {
		t.Errorf("with the bus down it is %s", did)
	}
	set(midnight.Add(15*time.Minute - time.Second))
	missed(0, false)
	set(midnight.Add(15 * time.Minute))
	missed(0, true)
	w.stack.Strike(nil)
	other := string(all[1].ID) + " " + midnight.Format(time.RFC3339)
	if d := cmp.Diff([]string{other}, told()); d != "" {
		t.Error(d)
	}
	missed(1, false)
	missed(0, false)
	want := []string{string(all[0].ID) + " " + midnight.Format(time.RFC3339), other}
	slices.Sort(want)
	if d := cmp.Diff(want, told()); d != "" {
		t.Error(d)
	}
	edited, err := w.ticks.Profiles.Profile(t.Context(), all[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	set(midnight.Add(12*time.Hour + time.Minute))
	edited.Schedule.Hours = 6
	if _, err := w.Edit(t.Context(), ada, edited, edited.Version); err != nil {
		t.Fatal(err)
	}
	set(midnight.Add(13 * time.Hour))
	missed(1, false) // that of the other one; this one moved after its slot
}

// TestMissed_Cut: a go that has no time left, or meets a bus that is down, ends where it is, and the next one begins there.
func TestMissed_Cut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		fail func(cancel func()) error
	}{
		{"NoTimeLeft", func(cancel func()) error { cancel(); return context.Canceled }},
		{"BusDown", func(func()) error { return fault.New(fault.Unavailable, "busy", "It is down.") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := tellingWorld(t)
			w.stack.Clock.Advance(w.stack.Clock.Now().Truncate(24 * time.Hour).Add(22 * time.Hour).Sub(w.stack.Clock.Now()))
			var ids []string
			for range 3 {
				p, err := w.Create(t.Context(), ada, hourly(12))
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, string(p.ID))
			}
			slices.Sort(ids)
			w.stack.Clock.Advance(3 * time.Hour)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ticks := w.ticks
			ticks.Bus = failing{w.Bus, ids[1], func() error { return tt.fail(cancel) }}
			if n, next, err := ticks.Missed(ctx, ""); n != 1 || next != ids[0] || err == nil {
				t.Errorf("%d are recorded, and it goes on after %s: %v", n, next, err)
			}
			if n, next, err := w.ticks.Missed(t.Context(), ids[0]); n != 2 || next != ids[0] || err != nil {
				t.Errorf("%d are recorded, and it goes on after %s: %v", n, next, err)
			}
		})
	}
}

// failing takes no event of one profile.
type failing struct {
	profile.Bus
	id  string
	why func() error
}

func (b failing) Announce(ctx context.Context, events ...event.Event) ([]event.Event, error) {
	if events[0].Profile == b.id {
		return events, b.why()
	}
	return b.Bus.Announce(ctx, events...)
}

func hourly(n int) profile.Profile {
	p := nightly()
	p.Schedule = profile.Schedule{Kind: profile.Hourly, Hours: n, Zone: "UTC"}
	return p
}
