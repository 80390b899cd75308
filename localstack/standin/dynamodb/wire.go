package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"zapas/localstack/standin/intact"
)

const (
	target      = "DynamoDB_20120810."
	contentType = "application/x-amz-json-1.0"
)

// ServeHTTP answers one request of the wire protocol.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := s.now()
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), target)
	var answer any
	var err error
	if r.Method != http.MethodPost || !ok {
		err = refuse(typeUnknown, "Not a POST with an X-Amz-Target of %s<operation>", target)
	} else {
		answer, err = s.serve(r.Context(), operation, http.MaxBytesReader(w, r.Body, maxRequest))
	}
	status := http.StatusOK
	if err != nil {
		f := s.failureOf(operation, err)
		status, answer = f.status, f.wire()
	}
	s.send(w, status, answer)
	s.log.LogAttrs(r.Context(), slog.LevelDebug, "dynamodb",
		slog.String("operation", operation), slog.Int("status", status), slog.Duration("took", s.now().Sub(begun)))
}

func (s *Server) serve(ctx context.Context, operation string, body io.Reader) (any, error) {
	data, err := io.ReadAll(body)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		f := invalid("Request size exceeded limit %d bytes", maxRequest)
		f.status = http.StatusRequestEntityTooLarge
		return nil, f
	}
	if err != nil {
		return nil, fmt.Errorf("the request could not be read: %w", err)
	}
	switch operation {
	case "GetItem":
		return decoded(ctx, data, s.get)
	case "PutItem":
		return decoded(ctx, data, func(ctx context.Context, r writeRequest) (any, error) { return s.write(ctx, "Put", r) })
	case "UpdateItem":
		return decoded(ctx, data, func(ctx context.Context, r writeRequest) (any, error) { return s.write(ctx, "Update", r) })
	case "DeleteItem":
		return decoded(ctx, data, func(ctx context.Context, r writeRequest) (any, error) { return s.write(ctx, "Delete", r) })
	case "Query":
		return decoded(ctx, data, s.query)
	case "TransactWriteItems":
		return decoded(ctx, data, s.transact)
	case "CreateTable":
		return decoded(ctx, data, s.createTable)
	case "DescribeTable":
		return decoded(ctx, data, s.describeTable)
	case "UpdateTimeToLive":
		return decoded(ctx, data, s.updateTTL)
	case "PutResourcePolicy":
		return decoded(ctx, data, s.putPolicy)
	case "DeleteTable":
		return decoded(ctx, data, s.deleteTable)
	}
	f := refuse(typeNotImplemented, "The operation %s is not implemented here", operation)
	f.status = http.StatusNotImplemented
	return nil, f
}

// decoded hands a request on that has no unknown, doubled or mistyped members.
func decoded[R any](ctx context.Context, data []byte, do func(context.Context, R) (any, error)) (any, error) {
	var r R
	err := json.Unmarshal(data, &r, json.RejectUnknownMembers(true))
	if f, ok := failureIn(err); ok {
		return nil, f
	}
	if err != nil {
		return nil, refuse(typeSerialization, "The request cannot be read: %s", err)
	}
	return do(ctx, r)
}

// failureOf is what the caller may see of an error; what he may not is logged.
func (s *Server) failureOf(operation string, err error) *failure {
	if f, ok := failureIn(err); ok {
		return f
	}
	if intact.Full(err) {
		err = full(s.config, err)
	}
	s.log.Error("dynamodb: internal error", slog.String("operation", operation), slog.Any("error", err))
	f := refuse(typeInternal, "Internal server error")
	f.status = http.StatusInternalServerError
	return f
}

func (s *Server) send(w http.ResponseWriter, status int, answer any) {
	body, err := json.Marshal(answer, json.Deterministic(true))
	if err != nil {
		f := s.failureOf("answer", err)
		status, body = f.status, []byte(`{"__type":"`+typeInternal+`"}`)
	}
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("X-Amzn-RequestId", s.requestID())
	header.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	w.WriteHeader(status)
	// A caller that has gone away has no use for the error.
	_, _ = w.Write(body)
}

// requestID numbers the answers; it looks like DynamoDB's, 52 characters long.
func (s *Server) requestID() string {
	return fmt.Sprintf("%020d%032d", s.opened.UnixNano(), s.requests.Add(1))
}

// now is the injected time.
func (s *Server) now() time.Time { return s.config.Now() }
