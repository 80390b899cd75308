// Package aws knows where AWS is, as whom it is called, how often a call is tried and which failures pass by themselves.
// It does not know what is called: each service has a package of its own below, so that a program links only those that
// it uses.
package aws

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"

	"zapas/shared/fault"
)

// A function has ten seconds. Three attempts over a connection that is there, as it is for all calls but a process's
// first, end within seven.
const (
	attempts   = 3
	firstDelay = 50 * time.Millisecond
	mostDelay  = 400 * time.Millisecond
	connectFor = time.Second
	answerFor  = 2 * time.Second
)

// Open reads the region, the credentials and the endpoints (AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE>) where the SDK
// looks for them. In a function all of that stands in the environment: no call is made, and it takes well under a
// millisecond.
func Open(ctx context.Context) (sdk.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryer(retryer), config.WithHTTPClient(client()))
	if err != nil {
		return sdk.Config{}, fmt.Errorf("the AWS settings cannot be read: %w", err)
	}
	if cfg.Region == "" {
		return sdk.Config{}, errors.New("no AWS region is set: set AWS_REGION")
	}
	return cfg, nil
}

// retryer tries again what failed without an answer, with 5xx or by throttling. The lost answer may have been a yes: then
// the second attempt of a conditional write finds its own effect and fails as if another had been first. Who reads
// fault.Conflict must therefore look at what is stored before he believes that somebody else wrote it. A transaction
// carries a token that is the same in all attempts, so that DynamoDB answers the repetition as it answered the first.
func retryer() sdk.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
			return rand.N(min(firstDelay<<attempt, mostDelay)), nil
		})
	})
}

func client() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = connectFor }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout = connectFor
			t.ResponseHeaderTimeout = answerFor
		})
}

// Fault says what a failed call means: fault.Unavailable for what the SDK itself would try again, as no answer, 5xx and
// throttling are; anything else is ours to mend. doing says what was tried, without naming anybody.
func Fault(err error, doing string) error {
	switch {
	case err == nil:
		return nil
	case retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == sdk.TrueTernary:
		return Busy(fmt.Errorf("%s: %w", doing, err))
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// Busy is a failure that passes by itself.
func Busy(err error) error {
	return fault.Wrap(err, fault.Unavailable, "unavailable", "The service is busy; try the same again in a moment.")
}
