package dynamodb

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	bolt "go.etcd.io/bbolt"

	"zapas/localstack/standin/dynamodb/expression"
	"zapas/localstack/standin/intact"
)

// tokenLife is how long a ClientRequestToken stands for its request.
const tokenLife = 10 * time.Minute

// usedToken is what is kept of a transaction that was done under a token.
type usedToken struct {
	Request []byte // SHA-256 of the request
	Done    time.Time
}

func (u usedToken) alive(now time.Time) bool { return now.Sub(u.Done) < tokenLife }

type transactionAnswer struct {
	ConsumedCapacity []*consumed `json:",omitzero"`
}

// transact does a TransactWriteItems.
func (s *Server) transact(ctx context.Context, r transactRequest) (any, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	writes, err := s.newWrites(ctx, r)
	if err != nil {
		return nil, err
	}
	var outcomes []outcome
	var repeated bool
	err = s.db.Update(func(tx *bolt.Tx) error {
		if repeated, err = s.claim(tx, r); err != nil || repeated {
			return err
		}
		if outcomes, err = runAll(tx, writes); err != nil {
			return err
		}
		for i, w := range writes {
			if err := w.commit(tx, outcomes[i]); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case isCancelled(err):
		for i, w := range writes {
			s.meter.write(2 * units(max(expression.SizeOf(outcomes[i].old), expression.SizeOf(w.item)), writeUnit))
		}
		return nil, err
	case err != nil:
		return nil, err
	case repeated:
		return s.repeat(r, writes)
	}
	bills := map[string]bill{}
	for i, w := range writes {
		cost := w.bill(outcomes[i]).times(2)
		s.meter.write(cost.total())
		bills[w.table.Name] = bills[w.table.Name].plus(cost)
	}
	return transactionAnswer{sendBills(bills, r.ReturnConsumedCapacity, transactionWrite)}, nil
}

// newWrites understands all actions, each of which the caller must be allowed. What is
// wrong with the request refuses it; what is wrong with an item cancels the transaction, at the first such item.
func (s *Server) newWrites(ctx context.Context, r transactRequest) ([]*write, error) {
	writes := make([]*write, len(r.TransactItems))
	payload := 0
	for i, a := range r.TransactItems {
		kind, fields := a.one()
		w, err := s.newWrite(ctx, kind, fields)
		if err != nil {
			return nil, err
		}
		writes[i] = w
		payload += expression.SizeOf(fields.Item) + expression.SizeOf(fields.Key) + expression.SizeOf(fields.ExpressionAttributeValues)
	}
	if payload > maxPayload {
		return nil, invalid("Transaction payload size cannot exceed %d bytes", maxPayload)
	}
	for i, w := range writes {
		if err := w.bind(); err != nil {
			reasons := slices.Repeat([]reason{{Code: "None"}}, len(writes))
			reasons[i] = reasonFor(err)
			return nil, cancelled(reasons)
		}
	}
	targets := map[string]bool{}
	for _, w := range writes {
		target := w.table.Name + "\x00" + string(w.key)
		if targets[target] {
			return nil, invalid("Transaction request cannot include multiple operations on one item")
		}
		targets[target] = true
	}
	return writes, nil
}

// runAll evaluates all actions on the items as they were before the transaction.
func runAll(tx *bolt.Tx, writes []*write) ([]outcome, error) {
	outcomes := make([]outcome, len(writes))
	reasons := make([]reason, len(writes))
	failed := false
	for i, w := range writes {
		var err error
		outcomes[i], err = w.run(tx)
		reasons[i] = reasonFor(err)
		if err != nil && reasons[i].Code == "None" {
			return nil, err
		}
		failed = failed || err != nil
	}
	if failed {
		return outcomes, cancelled(reasons)
	}
	return outcomes, nil
}

func reasonFor(err error) reason {
	f, ok := failureIn(err)
	switch {
	case !ok:
		return reason{Code: "None"}
	case f.kind == typeConditional:
		return reason{Code: "ConditionalCheckFailed", Message: f.message, Item: f.item}
	}
	return reason{Code: "ValidationError", Message: f.message}
}

// claim takes the request's token. It is true when this very request was done under
// it already; the claim of a transaction that is then cancelled is rolled back with it.
func (s *Server) claim(tx *bolt.Tx, r transactRequest) (repeated bool, err error) {
	if r.ClientRequestToken == nil {
		return false, nil
	}
	token := []byte(*r.ClientRequestToken)
	r.ClientRequestToken = nil
	request, err := json.Marshal(r, json.Deterministic(true))
	if err != nil {
		return false, err
	}
	digest := sha256.Sum256(request)
	tokens := tx.Bucket([]byte(tokensBucket))
	if data := tokens.Get(token); data != nil {
		var used usedToken
		if err := json.Unmarshal(data, &used); err != nil {
			return false, err
		}
		if used.alive(s.now()) {
			if !slices.Equal(used.Request, digest[:]) {
				return false, refuse(typeMismatch, "The request uses the same client token as a previous, but non-identical request.")
			}
			return true, nil
		}
	}
	data, err := json.Marshal(usedToken{Request: digest[:], Done: s.now()})
	if err != nil {
		return false, err
	}
	return false, intact.Put(tx, []byte(tokensBucket), token, data)
}

// repeat answers a repeated request, which is paid for as a transactional read of its items.
func (s *Server) repeat(r transactRequest, writes []*write) (any, error) {
	bills := map[string]bill{}
	err := s.db.View(func(tx *bolt.Tx) error {
		for _, w := range writes {
			found, err := w.table.load(tx, w.key)
			if err != nil {
				return err
			}
			cost := bill{table: 2 * readUnits(expression.SizeOf(found), true)}
			s.meter.read(cost.total())
			bills[w.table.Name] = bills[w.table.Name].plus(cost)
		}
		return nil
	})
	return transactionAnswer{sendBills(bills, r.ReturnConsumedCapacity, transactionRead)}, err
}

// forgetTokens removes the tokens that no longer stand for anything.
func forgetTokens(tx *bolt.Tx, now time.Time) error {
	tokens := tx.Bucket([]byte(tokensBucket))
	var dead [][]byte
	err := tokens.ForEach(func(token, data []byte) error {
		var used usedToken
		if err := json.Unmarshal(data, &used); err != nil {
			return err
		}
		if !used.alive(now) {
			dead = append(dead, slices.Clone(token))
		}
		return nil
	})
	for _, token := range dead {
		err = errors.Join(err, intact.Delete(tx, []byte(tokensBucket), token))
	}
	return err
}
