package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const pageIndexes = "Amazon DynamoDB Developer Guide, Using Global Secondary Indexes in DynamoDB"

func indexCases() []Case {
	return []Case{
		{"Index/AllAttributes", pageIndexes, "", allAttributes},
		{"Index/Sparse", pageIndexes, "", sparse},
		{"Index/Order", pageIndexes, "", indexOrder},
		{"Index/AfterAPosition", pageKeyQuery, "", afterAPosition},
		{"Index/SameKey", pageIndexes, "", sameKey},
		{"Index/Follows", pageIndexes, "", follows},
		{"Index/NotConsistent", pageIndexes, "", notConsistent},
		{"Index/KeyTypes", pageIndexes, "", indexKeyTypes},
	}
}

// listed is an item that is in both indexes; label is its place in the fleet index.
func (t *Target) listed(sk, label string) row {
	return t.row(sk, row{"owner": text(t.Prefix), "fleet": text(t.Prefix), "fleetKey": text(label)})
}

// list is the query for what an index has of this case.
func (t *Target) list(index string) dynamodb.QueryInput {
	return dynamodb.QueryInput{TableName: &t.Table, IndexName: &index, KeyConditionExpression: aws.String("#pk = :pk"),
		ExpressionAttributeNames: map[string]string{"#pk": index}, ExpressionAttributeValues: row{":pk": text(t.Prefix)}}
}

// wantListed waits until the query yields these items, in this order.
func (t *Target) wantListed(ctx context.Context, in dynamodb.QueryInput, sks ...string) error {
	return t.within(ctx, func() error { return t.wantSKs(ctx, in, sks...) })
}

func allAttributes(ctx context.Context, t *Target) error {
	item := t.listed("a", "l")
	item["seen"] = stored(1)
	if err := errors.Join(t.put(ctx, item, "", nil), t.wantListed(ctx, t.list(ownerIndex), "a")); err != nil {
		return err
	}
	pages, err := t.pages(ctx, t.list(ownerIndex))
	if err == nil && len(pages[0]) != 1 {
		err = differs("items of the first page", len(pages[0]), 1)
	}
	if err != nil {
		return err
	}
	return sameRow("the item in the index", pages[0][0], item)
}

func sparse(ctx context.Context, t *Target) error {
	half := t.listed("b", "m")
	delete(half, "fleetKey")
	return errors.Join(t.put(ctx, t.listed("a", "l"), "", nil), t.put(ctx, half, "", nil), t.putAll(ctx, "c"),
		t.wantListed(ctx, t.list(fleetIndex), "a"))
}

func indexOrder(ctx context.Context, t *Target) error {
	labels := []string{"Phone\t1", "Phone\t9", "Phone 2\t3", "ph\t4", "~", "é", "～", "😀"}
	var sks []string
	for i := range labels {
		n := (i*3 + 1) % len(labels)
		if err := t.put(ctx, t.listed(fmt.Sprint(n), labels[n]), "", nil); err != nil {
			return err
		}
		sks = append(sks, fmt.Sprint(i))
	}
	down, forwards := t.list(fleetIndex), t.wantListed(ctx, t.list(fleetIndex), sks...)
	down.ScanIndexForward = aws.Bool(false)
	slices.Reverse(sks)
	return errors.Join(forwards, t.wantListed(ctx, down, sks...))
}

func afterAPosition(ctx context.Context, t *Target) error {
	in := t.list(fleetIndex)
	in.KeyConditionExpression = aws.String("#pk = :pk AND fleetKey > :sk")
	in.ExpressionAttributeValues[":sk"] = text("b")
	in.Limit = aws.Int32(2)
	var errs []error
	for _, label := range []string{"a", "b", "b\t", "c", "d"} {
		errs = append(errs, t.put(ctx, t.listed("of "+label, label), "", nil))
	}
	return errors.Join(errors.Join(errs...), t.wantListed(ctx, in, "of b\t", "of c", "of d"))
}

// sameKey pages through items that the index cannot tell apart: the order among them is not defined, but each comes once.
func sameKey(ctx context.Context, t *Target) error {
	want := []string{"a", "b", "c", "d"}
	for _, sk := range want {
		if err := t.put(ctx, t.listed(sk, "same"), "", nil); err != nil {
			return err
		}
	}
	return t.within(ctx, func() error {
		in := t.list(fleetIndex)
		in.Limit = aws.Int32(1)
		pages, err := t.pages(ctx, in)
		got := slices.Sorted(slices.Values(sortKeys(slices.Concat(pages...))))
		if err == nil && !slices.Equal(got, want) {
			err = differs("items", got, want)
		}
		out, err2 := t.dynamodb.Query(ctx, &in)
		if err2 != nil || len(out.Items) == 0 {
			return errors.Join(err, err2, errors.New("the index has nothing"))
		}
		key := t.listed(sortKeys(out.Items)[0], "same")
		delete(key, "owner")
		return errors.Join(err, sameRow("the key after a page", out.LastEvaluatedKey, key))
	})
}

func follows(ctx context.Context, t *Target) error {
	moved, gone := t.listed("a", "z"), t.listed("b", "m")
	delete(gone, "fleet")
	first := errors.Join(t.put(ctx, t.listed("a", "l"), "", nil), t.put(ctx, t.listed("b", "m"), "", nil), t.put(ctx, t.listed("c", "n"), "", nil),
		t.wantListed(ctx, t.list(fleetIndex), "a", "b", "c"))
	second := errors.Join(t.put(ctx, moved, "", nil), t.put(ctx, gone, "", nil), t.wantListed(ctx, t.list(fleetIndex), "c", "a"))
	_, err := t.dynamodb.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &t.Table, Key: t.key("c")})
	return errors.Join(first, second, err, t.wantListed(ctx, t.list(fleetIndex), "a"))
}

func notConsistent(ctx context.Context, t *Target) error {
	in := t.list(ownerIndex)
	in.ConsistentRead = aws.Bool(true)
	_, err := t.dynamodb.Query(ctx, &in)
	return refused(err, "a consistent read of an index", invalid)
}

func indexKeyTypes(ctx context.Context, t *Target) error {
	wrong := func(v types.AttributeValue) row {
		item := maps.Clone(t.listed("a", "l"))
		item["fleetKey"] = v
		return item
	}
	return errors.Join(
		refused(t.put(ctx, wrong(number(1)), "", nil), "an index key of another type", invalid),
		refused(t.put(ctx, wrong(text("")), "", nil), "an empty index key", invalid), t.want(ctx, "a", nil))
}
