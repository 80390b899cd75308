// Package console knows how a person proves who he is: by an access token of the organisation's OpenID provider. It does
// not know what he asks for, nor what his roles may do.
package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"zapas/functions/internal/gateway"
	"zapas/shared/caller"
	"zapas/shared/fault"
)

const (
	keysFor  = time.Hour       // how long the provider's keys are believed without asking it again
	patience = 3 * time.Second // for one answer of the provider
	mostRead = 1 << 20         // bytes of one answer
)

// compact is the one form in which a token is taken (RFC 7515, 7.1).
var compact = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// Verifier proves people. It verifies the token itself, whatever API Gateway has said of it: whoever may invoke the
// function can write an event. The provider is not asked before the first token comes.
type Verifier struct {
	Issuer      string
	Tenant      string
	Audience    []string
	GroupsClaim string
	NameClaim   string
	EmailClaim  string
	Roles       map[string]caller.Role // by group
	Transport   http.RoundTripper
	Now         func() time.Time

	mu       sync.Mutex
	keys     oidc.KeySet
	userinfo string // where the provider tells who somebody is; "": nowhere
	since    time.Time
}

var _ gateway.Authenticator = (*Verifier)(nil)

// Caller proves who has the token in a request.
func (v *Verifier) Caller(ctx context.Context, r gateway.Request) (caller.Caller, error) {
	scheme, token, _ := strings.Cut(r.Authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return caller.Caller{}, fault.New(fault.Unsigned, "token_missing", "Authorization: sign in, and send Bearer and your access token.")
	}
	if !compact.MatchString(token) { // the library reads other forms too
		return caller.Caller{}, invalid()
	}
	keys, err := v.provider(ctx)
	if err != nil {
		return caller.Caller{}, unreachable(err)
	}
	// What a failure to read the keys means must not depend on how the library words it.
	seen := &seeing{KeySet: keys}
	t, err := oidc.NewVerifier(v.Issuer, seen, &oidc.Config{SkipClientIDCheck: true, Now: v.Now,
		SupportedSigningAlgs: []string{oidc.RS256, oidc.RS384, oidc.RS512}}).Verify(ctx, token)
	var expired *oidc.TokenExpiredError
	var unread *url.Error
	switch {
	case errors.As(seen.err, &unread) || ctx.Err() != nil:
		return caller.Caller{}, unreachable(errors.Join(seen.err, ctx.Err()))
	case errors.As(err, &expired):
		return caller.Caller{}, fault.New(fault.Unsigned, "token_expired", "Your sign-in has expired; sign in again.")
	case err != nil:
		return caller.Caller{}, invalid()
	}
	var c map[string]jsontext.Value
	if err := t.Claims(&raw{&c}); err != nil || t.Subject == "" || !v.forUs(t.Audience, c) {
		return caller.Caller{}, invalid()
	}
	return caller.Caller{Tenant: v.Tenant, User: caller.UserOf(v.Issuer, v.Tenant, t.Subject), Subject: t.Subject,
		Name: short(text(c[v.NameClaim])), Email: short(text(c[v.EmailClaim])), Roles: v.roles(c[v.GroupsClaim]), AuthTime: moment(c["auth_time"])}, nil
}

// forUs reports whether the token was issued for this API: by aud or, as API Gateway's authorizer has it, by client_id
// where there is no aud, as in an access token of Amazon Cognito.
func (v *Verifier) forUs(audience []string, c map[string]jsontext.Value) bool {
	if len(audience) == 0 {
		audience = []string{text(c["client_id"])}
	}
	return slices.ContainsFunc(audience, func(a string) bool { return a != "" && slices.Contains(v.Audience, a) })
}

// provider finds the provider's keys, which are read when a token needs them.
func (v *Verifier) provider(ctx context.Context) (oidc.KeySet, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.Now()
	if v.keys != nil && now.Sub(v.since) < keysFor {
		return v.keys, nil
	}
	ctx = oidc.ClientContext(ctx, &http.Client{Transport: bounded{v.Transport}, Timeout: patience})
	p, err := oidc.NewProvider(ctx, v.Issuer)
	if err != nil {
		return nil, err
	}
	var found struct {
		Keys     string `json:"jwks_uri"`
		Userinfo string `json:"userinfo_endpoint"`
	}
	if err := p.Claims(&found); err != nil {
		return nil, err
	}
	v.keys, v.userinfo, v.since = oidc.NewRemoteKeySet(ctx, found.Keys), found.Userinfo, now
	return v.keys, nil
}

// seeing keeps why a signature was not verified.
type seeing struct {
	oidc.KeySet
	err error
}

func (s *seeing) VerifySignature(ctx context.Context, token string) (payload []byte, err error) {
	payload, s.err = s.KeySet.VerifySignature(ctx, token)
	return payload, s.err
}

// bounded turns every answer of the provider into an error that is not JSON with 200, or has no end.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostRead))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK || !jsontext.Value(body).IsValid() {
		return nil, fmt.Errorf("the provider answered %d and %d bytes that are no document", resp.StatusCode, len(body))
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// raw has the library's decoder hand over what the token says as it stands.
type raw struct{ into *map[string]jsontext.Value }

func (r *raw) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, r.into) }

func unreachable(err error) error {
	return fault.Wrap(err, fault.Unavailable, "provider_unreachable",
		"Your organisation's sign-in service does not answer, so that nobody can be recognised; try again in a moment.")
}

func invalid() error {
	return fault.New(fault.Unsigned, "token_invalid", "This access token is not valid here; sign in again.")
}
