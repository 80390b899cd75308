package oidc_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin/apigateway"
	"zapas/localstack/standin/oidc"
)

const (
	issuer   = "http://127.0.0.1:7420/oidc"
	home     = "http://127.0.0.1:7420/console/?tab=1"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B
)

// keyDir holds the key of all issuers here: making one takes its time.
var keyDir string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "oidc")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	keyDir = filepath.Join(dir, "made", "when", "missing")
	return m.Run()
}

// place is an issuer at noon, and whoever talks to it.
type place struct {
	*oidc.Issuer
	t   *testing.T
	now time.Time
}

func config() oidc.Config {
	return oidc.Config{
		Issuer: issuer, Dir: keyDir, Audience: "zapas",
		Users: []oidc.User{
			{Subject: "anna", Name: "Anna <b>Nowak</b>", Email: "anna@example.org", Groups: []string{"admin", "phone users"}},
			{Subject: "piotr", Name: "Piotr Zieliński"},
		},
		Clients: []oidc.Client{
			{ID: "console", RedirectURIs: []string{"http://127.0.0.1:5173/", home}},
			{ID: "other", RedirectURIs: []string{home}},
		},
	}
}

func open(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	cfg := config()
	cfg.Now = func() time.Time { return p.now }
	var err error
	if p.Issuer, err = oidc.New(cfg); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) send(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

func (p *place) get(path string, q url.Values) *httptest.ResponseRecorder {
	return p.send(httptest.NewRequest("GET", issuer+path+"?"+q.Encode(), nil))
}

func (p *place) post(path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", issuer+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.send(r)
}

// RoundTrip lets go-oidc talk to the issuer.
func (p *place) RoundTrip(r *http.Request) (*http.Response, error) { return p.send(r).Result(), nil }

// verify checks a token as a stranger would who knows the issuer's address only.
func (p *place) verify(token, audience string) (*goidc.IDToken, error) {
	ctx := goidc.ClientContext(p.t.Context(), &http.Client{Transport: p})
	provider, err := goidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	return provider.VerifierContext(ctx, &goidc.Config{
		ClientID: audience, Now: func() time.Time { return p.now },
	}).Verify(ctx, token)
}

func asking(changes ...string) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	return change(url.Values{
		"client_id": {"console"}, "redirect_uri": {home}, "response_type": {"code"}, "scope": {"openid email"},
		"state": {"s t"}, "nonce": {"n1"}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}, changes)
}

// change sets pairs of names and values; "-" removes, and a leading "+" gives a second value.
func change(q url.Values, pairs []string) url.Values {
	for i := 0; i < len(pairs); i += 2 {
		switch name, value := pairs[i], pairs[i+1]; {
		case value == "-":
			q.Del(name)
		case strings.HasPrefix(value, "+"):
			q.Add(name, value[1:])
		default:
			q.Set(name, value)
		}
	}
	return q
}

// landed reads the answer that a redirect carries to the client.
func landed(t *testing.T, w *httptest.ResponseRecorder) url.Values {
	t.Helper()
	location := w.Header().Get("Location")
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(location, home+"&") {
		t.Fatalf("%d to %q: %s", w.Code, location, w.Body)
	}
	q, err := url.ParseQuery(strings.TrimPrefix(location, home+"&"))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func (p *place) code(q url.Values) string {
	p.t.Helper()
	form := maps.Clone(q)
	form.Set("user", "anna")
	got := landed(p.t, p.post("/authorize", form))
	if got.Get("state") != q.Get("state") || got.Get("code") == "" {
		p.t.Fatalf("landed with %v", got)
	}
	return got.Get("code")
}

func trading(code string, changes ...string) url.Values {
	return change(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "client_id": {"console"}, "redirect_uri": {home}, "code_verifier": {verifier},
	}, changes)
}

type tokens struct {
	Access    string `json:"access_token"`
	ID        string `json:"id_token"`
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
	Scope     string
	Error     string
}

func readTokens(t *testing.T, w *httptest.ResponseRecorder) tokens {
	t.Helper()
	var got tokens
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("tokens may be cached")
	}
	return got
}

