package standin_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkevents "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	sdkscheduler "github.com/aws/aws-sdk-go-v2/service/scheduler"
)

// TestScheduleNeedsThreeRights: to make a schedule, to pass its role, and, the role's own, to call the function.
func TestScheduleNeedsThreeRights(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	const (
		make = `{"Effect":"Allow","Action":"scheduler:CreateSchedule","Resource":"arn:aws:scheduler:eu-central-1:000000000000:schedule/default/*"}`
		pass = `{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::000000000000:role/ticker","Condition":{"StringEquals":{"iam:PassedToService":"scheduler.amazonaws.com"}}}`
		away = `{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::000000000000:role/ticker","Condition":{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}}`
		call = `{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:eu-central-1:000000000000:function:f"}`
	)
	c := clients{times: sdkscheduler.NewFromConfig(a.As("editor"))}
	a.give(t, "editor", pass)
	wantDenied(t, c.plan(t), "scheduler:CreateSchedule", "schedule/default/a")
	a.give(t, "editor", make, away)
	wantDenied(t, c.plan(t), "iam:PassRole", "role/ticker")
	a.give(t, "editor", make, pass)
	if err := c.plan(t); err != nil {
		t.Fatal(err)
	}
	_, err := c.times.GetSchedule(t.Context(), &sdkscheduler.GetScheduleInput{Name: aws.String("a")})
	wantDenied(t, err, "scheduler:GetSchedule")
	called := 0
	tick := func() {
		t.Helper()
		err := a.Scheduler.Tick(t.Context(), func(_ context.Context, function string, _ []byte) (bool, error) {
			called++
			if function != "f" {
				t.Errorf("called %s", function)
			}
			return true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if tick(); called != 0 {
		t.Error("a role without a right has called the function")
	}
	a.give(t, "ticker", call)
	a.give(t, "editor", make, pass, `{"Effect":"Allow","Action":"scheduler:DeleteSchedule","Resource":"*"}`)
	if _, err := c.times.DeleteSchedule(t.Context(), &sdkscheduler.DeleteScheduleInput{Name: aws.String("a")}); err != nil {
		t.Fatal(err)
	}
	if err := c.plan(t); err != nil { // again, because only the clock brings the next try
		t.Fatal(err)
	}
	a.give(t, "editor")
	if tick(); called != 1 {
		t.Errorf("called %d times", called)
	}
}

// TestEventsNeedTheBus: the right is to one bus.
func TestEventsNeedTheBus(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	c := dial(t, a.Stack, "secret")
	wantDenied(t, c.tell(t), "events:PutEvents", "arn:aws:events:eu-central-1:000000000000:event-bus/default")
	a.give(t, "teller", `{"Effect":"Allow","Action":"events:PutEvents","Resource":"arn:aws:events:eu-central-1:000000000000:event-bus/default"}`)
	teller := clients{bus: sdkevents.NewFromConfig(a.As("teller"))}
	if err := teller.tell(t); err != nil {
		t.Error(err)
	}
	a.give(t, "teller", `{"Effect":"Allow","Action":"events:PutEvents","Resource":"arn:aws:events:eu-central-1:000000000000:event-bus/other"}`)
	wantDenied(t, teller.tell(t), "events:PutEvents")
}
