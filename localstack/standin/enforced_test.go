package standin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sdkkms "github.com/aws/aws-sdk-go-v2/service/kms"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"zapas/localstack/standin/iam"
	"zapas/localstack/standin/standintest"
)

// An account has a table, a bucket under a key of its own, and a key that is bound to a user.
type account struct {
	*standintest.Stack
	policies  *iam.Policies
	sealed    string // the bucket's key
	bound     string // the other key
	tableName *string
	bucket    *string
}

func newAccount(t *testing.T) *account {
	t.Helper()
	a := &account{Stack: standintest.New(t), tableName: aws.String("rows"), bucket: aws.String("objects")}
	var sealed, bound error
	a.sealed, sealed = a.KMS.CreateKey("alias/sealed")
	a.bound, bound = a.KMS.CreateKey("alias/bound")
	if err := errors.Join(sealed, bound, a.DynamoDB.Create(rows()), a.S3.CreateBucket("objects")); err != nil {
		t.Fatal(err)
	}
	a.S3.Encrypt("objects", a.sealed)
	a.policies = &iam.Policies{Identity: map[string][]*iam.Document{}, Resource: map[string]*iam.Document{}}
	a.IAM.Enforce(a.policies)
	return a
}

// give puts a role's statements in force in place of those before; none takes all away.
func (a *account) give(t *testing.T, role string, statements ...string) {
	t.Helper()
	next := &iam.Policies{Identity: map[string][]*iam.Document{}, Resource: a.policies.Resource}
	for other, documents := range a.policies.Identity {
		next.Identity[other] = documents
	}
	delete(next.Identity, standintest.RoleARN(role))
	if len(statements) > 0 {
		next.Identity[standintest.RoleARN(role)] = []*iam.Document{parsed(t, iam.ParseIdentity, role, statements)}
	}
	a.policies = next
	a.IAM.Enforce(next)
}

// guard gives a resource a policy.
func (a *account) guard(t *testing.T, arn string, statements ...string) {
	t.Helper()
	next := &iam.Policies{Identity: a.policies.Identity, Resource: map[string]*iam.Document{arn: parsed(t, iam.ParseResource, "guard", statements)}}
	for other, d := range a.policies.Resource {
		if other != arn {
			next.Resource[other] = d
		}
	}
	a.policies = next
	a.IAM.Enforce(next)
}

