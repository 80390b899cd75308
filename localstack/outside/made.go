package outside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"zapas/localstack/conformance"
	"zapas/localstack/deployment"
	"zapas/localstack/template"
)

// made is what was made for one story, and how it is reached.
type made struct {
	target  Target
	tables  []string
	buckets []string
	keys    []string // ARNs
	untaken []string // whose policies the target did not take
	dynamo  *dynamodb.Client
	s3      *s3.Client
	kms     *kms.Client
}

func (t Target) clients() *made {
	m := &made{target: t}
	m.dynamo, m.s3, m.kms = conformance.Clients(t.Config)
	return m
}

// make makes the golden template's keys, buckets and tables under names that begin with prefix, for an API at the address.
// What it has made before it fails is in m as well.
func (m *made) make(ctx context.Context, prefix, api string) (*template.Deployment, error) {
	d, err := deployment.ReadAt(m.target.account(), m.target.Config.Region, prefix, api)
	if err != nil {
		return nil, err
	}
	for i := range d.Keys {
		if err := m.makeKey(ctx, d, &d.Keys[i]); err != nil {
			return nil, fmt.Errorf("the target makes no key: %w", err)
		}
	}
	for _, b := range d.Buckets {
		if err := m.makeBucket(ctx, prefix, b); err != nil {
			return nil, fmt.Errorf("the target does not make the bucket %s: %w", b.Name, err)
		}
	}
	for _, t := range d.Tables {
		if err := m.makeTable(ctx, t); err != nil {
			return nil, fmt.Errorf("the target does not make the table %s: %w", t.Name, err)
		}
	}
	for _, t := range d.Tables {
		if err := m.finishTable(ctx, prefix, t); err != nil {
			return nil, fmt.Errorf("the target does not make the table %s: %w", t.Name, err)
		}
	}
	return d, nil
}

// makeKey makes a key, whose name the target chooses, and has the deployment call it so.
func (m *made) makeKey(ctx context.Context, d *template.Deployment, k *template.Key) error {
	policy, err := removable(m.ours(k.Policy), m.target.Caller)
	if err != nil {
		return err
	}
	out, err := m.kms.CreateKey(ctx, &kms.CreateKeyInput{Description: sdk.String(d.Place.Stack), Policy: &policy})
	if err != nil {
		return err
	}
	named := sdk.ToString(out.KeyMetadata.Arn)
	m.keys = append(m.keys, named)
	for _, f := range d.Functions {
		for name, value := range f.Env {
			f.Env[name] = strings.ReplaceAll(value, k.ARN, named)
		}
	}
	for i := range d.Buckets {
		if d.Buckets[i].Key == k.ARN {
			d.Buckets[i].Key = named
		}
	}
	k.ID, k.ARN = named[strings.LastIndex(named, "/")+1:], named
	return nil
}

// ours is a policy in which the caller stands for every role: there is nobody else there.
func (m *made) ours(policy []byte) []byte {
	role := regexp.MustCompile(`"arn:aws:iam::` + m.target.account() + `:role/[^"]*"`)
	return role.ReplaceAllLiteral(policy, []byte(`"`+m.target.Caller+`"`))
}

// removable adds to a key's policy that the caller may have the key deleted. The template lets nobody.
func removable(policy []byte, caller string) (string, error) {
	var document struct {
		Version   string
		Statement []any
	}
	if err := json.Unmarshal(policy, &document); err != nil {
		return "", err
	}
	document.Statement = append(document.Statement, map[string]any{"Sid": "RemovedAfterwards", "Effect": "Allow", "Principal": map[string]string{"AWS": caller},
		"Action": []string{"kms:DescribeKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"}, "Resource": "*"})
	text, err := json.Marshal(document)
	return string(text), err
}

func (m *made) makeBucket(ctx context.Context, prefix string, b template.Bucket) error {
	if err := conformance.MakeBucket(ctx, m.s3, b.Name); err != nil {
		return err
	}
	m.buckets = append(m.buckets, b.Name)
	rule := types.ServerSideEncryptionRule{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}}
	if b.Key != "" {
		rule.BucketKeyEnabled = sdk.Bool(true)
		rule.ApplyServerSideEncryptionByDefault = &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &b.Key}
	}
	_, err := m.s3.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: &b.Name,
		ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{rule}}})
	if err != nil || b.Policy == nil {
		return err
	}
	_, err = m.s3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &b.Name, Policy: sdk.String(string(m.ours(b.Policy)))})
	return m.taken(err, "the bucket "+strings.TrimPrefix(b.Name, strings.ToLower(prefix)+"-"))
}

