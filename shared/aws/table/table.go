// Package table knows how the rows of Zapas lie in DynamoDB: under which keys, in which attributes, and on which
// conditions they are written. It does not know what rows mean, nor who may change them.
//
// All tables have the same key: PK and SK, both strings. Times are ISO 8601 in UTC with milliseconds, and what is finer
// is cut off; an attribute that would be empty is left out.
package table

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"zapas/shared/aws"
	"zapas/shared/caller"
	"zapas/shared/fault"
)

// Open makes the client that all tables share.
func Open(cfg sdk.Config) *dynamodb.Client { return dynamodb.NewFromConfig(cfg) }

// rows are the rows of one table. Every noun has a type of this shape.
type rows struct {
	DB   *dynamodb.Client
	Name string
}

// key is a row's place.
type key struct{ PK, SK string }

func (k key) attributes() item { return item{"PK": text(k.PK), "SK": text(k.SK)} }

// Conditions on the row that a write replaces.
const (
	absent  = "attribute_not_exists(PK)"
	present = "attribute_exists(PK)"
)

// after is the key that a position of a list by name names: that of the last row which the list has shown, a text and an id
// with a tab between them. "" is the beginning.
func after(position string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(position)
	at := string(b)
	_, id, ok := cutLast(at, "\t")
	if err != nil || at != "" && (!ok || !caller.ValidID(id) || !utf8.ValidString(at)) {
		return "", fault.Cursor()
	}
	return at, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// get reads a row, strongly consistently; false when there is none. kind names it in errors.
func (t rows) get(ctx context.Context, k key, kind string, into any) (bool, error) {
	out, err := t.DB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.Name, Key: k.attributes(), ConsistentRead: new(true)})
	if err != nil {
		return false, failed(err, "read "+kind)
	}
	if len(out.Item) == 0 {
		return false, nil
	}
	return true, decode(out.Item, kind, into)
}

// must is get for a row that is asked for by its name; fault.NotFound when there is none.
func (t rows) must(ctx context.Context, k key, kind string, into any) error {
	found, err := t.get(ctx, k, kind, into)
	if err == nil && !found {
		return fault.New(fault.NotFound, "not_found", "There is no such %s.", kind)
	}
	return err
}

// put writes a row, on a condition unless that is "". fault.Conflict may mean that an earlier attempt took effect and its
// answer was lost: reading the row can tell.
func (t rows) put(ctx context.Context, row item, kind, condition string, values item) error {
	in := &dynamodb.PutItemInput{TableName: &t.Name, Item: row, ExpressionAttributeValues: values}
	if condition != "" {
		in.ConditionExpression = &condition
	}
	_, err := t.DB.PutItem(ctx, in)
	return failed(err, "write "+kind)
}

// once writes a row where there is none, and leaves one that is there as it is.
func (t rows) once(ctx context.Context, row item, kind string) error {
	err := t.put(ctx, row, kind, absent, nil)
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return nil
	}
	return err
}

// query reads rows of one partition in order, at most so many if most is above 0.
func query[R any](ctx context.Context, t rows, in dynamodb.QueryInput, kind string, most int) ([]R, error) {
	all, damaged, err := queryReadable[R](ctx, t, in, kind, most)
	if err == nil {
		err = damaged
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// queryReadable is query that passes over rows which nobody can read; damaged says of which, nil for none.
func queryReadable[R any](ctx context.Context, t rows, in dynamodb.QueryInput, kind string, most int) (all []R, damaged, err error) {
	in.TableName = &t.Name
	for {
		if most > 0 {
			in.Limit = new(int32(most - len(all)))
		}
		out, err := t.DB.Query(ctx, &in)
		if err != nil {
			return nil, nil, failed(err, "list rows: "+kind)
		}
		for _, it := range out.Items {
			var r R
			if err := decode(it, kind, &r); err != nil {
				damaged = errors.Join(damaged, err)
				continue
			}
			all = append(all, r)
		}
		if len(out.LastEvaluatedKey) == 0 || most > 0 && len(all) >= most {
			return all, damaged, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// under is the query for all rows of a partition whose SK begins with prefix.
func under(pk, prefix string) dynamodb.QueryInput {
	return dynamodb.QueryInput{
		KeyConditionExpression:    new("PK = :pk AND begins_with(SK, :sk)"),
		ExpressionAttributeValues: item{":pk": text(pk), ":sk": text(prefix)},
		ConsistentRead:            new(true),
	}
}

// failed says what a failed call means.
func failed(err error, doing string) error {
	_, condition := errors.AsType[*types.ConditionalCheckFailedException](err)
	_, meeting := errors.AsType[*types.TransactionConflictException](err)
	if condition || meeting {
		return changed(err)
	}
	if c, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		because := func(codes ...string) bool {
			return slices.ContainsFunc(c.CancellationReasons, func(r types.CancellationReason) bool {
				return slices.Contains(codes, sdk.ToString(r.Code))
			})
		}
		switch {
		case because("ConditionalCheckFailed", "TransactionConflict"):
			return changed(err)
		case because("ThrottlingError", "ProvisionedThroughputExceeded"):
			return aws.Busy(err)
		}
	}
	return aws.Fault(err, doing)
}

func changed(err error) error {
	return fault.Wrap(err, fault.Conflict, "changed", "It was changed meanwhile; read it again.")
}
