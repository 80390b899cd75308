package kms

import (
	"context"
	"errors"
	"maps"
	"slices"

	"zapas/localstack/standin/iam"
)

// An Authorizer says whether the caller, whom the context names, may do what he asks: nil, or an *iam.Denied.
type Authorizer interface {
	Authorize(ctx context.Context, r iam.Request) error
}

// authorize asks for one action on a key, with the keys of the page "AWS KMS condition keys".
func (s *Server) authorize(ctx context.Context, action string, k *key, binding encryptionContext) error {
	r := iam.Request{Action: "kms:" + action, Resource: s.arn(k), Owner: s.arn(k), Keys: iam.Keys{}}
	for _, name := range slices.Sorted(maps.Keys(binding)) {
		r.Keys.Add("kms:EncryptionContextKeys", name)
		r.Keys.Add("kms:EncryptionContext:"+name, *binding[name])
	}
	return s.ask(ctx, r)
}

func (s *Server) ask(ctx context.Context, r iam.Request) error {
	if s.cfg.Authorizer == nil {
		return nil
	}
	err := s.cfg.Authorizer.Authorize(ctx, r)
	if denied, ok := errors.AsType[*iam.Denied](err); ok {
		return refuse("AccessDeniedException", denied.Error())
	}
	return err
}
