package table

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"zapas/shared/caller"
	"zapas/shared/fleet"
)

// Orders are the rows O#<order> / ORDER. The device's row F#<device> / STATUS names the one that has not come to its end.
type Orders rows

var _ fleet.Orders = Orders{}

// orderKept is how long an order's row outlives the order.
const orderKept = 30 * 24 * time.Hour

type orderRow struct {
	ID        fleet.OrderID    `dynamodbav:"id"`
	Device    caller.DeviceID  `dynamodbav:"device"`
	Owner     caller.UserID    `dynamodbav:"user"` // not "owner", which would put it into the index of devices
	State     fleet.OrderState `dynamodbav:"state"`
	Session   string           `dynamodbav:"session,omitempty"`
	Why       fleet.Reason     `dynamodbav:"why,omitempty"`
	Rev       int64            `dynamodbav:"rev"`
	CreatedAt time.Time        `dynamodbav:"createdAt"`
	UpdatedAt time.Time        `dynamodbav:"updatedAt"`
	ExpiresAt time.Time        `dynamodbav:"expiresAt"`
}

func orderKey(id fleet.OrderID) key { return key{"O#" + string(id), "ORDER"} }

// put is the write of an order with the next Rev.
func (t Orders) put(o fleet.Order) (*types.Put, error) {
	in := &types.Put{TableName: &t.Name, ConditionExpression: new(absent)}
	if o.Rev != 0 {
		in.ConditionExpression, in.ExpressionAttributeValues = new("rev = :rev"), item{":rev": number(o.Rev)}
	}
	o.Rev++
	var err error
	in.Item, err = encode(orderKey(o.ID), orderRow(o))
	if err == nil {
		in.Item["ttl"] = number(o.ExpiresAt.Add(orderKept).Unix())
	}
	return in, err
}

// both writes an order and the name of an order in its device's row.
func (t Orders) both(ctx context.Context, o fleet.Order, expression, condition string, names map[string]string, values item) error {
	put, err := t.put(o)
	if err != nil {
		return err
	}
	names["#order"] = attrOrder
	_, err = t.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Put: put},
		{Update: &types.Update{TableName: &t.Name, Key: statusKey(o.Device).attributes(), UpdateExpression: &expression, ConditionExpression: &condition,
			ExpressionAttributeNames: names, ExpressionAttributeValues: values}}}})
	return failed(err, "write an order")
}

// Order reads one.
func (t Orders) Order(ctx context.Context, id fleet.OrderID) (fleet.Order, error) {
	var r orderRow
	err := rows(t).must(ctx, orderKey(id), "order", &r)
	return fleet.Order(r), err
}

// OpenOrder stores a new order, and names it and notes c in its device's row, in one transaction.
func (t Orders) OpenOrder(ctx context.Context, o fleet.Order, instead fleet.OrderID, c fleet.Change) error {
	condition, names, values := present+" AND attribute_not_exists(#order)", map[string]string{}, item{":order": text(string(o.ID))}
	if instead != "" {
		condition, values[":instead"] = "#order = :instead", text(string(instead))
	}
	expression, err := update(o.Device, c, names, values)
	if err != nil {
		return err
	}
	if rest, more := strings.CutPrefix(expression, "SET "); more { // a change that is not empty sets rev, at the least
		return t.both(ctx, o, "SET #order = :order, "+rest, condition, names, values)
	}
	return t.both(ctx, o, "SET #order = :order", condition, names, values)
}

// MoveOrder stores an order with the next Rev.
func (t Orders) MoveOrder(ctx context.Context, o fleet.Order) error {
	put, err := t.put(o)
	if err != nil {
		return err
	}
	return rows(t).put(ctx, put.Item, "order", *put.ConditionExpression, put.ExpressionAttributeValues)
}

// EndOrder stores an order with the next Rev and takes its name out of its device's row, in one transaction.
func (t Orders) EndOrder(ctx context.Context, o fleet.Order) error {
	return t.both(ctx, o, "REMOVE #order", "#order = :order", map[string]string{}, item{":order": text(string(o.ID))})
}
