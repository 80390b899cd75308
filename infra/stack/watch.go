package stack

import (
	"encoding/json"
	"maps"
	"slices"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudtrail"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"zapas/infra/policy"
)

// trail records who asked AWS for what in the account, in files that cannot be changed unseen, and in a log that the
// alarms watch. It covers all regions, since changes of roles are recorded in one of them only.
func (d *deployment) trail() {
	d.bucket(bucketKind{id: "TrailBucket", logged: true, days: 400, noncurrent: 14, statements: policy.TrailBucket()})
	awslogs.NewCfnLogGroup(d.stack, text("LogsTrail"), &awslogs.CfnLogGroupProps{RetentionInDays: number(d.settings.LogRetentionDays)})
	selectors := []any{
		selector("Management", field("eventCategory", "Management")),
		selector("Console", field("eventCategory", "Data"), field("resources.type", "AWS::S3::Object"), field("readOnly", "false"), startsWith("resources.ARN", "${Console.Arn}/")),
	}
	if d.settings.DataEvents {
		var objects []string
		for _, l := range d.permissions().Locations {
			objects = append(objects, "${"+l+".Arn}/")
		}
		selectors = append(selectors,
			selector("Objects", field("eventCategory", "Data"), field("resources.type", "AWS::S3::Object"), startsWith("resources.ARN", objects...)),
			selector("Rows", field("eventCategory", "Data"), field("resources.type", "AWS::DynamoDB::Table"), field("resources.ARN", "${TableIdentity.Arn}", "${TableVaultkeys.Arn}")))
	}
	d.after(awscloudtrail.NewCfnTrail(d.stack, text("Trail"), &awscloudtrail.CfnTrailProps{TrailName: text("${AWS::StackName}"), IsLogging: jsii.Bool(true), IsMultiRegionTrail: jsii.Bool(true),
		IncludeGlobalServiceEvents: jsii.Bool(true), EnableLogFileValidation: jsii.Bool(true), S3BucketName: text("${TrailBucket}"),
		CloudWatchLogsLogGroupArn: text("${LogsTrail.Arn}"), CloudWatchLogsRoleArn: text("${RoleTrail.Arn}"), AdvancedEventSelectors: &selectors}), "TrailBucketPolicy", "PolicyTrail")
}

func selector(name string, fields ...*awscloudtrail.CfnTrail_AdvancedFieldSelectorProperty) any {
	all := make([]any, len(fields))
	for i, f := range fields {
		all[i] = f
	}
	return &awscloudtrail.CfnTrail_AdvancedEventSelectorProperty{Name: text(name), FieldSelectors: &all}
}

func field(name string, values ...string) *awscloudtrail.CfnTrail_AdvancedFieldSelectorProperty {
	return &awscloudtrail.CfnTrail_AdvancedFieldSelectorProperty{Field: text(name), EqualTo: texts(values...)}
}

func startsWith(name string, values ...string) *awscloudtrail.CfnTrail_AdvancedFieldSelectorProperty {
	return &awscloudtrail.CfnTrail_AdvancedFieldSelectorProperty{Field: text(name), StartsWith: texts(values...)}
}

// namespace is where the trail's metrics are.
const namespace = "Zapas"

// alarms tell. Each has a runbook in infra/README.md under its name.
func (d *deployment) alarms() {
	d.topic("Alarms", "Zapas alarms", policy.Alarms())
	if d.settings.AlarmEmail != "" {
		awssns.NewCfnSubscription(d.stack, text("AlarmsByMail"), &awssns.CfnSubscriptionProps{TopicArn: text("${Alarms}"), Protocol: text("email"), Endpoint: text(d.settings.AlarmEmail)})
	}
	for _, f := range Functions {
		of := map[string]string{"FunctionName": "${Function" + title(f) + "}"}
		d.alarm("Errors"+title(f), "AWS/Lambda", "Errors", of, 1, "the function "+f+" failed")
		d.alarm("Throttles"+title(f), "AWS/Lambda", "Throttles", of, 1, "the function "+f+" was refused")
	}
	d.alarm("ApiFailures", "AWS/ApiGateway", "5xx", map[string]string{"ApiId": "${Api}"}, 5, "the API answered 5xx")
	d.alarm("DeadTicks", "AWS/SQS", "ApproximateNumberOfMessagesVisible", map[string]string{"QueueName": "${DeadTicks.QueueName}"}, 1, "a schedule could not call triggers")
	d.tableRefusals()
	for _, w := range d.watches() {
		awslogs.NewCfnMetricFilter(d.stack, text("Filter"+w.name), &awslogs.CfnMetricFilterProps{LogGroupName: text("${LogsTrail}"), FilterPattern: text(w.pattern),
			MetricTransformations: &[]any{&awslogs.CfnMetricFilter_MetricTransformationProperty{MetricNamespace: text(namespace),
				MetricName: text("${AWS::StackName}-" + w.name), MetricValue: text("1"), DefaultValue: number(0)}}})
		d.alarm(w.name, namespace, "${AWS::StackName}-"+w.name, nil, 1, w.about)
	}
	d.dashboard()
}

func (d *deployment) topic(id, name string, statements []policy.Statement) {
	awssns.NewCfnTopic(d.stack, text(id), &awssns.CfnTopicProps{DisplayName: text(name)})
	awssns.NewCfnTopicPolicy(d.stack, text(id+"Policy"), &awssns.CfnTopicPolicyProps{Topics: texts("${" + id + "}"), PolicyDocument: policy.Document(statements)})
}

