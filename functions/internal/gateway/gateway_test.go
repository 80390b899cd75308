package gateway_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/gateway"
	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/shared/api"
	"zapas/shared/caller"
	"zapas/shared/fault"
)

const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

var now = time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)

// as is a caller who is believed.
type as caller.Caller

func (a as) Caller(context.Context, gateway.Request) (caller.Caller, error) {
	return caller.Caller(a), nil
}

var (
	admin = as{User: "U", Roles: []caller.Role{caller.Admin}, Name: "Ada"}
	phone = as{User: "U", Device: "D"}
)

// open makes the API of the function that answers an operation, with this operation alone.
func open(operation string, op gateway.Operation, log *bytes.Buffer) *gateway.API {
	return &gateway.API{Function: gatewaytest.Route(operation).Function, Operations: map[string]gateway.Operation{operation: op},
		Console: admin, Device: phone, Log: slog.New(slog.NewJSONHandler(log, nil)), Now: func() time.Time { return now }}
}

func problemOf(t *testing.T, out events.APIGatewayV2HTTPResponse) api.Problem {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal([]byte(out.Body), &p, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("%d is answered with no problem: %v: %s", out.StatusCode, err, out.Body)
	}
	if out.Headers["Content-Type"] != "application/problem+json" || out.Headers["Cache-Control"] != "no-store" || p.Status != out.StatusCode || p.Type != "about:blank" || p.Title == "" {
		t.Errorf("the problem is not well made: %v %s", out.Headers, out.Body)
	}
	return p
}

