package dynamodb_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// same compares what the SDK decodes, whose types have a field of no interest.
var same = cmpopts.IgnoreUnexported(text{}, num{}, raw{}, list{}, doc{}, flag{}, null{}, strs{}, nums{}, raws{})

func TestTypes(t *testing.T) {
	t.Parallel()
	d := open(t)
	whole := with(key("a", "b"), item{
		"text": s("zażółć"), "empty": s(""), "number": n("-12.5"), "bytes": b("\x00\xff"), "yes": &flag{Value: true},
		"nothing": &null{Value: true}, "deep": m(item{"list": l(s("x"), m(item{}), l(i(0)))}),
		"names": ss("b", "a"), "figures": ns("3", "1.5"), "blobs": &raws{Value: [][]byte{{1}, {2, 0}}},
	})
	d.put(t, "things", whole)
	if diff := cmp.Diff(whole, d.get(t, "things", key("a", "b")), same); diff != "" {
		t.Errorf("the item came back changed (-put +got):\n%s", diff)
	}
}

func TestNumbersAreCanonical(t *testing.T) {
	t.Parallel()
	d := open(t)
	thirtyEight := "12345678901234567890123456789012345678"
	for _, c := range []struct{ given, want, err string }{
		{"1", "1", ""}, {"+3", "3", ""}, {"-0", "0", ""}, {"0.00", "0", ""}, {"0e1000", "0", ""}, {"007.50", "7.5", ""},
		{".123", "0.123", ""}, {"5.", "5", ""}, {"1e2", "100", ""}, {"-17.4E3", "-17400", ""}, {"1e-7", "0.0000001", ""},
		{"123e-2", "1.23", ""}, {thirtyEight, thirtyEight, ""}, {thirtyEight + "00", thirtyEight + "00", ""},
		{"0." + thirtyEight, "0." + thirtyEight, ""},
		{"9.9e125", "99" + strings.Repeat("0", 124), ""}, {"-1e-130", "-0." + strings.Repeat("0", 129) + "1", ""},
		{thirtyEight + "9", "", "more than 38 significant digits"},
		{"1e126", "", "Number overflow"}, {"-11e125", "", "Number overflow"}, {"1e99999999999999999999", "", "Number overflow"},
		{"1e-131", "", "Number underflow"}, {"0.9e-130", "", "Number underflow"},
		{"", "", "cannot be converted"}, {"dog", "", "cannot be converted"}, {"NaN", "", "cannot be converted"},
		{"Infinity", "", "cannot be converted"}, {" 1", "", "cannot be converted"}, {"1 ", "", "cannot be converted"},
		{"1e", "", "cannot be converted"}, {"--1", "", "cannot be converted"}, {".", "", "cannot be converted"}, {"0x10", "", "cannot be converted"},
	} {
		out, err := d.UpdateItem(t.Context(), &sdk.UpdateItemInput{
			TableName: aws.String("things"), Key: key("a", "b"), UpdateExpression: aws.String("SET x = :x"),
			ExpressionAttributeValues: item{":x": n(c.given)}, ReturnValues: types.ReturnValueUpdatedNew,
		})
		if c.err != "" {
			wantError(t, err, validation, c.err)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.given, err)
		} else if got := out.Attributes["x"].(*num).Value; got != c.want {
			t.Errorf("%s: got %s, want %s", c.given, got, c.want)
		}
	}
}

