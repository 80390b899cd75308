package stack

import "strings"

// watch is something in the trail that somebody must look at. Its pattern has at most 1,024 characters (CloudWatch Logs
// quotas).
type watch struct{ name, about, pattern string }

// named is one of these events. A * ends a name that services end with a version.
func named(events ...string) string {
	all := make([]string, len(events))
	for i, e := range events {
		all[i] = `($.eventName = "` + e + `")`
	}
	return "(" + strings.Join(all, " || ") + ")"
}

// from is an event of a service that fulfils all of these.
func from(service string, all ...string) string {
	return `(($.eventSource = "` + service + `.amazonaws.com") && ` + strings.Join(all, " && ") + ")"
}

// asks is a parameter of a request that is like a value.
func asks(parameter, value string) string {
	return `($.requestParameters.` + parameter + ` = "` + value + `")`
}

func either(all ...string) string { return "(" + strings.Join(all, " || ") + ")" }

// watches say what would break the promise that nobody can read, or shows that somebody tried.
func (d *deployment) watches() []watch {
	all := append(keysWatched(), dataWatched()...)
	all = append(all, programsWatched()...)
	all = append(all, watchingWatched()...)
	if d.settings.Issuer == nil {
		all = append(all, watch{"IdentityChanged", "who can sign in, as whom or with what, was changed", from("cognito-idp", asks("userPoolId", "${UserPool}"),
			named("AdminSet*", "AdminCreateUser", "AdminAddUserToGroup", "AdminUpdateUserAttributes", "AdminLinkProviderForUser", "UpdateUserPool*", "CreateUserPoolClient",
				"CreateIdentityProvider", "UpdateIdentityProvider", "SetUserPoolMfaConfig", "CreateUserImportJob"))})
	}
	for i, w := range all {
		all[i].pattern = "{ " + w.pattern + " }"
	}
	return all
}

func keysWatched() []watch {
	vault := []string{`($.resources[0].ARN = "${VaultKey.Arn}")`, asks("keyId", "${VaultKey.Arn}"), asks("keyId", "${VaultKey}")}
	bucket := []string{`($.resources[0].ARN = "${BucketKey.Arn}")`, asks("keyId", "${BucketKey.Arn}"), asks("keyId", "${BucketKey}")}
	return []watch{
		{"KeyChanged", "a key's policy was changed, or a key was handed on, disabled or set to be deleted", from("kms",
			named("PutKeyPolicy", "CreateGrant", "DisableKey", "ScheduleKeyDeletion", "DisableKeyRotation", "ImportKeyMaterial", "DeleteImportedKeyMaterial"), either(append(vault, bucket...)...))},
		// A request that is denied need not have the key among its resources; what it was refused says which.
		{"VaultKeyDenied", "use of the vault key was denied", from("kms", `($.errorCode = "AccessDenied*")`, either(append(vault, `($.errorMessage = "*${VaultKey.Arn}*")`)...))},
		{"VaultKeyUnusual", "the vault key was used by another than sessions", from("kms", `($.errorCode NOT EXISTS)`,
			named("Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair", "GenerateDataKeyWithoutPlaintext", "ReEncrypt"), either(vault...),
			`(($.userIdentity.sessionContext.sessionIssuer.arn NOT EXISTS) || ($.userIdentity.sessionContext.sessionIssuer.arn != "${RoleSessions.Arn}"))`)},
	}
}

// dataWatched are what guards data, and what makes copies that nothing guards. An access point does not say of which
// bucket in one place, so that every one in the account counts.
func dataWatched() []watch {
	var ours []string
	for _, parameter := range []string{"tableName", "resourceArn", "tableArn", "sourceTableName", "sourceTableArn", "backupArn"} {
		ours = append(ours, asks(parameter, "*${AWS::StackName}-Table*"))
	}
	return []watch{
		{"GuardChanged", "what guards a bucket was changed", from("s3", either(
			"("+named("PutBucket*", "DeleteBucket*")+" && "+asks("bucketName", "${AWS::StackName}-*")+")",
			named("CreateAccessPoint*", "PutAccessPointPolicy*", "CreateMultiRegionAccessPoint")))},
		{"TableChanged", "what guards a table was changed, or a copy of one was made", from("dynamodb", named("PutResourcePolicy", "DeleteResourcePolicy", "UpdateTable*", "DeleteTable",
			"CreateBackup", "RestoreTable*", "ExportTableToPointInTime", "UpdateContinuousBackups", "EnableKinesisStreamingDestination"), either(ours...))},
	}
}

func programsWatched() []watch {
	return []watch{
		{"RoleChanged", "what a role of this deployment may do, or who may take it, was changed", from("iam", asks("roleName", "${AWS::StackName}-Role*"),
			named("PutRolePolicy", "AttachRolePolicy", "DeleteRolePolicy", "DetachRolePolicy", "UpdateAssumeRolePolicy", "CreateRole", "DeleteRole"))},
		{"CodeChanged", "a function of this deployment was given other code, settings or callers, or another function a role of it", from("lambda", either(
			asks("role", "*/${AWS::StackName}-Role*"),
			"("+named("UpdateFunction*", "CreateFunction*", "AddPermission*", "CreateEventSourceMapping*", "PutFunction*")+" && "+asks("functionName", "*${AWS::StackName}-Function*")+")"))},
		{"ApiChanged", "the API was given other routes, functions or issuers", from("apigateway", "($.readOnly IS FALSE)", asks("apiId", "${Api}"))},
		{"ConsoleChanged", "the console's files, or how they are served, were changed", either(
			from("s3", named("PutObject", "CopyObject", "CompleteMultipartUpload", "DeleteObject*"), asks("bucketName", "${Console}")),
			from("cloudfront", either("("+named("UpdateDistribution*", "UpdateResponseHeadersPolicy*")+" && "+either(asks("id", "${Distribution}"), asks("id", "${ConsoleHeaders}"))+")",
				named("PublishFunction*", "UpdateFunction*"))))},
	}
}

// watchingWatched are what would make the others blind or dumb. An alarm is deleted in a list, in which it can be anywhere.
func watchingWatched() []watch {
	return []watch{
		{"TrailChanged", "the trail, or the log that the alarms watch, was stopped, changed or deleted", either(
			from("cloudtrail", named("StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors")),
			from("logs", asks("logGroupName", "${LogsTrail}"), named("PutMetricFilter", "DeleteMetricFilter", "DeleteLogGroup", "DeleteLogStream", "PutRetentionPolicy")))},
		{"AlarmsSilenced", "alarms, or the topic that they tell, were changed or silenced", either(
			from("monitoring", either(named("DeleteAlarms", "DisableAlarmActions"), "("+named("PutMetricAlarm", "SetAlarmState")+" && "+asks("alarmName", "${AWS::StackName}-Alarm*")+")")),
			from("sns", either(asks("topicArn", "${Alarms}"), asks("subscriptionArn", "${Alarms}*")), named("DeleteTopic", "SetTopicAttributes", "Unsubscribe", "RemovePermission")))},
	}
}
