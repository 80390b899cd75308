// Package bucket knows how backups lie in S3: one bucket for each location, objects that are written once, and URLs that
// are good for exactly one object. It does not know what the objects hold, nor who may have them.
package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"zapas/shared/aws"
	"zapas/shared/fault"
	"zapas/shared/vault"
)

// mostRead is more than any chunk list has.
const mostRead = 64 << 20

// anotherWrite is S3's answer to a conditional write that meets another one of the same object: unlike 412 it says
// nothing of whether there is an object now, and asks for another attempt (S3 User Guide, "How to prevent object
// overwrites with conditional writes").
const anotherWrite = "ConditionalRequestConflict"

// Objects are the objects of all locations.
type Objects struct {
	Client  *s3.Client
	Presign *s3.PresignClient
	Buckets map[string]string // location -> name of its bucket, in the deployment's own region
}

var (
	_ vault.Store     = Objects{}
	_ vault.Downloads = Objects{}
)

// New makes Objects with a client of its own. Buckets are named in the path, not in the host, when an endpoint is set:
// whoever stands in for S3 has one host.
func New(cfg sdk.Config, buckets map[string]string) Objects {
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil })
	return Objects{Client: client, Presign: s3.NewPresignClient(client), Buckets: buckets}
}

func (o Objects) bucket(location string) (*string, error) {
	if name, ok := o.Buckets[location]; ok {
		return &name, nil
	}
	return nil, fmt.Errorf("location %q has no bucket in this deployment: name one in its settings", location)
}

// SignPut answers a URL for one object and the headers that must come with it.
func (o Objects) SignPut(ctx context.Context, location, key string, c vault.ChunkSum) (string, map[string]string, error) {
	bucket, err := o.bucket(location)
	if err != nil {
		return "", nil, err
	}
	signed, err := o.Presign.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &key, ContentLength: &c.Size,
		ChecksumSHA256: new(base64.StdEncoding.EncodeToString(c.SHA256[:])), IfNoneMatch: new("*")}, s3.WithPresignExpires(vault.SignedFor))
	if err != nil {
		return "", nil, aws.Fault(err, "sign an upload")
	}
	headers := map[string]string{}
	for name, values := range signed.SignedHeader {
		if name = http.CanonicalHeaderKey(name); name != "Host" { // which the URL itself says
			headers[name] = values[0]
		}
	}
	return signed.URL, headers, nil
}

// SignGet answers a URL that reads one object and needs no header.
func (o Objects) SignGet(ctx context.Context, location, key string) (string, error) {
	bucket, err := o.bucket(location)
	if err != nil {
		return "", err
	}
	signed, err := o.Presign.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &key}, s3.WithPresignExpires(vault.ReadFor))
	if err != nil {
		return "", aws.Fault(err, "sign a download")
	}
	return signed.URL, nil
}

// Sizes lists the objects below a prefix.
func (o Objects) Sizes(ctx context.Context, location, prefix string) (map[string]int64, error) {
	bucket, err := o.bucket(location)
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	pages := s3.NewListObjectsV2Paginator(o.Client, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, aws.Fault(err, "list uploaded chunks")
		}
		for _, object := range page.Contents {
			sizes[sdk.ToString(object.Key)] = sdk.ToInt64(object.Size)
		}
	}
	return sizes, nil
}

// List reads a chunk list.
func (o Objects) List(ctx context.Context, location, key string) (_ []byte, err error) {
	bucket, err := o.bucket(location)
	if err != nil {
		return nil, err
	}
	// Who asks knows its digest, and can then tell a damaged list from an answer that broke off.
	out, err := o.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &key}, func(so *s3.Options) {
		so.ResponseChecksumValidation = sdk.ResponseChecksumValidationWhenRequired
	})
	refused, _ := errors.AsType[smithy.APIError](err)
	if _, ok := errors.AsType[*types.NoSuchKey](err); ok {
		return nil, fault.Wrap(err, fault.NotFound, "not_found", "There is no such chunk list.")
	} else if refused != nil && refused.ErrorCode() == "InternalError" && o.names(ctx, bucket, key) { // it may pass; if not, it is this object's
		return nil, fault.Wrap(err, fault.Unavailable, "list_unreadable",
			"The storage does not give a backup's chunk list out; try the same again in a moment, and if that lasts, an administrator can bring back an earlier version of it.")
	} else if err != nil {
		return nil, aws.Fault(err, "read a chunk list")
	}
	defer func() { err = errors.Join(err, out.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(out.Body, mostRead+1))
	switch {
	case err != nil: // the answer broke off
		return nil, aws.Busy(fmt.Errorf("read a chunk list: %w", err))
	case len(body) > mostRead:
		return nil, fmt.Errorf("the chunk list %s has more than %d bytes, which no commit makes", key, mostRead)
	}
	return body, nil
}

// names reports whether S3 still lists an object: a failure to read it is then not that of S3 as a whole.
func (o Objects) names(ctx context.Context, bucket *string, key string) bool {
	out, err := o.Client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: &key, MaxKeys: new(int32(1))})
	return err == nil && len(out.Contents) > 0
}

// PutList stores a chunk list if there is none.
func (o Objects) PutList(ctx context.Context, location, key string, body []byte) error {
	bucket, err := o.bucket(location)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	_, err = o.Client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: bytes.NewReader(body),
		ContentType: new("application/json"), ChecksumSHA256: new(base64.StdEncoding.EncodeToString(sum[:])), IfNoneMatch: new("*"),
	}, func(so *s3.Options) { so.Retryer = retry.AddWithErrorCodes(so.Retryer, anotherWrite) })
	switch refused, _ := errors.AsType[smithy.APIError](err); {
	case err == nil:
		return nil
	case refused != nil && refused.ErrorCode() == "PreconditionFailed": // perhaps by an earlier attempt of this very call
		return fault.Wrap(err, fault.Conflict, "stored", "There is such a chunk list already.")
	case refused != nil && refused.ErrorCode() == anotherWrite:
		return aws.Busy(fmt.Errorf("store a chunk list: %w", err))
	}
	return aws.Fault(err, "store a chunk list")
}
