package dynamodb_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// pages runs a query to its end and returns what each page held of one attribute.
func (d *db) pages(t interface{ Fatal(...any) }, in sdk.QueryInput, attribute string) [][]string {
	var pages [][]string
	for {
		if len(pages) > 1000 {
			t.Fatal("the query does not end")
		}
		out, err := d.Query(testContext, &in)
		if err != nil {
			t.Fatal(err)
		}
		page := []string{}
		for _, it := range out.Items {
			page = append(page, plain(it[attribute]))
		}
		pages = append(pages, page)
		if out.LastEvaluatedKey == nil {
			return pages
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

func plain(v types.AttributeValue) string {
	switch v := v.(type) {
	case *text:
		return v.Value
	case *num:
		return v.Value
	case *raw:
		return string(v.Value)
	}
	return fmt.Sprintf("%T", v)
}

func TestNumbersSortAsNumbers(t *testing.T) {
	t.Parallel()
	d := open(t)
	number := rapid.Custom(func(r *rapid.T) string {
		digits := rapid.StringMatching(`[0-9]{1,20}(\.[0-9]{1,18})?`).Draw(r, "digits")
		exponent := rapid.SampledFrom([]int{0, 0, 0, 1, -1, 3, -20, 60, -100}).Draw(r, "exponent")
		return rapid.SampledFrom([]string{"", "-"}).Draw(r, "sign") + digits + fmt.Sprintf("e%d", exponent)
	})
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		partition := s(fmt.Sprint("p", run))
		given := rapid.SliceOfN(number, 1, 12).Draw(r, "numbers")
		for _, text := range given {
			if _, err := d.PutItem(testContext, &sdk.PutItemInput{TableName: aws.String("numbers"), Item: item{"pk": partition, "sk": n(text)}}); err != nil {
				r.Fatal(err)
			}
		}
		got := d.pages(r, sdk.QueryInput{TableName: aws.String("numbers"), KeyConditionExpression: aws.String("pk = :p"),
			ExpressionAttributeValues: item{":p": partition}}, "sk")[0]
		want := slices.Clone(given)
		slices.SortFunc(want, func(a, b string) int { return rational(a).Cmp(rational(b)) })
		want = slices.CompactFunc(want, func(a, b string) bool { return rational(a).Cmp(rational(b)) == 0 })
		if !slices.EqualFunc(got, want, func(a, b string) bool { return rational(a).Cmp(rational(b)) == 0 }) {
			r.Fatalf("given %v\ngot  %v\nwant %v", given, got, want)
		}
	})
}

func TestStringsAndBinariesSortByBytes(t *testing.T) {
	t.Parallel()
	d := open(t)
	given := []string{"\x00", "\x00\x00", "\x00\x01", "\x00\xff", "\x01", "a", "a\x00", "a\x00b", "a\x01", "ab", "b", "\x7f", "\x80", "\xff", "\xff\xff"}
	for _, bytes := range slices.Backward(given) {
		d.put(t, "binaries", item{"pk": n("-0.5"), "sk": b(bytes)})
		d.put(t, "binaries", item{"pk": n("-0.51"), "sk": b(bytes)})
	}
	slices.Sort(given)
	for condition, want := range map[string][]string{
		"pk = :p":                             given,
		"pk = :p AND sk = :v":                 {"a\x00"},
		"pk = :p AND sk < :v":                 before(given, "a\x00"),
		"pk = :p AND sk <= :v":                before(given, "a\x00b"),
		"pk = :p AND :v < sk":                 given[slices.Index(given, "a\x00b"):],
		"sk >= :v AND pk = :p":                given[slices.Index(given, "a\x00"):],
		"pk = :p AND sk BETWEEN :v AND :w":    given[slices.Index(given, "a\x00"):slices.Index(given, "b")],
		"pk = :p AND begins_with(sk, :v)":     {"a\x00", "a\x00b"},
		"(pk = :p) AND (begins_with(sk, :f))": {"\xff", "\xff\xff"},
		"pk = :p AND begins_with(sk, :none)":  given,
	} {
		values := item{":p": n("-0.50")}
		for name, v := range map[string]string{":v": "a\x00", ":w": "ab", ":f": "\xff", ":none": ""} {
			if strings.Contains(condition, name) {
				values[name] = b(v)
			}
		}
		for _, forward := range []bool{true, false} {
			got := slices.Concat(d.pages(t, sdk.QueryInput{TableName: aws.String("binaries"), KeyConditionExpression: &condition,
				ExpressionAttributeValues: values, ScanIndexForward: &forward, Limit: aws.Int32(2)}, "sk")...)
			if !forward {
				slices.Reverse(got)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, forward %v:\ngot  %q\nwant %q", condition, forward, got, want)
			}
		}
	}
}

func before(sorted []string, end string) []string { return sorted[:slices.Index(sorted, end)] }

func TestIndexPagesOverEqualKeys(t *testing.T) {
	t.Parallel()
	d := open(t)
	var want []string
	for _, score := range []int{-5, 9, 12} {
		for at := range 5 {
			id := fmt.Sprintf("%d/%d", score, at)
			d.put(t, "things", with(key("p"+fmt.Sprint(at%2), id), item{"team": s("red"), "score": i(score)}))
		}
		for _, at := range []int{0, 2, 4, 1, 3} { // equal keys stand in the table's order
			want = append(want, fmt.Sprintf("%d/%d", score, at))
		}
	}
	d.put(t, "things", with(key("p", "other"), item{"team": s("blue"), "score": i(9)}))
	d.put(t, "things", with(key("p", "sparse"), item{"team": s("red")}))
	for _, limit := range []int32{1, 2, 3, 15, 100} {
		for _, forward := range []bool{true, false} {
			pages := d.pages(t, sdk.QueryInput{TableName: aws.String("things"), IndexName: aws.String("by-score"), Limit: &limit,
				KeyConditionExpression: aws.String("team = :t"), ExpressionAttributeValues: item{":t": s("red")}, ScanIndexForward: &forward}, "sk")
			got := slices.Concat(pages...)
			if !forward {
				slices.Reverse(got)
			}
			if !slices.Equal(got, want) {
				t.Errorf("limit %d, forward %v:\ngot  %v\nwant %v", limit, forward, got, want)
			}
		}
	}
}

func TestIndexFollowsItems(t *testing.T) {
	t.Parallel()
	d := open(t)
	scores := func() []string {
		return slices.Concat(d.pages(t, sdk.QueryInput{TableName: aws.String("things"), IndexName: aws.String("by-score"),
			KeyConditionExpression: aws.String("team = :t"), ExpressionAttributeValues: item{":t": s("red")}}, "score")...)
	}
	update := func(expression string, values item) {
		t.Helper()
		_, err := d.UpdateItem(t.Context(), &sdk.UpdateItemInput{TableName: aws.String("things"), Key: key("a", "b"),
			UpdateExpression: &expression, ExpressionAttributeValues: values})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		do   func()
		want []string
	}{
		{func() { d.put(t, "things", with(key("a", "b"), item{"team": s("red")})) }, []string{}},
		{func() { update("SET score = :s", item{":s": i(3)}) }, []string{"3"}},
		{func() { update("ADD score :s", item{":s": i(-10)}) }, []string{"-7"}},
		{func() { update("SET team = :t", item{":t": s("blue")}) }, []string{}},
		{func() { update("SET team = :t", item{":t": s("red")}) }, []string{"-7"}},
		{func() { update("REMOVE score", nil) }, []string{}},
		{func() { update("SET score = :s", item{":s": i(1)}) }, []string{"1"}},
		{func() {
			if _, err := d.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: aws.String("things"), Key: key("a", "b")}); err != nil {
				t.Fatal(err)
			}
		}, []string{}},
	} {
		step.do()
		if got := scores(); !slices.Equal(got, step.want) {
			t.Fatalf("got %v, want %v", got, step.want)
		}
	}
}

