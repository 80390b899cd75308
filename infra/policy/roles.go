package policy

import "strings"

// Deployment is what permissions depend on.
type Deployment struct {
	Tenant    string
	Locations []string // logical ids of their buckets
}

// The roles of functions, as principals.
const (
	profiles = "${RoleProfiles.Arn}"
	devices  = "${RoleDevices.Arn}"
	sessions = "${RoleSessions.Arn}"
	uploads  = "${RoleUploads.Arn}"
	restores = "${RoleRestores.Arn}"
	triggers = "${RoleTriggers.Arn}"
	recovery = "${RoleRecovery.Arn}"
	// scheduler is Scheduler's, as which it calls triggers.
	scheduler = "${RoleScheduler.Arn}"
)

// Roles are all roles. A function that is added gets its lines here; what it may then read or write, and what refuses
// it, is in Guards.
func Roles(d Deployment) []Role {
	return []Role{
		profilesRole(), devicesRole(), sessionsRole(d), uploadsRole(d), restoresRole(d), triggersRole(), schedulerRole(), recoveryRole(d), trailRole(),
	}
}

// Functions are the roles that a Lambda function of the same name has.
func Functions() []string {
	return []string{"Profiles", "Devices", "Sessions", "Uploads", "Restores", "Triggers"}
}

func profilesRole() Role {
	return function("Profiles", "keeps backup profiles",
		rows("Profiles", "${TableZapas.Arn}", "P", "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"),
		keptAnswers(),
		timers("CreateSchedule", "UpdateSchedule", "DeleteSchedule"), passScheduler(), announce(),
		record())
}

func devicesRole() Role {
	return function("Devices", "keeps devices, people and orders",
		rows("Cards", "${TableZapas.Arn}", "F#*", "GetItem", "PutItem", "UpdateItem"),
		rows("Orders", "${TableZapas.Arn}", "O#*", "GetItem", "PutItem"),
		keptAnswers(),
		rows("Profiles", "${TableZapas.Arn}", "P", "GetItem", "Query"),
		rows("Snapshots", "${TableZapas.Arn}", "V#*", "GetItem", "Query"), // dates, states and counts
		rows("Organisation", "${TableZapas.Arn}", "SETTINGS", "GetItem", "PutItem"),
		index("Lists", "${TableZapas.Arn}/index/owner", "${TableZapas.Arn}/index/fleet", "${TableZapas.Arn}/index/due"),
		rows("Keys", "${TableIdentity.Arn}", "D#*", "GetItem", "PutItem", "UpdateItem"), // devices' public keys
		rows("Codes", "${TableIdentity.Arn}", "C#*", "GetItem", "PutItem"),
		rows("Enrolments", "${TableIdentity.Arn}", "E#*", "PutItem"),
		rows("People", "${TableIdentity.Arn}", "U#*", "GetItem", "PutItem"),
		index("PeopleByName", "${TableIdentity.Arn}/index/users"),
		rows("Consents", "${TableVaultkeys.Arn}", "V#*", "Query"), // which restores wait; a wrapped key is of no use to it
		rows("ReadRecords", "${TableAudit.Arn}", "A#*", "Query"),
		announce(),
		record())
}

// sessionsRole is the one that can use vault keys, and has nothing of S3.
func sessionsRole(d Deployment) Role {
	return function("Sessions", "opens sessions and releases keys",
		rows("Vaults", "${TableZapas.Arn}", "V#*", "GetItem", "PutItem"),
		rows("Cards", "${TableZapas.Arn}", "F#*", "GetItem", "UpdateItem"),
		rows("Orders", "${TableZapas.Arn}", "O#*", "GetItem", "PutItem"),
		rows("Profiles", "${TableZapas.Arn}", "P", "GetItem"),
		rows("Organisation", "${TableZapas.Arn}", "SETTINGS", "GetItem"),
		usedTokens(),
		keptAnswers(),
		rows("DeviceKeys", "${TableIdentity.Arn}", "D#*", "GetItem"), // its token is checked by it
		rows("Enrolments", "${TableIdentity.Arn}", "E#*", "GetItem"), // of a phone to come, to which a backup is sent
		rows("KeysAndConsents", "${TableVaultkeys.Arn}", "V#*", "GetItem", "PutItem", "Query"),
		announce(),
		record(),
		Statement{Sid: "VaultKeys", Actions: []string{"kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext"},
			Resources: []string{"${VaultKey.Arn}"}, When: binding(d.Tenant)})
}

