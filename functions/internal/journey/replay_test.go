package journey_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/localstack/deployment"
	"zapas/shared/api"
	"zapas/shared/aws/table"
)

// request is one request of a phone as somebody may have seen it on its way, and its answer.
type request struct {
	operation string
	by        *phone
	event     events.APIGatewayV2HTTPRequest
	answer    events.APIGatewayV2HTTPResponse
}

// replayed is what a request is answered when it is sent again as it was, by whomever.
var replayed = map[string]struct {
	same bool   // it is answered as it was
	over string // or with this code, when what it speaks of is over
}{
	"enrolDevice":   {same: true},
	"checkIn":       {}, // with what holds now
	"beginSession":  {over: "token_used"},
	"signChunks":    {over: "token_used"},
	"commitSession": {same: true},
	"endSession":    {same: true},
	"getManifest":   {over: "session_over"},
	"getBase":       {over: "session_over"},
	"releaseKeys":   {over: "session_over"},
	"reportRestore": {same: true},
}

// tape is a world that records the requests of its phones.
type tape struct {
	*journey
	requests []request
	order    string // that the backup carries out which is given up
	db       *sdk.Client
}

func record(t *testing.T) *tape {
	w := open(t, gatewaytest.NewIssuer(t))
	r := &tape{db: table.Open(w.stack.Config())}
	w.heard = func(operation string, by *phone, e events.APIGatewayV2HTTPRequest, out events.APIGatewayV2HTTPResponse) {
		r.requests = append(r.requests, request{operation, by, e, out})
	}
	r.journey = set(w)
	return r
}

// play is a whole backup, one upon it, one of nothing new, one that is given up, a rebuild, a proof, a restore of a part, after
// which its phone may not read the backup again, one of the rest, after which it may, and a backup upon that.
func (r *tape) play() {
	snapshot := r.backup("", nil, [][]byte{chunk("first"), chunk("second")}, 3, 0)
	base := func(in api.SessionInput) api.SessionInput {
		in.Profile, in.Base = &r.profile.Id, &snapshot
		return in
	}
	s := r.old.begin(base(api.SessionInput{Kind: api.SessionInputKindBackup}))
	commit := ending(r.old.upload(*s.Session, chunk("third")), []int{0}, 1, 3)
	snapshot = good[api.Committed](r.t, r.old.ask("commitSession", *s.Session, "", commit), 200).Snapshot
	good[api.Session](r.t, r.old.ask("beginSession", "", "", base(api.SessionInput{Kind: api.SessionInputKindUnchanged})), 200)
	r.order = good[api.Order](r.t, r.anna.ask("orderMyBackup", r.old.ID, "", nil), 202).Id
	r.checkIn(r.old)
	s = r.old.begin(api.SessionInput{Kind: api.SessionInputKindBackup, Profile: &r.profile.Id, Order: &r.order})
	r.old.upload(*s.Session, chunk("fourth"))
	if out := r.old.ask("endSession", *s.Session, "", nil); out.StatusCode != http.StatusNoContent {
		r.t.Fatalf("the session is given up with %d", out.StatusCode)
	}
	s = r.old.begin(api.SessionInput{Kind: api.SessionInputKindRebuild})
	good[api.Manifest](r.t, r.old.ask("getBase", *s.Session, "", nil), 200)
	good[api.Keys](r.t, r.old.ask("releaseKeys", *s.Session, "", api.KeysInput{PublicKey: b64(r.old.secret.PublicKey().Bytes()), Sessions: []string{snapshot}}), 200)
	if out := r.old.ask("endSession", *s.Session, "", nil); out.StatusCode != http.StatusNoContent {
		r.t.Fatalf("the rebuild ends with %d", out.StatusCode)
	}
	s = r.old.begin(api.SessionInput{Kind: api.SessionInputKindVerify})
	good[api.Manifest](r.t, r.old.ask("getBase", *s.Session, "", nil), 200)
	if out := r.old.ask("endSession", *s.Session, "outcome=proven", nil); out.StatusCode != http.StatusNoContent {
		r.t.Fatalf("the proof ends with %d", out.StatusCode)
	}
	r.restores(snapshot, []api.Element{"contacts", "calls"}, api.RestoreLedger{}, false)
	r.fresh.counter++
	if out := r.fresh.ask("beginSession", "", "", api.SessionInput{Kind: api.SessionInputKindRebuild, Counter: &r.fresh.counter, Base: &snapshot}); out.StatusCode != http.StatusForbidden {
		r.t.Errorf("what was restored in part is read again with %d", out.StatusCode)
	}
	asked := good[api.Restore](r.t, r.anna.ask("createMyRestore", "", "", api.RestoreInput{Snapshot: snapshot, Device: &r.fresh.ID, Elements: []api.Element{"messages"}}), 201)
	r.checkIn(r.fresh)
	s = r.fresh.begin(api.SessionInput{Kind: api.SessionInputKindRestore, Restore: &asked.Id})
	good[api.Manifest](r.t, r.fresh.ask("getManifest", *s.Session, "", nil), 200)
	good[api.Keys](r.t, r.fresh.ask("releaseKeys", *s.Session, "", api.KeysInput{PublicKey: b64(r.fresh.secret.PublicKey().Bytes()), Sessions: []string{snapshot}}), 200)
	good[api.Restore](r.t, r.fresh.ask("reportRestore", asked.Id, "", api.ResultInput{Session: *s.Session,
		Ledger: api.RestoreLedgers{"messages": {Planned: 4, Inserted: 4}}}), 200)
	s = r.fresh.begin(base(api.SessionInput{Kind: api.SessionInputKindBackup}))
	commit = ending(r.fresh.upload(*s.Session, chunk("of the new phone")), []int{}, 1, 4)
	good[api.Committed](r.t, r.fresh.ask("commitSession", *s.Session, "", commit), 200)
}

