package table

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"zapas/shared/caller"
	"zapas/shared/fleet"
)

// People are the rows U#<user> / USER. The index "users" (users, userKey) lists them by name. It holds the members of a
// list alone, so that a sign-in of somebody who is known writes nothing to it: its one partition takes the 1,000 people a
// second who are new or have another name.
type People rows

var _ fleet.People = People{}

type userRow struct {
	ID      caller.UserID `dynamodbav:"id"`
	Subject string        `dynamodbav:"subject"`
	Name    string        `dynamodbav:"name,omitempty"`
	Email   string        `dynamodbav:"email,omitempty"`
	SeenAt  time.Time     `dynamodbav:"seenAt,omitempty"`
}

const (
	everyone    = "all" // the index's partition
	mostOrdered = 200   // letters of a name
)

func userPlace(id caller.UserID) key { return key{"U#" + string(id), "USER"} }

// userKey orders people as fleetKey orders devices, by as much of their names as the key of an index has room for
// (1,024 bytes).
func userKey(u fleet.User) string {
	name := []rune(strings.ToLower(u.Name))
	return string(name[:min(len(name), mostOrdered)]) + "\t" + string(u.ID)
}

// PutUser stores what is known of a user.
func (t People) PutUser(ctx context.Context, u fleet.User) error {
	row, err := encode(userPlace(u.ID), userRow(u))
	if err != nil {
		return err
	}
	row["users"], row["userKey"] = text(everyone), text(userKey(u))
	return rows(t).put(ctx, row, "user", "", nil)
}

// User reads one.
func (t People) User(ctx context.Context, id caller.UserID) (fleet.User, error) {
	var r userRow
	err := rows(t).must(ctx, userPlace(id), "user", &r)
	return fleet.User(r), err
}

// Users lists id, name and e-mail of all by name. It reads one more than it answers, to know whether there is a next page.
func (t People) Users(ctx context.Context, position string, limit int) ([]fleet.User, string, error) {
	after, err := after(position)
	if err != nil {
		return nil, "", err
	}
	limit = max(limit, 1)
	in := dynamodb.QueryInput{IndexName: new("users"), KeyConditionExpression: new("#pk = :pk"),
		ExpressionAttributeNames: map[string]string{"#pk": "users"}, ExpressionAttributeValues: item{":pk": text(everyone)}}
	if after != "" {
		in.KeyConditionExpression = new("#pk = :pk AND userKey > :sk")
		in.ExpressionAttributeValues[":sk"] = text(after)
	}
	found, err := query[userRow](ctx, rows(t), in, "user", limit+1)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(found) > limit {
		found = found[:limit]
		next = base64.RawURLEncoding.EncodeToString([]byte(userKey(fleet.User(found[limit-1]))))
	}
	all := make([]fleet.User, len(found))
	for i, r := range found {
		all[i] = fleet.User(r)
	}
	return all, next, nil
}
