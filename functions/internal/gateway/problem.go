package gateway

import (
	"errors"
	"net/http"

	"github.com/go-json-experiment/json"

	"zapas/shared/api"
	"zapas/shared/fault"
)

// problem is the answer to a failure (RFC 9457). Of what is ours to mend it says nothing but where to look.
func problem(r Request, err error) reply {
	known, ok := errors.AsType[*fault.Error](err)
	if !ok || known.Kind == fault.Internal {
		known = fault.New(fault.Internal, "internal", "internal error")
	}
	status := statusOf(known.Kind)
	p := api.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: known.Code, Detail: &known.Sentence}
	for _, f := range known.Fields {
		p.Errors = append(p.Errors, api.FieldError{Pointer: f.Pointer, Code: f.Code, Detail: f.Detail})
	}
	if !known.Time.IsZero() {
		p.ServerTime = &known.Time
	}
	if known.Counter != 0 {
		p.Counter = &known.Counter
	}
	if known.Counts != nil {
		p.Counts = new(api.Counts(known.Counts))
	}
	if known.Kind == fault.Internal {
		p.Instance = &r.RequestID
	}
	out := reply{status: status, header: map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store"}}
	switch {
	case known.Kind == fault.Unavailable:
		out.header["Retry-After"] = "1"
	case known.Kind == fault.TooMany:
		out.header["Retry-After"] = "60"
	case known.Kind == fault.Unsigned && r.Route.Auth == api.AuthConsole:
		out.header["WWW-Authenticate"] = "Bearer"
	case known.Kind == fault.Unsigned:
		out.header["WWW-Authenticate"] = "Zapas-Device"
	}
	if out.body, err = json.Marshal(p); err != nil { // a sentence that is no UTF-8
		out.body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500,"code":"internal","detail":"internal error"}`)
		out.status = http.StatusInternalServerError
	}
	return out
}

func statusOf(k fault.Kind) int {
	switch k {
	case fault.Internal:
		return http.StatusInternalServerError
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unsigned:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Gone, fault.Lost:
		return http.StatusGone
	case fault.Unversioned:
		return http.StatusPreconditionRequired
	case fault.Stale:
		return http.StatusPreconditionFailed
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.Unprocessable:
		return http.StatusUnprocessableEntity
	case fault.TooMany:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Unsupported:
		return http.StatusUnsupportedMediaType
	}
	return http.StatusInternalServerError
}
