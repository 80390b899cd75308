package table_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"zapas/localstack/deployment"
	"zapas/shared/caller"
	"zapas/shared/fleet"
)

// TestDue: the index "due" has each device once, where it was last said to be looked at, with its id and no more; one that
// is retired it has not.
func TestDue(t *testing.T) {
	t.Parallel()
	w := open(t)
	s := w.statuses()
	note := func(n int, c fleet.Change) {
		_, err := s.Note(t.Context(), id[caller.DeviceID](n), c)
		must(t, err)
	}
	for n := range 4 {
		must(t, s.CreateStatus(t.Context(), fleet.Status{Device: id[caller.DeviceID](16 * n), Owner: user, Label: "a", Look: fleet.Look{At: start.Add(time.Hour)}}))
	}
	note(16, fleet.Change{Look: &fleet.Look{At: start}})
	note(32, fleet.Change{Look: &fleet.Look{At: start, Overdue: "P"}})
	note(48, fleet.Change{Trust: new(fleet.Retired)})
	for shard, want := range map[string][]string{
		"D0": {fmt.Sprintf("2026-03-04T06:06:07.008Z#%026d", 0)},
		"D6": {fmt.Sprintf("2026-03-04T05:06:07.008Z#%026d", 16)},
		"O2": {fmt.Sprintf("P#2026-03-04T05:06:07.008Z#%026d", 32)},
		"D8": nil,
		"O6": nil,
		"D2": nil,
	} {
		out, err := w.db.Query(t.Context(), &sdk.QueryInput{TableName: aws.String(deployment.Table), IndexName: aws.String("due"), KeyConditionExpression: aws.String("due = :d"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":d": &types.AttributeValueMemberS{Value: shard}}})
		must(t, err)
		var got []string
		for _, row := range out.Items {
			got = append(got, row["dueKey"].(*types.AttributeValueMemberS).Value)
			same(t, names(row), map[string]bool{"PK": true, "SK": true, "due": true, "dueKey": true, "id": true})
		}
		same(t, got, want)
	}
}

// TestDue_Shards: devices are spread evenly, by what is random of an id.
func TestDue_Shards(t *testing.T) {
	t.Parallel()
	w := open(t)
	of := map[string]int{}
	for _, last := range "0123456789ABCDEFGHJKMNPQRSTVWXYZ" {
		device := caller.DeviceID(fmt.Sprintf("%025d%c", 7, last))
		must(t, w.statuses().CreateStatus(t.Context(), fleet.Status{Device: device, Owner: user, Label: "a", Look: fleet.Look{At: start}}))
		of[w.row(t, deployment.Table, "F#"+string(device), "STATUS")["due"].(*types.AttributeValueMemberS).Value]++
	}
	want := map[string]int{}
	for n := range 16 {
		want[fmt.Sprint("D", n)] = 2
	}
	same(t, of, want)
}
