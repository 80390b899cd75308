// Command sessions is the function that opens and closes sessions of backup and restore, and the only one that can use
// vault keys. It can read no object.
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
	"zapas/functions/internal/gateway/device"
	"zapas/functions/internal/sessions"
	"zapas/functions/internal/settings"
	"zapas/shared/audit"
	"zapas/shared/aws"
	"zapas/shared/aws/bus"
	"zapas/shared/aws/kms"
	"zapas/shared/aws/table"
	"zapas/shared/caller"
	"zapas/shared/fleet"
	"zapas/shared/idempotency"
	"zapas/shared/profile"
	"zapas/shared/restore"
	"zapas/shared/vault"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	api, err := open(context.Background(), settings.From(os.Environ()), log)
	if err != nil {
		log.Error("the function sessions cannot start", slog.Any("error", err))
		os.Exit(1)
	}
	lambda.Start(api.Handle)
}

func open(ctx context.Context, env *settings.Environment, log *slog.Logger) (*gateway.API, error) {
	now := env.Clock()
	rows, people, keys, records := env.Table(), env.TableIdentity(), env.TableVaultKeys(), env.TableAudit()
	tenant, wrapping, quota, events := env.Tenant(), env.VaultKey(), env.Quota(), env.Bus()
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
	newID := func() string { return ulid.MustNew(ulid.Timestamp(now()), rand.Reader).String() }
	identities, statuses := table.Identities{DB: db, Name: people}, table.Statuses{DB: db, Name: rows}
	recorder := audit.Recorder{Log: table.Audit{DB: db, Name: records}, Now: now, NewID: newID}
	news := fleet.Announcer{Bus: bus.New(cfg, events), Statuses: statuses, Tenant: tenant, Now: now, Left: func(ctx context.Context, id caller.DeviceID, why error) {
		log.WarnContext(ctx, "an event is not told yet: the watch tells it", slog.String("device", string(id)), slog.Any("error", why))
	}}
	phones := &fleet.Fleet{Tenant: tenant, Identities: identities, Enrolments: identities, Statuses: statuses, Now: now}
	opener := &vault.Opener{Tenant: tenant, Quota: quota, Table: table.Vaults{DB: db, Name: rows}, Keys: table.Keys{DB: db, Name: keys},
		Wrapper: kms.New(cfg, wrapping), Record: sessions.Recording(recorder), Active: phones.Active, Now: now, NewID: newID}
	consents := &restore.Service{Tenant: tenant, Store: table.Restores{DB: db, Name: keys, Cards: rows}, News: news, Settings: restore.Organisation{Store: table.Settings{DB: db, Name: rows}}, Audit: recorder,
		Find: opener.Find, Owns: phones.Owns, Enrolled: phones.Enrolled, Now: now, NewID: newID}
	opener.Consented = consents.Consented
	handlers := sessions.Handlers{Opener: opener, Restores: consents, Profiles: &profile.Service{Store: table.Profiles{DB: db, Name: rows}},
		Runs: fleet.RunBook{Statuses: statuses, News: news, Now: now}, Orders: fleet.OrderBook{Store: table.Orders{DB: db, Name: rows}, Now: now},
		Proofs: fleet.ProofBook{Statuses: statuses, Audit: recorder, Now: now}}
	keeper := idempotency.Keeper{Store: table.Requests{DB: db, Name: rows}, Now: now, NewID: newID}
	return &gateway.API{Function: "sessions", Operations: handlers.Operations(), Console: signedIn, Keeper: keeper,
		Device: device.Verifier{Tenant: tenant, Devices: identities, Once: sessions.Once(), Used: table.Tokens{DB: db, Name: rows}, Now: now}, Log: log, Now: now}, nil
}
