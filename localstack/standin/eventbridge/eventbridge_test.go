package eventbridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin/eventbridge"
	"zapas/localstack/standin/iam"
)

// direct is an HTTP client that calls a server without a socket.
type direct struct{ http.Handler }

func (d direct) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

type asked struct {
	all  []iam.Request
	deny string
}

func (a *asked) Authorize(_ context.Context, r iam.Request) error {
	a.all = append(a.all, r)
	if r.Resource == a.deny {
		return &iam.Denied{Request: r}
	}
	return nil
}

func open(t *testing.T, auth eventbridge.Authorizer, log *strings.Builder) (*eventbridge.Server, *sdk.Client) {
	t.Helper()
	if log == nil {
		log = &strings.Builder{}
	}
	s := eventbridge.New(eventbridge.Config{Account: "000000000000", Region: "eu-central-1", Authorizer: auth,
		Now: func() time.Time { return time.Date(2024, 3, 1, 12, 0, 0, 5, time.UTC) }, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err := s.CreateBus("zapas"); err != nil {
		t.Fatal(err)
	}
	return s, sdk.NewFromConfig(aws.Config{Region: "eu-central-1", HTTPClient: direct{s}, BaseEndpoint: aws.String("http://events.test"),
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""), Retryer: func() aws.Retryer { return aws.NopRetryer{} }})
}

func entry(change func(*types.PutEventsRequestEntry)) types.PutEventsRequestEntry {
	e := types.PutEventsRequestEntry{EventBusName: aws.String("zapas"), Source: aws.String("zapas"), DetailType: aws.String("backup.due"), Detail: aws.String(`{"device":"d1","n":1}`)}
	if change != nil {
		change(&e)
	}
	return e
}

func put(t *testing.T, c *sdk.Client, entries ...types.PutEventsRequestEntry) (*sdk.PutEventsOutput, error) {
	t.Helper()
	return c.PutEvents(t.Context(), &sdk.PutEventsInput{Entries: entries})
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// TestEvent: page "Events in Amazon EventBridge".
func TestEvent(t *testing.T) {
	t.Parallel()
	s, c := open(t, nil, nil)
	out, err := put(t, c, entry(nil), entry(func(e *types.PutEventsRequestEntry) {
		e.EventBusName, e.Resources, e.Time = aws.String("arn:aws:events:eu-central-1:000000000000:event-bus/zapas"), []string{"r"}, aws.Time(time.Unix(1, 0))
	}))
	if err != nil || out.FailedEntryCount != 0 || len(out.Entries) != 2 {
		t.Fatalf("%+v %v", out, err)
	}
	var got []map[string]any
	for i, text := range s.Seen.Events() {
		var e map[string]any
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		id, _ := e["id"].(string)
		if id != *out.Entries[i].EventId || !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(id) {
			t.Errorf("the id is %q", id)
		}
		delete(e, "id")
		got = append(got, e)
	}
	want := func(at string, resources []any) map[string]any {
		return map[string]any{"version": "0", "detail-type": "backup.due", "source": "zapas", "account": "000000000000", "time": at, "region": "eu-central-1",
			"resources": resources, "detail": map[string]any{"device": "d1", "n": 1.0}}
	}
	if diff := cmp.Diff([]map[string]any{want("2024-03-01T12:00:00Z", []any{}), want("1970-01-01T00:00:01Z", []any{"r"})}, got); diff != "" {
		t.Error(diff)
	}
}

// TestEntries: pages PutEvents and PutEventsResultEntry: an entry fails by itself, in its place.
func TestEntries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(*types.PutEventsRequestEntry)
		code    string
		message string
	}{
		"NoSource":     {func(e *types.PutEventsRequestEntry) { e.Source = nil }, "InvalidArgument", "Source is a required argument"},
		"NoDetailType": {func(e *types.PutEventsRequestEntry) { e.DetailType = nil }, "InvalidArgument", "DetailType is a required argument"},
		"NoDetail":     {func(e *types.PutEventsRequestEntry) { e.Detail = nil }, "InvalidArgument", "Detail is a required argument"},
		"NoJSON":       {func(e *types.PutEventsRequestEntry) { e.Detail = aws.String("{") }, "MalformedDetail", "Detail is malformed."},
		"NoObject":     {func(e *types.PutEventsRequestEntry) { e.Detail = aws.String("[1]") }, "MalformedDetail", "Detail is malformed."},
		"SourceOfAWS":  {func(e *types.PutEventsRequestEntry) { e.Source = aws.String("aws.s3") }, "NotAuthorizedForSourceException", "Not authorized for the source."},
		"UnknownBus":   {func(e *types.PutEventsRequestEntry) { e.EventBusName = aws.String("other") }, "InvalidArgument", "other does not exist"},
		"BusOfAnother": {func(e *types.PutEventsRequestEntry) {
			e.EventBusName = aws.String("arn:aws:events:eu-west-1:000000000000:event-bus/zapas")
		}, "InvalidArgument", "does not exist"},
		"DefaultBus":     {func(e *types.PutEventsRequestEntry) { e.EventBusName = nil }, "", ""},
		"BeforeTimeZero": {func(e *types.PutEventsRequestEntry) { e.Time = aws.Time(time.Unix(-1, 0)) }, "InvalidArgument", "Time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := open(t, nil, nil)
			out, err := put(t, client, entry(nil), entry(c.change), entry(nil))
			if err != nil {
				t.Fatal(err)
			}
			failed := 0
			if c.code != "" {
				failed = 1
			}
			middle := out.Entries[1]
			if int(out.FailedEntryCount) != failed || aws.ToString(middle.ErrorCode) != c.code || !strings.Contains(aws.ToString(middle.ErrorMessage), c.message) || (middle.EventId == nil) != (failed > 0) {
				t.Errorf("%d %+v", out.FailedEntryCount, middle)
			}
			if out.Entries[0].EventId == nil || out.Entries[2].EventId == nil || len(s.Seen.Events()) != 3-failed {
				t.Errorf("the others: %+v", out.Entries)
			}
		})
	}
}