func claims(t *testing.T, token *goidc.IDToken) map[string]any {
	t.Helper()
	var m map[string]any
	if err := token.Claims(&m); err != nil {
		t.Fatal(err)
	}
	if id, _ := m["jti"].(string); len(id) < 20 {
		t.Errorf("jti %q can be guessed", id)
	}
	delete(m, "jti")
	return m
}

func TestCodeFlow(t *testing.T) {
	t.Parallel()
	p := open(t)
	shown := p.get("/authorize", asking())
	if shown.Code != 200 {
		t.Fatalf("%d %s", shown.Code, shown.Body)
	}
	p.now = p.now.Add(time.Hour) // the page lay open
	code := p.code(asking())
	picked := p.now
	p.now = p.now.Add(59 * time.Second)
	w := p.post("/token", trading(code))
	got := readTokens(t, w)
	if w.Code != 200 || got.Type != "Bearer" || got.ExpiresIn != 3600 || got.Scope != "openid email" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	id, err := p.verify(got.ID, "console")
	if err != nil {
		t.Fatal(err)
	}
	if err := id.VerifyAccessToken(got.Access); err != nil {
		t.Error(err)
	}
	access, err := p.verify(got.Access, "zapas")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": issuer, "sub": "anna", "aud": "zapas", "client_id": "console",
		"iat": float64(p.now.Unix()), "exp": float64(p.now.Unix() + 3600), "auth_time": float64(picked.Unix()),
		"groups": []any{"admin", "phone users"},
	}
	if diff := cmp.Diff(want, claims(t, access)); diff != "" {
		t.Error(diff)
	}
	called := map[string]any{"email": "anna@example.org", "email_verified": true, "name": "Anna <b>Nowak</b>"}
	maps.Copy(want, called)
	idClaims := claims(t, id)
	delete(idClaims, "at_hash") // verified above
	want["aud"], want["nonce"] = "console", "n1"
	if diff := cmp.Diff(want, idClaims); diff != "" {
		t.Error(diff)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	p := open(t)
	w := p.get("/authorize", asking("state", `"><script>x</script>`))
	page := w.Body.String()
	for _, want := range []string{
		`<html lang="en">`, `<title>Who are you?</title>`, `<h1>Who are you?</h1>`,
		`<button name="user" value="anna">Anna &lt;b&gt;Nowak&lt;/b&gt;`, `<button name="user" value="piotr">Piotr Zieliński`,
		`<input type="hidden" name="state" value="&#34;&gt;&lt;script&gt;x&lt;/script&gt;">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s:\n%s", want, page)
		}
	}
	_, rest, _ := strings.Cut(page, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	allowed := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, allowed) {
		t.Errorf("the policy %s does not allow the page's style", policy)
	}
}

func TestAuthorize_EveryRequestAsks(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.code(asking())
	for _, changes := range [][]string{
		{}, {"prompt", "login"}, {"max_age", "0"}, {"max_age", "300"}, {"prompt", "login consent"}, {"response_mode", "query"},
		{"nonce", "-"}, {"state", "-"},
	} {
		if w := p.get("/authorize", asking(changes...)); w.Code != 200 || !strings.Contains(w.Body.String(), "Who are you?") {
			t.Errorf("%q: %d %s", changes, w.Code, w.Body)
		}
	}
}

func TestAuthorize_Refuses(t *testing.T) {
	t.Parallel()
	const page = "" // shown, not sent to the client
	for name, c := range map[string]struct {
		changes []string
		want    string
	}{
		"UnknownClient":     {[]string{"client_id", "nobody"}, page},
		"NoClient":          {[]string{"client_id", "-"}, page},
		"TwoClients":        {[]string{"client_id", "+other"}, page},
		"OtherRedirect":     {[]string{"redirect_uri", home + "&x=1"}, page},
		"RedirectPrefix":    {[]string{"redirect_uri", "http://127.0.0.1:7420/console/"}, page},
		"RedirectCase":      {[]string{"redirect_uri", strings.ToUpper(home)}, page},
		"NoRedirect":        {[]string{"redirect_uri", "-"}, page},
		"TwoRedirects":      {[]string{"redirect_uri", "+http://evil.example/"}, page},
		"NoResponseType":    {[]string{"response_type", "-"}, "invalid_request"},
		"Implicit":          {[]string{"response_type", "id_token"}, "unsupported_response_type"},
		"Fragment":          {[]string{"response_mode", "fragment"}, "invalid_request"},
		"NoScope":           {[]string{"scope", "-"}, "invalid_scope"},
		"NotOpenID":         {[]string{"scope", "email openidx"}, "invalid_scope"},
		"NoChallenge":       {[]string{"code_challenge", "-"}, "invalid_request"},
		"ShortChallenge":    {[]string{"code_challenge", strings.Repeat("A", 42)}, "invalid_request"},
		"LongChallenge":     {[]string{"code_challenge", strings.Repeat("A", 44)}, "invalid_request"},
		"NoBase64URL":       {[]string{"code_challenge", strings.Repeat("A", 42) + "+"}, "invalid_request"},
		"PlainChallenge":    {[]string{"code_challenge_method", "plain"}, "invalid_request"},
		"NoChallengeMethod": {[]string{"code_challenge_method", "-"}, "invalid_request"},
		"TwoNonces":         {[]string{"nonce", "+n2"}, "invalid_request"},
		"Silently":          {[]string{"prompt", "none"}, "login_required"},
		"SilentlyAndNot":    {[]string{"prompt", "none login"}, "invalid_request"},
		"UnknownPrompt":     {[]string{"prompt", "maybe"}, "invalid_request"},
		"NegativeAge":       {[]string{"max_age", "-1"}, "invalid_request"},
		"NoAge":             {[]string{"max_age", "soon"}, "invalid_request"},
		"RequestObject":     {[]string{"request", "a.b.c"}, "request_not_supported"},
		"RequestURI":        {[]string{"request_uri", "http://a"}, "request_uri_not_supported"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			posted := asking(c.changes...)
			posted.Set("user", "anna")
			for how, w := range map[string]*httptest.ResponseRecorder{
				"GET": p.get("/authorize", asking(c.changes...)), "POST": p.post("/authorize", posted),
			} {
				if c.want == page {
					if w.Code != 400 || w.Header().Get("Location") != "" || !strings.Contains(w.Body.String(), `role="alert"`) {
						t.Errorf("%s: %d to %q", how, w.Code, w.Header().Get("Location"))
					}
					continue
				}
				got := landed(t, w)
				if got.Get("error") != c.want || got.Get("state") != "s t" || got.Has("code") {
					t.Errorf("%s: landed with %v, want %s", how, got, c.want)
				}
			}
		})
	}
}

func TestAuthorize_Form(t *testing.T) {
	t.Parallel()
	p := open(t)
	if got := landed(t, p.post("/authorize", asking("cancel", "1"))); got.Get("error") != "access_denied" || got.Get("state") != "s t" {
		t.Errorf("cancelling landed with %v", got)
	}
	for _, user := range []string{"nobody", "-"} {
		if w := p.post("/authorize", asking("user", user)); w.Code != 400 || w.Header().Get("Location") != "" {
			t.Errorf("user %s: %d", user, w.Code)
		}
	}
	r := httptest.NewRequest("POST", issuer+"/authorize?user=anna&"+asking().Encode(), nil)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if w := p.send(r); w.Code != 400 {
		t.Errorf("a form in the query: %d", w.Code)
	}
	r = httptest.NewRequest("POST", issuer+"/authorize", strings.NewReader(asking("user", "anna").Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if w := p.send(r); w.Code != 403 {
		t.Errorf("a form of another site: %d", w.Code)
	}
}

func TestToken_Refuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		changes []string
		status  int
		want    string
	}{
		"NoGrantType":      {[]string{"grant_type", "-"}, 400, "invalid_request"},
		"OtherGrantType":   {[]string{"grant_type", "password"}, 400, "unsupported_grant_type"},
		"NoClient":         {[]string{"client_id", "-"}, 401, "invalid_client"},
		"UnknownClient":    {[]string{"client_id", "nobody"}, 401, "invalid_client"},
		"OtherClient":      {[]string{"client_id", "other"}, 400, "invalid_grant"},
		"OtherCode":        {[]string{"code", "guess"}, 400, "invalid_grant"},
		"NoCode":           {[]string{"code", "-"}, 400, "invalid_grant"},
		"OtherRedirect":    {[]string{"redirect_uri", "http://127.0.0.1:5173/"}, 400, "invalid_grant"},
		"NoRedirect":       {[]string{"redirect_uri", "-"}, 400, "invalid_grant"},
		"OtherVerifier":    {[]string{"code_verifier", strings.Repeat("a", 43)}, 400, "invalid_grant"},
		"LongestVerifier":  {[]string{"code_verifier", strings.Repeat("a", 128)}, 400, "invalid_grant"},
		"NoVerifier":       {[]string{"code_verifier", "-"}, 400, "invalid_request"},
		"ShortVerifier":    {[]string{"code_verifier", strings.Repeat("a", 42)}, 400, "invalid_request"},
		"LongVerifier":     {[]string{"code_verifier", strings.Repeat("a", 129)}, 400, "invalid_request"},
		"ReservedVerifier": {[]string{"code_verifier", strings.Repeat("a", 42) + "/"}, 400, "invalid_request"},
		"TwoVerifiers":     {[]string{"code_verifier", "+" + verifier}, 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			code := p.code(asking())
			w := p.post("/token", trading(code, c.changes...))
			if got := readTokens(t, w); w.Code != c.status || got.Error != c.want || got.Access != "" {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, c.status, c.want)
			}
		})
	}
}

func TestCode(t *testing.T) {
	t.Parallel()
	trade := func(p *place, code string, changes ...string) int {
		return p.post("/token", trading(code, changes...)).Code
	}
	t.Run("IsGoodOnce", func(t *testing.T) {
		p := open(t)
		code := p.code(asking())
		if first, second := trade(p, code), trade(p, code); first != 200 || second != 400 {
			t.Errorf("%d, then %d", first, second)
		}
	})
	t.Run("IsSpentByAWrongOffer", func(t *testing.T) {
		p := open(t)
		code := p.code(asking())
		if first, second := trade(p, code, "client_id", "other"), trade(p, code); first != 400 || second != 400 {
			t.Errorf("%d, then %d", first, second)
		}
	})
	t.Run("ExpiresAfterAMinute", func(t *testing.T) {
		p := open(t)
		code := p.code(asking())
		p.now = p.now.Add(time.Minute)
		if got := trade(p, code); got != 400 {
			t.Errorf("%d after a minute", got)
		}
	})
	t.Run("IsForgottenOnlyWhenExpired", func(t *testing.T) {
		p := open(t)
		code := p.code(asking())
		p.now = p.now.Add(time.Minute - 1)
		p.code(asking()) // makes room
		if got := trade(p, code); got != 200 {
			t.Errorf("%d just before a minute", got)
		}
	})
}

func TestDevelopmentGrant(t *testing.T) {
	t.Parallel()
	p := open(t)
	now := p.now.Unix()
	ask := func(changes ...string) (*httptest.ResponseRecorder, tokens) {
		w := p.post("/token", change(url.Values{"grant_type": {"urn:zapas:development"}, "user": {"anna@example.org"}}, changes))
		return w, readTokens(t, w)
	}
	for name, c := range map[string]struct {
		changes  []string
		client   string
		authTime int64
		subject  string
	}{
		"Email":     {nil, "development", now, "anna"},
		"Name":      {[]string{"user", "Piotr Zieliński"}, "development", now, "piotr"},
		"Client":    {[]string{"client_id", "console"}, "console", now, "anna"},
		"Stale":     {[]string{"auth_time", fmt.Sprint(now - 301)}, "development", now - 301, "anna"},
		"VeryStale": {[]string{"auth_time", "0"}, "development", 0, "anna"},
		"Now":       {[]string{"auth_time", fmt.Sprint(now)}, "development", now, "anna"},
	} {
		w, got := ask(c.changes...)
		if w.Code != 200 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
			continue
		}
		if _, err := p.verify(got.ID, c.client); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		access, err := p.verify(got.Access, "zapas")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m := claims(t, access)
		if m["client_id"] != c.client || m["auth_time"] != float64(c.authTime) || m["sub"] != c.subject {
			t.Errorf("%s: %v", name, m)
		}
	}
	for name, c := range map[string]struct {
		changes []string
		want    string
	}{
		"Nobody":        {[]string{"user", "nobody"}, "invalid_grant"},
		"NoUser":        {[]string{"user", "-"}, "invalid_grant"},
		"UnknownClient": {[]string{"client_id", "nobody"}, "invalid_client"},
		"Future":        {[]string{"auth_time", fmt.Sprint(now + 1)}, "invalid_request"},
		"Negative":      {[]string{"auth_time", "-1"}, "invalid_request"},
		"NoTime":        {[]string{"auth_time", "yesterday"}, "invalid_request"},
	} {
		if w, got := ask(c.changes...); w.Code < 400 || got.Error != c.want {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestToken_InProcess(t *testing.T) {
	t.Parallel()
	p := open(t)
	token, err := p.Token("piotr", oidc.TokenOptions{Client: "console", AuthTime: p.now.Add(-time.Hour), Lifetime: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	verified, err := p.verify(token, "zapas")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": issuer, "sub": "piotr", "aud": "zapas", "client_id": "console",
		"iat": float64(p.now.Unix()), "exp": float64(p.now.Unix() + 60), "auth_time": float64(p.now.Unix() - 3600),
		"groups": []any{},
	}
	if diff := cmp.Diff(want, claims(t, verified)); diff != "" {
		t.Error(diff)
	}
	if _, err := p.Token("nobody", oidc.TokenOptions{}); err == nil || !strings.Contains(err.Error(), `no user "nobody"`) {
		t.Errorf("got %v", err)
	}
}

// TestKey_ServesTheAuthorizer plays the HTTP API with this issuer's tokens.
func TestKey_ServesTheAuthorizer(t *testing.T) {
	t.Parallel()
	p := open(t)
	api, err := apigateway.New(apigateway.Config{
		Routes: []apigateway.Route{{Method: "GET", Path: "/me", Function: "devices", JWT: true}},
		Invoke: func(context.Context, string, []byte) ([]byte, error) { return []byte(`{"statusCode":204}`), nil },
		Issuer: issuer, Audience: []string{"zapas"}, Keys: p, Now: func() time.Time { return p.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	for lifetime, want := range map[time.Duration]int{time.Second: 204, -time.Second: 401} {
		token, err := p.Token("anna", oidc.TokenOptions{Lifetime: lifetime})
		if err != nil {
			t.Fatal(err)
		}
		r, w := httptest.NewRequest("GET", "/me", nil), httptest.NewRecorder()
		r.Header.Set("Authorization", "Bearer "+token)
		if api.ServeHTTP(w, r); w.Code != want {
			t.Errorf("a token for %v: %d, want %d", lifetime, w.Code, want)
		}
	}
	if _, err := p.Key(t.Context(), "other"); err == nil {
		t.Error("an unknown key was found")
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	p := open(t)
	if w := p.get("/logout", nil); w.Code != 200 || !strings.Contains(w.Body.String(), "You are signed out") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	back := url.Values{"client_id": {"console"}, "post_logout_redirect_uri": {home}, "state": {"s"}}
	if got := landed(t, p.get("/logout", back)); got.Get("state") != "s" {
		t.Errorf("landed with %v", got)
	}
	for _, changes := range [][]string{{"client_id", "-"}, {"client_id", "nobody"}, {"post_logout_redirect_uri", "http://evil.example/"}} {
		if w := p.get("/logout", change(maps.Clone(back), changes)); w.Code != 400 || w.Header().Get("Location") != "" {
			t.Errorf("%q: %d to %s", changes, w.Code, w.Header().Get("Location"))
		}
	}
}

func TestServeHTTP_AnswersItsOwnHostAndPaths(t *testing.T) {
	t.Parallel()
	p := open(t)
	for target, want := range map[string]int{
		"http://127.0.0.1:7420/oidc/jwks":    200,
		"http://127.0.0.1:7420/jwks":         404,
		"http://127.0.0.1:7420/oidc/":        404,
		"http://127.0.0.1:7421/oidc/jwks":    421,
		"http://evil.example:7420/oidc/jwks": 421,
	} {
		if w := p.send(httptest.NewRequest("GET", target, nil)); w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
}

func TestSigningKey(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Dir = t.TempDir()
	path := filepath.Join(cfg.Dir, "oidc-key.pem")
	set := func() string {
		i, err := oidc.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		i.ServeHTTP(w, httptest.NewRequest("GET", issuer+"/jwks", nil))
		return w.Body.String()
	}
	if first, second := set(), set(); first != second || strings.Contains(first, `"d"`) {
		t.Errorf("%s, then %s", first, second)
	}
	files, err := os.ReadDir(cfg.Dir)
	if err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := oidc.New(cfg); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Errorf("a key that others may read: %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := oidc.New(cfg); err == nil || !strings.Contains(err.Error(), "holds no RSA key: remove it") {
		t.Errorf("a file that is no key: %v", err)
	}
}

func TestNew_Refuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*oidc.Config)
		want   string
	}{
		"NoAudience": {func(c *oidc.Config) { c.Audience = "" }, "no audience"},
		"NoSubject":  {func(c *oidc.Config) { c.Users = []oidc.User{{Name: "x"}} }, "user 1 of the development issuer has no subject"},
		"SameName":   {func(c *oidc.Config) { c.Users = []oidc.User{{Subject: "a"}, {Subject: "b", Email: "a"}} }, `are called "a"`},
		"NoClientID": {func(c *oidc.Config) { c.Clients = []oidc.Client{{}} }, "no id of its own"},
		"SameClient": {func(c *oidc.Config) { c.Clients = []oidc.Client{{ID: "a"}, {ID: "a"}} }, "no id of its own"},
		"Relative":   {func(c *oidc.Config) { c.Clients[0].RedirectURIs = []string{"/console"} }, "must be an absolute URL"},
		"Fragment":   {func(c *oidc.Config) { c.Clients[0].RedirectURIs = []string{"http://a/#b"} }, "without a fragment"},
	} {
		cfg := config()
		c.change(&cfg)
		if _, err := oidc.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for issuer, want := range map[string]string{
		"http://127.0.0.1:7420/oidc":  "",
		"http://127.8.8.8":            "",
		"http://[::1]:7420/a/b":       "",
		"https://localhost:7420/oidc": "",
		"http://0.0.0.0:7420/oidc":    "only loopback",
		"http://192.0.2.1/oidc":       "only loopback",
		"http://localhost.example":    "only loopback",
		"http://127.0.0.1.example":    "only loopback",
		"http://127.0.0.1:7420/":      "without a final /",
		"http://127.0.0.1:7420/?a=b":  "without a final /",
		"http://127.0.0.1:7420/#a":    "without a final /",
		"http://u@127.0.0.1:7420":     "without a final /",
		"ftp://127.0.0.1/oidc":        "without a final /",
		"127.0.0.1:7420/oidc":         "without a final /",
		"":                            "without a final /",
	} {
		cfg := config()
		cfg.Issuer = issuer
		if _, err := oidc.New(cfg); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("issuer %q: %v", issuer, err)
		}
	}
}

// TestUserinfo: it tells who has an access token, to nobody else.
func TestUserinfo(t *testing.T) {
	t.Parallel()
	p := open(t)
	ask := func(header string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", issuer+"/userinfo", nil)
		r.Header.Set("Authorization", header)
		return p.send(r)
	}
	token := func(user string, o oidc.TokenOptions) string {
		s, err := p.Token(user, o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	w := ask("Bearer " + token("anna", oidc.TokenOptions{}))
	if want := `{"email":"anna@example.org","email_verified":true,"name":"Anna \u003cb\u003eNowak\u003c/b\u003e","sub":"anna"}`; w.Code != 200 || strings.TrimSpace(w.Body.String()) != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	good := token("anna", oidc.TokenOptions{})
	for name, header := range map[string]string{"None": "", "NotBearer": "Basic " + good, "Expired": "Bearer " + token("anna", oidc.TokenOptions{Lifetime: -time.Minute}),
		"Tampered": "Bearer " + good[:len(good)-8] + "AAAAAAAA"} {
		if w := ask(header); w.Code != 401 || !strings.Contains(w.Body.String(), "invalid_token") || w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
