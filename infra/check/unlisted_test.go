package check_test

import (
	"strings"
	"testing"
)

// trust lets one more take a role.
func trust(r object, role string, who object) {
	document := properties(r, role)["AssumeRolePolicyDocument"].(object)
	document["Statement"] = append(document["Statement"].([]any), object{"Sid": "More", "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who})
}

// unlisted are weakenings that add what no list has, or say a thing in a way that would be passed over.
var unlisted = []mutant{
	{"RecoveryOpen", "TrustIsExact", func(t *testing.T, r object) {
		in(t, r, "RoleRecovery", "NobodyByDefault")["Effect"] = "Allow"
	}},
	{"SessionsTakenByAnAdministrator", "TrustIsExact", func(_ *testing.T, r object) {
		trust(r, "RoleSessions", object{"AWS": sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/admin")})
	}},
	{"SessionsTakenByAnotherAccount", "TrustIsExact", func(_ *testing.T, r object) {
		trust(r, "RoleSessions", object{"AWS": "arn:aws:iam::999999999999:root"})
	}},
	{"SessionsTakenByRestores", "TrustIsExact", func(_ *testing.T, r object) {
		trust(r, "RoleSessions", object{"AWS": object{"Fn::GetAtt": []any{"RoleRestores", "Arn"}}})
	}},
	{"SessionsTakenByAnIdentityPool", "TrustIsExact", func(_ *testing.T, r object) {
		trust(r, "RoleSessions", object{"Federated": "cognito-identity.amazonaws.com"})
	}},
	{"SessionsTakenByMachines", "TrustIsExact", func(t *testing.T, r object) {
		in(t, r, "RoleSessions", "Trust")["Principal"] = object{"Service": "ec2.amazonaws.com"}
	}},
	{"FunctionWithAnAddress", "ShapesAreListed", func(_ *testing.T, r object) {
		r["LambdaUrl"] = object{"Type": "AWS::Lambda::Url", "Properties": object{"AuthType": "NONE", "TargetFunctionArn": object{"Fn::GetAtt": []any{"FunctionSessions", "Arn"}}}}
	}},
	{"ForeignCodeInSessions", "ShapesAreListed", func(_ *testing.T, r object) {
		properties(r, "FunctionSessions")["Layers"] = []any{"arn:aws:lambda:eu-central-1:999999999999:layer:x:1"}
	}},
	{"PolicyOfTwoRoles", "PoliciesAreRead", func(_ *testing.T, r object) {
		properties(r, "PolicyUploads")["Roles"] = []any{object{"Ref": "RoleUploads"}, object{"Ref": "RoleProfiles"}}
	}},
	{"ObjectsReplicated", "ShapesAreListed", func(_ *testing.T, r object) {
		properties(r, "LocationEu")["ReplicationConfiguration"] = object{"Role": "arn:aws:iam::999999999999:role/x", "Rules": []any{object{"Status": "Enabled", "Destination": object{"Bucket": "arn:aws:s3:::elsewhere", "Account": "999999999999"}}}}
	}},
	{"ObjectsListedElsewhere", "ShapesAreListed", func(_ *testing.T, r object) {
		properties(r, "LocationEu")["InventoryConfigurations"] = []any{object{"Id": "x", "Destination": object{"BucketArn": "arn:aws:s3:::elsewhere"}}}
	}},
	{"AccessPoint", "ShapesAreListed", func(_ *testing.T, r object) {
		r["Ap"] = object{"Type": "AWS::S3::AccessPoint", "Properties": object{"Bucket": object{"Ref": "LocationEu"}}}
	}},
	{"RowsStreamed", "ShapesAreListed", func(_ *testing.T, r object) {
		properties(r, "TableVaultkeys")["StreamSpecification"] = object{"StreamViewType": "NEW_AND_OLD_IMAGES"}
		properties(r, "TableIdentity")["KinesisStreamSpecification"] = object{"StreamArn": "arn:aws:kinesis:eu-central-1:999999999999:stream/x"}
	}},
	{"TableOpenToAnotherAccount", "AllowedIsListed", func(_ *testing.T, r object) {
		doc := properties(r, "TableIdentity")["ResourcePolicy"].(object)["PolicyDocument"].(object)
		doc["Statement"] = append(doc["Statement"].([]any), object{"Sid": "More", "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*", "Principal": object{"AWS": "999999999999"}})
	}},
	{"AclsByAnotherAccount", "AllowedIsListed", func(_ *testing.T, r object) {
		s := allow([]any{"s3:PutObjectAcl"}, sub("${LocationEu.Arn}/*"))
		s["Principal"] = object{"AWS": "999999999999"}
		add(r, "LocationEuPolicy", s)
	}},
	{"ObjectsReadByAnotherAccount", "AllowedIsListed", func(_ *testing.T, r object) {
		s := allow([]any{"s3:GetObject", "s3:ListBucket"}, []any{sub("${LocationEu.Arn}/*"), sub("${LocationEu.Arn}")})
		s["Principal"] = object{"AWS": "arn:aws:iam::999999999999:role/x"}
		add(r, "LocationEuPolicy", s)
	}},
	{"KeyManagedByAnotherAccount", "AllowedIsListed", func(_ *testing.T, r object) {
		doc := properties(r, "VaultKey")["KeyPolicy"].(object)
		doc["Statement"] = append(doc["Statement"].([]any), object{"Sid": "More", "Effect": "Allow", "Action": "kms:PutKeyPolicy", "Resource": "*", "Principal": object{"AWS": "999999999999"}})
	}},
	{"VaultKeyForEverybody", "AllowedIsListed", func(t *testing.T, r object) { in(t, r, "VaultKey", "UseForSessions")["Principal"] = object{"AWS": "*"} }},
	{"AuditComesBackADay", "TablesComeBack", func(_ *testing.T, r object) {
		properties(r, "TableAudit")["PointInTimeRecoverySpecification"].(object)["RecoveryPeriodInDays"] = 1.0
	}},
	{"RowsEndByAnother", "ShapesAreListed", func(_ *testing.T, r object) {
		properties(r, "TableVaultkeys")["TimeToLiveSpecification"].(object)["AttributeName"] = "SK"
	}},
	{"KeyNotRotated", "ShapesAreListed", func(_ *testing.T, r object) { properties(r, "VaultKey")["EnableKeyRotation"] = false }},
	{"KeyGoneInAWeek", "ShapesAreListed", func(_ *testing.T, r object) { properties(r, "VaultKey")["PendingWindowInDays"] = 7.0 }},
	{"KeyLocksEverybodyOut", "ShapesAreListed", func(_ *testing.T, r object) { properties(r, "VaultKey")["BypassPolicyLockoutSafetyCheck"] = true }},
	{"AlarmNeverReached", "ShapesAreListed", func(_ *testing.T, r object) { properties(r, "AlarmKeyChanged")["Threshold"] = 1000000.0 }},
	{"AlarmSilent", "ShapesAreListed", func(_ *testing.T, r object) { properties(r, "AlarmKeyChanged")["ActionsEnabled"] = false }},
	{"TrailWithoutKeys", "AlarmsTell", func(_ *testing.T, r object) {
		properties(r, "Trail")["AdvancedEventSelectors"] = []any{object{"Name": "M", "FieldSelectors": []any{object{"Field": "eventCategory", "Equals": []any{"Management"}}, object{"Field": "eventSource", "NotEquals": []any{"kms.amazonaws.com"}}}}}
	}},
	{"TrailOfWritesOnly", "AlarmsTell", func(_ *testing.T, r object) {
		properties(r, "Trail")["AdvancedEventSelectors"] = []any{object{"Name": "M", "FieldSelectors": []any{object{"Field": "eventCategory", "Equals": []any{"Management"}}, object{"Field": "readOnly", "Equals": []any{"false"}}}}}
	}},
	{"TrailCannotWrite", "AllowedIsListed", func(t *testing.T, r object) { drop(t, r, "TrailBucketPolicy", "CloudTrailWrites") }},
	{"TrailWrittenByDevices", "AllowedIsListed", func(_ *testing.T, r object) {
		add(r, "PolicyDevices", allow("logs:PutLogEvents", object{"Fn::GetAtt": []any{"LogsTrail", "Arn"}}))
	}},
	{"AccessLogOfPeople", "ShapesAreListed", func(_ *testing.T, r object) {
		properties(r, "Stage")["AccessLogSettings"].(object)["Format"] = `{"ip":"$context.identity.sourceIp","sub":"$context.authorizer.claims.sub","path":"$context.path"}`
	}},
	{"CalledFromAnyPage", "ShapesAreListed", func(_ *testing.T, r object) {
		properties(r, "Api")["CorsConfiguration"] = object{"AllowOrigins": []any{"*"}}
	}},
	{"TokensInAddresses", "ShapesAreListed", func(_ *testing.T, r object) {
		p := properties(r, "UserPoolClient")
		p["AllowedOAuthFlows"] = []any{"implicit"}
		p["CallbackURLs"] = []any{"https://elsewhere.example/"}
	}},
	{"PasswordsToTheAPI", "ShapesAreListed", func(_ *testing.T, r object) {
		properties(r, "UserPoolClient")["ExplicitAuthFlows"] = []any{"ALLOW_USER_PASSWORD_AUTH"}
	}},
	{"SelfSignUp", "ShapesAreListed", func(_ *testing.T, r object) {
		properties(r, "UserPool")["AdminCreateUserConfig"].(object)["AllowAdminCreateUserOnly"] = false
	}},
	{"TokensByForeignCode", "ShapesAreListed", func(_ *testing.T, r object) {
		properties(r, "UserPool")["LambdaConfig"] = object{"PreTokenGeneration": "arn:aws:lambda:x"}
	}},
	{"AnswersCached", "ShapesAreListed", func(_ *testing.T, r object) {
		list(r, "Distribution", "Properties", "DistributionConfig", "CacheBehaviors")[0].(object)["CachePolicyId"] = "658327ea-f89d-4fab-a63d-7e88639e58f6"
	}},
	{"SessionsListPeople", "AllowedIsListed", func(_ *testing.T, r object) {
		add(r, "PolicySessions", allow("dynamodb:Query", sub("${TableIdentity.Arn}/index/users")))
	}},
	{"ProfilesReadVaults", "AllowedIsListed", func(t *testing.T, r object) {
		in(t, r, "PolicyProfiles", "Profiles")["Condition"].(object)["ForAllValues:StringLike"] = object{"dynamodb:LeadingKeys": []any{"P", "V#*"}}
	}},
	{"UploadsListVersions", "AllowedIsListed", func(_ *testing.T, r object) {
		add(r, "PolicyUploads", allow("s3:ListBucketVersions", sub("${LocationEu.Arn}")))
	}},
	{"RestoresReadAttributes", "AllowedIsListed", func(_ *testing.T, r object) {
		add(r, "PolicyRestores", allow("s3:GetObjectAttributes", sub("${LocationEu.Arn}/u/*/l/*")))
	}},
	{"ProfilesDescribeVaultkeys", "AllowedIsListed", func(_ *testing.T, r object) {
		add(r, "PolicyProfiles", allow("dynamodb:DescribeTable", sub("${TableVaultkeys.Arn}")))
	}},
	{"SessionsHandKeysOn", "AllowedIsListed", func(t *testing.T, r object) {
		s := in(t, r, "VaultKey", "UseForSessions")
		s["Action"] = append(s["Action"].([]any), "kms:CreateGrant")
	}},
	{"SessionsReencrypt", "AllowedIsListed", func(t *testing.T, r object) {
		s := in(t, r, "VaultKey", "UseForSessions")
		s["Action"] = append(s["Action"].([]any), "kms:GenerateDataKey", "kms:ReEncryptFrom")
	}},
	{"AnswersFromElsewhere", "RoutesAreTheContract", func(_ *testing.T, r object) {
		properties(r, "IntegrationSessions")["IntegrationUri"] = "https://elsewhere.example"
	}},
	{"TableFromElsewhere", "ShapesAreListed", func(_ *testing.T, r object) {
		properties(r, "TableVaultkeys")["ImportSourceSpecification"] = object{"S3BucketSource": object{"S3Bucket": "elsewhere"}}
	}},
	{"NotAction", "PoliciesAreRead", func(_ *testing.T, r object) {
		add(r, "PolicyProfiles", object{"Sid": "NA", "Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "*"})
	}},
	{"NotResource", "PoliciesAreRead", func(_ *testing.T, r object) {
		add(r, "PolicySessions", object{"Sid": "NR", "Effect": "Allow", "Action": "dynamodb:GetItem", "NotResource": "arn:aws:s3:::x"})
	}},
	{"NotPrincipal", "PoliciesAreRead", func(_ *testing.T, r object) {
		s := allow("s3:GetObject", sub("${LocationEu.Arn}/*"))
		s["NotPrincipal"] = object{"AWS": "arn:aws:iam::999999999999:root"}
		add(r, "LocationEuPolicy", s)
	}},
	{"ActionAndNotAction", "PoliciesAreRead", func(t *testing.T, r object) {
		in(t, r, "LocationEuPolicy", "ReadByReaders")["NotAction"] = "s3:GetObject"
	}},
	{"TwoPoliciesOfABucket", "PoliciesAreRead", func(_ *testing.T, r object) {
		r["ZPolicy"] = object{"Type": "AWS::S3::BucketPolicy", "DeletionPolicy": "Retain", "Properties": object{"Bucket": object{"Ref": "LocationEu"}, "PolicyDocument": object{"Version": "2012-10-17", "Statement": []any{}}}}
	}},
	{"StatementNotInAList", "PoliciesAreRead", func(_ *testing.T, r object) {
		properties(r, "PolicyProfiles")["PolicyDocument"] = object{"Version": "2012-10-17", "Statement": allow("*", "*")}
	}},
	{"RoleByAnotherName", "PoliciesAreRead", func(_ *testing.T, r object) {
		r["PolicyExtra"] = object{"Type": "AWS::IAM::Policy", "Properties": object{"PolicyName": "x", "Roles": []any{object{"Fn::Join": []any{"", []any{object{"Ref": "RoleSessions"}}}}}, "PolicyDocument": object{"Version": "2012-10-17", "Statement": []any{allow("s3:GetObject", sub("${LocationEu.Arn}/u/*/l/*"))}}}}
	}},
	{"FunctionFedByAQueue", "ShapesAreListed", func(_ *testing.T, r object) {
		r["EventInvoke"] = object{"Type": "AWS::Lambda::EventSourceMapping", "Properties": object{"FunctionName": object{"Ref": "FunctionSessions"}}}
	}},
	{"StackInAStack", "ShapesAreListed", func(_ *testing.T, r object) {
		r["Nested"] = object{"Type": "AWS::CloudFormation::Stack", "Properties": object{"TemplateURL": "https://elsewhere.example"}}
	}},
	{"LogsReadElsewhere", "ShapesAreListed", func(_ *testing.T, r object) {
		r["CW"] = object{"Type": "AWS::Logs::SubscriptionFilter", "Properties": object{"LogGroupName": object{"Ref": "LogsSessions"}, "DestinationArn": "arn:aws:logs:eu-central-1:999999999999:destination:x"}}
	}},
	{"NoneAtOnce", "FunctionsStandAlone", func(_ *testing.T, r object) { properties(r, "FunctionSessions")["ReservedConcurrentExecutions"] = 0.0 }},
	{"TablesSwapped", "ShapesAreListed", func(_ *testing.T, r object) {
		properties(r, "FunctionSessions")["Environment"].(object)["Variables"].(object)["ZAPAS_TABLE_VAULTKEYS"] = object{"Ref": "TableZapas"}
	}},
	{"TokensOfAnother", "RoutesAreTheContract", func(_ *testing.T, r object) {
		properties(r, "Authorizer")["JwtConfiguration"] = object{"Issuer": "https://elsewhere.example", "Audience": []any{"x"}}
	}},
	{"FilterSeesNothing", "ShapesAreListed", func(_ *testing.T, r object) {
		properties(r, "FilterVaultKeyUnusual")["FilterPattern"] = `{ $.eventName = "Nothing" }`
	}},
	{"FilterExcepts", "ShapesAreListed", func(_ *testing.T, r object) {
		p := properties(r, "FilterTrailChanged")
		p["FilterPattern"] = strings.Replace(p["FilterPattern"].(object)["Fn::Sub"].(string), " }", ` && ($.userIdentity.userName != "x") }`, 1)
	}},
	{"RoleOfAnyFunction", "TrustIsExact", func(t *testing.T, r object) {
		delete(in(t, r, "RoleSessions", "Trust")["Condition"].(object), "ArnLike")
	}},
	{"EventsByAnybody", "AllowedIsListed", func(t *testing.T, r object) {
		delete(in(t, r, "EventsPolicy", "EventBus")["Condition"].(object), "ArnEquals")
	}},
	{"EnvironmentTooLong", "LimitsAreKept", func(_ *testing.T, r object) {
		properties(r, "FunctionDevices")["Environment"].(object)["Variables"].(object)["ZAPAS_ROLES"] = strings.Repeat("x", 4_096)
	}},
	{"PolicyTooLong", "LimitsAreKept", func(_ *testing.T, r object) {
		for range 10_240 / len("${LocationEu.Arn}") {
			add(r, "PolicyUploads", allow("s3:GetObject", sub("${LocationEu.Arn}")))
		}
	}},
	{"PatternTooLong", "LimitsAreKept", func(_ *testing.T, r object) {
		properties(r, "FilterApiChanged")["FilterPattern"] = strings.Repeat("x", 1_025)
	}},
	{"ListedByAnybody", "GuardsStand", func(t *testing.T, r object) { drop(t, r, "LocationEuPolicy", "ListByReaders") }},
}
