package iam

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A Guard asks the policies in force on each request, logs denials and remembers which rights were used. As long as none
// are in force it allows everything.
type Guard struct {
	Log *slog.Logger

	mu       sync.Mutex
	policies *Policies
	used     map[Use]bool
}

// Enforce puts policies in force in place of those before; nil: none. What they do not allow is denied.
func (g *Guard) Enforce(p *Policies) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.policies = p
}

// Attach puts the policy of one resource in force, in place of the one that it had; nil: it has none. One that is not
// understood is refused. As long as none are in force, this one is not either.
func (g *Guard) Attach(arn string, policy []byte) error {
	var d *Document
	if policy != nil {
		var err error
		if d, err = ParseResource(arn, policy); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.policies == nil {
		return nil
	}
	// Requests are being decided by what was in force when they came.
	next := &Policies{Identity: g.policies.Identity, Resource: map[string]*Document{}}
	maps.Copy(next.Resource, g.policies.Resource)
	if d == nil {
		delete(next.Resource, arn)
	} else {
		next.Resource[arn] = d
	}
	g.policies = next
	return nil
}

type callerKey struct{}

// As says whose request the context belongs to.
func As(ctx context.Context, who Principal) context.Context {
	return context.WithValue(ctx, callerKey{}, who)
}

// Authorize answers nil, or a *Denied, for a request of the context's caller. A context without one may do nothing.
func (g *Guard) Authorize(ctx context.Context, r Request) error {
	g.mu.Lock()
	policies := g.policies
	g.mu.Unlock()
	if policies == nil {
		return nil
	}
	who, _ := ctx.Value(callerKey{}).(Principal)
	r.Keys = r.Keys.With()
	r.Keys.Add(keySecureTransport, "true") // stand-ins are reached over loopback, which nobody else can read
	d := policies.Evaluate(who, r)
	if d.Allowed {
		g.remember(d.By)
		return nil
	}
	attrs := []slog.Attr{slog.String("principal", who.String()), slog.String("action", r.Action), slog.String("on", r.Owner), slog.String("why", d.Why)}
	for _, by := range d.By {
		attrs = append(attrs, slog.String("policy", by.Policy), slog.String("statement", by.Statement))
	}
	g.Log.LogAttrs(ctx, slog.LevelWarn, "denied by IAM", attrs...)
	return &Denied{Who: who, Request: r, Decision: d}
}

func (g *Guard) remember(uses []Use) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.used == nil {
		g.used = map[Use]bool{}
	}
	for _, u := range uses {
		g.used[u] = true
	}
}

// Used lists the rights that allowed requests needed so far, in order.
func (g *Guard) Used() []Use {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.SortedFunc(maps.Keys(g.used), compareUses)
}

// A Denied is a refusal in the words of the page "Troubleshoot access denied error messages".
type Denied struct {
	Who      Principal
	Request  Request
	Decision Decision
}

func (d *Denied) Error() string {
	on := d.Request.Resource
	if strings.HasPrefix(d.Request.Action, "s3:") {
		on = strconv.Quote(on) // as S3 alone does
	}
	return "User: " + d.Who.String() + " is not authorized to perform: " + d.Request.Action + " on resource: " + on + " " + d.Decision.Why
}
