package table

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// Bulks are the rows O#<order> / BULK. O#BULK / <profile> names the newest of a profile, and whether it is open.
type Bulks rows

var (
	_ fleet.Bulks    = Bulks{}
	_ fleet.Overdues = Statuses{}
)

type bulkRow struct {
	ID        fleet.OrderID    `dynamodbav:"id"`
	Profile   profile.ID       `dynamodbav:"profile"`
	By        caller.UserID    `dynamodbav:"user"` // as of an order
	State     fleet.OrderState `dynamodbav:"state"`
	Position  string           `dynamodbav:"position,omitempty"`
	Asked     int64            `dynamodbav:"asked"`
	Ordered   int64            `dynamodbav:"ordered"`
	Already   int64            `dynamodbav:"already"`
	Refused   int64            `dynamodbav:"refused"`
	Rev       int64            `dynamodbav:"rev"`
	CreatedAt time.Time        `dynamodbav:"createdAt"`
	UpdatedAt time.Time        `dynamodbav:"updatedAt"`
	ExpiresAt time.Time        `dynamodbav:"expiresAt"`
}

// newestRow goes when the order does that it names: an order that nobody can ask for any more is not in the way of the next.
type newestRow struct {
	Order fleet.OrderID `dynamodbav:"order"`
	Open  bool          `dynamodbav:"open"`
}

const newestBulks = "O#BULK"

func bulkKey(id fleet.OrderID) key { return key{"O#" + string(id), "BULK"} }
func newestKey(p profile.ID) key   { return key{newestBulks, string(p)} }
func isOpen(b fleet.Bulk) bool     { return b.State == fleet.Queued || b.State == fleet.Begun }

// Bulk reads one.
func (t Bulks) Bulk(ctx context.Context, id fleet.OrderID) (fleet.Bulk, error) {
	var r bulkRow
	err := rows(t).must(ctx, bulkKey(id), "order", &r)
	return fleet.Bulk(r), err
}

// LastBulk reads the id of a profile's newest.
func (t Bulks) LastBulk(ctx context.Context, p profile.ID) (fleet.OrderID, error) {
	var r newestRow
	_, err := rows(t).get(ctx, newestKey(p), "order", &r)
	return r.Order, err
}

// OpenBulk stores a new one and names it as its profile's newest, in one transaction.
func (t Bulks) OpenBulk(ctx context.Context, b fleet.Bulk, instead fleet.OrderID) error {
	condition, values := absent, item(nil)
	if instead != "" {
		condition, values = "#order = :instead", item{":instead": text(string(instead))}
	}
	return t.both(ctx, b, condition, values)
}

// MoveBulk stores one with the next Rev; one that ends is no longer named as open, in the same transaction.
func (t Bulks) MoveBulk(ctx context.Context, b fleet.Bulk) error {
	if !isOpen(b) {
		return t.both(ctx, b, "#order = :order", item{":order": text(string(b.ID))})
	}
	put, err := t.put(b)
	if err != nil {
		return err
	}
	return rows(t).put(ctx, put.Item, "order", *put.ConditionExpression, put.ExpressionAttributeValues)
}

func (t Bulks) put(b fleet.Bulk) (*types.Put, error) {
	in := &types.Put{TableName: &t.Name, ConditionExpression: new(absent)}
	if b.Rev != 0 {
		in.ConditionExpression, in.ExpressionAttributeValues = new("rev = :rev"), item{":rev": number(b.Rev)}
	}
	b.Rev++
	var err error
	in.Item, err = encode(bulkKey(b.ID), bulkRow(b))
	if err == nil {
		in.Item["ttl"] = number(b.ExpiresAt.Add(orderKept).Unix())
	}
	return in, err
}

// both writes a bulk order and what is said of its profile's newest.
func (t Bulks) both(ctx context.Context, b fleet.Bulk, condition string, values item) error {
	put, err := t.put(b)
	if err != nil {
		return err
	}
	row, err := encode(newestKey(b.Profile), newestRow{Order: b.ID, Open: isOpen(b)})
	if err != nil {
		return err
	}
	row["ttl"] = put.Item["ttl"]
	newest := &types.Put{TableName: &t.Name, Item: row, ConditionExpression: &condition, ExpressionAttributeValues: values}
	if values != nil {
		newest.ExpressionAttributeNames = map[string]string{"#order": attrOrder}
	}
	_, err = t.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Put: put}, {Put: newest}}})
	return failed(err, "write a bulk order")
}

// OpenBulks lists those that are open.
func (t Bulks) OpenBulks(ctx context.Context) (open []fleet.OrderID, err error) {
	found, err := query[newestRow](ctx, rows(t), dynamodb.QueryInput{KeyConditionExpression: new("PK = :pk"),
		ExpressionAttributeValues: item{":pk": text(newestBulks)}}, "order", 0)
	for _, r := range found {
		if r.Open {
			open = append(open, r.Order)
		}
	}
	return open, err
}

// OverdueFor reads the shards O<shard> of the index "due" one after the other. A position is a shard and the key in it of
// the last device that was read.
func (t Statuses) OverdueFor(ctx context.Context, p profile.ID, position string, limit int) (page []fleet.Place, next string, err error) {
	number, after, _ := strings.Cut(position, " ")
	shard := 0
	if position != "" {
		if shard, err = strconv.Atoi(number); err != nil || shard < 0 || shard >= dueShards {
			return nil, "", fault.Wrap(err, fault.Invalid, "invalid", "position: it is not one that this list has given.")
		}
	}
	for ; shard < dueShards; shard++ {
		first := string(p) + "#"
		if after != "" {
			first = after + "\x00" // the very next
		}
		found, err := query[lateRow](ctx, rows(t), dynamodb.QueryInput{IndexName: new("due"), KeyConditionExpression: new("due = :due AND dueKey BETWEEN :first AND :last"),
			ExpressionAttributeValues: item{":due": text("O" + strconv.Itoa(shard)), ":first": text(first), ":last": text(string(p) + "$")}}, "overdue device", limit-len(page))
		if err != nil {
			return nil, "", err
		}
		for _, r := range found {
			page = append(page, fleet.Place{Device: r.Device, After: strconv.Itoa(shard) + " " + r.DueKey})
		}
		if len(page) >= limit {
			return page, page[len(page)-1].After, nil
		}
		after = ""
	}
	return page, "", nil
}

type lateRow struct {
	Device caller.DeviceID `dynamodbav:"id"`
	DueKey string          `dynamodbav:"dueKey"`
}
