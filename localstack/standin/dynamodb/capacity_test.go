package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

// sized is an item of things of exactly that size.
func sized(sk string, size int, more item) item {
	whole := with(key("a", sk), more)
	counted := len("pkask") + len(sk) + len("x")
	for name, v := range more {
		counted += len(name) + len(plain(v))
		if _, ok := v.(*num); ok {
			counted += 1 // tests use numbers of one digit: two bytes
		}
	}
	whole["x"] = s(strings.Repeat("x", size-counted))
	return whole
}

// show is a bill in one line: total, table and indexes, and what was told apart.
func show(c *types.ConsumedCapacity) string {
	if c == nil {
		return "nothing"
	}
	line := fmt.Sprint(*c.TableName, " ", *c.CapacityUnits)
	if c.WriteCapacityUnits != nil {
		line += fmt.Sprint(" write ", *c.WriteCapacityUnits)
	}
	if c.ReadCapacityUnits != nil {
		line += fmt.Sprint(" read ", *c.ReadCapacityUnits)
	}
	if c.Table != nil {
		line += fmt.Sprint(" table ", *c.Table.CapacityUnits)
	}
	for _, name := range []string{"by-kind", "by-owner", "by-score"} {
		if x, ok := c.GlobalSecondaryIndexes[name]; ok {
			line += fmt.Sprint(" ", name, " ", *x.CapacityUnits)
		}
	}
	return line
}

func TestWriteCapacity(t *testing.T) {
	t.Parallel()
	red := func(score int, more ...item) item {
		it := item{"team": s("red"), "score": i(score)}
		for _, m := range more {
			it = with(it, m)
		}
		return it
	}
	for name, c := range map[string]struct {
		before, after item // nil: none
		want          string
	}{
		"KB":                   {nil, sized("b", 1024, nil), "things 1 table 1"},
		"KBAndByte":            {nil, sized("b", 1025, nil), "things 2 table 2"},
		"SmallerByLarger":      {sized("b", 100, nil), sized("b", 3000, nil), "things 3 table 3"},
		"LargerBySmaller":      {sized("b", 3000, nil), sized("b", 100, nil), "things 3 table 3"},
		"Delete":               {sized("b", 2049, nil), nil, "things 3 table 3"},
		"DeleteOfNothing":      {nil, nil, "things 1 table 1"},
		"EntersIndexes":        {nil, sized("b", 1500, red(1, item{"owner_id": s("me")})), "things 5 table 2 by-owner 1 by-score 2"},
		"LeavesIndex":          {sized("b", 1500, red(1)), sized("b", 1500, nil), "things 4 table 2 by-score 2"},
		"DeletedFromIndex":     {sized("b", 1500, red(1)), nil, "things 4 table 2 by-score 2"},
		"MovesInIndex":         {sized("b", 1500, red(1)), sized("b", 500, red(2)), "things 5 table 2 by-score 3"},
		"ChangesInIndex":       {sized("b", 1500, red(1)), sized("b", 500, red(1)), "things 4 table 2 by-score 2"},
		"StaysInIndex":         {sized("b", 1500, item{"owner_id": s("me")}), sized("b", 100, item{"owner_id": s("me")}), "things 2 table 2"},
		"SameAgain":            {sized("b", 1500, red(1)), sized("b", 1500, red(1)), "things 2 table 2"},
		"IncludedAttributeSet": {with(key("a", "b"), item{"kind": s("k")}), with(key("a", "b"), item{"kind": s("k"), "label": s("l")}), "things 2 table 1 by-kind 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			if c.before != nil {
				d.put(t, "things", c.before)
			}
			var got *types.ConsumedCapacity
			if c.after == nil {
				out, err := d.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: aws.String("things"), Key: key("a", "b"), ReturnConsumedCapacity: "INDEXES"})
				if err != nil {
					t.Fatal(err)
				}
				got = out.ConsumedCapacity
			} else {
				out, err := d.PutItem(t.Context(), &sdk.PutItemInput{TableName: aws.String("things"), Item: c.after, ReturnConsumedCapacity: "INDEXES"})
				if err != nil {
					t.Fatal(err)
				}
				got = out.ConsumedCapacity
			}
			if show(got) != c.want {
				t.Errorf("got %s, want %s", show(got), c.want)
			}
		})
	}
}

func TestCapacityDetail(t *testing.T) {
	t.Parallel()
	d := open(t)
	for detail, want := range map[types.ReturnConsumedCapacity]string{
		"": "nothing", "NONE": "nothing", "TOTAL": "things 2", "INDEXES": "things 2 table 1 by-owner 1",
	} {
		out, err := d.UpdateItem(t.Context(), &sdk.UpdateItemInput{TableName: aws.String("things"), Key: key("a", "at"+string(detail)),
			UpdateExpression: aws.String("SET owner_id = :me"), ExpressionAttributeValues: item{":me": s("me")}, ReturnConsumedCapacity: detail})
		if err != nil || show(out.ConsumedCapacity) != want {
			t.Errorf("%s: got %s, %v, want %s", detail, show(out.ConsumedCapacity), err, want)
		}
	}
}

