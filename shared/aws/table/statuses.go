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

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"zapas/shared/aws"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
)

// Statuses are the rows F#<device> / STATUS. Three indexes lead to them: "owner" (owner, PK), "fleet" (fleet, fleetKey),
// which lists all devices by label, and "due" (due, dueKey), which lists them by when the watch is to look at them, and
// those that are announced as overdue by their profiles. The last two are cut into shards, since one partition takes 1,000
// writes a second; "due" holds ids alone.
type Statuses rows

var _ fleet.Statuses = Statuses{}

const (
	shards    = 4
	dueShards = 16
)

// Attributes that are named in expressions.
const (
	attrSeen      = "seen"
	attrRun       = "run"
	attrStored    = "stored"
	attrUnchanged = "unchangedAt"
	attrProvenAt  = "provenAt"
	attrProven    = "provenSnapshot"
	attrDamaged   = "damagedAt"
	attrTrust     = "trust"
	attrLabel     = "label"
	attrGroup     = "group"
	attrExplicit  = "explicit"
	attrOrder     = "order"
	attrShard     = "fleet"
	attrFleetKey  = "fleetKey"
	attrPlatform  = "platform"
	attrGoverns   = "governs"
	attrFailed    = "failed"
	attrOverdue   = "overdue"
	attrTell      = "tell"
	attrDue       = "due"
	attrDueKey    = "dueKey"
	attrRev       = "rev"
)

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
// whole; what else there is to note is then noted without it and without what follows from it.
func (t Statuses) Note(ctx context.Context, id caller.DeviceID, c fleet.Change) (fleet.Status, error) {
	s, err := t.update(ctx, id, c)
	if _, meeting := errors.AsType[*types.TransactionConflictException](err); meeting { // an order is being written
		return s, aws.Busy(err)
	}
	failure, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	switch {
	case !ok:
		return s, err
	case len(failure.Item) == 0:
		return s, fault.Wrap(err, fault.NotFound, "not_found", "There is no such device.")
	case c.Over != nil || c.Rev != nil || c.Of != "":
		return s, err
	}
	if c.Stored, c.Overdue, c.Look = nil, nil, nil; !c.Empty() {
		return t.Note(ctx, id, c)
	}
	var r statusRow
	err = decode(failure.Item, "device", &r)
	return r.status(), err
}

func (t Statuses) update(ctx context.Context, id caller.DeviceID, c fleet.Change) (fleet.Status, error) {
	condition, names, values := present, map[string]string{}, item{}
	if c.Stored != nil {
		older := "<="
		if c.Of != "" {
			older = "<"
		}
		condition += " AND (attribute_not_exists(#stored) OR #stored.#seq " + older + " :seq)"
		names["#seq"], values[":seq"] = "seq", number(c.Stored.Seq)
	}
	if c.Over != nil {
		condition += over(*c.Over, names, values)
	}
	if c.Of != "" {
		names["#of"], values[":of"] = "session", text(c.Of)
		names["#run"], names["#overdue"], names["#tell"] = attrRun, attrOverdue, attrTell
		condition += " AND #run.#of = :of AND attribute_not_exists(#overdue) AND attribute_not_exists(#tell)"
	}
	if c.Rev != nil {
		names["#rev"] = attrRev
		if *c.Rev == 0 {
			condition += " AND attribute_not_exists(#rev)"
		} else {
			condition, values[":wasrev"] = condition+" AND #rev = :wasrev", number(*c.Rev)
		}
	}
	expression, err := update(id, c, names, values)
	if err != nil {
		return fleet.Status{}, err
	}
	in := &dynamodb.UpdateItemInput{TableName: &t.Name, Key: statusKey(id).attributes(), ConditionExpression: &condition,
		ReturnValues: types.ReturnValueAllNew, ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}
	if expression != "" {
		in.UpdateExpression, in.ExpressionAttributeNames = &expression, names
	}
	if len(values) > 0 {
		in.ExpressionAttributeValues = values
	}
	out, err := t.DB.UpdateItem(ctx, in)
	if err != nil {
		return fleet.Status{}, failed(err, "note of a device")
	}
	var r statusRow
	err = decode(out.Attributes, "device", &r)
	return r.status(), err
}

// update is the expression that writes what c changes; "" when that is nothing.
func update(id caller.DeviceID, c fleet.Change, names map[string]string, values item) (string, error) {
	var sets, removes, clauses []string
	attributes := changes(id, c)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		names["#"+name] = name
		if attributes[name] == nil {
			removes = append(removes, "#"+name)
			continue
		}
		v, err := member(attributes[name])
		if err != nil {
			return "", err
		}
		values[":"+name] = v
		sets = append(sets, "#"+name+" = :"+name)
	}
	if !c.Empty() {
		names["#rev"], values[":none"], values[":one"] = attrRev, number(0), number(1)
		sets = append(sets, "#rev = if_not_exists(#rev, :none) + :one")
	}
	add := func(verb string, terms ...string) {
		if len(terms) > 0 {
			clauses = append(clauses, verb+" "+strings.Join(terms, ", "))
		}
	}
	add("SET", sets...)
	add("REMOVE", removes...)
	switch { // one update names a path once
	case len(c.Tell) > 0 && len(c.Told) > 0:
		return "", errors.New("one note cannot both tell events and take some away")
	case len(c.Tell) > 0:
		names["#tell"], values[":tell"] = attrTell, &types.AttributeValueMemberSS{Value: c.Tell}
		add("ADD", "#tell :tell")
	case len(c.Told) > 0:
		names["#tell"], values[":told"] = attrTell, &types.AttributeValueMemberSS{Value: c.Told}
		add("DELETE", "#tell :told")
	}
	return strings.Join(clauses, " "), nil
}

