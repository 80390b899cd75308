// Package oidc knows how an OpenID provider signs people in: authorization code with PKCE, tokens signed with RS256, and
// the documents by which others find its addresses and keys. It does not know any password: whoever can reach it may
// be anybody, which is why it works on loopback only, and for development.
//
// Sources: OpenID Connect Core 1.0, Discovery 1.0 and RP-Initiated Logout 1.0; RFC 6749, 7636 (PKCE), 9068 (access tokens).
//
// It has the authorization endpoint (response_type=code, response_mode=query), the token endpoint for public clients,
// discovery, JWKS, userinfo, logout, and a grant of its own that answers tokens to curl. It keeps no session: every request to
// authorize shows the page and makes a new auth_time, so prompt=login and any max_age are met, and prompt=none is
// answered login_required. It has no client secrets, refresh tokens, request objects, dynamic registration,
// introspection, key rotation, nor revocation: tokens are good until they expire.
package oidc

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// User is somebody who can be signed in. A user is named by subject, e-mail or name.
type User struct {
	Subject, Name, Email string
	Groups               []string
}

// Client is a public client: it has no secret and must use PKCE.
type Client struct {
	ID           string
	RedirectURIs []string // compared exactly; also where logout may lead
}

// Config is a development issuer.
type Config struct {
	Issuer   string // a loopback URL as in http://127.0.0.1:7420/oidc
	Dir      string // where the signing key is kept
	Users    []User
	Clients  []Client
	Audience string // of access tokens
	Now      func() time.Time
	NewID    func() string // codes and token ids, which nobody may guess; nil: random
}

// Issuer serves the paths below its own. It may be used by many goroutines at a time.
type Issuer struct {
	cfg     Config
	url     *url.URL
	key     *rsa.PrivateKey
	keyID   string
	users   map[string]*User // by each of their names
	clients map[string]*Client
	pages   *template.Template
	handler http.Handler

	mu    sync.Mutex
	codes map[string]*grant
}

// New checks the configuration and reads the signing key, or makes it the first time.
func New(cfg Config) (*Issuer, error) {
	i := &Issuer{cfg: cfg, users: map[string]*User{}, clients: map[string]*Client{}, codes: map[string]*grant{}}
	if i.cfg.Now == nil {
		i.cfg.Now = time.Now
	}
	if i.cfg.NewID == nil {
		i.cfg.NewID = rand.Text
	}
	var err error
	if i.url, err = loopback(cfg.Issuer); err != nil {
		return nil, err
	}
	if cfg.Audience == "" {
		return nil, errors.New("the development issuer has no audience: name the one that the API expects")
	}
	if err := i.addUsers(cfg.Users); err != nil {
		return nil, err
	}
	if err := i.addClients(cfg.Clients); err != nil {
		return nil, err
	}
	if i.pages, err = template.New("").Parse(pages); err != nil {
		return nil, fmt.Errorf("the sign-in page cannot be read: %w", err)
	}
	if i.key, err = signingKey(cfg.Dir); err != nil {
		return nil, err
	}
	i.keyID = thumbprint(&i.key.PublicKey)

	mux := http.NewServeMux()
	mux.HandleFunc("GET "+i.url.Path+"/.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET "+i.url.Path+"/jwks", i.jwks)
	mux.HandleFunc("GET "+i.url.Path+"/authorize", i.showUsers)
	mux.HandleFunc("POST "+i.url.Path+"/authorize", i.pickUser)
	mux.HandleFunc("POST "+i.url.Path+"/token", i.token)
	mux.HandleFunc("GET "+i.url.Path+"/userinfo", i.userinfo)
	mux.HandleFunc("GET "+i.url.Path+"/logout", i.logout)
	// A foreign page cannot sign anybody in by posting our form.
	i.handler = http.NewCrossOriginProtection().Handler(mux)
	return i, nil
}

// loopback refuses an issuer that others could reach.
func loopback(issuer string) (*url.URL, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil ||
		issuer != u.Scheme+"://"+u.Host+u.Path || strings.HasSuffix(u.Path, "/") {
		return nil, fmt.Errorf("the development issuer cannot be %q: it is a URL without a final /, as in http://127.0.0.1:7420/oidc", issuer)
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("the development issuer cannot be %q: it signs anybody in without a password, so only loopback is allowed, as in http://127.0.0.1:7420/oidc", issuer)
	}
	return u, nil
}

func (i *Issuer) addUsers(users []User) error {
	for n := range users {
		u := &users[n]
		if u.Subject == "" {
			return fmt.Errorf("user %d of the development issuer has no subject: give one", n+1)
		}
		for _, name := range []string{u.Subject, u.Email, u.Name} {
			if other := i.users[name]; other != nil && other != u {
				return fmt.Errorf("two users of the development issuer are called %q: call one otherwise", name)
			}
			if name != "" {
				i.users[name] = u
			}
		}
	}
	return nil
}

func (i *Issuer) addClients(clients []Client) error {
	for n := range clients {
		c := &clients[n]
		if c.ID == "" || i.clients[c.ID] != nil {
			return fmt.Errorf("client %q of the development issuer has no id of its own: give it one", c.ID)
		}
		for _, uri := range c.RedirectURIs {
			if u, err := url.Parse(uri); err != nil || !u.IsAbs() || u.Fragment != "" {
				return fmt.Errorf("client %s cannot be redirected to %q: it must be an absolute URL without a fragment", c.ID, uri)
			}
		}
		i.clients[c.ID] = c
	}
	return nil
}

// ServeHTTP answers requests to the issuer's own host only: a name that somebody else made point to loopback is not it.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Host != i.url.Host {
		http.Error(w, "The development issuer is "+i.cfg.Issuer+" only.", http.StatusMisdirectedRequest)
		return
	}
	i.handler.ServeHTTP(w, r)
}

// Key returns the public key that verifies this issuer's tokens.
func (i *Issuer) Key(_ context.Context, kid string) (crypto.PublicKey, error) {
	if kid != i.keyID {
		return nil, errors.New("the development issuer has no key of this id")
	}
	return &i.key.PublicKey, nil
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                i.cfg.Issuer,
		"authorization_endpoint":                i.cfg.Issuer + "/authorize",
		"token_endpoint":                        i.cfg.Issuer + "/token",
		"jwks_uri":                              i.cfg.Issuer + "/jwks",
		"userinfo_endpoint":                     i.cfg.Issuer + "/userinfo",
		"end_session_endpoint":                  i.cfg.Issuer + "/logout",
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query"},
		"grant_types_supported":                 []string{grantCode, grantDevelopment},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"token_endpoint_auth_methods_supported": []string{"none"},
		"code_challenge_methods_supported":      []string{"S256"},
		"scopes_supported":                      []string{"openid", "profile", "email"},
		"request_uri_parameter_supported":       false,
	})
}

// logout leads back to the client, if it names itself and a URI of its own. There is no session to end.
func (i *Issuer) logout(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back := q.Get("post_logout_redirect_uri")
	if back == "" {
		i.page(w, http.StatusOK, "signed-out", nil)
		return
	}
	client := i.clients[q.Get("client_id")]
	if client == nil || !client.redirects(back) {
		i.page(w, http.StatusBadRequest, "error", "This address is not one that the client may be sent to after signing out.")
		return
	}
	answer := url.Values{}
	if state := q.Get("state"); state != "" {
		answer.Set("state", state)
	}
	redirect(w, r, back, answer)
}
