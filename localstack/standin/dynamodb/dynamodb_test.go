package dynamodb_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"zapas/localstack/standin/dynamodb"
)

// Short names for what the SDK spells out.
type (
	item = map[string]types.AttributeValue
	text = types.AttributeValueMemberS
	num  = types.AttributeValueMemberN
	raw  = types.AttributeValueMemberB
	list = types.AttributeValueMemberL
	doc  = types.AttributeValueMemberM
	flag = types.AttributeValueMemberBOOL
	null = types.AttributeValueMemberNULL
	strs = types.AttributeValueMemberSS
	nums = types.AttributeValueMemberNS
	raws = types.AttributeValueMemberBS
)

func s(v string) types.AttributeValue { return &text{Value: v} }
func n(v string) types.AttributeValue { return &num{Value: v} }
func i(v int) types.AttributeValue    { return n(fmt.Sprint(v)) }
func b(v string) types.AttributeValue { return &raw{Value: []byte(v)} }

func l(v ...types.AttributeValue) types.AttributeValue { return &list{Value: v} }
func m(v item) types.AttributeValue                    { return &doc{Value: v} }
func ss(v ...string) types.AttributeValue              { return &strs{Value: v} }
func ns(v ...string) types.AttributeValue              { return &nums{Value: v} }

// things has a string sort key, and an index of each projection.
func things() dynamodb.Table {
	text := func(name string) dynamodb.Attribute { return dynamodb.Attribute{Name: name, Type: "S"} }
	number := func(name string) dynamodb.Attribute { return dynamodb.Attribute{Name: name, Type: "N"} }
	return dynamodb.Table{
		Name: "things",
		Key:  dynamodb.Key{Partition: text("pk"), Sort: text("sk")},
		Indexes: []dynamodb.Index{
			{Name: "by-score", Key: dynamodb.Key{Partition: text("team"), Sort: number("score")}, Projection: "ALL"},
			{Name: "by-owner", Key: dynamodb.Key{Partition: text("owner_id")}, Projection: "KEYS_ONLY"},
			{Name: "by-kind", Key: dynamodb.Key{Partition: text("kind")}, Projection: "INCLUDE", Include: []string{"label"}},
		},
		TTL: "ends",
	}
}

// numbers has a numeric sort key, binaries a binary one, singles none.
func numbers() dynamodb.Table {
	return dynamodb.Table{Name: "numbers", Key: dynamodb.Key{
		Partition: dynamodb.Attribute{Name: "pk", Type: "S"}, Sort: dynamodb.Attribute{Name: "sk", Type: "N"}}}
}

func binaries() dynamodb.Table {
	return dynamodb.Table{Name: "binaries", Key: dynamodb.Key{
		Partition: dynamodb.Attribute{Name: "pk", Type: "N"}, Sort: dynamodb.Attribute{Name: "sk", Type: "B"}}}
}

func singles() dynamodb.Table {
	return dynamodb.Table{Name: "singles", Key: dynamodb.Key{Partition: dynamodb.Attribute{Name: "pk", Type: "S"}}}
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// db is a server with the SDK's client in front of it.
type db struct {
	*sdk.Client
	server *dynamodb.Server
	clock  *clock
	path   string
}

func open(t *testing.T) *db {
	t.Helper()
	d := &db{clock: newClock(), path: filepath.Join(t.TempDir(), "dynamodb.db")}
	d.reopen(t)
	for _, table := range []dynamodb.Table{things(), numbers(), binaries(), singles()} {
		if err := d.server.Create(table); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { d.server.Close() })
	return d
}

func (d *db) reopen(t *testing.T) {
	t.Helper()
	if d.server != nil {
		if err := d.server.Close(); err != nil {
			t.Fatal(err)
		}
	}
	server, err := dynamodb.Open(dynamodb.Config{Path: d.path, Now: d.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	d.server = server
	d.Client = sdk.New(sdk.Options{
		Region:       "eu-central-1",
		Credentials:  credentials.NewStaticCredentialsProvider("id", "secret", ""),
		BaseEndpoint: aws.String("http://dynamodb.invalid"),
		HTTPClient:   &http.Client{Transport: inProcess{server}},
		Retryer:      aws.NopRetryer{},
	})
}

// inProcess carries requests to a handler without a socket.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	p.handler.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

func (d *db) put(t *testing.T, table string, it item) {
	t.Helper()
	if _, err := d.PutItem(t.Context(), &sdk.PutItemInput{TableName: &table, Item: it}); err != nil {
		t.Fatal(err)
	}
}

func (d *db) get(t *testing.T, table string, key item) item {
	t.Helper()
	out, err := d.GetItem(t.Context(), &sdk.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

// key is a key of things.
func key(pk, sk string) item { return item{"pk": s(pk), "sk": s(sk)} }

// with is an item made of a key and more.
func with(base item, more item) item {
	whole := item{}
	for _, part := range []item{base, more} {
		for name, v := range part {
			whole[name] = v
		}
	}
	return whole
}

// wantError checks an error's type and a part of its message; an empty kind wants no error.
func wantError(t *testing.T, err error, kind, message string) {
	t.Helper()
	if kind == "" {
		if err != nil {
			t.Errorf("got %v, want no error", err)
		}
		return
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Errorf("got %v, want %s", err, kind)
		return
	}
	if api.ErrorCode() != kind || !strings.Contains(api.ErrorMessage(), message) {
		t.Errorf("got %s: %s, want %s: ...%s...", api.ErrorCode(), api.ErrorMessage(), kind, message)
	}
}

func asFailure[F error](err error, failed *F) bool { return errors.As(err, failed) }

const (
	validation  = "ValidationException"
	conditional = "ConditionalCheckFailedException"
	cancelled   = "TransactionCanceledException"
)

// raw sends a body as it is and returns status and body.
func (d *db) raw(t *testing.T, operation, body string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	recorder := httptest.NewRecorder()
	d.server.ServeHTTP(recorder, r)
	return recorder.Result(), recorder.Body.String()
}
