package table

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"zapas/shared/caller"
	"zapas/shared/fleet"
)

// Identities are the rows D#<device> / DEVICE and C#<hash of a code> / CODE.
type Identities rows

var _ fleet.Identities = Identities{}

// codeKept is how long a code's row outlives the code: a phone whose answer was lost may still ask again.
const codeKept = 24 * time.Hour

type deviceRow struct {
	ID         caller.DeviceID   `dynamodbav:"id"`
	Owner      caller.UserID     `dynamodbav:"owner"`
	PublicKey  []byte            `dynamodbav:"publicKey"`
	Enrolment  string            `dynamodbav:"enrolment,omitempty"`
	State      fleet.DeviceState `dynamodbav:"state"`
	EnrolledAt time.Time         `dynamodbav:"enrolledAt,omitempty"`
}

type codeRow struct {
	Hash      string          `dynamodbav:"hash"`
	ID        string          `dynamodbav:"id"`
	User      caller.UserID   `dynamodbav:"user"`
	ExpiresAt time.Time       `dynamodbav:"expiresAt"`
	Device    caller.DeviceID `dynamodbav:"device,omitempty"`

	Unconfirmed bool `dynamodbav:"unconfirmed,omitempty"`
}

func deviceKey(id caller.DeviceID) key { return key{"D#" + string(id), "DEVICE"} }
func codeKey(hash string) key          { return key{"C#" + hash, "CODE"} }

func encodeCode(c fleet.Code) (item, error) {
	row, err := encode(codeKey(c.Hash), codeRow(c))
	if err == nil {
		row["ttl"] = number(c.ExpiresAt.Add(codeKept).Unix())
	}
	return row, err
}

// Device reads one.
func (t Identities) Device(ctx context.Context, id caller.DeviceID) (fleet.Device, error) {
	var r deviceRow
	err := rows(t).must(ctx, deviceKey(id), "device", &r)
	return fleet.Device(r), err
}

// Code reads one by its hash.
func (t Identities) Code(ctx context.Context, hash string) (fleet.Code, error) {
	var r codeRow
	err := rows(t).must(ctx, codeKey(hash), "code", &r)
	return fleet.Code(r), err
}

// PutCode stores a new code.
func (t Identities) PutCode(ctx context.Context, c fleet.Code) error {
	row, err := encodeCode(c)
	if err != nil {
		return err
	}
	return rows(t).put(ctx, row, "code", absent, nil)
}

// Enrol marks a code as used and stores the device, in one transaction.
func (t Identities) Enrol(ctx context.Context, c fleet.Code, d fleet.Device) error {
	code, err := encodeCode(c)
	if err != nil {
		return err
	}
	device, err := encode(deviceKey(d.ID), deviceRow(d))
	if err != nil {
		return err
	}
	_, err = t.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: &t.Name, Item: code, ConditionExpression: new(present + " AND attribute_not_exists(device)")}},
		{Put: &types.Put{TableName: &t.Name, Item: device, ConditionExpression: new(absent)}},
	}})
	return failed(err, "enrol a device")
}

// SetState takes a device from one state to another. One that is in the other already was taken there before, perhaps by
// an attempt whose answer was lost.
func (t Identities) SetState(ctx context.Context, id caller.DeviceID, from, to fleet.DeviceState) error {
	_, err := t.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: &t.Name, Key: deviceKey(id).attributes(),
		UpdateExpression: new("SET #state = :to"), ConditionExpression: new("#state IN (:from, :to)"),
		ExpressionAttributeNames:  map[string]string{"#state": "state"},
		ExpressionAttributeValues: item{":from": text(string(from)), ":to": text(string(to))}})
	return failed(err, "change a device's state")
}
