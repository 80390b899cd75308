package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	pageQuotas   = "Amazon DynamoDB Developer Guide, Quotas in Amazon DynamoDB"
	pageSizes    = "Amazon DynamoDB Developer Guide, DynamoDB item sizes and formats"
	pageCapacity = "Amazon DynamoDB Developer Guide, DynamoDB read and write operations"
)

// Limits of sizes, in bytes.
const (
	maxPartitionKey = 2048
	maxSortKey      = 1024
	maxItem         = 400 << 10
)

func limitCases() []Case {
	return []Case{
		{"Limit/PartitionKey", pageQuotas, "", partitionKeySize},
		{"Limit/SortKey", pageQuotas, "", sortKeySize},
		{"Limit/EmptyKey", pageTypes, "", emptyKey},
		{"Limit/KeyRequired", pagePut, "", keyRequired},
		{"Limit/ItemSize", pageQuotas, "", itemSize},
		{"Limit/ItemSizeAfterUpdate", pageQuotas, "", itemSizeAfterUpdate},
		{"Limit/NumberOf38Digits", pageTypes, "", digits},
	}
}

// partitionKeySize tries the edge on an index: the table's own partition key is also the sort key of one, which may have
// 1,024 bytes only.
func partitionKeySize(ctx context.Context, t *Target) error {
	item, long := t.listed("a", "l"), strings.Repeat("x", maxPartitionKey)
	item["fleet"] = text(long + "x")
	tooLong := t.put(ctx, item, "", nil)
	item["fleet"] = text(long)
	err := t.put(ctx, item, "", nil)
	item["PK"] = text(long + "x")
	return errors.Join(refused(tooLong, "an index's partition key of 2,049 bytes", invalid), at("one of 2,048", err),
		refused(t.put(ctx, item, "", nil), "a partition key of 2,049 bytes", invalid))
}

func sortKeySize(ctx context.Context, t *Target) error {
	long := strings.Repeat("ą", maxSortKey/2)
	return errors.Join(refused(t.putAll(ctx, long+"x"), "a sort key of 1,025 bytes", invalid), at("one of 1,024", t.putAll(ctx, long)))
}

func emptyKey(ctx context.Context, t *Target) error {
	item := t.key("a")
	item["PK"] = text("")
	return errors.Join(refused(t.putAll(ctx, ""), "an empty sort key", invalid), refused(t.put(ctx, item, "", nil), "an empty partition key", invalid))
}

func keyRequired(ctx context.Context, t *Target) error {
	item, wrong := t.key("a"), t.key("a")
	delete(item, "SK")
	wrong["SK"] = number(1)
	_, err := t.dynamodb.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.Table, Key: item})
	return errors.Join(refused(t.put(ctx, item, "", nil), "an item without its sort key", invalid), refused(err, "a key without its sort key", invalid),
		refused(t.put(ctx, wrong, "", nil), "a sort key of another type", invalid))
}

// sized is an item of so many bytes: the names and the values of its attributes.
func (t *Target) sized(sk string, bytes int) row {
	return t.row(sk, row{"v": text(strings.Repeat("x", bytes-len("PK"+t.Prefix+"SK"+sk+"v")))})
}

func itemSize(ctx context.Context, t *Target) error {
	return errors.Join(refused(t.put(ctx, t.sized("a", maxItem+1), "", nil), "an item of 400 KB and a byte", invalid), t.want(ctx, "a", nil),
		at("an item of 400 KB", t.put(ctx, t.sized("a", maxItem), "", nil)))
}

func itemSizeAfterUpdate(ctx context.Context, t *Target) error {
	there := t.sized("a", maxItem-2)
	put := t.put(ctx, there, "", nil)
	err := t.update(ctx, "SET w = :w", present, nil, row{":w": text("xx")})
	return errors.Join(put, refused(err, "an update that makes an item of 400 KB and a byte", invalid), t.want(ctx, "a", there),
		at("one that makes an item of 400 KB", t.update(ctx, "SET w = :w", present, nil, row{":w": text("x")})))
}

func digits(ctx context.Context, t *Target) error {
	n := &types.AttributeValueMemberN{Value: strings.Repeat("1", 39)}
	return refused(t.put(ctx, t.row("a", row{"n": n}), "", nil), "a number of 39 digits", invalid)
}

func capacityCases() []Case {
	return []Case{
		{"Capacity/Put", pageCapacity, "", capacityOfPut},
		{"Capacity/PutIndexed", pageIndexes, "", capacityOfPutIndexed},
		{"Capacity/Get", pageCapacity, "", capacityOfGet},
		{"Capacity/Query", pageCapacity, "", capacityOfQuery},
		{"Capacity/Transaction", pageCapacity, "", capacityOfTransaction},
		{"Capacity/ItemSize", pageSizes, "", capacityTellsItemSize},
	}
}

