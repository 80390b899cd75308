package sigv4_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"zapas/localstack/standin/sigv4"
)

const (
	region = "eu-central-1"
	access = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI"
)

func signedAt() time.Time { return time.Date(2026, 3, 2, 23, 59, 30, 0, time.UTC) }

func verifier(now time.Time) *sigv4.Verifier {
	return &sigv4.Verifier{
		Secret: func(id string) (string, bool) { return secret, id == access },
		Now:    func() time.Time { return now },
		Region: region,
	}
}

// onTheWire turns a client's request into what a server reads.
func onTheWire(t *testing.T, r *http.Request) *http.Request {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&b))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func hash(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// signer makes requests as the SDK's clients do; its zero values are filled in by each test.
type signer struct {
	method, url, body string
	headers           map[string]string
	service, region   string
	access, secret    string
	payload           string // default: the body's hash
}

func (s signer) request(t *testing.T) (*http.Request, aws.Credentials, string) {
	t.Helper()
	r, err := http.NewRequest(s.method, s.url, strings.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range s.headers {
		r.Header.Set(k, v)
	}
	payload := s.payload
	if payload == "" {
		payload = hash(s.body)
	}
	return r, aws.Credentials{AccessKeyID: s.access, SecretAccessKey: s.secret}, payload
}

func (s signer) options() func(*v4.SignerOptions) {
	return func(o *v4.SignerOptions) { o.DisableURIPathEscaping = s.service == "s3" }
}

func (s signer) inHeader(t *testing.T) *http.Request {
	t.Helper()
	r, who, payload := s.request(t)
	if s.service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", payload)
	}
	if err := v4.NewSigner(s.options()).SignHTTP(t.Context(), who, r, payload, s.service, s.region, signedAt()); err != nil {
		t.Fatal(err)
	}
	return onTheWire(t, r)
}

func (s signer) presigned(t *testing.T, expires string) *http.Request {
	t.Helper()
	r, who, _ := s.request(t)
	q := r.URL.Query()
	q.Set("X-Amz-Expires", expires)
	r.URL.RawQuery = q.Encode()
	url, headers, err := v4.NewSigner(s.options()).PresignHTTP(t.Context(), who, r, "UNSIGNED-PAYLOAD", s.service, s.region, signedAt())
	if err != nil {
		t.Fatal(err)
	}
	out, err := http.NewRequest(s.method, url, strings.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	out.Header = headers
	return onTheWire(t, out)
}

func objectPut() signer {
	return signer{
		method: "PUT", url: "http://aws.zapas.test/bucket/a/b%2Bc%20d%281%29//%C5%BC?x-id=PutObject&b=2&a=1&a=%2F+0", body: "content",
		headers: map[string]string{"If-None-Match": "*", "X-Amz-Checksum-Sha256": "sum", "X-Amz-Meta-Note": " two  spaces "},
		service: "s3", region: region, access: access, secret: secret,
	}
}

func tableCall() signer {
	return signer{
		method: "POST", url: "http://aws.zapas.test/", body: `{"TableName":"zapas"}`,
		headers: map[string]string{"X-Amz-Target": "DynamoDB_20120810.GetItem", "Content-Type": "application/x-amz-json-1.0"},
		service: "dynamodb", region: region, access: access, secret: secret,
	}
}

func want(t *testing.T, err error, code string) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		return
	}
	var refusal *sigv4.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("got %v, want a refusal with code %s", err, code)
	}
	if refusal.Code != code || refusal.Status < 400 || refusal.Message == "" {
		t.Fatalf("got %+v, want code %s", *refusal, code)
	}
}

func TestAccepts(t *testing.T) {
	t.Parallel()
	streamed := objectPut()
	streamed.payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	open := objectPut()
	open.payload = "UNSIGNED-PAYLOAD"
	empty := objectPut()
	empty.method, empty.body = "GET", ""
	rest := tableCall()
	rest.service, rest.url = "scheduler", "http://aws.zapas.test/schedules/a%20b?groupName=zapas"
	for name, c := range map[string]struct {
		r       *http.Request
		service string
		body    string
	}{
		"S3/Header":           {objectPut().inHeader(t), "s3", "content"},
		"S3/Presigned":        {objectPut().presigned(t, "600"), "s3", "content"},
		"S3/EmptyBody":        {empty.inHeader(t), "s3", ""},
		"S3/Streaming":        {streamed.inHeader(t), "s3", "content"},
		"S3/UnsignedPayload":  {open.inHeader(t), "s3", "content"},
		"DynamoDB/Header":     {tableCall().inHeader(t), "dynamodb", tableCall().body},
		"Scheduler/PathTwice": {rest.inHeader(t), "scheduler", rest.body},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who, err := verifier(signedAt()).Verify(c.r, c.service)
			want(t, err, "")
			body, err := io.ReadAll(c.r.Body)
			if who != access || err != nil || string(body) != c.body {
				t.Fatalf("got caller %q, body %q, %v", who, body, err)
			}
		})
	}
}