// uploadsRole is one of the two that sign for objects, and has nothing of vault keys.
func uploadsRole(d Deployment) Role {
	return function("Uploads", "signs uploads and commits snapshots",
		rows("Vaults", "${TableZapas.Arn}", "V#*", "GetItem", "PutItem"),
		rows("Cards", "${TableZapas.Arn}", "F#*", "GetItem", "UpdateItem"),
		rows("Orders", "${TableZapas.Arn}", "O#*", "GetItem", "PutItem"),
		usedTokens(),
		rows("DeviceKeys", "${TableIdentity.Arn}", "D#*", "GetItem"),
		announce(),
		Statement{Sid: "StoreChunksAndLists", Actions: []string{"s3:PutObject"}, Resources: objects(d, "/u/*/s/*/c/*", "/u/*/l/*")},
		Statement{Sid: "ReadLists", Actions: []string{"s3:GetObject"}, Resources: objects(d, "/u/*/l/*")},
		list(d),
		Statement{Sid: "BucketKey", Actions: []string{"kms:Decrypt", "kms:GenerateDataKey"}, Resources: []string{"${BucketKey.Arn}"}, When: viaS3()})
}

// restoresRole is the other: it can write nothing at all.
func restoresRole(d Deployment) Role {
	return function("Restores", "lists snapshots and signs downloads",
		rows("Vaults", "${TableZapas.Arn}", "V#*", "GetItem", "Query"),
		rows("DeviceKeys", "${TableIdentity.Arn}", "D#*", "GetItem"),
		Statement{Sid: "ReadChunksAndLists", Actions: []string{"s3:GetObject"}, Resources: objects(d, "/u/*/s/*/c/*", "/u/*/l/*")},
		list(d),
		Statement{Sid: "BucketKey", Actions: []string{"kms:Decrypt"}, Resources: []string{"${BucketKey.Arn}"}, When: viaS3()})
}

// triggersRole is what schedules call. ListSchedules has no resource to be narrowed to.
func triggersRole() Role {
	return function("Triggers", "records ticks of profiles, and watches over what was left undone",
		rows("Profiles", "${TableZapas.Arn}", "P", "GetItem", "PutItem", "UpdateItem", "Query"),
		rows("Cards", "${TableZapas.Arn}", "F#*", "GetItem", "UpdateItem"),
		rows("Orders", "${TableZapas.Arn}", "O#*", "GetItem", "PutItem", "Query"),
		index("Lists", "${TableZapas.Arn}/index/due", "${TableZapas.Arn}/index/fleet"),
		timers("GetSchedule", "CreateSchedule", "UpdateSchedule", "DeleteSchedule"), passScheduler(), announce(), record(),
		Statement{Sid: "ListTimers", Actions: []string{"scheduler:ListSchedules"}, Resources: []string{"*"}})
}

// schedulerRole is that of every schedule: to call one function, and to put what could not be called into one queue. It is
// taken for schedules of this deployment's group alone (EventBridge Scheduler User Guide, "Confused deputy prevention").
func schedulerRole() Role {
	when := ours()
	when["ArnEquals"] = map[string][]string{"aws:SourceArn": {"${Schedules.Arn}"}}
	return Role{Name: "Scheduler", About: "EventBridge Scheduler calls triggers",
		Trust: []Statement{{Sid: "Trust", Who: Principal{Service: "scheduler.amazonaws.com"}, Actions: []string{"sts:AssumeRole"}, When: when}},
		Statements: []Statement{
			{Sid: "Call", Actions: []string{"lambda:InvokeFunction"}, Resources: []string{"${FunctionTriggers.Arn}"}},
			{Sid: "Dead", Actions: []string{"sqs:SendMessage"}, Resources: []string{"${DeadTicks.Arn}"}},
		}}
}

// recoveryRole undeletes. Nobody can assume it until its trust is changed, which raises an alarm.
func recoveryRole(d Deployment) Role {
	return Role{Name: "Recovery", About: "undeletes objects; nobody can assume it until its trust is changed, as the runbook says",
		Trust: []Statement{{Sid: "NobodyByDefault", Deny: true, Who: everybody(), Actions: []string{"sts:AssumeRole"}}},
		Statements: []Statement{
			{Sid: "Versions", Actions: []string{"s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObjectVersion"}, Resources: objects(d, "/u/*")},
			{Sid: "ListVersions", Actions: []string{"s3:ListBucket", "s3:ListBucketVersions"}, Resources: buckets(d)},
			{Sid: "BucketKey", Actions: []string{"kms:Decrypt"}, Resources: []string{"${BucketKey.Arn}"}, When: viaS3()},
		}}
}

// trailRole lets CloudTrail write what it saw to where the alarms look.
func trailRole() Role {
	return Role{Name: "Trail", About: "CloudTrail writes to the log group that the alarms watch",
		Trust: []Statement{{Sid: "Trust", Who: Principal{Service: "cloudtrail.amazonaws.com"}, Actions: []string{"sts:AssumeRole"}}},
		Statements: []Statement{{Sid: "Write", Actions: []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resources: []string{"arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${LogsTrail}:log-stream:${AWS::AccountId}_CloudTrail_${AWS::Region}*"}}}}
}

