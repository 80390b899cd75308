package table

import (
	"context"
	"time"

	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/idempotency"
)

// Requests are the rows I#<caller> / <key>. DynamoDB deletes them days after their end, if it likes: a row states its end.
type Requests rows

var _ idempotency.Store = Requests{}

type requestRow struct {
	Digest    string    `dynamodbav:"digest"`
	ID        string    `dynamodbav:"id"`
	ExpiresAt time.Time `dynamodbav:"expiresAt"`
	Answer    []byte    `dynamodbav:"answer,omitempty"`
}

func requestKey(user caller.UserID, name string) key { return key{"I#" + string(user), name} }

func encodeRequest(r idempotency.Request) (item, error) {
	row, err := encode(requestKey(r.User, r.Key), requestRow{Digest: r.Digest, ID: r.ID, ExpiresAt: r.ExpiresAt, Answer: r.Answer})
	if err == nil {
		row["ttl"] = number(r.ExpiresAt.Unix())
	}
	return row, err
}

// Claim stores a request, or reads the one for which its key stands.
func (t Requests) Claim(ctx context.Context, r idempotency.Request, at time.Time) (idempotency.Request, error) {
	row, err := encodeRequest(r)
	if err != nil {
		return idempotency.Request{}, err
	}
	err = rows(t).put(ctx, row, "request", "attribute_not_exists(PK) OR expiresAt <= :at", item{":at": text(stamp(at))})
	if !fault.Is(err, fault.Conflict) {
		return r, err
	}
	var kept requestRow
	if err := rows(t).must(ctx, requestKey(r.User, r.Key), "request", &kept); err != nil {
		return idempotency.Request{}, err
	}
	return idempotency.Request{User: r.User, Key: r.Key, Digest: kept.Digest, ID: kept.ID, ExpiresAt: kept.ExpiresAt, Answer: kept.Answer}, nil
}

// Answer stores the answer of a claimed request.
func (t Requests) Answer(ctx context.Context, r idempotency.Request) error {
	row, err := encodeRequest(r)
	if err != nil {
		return err
	}
	return rows(t).put(ctx, row, "request", "id = :id AND attribute_not_exists(answer)", item{":id": text(r.ID)})
}

// Release ends a claimed request when it began. That is an end in the past for every clock, and one that DynamoDB heeds: it
// deletes nothing whose end is five years past.
func (t Requests) Release(ctx context.Context, r idempotency.Request) error {
	r.ExpiresAt, r.Answer = r.ExpiresAt.Add(-idempotency.For), nil
	return t.Answer(ctx, r)
}
