package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin/iam"
)

func want(t *testing.T, got []string, events ...string) {
	t.Helper()
	if diff := cmp.Diff(events, got); diff != "" {
		t.Fatal(diff)
	}
}

func hour(n int) string { return fmt.Sprintf(`ticker {"at":"2024-03-01T%02d:00:00Z"}`, n) }

func TestFires(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(nil)
	want(t, s.tick(time.Hour-time.Second))
	want(t, s.tick(time.Second), hour(13))
	want(t, s.tick(0))
	want(t, s.tick(time.Hour), hour(14))
	if at, ok := s.Due(); !ok || !at.Equal(s.now.Add(time.Hour)) {
		t.Errorf("due at %v %v", at, ok)
	}
}

// TestContextAttributes: page "Adding context attributes in EventBridge Scheduler".
func TestContextAttributes(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(func(in *sdk.CreateScheduleInput) {
		in.Target.Input = aws.String(`{"arn":"<aws.scheduler.schedule-arn>","id":"<aws.scheduler.execution-id>","n":"<aws.scheduler.attempt-number>","x":"<aws.scheduler.other>"}`)
	})
	form := regexp.MustCompile(`^ticker {"arn":"arn:aws:scheduler:eu-central-1:000000000000:schedule/zapas/p1","id":"([0-9a-f]{16})","n":"([12])","x":"<aws.scheduler.other>"}$`)
	s.err = errors.New("busy")
	first := form.FindStringSubmatch(strings.Join(s.tick(time.Hour), ""))
	second := form.FindStringSubmatch(strings.Join(s.tick(time.Second), ""))
	if first == nil || second == nil || first[1] == second[1] || first[2] != "1" || second[2] != "2" {
		t.Errorf("%v %v", first, second)
	}
}

// TestRate: page "Schedule types in EventBridge Scheduler": without a start date a rate begins at once.
func TestRate(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(func(in *sdk.CreateScheduleInput) { in.ScheduleExpression = aws.String("rate(2 hours)") })
	want(t, s.tick(0), hour(12))
	want(t, s.tick(2*time.Hour-1))
	want(t, s.tick(1), hour(14))
	s = open(t)
	s.create(func(in *sdk.CreateScheduleInput) {
		in.ScheduleExpression, in.StartDate = aws.String("rate(2 hours)"), aws.Time(s.now.Add(time.Hour))
	})
	want(t, s.tick(0))
	want(t, s.tick(time.Hour), hour(13))
}

// TestDates: page CreateSchedule: after the start date, before the end date, and neither for a one-time schedule.
func TestDates(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(func(in *sdk.CreateScheduleInput) {
		in.StartDate, in.EndDate = aws.Time(s.now.Add(2*time.Hour)), aws.Time(s.now.Add(4*time.Hour))
	})
	s.create(func(in *sdk.CreateScheduleInput) {
		in.Name, in.ScheduleExpression = aws.String("once"), aws.String("at(2024-03-01T13:30:00)")
		in.StartDate, in.EndDate = aws.Time(s.now.Add(2*time.Hour)), aws.Time(s.now.Add(4*time.Hour))
	})
	want(t, s.tick(time.Hour))
	want(t, s.tick(30*time.Minute), `ticker {"at":"2024-03-01T13:30:00Z"}`)
	want(t, s.tick(30*time.Minute), hour(14))
	want(t, s.tick(time.Hour), hour(15))
	want(t, s.tick(time.Hour))
	if at, ok := s.Due(); ok {
		t.Errorf("due at %v", at)
	}
}

// TestWindow: page "Configuring flexible time windows": at any time within the window.
func TestWindow(t *testing.T) {
	t.Parallel()
	s := open(t)
	for i := range 20 {
		s.create(func(in *sdk.CreateScheduleInput) {
			in.Name = aws.String(fmt.Sprint("p", i))
			in.FlexibleTimeWindow = &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(10)}
		})
	}
	s.now = s.now.Add(time.Hour)
	got, minutes := 0, 0
	for range 10 {
		n := len(s.tick(time.Minute - time.Second))
		n += len(s.tick(time.Second))
		if got += n; n > 0 {
			minutes++
		}
	}
	if got != 20 || minutes < 5 {
		t.Errorf("%d of 20 within the window, in %d of its minutes", got, minutes)
	}
}

// TestRetry: page RetryPolicy: until the attempts are made or the age is reached. What is dropped is logged with its queue.
func TestRetry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attempts, age *int32
		want          int
		why           string
	}{
		"NoAttempts":   {aws.Int32(0), nil, 1, "its attempts are exhausted"},
		"ThreeRetries": {aws.Int32(3), nil, 4, "its attempts are exhausted"},
		"Age":          {nil, aws.Int32(60), 6, "it reached its maximum event age"}, // at 0, 1, 3, 7, 15 and 31 seconds
		"Defaults":     {nil, nil, 153, "it reached its maximum event age"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.create(func(in *sdk.CreateScheduleInput) {
				in.ScheduleExpression = aws.String("at(2024-03-01T13:00:00)")
				in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: c.attempts, MaximumEventAgeInSeconds: c.age}
				in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String("arn:aws:sqs:eu-central-1:000000000000:lost")}
			})
			s.err = errors.New("busy")
			got := 0
			for at, ok := s.Due(); ok; at, ok = s.Due() {
				got += len(s.tick(at.Sub(s.now)))
			}
			if got != c.want || strings.Count(s.log.String(), "an invocation was dropped") != 1 || !strings.Contains(s.log.String(), c.why) || !strings.Contains(s.log.String(), "sqs") {
				t.Errorf("%d attempts\n%s", got, s.log.String())
			}
		})
	}
}

