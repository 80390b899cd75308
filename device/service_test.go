package device

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"zapas/shared/api"
	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/restore"
	"zapas/shared/vault"
)

// service answers a device by the service's own rules, with rows and objects in memory, as a transport: no sockets.
type service struct {
	t  *testing.T
	mu sync.Mutex

	now        time.Time
	ids        int
	tenant     string
	location   string // that the profile chooses
	user       caller.UserID
	keys       map[string]*ecdsa.PublicKey // by device
	rows       map[vault.SessionID]vault.Session
	snaps      map[int64]vault.Snapshot
	head       vault.Head
	key        []byte
	objects    map[string][]byte
	unlisted   bool                  // the storage does not give out chunk lists
	unlistedOf string                // nor that of this snapshot
	lists      func(m *api.Manifest) // changes what the service says of which chunks a backup consists
	refuses    func(key string) int  // the status with which the storage refuses to give an object out; 0: it does not
	written    map[string][32]byte   // every object ever put: bytes of a key never change
	restores   map[restore.ID]restore.Restore

	order    string   // that a check-in brings
	named    []string // the orders that backups have named; "" of those that named none
	given    []vault.SessionID
	outcomes []vault.Outcome // of proofs, as they were noted
	commits  func() error    // may refuse a commit
	requests []string
	// fault is asked before (after false) and after the effect of every request; its error loses the request or its answer.
	fault func(req *http.Request, after bool) error
}

func newService(t *testing.T) *service {
	return &service{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), tenant: "acme", location: "eu", user: caller.UserOf("i", "acme", "anna"),
		keys: map[string]*ecdsa.PublicKey{}, rows: map[vault.SessionID]vault.Session{}, snaps: map[int64]vault.Snapshot{},
		objects: map[string][]byte{}, written: map[string][32]byte{}, restores: map[restore.ID]restore.Restore{}}
}

func (s *service) newID() string {
	s.ids++
	sum := sha256.Sum256([]byte(strconv.Itoa(s.ids)))
	return caller.Base32([16]byte(sum[:16]))
}

func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body.Close()
	}
	name := req.Method + " " + req.URL.Path
	s.requests = append(s.requests, name)
	if s.fault != nil {
		if err := s.fault(req, false); err != nil {
			return nil, err
		}
	}
	var resp *http.Response
	if req.URL.Host == "s3" {
		resp = s.storage(req, body)
	} else {
		resp = s.api(req, body)
	}
	resp.Request = req
	if s.fault != nil {
		if err := s.fault(req, true); err != nil {
			return nil, err
		}
	}
	return resp, nil
}

func answer(status int, body []byte) *http.Response {
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)), Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body))}
}

func refusal(err error) *http.Response {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		e = fault.Wrap(err, fault.Internal, "internal", "Internal error.")
	}
	status := map[fault.Kind]int{fault.Internal: 500, fault.Invalid: 400, fault.Unsigned: 401, fault.Forbidden: 403, fault.NotFound: 404, fault.Conflict: 409,
		fault.Gone: 410, fault.Lost: 410, fault.TooLarge: 413, fault.Unprocessable: 422, fault.Unavailable: 503}[e.Kind]
	p := api.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: e.Code, Detail: &e.Sentence}
	if !e.Time.IsZero() {
		p.ServerTime = &e.Time
	}
	if e.Counts != nil {
		p.Counts = new(api.Counts(e.Counts))
	}
	if _, last, ok := strings.Cut(e.Sentence, "is not above "); ok && e.Code == "stale" {
		n, _ := strconv.ParseInt(strings.Split(last, ",")[0], 10, 64)
		p.Counter = &n
	}
	b, _ := json.Marshal(p)
	return answer(status, b)
}

// storage does what S3 does with presigned URLs.
func (s *service) storage(req *http.Request, body []byte) *http.Response {
	key := strings.TrimPrefix(req.URL.Path, "/")
	expires, _ := strconv.ParseInt(req.URL.Query().Get("expires"), 10, 64)
	refuse := func(status int, code string) *http.Response {
		return answer(status, []byte("<Error><Code>"+code+"</Code></Error>"))
	}
	if s.now.Unix() > expires || req.Method != req.URL.Query().Get("method") {
		return refuse(403, "AccessDenied")
	}
	if req.Method == http.MethodGet {
		if s.refuses != nil && s.refuses(key) != 0 {
			return refuse(s.refuses(key), "InternalError")
		}
		b, ok := s.objects[key]
		if !ok {
			return refuse(404, "NoSuchKey")
		}
		return ranged(req, b)
	}
	sum := sha256.Sum256(body)
	if req.Header.Get("x-amz-checksum-sha256") != base64.StdEncoding.EncodeToString(sum[:]) || req.Header.Get("if-none-match") != "*" {
		return refuse(400, "BadDigest")
	}
	if before, ok := s.written[key]; ok && before != sum {
		s.t.Errorf("chunk %s was uploaded again with other bytes", key)
	}
	s.written[key] = sum
	if _, ok := s.objects[key]; ok {
		return refuse(412, "PreconditionFailed")
	}
	s.objects[key] = body
	return answer(200, nil)
}