func parsed(t *testing.T, parse func(string, []byte) (*iam.Document, error), name string, statements []string) *iam.Document {
	t.Helper()
	d, err := parse(name, []byte(`{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (a *account) table(role string) *sdkdynamodb.Client {
	return sdkdynamodb.NewFromConfig(a.As(role))
}
func (a *account) keys(role string) *sdkkms.Client { return sdkkms.NewFromConfig(a.As(role)) }
func (a *account) files(role string) *sdks3.Client {
	return sdks3.NewFromConfig(a.As(role), func(o *sdks3.Options) { o.UsePathStyle = true })
}

// wantDenied wants the service's own error for a denial, which says all of these.
func wantDenied(t *testing.T, err error, says ...string) {
	t.Helper()
	code := ""
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code = api.ErrorCode()
	}
	if code != "AccessDeniedException" && code != "AccessDenied" {
		t.Fatalf("not denied: %v", err)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("got %v, want it to say %s", err, s)
		}
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

const (
	allRows = `{"Sid":"All","Effect":"Allow","Action":"dynamodb:*","Resource":"*"}`
	ownRows = `{"Sid":"Own","Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:PutItem","dynamodb:Query","dynamodb:UpdateItem","dynamodb:DeleteItem"],"Resource":"` + tableARN + `",
		"Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":"V#*"},"Null":{"dynamodb:LeadingKeys":"false"}}}`
)

func TestEnforcedRows(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.give(t, "admin", allRows)
	a.give(t, "own", ownRows)
	c := a.table("own")
	for name, call := range map[string]func(context.Context, string) error{
		"PutItem": func(ctx context.Context, pk string) error {
			_, err := c.PutItem(ctx, &sdkdynamodb.PutItemInput{TableName: a.tableName, Item: row(pk)})
			return err
		},
		"GetItem": func(ctx context.Context, pk string) error {
			_, err := c.GetItem(ctx, &sdkdynamodb.GetItemInput{TableName: a.tableName, Key: row(pk)})
			return err
		},
		"UpdateItem": func(ctx context.Context, pk string) error {
			_, err := c.UpdateItem(ctx, &sdkdynamodb.UpdateItemInput{TableName: a.tableName, Key: row(pk)})
			return err
		},
		"Query": func(ctx context.Context, pk string) error {
			_, err := c.Query(ctx, &sdkdynamodb.QueryInput{TableName: a.tableName, KeyConditionExpression: aws.String("PK = :k"),
				ExpressionAttributeValues: map[string]dynamodbtypes.AttributeValue{":k": text(pk)}})
			return err
		},
		"DeleteItem": func(ctx context.Context, pk string) error {
			_, err := c.DeleteItem(ctx, &sdkdynamodb.DeleteItemInput{TableName: a.tableName, Key: row(pk)})
			return err
		},
	} {
		if err := call(t.Context(), "V#1"); err != nil {
			t.Errorf("%s of an own row: %v", name, err)
		}
		wantDenied(t, call(t.Context(), "F#1"), "User: arn:aws:sts::000000000000:assumed-role/own/own is not authorized to perform: dynamodb:"+name+
			" on resource: "+tableARN+" because no identity-based policy allows the dynamodb:"+name+" action")
	}
	_, err := c.Query(t.Context(), &sdkdynamodb.QueryInput{TableName: a.tableName, IndexName: aws.String("owner"), KeyConditionExpression: aws.String("#o = :k"),
		ExpressionAttributeNames: map[string]string{"#o": "owner"}, ExpressionAttributeValues: map[string]dynamodbtypes.AttributeValue{":k": text("V#1")}})
	wantDenied(t, err, tableARN+"/index/owner")
	a.wantRows(t, "F#1", 0)

	elsewhere := &sdkdynamodb.GetItemInput{TableName: aws.String("nowhere"), Key: row("V#1")}
	_, err = c.GetItem(t.Context(), elsewhere)
	wantDenied(t, err, "table/nowhere")
	_, err = a.table("admin").GetItem(t.Context(), elsewhere)
	wantCode(t, err, "ResourceNotFoundException")

	_, err = sdkdynamodb.NewFromConfig(a.Config()).GetItem(t.Context(), &sdkdynamodb.GetItemInput{TableName: a.tableName, Key: row("V#1")})
	wantDenied(t, err)

	a.guard(t, tableARN, `{"Sid":"AdminOnly","Effect":"Deny","Principal":"*","Action":"dynamodb:*","Resource":"*","Condition":{"ArnNotEquals":{"aws:PrincipalArn":"`+standintest.RoleARN("admin")+`"}}}`)
	_, err = c.GetItem(t.Context(), &sdkdynamodb.GetItemInput{TableName: a.tableName, Key: row("V#1")})
	wantDenied(t, err, "with an explicit deny in a resource-based policy")
	a.wantRows(t, "F#1", 0) // the one who is spared still may
}

// wantRows counts, as admin, the rows of a partition.
func (a *account) wantRows(t *testing.T, pk string, n int32) {
	t.Helper()
	found, err := a.table("admin").Query(t.Context(), &sdkdynamodb.QueryInput{TableName: a.tableName, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("PK = :k"), ExpressionAttributeValues: map[string]dynamodbtypes.AttributeValue{":k": text(pk)}})
	if err != nil || found.Count != n {
		t.Errorf("%v; want %d rows of %s", err, n, pk)
	}
}

// A transaction with one element that is not allowed writes nothing, wherever that element stands.
func TestEnforcedTransaction(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.give(t, "admin", allRows)
	a.give(t, "own", ownRows)
	put := dynamodbtypes.TransactWriteItem{Put: &dynamodbtypes.Put{TableName: a.tableName, Item: row("V#1")}}
	for action, forbidden := range map[string]dynamodbtypes.TransactWriteItem{
		"PutItem":    {Put: &dynamodbtypes.Put{TableName: a.tableName, Item: row("F#1")}},
		"UpdateItem": {Update: &dynamodbtypes.Update{TableName: a.tableName, Key: row("F#1"), UpdateExpression: aws.String("REMOVE x")}},
		"DeleteItem": {Delete: &dynamodbtypes.Delete{TableName: a.tableName, Key: row("F#1")}},
		"ConditionCheckItem": {ConditionCheck: &dynamodbtypes.ConditionCheck{TableName: a.tableName, Key: row("V#2"),
			ConditionExpression: aws.String("attribute_not_exists(PK)")}},
	} {
		for _, items := range [][]dynamodbtypes.TransactWriteItem{{put, forbidden}, {forbidden, put}} {
			_, err := a.table("own").TransactWriteItems(t.Context(), &sdkdynamodb.TransactWriteItemsInput{TransactItems: items})
			wantDenied(t, err, "dynamodb:"+action)
		}
	}
	a.wantRows(t, "V#1", 0)
	a.wantRows(t, "F#1", 0)
	if _, err := a.table("own").TransactWriteItems(t.Context(), &sdkdynamodb.TransactWriteItemsInput{TransactItems: []dynamodbtypes.TransactWriteItem{put}}); err != nil {
		t.Error(err)
	}
	a.wantRows(t, "V#1", 1)
}

// A key that is bound opens for its role, under its binding, and for nobody else.
func TestEnforcedKey(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	use := func(principal string) string {
		return `{"Sid":"Use","Effect":"Allow",` + principal + `"Action":["kms:Decrypt","kms:GenerateDataKeyWithoutPlaintext"],"Resource":"*","Condition":{
			"StringEquals":{"kms:EncryptionContext:app":"zapas"},"Null":{"kms:EncryptionContext:user":"false"},
			"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["app","user"]}}}`
	}
	a.guard(t, a.bound, use(`"Principal":{"AWS":"`+standintest.RoleARN("keeper")+`"},`))
	a.give(t, "thief", `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`)
	wrap := func(role string, binding map[string]string) ([]byte, error) {
		out, err := a.keys(role).GenerateDataKeyWithoutPlaintext(t.Context(), &sdkkms.GenerateDataKeyWithoutPlaintextInput{KeyId: &a.bound, KeySpec: "AES_256", EncryptionContext: binding})
		if err != nil {
			return nil, err
		}
		return out.CiphertextBlob, nil
	}
	right := map[string]string{"app": "zapas", "user": "u"}
	blob, err := wrap("keeper", right)
	if err != nil {
		t.Fatal(err)
	}
	unwrap := func(role string, binding map[string]string) error {
		_, err := a.keys(role).Decrypt(t.Context(), &sdkkms.DecryptInput{CiphertextBlob: blob, EncryptionContext: binding})
		return err
	}
	if err := unwrap("keeper", right); err != nil {
		t.Error(err)
	}
	wantCode(t, unwrap("keeper", map[string]string{"app": "zapas", "user": "another"}), "InvalidCiphertextException") // lawful, and not what it was sealed with
	for name, binding := range map[string]map[string]string{
		"Nothing": nil, "OtherApp": {"app": "x", "user": "u"}, "NoUser": {"app": "zapas"}, "More": {"app": "zapas", "user": "u", "more": "x"},
	} {
		for action, err := range map[string]error{"Decrypt": unwrap("keeper", binding), "GenerateDataKeyWithoutPlaintext": second(wrap("keeper", binding))} {
			t.Run(name+action, func(t *testing.T) {
				wantDenied(t, err, "kms:"+action, a.bound, "because no resource-based policy allows the kms:"+action+" action")
			})
		}
	}
	wantDenied(t, unwrap("thief", right), "assumed-role/thief/thief")
}

