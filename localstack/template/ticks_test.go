package template_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/google/go-cmp/cmp"

	"zapas/infra/golden"
	"zapas/localstack/deployment"
	"zapas/localstack/standin/standintest"
)

// TestTicks: the group, the bus, the rule and the topic of the template are there, and do what they are for.
func TestTicks(t *testing.T) {
	t.Parallel()
	d, err := deployment.Read(golden.Template(), "http://api.test")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"zapas-demo"}, {"zapas-demo"}}, [][]string{d.Groups, d.Buses}); diff != "" {
		t.Fatal(diff)
	}
	stack := standintest.New(t)
	if err := errors.Join(d.Create(stack.AWS), d.Create(stack.AWS)); err != nil {
		t.Fatal(err)
	}
	if _, err := scheduler.NewFromConfig(stack.Config()).ListSchedules(t.Context(), &scheduler.ListSchedulesInput{GroupName: &d.Groups[0]}); err != nil {
		t.Error(err)
	}
	for _, bus := range []string{d.Buses[0], "default"} {
		_, err := eventbridge.NewFromConfig(stack.Config()).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{
			{EventBusName: &bus, Source: aws.String("zapas"), DetailType: aws.String("news"), Detail: aws.String("{}")}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	got := stack.EventBridge.Topic(d.Rules[0].Topics[0]).Events()
	if len(got) != 1 || !strings.Contains(string(got[0]), `"source":"zapas"`) {
		t.Errorf("the topic has %q", got)
	}
}

// TestTicksRefused: what is not played is named.
func TestTicksRefused(t *testing.T) {
	t.Parallel()
	for says, change := range map[string]func(rule object){
		"topics of SNS": func(rule object) {
			rule["Targets"] = []any{object{"Id": "f", "Arn": "arn:aws:sqs:eu-central-1:000000000000:q"}}
		},
		"ENABLED":  func(rule object) { rule["State"] = "DISABLED" },
		"/RoleArn": func(rule object) { rule["RoleArn"] = "arn:aws:iam::000000000000:role/r" },
	} {
		_, err := deployment.Read(edited(t, func(_, resources object) { change(properties(resources, "EventsToTopic")) }), "http://api.test")
		if err == nil || !strings.Contains(err.Error(), "EventsToTopic") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