func TestProjectionTypes(t *testing.T) {
	t.Parallel()
	d := open(t)
	whole := with(key("a", "b"), item{"team": s("red"), "score": i(1), "owner_id": s("me"), "kind": s("k"), "label": s("l"), "rest": s("r")})
	d.put(t, "things", whole)
	for index, c := range map[string]struct{ attribute, v, kept string }{
		"by-score": {"team", "red", "pk sk team score owner_id kind label rest"},
		"by-owner": {"owner_id", "me", "pk sk owner_id"},
		"by-kind":  {"kind", "k", "pk sk kind label"},
	} {
		out, err := d.Query(t.Context(), &sdk.QueryInput{TableName: aws.String("things"), IndexName: &index,
			KeyConditionExpression: aws.String(c.attribute + " = :v"), ExpressionAttributeValues: item{":v": s(c.v)}})
		if err != nil {
			t.Fatal(err)
		}
		want := item{}
		for name := range strings.FieldsSeq(c.kept) {
			want[name] = whole[name]
		}
		if diff := cmp.Diff([]item{want}, out.Items, same); diff != "" {
			t.Errorf("%s (-want +got):\n%s", index, diff)
		}
	}
}

func TestFilterComesAfterLimit(t *testing.T) {
	t.Parallel()
	d := open(t)
	for at := range 10 {
		d.put(t, "numbers", item{"pk": s("a"), "sk": i(at), "even": &flag{Value: at%2 == 0}})
	}
	in := sdk.QueryInput{TableName: aws.String("numbers"), KeyConditionExpression: aws.String("pk = :p AND sk > :z"),
		FilterExpression: aws.String("even = :yes"), ProjectionExpression: aws.String("sk"), Limit: aws.Int32(4),
		ExpressionAttributeValues: item{":p": s("a"), ":z": i(0), ":yes": &flag{Value: true}}}
	for _, want := range []struct {
		items          []item
		count, scanned int32
		more           bool
	}{
		{[]item{{"sk": i(2)}, {"sk": i(4)}}, 2, 4, true},
		{[]item{{"sk": i(6)}, {"sk": i(8)}}, 2, 4, true},
		{[]item{}, 0, 1, false},
	} {
		out, err := d.Query(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.items, out.Items, same); diff != "" || out.Count != want.count || out.ScannedCount != want.scanned || (out.LastEvaluatedKey != nil) != want.more {
			t.Errorf("count %d of %d, more %v (-want +got):\n%s", out.Count, out.ScannedCount, out.LastEvaluatedKey, diff)
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
	in.ExclusiveStartKey, in.ProjectionExpression, in.Select = nil, nil, types.SelectCount
	out, err := d.Query(t.Context(), &in)
	if err != nil || out.Items != nil || out.Count != 2 || out.ScannedCount != 4 {
		t.Errorf("a count gave %v items, %d of %d, %v", out.Items, out.Count, out.ScannedCount, err)
	}
}

func TestFullPageThatEndsAtTheLimitPointsOn(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.put(t, "numbers", item{"pk": s("a"), "sk": i(1)})
	out, err := d.Query(t.Context(), &sdk.QueryInput{TableName: aws.String("numbers"), KeyConditionExpression: aws.String("pk = :p"),
		ExpressionAttributeValues: item{":p": s("a")}, Limit: aws.Int32(1)})
	if diff := cmp.Diff(item{"pk": s("a"), "sk": i(1)}, out.LastEvaluatedKey, same); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestPageHoldsOneMegabyte(t *testing.T) {
	t.Parallel()
	d := open(t)
	// Four items of 256 KB are 1 MB; a byte more and the fourth is on the next page.
	quarter := func(pk string, at, more int) item {
		return item{"pk": s(pk), "sk": i(at), "x": s(strings.Repeat("x", 256<<10-len("pk"+pk+"sk"+"x")-2+more))}
	}
	for at := 1; at <= 5; at++ {
		d.put(t, "numbers", quarter("a", at, 0))
		d.put(t, "numbers", quarter("b", at, at/4))
	}
	for pk, want := range map[string][][]string{"a": {{"1", "2", "3", "4"}, {"5"}}, "b": {{"1", "2", "3"}, {"4", "5"}}} {
		got := d.pages(t, sdk.QueryInput{TableName: aws.String("numbers"), KeyConditionExpression: aws.String("pk = :p"),
			ExpressionAttributeValues: item{":p": s(pk)}}, "sk")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", pk, diff)
		}
	}
}

func TestQueryRefuses(t *testing.T) {
	t.Parallel()
	d := open(t)
	for _, c := range []struct {
		condition string
		change    func(*sdk.QueryInput)
		message   string
	}{
		{"sk = :p", nil, "missed key schema element: pk"},
		{"pk < :p", nil, "not supported"},
		{"pk = :p AND pk = :p", nil, "one condition per key"},
		{"pk = :p AND x = :p", nil, "missed key schema element: sk"},
		{"pk = :p AND sk = :p AND x = :p", nil, "length 1 or 2"},
		{"pk = :p OR sk = :p", nil, "OR"},
		{"pk = :p AND NOT sk = :p", nil, "NOT"},
		{"pk = :p AND sk <> :p", nil, "<>"},
		{"pk = :p AND sk IN (:p)", nil, "IN"},
		{"pk = :p AND contains(sk, :p)", nil, "contains"},
		{"pk = :p AND sk.x = :p", nil, "nested"},
		{"pk = :p AND sk = pk", nil, "must compare"},
		{"pk = :n", nil, "does not match schema type"},
		{"pk = :p AND sk = :n", nil, "does not match schema type"},
		{"pk = :e", nil, "empty string value"},
		{"pk = :p", func(in *sdk.QueryInput) { in.IndexName = aws.String("by-nothing") }, "does not have the specified index"},
		{"team = :p", func(in *sdk.QueryInput) { in.IndexName, in.ConsistentRead = aws.String("by-score"), aws.Bool(true) }, "Consistent reads are not supported"},
		{"pk = :p", func(in *sdk.QueryInput) { in.FilterExpression = aws.String("sk = :p") }, "non-primary key attributes: Primary key attribute: sk"},
		{"owner_id = :p", func(in *sdk.QueryInput) {
			in.IndexName, in.FilterExpression = aws.String("by-owner"), aws.String("label = :p")
		}, "does not project [label]"},
		{"owner_id = :p", func(in *sdk.QueryInput) {
			in.IndexName, in.ProjectionExpression = aws.String("by-owner"), aws.String("pk, label")
		}, "does not project [label]"},
		{"owner_id = :p", func(in *sdk.QueryInput) { in.IndexName, in.Select = aws.String("by-owner"), types.SelectAllAttributes }, "ALL_ATTRIBUTES"},
		{"pk = :p", func(in *sdk.QueryInput) { in.Select = types.SelectAllProjectedAttributes }, "IndexName"},
		{"pk = :p", func(in *sdk.QueryInput) { in.Select = types.SelectSpecificAttributes }, "ProjectionExpression"},
		{"pk = :p", func(in *sdk.QueryInput) { in.Select, in.ProjectionExpression = types.SelectCount, aws.String("x") }, "COUNT"},
		{"pk = :p", func(in *sdk.QueryInput) { in.Limit = aws.Int32(0) }, "greater than or equal to 1"},
		{"pk = :p", func(in *sdk.QueryInput) { in.ExclusiveStartKey = item{"pk": s("a")} }, "starting key is invalid"},
		{"pk = :p", func(in *sdk.QueryInput) { in.ExclusiveStartKey = with(key("a", "b"), item{"x": i(1)}) }, "starting key is invalid"},
		{"pk = :p", func(in *sdk.QueryInput) { in.ExclusiveStartKey = key("b", "b") }, "outside query boundaries"},
		{"team = :p", func(in *sdk.QueryInput) { in.IndexName, in.ExclusiveStartKey = aws.String("by-score"), key("a", "b") }, "starting key is invalid"},
	} {
		values := item{}
		for name, v := range (item{":p": s("a"), ":n": i(1), ":e": s("")}) {
			if strings.Contains(c.condition, name) {
				values[name] = v
			}
		}
		in := sdk.QueryInput{TableName: aws.String("things"), KeyConditionExpression: &c.condition, ExpressionAttributeValues: values}
		if c.change != nil {
			c.change(&in)
		}
		_, err := d.Query(t.Context(), &in)
		before := t.Failed()
		wantError(t, err, validation, c.message)
		if !before && t.Failed() {
			t.Errorf("in %q, %q", c.condition, c.message)
		}
	}
}
