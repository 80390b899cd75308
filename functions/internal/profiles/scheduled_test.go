package profiles_test

import (
	"context"
	"log/slog"
	"testing"

	"zapas/localstack/deployment"
	"zapas/localstack/standin"
	"zapas/localstack/standin/standintest"
	"zapas/shared/api"
	"zapas/shared/aws/bus"
	"zapas/shared/aws/schedules"
	"zapas/shared/aws/table"
	"zapas/shared/profile"
)

// TestScheduled: a profile is saved whether or not the scheduler is told of it, and its answer says which; as do later ones.
func TestScheduled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		service   string // that fails
		how       standin.Fault
		scheduled bool
	}{
		"Told": {"", standin.None, true}, "Throttled": {"scheduler", standin.Throttled, false}, "Down": {"scheduler", standin.Before, false},
		"AnswerLost": {"scheduler", standin.After, false}, "BusDown": {"events", standin.Before, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			d, err := deployment.On(w.stack.AWS)
			if err != nil {
				t.Fatal(err)
			}
			cfg, left := w.stack.Config(), 0
			store := table.Profiles{DB: table.Open(cfg), Name: deployment.Table}
			w.service.Left = func(_ context.Context, id profile.ID, why error) {
				left++
				slog.New(slog.NewTextHandler(t.Output(), nil)).Info("left", slog.String("profile", string(id)), slog.Any("error", why))
			}
			w.service.Outbox = &profile.Outbox{Notes: store, Bus: bus.New(cfg, d.Buses[0]), Tenant: "acme", Now: w.service.Now,
				Timers: schedules.New(cfg, schedules.Schedules{Group: d.Groups[0], Role: standintest.RoleARN("scheduler"), DeadLetter: d.Queues[0].ARN,
					Target: "arn:aws:lambda:" + standintest.Region + ":" + standintest.Account + ":function:triggers"})}
			w.stack.Strike(func(call standin.Call) standin.Fault {
				if call.Service == c.service {
					return c.how
				}
				return standin.None
			})
			p := w.created()
			if p.Scheduled != c.scheduled || (left == 0) != (c.service == "") {
				t.Errorf("the answer says %t, and %d were left", p.Scheduled, left)
			}
			if got := good[api.Profile](t, w.ask("getProfile", p.Id, nil), 200); got.Scheduled != c.scheduled || got.Version != 1 {
				t.Errorf("read again it says %t, version %d", got.Scheduled, got.Version)
			}
			w.stack.Strike(nil)
			edited := good[api.Profile](t, w.ask("editProfile", p.Id, named("Other"), "if-match", `"1"`), 200)
			if !edited.Scheduled || edited.Version != 2 {
				t.Errorf("once all answer it says %t, version %d", edited.Scheduled, edited.Version)
			}
		})
	}
}
