package remote

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"zapas/device/internal/alloctest"
	"zapas/shared/api"
)

// FuzzProblem: whatever the service, the storage or what stands between answers in place of a success, it becomes an error
// with a sentence, and nobody is made to wait for less than no time.
func FuzzProblem(f *testing.F) {
	f.Add(503, []byte(problemJSON(503, "busy")), "7")
	f.Add(401, []byte(`{"code":"token_time","serverTime":"2026-03-01T12:00:00Z"}`), "Sun, 01 Mar 2026 12:00:09 GMT")
	f.Add(403, []byte(`<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`), "-1")
	f.Add(502, []byte("<html>Bad gateway</html>"), "99999999999999999999")
	f.Fuzz(func(t *testing.T, status int, body []byte, after string) {
		resp := &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Retry-After": {after}},
			Request: &http.Request{Method: "GET", URL: &url.URL{Scheme: "https", Host: "zapas.test", Path: "/v1/x"}}}
		for _, read := range []func(*http.Response, []byte, time.Time) error{problemOf, refusedBy} {
			var err error
			alloctest.Within(t, 128<<10+uint64(len(body))*100, func() { err = read(resp, body, noon) })
			if err == nil || Code(err) == "" && Status(err) != 0 {
				t.Fatalf("no error, or one without a code: %v", err)
			}
			if p := problem(err); p != nil && p.Status != status {
				t.Errorf("status %d became %d", status, p.Status)
			}
			if wait, _ := passing(err); wait < 0 {
				t.Errorf("Retry-After %q is %v", after, wait)
			}
			_ = err.Error()
		}
	})
}

// FuzzAnswer: a success is decoded, or refused with the service's address, and nothing else.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"snapshot":"01ARZ3NDEKTSV4RRFFQ69G5FAV","chunks":[{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","size":1}],"counts":{"sms":1},"index":{"offset":1,"length":2},"total":1,"cursor":"x"}`,
		`{"due":true,"why":"first","pollAfter":3600,"restores":[],"profile":{"name":"Every night"}}`,
		`{"device":"01ARZ3NDEKTSV4RRFFQ69G5FAV","user":"01ARZ3NDEKTSV4RRFFQ69G5FAV","tenant":"acme","state":"active"}`,
		`{"kind":"backup","tenant":"acme","user":"u","session":"01ARZ3NDEKTSV4RRFFQ69G5FAV","key":"AAAA","keyVersion":1,"base":{"snapshot":"x","seq":9},"expiresAt":"2026-03-01T12:00:00Z"}`,
		`{"chunks":[{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","url":"https://storage.test/x","headers":{"x-amz-checksum-sha256":"AA=="}}],"expiresAt":"2026-03-01T12:00:00Z"}`,
		`{"snapshot":"01ARZ3NDEKTSV4RRFFQ69G5FAV","seq":9223372036854775807}`,
		`{"keyVersion":2147483647,"keys":[{"session":"01ARZ3NDEKTSV4RRFFQ69G5FAV","key":"AAAA"}]}`,
		`{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","state":"done","kinds":["sms"],"ledger":{"messages":{"planned":1}},"createdAt":"2026-03-01T12:00:00Z"}`,
		`{"seq":9223372036854775808,"keyVersion":1e99,"expiresAt":"yesterday","state":7,"total":-1}`,
		`null`, `[]`, `{`, `{}{}`, ` {"a":"\ud800"}`,
		`{"chunks":` + strings.Repeat("[", 20000),
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, out := range []any{new(api.Enrolled), new(api.CheckInAnswer), new(api.Session), new(api.SignedChunks), new(api.Committed),
			new(api.Manifest), new(api.Keys), new(api.Restore)} {
			c, _, _ := client(t, says(200, string(body)))
			alloctest.Within(t, 1<<20+uint64(len(body))*200, func() {
				err := c.once(t.Context(), http.MethodGet, "/v1/x", nil, out)
				if _, lost := errors.AsType[*Unanswered](err); lost || err != nil && !strings.Contains(err.Error(), "https://zapas.test") {
					t.Errorf("%T: %v", out, err)
				}
			})
		}
	})
}

// FuzzRetryAfter: no header makes a device wait for less than no time, or overflows (RFC 9110, section 10.2.3).
func FuzzRetryAfter(f *testing.F) {
	for _, v := range []string{"0", "120", "-5", "Sun, 01 Mar 2026 12:00:09 GMT", "Sunday, 01-Mar-26 12:00:09 GMT", "9223372036854775807", "x"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		var d time.Duration
		alloctest.Within(t, 64<<10+uint64(len(v))*20, func() { d = retryAfter(v, noon) })
		if d < 0 || !utf8.ValidString(v) && d != 0 {
			t.Errorf("%q: %v", v, d)
		}
	})
}
