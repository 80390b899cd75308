package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest builds what both sides hash: method, path, query, the signed
// headers with their values, their names, and the payload hash.
func (c *claim) canonicalRequest(r *http.Request, payload string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n")
	b.WriteString(c.canonicalPath(r) + "\n")
	b.WriteString(c.canonicalQuery() + "\n")
	for _, name := range c.signedHeaders {
		b.WriteString(name + ":" + headerValue(r, name) + "\n")
	}
	b.WriteString("\n" + strings.Join(c.signedHeaders, ";") + "\n" + payload)
	return b.String()
}

// canonicalPath is encoded once for S3, twice for every other service.
func (c *claim) canonicalPath(r *http.Request) string {
	path := r.URL.Path
	if path == "" {
		path = "/"
	}
	path = encode(path, "/")
	if c.service != S3 {
		path = encode(path, "/")
	}
	return path
}

func (c *claim) canonicalQuery() string {
	type pair struct{ name, value string }
	var pairs []pair
	for name, values := range c.query {
		if c.presigned && name == "X-Amz-Signature" {
			continue
		}
		for _, value := range values {
			pairs = append(pairs, pair{encode(name, ""), encode(value, "")})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if n := strings.Compare(a.name, b.name); n != 0 {
			return n
		}
		return strings.Compare(a.value, b.value)
	})
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		parts[i] = p.name + "=" + p.value
	}
	return strings.Join(parts, "&")
}

// headerValue is a signed header's canonical value. An absent header has none,
// which never equals what a signer that had one signed. Host and Content-Length
// are where net/http keeps them.
func headerValue(r *http.Request, name string) string {
	switch {
	case name == "host":
		return r.Host
	case name == "content-length" && r.ContentLength > 0:
		return strconv.FormatInt(r.ContentLength, 10)
	}
	var values []string
	for _, v := range r.Header.Values(name) {
		v = strings.TrimSpace(v)
		for strings.Contains(v, "  ") {
			v = strings.ReplaceAll(v, "  ", " ")
		}
		values = append(values, v)
	}
	return strings.Join(values, ",")
}

// encode escapes every byte but the unreserved characters of RFC 3986, section
// 2.3, and those in keep.
func encode(s, keep string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		ch := s[i]
		switch {
		case 'A' <= ch && ch <= 'Z', 'a' <= ch && ch <= 'z', '0' <= ch && ch <= '9',
			strings.IndexByte("-._~", ch) >= 0, strings.IndexByte(keep, ch) >= 0:
			b.WriteByte(ch)
		default:
			b.Write([]byte{'%', hexDigits[ch>>4], hexDigits[ch&15]})
		}
	}
	return b.String()
}