func handle(t *testing.T, a *gateway.API, e events.APIGatewayV2HTTPRequest) events.APIGatewayV2HTTPResponse {
	t.Helper()
	out, err := a.Handle(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const commit = `{"added":[{"id":"` + id + `","size":10,"records":5}],"dropped":[0,2],"index":{"offset":1,"length":2},"counts":{"sms":3},` +
	`"coverage":{"messages":"full"},"ledger":{"messages":{"seen":3,"stored":3,"already":0,"excluded":0,"failed":0,"reasons":{"too_large":1}}}}`

const begin = `{"kind":"backup","counter":1,"publicKey":"AA","profile":"` + id + `"}`

// wrongBodies are bodies in which one thing is wrong: from is replaced by to.
var wrongBodies = []struct {
	name, operation, body, from, to string
	status                          int
	pointer                         string // "": the whole body
	code                            string
}{
	{"Empty", "commitSession", commit, commit, "", 400, "", "invalid"},
	{"Blank", "commitSession", commit, commit, " \n", 400, "", "malformed"},
	{"Null", "commitSession", commit, commit, "null", 400, "", "type"},
	{"Array", "commitSession", commit, commit, "[]", 400, "", "invalid"},
	{"String", "commitSession", commit, commit, `"x"`, 400, "", "invalid"},
	{"Number", "commitSession", commit, commit, `7`, 400, "", "invalid"},
	{"True", "commitSession", commit, commit, `true`, 400, "", "invalid"},
	{"NotJSON", "commitSession", commit, commit, `{added:1}`, 400, "", "malformed"},
	{"SingleQuotes", "commitSession", commit, commit, `{'added':1}`, 400, "", "malformed"},
	{"Comment", "commitSession", commit, `{"added"`, `{/*x*/"added"`, 400, "", "malformed"},
	{"CutOff", "commitSession", commit, `}}}}`, ``, 400, "/ledger/messages/reasons", "malformed"},
	{"TrailingComma", "commitSession", commit, `[0,2]`, `[0,2,]`, 400, "/dropped", "malformed"},
	{"TrailingObject", "commitSession", commit, `}}}}`, `}}}}{}`, 400, "", "malformed"},
	{"TrailingSame", "commitSession", commit, commit, commit + commit, 400, "", "malformed"},
	{"TrailingText", "commitSession", commit, `}}}}`, `}}}} x`, 400, "", "malformed"},
	{"TrailingNull", "commitSession", commit, `}}}}`, `}}}}null`, 400, "", "malformed"},
	{"ByteOrderMark", "commitSession", commit, `{"added"`, "\ufeff" + `{"added"`, 400, "", "malformed"},
	{"DuplicateMember", "commitSession", commit, `"offset":1`, `"offset":1,"offset":2`, 400, "/index/offset", "duplicate"},
	{"DuplicateMemberOfMap", "commitSession", commit, `"sms":3`, `"sms":3,"sms":4`, 400, "/counts/sms", "duplicate"},
	{"DuplicateByEscape", "commitSession", commit, `"sms":3`, `"sms":3,"\u0073ms":4`, 400, "/counts/sms", "duplicate"},
	{"DuplicateTop", "commitSession", commit, `"dropped":[0,2]`, `"dropped":[0,2],"dropped":[]`, 400, "/dropped", "duplicate"},
	{"UnknownMember", "commitSession", commit, `"dropped"`, `"user":"x","dropped"`, 400, "/user", "unknown"},
	{"UnknownNested", "commitSession", commit, `"offset":1`, `"offset":1,"role":"admin"`, 400, "/index/role", "unknown"},
	{"UnknownInArray", "commitSession", commit, `"size":10`, `"size":10,"x":{"y":[1]}`, 400, "/added/0/x", "unknown"},
	{"UnknownEmptyName", "commitSession", commit, `"dropped"`, `"":1,"dropped"`, 400, "/", "unknown"},
	{"UnknownEscapedPointer", "commitSession", commit, `"dropped"`, `"a/b~c":1,"dropped"`, 400, "/a~1b~0c", "unknown"},
	{"OtherCase", "beginSession", begin, `"counter"`, `"Counter"`, 400, "/Counter", "unknown"},
	{"OtherCaseBesides", "commitSession", commit, `"offset":1`, `"offset":1,"OFFSET":2`, 400, "/index/OFFSET", "unknown"},
	{"InvalidUTF8", "commitSession", commit, `"full"`, "\"f\xffll\"", 400, "/coverage/messages", "malformed"},
	{"InvalidUTF8InName", "commitSession", commit, `"sms"`, "\"s\xc0\x80\"", 400, "/counts", "malformed"},
	{"LoneHighSurrogate", "commitSession", commit, `"full"`, `"\ud83d"`, 400, "/coverage/messages", "malformed"},
	{"LoneLowSurrogate", "commitSession", commit, `"full"`, `"\ude00x"`, 400, "/coverage/messages", "malformed"},
	{"SurrogateInUTF8", "commitSession", commit, `"full"`, "\"\xed\xa0\x80\"", 400, "/coverage/messages", "malformed"},
	{"ControlCharacter", "commitSession", commit, `"full"`, "\"fu\nll\"", 400, "/coverage/messages", "malformed"},
	{"WrongEscape", "commitSession", commit, `"full"`, `"\x66ull"`, 400, "/coverage/messages", "malformed"},
	{"U0000", "commitSession", commit, `"full"`, `"fu\u0000ll"`, 400, "/coverage/messages", "invalid"},
	{"U0000InName", "commitSession", commit, `"sms"`, `"s\u0000s"`, 400, "/counts/s\x00s", "invalid"},
	{"NullMember", "commitSession", commit, `"dropped":[0,2]`, `"dropped":null`, 400, "/dropped", "type"},
	{"NullInArray", "commitSession", commit, `[0,2]`, `[0,null]`, 400, "/dropped/1", "type"},
	{"NullInMap", "commitSession", commit, `"sms":3`, `"sms":null`, 400, "/counts/sms", "type"},
	{"NullOptional", "beginSession", begin, `"counter":1`, `"counter":1,"base":null`, 400, "/base", "type"},
	{"TimeAsNumber", "beginSession", begin, `"counter":1`, `"counter":1,"slot":7`, 400, "/slot", "type"},
	{"TimeAsObject", "beginSession", begin, `"counter":1`, `"counter":1,"slot":{}`, 400, "/slot", "type"},
	{"TimeInWords", "beginSession", begin, `"counter":1`, `"counter":1,"slot":"today"`, 400, "/slot", "invalid"},
	{"TimeWithoutZone", "beginSession", begin, `"counter":1`, `"counter":1,"slot":"2026-03-01T02:00:00"`, 400, "/slot", "invalid"},
	{"NullObject", "commitSession", commit, `{"offset":1,"length":2}`, `null`, 400, "/index", "type"},
	{"Fraction", "commitSession", commit, `"size":10`, `"size":10.5`, 400, "/added/0/size", "range"},
	{"WholeFraction", "commitSession", commit, `"size":10`, `"size":10.0`, 400, "/added/0/size", "range"},
	{"Exponent", "commitSession", commit, `"size":10`, `"size":1e1`, 400, "/added/0/size", "range"},
	{"CapitalExponent", "commitSession", commit, `"size":10`, `"size":1E1`, 400, "/added/0/size", "range"},
	{"MinusZero", "commitSession", commit, `"records":5`, `"records":-0`, 400, "/added/0/records", "range"},
	{"OverInt64", "commitSession", commit, `"size":10`, `"size":9223372036854775808`, 400, "/added/0/size", "range"},
	{"UnderInt64", "commitSession", commit, `"size":10`, `"size":-9223372036854775809`, 400, "/added/0/size", "range"},
	{"Endless", "commitSession", commit, `"sms":3`, `"sms":` + strings.Repeat("9", 400), 400, "/counts/sms", "range"},
	{"LeadingZero", "commitSession", commit, `"size":10`, `"size":010`, 400, "/added/0", "malformed"},
	{"Plus", "commitSession", commit, `"size":10`, `"size":+10`, 400, "/added/0/size", "malformed"},
	{"Hex", "commitSession", commit, `"size":10`, `"size":0x10`, 400, "/added/0", "malformed"},
	{"NaN", "commitSession", commit, `"size":10`, `"size":NaN`, 400, "/added/0/size", "malformed"},
	{"IntegerAsString", "commitSession", commit, `"size":10`, `"size":"10"`, 400, "/added/0/size", "type"},
	{"StringAsInteger", "commitSession", commit, `"full"`, `1`, 400, "/coverage/messages", "type"},
	{"ObjectAsArray", "commitSession", commit, `{"offset":1,"length":2}`, `[1,2]`, 400, "/index", "type"},
	{"ArrayAsObject", "commitSession", commit, `[0,2]`, `{"0":0}`, 400, "/dropped", "type"},
	{"MapAsArray", "commitSession", commit, `{"sms":3}`, `[3]`, 400, "/counts", "type"},
	{"BoolAsString", "createProfile", profileBody, `"enabled":true`, `"enabled":"true"`, 400, "/enabled", "type"},
	{"BoolAsNumber", "createProfile", profileBody, `"enabled":true`, `"enabled":1`, 400, "/enabled", "type"},
	{"MissingTop", "commitSession", commit, `"dropped":[0,2],`, ``, 400, "/dropped", "missing"},
	{"MissingMap", "commitSession", commit, `"counts":{"sms":3},`, ``, 400, "/counts", "missing"},
	{"MissingNested", "commitSession", commit, `"offset":1,`, ``, 400, "/index/offset", "missing"},
	{"MissingInArray", "commitSession", commit, `"size":10,`, ``, 400, "/added/0/size", "missing"},
	{"MissingInMap", "commitSession", commit, `"stored":3,`, ``, 400, "/ledger/messages/stored", "missing"},
	{"NotOfTheList", "beginSession", begin, `"backup"`, `"Backup"`, 400, "/kind", "invalid"},
	{"NotOfTheListInArray", "createProfile", profileBody, `"contacts"`, `"photos"`, 400, "/elements/0", "invalid"},
	{"TooDeep", "commitSession", commit, `"sms":3`, `"sms":[[[[[[[0]]]]]]]`, 400, "/counts/sms/0/0/0/0/0/0", "malformed"},
	{"VeryDeep", "commitSession", commit, commit, strings.Repeat("[", 100_000), 400, "/0/0/0/0/0/0/0/0", "malformed"},
	{"LongName", "commitSession", commit, `"dropped"`, `"` + strings.Repeat("ż", 5000) + `":1,"dropped"`, 400, "/" + strings.Repeat("ż", 99) + "…", "unknown"},
	{"TooLarge", "commitSession", commit, `{"added"`, strings.Repeat(" ", gateway.MaxBody+1-len(commit)) + `{"added"`, 413, "", "too_large"},
}

const profileBody = `{"name":"Every night","enabled":true,"elements":["contacts"],"location":"eu","schedule":{"kind":"daily","at":"02:00","zone":"Europe/Warsaw"}}`

// taking are operations that take a body of the contract and answer that they did.
func taking(operation string, taken *bool) gateway.Operation {
	switch operation {
	case "commitSession":
		return gateway.JSON(func(context.Context, gateway.Request, api.CommitInput) (out gateway.Answer[struct{}], err error) {
			*taken = true
			return out, nil
		})
	case "beginSession":
		return gateway.JSON(func(context.Context, gateway.Request, api.SessionInput) (out gateway.Answer[struct{}], err error) {
			*taken = true
			return out, nil
		})
	}
	return gateway.JSON(func(context.Context, gateway.Request, api.ProfileInput) (out gateway.Answer[struct{}], err error) {
		*taken = true
		return out, nil
	})
}

func TestWrongBodies(t *testing.T) {
	t.Parallel()
	if len(wrongBodies) < 60 {
		t.Errorf("there are %d rows", len(wrongBodies))
	}
	for _, row := range wrongBodies {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			body := strings.Replace(row.body, row.from, row.to, 1)
			if body == row.body {
				t.Fatalf("%q is not in the body", row.from)
			}
			taken := false
			a := open(row.operation, taking(row.operation, &taken), new(bytes.Buffer))
			p := problemOf(t, handle(t, a, gatewaytest.Event(row.operation, id, "", body)))
			pointer, code := "", p.Code
			if len(p.Errors) > 0 {
				pointer, code = p.Errors[0].Pointer, p.Errors[0].Code
			}
			if p.Status != row.status || pointer != row.pointer || code != row.code || taken || len(p.Errors) > 1 || *p.Detail == "" {
				t.Errorf("it is answered with %d %q %s %s, want %d %q %s", p.Status, pointer, code, *p.Detail, row.status, row.pointer, row.code)
			}
		})
	}
}

