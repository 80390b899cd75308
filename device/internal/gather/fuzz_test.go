package gather

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	cryptorand "crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"zapas/device/internal/alloctest"
	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/remote"
	"zapas/device/internal/seal"
	"zapas/shared/api"
)

const tenant, user, device = "acme", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01BX5ZZKBKACTAV9WEVGEMMVS0"

// FuzzManifest: whatever the service answers for a list, reading it ends: with an index whose own chunk can be, or without.
func FuzzManifest(f *testing.F) {
	s := newStored(f)
	sound := s.manifest()
	add := func(change func(m *api.Manifest)) {
		m := sound
		m.Chunks = append([]api.ManifestChunk(nil), sound.Chunks...)
		change(&m)
		b, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	add(func(*api.Manifest) {})
	add(func(m *api.Manifest) { m.Chunks[0].Records = -1 })
	add(func(m *api.Manifest) { m.Chunks[0].Records = m.Chunks[0].Size + 1 })
	add(func(m *api.Manifest) { m.Chunks[0].Records = -1 << 63 })
	add(func(m *api.Manifest) { m.Chunks[0].Size = 1<<63 - 1 })
	add(func(m *api.Manifest) { m.Index.Offset, m.Index.Length = 1<<63-1, 1<<63-1 })
	add(func(m *api.Manifest) { m.Index.Offset, m.Index.Length = -1<<63, -1<<63 })
	add(func(m *api.Manifest) { m.Chunks = append(m.Chunks, m.Chunks[0]) })
	add(func(m *api.Manifest) { m.Cursor = &m.Snapshot })
	add(func(m *api.Manifest) { m.Chunks = nil })
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, read := range []func(d Gatherer, r Restore) (*index.Index, error){readRecords, readWhole} {
			d := Gatherer{Client: s.client(body), Tenant: tenant, User: user, Device: device, Random: source()}
			var x *index.Index
			alloctest.Within(t, 4<<20+uint64(len(body))*400, func() {
				x, _ = read(d, Restore{Snapshot: s.session.String(), Session: device, Folder: t.TempDir(), Kinds: []item.Kind{item.KindSMS}})
			})
			if x == nil {
				continue
			}
			own := x.Chunks[len(x.Chunks)-1]
			if own.RecordPart < 0 || own.RecordPart > own.Size || own.Size > seal.MaxChunk || own.Session != s.session || own.Mark != s.sum.Mark {
				t.Errorf("the index is in a chunk of %+v", own)
			}
		}
	})
}

func readRecords(d Gatherer, r Restore) (*index.Index, error) {
	r.Rebuild = true
	x, err := d.Records(context.Background(), r)
	if err != nil {
		return nil, err
	}
	return x.Index, nil
}

func readWhole(d Gatherer, r Restore) (*index.Index, error) {
	got, err := d.Gather(context.Background(), r)
	if err != nil {
		return nil, err
	}
	return got.Index, nil
}

func source() *rand.ChaCha8 { return rand.NewChaCha8([32]byte{1}) }

// stored is a snapshot of one chunk with one record, and its key.
type stored struct {
	session index.ID
	key     seal.SessionKey
	chunk   []byte
	sum     seal.Summary
	private *ecdsa.PrivateKey
}

func newStored(t testing.TB) *stored {
	s := &stored{session: index.ID{1}, key: seal.SessionKey{2}}
	fatal := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	x := &index.Index{Snapshot: s.session, Chunks: []index.Chunk{{Session: s.session, Runs: []index.Run{{Kind: byte(item.KindSMS), Count: 1}}}}}
	plain, err := x.Encode()
	fatal(err)
	record, err := item.Encode(&item.SMS{Message: item.Message{Box: item.Inbox, Unit: item.Second}})
	fatal(err)
	var out bytes.Buffer
	w, err := seal.NewWriter(&out, s.key, 1, source())
	fatal(err)
	_, err = w.Record(byte(item.KindSMS), record)
	fatal(err)
	fatal(w.Index(plain))
	s.sum, err = w.Close()
	fatal(err)
	s.chunk = out.Bytes()
	s.private, err = ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	fatal(err)
	return s
}

