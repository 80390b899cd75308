package table

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
)

var _ fleet.Watched = Statuses{}

type dueRow struct {
	Device caller.DeviceID `dynamodbav:"id"`
}

// ToLookAt reads the shards of the index "due" one after the other; a position is the shard to go on with, so that one in
// which there is too much does not keep the others from being read.
func (t Statuses) ToLookAt(ctx context.Context, position string, until time.Time, limit int) (page []caller.DeviceID, next string, err error) {
	first := 0
	if position != "" {
		if first, err = strconv.Atoi(position); err != nil || first < 0 || first >= dueShards {
			return nil, "", fault.Wrap(err, fault.Invalid, "invalid", "position: it is not one that this list has given.")
		}
	}
	for shard := first; shard < dueShards; shard++ {
		found, err := query[dueRow](ctx, rows(t), dynamodb.QueryInput{IndexName: new("due"), KeyConditionExpression: new("due = :due AND dueKey < :until"),
			ExpressionAttributeValues: item{":due": text("D" + strconv.Itoa(shard)), ":until": text(stamp(until) + "$")}}, "device to look at", limit-len(page))
		if err != nil {
			return nil, "", err
		}
		for _, r := range found {
			page = append(page, r.Device)
		}
		if len(page) >= limit {
			if shard+1 == dueShards {
				return page, "", nil
			}
			return page, strconv.Itoa(shard + 1), nil
		}
	}
	return page, "", nil
}

// Everyone reads the shards of the index "fleet" one after the other. A position is a shard and the last device of it that
// was read: its label stands in its own row alone.
func (t Statuses) Everyone(ctx context.Context, position string, limit int) (page []fleet.Status, next string, err error) {
	number, last, _ := strings.Cut(position, " ")
	shard, damaged := 0, error(nil)
	if position != "" {
		if shard, err = strconv.Atoi(number); err != nil || shard < 0 || shard >= shards {
			return nil, "", fault.Wrap(err, fault.Invalid, "invalid", "position: it is not one that this list has given.")
		}
	}
	for ; shard < shards; shard++ {
		in := dynamodb.QueryInput{IndexName: new("fleet"), KeyConditionExpression: new("fleet = :pk"), ExpressionAttributeValues: item{":pk": text(strconv.Itoa(shard))}}
		if last != "" {
			var r statusRow
			if err := rows(t).must(ctx, statusKey(caller.DeviceID(last)), "device", &r); err != nil {
				return nil, "", err
			}
			in.KeyConditionExpression, in.ExpressionAttributeValues[":sk"] = new("fleet = :pk AND fleetKey > :sk"), text(r.FleetKey)
			last = ""
		}
		found, bad, err := queryReadable[statusRow](ctx, rows(t), in, "device", limit-len(page))
		if err != nil {
			return nil, "", err
		}
		damaged = errors.Join(damaged, bad)
		if page = append(page, statuses(found)...); len(page) >= limit {
			return page, strconv.Itoa(shard) + " " + string(page[len(page)-1].Device), damaged
		}
	}
	if page == nil {
		page = []fleet.Status{} // this is the end, though what is here be damaged
	}
	return page, "", damaged
}
