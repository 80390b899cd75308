// Package gateway knows how API Gateway hands a request to a function and takes its answer (HTTP APIs, payload format
// 2.0), and that nobody is heard who is not proven and allowed. It does not know how a caller proves who he is, nor what
// any operation does.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"zapas/shared/api"
	"zapas/shared/caller"
	"zapas/shared/fault"
)

// Authenticator proves who asks, from nothing but what the caller himself has signed or presents. fault.Unsigned when it
// is not proven; fault.Unavailable when that cannot be found out now.
type Authenticator interface {
	Caller(ctx context.Context, r Request) (caller.Caller, error)
}

// API answers the routes of one function.
type API struct {
	Function   string
	Operations map[string]Operation // by the contract's operationId
	Console    Authenticator        // nil in a function without such routes, as is Device
	Device     Authenticator
	Keeper     Keeper // nil in a function without operations that are Once
	Log        *slog.Logger
	Now        func() time.Time
}

// Handle answers one request. It never fails itself: every failure is an answer.
func (a *API) Handle(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	start := a.Now()
	r := Request{RequestID: e.RequestContext.RequestID}
	done, err := a.answer(ctx, &r, e)
	if err != nil {
		done = problem(r, err)
	}
	a.log(ctx, r, done.status, a.Now().Sub(start), err)
	return events.APIGatewayV2HTTPResponse{StatusCode: done.status, Headers: done.header, Body: string(done.body)}, nil
}

func (a *API) answer(ctx context.Context, r *Request, e events.APIGatewayV2HTTPRequest) (_ reply, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = newCrash(v)
		}
	}()
	var ok bool
	if r.Route, ok = a.route(e.RouteKey); !ok {
		return reply{}, fault.New(fault.NotFound, "not_found", "There is nothing at this address.")
	}
	op, ok := a.Operations[r.Route.Operation]
	if !ok {
		return reply{}, fmt.Errorf("function %s does not answer %s: add it to its operations", a.Function, r.Route.Operation)
	}
	if err := r.read(e); err != nil {
		return reply{}, err
	}
	if err := a.admit(ctx, r); err != nil {
		return reply{}, err
	}
	if r.ID, err = id(r.Route, e.PathParameters); err != nil {
		return reply{}, err
	}
	if err := r.parameters(op.parameters); err != nil {
		return reply{}, err
	}
	if op.columns != nil && r.wantsCSV() {
		return op.csv(ctx, *r)
	}
	switch {
	case op.secret && r.key != "":
		return reply{}, noKey(*r)
	case op.once && r.key != "":
		return a.serveOnce(ctx, *r, op)
	}
	return op.serve(ctx, *r)
}

func (a *API) route(key string) (api.Route, bool) {
	for _, r := range api.Routes {
		if r.Function == a.Function && r.Key() == key {
			return r, true
		}
	}
	return api.Route{}, false
}

// admit lets in who is proven and may.
func (a *API) admit(ctx context.Context, r *Request) (err error) {
	var door Authenticator
	switch r.Route.Auth {
	case api.AuthOpen:
		return nil
	case api.AuthConsole:
		door = a.Console
	case api.AuthDevice:
		door = a.Device
	}
	if door == nil {
		return fmt.Errorf("function %s cannot tell who asks for %s: give it an authenticator", a.Function, r.Route.Operation)
	}
	if r.Who, err = door.Caller(ctx, *r); err != nil {
		return err
	}
	if p := caller.Permission(r.Route.Permission); !r.Who.May(p) {
		return fault.New(fault.Forbidden, "forbidden", "You may not do this: it needs the permission %s, which an administrator of your organisation can give.", p)
	}
	return nil
}

// crash is a panic of a handler. Its value may hold what somebody has written, so that only the runtime's own is kept.
type crash struct {
	value string
	stack []byte
}

func newCrash(v any) *crash {
	c := &crash{value: fmt.Sprintf("a %T", v), stack: debug.Stack()}
	if own, ok := v.(runtime.Error); ok {
		c.value = own.Error()
	}
	return c
}

func (c *crash) Error() string { return "panic: " + c.value }

// log writes one line for each request: people and devices by their opaque ids alone, and of failures whole only what
// is ours to mend, or passes.
func (a *API) log(ctx context.Context, r Request, status int, took time.Duration, err error) {
	attrs := []slog.Attr{slog.String("route", r.Route.Key()), slog.Int("status", status), slog.Int64("ms", took.Milliseconds()),
		slog.String("request", r.RequestID), slog.String("user", string(r.Who.User)), slog.String("device", string(r.Who.Device))}
	level := slog.LevelInfo
	if known, ok := errors.AsType[*fault.Error](err); ok {
		attrs = append(attrs, slog.String("code", known.Code))
	}
	if status >= 500 || fault.Is(err, fault.Lost) {
		level = slog.LevelError
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	if c, ok := errors.AsType[*crash](err); ok {
		attrs = append(attrs, slog.String("stack", string(c.stack)))
	}
	a.Log.LogAttrs(ctx, level, "request", attrs...)
}