// over is the condition that people have written nothing else of the device.
func over(e fleet.Edition, names map[string]string, values item) (condition string) {
	for _, a := range []struct{ name, value string }{{attrLabel, e.Label}, {attrGroup, e.Group}, {attrExplicit, string(e.Explicit)}} {
		names["#"+a.name] = a.name
		if a.value == "" {
			condition += " AND attribute_not_exists(#" + a.name + ")"
			continue
		}
		values[":was"+a.name] = text(a.value)
		condition += " AND #" + a.name + " = :was" + a.name
	}
	return condition
}

// changes are the attributes that c writes; nil is one that goes.
func changes(id caller.DeviceID, c fleet.Change) map[string]any {
	out := map[string]any{}
	if c.Seen != nil {
		out[attrSeen] = rowOfSeen(*c.Seen)
	}
	if c.Run != nil {
		out[attrRun] = runRow(*c.Run)
	}
	if c.Stored != nil {
		out[attrStored] = lastRow(*c.Stored)
	}
	if c.Platform != nil {
		out[attrPlatform] = *c.Platform
	}
	if c.Governs != nil {
		out[attrGoverns] = governsRow(*c.Governs)
	}
	if c.Failed != nil {
		out[attrFailed] = failedRow(*c.Failed)
	}
	if c.Overdue != nil {
		out[attrOverdue] = nil
		if *c.Overdue != (fleet.Overdue{}) {
			out[attrOverdue] = overdueRow(*c.Overdue)
		}
	}
	if c.Look != nil {
		shard, key := lookKey(id, *c.Look)
		out[attrDue], out[attrDueKey] = unlessEmpty(shard), unlessEmpty(key)
	}
	if c.UnchangedAt != nil {
		out[attrUnchanged] = *c.UnchangedAt
	}
	if c.Proven != nil {
		out[attrProvenAt], out[attrProven] = c.Proven.At, c.Proven.Snapshot
	}
	if c.DamagedAt != nil {
		out[attrDamaged] = *c.DamagedAt
	}
	if c.Label != nil {
		out[attrLabel], out[attrFleetKey] = *c.Label, fleetKey(*c.Label, id)
	}
	if c.Trust != nil {
		out[attrTrust] = *c.Trust
		if *c.Trust == fleet.Retired {
			out[attrShard], out[attrDue], out[attrDueKey] = nil, nil, nil // lists are of the others
		}
	}
	if c.Group != nil {
		out[attrGroup] = unlessEmpty(*c.Group)
	}
	if c.Explicit != nil {
		out[attrExplicit] = unlessEmpty(*c.Explicit)
	}
	return out
}

func unlessEmpty[S ~string](s S) any {
	if s == "" {
		return nil
	}
	return s
}

// OfOwner lists a user's devices.
func (t Statuses) OfOwner(ctx context.Context, user caller.UserID) ([]fleet.Status, error) {
	found, err := query[statusRow](ctx, rows(t), dynamodb.QueryInput{IndexName: new("owner"),
		KeyConditionExpression: new("#pk = :pk"), ExpressionAttributeNames: map[string]string{"#pk": "owner"},
		ExpressionAttributeValues: item{":pk": text(string(user))}}, "device", 0)
	return statuses(found), err
}

// readAtOnce is how many rows of each shard a list reads that keeps some: 2,000 in all.
const readAtOnce = 2_000/shards - 1

// List merges the shards: of each so many rows beyond the position that they would do alone, and one more to know
// whether there is a next page.
func (t Statuses) List(ctx context.Context, which fleet.Which, position string, limit int) ([]fleet.Status, string, error) {
	after, err := after(position)
	if err != nil {
		return nil, "", err
	}
	limit = max(limit, 1)
	read := limit
	if which.Keep != nil {
		read = max(limit, readAtOnce)
	}
	first, last := max(strings.ToLower(which.Label), "\t"), strings.ToLower(which.Label)+"\U0010FFFF"
	if after != "" {
		first = max(first, after+"\x00") // the very next
	}
	if first > last { // it is beyond all that this list has
		return nil, "", fault.Cursor()
	}
	var all []statusRow
	for shard := range shards {
		in := dynamodb.QueryInput{IndexName: new("fleet"), KeyConditionExpression: new("fleet = :pk AND fleetKey BETWEEN :first AND :last"),
			ExpressionAttributeValues: item{":pk": text(strconv.Itoa(shard)), ":first": text(first), ":last": text(last)}}
		found, err := query[statusRow](ctx, rows(t), in, "device", read+1)
		if err != nil {
			return nil, "", err
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, func(a, b statusRow) int { return cmp.Compare(a.FleetKey, b.FleetKey) })
	var page []fleet.Status
	for i, r := range all {
		if i == read || len(page) == limit {
			return page, base64.RawURLEncoding.EncodeToString([]byte(all[i-1].FleetKey)), nil
		}
		if s := r.status(); which.Keep == nil || which.Keep(s) {
			page = append(page, s)
		}
	}
	return page, "", nil
}

func statuses(found []statusRow) []fleet.Status {
	all := make([]fleet.Status, len(found))
	for i, r := range found {
		all[i] = r.status()
	}
	return all
}
