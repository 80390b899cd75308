package table

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"zapas/shared/caller"
	"zapas/shared/fleet"
)

// Identities are the rows D#<device> / DEVICE, C#<hash of a code> / CODE and E#<enrolment> / ENROLMENT. A code and its
// enrolment are written together; nothing in an enrolment's row leads to the code.
type Identities rows

var (
	_ fleet.Identities = Identities{}
	_ fleet.Enrolments = Identities{}
)

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
	Hash      string          `dynamodbav:"hash,omitempty"` // not in an enrolment's row
	ID        string          `dynamodbav:"id"`
	User      caller.UserID   `dynamodbav:"user"`
	ExpiresAt time.Time       `dynamodbav:"expiresAt"`
	Device    caller.DeviceID `dynamodbav:"device,omitempty"`

	Unconfirmed bool `dynamodbav:"unconfirmed,omitempty"`
}

func deviceKey(id caller.DeviceID) key { return key{"D#" + string(id), "DEVICE"} }
func codeKey(hash string) key          { return key{"C#" + hash, "CODE"} }

func enrolmentKey(id string) key { return key{"E#" + id, "ENROLMENT"} }

// encodeCode makes the rows of a code and of its enrolment. Both go when the code is of no use any more, but that of an
// enrolment which made a device stays with the device.
func encodeCode(c fleet.Code) (code, enrolment item, err error) {
	if code, err = encode(codeKey(c.Hash), codeRow(c)); err != nil {
		return nil, nil, err
	}
	e := codeRow(c)
	e.Hash = ""
	if enrolment, err = encode(enrolmentKey(c.ID), e); err != nil {
		return nil, nil, err
	}
	code["ttl"] = number(c.ExpiresAt.Add(codeKept).Unix())
	if c.Device == "" {
		enrolment["ttl"] = code["ttl"]
	}
	return code, enrolment, nil
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

// Enrolment reads one by its id.
func (t Identities) Enrolment(ctx context.Context, id string) (fleet.Code, error) {
	var r codeRow
	err := rows(t).must(ctx, enrolmentKey(id), "enrolment", &r)
	return fleet.Code(r), err
}

// PutCode stores a new code and its enrolment, in one transaction.
func (t Identities) PutCode(ctx context.Context, c fleet.Code) error {
	code, enrolment, err := encodeCode(c)
	if err != nil {
		return err
	}
	_, err = t.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: &t.Name, Item: code, ConditionExpression: new(absent)}},
		{Put: &types.Put{TableName: &t.Name, Item: enrolment, ConditionExpression: new(absent)}},
	}})
	return failed(err, "write code")
}

// Enrol marks a code and its enrolment as used and stores the device, in one transaction.
func (t Identities) Enrol(ctx context.Context, c fleet.Code, d fleet.Device) error {
	code, enrolment, err := encodeCode(c)
	if err != nil {
		return err
	}
	device, err := encode(deviceKey(d.ID), deviceRow(d))
	if err != nil {
		return err
	}
	_, err = t.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: &t.Name, Item: code, ConditionExpression: new(present + " AND attribute_not_exists(device)")}},
		{Put: &types.Put{TableName: &t.Name, Item: enrolment}}, // it follows the code
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