// function is the role of a Lambda function, which may write its own log besides.
func function(name, about string, may ...Statement) Role {
	// Whoever may hand a role to Lambda could otherwise give it to a function of his own.
	when := ours()
	when["ArnLike"] = map[string][]string{"aws:SourceArn": {"arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-Function" + name + "-*"}}
	log := Statement{Sid: "Log", Actions: []string{"logs:CreateLogStream", "logs:PutLogEvents"}, Resources: []string{"${Logs" + name + ".Arn}"}}
	return Role{Name: name, About: about, Statements: append(may, log),
		Trust: []Statement{{Sid: "Trust", Who: Principal{Service: "lambda.amazonaws.com"}, Actions: []string{"sts:AssumeRole"}, When: when}}}
}

// rows are actions on the rows of a table whose PK is like a pattern. A transaction needs the rights of what it consists
// of. Since a condition on every value of a key holds when there is no value, its presence is asked for besides.
func rows(sid, table, pk string, actions ...string) Statement {
	return Statement{Sid: sid, Actions: prefixed("dynamodb:", actions), Resources: []string{table}, When: Condition{
		"ForAllValues:StringLike": {"dynamodb:LeadingKeys": {pk}}, "Null": {"dynamodb:LeadingKeys": {"false"}}}}
}

// index is the right to query indexes, whose partitions are shards or owners and say nothing of rows.
func index(sid string, arns ...string) Statement {
	return Statement{Sid: sid, Actions: []string{"dynamodb:Query"}, Resources: arns}
}

// timers are actions on the schedules of profiles, which are named by their ids of 26 letters: the watch's is none of them.
func timers(actions ...string) Statement {
	return Statement{Sid: "Timers", Actions: prefixed("scheduler:", actions),
		Resources: []string{"arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule/${Schedules}/" + strings.Repeat("?", 26)}}
}

// passScheduler is the right to give schedules the one role that calls triggers.
func passScheduler() Statement {
	return Statement{Sid: "PassScheduler", Actions: []string{"iam:PassRole"}, Resources: []string{scheduler},
		When: Condition{"StringEquals": {"iam:PassedToService": {"scheduler.amazonaws.com"}}}}
}

// announce is the right to tell what has happened.
func announce() Statement {
	return Statement{Sid: "Announce", Actions: []string{"events:PutEvents"}, Resources: []string{"${EventBus.Arn}"}}
}

// record is the right to append to what was done: no more than to put.
func record() Statement { return rows("Record", "${TableAudit.Arn}", "A#*", "PutItem") }

// keptAnswers is the right to keep the answers of requests that carry a key, and to answer with them again.
func keptAnswers() Statement {
	return rows("Requests", "${TableZapas.Arn}", "I#*", "GetItem", "PutItem")
}

// usedTokens is the right to note that a device's token has served its one request.
func usedTokens() Statement { return rows("UsedTokens", "${TableZapas.Arn}", "J#*", "PutItem") }

// list is what makes S3 answer 404, not 403, for an object that is not there. It has no condition on the prefix: reading
// an object has none, and would be denied (S3 API Reference, GetObject, "Permissions").
func list(d Deployment) Statement {
	return Statement{Sid: "List", Actions: []string{"s3:ListBucket"}, Resources: buckets(d)}
}

// binding is what the code binds every vault key to. The user and the version must be there and can be any: the code
// derives them from the proven caller.
func binding(tenant string) Condition {
	return Condition{
		"StringEquals":              {"kms:EncryptionContext:app": {"zapas"}, "kms:EncryptionContext:tenant": {tenant}},
		"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": {"app", "tenant", "user", "v"}},
		"Null":                      {"kms:EncryptionContext:user": {"false"}, "kms:EncryptionContext:v": {"false"}},
	}
}

// viaS3 is use of the key by S3 for the caller, never by the caller himself.
func viaS3() Condition {
	return Condition{"StringEquals": {"kms:ViaService": {"s3.${AWS::Region}.${AWS::URLSuffix}"}}}
}

// ours is a service that acts for this account.
func ours() Condition {
	return Condition{"StringEquals": {"aws:SourceAccount": {"${AWS::AccountId}"}}}
}

func buckets(d Deployment) []string {
	var all []string
	for _, l := range d.Locations {
		all = append(all, "${"+l+".Arn}")
	}
	return all
}

func objects(d Deployment, keys ...string) []string {
	var all []string
	for _, b := range buckets(d) {
		for _, k := range keys {
			all = append(all, b+k)
		}
	}
	return all
}

func prefixed(prefix string, actions []string) []string {
	all := make([]string, len(actions))
	for i, a := range actions {
		all[i] = prefix + a
	}
	return all
}
