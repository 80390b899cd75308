package table

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"zapas/shared/caller"
	"zapas/shared/vault"
)

// Vaults are the rows V#<user>: HEAD, S#<session> and N#<sequence number, 12 digits>.
type Vaults rows

var _ vault.Table = Vaults{}

func vaultPK(user caller.UserID) string { return "V#" + string(user) }

func headKey(user caller.UserID) key { return key{vaultPK(user), "HEAD"} }

func sessionKey(user caller.UserID, id vault.SessionID) key {
	return key{vaultPK(user), "S#" + string(id)}
}

func snapshotKey(user caller.UserID, seq int64) key {
	return key{vaultPK(user), fmt.Sprintf("N#%012d", seq)}
}

// headRow is read and written by every request, so that it has to stay within 1 KB, one unit of writing: what it holds
// of sessions and devices has names of one letter.
type headRow struct {
	State   vault.HeadState `dynamodbav:"state"`
	Version int             `dynamodbav:"keyVersion"`
	Seq     int64           `dynamodbav:"seq"`
	Rev     int64           `dynamodbav:"rev"`
	Bytes   int64           `dynamodbav:"bytes"`
	Quota   int64           `dynamodbav:"quota"`
	Open    []entryRow      `dynamodbav:"open,omitempty"`
	Devices []counterRow    `dynamodbav:"dev,omitempty"`
	Counts  vault.Counts    `dynamodbav:"counts,omitempty"`
}

type entryRow struct {
	Device   caller.DeviceID `dynamodbav:"d"`
	Kind     vault.Kind      `dynamodbav:"k"`
	Session  vault.SessionID `dynamodbav:"s"`
	Base     vault.SessionID `dynamodbav:"b,omitempty"`
	BaseSeq  int64           `dynamodbav:"n,omitempty"`
	Counter  int64           `dynamodbav:"c"`
	Granted  int64           `dynamodbav:"g,omitempty"`
	Location string          `dynamodbav:"l,omitempty"`
	Lease    time.Time       `dynamodbav:"t"`
}

type counterRow struct {
	Device  caller.DeviceID `dynamodbav:"d"`
	Last    int64           `dynamodbav:"c"`
	Session vault.SessionID `dynamodbav:"s,omitempty"`
	Kept    int64           `dynamodbav:"n,omitempty"`

	Restored int64          `dynamodbav:"r,omitempty"`
	Brought  vault.Elements `dynamodbav:"e,omitempty"`
}

type sessionRow struct {
	ID       vault.SessionID    `dynamodbav:"id"`
	State    vault.SessionState `dynamodbav:"state"`
	Kind     vault.Kind         `dynamodbav:"kind"`
	Device   caller.DeviceID    `dynamodbav:"device"`
	Base     vault.SessionID    `dynamodbav:"base,omitempty"`
	Restore  string             `dynamodbav:"restore,omitempty"`
	Location string             `dynamodbav:"location,omitempty"`
	Version  int                `dynamodbav:"keyVersion"`
	Seq      int64              `dynamodbav:"seq,omitempty"`
	Request  string             `dynamodbav:"request,omitempty"`
	Outcome  vault.Outcome      `dynamodbav:"outcome,omitempty"`
	At       time.Time          `dynamodbav:"at,omitempty"`

	ShrinkOver int `dynamodbav:"shrinkOver,omitempty"`

	Run *vault.Run `dynamodbav:"run,omitempty"`

	Origins []vault.Origin `dynamodbav:"origins,omitempty"`
	Adopted bool           `dynamodbav:"adopted,omitempty"`
}

type snapshotRow struct {
	Seq      int64                `dynamodbav:"seq"`
	ID       vault.SessionID      `dynamodbav:"id"`
	State    vault.SnapshotState  `dynamodbav:"state"`
	Device   caller.DeviceID      `dynamodbav:"device"`
	Location string               `dynamodbav:"location,omitempty"`
	Version  int                  `dynamodbav:"keyVersion"`
	Counts   vault.Counts         `dynamodbav:"counts,omitempty"`
	Ledger   map[string]storedRow `dynamodbav:"ledger,omitempty"`
	At       time.Time            `dynamodbav:"at,omitempty"`
	ListSum  string               `dynamodbav:"listSum,omitempty"`
	ListSize int64                `dynamodbav:"listSize,omitempty"`
	Hold     bool                 `dynamodbav:"hold,omitempty"`
	Shrunk   bool                 `dynamodbav:"shrunk,omitempty"`
	Origins  []vault.Origin       `dynamodbav:"origins,omitempty"`
	Run      *vault.Run           `dynamodbav:"run,omitempty"`
}

// storedRow is one element's part of a backup's ledger.
type storedRow struct {
	Seen     int64            `dynamodbav:"seen,omitempty"`
	Stored   int64            `dynamodbav:"stored,omitempty"`
	Already  int64            `dynamodbav:"already,omitempty"`
	Excluded int64            `dynamodbav:"excluded,omitempty"`
	Failed   int64            `dynamodbav:"failed,omitempty"`
	Reasons  map[string]int64 `dynamodbav:"why,omitempty"`
}

