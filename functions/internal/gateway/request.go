package gateway

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"zapas/shared/api"
	"zapas/shared/caller"
	"zapas/shared/fault"
)

// Limits of a request.
const (
	MaxBody      = 256 << 10 // bytes
	MaxLimit     = 200       // items on one page
	DefaultLimit = 50
	maxCursor    = 512
	maxParameter = 64 // characters of any other
)

// Request is what was asked, and by whom.
type Request struct {
	Route         api.Route
	Who           caller.Caller // proven; zero on an open route
	ID            string        // of the path, in the form of an id; "" when the path has none
	NewID         string        // of what the request creates, when it carries an Idempotency-Key: the same in every attempt
	Limit         int
	Cursor        string
	Parameters    map[string]string // others of the query that the operation takes; one that is not given is ""
	Authorization string            // the header, as sent
	Path, Query   string            // as sent
	Body          []byte
	RequestID     string

	mediaType, encoding string
	accept              string
	ifMatch, key        string // key is the Idempotency-Key
}

// Target is what the caller asked for: the path, and the query if there is one.
func (r Request) Target() string {
	if r.Query == "" {
		return r.Path
	}
	return r.Path + "?" + r.Query
}

// read takes from the event what the caller himself sent, and nothing that API Gateway says of him: whoever may invoke
// the function can write that.
func (r *Request) read(e events.APIGatewayV2HTTPRequest) error {
	r.Path, r.Query = e.RawPath, e.RawQueryString
	r.Authorization, r.mediaType, r.encoding = e.Headers["authorization"], e.Headers["content-type"], e.Headers["content-encoding"]
	r.accept = e.Headers["accept"]
	r.ifMatch, r.key = e.Headers["if-match"], e.Headers["idempotency-key"]
	size := len(e.Body)
	if e.IsBase64Encoded {
		size = base64.StdEncoding.DecodedLen(size) - 2 // at least
	}
	if size > MaxBody {
		return tooLarge()
	}
	r.Body = []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if r.Body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return fault.New(fault.Invalid, "invalid", "The body cannot be read: it is no base64.")
		}
	}
	if len(r.Body) > MaxBody {
		return tooLarge()
	}
	return nil
}

func tooLarge() error {
	return fault.New(fault.TooLarge, "too_large", "The body has more than %d bytes; send less at a time.", MaxBody)
}

// id is the path's; one that has not the form of an id names nothing.
func id(route api.Route, parameters map[string]string) (string, error) {
	if !strings.Contains(route.Path, "{id}") {
		return "", nil
	}
	if s := parameters["id"]; caller.ValidID(s) {
		return s, nil
	}
	return "", fault.New(fault.NotFound, "not_found", "There is nothing at this address.")
}

// parameters reads the query: those that the operation takes, and each at most once.
func (r *Request) parameters(taken []string) error {
	values, err := url.ParseQuery(r.Query)
	if err != nil {
		return fault.New(fault.Invalid, "invalid", "The query cannot be read: mend its %%-escapes, and separate parameters by &.")
	}
	var wrong []fault.Field
	r.Limit, r.Parameters = DefaultLimit, map[string]string{}
	for name, given := range values {
		switch {
		case !slices.Contains(taken, name):
			wrong = append(wrong, fault.Field{Pointer: short(name), Code: "unknown", Detail: "this operation takes no such parameter"})
		case len(given) > 1:
			wrong = append(wrong, fault.Field{Pointer: name, Code: "invalid", Detail: "it is given more than once"})
		case name == "limit":
			n, err := strconv.ParseUint(given[0], 10, 16)
			if r.Limit = int(n); err != nil || r.Limit < 1 || r.Limit > MaxLimit {
				wrong = append(wrong, fault.Field{Pointer: name, Code: "invalid", Detail: "it must be a number from 1 to 200"})
			}
		case name == "cursor":
			if r.Cursor = given[0]; r.Cursor == "" || len(r.Cursor) > maxCursor {
				wrong = append(wrong, fault.Field{Pointer: name, Code: "invalid", Detail: "it is not one that this list has given"})
			}
		default:
			if r.Parameters[name] = given[0]; given[0] == "" || utf8.RuneCountInString(given[0]) > maxParameter {
				wrong = append(wrong, fault.Field{Pointer: name, Code: "invalid", Detail: "it must have 1 to 64 characters"})
			}
		}
	}
	slices.SortFunc(wrong, func(a, b fault.Field) int { return strings.Compare(a.Pointer, b.Pointer) })
	return fault.Fields(wrong)
}