func TestPutRefuses(t *testing.T) {
	t.Parallel()
	d := open(t)
	nested := func(levels int) types.AttributeValue {
		v := s("deep")
		for range levels {
			v = l(v)
		}
		return v
	}
	long := strings.Repeat
	for name, c := range map[string]struct {
		item    item
		message string // of the ValidationException; "" when lawful
	}{
		"NoSortKey":           {item{"pk": s("a")}, "Missing the key sk"},
		"WrongKeyType":        {with(key("a", "b"), item{"sk": n("1")}), "Type mismatch for key sk"},
		"EmptyKey":            {key("", "b"), "empty string value"},
		"Partition2048":       {key(long("a", 2048), "b"), ""},
		"Partition2049":       {key(long("a", 2049), "b"), "2048"},
		"PartitionUTF8":       {key(long("ż", 1025), "b"), "2048"},
		"Sort1024":            {key("a", long("b", 1024)), ""},
		"Sort1025":            {key("a", long("b", 1025)), "1024"},
		"IndexKeyType":        {with(key("a", "b"), item{"score": s("high")}), "Type mismatch for Index Key score"},
		"IndexKeyEmpty":       {with(key("a", "b"), item{"team": s("")}), "empty string value"},
		"IndexKey2049":        {with(key("a", "b"), item{"team": s(long("a", 2049))}), "2048"},
		"EmptySet":            {with(key("a", "b"), item{"x": ss()}), "empty"},
		"DoubleInSet":         {with(key("a", "b"), item{"x": ns("1", "1.0")}), "duplicates"},
		"Depth32":             {with(key("a", "b"), item{"x": nested(32)}), ""},
		"Depth33":             {with(key("a", "b"), item{"x": nested(33)}), "Nesting Levels"},
		"Size400KB":           {with(key("a", "b"), item{"x": s(long("x", 400<<10-7))}), ""},
		"Size400KBAndOneByte": {with(key("a", "b"), item{"x": s(long("x", 400<<10-6))}), "Item size has exceeded"},
		"SizeOfNumbers":       {with(key("a", "b"), item{"x": s(long("x", 400<<10-7-5)), "n": n("-1234.5")}), ""},
		"SizeOfNumbersMore":   {with(key("a", "b"), item{"x": s(long("x", 400<<10-7-4)), "n": n("-1234.5")}), "Item size has exceeded"},
		"SizeOfDocuments":     {with(key("a", "b"), item{"x": s(long("x", 400<<10-7-13)), "l": l(s("a"), m(item{"b": &flag{Value: true}}))}), ""},
		"SizeOfDocumentsMore": {with(key("a", "b"), item{"x": s(long("x", 400<<10-7-12)), "l": l(s("a"), m(item{"b": &flag{Value: true}}))}), "Item size has exceeded"},
		"NullNotTrue":         {with(key("a", "b"), item{"x": &null{Value: false}}), "must have the value of true"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.PutItem(t.Context(), &sdk.PutItemInput{TableName: aws.String("things"), Item: c.item})
			kind := validation
			if c.message == "" {
				kind = ""
			}
			wantError(t, err, kind, c.message)
		})
	}
}

func TestKeyMustMatchSchema(t *testing.T) {
	t.Parallel()
	d := open(t)
	for name, wrong := range map[string]item{
		"Missing": {"pk": s("a")}, "Additional": with(key("a", "b"), item{"x": s("c")}), "Type": {"pk": s("a"), "sk": b("b")},
	} {
		_, err := d.GetItem(t.Context(), &sdk.GetItemInput{TableName: aws.String("things"), Key: wrong})
		wantError(t, err, validation, "does not match the schema")
		_, err = d.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: aws.String("things"), Key: wrong})
		wantError(t, err, validation, "does not match the schema")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	_, err := d.GetItem(t.Context(), &sdk.GetItemInput{TableName: aws.String("nowhere"), Key: key("a", "b")})
	wantError(t, err, "ResourceNotFoundException", "nowhere")
}

