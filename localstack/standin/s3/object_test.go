package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

func TestPut(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	for name, body := range map[string]string{
		"Empty": "", "OneByte": "x", "Megabyte": strings.Repeat("0123456789abcdef", 1<<16),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sum := md5.Sum([]byte(body))
			etag := `"` + hex.EncodeToString(sum[:]) + `"`
			put, err := st.client.PutObject(t.Context(), &awss3.PutObjectInput{
				Bucket: aws.String(bucket), Key: aws.String(name), Body: bytes.NewReader([]byte(body)),
				ContentType: aws.String("text/plain"), Metadata: map[string]string{"note": "n"},
			})
			if err != nil || *put.ETag != etag {
				t.Fatalf("put: %+v, %v", put, err)
			}
			st.wantObject(t, name, body)
			head, err := st.client.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String(name)})
			if err != nil {
				t.Fatal(err)
			}
			if *head.ContentLength != int64(len(body)) || *head.ETag != etag || *head.ContentType != "text/plain" || head.Metadata["note"] != "n" || head.LastModified.IsZero() {
				t.Fatalf("head: %+v", head)
			}
		})
	}
}

func TestPutReplaces(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	st.put(t, "k", "one")
	st.put(t, "k", "two, longer")
	st.wantObject(t, "k", "two, longer")
}

func TestAnyKeyIsLegal(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	keys := []string{
		"x", "x/y", "x/y/z", "x/", "/lead", "//", "d//e", ".", "..", "../up", "a/../b", "a/./b", "żółć", "z z+z%2Fz",
		"?q=1&r", "#", "'\"<>&", "~!@$^*()[]{}|\\", "u/01ABC/s/02DEF/c/abcdef", strings.Repeat("k", 1024),
	}
	for _, key := range keys {
		st.put(t, key, "content of "+key)
	}
	for _, key := range keys {
		st.wantObject(t, key, "content of "+key)
	}
	slices.Sort(keys)
	if diff := cmp.Diff(keys, st.keys(t, "")); diff != "" {
		t.Fatal(diff)
	}
}

func TestKeyTooLong(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	_, err := st.client.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(strings.Repeat("k", 1025))})
	wantCode(t, err, 400, "KeyTooLongError")
}

func TestMissing(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	st.wantNoObject(t, "k")
	_, err := st.client.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String("k")})
	wantCode(t, err, 404, "NotFound")

	other := aws.String("other-bucket")
	_, err = st.client.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: other, Key: aws.String("k")})
	wantCode(t, err, 404, "NoSuchBucket")
	_, err = st.client.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: other, Key: aws.String("k")})
	wantCode(t, err, 404, "NoSuchBucket")
	_, err = st.client.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: other, Key: aws.String("k")})
	wantCode(t, err, 404, "NoSuchBucket")
	_, err = st.client.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: other})
	wantCode(t, err, 404, "NoSuchBucket")
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	st.put(t, "k", "one")
	if err := st.server.CreateBucket(bucket); err != nil {
		t.Fatal(err)
	}
	if err := st.server.CreateBucket("second-bucket"); err != nil {
		t.Fatal(err)
	}
	st.wantObject(t, "k", "one")
	_, err := st.client.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("second-bucket"), Key: aws.String("k")})
	wantCode(t, err, 404, "NoSuchKey")
	for _, name := range []string{"", "ab", "Upper", "under_score", "192.168.0.1", strings.Repeat("b", 64)} {
		if err := st.server.CreateBucket(name); err == nil {
			t.Errorf("bucket name %q was accepted", name)
		}
	}
}

