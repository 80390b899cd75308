// Command profiles is the function that keeps backup profiles.
package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/oklog/ulid/v2"

	"zapas/functions/internal/gateway"
	"zapas/functions/internal/gateway/console"
	"zapas/functions/internal/profiles"
	"zapas/functions/internal/settings"
	"zapas/shared/audit"
	"zapas/shared/aws"
	"zapas/shared/aws/table"
	"zapas/shared/idempotency"
	"zapas/shared/profile"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	api, err := open(context.Background(), settings.From(os.Environ()), log)
	if err != nil {
		log.Error("the function profiles cannot start", slog.Any("error", err))
		os.Exit(1)
	}
	lambda.Start(api.Handle)
}

func open(ctx context.Context, env *settings.Environment, log *slog.Logger) (*gateway.API, error) {
	now := env.Clock()
	rows, records, locations := env.Table(), env.TableAudit(), env.Locations()
	people := &console.Verifier{Issuer: env.Issuer(), Tenant: env.Tenant(), Audience: env.Audience(), GroupsClaim: env.GroupsClaim(),
		NameClaim: "name", EmailClaim: "email", Roles: env.Roles(), Transport: http.DefaultTransport, Now: now}
	if err := env.Err(); err != nil {
		return nil, err
	}
	cfg, err := aws.Open(ctx)
	if err != nil {
		return nil, err
	}
	db := table.Open(cfg)
	newID := func() string { return ulid.MustNew(ulid.Timestamp(now()), rand.Reader).String() }
	handlers := profiles.Handlers{Now: now, Profiles: &profile.Service{Store: table.Profiles{DB: db, Name: rows}, Locations: locations,
		Audit: audit.Recorder{Log: table.Audit{DB: db, Name: records}, Now: now, NewID: newID}, Now: now, NewID: newID}}
	keeper := idempotency.Keeper{Store: table.Requests{DB: db, Name: rows}, Now: now, NewID: newID}
	return &gateway.API{Function: "profiles", Operations: handlers.Operations(), Console: people, Keeper: keeper, Log: log, Now: now}, nil
}
