package journey_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/go-json-experiment/json"

	"zapas/functions/internal/devices"
	"zapas/functions/internal/gateway"
	"zapas/functions/internal/gateway/console"
	"zapas/functions/internal/gateway/device"
	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/functions/internal/profiles"
	"zapas/functions/internal/restores"
	"zapas/functions/internal/sessions"
	"zapas/functions/internal/uploads"
	"zapas/localstack/deployment"
	"zapas/localstack/standin/iam"
	"zapas/localstack/standin/standintest"
	"zapas/shared/api"
	"zapas/shared/audit"
	"zapas/shared/aws/bucket"
	"zapas/shared/aws/bus"
	"zapas/shared/aws/kms"
	"zapas/shared/aws/table"
	"zapas/shared/caller"
	"zapas/shared/fleet"
	"zapas/shared/idempotency"
	"zapas/shared/profile"
	"zapas/shared/restore"
	"zapas/shared/vault"
)

const tenant = "demo" // of which the template's key policies speak

// location is where every profile here keeps its backups.
var location = profile.Location{ID: "eu", Name: "Frankfurt", Region: deployment.Region}

// world is all functions of one deployment on an AWS of its own, each with the rights of its role and no others.
type world struct {
	t         testing.TB
	stack     *standintest.Stack
	issuer    *gatewaytest.Issuer
	functions map[string]*gateway.API
	vaults    table.Vaults
	objects   bucket.Objects
	policies  *iam.Policies
	log       bytes.Buffer
	records   records
	bus       string
	left      []error // why an event was not told at once
	watcher   fleet.Watch
	answered  func(status int) // hears of each attempt of a request
	ids       atomic.Int64
	first     bool // this is the first attempt of a request
	calls     int  // of AWS, in this attempt
	requests  int
	heard     func(operation string, by *phone, e events.APIGatewayV2HTTPRequest, out events.APIGatewayV2HTTPResponse) // of each request of a phone
}

func open(t testing.TB, issuer *gatewaytest.Issuer) *world {
	t.Helper()
	w := &world{t: t, stack: standintest.New(t), issuer: issuer, functions: map[string]*gateway.API{}}
	d, err := deployment.On(w.stack.AWS)
	w.must(err)
	w.policies, err = d.Policies()
	w.must(err)
	w.stack.IAM.Enforce(w.policies)
	key := deployment.VaultKey(d)
	w.bus = d.Buses[0]
	for _, f := range d.Functions {
		cfg := w.stack.As(strings.TrimPrefix(f.Role, standintest.RoleARN("")))
		if f.Program == "triggers" { // no request comes to it
			db := table.Open(cfg)
			w.watcher = fleet.Watch{Devices: table.Statuses{DB: db, Name: deployment.Table}, Profiles: &table.Sets{Profiles: table.Profiles{DB: db, Name: deployment.Table}},
				Bus: bus.New(cfg, w.bus), Tenant: tenant, Tell: w.news(cfg).Again, Now: w.stack.Clock.Now}
			continue
		}
		w.functions[f.Program] = w.function(f.Program, cfg, key)
		if f.Program == "restores" { // what is stored is looked at by who may
			w.vaults, w.objects = table.Vaults{DB: table.Open(cfg), Name: deployment.Table}, bucket.New(cfg, buckets())
		}
	}
	return w
}

func buckets() map[string]string { return map[string]string{location.ID: deployment.Bucket} }

