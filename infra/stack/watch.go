package stack

import (
	"encoding/json"
	"strings"

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
	selectors := []any{selector("Management", field("eventCategory", "Management"))}
	if d.settings.DataEvents {
		var objects []string
		for _, l := range d.permissions().Locations {
			objects = append(objects, "${"+l+".Arn}/")
		}
		within := field("resources.ARN")
		within.EqualTo, within.StartsWith = nil, texts(objects...)
		selectors = append(selectors,
			selector("Objects", field("eventCategory", "Data"), field("resources.type", "AWS::S3::Object"), within),
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

// watch is something in the trail that somebody must look at.
type watch struct{ name, about, pattern string }

// watches say what would break the promise that nobody can read, or shows that somebody tried.
func watches() []watch {
	named := func(events ...string) string {
		for i, e := range events {
			events[i] = `($.eventName = "` + e + `")`
		}
		return "(" + strings.Join(events, " || ") + ")"
	}
	key := `(($.resources[0].ARN = "${VaultKey.Arn}") || ($.requestParameters.keyId = "${VaultKey.Arn}") || ($.requestParameters.keyId = "${VaultKey}"))`
	use := named("Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair", "GenerateDataKeyWithoutPlaintext", "ReEncrypt")
	return []watch{
		{"KeyChanged", "a key's policy was changed, or a key was handed on, disabled or set to be deleted",
			`{ ($.eventSource = "kms.amazonaws.com") && ` + named("PutKeyPolicy", "CreateGrant", "DisableKey", "ScheduleKeyDeletion", "DisableKeyRotation", "ImportKeyMaterial", "DeleteImportedKeyMaterial") +
				` && (($.resources[0].ARN = "${VaultKey.Arn}") || ($.resources[0].ARN = "${BucketKey.Arn}") || ($.requestParameters.keyId = "${VaultKey}") || ($.requestParameters.keyId = "${BucketKey}")) }`},
		{"VaultKeyDenied", "use of the vault key was denied", `{ ($.eventSource = "kms.amazonaws.com") && ($.errorCode = "AccessDenied*") && ` + key + ` }`},
		{"VaultKeyUnusual", "the vault key was used by another than sessions", `{ ($.eventSource = "kms.amazonaws.com") && ($.errorCode NOT EXISTS) && ` + use + " && " + key +
			` && (($.userIdentity.sessionContext.sessionIssuer.arn NOT EXISTS) || ($.userIdentity.sessionContext.sessionIssuer.arn != "${RoleSessions.Arn}")) }`},
		{"GuardChanged", "what guards a bucket or a table was changed", `{ (($.eventSource = "s3.amazonaws.com") && ` + named("PutBucketPolicy", "DeleteBucketPolicy", "PutBucketVersioning", "PutBucketLifecycle",
			"PutBucketEncryption", "DeleteBucketEncryption", "PutBucketReplication") +
			`) || (($.eventSource = "dynamodb.amazonaws.com") && ` + named("PutResourcePolicy", "DeleteResourcePolicy", "RestoreTableToPointInTime", "ExportTableToPointInTime", "DeleteTable") + `) }`},
		{"RoleChanged", "what a role of this deployment may do, or who may take it, was changed", `{ ($.eventSource = "iam.amazonaws.com") && ` +
			named("PutRolePolicy", "AttachRolePolicy", "DeleteRolePolicy", "DetachRolePolicy", "UpdateAssumeRolePolicy") + ` && ($.requestParameters.roleName = "${AWS::StackName}-Role*") }`},
		{"CodeChanged", "a function of this deployment was given other code or settings", `{ ($.eventSource = "lambda.amazonaws.com") && ` +
			`(($.eventName = "UpdateFunctionCode*") || ($.eventName = "UpdateFunctionConfiguration*")) && ($.requestParameters.functionName = "*${AWS::StackName}-Function*") }`},
		{"TrailChanged", "the trail was stopped, changed or deleted", `{ ($.eventSource = "cloudtrail.amazonaws.com") && ` + named("StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors") + ` }`},
	}
}

// namespace is where the trail's metrics are.
const namespace = "Zapas"

// alarms tell. Each has a runbook in infra/README.md under its name.
func (d *deployment) alarms() {
	awssns.NewCfnTopic(d.stack, text("Alarms"), &awssns.CfnTopicProps{DisplayName: text("Zapas alarms")})
	awssns.NewCfnTopicPolicy(d.stack, text("AlarmsPolicy"), &awssns.CfnTopicPolicyProps{Topics: texts("${Alarms}"), PolicyDocument: policy.Document(policy.Alarms())})
	if d.settings.AlarmEmail != "" {
		awssns.NewCfnSubscription(d.stack, text("AlarmsByMail"), &awssns.CfnSubscriptionProps{TopicArn: text("${Alarms}"), Protocol: text("email"), Endpoint: text(d.settings.AlarmEmail)})
	}
	for _, f := range Functions {
		of := map[string]string{"FunctionName": "${Function" + title(f) + "}"}
		d.alarm("Errors"+title(f), "AWS/Lambda", "Errors", of, 1, "the function "+f+" failed")
		d.alarm("Throttles"+title(f), "AWS/Lambda", "Throttles", of, 1, "the function "+f+" was refused")
	}
	d.alarm("ApiFailures", "AWS/ApiGateway", "5xx", map[string]string{"ApiId": "${Api}"}, 5, "the API answered 5xx")
	d.alarm("TableRefusals", "AWS/DynamoDB", "SystemErrors", map[string]string{"TableName": "${TableZapas}"}, 5, "DynamoDB failed")
	for _, w := range watches() {
		awslogs.NewCfnMetricFilter(d.stack, text("Filter"+w.name), &awslogs.CfnMetricFilterProps{LogGroupName: text("${LogsTrail}"), FilterPattern: text(w.pattern),
			MetricTransformations: &[]any{&awslogs.CfnMetricFilter_MetricTransformationProperty{MetricNamespace: text(namespace),
				MetricName: text("${AWS::StackName}-" + w.name), MetricValue: text("1"), DefaultValue: number(0)}}})
		d.alarm(w.name, namespace, "${AWS::StackName}-"+w.name, nil, 1, w.about)
	}
	d.dashboard()
}

func (d *deployment) alarm(name, space, metric string, of map[string]string, threshold int, about string) {
	var dimensions []any
	for n, v := range of {
		dimensions = append(dimensions, &awscloudwatch.CfnAlarm_DimensionProperty{Name: text(n), Value: text(v)})
	}
	props := &awscloudwatch.CfnAlarmProps{AlarmDescription: text("Zapas: " + about + ". Runbook: infra/README.md, " + name), Namespace: text(space), MetricName: text(metric),
		Statistic: text("Sum"), Period: number(300), EvaluationPeriods: number(1), Threshold: number(threshold), ComparisonOperator: text("GreaterThanOrEqualToThreshold"),
		TreatMissingData: text("notBreaching"), AlarmActions: &[]any{text("${Alarms}")}}
	if dimensions != nil {
		props.Dimensions = &dimensions
	}
	awscloudwatch.NewCfnAlarm(d.stack, text("Alarm"+name), props)
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
	for _, w := range watches() {
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