func (m *made) makeTable(ctx context.Context, t template.Table) error {
	in := &dynamodb.CreateTableInput{TableName: &t.Name, BillingMode: ddb.BillingModePayPerRequest}
	defined := map[string]bool{}
	schema := func(attributes ...[2]string) (keys []ddb.KeySchemaElement) {
		for i, a := range attributes {
			if a[0] == "" {
				continue
			}
			keys = append(keys, ddb.KeySchemaElement{AttributeName: &a[0], KeyType: []ddb.KeyType{ddb.KeyTypeHash, ddb.KeyTypeRange}[i]})
			if !defined[a[0]] {
				defined[a[0]] = true
				in.AttributeDefinitions = append(in.AttributeDefinitions, ddb.AttributeDefinition{AttributeName: &a[0], AttributeType: ddb.ScalarAttributeType(a[1])})
			}
		}
		return keys
	}
	in.KeySchema = schema([2]string{t.Key.Partition.Name, t.Key.Partition.Type}, [2]string{t.Key.Sort.Name, t.Key.Sort.Type})
	for _, x := range t.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, ddb.GlobalSecondaryIndex{IndexName: &x.Name,
			KeySchema:  schema([2]string{x.Key.Partition.Name, x.Key.Partition.Type}, [2]string{x.Key.Sort.Name, x.Key.Sort.Type}),
			Projection: &ddb.Projection{ProjectionType: ddb.ProjectionType(x.Projection), NonKeyAttributes: x.Include}})
	}
	_, err := m.dynamo.CreateTable(ctx, in)
	if err == nil {
		m.tables = append(m.tables, t.Name)
	}
	return err
}

// mostTime is more than a table takes to be there, and to go.
const mostTime = 5 * time.Minute

// finishTable gives a table what it can have only when it is there.
func (m *made) finishTable(ctx context.Context, prefix string, t template.Table) error {
	soon := func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay, o.MaxDelay = time.Second, 5*time.Second }
	if err := dynamodb.NewTableExistsWaiter(m.dynamo).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &t.Name}, mostTime, soon); err != nil {
		return err
	}
	if t.TTL != "" {
		_, err := m.dynamo.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: &t.Name,
			TimeToLiveSpecification: &ddb.TimeToLiveSpecification{AttributeName: &t.TTL, Enabled: sdk.Bool(true)}})
		if err != nil {
			return err
		}
	}
	if t.Policy == nil {
		return nil
	}
	_, err := m.dynamo.PutResourcePolicy(ctx, &dynamodb.PutResourcePolicyInput{ResourceArn: &t.ARN, Policy: sdk.String(string(m.ours(t.Policy)))})
	return m.taken(err, "the table "+strings.TrimPrefix(t.Name, prefix+"-"))
}

// taken notes whose policy the target did not take.
func (m *made) taken(err error, whose string) error {
	if !m.knowsNone(err) {
		return err
	}
	m.untaken = append(m.untaken, whose)
	return nil
}

// knowsNone says whether an error is that the target knows no such policies. AWS does.
func (m *made) knowsNone(err error) bool {
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || m.target.Config.BaseEndpoint == nil {
		return false
	}
	api, _ := errors.AsType[smithy.APIError](err)
	return answer.HTTPStatusCode() == http.StatusNotImplemented || api != nil && (api.ErrorCode() == "NotImplemented" || api.ErrorCode() == "UnknownOperationException")
}

// remove removes everything. A key can only be marked: AWS destroys it after a week.
func (m *made) remove(ctx context.Context) error {
	var errs []error
	for _, name := range m.tables {
		_, err := m.dynamo.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name})
		errs = append(errs, wrap(err, "table", name))
	}
	for _, name := range m.buckets {
		errs = append(errs, wrap(m.removeBucket(ctx, name), "bucket", name))
	}
	for _, arn := range m.keys {
		_, err := m.kms.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &arn, PendingWindowInDays: sdk.Int32(7)})
		errs = append(errs, wrap(err, "key", arn))
	}
	return errors.Join(errs...)
}

func wrap(err error, what, name string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the %s %s is not removed: remove it by hand: %w", what, name, err)
}

// removeBucket takes the policy away first: it lets nobody delete what is stored.
func (m *made) removeBucket(ctx context.Context, name string) error {
	if _, err := m.s3.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: &name}); err != nil && !m.knowsNone(err) {
		return err
	}
	return conformance.RemoveBucket(ctx, m.s3, name)
}
