// Package idempotency knows how a request that is sent again takes effect once: under the key that its caller chose, its
// answer is kept, and what it creates has one id in every attempt. It does not know what is asked, nor what is answered.
package idempotency

import (
	"context"
	"time"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// For is how long a key stands for its request, from the first attempt.
const For = 24 * time.Hour

// Request is a request under a key of its caller's.
type Request struct {
	User      caller.UserID
	Key       string
	Digest    string // of all that was asked
	ID        string // of what it creates, in every attempt
	ExpiresAt time.Time
	Answer    []byte // none until it has succeeded
}

// Store keeps requests.
type Store interface {
	// Claim stores r, unless its key still stands for a request at that moment, and answers the request for which the key
	// stands then: r or the earlier one, read strongly.
	Claim(ctx context.Context, r Request, at time.Time) (Request, error)
	// Answer stores the answer of a claimed request; fault.Conflict when it has one, or its key stands for another.
	Answer(ctx context.Context, r Request) error
	// Release has the key of a claimed request stand for nothing any more; fault.Conflict as for Answer.
	Release(ctx context.Context, r Request) error
}

// Keeper sees to it that requests take effect once.
type Keeper struct {
	Store Store
	Now   func() time.Time
	NewID func() string
}

// Once answers a request that succeeded before as it was answered then, and otherwise has it served. serve must be safe to
// repeat as long as it is given the same id: whoever dies between its effect and the keeping of its answer leaves a
// claim, and the next attempt is served with that claim's id, as is one that comes at the same time. Failures are not
// kept. One that serve refuses has had no effect, and lets its key go: mended, it may come under the same. While nobody knows
// what took effect, the key stands. fault.Unprocessable when the key stands for another request.
func (k Keeper) Once(ctx context.Context, who caller.UserID, key, digest string, serve func(id string) ([]byte, error)) ([]byte, error) {
	now := k.Now().UTC()
	r, err := k.Store.Claim(ctx, Request{User: who, Key: key, Digest: digest, ID: k.NewID(), ExpiresAt: now.Add(For)}, now)
	switch {
	case err != nil:
		return nil, err
	case r.Digest != digest:
		return nil, fault.New(fault.Unprocessable, "key_reused",
			"Idempotency-Key: you used this key for another request; choose a new key for each request.")
	case len(r.Answer) > 0:
		return r.Answer, nil
	}
	if r.Answer, err = serve(r.ID); refusal(err) {
		if rerr := k.Store.Release(ctx, r); rerr != nil && !fault.Is(rerr, fault.Conflict) { // another attempt was answered
			return nil, rerr
		}
	}
	if err != nil {
		return nil, err
	}
	if err = k.Store.Answer(ctx, r); !fault.Is(err, fault.Conflict) {
		return r.Answer, err
	}
	// An attempt at the same time was first, or the answer to this write was lost.
	kept, err := k.Store.Claim(ctx, r, now)
	if err == nil && kept.ID != r.ID { // that attempt was refused, and the key stands for another request by now
		return r.Answer, nil
	}
	return kept.Answer, err
}

// refusal reports whether a failure is an answer to what was asked: whoever asks the same again hears the same.
func refusal(err error) bool {
	switch fault.KindOf(err) {
	case fault.Internal, fault.Unavailable, fault.TooMany, fault.Lost:
		return false
	}
	return err != nil
}