func TestGoodBodies(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, operation, body, mediaType string }{
		{"AsItIs", "commitSession", commit, "application/json"},
		{"Charset", "commitSession", commit, `application/json; charset="UTF-8"`},
		{"CapitalMediaType", "commitSession", commit, "Application/JSON"},
		{"WithSpace", "commitSession", " \r\n\t" + commit + "\n", "application/json"},
		{"AsLargeAsMayBe", "commitSession", strings.Repeat(" ", gateway.MaxBody-len(commit)) + commit, "application/json"},
		{"LargestNumber", "commitSession", strings.Replace(commit, `"size":10`, `"size":9223372036854775807`, 1), "application/json"},
		{"Negative", "commitSession", strings.Replace(commit, `"records":5`, `"records":-5`, 1), "application/json"}, // the rules refuse it
		{"Emoji", "createProfile", strings.Replace(profileBody, "Every night", `\ud83d\ude00 😀`, 1), "application/json"},
		{"OptionalLeftOut", "createProfile", strings.Replace(profileBody, `"enabled":true,`, "", 1), "application/json"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			for _, encoded := range []bool{false, true} {
				taken := false
				e := gatewaytest.Event(row.operation, id, "", row.body)
				e.Headers["content-type"] = row.mediaType
				if e.IsBase64Encoded = encoded; encoded {
					e.Body = base64.StdEncoding.EncodeToString([]byte(e.Body))
				}
				if out := handle(t, open(row.operation, taking(row.operation, &taken), new(bytes.Buffer)), e); out.StatusCode != 200 || !taken {
					t.Errorf("base64 %v: it is answered with %d %s", encoded, out.StatusCode, out.Body)
				}
			}
		})
	}
}

