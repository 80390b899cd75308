package s3_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// TestControlRefuses what S3 refuses, and what is not implemented, before anything is changed.
func TestControlRefuses(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	t.Cleanup(func() { _ = s.Close() })
	ask := func(method, path, body string) string {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		s.ServeHTTP(w, r)
		answer, err := io.ReadAll(w.Result().Body)
		if err != nil {
			t.Fatal(err)
		}
		_, code, _ := strings.Cut(string(answer), "<Code>")
		code, _, _ = strings.Cut(code, "<")
		return http.StatusText(w.Code) + " " + code
	}
	const here = `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint></LocationConstraint></CreateBucketConfiguration>`
	encrypt := func(how string) string {
		return `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>` + how + `</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`
	}
	for _, c := range []struct{ method, path, body, want string }{
		{"PUT", "/bucket", strings.Replace(here, "<LocationConstraint>", "<LocationConstraint>us-west-2", 1), "Bad Request IllegalLocationConstraintException"},
		{"PUT", "/bucket", "<Other/>", "Bad Request MalformedXML"},
		{"PUT", "/Bucket", here, "Bad Request InvalidBucketName"},
		{"PUT", "/bucket", strings.Repeat(" ", 65<<10), "Bad Request MalformedXML"},
		{"PUT", "/bucket?encryption", encrypt("<SSEAlgorithm>AES256</SSEAlgorithm>"), "Not Found NoSuchBucket"},
		{"DELETE", "/bucket", "", "Not Found NoSuchBucket"},
		{"DELETE", "/%00sum", "", "Bad Request InvalidBucketName"}, // a bucket of the file, and none of S3
		{"PUT", "/bucket", here, "OK "},
		{"PUT", "/bucket", here, "Conflict BucketAlreadyOwnedByYou"},
		{"PUT", "/bucket?encryption", encrypt("<SSEAlgorithm>AES256</SSEAlgorithm>"), "OK "},
		{"PUT", "/bucket?encryption", encrypt("<SSEAlgorithm>aws:kms:dsse</SSEAlgorithm>"), "Not Implemented NotImplemented"},
		{"PUT", "/bucket?encryption", encrypt("<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>"), "Not Implemented NotImplemented"}, // without a bucket key
		{"PUT", "/bucket?encryption", "{}", "Bad Request MalformedXML"},
		{"PUT", "/bucket?policy", "{}", "Not Implemented NotImplemented"}, // nobody heeds policies here
		{"PUT", "/bucket/a", "a", "OK "},
		{"DELETE", "/bucket", "", "Conflict BucketNotEmpty"},
		{"DELETE", "/bucket/a", "", "No Content "},
		{"DELETE", "/bucket", "", "No Content "},
		{"GET", "/bucket?list-type=2", "", "Not Found NoSuchBucket"},
	} {
		if got := ask(c.method, c.path, c.body); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.method, c.path, got, c.want)
		}
	}
}
