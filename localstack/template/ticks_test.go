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

	"zapas/localstack/deployment"
	"zapas/localstack/standin/standintest"
	"zapas/localstack/template"
)

// ticking is the golden template with a group of schedules, a bus and a rule.
func ticking(t *testing.T, change func(resources object)) (*template.Deployment, error) {
	t.Helper()
	return deployment.Read(edited(t, func(_, resources object) {
		resources["Beats"] = object{"Type": "AWS::Scheduler::ScheduleGroup", "Properties": object{"Name": "beats"}}
		resources["Bus"] = object{"Type": "AWS::Events::EventBus", "Properties": object{"Name": "news"}}
		resources["Rung"] = object{"Type": "AWS::SNS::Topic"}
		resources["Rule"] = object{"Type": "AWS::Events::Rule", "Properties": object{"EventBusName": object{"Ref": "Bus"}, "State": "ENABLED",
			"EventPattern": object{"source": []any{"zapas"}}, "Targets": []any{object{"Id": "rung", "Arn": object{"Ref": "Rung"}}}}}
		if change != nil {
			change(resources)
		}
	}), "http://api.test")
}

// TestTicks: a group, a bus, a rule and a topic of the template are there, and do what they are for.
func TestTicks(t *testing.T) {
	t.Parallel()
	d, err := ticking(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"beats"}, {"news"}}, [][]string{d.Groups, d.Buses}); diff != "" {
		t.Error(diff)
	}
	stack := standintest.New(t)
	if err := errors.Join(d.Create(stack.AWS), d.Create(stack.AWS)); err != nil {
		t.Fatal(err)
	}
	if _, err := scheduler.NewFromConfig(stack.Config()).ListSchedules(t.Context(), &scheduler.ListSchedulesInput{GroupName: aws.String("beats")}); err != nil {
		t.Error(err)
	}
	for _, source := range []string{"zapas", "other"} {
		_, err := eventbridge.NewFromConfig(stack.Config()).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{
			{EventBusName: aws.String("news"), Source: &source, DetailType: aws.String("news"), Detail: aws.String("{}")}}})
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
		_, err := ticking(t, func(resources object) { change(properties(resources, "Rule")) })
		if err == nil || !strings.Contains(err.Error(), "Rule") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