func (s *stored) manifest() api.Manifest {
	return api.Manifest{Snapshot: s.session.String(), Total: 1, Counts: api.Counts{}, Index: api.IndexPosition{Offset: s.sum.IndexOffset, Length: s.sum.IndexLength},
		Chunks: []api.ManifestChunk{{Session: s.session.String(), Id: index.OfChunk(s.sum.SHA256).String(), Size: s.sum.Size, Records: s.sum.RecordPart, Url: "https://storage.test/chunk"}}}
}

func (s *stored) client(manifest []byte) *remote.Client {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &remote.Client{Server: "https://zapas.test", Device: device, Signer: signer{s.private}, Transport: &transport{s, manifest, 0}, Random: source(),
		Now: func() time.Time { return at }, Wait: func(context.Context, time.Duration) error { return nil }}
}

type signer struct{ private *ecdsa.PrivateKey }

func (k signer) PublicKey() []byte {
	der, err := x509.MarshalPKIXPublicKey(&k.private.PublicKey)
	if err != nil {
		panic(err)
	}
	return der
}

func (k signer) Sign(digest []byte) ([]byte, error) {
	return ecdsa.SignASN1(cryptorand.Reader, k.private, digest)
}

// transport answers as the service, whose list is given, and as its storage.
type transport struct {
	s        *stored
	manifest []byte
	lists    int
}

func (tr *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{}, Request: r}
	var body []byte
	switch {
	case r.URL.Host != "zapas.test":
		body = tr.s.chunk
		var from, to int64
		if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); n == 2 {
			if from < 0 || from > to || from >= int64(len(body)) {
				resp.StatusCode, body = http.StatusRequestedRangeNotSatisfiable, nil
				break
			}
			body = body[from:min(to+1, int64(len(body)))]
			resp.StatusCode = http.StatusPartialContent
		}
	case strings.HasSuffix(r.URL.Path, "/keys"):
		var err error
		if body, err = tr.s.keys(r.Body); err != nil {
			return nil, err
		}
	default:
		if body = tr.manifest; tr.lists > 3 { // it would go on for as long as a list may be
			body = []byte(`{}`)
		}
		tr.lists++
	}
	resp.ContentLength = int64(len(body))
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// keys seals the snapshot's key for who asks, as that of each session that is asked for.
func (s *stored) keys(asked io.Reader) ([]byte, error) {
	var in api.KeysInput
	if err := json.NewDecoder(asked).Decode(&in); err != nil {
		return nil, err
	}
	raw, err := base64.RawURLEncoding.DecodeString(in.PublicKey)
	if err != nil {
		return nil, err
	}
	public, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(raw)
	if err != nil {
		return nil, err
	}
	out := api.Keys{KeyVersion: 1}
	for _, session := range in.Sessions {
		info := strings.Join([]string{"zapas key v1", tenant, user, session, device}, "\x00")
		sealed, err := hpke.Seal(public, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info), s.key[:])
		if err != nil {
			return nil, err
		}
		out.Keys = append(out.Keys, api.SealedKey{Session: session, Key: base64.RawURLEncoding.EncodeToString(sealed)})
	}
	return json.Marshal(out)
}

// TestSoundList: the list that the fuzzed ones come from is read to its end.
func TestSoundList(t *testing.T) {
	t.Parallel()
	s := newStored(t)
	body, err := json.Marshal(s.manifest())
	if err != nil {
		t.Fatal(err)
	}
	for _, read := range []func(d Gatherer, r Restore) (*index.Index, error){readRecords, readWhole} {
		d := Gatherer{Client: s.client(body), Tenant: tenant, User: user, Device: device, Random: source()}
		x, err := read(d, Restore{Snapshot: s.session.String(), Session: device, Folder: t.TempDir(), Kinds: []item.Kind{item.KindSMS}})
		if err != nil || x == nil || x.Chunks[0].RecordPart != s.sum.RecordPart {
			t.Errorf("%+v, %v", x, err)
		}
	}
}
