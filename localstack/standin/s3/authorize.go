package s3

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"zapas/localstack/standin/iam"
)

// An Authorizer says whether the caller, whom the context names, may do what he asks: nil, or an *iam.Denied.
type Authorizer interface {
	Authorize(ctx context.Context, r iam.Request) error
}

// actionOf is the action that an operation needs: page "Required permissions for Amazon S3 API operations".
func actionOf(operation string) string {
	switch operation {
	case "HeadObject":
		return "s3:GetObject"
	case "ListObjectsV2":
		return "s3:ListBucket"
	}
	return "s3:" + operation
}

func bucketARN(bucket string) string { return "arn:aws:s3:::" + bucket }

// authorize asks for the request's own action.
func (ex *exchange) authorize(r *http.Request, operation string) *refusal {
	resource := bucketARN(ex.bucket)
	keys := ex.signature.With()
	switch operation {
	case "ListObjectsV2":
		keys.Add("s3:prefix", r.URL.Query()["prefix"]...)
	case "PutObject":
		keys.Add("s3:if-none-match", r.Header.Values("If-None-Match")...)
	}
	if operation != "ListObjectsV2" {
		resource += "/" + ex.key
	}
	return ex.ask(r.Context(), iam.Request{Action: actionOf(operation), Resource: resource, Owner: bucketARN(ex.bucket), Keys: keys})
}

// authorizeList asks whether the caller may learn that a key is missing. It asks without a prefix, as there is none.
func (ex *exchange) authorizeList(ctx context.Context) *refusal {
	return ex.ask(ctx, iam.Request{Action: "s3:ListBucket", Resource: bucketARN(ex.bucket), Owner: bucketARN(ex.bucket), Keys: ex.signature.With()})
}

// authorizeKey asks KMS's policies, as S3 asks KMS in the caller's name. The policy of the key that AWS manages allows
// everybody in the account, so objects that name no key need no right.
func (ex *exchange) authorizeKey(ctx context.Context, action string, used encryption) *refusal {
	if used.Algorithm != kmsAlgorithm || used.KeyID == "" {
		return nil
	}
	cfg, arn := ex.server.cfg, used.KeyID
	if !strings.HasPrefix(arn, "arn:") {
		arn = "arn:aws:kms:" + cfg.Region + ":" + cfg.Account + ":key/" + arn
	}
	bound := bucketARN(ex.bucket) // page "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys"
	if !used.BucketKey {
		bound += "/" + ex.key
	}
	keys := iam.Keys{}
	keys.Add("kms:ViaService", "s3."+cfg.Region+".amazonaws.com")
	keys.Add("kms:EncryptionContextKeys", "aws:s3:arn")
	keys.Add("kms:EncryptionContext:aws:s3:arn", bound)
	return ex.ask(ctx, iam.Request{Action: "kms:" + action, Resource: arn, Owner: arn, Keys: keys})
}

func (ex *exchange) ask(ctx context.Context, r iam.Request) *refusal {
	if ex.server.cfg.Authorizer == nil {
		return nil
	}
	err := ex.server.cfg.Authorizer.Authorize(ctx, r)
	if err == nil {
		return nil
	}
	if denied, ok := errors.AsType[*iam.Denied](err); ok {
		return &refusal{http.StatusForbidden, accessDenied, denied.Error()}
	}
	ex.server.cfg.Log.Error("an S3 call could not be authorized", slog.Any("error", err))
	return &refusal{http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again."}
}

// signature tells how a request is signed: page "Amazon S3 Signature Version 4 Authentication Specific Policy Keys".
// A signature in a header, which is minutes old at most, is given no age.
func (s *Server) signature(r *http.Request) iam.Keys {
	keys, query := iam.Keys{}, r.URL.Query()
	if !query.Has("X-Amz-Signature") {
		keys.Add("s3:authType", "REST-HEADER")
		return keys
	}
	keys.Add("s3:authType", "REST-QUERY-STRING")
	if signed, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date")); err == nil {
		keys.Add("s3:signatureAge", strconv.FormatInt(max(0, s.cfg.Signed().Sub(signed).Milliseconds()), 10))
	}
	return keys
}

func (s *Server) defaultOf(bucket string) encryption {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.defaults[bucket]
}
