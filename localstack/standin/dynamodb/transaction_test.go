package dynamodb_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

type action = types.TransactWriteItem

func putAction(it item) action {
	return action{Put: &types.Put{TableName: aws.String("things"), Item: it}}
}

func addAction(pk, sk string) action {
	return action{Update: &types.Update{TableName: aws.String("things"), Key: key(pk, sk), UpdateExpression: aws.String("ADD x :one, y :two"),
		ExpressionAttributeValues: item{":one": i(1), ":two": i(2)}}}
}

func (d *db) transact(t *testing.T, token *string, actions ...action) error {
	t.Helper()
	_, err := d.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: actions, ClientRequestToken: token})
	return err
}

func TestTransactionDoesAll(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.put(t, "things", with(key("a", "gone"), item{"x": i(1)}))
	err := d.transact(t, nil,
		putAction(key("a", "put")), addAction("a", "add"),
		action{Delete: &types.Delete{TableName: aws.String("things"), Key: key("a", "gone"), ConditionExpression: aws.String("x = :one"), ExpressionAttributeValues: item{":one": i(1)}}},
		action{ConditionCheck: &types.ConditionCheck{TableName: aws.String("numbers"), Key: item{"pk": s("a"), "sk": i(1)}, ConditionExpression: aws.String("attribute_not_exists(pk)")}},
	)
	if err != nil {
		t.Fatal(err)
	}
	for sk, want := range map[string]item{"put": key("a", "put"), "add": with(key("a", "add"), item{"x": i(1), "y": i(2)}), "gone": nil} {
		if diff := cmp.Diff(want, d.get(t, "things", key("a", sk)), same); diff != "" {
			t.Errorf("%s (-want +got):\n%s", sk, diff)
		}
	}
	if found := d.get(t, "numbers", item{"pk": s("a"), "sk": i(1)}); found != nil {
		t.Errorf("a check wrote %v", found)
	}
}

func TestTransactionReasonsAreInOrder(t *testing.T) {
	t.Parallel()
	d := open(t)
	there := with(key("a", "there"), item{"x": s("text")})
	d.put(t, "things", there)
	check := func(sk, condition string, show types.ReturnValuesOnConditionCheckFailure) action {
		return action{ConditionCheck: &types.ConditionCheck{TableName: aws.String("things"), Key: key("a", sk), ConditionExpression: &condition, ReturnValuesOnConditionCheckFailure: show}}
	}
	type reason struct {
		code string
		item item
	}
	for name, c := range map[string]struct {
		actions []action
		want    []reason
	}{
		"Conditions": {
			[]action{putAction(key("a", "new")), check("there", "attribute_not_exists(pk)", "ALL_OLD"), check("new2", "attribute_exists(pk)", "ALL_OLD"), check("new3", "attribute_not_exists(pk)", "")},
			[]reason{{"None", nil}, {"ConditionalCheckFailed", there}, {"ConditionalCheckFailed", nil}, {"None", nil}},
		},
		"NotShown": {
			[]action{check("there", "attribute_not_exists(pk)", ""), putAction(key("a", "new"))},
			[]reason{{"ConditionalCheckFailed", nil}, {"None", nil}},
		},
		"UpdateMeetsItem": {
			[]action{putAction(key("a", "new")), addAction("a", "there"), check("new2", "attribute_exists(pk)", "")},
			[]reason{{"None", nil}, {"ValidationError", nil}, {"ConditionalCheckFailed", nil}},
		},
		"FirstUnlawfulItem": {
			[]action{putAction(key("a", "new")), putAction(item{"pk": i(1), "sk": s("b")}), putAction(item{"pk": i(2)}), check("new2", "attribute_exists(pk)", "")},
			[]reason{{"None", nil}, {"ValidationError", nil}, {"None", nil}, {"None", nil}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := d.transact(t, nil, c.actions...)
			var codes []string
			for _, r := range c.want {
				codes = append(codes, r.code)
			}
			wantError(t, err, cancelled, "["+strings.Join(codes, ", ")+"]")
			var failed *types.TransactionCanceledException
			if !errors.As(err, &failed) {
				t.Fatal(err)
			}
			for at, r := range failed.CancellationReasons {
				if *r.Code != c.want[at].code || (r.Message == nil) != (*r.Code == "None") {
					t.Errorf("reason %d is %s %v, want %s", at, *r.Code, r.Message, c.want[at].code)
				}
				if diff := cmp.Diff(c.want[at].item, r.Item, same); diff != "" {
					t.Errorf("item %d (-want +got):\n%s", at, diff)
				}
			}
			if found := d.get(t, "things", key("a", "new")); found != nil {
				t.Errorf("a cancelled transaction wrote %v", found)
			}
		})
	}
}

