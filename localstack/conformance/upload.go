package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// Pages of the Amazon S3 User Guide and of the API Reference.
const (
	pagePresigned   = "Amazon S3 User Guide, Download and upload objects with presigned URLs"
	pageQuerySigned = "Amazon S3 API Reference, Authenticating Requests: Using Query Parameters (AWS Signature Version 4)"
	pageIntegrity   = "Amazon S3 User Guide, Checking object integrity in Amazon S3"
	pageConditional = "Amazon S3 User Guide, How to prevent object overwrites with conditional writes"
)

// Error codes.
const (
	wrongSignature = "SignatureDoesNotMatch"
	denied         = "AccessDenied"
	badDigest      = "BadDigest"
	precondition   = "PreconditionFailed"
	otherWrite     = "ConditionalRequestConflict"
	noSuchKey      = "NoSuchKey"
)

// lifetime is how long a URL is good for.
const lifetime = 10 * time.Minute

func uploadCases() []Case {
	return []Case{
		{"PresignedPut/Stores", pagePresigned, "", stores},
		{"PresignedPut/NothingAtAll", pagePresigned, "", storesNothing},
		{"PresignedPut/NoOverwrite", pageConditional, "", noOverwrite},
		{"PresignedPut/OneWinner", pageConditional, "", uploadsHaveOneWinner},
		{"PresignedPut/WrongBody", pageIntegrity, Checksums, wrongBody},
		{"PresignedPut/Expired", pageQuerySigned, Signatures, expiredUpload},
	}
}

func chunk() []byte { return []byte("what a phone uploads") }

// dated signs as of another time, so that nobody has to wait for a URL to expire.
type dated struct {
	signer *v4.Signer
	time   time.Time
}

func (d dated) PresignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, _ time.Time,
	options ...func(*v4.SignerOptions)) (string, http.Header, error) {
	return d.signer.PresignHTTP(ctx, c, r, hash, service, region, d.time, options...)
}

func (t *Target) presigner(age, life time.Duration) *s3.PresignClient {
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }) // as S3 has it
	return s3.NewPresignClient(t.s3, s3.WithPresignExpires(life), func(o *s3.PresignOptions) {
		o.Presigner = dated{signer, t.Now().Add(-age)}
	})
}

// signUpload signs, some time ago, the upload of one object where there is none, with its length and checksum.
func (t *Target) signUpload(ctx context.Context, key string, body []byte, age, life time.Duration) (request, error) {
	signed, err := t.presigner(age, life).PresignPutObject(ctx, &s3.PutObjectInput{Bucket: &t.Bucket, Key: &key, ContentLength: aws.Int64(int64(len(body))),
		ChecksumSHA256: aws.String(sumOf(body)), IfNoneMatch: aws.String("*")})
	if err != nil {
		return request{}, at("sign an upload", err)
	}
	header := signed.SignedHeader.Clone()
	header.Del("Host")
	for _, name := range []string{"Content-Length", "If-None-Match", "X-Amz-Checksum-Sha256"} {
		if header.Get(name) == "" {
			return request{}, errors.New("the signature does not cover " + name)
		}
	}
	return request{method: http.MethodPut, url: signed.URL, header: header, body: body}, nil
}

// deliver sends a request; an answer that is none of success is an error with its code.
func (t *Target) deliver(ctx context.Context, r request) error {
	a, err := t.send(ctx, r)
	if err == nil && a.status >= 300 {
		err = &smithy.GenericAPIError{Code: a.code, Message: http.StatusText(a.status)}
	}
	return err
}

// wantObject is nil if the object is there with this body; nil: if there is none.
func (t *Target) wantObject(ctx context.Context, key string, body []byte) error {
	out, err := t.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &t.Bucket, Key: &key})
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == noSuchKey && body == nil {
		return nil
	} else if err != nil {
		return at("read an object", err)
	}
	got, err := io.ReadAll(out.Body)
	if err = errors.Join(err, out.Body.Close()); err == nil && (body == nil || !bytes.Equal(got, body)) {
		err = differs("the object stored", string(got[:min(len(got), 100)]), string(body[:min(len(body), 100)]))
	}
	return err
}

func stores(ctx context.Context, t *Target) error {
	u, err := t.signUpload(ctx, t.Prefix+"/a", chunk(), 0, lifetime)
	if err != nil {
		return err
	}
	return errors.Join(t.deliver(ctx, u), t.wantObject(ctx, t.Prefix+"/a", chunk()))
}

func storesNothing(ctx context.Context, t *Target) error {
	u, err := t.signUpload(ctx, t.Prefix+"/a", []byte("x"), 0, lifetime)
	if err != nil {
		return err
	}
	return errors.Join(t.deliver(ctx, u), t.wantObject(ctx, t.Prefix+"/a", []byte("x")))
}

