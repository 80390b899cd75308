package dynamodb

import (
	"bytes"
	"context"
	"slices"

	bolt "go.etcd.io/bbolt"

	"zapas/localstack/standin/dynamodb/expression"
)

// query is a Query, understood.
type query struct {
	table   Table
	index   *Index // or nil: the table itself
	keys    keyRange
	start   []byte // the last key of the page before, or nil
	forward bool
	limit   int // 0: none
	filter  *expression.Node
	wanted  *expression.Paths // or nil: everything
	count   bool              // without the items
}

type queryAnswer struct {
	Items            []item `json:",omitzero"`
	Count            int
	ScannedCount     int
	LastEvaluatedKey item      `json:",omitzero"`
	ConsumedCapacity *consumed `json:",omitzero"`
}

// query does a Query.
func (s *Server) query(ctx context.Context, r queryRequest) (any, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	q, err := s.newQuery(ctx, r)
	if err != nil {
		return nil, err
	}
	var answer queryAnswer
	var size int
	err = s.db.View(func(tx *bolt.Tx) error {
		answer, size, err = q.page(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	cost := bill{table: readUnits(size, r.ConsistentRead)}
	if q.index != nil {
		cost = bill{indexes: map[string]float64{q.index.Name: cost.table}}
	}
	s.meter.read(cost.total())
	answer.ConsumedCapacity = cost.send(q.table.Name, r.ReturnConsumedCapacity, single)
	return answer, nil
}

func (s *Server) newQuery(ctx context.Context, r queryRequest) (*query, error) {
	ph, err := expression.NewPlaceholders(r.ExpressionAttributeNames, r.ExpressionAttributeValues)
	if err != nil {
		return nil, err
	}
	if r.KeyConditionExpression == nil {
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	q := &query{forward: r.ScanIndexForward == nil || *r.ScanIndexForward, count: r.Select == "COUNT"}
	if r.Limit != nil {
		q.limit = *r.Limit
	}
	condition, err := expression.ParseCondition("KeyConditionExpression", *r.KeyConditionExpression, ph)
	if err != nil {
		return nil, err
	}
	if r.FilterExpression != nil {
		if q.filter, err = expression.ParseCondition("FilterExpression", *r.FilterExpression, ph); err != nil {
			return nil, err
		}
	}
	if r.ProjectionExpression != nil {
		if q.wanted, err = expression.ParseProjection(*r.ProjectionExpression, ph); err != nil {
			return nil, err
		}
	}
	if err := ph.Finish(true); err != nil {
		return nil, err
	}
	var missing error
	q.table, missing = s.table(r.TableName)
	if err := s.authorize(ctx, "Query", r.TableName, r.IndexName, q.leading(r.IndexName, condition)); err != nil {
		return nil, err
	}
	if missing != nil {
		return nil, missing
	}
	return q, q.bind(r, condition)
}

// leading is the partition key that a query is about, if it names one.
func (q *query) leading(index *string, condition *expression.Node) (key expression.Value) {
	name := q.table.Key.Partition.Name
	if index != nil {
		x, _ := q.table.index(*index)
		name = x.Key.Partition.Name
	}
	conditions, err := condition.KeyConditions()
	if err != nil {
		return key // bind refuses it
	}
	for _, c := range conditions {
		if c.Name == name && c.Op == "=" {
			key = c.Values[0]
		}
	}
	return key
}

// bind checks the request against the table or index that it reads.
func (q *query) bind(r queryRequest, condition *expression.Node) error {
	key := q.table.Key
	if r.IndexName != nil {
		x, ok := q.table.index(*r.IndexName)
		if !ok {
			return invalid("The table does not have the specified index: %s", *r.IndexName)
		}
		if r.ConsistentRead {
			return invalid("Consistent reads are not supported on global secondary indexes")
		}
		q.index, key = &x, x.Key
	}
	if err := q.checkSelect(r.Select); err != nil {
		return err
	}
	var err error
	if q.keys, err = key.keyRange(condition); err != nil {
		return err
	}
	if err := q.checkNames(key); err != nil {
		return err
	}
	if r.ExclusiveStartKey != nil {
		return q.begin(r.ExclusiveStartKey)
	}
	return nil
}

func (q *query) checkSelect(selected string) error {
	switch {
	case selected == "ALL_PROJECTED_ATTRIBUTES" && q.index == nil:
		return invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	case selected == "ALL_ATTRIBUTES" && q.index != nil && q.index.Projection != "ALL":
		return invalid("One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index %s because its projection type is not ALL", q.index.Name)
	case selected == "SPECIFIC_ATTRIBUTES" && q.wanted == nil:
		return invalid("SPECIFIC_ATTRIBUTES requires a ProjectionExpression")
	case selected != "" && selected != "SPECIFIC_ATTRIBUTES" && q.wanted != nil:
		return invalid("Cannot specify the ProjectionExpression when choosing to get %s", selected)
	}
	return nil
}

// checkNames refuses a filter on the keys that the query reads by, and attributes that the index lacks.
func (q *query) checkNames(key Key) error {
	var names []string
	if q.filter != nil {
		names = q.filter.Names()
	}
	if at := slices.IndexFunc(names, key.has); at >= 0 {
		return invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", names[at])
	}
	if q.wanted != nil {
		names = append(names, q.wanted.Names()...)
	}
	for _, name := range names {
		if q.index != nil && !q.index.projects(q.table, name) {
			return invalid("One or more parameter values were invalid: Global secondary index %s does not project [%s]", q.index.Name, name)
		}
	}
	return nil
}

// begin takes up where a page before ended.
func (q *query) begin(key item) error {
	if err := q.table.Key.checkKey(q.table.Key.of(key)); err != nil {
		return invalid("The provided starting key is invalid: %s", err)
	}
	known := len(q.table.Key.of(key))
	q.start = q.table.Key.encode(key)
	if q.index != nil {
		if err := q.index.Key.checkKey(q.index.Key.of(key)); err != nil {
			return invalid("The provided starting key is invalid: %s", err)
		}
		known = len(q.position(key))
		q.start = q.index.key(key, q.start)
	}
	if known != len(key) {
		return invalid("The provided starting key is invalid")
	}
	if bytes.Compare(q.start, q.keys.low) < 0 || bytes.Compare(q.start, q.keys.high) >= 0 {
		return invalid("The provided starting key is outside query boundaries based on provided conditions")
	}
	return nil
}

// position is the part of an item that says where a page ended.
func (q *query) position(it item) item {
	position := q.table.Key.of(it)
	if q.index != nil {
		for name, v := range q.index.Key.of(it) {
			position[name] = v
		}
	}
	return position
}

// page reads up to the limit, or as much as a page holds. size is what was read.
func (q *query) page(tx *bolt.Tx) (answer queryAnswer, size int, err error) {
	if !q.count {
		answer.Items = []item{}
	}
	var last item
	for data := range q.entries(tx) {
		it, err := decodeItem(data)
		if err != nil {
			return answer, 0, err
		}
		if full := size+expression.SizeOf(it) > maxPage; full && answer.ScannedCount > 0 || q.limit > 0 && answer.ScannedCount == q.limit {
			answer.LastEvaluatedKey = q.position(last)
			return answer, size, nil
		}
		size += expression.SizeOf(it)
		answer.ScannedCount++
		last = it
		q.collect(it, &answer)
	}
	if q.limit > 0 && answer.ScannedCount == q.limit {
		// As DynamoDB, which does not look whether anything follows.
		answer.LastEvaluatedKey = q.position(last)
	}
	return answer, size, nil
}

func (q *query) collect(it item, answer *queryAnswer) {
	if q.filter != nil && !q.filter.Holds(it) {
		return
	}
	answer.Count++
	if q.count {
		return
	}
	if q.wanted != nil {
		it = q.wanted.Pick(it)
	}
	answer.Items = append(answer.Items, it)
}

// entries yields the stored items of the range, in the order asked for.
func (q *query) entries(tx *bolt.Tx) func(func([]byte) bool) {
	bucket := itemsBucket(q.table.Name)
	if q.index != nil {
		bucket = indexBucket(q.table.Name, q.index.Name)
	}
	cursor := tx.Bucket(bucket).Cursor()
	low, high := q.keys.low, q.keys.high
	if q.start != nil && q.forward {
		low = append(slices.Clone(q.start), 0)
	}
	if q.start != nil && !q.forward {
		high = q.start
	}
	return func(yield func([]byte) bool) {
		if q.forward {
			for k, data := cursor.Seek(low); k != nil && bytes.Compare(k, high) < 0; k, data = cursor.Next() {
				if !yield(data) {
					return
				}
			}
			return
		}
		before := cursor.Prev
		if k, _ := cursor.Seek(high); k == nil {
			before = cursor.Last
		}
		k, data := before()
		for ; k != nil && bytes.Compare(k, low) >= 0; k, data = cursor.Prev() {
			if !yield(data) {
				return
			}
		}
	}
}
