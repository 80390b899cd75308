package standin_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdkdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sdkevents "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventstypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	sdkkms "github.com/aws/aws-sdk-go-v2/service/kms"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"
	sdkscheduler "github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"zapas/localstack/standin"
	"zapas/localstack/standin/dynamodb"
	"zapas/localstack/standin/standintest"
)

// clients of all services, of somebody with this secret.
type clients struct {
	table *sdkdynamodb.Client
	keys  *sdkkms.Client
	files *sdks3.Client
	times *sdkscheduler.Client
	bus   *sdkevents.Client
}

func dial(t *testing.T, s *standintest.Stack, secret string) clients {
	t.Helper()
	cfg := s.Config()
	cfg.Credentials = credentials.NewStaticCredentialsProvider("AKIATEST", secret, "")
	return clients{sdkdynamodb.NewFromConfig(cfg), sdkkms.NewFromConfig(cfg),
		sdks3.NewFromConfig(cfg, func(o *sdks3.Options) { o.UsePathStyle = true }), sdkscheduler.NewFromConfig(cfg), sdkevents.NewFromConfig(cfg)}
}

func open(t *testing.T) *standintest.Stack {
	t.Helper()
	s := standintest.New(t)
	err := s.DynamoDB.Create(dynamodb.Table{Name: "things", Key: dynamodb.Key{Partition: dynamodb.Attribute{Name: "PK", Type: "S"}}})
	if err == nil {
		err = s.S3.CreateBucket("things")
	}
	if err == nil {
		_, err = s.KMS.CreateKey("alias/things")
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (c clients) put(t *testing.T) error {
	_, err := c.table.PutItem(t.Context(), &sdkdynamodb.PutItemInput{TableName: aws.String("things"),
		Item: map[string]dynamodbtypes.AttributeValue{"PK": &dynamodbtypes.AttributeValueMemberS{Value: "a"}}})
	return err
}

func (c clients) wrap(t *testing.T) error {
	_, err := c.keys.GenerateDataKeyWithoutPlaintext(t.Context(), &sdkkms.GenerateDataKeyWithoutPlaintextInput{KeyId: aws.String("alias/things"), KeySpec: "AES_256"})
	return err
}

func (c clients) store(t *testing.T) error {
	_, err := c.files.PutObject(t.Context(), &sdks3.PutObjectInput{Bucket: aws.String("things"), Key: aws.String("a"), Body: strings.NewReader("a")})
	return err
}

func (c clients) plan(t *testing.T) error {
	_, err := c.times.CreateSchedule(t.Context(), &sdkscheduler.CreateScheduleInput{Name: aws.String("a"), ScheduleExpression: aws.String("rate(1 day)"),
		FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
		Target: &schedulertypes.Target{Arn: aws.String("arn:aws:lambda:eu-central-1:000000000000:function:f"), RoleArn: aws.String(standintest.RoleARN("ticker")),
			Input: aws.String("{}")}})
	return err
}

func (c clients) tell(t *testing.T) error {
	_, err := c.bus.PutEvents(t.Context(), &sdkevents.PutEventsInput{Entries: []eventstypes.PutEventsRequestEntry{
		{Source: aws.String("things"), DetailType: aws.String("told"), Detail: aws.String("{}")}}})
	return err
}

func (c clients) each() map[string]func(*testing.T) error {
	return map[string]func(*testing.T) error{"DynamoDB": c.put, "EventBridge": c.tell, "KMS": c.wrap, "S3": c.store, "Scheduler": c.plan}
}

func TestEveryServiceAnswersWhoHasTheSecret(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, call := range dial(t, s, "secret").each() {
		if err := call(t); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, call := range dial(t, s, "guessed").each() {
		if err := call(t); err == nil {
			t.Errorf("%s answers who has not the secret", name)
		}
	}
}

func TestUnknownServiceNamesItself(t *testing.T) {
	t.Parallel()
	s := open(t)
	r := httptest.NewRequest(http.MethodPost, "http://aws.test/", strings.NewReader("{}"))
	r.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if body, _ := io.ReadAll(w.Result().Body); w.Code != http.StatusNotImplemented || !strings.Contains(string(body), "AmazonSQS.SendMessage") {
		t.Errorf("%d %s", w.Code, body)
	}
}

// TestFaults: a call that is struck before it arrives has no effect, one that is struck after has.
func TestFaults(t *testing.T) {
	t.Parallel()
	for fault, there := range map[standin.Fault]bool{standin.Before: false, standin.Throttled: false, standin.After: true} {
		s := open(t)
		c := dial(t, s, "secret")
		var seen []string
		s.Strike(func(call standin.Call) standin.Fault {
			seen = append(seen, call.Service+" "+call.Operation)
			return fault
		})
		if c.put(t) == nil || c.store(t) == nil || c.plan(t) == nil || c.tell(t) == nil {
			t.Errorf("fault %d is not felt", fault)
		}
		s.Strike(nil)
		if want := "dynamodb PutItem, s3 PutObject, scheduler CreateSchedule, events PutEvents"; strings.Join(seen, ", ") != want {
			t.Errorf("the calls are %v", seen)
		}
		item, err := c.table.GetItem(t.Context(), &sdkdynamodb.GetItemInput{TableName: aws.String("things"), ConsistentRead: aws.Bool(true),
			Key: map[string]dynamodbtypes.AttributeValue{"PK": &dynamodbtypes.AttributeValueMemberS{Value: "a"}}})
		if err != nil || (len(item.Item) > 0) != there {
			t.Errorf("fault %d: the item is there: %v %v", fault, len(item.Item) > 0, err)
		}
		_, err = c.files.GetObject(t.Context(), &sdks3.GetObjectInput{Bucket: aws.String("things"), Key: aws.String("a")})
		if (err == nil) != there {
			t.Errorf("fault %d: the object: %v", fault, err)
		}
		_, err = c.times.GetSchedule(t.Context(), &sdkscheduler.GetScheduleInput{Name: aws.String("a")})
		if (err == nil) != there {
			t.Errorf("fault %d: the schedule: %v", fault, err)
		}
		if n := len(s.EventBridge.Seen.Events()); (n == 1) != there {
			t.Errorf("fault %d: %d events", fault, n)
		}
	}
}
