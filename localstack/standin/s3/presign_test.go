package s3_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

const chunk = "a sealed chunk"

func sha(body string) string {
	sum := sha256.Sum256([]byte(body))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// presignPut makes the URL that a device is given: length, checksum and
// "only if absent" are signed.
func (st *stack) presignPut(t *testing.T, key, body string) *v4.PresignedHTTPRequest {
	t.Helper()
	signed, err := awss3.NewPresignClient(st.client).PresignPutObject(t.Context(), &awss3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String(key),
		ContentLength: aws.Int64(int64(len(body))), ChecksumSHA256: aws.String(sha(body)), IfNoneMatch: aws.String("*"),
	}, awss3.WithPresignExpires(10*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// send carries out a presigned request and answers its status and error code.
func (st *stack) send(t *testing.T, method, url string, header http.Header, body string) (int, string, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		if name != "Host" && name != "Content-Length" {
			r.Header[name] = values
		}
	}
	return st.do(t, r)
}

func (st *stack) do(t *testing.T, r *http.Request) (int, string, string) {
	t.Helper()
	resp, err := st.http.Client().Do(r)
	if err != nil {
		t.Error(err)
		return 0, "", ""
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	if name := "Access-Control-Allow-Origin"; resp.Header.Get(name) != "" {
		t.Errorf("the answer has %s", name)
	}
	var refusal struct{ Code string }
	if resp.StatusCode >= 300 {
		_ = xml.Unmarshal(answer, &refusal) // compared below; HEAD has none
	}
	return resp.StatusCode, refusal.Code, string(answer)
}

func TestPresignedPut(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	signed := st.presignPut(t, "k", chunk)
	for _, name := range []string{"Content-Length", "X-Amz-Checksum-Sha256", "If-None-Match"} {
		if signed.SignedHeader.Get(name) == "" {
			t.Fatalf("%s is not signed: %v", name, signed.SignedHeader)
		}
	}
	if status, code, _ := st.send(t, signed.Method, signed.URL, signed.SignedHeader, chunk); status != 200 {
		t.Fatalf("got %d %s", status, code)
	}
	st.wantObject(t, "k", chunk)
	if status, code, _ := st.send(t, signed.Method, signed.URL, signed.SignedHeader, chunk); status != 412 || code != "PreconditionFailed" {
		t.Fatalf("again: got %d %s, want 412 PreconditionFailed", status, code)
	}
	st.wantObject(t, "k", chunk)
}

func TestPresignedPutHasOneWinner(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	signed := st.presignPut(t, "k", chunk)
	statuses := make([]int, 16)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() { statuses[i], _, _ = st.send(t, signed.Method, signed.URL, signed.SignedHeader, chunk) })
	}
	wg.Wait()
	count := map[int]int{}
	for _, status := range statuses {
		count[status]++
	}
	if count[200] != 1 || count[412] != 15 {
		t.Fatalf("got %v, want one 200 and fifteen 412", count)
	}
}

func TestPresignedPutRefuses(t *testing.T) {
	t.Parallel()
	type request struct {
		method, url, body string
		header            http.Header
	}
	edit := func(old, new string) func(*request) {
		return func(r *request) { r.url = strings.Replace(r.url, old, new, 1) }
	}
	set := func(name, value string) func(*request) {
		return func(r *request) { r.header.Set(name, value) }
	}
	drop := func(name string) func(*request) {
		return func(r *request) { r.header.Del(name) }
	}
	for name, c := range map[string]struct {
		change func(*request)
		after  time.Duration
		status int
		code   string
	}{
		"OtherBody":        {func(r *request) { r.body = "A sealed chunk" }, 0, 400, "BadDigest"},
		"OtherChecksum":    {set("X-Amz-Checksum-Sha256", sha("x")), 0, 403, "SignatureDoesNotMatch"},
		"OtherChecksumToo": {func(r *request) { r.body = "A sealed chunk"; r.header.Set("X-Amz-Checksum-Sha256", sha(r.body)) }, 0, 403, "SignatureDoesNotMatch"},
		"ChecksumNotSent":  {drop("X-Amz-Checksum-Sha256"), 0, 403, "SignatureDoesNotMatch"},
		"SecondChecksum":   {set("X-Amz-Checksum-Crc32", "AAAAAA=="), 0, 403, "AccessDenied"},
		"ConditionNotSent": {drop("If-None-Match"), 0, 403, "SignatureDoesNotMatch"},
		"OtherCondition":   {set("If-None-Match", `"etag"`), 0, 403, "SignatureDoesNotMatch"},
		"Longer":           {func(r *request) { r.body += "!" }, 0, 403, "SignatureDoesNotMatch"},
		"Shorter":          {func(r *request) { r.body = r.body[1:] }, 0, 403, "SignatureDoesNotMatch"},
		"Empty":            {func(r *request) { r.body = "" }, 0, 403, "SignatureDoesNotMatch"},
		"HeaderAdded":      {set("X-Amz-Server-Side-Encryption", "AES256"), 0, 403, "AccessDenied"},
		"Signature":        {edit("X-Amz-Signature=", "X-Amz-Signature=0"), 0, 403, "SignatureDoesNotMatch"},
		"OtherKey":         {edit("/k?", "/k2?"), 0, 403, "SignatureDoesNotMatch"},
		"OtherBucket":      {edit("/"+bucket+"/", "/second-bucket/"), 0, 403, "SignatureDoesNotMatch"},
		"OtherExpiry":      {edit("X-Amz-Expires=600", "X-Amz-Expires=6000"), 0, 403, "SignatureDoesNotMatch"},
		"OtherAccessKey":   {edit("=AKID", "=AKIE"), 0, 403, "InvalidAccessKeyId"},
		"OtherMethod":      {func(r *request) { r.method = "DELETE"; r.body = "" }, 0, 403, "SignatureDoesNotMatch"},
		"QueryAdded":       {func(r *request) { r.url += "&acl" }, 0, 403, "SignatureDoesNotMatch"},
		"Expired":          {func(*request) {}, 10*time.Minute + 2*time.Second, 403, "AccessDenied"},
		"NotYet":           {func(*request) {}, -16 * time.Minute, 403, "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStack(t)
			st.ahead.Store(int64(c.after))
			signed := st.presignPut(t, "k", chunk)
			r := request{signed.Method, signed.URL, chunk, signed.SignedHeader.Clone()}
			c.change(&r)
			if status, code, answer := st.send(t, r.method, r.url, r.header, r.body); status != c.status || code != c.code {
				t.Errorf("got %d %s, want %d %s: %s", status, code, c.status, c.code, answer)
			}
			st.ahead.Store(0)
			if keys := st.keys(t, ""); len(keys) != 0 {
				t.Errorf("stored %q", keys)
			}
		})
	}
}

