package dynamodb

import (
	"context"

	bolt "go.etcd.io/bbolt"

	"zapas/localstack/standin/dynamodb/expression"
)

type getAnswer struct {
	Item             item      `json:",omitzero"`
	ConsumedCapacity *consumed `json:",omitzero"`
}

// get does a GetItem.
func (s *Server) get(ctx context.Context, r getRequest) (any, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	ph, err := expression.NewPlaceholders(r.ExpressionAttributeNames, nil)
	if err != nil {
		return nil, err
	}
	var wanted *expression.Paths
	if r.ProjectionExpression != nil {
		if wanted, err = expression.ParseProjection(*r.ProjectionExpression, ph); err != nil {
			return nil, err
		}
	}
	if err := ph.Finish(r.ProjectionExpression != nil); err != nil {
		return nil, err
	}
	t, missing := s.table(r.TableName)
	if err := s.authorize(ctx, "GetItem", r.TableName, nil, r.Key[t.Key.Partition.Name]); err != nil {
		return nil, err
	}
	if missing != nil {
		return nil, missing
	}
	if err := t.Key.checkKey(r.Key); err != nil {
		return nil, err
	}
	var found item
	err = s.db.View(func(tx *bolt.Tx) error {
		var err error
		found, err = t.load(tx, t.Key.encode(r.Key))
		return err
	})
	if err != nil {
		return nil, err
	}
	cost := bill{table: readUnits(expression.SizeOf(found), r.ConsistentRead)}
	s.meter.read(cost.total())
	if found != nil && wanted != nil {
		found = wanted.Pick(found)
	}
	return getAnswer{Item: found, ConsumedCapacity: cost.send(t.Name, r.ReturnConsumedCapacity, single)}, nil
}
