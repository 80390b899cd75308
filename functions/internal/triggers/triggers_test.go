package triggers_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/triggers"
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

const (
	id       = profile.ID("01ARZ3NDEKTSV4RRFFQ69G5FAV")
	function = "arn:aws:lambda:" + standintest.Region + ":" + standintest.Account + ":function:triggers"
)

// world is the function triggers on an AWS of its own.
type world struct {
	triggers.Handlers
	stack  *standintest.Stack
	store  table.Profiles
	timers schedules.Schedules
	log    strings.Builder
}

func open(t *testing.T) *world {
	t.Helper()
	s := standintest.New(t)
	d, err := deployment.On(s.AWS)
	if err != nil {
		t.Fatal(err)
	}
	cfg, w := s.Config(), &world{stack: s}
	db, told := table.Open(cfg), bus.New(cfg, d.Buses[0])
	w.store = table.Profiles{DB: db, Name: deployment.Table}
	w.timers = schedules.New(cfg, schedules.Schedules{Group: d.Groups[0], Role: standintest.RoleARN("scheduler"), Target: function, DeadLetter: d.Queues[0].ARN})
	outbox := func(function string) profile.Outbox {
		timers := w.timers
		timers.Target = function
		return profile.Outbox{Notes: w.store, Timers: timers, Bus: told, Tenant: "acme", Now: s.Clock.Now}
	}
	w.Handlers = triggers.Handlers{
		Ticks: profile.Ticks{Profiles: w.store, Slots: table.Slots{DB: db, Name: deployment.Table}, Bus: told, Tenant: "acme", Now: s.Clock.Now},
		Watch: triggers.Watch{Parts: []triggers.Part{triggers.Profiles(outbox)}, Positions: table.Positions{DB: db, Name: deployment.Table}, Now: s.Clock.Now},
		Log:   slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	return w
}

func hourly() profile.Profile {
	return profile.Profile{ID: id, Version: 1, Name: "Secret name", Enabled: true, UpdatedAt: time.UnixMilli(1_700_000_000_000), Schedule: profile.Schedule{Kind: profile.Hourly, Hours: 1, Zone: "UTC"}}
}

func (w *world) create(t *testing.T) {
	t.Helper()
	if err := w.store.Create(t.Context(), hourly()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) handle(t *testing.T, payload string) (triggers.Answer, error) {
	t.Helper()
	return w.Handle(t.Context(), function, jsontext.Value(payload))
}

func (w *world) told(t *testing.T) (types []event.Type) {
	t.Helper()
	for _, text := range w.stack.EventBridge.Seen.Events() {
		var e struct{ Detail event.Event }
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		types = append(types, e.Detail.Type)
	}
	return types
}

// TestPayload: what Scheduler sends is a tick or the watch; anything else fails, and nothing is written or told for it.
func TestPayload(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.create(t)
	slot := w.stack.Clock.Now().Truncate(time.Hour).Format(time.RFC3339)
	for name, payload := range map[string]string{
		"Nothing": ``, "NoJSON": `{`, "Null": `null`, "Empty": `{}`, "List": `[]`, "Text": `"watch"`, "ProfileAlone": `{"profile":"` + string(id) + `"}`,
		"SlotAlone": `{"slot":"` + slot + `"}`, "NoID": `{"profile":"x","slot":"` + slot + `"}`, "NoTime": `{"profile":"` + string(id) + `","slot":"noon"}`,
		"NotFilledIn": `{"profile":"` + string(id) + `","slot":"<aws.scheduler.scheduled-time>"}`,
		"Both":        `{"profile":"` + string(id) + `","slot":"` + slot + `","watch":"` + slot + `"}`, "HalfOfBoth": `{"slot":"` + slot + `","watch":"` + slot + `"}`,
		"Unknown": `{"profile":"` + string(id) + `","slot":"` + slot + `","force":true}`, "OtherCase": `{"Profile":"` + string(id) + `","Slot":"` + slot + `"}`,
		"Twice": `{"profile":"` + string(id) + `","slot":"` + slot + `","slot":"` + slot + `"}`, "WatchIsNoTime": `{"watch":true}`,
		"Event": `{"version":"0","source":"aws.events","detail":{}}`,
	} {
		if answer, err := w.handle(t, payload); !fault.Is(err, fault.Invalid) || !cmp.Equal(answer, triggers.Answer{}) {
			t.Errorf("%s: %+v, %v", name, answer, err)
		}
	}
	if told := w.told(t); len(told) > 0 {
		t.Errorf("%v were told", told)
	}
	input, err := schedules.Input(id)
	if err != nil {
		t.Fatal(err)
	}
	for _, did := range []profile.Ticked{profile.Recorded, profile.Repeated} {
		answer, err := w.handle(t, strings.ReplaceAll(input, "<aws.scheduler.scheduled-time>", slot))
		if err != nil || answer.Did != did {
			t.Errorf("%+v, %v", answer, err)
		}
	}
	if d := cmp.Diff([]event.Type{event.BackupDue, event.BackupDue}, w.told(t)); d != "" {
		t.Error(d)
	}
	if log := w.log.String(); strings.Contains(log, "Secret") || !strings.Contains(log, string(id)) {
		t.Errorf("the log says %s", log)
	}
}

// TestWatch: it tells of a profile of which nobody was told, makes its schedule, and mends it when it calls another function.
func TestWatch(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.create(t)
	watch := `{"watch":"` + w.stack.Clock.Now().Format(time.RFC3339) + `"}`
	step := func(told, compared, drifted int) {
		t.Helper()
		answer, err := w.handle(t, watch)
		want := map[string]map[string]int{"profiles": {"told": told, "compared": compared, "drifted": drifted, "withdrawn": 0}}
		if d := cmp.Diff(want, answer.Watch); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
	}
	step(1, 1, 0)
	step(0, 1, 0)
	if same, err := w.timers.Is(t.Context(), id, hourly().Timer()); err != nil || !same {
		t.Errorf("its schedule is another: %v", err)
	}
	other := w.timers
	other.Target += "-before"
	if err := other.Set(t.Context(), id, hourly().Timer()); err != nil {
		t.Fatal(err)
	}
	step(0, 1, 1)
	step(0, 1, 0)
	if d := cmp.Diff([]event.Type{event.ProfileChanged}, w.told(t)); d != "" {
		t.Error(d)
	}
}

// TestParts: each goes on where it stopped, also when it fails, and none keeps another from its piece.
func TestParts(t *testing.T) {
	t.Parallel()
	w := open(t)
	var froms []string
	broken := errors.New("broken")
	w.Watch.Parts = []triggers.Part{
		{Name: "a", Do: func(ctx context.Context, _, from string) (map[string]int, string, error) {
			froms = append(froms, "a"+from)
			<-ctx.Done() // it takes all the time that it is given
			return nil, from + "1", ctx.Err()
		}},
		{Name: "b", Do: func(_ context.Context, _, from string) (map[string]int, string, error) {
			froms = append(froms, "b"+from)
			return map[string]int{"n": 1}, from + "2", broken
		}},
		{Name: "c", Do: func(ctx context.Context, _, from string) (map[string]int, string, error) {
			froms = append(froms, "c"+from)
			return map[string]int{"n": 2}, from, ctx.Err()
		}},
	}
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		counts, err := w.Watch.Run(ctx, function)
		cancel()
		if !errors.Is(err, broken) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the watch of b") {
			t.Errorf("it ends with %v", err)
		}
		if d := cmp.Diff(map[string]map[string]int{"a": nil, "b": {"n": 1}, "c": {"n": 2}}, counts); d != "" {
			t.Error(d)
		}
	}
	if d := cmp.Diff([]string{"a", "b", "c", "a1", "b2", "c"}, froms); d != "" {
		t.Error(d)
	}
}

// TestPositionLost: a part whose position cannot be read or kept fails, and the next one does its piece.
func TestPositionLost(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"GetItem", "PutItem"} {
		w := open(t)
		var ran []string
		part := func(name string) triggers.Part {
			return triggers.Part{Name: name, Do: func(context.Context, string, string) (map[string]int, string, error) {
				ran = append(ran, name)
				return nil, "on", nil
			}}
		}
		w.Watch.Parts = []triggers.Part{part("a"), part("b")}
		struck := false
		w.stack.Strike(func(c standin.Call) standin.Fault {
			if c.Operation == operation && !struck {
				struck = true
				return standin.Throttled
			}
			return standin.None
		})
		if _, err := w.Watch.Run(t.Context(), function); !fault.Is(err, fault.Unavailable) || ran[len(ran)-1] != "b" || (len(ran) == 2) != (operation == "PutItem") {
			t.Errorf("%s: %v ran, %v", operation, ran, err)
		}
	}
}
