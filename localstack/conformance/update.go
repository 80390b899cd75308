package conformance

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func updateCases() []Case {
	return []Case{
		{"Update/SetsWhatItNames", pageUpdate, "", setsWhatItNames},
		{"Update/AbsentOrNotLater", pageConditions, "", absentOrNotLater},
		{"Update/NotWhereThereIsNoItem", pageConditions, "", notWhereThereIsNoItem},
		{"Update/WithoutExpression", pageUpdate, "", withoutExpression},
		{"Update/KeyStays", pageUpdate, "", keyStays},
		{"Update/UndefinedName", pagePlaceholder, "", undefinedName},
	}
}

// update sets attributes by an expression, on a condition.
func (t *Target) update(ctx context.Context, set, condition string, names map[string]string, values row) error {
	in := &dynamodb.UpdateItemInput{TableName: &t.Table, Key: t.key("a"), ConditionExpression: &condition,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		ExpressionAttributeNames:            names, ExpressionAttributeValues: values}
	if set != "" {
		in.UpdateExpression = &set
	}
	_, err := t.dynamodb.UpdateItem(ctx, in)
	return err
}

func setsWhatItNames(ctx context.Context, t *Target) error {
	seen := &types.AttributeValueMemberM{Value: row{"at": text("now")}}
	return errors.Join(
		t.put(ctx, t.row("a", row{"label": text("l"), "seen": &types.AttributeValueMemberM{Value: row{"app": text("1")}}}), "", nil),
		t.update(ctx, "SET #seen = :seen, #run = :run", present, map[string]string{"#seen": "seen", "#run": "run"}, row{":seen": seen, ":run": number(3)}),
		t.want(ctx, "a", t.row("a", row{"label": text("l"), "seen": seen, "run": number(3)})))
}

// stored is an attribute with a sequence number in it.
func stored(seq int64) types.AttributeValue {
	return &types.AttributeValueMemberM{Value: row{"seq": number(seq)}}
}

func absentOrNotLater(ctx context.Context, t *Target) error {
	note := func(seq int64) error {
		return t.update(ctx, "SET #stored = :stored", present+" AND (attribute_not_exists(#stored) OR #stored.#seq <= :seq)",
			map[string]string{"#stored": "stored", "#seq": "seq"}, row{":stored": stored(seq), ":seq": number(seq)})
	}
	first := errors.Join(t.putAll(ctx, "a"), at("a first number", note(2)), at("the same number", note(2)), at("a later number", note(10)))
	item, err := shown(note(9))
	want := t.row("a", row{"stored": stored(10)})
	return errors.Join(first, at("an earlier number", err), sameRow("the item shown", item, want), t.want(ctx, "a", want))
}

func notWhereThereIsNoItem(ctx context.Context, t *Target) error {
	item, err := shown(t.update(ctx, "SET v = :v", present, nil, row{":v": number(1)}))
	return errors.Join(err, sameRow("the item shown", item, nil), t.want(ctx, "a", nil))
}

func withoutExpression(ctx context.Context, t *Target) error {
	there := t.row("a", rowOf("v", 1))
	return errors.Join(
		refused(t.update(ctx, "", present, nil, nil), "an update where there is no item", conditionFailed),
		t.put(ctx, there, "", nil), t.update(ctx, "", present, nil, nil), t.want(ctx, "a", there))
}

func keyStays(ctx context.Context, t *Target) error {
	there := t.key("a")
	err := t.put(ctx, there, "", nil)
	changed := t.update(ctx, "SET SK = :v", present, nil, row{":v": text("b")})
	return errors.Join(err, refused(changed, "another value of a key attribute", invalid), t.want(ctx, "a", there), t.want(ctx, "b", nil))
}

func undefinedName(ctx context.Context, t *Target) error {
	_, err := t.dynamodb.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: &t.Table, Key: t.key("a"),
		UpdateExpression: aws.String("SET #v = :v"), ExpressionAttributeValues: row{":v": number(1)}})
	return errors.Join(refused(err, "a placeholder that stands for nothing", invalid), t.want(ctx, "a", nil))
}
