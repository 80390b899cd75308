package table

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// Statuses are the rows F#<device> / STATUS. Two indexes lead to them: "owner" (owner, PK) and "fleet" (fleet, fleetKey),
// which lists all devices by label. The fleet index is cut into shards, since one partition takes 1,000 writes a second
// and every check-in writes.
type Statuses rows

var _ fleet.Statuses = Statuses{}

const shards = 4

// Attributes that are named in expressions.
const (
	attrSeen      = "seen"
	attrRun       = "run"
	attrStored    = "stored"
	attrUnchanged = "unchangedAt"
)

type statusRow struct {
	Device      caller.DeviceID `dynamodbav:"id"`
	Owner       caller.UserID   `dynamodbav:"owner"`
	Label       string          `dynamodbav:"label"`
	Group       string          `dynamodbav:"group,omitempty"`
	Explicit    profile.ID      `dynamodbav:"explicit,omitempty"`
	Platform    string          `dynamodbav:"platform,omitempty"`
	Model       string          `dynamodbav:"model,omitempty"`
	EnrolledAt  time.Time       `dynamodbav:"enrolledAt,omitempty"`
	Seen        seenRow         `dynamodbav:"seen"`
	Run         *runRow         `dynamodbav:"run,omitempty"`
	Stored      *lastRow        `dynamodbav:"stored,omitempty"`
	UnchangedAt time.Time       `dynamodbav:"unchangedAt,omitempty"`

	Shard    string `dynamodbav:"fleet"`
	FleetKey string `dynamodbav:"fleetKey"`
}

type seenRow struct {
	At         time.Time         `dynamodbav:"at,omitempty"`
	AppVersion string            `dynamodbav:"app,omitempty"`
	Profile    profile.ID        `dynamodbav:"profile,omitempty"`
	Coverage   map[string]string `dynamodbav:"coverage,omitempty"`
}

type runRow struct {
	At      time.Time  `dynamodbav:"at,omitempty"`
	Profile profile.ID `dynamodbav:"profile,omitempty"`
	Session string     `dynamodbav:"session,omitempty"`
}

type lastRow struct {
	At     time.Time        `dynamodbav:"at,omitempty"`
	Seq    int64            `dynamodbav:"seq"`
	Counts map[string]int64 `dynamodbav:"counts,omitempty"`
}

func rowOfStatus(s fleet.Status) statusRow {
	r := statusRow{Device: s.Device, Owner: s.Owner, Label: s.Label, Group: s.Group, Explicit: s.Explicit, Platform: s.Platform,
		Model: s.Model, EnrolledAt: s.EnrolledAt, Seen: seenRow(s.Seen), UnchangedAt: s.UnchangedAt,
		Shard: shardOf(string(s.Device), shards), FleetKey: fleetKey(s.Label, s.Device)}
	if s.Run != (fleet.Run{}) {
		r.Run = new(runRow(s.Run))
	}
	if l := lastRow(s.Stored); !l.At.IsZero() || l.Seq != 0 || len(l.Counts) > 0 {
		r.Stored = &l
	}
	return r
}

func (r statusRow) status() fleet.Status {
	s := fleet.Status{Device: r.Device, Owner: r.Owner, Label: r.Label, Group: r.Group, Explicit: r.Explicit, Platform: r.Platform,
		Model: r.Model, EnrolledAt: r.EnrolledAt, Seen: fleet.Seen(r.Seen), UnchangedAt: r.UnchangedAt}
	if r.Run != nil {
		s.Run = fleet.Run(*r.Run)
	}
	if r.Stored != nil {
		s.Stored = fleet.Stored(*r.Stored)
	}
	return s
}

// fleetKey orders devices by label, whatever its case, then by id. A tab stands before everything that a label may hold,
// so that "Phone" comes before "Phone 2".
func fleetKey(label string, id caller.DeviceID) string {
	return strings.ToLower(label) + "\t" + string(id)
}

func statusKey(id caller.DeviceID) key { return key{"F#" + string(id), "STATUS"} }

// Status reads one.
func (t Statuses) Status(ctx context.Context, id caller.DeviceID) (fleet.Status, error) {
	var r statusRow
	err := rows(t).must(ctx, statusKey(id), "device", &r)
	return r.status(), err
}