// TestFunctionFails: page "How Lambda handles errors and retries with asynchronous invocation": the same event, after one
// minute and after two more, whatever the schedule's retry policy.
func TestFunctionFails(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(func(in *sdk.CreateScheduleInput) {
		in.ScheduleExpression = aws.String("at(2024-03-01T13:00:00)")
		in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)}
		in.Target.Input = aws.String(`"<aws.scheduler.execution-id> <aws.scheduler.attempt-number>"`)
	})
	s.ran, s.err = true, errors.New("it panicked")
	first := s.tick(time.Hour)
	want(t, s.tick(time.Minute-1))
	want(t, s.tick(1), first...)
	want(t, s.tick(2*time.Minute), first...)
	if at, ok := s.Due(); ok || len(first) != 1 || !strings.Contains(s.log.String(), "the function failed each time") {
		t.Errorf("%v, due again at %v: %s", first, at, s.log.String())
	}
}

// TestCatchUp: of what was missed while nothing ran, the last is delivered, if it is not older than the maximum event age.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		expression string
		age        int32
		down       time.Duration
		want       []string
	}{
		"LastOfMany": {"cron(0 * * * ? *)", 86400, 5*time.Hour + time.Minute, []string{hour(17)}},
		"AtTheEdge":  {"cron(0 13 * * ? *)", 3600, 2 * time.Hour, []string{hour(13)}},
		"TooOld":     {"cron(0 13 * * ? *)", 3600, 2*time.Hour + time.Second, nil},
		"OneTime":    {"at(2024-03-01T13:00:00)", 86400, 3 * time.Hour, []string{hour(13)}},
		"OneTimeOld": {"at(2024-03-01T13:00:00)", 60, 3 * time.Hour, nil},
		"AYear":      {"cron(* * * * ? *)", 86400, 366 * 24 * time.Hour, []string{`ticker {"at":"2025-03-02T12:00:00Z"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.create(func(in *sdk.CreateScheduleInput) {
				in.ScheduleExpression = aws.String(c.expression)
				in.Target.RetryPolicy = &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(c.age)}
			})
			s.now = s.now.Add(c.down)
			s.open()
			want(t, s.tick(0), c.want...)
			want(t, s.tick(0))
			if dropped := strings.Contains(s.log.String(), "it was missed"); dropped != (c.want == nil || name == "AYear") {
				t.Errorf("the log says %q", s.log.String())
			}
		})
	}
}

// TestBegunIsKept: an invocation that has begun is made after a crash, even before its answer was known.
func TestBegunIsKept(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(nil)
	s.now = s.now.Add(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Tick(ctx, func(context.Context, string, []byte) (bool, error) {
		cancel() // the process ends while the function runs
		return false, errors.New("closed")
	})
	if err != nil {
		t.Fatal(err)
	}
	s.open()
	want(t, s.tick(0), hour(13))
	s.open()
	want(t, s.tick(0))
}

func TestStateDisabled(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(func(in *sdk.CreateScheduleInput) { in.State = types.ScheduleStateDisabled })
	want(t, s.tick(5*time.Hour))
	if at, ok := s.Due(); ok {
		t.Errorf("due at %v", at)
	}
	if err := s.update(valid(nil)); err != nil {
		t.Fatal(err)
	}
	want(t, s.tick(0)) // what was due while it was disabled is not made up for
	want(t, s.tick(time.Hour), hour(18))
}

// TestZone: page "Schedule types in EventBridge Scheduler", "Daylight savings time".
func TestZone(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.now = time.Date(2024, 3, 30, 12, 0, 0, 0, time.UTC)
	s.create(func(in *sdk.CreateScheduleInput) {
		in.ScheduleExpression, in.ScheduleExpressionTimezone = aws.String("cron(30 2 * * ? *)"), aws.String("Europe/Berlin")
	})
	want(t, s.tick(24*time.Hour))
	want(t, s.tick(24*time.Hour), `ticker {"at":"2024-04-01T00:30:00Z"}`)
}

// TestActionAfterCompletion: page "Deleting a schedule".
func TestActionAfterCompletion(t *testing.T) {
	t.Parallel()
	for after, code := range map[types.ActionAfterCompletion]string{types.ActionAfterCompletionDelete: "ResourceNotFoundException", types.ActionAfterCompletionNone: ""} {
		s := open(t)
		s.create(func(in *sdk.CreateScheduleInput) {
			in.ScheduleExpression, in.ActionAfterCompletion = aws.String("at(2024-03-01T13:00:00)"), after
		})
		s.err = errors.New("busy")
		s.tick(time.Hour)
		_, err := s.get()
		wantError(t, err, "", "") // it is yet to be repeated
		s.err = nil
		s.tick(time.Second)
		_, err = s.get()
		wantError(t, err, code, "")
	}
}

func TestDeletedFiresNoMore(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(nil)
	s.err = errors.New("busy")
	s.tick(time.Hour)
	if _, err := s.client.DeleteSchedule(t.Context(), &sdk.DeleteScheduleInput{Name: aws.String("p1"), GroupName: aws.String("zapas")}); err != nil {
		t.Fatal(err)
	}
	want(t, s.tick(3*time.Hour))
}

// TestRoleMayNotInvoke: the target's role, and not who made the schedule, invokes the function.
func TestRoleMayNotInvoke(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(nil)
	asked := &asked{deny: "lambda:InvokeFunction"}
	s.auth = asked
	s.open()
	want(t, s.tick(time.Hour))
	if diff := cmp.Diff([]iam.Request{{Action: "lambda:InvokeFunction", Resource: function, Owner: function}}, asked.all); diff != "" {
		t.Error(diff)
	}
	asked.deny = ""
	want(t, s.tick(time.Second), hour(13))
}

// TestRun: the pump calls what is due, does not wait for one target before the next, and ends when it is told to.
func TestRun(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, name := range []string{"one", "two"} {
		s.create(func(in *sdk.CreateScheduleInput) { in.Name = aws.String(name) })
	}
	s.now = s.now.Add(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	began, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx, func(ctx context.Context, _ string, _ []byte) (bool, error) {
			began <- struct{}{}
			<-ctx.Done()
			return false, ctx.Err()
		})
	}()
	<-began
	<-began
	cancel()
	<-ended
	if got := s.tick(0); len(got) != 2 {
		t.Errorf("left to be repeated: %v", got)
	}
}

// advance sets the clock forward and answers what the target got, and when by the clock.
func (s *stack) advance(d time.Duration, moments int) (events []string, err error) {
	s.t.Helper()
	set := func(at time.Time) error {
		if at.Before(s.now) {
			s.t.Errorf("the clock goes back from %s to %s", s.now, at)
		}
		s.now = at
		return nil
	}
	err = s.Advance(s.t.Context(), s.now.Add(d), moments, set, func(ctx context.Context, name string, event []byte) (bool, error) {
		return s.invoke(ctx, s.now.Format("15:04:05 ")+name, event)
	})
	events, s.events = s.events, nil
	return events, err
}

// TestAdvance: nothing is missed on the way of a clock, and each is called at its own time.
func TestAdvance(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(nil)
	s.create(func(in *sdk.CreateScheduleInput) {
		in.Name, in.ScheduleExpression = aws.String("half"), aws.String("cron(30 13 * * ? *)")
	})
	got, err := s.advance(3*time.Hour, 4)
	if err != nil || !s.now.Equal(time.Date(2024, 3, 1, 15, 0, 0, 0, time.UTC)) {
		t.Errorf("the clock stands at %s: %v", s.now, err)
	}
	want(t, got, "13:00:00 "+hour(13), `13:30:00 ticker {"at":"2024-03-01T13:30:00Z"}`, "14:00:00 "+hour(14), "15:00:00 "+hour(15))
	got, err = s.advance(time.Hour-1, 0)
	if err != nil || got != nil || !s.now.Equal(time.Date(2024, 3, 1, 16, 0, 0, -1, time.UTC)) {
		t.Errorf("%v at %s, %v", got, s.now, err)
	}
	want(t, s.tick(1), hour(16))

	s.ran, s.err = true, errors.New("the function fails") // Lambda tries again by itself, twice
	got, err = s.advance(time.Hour+3*time.Minute, 3)
	if err != nil {
		t.Error(err)
	}
	want(t, got, "17:00:00 "+hour(17), "17:01:00 "+hour(17), "17:03:00 "+hour(17))
	s.ran, s.err = false, nil

	got, err = s.advance(24*time.Hour, 2)
	if err == nil || !strings.Contains(err.Error(), "the clock stands at 2024-03-01T19:00:00Z") || !strings.Contains(err.Error(), "before 2024-03-02T17:03:00Z") {
		t.Errorf("the failure is %v", err)
	}
	want(t, got, "18:00:00 "+hour(18), "19:00:00 "+hour(19))
	s.create(func(in *sdk.CreateScheduleInput) {
		in.Name, in.ScheduleExpression = aws.String("rate"), aws.String("rate(15 minutes)")
	})
	want(t, s.tick(0), `ticker {"at":"2024-03-01T19:00:00Z"}`)
	got, err = s.advance(100*time.Minute, 9)
	if err != nil {
		t.Error(err)
	}
	want(t, got, "20:00:00 "+hour(20), "20:00:00 "+hour(20), "20:30:00 "+`ticker {"at":"2024-03-01T20:30:00Z"}`)
	broken := errors.New("the clock is stuck")
	if err := s.Advance(t.Context(), s.now.Add(time.Hour), 9, func(time.Time) error { return broken }, s.invoke); !errors.Is(err, broken) {
		t.Errorf("the failure is %v", err)
	}
}
