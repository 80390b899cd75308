// Command restores is the function that lists a user's snapshots and answers restore manifests. It can write nothing, and
// has no way to a vault key.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"zapas/functions/internal/gateway"
	"zapas/functions/internal/gateway/console"
	"zapas/functions/internal/gateway/device"
	"zapas/functions/internal/restores"
	"zapas/functions/internal/settings"
	"zapas/shared/aws"
	"zapas/shared/aws/bucket"
	"zapas/shared/aws/table"
	"zapas/shared/vault"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	api, err := open(context.Background(), settings.From(os.Environ()), log)
	if err != nil {
		log.Error("the function restores cannot start", slog.Any("error", err))
		os.Exit(1)
	}
	lambda.Start(api.Handle)
}

func open(ctx context.Context, env *settings.Environment, log *slog.Logger) (*gateway.API, error) {
	now := env.Clock()
	rows, people, tenant, buckets := env.Table(), env.TableIdentity(), env.Tenant(), env.Buckets()
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
	handlers := restores.Handlers{Reader: &vault.Reader{Table: table.Vaults{DB: db, Name: rows}, Downloads: bucket.New(cfg, buckets)}}
	return &gateway.API{Function: "restores", Operations: handlers.Operations(), Console: signedIn,
		Device: device.Verifier{Tenant: tenant, Devices: table.Identities{DB: db, Name: people}, Now: now}, Log: log, Now: now}, nil
}
