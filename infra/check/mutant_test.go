package check_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"zapas/infra/check"
	"zapas/infra/golden"
)

type object = map[string]any

// in finds the statement of a policy.
func in(t *testing.T, resources object, id, sid string) object {
	t.Helper()
	for _, document := range [][]string{{"PolicyDocument"}, {"KeyPolicy"}, {"ResourcePolicy", "PolicyDocument"}, {"AssumeRolePolicyDocument"}} {
		for _, s := range list(resources, append(append([]string{id, "Properties"}, document...), "Statement")...) {
			if s.(object)["Sid"] == sid {
				return s.(object)
			}
		}
	}
	t.Fatalf("%s has no statement %s", id, sid)
	return nil
}

func list(v any, path ...string) []any {
	for _, p := range path {
		m, _ := v.(object)
		v = m[p]
	}
	all, _ := v.([]any)
	return all
}

// add gives a policy one more statement.
func add(resources object, id string, statement object) {
	document := resources[id].(object)["Properties"].(object)["PolicyDocument"].(object)
	document["Statement"] = append(document["Statement"].([]any), statement)
}

func drop(t *testing.T, resources object, id, sid string) {
	t.Helper()
	gone := in(t, resources, id, sid)
	for name := range gone {
		delete(gone, name)
	}
	gone["Sid"], gone["Effect"], gone["Action"], gone["Resource"], gone["Principal"] = "Gone", "Deny", "sns:Publish", "${Nothing}", object{"AWS": "*"}
}

func properties(resources object, id string) object {
	return resources[id].(object)["Properties"].(object)
}

func allow(actions, on any) object {
	return object{"Sid": "More", "Effect": "Allow", "Action": actions, "Resource": on}
}

func sub(s string) object { return object{"Fn::Sub": s} }

// mutant is a weakening that somebody might make, and the check that must see it.
type mutant struct {
	name, seenBy string
	make         func(t *testing.T, r object)
}

