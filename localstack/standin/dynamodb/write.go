package dynamodb

import (
	"context"

	bolt "go.etcd.io/bbolt"

	"zapas/localstack/standin/dynamodb/expression"
)

// write is one write, alone or in a transaction, its expressions understood.
type write struct {
	kind    string // "Put", "Update", "Delete", "ConditionCheck"
	table   Table
	item    item // of a Put
	target  item // of all others: the key
	key     []byte
	update  *expression.Update
	when    *expression.Node // the condition, or nil
	tellOld bool             // a failed condition shows the item
}

// newWrite understands a request as far as the table's name takes it, if the caller may make it.
func (s *Server) newWrite(ctx context.Context, kind string, f *writeFields) (*write, error) {
	ph, err := expression.NewPlaceholders(f.ExpressionAttributeNames, f.ExpressionAttributeValues)
	if err != nil {
		return nil, err
	}
	w := &write{kind: kind, item: f.Item, target: f.Key, tellOld: f.ReturnValuesOnConditionCheckFailure == "ALL_OLD"}
	if f.UpdateExpression != nil {
		if w.update, err = expression.ParseUpdate(*f.UpdateExpression, ph); err != nil {
			return nil, err
		}
	}
	if f.ConditionExpression != nil {
		if w.when, err = expression.ParseCondition("ConditionExpression", *f.ConditionExpression, ph); err != nil {
			return nil, err
		}
	}
	if err := ph.Finish(f.UpdateExpression != nil || f.ConditionExpression != nil); err != nil {
		return nil, err
	}
	var missing error
	w.table, missing = s.table(f.TableName)
	named := f.Key
	if kind == "Put" {
		named = f.Item
	}
	if err := s.authorize(ctx, actionOf(kind), f.TableName, nil, named[w.table.Key.Partition.Name]); err != nil {
		return nil, err
	}
	return w, missing
}

// bind checks the request against the table's keys and indexes.
func (w *write) bind() error {
	if w.kind == "Put" {
		if err := w.table.Key.checkItem(w.item); err != nil {
			return err
		}
		w.key = w.table.Key.encode(w.item)
		return w.table.checkItem(w.item, "Item size has exceeded the maximum allowed size")
	}
	if err := w.table.Key.checkKey(w.target); err != nil {
		return err
	}
	w.key = w.table.Key.encode(w.target)
	if w.update == nil {
		return nil
	}
	for _, name := range w.update.Paths.Names() {
		if w.table.Key.has(name) {
			return invalid("One or more parameter values were invalid: Cannot update attribute %s. This attribute is part of the key", name)
		}
	}
	return nil
}

// outcome is what a write found and what it leaves; nil is no item.
type outcome struct{ old, new item }

// run evaluates the write without writing anything. When it refuses, outcome.old
// still holds what was found.
func (w *write) run(tx *bolt.Tx) (outcome, error) {
	old, err := w.table.load(tx, w.key)
	if err != nil {
		return outcome{}, err
	}
	result := outcome{old: old, new: old}
	if w.when != nil && !w.when.Holds(old) {
		if w.tellOld {
			return result, conditionFailed(old)
		}
		return result, conditionFailed(nil)
	}
	switch w.kind {
	case "Put":
		result.new = w.item
	case "Delete":
		result.new = nil
	case "Update":
		result.new, err = w.updated(old)
	}
	return result, err
}

func (w *write) updated(old item) (item, error) {
	if w.update == nil {
		if old != nil {
			return old, nil
		}
		return w.target, nil
	}
	updated, err := w.update.Apply(old, w.target)
	if err != nil {
		return nil, err
	}
	return updated, w.table.checkItem(updated, "Item size to update has exceeded the maximum allowed size")
}

// commit writes what run found to be the outcome.
func (w *write) commit(tx *bolt.Tx, o outcome) error {
	if w.kind == "ConditionCheck" {
		return nil
	}
	return w.table.replace(tx, w.key, o.old, o.new)
}

// bill is what the write costs outside of a transaction.
func (w *write) bill(o outcome) bill { return w.table.writeBill(o.old, o.new) }

// writeAnswer is the answer to PutItem, UpdateItem and DeleteItem.
type writeAnswer struct {
	Attributes       item      `json:",omitzero"`
	ConsumedCapacity *consumed `json:",omitzero"`
}

// write does a PutItem, UpdateItem or DeleteItem.
func (s *Server) write(ctx context.Context, kind string, r writeRequest) (any, error) {
	if err := r.check(kind); err != nil {
		return nil, err
	}
	w, err := s.newWrite(ctx, kind, &r.writeFields)
	if err != nil {
		return nil, err
	}
	if err := w.bind(); err != nil {
		return nil, err
	}
	var o outcome
	err = s.db.Update(func(tx *bolt.Tx) error {
		var err error
		if o, err = w.run(tx); err != nil {
			return err
		}
		return w.commit(tx, o)
	})
	if isConditionFailed(err) {
		// A write that its condition stops is paid for by the item that it found.
		s.meter.write(units(expression.SizeOf(o.old), writeUnit))
	}
	if err != nil {
		return nil, err
	}
	cost := w.bill(o)
	s.meter.write(cost.total())
	return writeAnswer{
		Attributes:       w.attributes(o, r.ReturnValues),
		ConsumedCapacity: cost.send(w.table.Name, r.ReturnConsumedCapacity, single),
	}, nil
}

// attributes are what ReturnValues asks for; nil when there is nothing to return.
func (w *write) attributes(o outcome, asked string) item {
	source := o.new
	if asked == "ALL_OLD" || asked == "UPDATED_OLD" {
		source = o.old
	}
	switch {
	case asked == "" || asked == "NONE" || source == nil:
		return nil
	case asked == "ALL_OLD" || asked == "ALL_NEW":
		return source
	case w.update == nil:
		return nil
	}
	if picked := w.update.Paths.Pick(source); len(picked) > 0 {
		return picked
	}
	return nil
}