func TestPresignedGet(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	st.put(t, "a b", "0123456789")
	signed, err := awss3.NewPresignClient(st.client).PresignGetObject(t.Context(),
		&awss3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("a b")}, awss3.WithPresignExpires(5*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		method, url, ask string
		status           int
		answer           string
	}{
		"Whole":       {"GET", signed.URL, "", 200, "0123456789"},
		"Range":       {"GET", signed.URL, "bytes=2-4", 206, "234"},
		"OtherKey":    {"GET", strings.Replace(signed.URL, "a%20b", "a%20c", 1), "", 403, ""},
		"OtherMethod": {"PUT", signed.URL, "", 403, ""},
		"Anonymous":   {"GET", strings.SplitN(signed.URL, "?", 2)[0], "", 403, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			if c.ask != "" {
				header.Set("Range", c.ask)
			}
			status, code, answer := st.send(t, c.method, c.url, header, "")
			if status != c.status || c.answer != "" && answer != c.answer {
				t.Fatalf("got %d %s %q, want %d %q", status, code, answer, c.status, c.answer)
			}
		})
	}
}

func TestBodyCutShort(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	r := httptest.NewRequest("PUT", "/"+bucket+"/k", strings.NewReader("12345"))
	r.ContentLength = 6
	r.Header.Set("Content-Length", "6")
	w := httptest.NewRecorder()
	st.server.ServeHTTP(w, r)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "IncompleteBody") {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	st.wantNoObject(t, "k")
}

func TestLengthIsRequired(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	r := httptest.NewRequest("PUT", "/"+bucket+"/k", io.NopCloser(strings.NewReader("12345")))
	r.ContentLength = -1
	w := httptest.NewRecorder()
	st.server.ServeHTTP(w, r)
	if w.Code != 411 || !strings.Contains(w.Body.String(), "MissingContentLength") {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
}

func TestChecksum(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	for name, c := range map[string]struct {
		change func(*awss3.PutObjectInput)
		code   string
	}{
		"SHA256":      {func(in *awss3.PutObjectInput) { in.ChecksumSHA256 = aws.String(sha("x")) }, ""},
		"WrongSHA256": {func(in *awss3.PutObjectInput) { in.ChecksumSHA256 = aws.String(sha("y")) }, "BadDigest"},
		"WrongCRC32":  {func(in *awss3.PutObjectInput) { in.ChecksumCRC32 = aws.String("AAAAAA==") }, "BadDigest"},
		"WrongMD5":    {func(in *awss3.PutObjectInput) { in.ContentMD5 = aws.String("AAAAAAAAAAAAAAAAAAAAAA==") }, "BadDigest"},
		"NoSHA256":    {func(in *awss3.PutObjectInput) { in.ChecksumSHA256 = aws.String("short") }, "InvalidRequest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := &awss3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(name), Body: strings.NewReader("x")}
			c.change(in)
			_, err := st.client.PutObject(t.Context(), in)
			if c.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				st.wantObject(t, name, "x")
				return
			}
			wantCode(t, err, 400, c.code)
			st.wantNoObject(t, name)
		})
	}
}

