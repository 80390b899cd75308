package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"zapas/localstack/standin/s3"
	"zapas/localstack/standin/sigv4"
)

const bucket = "vault-bucket"

// A stack is a server behind the signature check, and SDK clients of it.
type stack struct {
	server *s3.Server
	http   *httptest.Server
	client *awss3.Client
	ahead  atomic.Int64 // how far the server's clock is ahead of the client's
}

func open(t *testing.T, dir string) *s3.Server {
	t.Helper()
	s, err := s3.Open(s3.Config{Dir: dir, Region: "us-east-1", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newStack(t *testing.T) *stack { return stackOn(t, t.TempDir(), httptest.NewServer) }

func stackOn(t *testing.T, dir string, serve func(http.Handler) *httptest.Server) *stack {
	t.Helper()
	st := &stack{server: open(t, dir)}
	verifier := &sigv4.Verifier{
		Secret: func(id string) (string, bool) { return "secret", id == "AKID" },
		Now:    func() time.Time { return time.Now().Add(time.Duration(st.ahead.Load())) },
		Region: "eu-central-1",
	}
	st.http = serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var refusal *sigv4.Error
		if _, err := verifier.Verify(r, sigv4.S3); errors.As(err, &refusal) {
			s3.WriteError(w, r, refusal.Status, refusal.Code, refusal.Message)
			return
		}
		st.server.ServeHTTP(w, r)
	}))
	st.client = awss3.NewFromConfig(aws.Config{
		Region:                     "eu-central-1",
		Credentials:                credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		BaseEndpoint:               aws.String(st.http.URL),
		HTTPClient:                 st.http.Client(),
		Retryer:                    func() aws.Retryer { return aws.NopRetryer{} },
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
	}, func(o *awss3.Options) { o.UsePathStyle = true })
	t.Cleanup(func() {
		st.http.Close()
		if err := st.server.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := st.server.CreateBucket(bucket); err != nil {
		t.Fatal(err)
	}
	return st
}

func (st *stack) put(t *testing.T, key, body string) {
	t.Helper()
	_, err := st.client.PutObject(t.Context(), &awss3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String(key), Body: bytes.NewReader([]byte(body)),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (st *stack) get(ctx context.Context, key string) (string, error) {
	out, err := st.client.GetObject(ctx, &awss3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(out.Body)
	return string(body), err
}

func (st *stack) wantObject(t *testing.T, key, body string) {
	t.Helper()
	if got, err := st.get(t.Context(), key); err != nil || got != body {
		t.Fatalf("object %q: got %q, %v, want %q", key, got, err, body)
	}
}

func (st *stack) wantNoObject(t *testing.T, key string) {
	t.Helper()
	_, err := st.get(t.Context(), key)
	wantCode(t, err, 404, "NoSuchKey")
}

// keys lists the whole bucket, page by page.
func (st *stack) keys(t *testing.T, prefix string) []string {
	t.Helper()
	var keys []string
	pages := awss3.NewListObjectsV2Paginator(st.client, &awss3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String(prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
	}
	return keys
}

func statusOf(err error) int {
	var status interface{ HTTPStatusCode() int }
	if errors.As(err, &status) {
		return status.HTTPStatusCode()
	}
	return 0
}

func wantCode(t *testing.T, err error, status int, code string) {
	t.Helper()
	if err := codeIs(err, status, code); err != nil {
		t.Fatal(err)
	}
}

func codeIs(err error, status int, code string) error {
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || statusOf(err) != status {
		return fmt.Errorf("got %v, want %d %s", err, status, code)
	}
	return nil
}
