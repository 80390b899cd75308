package apigateway

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// authorizer is a JWT authorizer whose identity source is the Authorization header.
type authorizer struct {
	audience []string
	keys     KeySource
	parser   *jwt.Parser
}

func newAuthorizer(issuer string, audience []string, keys KeySource, now func() time.Time) *authorizer {
	return &authorizer{audience, keys, jwt.NewParser(
		jwt.WithValidMethods([]string{"RS256", "RS384", "RS512"}), // the service takes RSA only
		jwt.WithIssuer(issuer),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithTimeFunc(now),
		jwt.WithStrictDecoding(),
		jwt.WithJSONNumber(),
	)}
}

// refusal is why a request has no valid token.
type refusal struct {
	reason  string
	missing bool
}

// answer has the challenge of RFC 6750 section 3.
func (r *refusal) answer() answer {
	ans := message(http.StatusUnauthorized, "Unauthorized")
	challenge := "Bearer"
	if !r.missing {
		challenge = fmt.Sprintf(`Bearer scope="" error="invalid_token" error_description=%q`, r.reason)
	}
	ans.header.Set("Www-Authenticate", challenge)
	return ans
}

var errAudience = errors.New("audience") // told apart from the parser's errors

// claims verifies the request's token and returns what it claims, as text.
func (z *authorizer) claims(r *http.Request) (map[string]string, *refusal) {
	text := strings.Join(r.Header.Values("Authorization"), ",") // as the function sees it: two tokens are none
	if scheme, token, ok := strings.Cut(text, " "); ok && strings.EqualFold(scheme, "Bearer") {
		text = strings.TrimSpace(token)
	}
	if text == "" {
		return nil, &refusal{reason: "there is no token", missing: true}
	}
	given := jwt.MapClaims{}
	_, err := z.parser.ParseWithClaims(text, given, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		key, err := z.keys.Key(r.Context(), kid)
		if err != nil {
			return nil, err
		}
		if _, ok := key.(*rsa.PublicKey); !ok {
			return nil, fmt.Errorf("key %q is not an RSA key", kid)
		}
		return key, nil
	})
	if err == nil && !z.accepts(given) {
		err = errAudience
	}
	if err != nil {
		return nil, &refusal{reason: describe(err)}
	}
	claims := make(map[string]string, len(given))
	for name, value := range given {
		claims[name] = fmt.Sprint(value) // a list becomes "[a b]", numbers and booleans their text
	}
	return claims, nil
}

// accepts says whether the token is for this API. Its client_id counts only if it has no aud.
func (z *authorizer) accepts(given jwt.MapClaims) bool {
	if _, has := given["aud"]; !has {
		client, _ := given["client_id"].(string)
		return slices.Contains(z.audience, client)
	}
	audience, err := given.GetAudience()
	return err == nil && slices.ContainsFunc(audience, func(one string) bool { return slices.Contains(z.audience, one) })
}

// describe says what is wrong with a token, and nothing that was in it.
func describe(err error) string {
	for _, c := range []struct {
		kind error
		text string
	}{
		{jwt.ErrTokenSignatureInvalid, "the signature is not valid"},
		{jwt.ErrTokenUnverifiable, "the key of the signature is not known"},
		{jwt.ErrTokenExpired, "the token has expired"},
		{jwt.ErrTokenRequiredClaimMissing, "the token lacks a claim"},
		{jwt.ErrTokenNotValidYet, "the token is not valid yet"},
		{jwt.ErrTokenUsedBeforeIssued, "the token was used before it was issued"},
		{jwt.ErrTokenInvalidIssuer, "the token does not have a valid issuer"},
		{errAudience, "the token does not have a valid audience"},
	} {
		if errors.Is(err, c.kind) {
			return c.text
		}
	}
	return "the token is malformed"
}
