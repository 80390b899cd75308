// Package apigateway knows how an HTTP API of API Gateway turns a request into a Lambda event of payload format 2.0 and a
// function's answer into a response, and how its JWT authorizer and CORS settings behave. It does not know which routes
// there are, what the functions do, nor how they are run.
//
// Sources: API Gateway developer guide, "Create AWS Lambda proxy integrations for HTTP APIs", "Control access to HTTP APIs
// with JWT authorizers", "Configure CORS for HTTP APIs", "Create routes for HTTP APIs", "Quotas for HTTP APIs". Where the
// guide is silent, as the service was observed to answer.
//
// It has routes of literal segments and {parameters}, one JWT authorizer, one integration per route, one CORS
// configuration, the $default stage, an access log, and the limits on headers, bodies and time. It has no ANY method, no
// greedy parameters, no $default route, stages, stage variables, scopes, throttling, mutual TLS, parameter mapping, nor
// tracing headers. Unlike the service it speaks HTTP/1.1 without TLS, requestContext.domainName keeps the port, so that
// an address made from it can be called, and accountId and apiId are constants. As in the service, paths are decoded
// before they are matched: %2F separates segments.
package apigateway

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"zapas/localstack/standin/lambda"
)

// The quotas of HTTP APIs.
const (
	maxBody    = 10 << 20 // bytes of a request's body
	maxHeaders = 10_240   // bytes of the request line and all header values
	maxTime    = 30 * time.Second
)

// Route sends the requests of one method and path to one function.
type Route struct {
	Method   string
	Path     string // as in "/v1/profiles/{id}"
	Function string
	JWT      bool          // the authorizer asks for a token
	Timeout  time.Duration // that the integration has; 0: 30 s, the most there is
}

// KeySource is where the authorizer finds the keys that the issuer signs with.
type KeySource interface {
	// Key returns the issuer's public key of this id, or an error if it has none such. It is called for every token,
	// before anything about the token is known to be true.
	Key(ctx context.Context, kid string) (crypto.PublicKey, error)
}

// Config is an HTTP API. Issuer, Audience and Keys are the authorizer's, and needed if a route has one.
type Config struct {
	Routes []Route
	// Invoke calls a function with an event and returns its answer. A function's own failure is a *lambda.FunctionError,
	// an event that is too large lambda.ErrTooLarge; every other error means that the function was not reached.
	Invoke   func(ctx context.Context, function string, payload []byte) ([]byte, error)
	Issuer   string
	Audience []string
	Keys     KeySource
	// Origins are those that CORS allows, exactly. Without any there is no CORS. AllowHeaders and ExposeHeaders are the
	// configuration's lists; the methods allowed are those of the routes.
	Origins       []string
	AllowHeaders  []string
	ExposeHeaders []string
	Now           func() time.Time
	NewID         func() string // request ids; nil: random
	Log           *slog.Logger  // nil: nowhere
	AccessLog     io.Writer     // one JSON object per line and request; nil: nowhere
}

// API answers requests. It may be used by many goroutines at a time.
type API struct {
	cfg        Config
	routes     []route
	methods    string // of all routes, for CORS
	authorizer *authorizer
	accessLog  sync.Mutex
}

// New checks the configuration.
func New(cfg Config) (*API, error) {
	a := &API{cfg: cfg}
	if a.cfg.Now == nil {
		a.cfg.Now = time.Now
	}
	if a.cfg.NewID == nil {
		a.cfg.NewID = randomID
	}
	if a.cfg.Log == nil {
		a.cfg.Log = slog.New(slog.DiscardHandler)
	}
	if a.cfg.AccessLog == nil {
		a.cfg.AccessLog = io.Discard
	}
	if cfg.Invoke == nil {
		return nil, errors.New("the HTTP API has no Invoke: give it the Lambda service's")
	}
	var err error
	if a.routes, err = parseRoutes(cfg.Routes); err != nil {
		return nil, err
	}
	methods := map[string]bool{}
	for _, r := range cfg.Routes {
		methods[r.Method] = true
		if r.JWT && (cfg.Issuer == "" || len(cfg.Audience) == 0 || cfg.Keys == nil) {
			return nil, fmt.Errorf("route %s %s asks for a token: give the authorizer an issuer, an audience and keys", r.Method, r.Path)
		}
	}
	a.methods = strings.Join(slices.Sorted(maps.Keys(methods)), ",")
	a.authorizer = newAuthorizer(cfg.Issuer, cfg.Audience, cfg.Keys, a.cfg.Now)
	for _, o := range cfg.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme == "" || u.Host == "" || o != u.Scheme+"://"+u.Host {
			return nil, fmt.Errorf("CORS cannot allow %q: an origin is a scheme, a host and perhaps a port, as in http://127.0.0.1:7420", o)
		}
	}
	return a, nil
}