// CreateStatus stores a new one; one that is there already stays as it is.
func (t Statuses) CreateStatus(ctx context.Context, s fleet.Status) error {
	row, err := encode(statusKey(s.Device), rowOfStatus(s))
	if err != nil {
		return err
	}
	return rows(t).once(ctx, row, "device")
}

// Note writes the members of c in one update. If the backup in it is older than the one noted, the update fails as a
// whole; what else there is to note is then noted without it.
func (t Statuses) Note(ctx context.Context, id caller.DeviceID, c fleet.Change) error {
	err := t.update(ctx, id, c)
	failure, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	switch {
	case !ok:
		return err
	case len(failure.Item) == 0:
		return fault.Wrap(err, fault.NotFound, "not_found", "There is no such device.")
	}
	c.Stored = nil
	if c == (fleet.Change{}) {
		return nil
	}
	return t.Note(ctx, id, c)
}

func (t Statuses) update(ctx context.Context, id caller.DeviceID, c fleet.Change) error {
	set := map[string]any{}
	condition, names, values := present, map[string]string{}, item{}
	if c.Seen != nil {
		set[attrSeen] = seenRow(*c.Seen)
	}
	if c.Run != nil {
		set[attrRun] = runRow(*c.Run)
	}
	if c.UnchangedAt != nil {
		set[attrUnchanged] = *c.UnchangedAt
	}
	if c.Stored != nil {
		set[attrStored] = lastRow(*c.Stored)
		condition += " AND (attribute_not_exists(#stored) OR #stored.#seq <= :seq)"
		names["#seq"], values[":seq"] = "seq", number(c.Stored.Seq)
	}
	var sets []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		v, err := member(set[name])
		if err != nil {
			return err
		}
		names["#"+name], values[":"+name] = name, v
		sets = append(sets, "#"+name+" = :"+name)
	}
	in := &dynamodb.UpdateItemInput{TableName: &t.Name, Key: statusKey(id).attributes(), ConditionExpression: &condition,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}
	if len(sets) > 0 {
		in.UpdateExpression = new("SET " + strings.Join(sets, ", "))
		in.ExpressionAttributeNames, in.ExpressionAttributeValues = names, values
	}
	_, err := t.DB.UpdateItem(ctx, in)
	return failed(err, "note of a device")
}

// OfOwner lists a user's devices.
func (t Statuses) OfOwner(ctx context.Context, user caller.UserID) ([]fleet.Status, error) {
	found, err := query[statusRow](ctx, rows(t), dynamodb.QueryInput{IndexName: new("owner"),
		KeyConditionExpression: new("#pk = :pk"), ExpressionAttributeNames: map[string]string{"#pk": "owner"},
		ExpressionAttributeValues: item{":pk": text(string(user))}}, "device", 0)
	return statuses(found), err
}

// List merges the shards: of each so many rows beyond the position that they would do alone, and one more to know
// whether there is a next page.
func (t Statuses) List(ctx context.Context, position string, limit int) ([]fleet.Status, string, error) {
	after, err := base64.RawURLEncoding.DecodeString(position)
	if err != nil {
		return nil, "", fault.Wrap(err, fault.Invalid, "invalid", "cursor: it is not one that this list has given.")
	}
	limit = max(limit, 1)
	var all []statusRow
	for shard := range shards {
		in := dynamodb.QueryInput{IndexName: new("fleet"), KeyConditionExpression: new("fleet = :pk"),
			ExpressionAttributeValues: item{":pk": text(strconv.Itoa(shard))}}
		if len(after) > 0 {
			in.KeyConditionExpression = new("fleet = :pk AND fleetKey > :sk")
			in.ExpressionAttributeValues[":sk"] = text(string(after))
		}
		found, err := query[statusRow](ctx, rows(t), in, "device", limit+1)
		if err != nil {
			return nil, "", err
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, func(a, b statusRow) int { return cmp.Compare(a.FleetKey, b.FleetKey) })
	if len(all) <= limit {
		return statuses(all), "", nil
	}
	return statuses(all[:limit]), base64.RawURLEncoding.EncodeToString([]byte(all[limit-1].FleetKey)), nil
}

func statuses(found []statusRow) []fleet.Status {
	all := make([]fleet.Status, len(found))
	for i, r := range found {
		all[i] = r.status()
	}
	return all
}
