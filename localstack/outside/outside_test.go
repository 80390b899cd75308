package outside

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"zapas/localstack/build"
	"zapas/localstack/standin/iam"
	"zapas/localstack/standin/standintest"
)

const (
	role     = "outside"
	stranger = "stranger"
)

// world is a stand-in behind a socket, as if it were LocalStack or AWS: it enforces policies, and its callers may do
// everything that none denies.
type world struct {
	*standintest.Stack
	url string

	mu    sync.Mutex
	calls map[string]int           // that were answered with success
	fails func(*http.Request) bool // requests that are answered as if they were not implemented; nil: none
}

func serve(t *testing.T) *world {
	t.Helper()
	w := &world{Stack: standintest.New(t), calls: map[string]int{}}
	all, err := iam.ParseIdentity("All", []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","kms:*","dynamodb:*"],"Resource":"*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	everybody := map[string][]*iam.Document{standintest.RoleARN(role): {all}, standintest.RoleARN(stranger): {all}}
	w.IAM.Enforce(&iam.Policies{Identity: everybody})
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *world) ServeHTTP(answer http.ResponseWriter, r *http.Request) {
	if w.fails != nil && w.fails(r) {
		answer.WriteHeader(http.StatusNotImplemented)
		_, _ = io.WriteString(answer, `<Error><Code>NotImplemented</Code></Error>`)
		return
	}
	call := callOf(r)
	status := &statusWriter{ResponseWriter: answer, status: http.StatusOK}
	w.AWS.ServeHTTP(status, r)
	if status.status < 300 {
		w.mu.Lock()
		w.calls[call]++
		w.mu.Unlock()
	}
}

// callOf is the operation, or the method and the sub-resource of a bucket.
func callOf(r *http.Request) string {
	_, call, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if call == "" && strings.Count(strings.Trim(r.URL.Path, "/"), "/") == 0 {
		sub, _, _ := strings.Cut(r.URL.RawQuery, "=")
		call = r.Method + " " + sub
	}
	return call
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// left is how many were made and not removed.
func (w *world) left(create, remove string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[create] - w.calls[remove]
}

func (w *world) wantNothingLeft(t *testing.T) {
	t.Helper()
	for create, remove := range map[string]string{"CreateTable": "DeleteTable", "CreateKey": "ScheduleKeyDeletion", "PUT ": "DELETE "} {
		if w.calls[create] == 0 || w.left(create, remove) != 0 {
			t.Errorf("%s: %d, and %d are left", create, w.calls[create], w.left(create, remove))
		}
	}
}

func (w *world) as(role string) Target {
	cfg := w.As(role)
	cfg.BaseEndpoint, cfg.HTTPClient, cfg.Retryer = aws.String(w.url), nil, nil
	return Target{Config: cfg, Caller: standintest.RoleARN(role)}
}

func (w *world) run(t *testing.T, out io.Writer) Run {
	t.Helper()
	bin := t.TempDir()
	for _, f := range build.Functions { // which nobody calls
		if err := os.WriteFile(filepath.Join(bin, f), []byte("#!/bin/false\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return Run{Target: w.as(role), Prefix: "zapas-outside", Programs: build.In(bin), Dir: t.TempDir(), Out: out, Now: time.Now}
}

// written is a story of these lines.
func written(t *testing.T, name string, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestPlaysOverTCP: all that is played on LocalStack or AWS is played on the stand-in as if it were one of them, with the
// real functions and phones, and nothing is left behind.
func TestPlaysOverTCP(t *testing.T) {
	t.Parallel()
	root, err := build.Root()
	if err != nil {
		t.Fatal(err)
	}
	w := serve(t)
	var out strings.Builder
	run := w.run(t, io.MultiWriter(&out, t.Output()))
	if run.Programs, err = build.All(t.Context(), root, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	run.Stories = []string{
		filepath.Join(root, "functions", "testdata", "story", "merge_contact.txt"), // from a code to a restored phone
		written(t, "disk.txt", "step first", "step second", "stored something"),
		written(t, "damage.txt", "step first", "damage something"),
	}
	if err := run.Play(t.Context()); err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		" passed, 0 failed, 0 not proven\n", "\nplayed      merge_contact.txt\n",
		"\nnot played  disk.txt to its end: the story disk.txt stops: step 2, stored: it needs what stands in here, and the data is elsewhere\n",
		"\nnot played  damage.txt to its end: the story damage.txt stops: step 1, damage: ",
		"\n3 stories: 1 played, 0 failed, 2 not played to their end\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	w.wantNothingLeft(t)
}

// TestFailureIsNoUnplayed: a story that goes wrong is an error, and so is one that cannot be begun; what was made for it is
// removed.
func TestFailureIsNoUnplayed(t *testing.T) {
	t.Parallel()
	w := serve(t)
	var out strings.Builder
	run := w.run(t, &out)
	run.Stories = []string{written(t, "wrong.txt", "step first", "expect /nothing here", "stored something")}
	if err := run.play(t.Context()); err == nil || !strings.Contains(err.Error(), "wrong.txt went wrong") {
		t.Errorf("the story does not fail: %v", err)
	}
	w.wantNothingLeft(t)
	w.fails = func(r *http.Request) bool { return callOf(r) == "UpdateTimeToLive" }
	if err := run.play(t.Context()); err == nil || !strings.Contains(err.Error(), "the target does not make the table zapas-outside-1-Table") {
		t.Errorf("a target without time to live is taken: %v", err)
	}
	w.wantNothingLeft(t)
	if want := "1 stories: 0 played, 1 failed, 0 not played to their end\n"; strings.Count(out.String(), want) != 2 {
		t.Errorf("not reported twice: %s", want)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := run.play(ended); err == nil {
		t.Error("it is played when it was stopped")
	}
	run.Caller = "me"
	if err := run.Play(t.Context()); err == nil || !strings.Contains(err.Error(), "no ARN") {
		t.Errorf("the caller may be anything: %v", err)
	}
}

// TestTargetWithoutPolicies: what an emulator does not know is said, and is no failure of the story.
func TestTargetWithoutPolicies(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.fails = func(r *http.Request) bool {
		c := callOf(r)
		return strings.HasSuffix(c, " policy") || c == "PutResourcePolicy"
	}
	var out strings.Builder
	run := w.run(t, &out)
	run.Stories = []string{written(t, "quiet.txt", "step first"), written(t, "silent.txt", "step first")}
	if err := run.Play(t.Context()); err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		"the target does not enforce policies of buckets: it accepts no policies", "\nnot proven  Bucket/Policy: ", "\nplayed      quiet.txt\n",
		"\nnot proven  policies: the target knows none, as for the bucket locationeu\n",
		"\nnot proven  policies: the target knows none, as for the table TableIdentity\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), "as for the bucket locationeu"); n != 1 {
		t.Errorf("it says so %d times", n)
	}
	w.wantNothingLeft(t)
	// AWS itself has policies: there, nothing is passed over.
	itself := w.as(role)
	itself.Config.BaseEndpoint = nil
	if _, err := itself.clients().dynamo.PutResourcePolicy(t.Context(), &dynamodb.PutResourcePolicyInput{ResourceArn: aws.String("a"), Policy: aws.String("{}")},
		func(o *dynamodb.Options) { o.BaseEndpoint = aws.String(w.url) }); itself.clients().knowsNone(err) {
		t.Errorf("AWS is believed to know no policies: %v", err)
	}
}

// TestAsked: what is made is as the template has it, and its policies know the caller in place of every role, and nobody
// else.
func TestAsked(t *testing.T) {
	t.Parallel()
	w := serve(t)
	m := w.as(role).clients()
	d, err := m.make(t.Context(), "zapas-asked", "http://api.test")
	if err != nil {
		t.Fatal(err)
	}
	var eu string
	for _, b := range d.Buckets {
		if b.Key != "" {
			eu = b.Name
		}
	}
	vault, _ := d.Function("sessions")
	put := func(t Target, name string, once *string) error {
		_, err := t.clients().s3.PutObject(context.Background(), &s3.PutObjectInput{Bucket: &eu, Key: &name, IfNoneMatch: once})
		return err
	}
	seal := func(t Target, bound map[string]string) error {
		_, err := t.clients().kms.GenerateDataKeyWithoutPlaintext(context.Background(), &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: aws.String(vault.Env["ZAPAS_VAULT_KEY"]), KeySpec: "AES_256", EncryptionContext: bound})
		return err
	}
	get := func(t Target, table string) error {
		_, err := t.clients().dynamo.Query(context.Background(), &dynamodb.QueryInput{TableName: aws.String("zapas-asked-" + table), KeyConditionExpression: aws.String("PK = :p"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":p": &types.AttributeValueMemberS{Value: "p"}}})
		return err
	}
	lawful := map[string]string{"app": "zapas", "tenant": "demo", "user": "u", "v": "1"}
	for name, c := range map[string]struct {
		do     func(Target) error
		us, he string // the beginning of the refusal; "": none
	}{
		"StoreOnce":  {func(t Target) error { return put(t, t.Caller, aws.String("*")) }, "", "AccessDenied"},
		"StoreAgain": {func(t Target) error { return put(t, t.Caller, nil) }, "AccessDenied", "AccessDenied"},
		"Seal":       {func(t Target) error { return seal(t, lawful) }, "", "AccessDeniedException"},
		"SealOther":  {func(t Target) error { return seal(t, map[string]string{"app": "other"}) }, "AccessDeniedException", "AccessDeniedException"},
		"Identity":   {func(t Target) error { return get(t, "TableIdentity") }, "", "AccessDeniedException"},
	} {
		for who, want := range map[string]string{role: c.us, stranger: c.he} {
			err := c.do(w.as(who))
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), "api error "+want+": ")) {
				t.Errorf("%s as %s: %v", name, who, err)
			}
		}
	}
	head, err := m.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &eu, Key: aws.String(standintest.RoleARN(role))})
	if err != nil || head.ServerSideEncryption != "aws:kms" {
		t.Errorf("the bucket does not encrypt: %v %v", head, err)
	}
	if err := m.remove(t.Context()); err != nil {
		t.Error(err)
	}
	w.wantNothingLeft(t)
}
