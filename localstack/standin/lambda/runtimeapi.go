package lambda

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// runtimeAPI is what the process in the environment talks to (developer guide, "Using the Lambda runtime API").
func (e *environment) runtimeAPI() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", e.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", e.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", e.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", e.initFailure)
	return mux
}

// next waits for an event, however long that takes.
func (e *environment) next(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	busy := e.current != nil
	if !busy && !e.polled {
		e.polled = true
		close(e.ready)
	}
	e.mu.Unlock()
	if busy {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "The last event has not been answered.")
		return
	}
	select {
	case inv := <-e.events:
		e.mu.Lock()
		e.current = inv
		e.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(inv.payload)))
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", e.arn)
		h.Set("Lambda-Runtime-Trace-Id", traceID())
		w.Write(inv.payload) // if the process has died, its end says so
	case <-r.Context().Done():
	}
}

func traceID() string {
	var b [20]byte
	rand.Read(b[:])
	return fmt.Sprintf("Root=1-%08x-%x;Parent=%x;Sampled=0", time.Now().Unix(), b[:12], b[12:])
}

func (e *environment) response(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponse))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		text := fmt.Sprintf("payload size exceeded maximum allowed payload size (%d bytes).", maxResponse)
		e.finish(r, outcome{err: &FunctionError{Type: "Function.ResponseSizeTooLarge", Message: "Response " + text}})
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Response "+text)
	case err != nil:
		refuse(w, http.StatusBadRequest, "InvalidRequest", "The answer broke off.")
	case r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != "":
		// The handler's reader failed half-way: what came before is no answer.
		failure := &FunctionError{Type: r.Trailer.Get("Lambda-Runtime-Function-Error-Type")}
		if text, err := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body")); err == nil {
			_ = json.Unmarshal(text, failure) // what is no JSON says no more than its type
		}
		e.accept(w, r, outcome{err: failure})
	default:
		e.accept(w, r, outcome{response: body})
	}
}

func (e *environment) failure(w http.ResponseWriter, r *http.Request) {
	failure, err := readFailure(w, r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", "The error broke off.")
		return
	}
	e.accept(w, r, outcome{err: failure})
}

func (e *environment) initFailure(w http.ResponseWriter, r *http.Request) {
	failure, err := readFailure(w, r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", "The error broke off.")
		return
	}
	e.mu.Lock()
	e.initError = failure
	e.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

// readFailure takes an error as runtimes send it. One without a readable body is an error all the same.
func readFailure(w http.ResponseWriter, r *http.Request) (*FunctionError, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponse))
	if err != nil {
		return nil, err
	}
	failure := &FunctionError{Type: r.Header.Get("Lambda-Runtime-Function-Error-Type")}
	if json.Unmarshal(body, failure) != nil || failure.Type == "" {
		failure.Type = "Runtime.UnknownReason"
	}
	return failure, nil
}

func (e *environment) accept(w http.ResponseWriter, r *http.Request, out outcome) {
	if !e.finish(r, out) {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// finish gives the outcome to the caller that waits for it, once. False: the id is not the current event's.
func (e *environment) finish(r *http.Request, out outcome) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current == nil || e.current.id != r.PathValue("id") {
		return false
	}
	e.current.done <- out
	e.current = nil
	return true
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(FunctionError{Type: kind, Message: message})
}
