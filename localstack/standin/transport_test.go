package standin_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin"
)

func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

func TestEachServiceRefusesInItsOwnWords(t *testing.T) {
	t.Parallel()
	s := open(t)
	guesser, caller := dial(t, s, "guessed"), dial(t, s, "secret")
	for name, c := range map[string]struct {
		call      func(clients) error
		bad, busy string
	}{
		"DynamoDB":    {func(c clients) error { return c.put(t) }, "InvalidSignatureException", "ThrottlingException"},
		"EventBridge": {func(c clients) error { return c.tell(t) }, "InvalidSignatureException", "ThrottlingException"},
		"Scheduler":   {func(c clients) error { return c.plan(t) }, "InvalidSignatureException", "ThrottlingException"},
		"KMS":         {func(c clients) error { return c.wrap(t) }, "InvalidSignatureException", "ThrottlingException"},
		"S3":          {func(c clients) error { return c.store(t) }, "SignatureDoesNotMatch", "SlowDown"},
	} {
		if got := codeOf(c.call(guesser)); got != c.bad {
			t.Errorf("%s, wrong secret: got %s, want %s", name, got, c.bad)
		}
		s.Strike(func(standin.Call) standin.Fault { return standin.Throttled })
		if got := codeOf(c.call(caller)); got != c.busy {
			t.Errorf("%s, throttled: got %s, want %s", name, got, c.busy)
		}
		s.Strike(nil)
	}
}

func TestTransportNamesAndCountsCalls(t *testing.T) {
	t.Parallel()
	s := open(t)
	var seen []string
	client := &http.Client{Transport: s.Transport(func(c standin.Call) standin.Fault {
		seen = append(seen, fmt.Sprint(c.N, " ", c.Service, " ", c.Operation))
		return standin.None
	})}
	files := dial(t, s, "secret").files
	one := func(o *sdks3.Options) { o.HTTPClient = client }
	if _, err := files.PutObject(t.Context(), &sdks3.PutObjectInput{Bucket: aws.String("things"), Key: aws.String("a"), Body: strings.NewReader("a")}, one); err != nil {
		t.Fatal(err)
	}
	if _, err := files.HeadObject(t.Context(), &sdks3.HeadObjectInput{Bucket: aws.String("things"), Key: aws.String("a")}, one); err != nil {
		t.Fatal(err)
	}
	if _, err := files.ListObjectsV2(t.Context(), &sdks3.ListObjectsV2Input{Bucket: aws.String("things")}, one); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"0 s3 PutObject", "1 s3 HeadObject", "2 s3 ListObjectsV2"}, seen); diff != "" {
		t.Error(diff)
	}
}

// closing tells whether a body was closed.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestTransport(t *testing.T) {
	t.Parallel()
	s := open(t)
	anonymous := func(ctx context.Context, body io.Reader, length int64) *http.Request {
		r, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://aws.zapas.test/things/a", body)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = length
		return r
	}
	t.Run("AnswersOverNoSocket", func(t *testing.T) {
		answer, err := s.Transport(nil).RoundTrip(anonymous(t.Context(), strings.NewReader("a"), 1))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(answer.Body)
		var refusal struct{ Code string }
		if err != nil || xml.Unmarshal(raw, &refusal) != nil || answer.StatusCode != 403 || refusal.Code != "AccessDenied" || answer.ContentLength != int64(len(raw)) {
			t.Errorf("%d %s %v", answer.StatusCode, raw, err)
		}
	})
	t.Run("BodyOtherThanItsLength", func(t *testing.T) {
		for _, length := range []int64{1, 3} {
			if _, err := s.Transport(nil).RoundTrip(anonymous(t.Context(), io.MultiReader(strings.NewReader("ab")), length)); err == nil {
				t.Errorf("2 bytes were carried as %d", length)
			}
		}
	})
	t.Run("CallerHasGone", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Transport(nil).RoundTrip(anonymous(ctx, nil, 0)); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	for name, fault := range map[string]standin.Fault{"Before": standin.Before, "After": standin.After, "Throttled": standin.Throttled} {
		t.Run(name, func(t *testing.T) {
			body := &closing{Reader: strings.NewReader("a")}
			answer, err := s.Transport(func(standin.Call) standin.Fault { return fault }).RoundTrip(anonymous(t.Context(), body, 1))
			if lost := errors.Is(err, syscall.ECONNRESET); lost == (fault == standin.Throttled) || lost == (answer != nil) {
				t.Errorf("got %v, %v", answer, err)
			}
			if !body.closed {
				t.Error("the body stays open")
			}
		})
	}
}
