package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	pageQuery      = "Amazon DynamoDB API Reference, Query"
	pageKeyQuery   = "Amazon DynamoDB Developer Guide, Key condition expressions for the Query operation in DynamoDB"
	pagePagination = "Amazon DynamoDB Developer Guide, Paginating table query results in DynamoDB"
	pageConsistent = "Amazon DynamoDB Developer Guide, DynamoDB read consistency"
)

func queryCases() []Case {
	return []Case{
		{"Query/OrderOfBytes", pageQuery, "", orderOfBytes},
		{"Query/Descending", pageQuery, "", descending},
		{"Query/BeginsWith", pageKeyQuery, "", beginsWith},
		{"Query/OnePartition", pageKeyQuery, "", onePartition},
		{"Query/Nothing", pagePagination, "", nothing},
		{"Query/Limit", pagePagination, "", limitForwards},
		{"Query/LimitDescending", pagePagination, "", limitBackwards},
		{"Query/Megabyte", pagePagination, "", megabyte},
		{"Query/SeesEveryWrite", pageConsistent, "", seesEveryWrite},
	}
}

// under is the query for the items of this case whose SK begins with prefix.
func (t *Target) under(prefix string) dynamodb.QueryInput {
	return dynamodb.QueryInput{TableName: &t.Table, KeyConditionExpression: aws.String("PK = :pk AND begins_with(SK, :sk)"),
		ExpressionAttributeValues: row{":pk": text(t.Prefix), ":sk": text(prefix)}, ConsistentRead: aws.Bool(true)}
}

// pages follows a query to its end. No page may be longer than its limit.
func (t *Target) pages(ctx context.Context, in dynamodb.QueryInput) ([][]row, error) {
	var pages [][]row
	for range 100 {
		out, err := t.dynamodb.Query(ctx, &in)
		if err != nil {
			return nil, err
		}
		if in.Limit != nil && len(out.Items) > int(*in.Limit) || int(out.Count) != len(out.Items) {
			return nil, differs("items of a page, its count", []int{len(out.Items), int(out.Count)}, fmt.Sprint("at most ", aws.ToInt32(in.Limit)))
		}
		pages = append(pages, out.Items)
		if len(out.LastEvaluatedKey) == 0 {
			return pages, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
	return nil, errors.New("a query has no end")
}

// sortKeys are those of the items, in their order.
func sortKeys(items []row) []string {
	all := []string{}
	for _, item := range items {
		v, _ := item["SK"].(*types.AttributeValueMemberS)
		if v == nil {
			v = &types.AttributeValueMemberS{Value: "(no text)"}
		}
		all = append(all, v.Value)
	}
	return all
}

// wantSKs is nil if the query yields items with these SK, in this order.
func (t *Target) wantSKs(ctx context.Context, in dynamodb.QueryInput, want ...string) error {
	pages, err := t.pages(ctx, in)
	if err != nil {
		return err
	}
	if got := sortKeys(slices.Concat(pages...)); !slices.Equal(got, want) {
		return differs("items", fmt.Sprintf("%q", got), fmt.Sprintf("%q", want))
	}
	return nil
}

// inOrder are sort keys in the order of their UTF-8 bytes, which is neither that of letters nor that of UTF-16.
func inOrder() []string {
	return []string{"\x01", " ", "#", "-", "0", "10", "9", "A", "B", "a", "a\x00", "a ", "aa", "ab", "b", "~", "é", "ą", "€", "～", "😀"}
}

func orderOfBytes(ctx context.Context, t *Target) error {
	shuffled := inOrder()
	for i := range shuffled { // by a step that has no divisor in common with their number
		shuffled[i] = inOrder()[i*8%len(shuffled)]
	}
	return errors.Join(t.putAll(ctx, shuffled...), t.wantSKs(ctx, t.under(""), inOrder()...))
}

func descending(ctx context.Context, t *Target) error {
	want := inOrder()
	slices.Reverse(want)
	in := t.under("")
	in.ScanIndexForward = aws.Bool(false)
	return errors.Join(t.putAll(ctx, inOrder()...), t.wantSKs(ctx, in, want...))
}

func beginsWith(ctx context.Context, t *Target) error {
	return errors.Join(t.putAll(ctx, "HEAD", "K#1", "N", "N#", "N#000", "N#001", "N#~", "N#😀", "N$", "Na", "O#1", "n#1"),
		t.wantSKs(ctx, t.under("N#"), "N#", "N#000", "N#001", "N#~", "N#😀"), t.wantSKs(ctx, t.under("N#00"), "N#000", "N#001"),
		t.wantSKs(ctx, t.under("N#001"), "N#001"), t.wantSKs(ctx, t.under("n#1"), "n#1"), t.wantSKs(ctx, t.under("Z")))
}

func onePartition(ctx context.Context, t *Target) error {
	longer, shorter := *t, *t
	longer.Prefix += "a"
	shorter.Prefix = t.Prefix[:len(t.Prefix)-1]
	return errors.Join(longer.putAll(ctx, "b"), shorter.putAll(ctx, "c"), t.putAll(ctx, "a"), t.wantSKs(ctx, t.under(""), "a"))
}

func nothing(ctx context.Context, t *Target) error {
	in := t.under("")
	out, err := t.dynamodb.Query(ctx, &in)
	if err == nil && len(out.Items)+len(out.LastEvaluatedKey) > 0 {
		err = differs("items and the key after them", []int{len(out.Items), len(out.LastEvaluatedKey)}, "none")
	}
	return err
}

func limitForwards(ctx context.Context, t *Target) error  { return t.walk(ctx, true) }
func limitBackwards(ctx context.Context, t *Target) error { return t.walk(ctx, false) }

// walk reads five items in pages of one to six.
func (t *Target) walk(ctx context.Context, forward bool) error {
	sks := []string{"N#1", "N#2", "N#3", "N#4", "N#5"}
	errs := []error{t.putAll(ctx, sks...), t.putAll(ctx, "M", "O")}
	if !forward {
		slices.Reverse(sks)
	}
	for limit := range int32(6) {
		in := t.under("N#")
		in.Limit, in.ScanIndexForward = aws.Int32(limit+1), &forward
		errs = append(errs, at(fmt.Sprint("pages of ", limit+1), t.wantSKs(ctx, in, sks...)))
	}
	return errors.Join(errs...)
}

// megabyte: the page says 1 MB or less. An item that begins within it is let pass: nobody depends on where it goes.
func megabyte(ctx context.Context, t *Target) error {
	const each = 300 << 10
	sks := []string{"a", "b", "c", "d", "e"}
	for _, sk := range sks {
		if err := t.put(ctx, t.row(sk, row{"v": text(strings.Repeat("x", each))}), "", nil); err != nil {
			return err
		}
	}
	pages, err := t.pages(ctx, t.under(""))
	if err != nil {
		return err
	}
	for _, page := range pages {
		if (len(page)-1)*each > 1<<20 {
			return differs("bytes of a page", len(page)*each, "about 1 MB")
		}
	}
	if got := sortKeys(slices.Concat(pages...)); !slices.Equal(got, sks) {
		return differs("items", got, sks)
	}
	return nil
}

func seesEveryWrite(ctx context.Context, t *Target) error {
	var sks []string
	for i := range 10 {
		sks = append(sks, fmt.Sprint(i))
		if err := errors.Join(t.putAll(ctx, sks[i]), t.wantSKs(ctx, t.under(""), sks...)); err != nil {
			return err
		}
	}
	return nil
}
