package conformance_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"zapas/localstack/conformance"
	"zapas/localstack/standin"
	"zapas/localstack/standin/dynamodb"
	"zapas/localstack/standin/kms"
	"zapas/localstack/standin/standintest"
)

// wire carries the cases' calls to the stand-in. What makes and removes tables, buckets and keys has no operation there,
// and is done by the program; all other calls go on.
type wire struct {
	aws  *standin.AWS
	next http.RoundTripper
	made []string // what was made and is not removed
	full bool     // no table can be made
}

var errFull = errors.New("no table can be made")

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := map[string]any{}
	var body []byte
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if operation == "" && strings.Count(r.URL.Path, "/") == 1 && (r.Method == http.MethodPut || r.Method == http.MethodDelete) {
		operation = r.Method + " bucket"
	}
	switch operation {
	case "CreateTable", "DescribeTable", "DeleteTable", "CreateKey", "DisableKey", "EnableKey", "ScheduleKeyDeletion":
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	case "PUT bucket", "DELETE bucket":
	default:
		return w.next.RoundTrip(r)
	}
	if err := w.control(operation, r, body, answer); err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	if strings.HasSuffix(operation, "bucket") {
		return rec.Result(), nil
	}
	err := json.NewEncoder(rec).Encode(answer)
	return rec.Result(), err
}

func (w *wire) control(operation string, r *http.Request, body []byte, answer map[string]any) error {
	var in struct{ TableName, KeyID string }
	if len(body) > 0 {
		if err := json.Unmarshal(bytes.Replace(body, []byte(`"KeyId"`), []byte(`"KeyID"`), 1), &in); err != nil {
			return err
		}
	}
	switch operation {
	case "CreateTable":
		if w.full {
			return errFull
		}
		w.made = append(w.made, in.TableName)
		return createTable(w.aws, body)
	case "DescribeTable":
		answer["Table"] = map[string]any{"TableStatus": "ACTIVE"}
	case "DeleteTable":
		return w.remove(in.TableName)
	case "CreateKey":
		arn, err := w.aws.KMS.CreateKey(fmt.Sprintf("alias/%d", len(w.made)))
		w.made = append(w.made, arn)
		answer["KeyMetadata"] = map[string]any{"Arn": arn, "KeyId": arn}
		return err
	case "DisableKey":
		return w.aws.KMS.SetState(in.KeyID, kms.Disabled)
	case "EnableKey":
		return w.aws.KMS.SetState(in.KeyID, kms.Enabled)
	case "ScheduleKeyDeletion":
		return w.remove(in.KeyID)
	case "PUT bucket":
		w.made = append(w.made, r.URL.Path)
		return w.aws.S3.CreateBucket(r.URL.Path[1:])
	case "DELETE bucket":
		return w.remove(r.URL.Path)
	}
	return nil
}

func (w *wire) remove(name string) error {
	for i, made := range w.made {
		if made == name {
			w.made = append(w.made[:i], w.made[i+1:]...)
			return nil
		}
	}
	return fmt.Errorf("%s was not made", name)
}

func createTable(a *standin.AWS, body []byte) error {
	type key []struct{ AttributeName, KeyType string }
	var in struct {
		TableName              string
		KeySchema              key
		GlobalSecondaryIndexes []struct {
			IndexName  string
			KeySchema  key
			Projection struct{ ProjectionType string }
		}
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return err
	}
	schema := func(k key) dynamodb.Key {
		return dynamodb.Key{Partition: dynamodb.Attribute{Name: k[0].AttributeName, Type: "S"}, Sort: dynamodb.Attribute{Name: k[1].AttributeName, Type: "S"}}
	}
	table := dynamodb.Table{Name: in.TableName, Key: schema(in.KeySchema)}
	for _, x := range in.GlobalSecondaryIndexes {
		table.Indexes = append(table.Indexes, dynamodb.Index{Name: x.IndexName, Key: schema(x.KeySchema), Projection: x.Projection.ProjectionType})
	}
	return a.DynamoDB.Create(table)
}

// target is a stand-in as a target; next, if there is one, carries its calls.
func target(t *testing.T, next func(*standin.AWS) http.RoundTripper) *conformance.Target {
	t.Helper()
	stack := standintest.New(t)
	w := &wire{aws: stack.AWS, next: stack.Client().Transport}
	if next != nil {
		w.next = next(stack.AWS)
	}
	cfg := stack.Config()
	cfg.HTTPClient = &http.Client{Transport: w}
	made, err := conformance.New(t.Context(), conformance.Settings{Config: cfg, Now: time.Now}, "conformance-test")
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// received is the request as a server reads it.
func received(r *http.Request) (*http.Request, error) {
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		return nil, err
	}
	in, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		return nil, err
	}
	if in.ContentLength > 0 {
		in.Header.Set("Content-Length", fmt.Sprint(in.ContentLength))
	}
	return in.WithContext(r.Context()), nil
}
