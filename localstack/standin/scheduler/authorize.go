package scheduler

import (
	"context"
	"errors"

	"zapas/localstack/standin/iam"
)

// An Authorizer says whether the caller, whom the context names, may do what he asks: nil, or an *iam.Denied.
type Authorizer interface {
	Authorize(ctx context.Context, r iam.Request) error
}

// servicePrincipal is whom a target's role trusts.
const servicePrincipal = "scheduler.amazonaws.com"

// authorize asks for one action, of the page "Actions, resources, and condition keys for Amazon EventBridge Scheduler".
func (s *Server) authorize(ctx context.Context, action, resource string) error {
	return s.ask(ctx, iam.Request{Action: "scheduler:" + action, Resource: resource, Owner: resource})
}

// mayPass asks whether the caller may give Scheduler the role (page "Grant a user permissions to pass a role to an AWS
// service", IAM User Guide).
func (s *Server) mayPass(ctx context.Context, role string) error {
	r := iam.Request{Action: "iam:PassRole", Resource: role, Owner: role, Keys: iam.Keys{}}
	r.Keys.Add("iam:PassedToService", servicePrincipal)
	return s.ask(ctx, r)
}

// mayInvoke asks whether the role may invoke the target.
func (s *Server) mayInvoke(ctx context.Context, t target) error {
	as := iam.As(ctx, iam.Principal{ARN: t.RoleARN, Session: "scheduler"})
	return s.ask(as, iam.Request{Action: "lambda:InvokeFunction", Resource: t.ARN, Owner: t.ARN})
}

func (s *Server) ask(ctx context.Context, r iam.Request) error {
	if s.cfg.Authorizer == nil {
		return nil
	}
	err := s.cfg.Authorizer.Authorize(ctx, r)
	if denied, ok := errors.AsType[*iam.Denied](err); ok {
		return denial(denied.Error())
	}
	return err
}
