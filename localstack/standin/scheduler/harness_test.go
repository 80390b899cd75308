package scheduler_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/smithy-go"

	"zapas/localstack/standin/scheduler"
	"zapas/localstack/standin/sqs"
)

const (
	account  = "000000000000"
	region   = "eu-central-1"
	function = "arn:aws:lambda:eu-central-1:000000000000:function:ticker"
	role     = "arn:aws:iam::000000000000:role/ticker"
)

// direct is an HTTP client that calls a server without a socket.
type direct struct{ http.Handler }

func (d direct) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

// stack is a server with a clock that is moved, a target that fails when it is told to, and a log.
type stack struct {
	*scheduler.Server
	t      *testing.T
	path   string
	auth   scheduler.Authorizer
	client *sdk.Client
	now    time.Time
	queues sqs.Queues

	mu     sync.Mutex
	events []string
	ran    bool
	err    error
	log    strings.Builder
}

func open(t *testing.T) *stack {
	t.Helper()
	s := &stack{t: t, path: filepath.Join(t.TempDir(), "scheduler.db"), now: time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)}
	s.open()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// open opens the file, again if it was open.
func (s *stack) open() {
	s.t.Helper()
	if s.Server != nil {
		if err := s.Close(); err != nil {
			s.t.Fatal(err)
		}
	}
	server, err := scheduler.Open(scheduler.Config{Path: s.path, Account: account, Region: region, Authorizer: s.auth,
		Send: s.queues.Send,
		Now:  func() time.Time { return s.now }, Log: slog.New(slog.NewTextHandler(&s.log, nil))})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := server.CreateGroup("zapas"); err != nil {
		s.t.Fatal(err)
	}
	s.Server = server
	s.client = sdk.NewFromConfig(aws.Config{Region: region, HTTPClient: direct{server}, BaseEndpoint: aws.String("http://scheduler.test"),
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""), Retryer: func() aws.Retryer { return aws.NopRetryer{} }})
}

// invoke is the target.
func (s *stack) invoke(_ context.Context, name string, event []byte) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, name+" "+string(event))
	return s.ran || s.err == nil, s.err
}

// tick moves the clock, ticks, and answers what the target got.
func (s *stack) tick(d time.Duration) []string {
	s.t.Helper()
	s.now = s.now.Add(d)
	if err := s.Tick(s.t.Context(), s.invoke); err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.events
	s.events = nil
	return events
}

func valid(change func(*sdk.CreateScheduleInput)) *sdk.CreateScheduleInput {
	in := &sdk.CreateScheduleInput{Name: aws.String("p1"), GroupName: aws.String("zapas"), ScheduleExpression: aws.String("cron(0 * * * ? *)"),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target:             &types.Target{Arn: aws.String(function), RoleArn: aws.String(role), Input: aws.String(`{"at":"<aws.scheduler.scheduled-time>"}`)}}
	if change != nil {
		change(in)
	}
	return in
}

func (s *stack) create(change func(*sdk.CreateScheduleInput)) {
	s.t.Helper()
	if _, err := s.client.CreateSchedule(s.t.Context(), valid(change)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stack) update(in *sdk.CreateScheduleInput) error {
	_, err := s.client.UpdateSchedule(s.t.Context(), &sdk.UpdateScheduleInput{Name: in.Name, GroupName: in.GroupName, ScheduleExpression: in.ScheduleExpression,
		ScheduleExpressionTimezone: in.ScheduleExpressionTimezone, FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target, State: in.State, ClientToken: in.ClientToken})
	return err
}

func (s *stack) get() (*sdk.GetScheduleOutput, error) {
	return s.client.GetSchedule(s.t.Context(), &sdk.GetScheduleInput{Name: aws.String("p1"), GroupName: aws.String("zapas")})
}

// wantError checks an error's code and a part of its message; no code: no error.
func wantError(t *testing.T, err error, code, message string) {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	switch {
	case code == "" && err == nil:
	case !ok || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), message):
		t.Fatalf("got %v, want %s: %s", err, code, message)
	}
}

func reopen(path string) (*scheduler.Server, error) {
	return scheduler.Open(scheduler.Config{Path: path, Account: account, Region: region, Now: time.Now})
}
