package table

import (
	"context"
	"time"

	"zapas/shared/audit"
	"zapas/shared/caller"
)

// Audit are the rows A#<yyyymmdd>#<shard> / <time>#<id>. A day is cut into shards, since everybody writes into today.
type Audit rows

var _ audit.Log = Audit{}

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
	return key{"A#" + r.At.UTC().Format("20060102") + "#" + shardOf(r.ID, auditShards), stamp(r.At) + "#" + r.ID}
}

// Append stores a record; one that is there already is never changed.
func (t Audit) Append(ctx context.Context, r audit.Record) error {
	row, err := encode(auditKey(r), auditRow(r))
	if err != nil {
		return err
	}
	return rows(t).once(ctx, row, "audit")
}