func TestIfNoneMatch(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	put := func(key, body string) error {
		_, err := st.client.PutObject(t.Context(), &awss3.PutObjectInput{
			Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader(body), IfNoneMatch: aws.String("*"),
		})
		return err
	}
	if err := put("k", "first"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, put("k", "second"), 412, "PreconditionFailed")
	st.wantObject(t, "k", "first")

	const writers = 16
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { errs[i] = put("raced", fmt.Sprint("writer ", i)) })
	}
	wg.Wait()
	winner := slices.Index(errs, nil)
	if winner < 0 {
		t.Fatal("no writer won")
	}
	for i, err := range errs {
		if i != winner {
			wantCode(t, err, 412, "PreconditionFailed")
		}
	}
	st.wantObject(t, "raced", fmt.Sprint("writer ", winner))
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	st.put(t, "k", "one")
	head, err := st.client.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	put := func(key string) error {
		_, err := st.client.PutObject(t.Context(), &awss3.PutObjectInput{
			Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader("two"), IfMatch: head.ETag,
		})
		return err
	}
	if err := put("k"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, put("k"), 412, "PreconditionFailed")
	wantCode(t, put("none"), 404, "NoSuchKey")

	_, err = st.client.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("k"), IfMatch: head.ETag})
	wantCode(t, err, 412, "PreconditionFailed")
}

func TestRange(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	st.put(t, "k", "0123456789")
	st.put(t, "empty", "")
	for name, c := range map[string]struct {
		key, ask    string
		body, given string
		code        string
	}{
		"First":         {"k", "bytes=0-0", "0", "bytes 0-0/10", ""},
		"Middle":        {"k", "bytes=3-5", "345", "bytes 3-5/10", ""},
		"Last":          {"k", "bytes=9-9", "9", "bytes 9-9/10", ""},
		"Open":          {"k", "bytes=7-", "789", "bytes 7-9/10", ""},
		"PastEnd":       {"k", "bytes=8-100", "89", "bytes 8-9/10", ""},
		"Suffix":        {"k", "bytes=-3", "789", "bytes 7-9/10", ""},
		"SuffixWhole":   {"k", "bytes=-10", "0123456789", "bytes 0-9/10", ""},
		"SuffixTooLong": {"k", "bytes=-11", "0123456789", "bytes 0-9/10", ""},
		"AtEnd":         {"k", "bytes=10-", "", "", "InvalidRange"},
		"SuffixNothing": {"k", "bytes=-0", "", "", "InvalidRange"},
		"Empty":         {"empty", "bytes=0-", "", "", "InvalidRange"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := st.client.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(c.key), Range: aws.String(c.ask)})
			if c.code != "" {
				wantCode(t, err, 416, c.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(out.Body)
			if err != nil || string(body) != c.body || *out.ContentRange != c.given || *out.ContentLength != int64(len(c.body)) {
				t.Fatalf("got %q, %s, %v", body, *out.ContentRange, err)
			}
		})
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	st.put(t, "k", "one")
	st.put(t, "k2", "two")
	for range 2 {
		out, err := st.client.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String("k")})
		if err != nil || out.DeleteMarker != nil {
			t.Fatalf("got %+v, %v", out, err)
		}
		st.wantNoObject(t, "k")
	}
	st.wantObject(t, "k2", "two")
}

func TestEncryptionIsEchoed(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	key := "arn:aws:kms:eu-central-1:000000000000:key/1234"
	type seen struct {
		SSE       types.ServerSideEncryption
		Key       *string
		BucketKey *bool
	}
	want := seen{types.ServerSideEncryptionAwsKms, &key, aws.Bool(true)}
	in := &awss3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("k"), Body: strings.NewReader("x"),
		ServerSideEncryption: want.SSE, SSEKMSKeyId: want.Key, BucketKeyEnabled: want.BucketKey,
	}
	put, err := st.client.PutObject(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	head, err := st.client.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: in.Bucket, Key: in.Key})
	if err != nil {
		t.Fatal(err)
	}
	get, err := st.client.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: in.Bucket, Key: in.Key})
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []seen{
		{put.ServerSideEncryption, put.SSEKMSKeyId, put.BucketKeyEnabled},
		{head.ServerSideEncryption, head.SSEKMSKeyId, head.BucketKeyEnabled},
		{get.ServerSideEncryption, get.SSEKMSKeyId, get.BucketKeyEnabled},
	} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}

	st.put(t, "plain", "x")
	head, err = st.client.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: in.Bucket, Key: aws.String("plain")})
	if err != nil || head.ServerSideEncryption != "" {
		t.Fatalf("got %+v, %v", head, err)
	}
	in.ServerSideEncryption = types.ServerSideEncryptionAes256
	_, err = st.client.PutObject(t.Context(), in)
	wantCode(t, err, 400, "InvalidArgument")
	in.ServerSideEncryption = types.ServerSideEncryptionAwsKmsDsse
	_, err = st.client.PutObject(t.Context(), in)
	wantCode(t, err, 501, "NotImplemented")
}

