package oidc

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	grantCode        = "authorization_code"
	grantDevelopment = "urn:zapas:development"

	tokenLife = time.Hour

	access = "at+jwt" // the type of access tokens (RFC 9068)

	// developmentClient is who asked when a development token names no client.
	developmentClient = "development"
)

// TokenOptions change a token from what somebody who signs in now would get.
type TokenOptions struct {
	Client   string        // its client_id; empty: "development"
	AuthTime time.Time     // when the user was picked; zero: now
	Lifetime time.Duration // may be negative; 0: an hour
}

// Token returns an access token for a user, named by subject, e-mail or name.
func (i *Issuer) Token(user string, o TokenOptions) (string, error) {
	u := i.users[user]
	if u == nil {
		return "", fmt.Errorf("the development issuer has no user %q: add the user to its configuration", user)
	}
	if o.Client == "" {
		o.Client = developmentClient
	}
	if o.AuthTime.IsZero() {
		o.AuthTime = i.cfg.Now()
	}
	if o.Lifetime == 0 {
		o.Lifetime = tokenLife
	}
	return i.sign(access, i.cfg.Audience, u, o, nil)
}

// sign makes a token of who a user is, and more. As with Amazon Cognito, what he is called stands in identity tokens and
// is told by userinfo, and an access token does not say it.
func (i *Issuer) sign(kind, audience string, u *User, o TokenOptions, more jwt.MapClaims) (string, error) {
	now := i.cfg.Now()
	claims := jwt.MapClaims{
		"iss":       i.cfg.Issuer,
		"sub":       u.Subject,
		"aud":       audience,
		"client_id": o.Client,
		"iat":       now.Unix(),
		"exp":       now.Add(o.Lifetime).Unix(),
		"auth_time": o.AuthTime.Unix(),
		"jti":       i.cfg.NewID(),
		"groups":    append([]string{}, u.Groups...),
	}
	if kind != access {
		maps.Copy(claims, called(u))
	}
	for name, value := range more {
		claims[name] = value
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"], token.Header["typ"] = i.keyID, kind
	signed, err := token.SignedString(i.key)
	if err != nil {
		return "", fmt.Errorf("the token cannot be signed: %w", err)
	}
	return signed, nil
}

// called is what a user is called.
func called(u *User) jwt.MapClaims {
	return jwt.MapClaims{"email": u.Email, "email_verified": u.Email != "", "name": u.Name}
}

// userinfo tells who has an access token (OpenID Connect Core 5.3).
func (i *Issuer) userinfo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	t, err := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(i.cfg.Issuer), jwt.WithExpirationRequired(), jwt.WithTimeFunc(i.cfg.Now)).
		Parse(given, func(*jwt.Token) (any, error) { return &i.key.PublicKey, nil })
	if !strings.EqualFold(scheme, "Bearer") || err != nil || t.Header["typ"] != access {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`) // RFC 6750 section 3
		tokenError(w, http.StatusUnauthorized, "invalid_token", "this is no access token of this issuer that is still good")
		return
	}
	subject, err := t.Claims.GetSubject()
	u := i.users[subject]
	if err != nil || u == nil {
		tokenError(w, http.StatusUnauthorized, "invalid_token", "its user is not there any more")
		return
	}
	said := called(u)
	said["sub"] = u.Subject
	writeJSON(w, http.StatusOK, said)
}

// token is the token endpoint (RFC 6749 sections 4.1.3, 5.1 and 5.2).
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		tokenError(w, http.StatusBadRequest, "invalid_request", "the form cannot be read")
		return
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			tokenError(w, http.StatusBadRequest, "invalid_request", name+" is given more than once")
			return
		}
	}
	switch r.PostForm.Get("grant_type") {
	case grantCode:
		i.tradeCode(w, r.PostForm)
	case grantDevelopment:
		i.development(w, r.PostForm)
	case "":
		tokenError(w, http.StatusBadRequest, "invalid_request", "grant_type is missing")
	default:
		tokenError(w, http.StatusBadRequest, "unsupported_grant_type", "grant_type must be "+grantCode+" or "+grantDevelopment)
	}
}

// tradeCode does not say which of the code's conditions failed: who offers it rightly knows them.
func (i *Issuer) tradeCode(w http.ResponseWriter, form url.Values) {
	client := i.clients[form.Get("client_id")]
	if client == nil {
		tokenError(w, http.StatusUnauthorized, "invalid_client", "the client is not known")
		return
	}
	// RFC 7636 section 4.1.
	verifier := form.Get("code_verifier")
	if !regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`).MatchString(verifier) {
		tokenError(w, http.StatusBadRequest, "invalid_request", "code_verifier must be 43 to 128 unreserved characters")
		return
	}
	sum := sha256.Sum256([]byte(verifier))
	g := i.redeem(form.Get("code"))
	if g == nil || g.client != client || g.redirect != form.Get("redirect_uri") ||
		g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		tokenError(w, http.StatusBadRequest, "invalid_grant",
			"the code is unknown, used or expired, or was given to another client, redirect_uri or code_verifier")
		return
	}
	i.answerTokens(w, g)
}

// development signs a user in without a browser, at auth_time if that is given.
func (i *Issuer) development(w http.ResponseWriter, form url.Values) {
	g := &grant{client: &Client{ID: developmentClient}, scope: "openid profile email", authTime: i.cfg.Now()}
	if g.user = i.users[form.Get("user")]; g.user == nil {
		tokenError(w, http.StatusBadRequest, "invalid_grant", "there is no such user: name one by subject, e-mail or name")
		return
	}
	if id := form.Get("client_id"); id != "" {
		if g.client = i.clients[id]; g.client == nil {
			tokenError(w, http.StatusUnauthorized, "invalid_client", "the client is not known")
			return
		}
	}
	if form.Has("auth_time") {
		seconds, err := strconv.ParseInt(form.Get("auth_time"), 10, 64)
		if err != nil || seconds < 0 || seconds > g.authTime.Unix() {
			tokenError(w, http.StatusBadRequest, "invalid_request", "auth_time must be seconds since 1970, and not in the future")
			return
		}
		g.authTime = time.Unix(seconds, 0)
	}
	i.answerTokens(w, g)
}

func (i *Issuer) answerTokens(w http.ResponseWriter, g *grant) {
	o := TokenOptions{Client: g.client.ID, AuthTime: g.authTime, Lifetime: tokenLife}
	token, err := i.sign(access, i.cfg.Audience, g.user, o, nil)
	if err == nil {
		// OpenID Connect Core 3.1.3.6: the left half of the access token's hash ties the two together.
		sum := sha256.Sum256([]byte(token))
		more := jwt.MapClaims{"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16])}
		if g.nonce != "" {
			more["nonce"] = g.nonce
		}
		var id string
		if id, err = i.sign("JWT", g.client.ID, g.user, o, more); err == nil {
			writeJSON(w, http.StatusOK, map[string]any{
				"access_token": token, "id_token": id, "token_type": "Bearer",
				"expires_in": int(tokenLife.Seconds()), "scope": g.scope,
			})
			return
		}
	}
	tokenError(w, http.StatusInternalServerError, "server_error", err.Error())
}

func tokenError(w http.ResponseWriter, status int, code, text string) {
	writeJSON(w, status, map[string]string{"error": code, "error_description": text})
}
