package standin_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdkdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sdkkms "github.com/aws/aws-sdk-go-v2/service/kms"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin/dynamodb"
	"zapas/localstack/standin/iam"
	"zapas/localstack/standin/kms"
	"zapas/localstack/standin/s3"
	"zapas/localstack/standin/standintest"
)

// asked allows everything and remembers what it was asked.
type asked struct {
	mu  sync.Mutex
	all []iam.Request
}

func (a *asked) Authorize(_ context.Context, r iam.Request) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, r)
	return nil
}

// take is what was asked since it was last taken.
func (a *asked) take() []iam.Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.all
	a.all = nil
	return all
}

// reach is how an SDK client reaches one server.
func reach(t *testing.T, h http.Handler) aws.Config {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return aws.Config{Region: standintest.Region, HTTPClient: server.Client(), BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""), Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
}

func closed(t *testing.T, err error, end func() error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
}

// A question is a call, and what the stand-in must ask before it does it.
type question struct {
	call func(context.Context) error
	asks []iam.Request
}

func ask(t *testing.T, a *asked, questions map[string]question) {
	t.Helper()
	for name, q := range questions {
		err := q.call(t.Context())
		if diff := cmp.Diff(q.asks, a.take()); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func text(v string) dynamodbtypes.AttributeValue {
	return &dynamodbtypes.AttributeValueMemberS{Value: v}
}

func row(pk string) map[string]dynamodbtypes.AttributeValue {
	return map[string]dynamodbtypes.AttributeValue{"PK": text(pk)}
}

func rows() dynamodb.Table {
	pk, owner := dynamodb.Attribute{Name: "PK", Type: "S"}, dynamodb.Attribute{Name: "owner", Type: "S"}
	return dynamodb.Table{Name: "rows", Key: dynamodb.Key{Partition: pk}, Indexes: []dynamodb.Index{{Name: "owner", Key: dynamodb.Key{Partition: owner}, Projection: "ALL"}}}
}

const tableARN = "arn:aws:dynamodb:eu-central-1:000000000000:table/rows"

func TestWhatDynamoDBAsks(t *testing.T) {
	t.Parallel()
	a := &asked{}
	server, err := dynamodb.Open(dynamodb.Config{Path: filepath.Join(t.TempDir(), "db"), Account: standintest.Account, Region: standintest.Region, Authorizer: a, Now: time.Now})
	closed(t, err, server.Close)
	if err := server.Create(rows()); err != nil {
		t.Fatal(err)
	}
	c, name := sdkdynamodb.NewFromConfig(reach(t, server)), aws.String("rows")
	on := func(action string, leading ...string) iam.Request {
		r := iam.Request{Action: "dynamodb:" + action, Resource: tableARN, Owner: tableARN, Keys: iam.Keys{}}
		r.Keys.Add("dynamodb:LeadingKeys", leading...)
		return r
	}
	index := on("Query", "me")
	index.Resource += "/index/owner"
	given := map[string]dynamodbtypes.AttributeValue{":k": text("me")}
	ask(t, a, map[string]question{
		"GetItem": {func(ctx context.Context) error {
			_, err := c.GetItem(ctx, &sdkdynamodb.GetItemInput{TableName: name, Key: row("V#1")})
			return err
		}, []iam.Request{on("GetItem", "V#1")}},
		"PutItem": {func(ctx context.Context) error {
			_, err := c.PutItem(ctx, &sdkdynamodb.PutItemInput{TableName: name, Item: row("V#1")})
			return err
		}, []iam.Request{on("PutItem", "V#1")}},
		"UpdateItem": {func(ctx context.Context) error {
			_, err := c.UpdateItem(ctx, &sdkdynamodb.UpdateItemInput{TableName: name, Key: row("V#1")})
			return err
		}, []iam.Request{on("UpdateItem", "V#1")}},
		"DeleteItem": {func(ctx context.Context) error {
			_, err := c.DeleteItem(ctx, &sdkdynamodb.DeleteItemInput{TableName: name, Key: row("V#1")})
			return err
		}, []iam.Request{on("DeleteItem", "V#1")}},
		"Query": {func(ctx context.Context) error {
			_, err := c.Query(ctx, &sdkdynamodb.QueryInput{TableName: name, KeyConditionExpression: aws.String("PK = :k"), ExpressionAttributeValues: given})
			return err
		}, []iam.Request{on("Query", "me")}},
		"QueryOfAnIndex": {func(ctx context.Context) error {
			_, err := c.Query(ctx, &sdkdynamodb.QueryInput{TableName: name, IndexName: aws.String("owner"), KeyConditionExpression: aws.String("#o = :k"),
				ExpressionAttributeNames: map[string]string{"#o": "owner"}, ExpressionAttributeValues: given})
			return err
		}, []iam.Request{index}},
		"TransactWriteItems": {func(ctx context.Context) error {
			_, err := c.TransactWriteItems(ctx, &sdkdynamodb.TransactWriteItemsInput{TransactItems: []dynamodbtypes.TransactWriteItem{
				{Put: &dynamodbtypes.Put{TableName: name, Item: row("V#1")}},
				{Update: &dynamodbtypes.Update{TableName: name, Key: row("V#2"), UpdateExpression: aws.String("SET x = :k"), ExpressionAttributeValues: given}},
				{Delete: &dynamodbtypes.Delete{TableName: name, Key: row("V#3")}},
				{ConditionCheck: &dynamodbtypes.ConditionCheck{TableName: name, Key: row("V#4"), ConditionExpression: aws.String("attribute_not_exists(PK)")}},
			}})
			return err
		}, []iam.Request{on("PutItem", "V#1"), on("UpdateItem", "V#2"), on("DeleteItem", "V#3"), on("ConditionCheckItem", "V#4")}},
	})
}

func TestWhatKMSAsks(t *testing.T) {
	t.Parallel()
	a := &asked{}
	server, err := kms.Open(kms.Config{Dir: t.TempDir(), Account: standintest.Account, Region: standintest.Region, Authorizer: a, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	arn, err := server.CreateKey("alias/k")
	if err != nil {
		t.Fatal(err)
	}
	c, binding := sdkkms.NewFromConfig(reach(t, server)), map[string]string{"app": "zapas", "User": "u"}
	wrapped, err := c.GenerateDataKeyWithoutPlaintext(t.Context(), &sdkkms.GenerateDataKeyWithoutPlaintextInput{KeyId: aws.String("alias/k"), KeySpec: "AES_256", EncryptionContext: binding})
	if err != nil {
		t.Fatal(err)
	}
	of := func(action string) []iam.Request {
		return []iam.Request{{Action: "kms:" + action, Resource: arn, Owner: arn, Keys: iam.Keys{
			"kms:encryptioncontextkeys": {"User", "app"}, "kms:encryptioncontext:app": {"zapas"}, "kms:encryptioncontext:user": {"u"}}}}
	}
	if diff := cmp.Diff(of("GenerateDataKeyWithoutPlaintext"), a.take()); diff != "" {
		t.Errorf("GenerateDataKeyWithoutPlaintext (-want +got):\n%s", diff)
	}
	ask(t, a, map[string]question{
		"Decrypt": {func(ctx context.Context) error {
			_, err := c.Decrypt(ctx, &sdkkms.DecryptInput{CiphertextBlob: wrapped.CiphertextBlob, EncryptionContext: binding})
			return err
		}, of("Decrypt")},
	})
}

const bucketKey = "arn:aws:kms:eu-central-1:000000000000:key/bucket"

func TestWhatS3Asks(t *testing.T) {
	t.Parallel()
	a, now := &asked{}, time.Date(2026, 3, 1, 12, 10, 0, 0, time.UTC)
	server, err := s3.Open(s3.Config{Dir: t.TempDir(), Account: standintest.Account, Region: standintest.Region, Authorizer: a, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	closed(t, err, server.Close)
	for _, name := range []string{"plain", "sealed"} {
		if err := server.CreateBucket(name); err != nil {
			t.Fatal(err)
		}
	}
	server.Encrypt("sealed", bucketKey)
	cfg := reach(t, server)
	c := sdks3.NewFromConfig(cfg, func(o *sdks3.Options) { o.UsePathStyle = true })
	on := func(action, bucket, key string, more iam.Keys) iam.Request {
		r := iam.Request{Action: "s3:" + action, Resource: "arn:aws:s3:::" + bucket + key, Owner: "arn:aws:s3:::" + bucket, Keys: more.With()}
		if len(more["s3:signatureage"]) == 0 {
			r.Keys.Add("s3:authType", "REST-HEADER")
		}
		return r
	}
	through := func(action, arn string) iam.Request {
		return iam.Request{Action: "kms:" + action, Resource: bucketKey, Owner: bucketKey, Keys: iam.Keys{
			"kms:viaservice": {"s3.eu-central-1.amazonaws.com"}, "kms:encryptioncontextkeys": {"aws:s3:arn"}, "kms:encryptioncontext:aws:s3:arn": {arn}}}
	}
	put := func(in *sdks3.PutObjectInput) func(context.Context) error {
		return func(ctx context.Context) error {
			in.Body = strings.NewReader("x")
			_, err := c.PutObject(ctx, in)
			return err
		}
	}
	get := func(bucket, key string) func(context.Context) error {
		return func(ctx context.Context) error {
			out, err := c.GetObject(ctx, &sdks3.GetObjectInput{Bucket: &bucket, Key: &key})
			if err != nil {
				return err
			}
			return out.Body.Close()
		}
	}
	head := func(mode s3types.ChecksumMode) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.HeadObject(ctx, &sdks3.HeadObjectInput{Bucket: aws.String("sealed"), Key: aws.String("a"), ChecksumMode: mode})
			return err
		}
	}
	for _, first := range []func(context.Context) error{
		put(&sdks3.PutObjectInput{Bucket: aws.String("plain"), Key: aws.String("a")}), put(&sdks3.PutObjectInput{Bucket: aws.String("sealed"), Key: aws.String("a")}),
	} {
		if err := first(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	a.take()
	ask(t, a, map[string]question{
		"PutObject":  {put(&sdks3.PutObjectInput{Bucket: aws.String("plain"), Key: aws.String("b")}), []iam.Request{on("PutObject", "plain", "/b", nil)}},
		"PutOnce":    {put(&sdks3.PutObjectInput{Bucket: aws.String("plain"), Key: aws.String("c"), IfNoneMatch: aws.String("*")}), []iam.Request{on("PutObject", "plain", "/c", iam.Keys{"s3:if-none-match": {"*"}})}},
		"PutSealed":  {put(&sdks3.PutObjectInput{Bucket: aws.String("sealed"), Key: aws.String("b")}), []iam.Request{on("PutObject", "sealed", "/b", nil), through("GenerateDataKey", "arn:aws:s3:::sealed")}},
		"PutAsAsked": {put(&sdks3.PutObjectInput{Bucket: aws.String("plain"), Key: aws.String("d"), ServerSideEncryption: "aws:kms", SSEKMSKeyId: aws.String(bucketKey)}), []iam.Request{on("PutObject", "plain", "/d", nil), through("GenerateDataKey", "arn:aws:s3:::plain/d")}},
		"GetObject":  {get("plain", "a"), []iam.Request{on("GetObject", "plain", "/a", nil)}},
		"GetSealed":  {get("sealed", "a"), []iam.Request{on("GetObject", "sealed", "/a", nil), through("Decrypt", "arn:aws:s3:::sealed")}},
		"HeadSealed": {head(""), []iam.Request{on("GetObject", "sealed", "/a", nil)}},
		"HeadSums":   {head(s3types.ChecksumModeEnabled), []iam.Request{on("GetObject", "sealed", "/a", nil), through("Decrypt", "arn:aws:s3:::sealed")}},
		"ListObjectsV2": {func(ctx context.Context) error {
			_, err := c.ListObjectsV2(ctx, &sdks3.ListObjectsV2Input{Bucket: aws.String("plain"), Prefix: aws.String("u/")})
			return err
		}, []iam.Request{on("ListBucket", "plain", "", iam.Keys{"s3:prefix": {"u/"}})}},
		"ListAll": {func(ctx context.Context) error {
			_, err := c.ListObjectsV2(ctx, &sdks3.ListObjectsV2Input{Bucket: aws.String("plain")})
			return err
		}, []iam.Request{on("ListBucket", "plain", "", nil)}},
		"DeleteObject": {func(ctx context.Context) error {
			_, err := c.DeleteObject(ctx, &sdks3.DeleteObjectInput{Bucket: aws.String("plain"), Key: aws.String("gone")})
			return err
		}, []iam.Request{on("DeleteObject", "plain", "/gone", nil)}},
		"Presigned": {func(ctx context.Context) error {
			url := *cfg.BaseEndpoint + "/plain/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20260301T120000Z&X-Amz-Signature=00"
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return err
			}
			answer, err := cfg.HTTPClient.Do(r)
			if err != nil {
				return err
			}
			return answer.Body.Close()
		}, []iam.Request{on("GetObject", "plain", "/a", iam.Keys{"s3:authtype": {"REST-QUERY-STRING"}, "s3:signatureage": {"600000"}})}},
	})
}