func wantUnits(what string, c *types.ConsumedCapacity, want float64) error {
	if c == nil || aws.ToFloat64(c.CapacityUnits) != want {
		return differs(what, units(c), want)
	}
	return nil
}

func units(c *types.ConsumedCapacity) string {
	if c == nil {
		return "nothing told"
	}
	return fmt.Sprint(aws.ToFloat64(c.CapacityUnits))
}

func (t *Target) costOfPut(ctx context.Context, what string, item row, want float64) error {
	out, err := t.dynamodb.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.Table, Item: item, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
	if err != nil {
		return at(what, err)
	}
	return wantUnits(what, out.ConsumedCapacity, want)
}

func capacityOfPut(ctx context.Context, t *Target) error {
	return errors.Join(t.costOfPut(ctx, "a new item of 1 KB", t.sized("a", 1024), 1), t.costOfPut(ctx, "one of a byte more", t.sized("b", 1025), 2),
		t.costOfPut(ctx, "a small one instead of it", t.key("b"), 2), t.costOfPut(ctx, "a small one", t.key("c"), 1))
}

func capacityOfPutIndexed(ctx context.Context, t *Target) error {
	same, moved := t.listed("a", "l"), t.listed("a", "m")
	same["v"] = number(1)
	moved["v"] = number(1)
	return errors.Join(t.costOfPut(ctx, "an item in two indexes", t.listed("a", "l"), 3), t.costOfPut(ctx, "another attribute of it", same, 3),
		t.costOfPut(ctx, "another place in one index", moved, 4), t.costOfPut(ctx, "out of both", t.key("a"), 3))
}

func (t *Target) costOfGet(ctx context.Context, what, sk string, consistent bool, want float64) error {
	out, err := t.dynamodb.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.Table, Key: t.key(sk), ConsistentRead: &consistent,
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
	if err != nil {
		return at(what, err)
	}
	return wantUnits(what, out.ConsumedCapacity, want)
}

func capacityOfGet(ctx context.Context, t *Target) error {
	return errors.Join(t.put(ctx, t.sized("a", 4096), "", nil), t.put(ctx, t.sized("b", 4097), "", nil),
		t.costOfGet(ctx, "an item of 4 KB", "a", true, 1), t.costOfGet(ctx, "one of a byte more", "b", true, 2),
		t.costOfGet(ctx, "4 KB, eventually consistent", "a", false, 0.5), t.costOfGet(ctx, "an item that is not there", "c", true, 1))
}

func capacityOfQuery(ctx context.Context, t *Target) error {
	put := errors.Join(t.put(ctx, t.sized("a", 2000), "", nil), t.put(ctx, t.sized("b", 2096), "", nil), t.put(ctx, t.sized("c", 10+len(t.Prefix)), "", nil))
	cost := func(limit int32, want float64) error {
		in := t.under("")
		in.Limit, in.ReturnConsumedCapacity = &limit, types.ReturnConsumedCapacityTotal
		out, err := t.dynamodb.Query(ctx, &in)
		if err != nil {
			return err
		}
		return wantUnits("a query", out.ConsumedCapacity, want)
	}
	return errors.Join(put, at("two items of 4 KB together", cost(2, 1)), at("one more", cost(3, 2)))
}

func capacityOfTransaction(ctx context.Context, t *Target) error {
	out, err := t.dynamodb.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		TransactItems: []types.TransactWriteItem{t.write(t.sized("a", 1024), "", nil), t.write(t.sized("b", 1025), absent, nil)}})
	if err == nil && len(out.ConsumedCapacity) != 1 {
		err = errors.New("a transaction on one table does not tell what it consumed")
	}
	if err != nil {
		return err
	}
	return wantUnits("1 KB and a byte more than 1 KB", &out.ConsumedCapacity[0], 6)
}

// capacityTellsItemSize finds by the units where 1 KB ends, for what has a size of its own beside that of its text.
func capacityTellsItemSize(ctx context.Context, t *Target) error {
	var errs []error
	for name, v := range map[string]struct {
		value types.AttributeValue
		size  int
	}{
		"a boolean":     {&types.AttributeValueMemberBOOL{Value: true}, 1},
		"null":          {&types.AttributeValueMemberNULL{Value: true}, 1},
		"bytes":         {&types.AttributeValueMemberB{Value: make([]byte, 7)}, 7},
		"an empty list": {&types.AttributeValueMemberL{Value: []types.AttributeValue{}}, 3},
		"an empty map":  {&types.AttributeValueMemberM{Value: row{}}, 3},
	} {
		whole := func(size int) row {
			item := t.sized("a", size-len("w")-v.size)
			item["w"] = v.value
			return item
		}
		errs = append(errs, t.put(ctx, t.key("a"), "", nil), t.costOfPut(ctx, "1 KB with "+name, whole(1024), 1),
			t.costOfPut(ctx, "1 KB and a byte with "+name, whole(1025), 2))
	}
	return errors.Join(errs...)
}
