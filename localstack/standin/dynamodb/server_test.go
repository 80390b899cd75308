package dynamodb_test

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin/dynamodb"
)

// testContext serves where there is no test's own.
var testContext = context.Background()

func rational(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	return r
}

func TestConcurrentIncrementsAllCount(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.put(t, "things", with(key("a", "b"), item{"rev": i(0)}))
	var writers sync.WaitGroup
	for range 16 {
		writers.Go(func() {
			for done := 0; done < 10; {
				now, err := d.GetItem(testContext, &sdk.GetItemInput{TableName: aws.String("things"), Key: key("a", "b"), ConsistentRead: aws.Bool(true)})
				if err != nil {
					t.Error(err)
					return
				}
				_, err = d.UpdateItem(testContext, &sdk.UpdateItemInput{TableName: aws.String("things"), Key: key("a", "b"),
					UpdateExpression: aws.String("SET rev = rev + :one"), ConditionExpression: aws.String("rev = :rev"),
					ExpressionAttributeValues: item{":one": i(1), ":rev": now.Item["rev"]}})
				var lost *types.ConditionalCheckFailedException
				switch {
				case err == nil:
					done++
				case !asFailure(err, &lost):
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	if got := plain(d.get(t, "things", key("a", "b"))["rev"]); got != "160" {
		t.Errorf("16 writers counted ten each to %s", got)
	}
}

func TestWireIsStrict(t *testing.T) {
	t.Parallel()
	d := open(t)
	const keys = `"Key":{"pk":{"S":"a"},"sk":{"S":"b"}}`
	for name, c := range map[string]struct {
		operation, body string
		status          int
		kind            string
	}{
		"Lawful":            {"GetItem", `{"TableName":"things",` + keys + `}`, 200, ""},
		"UnknownOperation":  {"Scan", `{"TableName":"things"}`, 501, "dynamodb.v20120810#NotImplementedException"},
		"UnknownMember":     {"GetItem", `{"TableName":"things",` + keys + `,"Extra":1}`, 400, "SerializationException"},
		"WrongCase":         {"GetItem", `{"tableName":"things",` + keys + `}`, 400, "SerializationException"},
		"Doubled":           {"GetItem", `{"TableName":"things","TableName":"things",` + keys + `}`, 400, "SerializationException"},
		"NotJSON":           {"GetItem", `{`, 400, "SerializationException"},
		"Trailing":          {"GetItem", `{"TableName":"things",` + keys + `} {}`, 400, "SerializationException"},
		"NumberForN":        {"PutItem", `{"TableName":"things","Item":{"pk":{"S":"a"},"sk":{"S":"b"},"x":{"N":1}}}`, 400, "SerializationException"},
		"NotBase64":         {"PutItem", `{"TableName":"things","Item":{"pk":{"S":"a"},"sk":{"S":"b"},"x":{"B":"*"}}}`, 400, "SerializationException"},
		"UnknownType":       {"PutItem", `{"TableName":"things","Item":{"pk":{"S":"a"},"sk":{"S":"b"},"x":{"T":"1"}}}`, 400, "SerializationException"},
		"TwoTypes":          {"PutItem", `{"TableName":"things","Item":{"pk":{"S":"a"},"sk":{"S":"b","N":"1"}}}`, 400, "ValidationException"},
		"NoType":            {"PutItem", `{"TableName":"things","Item":{"pk":{"S":"a"},"sk":{}}}`, 400, "ValidationException"},
		"NullInSet":         {"PutItem", `{"TableName":"things","Item":{"pk":{"S":"a"},"sk":{"S":"b"},"x":{"SS":[null]}}}`, 400, "SerializationException"},
		"NoTable":           {"GetItem", `{` + keys + `}`, 400, "ValidationException"},
		"NoKey":             {"GetItem", `{"TableName":"things"}`, 400, "ValidationException"},
		"BadEnum":           {"GetItem", `{"TableName":"things",` + keys + `,"ReturnConsumedCapacity":"ALL"}`, 400, "ValidationException"},
		"ItemInDelete":      {"DeleteItem", `{"TableName":"things",` + keys + `,"Item":{}}`, 400, "SerializationException"},
		"UpdateInPut":       {"PutItem", `{"TableName":"things","Item":{"pk":{"S":"a"},"sk":{"S":"b"}},"UpdateExpression":"SET x = y"}`, 400, "SerializationException"},
		"ReturnInTransact":  {"TransactWriteItems", `{"TransactItems":[{"Delete":{"TableName":"things",` + keys + `,"ReturnValues":"NONE"}}]}`, 400, "SerializationException"},
		"CheckWithoutCheck": {"TransactWriteItems", `{"TransactItems":[{"ConditionCheck":{"TableName":"things",` + keys + `}}]}`, 400, "ValidationException"},
	} {
		t.Run(name, func(t *testing.T) {
			response, body := d.raw(t, c.operation, c.body)
			if response.StatusCode != c.status || !strings.Contains(body, c.kind) {
				t.Errorf("got %d %s, want %d %s", response.StatusCode, body, c.status, c.kind)
			}
			if sum := fmt.Sprint(crc32.ChecksumIEEE([]byte(body))); response.Header.Get("X-Amz-Crc32") != sum {
				t.Errorf("the crc32 is %s, want %s", response.Header.Get("X-Amz-Crc32"), sum)
			}
			if len(response.Header.Get("X-Amzn-RequestId")) != 52 {
				t.Errorf("the request id is %q", response.Header.Get("X-Amzn-RequestId"))
			}
		})
	}
	if _, body := d.raw(t, "Scan", `{}`); !strings.Contains(body, "The operation Scan is not implemented") {
		t.Errorf("an unknown operation is not named: %s", body)
	}
	if response, _ := d.raw(t, "PutItem", `{"TableName":"`+strings.Repeat("x", 16<<20)+`"}`); response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a request over 16 MB got %d", response.StatusCode)
	}
}

func TestItemsOutliveTheProcess(t *testing.T) {
	t.Parallel()
	d := open(t)
	whole := with(key("a", "b"), item{"team": s("red"), "score": n("-1.5"), "bytes": b("\x00")})
	d.put(t, "things", whole)
	d.reopen(t)
	if diff := cmp.Diff(whole, d.get(t, "things", key("a", "b")), same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := d.server.Create(things()); err != nil {
		t.Errorf("the same table again: %v", err)
	}
	changed := things()
	changed.Indexes = changed.Indexes[:1]
	if err := d.server.Create(changed); err == nil || !strings.Contains(err.Error(), "exists with other keys") {
		t.Errorf("another table of the same name: %v", err)
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	d := open(t)
	for message, change := range map[string]func(*dynamodb.Table){
		"3 to 255":           func(t *dynamodb.Table) { t.Name = "ab" },
		"has no name":        func(t *dynamodb.Table) { t.Key.Partition.Name = "" },
		"use S, N or B":      func(t *dynamodb.Table) { t.Key.Sort.Type = "BOOL" },
		"both partition and": func(t *dynamodb.Table) { t.Key.Sort = t.Key.Partition },
		"another name":       func(t *dynamodb.Table) { t.Indexes[1].Name = t.Indexes[0].Name },
		"elsewhere":          func(t *dynamodb.Table) { t.Indexes[0].Key.Sort = dynamodb.Attribute{Name: "pk", Type: "N"} },
		"use ALL":            func(t *dynamodb.Table) { t.Indexes[0].Projection = "SOME" },
		"only to it":         func(t *dynamodb.Table) { t.Indexes[0].Include = []string{"x"} },
	} {
		table := things()
		table.Name = "another"
		change(&table)
		if err := d.server.Create(table); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("got %v, want ...%s...", err, message)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	whole := func() []byte {
		d := open(t)
		for at := range 200 {
			d.put(t, "things", with(key("a", fmt.Sprint(at)), item{"x": s(strings.Repeat("x", 1000))}))
		}
		d.reopen(t)
		content, err := os.ReadFile(d.path)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}()
	garbage := func(from, to int) []byte {
		return append(append(bytes.Clone(whole[:from]), bytes.Repeat([]byte{0xa5}, to-from)...), whole[to:]...)
	}
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"Whole":       {whole, ""},
		"Text":        {[]byte("this is not a database, and it never was one"), "is damaged: put a copy"},
		"BothMetas":   {garbage(0, 2*os.Getpagesize()), "is damaged: put a copy"},
		"Pages":       {garbage(3*os.Getpagesize(), len(whole)), "is damaged: put a copy"},
		"CutShort":    {whole[:len(whole)/4], "is damaged: put a copy"},
		"CutToMetas":  {whole[:2*os.Getpagesize()], "is damaged: put a copy"},
		"OnlyZeroes":  {make([]byte, len(whole)), "is damaged: put a copy"},
		"EmptyIsANew": {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "file.db")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			server, err := dynamodb.Open(dynamodb.Config{Path: path, Now: newClock().now})
			if err == nil {
				defer server.Close()
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path)) {
				t.Errorf("got %v, want ...%s...", err, c.want)
			}
		})
	}
	t.Run("Locked", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		_, err := dynamodb.Open(dynamodb.Config{Path: d.path, Now: d.clock.now})
		if err == nil || !strings.Contains(err.Error(), "in use by another process") {
			t.Errorf("got %v", err)
		}
		if info, err := os.Stat(d.path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file's mode is %v, %v", info.Mode(), err)
		}
	})
	t.Run("NoFolder", func(t *testing.T) {
		t.Parallel()
		_, err := dynamodb.Open(dynamodb.Config{Path: filepath.Join(t.TempDir(), "none", "file.db"), Now: newClock().now})
		if err == nil || !strings.Contains(err.Error(), "cannot be opened") {
			t.Errorf("got %v", err)
		}
	})
}

func TestReapRemovesWhatHasEnded(t *testing.T) {
	t.Parallel()
	d := open(t)
	now := d.clock.now()
	at := func(shift time.Duration) types.AttributeValue { return n(fmt.Sprint(now.Add(shift).Unix())) }
	for name, end := range map[string]types.AttributeValue{
		"past": at(-time.Second), "now": at(0), "future": at(time.Hour), "text": s("1"), "zero": n("0"),
		"six-years-past": at(-6 * 365 * 24 * time.Hour), "half": n(fmt.Sprintf("%d.5", now.Unix()-1)),
	} {
		d.put(t, "things", with(key("a", name), item{"ends": end, "team": s("red"), "score": i(1)}))
	}
	d.put(t, "things", key("a", "never"))
	for step, want := range []struct {
		removed int
		left    string
	}{
		{2, "future never now six-years-past text zero"},
		{0, "future never now six-years-past text zero"},
		{1, "future never six-years-past text zero"},
		{1, "never six-years-past text zero"},
	} {
		d.clock.advance([]time.Duration{0, 0, time.Second, time.Hour}[step])
		removed, err := d.server.Reap()
		if err != nil || removed != want.removed {
			t.Errorf("step %d removed %d, %v, want %d", step, removed, err, want.removed)
		}
		left := d.pages(t, sdk.QueryInput{TableName: aws.String("things"), KeyConditionExpression: aws.String("pk = :p"),
			ExpressionAttributeValues: item{":p": s("a")}}, "sk")[0]
		if got := strings.Join(left, " "); got != want.left {
			t.Errorf("step %d left %s, want %s", step, got, want.left)
		}
	}
	indexed := d.pages(t, sdk.QueryInput{TableName: aws.String("things"), IndexName: aws.String("by-score"), KeyConditionExpression: aws.String("team = :t"),
		ExpressionAttributeValues: item{":t": s("red")}}, "sk")[0]
	if got := strings.Join(indexed, " "); got != "six-years-past text zero" {
		t.Errorf("the index kept %s", got)
	}
}

func TestReapGoesOnPastOneBatch(t *testing.T) {
	t.Parallel()
	d := open(t)
	var actions []action
	for at := range 1001 {
		actions = append(actions, putAction(with(key("a", fmt.Sprint(at)), item{"ends": n(fmt.Sprint(d.clock.now().Unix() - 1))})))
		if len(actions) == 100 || at == 1000 {
			if err := d.transact(t, nil, actions...); err != nil {
				t.Fatal(err)
			}
			actions = nil
		}
	}
	if removed, err := d.server.Reap(); removed != 1001 || err != nil {
		t.Errorf("removed %d, %v", removed, err)
	}
}
