package apigateway

import (
	"encoding/base64"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// What the service calls the account and the API.
const (
	accountID = "000000000000"
	apiID     = "local"
)

// event is payload format 2.0.
type event struct {
	Version               string            `json:"version"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"` // decoded, as HTTP APIs deliver it
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	PathParameters        map[string]string `json:"pathParameters,omitempty"`
	RequestContext        requestContext    `json:"requestContext"`
	Body                  string            `json:"body,omitempty"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
}

type requestContext struct {
	AccountID    string         `json:"accountId"`
	APIID        string         `json:"apiId"`
	Authorizer   *jwtAuthorizer `json:"authorizer,omitempty"`
	DomainName   string         `json:"domainName"`
	DomainPrefix string         `json:"domainPrefix"`
	HTTP         httpContext    `json:"http"`
	RequestID    string         `json:"requestId"`
	RouteKey     string         `json:"routeKey"`
	Stage        string         `json:"stage"`
	Time         string         `json:"time"`
	TimeEpoch    int64          `json:"timeEpoch"`
}

type jwtAuthorizer struct {
	JWT struct {
		Claims map[string]string `json:"claims"`
		Scopes []string          `json:"scopes"` // those that the route asks for: none
	} `json:"jwt"`
}

type httpContext struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// newEvent says to a function what was asked. Claims are nil on a route without an authorizer.
func newEvent(r *http.Request, c *call, parameters, claims map[string]string, body []byte) event {
	prefix, _, _ := strings.Cut(r.Host, ".")
	e := event{
		Version:        "2.0",
		RouteKey:       c.routeKey,
		RawPath:        r.URL.Path,
		RawQueryString: r.URL.RawQuery,
		Headers:        headers(r, c),
		PathParameters: parameters,
		RequestContext: requestContext{
			AccountID:    accountID,
			APIID:        apiID,
			DomainName:   r.Host,
			DomainPrefix: prefix,
			HTTP: httpContext{
				Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: c.ip, UserAgent: r.UserAgent(),
			},
			RequestID: c.id,
			RouteKey:  c.routeKey,
			Stage:     "$default",
			Time:      c.start.UTC().Format("02/Jan/2006:15:04:05 -0700"),
			TimeEpoch: c.start.UnixMilli(),
		},
	}
	for _, header := range r.Header.Values("Cookie") {
		for cookie := range strings.SplitSeq(header, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				e.Cookies = append(e.Cookies, cookie)
			}
		}
	}
	query, _ := url.ParseQuery(r.URL.RawQuery) // what can be read of it
	for name, values := range query {
		if e.QueryStringParameters == nil {
			e.QueryStringParameters = map[string]string{}
		}
		e.QueryStringParameters[name] = strings.Join(values, ",")
	}
	if claims != nil {
		e.RequestContext.Authorizer = new(jwtAuthorizer)
		e.RequestContext.Authorizer.JWT.Claims = claims
	}
	switch {
	case len(body) == 0:
	case isText(r.Header.Get("Content-Type")):
		e.Body = string(body) // what is not UTF-8 in it becomes U+FFFD
	default:
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return e
}

// headers are the client's, but for the connection's own and cookies, and what API Gateway adds.
func headers(r *http.Request, c *call) map[string]string {
	all := map[string]string{}
	for name, values := range r.Header {
		all[strings.ToLower(name)] = strings.Join(values, ",")
	}
	delete(all, "connection")
	delete(all, "cookie")
	all["host"] = r.Host
	if r.ContentLength > 0 {
		all["content-length"] = strconv.FormatInt(r.ContentLength, 10)
	}
	if before := all["x-forwarded-for"]; before != "" {
		all["x-forwarded-for"] = before + ", " + c.ip
	} else {
		all["x-forwarded-for"] = c.ip
	}
	all["x-forwarded-proto"] = "http"
	all["x-forwarded-port"] = "80"
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		all["x-forwarded-port"] = port
	}
	return all
}

// isText says which bodies go to the function as they are. The guide calls the others binary without listing them; this
// is the observed list: a form, and a body without a type, are binary too.
func isText(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch kind {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(kind, "text/")
}
