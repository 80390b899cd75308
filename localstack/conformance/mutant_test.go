package conformance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"zapas/localstack/conformance"
	"zapas/localstack/standin"
	"zapas/localstack/standin/iam"
	"zapas/localstack/standin/kms"
	"zapas/localstack/standin/scheduler"
	"zapas/localstack/standin/sigv4"
	"zapas/localstack/standin/standintest"
)

// fields are a request's or an answer's members.
type fields = map[string]any

// mutant is a target that breaks a rule between the check of signatures and the services.
type mutant struct {
	lax, ageless bool   // no signature is checked; none is ever too old
	header       string // of S3's requests, which the service does not see
	query        string // likewise a parameter
	lawless      bool   // policies are taken, and not heeded
	ask          func(w *broken, op string, in fields)
	answer       func(w *broken, op string, in, out fields)
}

type broken struct {
	mutant
	aws     *standin.AWS
	blob    string // the last one sealed
	answers int    // of DynamoDB and KMS, in TestSettle
}

func (b *broken) RoundTrip(r *http.Request) (*http.Response, error) {
	in, err := received(r)
	if err != nil {
		return nil, err
	}
	service, op := "s3", ""
	if target := in.Header.Get("X-Amz-Target"); target != "" {
		service, op, _ = strings.Cut(target, ".")
		service = map[string]string{"TrentService": "kms", "DynamoDB_20120810": "dynamodb", "AWSEvents": "events"}[service]
	} else if strings.Contains(in.Header.Get("Authorization"), "/scheduler/aws4_request") {
		service, op = "scheduler", scheduler.Operation(in)
	}
	if !b.signed(in, service) {
		return serve(b.aws, in), nil // which refuses it as well, in its own words
	}
	in = asTester(in)
	if b.lawless && in.URL.Query().Has("policy") {
		return serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), in), nil
	}
	if service == "s3" {
		in.Header.Del(b.header)
		query := in.URL.Query()
		query.Del(b.query)
		in.URL.RawQuery = query.Encode()
		return serve(b.aws.S3, in), nil
	}
	return b.json(service, op, in)
}

// signed checks the signature, as far as the mutant does.
func (b *broken) signed(r *http.Request, service string) bool {
	verifier := &sigv4.Verifier{Region: standintest.Region, Secret: func(string) (string, bool) { return "secret", true }, Now: time.Now}
	if at, err := time.Parse("20060102T150405Z", r.URL.Query().Get("X-Amz-Date")); b.ageless && err == nil {
		verifier.Now = func() time.Time { return at }
	}
	_, err := verifier.Verify(r, service)
	return err == nil || b.lax
}

func (b *broken) json(service, op string, in *http.Request) (*http.Response, error) {
	asked, err := object(in.Body)
	if err != nil && !errors.Is(err, io.EOF) { // not all of Scheduler's requests have a body
		return nil, err
	}
	query := in.URL.Query()
	query.Del(b.query)
	in.URL.RawQuery = query.Encode()
	if b.ask != nil {
		b.ask(b, op, asked)
	}
	got := b.call(service, in, asked)
	answered, err := object(got.Body)
	if err != nil {
		return nil, err
	}
	if b.answer != nil {
		b.answer(b, op, asked, answered)
	}
	body, err := json.Marshal(answered)
	got.Body, got.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	got.Header.Del("X-Amz-Crc32")
	got.Header.Del("Content-Length")
	return got, err
}

func (b *broken) call(service string, r *http.Request, asked fields) *http.Response {
	body, _ := json.Marshal(asked)
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	switch service {
	case "kms":
		return serve(b.aws.KMS, r)
	case "scheduler":
		return serve(b.aws.Scheduler, r)
	case "events":
		return serve(b.aws.EventBridge, r)
	}
	return serve(b.aws.DynamoDB, r)
}

// asTester says whose request it is, as the check of signatures does.
func asTester(r *http.Request) *http.Request {
	return r.WithContext(iam.As(r.Context(), iam.Principal{ARN: standintest.RoleARN(tester), Session: tester}))
}

func object(body io.Reader) (fields, error) {
	var f fields
	d := json.NewDecoder(body)
	d.UseNumber()
	return f, d.Decode(&f)
}

