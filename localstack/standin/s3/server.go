// Package s3 knows how Amazon S3 stores, conditions, lists and returns objects
// over HTTP, and keeps them on the local disk. It does not know who calls:
// signatures are checked before a request comes here, and an Authorizer says what
// the caller may do.
//
// It has PutObject (plain, with a checksum, with a trailing checksum, with
// If-None-Match: * or If-Match, with SSE-S3 or SSE-KMS headers), GetObject (with
// Range and conditions), HeadObject, DeleteObject and ListObjectsV2 (prefix and
// paging), addressed by path. Of what makes buckets it has CreateBucket, DeleteBucket,
// PutBucketEncryption, PutBucketPolicy and DeleteBucketPolicy; encryption and policy are
// those of the program again when the folder is opened the next time. Every other operation, query parameter and x-amz header answers 501 and names
// itself: multipart uploads, copies, versions, ACLs, tags, CORS, delimiters and
// anonymous preflights among them.
//
// It differs from AWS in this: buckets are not versioned, so an overwrite or a
// delete is final; the server-side encryption that a request or the bucket asks for
// is recorded, echoed, and authorized as the caller's use of the key, but the bytes
// on disk are not encrypted, and whether the key exists and is enabled is not asked;
// an object sent with a trailing checksum may have 64 MiB at most.
package s3

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rclone/gofakes3"
)

// Config says where objects live. All fields but Authorizer, Attach and Sync are required;
// an Authorizer needs Account and Region.
type Config struct {
	// Dir is a folder of this server alone.
	Dir             string
	Account, Region string
	// Authorizer may be nil: then everything is allowed.
	Authorizer Authorizer
	// Attach puts the policy of a bucket, named by its ARN, in force, or takes it away (nil). It may be nil: then buckets
	// have no policies.
	Attach func(arn string, policy []byte) error
	// Now dates objects.
	Now func() time.Time
	// Signed is the clock by which requests are signed; nil: Now.
	Signed func() time.Time
	// Sync makes an answer wait until the disk has the object.
	Sync bool
	Log  *slog.Logger
}

// A Server answers S3's calls. It is safe for concurrent use.
type Server struct {
	cfg     Config
	store   *store
	handler http.Handler

	mu       sync.RWMutex
	defaults map[string]encryption // by bucket
}

// Open opens the folder, removes what an interrupted upload left there, and
// refuses one whose object table is damaged, missing beside its objects, or in
// use by another process.
func Open(cfg Config) (*Server, error) {
	if cfg.Signed == nil {
		cfg.Signed = cfg.Now
	}
	st, err := openStore(cfg)
	if err != nil {
		return nil, err
	}
	fake := gofakes3.New(&backend{store: st},
		gofakes3.WithTimeSource(clock(cfg.Now)),
		gofakes3.WithTimeSkewLimit(0), // part of the signature check
		gofakes3.WithLogger(logger{cfg.Log}),
	)
	return &Server{cfg: cfg, defaults: map[string]encryption{}, store: st, handler: fake.Server()}, nil
}

// CreateBucket makes a bucket; an existing one is left as it is.
func (s *Server) CreateBucket(name string) error {
	if err := gofakes3.ValidateBucketName(name); err != nil {
		return fmt.Errorf("create bucket %q: %w", name, err)
	}
	return s.store.createBucket(name)
}

// Encrypt has objects put into a bucket from now on encrypted under a key with a
// bucket key, unless a request asks otherwise. The key is named by its ARN; none is
// the one that AWS manages. It is not kept: buckets are given their encryption each
// time the folder is opened.
func (s *Server) Encrypt(bucket, keyARN string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.defaults[bucket] = encryption{Algorithm: kmsAlgorithm, KeyID: keyARN, BucketKey: true}
}

// Close waits for running calls to leave the object table and closes it.
func (s *Server) Close() error { return s.store.close() }

// ServeHTTP answers one call, whose signature the caller has verified.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = r.Clone(r.Context())
	call := identify(r)
	if call.refusal != "" {
		WriteError(w, r, http.StatusNotImplemented, "NotImplemented", call.refusal)
		return
	}
	if !utf8.ValidString(r.URL.Path) {
		WriteError(w, r, http.StatusBadRequest, "InvalidURI", "Couldn't parse the specified URI.")
		return
	}
	if isControl(call.operation) {
		s.control(w, r, call.operation)
		return
	}
	ex := s.newExchange(r)
	if refusal := ex.begin(r, call.operation); refusal != nil {
		WriteError(w, r, refusal.status, refusal.code, refusal.message)
		return
	}
	if mode := r.URL.Query().Get("X-Amz-Checksum-Mode"); mode != "" {
		r.Header.Set("X-Amz-Checksum-Mode", mode) // signers move it to the query
	}
	ctx := context.WithValue(r.Context(), exchangeKey{}, ex)
	answer := &response{ResponseWriter: w, exchange: ex, operation: call.operation}
	s.handler.ServeHTTP(answer, r.WithContext(ctx))
	answer.WriteHeader(http.StatusOK) // unless it has said otherwise
}

// clock lends gofakes3 the injected time.
type clock func() time.Time

func (c clock) Now() time.Time                  { return c().UTC() }
func (c clock) Since(t time.Time) time.Duration { return c().Sub(t) }

// logger passes on the errors that gofakes3 reports, and nothing else of what it
// says, for that holds the names of objects.
type logger struct{ log *slog.Logger }

func (l logger) Print(level gofakes3.LogLevel, v ...any) {
	if level != gofakes3.LogErr {
		return
	}
	for _, x := range v {
		if err, ok := x.(error); ok {
			l.log.Error("an S3 call failed", slog.Any("error", err))
		}
	}
}

// splitPath answers the bucket and the key of a path-style URL.
func splitPath(path string) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return bucket, key
}
