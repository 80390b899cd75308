package stack

import (
	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"zapas/infra/policy"
)

// events are where functions tell what happened, and from where whoever subscribes hears of it; and where schedules are.
func (d *deployment) events() {
	cdk.NewCfnResource(d.stack, text("Schedules"), &cdk.CfnResourceProps{Type: text("AWS::Scheduler::ScheduleGroup"), Properties: &map[string]any{"Name": text("${AWS::StackName}")}})
	awsevents.NewCfnEventBus(d.stack, text("EventBus"), &awsevents.CfnEventBusProps{Name: text("${AWS::StackName}")})
	d.topic("Events", "Zapas events", policy.Events())
	awsevents.NewCfnRule(d.stack, text("EventsToTopic"), &awsevents.CfnRuleProps{Description: text("Zapas: every event of the bus, to whoever subscribes"), EventBusName: text("${EventBus}"),
		EventPattern: &map[string]any{"account": texts("${AWS::AccountId}")},
		Targets:      &[]any{&awsevents.CfnRule_TargetProperty{Id: text("Events"), Arn: text("${Events}")}}})
	d.watch()
}

// watch is the one schedule that is no profile's, and the queue of what schedules could not call. A watch that did not come
// about is soon followed by the next.
func (d *deployment) watch() {
	awssqs.NewCfnQueue(d.stack, text("DeadTicks"), &awssqs.CfnQueueProps{MessageRetentionPeriod: number(14 * 24 * 3600), SqsManagedSseEnabled: jsii.Bool(true)})
	awssqs.NewCfnQueuePolicy(d.stack, text("DeadTicksPolicy"), &awssqs.CfnQueuePolicyProps{Queues: texts("${DeadTicks}"), PolicyDocument: policy.Document(policy.DeadTicks())})
	d.after(awsscheduler.NewCfnSchedule(d.stack, text("Watch"), &awsscheduler.CfnScheduleProps{Name: text("watch"), GroupName: text("${Schedules}"),
		Description: text("Zapas: what was left undone"), ScheduleExpression: text("rate(15 minutes)"), State: text("ENABLED"),
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: text("OFF")},
		Target: &awsscheduler.CfnSchedule_TargetProperty{Arn: text("${FunctionTriggers.Arn}"), RoleArn: text("${RoleScheduler.Arn}"),
			Input:            text(`{"watch":"<aws.scheduler.scheduled-time>"}`),
			RetryPolicy:      &awsscheduler.CfnSchedule_RetryPolicyProperty{MaximumEventAgeInSeconds: number(900), MaximumRetryAttempts: number(10)},
			DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: text("${DeadTicks.Arn}")}}}), "PolicyScheduler")
}
