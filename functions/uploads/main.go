// Command uploads is the function that signs uploads and commits snapshots. It has no way to a vault key.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"zapas/functions/internal/gateway"
	"zapas/functions/internal/gateway/device"
	"zapas/functions/internal/settings"
	"zapas/functions/internal/uploads"
	"zapas/shared/aws"
	"zapas/shared/aws/bucket"
	"zapas/shared/aws/bus"
	"zapas/shared/aws/table"
	"zapas/shared/caller"
	"zapas/shared/fleet"
	"zapas/shared/vault"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	api, err := open(context.Background(), settings.From(os.Environ()), log)
	if err != nil {
		log.Error("the function uploads cannot start", slog.Any("error", err))
		os.Exit(1)
	}
	lambda.Start(api.Handle)
}

func open(ctx context.Context, env *settings.Environment, log *slog.Logger) (*gateway.API, error) {
	now := env.Clock()
	rows, people, tenant, buckets, events := env.Table(), env.TableIdentity(), env.Tenant(), env.Buckets(), env.Bus()
	if err := env.Err(); err != nil {
		return nil, err
	}
	cfg, err := aws.Open(ctx)
	if err != nil {
		return nil, err
	}
	db := table.Open(cfg)
	statuses := table.Statuses{DB: db, Name: rows}
	news := fleet.Announcer{Bus: bus.New(cfg, events), Statuses: statuses, Tenant: tenant, Now: now, Left: func(ctx context.Context, id caller.DeviceID, why error) {
		log.WarnContext(ctx, "an event is not told yet: the watch tells it", slog.String("device", string(id)), slog.Any("error", why))
	}}
	handlers := uploads.Handlers{Runs: fleet.RunBook{Statuses: statuses, News: news, Now: now}, Orders: fleet.OrderBook{Store: table.Orders{DB: db, Name: rows}, Now: now}, Now: now,
		Uploader: &vault.Uploader{Table: table.Vaults{DB: db, Name: rows}, Store: bucket.New(cfg, buckets), Now: now}}
	return &gateway.API{Function: "uploads", Operations: handlers.Operations(),
		Device: device.Verifier{Tenant: tenant, Devices: table.Identities{DB: db, Name: people}, Once: uploads.Once(), Used: table.Tokens{DB: db, Name: rows}, Now: now}, Log: log, Now: now}, nil
}