func second(_ []byte, err error) error { return err }

func TestEnforcedObjects(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	const (
		put    = `{"Sid":"Put","Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::objects/u/*"}`
		get    = `{"Sid":"Get","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::objects/u/*"}`
		list   = `{"Sid":"List","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::objects"}`
		within = `{"Sid":"ListOwn","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::objects","Condition":{"StringLike":{"s3:prefix":"u/*"}}}`
		once   = `{"Sid":"Once","Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::objects/*","Condition":{"Null":{"s3:if-none-match":"true"}}}`
		tls    = `{"Sid":"TLS","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::objects","arn:aws:s3:::objects/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}`
	)
	a.guard(t, "arn:aws:s3:::objects", once, tls)
	a.guard(t, a.sealed, fmt.Sprintf(`{"Sid":"ThroughS3","Effect":"Allow","Principal":{"AWS":[%q,%q]},"Action":["kms:GenerateDataKey","kms:Decrypt"],"Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"s3.eu-central-1.amazonaws.com"}}}`,
		standintest.RoleARN("writer"), standintest.RoleARN("reader")))
	a.give(t, "writer", put)
	a.give(t, "reader", get, list)
	a.give(t, "getter", get, within)
	a.give(t, "putter", put)
	store := func(role, key string, match *string) error {
		_, err := a.files(role).PutObject(t.Context(), &sdks3.PutObjectInput{Bucket: a.bucket, Key: &key, Body: strings.NewReader("x"), IfNoneMatch: match})
		return err
	}
	read := func(role, key string) error {
		out, err := a.files(role).GetObject(t.Context(), &sdks3.GetObjectInput{Bucket: a.bucket, Key: &key})
		if err == nil {
			err = out.Body.Close()
		}
		return err
	}
	look := func(role, key string) error {
		_, err := a.files(role).HeadObject(t.Context(), &sdks3.HeadObjectInput{Bucket: a.bucket, Key: &key})
		return err
	}
	wantDenied(t, store("writer", "u/1", nil), `on resource: "arn:aws:s3:::objects/u/1" with an explicit deny in a resource-based policy`)
	if err := store("writer", "u/1", aws.String("*")); err != nil {
		t.Fatal(err)
	}
	wantCode(t, store("writer", "u/1", aws.String("*")), "PreconditionFailed")
	wantDenied(t, store("writer", "v/1", aws.String("*")), "because no identity-based policy allows the s3:PutObject action")
	wantDenied(t, store("putter", "u/2", aws.String("*")), "kms:GenerateDataKey on resource: "+a.sealed) // the bucket's key is not his
	wantDenied(t, read("writer", "u/1"), "s3:GetObject")

	if err := read("reader", "u/1"); err != nil {
		t.Error(err)
	}
	wantDenied(t, read("getter", "u/1"), "kms:Decrypt on resource: "+a.sealed)
	if err := look("getter", "u/1"); err != nil {
		t.Errorf("HEAD opens nothing: %v", err)
	}
	wantCode(t, read("reader", "u/2"), "NoSuchKey")
	wantCode(t, look("reader", "u/2"), "NotFound")
	wantDenied(t, read("getter", "u/2"), "s3:ListBucket") // his right to list is for a prefix, and a missing key has none
	wantCode(t, look("getter", "u/2"), "Forbidden")

	_, err := a.files("getter").ListObjectsV2(t.Context(), &sdks3.ListObjectsV2Input{Bucket: a.bucket, Prefix: aws.String("u/")})
	if err != nil {
		t.Error(err)
	}
	for _, prefix := range []*string{nil, aws.String(""), aws.String("v/")} {
		_, err := a.files("getter").ListObjectsV2(t.Context(), &sdks3.ListObjectsV2Input{Bucket: a.bucket, Prefix: prefix})
		wantDenied(t, err, "s3:ListBucket")
	}
	_, err = a.files("reader").DeleteObject(t.Context(), &sdks3.DeleteObjectInput{Bucket: a.bucket, Key: aws.String("u/1")})
	wantDenied(t, err, "s3:DeleteObject")
	if err := read("reader", "u/1"); err != nil {
		t.Errorf("it was deleted after all: %v", err)
	}
	if used := a.IAM.Used(); !slices.Contains(used, iam.Use{Principal: standintest.RoleARN("reader"), Policy: "guard", Statement: "ThroughS3", Action: "kms:Decrypt"}) {
		t.Errorf("the use of the bucket's key is not among %v", used)
	}
}

