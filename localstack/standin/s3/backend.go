package s3

import (
	"context"
	"encoding/hex"
	"errors"
	"io"

	"github.com/rclone/gofakes3"
)

// A backend is the store as gofakes3 asks for it. Operations that identify never
// lets through answer that they are not implemented.
type backend struct{ store *store }

func (b *backend) BucketExists(_ context.Context, name string) (bool, error) {
	found, err := b.store.hasBucket(name)
	return found, answer(err, name, "")
}

func (b *backend) PutObject(ctx context.Context, bucket, key string, meta map[string]string, input io.Reader, size int64) (gofakes3.PutObjectResult, error) {
	ex := exchangeOf(ctx)
	check := func(exists bool, md5 string) error {
		return gofakes3.CheckWriteConditions(ctx, exists, md5)
	}
	rec, err := b.store.put(bucket, key, record{Header: meta, Encryption: ex.asked}, input, size, check)
	if err != nil {
		return gofakes3.PutObjectResult{}, answer(err, bucket, key)
	}
	ex.found = rec.Encryption
	return gofakes3.PutObjectResult{}, nil
}

func (b *backend) HeadObject(ctx context.Context, bucket, key string) (*gofakes3.Object, error) {
	rec, err := b.store.head(bucket, key)
	if err != nil {
		return nil, unfound(ctx, err, bucket, key)
	}
	if err := mayRead(ctx, rec); err != nil {
		return nil, err
	}
	return object(ctx, key, rec, io.NopCloser(eof{}))
}

func (b *backend) GetObject(ctx context.Context, bucket, key string, asked *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	rec, f, err := b.store.open(bucket, key)
	if err != nil {
		return nil, unfound(ctx, err, bucket, key)
	}
	if err := mayRead(ctx, rec); err != nil {
		_ = f.Close() // it was not read
		return nil, err
	}
	if asked != nil && asked.FromEnd {
		// A suffix longer than the object is the whole object (RFC 9110, 14.1.2).
		asked.End = min(asked.End, rec.Size)
	}
	part, err := asked.Range(rec.Size)
	if err != nil {
		_ = f.Close() // it was only read
		return nil, err
	}
	obj, err := object(ctx, key, rec, f)
	if err == nil && part != nil {
		obj.Range = part
		obj.Contents = section{io.NewSectionReader(f, part.Start, part.Length), f}
	}
	return obj, err
}

func object(ctx context.Context, key string, rec *record, contents io.ReadCloser) (*gofakes3.Object, error) {
	hash, err := hex.DecodeString(rec.MD5)
	if err != nil {
		_ = contents.Close() // it was only read
		return nil, gofakes3.ErrorMessage(gofakes3.ErrInternal, "the record of the object is damaged")
	}
	exchangeOf(ctx).found = rec.Encryption
	return &gofakes3.Object{Name: key, Metadata: rec.Header, Size: rec.Size, Contents: contents, Hash: hash}, nil
}

// mayRead refuses who may not use the key that an object is encrypted under.
func mayRead(ctx context.Context, rec *record) error {
	ex := exchangeOf(ctx)
	if !ex.opens {
		return nil
	}
	return ex.deny(ex.authorizeKey(ctx, "Decrypt", rec.Encryption))
}

// unfound tells of a missing key only those who may list the bucket: page "GetObject". gofakes3 looks for the object
// that a PutObject would replace as well, and tells nobody.
func unfound(ctx context.Context, err error, bucket, key string) error {
	if ex := exchangeOf(ctx); errors.Is(err, errNoKey) && ex.operation != "PutObject" {
		if denied := ex.deny(ex.authorizeList(ctx)); denied != nil {
			return denied
		}
	}
	return answer(err, bucket, key)
}

func (b *backend) DeleteObject(_ context.Context, bucket, key string) (gofakes3.ObjectDeleteResult, error) {
	return gofakes3.ObjectDeleteResult{}, answer(b.store.delete(bucket, key), bucket, key)
}

func (b *backend) ListBucket(_ context.Context, bucket string, prefix *gofakes3.Prefix, page gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	start := ""
	if prefix != nil {
		start = prefix.Prefix
	}
	keys, recs, more, err := b.store.list(bucket, start, page.Marker, page.MaxKeys)
	if err != nil {
		return nil, answer(err, bucket, "")
	}
	list := gofakes3.NewObjectList()
	for i, key := range keys {
		list.Add(&gofakes3.Content{
			Key:          key,
			LastModified: gofakes3.NewContentTime(recs[i].Modified),
			ETag:         `"` + recs[i].MD5 + `"`,
			Size:         recs[i].Size,
			StorageClass: gofakes3.StorageStandard,
		})
	}
	if more {
		list.IsTruncated, list.NextMarker = true, keys[len(keys)-1]
	}
	return list, nil
}

func (b *backend) ListBuckets(context.Context) ([]gofakes3.BucketInfo, error) {
	return nil, gofakes3.ErrNotImplemented
}

func (b *backend) CreateBucket(context.Context, string) error { return gofakes3.ErrNotImplemented }

func (b *backend) DeleteBucket(context.Context, string) error { return gofakes3.ErrNotImplemented }

func (b *backend) DeleteMulti(context.Context, string, ...string) (gofakes3.MultiDeleteResult, error) {
	return gofakes3.MultiDeleteResult{}, gofakes3.ErrNotImplemented
}

func (b *backend) CopyObject(context.Context, string, string, string, string, map[string]string) (gofakes3.CopyObjectResult, error) {
	return gofakes3.CopyObjectResult{}, gofakes3.ErrNotImplemented
}

// answer turns the store's errors into S3's. gofakes3 looks at an error's own
// type, never inside it.
func answer(err error, bucket, key string) error {
	var client readError
	var known gofakes3.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNoBucket):
		return gofakes3.BucketNotFound(bucket)
	case errors.Is(err, errNoKey):
		return gofakes3.KeyNotFound(key)
	case errors.As(err, &known): // a checksum or a condition
		return known
	case errors.As(err, &client):
		return gofakes3.ErrorMessage(gofakes3.ErrIncompleteBody, "You did not provide the number of bytes specified by the Content-Length HTTP header.")
	}
	return gofakes3.ErrorMessage(gofakes3.ErrInternal, err.Error())
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

type section struct {
	io.Reader
	io.Closer
}