// ranged does what S3 does with one range of bytes.
func ranged(req *http.Request, b []byte) *http.Response {
	var from, to int
	if n, _ := fmt.Sscanf(req.Header.Get("Range"), "bytes=%d-%d", &from, &to); n != 2 {
		return answer(200, b)
	}
	if from >= len(b) {
		return answer(416, []byte("<Error><Code>InvalidRange</Code></Error>"))
	}
	return answer(206, b[from:min(to+1, len(b))])
}

func (s *service) sign(method, key string, life time.Duration) string {
	return fmt.Sprintf("https://s3/%s?%s", key, url.Values{"method": {method}, "expires": {fmt.Sprint(s.now.Add(life).Unix())}}.Encode())
}

func (s *service) api(req *http.Request, body []byte) *http.Response {
	device, err := s.verify(req, body)
	if err != nil {
		return refusal(err)
	}
	out, err := s.operation(req, caller.DeviceID(device), body)
	if err != nil {
		return refusal(err)
	}
	b, err := json.Marshal(out)
	if err != nil {
		return refusal(err)
	}
	return answer(200, b)
}

// verify holds a token against the contract.
func (s *service) verify(req *http.Request, body []byte) (device string, err error) {
	token, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Zapas-Device ")
	parts := strings.Split(token, ".")
	if !ok || len(parts) != 3 {
		return "", fault.New(fault.Unsigned, "token", "There is no token.")
	}
	var raw [3][]byte
	for i, p := range parts {
		if raw[i], err = base64.RawURLEncoding.DecodeString(p); err != nil {
			return "", err
		}
	}
	var header struct{ Alg, Kid string }
	var claims struct {
		Jti, Htm, Htu, Bh string
		Iat, Exp          int64
	}
	if err := errors.Join(json.Unmarshal(raw[0], &header), json.Unmarshal(raw[1], &claims)); err != nil {
		return "", err
	}
	key := s.keys[header.Kid]
	if req.URL.Path == "/v1/device/enrol" {
		var in api.EnrolInput
		if err := json.Unmarshal(body, &in); err != nil {
			return "", err
		}
		der, err := base64.RawURLEncoding.DecodeString(in.PublicKey)
		if err != nil {
			return "", err
		}
		parsed, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return "", err
		}
		key, _ = parsed.(*ecdsa.PublicKey)
	}
	bh := sha256.Sum256(body)
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	switch {
	case key == nil || header.Alg != "ES256" || !ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(raw[2][:32]), new(big.Int).SetBytes(raw[2][32:])):
		return "", fault.New(fault.Unsigned, "token", "The token is not signed by this device.")
	case claims.Htm != req.Method || claims.Htu != req.URL.RequestURI() || claims.Bh != base64.RawURLEncoding.EncodeToString(bh[:]) || claims.Jti == "":
		return "", fault.New(fault.Unsigned, "token", "The token is for another request.")
	case claims.Exp-claims.Iat > 300 || claims.Iat > s.now.Unix()+60 || claims.Exp < s.now.Unix():
		return "", &fault.Error{Kind: fault.Unsigned, Code: "token_time", Sentence: "The token is not of now.", Time: s.now}
	}
	return header.Kid, nil
}

func (s *service) operation(req *http.Request, device caller.DeviceID, body []byte) (any, error) {
	ctx := req.Context()
	path := strings.TrimPrefix(req.URL.Path, "/v1/device/")
	segments := strings.Split(path, "/")
	switch {
	case path == "enrol":
		return s.enrol(body)
	case path == "checkin":
		return s.checkIn(device), nil
	case path == "sessions":
		return s.begin(ctx, device, body)
	case segments[0] == "restores":
		return s.result(ctx, device, segments[1], body)
	}
	id := vault.SessionID(segments[1])
	if found := req.URL.Query().Get("outcome"); req.Method == http.MethodDelete && found != "" {
		return struct{}{}, s.opener().Prove(ctx, s.user, device, id, vault.Outcome(found), func(context.Context, vault.Session) error {
			s.outcomes = append(s.outcomes, vault.Outcome(found))
			return nil
		})
	}
	if req.Method == http.MethodDelete {
		s.given = append(s.given, id)
		return struct{}{}, s.opener().End(ctx, s.user, device, id)
	}
	switch segments[2] {
	case "chunks":
		return s.chunks(ctx, device, id, body)
	case "commit":
		return s.commit(ctx, device, id, body)
	case "manifest":
		return s.manifest((&vault.Reader{Table: s, Downloads: s}).Manifest(ctx, s.user, device, id, req.URL.Query().Get("cursor")))
	case "base":
		return s.manifest((&vault.Reader{Table: s, Downloads: s}).Base(ctx, s.user, device, id, req.URL.Query().Get("cursor")))
	}
	return s.release(ctx, device, id, body)
}