// TestLimits: pages PutEvents and "Calculating PutEvents event entry size": of the whole request.
func TestLimits(t *testing.T) {
	t.Parallel()
	const limit = 256 << 10
	sized := func(n int) types.PutEventsRequestEntry { // of n bytes
		return entry(func(e *types.PutEventsRequestEntry) {
			e.Resources, e.Time = []string{"four"}, aws.Time(time.Unix(1, 0))
			e.Detail = aws.String(`{"x":"` + strings.Repeat("x", n-len("zapasbackup.duefour")-14-8) + `"}`)
		})
	}
	many := func(n int) (all []types.PutEventsRequestEntry) {
		for range n {
			all = append(all, entry(nil))
		}
		return all
	}
	for name, c := range map[string]struct {
		entries []types.PutEventsRequestEntry
		code    string
	}{
		"None":         {[]types.PutEventsRequestEntry{}, "ValidationException"},
		"Ten":          {many(10), ""},
		"Eleven":       {many(11), "ValidationException"},
		"Full":         {[]types.PutEventsRequestEntry{sized(limit)}, ""},
		"Larger":       {[]types.PutEventsRequestEntry{sized(limit + 1)}, "ValidationException"},
		"FullTogether": {[]types.PutEventsRequestEntry{sized(limit - 100), sized(100)}, ""},
		"Together":     {[]types.PutEventsRequestEntry{sized(limit - 100), sized(101)}, "ValidationException"},
	} {
		s, client := open(t, nil, nil)
		if _, err := put(t, client, c.entries...); code(err) != c.code || (err == nil) != (c.code == "") {
			t.Errorf("%s: %v", name, err)
		} else if err != nil && len(s.Seen.Events()) > 0 {
			t.Errorf("%s: refused, and taken", name)
		}
	}
}

// TestNotImplemented: what is not heeded names itself.
func TestNotImplemented(t *testing.T) {
	t.Parallel()
	_, c := open(t, nil, nil)
	_, err := put(t, c, entry(func(e *types.PutEventsRequestEntry) { e.TraceHeader = aws.String("t") }))
	if code(err) != "UnknownOperationException" || !strings.Contains(err.Error(), "PutEvents") {
		t.Error(err)
	}
	_, err = c.ListRules(t.Context(), &sdk.ListRulesInput{})
	if code(err) != "UnknownOperationException" || !strings.Contains(err.Error(), "ListRules") {
		t.Error(err)
	}
	s, _ := open(t, nil, nil)
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("[]"))
	r.Header.Set("X-Amz-Target", "AWSEvents.PutEvents")
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, r); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "SerializationException") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestAsked: page "Actions, resources, and condition keys for Amazon EventBridge": each bus once; one denial refuses all.
func TestAsked(t *testing.T) {
	t.Parallel()
	rights := &asked{}
	s, c := open(t, rights, nil)
	onDefault := entry(func(e *types.PutEventsRequestEntry) { e.EventBusName = nil })
	if _, err := put(t, c, entry(nil), onDefault, entry(nil)); err != nil {
		t.Fatal(err)
	}
	const bus = "arn:aws:events:eu-central-1:000000000000:event-bus/"
	want := []iam.Request{{Action: "events:PutEvents", Resource: bus + "zapas", Owner: bus + "zapas"}, {Action: "events:PutEvents", Resource: bus + "default", Owner: bus + "default"}}
	if diff := cmp.Diff(want, rights.all); diff != "" {
		t.Error(diff)
	}
	rights.deny = bus + "default"
	if _, err := put(t, c, entry(nil), onDefault); code(err) != "AccessDeniedException" {
		t.Error(err)
	}
	if n := len(s.Seen.Events()); n != 3 {
		t.Errorf("%d events were taken", n)
	}
}

