package table

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"zapas/shared/audit"
	"zapas/shared/caller"
)

// Audit are the rows A#<yyyymmdd>#<shard> / <time>#<id>. A day is cut into shards, since everybody writes into today.
type Audit rows

var (
	_ audit.Log  = Audit{}
	_ audit.Book = Audit{}
)

const auditShards = 8

type auditRow struct {
	ID     string          `dynamodbav:"id"`
	At     time.Time       `dynamodbav:"at"`
	Who    caller.UserID   `dynamodbav:"who,omitempty"`
	Device caller.DeviceID `dynamodbav:"device,omitempty"`
	Action audit.Action    `dynamodbav:"action"`
	Target string          `dynamodbav:"target,omitempty"`
	Also   []string        `dynamodbav:"also,omitempty"`
}

func auditKey(r audit.Record) key {
	return key{auditDay(r.At) + shardOf(r.ID, auditShards), auditPlace(r.Position())}
}

// auditDay is what the partitions of a day begin with.
func auditDay(at time.Time) string { return "A#" + at.UTC().Format("20060102") + "#" }

// auditPlace orders rows as positions are ordered.
func auditPlace(p audit.Position) string { return stamp(p.At) + "#" + p.ID }

// Append stores a record; one that is there already is never changed.
func (t Audit) Append(ctx context.Context, r audit.Record) error {
	row, err := encode(auditKey(r), auditRow(r))
	if err != nil {
		return err
	}
	return rows(t).once(ctx, row, "audit")
}

// Day merges the shards of one day: of each so many rows as one alone might have to give.
func (t Audit) Day(ctx context.Context, before audit.Position, limit int) ([]audit.Record, error) {
	var all []audit.Record
	for shard := range auditShards {
		found, err := query[auditRow](ctx, rows(t), dynamodb.QueryInput{
			KeyConditionExpression: new("PK = :pk AND SK < :sk"), ScanIndexForward: new(false), ConsistentRead: new(true),
			ExpressionAttributeValues: item{":pk": text(auditDay(before.At) + strconv.Itoa(shard)), ":sk": text(auditPlace(before))},
		}, "audit", limit)
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			all = append(all, audit.Record(r))
		}
	}
	slices.SortFunc(all, func(a, b audit.Record) int { return b.Position().Compare(a.Position()) })
	return all[:min(limit, len(all))], nil
}
