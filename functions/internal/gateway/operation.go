package gateway

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json"

	"zapas/shared/fault"
)

// Operation is the code that answers one route.
type Operation struct {
	parameters []string
	once       bool
	secret     bool
	columns    []string // of a list that answers text/csv, too
	serve      func(ctx context.Context, r Request) (reply, error)
}

// Answer is what an operation answers when it succeeds.
type Answer[Out any] struct {
	Status   int // 0: 200; with 204 there is no body
	Body     Out
	ETag     string
	Location string
}

// reply is an answer on its way out.
type reply struct {
	status int
	header map[string]string
	body   []byte
}

// JSON is an operation with a body, which must be exactly an In.
func JSON[In, Out any](serve func(ctx context.Context, r Request, in In) (Answer[Out], error)) Operation {
	return Operation{serve: func(ctx context.Context, r Request) (reply, error) {
		var in In
		if err := decode(r, &in); err != nil {
			return reply{}, err
		}
		answer, err := serve(ctx, r, in)
		if err != nil {
			return reply{}, err
		}
		return render(answer)
	}}
}

// Plain is an operation without a body; parameters are those that it takes in the query: limit and cursor, which are read
// here, or others, which it reads itself.
func Plain[Out any](serve func(ctx context.Context, r Request) (Answer[Out], error), parameters ...string) Operation {
	return Operation{parameters: parameters, serve: func(ctx context.Context, r Request) (reply, error) {
		if len(r.Body) > 0 {
			return reply{}, fault.New(fault.Invalid, "invalid", "This operation takes no body; send none.")
		}
		answer, err := serve(ctx, r)
		if err != nil {
			return reply{}, err
		}
		return render(answer)
	}}
}

func render[Out any](a Answer[Out]) (reply, error) {
	out := reply{status: http.StatusOK, header: map[string]string{"Cache-Control": "no-store"}}
	if a.Status != 0 {
		out.status = a.Status
	}
	if a.ETag != "" {
		out.header["ETag"] = a.ETag
	}
	if a.Location != "" {
		out.header["Location"] = a.Location
	}
	if out.status == http.StatusNoContent {
		return out, nil
	}
	var err error
	out.header["Content-Type"] = "application/json"
	out.body, err = json.Marshal(a.Body, json.Deterministic(true))
	return out, err
}
