package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	pageTransactions = "Amazon DynamoDB Developer Guide, Amazon DynamoDB Transactions: How it works"
	pageTransact     = "Amazon DynamoDB API Reference, TransactWriteItems"
	pageReason       = "Amazon DynamoDB API Reference, CancellationReason"
)

func transactionCases() []Case {
	return []Case{
		{"Transaction/AllTakeEffect", pageTransactions, "", allTakeEffect},
		{"Transaction/NoneTakesEffect", pageTransactions, "", noneTakesEffect},
		{"Transaction/ReasonsInOrder", pageReason, "", reasonsInOrder},
		{"Transaction/ReasonShowsItem", pageReason, "", reasonShowsItem},
		{"Transaction/SameTokenIsOneTransaction", pageTransact, "", sameToken},
		{"Transaction/TokenOfAnother", pageTransact, "", tokenOfAnother},
		{"Transaction/ItemOnce", pageTransact, "", itemOnce},
		{"Transaction/HundredActions", pageTransact, "", hundredActions},
		{"Transaction/FourMegabytes", pageTransact, "", fourMegabytes},
		{"Transaction/ItemTooLarge", pageTransact, "", itemTooLarge},
		{"Transaction/OneWinner", pageTransactions, "", transactionsHaveOneWinner},
		{"Transaction/Serial", pageTransactions, "", serial},
	}
}

// write is one action of a transaction: a put, on a condition unless that is "".
func (t *Target) write(item row, condition string, values row) types.TransactWriteItem {
	put := &types.Put{TableName: &t.Table, Item: item, ExpressionAttributeValues: values}
	if condition != "" {
		put.ConditionExpression = &condition
	}
	return types.TransactWriteItem{Put: put}
}

func (t *Target) transact(ctx context.Context, token *string, writes ...types.TransactWriteItem) error {
	_, err := t.dynamodb.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes, ClientRequestToken: token})
	return err
}

// token is one that nobody has used, in the 36 characters that it may have: prefixes are used once.
func (t *Target) token() *string {
	sum := sha256.Sum256([]byte(t.Prefix))
	return aws.String(hex.EncodeToString(sum[:])[:36])
}

func allTakeEffect(ctx context.Context, t *Target) error {
	next := t.row("a", rowOf("rev", 2))
	return errors.Join(t.put(ctx, t.row("a", rowOf("rev", 1)), "", nil),
		t.transact(ctx, nil, t.write(next, sameRev, rev(1)), t.write(t.key("b"), absent, nil), t.write(t.key("c"), "", nil)),
		t.want(ctx, "a", next), t.want(ctx, "b", t.key("b")), t.want(ctx, "c", t.key("c")))
}

func noneTakesEffect(ctx context.Context, t *Target) error {
	there := t.row("b", rowOf("rev", 1))
	put := t.put(ctx, there, "", nil)
	err := t.transact(ctx, nil, t.write(t.key("a"), absent, nil), t.write(t.row("b", rowOf("rev", 3)), sameRev, rev(2)), t.write(t.key("c"), "", nil))
	return errors.Join(put, refused(err, "a transaction one of whose conditions does not hold", cancelled),
		t.want(ctx, "a", nil), t.want(ctx, "b", there), t.want(ctx, "c", nil))
}

// reasons are those of a cancelled transaction.
func reasons(err error) ([]types.CancellationReason, error) {
	c, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		return nil, refused(err, "a transaction that cannot be", cancelled)
	}
	return c.CancellationReasons, nil
}

func wantReasons(err error, want ...string) error {
	got, err := reasons(err)
	codes := []string{}
	for _, r := range got {
		codes = append(codes, aws.ToString(r.Code))
	}
	if err == nil && !slices.Equal(codes, want) {
		err = differs("reasons", codes, want)
	}
	return err
}

func reasonsInOrder(ctx context.Context, t *Target) error {
	put := t.putAll(ctx, "a", "b", "c")
	err := t.transact(ctx, nil, t.write(t.key("d"), absent, nil), t.write(t.key("c"), absent, nil),
		t.write(t.key("b"), present, nil), t.write(t.key("a"), "", nil), t.write(t.key("e"), present, nil))
	return errors.Join(put, wantReasons(err, "None", "ConditionalCheckFailed", "None", "None", "ConditionalCheckFailed"))
}

