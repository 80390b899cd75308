package conformance_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"zapas/localstack/conformance"
	"zapas/localstack/standin"
	"zapas/localstack/standin/iam"
	"zapas/localstack/standin/standintest"
)

// wire carries the cases' calls to the stand-in. Those that make and remove tables, buckets and keys go there straight,
// whatever next does to others, and what was made is remembered until it is removed.
type wire struct {
	aws  *standin.AWS
	next http.RoundTripper
	mu   sync.Mutex
	made map[string]bool // what was made and is not removed
	full bool            // no table can be made
}

var errFull = errors.New("no table can be made")

func newWire(a *standin.AWS, next http.RoundTripper) *wire {
	return &wire{aws: a, next: next, made: map[string]bool{}}
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if operation == "" && strings.Count(r.URL.Path, "/") == 1 && r.URL.RawQuery == "" {
		operation = r.Method + " bucket"
	}
	switch operation {
	case "CreateTable", "DescribeTable", "DeleteTable", "CreateKey", "DisableKey", "EnableKey", "ScheduleKeyDeletion", "PUT bucket", "DELETE bucket":
	default:
		return w.next.RoundTrip(r)
	}
	if operation == "CreateTable" && w.full {
		return nil, errFull
	}
	in, err := received(r)
	if err != nil {
		return nil, err
	}
	asked, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	in.Body = io.NopCloser(bytes.NewReader(asked))
	answer := serve(w.aws, in)
	if answer.StatusCode >= 300 {
		return answer, nil
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, errors.Join(err, w.note(operation, r.URL.Path, asked, body))
}

// note remembers what a call has made, or removed.
func (w *wire) note(operation, path string, asked, answer []byte) error {
	var in struct {
		TableName string
		KeyID     string `json:"KeyId"`
	}
	var out struct{ KeyMetadata struct{ Arn string } }
	for data, into := range map[*[]byte]any{&asked: &in, &answer: &out} {
		if len(*data) > 0 && path == "/" {
			if err := json.Unmarshal(*data, into); err != nil {
				return err
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch operation {
	case "CreateTable":
		w.made[in.TableName] = true
	case "CreateKey":
		w.made[out.KeyMetadata.Arn] = true
	case "PUT bucket":
		w.made[path] = true
	case "DeleteTable":
		delete(w.made, in.TableName)
	case "ScheduleKeyDeletion":
		delete(w.made, in.KeyID)
	case "DELETE bucket":
		delete(w.made, path)
	}
	return nil
}

// tester may do everything; what he is refused, a resource's policy refuses.
const tester = "tester"

func enforce(t *testing.T, a *standin.AWS) {
	t.Helper()
	all, err := iam.ParseIdentity("All", []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","kms:*","dynamodb:*","scheduler:*","events:*","iam:PassRole"],"Resource":"*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	a.IAM.Enforce(&iam.Policies{Identity: map[string][]*iam.Document{standintest.RoleARN(tester): {all}}})
}

// target is a stand-in as a target; next, if there is one, carries its calls.
func target(t *testing.T, next func(*standin.AWS) http.RoundTripper) *conformance.Target {
	t.Helper()
	stack := standintest.New(t)
	enforce(t, stack.AWS)
	w := newWire(stack.AWS, stack.Client().Transport)
	if next != nil {
		w.next = next(stack.AWS)
	}
	cfg := stack.As(tester)
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
