package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"

	"zapas/infra/policy"
)

// keys are made first: everything of value lies under one of them.
func (d *deployment) keys() {
	make := func(id, about string, statements []policy.Statement) {
		kept(awskms.NewCfnKey(d.stack, text(id), &awskms.CfnKeyProps{Description: text(about), EnableKeyRotation: jsii.Bool(true),
			PendingWindowInDays: number(30), KeyPolicy: policy.Document(statements)}))
	}
	make("VaultKey", "Zapas: wraps the vault key of each user", policy.VaultKey(d.permissions()))
	make("BucketKey", "Zapas: encrypts the buckets of backups once more", policy.BucketKey(d.permissions()))
}

// index is a secondary index of a table.
type index struct {
	name, partition, sort string
	include               []string // nil: all attributes
}

// tables have one key, PK and SK, and an attribute that ends a row's life.
func (d *deployment) tables() {
	d.table("TableZapas", 35, nil, index{"owner", "owner", "PK", nil}, index{"fleet", "fleet", "fleetKey", nil}, index{"due", "due", "dueKey", []string{"id"}})
	d.table("TableIdentity", 35, policy.Identity(), index{"users", "users", "userKey", []string{"id", "name", "email"}})
	d.table("TableVaultkeys", 7, policy.VaultKeys()) // an erased key is gone for good when this has passed
	d.table("TableAudit", 35, policy.Audit())
}

func (d *deployment) table(id string, days int, guard []policy.Statement, indexes ...index) {
	names := []string{"PK", "SK"}
	known := map[string]bool{"PK": true, "SK": true}
	var secondary []any
	for _, i := range indexes {
		for _, a := range []string{i.partition, i.sort} {
			if !known[a] {
				known[a], names = true, append(names, a)
			}
		}
		projection := &awsdynamodb.CfnTable_ProjectionProperty{ProjectionType: text("ALL")}
		if i.include != nil {
			projection.ProjectionType, projection.NonKeyAttributes = text("INCLUDE"), texts(i.include...)
		}
		secondary = append(secondary, &awsdynamodb.CfnTable_GlobalSecondaryIndexProperty{IndexName: text(i.name), KeySchema: schema(i.partition, i.sort), Projection: projection})
	}
	var attributes []any
	for _, a := range names {
		attributes = append(attributes, &awsdynamodb.CfnTable_AttributeDefinitionProperty{AttributeName: text(a), AttributeType: text("S")})
	}
	props := &awsdynamodb.CfnTableProps{BillingMode: text("PAY_PER_REQUEST"), KeySchema: schema("PK", "SK"), AttributeDefinitions: &attributes,
		DeletionProtectionEnabled:        jsii.Bool(true),
		PointInTimeRecoverySpecification: &awsdynamodb.CfnTable_PointInTimeRecoverySpecificationProperty{PointInTimeRecoveryEnabled: jsii.Bool(true), RecoveryPeriodInDays: number(days)},
		TimeToLiveSpecification:          &awsdynamodb.CfnTable_TimeToLiveSpecificationProperty{AttributeName: text("ttl"), Enabled: jsii.Bool(true)},
	}
	if len(secondary) > 0 {
		props.GlobalSecondaryIndexes = &secondary
	}
	if guard != nil {
		props.ResourcePolicy = &awsdynamodb.CfnTable_ResourcePolicyProperty{PolicyDocument: policy.Document(guard)}
	}
	kept(awsdynamodb.NewCfnTable(d.stack, text(id), props))
}

func schema(partition, sort string) *[]any {
	return &[]any{
		&awsdynamodb.CfnTable_KeySchemaProperty{AttributeName: text(partition), KeyType: text("HASH")},
		&awsdynamodb.CfnTable_KeySchemaProperty{AttributeName: text(sort), KeyType: text("RANGE")},
	}
}

// bucketKind is what differs between buckets.
type bucketKind struct {
	id         string
	key        string // of KMS; "": S3's own
	logged     bool   // its accesses are logged
	days       int    // what is older goes; 0: never
	noncurrent int    // days that replaced and deleted versions stay
	statements []policy.Statement
}

// locations are the buckets that profiles may choose.
func (d *deployment) locations() {
	for _, l := range d.settings.Locations {
		id := location(l.ID)
		d.bucket(bucketKind{id: id, key: "${BucketKey.Arn}", logged: true, noncurrent: 14, statements: policy.Location(id)})
	}
}

// logs is the bucket into which S3 writes who came to the others.
func (d *deployment) logs() {
	d.bucket(bucketKind{id: "AccessLogs", days: 400, noncurrent: 14, statements: policy.AccessLogs(d.permissions())})
}

func (d *deployment) bucket(k bucketKind) {
	rule := awss3.CfnBucket_RuleProperty{Id: text("Ends"), Status: text("Enabled"),
		AbortIncompleteMultipartUpload: &awss3.CfnBucket_AbortIncompleteMultipartUploadProperty{DaysAfterInitiation: number(1)},
		NoncurrentVersionExpiration:    &awss3.CfnBucket_NoncurrentVersionExpirationProperty{NoncurrentDays: number(k.noncurrent)}}
	if k.days > 0 {
		rule.ExpirationInDays = number(k.days)
	} else {
		rule.ExpiredObjectDeleteMarker = jsii.Bool(true)
	}
	encryption := awss3.CfnBucket_ServerSideEncryptionRuleProperty{
		ServerSideEncryptionByDefault: &awss3.CfnBucket_ServerSideEncryptionByDefaultProperty{SseAlgorithm: text("AES256")}}
	if k.key != "" {
		encryption.BucketKeyEnabled = jsii.Bool(true)
		encryption.ServerSideEncryptionByDefault = &awss3.CfnBucket_ServerSideEncryptionByDefaultProperty{SseAlgorithm: text("aws:kms"), KmsMasterKeyId: text(k.key)}
	}
	props := &awss3.CfnBucketProps{
		BucketEncryption:        &awss3.CfnBucket_BucketEncryptionProperty{ServerSideEncryptionConfiguration: &[]any{&encryption}},
		VersioningConfiguration: &awss3.CfnBucket_VersioningConfigurationProperty{Status: text("Enabled")},
		OwnershipControls:       &awss3.CfnBucket_OwnershipControlsProperty{Rules: &[]any{&awss3.CfnBucket_OwnershipControlsRuleProperty{ObjectOwnership: text("BucketOwnerEnforced")}}},
		PublicAccessBlockConfiguration: &awss3.CfnBucket_PublicAccessBlockConfigurationProperty{
			BlockPublicAcls: jsii.Bool(true), BlockPublicPolicy: jsii.Bool(true), IgnorePublicAcls: jsii.Bool(true), RestrictPublicBuckets: jsii.Bool(true)},
		LifecycleConfiguration: &awss3.CfnBucket_LifecycleConfigurationProperty{Rules: &[]any{&rule}},
	}
	if k.logged {
		props.LoggingConfiguration = &awss3.CfnBucket_LoggingConfigurationProperty{DestinationBucketName: text("${AccessLogs}"), LogFilePrefix: text("s3/" + k.id + "/")}
	}
	kept(awss3.NewCfnBucket(d.stack, text(k.id), props))
	kept(awss3.NewCfnBucketPolicy(d.stack, text(k.id+"Policy"), &awss3.CfnBucketPolicyProps{Bucket: text("${" + k.id + "}"), PolicyDocument: policy.Document(k.statements)}))
}
