package table_test

import (
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"zapas/localstack/deployment"
	"zapas/shared/aws/table"
	"zapas/shared/fault"
	"zapas/shared/profile"
)

// TestSets: whoever keeps the profiles learns of every write of one, by whomever it was made, before the next answer.
func TestSets(t *testing.T) {
	t.Parallel()
	w := open(t)
	kept := &table.Sets{Profiles: w.profiles()}
	p := profile.Profile{ID: "A", Version: 1, Name: "first", Enabled: true}
	for _, write := range []struct {
		name string
		do   func() error
		want string // the name of A; "": there is none
	}{
		{"None", func() error { return nil }, ""},
		{"Create", func() error { return w.profiles().Create(t.Context(), p) }, "first"},
		{"Nothing", func() error { return nil }, "first"},
		{"Refused", func() error {
			wantKind(t, w.profiles().Replace(t.Context(), p, 7), fault.Conflict)
			return nil
		}, "first"},
		{"Replace", func() error { p.Version, p.Name = 2, "second"; return w.profiles().Replace(t.Context(), p, 1) }, "second"},
		{"Delete", func() error { return w.profiles().Delete(t.Context(), "A", 2) }, ""},
		{"CreateAgain", func() error { p.Name = "third"; return w.profiles().Create(t.Context(), p) }, "third"},
	} {
		must(t, write.do())
		for range 2 {
			all, err := kept.Set(t.Context())
			must(t, err)
			got := ""
			for _, p := range all.All() {
				got += p.Name
			}
			if got != write.want {
				t.Errorf("%s: the profiles are %q, want %q", write.name, got, write.want)
			}
		}
	}

	w.wire.strike(lostBefore, lostBefore, lostBefore)
	_, err := kept.Set(t.Context())
	wantKind(t, err, fault.Unavailable) // rather than what may be old
}

// TestSets_Slot: what a tick has recorded is read, of each profile its own.
func TestSets_Slot(t *testing.T) {
	t.Parallel()
	w := open(t)
	s := &table.Sets{Profiles: w.profiles()}
	_, err := w.db.PutItem(t.Context(), &sdk.PutItemInput{TableName: new(deployment.Table), Item: map[string]types.AttributeValue{
		"PK": &types.AttributeValueMemberS{Value: "P"}, "SK": &types.AttributeValueMemberS{Value: "SLOT#A"}, "slot": &types.AttributeValueMemberS{Value: "2026-03-04T05:06:07.008Z"}}})
	must(t, err)
	for id, want := range map[profile.ID]time.Time{"A": start, "B": {}} {
		got, err := s.Slot(t.Context(), id)
		must(t, err)
		same(t, got, want)
	}
}

// TestProfiles_TwoAtOnce: two writes of profiles meet in their number; the one that is refused for that may be tried again.
func TestProfiles_TwoAtOnce(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.wire.strike(strike{status: 400, body: `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"no",` +
		`"CancellationReasons":[{"Code":"None"},{"Code":"TransactionConflict"}]}`})
	p := profile.Profile{ID: "A", Version: 1, Name: "first"}
	wantKind(t, w.profiles().Create(t.Context(), p), fault.Unavailable)
	must(t, w.profiles().Create(t.Context(), p))
	wantKind(t, w.profiles().Create(t.Context(), p), fault.Conflict)
}