// function sets a function up as its main does, with the credentials of its role.
func (w *world) function(name string, cfg aws.Config, key string) *gateway.API {
	now, db := w.stack.Clock.Now, table.Open(cfg)
	vaults, objects := table.Vaults{DB: db, Name: deployment.Table}, bucket.New(cfg, buckets())
	identities, statuses := table.Identities{DB: db, Name: deployment.Identity}, table.Statuses{DB: db, Name: deployment.Table}
	recorder := audit.Recorder{Log: recording{table.Audit{DB: db, Name: deployment.Audit}, &w.records}, Now: now, NewID: w.newID}
	policies := &profile.Service{Store: table.Profiles{DB: db, Name: deployment.Table}, Censuses: table.Walks{DB: db, Name: deployment.Table}, Audit: recorder, Now: now, NewID: w.newID,
		Locations: []profile.Location{location}}
	news := w.news(cfg)
	orders := fleet.OrderBook{Store: table.Orders{DB: db, Name: deployment.Table}, Now: now}
	set := restore.Organisation{Store: table.Settings{DB: db, Name: deployment.Table}, Audit: recorder}
	phones := &fleet.Fleet{Tenant: tenant, OldestApp: set.OldestApp, Identities: identities, Enrolments: identities, People: table.People{DB: db, Name: deployment.Identity}, Statuses: statuses, News: news, Orders: orders, Profiles: &table.Sets{Profiles: table.Profiles{DB: db, Name: deployment.Table}}, Walks: table.Walks{DB: db, Name: deployment.Table}, Bulks: table.Bulks{DB: db, Name: deployment.Table}, Overdues: statuses,
		Audit: recorder, Now: now, NewID: w.newID, Random: func(p []byte) { rand.Read(p) }}
	runs := fleet.RunBook{Statuses: statuses, News: news, Now: now}
	opener := &vault.Opener{Tenant: tenant, Quota: 1 << 30, Table: vaults, Keys: table.Keys{DB: db, Name: deployment.VaultKeys}, Wrapper: kms.New(cfg, key),
		Record: sessions.Recording(recorder), Active: phones.Active, Now: now, NewID: w.newID}
	consents := &restore.Service{Tenant: tenant, News: news, Store: table.Restores{DB: db, Name: deployment.VaultKeys, Cards: deployment.Table}, Settings: set, Audit: recorder, Find: opener.Find, Owns: phones.Owns,
		Enrolled: phones.Enrolled, Now: now, NewID: w.newID}
	opener.Consented = consents.Consented

	people := &console.Verifier{Issuer: gatewaytest.IssuerURL, Tenant: tenant, Audience: []string{gatewaytest.Audience}, GroupsClaim: "groups", NameClaim: "name",
		EmailClaim: "email", Roles: map[string]caller.Role{"admins": caller.Admin, "operators": caller.Operator, "viewers": caller.Viewer, "counts": caller.CountsViewer,
			"auditors": caller.Auditor}, Transport: w.issuer, Now: now}
	door := device.Verifier{Tenant: tenant, Devices: identities, Once: slices.Concat(sessions.Once(), uploads.Once()), Used: table.Tokens{DB: db, Name: deployment.Table}, Now: now}
	operations := map[string]map[string]gateway.Operation{
		"profiles": profiles.Handlers{Profiles: policies, Now: now}.Operations(),
		"devices":  devices.Handlers{Fleet: phones, Restores: consents, Settings: set, Vaults: vaults, Records: table.Audit{DB: db, Name: deployment.Audit}, Introduce: people.Introduce, Proof: door.Proof, API: "https://api.example", Now: now}.Operations(),
		"sessions": sessions.Handlers{Opener: opener, Profiles: policies, Restores: consents, Runs: runs, Orders: orders,
			Proofs: fleet.ProofBook{Statuses: statuses, Audit: recorder, Now: now}}.Operations(),
		"uploads":  uploads.Handlers{Uploader: &vault.Uploader{Table: vaults, Store: objects, Now: now}, Runs: runs, Orders: orders, Now: now}.Operations(),
		"restores": restores.Handlers{Reader: &vault.Reader{Table: vaults, Downloads: objects}}.Operations(),
	}
	return &gateway.API{Function: name, Operations: operations[name], Console: people, Device: door, Keeper: idempotency.Keeper{Store: table.Requests{DB: db, Name: deployment.Table}, Now: now, NewID: w.newID}, Log: slog.New(slog.NewJSONHandler(&w.log, nil)), Now: now}
}

func (w *world) news(cfg aws.Config) fleet.Announcer {
	return fleet.Announcer{Bus: bus.New(cfg, w.bus), Statuses: table.Statuses{DB: table.Open(cfg), Name: deployment.Table}, Tenant: tenant, Now: w.stack.Clock.Now,
		Left: func(_ context.Context, _ caller.DeviceID, why error) { w.left = append(w.left, why) }}
}