// A presigned URL is as good as its signer's rights at the time it is used.
func TestEnforcedURL(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.S3.Encrypt("objects", "") // the key is not what this is about
	const may = `{"Sid":"Sign","Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::objects/*"}`
	const noURLs = `{"Sid":"NoURLs","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::objects/*","Condition":{"StringEquals":{"s3:authType":"REST-QUERY-STRING"}}}`
	a.give(t, "signer", may)
	signer := sdks3.NewPresignClient(a.files("signer"))
	in, err := signer.PresignPutObject(t.Context(), &sdks3.PutObjectInput{Bucket: a.bucket, Key: aws.String("a")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := signer.PresignGetObject(t.Context(), &sdks3.GetObjectInput{Bucket: a.bucket, Key: aws.String("a")})
	if err != nil {
		t.Fatal(err)
	}
	send := func(method, url string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := a.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	if status, body := send(in.Method, in.URL); status != http.StatusOK {
		t.Fatalf("PUT: %d %s", status, body)
	}
	if status, body := send(out.Method, out.URL); status != http.StatusOK || body != "x" {
		t.Errorf("GET: %d %s", status, body)
	}
	a.give(t, "signer")
	for method, url := range map[string]string{in.Method: in.URL, out.Method: out.URL} {
		if status, body := send(method, url); status != http.StatusForbidden || !strings.Contains(body, "<Code>AccessDenied</Code>") || !strings.Contains(body, "assumed-role/signer/signer") {
			t.Errorf("%s by who may no more: %d %s", method, status, body)
		}
	}
	a.give(t, "signer", may)
	a.guard(t, "arn:aws:s3:::objects", noURLs)
	if status, _ := send(out.Method, out.URL); status != http.StatusForbidden {
		t.Errorf("a URL where none is allowed: %d", status)
	}
	if got, err := a.files("signer").GetObject(t.Context(), &sdks3.GetObjectInput{Bucket: a.bucket, Key: aws.String("a")}); err != nil {
		t.Errorf("a signed header is no URL: %v", err)
	} else if err := got.Body.Close(); err != nil {
		t.Error(err)
	}
}
