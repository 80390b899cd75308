package dynamodb_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

// TestCondition checks conditions by deletes of a copy: each either holds, fails, or is refused.
func TestCondition(t *testing.T) {
	t.Parallel()
	d := open(t)
	there := with(key("a", "b"), item{
		"x": i(5), "y": n("5.0"), "str": s("hello"), "bin": b("\x01\x02\xff"), "yes": &flag{Value: true},
		"nothing": &null{Value: true}, "l": l(i(1), s("two"), m(item{"deep": l(i(7))})), "doc": m(item{"p": i(1), "q": s("z")}),
		"ss": ss("red", "green"), "ns": ns("1", "2.50"), "#odd": i(1), "utf": s("zażółć"),
	})
	const holds, fails = "", "fails"
	for _, c := range []struct {
		condition string
		values    item
		want      string // or a part of the ValidationException's message
	}{
		{"x = :v", item{":v": n("5.00")}, holds},
		{"x = y", nil, holds},
		{"x = :v", item{":v": s("5")}, fails},
		{"x <> :v", item{":v": s("5")}, holds},
		{"absent = :v", item{":v": i(1)}, fails},
		{"absent <> :v", item{":v": i(1)}, holds},
		{"absent = absent2", nil, fails},
		{"absent <> absent2", nil, holds},
		{"absent < :v", item{":v": i(1)}, fails},
		{"NOT absent < :v", item{":v": i(1)}, holds},
		{"x < :v", item{":v": n("10")}, holds},
		{"x < :v", item{":v": n("-10")}, fails},
		{"str < :v", item{":v": s("hellp")}, holds},
		{"str >= :v", item{":v": i(1)}, fails},
		{"bin > :v", item{":v": b("\x01\x02\x03")}, holds},
		{":v <= x", item{":v": i(5)}, holds},
		{"x BETWEEN :a AND :b", item{":a": i(5), ":b": i(5)}, holds},
		{"x between :a and :b AND yes = :t", item{":a": i(1), ":b": i(9), ":t": &flag{Value: true}}, holds},
		{"x BETWEEN :a AND :b", item{":a": i(6), ":b": i(9)}, fails},
		{"x BETWEEN :a AND :b", item{":a": i(9), ":b": i(6)}, "upper bound to be greater"},
		{"x BETWEEN :a AND :b", item{":a": i(9), ":b": s("a")}, "same data type"},
		{"x IN (:a, :b)", item{":a": s("5"), ":b": i(5)}, holds},
		{"x IN (absent, :b)", item{":b": i(6)}, fails},
		{"x IN ()", nil, "Syntax error"},
		{"attribute_exists(l[2].deep[0])", nil, holds},
		{"attribute_exists(l[3])", nil, fails},
		{"attribute_exists(x.y)", nil, fails},
		{"attribute_not_exists(doc.r)", nil, holds},
		{"attribute_not_exists(pk)", nil, fails},
		{"attribute_type(x, :v)", item{":v": s("N")}, holds},
		{"attribute_type(nothing, :v)", item{":v": s("NULL")}, holds},
		{"attribute_type(x, :v)", item{":v": s("S")}, fails},
		{"attribute_type(x, :v)", item{":v": s("NUMBER")}, "Invalid attribute type name"},
		{"attribute_type(x, :v)", item{":v": i(1)}, "Incorrect operand type"},
		{"begins_with(str, :v)", item{":v": s("hel")}, holds},
		{"begins_with(bin, :v)", item{":v": b("\x01\x02")}, holds},
		{"begins_with(str, :v)", item{":v": b("hel")}, fails},
		{"begins_with(x, :v)", item{":v": s("5")}, fails},
		{"begins_with(str, :v)", item{":v": i(1)}, "Incorrect operand type"},
		{"contains(str, :v)", item{":v": s("ell")}, holds},
		{"contains(ss, :v)", item{":v": s("red")}, holds},
		{"contains(ns, :v)", item{":v": n("2.5")}, holds},
		{"contains(ns, :v)", item{":v": s("1")}, fails},
		{"contains(l, :v)", item{":v": s("two")}, holds},
		{"contains(l, :v)", item{":v": m(item{"deep": l(i(7))})}, holds},
		{"contains(l, l)", nil, "must be distinct"},
		{"size(str) = :v", item{":v": i(5)}, holds},
		{"size(utf) = :v", item{":v": i(6)}, holds},
		{"size(bin) = :v AND size(ss) = :w AND size(l) = :v AND size(doc) = :w", item{":v": i(3), ":w": i(2)}, holds},
		{"size(x) > :v", item{":v": i(0)}, fails},
		{"size(absent) = :v", item{":v": i(0)}, fails},
		{"size(:v) = :w", item{":v": i(0), ":w": i(1)}, "Incorrect operand type"},
		{"ss = :v", item{":v": ss("green", "red")}, holds},
		{"ns = :v", item{":v": ns("2.5", "1")}, holds},
		{"l = :v", item{":v": l(i(1), s("two"), m(item{"deep": l(i(7))}))}, holds},
		{"doc = :v", item{":v": m(item{"q": s("z"), "p": n("1.0")})}, holds},
		{"doc = :v", item{":v": m(item{"q": s("z")})}, fails},
		{"#o = :one", item{":one": i(1)}, holds},
		// NOT binds tighter than AND, AND tighter than OR.
		{"x = :five OR x = :six AND x = :six", item{":five": i(5), ":six": i(6)}, holds},
		{"(x = :five OR x = :six) AND x = :six", item{":five": i(5), ":six": i(6)}, fails},
		{"NOT x = :six AND x = :five", item{":five": i(5), ":six": i(6)}, holds},
		{"NOT (x = :five AND x = :six)", item{":five": i(5), ":six": i(6)}, holds},
		{"not not x = :five", item{":five": i(5)}, holds},
		{"((x = :five))", item{":five": i(5)}, "redundant parentheses"},
		{"((x = :five) AND (str = :h))", item{":five": i(5), ":h": s("hello")}, holds},
		{"", nil, "can not be empty"},
		{"  ", nil, "can not be empty"},
		{"x", nil, "Syntax error"},
		{"x =", nil, "Syntax error"},
		{"x == :v", item{":v": i(5)}, "Syntax error"},
		{"x != :v", item{":v": i(5)}, "Syntax error"},
		{"_x = :v", item{":v": i(5)}, `Syntax error; token: "_"`},
		{"x = :v)", item{":v": i(5)}, "Syntax error"},
		{"(x = :v", item{":v": i(5)}, "Syntax error"},
		{"l[:v] = :v", item{":v": i(5)}, "Syntax error"},
		{"l[99999999999] = :v", item{":v": i(5)}, "not within the allowable range"},
		{"x < :v", item{":v": &flag{Value: true}}, "Incorrect operand type"},
		{"x = x", nil, "must be distinct"},
		{"Status = :v", item{":v": i(5)}, "reserved keyword: Status"},
		{"doc.name = :v", item{":v": i(5)}, "reserved keyword: name"},
		{"#unknown = :v", item{":v": i(5)}, "attribute name: #unknown"},
		{"x = :unknown", item{":v": i(5)}, "attribute value: :unknown"},
		{"x = y", item{":v": i(5), ":w": i(6)}, "unused in expressions: keys: {:v, :w}"},
		{"attribute_exists(:v)", item{":v": i(5)}, "requires a document path"},
		{"attribute_exists(x, y)", nil, "number of operands: 2"},
		{"ATTRIBUTE_EXISTS(x)", nil, "Invalid function name; function: ATTRIBUTE_EXISTS"},
		{"size(x)", nil, "not allowed to be used this way"},
		{"attribute_exists(x) = :v", item{":v": i(5)}, "not allowed to be used this way"},
		{"if_not_exists(x, :v) = :v", item{":v": i(5)}, "not allowed"},
		{"x = :v" + strings.Repeat(" ", 4096-6), item{":v": i(5)}, holds},
		{"x = :v" + strings.Repeat(" ", 4097-6), item{":v": i(5)}, "expression size: 4097"},
		{"x = :v" + strings.Repeat(" or x=:v", 149), item{":v": i(5)}, holds}, // 299 operators
		{"not x = :v" + strings.Repeat(" or x=:v", 149), item{":v": i(5)}, holds},
		{"not not x = :v" + strings.Repeat(" or x=:v", 149), item{":v": i(5)}, "too many operators"},
	} {
		d.put(t, "things", there)
		names := map[string]string{}
		if strings.Contains(c.condition, "#o") {
			names["#o"] = "#odd"
		} else {
			names = nil
		}
		_, err := d.DeleteItem(t.Context(), &sdk.DeleteItemInput{
			TableName: aws.String("things"), Key: key("a", "b"), ConditionExpression: &c.condition,
			ExpressionAttributeNames: names, ExpressionAttributeValues: c.values,
		})
		before := t.Failed()
		switch c.want {
		case holds:
			wantError(t, err, "", "")
		case fails:
			wantError(t, err, conditional, "")
		default:
			wantError(t, err, validation, c.want)
		}
		if !before && t.Failed() {
			t.Fatalf("in %q", c.condition)
		}
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	d := open(t)
	there := item{"x": i(5), "str": s("hi"), "l": l(i(0), i(1), i(2)), "doc": m(item{"p": i(1), "q": l(i(0), m(item{"r": i(3)}))}),
		"ss": ss("a", "b"), "ns": ns("1", "2")}
	for _, c := range []struct {
		expression string
		values     item
		change     item   // attributes that differ afterwards; nil value: gone
		err        string // or a part of the ValidationException's message
	}{
		{"SET x = :v, z = x", item{":v": i(9)}, item{"x": i(9), "z": i(5)}, ""},
		{"set x = x + :v", item{":v": n("0.25")}, item{"x": n("5.25")}, ""},
		{"SET x = :v - x", item{":v": i(1)}, item{"x": n("-4")}, ""},
		{"SET z = if_not_exists(z, :v) + :v", item{":v": i(2)}, item{"z": i(4)}, ""},
		{"SET z = if_not_exists(x, :v)", item{":v": i(2)}, item{"z": i(5)}, ""},
		{"SET l = list_append(l, :v)", item{":v": l(s("n"))}, item{"l": l(i(0), i(1), i(2), s("n"))}, ""},
		{"SET l = list_append(:v, l)", item{":v": l(s("n"))}, item{"l": l(s("n"), i(0), i(1), i(2))}, ""},
		{"SET z = list_append(if_not_exists(z, :e), :v)", item{":v": l(s("n")), ":e": l()}, item{"z": l(s("n"))}, ""},
		{"SET l[1] = :v, l[9] = :w, l[7] = :u", item{":v": s("v"), ":w": s("w"), ":u": s("u")}, item{"l": l(i(0), s("v"), i(2), s("u"), s("w"))}, ""},
		{"SET doc.q[1].r = :v, doc.n = doc.p", item{":v": i(4)}, item{"doc": m(item{"p": i(1), "n": i(1), "q": l(i(0), m(item{"r": i(4)}))})}, ""},
		{"REMOVE l[0], l[2], str", nil, item{"l": l(i(1)), "str": nil}, ""},
		{"REMOVE l[1] SET l[2] = :v", item{":v": s("two")}, item{"l": l(i(0), s("two"))}, ""},
		{"SET l[8] = :v REMOVE l[3]", item{":v": s("end")}, item{"l": l(i(0), i(1), i(2), s("end"))}, ""},
		{"REMOVE absent, l[9], doc.absent", nil, item{}, ""},
		{"REMOVE doc.q[1].r", nil, item{"doc": m(item{"p": i(1), "q": l(i(0), m(item{}))})}, ""},
		{"REMOVE x SET z = x", nil, item{"x": nil, "z": i(5)}, ""},
		{"ADD x :v, z :v", item{":v": i(-2)}, item{"x": i(3), "z": i(-2)}, ""},
		{"ADD ss :v, z :v", item{":v": ss("b", "c")}, item{"ss": ss("a", "b", "c"), "z": ss("b", "c")}, ""},
		{"DELETE ss :v, z :v", item{":v": ss("b", "x")}, item{"ss": ss("a")}, ""},
		{"DELETE ns :v", item{":v": ns("1.0", "2")}, item{"ns": nil}, ""},
		{"SET x = z", nil, nil, "refers to an attribute that does not exist"},
		{"SET x = :v, z = y", item{":v": i(1)}, nil, "refers to an attribute that does not exist"},
		{"SET x = str + :v", item{":v": i(1)}, nil, "incorrect data type"},
		{"SET x = :w + :v", item{":v": i(1), ":w": s("a")}, nil, "Incorrect operand type"},
		{"SET x = x + :v", item{":v": n("1e50")}, nil, "Number overflow"},
		{"SET x = x + :v + :v", item{":v": i(1)}, nil, "Syntax error"},
		{"SET l = list_append(x, :v)", item{":v": l()}, nil, "incorrect data type"},
		{"SET l = list_append(l, :v)", item{":v": i(1)}, nil, "Incorrect operand type"},
		{"SET l = list_append(list_append(l, l), l)", nil, nil, "not allowed to be used this way"},
		{"SET x = if_not_exists(:v, :v)", item{":v": i(1)}, nil, "requires a document path"},
		{"SET x = if_not_exists(x, :v + :v)", item{":v": i(1)}, nil, "Syntax error"},
		{"SET x = size(x)", nil, nil, "not allowed"},
		{"SET absent.p = :v", item{":v": i(1)}, nil, "path provided in the update expression is invalid"},
		{"SET str.p = :v", item{":v": i(1)}, nil, "path provided in the update expression is invalid"},
		{"SET doc[0] = :v", item{":v": i(1)}, nil, "path provided in the update expression is invalid"},
		{"REMOVE absent.p", nil, nil, "path provided in the update expression is invalid"},
		{"REMOVE doc[0]", nil, nil, "path provided in the update expression is invalid"},
		{"ADD str :v", item{":v": i(1)}, nil, "incorrect data type"},
		{"ADD x :v", item{":v": s("a")}, nil, "Incorrect operand type"},
		{"ADD ss :v", item{":v": ns("1")}, nil, "incorrect data type"},
		{"ADD doc.p :v", item{":v": i(1)}, nil, "top-level"},
		{"DELETE x :v", item{":v": i(1)}, nil, "Incorrect operand type"},
		{"SET x = :v SET z = :v", item{":v": i(1)}, nil, `The "SET" section can only be used once`},
		{"SET x = :v REMOVE x", item{":v": i(1)}, nil, "overlap"},
		{"SET doc.p = :v, doc = :v", item{":v": i(1)}, nil, "overlap"},
		{"SET doc.p = :v, doc[1] = :v", item{":v": i(1)}, nil, "conflict"},
		{"SET pk = :v", item{":v": s("b")}, nil, "Cannot update attribute pk. This attribute is part of the key"},
		{"ADD sk :v", item{":v": i(1)}, nil, "Cannot update attribute sk"},
		{"SET team = :v", item{":v": i(1)}, nil, "Type mismatch for Index Key team"},
		{"SET x = :v", item{":v": s(strings.Repeat("x", 400<<10))}, nil, "Item size to update has exceeded"},
		{"SET items = :v", item{":v": i(1)}, nil, "reserved keyword: items"},
		{"SET x = :v, ", item{":v": i(1)}, nil, "Syntax error"},
		{"HELLO x = :v", item{":v": i(1)}, nil, "Syntax error"},
		{"", nil, nil, "can not be empty"},
		{"SET", nil, nil, "Syntax error"},
	} {
		d.put(t, "things", with(key("a", "b"), there))
		_, err := d.UpdateItem(t.Context(), &sdk.UpdateItemInput{
			TableName: aws.String("things"), Key: key("a", "b"), UpdateExpression: &c.expression, ExpressionAttributeValues: c.values,
		})
		want := with(with(key("a", "b"), there), c.change)
		for name, v := range want {
			if v == nil {
				delete(want, name)
			}
		}
		before := t.Failed()
		if c.err == "" {
			wantError(t, err, "", "")
		} else {
			wantError(t, err, validation, c.err)
		}
		if diff := cmp.Diff(want, d.get(t, "things", key("a", "b")), same); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !before && t.Failed() {
			t.Fatalf("in %q", c.expression)
		}
	}
}

func TestUpdateMakesTheItem(t *testing.T) {
	t.Parallel()
	d := open(t)
	for _, c := range []struct {
		expression *string
		want       item
		err        string
	}{
		{nil, item{}, ""},
		{aws.String("ADD x :v"), item{"x": i(1)}, ""},
		{aws.String("SET x = :v"), item{"x": i(1)}, ""},
		{aws.String("REMOVE x.y, z[0]"), item{}, ""},
		{aws.String("SET x.y = :v"), nil, "path provided in the update expression is invalid"},
		{aws.String("SET x = y"), nil, "does not exist in the item"},
	} {
		id := key("new", aws.ToString(c.expression)+"!")
		in := &sdk.UpdateItemInput{TableName: aws.String("things"), Key: id, UpdateExpression: c.expression}
		if strings.Contains(aws.ToString(c.expression), ":v") {
			in.ExpressionAttributeValues = item{":v": i(1)}
		}
		_, err := d.UpdateItem(t.Context(), in)
		if c.err != "" {
			wantError(t, err, validation, c.err)
			if found := d.get(t, "things", id); found != nil {
				t.Errorf("a refused update left %v", found)
			}
			continue
		}
		if diff := cmp.Diff(with(id, c.want), d.get(t, "things", id), same); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", aws.ToString(c.expression), err, diff)
		}
	}
}

