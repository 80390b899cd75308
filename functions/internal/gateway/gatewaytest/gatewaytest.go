// Package gatewaytest knows how people and phones ask: an OpenID provider without a socket, tokens signed rightly or
// wrongly, and events as API Gateway writes them. It does not know what is answered.
package gatewaytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"

	"zapas/shared/api"
)

// Settings of every test.
const (
	IssuerURL = "https://login.example/t"
	Audience  = "zapas"
	KeyID     = "key-1"
)

// Issuer is an OpenID provider. Its zero value is not ready: use NewIssuer.
type Issuer struct {
	Key *rsa.PrivateKey

	mu        sync.Mutex
	failing   map[string]string // path -> what it answers instead: "" for no answer
	published map[string]*rsa.PrivateKey
	asked     []string
}

// NewIssuer makes a provider with a key.
func NewIssuer(t *testing.T) *Issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &Issuer{Key: key, failing: map[string]string{}, published: map[string]*rsa.PrivateKey{KeyID: key}}
}

// Fail has a path answer this instead with 200, or not at all when it is ""; Mend ends it.
func (i *Issuer) Fail(path, answer string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.failing[path] = answer
}

// Mend has every path answer again.
func (i *Issuer) Mend() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.failing)
}

// Publish adds a key.
func (i *Issuer) Publish(id string, key *rsa.PrivateKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.published[id] = key
}

// Asked lists the paths that were asked for.
func (i *Issuer) Asked() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.asked...)
}

// RoundTrip answers the provider's documents.
func (i *Issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	path := strings.TrimPrefix(r.URL.String(), IssuerURL)
	i.asked = append(i.asked, path)
	status, body := http.StatusOK, ""
	instead, fails := i.failing[path]
	switch {
	case fails && instead == "":
		return nil, io.ErrUnexpectedEOF
	case fails:
		body = instead
	case path == "/.well-known/openid-configuration":
		body = `{"issuer":"` + IssuerURL + `","jwks_uri":"` + IssuerURL + `/jwks","userinfo_endpoint":"` + IssuerURL + `/userinfo"}`
	case path == "/jwks":
		var keys []string
		for id, k := range i.published {
			keys = append(keys, `{"kty":"RSA","use":"sig","kid":"`+id+`","n":"`+b64(k.N.Bytes())+`","e":"`+b64(big.NewInt(int64(k.E)).Bytes())+`"}`)
		}
		body = `{"keys":[` + strings.Join(keys, ",") + `]}`
	default:
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// Claims are those of a person's good access token.
func Claims(now time.Time, subject string, groups ...string) jwt.MapClaims {
	return jwt.MapClaims{"iss": IssuerURL, "aud": Audience, "sub": subject, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"auth_time": now.Unix(), "name": "Name of " + subject, "email": subject + "@example.com", "groups": groups}
}

// Bearer is the header with a person's good token.
func (i *Issuer) Bearer(now time.Time, subject string, groups ...string) string {
	return "Bearer " + Sign(jwt.SigningMethodRS256, i.Key, map[string]any{"kid": KeyID}, Claims(now, subject, groups...))
}

// Sign makes a token, right or wrong.
func Sign(method jwt.SigningMethod, key any, header map[string]any, claims jwt.MapClaims) string {
	t := jwt.NewWithClaims(method, claims)
	for name, value := range header {
		t.Header[name] = value
	}
	s, err := t.SignedString(key)
	if err != nil {
		panic(err)
	}
	return s
}

// Phone is a device and its key.
type Phone struct {
	ID  string // "" before it has enrolled
	Key *ecdsa.PrivateKey
}

// NewPhone makes a key.
func NewPhone(t *testing.T, id string) *Phone {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Phone{ID: id, Key: key}
}

// PublicKey is the phone's key as it is enrolled: SubjectPublicKeyInfo in DER.
func (p *Phone) PublicKey() []byte {
	der, err := x509.MarshalPKIXPublicKey(p.Key.Public())
	if err != nil {
		panic(err)
	}
	return der
}

// Claims are those of a good token for a request.
func (p *Phone) Claims(now time.Time, method, target string, body []byte) jwt.MapClaims {
	sum := sha256.Sum256(body)
	return jwt.MapClaims{"jti": rand.Text(), "iat": now.Unix(), "exp": now.Unix() + 60, "htm": method, "htu": target, "bh": b64(sum[:])}
}

// Header is what a good token's header says besides alg.
func (p *Phone) Header() map[string]any {
	if p.ID == "" {
		return nil
	}
	return map[string]any{"kid": p.ID}
}

// Authorize signs an event.
func (p *Phone) Authorize(now time.Time, e *events.APIGatewayV2HTTPRequest) {
	target := e.RawPath
	if e.RawQueryString != "" {
		target += "?" + e.RawQueryString
	}
	e.Headers["authorization"] = "Zapas-Device " + Sign(jwt.SigningMethodES256, p.Key, p.Header(),
		p.Claims(now, e.RequestContext.HTTP.Method, target, []byte(e.Body)))
}

// Route is an operation of the contract.
func Route(operation string) api.Route {
	for _, r := range api.Routes {
		if r.Operation == operation {
			return r
		}
	}
	panic("the contract has no operation " + operation)
}

// Event is a request for an operation as API Gateway hands it over; body is sent as JSON, unless it is nil.
func Event(operation, id, query string, body any) events.APIGatewayV2HTTPRequest {
	r := Route(operation)
	e := events.APIGatewayV2HTTPRequest{Version: "2.0", RouteKey: r.Key(), RawPath: strings.Replace(r.Path, "{id}", id, 1), RawQueryString: query,
		Headers: map[string]string{"content-type": "application/json"}}
	e.RequestContext.RequestID, e.RequestContext.HTTP.Method = "request-1", r.Method
	if strings.Contains(r.Path, "{id}") {
		e.PathParameters = map[string]string{"id": id}
	}
	switch b := body.(type) {
	case nil:
	case string:
		e.Body = b
	default:
		out, err := json.Marshal(b)
		if err != nil {
			panic(err)
		}
		e.Body = string(out)
	}
	return e
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