func (s *service) enrol(body []byte) (any, error) {
	var in api.EnrolInput
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	if in.Code != "GOOD-CODE" {
		return nil, fault.New(fault.NotFound, "code_unknown", "This code is not known; check it, or make a new one on my card.")
	}
	der, _ := base64.RawURLEncoding.DecodeString(in.PublicKey)
	key, _ := x509.ParsePKIXPublicKey(der)
	for id, k := range s.keys {
		if k.Equal(key) {
			return api.Enrolled{Device: id, User: string(s.user), Tenant: s.tenant, State: "active"}, nil
		}
	}
	id := s.newID()
	s.keys[id] = key.(*ecdsa.PublicKey)
	return api.Enrolled{Device: id, User: string(s.user), Tenant: s.tenant, State: "active"}, nil
}

func (s *service) checkIn(device caller.DeviceID) any {
	out := api.CheckInAnswer{Due: true, Why: "first", Restores: []api.Restore{}, PollAfter: 60, Time: s.now}
	p := profileOf(s.location)
	out.Profile = &p
	if s.order != "" {
		out.Why, out.Order = "order", &api.Order{Id: s.order, Device: new(string(device)), State: "delivered"}
	}
	for _, r := range s.restores {
		if r.Device == device && r.Live() {
			out.Restores = append(out.Restores, restoreOf(r))
		}
	}
	return out
}

func profileOf(location string) api.DeviceProfile {
	return api.DeviceProfile{Id: "0PROFVE0000000000000000000", Name: "Every night", Elements: []api.Element{"contacts", "messages", "calls"}, Location: location, Region: "PL"}
}

func restoreOf(r restore.Restore) api.Restore {
	out := api.Restore{Id: string(r.ID), Snapshot: string(r.Snapshot), Device: new(string(r.Device)), State: api.RestoreState(r.State)}
	for _, e := range r.Elements {
		out.Elements = append(out.Elements, api.Element(e))
	}
	return out
}

func (s *service) opener() *vault.Opener {
	return &vault.Opener{Tenant: s.tenant, Quota: 1 << 40, Table: s, Keys: s, Wrapper: s,
		Record:    func(context.Context, vault.Release) error { return nil },
		Active:    func(context.Context, caller.DeviceID) (bool, error) { return true, nil },
		Consented: s.consents().Consented, Now: func() time.Time { return s.now }, NewID: s.newID}
}

func (s *service) consents() *restore.Service {
	return &restore.Service{Store: s, News: s, Settings: restore.Organisation{Store: s}, Audit: audit.Recorder{Log: s, Now: func() time.Time { return s.now }, NewID: s.newID},
		Find: s.find, Owns: func(context.Context, caller.UserID, caller.DeviceID) error { return nil },
		Now: func() time.Time { return s.now }, NewID: s.newID}
}

func (s *service) find(ctx context.Context, u caller.UserID, id vault.SessionID) (vault.Snapshot, error) {
	return s.opener().Find(ctx, u, id)
}

func (s *service) begin(ctx context.Context, device caller.DeviceID, body []byte) (any, error) {
	var in api.SessionInput
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	b := vault.Beginning{Device: device, Kind: vault.Kind(in.Kind), Base: vault.SessionID(orEmpty(in.Base)), Location: s.location}
	out := api.Session{Kind: api.SessionKind(in.Kind), Tenant: s.tenant, User: string(s.user)}
	if in.Kind == "backup" || in.Kind == "unchanged" {
		s.named = append(s.named, orEmpty(in.Order))
	}
	if in.Kind == "unchanged" {
		out.UnchangedAt = &s.now
		return out, s.opener().Unchanged(ctx, s.user, b)
	}
	b.Counter = *in.Counter
	var r restore.Restore
	if in.Kind == "restore" {
		var err error
		if r, err = s.consents().ToOpen(ctx, caller.Caller{User: s.user, Device: device}, restore.ID(*in.Restore)); err != nil {
			return nil, err
		}
		b.Restore, b.Base = string(r.ID), r.Snapshot
	}
	row, err := s.opener().Begin(ctx, s.user, b)
	if err != nil {
		return nil, err
	}
	id := string(row.ID)
	out.Session, out.Location = &id, &row.Location
	if in.Kind == "verify" || in.Kind == "rebuild" {
		base := string(row.Base)
		out.Base, out.Adopted = &base, &row.Adopted
		return out, nil
	}
	if in.Kind == "restore" {
		_, err := s.consents().Open(ctx, r, row.ID)
		return out, err
	}
	public, _ := base64.RawURLEncoding.DecodeString(*in.PublicKey)
	released, err := s.opener().Begun(ctx, s.user, row, public)
	if err != nil {
		return nil, err
	}
	key, version := base64.RawURLEncoding.EncodeToString(released.Keys[0].Key), int32(released.Version)
	out.Key, out.KeyVersion = &key, &version
	return out, nil
}