// stored is every row that tells of Anna and her phones, by its key, and every object with its length. When a phone was
// last seen is left out: whoever sends its check-in again within a minute says that, and no more.
func (r *tape) stored() map[string]any {
	r.t.Helper()
	r.stack.IAM.Enforce(nil) // it looks where nobody may
	defer r.stack.IAM.Enforce(r.policies)
	out := map[string]any{}
	partitions := map[string][]string{deployment.Table: {"V#" + r.old.user, "O#" + r.order}, deployment.VaultKeys: {"V#" + r.old.user}, deployment.Identity: nil}
	for _, f := range []*phone{r.old, r.fresh} {
		partitions[deployment.Table] = append(partitions[deployment.Table], "F#"+f.ID)
		partitions[deployment.Identity] = append(partitions[deployment.Identity], "D#"+f.ID)
	}
	for name, keys := range partitions {
		for _, pk := range keys {
			found, err := r.db.Query(r.t.Context(), &sdk.QueryInput{TableName: &name, KeyConditionExpression: new("PK = :pk"), ConsistentRead: new(true),
				ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: pk}}})
			r.must(err)
			for _, row := range found.Items {
				var v map[string]any
				r.must(attributevalue.UnmarshalMap(row, &v))
				if seen, ok := v["seen"].(map[string]any); ok {
					delete(seen, "at")
				}
				out[fmt.Sprint(name, " ", v["PK"], " ", v["SK"])] = v
			}
		}
	}
	sizes, err := r.objects.Sizes(r.t.Context(), location.ID, "u/")
	r.must(err)
	for key, size := range sizes {
		out[key] = size
	}
	return out
}

// again sends a request as it was, and holds the answer against the table.
func (r *tape) again(q request) {
	r.t.Helper()
	want, known := replayed[q.operation]
	out := r.world.ask(q.event, q.operation)
	switch {
	case !known:
		r.t.Errorf("%s: nobody has said what it is answered when it is replayed", q.operation)
	case want.over != "" && strings.Contains(out.Body, `"code":"`+want.over+`"`):
	case want.over == "token_used" || out.StatusCode != q.answer.StatusCode:
		r.t.Errorf("%s replayed is answered with %d %s", q.operation, out.StatusCode, out.Body)
	case want.same:
		if d := cmp.Diff(q.answer, out); d != "" {
			r.t.Errorf("%s replayed (+) is not answered as it was (-):\n%s", q.operation, d)
		}
	}
}

// unmoved does something that must leave all that is stored as it is.
func (r *tape) unmoved(what string, do func()) {
	r.t.Helper()
	before := r.stored()
	do()
	if d := cmp.Diff(before, r.stored()); d != "" {
		r.t.Errorf("%s: what is stored has changed:\n%s", what, d)
	}
}

// TestReplay: after each request of a backup and of a restore all that were sent before are sent again, the last one
// first. Nothing that is stored changes, no session comes back or is opened, and each is answered as the table says.
func TestReplay(t *testing.T) {
	t.Parallel()
	r := record(t)
	hear, busy := r.heard, false
	r.heard = func(operation string, by *phone, e events.APIGatewayV2HTTPRequest, out events.APIGatewayV2HTTPResponse) {
		hear(operation, by, e, out)
		if r.stack.Clock.Advance(time.Second); busy {
			return
		}
		busy = true
		defer func() { busy = false }()
		r.unmoved("replayed after "+operation, func() {
			for _, q := range slices.Backward(r.requests) {
				r.again(q)
			}
		})
	}
	r.play()
	played := map[string]bool{}
	for _, q := range r.requests {
		played[q.operation] = true
	}
	for _, route := range api.Routes {
		if enrols := route.Operation == "enrolDevice"; (route.Auth == api.AuthDevice || enrols) && !played[route.Operation] {
			t.Errorf("no %s was replayed", route.Operation)
		}
	}
	for seed := range uint64(5) {
		order := rand.New(rand.NewPCG(seed, 0)).Perm(len(r.requests))
		r.unmoved(fmt.Sprint("replayed in the order ", order), func() {
			for _, n := range order {
				r.again(r.requests[n])
			}
		})
	}
}

