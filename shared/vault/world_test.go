package vault_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/oklog/ulid/v2"

	"zapas/localstack/deployment"
	"zapas/localstack/standin"
	"zapas/localstack/standin/standintest"
	"zapas/shared/aws/bucket"
	"zapas/shared/aws/kms"
	"zapas/shared/aws/table"
	"zapas/shared/caller"
	"zapas/shared/vault"
)

// world is a deployment with the three that work on vaults, over the real adapters.
type world struct {
	t     *testing.T
	stack *standintest.Stack
	clock *standintest.Clock

	opener   *vault.Opener
	uploader *vault.Uploader
	reader   *vault.Reader
	table    table.Vaults

	mu          sync.Mutex
	retired     []caller.DeviceID
	records     []vault.Release
	recordFails error
	consent     error
}

func open(t *testing.T) *world {
	t.Helper()
	s := standintest.New(t)
	buckets := map[string]string{eu: deployment.Bucket, "elsewhere": "zapas-elsewhere"}
	d, err := deployment.On(s.AWS)
	must(t, err)
	must(t, s.S3.CreateBucket(buckets["elsewhere"]))
	cfg := s.Config()
	db, objects := table.Open(cfg), bucket.New(cfg, buckets)
	w := &world{t: t, stack: s, clock: s.Clock, table: table.Vaults{DB: db, Name: deployment.Table}}
	w.opener = &vault.Opener{Tenant: "tenant", Quota: 1 << 30, Table: w.table, Keys: table.Keys{DB: db, Name: deployment.VaultKeys},
		Wrapper: kms.New(cfg, deployment.VaultKey(d)), Record: w.record, Active: w.active, Consented: w.consented, Now: w.clock.Now,
		NewID: func() string { return ulid.Make().String() }}
	w.uploader = &vault.Uploader{Table: w.table, Store: objects, Now: w.clock.Now}
	w.reader = &vault.Reader{Table: w.table, Downloads: objects}
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) ctx() context.Context { return w.t.Context() }

func (w *world) phone(user caller.UserID, id caller.DeviceID) *phone {
	return &phone{w: w, user: user, id: id}
}

func (w *world) record(_ context.Context, r vault.Release) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.recordFails == nil {
		w.records = append(w.records, r)
	}
	return w.recordFails
}

func (w *world) active(_ context.Context, id caller.DeviceID) (bool, error) {
	for _, r := range w.retired {
		if r == id {
			return false, nil
		}
	}
	return true, nil
}

func (w *world) consented(context.Context, caller.UserID, vault.Session) error { return w.consent }

// strike has the next call of an operation, and all that follow, befallen by a fault, until it is called again.
func (w *world) strike(service, operation string, fault standin.Fault) {
	w.stack.Strike(func(c standin.Call) standin.Fault {
		if c.Service == service && c.Operation == operation {
			return fault
		}
		return standin.None
	})
}

func (w *world) calm() { w.stack.Strike(nil) }

func (w *world) head(user caller.UserID) vault.Head {
	w.t.Helper()
	h, err := w.table.Head(w.ctx(), user)
	must(w.t, err)
	return h
}

func (w *world) session(user caller.UserID, id vault.SessionID) vault.Session {
	w.t.Helper()
	s, err := w.table.Session(w.ctx(), user, id)
	must(w.t, err)
	return s
}

func (w *world) snapshot(user caller.UserID, seq int64) vault.Snapshot {
	w.t.Helper()
	n, err := w.table.Snapshot(w.ctx(), user, seq)
	must(w.t, err)
	return n
}

// change writes into a vault what no request of this package does yet.
func (w *world) change(user caller.UserID, f func(c *vault.Change)) {
	w.t.Helper()
	c := vault.Change{Head: w.head(user)}
	f(&c)
	must(w.t, w.table.Write(w.ctx(), user, c))
}

// erase puts a tombstone in the place of a key, which is the first half of an erasure.
func (w *world) erase(user caller.UserID, version int) {
	w.t.Helper()
	keys := w.opener.Keys.(table.Keys)
	_, err := keys.DB.PutItem(w.ctx(), &dynamodb.PutItemInput{TableName: aws.String(keys.Name), Item: map[string]types.AttributeValue{
		"PK": &types.AttributeValueMemberS{Value: "V#" + string(user)}, "SK": &types.AttributeValueMemberS{Value: "K#" + strconv.Itoa(version)},
		"tombstone": &types.AttributeValueMemberBOOL{Value: true}}})
	must(w.t, err)
}

// vaultKey unwraps a vault key as the service does.
func (w *world) vaultKey(user caller.UserID, version int) []byte {
	w.t.Helper()
	k, err := w.opener.Keys.Key(w.ctx(), user, version)
	must(w.t, err)
	plain, err := w.opener.Wrapper.Unwrap(w.ctx(), map[string]string{"app": "zapas", "tenant": "tenant", "user": string(user), "v": "1"}, k.Wrapped)
	must(w.t, err)
	return plain
}

// put uploads as a phone does.
func (w *world) put(s vault.Signed, content string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.ctx(), http.MethodPut, s.URL, bytes.NewReader([]byte(content)))
	must(w.t, err)
	for name, value := range s.Headers {
		r.Header.Set(name, value)
	}
	answer, err := w.stack.Client().Do(r)
	must(w.t, err)
	body, err := io.ReadAll(answer.Body)
	must(w.t, errors.Join(err, answer.Body.Close()))
	if answer.StatusCode != http.StatusOK {
		w.t.Fatalf("PUT answers %d: %s", answer.StatusCode, body)
	}
}

// lose removes an object behind everybody's back.
func (w *world) lose(key string) {
	w.t.Helper()
	objects := w.uploader.Store.(bucket.Objects)
	_, err := objects.Client.DeleteObject(w.ctx(), &s3.DeleteObjectInput{Bucket: aws.String(objects.Buckets[eu]), Key: &key})
	must(w.t, err)
}

func (w *world) get(url string) string {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.ctx(), http.MethodGet, url, nil)
	must(w.t, err)
	answer, err := w.stack.Client().Do(r)
	must(w.t, err)
	body, err := io.ReadAll(answer.Body)
	must(w.t, errors.Join(err, answer.Body.Close()))
	return string(body)
}

// chunks opens a restore of a snapshot on a device and reads the ids of all its chunks, page by page.
func (w *world) chunks(user caller.UserID, device caller.DeviceID, id vault.SessionID) (ids []string) {
	w.t.Helper()
	counter := int64(1)
	for _, d := range w.head(user).Devices {
		if d.Device == device {
			counter = d.Last + 1
		}
	}
	s, err := w.opener.Begin(w.ctx(), user, vault.Beginning{Device: device, Kind: vault.Restore, Counter: counter, Base: id})
	must(w.t, err)
	for cursor, first := "", true; first || cursor != ""; first = false {
		m, err := w.reader.Manifest(w.ctx(), user, device, s.ID, cursor)
		must(w.t, err)
		for _, c := range m.Chunks {
			ids = append(ids, c.ID)
		}
		cursor = m.Next
	}
	return ids
}
