package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A claim is what a request says about its own signature.
type claim struct {
	service   string // whose endpoint was called
	presigned bool

	accessKeyID                string
	date, region, scopeService string
	time                       time.Time
	expires                    time.Duration // presigned only
	signedHeaders              []string
	signature                  string
	query                      url.Values
}

// authParameters are the query parameters of a presigned URL; each must appear once.
func authParameters() []string {
	return []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"}
}

func readClaim(r *http.Request, service string) (*claim, error) {
	c := &claim{service: service}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, c.refuse(malformed, "the query cannot be parsed")
	}
	c.query = query
	c.presigned = query.Has("X-Amz-Algorithm") || query.Has("X-Amz-Signature")
	inHeader := len(r.Header.Values("Authorization")) > 0
	switch {
	case c.presigned && inHeader:
		c.presigned = false
		return nil, c.refuse(unsupported, "only one auth mechanism allowed")
	case c.presigned:
		return c, c.readQuery()
	case inHeader:
		return c, c.readHeader(r.Header)
	}
	return nil, c.refuse(anonymous, "")
}

func (c *claim) readQuery() error {
	if c.query.Get("X-Amz-Algorithm") != algorithm {
		return c.refuse(malformed, "X-Amz-Algorithm only supports "+algorithm)
	}
	for _, name := range authParameters() {
		if len(c.query[name]) != 1 {
			return c.refuse(malformed, "query-string authentication version 4 requires each of "+strings.Join(authParameters(), ", ")+" once")
		}
	}
	if c.query.Has("X-Amz-Security-Token") {
		return c.refuse(tokenGiven, "")
	}
	seconds, err := strconv.ParseInt(c.query.Get("X-Amz-Expires"), 10, 64)
	if err != nil {
		return c.refuse(malformed, "X-Amz-Expires should be a number")
	}
	if seconds < 0 {
		return c.refuse(malformed, "X-Amz-Expires must be non-negative")
	}
	if seconds > int64(MaxExpiry/time.Second) {
		return c.refuse(malformed, "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	c.expires = time.Duration(seconds) * time.Second
	return c.fill(c.query.Get("X-Amz-Credential"), c.query.Get("X-Amz-SignedHeaders"),
		c.query.Get("X-Amz-Signature"), c.query.Get("X-Amz-Date"))
}

func (c *claim) readHeader(h http.Header) error {
	values := h.Values("Authorization")
	if len(values) > 1 {
		return c.refuse(malformed, "it must be given once")
	}
	rest, ok := strings.CutPrefix(values[0], algorithm+" ")
	if !ok {
		return c.refuse(unsupported, "")
	}
	fields := make(map[string]string)
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := fields[name]; !ok || twice {
			return c.refuse(malformed, "it must be Credential=, SignedHeaders= and Signature=, each once")
		}
		fields[name] = value
	}
	if len(fields) != 3 {
		return c.refuse(malformed, "it must be Credential=, SignedHeaders= and Signature=, each once")
	}
	if len(h.Values("X-Amz-Security-Token")) > 0 {
		return c.refuse(tokenGiven, "")
	}
	if len(h.Values("X-Amz-Date")) != 1 {
		return c.refuse(malformed, "AWS authentication requires one valid x-amz-date header")
	}
	return c.fill(fields["Credential"], fields["SignedHeaders"], fields["Signature"], h.Get("X-Amz-Date"))
}

func (c *claim) fill(credential, signedHeaders, signature, date string) error {
	if credential == "" || signedHeaders == "" || signature == "" {
		return c.refuse(malformed, "the credential, the signed headers and the signature must not be empty")
	}
	parts := strings.Split(credential, "/")
	n := len(parts)
	if n < 5 || parts[n-1] != terminator || parts[0] == "" {
		return c.refuse(malformed, "the credential must be <access key>/<date>/<region>/<service>/"+terminator)
	}
	// An access key may itself hold slashes; the scope never does.
	c.accessKeyID = strings.Join(parts[:n-4], "/")
	c.date, c.region, c.scopeService = parts[n-4], parts[n-3], parts[n-2]

	var err error
	if c.time, err = time.Parse(dateForm, date); err != nil {
		return c.refuse(malformed, "the date must be in the ISO 8601 form YYYYMMDD'T'HHMMSS'Z'")
	}
	c.signedHeaders = strings.Split(signedHeaders, ";")
	c.signature = signature
	return nil
}

// checkSignedHeaders refuses a request with a header that could change its
// meaning outside the signature: host and every x-amz-* header must be signed.
// x-amz-content-sha256 alone may stand outside where the signature covers its
// value as the payload hash.
func (c *claim) checkSignedHeaders(r *http.Request) error {
	var missing []string
	if !slices.Contains(c.signedHeaders, "host") {
		missing = append(missing, "host")
	}
	for name := range r.Header {
		name = strings.ToLower(name)
		if !strings.HasPrefix(name, "x-amz-") || slices.Contains(c.signedHeaders, name) {
			continue
		}
		if name == "x-amz-content-sha256" && c.service == S3 && !c.presigned {
			continue
		}
		missing = append(missing, name)
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return c.refuse(headersNotSigned, strings.Join(missing, ", "))
	}
	return nil
}
