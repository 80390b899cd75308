// Command devices is the function that keeps devices, their users and what a device should do.
package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/oklog/ulid/v2"

	"zapas/functions/internal/devices"
	"zapas/functions/internal/gateway"
	"zapas/functions/internal/gateway/console"
	"zapas/functions/internal/gateway/device"
	"zapas/functions/internal/settings"
	"zapas/shared/audit"
	"zapas/shared/aws"
	"zapas/shared/aws/bus"
	"zapas/shared/aws/table"
	"zapas/shared/caller"
	"zapas/shared/fleet"
	"zapas/shared/idempotency"
	"zapas/shared/restore"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	api, err := open(context.Background(), settings.From(os.Environ()), log)
	if err != nil {
		log.Error("the function devices cannot start", slog.Any("error", err))
		os.Exit(1)
	}
	lambda.Start(api.Handle)
}

func open(ctx context.Context, env *settings.Environment, log *slog.Logger) (*gateway.API, error) {
	now := env.Clock()
	rows, people, consents, records := env.Table(), env.TableIdentity(), env.TableVaultKeys(), env.TableAudit()
	tenant, address, events := env.Tenant(), env.API(), env.Bus()
	signedIn := &console.Verifier{Issuer: env.Issuer(), Tenant: tenant, Audience: env.Audience(), GroupsClaim: env.GroupsClaim(),
		NameClaim: "name", EmailClaim: "email", Roles: env.Roles(), Transport: http.DefaultTransport, Now: now}
	if err := env.Err(); err != nil {
		return nil, err
	}
	cfg, err := aws.Open(ctx)
	if err != nil {
		return nil, err
	}
	db := table.Open(cfg)
	identities := table.Identities{DB: db, Name: people}
	newID := func() string { return ulid.MustNew(ulid.Timestamp(now()), rand.Reader).String() }
	book := table.Audit{DB: db, Name: records}
	recorder := audit.Recorder{Log: book, Now: now, NewID: newID}
	phones := device.Verifier{Tenant: tenant, Devices: identities, Now: now}
	organisation := restore.Organisation{Store: table.Settings{DB: db, Name: rows}, Audit: recorder}
	statuses := table.Statuses{DB: db, Name: rows}
	news := fleet.Announcer{Bus: bus.New(cfg, events), Statuses: statuses, Tenant: tenant, Now: now, Left: func(ctx context.Context, id caller.DeviceID, why error) {
		log.WarnContext(ctx, "an event is not told yet: the watch tells it", slog.String("device", string(id)), slog.Any("error", why))
	}}
	handlers := devices.Handlers{
		Fleet: &fleet.Fleet{Tenant: tenant, Identities: identities, People: table.People{DB: db, Name: people}, Statuses: statuses, News: news,
			Orders: fleet.OrderBook{Store: table.Orders{DB: db, Name: rows}, Now: now}, Profiles: &table.Sets{Profiles: table.Profiles{DB: db, Name: rows}}, Walks: table.Walks{DB: db, Name: rows}, Bulks: table.Bulks{DB: db, Name: rows}, Overdues: statuses,
			OldestApp: organisation.OldestApp, Audit: recorder, Now: now, NewID: newID, Random: func(p []byte) { rand.Read(p) }},
		Restores:  &restore.Service{Store: table.Restores{DB: db, Name: consents}, Now: now},
		Settings:  organisation,
		Vaults:    table.Vaults{DB: db, Name: rows},
		Records:   book,
		Introduce: signedIn.Introduce,
		Proof:     phones.Proof,
		API:       address,
		Now:       now,
	}
	keeper := idempotency.Keeper{Store: table.Requests{DB: db, Name: rows}, Now: now, NewID: newID}
	return &gateway.API{Function: "devices", Operations: handlers.Operations(), Console: signedIn, Keeper: keeper, Device: phones, Log: log, Now: now}, nil
}
