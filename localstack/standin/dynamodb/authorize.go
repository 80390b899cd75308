package dynamodb

import (
	"context"
	"errors"

	"zapas/localstack/standin/dynamodb/expression"
	"zapas/localstack/standin/iam"
)

// An Authorizer says whether the caller, whom the context names, may do what he asks: nil, or an *iam.Denied.
type Authorizer interface {
	Authorize(ctx context.Context, r iam.Request) error
}

// authorize asks for one action on a table, or on an index of it. leading is the partition key that it is about: of the
// table, or of the index that is read. It is zero where the request has none; then it fails, or finds nothing.
func (s *Server) authorize(ctx context.Context, action, table string, index *string, leading expression.Value) error {
	if s.config.Authorizer == nil {
		return nil
	}
	owner := s.arn(table)
	r := iam.Request{Action: "dynamodb:" + action, Resource: owner, Owner: owner, Keys: iam.Keys{}}
	if index != nil {
		r.Resource += "/index/" + *index
	}
	if leading.Kind != "" {
		r.Keys.Add("dynamodb:LeadingKeys", leading.Text)
	}
	err := s.config.Authorizer.Authorize(ctx, r)
	if denied, ok := errors.AsType[*iam.Denied](err); ok {
		return refuse(typeAccessDenied, "%s", denied.Error())
	}
	return err
}

func (s *Server) arn(table string) string {
	return "arn:aws:dynamodb:" + s.config.Region + ":" + s.config.Account + ":table/" + table
}

// actionOf is the action that a kind of write needs, alone or in a transaction.
func actionOf(kind string) string { return kind + "Item" }
