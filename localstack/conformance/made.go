package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

const (
	pageCreateTable   = "Amazon DynamoDB API Reference, CreateTable"
	pageDescribeTable = "Amazon DynamoDB API Reference, DescribeTable"
	pageTTL           = "Amazon DynamoDB API Reference, UpdateTimeToLive"
	pageCreateBucket  = "Amazon S3 API Reference, CreateBucket"
	pageDeleteBucket  = "Amazon S3 API Reference, DeleteBucket"
	pageEncryption    = "Amazon S3 User Guide, Setting default server-side encryption behavior for Amazon S3 buckets"
	pagePolicies      = "Amazon S3 User Guide, Policies and permissions in Amazon S3"
)

// madeCases are of the calls that make what a deployment is made of.
func madeCases() []Case {
	return []Case{
		{"Table/Twice", pageCreateTable, "", func(ctx context.Context, t *Target) error {
			return refused(t.makeTable(ctx, t.Table), "a second table of the same name", "ResourceInUseException")
		}},
		{"Table/Unknown", pageDescribeTable, "", func(ctx context.Context, t *Target) error {
			_, err := t.dynamodb.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(t.Table + "-unknown")})
			return refused(err, "a question for a table that is not there", "ResourceNotFoundException")
		}},
		{"Table/TTLTwice", pageTTL, "", ttlTwice},
		{"Bucket/Twice", pageCreateBucket, "", func(ctx context.Context, t *Target) error {
			own := *t
			return refused(own.makeBucket(ctx, t.Bucket), "a second bucket of the same name", "BucketAlreadyOwnedByYou")
		}},
		{"Bucket/NotEmpty", pageDeleteBucket, "", inOwnBucket(bucketNotEmpty)},
		{"Bucket/DefaultEncryption", pageEncryption, "", inOwnBucket(defaultEncryption)},
		{"Bucket/Policy", pagePolicies, Policies, deniedByPolicy},
		{"Key/PendingDeletion", pageKeyStates, "", keyToBeDeleted},
	}
}

// ttlTwice asks for what is there; that items end is not waited for, since it may take days.
func ttlTwice(ctx context.Context, t *Target) error {
	enable := func() error {
		_, err := t.dynamodb.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: &t.Table,
			TimeToLiveSpecification: &ddbtypes.TimeToLiveSpecification{AttributeName: aws.String("ends"), Enabled: aws.Bool(true)}})
		return err
	}
	if err := enable(); err != nil {
		return at("time to live", err)
	}
	return refused(enable(), "time to live where it is on", "ValidationException")
}

// inOwnBucket gives a case a bucket that no other has.
func inOwnBucket(do func(ctx context.Context, t *Target) error) func(context.Context, *Target) error {
	return func(ctx context.Context, t *Target) (err error) {
		own := *t
		if err := own.makeBucket(ctx, t.Bucket+"-"+strings.ToLower(rand.Text()[:8])); err != nil {
			return at("make a bucket", err)
		}
		defer func() { err = errors.Join(err, RemoveBucket(context.WithoutCancel(ctx), own.s3, own.Bucket)) }()
		return do(ctx, &own)
	}
}

func bucketNotEmpty(ctx context.Context, t *Target) error {
	if err := t.putObjects(ctx, "a"); err != nil {
		return err
	}
	_, err := t.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &t.Bucket})
	return errors.Join(refused(err, "the removal of a bucket that holds an object", "BucketNotEmpty"), t.wantObject(ctx, "a", []byte("a")))
}

func defaultEncryption(ctx context.Context, t *Target) error {
	_, err := t.s3.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: &t.Bucket, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{BucketKeyEnabled: aws.Bool(true), ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
			SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &t.Key}}}}})
	if err != nil {
		return at("encrypt a bucket", err)
	}
	return t.within(ctx, func() error {
		key := "a" + rand.Text()
		if err := t.putObjects(ctx, key); err != nil {
			return err
		}
		head, err := t.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &t.Bucket, Key: &key})
		if err != nil {
			return at("look at the object", err)
		}
		if got := []any{head.ServerSideEncryption, aws.ToString(head.SSEKMSKeyId), aws.ToBool(head.BucketKeyEnabled)}; fmt.Sprint(got) != fmt.Sprint([]any{"aws:kms", t.Key, true}) {
			return differs("encryption", got, []any{"aws:kms", t.Key, true})
		}
		return t.wantObject(ctx, key, []byte(key))
	})
}

// closed denies everybody all uploads into one folder.
const closed = `{"Version":"2012-10-17","Statement":[{"Sid":"Closed","Effect":"Deny","Principal":{"AWS":"*"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::%s/closed/*"}]}`

// deniedByPolicy has a policy deny what its author may do otherwise.
func deniedByPolicy(ctx context.Context, t *Target) error {
	return inOwnBucket(func(ctx context.Context, t *Target) error {
		_, err := t.s3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &t.Bucket, Policy: aws.String(fmt.Sprintf(closed, t.Bucket))})
		if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "NotImplemented" {
			return accepted{"no policies, and so everything that one would deny"}
		}
		if err != nil {
			return at("put a policy", err)
		}
		return t.within(ctx, func() error {
			err := t.putObjects(ctx, "closed/"+rand.Text())
			return errors.Join(refused(err, "an upload that a policy denies", denied), t.putObjects(ctx, "open/"+rand.Text()))
		})
	})(ctx, t)
}

// keyToBeDeleted makes a key for it, since none comes back.
func keyToBeDeleted(ctx context.Context, t *Target) error {
	made, err := t.kms.CreateKey(ctx, &kms.CreateKeyInput{Description: &t.Prefix})
	if err != nil {
		return at("make a key", err)
	}
	key := aws.ToString(made.KeyMetadata.Arn)
	blob, sealed := t.generate(ctx, key, bindings())
	marked, err := t.kms.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: aws.Int32(7)})
	switch {
	case sealed != nil || err != nil:
		return errors.Join(sealed, at("mark a key", err))
	case marked.DeletionDate == nil:
		return errors.New("a key that is marked for deletion has no date of it")
	}
	return t.within(ctx, func() error {
		_, err := t.decrypt(ctx, key, blob, bindings())
		return refused(err, "an opening by a key that is marked for deletion", "KMSInvalidStateException")
	})
}
