package s3_test

import (
	"html"
	"net/http/httptest"
	"strings"
	"testing"

	"zapas/localstack/standin/s3"
)

func TestNotImplemented(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	st.put(t, "k", "one")
	const object, whole = "/" + bucket + "/k", "/" + bucket
	for name, c := range map[string]struct {
		method, url string
		header      [2]string
		names       string
	}{
		"ListBuckets":         {"GET", "/", [2]string{}, "GET service"},
		"CreateBucketACL":     {"PUT", whole, [2]string{"X-Amz-Acl", "private"}, "x-amz-acl"},
		"DeleteBucketCORS":    {"DELETE", whole + "?cors", [2]string{}, "DELETE bucket?cors"},
		"EncryptionAndMore":   {"PUT", whole + "?encryption&acl", [2]string{}, "PUT bucket?acl&encryption"},
		"HeadBucket":          {"HEAD", whole, [2]string{}, ""},
		"ListV1":              {"GET", whole, [2]string{}, "GET bucket"},
		"ListVersions":        {"GET", whole + "?versions", [2]string{}, "GET bucket?versions"},
		"ListByDelimiter":     {"GET", whole + "?list-type=2&delimiter=/", [2]string{}, "delimiter"},
		"ListWithOwner":       {"GET", whole + "?list-type=2&fetch-owner=true", [2]string{}, "fetch-owner"},
		"DeleteObjects":       {"POST", whole + "?delete", [2]string{}, "POST bucket?delete"},
		"BucketACL":           {"GET", whole + "?acl", [2]string{}, "GET bucket?acl"},
		"BucketCORS":          {"PUT", whole + "?cors", [2]string{}, "PUT bucket?cors"},
		"Preflight":           {"OPTIONS", object, [2]string{"Origin", "http://x.test"}, "OPTIONS object"},
		"BrowserUpload":       {"POST", whole, [2]string{}, "POST bucket"},
		"Multipart":           {"POST", object + "?uploads&x-id=CreateMultipartUpload", [2]string{}, "CreateMultipartUpload"},
		"UploadPart":          {"PUT", object + "?uploadId=1&partNumber=1&x-id=UploadPart", [2]string{}, "UploadPart"},
		"UploadPartUnnamed":   {"PUT", object + "?uploadId=1&partNumber=1", [2]string{}, "PUT object?partNumber&uploadId"},
		"ObjectACL":           {"PUT", object + "?acl", [2]string{}, "PUT object?acl"},
		"ObjectTagging":       {"GET", object + "?tagging", [2]string{}, "GET object?tagging"},
		"Attributes":          {"GET", object + "?attributes", [2]string{}, "GET object?attributes"},
		"Version":             {"GET", object + "?versionId=1", [2]string{}, "GET object?versionId"},
		"DeleteVersion":       {"DELETE", object + "?versionId=1", [2]string{}, "DELETE object?versionId"},
		"ResponseHeader":      {"GET", object + "?response-content-type=a", [2]string{}, "GET object?response-content-type"},
		"Copy":                {"PUT", object, [2]string{"X-Amz-Copy-Source", "/a/b"}, "x-amz-copy-source"},
		"CannedACL":           {"PUT", object, [2]string{"X-Amz-Acl", "private"}, "x-amz-acl"},
		"Tags":                {"PUT", object, [2]string{"X-Amz-Tagging", "a=b"}, "x-amz-tagging"},
		"ObjectLock":          {"PUT", object, [2]string{"X-Amz-Object-Lock-Mode", "COMPLIANCE"}, "x-amz-object-lock-mode"},
		"StorageClass":        {"PUT", object, [2]string{"X-Amz-Storage-Class", "GLACIER"}, "x-amz-storage-class"},
		"CustomerKey":         {"GET", object, [2]string{"X-Amz-Server-Side-Encryption-Customer-Algorithm", "AES256"}, "customer-algorithm"},
		"EncryptionContext":   {"PUT", object, [2]string{"X-Amz-Server-Side-Encryption-Context", "e30="}, "encryption-context"},
		"ExpectedBucketOwner": {"GET", object, [2]string{"X-Amz-Expected-Bucket-Owner", "1"}, "x-amz-expected-bucket-owner"},
		"PutUnlessETag":       {"PUT", object, [2]string{"If-None-Match", `"e"`}, "If-None-Match"},
		"DeleteIfMatch":       {"DELETE", object, [2]string{"If-Match", `"e"`}, "If-Match"},
		"HeadRange":           {"HEAD", object, [2]string{"Range", "bytes=0-1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(c.method, c.url, nil)
			if c.header[0] != "" {
				r.Header.Set(c.header[0], c.header[1])
			}
			w := httptest.NewRecorder()
			st.server.ServeHTTP(w, r)
			if w.Code != 501 {
				t.Fatalf("got %d %s", w.Code, w.Body)
			}
			if body := html.UnescapeString(w.Body.String()); c.names != "" && (!strings.Contains(body, "<Code>NotImplemented</Code>") || !strings.Contains(body, c.names)) {
				t.Fatalf("got %s, want it to name %q", body, c.names)
			}
		})
	}
	st.wantObject(t, "k", "one")
}

func TestOperation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, url, want string }{
		{"PUT", "/b/k?x-id=PutObject", "PutObject"},
		{"GET", "/b/k?x-id=GetObject", "GetObject"},
		{"HEAD", "/b/k", "HeadObject"},
		{"DELETE", "/b/k?x-id=DeleteObject", "DeleteObject"},
		{"GET", "/b?list-type=2&prefix=u/", "ListObjectsV2"},
		{"GET", "/b/?list-type=2", "ListObjectsV2"},
		{"GET", "/b/k?acl&x-id=GetObject", "GET object?acl"},
		{"POST", "/b/k?uploads&x-id=CreateMultipartUpload", "CreateMultipartUpload"},
	} {
		if got := s3.Operation(httptest.NewRequest(c.method, c.url, nil)); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.method, c.url, got, c.want)
		}
	}
}

func TestKeyMustBeUTF8(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	w := httptest.NewRecorder()
	st.server.ServeHTTP(w, httptest.NewRequest("PUT", "/"+bucket+"/%ff", strings.NewReader("x")))
	if w.Code != 400 || !strings.Contains(w.Body.String(), "InvalidURI") {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
}