// TestReplayedOtherwise: a token is good for the request that it was made for, for a short time, and for no device but its
// own.
func TestReplayedOtherwise(t *testing.T) {
	t.Parallel()
	r := record(t)
	r.play()
	refused := func(t *testing.T, q request, e events.APIGatewayV2HTTPRequest, operation, code string) {
		t.Helper()
		if out := r.world.ask(e, operation); out.StatusCode != http.StatusUnauthorized || !strings.Contains(out.Body, `"code":"`+code+`"`) {
			t.Errorf("%s as %s is answered with %d %s", q.operation, operation, out.StatusCode, out.Body)
		}
	}
	each := func(name string, do func(t *testing.T, q request)) {
		t.Run(name, func(t *testing.T) {
			r.unmoved(name, func() {
				for _, q := range r.requests {
					do(t, q)
				}
			})
		})
	}
	each("OtherBody", func(t *testing.T, q request) {
		e := q.event
		e.Body += " "
		refused(t, q, e, q.operation, "token_invalid")
	})
	each("OtherQuery", func(t *testing.T, q request) {
		e := q.event
		if q.operation == "enrolDevice" {
			return // refused for its query alone, whoever asks
		}
		e.RawQueryString = "limit=1"
		refused(t, q, e, q.operation, "token_invalid")
	})
	each("OtherOperation", func(t *testing.T, q request) {
		for _, other := range api.Routes {
			if other.Auth == api.AuthDevice && other.Operation != q.operation {
				e := gatewaytest.Event(other.Operation, r.old.ID, "", q.event.Body)
				e.Headers["authorization"] = q.event.Headers["authorization"]
				refused(t, q, e, other.Operation, "token_invalid")
			}
		}
	})
	each("OtherID", func(t *testing.T, q request) {
		if len(q.event.PathParameters) > 0 {
			e := gatewaytest.Event(q.operation, nowhere, "", q.event.Body)
			e.Headers["authorization"] = q.event.Headers["authorization"]
			refused(t, q, e, q.operation, "token_invalid")
		}
	})
	each("InTheNameOfAnother", func(t *testing.T, q request) {
		if q.operation == "enrolDevice" {
			return // its token names no device
		}
		e, own := q.event, strings.Split(q.event.Headers["authorization"], ".")
		thief := gatewaytest.Phone{ID: r.old.ID, Key: q.by.Key}
		if q.by == r.old {
			thief.ID = r.fresh.ID
		}
		e.Headers = map[string]string{"content-type": "application/json"}
		thief.Authorize(r.stack.Clock.Now(), &e)
		refused(t, q, e, q.operation, "token_invalid")
		stolen := strings.Split(e.Headers["authorization"], ".") // the other's header with this device's claims and signature
		e.Headers["authorization"] = stolen[0] + "." + own[1] + "." + own[2]
		refused(t, q, e, q.operation, "token_invalid")
	})
	r.stack.Clock.Advance(time.Minute)
	each("TooLate", func(t *testing.T, q request) {
		refused(t, q, q.event, q.operation, "token_time")
	})
}

// TestReplayedByAnother: what one device has asked for, another of the same user, who signs it himself, does not get.
func TestReplayedByAnother(t *testing.T) {
	t.Parallel()
	r := record(t)
	r.play()
	other := r.anna.enrol("Third")
	requests := slices.Clone(r.requests)
	answers := map[string]string{"commitSession": "session_over", "signChunks": "session_over", "getManifest": "session_over", "releaseKeys": "session_over",
		"reportRestore": "not_found", "beginSession": "not_found", "endSession": ""}
	r.unmoved("sent by another phone", func() {
		for _, q := range requests {
			code, ok := answers[q.operation]
			if !ok || q.operation == "beginSession" && !strings.Contains(q.event.Body, `"kind":"restore"`) {
				continue // it speaks of the phone that sends it
			}
			e := q.event
			e.Headers = map[string]string{"content-type": "application/json"}
			other.Authorize(r.stack.Clock.Now(), &e)
			if out := r.world.ask(e, q.operation); code != "" && !strings.Contains(out.Body, `"code":"`+code+`"`) || code == "" && out.StatusCode != http.StatusNoContent {
				t.Errorf("%s by another phone is answered with %d %s", q.operation, out.StatusCode, out.Body)
			}
		}
	})
}