// change alters one part of a signed request.
type change func(*http.Request)

func setQuery(name, value string) change {
	return func(r *http.Request) {
		q := r.URL.Query()
		q.Set(name, value)
		r.URL.RawQuery = q.Encode()
	}
}

func replaceAuth(from, to string) change {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
	}
}

func setHeader(name, value string) change {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func dropHeader(name string) change { return func(r *http.Request) { r.Header.Del(name) } }

func setBody(body string) change {
	return func(r *http.Request) {
		r.Body = io.NopCloser(strings.NewReader(body))
	}
}

func setLength(n int64) change {
	return func(r *http.Request) {
		r.ContentLength = n
		r.Header.Set("Content-Length", strconv.FormatInt(n, 10))
	}
}

func both() map[string]struct {
	change
	code string
} {
	return map[string]struct {
		change
		code string
	}{
		"Method":          {func(r *http.Request) { r.Method = "DELETE" }, "SignatureDoesNotMatch"},
		"Path":            {func(r *http.Request) { r.URL.Path += "x" }, "SignatureDoesNotMatch"},
		"PathSlash":       {func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "//", "/", 1) }, "SignatureDoesNotMatch"},
		"Host":            {func(r *http.Request) { r.Host = "other.test" }, "SignatureDoesNotMatch"},
		"QueryValue":      {setQuery("b", "3"), "SignatureDoesNotMatch"},
		"QueryAdded":      {setQuery("versionId", "1"), "SignatureDoesNotMatch"},
		"HeaderValue":     {setHeader("X-Amz-Checksum-Sha256", "other"), "SignatureDoesNotMatch"},
		"HeaderCondition": {dropHeader("If-None-Match"), "SignatureDoesNotMatch"},
		"HeaderDropped":   {dropHeader("X-Amz-Checksum-Sha256"), "SignatureDoesNotMatch"},
		"HeaderTwice":     {func(r *http.Request) { r.Header.Add("X-Amz-Meta-Note", "more") }, "SignatureDoesNotMatch"},
		"HeaderAdded":     {setHeader("X-Amz-Acl", "public-read"), "AccessDenied"},
		"TokenAdded":      {setHeader("X-Amz-Security-Token", "t"), "AccessDenied"},
		"Length":          {setLength(8), "SignatureDoesNotMatch"},
		"LengthUnknown": {func(r *http.Request) {
			r.ContentLength = -1
			r.Header.Del("Content-Length")
		}, "SignatureDoesNotMatch"},
	}
}

