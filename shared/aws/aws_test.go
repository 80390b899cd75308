package aws_test

import (
	"context"
	"errors"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"zapas/shared/aws"
	"zapas/shared/aws/table"
	"zapas/shared/fault"
)

// lambda is the environment that a function finds, and no other.
func lambda(t *testing.T, more map[string]string) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	env := map[string]string{"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_DEFAULT_PROFILE": "", "AWS_ACCESS_KEY_ID": "id",
		"AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_DYNAMODB": "",
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none}
	for name, v := range more {
		env[name] = v
	}
	for name, v := range env {
		t.Setenv(name, v)
	}
}

func TestOpen(t *testing.T) {
	t.Run("ReadsTheEnvironmentAlone", func(t *testing.T) {
		lambda(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // any call would fail
		cfg, err := aws.Open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		who, err := cfg.Credentials.Retrieve(t.Context())
		if err != nil || who.AccessKeyID != "id" || who.SecretAccessKey != "secret" || who.SessionToken != "token" || who.Source != "EnvConfigCredentials" || cfg.Region != "eu-central-1" {
			t.Errorf("it is %+v in %q: %v", who, cfg.Region, err)
		}
		if cfg.BaseEndpoint != nil {
			t.Errorf("the endpoint is %q, and none is set", *cfg.BaseEndpoint)
		}
	})

	t.Run("Endpoints", func(t *testing.T) {
		for _, test := range []struct{ all, one, want string }{
			{"http://127.0.0.1:1", "", "http://127.0.0.1:1"},
			{"http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:2"},
			{"", "http://127.0.0.1:2", "http://127.0.0.1:2"},
			{"", "", ""},
		} {
			lambda(t, map[string]string{"AWS_ENDPOINT_URL": test.all, "AWS_ENDPOINT_URL_DYNAMODB": test.one})
			cfg, err := aws.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := sdk.ToString(table.Open(cfg).Options().BaseEndpoint); got != test.want {
				t.Errorf("with %q and %q the endpoint is %q, want %q", test.all, test.one, got, test.want)
			}
		}
	})

	t.Run("NoRegion", func(t *testing.T) {
		lambda(t, map[string]string{"AWS_REGION": ""})
		if _, err := aws.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
			t.Errorf("the failure %v does not say what to set", err)
		}
	})

	t.Run("LeavesRoomInTenSeconds", func(t *testing.T) {
		lambda(t, nil)
		cfg, err := aws.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		retryer, client := cfg.Retryer(), cfg.HTTPClient.(*awshttp.BuildableClient)
		all := time.Duration(retryer.MaxAttempts()) * client.GetTransport().ResponseHeaderTimeout
		for attempt := range retryer.MaxAttempts() + 2 {
			delay, err := retryer.RetryDelay(attempt, errors.New("busy"))
			if err != nil || delay < 0 || delay > 400*time.Millisecond {
				t.Errorf("attempt %d waits for %v: %v", attempt, delay, err)
			}
			all += delay
		}
		if all == 0 || all > 8*time.Second {
			t.Errorf("a call that is never answered takes %v", all)
		}
		if connect := client.GetDialer().Timeout + client.GetTransport().TLSHandshakeTimeout; connect > 2*time.Second {
			t.Errorf("a connection that never comes takes %v", connect)
		}
	})
}

func TestFault(t *testing.T) {
	t.Parallel()
	answered := func(status int, code string) error {
		return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: &smithy.GenericAPIError{Code: code}}}
	}
	for name, test := range map[string]struct {
		err  error
		want fault.Kind
	}{
		"Throttled":       {answered(400, "ThrottlingException"), fault.Unavailable},
		"SlowDown":        {answered(503, "SlowDown"), fault.Unavailable},
		"ServerError":     {answered(500, "InternalServerError"), fault.Unavailable},
		"NoAnswer":        {&smithyhttp.RequestSendError{Err: errors.New("reset")}, fault.Unavailable},
		"AttemptsUsedUp":  {&smithy.OperationError{Err: answered(503, "")}, fault.Unavailable},
		"AccessDenied":    {answered(400, "AccessDeniedException"), fault.Internal},
		"Invalid":         {answered(400, "ValidationException"), fault.Internal},
		"CallerHasGone":   {&sdk.RequestCanceledError{Err: context.Canceled}, fault.Internal},
		"SomethingOfOurs": {errors.New("no"), fault.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := aws.Fault(test.err, "read a vault")
			if !fault.Is(err, test.want) || !errors.Is(err, test.err) || !strings.Contains(err.Error(), "read a vault") {
				t.Errorf("it becomes %v (kind %d), want kind %d", err, fault.KindOf(err), test.want)
			}
		})
	}
	if err := aws.Fault(nil, "read"); err != nil {
		t.Errorf("success becomes %v", err)
	}
}

// TestLinks: a program links the clients of the services that it uses, and no other. The function that can use vault
// keys has no way to objects, and those that have objects have none to the keys.
func TestLinks(t *testing.T) {
	t.Parallel()
	const service = "github.com/aws/aws-sdk-go-v2/service/"
	for pkg, want := range map[string]string{"zapas/shared/aws": "", "zapas/shared/aws/table": "dynamodb", "zapas/shared/aws/bucket": "s3", "zapas/shared/aws/kms": "kms",
		"zapas/shared/aws/bus": "eventbridge", "zapas/shared/aws/schedules": "scheduler"} {
		t.Run(filepath.Base(pkg), func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", pkg).Output()
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range []string{"dynamodb", "s3", "kms", "eventbridge", "scheduler"} {
				if linked := strings.Contains(string(out), service+other+"\n"); linked != (other == want) {
					t.Errorf("that it links %s is %v", other, linked)
				}
			}
		})
	}
}