func TestReservedWordsAreRefused(t *testing.T) {
	t.Parallel()
	d := open(t)
	for _, word := range []string{"ABORT", "status", "Name", "size", "ttl", "zone", "state", "data", "owner", "innter", "flattern"} {
		_, err := d.GetItem(t.Context(), &sdk.GetItemInput{
			TableName: aws.String("things"), Key: key("a", "b"), ProjectionExpression: aws.String(word)})
		wantError(t, err, validation, "reserved keyword: "+word)
	}
	for _, word := range []string{"pk", "metadata", "rev", "seq", "bytes", "abort2", "statuses"} {
		_, err := d.GetItem(t.Context(), &sdk.GetItemInput{
			TableName: aws.String("things"), Key: key("a", "b"), ProjectionExpression: aws.String(word)})
		wantError(t, err, "", "")
	}
}

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	d := open(t)
	for name, c := range map[string]struct {
		in      sdk.PutItemInput
		message string
	}{
		"NamesWithoutExpression":  {sdk.PutItemInput{ExpressionAttributeNames: map[string]string{"#a": "a"}}, "can only be specified when using expressions"},
		"ValuesWithoutExpression": {sdk.PutItemInput{ExpressionAttributeValues: item{":a": i(1)}}, "can only be specified when using expressions"},
		"EmptyNames":              {sdk.PutItemInput{ExpressionAttributeNames: map[string]string{}}, "must not be empty"},
		"EmptyValues":             {sdk.PutItemInput{ExpressionAttributeValues: item{}}, "must not be empty"},
		"BadName":                 {sdk.PutItemInput{ExpressionAttributeNames: map[string]string{"a": "a"}}, `Syntax error; key: "a"`},
		"BadValue":                {sdk.PutItemInput{ExpressionAttributeValues: item{":a-b": i(1)}}, `Syntax error; key: ":a-b"`},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.TableName, c.in.Item = aws.String("things"), key("a", "b")
			_, err := d.PutItem(t.Context(), &c.in)
			wantError(t, err, validation, c.message)
		})
	}
	_, err := d.PutItem(t.Context(), &sdk.PutItemInput{TableName: aws.String("things"), Item: key("a", "b"),
		Expected: map[string]types.ExpectedAttributeValue{"x": {Exists: aws.Bool(false)}}})
	wantError(t, err, validation, "{Expected}")
	_, err = d.Query(t.Context(), &sdk.QueryInput{TableName: aws.String("things"), AttributesToGet: []string{"x"}, KeyConditions: map[string]types.Condition{
		"pk": {ComparisonOperator: types.ComparisonOperatorEq, AttributeValueList: []types.AttributeValue{s("a")}}}})
	wantError(t, err, validation, "{AttributesToGet, KeyConditions}")
}