func TestReadCapacity(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.put(t, "things", sized("b", 4096, nil))
	d.put(t, "things", sized("c", 4097, nil))
	for _, c := range []struct {
		sk         string
		consistent bool
		want       string
	}{
		{"b", true, "things 1"}, {"b", false, "things 0.5"}, {"c", true, "things 2"}, {"c", false, "things 1"},
		{"absent", true, "things 1"}, {"absent", false, "things 0.5"},
	} {
		out, err := d.GetItem(t.Context(), &sdk.GetItemInput{TableName: aws.String("things"), Key: key("a", c.sk), ConsistentRead: &c.consistent,
			ProjectionExpression: aws.String("pk"), ReturnConsumedCapacity: "TOTAL"})
		if err != nil || show(out.ConsumedCapacity) != c.want {
			t.Errorf("%s, consistent %v: got %s, %v, want %s", c.sk, c.consistent, show(out.ConsumedCapacity), err, c.want)
		}
	}
}

func TestQueryCapacity(t *testing.T) {
	t.Parallel()
	d := open(t)
	// Nine items of 1,000 bytes are 9,000 bytes: three units of 4 KB together.
	for at := range 9 {
		d.put(t, "things", sized(fmt.Sprint(at), 1000, item{"team": s("red"), "score": i(1), "owner_id": s("me")}))
	}
	for name, c := range map[string]struct {
		change func(*sdk.QueryInput)
		want   string
	}{
		"Eventual":   {func(*sdk.QueryInput) {}, "things 1.5 table 1.5"},
		"Consistent": {func(in *sdk.QueryInput) { in.ConsistentRead = aws.Bool(true) }, "things 3 table 3"},
		"Counted":    {func(in *sdk.QueryInput) { in.Select = types.SelectCount }, "things 1.5 table 1.5"},
		"Limited":    {func(in *sdk.QueryInput) { in.Limit = aws.Int32(4) }, "things 0.5 table 0.5"},
		"Filtered":   {func(in *sdk.QueryInput) { in.FilterExpression = aws.String("attribute_exists(absent)") }, "things 1.5 table 1.5"},
		"None":       {func(in *sdk.QueryInput) { in.ExpressionAttributeValues = item{":v": s("none")} }, "things 0.5 table 0.5"},
		"Index": {func(in *sdk.QueryInput) {
			in.IndexName, in.KeyConditionExpression, in.ExpressionAttributeValues = aws.String("by-score"), aws.String("team = :v"), item{":v": s("red")}
		}, "things 1.5 table 0 by-score 1.5"},
		"KeysOnlyIndex": {func(in *sdk.QueryInput) {
			in.IndexName, in.KeyConditionExpression, in.ExpressionAttributeValues = aws.String("by-owner"), aws.String("owner_id = :v"), item{":v": s("me")}
		}, "things 0.5 table 0 by-owner 0.5"},
	} {
		in := sdk.QueryInput{TableName: aws.String("things"), KeyConditionExpression: aws.String("pk = :v"), ExpressionAttributeValues: item{":v": s("a")}, ReturnConsumedCapacity: "INDEXES"}
		c.change(&in)
		out, err := d.Query(t.Context(), &in)
		if err != nil || show(out.ConsumedCapacity) != c.want {
			t.Errorf("%s: got %s, %v, want %s", name, show(out.ConsumedCapacity), err, c.want)
		}
	}
}

func TestTransactionCapacity(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.put(t, "things", sized("checked", 2000, nil))
	in := &sdk.TransactWriteItemsInput{ClientRequestToken: aws.String("token"), ReturnConsumedCapacity: "INDEXES", TransactItems: []action{
		putAction(sized("b", 1500, item{"team": s("red"), "score": i(1)})),
		{ConditionCheck: &types.ConditionCheck{TableName: aws.String("things"), Key: key("a", "checked"), ConditionExpression: aws.String("attribute_exists(pk)")}},
		{Put: &types.Put{TableName: aws.String("singles"), Item: item{"pk": s("a")}}},
	}}
	for _, want := range [][]string{
		{"singles 2 write 2 table 2", "things 12 write 12 table 8 by-score 4"},
		{"singles 2 read 2 table 2", "things 4 read 4 table 4"},
	} {
		out, err := d.TransactWriteItems(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range out.ConsumedCapacity {
			got = append(got, show(&c))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestWhatAConditionStopsIsPaidFor(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.put(t, "things", sized("b", 3000, nil))
	stopped := func(sk string) func() error {
		return func() error {
			_, err := d.PutItem(t.Context(), &sdk.PutItemInput{TableName: aws.String("things"), Item: key("a", sk), ConditionExpression: aws.String("x = y")})
			return err
		}
	}
	for name, c := range map[string]struct {
		do            func() error
		kind          string
		writes, reads float64
	}{
		"LargeItem":   {stopped("b"), conditional, 3, 0},
		"NoItem":      {stopped("absent"), conditional, 1, 0},
		"Refused":     {func() error { return d.transact(t, nil, []action{}...) }, validation, 0, 0},
		"Transaction": {func() error { return d.transact(t, nil, putAction(key("a", "c")), checkAbsent("b")) }, cancelled, 8, 0},
		"Read": {func() error {
			_, err := d.GetItem(t.Context(), &sdk.GetItemInput{TableName: aws.String("things"), Key: key("a", "b")})
			return err
		}, "", 0, 0.5},
	} {
		writes, reads := d.server.Consumed()
		wantError(t, c.do(), c.kind, "")
		nowWrites, nowReads := d.server.Consumed()
		if nowWrites-writes != c.writes || nowReads-reads != c.reads {
			t.Errorf("%s consumed %v and %v, want %v and %v", name, nowWrites-writes, nowReads-reads, c.writes, c.reads)
		}
	}
}

func checkAbsent(sk string) action {
	return action{ConditionCheck: &types.ConditionCheck{TableName: aws.String("things"), Key: key("a", sk), ConditionExpression: aws.String("attribute_not_exists(pk)")}}
}