func TestManyWrongMembers(t *testing.T) {
	t.Parallel()
	e := gatewaytest.Event("commitSession", id, "", strings.Replace(commit, `[0,2]`, "["+strings.Repeat(`"x",`, 999)+`"x"]`, 1))
	p := problemOf(t, handle(t, open("commitSession", taking("commitSession", new(bool)), new(bytes.Buffer)), e))
	if len(p.Errors) != 20 || p.Errors[19].Pointer != "/dropped/19" {
		t.Errorf("%d members are named, want the first 20: %s", len(p.Errors), *p.Detail)
	}
}

// TestWrongRequests: what is wrong around the body.
func TestWrongRequests(t *testing.T) {
	t.Parallel()
	plain := gateway.Plain(func(context.Context, gateway.Request) (out gateway.Answer[struct{}], err error) { return out, nil }, "limit", "cursor")
	for _, row := range []struct {
		name, operation string
		change          func(e *events.APIGatewayV2HTTPRequest)
		status          int
		pointer         string
	}{
		{"NoMediaType", "commitSession", func(e *events.APIGatewayV2HTTPRequest) { delete(e.Headers, "content-type") }, 415, ""},
		{"TextPlain", "commitSession", func(e *events.APIGatewayV2HTTPRequest) { e.Headers["content-type"] = "text/plain" }, 415, ""},
		{"Form", "commitSession", func(e *events.APIGatewayV2HTTPRequest) {
			e.Headers["content-type"] = "application/x-www-form-urlencoded"
		}, 415, ""},
		{"ProblemJSON", "commitSession", func(e *events.APIGatewayV2HTTPRequest) { e.Headers["content-type"] = "application/problem+json" }, 415, ""},
		{"TwoMediaTypes", "commitSession", func(e *events.APIGatewayV2HTTPRequest) {
			e.Headers["content-type"] = "application/json,application/json"
		}, 415, ""},
		{"Latin2", "commitSession", func(e *events.APIGatewayV2HTTPRequest) {
			e.Headers["content-type"] = "application/json; charset=iso-8859-2"
		}, 415, ""},
		{"Gzip", "commitSession", func(e *events.APIGatewayV2HTTPRequest) { e.Headers["content-encoding"] = "gzip" }, 415, ""},
		{"NotBase64", "commitSession", func(e *events.APIGatewayV2HTTPRequest) { e.IsBase64Encoded = true }, 400, ""},
		{"TooLargeInBase64", "commitSession", func(e *events.APIGatewayV2HTTPRequest) {
			e.IsBase64Encoded, e.Body = true, base64.StdEncoding.EncodeToString(make([]byte, gateway.MaxBody+1))
		}, 413, ""},
		{"BodyWhereNone", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.Body = "{}" }, 400, ""},
		{"UnknownParameter", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "user=x" }, 400, "user"},
		{"ParameterInOtherCase", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "Limit=5" }, 400, "Limit"},
		{"ParameterTwice", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "limit=5&limit=5" }, 400, "limit"},
		{"Limit0", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "limit=0" }, 400, "limit"},
		{"Limit201", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "limit=201" }, 400, "limit"},
		{"LimitNegative", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "limit=-1" }, 400, "limit"},
		{"LimitEmpty", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "limit=" }, 400, "limit"},
		{"LimitHuge", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "limit=65637" }, 400, "limit"},
		{"CursorEmpty", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "cursor=" }, 400, "cursor"},
		{"CursorTooLong", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "cursor=" + strings.Repeat("a", 513) }, 400, "cursor"},
		{"WrongEscape", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "limit=%zz" }, 400, ""},
		{"Semicolon", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "limit=5;cursor=x" }, 400, ""},
		{"ParameterWithBody", "commitSession", func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "x=1" }, 400, "x"},
		{"UnknownRoute", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RouteKey = "GET /v1/secrets" }, 404, ""},
		{"RouteOfAnotherFunction", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RouteKey = "GET /v1/profiles" }, 404, ""},
		{"DefaultRoute", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RouteKey = "$default" }, 404, ""},
		{"NoRoute", "listDevices", func(e *events.APIGatewayV2HTTPRequest) { e.RouteKey = "" }, 404, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			taken, op, body := false, plain, any(nil)
			if row.operation == "commitSession" {
				op, body = taking(row.operation, &taken), commit
			}
			e := gatewaytest.Event(row.operation, id, "", body)
			row.change(&e)
			p := problemOf(t, handle(t, open(row.operation, op, new(bytes.Buffer)), e))
			pointer := ""
			if len(p.Errors) > 0 {
				pointer = p.Errors[0].Pointer
			}
			if p.Status != row.status || pointer != row.pointer || taken {
				t.Errorf("it is answered with %d %q %s, want %d %q", p.Status, pointer, *p.Detail, row.status, row.pointer)
			}
		})
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"": "50 ", "limit=1": "1 ", "limit=200": "200 ", "cursor=a%20b&limit=7": "7 a b", "cursor=" + strings.Repeat("a", 512): "50 " + strings.Repeat("a", 512),
	} {
		var got string
		op := gateway.Plain(func(_ context.Context, r gateway.Request) (out gateway.Answer[struct{}], err error) {
			got = fmt.Sprintf("%d %s", r.Limit, r.Cursor)
			return out, nil
		}, "limit", "cursor")
		if handle(t, open("listDevices", op, new(bytes.Buffer)), gatewaytest.Event("listDevices", "", query, nil)); got != want {
			t.Errorf("%q is read as %q, want %q", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"": "200 ", "day=x&limit=1": "200 x", "day=" + strings.Repeat("a", 64): "200 " + strings.Repeat("a", 64),
		"day=" + strings.Repeat("a", 65): "400", "day=": "400", "day=a&day=a": "400", "days=a": "400", "cursor=a": "400",
	} {
		got := ""
		op := gateway.Plain(func(_ context.Context, r gateway.Request) (out gateway.Answer[struct{}], err error) {
			got = " " + r.Parameters["day"]
			return out, nil
		}, "limit", "day")
		if out := handle(t, open("listDevices", op, new(bytes.Buffer)), gatewaytest.Event("listDevices", "", query, nil)); fmt.Sprint(out.StatusCode)+got != want {
			t.Errorf("%q is answered with %d and read as %q, want %q", query, out.StatusCode, got, want)
		}
	}
}

// TestIDs: what has not the form of an id names nothing, and no handler sees it.
func TestIDs(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"", "../", "%2e%2e", "a/b", "\x00", strings.Repeat("0", 10_000), strings.ToLower(id), "81ARZ3NDEKTSV4RRFFQ69G5FAV",
		"0ＩARZ3NDEKTSV4RRFFQ69G5FA", id[:25], id + "0", id[:25] + "I", id[:25] + "\n", id + "\n", "*", "HEAD"} {
		seen := false
		op := gateway.Plain(func(context.Context, gateway.Request) (out gateway.Answer[struct{}], err error) {
			seen = true
			return out, nil
		})
		out := handle(t, open("getDevice", op, new(bytes.Buffer)), gatewaytest.Event("getDevice", wrong, "", nil))
		if problemOf(t, out); out.StatusCode != 404 || seen {
			t.Errorf("%.40q is answered with %d", wrong, out.StatusCode)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	type body struct {
		Items []string       `json:"items"`
		More  *string        `json:"more,omitempty"`
		Map   map[string]int `json:"map"`
	}
	a := gateway.Answer[body]{Status: 201, Body: body{Map: map[string]int{"b": 2, "a": 1}}, ETag: `"3"`, Location: "/v1/x"}
	op := gateway.Plain(func(context.Context, gateway.Request) (gateway.Answer[body], error) { return a, nil })
	out := handle(t, open("listDevices", op, new(bytes.Buffer)), gatewaytest.Event("listDevices", "", "", nil))
	want := events.APIGatewayV2HTTPResponse{StatusCode: 201, Body: `{"items":[],"map":{"a":1,"b":2}}`, Headers: map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "ETag": `"3"`, "Location": "/v1/x"}}
	if d := cmp.Diff(want, out); d != "" {
		t.Error(d)
	}
	none := gateway.Plain(func(context.Context, gateway.Request) (gateway.Answer[struct{}], error) {
		return gateway.Answer[struct{}]{Status: 204}, nil
	})
	out = handle(t, open("listDevices", none, new(bytes.Buffer)), gatewaytest.Event("listDevices", "", "", nil))
	want = events.APIGatewayV2HTTPResponse{StatusCode: 204, Headers: map[string]string{"Cache-Control": "no-store"}}
	if d := cmp.Diff(want, out); d != "" {
		t.Error(d)
	}
}

// TestFailures: each kind has its status, and what is ours to mend tells its caller nothing.
func TestFailures(t *testing.T) {
	t.Parallel()
	secret := errors.New("secret cause")
	for _, row := range []struct {
		name   string
		err    error
		status int
		code   string
		header [2]string
		logged bool // the whole failure
	}{
		{"Invalid", fault.Wrap(secret, fault.Invalid, "c", "s"), 400, "c", [2]string{}, false},
		{"Unsigned", fault.Wrap(secret, fault.Unsigned, "c", "s"), 401, "c", [2]string{"WWW-Authenticate", "Bearer"}, false},
		{"Forbidden", fault.Wrap(secret, fault.Forbidden, "c", "s"), 403, "c", [2]string{}, false},
		{"NotFound", fault.Wrap(secret, fault.NotFound, "c", "s"), 404, "c", [2]string{}, false},
		{"Conflict", fault.Wrap(secret, fault.Conflict, "c", "s"), 409, "c", [2]string{}, false},
		{"Gone", fault.Wrap(secret, fault.Gone, "c", "s"), 410, "c", [2]string{}, false},
		{"Lost", fault.Wrap(secret, fault.Lost, "c", "s"), 410, "c", [2]string{}, true},
		{"Unversioned", fault.Wrap(secret, fault.Unversioned, "c", "s"), 428, "c", [2]string{}, false},
		{"Stale", fault.Wrap(secret, fault.Stale, "c", "s"), 412, "c", [2]string{}, false},
		{"TooLarge", fault.Wrap(secret, fault.TooLarge, "c", "s"), 413, "c", [2]string{}, false},
		{"Unsupported", fault.Wrap(secret, fault.Unsupported, "c", "s"), 415, "c", [2]string{}, false},
		{"Unprocessable", fault.Wrap(secret, fault.Unprocessable, "c", "s"), 422, "c", [2]string{}, false},
		{"TooMany", fault.Wrap(secret, fault.TooMany, "c", "s"), 429, "c", [2]string{"Retry-After", "60"}, false},
		{"Unavailable", fault.Wrap(secret, fault.Unavailable, "c", "s"), 503, "c", [2]string{"Retry-After", "1"}, true},
		{"Internal", fault.Wrap(secret, fault.Internal, "list_damaged", "s"), 500, "internal", [2]string{}, true},
		{"Plain", secret, 500, "internal", [2]string{}, true},
		{"Wrapped", fmt.Errorf("while reading: %w", fault.Wrap(secret, fault.Gone, "c", "s")), 410, "c", [2]string{}, false},
		{"NotUTF8", fault.New(fault.Gone, "c", "\xff"), 500, "internal", [2]string{}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			op := gateway.Plain(func(context.Context, gateway.Request) (out gateway.Answer[struct{}], err error) { return out, row.err })
			out := handle(t, open("listDevices", op, &log), gatewaytest.Event("listDevices", "", "", nil))
			p := problemOf(t, out)
			if p.Status != row.status || p.Code != row.code || out.Headers[row.header[0]] != row.header[1] || strings.Contains(out.Body, "secret") {
				t.Errorf("it is answered with %v %s", out.Headers, out.Body)
			}
			if p.Status == 500 && row.name != "NotUTF8" && (p.Instance == nil || *p.Instance != "request-1" || *p.Detail != "internal error") || p.Status != 500 && p.Instance != nil {
				t.Errorf("the problem is %s", out.Body)
			}
			if got := strings.Count(log.String(), "secret"); row.name != "NotUTF8" && got != map[bool]int{true: 1}[row.logged] || strings.Count(log.String(), "\n") != 1 {
				t.Errorf("the log is %s", log.String())
			}
		})
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	err := fault.Fields([]fault.Field{{Pointer: "/a", Code: "x", Detail: "d"}, {Pointer: "/b", Code: "y", Detail: "e"}})
	op := gateway.Plain(func(context.Context, gateway.Request) (out gateway.Answer[struct{}], _ error) { return out, err })
	p := problemOf(t, handle(t, open("listDevices", op, new(bytes.Buffer)), gatewaytest.Event("listDevices", "", "", nil)))
	want := []api.FieldError{{Pointer: "/a", Code: "x", Detail: "d"}, {Pointer: "/b", Code: "y", Detail: "e"}}
	if d := cmp.Diff(want, p.Errors); d != "" {
		t.Error(d)
	}
}

// TestPanic: the process lives, the caller learns nothing, the log has where it was and nothing that was sent.
func TestPanic(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){
		"OwnValue": func() { panic("secret") },
		"Runtime":  func() { map[string]*strings.Builder{}["secret"].WriteString("secret") },
		"Error":    func() { panic(errors.New("secret")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			op := gateway.Plain(func(context.Context, gateway.Request) (out gateway.Answer[struct{}], err error) { fail(); return })
			a := open("listDevices", op, &log)
			p := problemOf(t, handle(t, a, gatewaytest.Event("listDevices", "", "", nil)))
			if p.Status != 500 || *p.Detail != "internal error" || strings.Contains(log.String(), `secret`) || !strings.Contains(log.String(), "gateway_test.go") {
				t.Errorf("it is answered with %d %s; the log is %s", p.Status, *p.Detail, log.String())
			}
		})
	}
}