func TestRefusesTamperedHeaderAuth(t *testing.T) {
	t.Parallel()
	cases := both()
	for name, c := range map[string]struct {
		change
		code string
	}{
		"Body":           {setBody("Content"), "XAmzContentSHA256Mismatch"},
		"BodyLonger":     {setBody("content1"), "XAmzContentSHA256Mismatch"},
		"Payload":        {setHeader("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), "SignatureDoesNotMatch"},
		"PayloadMissing": {dropHeader("X-Amz-Content-Sha256"), "InvalidRequest"},
		"PayloadChunked": {setHeader("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), "InvalidArgument"},
		"Time":           {setHeader("X-Amz-Date", "20260302T235931Z"), "SignatureDoesNotMatch"},
		"TimeForm":       {setHeader("X-Amz-Date", "2026-03-02"), "AuthorizationHeaderMalformed"},
		"NoTime":         {dropHeader("X-Amz-Date"), "AuthorizationHeaderMalformed"},
		"OtherDay":       {setHeader("X-Amz-Date", "20260303T000000Z"), "AuthorizationHeaderMalformed"},
		"ScopeDate":      {replaceAuth("/20260302/", "/20260303/"), "AuthorizationHeaderMalformed"},
		"ScopeRegion":    {replaceAuth(region, "us-east-1"), "AuthorizationHeaderMalformed"},
		"ScopeService":   {replaceAuth("/s3/", "/kms/"), "AuthorizationHeaderMalformed"},
		"ScopeEnd":       {replaceAuth("aws4_request", "aws5_request"), "AuthorizationHeaderMalformed"},
		"AccessKey":      {replaceAuth(access, "AKIDOTHER"), "InvalidAccessKeyId"},
		"Signature":      {replaceAuth("Signature=", "Signature=0"), "SignatureDoesNotMatch"},
		"NoSignature":    {replaceAuth(", Signature=", ", Sig="), "AuthorizationHeaderMalformed"},
		"HostNotSigned":  {replaceAuth(";host;", ";"), "AccessDenied"},
		"Algorithm":      {replaceAuth("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), "InvalidRequest"},
		"Twice":          {func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, "AuthorizationHeaderMalformed"},
		"BothMechanisms": {setQuery("X-Amz-Signature", "0"), "InvalidRequest"},
		"Anonymous":      {dropHeader("Authorization"), "AccessDenied"},
		"QueryMalformed": {func(r *http.Request) { r.URL.RawQuery += "&%zz" }, "AuthorizationHeaderMalformed"},
	} {
		cases[name] = c
	}
	cases["TokenAdded"] = struct {
		change
		code string
	}{setHeader("X-Amz-Security-Token", "t"), "InvalidToken"}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := objectPut().inHeader(t)
			c.change(r)
			_, err := verifier(signedAt()).Verify(r, "s3")
			want(t, err, c.code)
		})
	}
}

func TestRefusesTamperedPresignedURL(t *testing.T) {
	t.Parallel()
	cases := both()
	for name, c := range map[string]struct {
		change
		code string
	}{
		"Time":          {setQuery("X-Amz-Date", "20260302T235931Z"), "SignatureDoesNotMatch"},
		"Expiry":        {setQuery("X-Amz-Expires", "601"), "SignatureDoesNotMatch"},
		"ExpiryText":    {setQuery("X-Amz-Expires", "soon"), "AuthorizationQueryParametersError"},
		"ExpiryPast":    {setQuery("X-Amz-Expires", "-1"), "AuthorizationQueryParametersError"},
		"ExpiryTooFar":  {setQuery("X-Amz-Expires", "604801"), "AuthorizationQueryParametersError"},
		"Signature":     {setQuery("X-Amz-Signature", strings.Repeat("0", 64)), "SignatureDoesNotMatch"},
		"AccessKey":     {setQuery("X-Amz-Credential", "AKIDOTHER/20260302/"+region+"/s3/aws4_request"), "InvalidAccessKeyId"},
		"ScopeDate":     {setQuery("X-Amz-Credential", access+"/20260301/"+region+"/s3/aws4_request"), "AuthorizationQueryParametersError"},
		"ScopeRegion":   {setQuery("X-Amz-Credential", access+"/20260302/us-east-1/s3/aws4_request"), "AuthorizationQueryParametersError"},
		"ScopeService":  {setQuery("X-Amz-Credential", access+"/20260302/"+region+"/kms/aws4_request"), "AuthorizationQueryParametersError"},
		"SignedHeaders": {setQuery("X-Amz-SignedHeaders", "host"), "AccessDenied"},
		"Token":         {setQuery("X-Amz-Security-Token", "t"), "InvalidToken"},
		"Payload":       {setQuery("X-Amz-Content-Sha256", hash("content")), "InvalidArgument"},
		"PayloadHeader": {setHeader("X-Amz-Content-Sha256", hash("content")), "AccessDenied"},
		"NoDate":        {func(r *http.Request) { r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "X-Amz-Date", "X-Date", 1) }, "AuthorizationQueryParametersError"},
		"DateTwice":     {func(r *http.Request) { r.URL.RawQuery += "&X-Amz-Date=20260302T235930Z" }, "AuthorizationQueryParametersError"},
	} {
		cases[name] = c
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := objectPut().presigned(t, "600")
			c.change(r)
			_, err := verifier(signedAt()).Verify(r, "s3")
			want(t, err, c.code)
		})
	}
}

