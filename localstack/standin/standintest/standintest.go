// Package standintest knows how a test gets an AWS of its own, in this process and without sockets, with a clock that the
// test moves and faults that the test chooses. It does not know what is tested.
package standintest

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"zapas/localstack/standin"
	"zapas/localstack/standin/iam"
)

// Clock is a clock that stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Stack is an AWS for one test.
type Stack struct {
	*standin.AWS
	Clock *Clock

	mu     sync.Mutex
	strike func(standin.Call) standin.Fault
	client *http.Client
}

// Region and the account are names only.
const (
	Region   = "eu-central-1"
	Account  = "000000000000"
	Endpoint = "http://aws.zapas.test"
)

// New opens an empty AWS and closes it when the test ends. The house's clock begins at the same moment in each run: what a test
// sees may depend on no hour. AWS itself keeps to the machine's clock, since the SDK signs by that.
func New(t testing.TB) *Stack {
	t.Helper()
	s := &Stack{Clock: &Clock{now: time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)}}
	a, err := standin.Open(standin.Config{Dir: t.TempDir(), Account: Account, Region: Region, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Secret: func(id string) (string, bool) {
			return "secret", id == accessKey || strings.HasPrefix(id, accessKey+".")
		}, Caller: caller})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	s.AWS = a
	s.client = &http.Client{Transport: a.Transport(s.fault)}
	return s
}

// Strike has f say of each call from now on what befalls it; nil: nothing.
func (s *Stack) Strike(f func(standin.Call) standin.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strike = f
}

func (s *Stack) fault(c standin.Call) standin.Fault {
	s.mu.Lock()
	f := s.strike
	s.mu.Unlock()
	if f == nil {
		return standin.None
	}
	return f(c)
}

// Client sends requests to the services without sockets: presigned URLs work with it.
func (s *Stack) Client() *http.Client { return s.client }

// Config is how the SDK's clients reach the services, as nobody's role. Nothing is tried twice: a fault is seen.
func (s *Stack) Config() aws.Config { return s.config(accessKey) }

// As is Config with the credentials of a role, which policies put in force by s.IAM.Enforce know by RoleARN.
func (s *Stack) As(role string) aws.Config { return s.config(accessKey + "." + role) }

// RoleARN is the ARN of the role of that name.
func RoleARN(role string) string { return "arn:aws:iam::" + Account + ":role/" + role }

// accessKey is the key of no role; behind it and a dot, the key of a role bears the role's name.
const accessKey = "AKIATEST"

func caller(accessKeyID string) iam.Principal {
	role, ok := strings.CutPrefix(accessKeyID, accessKey+".")
	if !ok {
		return iam.Principal{}
	}
	return iam.Principal{ARN: RoleARN(role), Session: role}
}

func (s *Stack) config(accessKeyID string) aws.Config {
	return aws.Config{Region: Region, HTTPClient: s.client, BaseEndpoint: aws.String(Endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(accessKeyID, "secret", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} }}
}
