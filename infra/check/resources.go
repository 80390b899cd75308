package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// stateful are the types whose contents are nowhere else, with the property that would name them: a name of their own would
// keep a second deployment from being made beside one that stayed.
var stateful = map[string]string{"AWS::DynamoDB::Table": "TableName", "AWS::S3::Bucket": "BucketName", "AWS::KMS::Key": "", "AWS::Cognito::UserPool": "UserPoolName"}

func keptWhenTheStackGoes(t Template) (wrong []string) {
	for kind, name := range stateful {
		for _, id := range t.of(kind) {
			r := t.Resources[id]
			if r.DeletionPolicy != "Retain" || r.UpdateReplacePolicy != "Retain" {
				wrong = append(wrong, id+" goes with the stack")
			}
			if r.Properties[name] != nil {
				wrong = append(wrong, id+" has a name of its own, so that a second deployment cannot be made beside it")
			}
		}
	}
	for _, id := range t.of("AWS::S3::BucketPolicy") { // a bucket that stays stays guarded
		if t.Resources[id].DeletionPolicy != "Retain" {
			wrong = append(wrong, id+" goes with the stack, and its bucket stays")
		}
	}
	for _, id := range t.of("AWS::Cognito::UserPool") {
		if t.Resources[id].Properties["DeletionProtection"] != "ACTIVE" || t.Resources[id].Properties["MfaConfiguration"] != "ON" {
			wrong = append(wrong, id+" can be deleted, or entered by a password alone")
		}
	}
	return wrong
}

func bucketsAreClosed(t Template) (wrong []string) {
	for _, id := range t.of("AWS::S3::Bucket") {
		p := t.Resources[id].Properties
		for _, block := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
			if at(p, "PublicAccessBlockConfiguration", block) != true {
				wrong = append(wrong, id+" lacks "+block)
			}
		}
		if at(p, "VersioningConfiguration", "Status") != "Enabled" {
			wrong = append(wrong, id+" keeps no versions")
		}
		if at(p, "LoggingConfiguration", "DestinationBucketName") == nil && id != "AccessLogs" {
			wrong = append(wrong, id+" does not log who came")
		}
		wrong = append(wrong, lifecycle(id, p)...)
		rules, _ := at(p, "BucketEncryption", "ServerSideEncryptionConfiguration").([]any)
		if len(rules) != 1 {
			wrong = append(wrong, id+" is not encrypted by one rule")
			continue
		}
		underKey := text(at(rules[0], "ServerSideEncryptionByDefault", "KMSMasterKeyID")) == "${BucketKey.Arn}" && at(rules[0], "BucketKeyEnabled") == true
		if strings.HasPrefix(id, "Location") && !underKey {
			wrong = append(wrong, id+" is not encrypted under the bucket key")
		}
	}
	return wrong
}

func lifecycle(id string, p map[string]any) []string {
	rules, _ := at(p, "LifecycleConfiguration", "Rules").([]any)
	for _, r := range rules {
		if at(r, "Status") == "Enabled" && at(r, "NoncurrentVersionExpiration", "NoncurrentDays") == 14.0 && at(r, "AbortIncompleteMultipartUpload", "DaysAfterInitiation") != nil &&
			(!strings.HasPrefix(id, "Location") || at(r, "ExpirationInDays") == nil) {
			return nil
		}
	}
	return []string{id + " does not drop deleted versions after 14 days, or drops more"}
}

func tablesComeBack(t Template) (wrong []string) {
	for _, id := range t.of("AWS::DynamoDB::Table") {
		p := t.Resources[id].Properties
		days := at(p, "PointInTimeRecoverySpecification", "RecoveryPeriodInDays")
		if at(p, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") != true || p["DeletionProtectionEnabled"] != true || p["BillingMode"] != "PAY_PER_REQUEST" {
			wrong = append(wrong, id+" cannot be recovered, or can be deleted")
		}
		if id == "TableVaultkeys" && days != 7.0 {
			wrong = append(wrong, fmt.Sprintf("%s can be taken back %v days: an erased key must be gone after 7", id, days))
		}
		if id != "TableVaultkeys" && days != 35.0 {
			wrong = append(wrong, fmt.Sprintf("%s can be taken back %v days, and it must be 35", id, days))
		}
	}
	return wrong
}