func TestReadersSeeWholeObjects(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	body := func(i int) string { return strings.Repeat(fmt.Sprint(i%10), 20_000+i) }
	st.put(t, "k", body(0))
	const writes = 30
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				got, err := st.get(t.Context(), "k")
				if err != nil || got != body(len(got)-20_000) {
					t.Errorf("read a torn object of %d bytes: %v", len(got), err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range writes {
		_, err := st.client.PutObject(t.Context(), &awss3.PutObjectInput{
			Bucket: aws.String(bucket), Key: aws.String("k"), Body: strings.NewReader(body(i)),
		})
		if err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
}

func TestList(t *testing.T) {
	t.Parallel()
	st := newStack(t)
	var want []string
	for i := range 1000 {
		want = append(want, fmt.Sprintf("p/%04d", i))
	}
	var wg sync.WaitGroup
	for part := range slices.Chunk(want, 250) {
		wg.Go(func() {
			for _, key := range part {
				if _, err := st.client.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, key := range []string{"o", "p", "p0", "q", "ż"} {
		st.put(t, key, key)
	}
	list := func(in awss3.ListObjectsV2Input) *awss3.ListObjectsV2Output {
		t.Helper()
		in.Bucket = aws.String(bucket)
		out, err := st.client.ListObjectsV2(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}

	if out := list(awss3.ListObjectsV2Input{Prefix: aws.String("p/")}); len(out.Contents) != 1000 || *out.IsTruncated || out.NextContinuationToken != nil {
		t.Fatalf("1,000 keys of a prefix: got %d, truncated %t", len(out.Contents), *out.IsTruncated)
	}
	if out := list(awss3.ListObjectsV2Input{Prefix: aws.String("p"), MaxKeys: aws.Int32(5000)}); len(out.Contents) != 1000 || !*out.IsTruncated || *out.KeyCount != 1000 {
		t.Fatalf("1,002 keys of a prefix: got %d, truncated %t", len(out.Contents), *out.IsTruncated)
	}
	if diff := cmp.Diff(slices.Concat([]string{"p"}, want, []string{"p0"}), st.keys(t, "p")); diff != "" {
		t.Fatal(diff)
	}
	if diff := cmp.Diff(slices.Concat([]string{"o", "p"}, want, []string{"p0", "q", "ż"}), st.keys(t, "")); diff != "" {
		t.Fatal(diff)
	}
	if out := list(awss3.ListObjectsV2Input{Prefix: aws.String("p/"), StartAfter: aws.String("p/0997")}); len(out.Contents) != 2 || *out.Contents[0].Key != "p/0998" {
		t.Fatalf("start-after: got %d keys", len(out.Contents))
	}
	if out := list(awss3.ListObjectsV2Input{Prefix: aws.String("p/"), StartAfter: aws.String("p0")}); len(out.Contents) != 0 {
		t.Fatalf("start-after past the prefix: got %d keys", len(out.Contents))
	}
	if out := list(awss3.ListObjectsV2Input{MaxKeys: aws.Int32(0)}); len(out.Contents) != 0 || *out.IsTruncated {
		t.Fatalf("no keys asked for: got %d", len(out.Contents))
	}
	out := list(awss3.ListObjectsV2Input{Prefix: aws.String("q"), EncodingType: types.EncodingTypeUrl})
	sum := md5.Sum([]byte("q"))
	if o := out.Contents[0]; *o.Size != 1 || *o.ETag != `"`+hex.EncodeToString(sum[:])+`"` || o.StorageClass != "STANDARD" || o.LastModified.IsZero() {
		t.Fatalf("got %+v", o)
	}
	_, err := st.client.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: aws.String(bucket), ContinuationToken: aws.String("!")})
	if err == nil || errors.Is(err, io.EOF) || statusOf(err) != 400 {
		t.Fatalf("a false token: got %v", err)
	}
}
