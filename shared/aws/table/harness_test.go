package table_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"zapas/localstack/deployment"
	"zapas/localstack/standin/dynamodb"
	"zapas/localstack/standin/standintest"
	"zapas/shared/aws/table"
	"zapas/shared/fault"
)

// start is a moment with milliseconds, as everything that is kept has.
var start = time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)

// world is one deployment's tables and a client that a fault can strike.
type world struct {
	db     *sdk.Client
	server *dynamodb.Server
	wire   *wire
}

func open(t *testing.T) *world {
	t.Helper()
	stack := standintest.New(t)
	must(t, deployment.Tables(stack.AWS))
	cfg, w := stack.Config(), &wire{client: stack.Client()}
	cfg.HTTPClient = w
	cfg.Retryer = func() aws.Retryer { // as in a function, without the waiting
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	}
	return &world{db: table.Open(cfg), server: stack.DynamoDB, wire: w}
}

func (w *world) vaults() table.Vaults     { return table.Vaults{DB: w.db, Name: deployment.Table} }
func (w *world) profiles() table.Profiles { return table.Profiles{DB: w.db, Name: deployment.Table} }
func (w *world) statuses() table.Statuses { return table.Statuses{DB: w.db, Name: deployment.Table} }
func (w *world) identities() table.Identities {
	return table.Identities{DB: w.db, Name: deployment.Identity}
}
func (w *world) people() table.People { return table.People{DB: w.db, Name: deployment.Identity} }
func (w *world) orders() table.Orders { return table.Orders{DB: w.db, Name: deployment.Table} }
func (w *world) keys() table.Keys     { return table.Keys{DB: w.db, Name: deployment.VaultKeys} }
func (w *world) restores() table.Restores {
	return table.Restores{DB: w.db, Name: deployment.VaultKeys, Cards: deployment.Table}
}
func (w *world) settings() table.Settings { return table.Settings{DB: w.db, Name: deployment.Table} }
func (w *world) tokens() table.Tokens     { return table.Tokens{DB: w.db, Name: deployment.Table} }
func (w *world) audit() table.Audit       { return table.Audit{DB: w.db, Name: deployment.Audit} }

// row reads a row as it is stored; nil when there is none.
func (w *world) row(t *testing.T, table, pk, sk string) map[string]types.AttributeValue {
	t.Helper()
	out, err := w.db.GetItem(t.Context(), &sdk.GetItemInput{TableName: &table, ConsistentRead: new(true),
		Key: map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: pk}, "SK": &types.AttributeValueMemberS{Value: sk}}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

// wire carries calls to the server. The next strikes fall on calls one after the other.
type wire struct {
	client  *http.Client
	mu      sync.Mutex
	strikes []strike
}

// strike is what happens to one call instead of an answer.
type strike struct {
	effect bool // the call takes effect and its answer is lost
	status int  // with body: the answer that comes instead; 0: none
	body   string
}

var (
	lostBefore = strike{}
	lostAfter  = strike{effect: true}
)

func (w *wire) strike(s ...strike) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.strikes = s
}

// left is how many strikes have not fallen.
func (w *wire) left() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.strikes)
}

func (w *wire) next() (strike, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.strikes) == 0 {
		return strike{}, false
	}
	s := w.strikes[0]
	w.strikes = w.strikes[1:]
	return s, true
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	s, strikes := w.next()
	if !strikes {
		return w.client.Do(r)
	}
	if s.effect {
		answer, err := w.client.Do(r)
		if err != nil {
			return nil, err
		}
		if err := answer.Body.Close(); err != nil {
			return nil, err
		}
	}
	if s.status == 0 {
		return nil, errors.New("the answer is lost")
	}
	return &http.Response{StatusCode: s.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s.body))}, nil
}

// refusal is an answer of DynamoDB with an error of a type.
func refusal(status int, kind string) strike {
	return strike{status: status, body: fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"no"}`, kind)}
}

// id makes the n-th id.
func id[T ~string](n int) T { return T(fmt.Sprintf("%026d", n)) }

// kinds are what a failure may be; ok is none.
const ok fault.Kind = -1

func wantKind(t *testing.T, err error, want fault.Kind) {
	t.Helper()
	if want == ok && err != nil {
		t.Errorf("it fails: %v", err)
	} else if want != ok && !fault.Is(err, want) {
		t.Errorf("the failure is %v, want one of kind %d", err, want)
	}
}

func must(t interface{ Fatal(...any) }, errs ...error) {
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func same(t interface{ Errorf(string, ...any) }, got, want any) {
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("read back (+) is not what was written (-):\n%s", d)
	}
}

// made makes values with every member set, as rows can hold them.
func made[V any]() *rapid.Generator[V] {
	word := rapid.StringMatching(`[ -~ąłŻ€😀]{1,12}`)
	return rapid.MakeCustom[V](rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{
			reflect.TypeFor[time.Time](): rapid.Custom(func(t *rapid.T) any {
				return time.UnixMilli(rapid.Int64Range(0, 253402300799999).Draw(t, "time")).UTC()
			}),
		},
		Kinds: map[reflect.Kind]*rapid.Generator[any]{
			reflect.String: word.AsAny(),
			reflect.Int64:  rapid.Int64Range(0, 1<<62).AsAny(),
			reflect.Int:    rapid.IntRange(0, 1<<31).AsAny(),
		},
	})
}

// size is an item's size as "DynamoDB item sizes and formats" (Amazon DynamoDB Developer Guide) counts it.
func size(item map[string]types.AttributeValue) (n int) {
	for name, v := range item {
		n += len(name) + sizeOf(v)
	}
	return n
}

func sizeOf(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return (len(v.Value)+1)/2 + 1
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberM:
		return 3 + size(v.Value) + len(v.Value)
	case *types.AttributeValueMemberL:
		n := 3
		for _, e := range v.Value {
			n += 1 + sizeOf(e)
		}
		return n
	}
	return 1
}

func names(item map[string]types.AttributeValue) map[string]bool {
	out := map[string]bool{}
	for name := range item {
		out[name] = true
	}
	return out
}
