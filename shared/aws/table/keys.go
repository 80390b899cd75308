package table

import (
	"context"
	"encoding/base64"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/restore"
	"zapas/shared/vault"
)

// Keys are the rows V#<user> / K#<version>: wrapped vault keys, or their tombstones.
type Keys rows

var _ vault.Keys = Keys{}

type keyRow struct {
	Wrapped   []byte `dynamodbav:"wrapped,omitempty"`
	Tombstone bool   `dynamodbav:"tombstone,omitempty"`
}

func vaultKey(user caller.UserID, version int) key {
	return key{vaultPK(user), "K#" + strconv.Itoa(version)}
}

// Key reads one version.
func (t Keys) Key(ctx context.Context, user caller.UserID, version int) (vault.Key, error) {
	var r keyRow
	_, err := rows(t).get(ctx, vaultKey(user, version), "vault key", &r)
	return vault.Key(r), err
}

// CreateKey stores a version if there is none.
func (t Keys) CreateKey(ctx context.Context, user caller.UserID, version int, wrapped []byte) error {
	row, err := encode(vaultKey(user, version), keyRow{Wrapped: wrapped})
	if err != nil {
		return err
	}
	return rows(t).put(ctx, row, "vault key", absent, nil)
}

// Restores are the rows V#<user> / R#<restore>: consents and what became of them. Events of theirs wait in the rows of
// devices, which are Statuses of the table Cards.
type Restores struct {
	DB    *dynamodb.Client
	Name  string
	Cards string
}

func (t Restores) rows() rows { return rows{t.DB, t.Name} }

var _ restore.Store = Restores{}

type restoreRow struct {
	ID        restore.ID             `dynamodbav:"id"`
	User      caller.UserID          `dynamodbav:"user"`
	Snapshot  vault.SessionID        `dynamodbav:"snapshot"`
	Device    caller.DeviceID        `dynamodbav:"device,omitempty"`
	Enrolment string                 `dynamodbav:"enrolment,omitempty"`
	Elements  []string               `dynamodbav:"elements,omitempty"`
	Planned   map[string]int64       `dynamodbav:"planned,omitempty"`
	State     restore.State          `dynamodbav:"state"`
	HeldUntil time.Time              `dynamodbav:"heldUntil,omitempty"`
	ExpiresAt time.Time              `dynamodbav:"expiresAt,omitempty"`
	Session   vault.SessionID        `dynamodbav:"session,omitempty"`
	Ledger    map[string]restoredRow `dynamodbav:"ledger,omitempty"`
	Rev       int64                  `dynamodbav:"rev"`
	CreatedAt time.Time              `dynamodbav:"createdAt"`
	UpdatedAt time.Time              `dynamodbav:"updatedAt"`
}

// restoredRow is one element's part of a restore's ledger.
type restoredRow struct {
	Planned   int64            `dynamodbav:"planned,omitempty"`
	Inserted  int64            `dynamodbav:"inserted,omitempty"`
	Duplicate int64            `dynamodbav:"duplicate,omitempty"`
	Merged    int64            `dynamodbav:"merged,omitempty"`
	Skipped   int64            `dynamodbav:"skipped,omitempty"`
	Failed    int64            `dynamodbav:"failed,omitempty"`
	Reasons   map[string]int64 `dynamodbav:"why,omitempty"`
}

func rowOfRestore(r restore.Restore) restoreRow {
	return restoreRow{ID: r.ID, User: r.User, Snapshot: r.Snapshot, Device: r.Device, Enrolment: r.Enrolment, Elements: r.Elements, Planned: r.Planned,
		State: r.State, HeldUntil: r.HeldUntil, ExpiresAt: r.ExpiresAt, Session: r.Session, Ledger: each(r.Ledger, func(l restore.Ledger) restoredRow { return restoredRow(l) }),
		Rev: r.Rev, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
}

func (r restoreRow) restore() restore.Restore {
	return restore.Restore{ID: r.ID, User: r.User, Snapshot: r.Snapshot, Device: r.Device, Enrolment: r.Enrolment, Elements: r.Elements, Planned: r.Planned,
		State: r.State, HeldUntil: r.HeldUntil, ExpiresAt: r.ExpiresAt, Session: r.Session, Ledger: each(r.Ledger, func(l restoredRow) restore.Ledger { return restore.Ledger(l) }),
		Rev: r.Rev, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
}

func restoreKey(user caller.UserID, id restore.ID) key {
	return key{vaultPK(user), "R#" + string(id)}
}

// Restore reads one.
func (t Restores) Restore(ctx context.Context, user caller.UserID, id restore.ID) (restore.Restore, error) {
	var r restoreRow
	err := t.rows().must(ctx, restoreKey(user, id), "restore", &r)
	return r.restore(), err
}

// Restores lists a user's, newest first: the order of their ids is that in time. It reads one more than it answers, to
// know whether there is a next page.
func (t Restores) Restores(ctx context.Context, user caller.UserID, position string, limit int) ([]restore.Restore, string, error) {
	limit = max(limit, 1)
	in := under(vaultPK(user), "R#")
	in.ScanIndexForward = new(false)
	if position != "" {
		before, err := base64.RawURLEncoding.DecodeString(position)
		if err != nil || !caller.ValidID(string(before)) {
			return nil, "", fault.Cursor()
		}
		in.KeyConditionExpression = new("PK = :pk AND SK BETWEEN :sk AND :before")
		in.ExpressionAttributeValues[":before"] = text(restoreKey(user, restore.ID(before)).SK)
	}
	found, err := query[restoreRow](ctx, t.rows(), in, "restore", limit+1)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(found) > limit {
		next = base64.RawURLEncoding.EncodeToString([]byte(found[limit].ID))
		found = found[:limit]
	}
	all := make([]restore.Restore, len(found))
	for i, r := range found {
		all[i] = r.restore()
	}
	return all, next, nil
}

// PutRestore stores one with the next Rev, in one transaction with the events that its device's row is to keep.
func (t Restores) PutRestore(ctx context.Context, r restore.Restore, keep ...event.Event) error {
	condition, values := absent, item(nil)
	if r.Rev != 0 {
		condition, values = "rev = :rev", item{":rev": number(r.Rev)}
	}
	r.Rev++
	row, err := encode(restoreKey(r.User, r.ID), rowOfRestore(r))
	if err != nil {
		return err
	}
	if len(keep) == 0 {
		return t.rows().put(ctx, row, "restore", condition, values)
	}
	card, err := t.keeping(r, keep)
	if err != nil {
		return err
	}
	_, err = t.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: &t.Name, Item: row, ConditionExpression: &condition, ExpressionAttributeValues: values}}, {Update: card}}})
	return failed(err, "write a restore")
}

// keeping is the update of a device's row that has it keep events of a restore that was written with its next Rev.
func (t Restores) keeping(r restore.Restore, keep []event.Event) (*types.Update, error) {
	condition, names, values := present, map[string]string{}, item{}
	expression, err := update(r.Device, fleet.Keep(r.UpdatedAt, keep...), names, values)
	if r.Rev == 1 { // what is taken back was asked for before, so that there are bounds without this one
		condition += " AND (attribute_not_exists(#tell) OR size(#tell) < :room)"
		values[":room"] = number(fleet.MaxTell)
	}
	return &types.Update{TableName: &t.Cards, Key: statusKey(r.Device).attributes(), UpdateExpression: &expression, ConditionExpression: &condition,
		ExpressionAttributeNames: names, ExpressionAttributeValues: values}, err
}
