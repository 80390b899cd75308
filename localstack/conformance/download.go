package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	pageGetObject = "Amazon S3 API Reference, GetObject"
	pageS3Errors  = "Amazon S3 API Reference, Error responses"
)

func downloadCases() []Case {
	return []Case{
		{"PresignedGet/Whole", pagePresigned, "", wholeObject},
		{"PresignedGet/Range", pageGetObject, "", ranges},
		{"PresignedGet/RangeOutside", pageS3Errors, "", rangeOutside},
		{"PresignedGet/Missing", pageS3Errors, "", missingDownload},
		{"PresignedGet/Expired", pageQuerySigned, Signatures, expiredDownload},
		{"PresignedGet/TamperedSignature", pageQuerySigned, Signatures, tamperedDownload},
		{"PresignedGet/OtherKey", pageQuerySigned, Signatures, otherDownload},
		{"PresignedGet/OtherMethod", pageQuerySigned, Signatures, downloadAsUpload},
		{"PresignedGet/Unsigned", pageQuerySigned, Signatures, unsignedDownload},
	}
}

const digitsBody = "0123456789"

// signDownload stores ten digits and signs, some time ago, a URL that reads them.
func (t *Target) signDownload(ctx context.Context, age, life time.Duration) (request, error) {
	key := t.Prefix + "/a"
	_, err := t.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &t.Bucket, Key: &key, Body: strings.NewReader(digitsBody)})
	if err != nil {
		return request{}, at("store an object", err)
	}
	signed, err := t.presigner(age, life).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &t.Bucket, Key: &key})
	if err != nil {
		return request{}, at("sign a download", err)
	}
	return request{method: http.MethodGet, url: signed.URL, header: http.Header{}}, nil
}

func (t *Target) wantBody(ctx context.Context, r request, status int, body string) (answer, error) {
	a, err := t.send(ctx, r)
	if err == nil && (a.status != status || string(a.body) != body) {
		err = differs("the answer", fmt.Sprintf("%d %q", a.status, a.body), fmt.Sprintf("%d %q", status, body))
	}
	return a, err
}

func wholeObject(ctx context.Context, t *Target) error {
	r, err := t.signDownload(ctx, 0, lifetime)
	if err != nil {
		return err
	}
	a, err := t.wantBody(ctx, r, http.StatusOK, digitsBody)
	if got := a.header.Get("Content-Length"); err == nil && got != "10" {
		err = differs("Content-Length", got, 10)
	}
	return err
}

func ranges(ctx context.Context, t *Target) error {
	r, err := t.signDownload(ctx, 0, lifetime)
	if err != nil {
		return err
	}
	for _, c := range []struct{ asked, content, body string }{
		{"bytes=0-3", "bytes 0-3/10", "0123"},
		{"bytes=4-4", "bytes 4-4/10", "4"},
		{"bytes=7-", "bytes 7-9/10", "789"},
		{"bytes=-2", "bytes 8-9/10", "89"},
		{"bytes=8-100", "bytes 8-9/10", "89"},
		{"bytes=0-9", "bytes 0-9/10", digitsBody},
	} {
		part := r.clone()
		part.header.Set("Range", c.asked)
		a, err := t.wantBody(ctx, part, http.StatusPartialContent, c.body)
		if got := a.header.Get("Content-Range"); err == nil && got != c.content {
			err = differs("Content-Range", got, c.content)
		}
		if err != nil {
			return at(c.asked, err)
		}
	}
	return nil
}

func rangeOutside(ctx context.Context, t *Target) error {
	r, err := t.signDownload(ctx, 0, lifetime)
	if err != nil {
		return err
	}
	r.header.Set("Range", "bytes=10-")
	a, err := t.send(ctx, r)
	if err != nil {
		return err
	}
	return a.refused("a range past the end", http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
}

func missingDownload(ctx context.Context, t *Target) error {
	r, err := t.signDownload(ctx, 0, lifetime)
	if err != nil {
		return err
	}
	key := t.Prefix + "/a"
	_, err = t.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &t.Bucket, Key: &key})
	if err != nil {
		return err
	}
	a, err := t.send(ctx, r)
	return errors.Join(err, a.refused("the URL of no object", http.StatusNotFound, noSuchKey))
}

func expiredDownload(ctx context.Context, t *Target) error {
	old, err := t.signDownload(ctx, time.Hour, lifetime)
	lasting, err2 := t.signDownload(ctx, time.Hour, time.Hour+lifetime)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	if err := t.spoilDownload(ctx, "a download whose time has passed", old, denied, func(*request) {}); err != nil {
		return err
	}
	_, err = t.wantBody(ctx, lasting, http.StatusOK, digitsBody)
	return at("as old, with time left", err)
}

// spoilDownload sends a download with something changed, which must be refused.
func (t *Target) spoilDownload(ctx context.Context, what string, r request, code string, change func(*request)) error {
	change(&r)
	a, err := t.send(ctx, r)
	if err != nil {
		return err
	}
	return a.refused(what, http.StatusForbidden, code)
}

// spoilGood is spoilDownload of one that is good unchanged.
func (t *Target) spoilGood(ctx context.Context, what, code string, change func(*request)) error {
	good, err := t.signDownload(ctx, 0, lifetime)
	if err != nil {
		return err
	}
	if err := t.spoilDownload(ctx, what, good.clone(), code, change); err != nil {
		return err
	}
	_, err = t.wantBody(ctx, good, http.StatusOK, digitsBody)
	return at("unchanged", err)
}

func tamperedDownload(ctx context.Context, t *Target) error {
	return t.spoilGood(ctx, "a tampered signature", wrongSignature, func(r *request) { r.url = tampered(r.url) })
}

func otherDownload(ctx context.Context, t *Target) error {
	key := otherKey(t.Prefix + "/a")
	_, err := t.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &t.Bucket, Key: &key, Body: strings.NewReader("another's")})
	if err != nil {
		return err
	}
	return t.spoilGood(ctx, "another key", wrongSignature, func(r *request) { r.url = strings.Replace(r.url, "/a?", "/b?", 1) })
}

func downloadAsUpload(ctx context.Context, t *Target) error {
	return t.spoilGood(ctx, "another method", wrongSignature, func(r *request) { r.method, r.body = http.MethodPut, []byte("x") })
}

func unsignedDownload(ctx context.Context, t *Target) error {
	return t.spoilGood(ctx, "a download without a signature", denied, func(r *request) { r.url, _, _ = strings.Cut(r.url, "?") })
}
