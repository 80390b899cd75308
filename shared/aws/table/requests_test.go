package table_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"zapas/localstack/deployment"
	"zapas/shared/aws/table"
	"zapas/shared/fault"
	"zapas/shared/idempotency"
	"zapas/shared/profile"
)

func (w *world) requests() table.Requests { return table.Requests{DB: w.db, Name: deployment.Table} }

func claimed() idempotency.Request {
	return idempotency.Request{User: user, Key: "k", Digest: "d", ID: "first", ExpiresAt: start.Add(time.Hour)}
}

func TestRequests(t *testing.T) {
	t.Parallel()

	t.Run("TheFirstClaimStandsUntilItsEnd", func(t *testing.T) {
		t.Parallel()
		s := open(t).requests()
		first, other := claimed(), claimed()
		other.Digest, other.ID, other.ExpiresAt, other.Answer = "e", "other", start.Add(3*time.Hour), []byte("b")
		for _, step := range []struct {
			claim idempotency.Request
			at    time.Time
			want  idempotency.Request
		}{
			{first, start, first}, {other, start, first}, {other, first.ExpiresAt.Add(-time.Millisecond), first},
			{other, first.ExpiresAt, other}, {first, first.ExpiresAt, other},
		} {
			got, err := s.Claim(t.Context(), step.claim, step.at)
			must(t, err)
			same(t, got, step.want)
		}
	})

	t.Run("OneAnswerIsKept", func(t *testing.T) {
		t.Parallel()
		s := open(t).requests()
		r := claimed()
		r.Answer = []byte("a")
		wantKind(t, s.Answer(t.Context(), r), fault.Conflict) // nobody has claimed it
		_, err := s.Claim(t.Context(), claimed(), start)
		must(t, err)
		other := r
		other.ID = "other"
		wantKind(t, s.Answer(t.Context(), other), fault.Conflict)
		must(t, s.Answer(t.Context(), r))
		other = r
		other.Answer = []byte("b")
		wantKind(t, s.Answer(t.Context(), other), fault.Conflict)
		got, err := s.Claim(t.Context(), other, start)
		must(t, err)
		same(t, got, r)
	})

	t.Run("ALostAnswerIsTold", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		w.wire.strike(lostAfter)
		got, err := w.requests().Claim(t.Context(), claimed(), start)
		must(t, err)
		same(t, got, claimed())
		got.Answer = []byte("a")
		w.wire.strike(lostAfter)
		wantKind(t, w.requests().Answer(t.Context(), got), fault.Conflict)
		again, err := w.requests().Claim(t.Context(), claimed(), start)
		must(t, err)
		same(t, again, got)
	})

	t.Run("DynamoDBMayDeleteItAfterItsEnd", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		_, err := w.requests().Claim(t.Context(), claimed(), start)
		must(t, err)
		row := w.row(t, deployment.Table, "I#"+string(user), "k")
		same(t, row["ttl"].(*types.AttributeValueMemberN).Value, fmt.Sprint(start.Add(time.Hour).Unix()))
		same(t, names(row), map[string]bool{"PK": true, "SK": true, "ttl": true, "id": true, "digest": true, "expiresAt": true})
	})
}

// TestVersions: a profile is replaced and deleted in the version that was read, and in no other.
func TestVersions(t *testing.T) {
	t.Parallel()
	w := open(t)
	s := w.profiles()
	p := profile.Profile{ID: "A", Version: 2, Name: "new"}
	wantKind(t, s.Replace(t.Context(), p, 1), fault.Conflict)
	wantKind(t, s.Delete(t.Context(), "A", 1), fault.Conflict)
	must(t, s.Create(t.Context(), profile.Profile{ID: "A", Version: 1, Name: "old", Description: "gone with it"}))
	for _, version := range []int64{0, 2} {
		wantKind(t, s.Replace(t.Context(), p, version), fault.Conflict)
		wantKind(t, s.Delete(t.Context(), "A", version), fault.Conflict)
	}
	must(t, s.Replace(t.Context(), p, 1))
	wantKind(t, s.Replace(t.Context(), p, 1), fault.Conflict)
	got, err := s.Profile(t.Context(), "A")
	must(t, err)
	same(t, got, p)

	w.wire.strike(lostAfter) // asked for again under the same token
	must(t, s.Delete(t.Context(), "A", 2))
	wantKind(t, s.Delete(t.Context(), "A", 2), fault.Conflict)
	_, err = s.Profile(t.Context(), "A")
	wantKind(t, err, fault.NotFound)
}
