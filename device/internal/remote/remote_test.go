package remote

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/shared/api"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type key struct{ private *ecdsa.PrivateKey }

func (k key) PublicKey() []byte {
	der, err := x509.MarshalPKIXPublicKey(&k.private.PublicKey)
	if err != nil {
		panic(err)
	}
	return der
}

func (k key) Sign(digest []byte) ([]byte, error) {
	return ecdsa.SignASN1(rand.Reader, k.private, digest)
}

// script is a transport that answers one step after the other, and remembers what it was sent.
type script struct {
	steps []func(*http.Request) (*http.Response, error)
	sent  []*http.Request
	body  [][]byte
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	s.sent, s.body = append(s.sent, r), append(s.body, body)
	if len(s.steps) == 0 {
		return nil, errors.New("nothing more was expected")
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	resp, err := step(r)
	if resp != nil {
		resp.Request = r
	}
	return resp, err
}

func says(status int, body string, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i+1 < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func breaks(*http.Request) (*http.Response, error) { return nil, syscall.ECONNRESET }

func cutShort(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(io.MultiReader(strings.NewReader(`{"sn`), failing{}))}, nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func problemJSON(status int, code string) string {
	return fmt.Sprintf(`{"type":"about:blank","title":"T","status":%d,"code":%q,"detail":"What to do."}`, status, code)
}

type waits struct{ all []time.Duration }

func (w *waits) wait(ctx context.Context, d time.Duration) error {
	w.all = append(w.all, d)
	return ctx.Err()
}

func client(t *testing.T, steps ...func(*http.Request) (*http.Response, error)) (*Client, *script, *waits) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, w := &script{steps: steps}, new(waits)
	return &Client{Server: "https://zapas.test/", Device: "01DEV", Signer: key{private}, Transport: s, Now: func() time.Time { return noon },
		Random: mathrand.NewChaCha8([32]byte{1}), Wait: w.wait}, s, w
}

func TestToken(t *testing.T) {
	t.Parallel()
	c, s, _ := client(t, says(200, `{}`))
	if _, err := c.Manifest(t.Context(), "01SES", "20 0"); err != nil {
		t.Fatal(err)
	}
	r := s.sent[0]
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Zapas-Device ")
	parts := strings.Split(token, ".")
	var header, claims map[string]any
	for i, into := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(map[string]any{"alg": "ES256", "typ": "JWT", "kid": "01DEV"}, header); d != "" {
		t.Error(d)
	}
	empty := sha256.Sum256(nil)
	want := map[string]any{"jti": claims["jti"], "iat": float64(noon.Unix()), "exp": float64(noon.Unix() + 120), "htm": "GET",
		"htu": "/v1/device/sessions/01SES/manifest?cursor=20+0", "bh": base64.RawURLEncoding.EncodeToString(empty[:])}
	if d := cmp.Diff(want, claims); d != "" || len(claims["jti"].(string)) != 22 {
		t.Error(d)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[2])
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	public := &c.Signer.(key).private.PublicKey
	if err != nil || len(raw) != 64 || !ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])) {
		t.Errorf("the signature does not verify: %v", err)
	}
}

func TestToken_EnrollingNamesNoDevice(t *testing.T) {
	t.Parallel()
	c, s, _ := client(t, says(200, `{"device":"01DEV"}`))
	c.Device = ""
	if _, err := c.Enrol(t.Context(), api.EnrolInput{Code: "X"}); err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(strings.TrimPrefix(s.sent[0].Header.Get("Authorization"), "Zapas-Device "), ".")
	if b, _ := base64.RawURLEncoding.DecodeString(head); bytes.Contains(b, []byte("kid")) {
		t.Errorf("header %s", b)
	}
	if !bytes.Contains(s.body[0], []byte(base64.RawURLEncoding.EncodeToString(c.Signer.PublicKey()))) {
		t.Errorf("body %s has no public key", s.body[0])
	}
}