// TestRules: page "Creating Amazon EventBridge event patterns".
func TestRules(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pattern string
		want    bool
	}{
		"Source":       {`{"source":["zapas"]}`, true},
		"OneOf":        {`{"source":["other","zapas"]}`, true},
		"Other":        {`{"source":["other"]}`, false},
		"Both":         {`{"source":["zapas"],"detail-type":["backup.due"]}`, true},
		"OneOfBoth":    {`{"source":["zapas"],"detail-type":["backup.failed"]}`, false},
		"Nested":       {`{"detail":{"device":["d1"],"n":[1]}}`, true},
		"NestedOther":  {`{"detail":{"device":["d2"]}}`, false},
		"NumberIsNone": {`{"detail":{"n":["1"]}}`, false},
		"Absent":       {`{"detail":{"user":["u"]}}`, false},
		"NullIsThere":  {`{"detail":{"user":[null]}}`, false},
		"DeeperThanIs": {`{"detail":{"device":{"x":["d1"]}}}`, false},
		"ObjectIsNone": {`{"detail":["d1"]}`, false},
		"Prefix":       {`{"detail-type":[{"prefix":"backup."}]}`, true},
		"OtherPrefix":  {`{"detail-type":[{"prefix":"restore."}]}`, false},
		"InList":       {`{"resources":["r2"]}`, true},
		"NotInList":    {`{"resources":["r3"]}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := open(t, nil, nil)
			var topic, elsewhere eventbridge.Inbox
			err := errors.Join(s.PutRule(eventbridge.Rule{Name: "r", Bus: "zapas", Pattern: []byte(`{"source":["nobody"]}`), Deliver: topic.Deliver}),
				s.PutRule(eventbridge.Rule{Name: "r", Bus: "zapas", Pattern: []byte(c.pattern), Deliver: topic.Deliver}), // in its place
				s.PutRule(eventbridge.Rule{Name: "r", Bus: "default", Pattern: []byte(c.pattern), Deliver: elsewhere.Deliver}))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := put(t, client, entry(func(e *types.PutEventsRequestEntry) { e.Resources = []string{"r1", "r2"} })); err != nil {
				t.Fatal(err)
			}
			if got := len(topic.Events()); got != map[bool]int{true: 1}[c.want] || len(elsewhere.Events()) != 0 {
				t.Errorf("%d were delivered, and %d elsewhere", got, len(elsewhere.Events()))
			}
		})
	}
}

func TestRuleRefused(t *testing.T) {
	t.Parallel()
	s, _ := open(t, nil, nil)
	for _, pattern := range []string{``, `[]`, `{}`, `{"source":"zapas"}`, `{"source":[]}`, `{"source":[["zapas"]]}`, `{"detail":{}}`,
		`{"source":[{"suffix":"x"}]}`, `{"source":[{"prefix":1}]}`, `{"source":[{"prefix":"a","suffix":"b"}]}`, `{"source":[{"exists":true}]}`} {
		if err := s.PutRule(eventbridge.Rule{Name: "r", Bus: "zapas", Pattern: []byte(pattern)}); err == nil {
			t.Errorf("%s is taken", pattern)
		}
	}
	if err := s.PutRule(eventbridge.Rule{Name: "r", Bus: "none", Pattern: []byte(`{"source":["zapas"]}`)}); err == nil {
		t.Error("a rule on no bus is taken")
	}
	if err := s.CreateBus("a/b"); err == nil {
		t.Error("a bus with a slash is made")
	}
}

// TestTargetFails: the event is taken, and the failure is logged.
func TestTargetFails(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s, c := open(t, nil, &log)
	var topic eventbridge.Inbox
	for name, deliver := range map[string]func(context.Context, []byte) error{
		"broken": func(context.Context, []byte) error { return errors.New("gone") }, "sound": topic.Deliver,
	} {
		if err := s.PutRule(eventbridge.Rule{Name: name, Bus: "zapas", Pattern: []byte(`{"source":["zapas"]}`), Deliver: deliver}); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := put(t, c, entry(nil)); err != nil || out.FailedEntryCount != 0 || len(topic.Events()) != 1 || !strings.Contains(log.String(), "rule=broken") {
		t.Errorf("%+v %v %s", out, err, log.String())
	}
}

func TestInboxIsBounded(t *testing.T) {
	t.Parallel()
	var i eventbridge.Inbox
	for n := range 10_001 {
		if err := i.Deliver(t.Context(), []byte{byte(n)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := i.Events(); len(got) != 10_000 || got[0][0] != 1 {
		t.Errorf("%d events, the first %v", len(got), got[0])
	}
}