func reasonShowsItem(ctx context.Context, t *Target) error {
	there := t.row("a", rowOf("v", 1))
	put := errors.Join(t.put(ctx, there, "", nil), t.put(ctx, t.row("b", rowOf("v", 1)), "", nil))
	asks, silent := t.write(t.key("a"), absent, nil), t.write(t.key("b"), absent, nil)
	asks.Put.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	got, err := reasons(t.transact(ctx, nil, asks, silent))
	if err == nil && len(got) != 2 {
		err = differs("reasons", len(got), 2)
	}
	if err != nil {
		return errors.Join(put, err)
	}
	return errors.Join(put, sameRow("the item shown", got[0].Item, there), sameRow("the item not asked for", got[1].Item, nil))
}

// sameToken is the retry of a transaction whose answer was lost: its condition no longer holds.
func sameToken(ctx context.Context, t *Target) error {
	token, later := t.token(), t.row("a", rowOf("rev", 3))
	once := func() error {
		return t.transact(ctx, token, t.write(t.row("a", rowOf("rev", 2)), sameRev, rev(1)), t.write(t.key("b"), absent, nil))
	}
	return errors.Join(t.put(ctx, t.row("a", rowOf("rev", 1)), "", nil), once(), at("the repetition", once()),
		t.put(ctx, later, sameRev, rev(2)), at("the repetition after another write", once()), t.want(ctx, "a", later))
}

func tokenOfAnother(ctx context.Context, t *Target) error {
	token := t.token()
	first := t.transact(ctx, token, t.write(t.row("a", rowOf("v", 1)), "", nil))
	second := t.transact(ctx, token, t.write(t.row("a", rowOf("v", 2)), "", nil))
	return errors.Join(first, refused(second, "another transaction with the same token", "IdempotentParameterMismatchException"),
		t.want(ctx, "a", t.row("a", rowOf("v", 1))))
}

func itemOnce(ctx context.Context, t *Target) error {
	err := t.transact(ctx, nil, t.write(t.row("a", rowOf("v", 1)), "", nil), t.write(t.row("a", rowOf("v", 2)), "", nil))
	return errors.Join(refused(err, "two writes of one item", invalid), t.want(ctx, "a", nil))
}

func hundredActions(ctx context.Context, t *Target) error {
	writes := make([]types.TransactWriteItem, 101)
	for i := range writes {
		writes[i] = t.write(t.key(fmt.Sprintf("%03d", i)), absent, nil)
	}
	tooMany := t.transact(ctx, nil, writes...)
	none := t.want(ctx, "000", nil)
	return errors.Join(refused(tooMany, "101 actions", invalid), none,
		at("100 actions", t.transact(ctx, nil, writes[:100]...)), t.want(ctx, "099", t.key("099")))
}

func fourMegabytes(ctx context.Context, t *Target) error {
	writes := make([]types.TransactWriteItem, 11)
	for i := range writes {
		writes[i] = t.write(t.row(fmt.Sprintf("%03d", i), row{"v": text(strings.Repeat("x", 390<<10))}), "", nil)
	}
	err := t.transact(ctx, nil, writes...)
	return errors.Join(refused(err, "items of 4.2 MB", invalid), t.want(ctx, "000", nil),
		at("items of 3.8 MB", t.transact(ctx, nil, writes[:10]...)))
}

func itemTooLarge(ctx context.Context, t *Target) error {
	large := t.row("b", row{"v": text(strings.Repeat("x", maxItem))})
	err := t.transact(ctx, nil, t.write(t.key("a"), "", nil), t.write(large, "", nil))
	return errors.Join(refused(err, "an item beyond 400 KB", cancelled, invalid), t.want(ctx, "a", nil))
}

func transactionsHaveOneWinner(ctx context.Context, t *Target) error {
	return oneWinner(all(8, func(i int) error {
		return t.transact(ctx, nil, t.write(t.row("a", rowOf("v", int64(i))), absent, nil), t.write(t.key(fmt.Sprint(i)), "", nil))
	}), cancelled)
}

// serial has transactions meet on two items. One that another disturbs is refused as a conflict; those that take effect
// do so on both.
func serial(ctx context.Context, t *Target) error {
	errs := all(8, func(i int) error {
		v := rowOf("v", int64(i))
		return t.transact(ctx, nil, t.write(t.row("a", v), "", nil), t.write(t.row("b", v), "", nil))
	})
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
			continue
		}
		why, err := reasons(err)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(why, func(r types.CancellationReason) bool { return aws.ToString(r.Code) == "TransactionConflict" }) {
			return differs("reasons", why, "TransactionConflict")
		}
	}
	out, err := t.dynamodb.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.Table, Key: t.key("a"), ConsistentRead: aws.Bool(true)})
	if err == nil && done == 0 {
		err = differs("transactions that took effect", done, "at least 1")
	}
	if err != nil {
		return err
	}
	return t.want(ctx, "b", t.row("b", row{"v": out.Item["v"]}))
}