// newID makes ids that grow.
func (w *world) newID() string { return fmt.Sprintf("01%024d", w.ids.Add(1)) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// person is somebody at the console; an empty subject is nobody.
type person struct {
	*world
	subject string
	groups  []string
}

// phone is a device as far as the service can see one: what it uploads is noise.
type phone struct {
	*world
	gatewaytest.Phone
	counter int64
	secret  *ecdh.PrivateKey // of the session that it has open
	user    string
}

// ask sends a request once.
func (w *world) ask(e events.APIGatewayV2HTTPRequest, operation string) events.APIGatewayV2HTTPResponse {
	w.t.Helper()
	w.requests++
	e.RequestContext.RequestID = fmt.Sprintf("request-%d", w.requests)
	out, err := w.functions[gatewaytest.Route(operation).Function].Handle(w.t.Context(), e)
	w.must(err)
	return out
}

// insist repeats a request until it is answered with anything but "try again", which what befalls one call must come to.
func (w *world) insist(operation string, once func() events.APIGatewayV2HTTPResponse) events.APIGatewayV2HTTPResponse {
	w.t.Helper()
	for n := range 4 {
		w.first, w.calls = n == 0, 0
		out := once()
		if w.answered != nil {
			w.answered(out.StatusCode)
		}
		if out.StatusCode == http.StatusInternalServerError {
			w.t.Fatalf("%s: %s\n%s", operation, out.Body, w.log.String())
		}
		if out.StatusCode != http.StatusServiceUnavailable {
			return out
		}
	}
	w.t.Fatalf("%s is never answered:\n%s", operation, w.log.String())
	panic("not reached")
}

func (p person) ask(operation, id, query string, body any) events.APIGatewayV2HTTPResponse {
	p.t.Helper()
	return p.send(operation, id, query, body, nil)
}

// edit sends a change of the version that an ETag names.
func (p person) edit(operation, id, etag string, body any) events.APIGatewayV2HTTPResponse {
	p.t.Helper()
	return p.send(operation, id, "", body, map[string]string{"if-match": etag})
}

func (p person) send(operation, id, query string, body any, header map[string]string) events.APIGatewayV2HTTPResponse {
	p.t.Helper()
	return p.insist(operation, func() events.APIGatewayV2HTTPResponse {
		e := gatewaytest.Event(operation, id, query, body)
		maps.Copy(e.Headers, header)
		if p.subject != "" {
			e.Headers["authorization"] = p.issuer.Bearer(p.stack.Clock.Now(), p.subject, p.groups...)
		}
		return p.world.ask(e, operation)
	})
}

func (p *phone) ask(operation, id, query string, body any) events.APIGatewayV2HTTPResponse {
	p.t.Helper()
	return p.insist(operation, func() events.APIGatewayV2HTTPResponse {
		e := gatewaytest.Event(operation, id, query, body)
		p.Authorize(p.stack.Clock.Now(), &e)
		out := p.world.ask(e, operation)
		if p.heard != nil {
			p.heard(operation, p, e, out)
		}
		return out
	})
}

// good reads an answer that must be of a status.
func good[Out any](t testing.TB, out events.APIGatewayV2HTTPResponse, status int) (v Out) {
	t.Helper()
	if out.StatusCode != status {
		t.Fatalf("it is answered with %d %s, want %d", out.StatusCode, out.Body, status)
	}
	if err := json.Unmarshal([]byte(out.Body), &v, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("the answer %s is not of the contract: %v", out.Body, err)
	}
	return v
}

// enrol makes a new phone the person's.
func (p person) enrol(label string) *phone {
	p.t.Helper()
	code := good[api.Enrolment](p.t, p.ask("createMyEnrolment", "", "", nil), 201)
	f := &phone{world: p.world, Phone: *gatewaytest.NewPhone(p.t.(*testing.T), "")}
	in := api.EnrolInput{Code: strings.ToLower(code.Code), PublicKey: b64(f.PublicKey()), Platform: api.EnrolInputPlatformAndroid, Model: "M", Label: label, AppVersion: "1"}
	out := good[api.Enrolled](p.t, f.ask("enrolDevice", "", "", in), 200)
	if out.State != api.EnrolledStateActive || out.Tenant != tenant {
		p.t.Errorf("the phone is enrolled as %v", out)
	}
	f.ID, f.user = out.Device, out.User
	return f
}

// chunk is sealed bytes, as far as anybody here can tell.
func chunk(name string) []byte { return []byte(strings.Repeat(name+" ", 50)) }

// begin begins a session with a new counter and key.
func (f *phone) begin(in api.SessionInput) api.Session {
	f.t.Helper()
	f.counter++
	var err error
	f.secret, err = ecdh.X25519().GenerateKey(rand.Reader)
	f.must(err)
	in.Counter = &f.counter
	if in.Kind == api.SessionInputKindBackup {
		in.PublicKey = new(b64(f.secret.PublicKey().Bytes()))
	}
	return good[api.Session](f.t, f.ask("beginSession", "", "", in), 200)
}

// unseal opens a released key.
func (f *phone) unseal(session, sealed string) string {
	f.t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(sealed)
	f.must(err)
	private, err := hpke.NewDHKEMPrivateKey(f.secret)
	f.must(err)
	info := strings.Join([]string{"zapas key v1", tenant, f.user, session, f.ID}, "\x00")
	key, err := hpke.Open(private, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info), b)
	f.must(err)
	return string(key)
}