func serve(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// without drops a member of an operation's requests; "" is any operation.
func without(op string, members ...string) func(*broken, string, fields) {
	return func(_ *broken, called string, in fields) {
		if op == "" || op == called {
			maps.DeleteFunc(in, func(name string, _ any) bool { return slices.Contains(members, name) })
		}
	}
}

// lost drops a member of all answers.
func lost(member string) func(*broken, string, fields, fields) {
	return func(_ *broken, _ string, _, out fields) { delete(out, member) }
}

// keepFirst has the first action of a cancelled transaction take effect.
func keepFirst(b *broken, op string, in, out fields) {
	if op == "TransactWriteItems" && out["CancellationReasons"] != nil {
		put := in["TransactItems"].([]any)[0].(fields)["Put"].(fields)
		r := asTester(httptest.NewRequest(http.MethodPost, "/", nil))
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810.PutItem")
		_ = b.call("dynamodb", r, fields{"TableName": put["TableName"], "Item": put["Item"]}).Body.Close()
	}
}

// trim shortens what is too long.
func trim(_ *broken, op string, in fields) {
	if op != "PutItem" {
		return
	}
	for _, v := range in["Item"].(fields) {
		if s, ok := v.(fields)["S"].(string); ok {
			v.(fields)["S"] = s[:min(len(s), 1000)]
		}
	}
}

// sk is an item's sort key.
func sk(item any) string { return item.(fields)["SK"].(fields)["S"].(string) }

// mend undoes what was done to a ciphertext.
func mend(b *broken, op string, in fields) {
	if op == "Decrypt" {
		in["CiphertextBlob"] = b.blob
	}
}

// lenient takes every schedule for a lawful one.
func lenient(_ *broken, op string, in fields) {
	if op == "CreateSchedule" {
		in["ScheduleExpression"], in["ScheduleExpressionTimezone"], in["FlexibleTimeWindow"] = "rate(1 day)", "UTC", fields{"Mode": "OFF"}
		delete(in["Target"].(fields), "RetryPolicy")
	}
}

func remember(b *broken, _ string, _, out fields) {
	if blob, ok := out["CiphertextBlob"].(string); ok {
		b.blob = blob
	}
}

// TestSuiteBites: a target that breaks a rule does not pass the cases that hold it.
func TestSuiteBites(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		mutant mutant
		want   conformance.Verdict
		cases  []string
	}{
		{"Conditions", mutant{ask: without("PutItem", "ConditionExpression", "ExpressionAttributeValues", "ExpressionAttributeNames")}, conformance.Failed,
			[]string{"Put/IfAbsent", "Put/IfAbsentHasOneWinner", "Put/IfSameRev", "Put/IfPresentWithoutAttribute", "Put/UnusedValue"}},
		{"ConditionsOfUpdates", mutant{ask: func(_ *broken, op string, in fields) {
			if op == "UpdateItem" {
				in["ConditionExpression"] = "attribute_exists(PK)"
			}
		}}, conformance.Failed, []string{"Update/AbsentOrNotLater"}},
		{"ShownItems", mutant{answer: lost("Item")}, conformance.Failed, []string{"Put/RefusalShowsItem", "Update/AbsentOrNotLater"}},
		{"Tokens", mutant{ask: without("", "ClientRequestToken")}, conformance.Failed, []string{"Transaction/SameTokenIsOneTransaction", "Transaction/TokenOfAnother"}},
		{"WholeTransactions", mutant{answer: keepFirst}, conformance.Failed, []string{"Transaction/NoneTakesEffect", "Transaction/ItemTooLarge"}},
		{"Reasons", mutant{answer: lost("CancellationReasons")}, conformance.Failed, []string{"Transaction/ReasonsInOrder", "Transaction/ReasonShowsItem"}},
		{"OrderOfReasons", mutant{answer: func(_ *broken, _ string, _, out fields) {
			if reasons, ok := out["CancellationReasons"].([]any); ok {
				slices.Reverse(reasons)
			}
		}}, conformance.Failed, []string{"Transaction/ReasonShowsItem"}},
		{"HundredActions", mutant{ask: func(_ *broken, _ string, in fields) {
			if writes, ok := in["TransactItems"].([]any); ok {
				in["TransactItems"] = writes[:min(len(writes), 100)]
			}
		}}, conformance.Failed, []string{"Transaction/HundredActions"}},
		{"Sizes", mutant{ask: trim}, conformance.Failed, []string{"Limit/PartitionKey", "Limit/SortKey", "Limit/ItemSize"}},
		{"OrderOfBytes", mutant{answer: func(_ *broken, _ string, _, out fields) {
			if items, ok := out["Items"].([]any); ok {
				slices.SortStableFunc(items, func(a, b any) int { return strings.Compare(strings.ToLower(sk(a)), strings.ToLower(sk(b))) })
			}
		}}, conformance.Failed, []string{"Query/OrderOfBytes", "Query/Descending"}},
		{"ConsistentIndexes", mutant{ask: without("", "ConsistentRead")}, conformance.Failed, []string{"Index/NotConsistent", "Capacity/Get"}},
		{"Descending", mutant{ask: without("", "ScanIndexForward")}, conformance.Failed, []string{"Query/Descending", "Query/LimitDescending", "Index/Order"}},
		{"Limit", mutant{ask: without("", "Limit")}, conformance.Failed, []string{"Query/Limit", "Index/SameKey", "Capacity/Query"}},
		{"LastKey", mutant{answer: lost("LastEvaluatedKey")}, conformance.Failed, []string{"Query/Limit", "Query/Megabyte", "Index/SameKey", "Index/AfterAPosition"}},
		{"Prefixes", mutant{ask: func(_ *broken, _ string, in fields) {
			if when, ok := in["KeyConditionExpression"].(string); ok {
				in["KeyConditionExpression"] = strings.Replace(when, "begins_with(SK, :sk)", "SK >= :sk", 1)
			}
		}}, conformance.Failed, []string{"Query/BeginsWith"}},
		{"Positions", mutant{ask: func(_ *broken, _ string, in fields) {
			if when, ok := in["KeyConditionExpression"].(string); ok {
				in["KeyConditionExpression"] = strings.Replace(when, "fleetKey >", "fleetKey >=", 1)
			}
		}}, conformance.Failed, []string{"Index/AfterAPosition"}},
		{"Capacity", mutant{answer: lost("ConsumedCapacity")}, conformance.Failed,
			[]string{"Capacity/Put", "Capacity/PutIndexed", "Capacity/Get", "Capacity/Query", "Capacity/Transaction", "Capacity/ItemSize"}},
		{"Overwrites", mutant{header: "If-None-Match"}, conformance.Failed,
			[]string{"PresignedPut/NoOverwrite", "PresignedPut/OneWinner", "Object/IfAbsent", "Object/IfAbsentHasOneWinner"}},
		{"Ranges", mutant{header: "Range"}, conformance.Failed, []string{"PresignedGet/Range", "PresignedGet/RangeOutside"}},
		{"ListedPrefixes", mutant{query: "prefix"}, conformance.Failed, []string{"List/Prefix", "List/Sizes"}},
		{"ListedPages", mutant{query: "continuation-token"}, conformance.Failed, []string{"List/Pages"}},
		{"NamedKeys", mutant{ask: without("Decrypt", "KeyId")}, conformance.Failed, []string{"Key/OtherKey", "Key/Unknown"}},
		{"KeyStates", mutant{ask: func(b *broken, op string, in fields) {
			if op == "Decrypt" {
				_ = b.aws.KMS.SetState(fmt.Sprint(in["KeyId"]), kms.Enabled)
			}
		}}, conformance.Failed, []string{"Key/Disabled"}},
		{"Expiry", mutant{ageless: true}, conformance.NotProven, []string{"PresignedPut/Expired", "PresignedGet/Expired"}},
		{"Checksums", mutant{header: "X-Amz-Checksum-Sha256"}, conformance.NotProven, []string{"PresignedPut/WrongBody", "Object/WrongChecksum"}},
		{"Contexts", mutant{ask: without("", "EncryptionContext")}, conformance.NotProven, []string{"Key/OtherContext"}},
		{"Blobs", mutant{ask: mend, answer: remember}, conformance.NotProven, []string{"Key/TamperedBlob"}},
		{"ScheduleTokens", mutant{ask: without("CreateSchedule", "ClientToken")}, conformance.Failed, []string{"Schedule/SameTokenIsOne"}},
		{"ScheduleGroups", mutant{ask: without("CreateSchedule", "GroupName")}, conformance.Failed, []string{"Schedule/UnknownGroup"}},
		{"ScheduleNames", mutant{query: "NamePrefix"}, conformance.Failed, []string{"Schedule/ListPrefix"}},
		{"SchedulePages", mutant{query: "NextToken"}, conformance.Failed, []string{"Schedule/ListPrefix"}},
		{"ScheduleDefaults", mutant{ask: func(_ *broken, op string, in fields) {
			if op == "UpdateSchedule" {
				in["Description"] = "before"
			}
		}}, conformance.Failed, []string{"Schedule/UpdateIsWhole"}},
		{"ScheduleWindows", mutant{answer: lost("FlexibleTimeWindow")}, conformance.Failed, []string{"Schedule/RoundTrip"}},
		{"EventCounts", mutant{ask: func(_ *broken, _ string, in fields) {
			if entries, ok := in["Entries"].([]any); ok {
				in["Entries"] = entries[:min(len(entries), 10)]
			}
		}}, conformance.Failed, []string{"Event/TenAtMost"}},
		{"EventIDs", mutant{answer: func(_ *broken, _ string, _, out fields) {
			if entries, ok := out["Entries"].([]any); ok {
				for _, e := range entries {
					e.(fields)["EventId"] = "one"
				}
			}
		}}, conformance.Failed, []string{"Event/EachHasAnID", "Event/FailsInItsPlace"}},
		{"Schedules", mutant{ask: lenient}, conformance.NotProven, restingOn(conformance.Schedules)},
		{"Policies", mutant{lawless: true}, conformance.NotProven, []string{"Bucket/Policy"}},
		{"Signatures", mutant{lax: true}, conformance.NotProven, restingOn(conformance.Signatures)},
		{"Nothing", mutant{}, conformance.Passed, restingOn()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			made := target(t, c.mutant.of)
			enforced := conformance.Probe(t.Context(), made)
			for _, r := range check(t, made, enforced, c.cases) {
				if r.Verdict != c.want {
					t.Errorf("%s: %s, want %s: %s", r.Case.Name, r.Verdict, c.want, r.Why)
				}
			}
			if c.want != conformance.NotProven {
				return
			}
			for _, r := range check(t, target(t, c.mutant.of), believing(), c.cases) {
				if r.Verdict == conformance.Passed {
					t.Errorf("%s would pass if the target were believed to enforce its rule", r.Case.Name)
				}
			}
		})
	}
}