func TestTransactionRefuses(t *testing.T) {
	t.Parallel()
	d := open(t)
	many := func(count, size int) []action {
		var actions []action
		for at := range count {
			id := key("many", fmt.Sprintf("%03d", at))
			actions = append(actions, putAction(with(id, item{"x": s(strings.Repeat("x", size-len("pkmanysk000x")))})))
		}
		return actions
	}
	check := action{ConditionCheck: &types.ConditionCheck{TableName: aws.String("things"), Key: key("a", "b"), ConditionExpression: aws.String("attribute_not_exists(pk)")}}
	broken := action{Put: &types.Put{TableName: aws.String("things"), Item: key("a", "c"), ConditionExpression: aws.String("hello!")}}
	unknown := action{Delete: &types.Delete{TableName: aws.String("nowhere"), Key: key("a", "c")}}
	for name, c := range map[string]struct {
		actions       []action
		kind, message string
	}{
		"Hundred":         {many(100, 100), "", ""},
		"HundredAndOne":   {many(101, 100), validation, "100"},
		"None":            {[]action{}, validation, "transactItems"},
		"FourMegabytes":   {many(64, 64<<10), "", ""},
		"AndOneByte":      {append(many(63, 64<<10), putAction(with(key("many", "063"), item{"x": s(strings.Repeat("x", 64<<10-11))}))), validation, "size cannot exceed"},
		"SameItem":        {[]action{check, putAction(key("a", "b"))}, validation, "multiple operations on one item"},
		"TwoInOne":        {[]action{{Put: putAction(key("a", "b")).Put, ConditionCheck: check.ConditionCheck}}, validation, "only contain one of"},
		"Empty":           {[]action{{}}, validation, "only contain one of"},
		"BrokenCondition": {[]action{check, broken}, validation, "Syntax error"},
		"UnknownTable":    {[]action{check, unknown}, "ResourceNotFoundException", "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, d.transact(t, aws.String(name), c.actions...), c.kind, c.message)
		})
	}
	wantError(t, d.transact(t, aws.String(strings.Repeat("t", 36)), check), "", "")
	wantError(t, d.transact(t, aws.String(strings.Repeat("t", 37)), check), validation, "clientRequestToken")
}

func TestTransactionTokenIsGoodForTenMinutes(t *testing.T) {
	t.Parallel()
	d := open(t)
	count := func() string { return plain(d.get(t, "things", key("a", "b"))["x"]) }
	token := aws.String("token")
	for at, step := range []struct {
		wait time.Duration
		do   action
		err  string
		want string
	}{
		{0, addAction("a", "b"), "", "1"},
		{0, addAction("a", "b"), "", "1"},
		{0, addAction("a", "c"), "IdempotentParameterMismatchException", "1"},
		{10*time.Minute - 1, addAction("a", "b"), "", "1"},
		{0, addAction("a", "c"), "IdempotentParameterMismatchException", "1"},
		{1, addAction("a", "b"), "", "2"},
		{10*time.Minute - 1, addAction("a", "b"), "", "2"},
	} {
		d.clock.advance(step.wait)
		d.reopen(t) // tokens outlive the process
		wantError(t, d.transact(t, token, step.do), step.err, "")
		if got := count(); got != step.want {
			t.Fatalf("step %d: the counter is %s, want %s", at, got, step.want)
		}
	}
}

func TestCancelledTransactionFreesItsToken(t *testing.T) {
	t.Parallel()
	d := open(t)
	first := action{Put: &types.Put{TableName: aws.String("things"), Item: key("a", "b"), ConditionExpression: aws.String("attribute_not_exists(pk)")}}
	d.put(t, "things", key("a", "b"))
	wantError(t, d.transact(t, aws.String("token"), first), cancelled, "")
	if _, err := d.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: aws.String("things"), Key: key("a", "b")}); err != nil {
		t.Fatal(err)
	}
	wantError(t, d.transact(t, aws.String("token"), first), "", "")
	wantError(t, d.transact(t, aws.String("token"), first), "", "")
}