func TestReturnValues(t *testing.T) {
	t.Parallel()
	d := open(t)
	old := with(key("a", "b"), item{"x": i(1), "y": m(item{"p": i(1), "q": i(2)}), "z": l(i(0), i(1), i(2))})
	for _, c := range []struct {
		asked types.ReturnValue
		want  item
	}{
		{types.ReturnValueNone, nil},
		{types.ReturnValueAllOld, old},
		{types.ReturnValueAllNew, with(key("a", "b"), item{"x": i(6), "y": m(item{"p": i(9), "q": i(2)}), "z": l(i(0), i(1)), "w": i(7)})},
		{types.ReturnValueUpdatedOld, item{"x": i(1), "y": m(item{"p": i(1)}), "z": l(i(2))}},
		{types.ReturnValueUpdatedNew, item{"x": i(6), "y": m(item{"p": i(9)}), "w": i(7)}},
	} {
		d.put(t, "things", old)
		out, err := d.UpdateItem(t.Context(), &sdk.UpdateItemInput{
			TableName: aws.String("things"), Key: key("a", "b"), ReturnValues: c.asked,
			UpdateExpression:          aws.String("SET y.p = :nine, w = :seven REMOVE z[2] ADD x :five"),
			ExpressionAttributeValues: item{":nine": i(9), ":seven": i(7), ":five": i(5)},
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, out.Attributes, same, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.asked, diff)
		}
	}
	out, err := d.PutItem(t.Context(), &sdk.PutItemInput{TableName: aws.String("things"), Item: key("new", "b"), ReturnValues: types.ReturnValueAllOld})
	if err != nil || out.Attributes != nil {
		t.Errorf("a first put returned %v, %v, want nothing", out.Attributes, err)
	}
	_, err = d.PutItem(t.Context(), &sdk.PutItemInput{TableName: aws.String("things"), Item: key("new", "b"), ReturnValues: types.ReturnValueAllNew})
	wantError(t, err, validation, "returnValues")
	gone, err := d.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: aws.String("things"), Key: key("new", "b"), ReturnValues: types.ReturnValueAllOld})
	if diff := cmp.Diff(key("new", "b"), gone.Attributes, same); err != nil || diff != "" {
		t.Errorf("a delete returned %v (-want +got):\n%s", err, diff)
	}
}

func TestFailedConditionShowsTheItem(t *testing.T) {
	t.Parallel()
	d := open(t)
	there := with(key("a", "b"), item{"x": i(1)})
	d.put(t, "things", there)
	for _, c := range []struct {
		asked types.ReturnValuesOnConditionCheckFailure
		sk    string
		want  item
	}{
		{"", "b", nil}, {"NONE", "b", nil}, {"ALL_OLD", "b", there}, {"ALL_OLD", "missing", nil},
	} {
		_, err := d.DeleteItem(t.Context(), &sdk.DeleteItemInput{
			TableName: aws.String("things"), Key: key("a", c.sk), ConditionExpression: aws.String("x = :two"),
			ExpressionAttributeValues: item{":two": i(2)}, ReturnValuesOnConditionCheckFailure: c.asked,
		})
		wantError(t, err, conditional, "The conditional request failed")
		var failed *types.ConditionalCheckFailedException
		if !asFailure(err, &failed) {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, failed.Item, same, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.asked, diff)
		}
	}
}

func TestProjection(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.put(t, "things", with(key("a", "b"), item{
		"x": i(1), "doc": m(item{"p": i(1), "q": l(i(0), i(1), m(item{"r": i(2), "s": i(3)}))}), "odd.name": s("dot"),
	}))
	for _, c := range []struct {
		expression string
		names      map[string]string
		want       item
		err        string
	}{
		{"x, absent", nil, item{"x": i(1)}, ""},
		{"doc.q[2].r, doc.q[0], pk", nil, item{"pk": s("a"), "doc": m(item{"q": l(i(0), m(item{"r": i(2)}))})}, ""},
		{"#o", map[string]string{"#o": "odd.name"}, item{"odd.name": s("dot")}, ""},
		{"doc.x, doc[1]", nil, nil, "conflict"},
		{"doc.x, x.y, doc.q[9]", nil, item{}, ""},
		{"doc, doc.p", nil, nil, "overlap"},
		{"x, x", nil, nil, "overlap"},
		{"x,", nil, nil, "Syntax error"},
		{"", nil, nil, "can not be empty"},
		{"status", nil, nil, "reserved keyword: status"},
		{"#u", nil, nil, "not defined; attribute name: #u"},
		{"x", map[string]string{"#u": "y"}, nil, "unused in expressions: keys: {#u}"},
	} {
		out, err := d.GetItem(t.Context(), &sdk.GetItemInput{
			TableName: aws.String("things"), Key: key("a", "b"),
			ProjectionExpression: &c.expression, ExpressionAttributeNames: c.names,
		})
		if c.err != "" {
			wantError(t, err, validation, c.err)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
		} else if diff := cmp.Diff(c.want, out.Item, same); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.expression, diff)
		}
	}
}