// Over TLS the SDK sends the checksum behind the body.
func TestTrailingChecksumOfTheSDK(t *testing.T) {
	t.Parallel()
	st := stackOn(t, t.TempDir(), httptest.NewTLSServer)
	for _, body := range []string{"", "x", strings.Repeat("x", 200_000)} {
		key := fmt.Sprint("of ", len(body))
		st.put(t, key, body)
		st.wantObject(t, key, body)
		out, err := st.client.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), ChecksumMode: "ENABLED"})
		if err != nil || out.ChecksumCRC32 == nil || out.ContentEncoding != nil {
			t.Fatalf("got %+v, %v, want a checksum and no encoding", out, err)
		}
	}
}

func TestTrailingChecksum(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	const sum = "x-amz-checksum-crc32:NhCmhg==\r\n" // of "hello"
	for name, c := range map[string]struct {
		body, length, trailer string
		status                int
		code                  string
	}{
		"Right":          {"5\r\nhello\r\n0\r\n" + sum + "\r\n", "5", "x-amz-checksum-crc32", 200, ""},
		"TwoChunks":      {"2\r\nhe\r\n3\r\nllo\r\n0\r\n" + sum + "\r\n", "5", "x-amz-checksum-crc32", 200, ""},
		"NoChecksum":     {"5\r\nhello\r\n0\r\n\r\n", "5", "", 200, ""},
		"Wrong":          {"5\r\nhellO\r\n0\r\n" + sum + "\r\n", "5", "x-amz-checksum-crc32", 400, "BadDigest"},
		"NotSent":        {"5\r\nhello\r\n0\r\n\r\n", "5", "x-amz-checksum-crc32", 400, "MalformedTrailerError"},
		"NotAnnounced":   {"5\r\nhello\r\n0\r\n" + sum + "\r\n", "5", "", 400, "MalformedTrailerError"},
		"OtherAnnounced": {"5\r\nhello\r\n0\r\n" + sum + "\r\n", "5", "x-amz-checksum-sha1", 400, "MalformedTrailerError"},
		"OtherHeader":    {"5\r\nhello\r\n0\r\nx-amz-acl:public-read\r\n\r\n", "5", "x-amz-acl", 400, "InvalidRequest"},
		"CutInTrailer":   {"5\r\nhello\r\n0\r\n" + sum, "5", "x-amz-checksum-crc32", 400, "IncompleteBody"},
		"CutInChunk":     {"5\r\nhel", "5", "x-amz-checksum-crc32", 400, "IncompleteBody"},
		"Shorter":        {"4\r\nhell\r\n0\r\n" + sum + "\r\n", "5", "x-amz-checksum-crc32", 400, "IncompleteBody"},
		"Longer":         {"5\r\nhello\r\n0\r\n" + sum + "\r\n", "4", "x-amz-checksum-crc32", 400, "IncompleteBody"},
		"NotChunked":     {"hello", "5", "x-amz-checksum-crc32", 400, "IncompleteBody"},
		"NegativeChunk":  {"-5\r\nhello\r\n0\r\n\r\n", "5", "", 400, "IncompleteBody"},
		"NoLength":       {"5\r\nhello\r\n0\r\n\r\n", "", "", 411, "MissingContentLength"},
		"TooLong":        {"5\r\nhello\r\n0\r\n\r\n", "67108865", "", 400, "EntityTooLarge"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), "PUT", st.http.URL+"/"+bucket+"/"+name, bytes.NewReader([]byte(c.body)))
			if err != nil {
				t.Fatal(err)
			}
			const payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
			r.Header.Set("X-Amz-Content-Sha256", payload)
			r.Header.Set("Content-Encoding", "aws-chunked")
			if c.length != "" {
				r.Header.Set("X-Amz-Decoded-Content-Length", c.length)
			}
			if c.trailer != "" {
				r.Header.Set("X-Amz-Trailer", c.trailer)
			}
			who := aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}
			sign := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
			if err := sign.SignHTTP(t.Context(), who, r, payload, "s3", "eu-central-1", time.Now()); err != nil {
				t.Fatal(err)
			}
			if status, code, answer := st.do(t, r); status != c.status || code != c.code {
				t.Fatalf("got %d %s, want %d %s: %s", status, code, c.status, c.code, answer)
			}
			if c.status == 200 {
				st.wantObject(t, name, "hello")
			} else {
				st.wantNoObject(t, name)
			}
		})
	}
}
