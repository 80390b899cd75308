package oidc

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// codeLife is how long a code can be traded for tokens (RFC 6749 section 4.1.2 allows ten minutes at most).
const codeLife = 60 * time.Second

// maxForm is the most that a posted form may hold, in bytes.
const maxForm = 64 << 10

// grant is what a code stands for.
type grant struct {
	client    *Client
	redirect  string
	challenge string // the code verifier's SHA-256, base64url
	nonce     string
	scope     string
	user      *User
	authTime  time.Time
	expires   time.Time
}

// refusal is why a request to authorize fails. Without a code of RFC 6749 section 4.1.2.1 it is shown to the person at
// the browser, since it is not certain who asked.
type refusal struct{ code, text string }

func (c *Client) redirects(uri string) bool { return slices.Contains(c.RedirectURIs, uri) }

// parameters are those of a request to authorize that are read; each may come once (RFC 6749 section 3.1).
func parameters() []string {
	return []string{
		"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
		"code_challenge", "code_challenge_method", "prompt", "max_age", "request", "request_uri",
	}
}

// check reads a request to authorize. First comes what must be right before anything may be sent to the client.
func (i *Issuer) check(q url.Values) (*grant, *refusal) {
	client := i.clients[q.Get("client_id")]
	if client == nil || len(q["client_id"]) > 1 {
		return nil, &refusal{text: "The application that sent you here is not known: its client_id is not one of this issuer's clients."}
	}
	g := &grant{
		client: client, redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"),
		nonce: q.Get("nonce"), scope: q.Get("scope"),
	}
	if !client.redirects(g.redirect) || len(q["redirect_uri"]) > 1 {
		return nil, &refusal{text: "The application that sent you here asks to be answered at an address that is not its own: its redirect_uri is not one of the client's."}
	}
	for _, name := range parameters() {
		if len(q[name]) > 1 {
			return g, &refusal{"invalid_request", name + " is given more than once"}
		}
	}
	_, challengeErr := base64.RawURLEncoding.Strict().DecodeString(g.challenge)
	prompts := strings.Fields(q.Get("prompt"))
	switch {
	case q.Has("request"):
		return g, &refusal{"request_not_supported", "request objects are not supported"}
	case q.Has("request_uri"):
		return g, &refusal{"request_uri_not_supported", "request objects are not supported"}
	case q.Get("response_type") == "":
		return g, &refusal{"invalid_request", "response_type is missing"}
	case q.Get("response_type") != "code":
		return g, &refusal{"unsupported_response_type", "response_type must be code"}
	case q.Has("response_mode") && q.Get("response_mode") != "query":
		return g, &refusal{"invalid_request", "response_mode must be query"}
	case !slices.Contains(strings.Fields(g.scope), "openid"):
		return g, &refusal{"invalid_scope", "scope must contain openid"}
	case q.Get("code_challenge_method") != "S256":
		return g, &refusal{"invalid_request", "code_challenge_method must be S256"}
	case len(g.challenge) != 43 || challengeErr != nil:
		return g, &refusal{"invalid_request", "code_challenge must be a SHA-256 in base64url"}
	case q.Has("max_age") && !wholeNumber(q.Get("max_age")):
		return g, &refusal{"invalid_request", "max_age must be a number of seconds"}
	case slices.Equal(prompts, []string{"none"}):
		return g, &refusal{"login_required", "nobody is signed in"}
	case slices.ContainsFunc(prompts, func(p string) bool { return !slices.Contains([]string{"login", "consent", "select_account"}, p) }):
		return g, &refusal{"invalid_request", "prompt must be none alone, or of login, consent and select_account"}
	}
	return g, nil
}

func wholeNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

func (i *Issuer) refuse(w http.ResponseWriter, r *http.Request, g *grant, why *refusal, state string) {
	if why.code == "" {
		i.page(w, http.StatusBadRequest, "error", why.text)
		return
	}
	i.respond(w, r, g, state, url.Values{"error": {why.code}, "error_description": {why.text}})
}

// respond sends the answer to the client by way of the browser, with the state that it gave.
func (i *Issuer) respond(w http.ResponseWriter, r *http.Request, g *grant, state string, answer url.Values) {
	if state != "" {
		answer.Set("state", state)
	}
	redirect(w, r, g.redirect, answer)
}

// redirect keeps the query that the address has (RFC 6749 section 3.1.2).
func redirect(w http.ResponseWriter, r *http.Request, to string, answer url.Values) {
	if len(answer) > 0 {
		separator := "?"
		if strings.Contains(to, "?") {
			separator = "&"
		}
		to += separator + answer.Encode()
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// showUsers answers a request to authorize with the page of users, whoever was picked before.
func (i *Issuer) showUsers(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	g, why := i.check(q)
	if why != nil {
		i.refuse(w, r, g, why, q.Get("state"))
		return
	}
	fields := map[string]string{}
	for _, name := range parameters() {
		if q.Has(name) {
			fields[name] = q.Get(name)
		}
	}
	i.page(w, http.StatusOK, "users", map[string]any{
		"Action": i.url.Path + "/authorize", "Client": g.client.ID, "Fields": fields, "Users": i.cfg.Users,
	})
}

// pickUser takes the page's form. It is checked as the request was: it came by way of the browser.
func (i *Issuer) pickUser(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		i.page(w, http.StatusBadRequest, "error", "The form cannot be read.")
		return
	}
	q := r.PostForm
	g, why := i.check(q)
	if why != nil {
		i.refuse(w, r, g, why, q.Get("state"))
		return
	}
	if q.Has("cancel") {
		i.refuse(w, r, g, &refusal{"access_denied", "nobody was picked"}, q.Get("state"))
		return
	}
	if g.user = i.users[q.Get("user")]; g.user == nil {
		i.page(w, http.StatusBadRequest, "error", "There is no such user.")
		return
	}
	i.respond(w, r, g, q.Get("state"), url.Values{"code": {i.issue(g)}})
}

// issue makes a code for the grant, and forgets those that have expired.
func (i *Issuer) issue(g *grant) string {
	g.authTime = i.cfg.Now()
	g.expires = g.authTime.Add(codeLife)
	code := i.cfg.NewID()
	i.mu.Lock()
	defer i.mu.Unlock()
	maps.DeleteFunc(i.codes, func(_ string, old *grant) bool { return !g.authTime.Before(old.expires) })
	i.codes[code] = g
	return code
}

// redeem takes a code's grant, once. A code that is offered wrongly is spent too.
func (i *Issuer) redeem(code string) *grant {
	i.mu.Lock()
	defer i.mu.Unlock()
	g := i.codes[code]
	delete(i.codes, code)
	if g == nil || !i.cfg.Now().Before(g.expires) {
		return nil
	}
	return g
}