func rowOfHead(h vault.Head) headRow {
	r := headRow{State: h.State, Version: h.Version, Seq: h.Seq, Rev: h.Rev, Bytes: h.Bytes, Quota: h.Quota, Counts: h.Counts}
	for _, e := range h.Open {
		r.Open = append(r.Open, entryRow(e))
	}
	for _, c := range h.Devices {
		r.Devices = append(r.Devices, counterRow(c))
	}
	return r
}

func (r headRow) head() vault.Head {
	h := vault.Head{State: r.State, Version: r.Version, Seq: r.Seq, Rev: r.Rev, Bytes: r.Bytes, Quota: r.Quota, Counts: r.Counts}
	for _, e := range r.Open {
		h.Open = append(h.Open, vault.Entry(e))
	}
	for _, c := range r.Devices {
		h.Devices = append(h.Devices, vault.Counter(c))
	}
	return h
}

func rowOfSnapshot(n vault.Snapshot) snapshotRow {
	return snapshotRow{Seq: n.Seq, ID: n.ID, State: n.State, Device: n.Device, Location: n.Location, Version: n.Version,
		Counts: n.Counts, Ledger: each(n.Ledger, func(l vault.Ledger) storedRow { return storedRow(l) }),
		At: n.At, ListSum: n.ListSum, ListSize: n.ListSize, Hold: n.Hold, Shrunk: n.Shrunk, Origins: n.Origins, Run: n.Run}
}

func (r snapshotRow) snapshot() vault.Snapshot {
	return vault.Snapshot{Seq: r.Seq, ID: r.ID, State: r.State, Device: r.Device, Location: r.Location, Version: r.Version,
		Counts: r.Counts, Ledger: each(r.Ledger, func(l storedRow) vault.Ledger { return vault.Ledger(l) }),
		At: r.At, ListSum: r.ListSum, ListSize: r.ListSize, Hold: r.Hold, Shrunk: r.Shrunk, Origins: r.Origins, Run: r.Run}
}

// Head reads a vault's head.
func (t Vaults) Head(ctx context.Context, user caller.UserID) (vault.Head, error) {
	var r headRow
	_, err := rows(t).get(ctx, headKey(user), "vault", &r)
	return r.head(), err
}

// Session reads one session.
func (t Vaults) Session(ctx context.Context, user caller.UserID, id vault.SessionID) (vault.Session, error) {
	var r sessionRow
	err := rows(t).must(ctx, sessionKey(user, id), "session", &r)
	return vault.Session(r), err
}

// Snapshot reads one snapshot.
func (t Vaults) Snapshot(ctx context.Context, user caller.UserID, seq int64) (vault.Snapshot, error) {
	var r snapshotRow
	err := rows(t).must(ctx, snapshotKey(user, seq), "backup", &r)
	return r.snapshot(), err
}

// Snapshots reads all snapshots, newest first.
func (t Vaults) Snapshots(ctx context.Context, user caller.UserID) ([]vault.Snapshot, error) {
	in := under(vaultPK(user), "N#")
	in.ScanIndexForward = new(false)
	found, err := query[snapshotRow](ctx, rows(t), in, "backup", 0)
	if err != nil {
		return nil, err
	}
	all := make([]vault.Snapshot, len(found))
	for i, r := range found {
		all[i] = r.snapshot()
	}
	return all, nil
}

// Write puts the rows of a change: the head alone in one conditional write, more in one transaction, which costs twice
// as much.
func (t Vaults) Write(ctx context.Context, user caller.UserID, c vault.Change) error {
	condition, values := absent, item(nil)
	if c.Head.Rev != 0 {
		condition, values = "rev = :rev", item{":rev": number(c.Head.Rev)}
	}
	next := rowOfHead(c.Head)
	next.Rev++
	head, err := encode(headKey(user), next)
	if err != nil {
		return err
	}
	if len(c.Sessions)+len(c.Snapshots) == 0 {
		return rows(t).put(ctx, head, "vault", condition, values)
	}
	puts := []types.TransactWriteItem{{Put: &types.Put{TableName: &t.Name, Item: head,
		ConditionExpression: &condition, ExpressionAttributeValues: values}}}
	add := func(k key, fields any) error {
		row, err := encode(k, fields)
		puts = append(puts, types.TransactWriteItem{Put: &types.Put{TableName: &t.Name, Item: row}})
		return err
	}
	for _, s := range c.Sessions {
		if err := add(sessionKey(user, s.ID), sessionRow(s)); err != nil {
			return err
		}
	}
	for _, n := range c.Snapshots {
		if err := add(snapshotKey(user, n.Seq), rowOfSnapshot(n)); err != nil {
			return err
		}
	}
	_, err = t.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: puts})
	return failed(err, "write vault")
}