func noOverwrite(ctx context.Context, t *Target) error {
	first, err := t.signUpload(ctx, t.Prefix+"/a", chunk(), 0, lifetime)
	second, err2 := t.signUpload(ctx, t.Prefix+"/a", []byte("other"), 0, lifetime)
	if err := errors.Join(err, err2, t.deliver(ctx, first)); err != nil {
		return err
	}
	for _, u := range []request{first, second} {
		a, err := t.send(ctx, u)
		if err := errors.Join(err, a.refused("an upload where there is an object", http.StatusPreconditionFailed, precondition)); err != nil {
			return err
		}
	}
	return t.wantObject(ctx, t.Prefix+"/a", chunk())
}

func uploadsHaveOneWinner(ctx context.Context, t *Target) error {
	u, err := t.signUpload(ctx, t.Prefix+"/a", chunk(), 0, lifetime)
	if err != nil {
		return err
	}
	return errors.Join(oneWinner(all(8, func(int) error { return t.deliver(ctx, u) }), precondition, otherWrite), t.wantObject(ctx, t.Prefix+"/a", chunk()))
}

// spoil sends an upload with something changed, which must be refused and store nothing; unchanged it is good.
func (t *Target) spoil(ctx context.Context, what string, status int, codes []string, change func(*request)) error {
	key := t.Prefix + "/a"
	good, err := t.signUpload(ctx, key, chunk(), 0, lifetime)
	if err != nil {
		return err
	}
	bad := good.clone()
	change(&bad)
	a, err := t.send(ctx, bad)
	if err != nil {
		return err
	}
	if err := a.refused(what, status, codes...); err != nil {
		return err
	}
	return errors.Join(t.wantObject(ctx, key, nil), t.wantObject(ctx, otherKey(key), nil), at("unchanged", t.deliver(ctx, good)))
}

// otherKey is the key that a URL for key is turned to.
func otherKey(key string) string { return strings.TrimSuffix(key, "/a") + "/b" }

func wrongBody(ctx context.Context, t *Target) error {
	return t.spoil(ctx, "another body of the same length", http.StatusBadRequest, []string{badDigest}, func(r *request) { slices.Reverse(r.body) })
}

func sumOf(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// refusedUploadCases change what the signature covers, one thing each.
func refusedUploadCases() []Case {
	const either = wrongSignature + " " + denied
	var cases []Case
	for _, c := range []struct {
		name, what, codes string // of those that the page leaves open, either
		change            func(*request)
	}{
		{"OtherChecksum", "another body with its own checksum", wrongSignature, func(r *request) {
			slices.Reverse(r.body)
			r.header.Set("X-Amz-Checksum-Sha256", sumOf(r.body))
		}},
		{"WithoutChecksum", "an upload without the checksum that was signed", either, func(r *request) { r.header.Del("X-Amz-Checksum-Sha256") }},
		{"WithoutCondition", "an upload without the condition that was signed", either, func(r *request) { r.header.Del("If-None-Match") }},
		{"Longer", "a longer body", wrongSignature, func(r *request) { r.body = append(r.body, 'x') }},
		{"Shorter", "a shorter body", wrongSignature, func(r *request) { r.body = r.body[1:] }},
		{"HeaderAdded", "a header that was not signed", denied, func(r *request) { r.header.Set("X-Amz-Meta-A", "b") }},
		{"OtherKey", "another key", wrongSignature, func(r *request) { r.url = strings.Replace(r.url, "/a?", "/b?", 1) }},
		{"OtherMethod", "another method", wrongSignature, func(r *request) { r.method, r.body = http.MethodGet, nil }},
		{"LongerLife", "a later end", wrongSignature, func(r *request) { r.url = strings.Replace(r.url, "X-Amz-Expires=600", "X-Amz-Expires=6000", 1) }},
		{"TamperedSignature", "a tampered signature", wrongSignature, func(r *request) { r.url = tampered(r.url) }},
		{"Unsigned", "an upload without a signature", denied, func(r *request) { r.url, _, _ = strings.Cut(r.url, "?") }},
	} {
		cases = append(cases, Case{"PresignedPut/" + c.name, pageQuerySigned, Signatures, func(ctx context.Context, t *Target) error {
			return t.spoil(ctx, c.what, http.StatusForbidden, strings.Fields(c.codes), c.change)
		}})
	}
	return cases
}

// tampered is the URL with another last digit of its signature.
func tampered(url string) string {
	before, after, _ := strings.Cut(url, "X-Amz-Signature=")
	signature, rest, more := strings.Cut(after, "&")
	digit := "0"
	if strings.HasSuffix(signature, "0") {
		digit = "1"
	}
	url = before + "X-Amz-Signature=" + signature[:len(signature)-1] + digit
	if more {
		url += "&" + rest
	}
	return url
}

func expiredUpload(ctx context.Context, t *Target) error {
	key := t.Prefix + "/a"
	old, err := t.signUpload(ctx, key, chunk(), time.Hour, lifetime)
	lasting, err2 := t.signUpload(ctx, key, chunk(), time.Hour, time.Hour+lifetime)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	a, err := t.send(ctx, old)
	if err != nil {
		return err
	}
	if err := a.refused("an upload whose time has passed", http.StatusForbidden, denied); err != nil {
		return err
	}
	return errors.Join(t.wantObject(ctx, key, nil), at("as old, with time left", t.deliver(ctx, lasting)))
}
