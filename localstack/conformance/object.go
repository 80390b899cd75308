package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	pagePutObject = "Amazon S3 API Reference, PutObject"
	pageKeys      = "Amazon S3 User Guide, Naming Amazon S3 objects"
	pageList      = "Amazon S3 API Reference, ListObjectsV2"
	pageStrong    = "Amazon S3 User Guide, What is Amazon S3?: Amazon S3 data consistency model"
)

func objectCases() []Case {
	return []Case{
		{"Object/IfAbsent", pageConditional, "", objectIfAbsent},
		{"Object/IfAbsentHasOneWinner", pageConditional, "", objectsHaveOneWinner},
		{"Object/WrongChecksum", pageIntegrity, Checksums, wrongChecksum},
		{"Object/Missing", pageGetObject, "", func(ctx context.Context, t *Target) error { return t.wantObject(ctx, t.Prefix+"/a", nil) }},
		{"Object/Megabytes", pagePutObject, "", megabytes},
		{"Object/OddKeys", pageKeys, "", oddKeys},
		{"Object/KeyLength", pageKeys, "", keyLength},
	}
}

// putObject stores an object where there is none, with its checksum.
func (t *Target) putObject(ctx context.Context, key string, body []byte, sum string) error {
	_, err := t.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &t.Bucket, Key: &key, Body: bytes.NewReader(body),
		ContentType: aws.String("application/json"), ChecksumSHA256: &sum, IfNoneMatch: aws.String("*")})
	return err
}

// putObjects stores objects that hold their own keys.
func (t *Target) putObjects(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := t.putObject(ctx, key, []byte(key), sumOf([]byte(key))); err != nil {
			return at(fmt.Sprintf("store %q", key), err)
		}
	}
	return nil
}

func objectIfAbsent(ctx context.Context, t *Target) error {
	key := t.Prefix + "/a"
	if err := t.putObjects(ctx, key); err != nil {
		return err
	}
	return errors.Join(refused(t.putObject(ctx, key, chunk(), sumOf(chunk())), "an object where there is one", precondition), t.wantObject(ctx, key, []byte(key)))
}

func objectsHaveOneWinner(ctx context.Context, t *Target) error {
	return oneWinner(all(8, func(i int) error {
		body := []byte{byte(i)}
		return t.putObject(ctx, t.Prefix+"/a", body, sumOf(body))
	}), precondition, otherWrite)
}

func wrongChecksum(ctx context.Context, t *Target) error {
	key := t.Prefix + "/a"
	if err := refused(t.putObject(ctx, key, chunk(), sumOf([]byte("other"))), "an object with the checksum of another", badDigest); err != nil {
		return err
	}
	return t.wantObject(ctx, key, nil)
}

func megabytes(ctx context.Context, t *Target) error {
	body := bytes.Repeat([]byte("0123456789abcdef"), 5<<16) // 5 MiB
	return errors.Join(t.putObject(ctx, t.Prefix+"/a", body, sumOf(body)), t.wantObject(ctx, t.Prefix+"/a", body))
}

// oddKeys are lawful, if not wise; one that looks like a folder of another is an object beside it.
func oddKeys(ctx context.Context, t *Target) error {
	var keys []string
	for _, odd := range []string{"x", "x/", "x/y", "d//e", "a b", "a+b", "a%20b", "a&b=c", "#", "?", "ą€😀", "'(*)!", "a:b@c,d;e"} {
		keys = append(keys, t.Prefix+"/"+odd)
	}
	errs := []error{t.putObjects(ctx, keys...)}
	for _, key := range keys {
		errs = append(errs, at(fmt.Sprintf("%q", key), t.wantObject(ctx, key, []byte(key))))
		signed, err := t.presigner(0, lifetime).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &t.Bucket, Key: &key})
		if err != nil {
			return err
		}
		_, err = t.wantBody(ctx, request{method: http.MethodGet, url: signed.URL, header: http.Header{}}, http.StatusOK, key)
		errs = append(errs, at(fmt.Sprintf("the URL of %q", key), err))
	}
	slices.Sort(keys)
	return errors.Join(append(errs, t.wantKeys(ctx, t.Prefix+"/", 0, keys...))...)
}

