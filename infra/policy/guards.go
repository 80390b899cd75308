package policy

// What follows refuses whatever a role says, so that a permission given elsewhere, by mistake or by an administrator to
// himself, opens nothing. Taking a guard away is a change that raises an alarm.

// deployer is the role that CloudFormation acts as (CDK bootstrap).
const deployer = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-hnb659fds-cfn-exec-role-${AWS::AccountId}-${AWS::Region}"

// root is the account's root user when it stands in aws:PrincipalArn, and the account when it is a principal.
const root = "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"

func everybody() Principal { return Principal{AWS: []string{"*"}} }

// but holds for everybody but these roles.
func but(roles ...string) Condition { return Condition{"ArnNotEquals": {"aws:PrincipalArn": roles}} }

// this is the resource whose policy it is.
var this = []string{"*"}

// VaultKey is the policy of the key that wraps vault keys.
func VaultKey(d Deployment) []Statement {
	return append(keptBy(sessions), Statement{Sid: "UseForSessions", Who: Principal{AWS: []string{sessions}}, Resources: this,
		Actions: []string{"kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext"}, When: binding(d.Tenant)})
}

// BucketKey is the policy of the key under which S3 encrypts objects.
func BucketKey(Deployment) []Statement {
	return append(keptBy(uploads, restores, recovery),
		Statement{Sid: "WriteThroughS3", Who: Principal{AWS: []string{uploads}}, Resources: this, Actions: []string{"kms:GenerateDataKey"}, When: viaS3()},
		Statement{Sid: "ReadThroughS3", Who: Principal{AWS: []string{uploads, restores, recovery}}, Resources: this, Actions: []string{"kms:Decrypt"}, When: viaS3()})
}

// keptBy is a key that deployments manage and cannot use, that root can only repair, and that none but these can use. None
// can delete it: to do so, its policy must be changed first.
func keptBy(users ...string) []Statement {
	return []Statement{
		{Sid: "ManageNotUse", Who: Principal{AWS: []string{deployer}}, Resources: this, Actions: []string{"kms:DescribeKey", "kms:EnableKeyRotation",
			"kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:TagResource", "kms:UntagResource",
			"kms:UpdateKeyDescription"}},
		{Sid: "RootRepairs", Who: Principal{AWS: []string{root}}, Resources: this, Actions: []string{"kms:DescribeKey", "kms:GetKeyPolicy", "kms:PutKeyPolicy"},
			When: Condition{"ArnEquals": {"aws:PrincipalArn": {root}}}},
		{Sid: "NobodyElseUses", Deny: true, Who: everybody(), Resources: this, Actions: []string{"kms:CreateGrant", "kms:Decrypt", "kms:Encrypt",
			"kms:GenerateDataKey*", "kms:ReEncrypt*"}, When: but(users...)},
	}
}

// Location is the policy of a location's bucket.
func Location(bucket string) []Statement {
	whole, within := []string{"${" + bucket + ".Arn}", "${" + bucket + ".Arn}/*"}, []string{"${" + bucket + ".Arn}/*"}
	deny := func(sid string, on []string, when Condition, actions ...string) Statement {
		return Statement{Sid: sid, Deny: true, Who: everybody(), Actions: prefixed("s3:", actions), Resources: on, When: when}
	}
	return []Statement{
		overTLS(bucket),
		deny("ReadByReaders", within, but(uploads, restores, recovery), "GetObject", "GetObjectAttributes", "GetObjectVersion", "GetObjectVersionAttributes"),
		deny("WriteByUploads", within, but(uploads), "PutObject"),
		// CloudFormation looks whether a bucket is there by listing it.
		deny("ListByReaders", whole, but(uploads, restores, recovery, deployer), "ListBucket", "ListBucketVersions"),
		// Whoever may write must say so of an object that is not there: nothing is ever overwritten. A part of a
		// multipart upload cannot say so, and there are none.
		deny("WriteOnce", within, Condition{"Null": {"s3:if-none-match": {"true"}}}, "PutObject"),
		deny("FreshSignatures", whole, Condition{"NumericGreaterThan": {"s3:signatureAge": {oldest}}}, "*"),
		deny("URLsBySigners", whole, Condition{"StringEquals": {"s3:authType": {"REST-QUERY-STRING"}}, "ArnNotEquals": {"aws:PrincipalArn": {uploads, restores}}}, "*"),
		deny("DeleteByNobody", within, nil, "DeleteObject"),
		deny("VersionsByRecovery", within, but(recovery), "DeleteObjectVersion"),
		deny("OwnedByTheAccount", within, nil, "BypassGovernanceRetention", "PutObjectAcl", "PutObjectVersionAcl"),
	}
}

// oldest is how many milliseconds after it was signed a request is taken: the longest URL, ten minutes, and clocks that
// differ by five.
const oldest = "900000"

// overTLS refuses whatever comes otherwise.
func overTLS(bucket string) Statement {
	return Statement{Sid: "OverTLS", Deny: true, Who: everybody(), Actions: []string{"s3:*"}, Resources: []string{"${" + bucket + ".Arn}", "${" + bucket + ".Arn}/*"},
		When: Condition{"Bool": {"aws:SecureTransport": {"false"}}}}
}

