package apigateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin/apigateway"
	"zapas/localstack/standin/lambda"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// stub is a function: it keeps its events and answers what it is told to.
type stub struct {
	answer string
	err    error
	mu     sync.Mutex
	called []string // the functions
	events [][]byte
}

func (s *stub) invoke(_ context.Context, function string, payload []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.called = append(s.called, function)
	s.events = append(s.events, payload)
	return []byte(s.answer), s.err
}

// api has every kind of route, and no CORS unless it is added.
func api(t *testing.T, s *stub, change ...func(*apigateway.Config)) *apigateway.API {
	t.Helper()
	cfg := apigateway.Config{
		Routes: []apigateway.Route{
			{Method: "GET", Path: "/v1/profiles", Function: "profiles"},
			{Method: "POST", Path: "/v1/profiles", Function: "profiles"},
			{Method: "GET", Path: "/v1/profiles/{id}", Function: "profiles"},
			{Method: "POST", Path: "/v1/profiles/preview", Function: "preview"},
			{Method: "POST", Path: "/v1/profiles/{id}", Function: "wrong"},
			{Method: "POST", Path: "/v1/{kind}/{id}/copy", Function: "wrong"},
			{Method: "POST", Path: "/v1/profiles/{id}/copy", Function: "copy"},
			{Method: "GET", Path: "/v1/me", Function: "devices", JWT: true},
		},
		Invoke:   s.invoke,
		Issuer:   "http://127.0.0.1:7420/oidc",
		Audience: []string{"zapas", "other"},
		Keys:     keys{},
		Now:      func() time.Time { return noon },
		NewID:    func() string { return "REQUEST=" },
	}
	for _, c := range change {
		c(&cfg)
	}
	a, err := apigateway.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func ok() *stub { return &stub{answer: `{"statusCode":200}`} }

func request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host, r.RemoteAddr = "127.0.0.1:7420", "192.0.2.7:4711"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func serve(a *apigateway.API, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

func TestEvent(t *testing.T) {
	t.Parallel()
	s := ok()
	serve(api(t, s), request("POST", "/v1/profiles/a%20b/copy?tag=x&tag=y%2Cz&na%20me=%C4%85&flag", `{"name":"ż"}`,
		"Content-Type", "application/json", "X-Several", "one", "X-Several", "two", "User-Agent", "curl/8",
		"Cookie", "a=1; b=2", "Cookie", "c=3", "X-Forwarded-For", "198.51.100.1", "Connection", "keep-alive"))
	want := `{
		"version": "2.0",
		"routeKey": "POST /v1/profiles/{id}/copy",
		"rawPath": "/v1/profiles/a b/copy",
		"rawQueryString": "tag=x&tag=y%2Cz&na%20me=%C4%85&flag",
		"cookies": ["a=1", "b=2", "c=3"],
		"headers": {
			"content-length": "13", "content-type": "application/json", "host": "127.0.0.1:7420", "user-agent": "curl/8",
			"x-forwarded-for": "198.51.100.1, 192.0.2.7", "x-forwarded-port": "7420", "x-forwarded-proto": "http",
			"x-several": "one,two"
		},
		"queryStringParameters": {"tag": "x,y,z", "na me": "ą", "flag": ""},
		"pathParameters": {"id": "a b"},
		"requestContext": {
			"accountId": "000000000000", "apiId": "local", "domainName": "127.0.0.1:7420", "domainPrefix": "127",
			"http": {
				"method": "POST", "path": "/v1/profiles/a b/copy", "protocol": "HTTP/1.1",
				"sourceIp": "192.0.2.7", "userAgent": "curl/8"
			},
			"requestId": "REQUEST=", "routeKey": "POST /v1/profiles/{id}/copy", "stage": "$default",
			"time": "01/Mar/2026:12:00:00 +0000", "timeEpoch": 1772366400000
		},
		"body": "{\"name\":\"ż\"}",
		"isBase64Encoded": false
	}`
	if len(s.events) != 1 {
		t.Fatalf("%d events", len(s.events))
	}
	if diff := cmp.Diff(decode(t, []byte(want)), decode(t, s.events[0])); diff != "" {
		t.Error(diff)
	}

	serve(api(t, s), request("GET", "/v1/profiles", ""))
	bare := decode(t, s.events[1])
	for _, absent := range []string{"cookies", "queryStringParameters", "pathParameters", "body", "stageVariables", "multiValueHeaders"} {
		if v, has := bare[absent]; has {
			t.Errorf("a bare request has %s: %v", absent, v)
		}
	}
	if context, _ := bare["requestContext"].(map[string]any); context["authorizer"] != nil {
		t.Error("a route without an authorizer has claims")
	}
}

func decode(t *testing.T, data []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return m
}

func TestEvent_Body(t *testing.T) {
	t.Parallel()
	for contentType, base64 := range map[string]bool{
		"application/json":                  false,
		"Application/JSON; charset=utf-8":   false,
		"application/xml":                   false,
		"application/javascript":            false,
		"text/csv":                          false,
		"application/octet-stream":          true,
		"application/problem+json":          true,
		"application/x-www-form-urlencoded": true,
		"no type":                           true,
		"":                                  true,
	} {
		s := ok()
		serve(api(t, s), request("POST", "/v1/profiles", "a=b", "Content-Type", contentType))
		e, want := decode(t, s.events[0]), "a=b"
		if base64 {
			want = "YT1i"
		}
		if e["body"] != want || e["isBase64Encoded"] != base64 {
			t.Errorf("%q: body %v, base64 %v", contentType, e["body"], e["isBase64Encoded"])
		}
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"GET /v1/profiles":            "profiles",
		"GET /v1/profiles/x":          "profiles",
		"POST /v1/profiles/preview":   "preview", // a literal goes before a parameter
		"POST /v1/profiles/x":         "wrong",
		"POST /v1/profiles/x/copy":    "copy", // the first literal decides
		"POST /v1/devices/x/copy":     "wrong",
		"GET /v1/profiles?x=/v1/me":   "profiles",
		"GET /v1/profiles/":           "",
		"GET /v1/profiles/x/":         "",
		"GET /v1//profiles":           "",
		"POST /v1/profiles//copy":     "",
		"GET /v1/profiles/x%2Fy":      "",
		"GET /V1/profiles":            "",
		"DELETE /v1/profiles":         "",
		"HEAD /v1/profiles":           "",
		"OPTIONS /v1/profiles":        "", // without CORS
		"GET /":                       "",
		"GET /v1/profiles/%7Bid%7D":   "profiles",
		"GET /v1/profiles/../secrets": "",
	} {
		s := ok()
		method, path, _ := strings.Cut(target, " ")
		w := serve(api(t, s), request(method, path, ""))
		if want == "" {
			if w.Code != 404 || w.Body.String() != `{"message":"Not Found"}` || len(s.called) > 0 {
				t.Errorf("%s: %d %s, called %v", target, w.Code, w.Body, s.called)
			}
		} else if w.Code != 200 || len(s.called) != 1 || s.called[0] != want {
			t.Errorf("%s: %d, called %v, want %s", target, w.Code, s.called, want)
		}
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	const malformed = `{"message":"Internal Server Error"}`
	for name, c := range map[string]struct {
		answer, err string
		status      int
		body        string
		header      http.Header
	}{
		"Whole": {
			answer: `{"statusCode":201,"headers":{"content-type":"application/json","etag":"\"1\"","Content-Length":"9","Connection":"close"},
				"cookies":["a=1; HttpOnly","b=2"],"multiValueHeaders":{"x-old":["1"]},"body":"{}"}`,
			status: 201, body: "{}",
			header: http.Header{"Content-Type": {"application/json"}, "Etag": {`"1"`}, "Set-Cookie": {"a=1; HttpOnly", "b=2"}},
		},
		"Base64": {
			answer: `{"statusCode":200,"headers":{"content-type":"image/png"},"body":"AP8=","isBase64Encoded":true}`,
			status: 200, body: "\x00\xff", header: http.Header{"Content-Type": {"image/png"}},
		},
		"NoType": {
			answer: `{"statusCode":200,"body":"x"}`,
			status: 200, body: "x", header: http.Header{"Content-Type": {"text/plain;charset=UTF-8"}},
		},
		"NoBody":       {answer: `{"statusCode":204,"headers":null,"cookies":null,"multiValueHeaders":null,"body":null}`, status: 204},
		"NoStatusCode": {answer: `{"a": 1}`, status: 200, body: `{"a": 1}`},
		"Text":         {answer: `"Hello from Lambda!"`, status: 200, body: "Hello from Lambda!"},
		"Null":         {answer: `null`, status: 200, body: "null"},
		"List":         {answer: `[1,2]`, status: 200, body: "[1,2]"},

		"NotJSON":           {answer: `{"statusCode":`, status: 500, body: malformed},
		"Nothing":           {answer: ``, status: 500, body: malformed},
		"StatusCodeText":    {answer: `{"statusCode":"many"}`, status: 500, body: malformed},
		"StatusCodeLow":     {answer: `{"statusCode":199}`, status: 500, body: malformed},
		"StatusCodeLowest":  {answer: `{"statusCode":200}`, status: 200},
		"StatusCodeHighest": {answer: `{"statusCode":599}`, status: 599},
		"StatusCodeHigh":    {answer: `{"statusCode":600}`, status: 500, body: malformed},
		"BodyObject":        {answer: `{"statusCode":200,"body":{}}`, status: 500, body: malformed},
		"HeaderList":        {answer: `{"statusCode":200,"headers":{"a":["b"]}}`, status: 500, body: malformed},
		"NotBase64":         {answer: `{"statusCode":200,"body":"*","isBase64Encoded":true}`, status: 500, body: malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(api(t, &stub{answer: c.answer}), request("GET", "/v1/profiles", ""))
			if w.Code != c.status || w.Body.String() != c.body {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, c.status, c.body)
			}
			if c.header == nil {
				c.header = http.Header{}
				if c.body != "" {
					c.header.Set("Content-Type", "application/json")
				}
			}
			c.header.Set("Apigw-Requestid", "REQUEST=")
			if diff := cmp.Diff(c.header, w.Header()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIntegration_Failures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		status int
		body   string
	}{
		"FunctionFailed": {fmt.Errorf("x: %w", &lambda.FunctionError{Type: "E"}), 500, `{"message":"Internal Server Error"}`},
		"EventTooLarge":  {fmt.Errorf("x: %w", lambda.ErrTooLarge), 413, `{"message":"Request Entity Too Large"}`},
		"NotReached":     {errors.New("no such function"), 503, `{"message":"Service Unavailable"}`},
	} {
		w := serve(api(t, &stub{err: c.err}), request("GET", "/v1/profiles", ""))
		if w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestIntegration_TimesOut(t *testing.T) {
	t.Parallel()
	for own, want := range map[time.Duration]time.Duration{0: 30 * time.Second, 12 * time.Second: 12 * time.Second, time.Minute: 30 * time.Second} {
		timesOut(t, own, want)
	}
}

// timesOut gives a route a time of its own and wants the answer after another.
func timesOut(t *testing.T, own, want time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		var took time.Duration
		a := api(t, nil, func(cfg *apigateway.Config) {
			for i := range cfg.Routes {
				cfg.Routes[i].Timeout = own
			}
			cfg.Invoke = func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
				start := time.Now()
				<-ctx.Done()
				took = time.Since(start)
				return nil, ctx.Err()
			}
		})
		w := serve(a, request("GET", "/v1/profiles", ""))
		if w.Code != 503 || took != want {
			t.Errorf("%d after %v", w.Code, took)
		}
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	a := api(t, ok())
	const most = 10 << 20
	for size, want := range map[int]int{most: 200, most + 1: 413} {
		if w := serve(a, request("POST", "/v1/profiles", strings.Repeat("x", size), "Content-Type", "text/plain")); w.Code != want {
			t.Errorf("a body of %d bytes: %d %.80s", size, w.Code, w.Body)
		}
	}
	const line = len("GET /v1/profiles HTTP/1.1") + len("127.0.0.1:7420")
	for size, want := range map[int]int{10_240: 200, 10_241: 431} {
		if w := serve(a, request("GET", "/v1/profiles", "", "X", strings.Repeat("x", size-line))); w.Code != want {
			t.Errorf("headers of %d bytes: %d %s", size, w.Code, w.Body)
		}
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	const console = "http://127.0.0.1:5173"
	s := &stub{answer: `{"statusCode":200,"headers":{"Access-Control-Allow-Origin":"*","Vary":"Accept"}}`}
	a := api(t, s, func(cfg *apigateway.Config) {
		cfg.Origins = []string{console}
		cfg.AllowHeaders = []string{"authorization", "content-type"}
		cfg.ExposeHeaders = []string{"etag"}
	})
	for name, c := range map[string]struct {
		r      *http.Request
		status int
		want   http.Header
	}{
		"Preflight": {
			request("OPTIONS", "/v1/me", "", "Origin", console, "Access-Control-Request-Method", "GET"), 204,
			http.Header{
				"Vary":                         {"Origin"},
				"Access-Control-Allow-Origin":  {console},
				"Access-Control-Allow-Methods": {"GET,POST"},
				"Access-Control-Allow-Headers": {"authorization,content-type"},
			},
		},
		"PreflightOfAnotherOrigin": {
			request("OPTIONS", "/v1/me", "", "Origin", "http://127.0.0.1:51730", "Access-Control-Request-Method", "GET"), 204,
			http.Header{"Vary": {"Origin"}},
		},
		"Allowed": {
			request("GET", "/v1/profiles", "", "Origin", console), 200,
			http.Header{
				"Vary":                          {"Accept", "Origin"},
				"Access-Control-Allow-Origin":   {console},
				"Access-Control-Expose-Headers": {"etag"},
			},
		},
		"AnotherOrigin": {
			request("GET", "/v1/profiles", "", "Origin", "http://evil.example"), 200, http.Header{"Vary": {"Accept", "Origin"}},
		},
		"Refused": {
			request("GET", "/v1/me", "", "Origin", console), 401,
			http.Header{
				"Vary":                          {"Origin"},
				"Access-Control-Allow-Origin":   {console},
				"Access-Control-Expose-Headers": {"etag"},
				"Content-Type":                  {"application/json"},
				"Www-Authenticate":              {"Bearer"},
			},
		},
	} {
		w := serve(a, c.r)
		c.want.Set("Apigw-Requestid", "REQUEST=")
		if diff := cmp.Diff(c.want, w.Header()); w.Code != c.status || diff != "" {
			t.Errorf("%s: %d\n%s", name, w.Code, diff)
		}
	}
	if want := []string{"profiles", "profiles"}; !cmp.Equal(s.called, want) {
		t.Errorf("called %v, want %v", s.called, want)
	}
}

func TestAccessLog_NamesNobody(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	a := api(t, ok(), func(cfg *apigateway.Config) {
		cfg.AccessLog = &log
		now := noon
		cfg.Now = func() time.Time { now = now.Add(7 * time.Millisecond); return now }
	})
	serve(a, request("GET", "/v1/profiles/SECRET?q=SECRET", "", "Authorization", "Bearer SECRET", "User-Agent", "SECRET"))
	serve(a, request("GET", "/v1/SECRET", ""))
	serve(a, request("GET", "/v1/me?SECRET", "", "Authorization", "SECRET"))
	want := `{"requestId":"REQUEST=","routeKey":"GET /v1/profiles/{id}","status":200,"latency":7,"ip":"192.0.2.7"}
{"requestId":"REQUEST=","routeKey":"-","status":404,"latency":7,"ip":"192.0.2.7"}
{"requestId":"REQUEST=","routeKey":"GET /v1/me","status":401,"latency":7,"ip":"192.0.2.7"}
`
	if diff := cmp.Diff(want, log.String()); diff != "" {
		t.Error(diff)
	}
}

func TestNew_Refuses(t *testing.T) {
	t.Parallel()
	get := func(path string) apigateway.Route { return apigateway.Route{Method: "GET", Path: path, Function: "f"} }
	for want, cfg := range map[string]apigateway.Config{
		"its method must be":                {Routes: []apigateway.Route{{Method: "ANY", Path: "/", Function: "f"}}},
		"has no function":                   {Routes: []apigateway.Route{{Method: "GET", Path: "/"}}},
		"must begin with /":                 {Routes: []apigateway.Route{get("$default")}},
		`segment "{proxy+}" must be`:        {Routes: []apigateway.Route{get("/{proxy+}")}},
		`segment "a{b}" must be`:            {Routes: []apigateway.Route{get("/a{b}")}},
		`segment "{}" must be`:              {Routes: []apigateway.Route{get("/{}")}},
		`takes the same requests as`:        {Routes: []apigateway.Route{get("/{a}"), get("/{b}")}},
		"give the authorizer an issuer":     {Routes: []apigateway.Route{{Method: "GET", Path: "/", Function: "f", JWT: true}}},
		`CORS cannot allow "*"`:             {Origins: []string{"*"}},
		`CORS cannot allow "http://a.net/"`: {Origins: []string{"http://a.net/"}},
		"has no Invoke":                     {},
	} {
		if want != "has no Invoke" {
			cfg.Invoke = ok().invoke
		}
		if _, err := apigateway.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
