package standin

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
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
	Service   string // "dynamodb", "kms", "s3"
	Operation string // such as "PutItem"; of S3 the method, such as "PUT"
	N         int64  // how many calls this transport has carried before
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
		return nil, err
	}
	fault := None
	if n := t.calls.Add(1) - 1; t.strike != nil {
		fault = t.strike(Call{Service: service(r), Operation: operation(r), N: n, Request: r})
	}
	switch fault {
	case Before:
		return nil, lost(r)
	case Throttled:
		w := httptest.NewRecorder()
		if service(r) == "s3" {
			refuse(w, r, "s3", http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
		} else {
			refuse(w, r, service(r), http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
		}
		return w.Result(), nil
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
	w := httptest.NewRecorder()
	t.aws.ServeHTTP(w, in.WithContext(r.Context()))
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

func lost(r *http.Request) error {
	return fmt.Errorf("%s %s: %w", r.Method, r.URL.Host, syscall.ECONNRESET)
}

func operation(r *http.Request) string {
	if _, op, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return op
	}
	return r.Method
}
