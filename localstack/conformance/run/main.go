// Command run asks a target all cases of conformance: what AWS_ENDPOINT_URL names, or AWS itself. It does not know the
// cases.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"zapas/localstack/conformance"
)

// settle is longer than any change takes to be seen; the slowest is that of a key's state in AWS KMS.
const settle = 30 * time.Second

const whom = "set AWS_ENDPOINT_URL to the target's address, such as http://localhost:4566, and AWS_REGION, AWS_ACCESS_KEY_ID and " +
	"AWS_SECRET_ACCESS_KEY to what it accepts; or unset AWS_ENDPOINT_URL and say AWS=1 to ask AWS itself"

func main() {
	onAWS := flag.Bool("aws", false, "ask AWS itself, in the account of the credentials, instead of what AWS_ENDPOINT_URL names")
	role := flag.String("role", "", "ARN of a role that EventBridge Scheduler may assume, for the cases of schedules; AWS itself wants one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *onAWS, *role); err != nil {
		fmt.Fprintln(os.Stderr, "conformance: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, onAWS bool, role string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("the AWS settings cannot be read: %w", err)
	}
	if (cfg.BaseEndpoint == nil) != onAWS {
		return errors.New(whom)
	}
	if cfg.Region == "" {
		return errors.New("no AWS region is set: set AWS_REGION")
	}
	if onAWS && role == "" {
		return errors.New("no role is named that EventBridge Scheduler may assume, and without one AWS makes no schedule: say ROLE= and the ARN of one that trusts scheduler.amazonaws.com; it needs no rights")
	}
	prefix := "zapas-conformance-" + strings.ToLower(rand.Text()[:12])
	return conformance.Play(ctx, conformance.Settings{Config: cfg, Now: time.Now, Settle: settle, Role: role}, prefix, os.Stdout)
}