// Identity is the policy of the table that says whose a device is: whoever can write it can have keys sealed to himself.
func Identity() []Statement {
	return []Statement{
		table("ReadByFunctions", but(devices, sessions, uploads, restores), "GetItem"),
		table("ListByDevices", but(devices), "Query", "ConditionCheckItem"),
		table("WriteByDevices", but(devices), "PutItem", "UpdateItem"),
		table("NobodyScansOrDeletes", nil, sweeping...),
	}
}

// VaultKeys is the policy of the table of wrapped keys and consents. A key is overwritten by a tombstone, never deleted.
func VaultKeys() []Statement {
	return []Statement{
		table("ReadBySessions", but(sessions), "GetItem", "ConditionCheckItem"),
		table("ListConsents", but(devices, sessions), "Query"),
		table("WriteBySessions", but(sessions), "PutItem", "UpdateItem"),
		table("NobodyScansOrDeletes", nil, sweeping...),
	}
}

// Audit is the policy of the table of what was done: it is appended to.
func Audit() []Statement {
	return []Statement{
		table("AppendByFunctions", but(profiles, devices, sessions, triggers), "PutItem"),
		table("NobodyChanges", nil, "BatchWriteItem", "DeleteItem", "PartiQLDelete", "PartiQLInsert", "PartiQLUpdate", "UpdateItem"),
	}
}

// sweeping are the actions on rows that no function needs.
var sweeping = []string{"BatchGetItem", "BatchWriteItem", "DeleteItem", "ExportTableToPointInTime", "PartiQLDelete", "PartiQLInsert", "PartiQLSelect",
	"PartiQLUpdate", "Scan"}

func table(sid string, when Condition, actions ...string) Statement {
	return Statement{Sid: sid, Deny: true, Who: everybody(), Actions: prefixed("dynamodb:", actions), Resources: this, When: when}
}

// AccessLogs is the policy of the bucket into which S3 writes who came to the others.
func AccessLogs(d Deployment) []Statement {
	from := append(buckets(d), "${Console.Arn}", "${TrailBucket.Arn}")
	when := ours()
	when["ArnLike"] = map[string][]string{"aws:SourceArn": from}
	return []Statement{
		overTLS("AccessLogs"),
		{Sid: "S3Logs", Who: Principal{Service: "logging.s3.amazonaws.com"}, Actions: []string{"s3:PutObject"}, Resources: []string{"${AccessLogs.Arn}/s3/*"}, When: when},
	}
}

// Console is the policy of the bucket of the console's files, which CloudFront reads for everybody.
func Console() []Statement {
	return []Statement{
		overTLS("Console"),
		{Sid: "CloudFront", Who: Principal{Service: "cloudfront.amazonaws.com"}, Actions: []string{"s3:GetObject"}, Resources: []string{"${Console.Arn}/*"},
			When: Condition{"StringEquals": {"aws:SourceArn": {"arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}"}, "aws:SourceAccount": {"${AWS::AccountId}"}}}},
	}
}

// TrailBucket is the policy of the bucket of CloudTrail's files.
func TrailBucket() []Statement {
	when := Condition{"StringEquals": {"aws:SourceArn": {Trail}, "aws:SourceAccount": {"${AWS::AccountId}"}}}
	return []Statement{
		overTLS("TrailBucket"),
		{Sid: "CloudTrailLooks", Who: Principal{Service: "cloudtrail.amazonaws.com"}, Actions: []string{"s3:GetBucketAcl"}, Resources: []string{"${TrailBucket.Arn}"}, When: when},
		{Sid: "CloudTrailWrites", Who: Principal{Service: "cloudtrail.amazonaws.com"}, Actions: []string{"s3:PutObject"},
			Resources: []string{"${TrailBucket.Arn}/AWSLogs/${AWS::AccountId}/*"}, When: when},
	}
}

// Trail is the trail's ARN. Its bucket's policy must know it before there is a trail.
const Trail = "arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/${AWS::StackName}"

// DeadTicks is the policy of the queue of calls that did not come about.
func DeadTicks() []Statement {
	return []Statement{
		{Sid: "OverTLS", Deny: true, Who: everybody(), Actions: []string{"sqs:*"}, Resources: this, When: Condition{"Bool": {"aws:SecureTransport": {"false"}}}},
		{Sid: "SendByScheduler", Deny: true, Who: everybody(), Actions: []string{"sqs:SendMessage"}, Resources: this, When: but(scheduler)},
	}
}

// Alarms is the policy of the topic of alarms.
func Alarms() []Statement {
	return topic("Alarms", Statement{Sid: "CloudWatch", Who: Principal{Service: "cloudwatch.amazonaws.com"}, When: ours()})
}

// Events is the policy of the topic of events, which the bus's one rule may use.
func Events() []Statement {
	when := ours()
	when["ArnEquals"] = map[string][]string{"aws:SourceArn": {"${EventsToTopic.Arn}"}}
	return topic("Events", Statement{Sid: "EventBus", Who: Principal{Service: "events.amazonaws.com"}, When: when})
}

func topic(id string, publisher Statement) []Statement {
	publisher.Actions, publisher.Resources = []string{"sns:Publish"}, []string{"${" + id + "}"}
	return []Statement{publisher,
		{Sid: "OverTLS", Deny: true, Who: everybody(), Actions: []string{"sns:Publish"}, Resources: []string{"${" + id + "}"}, When: Condition{"Bool": {"aws:SecureTransport": {"false"}}}},
	}
}