// randomID looks like the service's request ids.
func randomID() string {
	var b [11]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// call is one request on its way.
type call struct {
	id       string
	start    time.Time
	ip       string
	routeKey string
}

// answer is what a request is answered with.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// message is an answer in the words of the service itself.
func message(status int, text string) answer {
	body, _ := json.Marshal(map[string]string{"message": text})
	return answer{status, http.Header{"Content-Type": {"application/json"}}, body}
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{id: a.cfg.NewID(), start: a.cfg.Now(), ip: r.RemoteAddr, routeKey: "-"}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		c.ip = host
	}
	ans := a.answer(w, r, c)
	maps.Copy(w.Header(), ans.header)
	a.addCORS(w.Header(), r)
	w.Header().Set("Apigw-Requestid", c.id)
	w.WriteHeader(ans.status)
	w.Write(ans.body)
	a.logAccess(c, ans.status)
}

func (a *API) answer(w http.ResponseWriter, r *http.Request, c *call) answer {
	if headerSize(r) > maxHeaders {
		return message(http.StatusRequestHeaderFieldsTooLarge, "Request Header Fields Too Large")
	}
	if len(a.cfg.Origins) > 0 && r.Method == http.MethodOptions {
		return answer{status: http.StatusNoContent}
	}
	route, parameters := match(a.routes, r.Method, r.URL.Path)
	if route == nil {
		return message(http.StatusNotFound, "Not Found")
	}
	c.routeKey = route.key
	var claims map[string]string
	if route.JWT {
		var refused *refusal
		if claims, refused = a.authorizer.claims(r); refused != nil {
			a.cfg.Log.Info("token refused", slog.String("requestId", c.id), slog.String("routeKey", route.key), slog.String("reason", refused.reason))
			return refused.answer()
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return message(http.StatusRequestEntityTooLarge, "Request Entity Too Large")
	} else if err != nil {
		return message(http.StatusBadRequest, "Bad Request")
	}
	payload, err := json.Marshal(newEvent(r, c, parameters, claims, body))
	if err != nil {
		a.cfg.Log.Error("the event cannot be written", slog.String("requestId", c.id), slog.Any("error", err))
		return message(http.StatusInternalServerError, "Internal Server Error")
	}
	return a.integrate(r.Context(), c, route.Route, payload)
}

// integrate calls the function. A function that fails or answers what is no response gives 500; one that cannot be
// reached, or has not answered within the integration's time, gives 503.
func (a *API) integrate(ctx context.Context, c *call, route Route, payload []byte) answer {
	function, limit := route.Function, route.Timeout
	if limit <= 0 || limit > maxTime {
		limit = maxTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	log := a.cfg.Log.With(slog.String("requestId", c.id), slog.String("routeKey", c.routeKey), slog.String("function", function))
	out, err := a.cfg.Invoke(ctx, function, payload)
	var failure *lambda.FunctionError
	switch {
	case errors.As(err, &failure):
		log.Warn("the function failed", slog.String("type", failure.Type)) // its message may hold content
		return message(http.StatusInternalServerError, "Internal Server Error")
	case errors.Is(err, lambda.ErrTooLarge):
		return message(http.StatusRequestEntityTooLarge, "Request Entity Too Large")
	case err != nil:
		log.Warn("the function was not reached", slog.Any("error", err))
		return message(http.StatusServiceUnavailable, "Service Unavailable")
	}
	ans, err := parseAnswer(out)
	if err != nil {
		log.Warn("the function's answer is no response", slog.Any("error", err))
		return message(http.StatusInternalServerError, "Internal Server Error")
	}
	if len(a.cfg.Origins) > 0 { // the configuration's headers are the only ones
		maps.DeleteFunc(ans.header, func(name string, _ []string) bool {
			return strings.HasPrefix(name, "Access-Control-")
		})
	}
	return ans
}

func headerSize(r *http.Request) int {
	size := len(r.Method) + len(r.RequestURI) + len(r.Proto) + 2 + len(r.Host)
	for _, values := range r.Header {
		for _, v := range values {
			size += len(v)
		}
	}
	return size
}

// addCORS adds the configured headers for an allowed origin. Others are served without: the browser does the refusing.
func (a *API) addCORS(h http.Header, r *http.Request) {
	if len(a.cfg.Origins) == 0 {
		return
	}
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !slices.Contains(a.cfg.Origins, origin) {
		return
	}
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	set("Access-Control-Allow-Origin", origin)
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		set("Access-Control-Allow-Methods", a.methods)
		set("Access-Control-Allow-Headers", strings.Join(a.cfg.AllowHeaders, ","))
		return
	}
	set("Access-Control-Expose-Headers", strings.Join(a.cfg.ExposeHeaders, ","))
}

// logAccess names the route, never the path: paths hold ids.
func (a *API) logAccess(c *call, status int) {
	var line bytes.Buffer
	err := json.NewEncoder(&line).Encode(struct {
		RequestID string `json:"requestId"`
		RouteKey  string `json:"routeKey"`
		Status    int    `json:"status"`
		Latency   int64  `json:"latency"` // ms
		IP        string `json:"ip"`
	}{c.id, c.routeKey, status, a.cfg.Now().Sub(c.start).Milliseconds(), c.ip})
	a.accessLog.Lock()
	defer a.accessLog.Unlock()
	if err == nil {
		_, err = a.cfg.AccessLog.Write(line.Bytes())
	}
	if err != nil {
		a.cfg.Log.Error("the access log cannot be written", slog.Any("error", err))
	}
}