func TestOffset(t *testing.T) {
	t.Parallel()
	late := fmt.Sprintf(`{"type":"about:blank","title":"T","status":401,"code":"token_time","serverTime":%q}`, noon.Add(72*time.Hour).Format(time.RFC3339))
	c, s, w := client(t, says(401, late), says(200, `{}`), says(200, `{}`), says(401, late), says(401, late))
	for range 2 {
		if _, err := c.CheckIn(t.Context(), api.CheckIn{}); err != nil {
			t.Fatal(err)
		}
	}
	if c.Offset() != 72*time.Hour || len(s.sent) != 3 || len(w.all) != 0 {
		t.Errorf("offset %v after %d requests", c.Offset(), len(s.sent))
	}
	// A service that is never content is asked twice and no more.
	if _, err := c.CheckIn(t.Context(), api.CheckIn{}); Code(err) != "token_time" || len(s.sent) != 5 {
		t.Errorf("%v after %d requests", err, len(s.sent))
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	type steps = []func(*http.Request) (*http.Response, error)
	for _, tt := range []struct {
		name  string
		steps steps
		sent  int
		fails string // part of the error; "" for none
	}{
		{"Reset", steps{breaks, breaks, says(200, `{}`)}, 3, ""},
		{"CutShort", steps{cutShort, says(200, `{}`)}, 2, ""},
		{"Unavailable", steps{says(503, problemJSON(503, "busy")), says(200, `{}`)}, 2, ""},
		{"ProxyInBetween", steps{says(502, "<html>"), says(200, `{}`)}, 2, ""},
		{"TooMany", steps{says(429, problemJSON(429, "slow"), "Retry-After", "7"), says(200, `{}`)}, 2, ""},
		{"ConflictIsFinal", steps{says(409, problemJSON(409, "stale"))}, 1, "What to do."},
		{"NotOurForm", steps{says(404, "nothing here")}, 1, "is its address right"},
		{"NotImplementedIsFinal", steps{says(501, problemJSON(501, "no"))}, 1, "What to do."},
		{"RedirectIsNotFollowed", steps{says(302, "", "Location", "https://elsewhere.test")}, 1, "302"},
		{"SixTimes", steps{breaks, breaks, breaks, breaks, breaks, breaks}, 6, "zapas.test"},
		{"AskedToWaitTooLong", steps{says(503, problemJSON(503, "down"), "Retry-After", "3600")}, 1, "What to do."},
		{"UnreadableAnswer", steps{says(200, `<html>`)}, 1, "is https://zapas.test/ the service's address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, s, w := client(t, tt.steps...)
			_, err := c.CheckIn(t.Context(), api.CheckIn{})
			if tt.fails == "" && err != nil || tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)) {
				t.Errorf("error %v, want %q", err, tt.fails)
			}
			if len(s.sent) != tt.sent || c.Sent().API != tt.sent || len(w.all) != tt.sent-1 {
				t.Errorf("%d requests and %d waits, want %d requests", len(s.sent), len(w.all), tt.sent)
			}
			for i, d := range w.all {
				if limit := min(mostWait, firstWait<<i); tt.name != "TooMany" && d >= limit {
					t.Errorf("wait %d is %v, want below %v", i, d, limit)
				}
				if tt.name == "TooMany" && d != 7*time.Second {
					t.Errorf("waited %v and not 7s", d)
				}
			}
		})
	}
}

func TestRetry_EndsWithTheContext(t *testing.T) {
	t.Parallel()
	c, s, _ := client(t, breaks, breaks)
	ctx, cancel := context.WithCancel(t.Context())
	c.Wait = func(context.Context, time.Duration) error { cancel(); return ctx.Err() }
	if _, err := c.CheckIn(ctx, api.CheckIn{}); !errors.Is(err, context.Canceled) || len(s.sent) != 1 {
		t.Errorf("%v after %d requests", err, len(s.sent))
	}
}

func TestPut(t *testing.T) {
	t.Parallel()
	denied := says(403, `<Error><Code>AccessDenied</Code></Error>`)
	for _, tt := range []struct {
		name  string
		steps []func(*http.Request) (*http.Response, error)
		sent  int
		fails int // status of *Refused
	}{
		{"OK", []func(*http.Request) (*http.Response, error){says(200, "")}, 1, 0},
		{"ThereAlready", []func(*http.Request) (*http.Response, error){says(412, "")}, 1, 0},
		{"LostAnswer", []func(*http.Request) (*http.Response, error){breaks, says(412, "")}, 2, 0},
		{"AnotherIsUnderWay", []func(*http.Request) (*http.Response, error){says(409, ""), says(200, "")}, 2, 0},
		{"SlowDown", []func(*http.Request) (*http.Response, error){says(503, `<Error><Code>SlowDown</Code></Error>`), says(200, "")}, 2, 0},
		{"Timeout", []func(*http.Request) (*http.Response, error){says(400, `<Error><Code>RequestTimeout</Code></Error>`), says(200, "")}, 2, 0},
		{"Expired", []func(*http.Request) (*http.Response, error){denied}, 1, 403},
		{"WrongSum", []func(*http.Request) (*http.Response, error){says(400, `<Error><Code>BadDigest</Code></Error>`)}, 1, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, s, _ := client(t, tt.steps...)
			err := c.Put(t.Context(), Upload{URL: "https://s3.test/k?X-Amz-Signature=secret", Size: 5, Headers: map[string]string{"x-amz-checksum-sha256": "sum", "if-none-match": "*", "content-length": "5"},
				Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("12345")), nil }})
			refused, _ := errors.AsType[*Refused](err)
			if (err != nil) != (tt.fails != 0) || refused != nil && refused.Status != tt.fails {
				t.Errorf("error %v, want %d", err, tt.fails)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error gives the URL away: %v", err)
			}
			for i, r := range s.sent {
				if r.ContentLength != 5 || string(s.body[i]) != "12345" || r.Header.Get("x-amz-checksum-sha256") != "sum" || r.Header.Get("Authorization") != "" {
					t.Errorf("sent %v %q", r.Header, s.body[i])
				}
			}
			if got := c.Sent(); got != (Requests{Puts: tt.sent, BytesUp: int64(5 * tt.sent)}) || got.Total() != tt.sent {
				t.Errorf("counted %+v", got)
			}
		})
	}
}

