package s3

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A call is what a request asks for, and why it is not done here, if it is not.
type call struct {
	operation string
	refusal   string
}

// Operation names the S3 operation that a request asks for, as the Amazon S3 API
// Reference does for those implemented here.
func Operation(r *http.Request) string { return identify(r).operation }

// An operation is one that is implemented, with all that its requests may carry.
type operation struct {
	name    string
	query   []string // beside those of the signature
	amz     []string // x-amz-* headers, beside those of the signature
	refused []string // headers that S3 heeds and this server does not
}

func (o operation) allowsHeader(name string) bool {
	return slices.ContainsFunc(o.amz, func(allowed string) bool {
		if prefix, ok := strings.CutSuffix(allowed, "*"); ok {
			return strings.HasPrefix(name, prefix)
		}
		return name == allowed
	})
}

// find picks the implemented operation of a method on a bucket or an object.
func find(method string, onObject bool, query url.Values) (operation, bool) {
	switch {
	case method == http.MethodPut && onObject:
		return operation{
			name:  "PutObject",
			query: []string{"X-Amz-Sdk-Checksum-Algorithm"},
			amz: []string{
				"x-amz-meta-*", "x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme",
				"x-amz-checksum-sha1", "x-amz-checksum-sha256", "x-amz-sdk-checksum-algorithm",
				"x-amz-trailer", "x-amz-decoded-content-length", sseHeader, sseKeyHeader, sseBucketKeyHeader,
			},
		}, true
	case method == http.MethodGet && onObject:
		return operation{name: "GetObject", query: []string{"X-Amz-Checksum-Mode"}, amz: []string{"x-amz-checksum-mode"}}, true
	case method == http.MethodHead && onObject:
		return operation{name: "HeadObject", query: []string{"X-Amz-Checksum-Mode"}, amz: []string{"x-amz-checksum-mode"}, refused: []string{"Range"}}, true
	case method == http.MethodDelete && onObject:
		return operation{name: "DeleteObject", refused: []string{"If-Match"}}, true
	case method == http.MethodGet && query.Get("list-type") == "2":
		return operation{
			name:  "ListObjectsV2",
			query: []string{"list-type", "prefix", "continuation-token", "start-after", "max-keys", "encoding-type"},
		}, true
	}
	sub := ""
	for name := range query {
		if !slices.Contains(signatureQuery(), name) {
			sub = name
		}
	}
	op, ok := controls()[method+" "+sub]
	return op, ok && !onObject
}

// signatureQuery are the parameters that belong to a signature or only label a request.
func signatureQuery() []string {
	return []string{
		"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
		"X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Content-Sha256", "x-id",
	}
}

func identify(r *http.Request) call {
	query := r.URL.Query()
	bucket, key := splitPath(r.URL.Path)
	op, ok := find(r.Method, key != "", query)
	if !ok || bucket == "" {
		name := otherName(r, query)
		return call{name, "The operation " + name + " is not implemented."}
	}
	allowed := append(signatureQuery(), op.query...)
	for name := range query {
		if !slices.Contains(allowed, name) {
			other := otherName(r, query)
			return call{other, "The operation " + other + " is not implemented: it has the query parameter " + name + "."}
		}
	}
	c := call{operation: op.name}
	for name := range r.Header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && name != "x-amz-date" && name != "x-amz-content-sha256" && !op.allowsHeader(name) {
			c.refusal = "The operation " + op.name + " with the header " + name + " is not implemented."
			return c
		}
	}
	for _, name := range op.refused {
		if r.Header.Get(name) != "" {
			c.refusal = "The operation " + op.name + " with the header " + name + " is not implemented."
		}
	}
	if v := r.Header.Get("If-None-Match"); op.name == "PutObject" && v != "" && v != "*" {
		c.refusal = "The operation PutObject takes no If-None-Match but *."
	}
	return c
}

// otherName names an operation that is not implemented: as its SDK does, or by
// its method, what it acts on, and its sub-resource.
func otherName(r *http.Request, query url.Values) string {
	ours := []string{"", "PutObject", "GetObject", "HeadObject", "DeleteObject", "ListObjectsV2"}
	if id := query.Get("x-id"); !slices.Contains(ours, id) {
		return id
	}
	name := r.Method + " bucket"
	if bucket, key := splitPath(r.URL.Path); bucket == "" {
		name = r.Method + " service"
	} else if key != "" {
		name = r.Method + " object"
	}
	var subs []string
	for sub := range query {
		if !slices.Contains(signatureQuery(), sub) {
			subs = append(subs, sub)
		}
	}
	slices.Sort(subs)
	if len(subs) > 0 {
		name += "?" + strings.Join(subs, "&")
	}
	return name
}