var mutants = []mutant{
	{"SessionsReadObjects", "Separation", func(_ *testing.T, r object) {
		add(r, "PolicySessions", allow("s3:GetObject", sub("${LocationEu.Arn}/u/*")))
	}},
	{"SessionsReadObjectsByBucketPolicy", "Separation", func(_ *testing.T, r object) {
		s := allow("s3:GetObject", sub("${LocationEu.Arn}/*"))
		s["Principal"] = object{"AWS": object{"Fn::GetAtt": []any{"RoleSessions", "Arn"}}}
		add(r, "LocationEuPolicy", s)
	}},
	{"SessionsListBuckets", "Separation", func(_ *testing.T, r object) {
		add(r, "PolicySessions", allow("s3:ListBucket", sub("${LocationEu.Arn}")))
	}},
	{"UploadsWriteIdentity", "Separation", func(_ *testing.T, r object) {
		add(r, "PolicyUploads", allow("dynamodb:PutItem", sub("${TableIdentity.Arn}")))
	}},
	{"UploadsQueryIdentity", "Separation", func(t *testing.T, r object) {
		in(t, r, "PolicyUploads", "DeviceKeys")["Action"] = []any{"dynamodb:GetItem", "dynamodb:Query"}
	}},
	{"UploadsReadVaultkeys", "Separation", func(_ *testing.T, r object) {
		add(r, "PolicyUploads", allow("dynamodb:GetItem", sub("${TableVaultkeys.Arn}")))
	}},
	{"RestoresUseTheVaultKey", "Separation", func(_ *testing.T, r object) { add(r, "PolicyRestores", allow("kms:Decrypt", sub("${VaultKey.Arn}"))) }},
	{"RestoresUseTheVaultKeyByItsPolicy", "Separation", func(t *testing.T, r object) {
		in(t, r, "VaultKey", "UseForSessions")["Principal"] = object{"AWS": []any{sub("${RoleSessions.Arn}"), sub("${RoleRestores.Arn}")}}
	}},
	{"RestoresWriteObjects", "Separation", func(t *testing.T, r object) {
		in(t, r, "PolicyRestores", "ReadChunksAndLists")["Action"] = []any{"s3:GetObject", "s3:PutObject"}
	}},
	{"UploadsReadChunksByAnyAction", "ActionsAreReal", func(t *testing.T, r object) { in(t, r, "PolicyUploads", "ReadLists")["Action"] = "s3:GetObjct" }},
	{"ActionWidened", "WildcardsAreReviewed", func(t *testing.T, r object) { in(t, r, "PolicyUploads", "ReadLists")["Action"] = "s3:Get*" }},
	{"ResourceWidened", "WildcardsAreReviewed", func(t *testing.T, r object) { in(t, r, "PolicyUploads", "ReadLists")["Resource"] = "*" }},
	{"EverythingAllowed", "Separation", func(_ *testing.T, r object) { add(r, "PolicyProfiles", allow("*", "*")) }},
	{"VersionsDeletedByUploads", "Separation", func(_ *testing.T, r object) {
		add(r, "PolicyUploads", allow("s3:DeleteObjectVersion", sub("${LocationEu.Arn}/u/*")))
	}},
	{"PoliciesChangedByDevices", "Separation", func(_ *testing.T, r object) {
		add(r, "PolicyDevices", allow("dynamodb:PutResourcePolicy", sub("${TableIdentity.Arn}")))
	}},
	{"NewRole", "Separation", func(_ *testing.T, r object) { r["RoleMore"] = r["RoleProfiles"] }},
	{"ManagedPolicy", "RolesAreWhole", func(_ *testing.T, r object) {
		properties(r, "RoleDevices")["ManagedPolicyArns"] = []any{"arn:aws:iam::aws:policy/ReadOnlyAccess"}
	}},
	{"InlinePolicy", "RolesAreWhole", func(_ *testing.T, r object) { properties(r, "RoleDevices")["Policies"] = []any{object{}} }},
	{"LeadingKeysDropped", "RowsAreNarrowed", func(t *testing.T, r object) { delete(in(t, r, "PolicyProfiles", "Profiles"), "Condition") }},
	{"LeadingKeysMayBeAbsent", "RowsAreNarrowed", func(t *testing.T, r object) {
		delete(in(t, r, "PolicyProfiles", "Profiles")["Condition"].(object), "Null")
	}},
	{"LeadingKeysWidened", "RowsAreNarrowed", func(t *testing.T, r object) {
		in(t, r, "PolicyProfiles", "Profiles")["Condition"].(object)["ForAllValues:StringLike"] = object{"dynamodb:LeadingKeys": "*"}
	}},
	{"UploadsReadPeople", "RowsAreNarrowed", func(t *testing.T, r object) {
		in(t, r, "PolicyUploads", "DeviceKeys")["Condition"].(object)["ForAllValues:StringLike"] = object{"dynamodb:LeadingKeys": []any{"D#*", "U#*"}}
	}},
	{"BindingDropped", "KeysAreBound", func(t *testing.T, r object) { delete(in(t, r, "PolicySessions", "VaultKeys"), "Condition") }},
	{"BindingOfAnyUser", "KeysAreBound", func(t *testing.T, r object) {
		delete(in(t, r, "VaultKey", "UseForSessions")["Condition"].(object), "Null")
	}},
	{"BindingOfAnyTenant", "KeysAreBound", func(t *testing.T, r object) {
		delete(in(t, r, "VaultKey", "UseForSessions")["Condition"].(object)["StringEquals"].(object), "kms:EncryptionContext:tenant")
	}},
	{"BucketKeyWithoutS3", "KeysAreBound", func(t *testing.T, r object) { delete(in(t, r, "BucketKey", "ReadThroughS3"), "Condition") }},
	{"KeyDenyRemoved", "GuardsStand", func(t *testing.T, r object) { drop(t, r, "VaultKey", "NobodyElseUses") }},
	{"KeyDenyOfFewer", "GuardsStand", func(t *testing.T, r object) { in(t, r, "VaultKey", "NobodyElseUses")["Action"] = []any{"kms:Decrypt"} }},
	{"KeyDenyWithAnException", "GuardsStand", func(t *testing.T, r object) {
		in(t, r, "VaultKey", "NobodyElseUses")["Condition"] = object{"ArnNotEquals": object{"aws:PrincipalArn": []any{sub("${RoleSessions.Arn}"), sub("${RoleRecovery.Arn}")}}}
	}},
	{"DeadTicksFromAnybody", "GuardsStand", func(t *testing.T, r object) { drop(t, r, "DeadTicksPolicy", "SendByScheduler") }},
	{"AnyRolePassed", "Separation", func(t *testing.T, r object) {
		in(t, r, "PolicyProfiles", "PassScheduler")["Resource"] = object{"Fn::GetAtt": []any{"RoleSessions", "Arn"}}
	}},
	{"PassedToAnyService", "Separation", func(t *testing.T, r object) { delete(in(t, r, "PolicyTriggers", "PassScheduler"), "Condition") }},
	{"ProfilesCallTriggers", "Separation", func(_ *testing.T, r object) {
		add(r, "PolicyProfiles", allow("lambda:InvokeFunction", sub("${FunctionTriggers.Arn}")))
	}},
	{"SchedulerCallsSessions", "AllowedIsListed", func(_ *testing.T, r object) {
		add(r, "PolicyScheduler", allow("lambda:InvokeFunction", sub("${FunctionSessions.Arn}")))
	}},
	{"SchedulesOfAnyGroup", "WildcardsAreReviewed", func(t *testing.T, r object) {
		in(t, r, "PolicyTriggers", "Timers")["Resource"] = sub("arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule/*/*")
	}},
	{"AnyResourceBeyondLists", "WildcardsAreReviewed", func(t *testing.T, r object) {
		in(t, r, "PolicyTriggers", "ListTimers")["Action"] = []any{"scheduler:ListSchedules", "scheduler:DeleteSchedule"}
	}},
	{"SchedulerTakenForAnyGroup", "TrustIsExact", func(t *testing.T, r object) {
		delete(in(t, r, "RoleScheduler", "Trust")["Condition"].(object), "ArnEquals")
	}},
	{"TriggersLongerThanAWatch", "FunctionsStandAlone", func(_ *testing.T, r object) { properties(r, "FunctionTriggers")["Timeout"] = 900.0 }},
	{"DeadTicksUnseen", "AlarmsTell", func(_ *testing.T, r object) { delete(r, "AlarmDeadTicks") }},
	{"TableDenyRemoved", "GuardsStand", func(t *testing.T, r object) { drop(t, r, "TableVaultkeys", "WriteBySessions") }},
	{"IdentityDenyRemoved", "GuardsStand", func(t *testing.T, r object) { drop(t, r, "TableIdentity", "WriteByDevices") }},
	{"AuditCanBeChanged", "GuardsStand", func(t *testing.T, r object) { drop(t, r, "TableAudit", "NobodyChanges") }},
	{"OverwritesAllowed", "GuardsStand", func(t *testing.T, r object) { drop(t, r, "LocationEuPolicy", "WriteOnce") }},
	{"OldSignaturesTaken", "GuardsStand", func(t *testing.T, r object) {
		in(t, r, "LocationEuPolicy", "FreshSignatures")["Condition"] = object{"NumericGreaterThan": object{"s3:signatureAge": "604800000"}}
	}},
	{"URLsByAnybody", "GuardsStand", func(t *testing.T, r object) { drop(t, r, "LocationEuPolicy", "URLsBySigners") }},
	{"VersionsByAnybody", "GuardsStand", func(t *testing.T, r object) { drop(t, r, "LocationEuPolicy", "VersionsByRecovery") }},
	{"ReadByAnybody", "GuardsStand", func(t *testing.T, r object) { drop(t, r, "LocationEuPolicy", "ReadByReaders") }},
	{"PlainHTTP", "GuardsStand", func(t *testing.T, r object) { drop(t, r, "LocationEuPolicy", "OverTLS") }},
	{"PlainHTTPToConsole", "GuardsStand", func(t *testing.T, r object) { drop(t, r, "ConsolePolicy", "OverTLS") }},
	{"DenyBecomesAllow", "GuardsStand", func(t *testing.T, r object) { in(t, r, "LocationEuPolicy", "DeleteByNobody")["Effect"] = "Allow" }},
	{"BucketPolicyGone", "GuardsStand", func(_ *testing.T, r object) { delete(r, "LocationEuPolicy") }},
	{"DeployerUsesKeys", "KeysAreManagedNotUsed", func(t *testing.T, r object) {
		s := in(t, r, "VaultKey", "ManageNotUse")
		s["Action"] = append(s["Action"].([]any), "kms:Decrypt")
	}},
	{"AccountUsesKeys", "KeysAreManagedNotUsed", func(t *testing.T, r object) { in(t, r, "VaultKey", "RootRepairs")["Action"] = "kms:*" }},
	{"AccountNotRootRepairs", "KeysAreManagedNotUsed", func(t *testing.T, r object) { delete(in(t, r, "BucketKey", "RootRepairs"), "Condition") }},
	{"NobodyManages", "KeysAreManagedNotUsed", func(t *testing.T, r object) { drop(t, r, "VaultKey", "ManageNotUse") }},
	{"KeyDeletedByDeployment", "KeysAreManagedNotUsed", func(t *testing.T, r object) {
		s := in(t, r, "VaultKey", "ManageNotUse")
		s["Action"] = append(s["Action"].([]any), "kms:ScheduleKeyDeletion")
	}},
	{"ServiceOfAnybody", "ServicesActForUs", func(t *testing.T, r object) { delete(in(t, r, "AccessLogsPolicy", "S3Logs"), "Condition") }},
	{"FunctionCalledByAnybody", "ServicesActForUs", func(_ *testing.T, r object) { delete(properties(r, "InvokeSessions"), "SourceArn") }},
	{"TableGoes", "KeptWhenTheStackGoes", func(_ *testing.T, r object) { r["TableVaultkeys"].(object)["DeletionPolicy"] = "Delete" }},
	{"KeyReplaced", "KeptWhenTheStackGoes", func(_ *testing.T, r object) { delete(r["VaultKey"].(object), "UpdateReplacePolicy") }},
	{"BucketNamed", "KeptWhenTheStackGoes", func(_ *testing.T, r object) { properties(r, "LocationEu")["BucketName"] = "backups" }},
	{"OneFactor", "KeptWhenTheStackGoes", func(_ *testing.T, r object) { properties(r, "UserPool")["MfaConfiguration"] = "OPTIONAL" }},
	{"PublicBucket", "BucketsAreClosed", func(_ *testing.T, r object) {
		properties(r, "LocationEu")["PublicAccessBlockConfiguration"].(object)["BlockPublicPolicy"] = false
	}},
	{"NoVersions", "BucketsAreClosed", func(_ *testing.T, r object) { delete(properties(r, "LocationEu"), "VersioningConfiguration") }},
	{"OtherEncryption", "BucketsAreClosed", func(_ *testing.T, r object) {
		properties(r, "LocationEu")["BucketEncryption"] = properties(r, "Console")["BucketEncryption"]
	}},
	{"BackupsExpire", "BucketsAreClosed", func(_ *testing.T, r object) {
		list(r, "LocationEu", "Properties", "LifecycleConfiguration", "Rules")[0].(object)["ExpirationInDays"] = 365.0
	}},
	{"NoRecovery", "TablesComeBack", func(_ *testing.T, r object) { delete(properties(r, "TableZapas"), "PointInTimeRecoverySpecification") }},
	{"ErasedKeysComeBack", "TablesComeBack", func(_ *testing.T, r object) {
		properties(r, "TableVaultkeys")["PointInTimeRecoverySpecification"].(object)["RecoveryPeriodInDays"] = 35.0
	}},
	{"AnothersRole", "FunctionsStandAlone", func(_ *testing.T, r object) {
		properties(r, "FunctionUploads")["Role"] = properties(r, "FunctionRestores")["Role"]
	}},
	{"LongerThanTheAPI", "FunctionsStandAlone", func(_ *testing.T, r object) { properties(r, "FunctionUploads")["Timeout"] = 12.0 }},
	{"SecretInSettings", "FunctionsStandAlone", func(_ *testing.T, r object) {
		properties(r, "FunctionUploads")["Environment"].(object)["Variables"].(object)["ZAPAS_SECRET"] = "x"
	}},
	{"RouteMissing", "RoutesAreTheContract", func(_ *testing.T, r object) { delete(r, "RouteGetMe") }},
	{"RouteOfNobody", "RoutesAreTheContract", func(_ *testing.T, r object) {
		r["RouteMore"] = object{"Type": "AWS::ApiGatewayV2::Route", "Properties": object{"RouteKey": "ANY /{proxy+}", "AuthorizationType": "NONE"}}
	}},
	{"RouteWithoutToken", "RoutesAreTheContract", func(_ *testing.T, r object) { properties(r, "RouteGetMe")["AuthorizationType"] = "NONE" }},
	{"RouteToAnother", "RoutesAreTheContract", func(_ *testing.T, r object) {
		properties(r, "RouteGetMe")["Target"] = sub("integrations/${IntegrationUploads}")
	}},
	{"AlarmToNobody", "AlarmsTell", func(_ *testing.T, r object) { properties(r, "AlarmKeyChanged")["AlarmActions"] = []any{} }},
	{"AlarmOfNothing", "AlarmsTell", func(_ *testing.T, r object) { delete(r, "FilterVaultKeyUnusual") }},
	{"TrailStopped", "AlarmsTell", func(_ *testing.T, r object) { properties(r, "Trail")["IsLogging"] = false }},
}