func (m mutant) of(a *standin.AWS) http.RoundTripper { return &broken{mutant: m, aws: a} }

// restingOn are the names of the cases that rest on one of the rules; of none: all cases.
func restingOn(rules ...conformance.Rule) []string {
	var names []string
	for _, c := range conformance.Cases() {
		if len(rules) == 0 || slices.Contains(rules, c.Rule) {
			names = append(names, c.Name)
		}
	}
	return names
}

// believing takes the target to enforce everything.
func believing() conformance.Enforced {
	return conformance.Enforced{conformance.Signatures: nil, conformance.Checksums: nil, conformance.Contexts: nil, conformance.Blobs: nil, conformance.Policies: nil, conformance.Schedules: nil}
}

func check(t *testing.T, made *conformance.Target, enforced conformance.Enforced, names []string) []conformance.Result {
	t.Helper()
	var results []conformance.Result
	for _, c := range conformance.Cases() {
		if slices.Contains(names, c.Name) {
			results = append(results, c.Check(t.Context(), made, enforced))
		}
	}
	if len(results) != len(names) {
		t.Fatalf("%d of the cases %v exist", len(results), names)
	}
	return results
}

// TestReport: a target that takes any signature, and overwrites, is told both, and fails for the second only.
func TestReport(t *testing.T) {
	t.Parallel()
	stack := standintest.New(t)
	enforce(t, stack.AWS)
	w := newWire(stack.AWS, mutant{lax: true, header: "If-None-Match"}.of(stack.AWS))
	cfg := stack.As(tester)
	cfg.HTTPClient = &http.Client{Transport: w}
	var out strings.Builder
	err := conformance.Play(t.Context(), conformance.Settings{Config: cfg, Now: time.Now}, "conformance-report", &out)
	if err == nil || !strings.Contains(err.Error(), "in 4 cases") {
		t.Errorf("the failure is %v", err)
	}
	if first, _, _ := strings.Cut(out.String(), "\n"); first != "the target does not enforce signatures: it accepts a tampered signature" {
		t.Errorf("the first line is %q", first)
	}
	unproven := len(restingOn(conformance.Signatures))
	for _, want := range []string{
		"\nnot proven  PresignedGet/TamperedSignature: the target does not enforce signatures: it accepts a tampered signature (Amazon S3 API Reference, ",
		"\nfailed      PresignedPut/NoOverwrite: it accepts an upload where there is an object (Amazon S3 User Guide, ",
		"\npassed      Put/IfAbsent\n",
		fmt.Sprintf("\n%d cases: %d passed, 4 failed, %d not proven\n", len(conformance.Cases()), len(conformance.Cases())-4-unproven, unproven),
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not reported: %q\n%s", want, out.String())
		}
	}
	if len(w.made) > 0 {
		t.Errorf("left behind: %v", w.made)
	}
}

// TestNothingIsLeft: a target that cannot make all it takes is left as it was.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	stack := standintest.New(t)
	w := newWire(stack.AWS, stack.Client().Transport)
	w.full = true
	cfg := stack.Config()
	cfg.HTTPClient = &http.Client{Transport: w}
	_, err := conformance.New(t.Context(), conformance.Settings{Config: cfg, Now: time.Now}, "conformance-full")
	if err == nil || !errors.Is(err, errFull) || len(w.made) > 0 {
		t.Errorf("%v; left behind: %v", err, w.made)
	}
}