// upload signs and puts chunks of an open session and answers what a commit says of them.
func (f *phone) upload(session string, chunks ...[]byte) []api.AddedChunk {
	f.t.Helper()
	var in api.ChunksInput
	for _, c := range chunks {
		sum := sha256.Sum256(c)
		in.Chunks = append(in.Chunks, api.ChunkInput{Sha256: b64(sum[:]), Size: int64(len(c))})
	}
	signed := good[api.SignedChunks](f.t, f.ask("signChunks", session, "", in), 200)
	var added []api.AddedChunk
	for i, s := range signed.Chunks {
		f.put(s, chunks[i])
		added = append(added, api.AddedChunk{Id: s.Id, Size: int64(len(chunks[i])), Records: 10})
	}
	return added
}

func (f *phone) put(s api.SignedChunk, body []byte) {
	f.t.Helper()
	for n := range 4 {
		f.first, f.calls = n == 0, 0
		r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPut, s.Url, bytes.NewReader(body))
		f.must(err)
		for name, value := range s.Headers {
			r.Header.Set(name, value)
		}
		resp, err := f.stack.Client().Do(r)
		if err != nil {
			continue
		}
		f.must(resp.Body.Close())
		if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusPreconditionFailed {
			return
		}
	}
	f.t.Fatal("the chunk is never taken")
}

func (f *phone) get(url string) []byte {
	f.t.Helper()
	for n := range 4 {
		f.first, f.calls = n == 0, 0
		r, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, url, nil)
		f.must(err)
		resp, err := f.stack.Client().Do(r)
		if err != nil {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		f.must(err)
		f.must(resp.Body.Close())
		if resp.StatusCode == http.StatusOK {
			return body
		}
	}
	f.t.Fatal("the chunk is never given")
	return nil
}

// ending is a commit of so many messages.
func ending(added []api.AddedChunk, dropped []int, stored, already int64) api.CommitInput {
	return api.CommitInput{Added: added, Dropped: dropped, Index: api.IndexPosition{Offset: 10, Length: 20}, Counts: api.Counts{"sms": stored + already},
		Coverage: api.Coverage{"messages": "full", "calls": "denied"},
		Ledger:   api.BackupLedgers{"calls": {}, "messages": {Seen: stored + already + 1, Stored: stored, Already: already, Excluded: 1, Reasons: map[string]int64{"too_large": 1}}}}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func quoted(n int64) string { return strconv.Quote(strconv.FormatInt(n, 10)) }