// TestLog: one line, which names route, status and opaque ids, and nothing that anybody wrote.
func TestLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	a := open("createProfile", taking("createProfile", new(bool)), &log)
	e := gatewaytest.Event("createProfile", "", "", strings.Replace(profileBody, "Every night", "sentinel", 1))
	e.Headers["authorization"] = "Bearer sentinel"
	handle(t, a, e)
	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("the log is not one line of JSON: %v: %s", err, log.String())
	}
	delete(line, "time")
	want := map[string]any{"level": "INFO", "msg": "request", "route": "POST /v1/profiles", "status": 200.0, "ms": 0.0, "request": "request-1", "user": "U", "device": ""}
	if d := cmp.Diff(want, line); d != "" {
		t.Error(d)
	}
	if strings.Contains(log.String(), "sentinel") || strings.Contains(log.String(), "Ada") {
		t.Errorf("the log has what was sent: %s", log.String())
	}
}

// TestUnready: a function that lacks an operation or a way to tell who asks answers nothing.
func TestUnready(t *testing.T) {
	t.Parallel()
	a := open("listDevices", gateway.Plain(func(context.Context, gateway.Request) (out gateway.Answer[struct{}], err error) { return out, nil }), new(bytes.Buffer))
	if out := handle(t, a, gatewaytest.Event("getDevice", id, "", nil)); out.StatusCode != 500 {
		t.Errorf("a route without an operation is answered with %d", out.StatusCode)
	}
	a.Console = nil
	if out := handle(t, a, gatewaytest.Event("listDevices", "", "", nil)); out.StatusCode != 500 {
		t.Errorf("a route without an authenticator is answered with %d", out.StatusCode)
	}
}
