package standin

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"zapas/localstack/standin/s3"
	"zapas/localstack/standin/scheduler"
	"zapas/localstack/standin/sigv4"
)

// Fault is what befalls a call.
type Fault int

const (
	None      Fault = iota
	Before          // it never arrives
	After           // it takes effect, and its answer is lost
	Throttled       // it is refused for now, without effect
)

// Call is a call about to be made.
type Call struct {
	Service   string // "dynamodb", "events", "kms", "s3", "scheduler"
	Operation string // such as "PutItem", "PutObject"
	N         int    // how many calls this transport has carried before
	Request   *http.Request
}

// Transport carries requests to the services without a socket. strike, if there is one, says of each call what befalls
// it.
func (a *AWS) Transport(strike func(Call) Fault) http.RoundTripper {
	return &transport{aws: a, strike: strike}
}

type transport struct {
	aws    *AWS
	strike func(Call) Fault
	calls  atomic.Int64
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, errors.Join(err, unsent(r))
	}
	fault := None
	if n := t.calls.Add(1) - 1; t.strike != nil {
		fault = t.strike(Call{Service: service(r), Operation: operation(r), N: int(n), Request: r})
	}
	switch fault {
	case Before:
		return nil, errors.Join(lost(r), unsent(r))
	case Throttled:
		return t.throttle(r), unsent(r)
	case None, After:
	}
	answer, err := t.carry(r)
	if fault == After && err == nil {
		_ = answer.Body.Close()
		return nil, lost(r)
	}
	return answer, err
}

// carry writes the request as it would go over a wire, and shows the service what a server reads from there.
func (t *transport) carry(r *http.Request) (*http.Response, error) {
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		return nil, err
	}
	in, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		return nil, err
	}
	in.RemoteAddr = "127.0.0.1:1"
	if in.ContentLength > 0 {
		in.Header.Set("Content-Length", strconv.FormatInt(in.ContentLength, 10)) // a server keeps it
	}
	w := &recorder{header: http.Header{}}
	t.aws.ServeHTTP(w, in.WithContext(r.Context()))
	return w.response(r), nil
}

// throttle answers as a service does that has too much to do.
func (t *transport) throttle(r *http.Request) *http.Response {
	w := &recorder{header: http.Header{}}
	switch to := service(r); to {
	case sigv4.S3:
		refuse(w, r, to, http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
	case ofScheduler:
		refuse(w, r, to, http.StatusTooManyRequests, "ThrottlingException", "Rate exceeded")
	default:
		refuse(w, r, to, http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
	}
	return w.response(r)
}

// unsent closes the body of a request that is not carried, as a transport must.
func unsent(r *http.Request) error {
	if r.Body == nil {
		return nil
	}
	return r.Body.Close()
}

// A recorder keeps an answer until it is whole.
type recorder struct {
	status int
	header http.Header
	sent   http.Header // as it was with the status
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.sent = status, w.header.Clone()
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// response is what a client reads from the wire: a body that is shorter than it was announced ends in an error.
func (w *recorder) response(r *http.Request) *http.Response {
	w.WriteHeader(http.StatusOK)
	answer := &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.sent, Request: r,
		ContentLength: int64(w.body.Len()), Body: io.NopCloser(&w.body),
	}
	if n, err := strconv.ParseInt(w.sent.Get("Content-Length"), 10, 64); err == nil {
		answer.ContentLength = n
		if r.Method != http.MethodHead && n > int64(w.body.Len()) {
			answer.Body = io.NopCloser(io.MultiReader(&w.body, cut{}))
		}
	}
	return answer
}

// cut is the end of a connection in the middle of an answer.
type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func lost(r *http.Request) error {
	return fmt.Errorf("%s %s: %w", r.Method, r.URL.Host, syscall.ECONNRESET)
}

func operation(r *http.Request) string {
	if _, op, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return op
	}
	if service(r) == ofScheduler {
		return scheduler.Operation(r)
	}
	return s3.Operation(r)
}