// functionsStandAlone: each function has a role and a log of its own, ends before the API stops waiting, and has no secret
// in its settings.
func functionsStandAlone(t Template) (wrong []string) {
	roles := map[string]string{}
	for _, id := range t.of("AWS::Lambda::Function") {
		p := t.Resources[id].Properties
		name := strings.TrimPrefix(id, "Function")
		if role := text(p["Role"]); role != "${Role"+name+".Arn}" || roles[role] != "" {
			wrong = append(wrong, id+" has another's role")
		} else {
			roles[role] = id
		}
		if log := t.Resources["Logs"+name]; text(at(p, "LoggingConfig", "LogGroup")) != "${Logs"+name+"}" || log.Properties["RetentionInDays"] == nil {
			wrong = append(wrong, id+" has no log of its own that ends")
		}
		timeout, _ := p["Timeout"].(float64)
		waits, asked := t.Resources["Integration"+name].Properties["TimeoutInMillis"].(float64)
		if !asked && name == "Triggers" { // nobody waits for what schedules call, and one watch ends before the next begins
			waits = 900_000
		}
		if timeout*1000 >= waits || p["Runtime"] != "provided.al2023" || !slices.Equal(texts(p["Architectures"]), []string{"arm64"}) {
			wrong = append(wrong, id+" runs longer than the API waits, or is not what is compiled")
		}
		if reserved, set := p["ReservedConcurrentExecutions"].(float64); set && reserved < 1 {
			wrong = append(wrong, id+" may not run at all")
		}
		variables, _ := at(p, "Environment", "Variables").(map[string]any)
		for v := range variables {
			if !strings.HasPrefix(v, "ZAPAS_") || strings.Contains(v, "SECRET") || strings.Contains(v, "PASSWORD") || strings.Contains(v, "TOKEN") {
				wrong = append(wrong, id+" is told "+v)
			}
		}
		if text(variables["ZAPAS_VAULT_KEY"]) != "" && id != "FunctionSessions" {
			wrong = append(wrong, id+" is told the vault key")
		}
	}
	return wrong
}

// alarmsTell: each function's failures and throttles and all that the trail may show reach the topic.
func alarmsTell(t Template) (wrong []string) {
	needed := []string{"AlarmApiFailures", "AlarmDeadTicks"}
	for _, id := range t.of("AWS::Lambda::Function") {
		name := strings.TrimPrefix(id, "Function")
		needed = append(needed, "AlarmErrors"+name, "AlarmThrottles"+name)
	}
	watched := []string{"KeyChanged", "VaultKeyDenied", "VaultKeyUnusual", "GuardChanged", "TableChanged", "RoleChanged", "CodeChanged", "ApiChanged", "ConsoleChanged",
		"TrailChanged", "AlarmsSilenced"}
	if len(t.of("AWS::Cognito::UserPool")) > 0 {
		watched = append(watched, "IdentityChanged")
	}
	for _, w := range watched {
		needed = append(needed, "Alarm"+w)
		metric := t.Resources["Alarm"+w].Properties["MetricName"]
		filters, _ := t.Resources["Filter"+w].Properties["MetricTransformations"].([]any)
		if len(filters) != 1 || text(at(filters[0], "MetricName")) != text(metric) || text(t.Resources["Filter"+w].Properties["LogGroupName"]) != "${LogsTrail}" {
			wrong = append(wrong, "Filter"+w+" does not feed its alarm")
		}
	}
	for _, id := range needed {
		if !slices.Equal(texts(t.Resources[id].Properties["AlarmActions"]), []string{"${Alarms}"}) {
			wrong = append(wrong, id+" is missing, or tells nobody")
		}
	}
	trail := t.Resources["Trail"].Properties
	selectors := map[string]string{}
	flatten("", trail["AdvancedEventSelectors"], selectors)
	if want := t.selectors(); !maps.Equal(selectors, want) {
		wrong = append(wrong, fmt.Sprintf("the trail records %v, want %v", selectors, want))
	}
	if trail["IsLogging"] != true || trail["IsMultiRegionTrail"] != true || trail["EnableLogFileValidation"] != true || text(trail["CloudWatchLogsLogGroupArn"]) != "${LogsTrail.Arn}" {
		wrong = append(wrong, "the trail does not record what the alarms watch")
	}
	return wrong
}

// selectors are what the trail records: every call that manages something, each change of the console's files, and, where
// the settings say so, every use of backups and of the two tables that say who may read them.
func (t Template) selectors() map[string]string {
	want := map[string]string{}
	selector := func(n, name string, fields ...[3]string) { // a field, how it is compared, and with what
		want[n+"/Name"] = name
		for i, f := range fields {
			at := fmt.Sprintf("%s/FieldSelectors/%d/", n, i)
			want[at+"Field"], want[at+f[1]] = f[0], f[2]
		}
	}
	data, objects := [3]string{"eventCategory", "Equals", "Data"}, [3]string{"resources.type", "Equals", "AWS::S3::Object"}
	selector("0", "Management", [3]string{"eventCategory", "Equals", "Management"})
	selector("1", "Console", data, objects, [3]string{"readOnly", "Equals", "false"}, [3]string{"resources.ARN", "StartsWith", "${Console.Arn}/"})
	all, _ := t.Resources["Trail"].Properties["AdvancedEventSelectors"].([]any)
	if len(all) < 3 {
		return want
	}
	var buckets []string
	for _, id := range t.locations() {
		buckets = append(buckets, "${"+id+".Arn}/")
	}
	selector("2", "Objects", data, objects, [3]string{"resources.ARN", "StartsWith", strings.Join(buckets, ", ")})
	selector("3", "Rows", data, [3]string{"resources.type", "Equals", "AWS::DynamoDB::Table"}, [3]string{"resources.ARN", "Equals", "${TableIdentity.Arn}, ${TableVaultkeys.Arn}"})
	return want
}