// strict sends what it is told to, or nothing, as net/http does.
type strict struct{}

func (strict) RoundTrip(req *http.Request) (*http.Response, error) {
	if n, err := io.Copy(io.Discard, req.Body); err != nil || n != req.ContentLength {
		return nil, fmt.Errorf("%d of %d bytes: %w", n, req.ContentLength, err)
	}
	return says(200, "")(req)
}

// TestPut_Unreadable: what this device cannot read itself is not tried again.
func TestPut_Unreadable(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]io.Reader{"Short": strings.NewReader("1234"), "Empty": strings.NewReader(""), "Long": strings.NewReader("123456"),
		"Error": iotest.ErrReader(errors.New("is a directory"))} {
		c, _, w := client(t)
		c.Transport = strict{}
		opened := 0
		err := c.Put(t.Context(), Upload{URL: "https://s3.test/k", Size: 5, Open: func() (io.ReadCloser, error) { opened++; return io.NopCloser(body), nil }})
		if _, ok := errors.AsType[*Unreadable](err); !ok || opened != 1 || len(w.all) != 0 {
			t.Errorf("%s: opened %d times: %v", name, opened, err)
		}
	}
}

type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

func TestGet(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		steps []func(*http.Request) (*http.Response, error)
		want  string
		fails string
	}{
		{"OK", []func(*http.Request) (*http.Response, error){says(200, "12345")}, "12345", ""},
		{"BeginsAnew", []func(*http.Request) (*http.Response, error){cutShort, says(200, "12345")}, "12345", ""},
		{"TooShort", []func(*http.Request) (*http.Response, error){says(200, "1234")}, "", "4 of its 5 bytes"},
		{"TooLong", []func(*http.Request) (*http.Response, error){says(200, "123456")}, "", "more than its 5 bytes"},
		{"Missing", []func(*http.Request) (*http.Response, error){says(404, `<Error><Code>NoSuchKey</Code></Error>`)}, "", "404 NoSuchKey"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _, _ := client(t, tt.steps...)
			var b *buffer
			err := c.Get(t.Context(), "https://s3.test/k", 5, func() (io.WriteCloser, error) { b = new(buffer); return b, nil })
			if tt.fails == "" && (err != nil || b.String() != tt.want) || tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)) {
				t.Errorf("%v, want %q", err, tt.fails)
			}
		})
	}
}

func TestFixed(t *testing.T) {
	t.Parallel()
	for name, der := range map[string][]byte{"Empty": nil, "Zero": {0x30, 6, 2, 1, 0, 2, 1, 1}, "Trailing": {0x30, 6, 2, 1, 1, 2, 1, 1, 0}, "Negative": {0x30, 6, 2, 1, 0x80, 2, 1, 1}} {
		if _, err := fixed(der); err == nil {
			t.Errorf("%s: it was taken for a signature", name)
		}
	}
	if raw, err := fixed([]byte{0x30, 6, 2, 1, 1, 2, 1, 2}); err != nil || raw[31] != 1 || raw[63] != 2 {
		t.Errorf("small numbers: %v, %v", raw, err)
	}
}

// TestRetry_AfterADate: a moment that the service names is one of its clock, not of the phone's.
func TestRetry_AfterADate(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{0, 72 * time.Hour, -72 * time.Hour} {
		c, _, w := client(t, says(503, problemJSON(503, "busy"), "Retry-After", noon.Add(off+7*time.Second).Format(http.TimeFormat)), says(200, `{}`))
		c.SetOffset(off)
		if _, err := c.CheckIn(t.Context(), api.CheckIn{}); err != nil || len(w.all) != 1 || w.all[0] != 7*time.Second {
			t.Errorf("%s off: waited %v, %v", off, w.all, err)
		}
	}
}
