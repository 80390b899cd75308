package stack

import (
	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"

	"zapas/infra/policy"
)

// events are where functions tell what happened, and from where whoever subscribes hears of it; and where schedules will
// be. The scheduler's role comes with the function that it calls: until then it could do nothing.
func (d *deployment) events() {
	cdk.NewCfnResource(d.stack, text("Schedules"), &cdk.CfnResourceProps{Type: text("AWS::Scheduler::ScheduleGroup"), Properties: &map[string]any{"Name": text("${AWS::StackName}")}})
	awsevents.NewCfnEventBus(d.stack, text("EventBus"), &awsevents.CfnEventBusProps{Name: text("${AWS::StackName}")})
	d.topic("Events", "Zapas events", policy.Events())
	awsevents.NewCfnRule(d.stack, text("EventsToTopic"), &awsevents.CfnRuleProps{Description: text("Zapas: every event of the bus, to whoever subscribes"), EventBusName: text("${EventBus}"),
		EventPattern: &map[string]any{"account": texts("${AWS::AccountId}")},
		Targets:      &[]any{&awsevents.CfnRule_TargetProperty{Id: text("Events"), Arn: text("${Events}")}}})
}