func keyLength(ctx context.Context, t *Target) error {
	key := t.Prefix + strings.Repeat("x", 1024-len(t.Prefix))
	return errors.Join(refused(t.putObjects(ctx, key+"x"), "a key of 1,025 bytes", "KeyTooLongError"), at("one of 1,024", t.putObjects(ctx, key)))
}

func listCases() []Case {
	return []Case{
		{"List/Prefix", pageList, "", listPrefix},
		{"List/OrderOfBytes", pageList, "", listOrder},
		{"List/Pages", pageList, "", listPages},
		{"List/Sizes", pageList, "", listSizes},
		{"List/SeesEveryWrite", pageStrong, "", listSeesEveryWrite},
	}
}

// wantKeys is nil if these keys are listed below the prefix, in this order, in pages of at most so many; 0: as many as
// S3 gives.
func (t *Target) wantKeys(ctx context.Context, prefix string, most int32, want ...string) error {
	in := &s3.ListObjectsV2Input{Bucket: &t.Bucket, Prefix: &prefix}
	if most > 0 {
		in.MaxKeys = &most
	}
	var got []string
	pages := s3.NewListObjectsV2Paginator(t.s3, in, func(o *s3.ListObjectsV2PaginatorOptions) { o.StopOnDuplicateToken = true })
	for pages.HasMorePages() && len(got) <= len(want) {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return at("list objects", err)
		}
		if n := len(page.Contents); int(aws.ToInt32(page.KeyCount)) != n || most > 0 && n > int(most) {
			return differs("keys of a page, its KeyCount", []int{n, int(aws.ToInt32(page.KeyCount))}, most)
		}
		for _, object := range page.Contents {
			got = append(got, aws.ToString(object.Key))
		}
	}
	if !slices.Equal(got, want) {
		return differs("keys", fmt.Sprintf("%q", got), fmt.Sprintf("%q", want))
	}
	return nil
}

func listPrefix(ctx context.Context, t *Target) error {
	p := t.Prefix + "/s1"
	return errors.Join(t.wantKeys(ctx, t.Prefix, 0), t.putObjects(ctx, t.Prefix+"/s0/c", p, p+"/c", p+"/d", p+"0/c", t.Prefix+"/S1/c"),
		t.wantKeys(ctx, p+"/", 0, p+"/c", p+"/d"), t.wantKeys(ctx, p, 0, p, p+"/c", p+"/d", p+"0/c"), t.wantKeys(ctx, p+"/c/", 0))
}

func listOrder(ctx context.Context, t *Target) error {
	var keys []string
	for _, end := range []string{" ", "-", "/", "0", "10", "9", "A", "B", "a", "a/", "aa", "b", "~", "é", "ą", "€", "～", "😀"} {
		keys = append(keys, t.Prefix+"/"+end)
	}
	backwards := slices.Clone(keys)
	slices.Reverse(backwards)
	return errors.Join(t.putObjects(ctx, backwards...), t.wantKeys(ctx, t.Prefix+"/", 0, keys...))
}

func listPages(ctx context.Context, t *Target) error {
	var keys []string
	for i := range 7 {
		keys = append(keys, fmt.Sprintf("%s/%d", t.Prefix, i))
	}
	errs := []error{t.putObjects(ctx, keys...), t.putObjects(ctx, t.Prefix+"0")}
	for _, most := range []int32{1, 3, 6, 7, 8} {
		errs = append(errs, at(fmt.Sprint("pages of ", most), t.wantKeys(ctx, t.Prefix+"/", most, keys...)))
	}
	return errors.Join(errs...)
}

func listSizes(ctx context.Context, t *Target) error {
	if err := t.putObjects(ctx, t.Prefix+"/a"); err != nil {
		return err
	}
	out, err := t.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &t.Bucket, Prefix: &t.Prefix})
	if err == nil && (len(out.Contents) != 1 || aws.ToInt64(out.Contents[0].Size) != int64(len(t.Prefix)+2)) {
		err = differs("objects", out.Contents, fmt.Sprintf("one of %d bytes", len(t.Prefix)+2))
	}
	return err
}

func listSeesEveryWrite(ctx context.Context, t *Target) error {
	var keys []string
	for i := range 5 {
		keys = append(keys, fmt.Sprintf("%s/%d", t.Prefix, i))
		if err := errors.Join(t.putObjects(ctx, keys[i]), t.wantKeys(ctx, t.Prefix+"/", 0, keys...)); err != nil {
			return err
		}
	}
	return nil
}
