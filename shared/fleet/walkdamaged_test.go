package fleet_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"zapas/shared/fleet"
)

// damage makes a device's row one that nobody can read.
func (w *watching) damage(t *testing.T, n int) {
	t.Helper()
	_, err := w.statuses.DB.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &w.statuses.Name,
		Key:              map[string]ddb.AttributeValue{"PK": &ddb.AttributeValueMemberS{Value: "F#" + string(deviceID(n))}, "SK": &ddb.AttributeValueMemberS{Value: "STATUS"}},
		UpdateExpression: new("SET #trust = :damage"), ExpressionAttributeNames: map[string]string{"#trust": "trust"},
		ExpressionAttributeValues: map[string]ddb.AttributeValue{":damage": &ddb.AttributeValueMemberM{Value: map[string]ddb.AttributeValue{}}}})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWalk_Damaged: devices whose rows nobody can read are told of, and keep the walk from no other, wherever they stand.
func TestWalk_Damaged(t *testing.T) {
	t.Parallel()
	for size := 1; size <= 4; size++ {
		for _, damaged := range [][]int{{0}, {2}, {5}, {0, 1, 2}, {3, 4, 5}, {0, 1, 2, 3, 4, 5}} {
			t.Run(fmt.Sprint(size, damaged), func(t *testing.T) {
				t.Parallel()
				w := openWatch(t)
				p := w.nightlyFor(t, nil)
				w.some(t, 0, 6, "", "")
				for _, n := range damaged {
					w.damage(t, n)
				}
				w.Devices = &pages{w.statuses, t, size, 100, func() {}}
				well := int64(6 - len(damaged))
				done, err := w.Walk(t.Context())
				if err == nil || done.Ended != 1 || int64(done.Walked) != well || int64(done.Moved) != well {
					t.Errorf("it does %+v, and tells %v", done, err)
				}
				if got, err := w.Summary(t.Context()); err != nil || got.Devices != well || got.Walking || got.Totals.Profiles[p.ID][fleet.Unseen] != well {
					t.Errorf("%+v %v", got, err)
				}
			})
		}
	}
}
