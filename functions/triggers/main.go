// Command triggers is the function that EventBridge Scheduler calls: when a profile's slot has come, and every quarter of
// an hour to see to what was left undone.
package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/oklog/ulid/v2"

	"zapas/functions/internal/settings"
	"zapas/functions/internal/triggers"
	"zapas/shared/audit"
	"zapas/shared/aws"
	"zapas/shared/aws/bus"
	"zapas/shared/aws/schedules"
	"zapas/shared/aws/table"
	"zapas/shared/caller"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	handlers, err := open(context.Background(), settings.From(os.Environ()), log)
	if err != nil {
		log.Error("the function triggers cannot start", slog.Any("error", err))
		os.Exit(1)
	}
	lambda.Start(func(ctx context.Context, event jsontext.Value) (triggers.Answer, error) {
		function := ""
		if called, ok := lambdacontext.FromContext(ctx); ok {
			function = called.InvokedFunctionArn
		}
		return handlers.Handle(ctx, function, event) // the runtime logs an error
	})
}

func open(ctx context.Context, env *settings.Environment, log *slog.Logger) (triggers.Handlers, error) {
	now := env.Clock()
	tenant, rows, records, events, timers := env.Tenant(), env.Table(), env.TableAudit(), env.Bus(), env.Schedules()
	if err := env.Err(); err != nil {
		return triggers.Handlers{}, err
	}
	cfg, err := aws.Open(ctx)
	if err != nil {
		return triggers.Handlers{}, err
	}
	db := table.Open(cfg)
	store, told := table.Profiles{DB: db, Name: rows}, bus.New(cfg, events)
	client := schedules.New(cfg, schedules.Schedules{Group: timers.Group, Role: timers.Role, DeadLetter: timers.DeadLetter})
	outbox := func(function string) profile.Outbox {
		here := client
		here.Target = function
		return profile.Outbox{Notes: store, Timers: here, Bus: told, Tenant: tenant, Now: now}
	}
	statuses := table.Statuses{DB: db, Name: rows}
	news := fleet.Announcer{Bus: told, Statuses: statuses, Tenant: tenant, Now: now, Left: func(ctx context.Context, id caller.DeviceID, why error) {
		log.WarnContext(ctx, "an event of a device is not told", slog.String("device", string(id)), slog.Any("error", why))
	}}
	watch := fleet.Watch{Devices: statuses, Profiles: &table.Sets{Profiles: store}, Walks: table.Walks{DB: db, Name: rows},
		Bus: told, Tenant: tenant, Tell: news.Again, Now: now}
	newID := func() string { return ulid.MustNew(ulid.Timestamp(now()), rand.Reader).String() }
	orders := &fleet.Fleet{Tenant: tenant, Statuses: statuses, News: news, Overdues: statuses, Bulks: table.Bulks{DB: db, Name: rows}, Profiles: watch.Profiles,
		Orders: fleet.OrderBook{Store: table.Orders{DB: db, Name: rows}, Now: now},
		Audit:  audit.Recorder{Log: table.Audit{DB: db, Name: records}, Now: now, NewID: newID}, Now: now, NewID: newID}
	ticks := profile.Ticks{Profiles: store, Slots: table.Slots{DB: db, Name: rows}, Bus: told, Tenant: tenant, Now: now}
	return triggers.Handlers{
		Ticks: ticks,
		Watch: triggers.Watch{Positions: table.Positions{DB: db, Name: rows}, Now: now, Parts: []triggers.Part{
			triggers.Ticks(ticks),
			triggers.Devices(watch),
			triggers.Orders(orders),
			triggers.Walk(watch),
			triggers.Profiles(outbox),
		}},
		Log: log,
	}, nil
}