func (d *deployment) alarm(name, space, metric string, of map[string]string, threshold int, about string) {
	props := ringing(name, about, threshold)
	props.Namespace, props.MetricName, props.Statistic, props.Period = text(space), text(metric), text("Sum"), number(300)
	if of != nil {
		props.Dimensions = dimensions(of)
	}
	awscloudwatch.NewCfnAlarm(d.stack, text("Alarm"+name), props)
}

// ringing is an alarm that tells of what lasts five minutes.
func ringing(name, about string, threshold int) *awscloudwatch.CfnAlarmProps {
	return &awscloudwatch.CfnAlarmProps{AlarmDescription: text("Zapas: " + about + ". Runbook: infra/README.md, " + name), EvaluationPeriods: number(1), Threshold: number(threshold),
		ComparisonOperator: text("GreaterThanOrEqualToThreshold"), TreatMissingData: text("notBreaching"), AlarmActions: &[]any{text("${Alarms}")}}
}

func dimensions(of map[string]string) *[]any {
	var all []any
	for _, n := range slices.Sorted(maps.Keys(of)) {
		all = append(all, &awscloudwatch.CfnAlarm_DimensionProperty{Name: text(n), Value: text(of[n])})
	}
	return &all
}

// tableRefusals adds what DynamoDB counts by operation: it has no count of a table's failures as a whole (developer guide,
// "DynamoDB metrics and dimensions", SystemErrors).
func (d *deployment) tableRefusals() {
	queries := []any{&awscloudwatch.CfnAlarm_MetricDataQueryProperty{Id: text("all"), Expression: text("SUM(FILL(METRICS(), 0))"), Label: text("failures"), ReturnData: jsii.Bool(true)}}
	for _, operation := range []string{"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "TransactWriteItems"} {
		metric := &awscloudwatch.CfnAlarm_MetricProperty{Namespace: text("AWS/DynamoDB"), MetricName: text("SystemErrors"),
			Dimensions: dimensions(map[string]string{"TableName": "${TableZapas}", "Operation": operation})}
		queries = append(queries, &awscloudwatch.CfnAlarm_MetricDataQueryProperty{Id: text("of" + operation), ReturnData: jsii.Bool(false),
			MetricStat: &awscloudwatch.CfnAlarm_MetricStatProperty{Metric: metric, Period: number(300), Stat: text("Sum")}})
	}
	props := ringing("TableRefusals", "DynamoDB failed", 5)
	props.Metrics = &queries
	awscloudwatch.NewCfnAlarm(d.stack, text("AlarmTableRefusals"), props)
}

// dashboard shows what a person on call looks at first.
func (d *deployment) dashboard() {
	series := func(space, metric, dimension string, ids ...string) (all [][]string) {
		for _, id := range ids {
			all = append(all, []string{space, metric, dimension, "${" + id + "}"})
		}
		return all
	}
	var functions []string
	for _, f := range Functions {
		functions = append(functions, "Function"+title(f))
	}
	type properties struct {
		Title   string     `json:"title"`
		Region  string     `json:"region"`
		Stat    string     `json:"stat"`
		Period  int        `json:"period"`
		Metrics [][]string `json:"metrics"`
	}
	type widget struct {
		Type       string     `json:"type"`
		Width      int        `json:"width"`
		Height     int        `json:"height"`
		Properties properties `json:"properties"`
	}
	graph := func(title, stat string, metrics [][]string) widget {
		return widget{"metric", 12, 6, properties{title, "${AWS::Region}", stat, 300, metrics}}
	}
	var seen [][]string
	for _, w := range d.watches() {
		seen = append(seen, []string{namespace, "${AWS::StackName}-" + w.name})
	}
	body, _ := json.Marshal(map[string][]widget{"widgets": { // text and numbers, which JSON always has
		graph("Requests", "Sum", series("AWS/ApiGateway", "Count", "ApiId", "Api")),
		graph("Refused and failed requests", "Sum", append(series("AWS/ApiGateway", "4xx", "ApiId", "Api"), series("AWS/ApiGateway", "5xx", "ApiId", "Api")...)),
		graph("Failures of functions", "Sum", series("AWS/Lambda", "Errors", "FunctionName", functions...)),
		graph("Milliseconds, 99th percentile", "p99", series("AWS/Lambda", "Duration", "FunctionName", functions...)),
		graph("Functions at once", "Maximum", series("AWS/Lambda", "ConcurrentExecutions", "FunctionName", functions...)),
		graph("What the trail shows", "Sum", seen),
	}})
	awscloudwatch.NewCfnDashboard(d.stack, text("Dashboard"), &awscloudwatch.CfnDashboardProps{DashboardBody: text(string(body))})
}

// outputs are what deploy, admin and smoke need to know.
func (d *deployment) outputs() {
	out := func(id, about, value string) {
		cdk.NewCfnOutput(d.stack, text(id), &cdk.CfnOutputProps{Description: text(about), Value: text(value)})
	}
	out("Address", "the console; the API is below /v1", d.address())
	out("ConsoleBucket", "where the console's files go", "${Console}")
	out("Issuer", "who proves who people are", d.provider().issuer)
	if d.settings.Issuer == nil {
		out("Users", "the user pool", "${UserPool}")
		out("SignIn", "where people sign in", d.signIn())
	}
}