func (s *service) uploader() *vault.Uploader {
	return &vault.Uploader{Table: s, Store: s, Now: func() time.Time { return s.now }}
}

func (s *service) chunks(ctx context.Context, device caller.DeviceID, id vault.SessionID, body []byte) (any, error) {
	var in api.ChunksInput
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	var sums []vault.ChunkSum
	for _, c := range in.Chunks {
		b, err := base64.RawURLEncoding.DecodeString(c.Sha256)
		if err != nil || len(b) != 32 {
			return nil, fault.New(fault.Invalid, "invalid", "sha256")
		}
		sums = append(sums, vault.ChunkSum{SHA256: [32]byte(b), Size: c.Size})
	}
	signed, err := s.uploader().Sign(ctx, s.user, device, id, sums)
	out := api.SignedChunks{ExpiresAt: s.now.Add(vault.SignedFor)}
	for _, c := range signed {
		out.Chunks = append(out.Chunks, api.SignedChunk{Id: c.ID, Url: c.URL, Headers: c.Headers})
	}
	return out, err
}

func (s *service) commit(ctx context.Context, device caller.DeviceID, id vault.SessionID, body []byte) (any, error) {
	var c vault.Commit
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, err
	}
	if s.commits != nil {
		if err := s.commits(); err != nil {
			return nil, err
		}
	}
	n, err := s.uploader().Commit(ctx, s.user, device, id, c)
	return api.Committed{Snapshot: string(n.ID), Seq: n.Seq}, err
}

func (s *service) manifest(m vault.Manifest, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	out := api.Manifest{Snapshot: string(m.Snapshot.ID), Total: m.Total, Counts: api.Counts(m.Snapshot.Counts), Chunks: []api.ManifestChunk{},
		Index: api.IndexPosition{Offset: m.Index.Offset, Length: m.Index.Length}}
	for _, c := range m.Chunks {
		out.Chunks = append(out.Chunks, api.ManifestChunk{Session: string(c.Session), Id: c.ID, Size: c.Size, Records: c.Records, Url: c.URL})
	}
	if s.lists != nil {
		s.lists(&out)
	}
	if m.Next != "" {
		out.Cursor = &m.Next
	}
	return out, nil
}

func (s *service) release(ctx context.Context, device caller.DeviceID, id vault.SessionID, body []byte) (any, error) {
	var in api.KeysInput
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	var asked []vault.SessionID
	for _, a := range in.Sessions {
		asked = append(asked, vault.SessionID(a))
	}
	public, _ := base64.RawURLEncoding.DecodeString(in.PublicKey)
	released, err := s.opener().Release(ctx, s.user, device, id, asked, public)
	out := api.Keys{KeyVersion: int32(released.Version)}
	for _, k := range released.Keys {
		out.Keys = append(out.Keys, api.SealedKey{Session: string(k.Session), Key: base64.RawURLEncoding.EncodeToString(k.Key)})
	}
	return out, err
}

func (s *service) result(ctx context.Context, device caller.DeviceID, id string, body []byte) (any, error) {
	var in api.ResultInput
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	l := map[string]restore.Ledger{}
	for e, v := range in.Ledger {
		l[e] = restore.Ledger{Planned: v.Planned, Inserted: v.Inserted, Duplicate: v.Duplicate, Merged: v.Merged, Skipped: v.Skipped, Failed: v.Failed, Reasons: v.Reasons}
	}
	r, err := s.consents().Finish(ctx, s.user, device, restore.ID(id), vault.SessionID(in.Session), l)
	if err == nil {
		err = s.opener().Restored(ctx, s.user, device, vault.SessionID(in.Session), vault.ElementsOf(r.Brought()...))
	}
	return restoreOf(r), err
}

// consent lets a device restore a snapshot.
func (s *service) consent(t *testing.T, snapshot, device string, elements ...string) api.Restore {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.consents().Consent(t.Context(), caller.Caller{Tenant: s.tenant, User: s.user, AuthTime: s.now},
		restore.Restore{Snapshot: vault.SessionID(snapshot), Device: caller.DeviceID(device), Elements: elements})
	if err != nil {
		t.Fatal(err)
	}
	return restoreOf(r)
}