func TestRefusesInTheWordsOfJSONServices(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change
		code string
	}{
		"Body":        {setBody(`{"TableName":"other"}`), "InvalidSignatureException"},
		"Target":      {setHeader("X-Amz-Target", "DynamoDB_20120810.DeleteItem"), "InvalidSignatureException"},
		"NotSigned":   {setHeader("X-Amz-Other", "1"), "InvalidSignatureException"},
		"AccessKey":   {replaceAuth(access, "AKIDOTHER"), "UnrecognizedClientException"},
		"Token":       {setHeader("X-Amz-Security-Token", "t"), "UnrecognizedClientException"},
		"Region":      {replaceAuth(region, "us-east-1"), "InvalidSignatureException"},
		"Service":     {replaceAuth("/dynamodb/", "/kms/"), "InvalidSignatureException"},
		"Anonymous":   {dropHeader("Authorization"), "MissingAuthenticationTokenException"},
		"Malformed":   {replaceAuth("SignedHeaders", "Headers"), "IncompleteSignatureException"},
		"Unsupported": {replaceAuth("AWS4-HMAC-SHA256", "Bearer"), "IncompleteSignatureException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tableCall().inHeader(t)
			c.change(r)
			_, err := verifier(signedAt()).Verify(r, "dynamodb")
			want(t, err, c.code)
		})
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	const second = time.Second
	presign := func(expires string) func(*testing.T) *http.Request {
		return func(t *testing.T) *http.Request { return objectPut().presigned(t, expires) }
	}
	for name, c := range map[string]struct {
		make    func(*testing.T) *http.Request
		service string
		after   time.Duration
		code    string
	}{
		"Header/15MinutesLate":       {objectPut().inHeader, "s3", sigv4.MaxSkew, ""},
		"Header/Later":               {objectPut().inHeader, "s3", sigv4.MaxSkew + second, "RequestTimeTooSkewed"},
		"Header/15MinutesEarly":      {objectPut().inHeader, "s3", -sigv4.MaxSkew, ""},
		"Header/Earlier":             {objectPut().inHeader, "s3", -sigv4.MaxSkew - second, "RequestTimeTooSkewed"},
		"JSON/Later":                 {tableCall().inHeader, "dynamodb", sigv4.MaxSkew + second, "InvalidSignatureException"},
		"Presigned/LastSecond":       {presign("600"), "s3", 600 * second, ""},
		"Presigned/Expired":          {presign("600"), "s3", 601 * second, "AccessDenied"},
		"Presigned/Zero":             {presign("0"), "s3", 0, ""},
		"Presigned/ZeroExpired":      {presign("0"), "s3", second, "AccessDenied"},
		"Presigned/SevenDays":        {presign("604800"), "s3", sigv4.MaxExpiry, ""},
		"Presigned/SevenDaysExpired": {presign("604800"), "s3", sigv4.MaxExpiry + second, "AccessDenied"},
		"Presigned/EightDays":        {presign("604801"), "s3", 0, "AuthorizationQueryParametersError"},
		"Presigned/NotYet":           {presign("600"), "s3", -sigv4.MaxSkew - second, "AccessDenied"},
		"Presigned/JustYet":          {presign("600"), "s3", -sigv4.MaxSkew, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := verifier(signedAt().Add(c.after)).Verify(c.make(t), c.service)
			want(t, err, c.code)
			if c.code == "AccessDenied" && c.after > 0 && !strings.Contains(err.Error(), "Request has expired") {
				t.Fatalf("got %v, want the words of AWS", err)
			}
		})
	}
}

func TestRefusesOtherSecret(t *testing.T) {
	t.Parallel()
	s := objectPut()
	s.secret = "other"
	for name, r := range map[string]*http.Request{"Header": s.inHeader(t), "Presigned": s.presigned(t, "600")} {
		_, err := verifier(signedAt()).Verify(r, "s3")
		t.Log(name)
		want(t, err, "SignatureDoesNotMatch")
	}
}

// zeros is a body of n zero bytes that nobody has to hold.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	clear(p[:n])
	z.n -= n
	return int(n), nil
}

func TestSignedBodyLimit(t *testing.T) {
	t.Parallel()
	h := sha256.New()
	if _, err := io.Copy(h, &zeros{sigv4.MaxSignedBody}); err != nil {
		t.Fatal(err)
	}
	s := objectPut()
	s.payload = hex.EncodeToString(h.Sum(nil))
	for extra, code := range map[int64]string{0: "", 1: "EntityTooLarge"} {
		r := s.inHeader(t)
		r.Body = io.NopCloser(&zeros{sigv4.MaxSignedBody + extra})
		_, err := verifier(signedAt()).Verify(r, "s3")
		want(t, err, code)
	}
}

func TestBodyCutShort(t *testing.T) {
	t.Parallel()
	r := tableCall().inHeader(t)
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), failing{}))
	_, err := verifier(signedAt()).Verify(r, "dynamodb")
	want(t, err, "SerializationException")
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
