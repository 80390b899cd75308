package apigateway_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

// The signers of the tests, made once: RSA keys take their time.
var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
	ecKey = sync.OnceValue(func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		return key
	})
)

// keys is an issuer with two keys.
type keys struct{}

func (keys) Key(_ context.Context, kid string) (crypto.PublicKey, error) {
	switch kid {
	case "rsa":
		return &rsaKey().PublicKey, nil
	case "ec":
		return &ecKey().PublicKey, nil
	}
	return nil, errors.New("no such key")
}

// token signs the claims of a good token with the changes; a nil value removes a claim.
func token(t *testing.T, method jwt.SigningMethod, kid string, key any, changes jwt.MapClaims) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": "http://127.0.0.1:7420/oidc", "aud": "zapas", "sub": "u1",
		"iat": noon.Unix(), "exp": noon.Unix() + 3600,
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	unsigned := jwt.NewWithClaims(method, claims)
	if kid != "" {
		unsigned.Header["kid"] = kid
	}
	signed, err := unsigned.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestAuthorizer(t *testing.T) {
	t.Parallel()
	now := noon.Unix()
	with := func(changes jwt.MapClaims) string { return token(t, jwt.SigningMethodRS256, "rsa", rsaKey(), changes) }
	good := with(nil)
	public, err := x509.MarshalPKIXPublicKey(&rsaKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	other := strings.Split(with(jwt.MapClaims{"sub": "u2"}), ".")

	const accepted = "accepted"
	const malformed, signature, key = "the token is malformed", "the signature is not valid", "the key of the signature is not known"
	const audience, issuer = "the token does not have a valid audience", "the token does not have a valid issuer"
	for name, c := range map[string]struct{ token, want string }{
		"RS256":          {good, accepted},
		"RS384":          {token(t, jwt.SigningMethodRS384, "rsa", rsaKey(), nil), accepted},
		"RS512":          {token(t, jwt.SigningMethodRS512, "rsa", rsaKey(), nil), accepted},
		"PS256":          {token(t, jwt.SigningMethodPS256, "rsa", rsaKey(), nil), signature},
		"ES256":          {token(t, jwt.SigningMethodES256, "ec", ecKey(), nil), signature},
		"HS256PublicKey": {token(t, jwt.SigningMethodHS256, "rsa", public, nil), signature},
		"None":           {token(t, jwt.SigningMethodNone, "rsa", jwt.UnsafeAllowNoneSignatureType, nil), signature},
		"KeyNotRSA":      {token(t, jwt.SigningMethodRS256, "ec", rsaKey(), nil), key},
		"KeyUnknown":     {token(t, jwt.SigningMethodRS256, "old", rsaKey(), nil), key},
		"KeyUnnamed":     {token(t, jwt.SigningMethodRS256, "", rsaKey(), nil), key},
		"OtherClaims":    {parts[0] + "." + other[1] + "." + parts[2], signature},
		"CutOff":         {parts[0] + "." + parts[1], malformed},
		"Garbage":        {"a.b.c", malformed},

		"OtherIssuer":      {with(jwt.MapClaims{"iss": "http://127.0.0.1:7420/oidc/"}), issuer},
		"NoIssuer":         {with(jwt.MapClaims{"iss": nil}), "the token lacks a claim"},
		"SecondAudience":   {with(jwt.MapClaims{"aud": "other"}), accepted},
		"OneOfAudiences":   {with(jwt.MapClaims{"aud": []string{"x", "zapas"}}), accepted},
		"OtherAudience":    {with(jwt.MapClaims{"aud": "x"}), audience},
		"NoAudience":       {with(jwt.MapClaims{"aud": nil}), audience},
		"ClientID":         {with(jwt.MapClaims{"aud": nil, "client_id": "zapas"}), accepted},
		"OtherClientID":    {with(jwt.MapClaims{"aud": nil, "client_id": "x"}), audience},
		"AudienceGoesOver": {with(jwt.MapClaims{"aud": "x", "client_id": "zapas"}), audience},

		"ExpiresInASecond": {with(jwt.MapClaims{"exp": now + 1}), accepted},
		"ExpiresNow":       {with(jwt.MapClaims{"exp": now}), "the token has expired"},
		"NeverExpires":     {with(jwt.MapClaims{"exp": nil}), "the token lacks a claim"},
		"ValidFromNow":     {with(jwt.MapClaims{"nbf": now}), accepted},
		"ValidInASecond":   {with(jwt.MapClaims{"nbf": now + 1}), "the token is not valid yet"},
		"IssuedNever":      {with(jwt.MapClaims{"iat": nil}), accepted},
		"IssuedInASecond":  {with(jwt.MapClaims{"iat": now + 1}), "the token was used before it was issued"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ok()
			w := serve(api(t, s), request("GET", "/v1/me", "", "Authorization", "Bearer "+c.token))
			if c.want == accepted {
				if w.Code != 200 || len(s.called) != 1 {
					t.Errorf("%d %s", w.Code, w.Header().Get("WWW-Authenticate"))
				}
				return
			}
			challenge := `Bearer scope="" error="invalid_token" error_description="` + c.want + `"`
			if w.Code != 401 || w.Body.String() != `{"message":"Unauthorized"}` || w.Header().Get("WWW-Authenticate") != challenge {
				t.Errorf("%d %s %s", w.Code, w.Body, w.Header().Get("WWW-Authenticate"))
			}
			if len(s.called) > 0 {
				t.Error("the function was called")
			}
		})
	}
}

func TestAuthorizer_Header(t *testing.T) {
	t.Parallel()
	good := token(t, jwt.SigningMethodRS256, "rsa", rsaKey(), nil)
	for name, c := range map[string]struct {
		headers []string
		status  int
	}{
		"None":         {nil, 401},
		"Empty":        {[]string{"Authorization", ""}, 401},
		"SchemeAlone":  {[]string{"Authorization", "Bearer "}, 401},
		"OtherScheme":  {[]string{"Authorization", "Basic " + good}, 401},
		"TokenAlone":   {[]string{"Authorization", good}, 200},
		"LowerCase":    {[]string{"Authorization", "bearer " + good}, 200},
		"Twice":        {[]string{"Authorization", "Bearer " + good, "Authorization", "Bearer " + good}, 401},
		"AnotherPlace": {[]string{"Cookie", good}, 401},
	} {
		s := ok()
		if w := serve(api(t, s), request("GET", "/v1/me?access_token="+good, "", c.headers...)); w.Code != c.status {
			t.Errorf("%s: %d, want %d", name, w.Code, c.status)
		}
	}
}

func TestAuthorizer_ClaimsAreText(t *testing.T) {
	t.Parallel()
	s := ok()
	serve(api(t, s), request("GET", "/v1/me", "", "Authorization", token(t, jwt.SigningMethodRS256, "rsa", rsaKey(), jwt.MapClaims{
		"groups": []string{"admin", "phone users"}, "none": []string{}, "email_verified": true, "big": int64(1) << 60, "part": 1.5,
	})))
	if len(s.events) != 1 {
		t.Fatalf("%d events", len(s.events))
	}
	got := decode(t, s.events[0])["requestContext"].(map[string]any)["authorizer"]
	want := map[string]any{"jwt": map[string]any{
		"claims": map[string]any{
			"iss": "http://127.0.0.1:7420/oidc", "aud": "zapas", "sub": "u1", "iat": "1772366400", "exp": "1772370000",
			"groups": "[admin phone users]", "none": "[]", "email_verified": "true", "big": "1152921504606846976", "part": "1.5",
		},
		"scopes": nil,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
