package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
)

// Target is who is asked, with a table, a bucket and keys of its own.
type Target struct {
	Table, Bucket string
	Key, OtherKey string // ARNs
	Spare         string // ARN of the key that a case disables for a while
	Prefix        string // with which all that a case stores begins
	Settings

	dynamodb *dynamodb.Client
	s3       *s3.Client
	kms      *kms.Client

	scheduler *scheduler.Client
	events    *eventbridge.Client
}

// Settings are how a target is reached.
type Settings struct {
	Config aws.Config
	Now    func() time.Time
	Settle time.Duration // how long an index, or a key's state, may take to show a change; 0: none
	// DataOnly leaves out the cases of schedules and events: Play asks for tables, buckets and keys alone.
	DataOnly bool
	Role     string // ARN of one that Scheduler may assume; "": one that is not there, which AWS itself refuses
}

// The table is as the main one of a deployment: two global secondary indexes, all attributes in them.
const (
	ownerIndex = "owner" // owner, PK
	fleetIndex = "fleet" // fleet, fleetKey
)

// New makes the target's table, bucket and keys, named by prefix, which nobody has used. It makes all or nothing.
func New(ctx context.Context, s Settings, prefix string) (_ *Target, err error) {
	if s.Config.HTTPClient == nil {
		s.Config.HTTPClient = awshttp.NewBuildableClient()
	}
	t := &Target{Settings: s, Prefix: prefix}
	t.dynamodb, t.s3, t.kms = Clients(s.Config)
	t.scheduler, t.events = scheduler.NewFromConfig(s.Config), eventbridge.NewFromConfig(s.Config)
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Remove(context.WithoutCancel(ctx)))
		}
	}()
	for _, key := range []*string{&t.Key, &t.OtherKey, &t.Spare} {
		made, err := t.kms.CreateKey(ctx, &kms.CreateKeyInput{Description: &prefix})
		if err != nil {
			return nil, fmt.Errorf("the target makes no key: %w", err)
		}
		*key = aws.ToString(made.KeyMetadata.Arn)
	}
	if err := t.makeBucket(ctx, prefix); err != nil {
		return nil, fmt.Errorf("the target makes no bucket: %w", err)
	}
	if err := t.makeTable(ctx, prefix); err != nil {
		return nil, fmt.Errorf("the target makes no table: %w", err)
	}
	return t, nil
}

// Clients are those of the three services, as the functions have them.
func Clients(cfg aws.Config) (*dynamodb.Client, *s3.Client, *kms.Client) {
	path := func(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil } // whoever stands in for S3 has one host
	return dynamodb.NewFromConfig(cfg), s3.NewFromConfig(cfg, path), kms.NewFromConfig(cfg)
}

func (t *Target) makeBucket(ctx context.Context, name string) error {
	err := MakeBucket(ctx, t.s3, name)
	if err == nil {
		t.Bucket = name
	}
	return err
}

// MakeBucket makes a bucket in the client's region.
func MakeBucket(ctx context.Context, client *s3.Client, name string) error {
	in := &s3.CreateBucketInput{Bucket: &name}
	if region := client.Options().Region; region != "us-east-1" { // which is not a constraint
		in.CreateBucketConfiguration = &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(region)}
	}
	_, err := client.CreateBucket(ctx, in)
	return err
}

func (t *Target) makeTable(ctx context.Context, name string) error {
	keys := func(partition, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{{AttributeName: &partition, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange}}
	}
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest, KeySchema: keys("PK", "SK")}
	for _, attribute := range []string{"PK", "SK", "owner", "fleet", "fleetKey"} {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: &attribute, AttributeType: types.ScalarAttributeTypeS})
	}
	index := func(name, partition, sort string) types.GlobalSecondaryIndex {
		return types.GlobalSecondaryIndex{IndexName: &name, KeySchema: keys(partition, sort), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}}
	}
	in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{index(ownerIndex, "owner", "PK"), index(fleetIndex, "fleet", "fleetKey")}
	if _, err := t.dynamodb.CreateTable(ctx, in); err != nil {
		return err
	}
	t.Table = name
	soon := func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay, o.MaxDelay = time.Second, 5*time.Second }
	return dynamodb.NewTableExistsWaiter(t.dynamodb).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, mostTime, soon)
}

// Remove removes what New made. A key can only be marked: AWS destroys it after a week.
func (t *Target) Remove(ctx context.Context) error {
	var errs []error
	if t.Table != "" {
		_, err := t.dynamodb.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &t.Table})
		errs = append(errs, err)
	}
	if t.Bucket != "" {
		errs = append(errs, RemoveBucket(ctx, t.s3, t.Bucket))
	}
	for _, key := range []string{t.Key, t.OtherKey, t.Spare} {
		if key != "" {
			_, err := t.kms.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: aws.Int32(7)})
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("what was made for the cases is not all removed; remove what is called %s by hand: %w", t.Prefix, err)
	}
	return nil
}

// RemoveBucket removes a bucket, with what is in it.
func RemoveBucket(ctx context.Context, client *s3.Client, name string) error {
	for {
		page, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &name})
		if err != nil {
			return err
		}
		for _, object := range page.Contents {
			if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &name, Key: object.Key}); err != nil {
				return err
			}
		}
		if len(page.Contents) == 0 {
			break
		}
	}
	_, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &name})
	return err
}

// apart is the target for one case: nothing of another is under its prefix.
func (t *Target) apart(name string) *Target {
	own := *t
	own.Prefix += "/" + name
	return &own
}

// within asks until the answer is right, for as long as the target may take to show a change.
func (t *Target) within(ctx context.Context, ask func() error) error {
	end := t.Now().Add(t.Settle)
	for {
		err := ask()
		if err == nil || !t.Now().Before(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(t.Settle / 50):
		}
	}
}