// TestMutants: each weakening is seen by the check that is named, and every check sees some.
func TestMutants(t *testing.T) {
	t.Parallel()
	all := slices.Concat(mutants, unlisted)
	for _, c := range check.All() {
		if !slices.ContainsFunc(all, func(m mutant) bool { return m.seenBy == c.Name }) {
			t.Errorf("no mutant shows that %s can fail", c.Name)
		}
	}
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			var template object
			if err := json.Unmarshal(golden.Template(), &template); err != nil {
				t.Fatal(err)
			}
			m.make(t, template["Resources"].(object))
			b, err := json.Marshal(template)
			if err != nil {
				t.Fatal(err)
			}
			changed, err := check.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range check.All() {
				if c.Name == m.seenBy && len(c.Run(changed)) == 0 {
					t.Errorf("%s does not see it", c.Name)
				}
			}
		})
	}
}

// TestVerify: a template that is amiss is refused, by the name of what is.
func TestVerify(t *testing.T) {
	t.Parallel()
	if err := check.Verify(golden.Template()); err != nil {
		t.Error(err)
	}
	weak := strings.Replace(string(golden.Template()), `"s3:signatureAge": "900000"`, `"s3:signatureAge": "9000000"`, 1)
	for template, says := range map[string]string{weak: "GuardsStand: LocationEu", "{": "cannot be read", "{}": "Separation"} {
		if err := check.Verify([]byte(template)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("it does not say %s: %v", says, err)
		}
	}
}
