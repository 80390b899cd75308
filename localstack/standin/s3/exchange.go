package s3

import (
	"context"
	"net/http"
	"strings"

	"github.com/rclone/gofakes3"

	"zapas/localstack/standin/iam"
)

const (
	sseHeader          = "x-amz-server-side-encryption"
	sseKeyHeader       = "x-amz-server-side-encryption-aws-kms-key-id"
	sseBucketKeyHeader = "x-amz-server-side-encryption-bucket-key-enabled"

	kmsAlgorithm = "aws:kms"
	accessDenied = "AccessDenied"
)

// encryption is the server-side encryption that an object was stored with.
type encryption struct {
	Algorithm string `json:",omitempty"`
	KeyID     string `json:",omitempty"`
	BucketKey bool   `json:",omitempty"`
}

// An exchange carries past gofakes3, from the request to the backend and from the
// backend to the response, what gofakes3 does not know of.
type exchange struct {
	server      *Server
	bucket, key string
	signature   iam.Keys // the condition keys that tell how the request is signed
	operation   string
	opens       bool       // the operation reads what is encrypted
	asked       encryption // PutObject
	found       encryption // of the object written or read
	denied      bool       // what the backend found may not be told
}

// deny makes gofakes3 answer a refusal, if there is one. It knows the code, but not its status.
func (ex *exchange) deny(why *refusal) error {
	if why == nil {
		return nil
	}
	ex.denied = why.status == http.StatusForbidden
	return gofakes3.ErrorMessage(gofakes3.ErrorCode(why.code), why.message)
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	if ex, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return ex
	}
	return &exchange{server: &Server{}}
}

func (s *Server) newExchange(r *http.Request) *exchange {
	ex := &exchange{server: s, signature: s.signature(r)}
	ex.bucket, ex.key = splitPath(r.URL.Path)
	return ex
}

// begin refuses what the caller may not do, before anything is read or changed, and prepares the rest for gofakes3.
func (ex *exchange) begin(r *http.Request, operation string) *refusal {
	if refusal := ex.authorize(r, operation); refusal != nil {
		return refusal
	}
	// Page "HeadObject": it needs the key for checksums only, which are asked for.
	sums := r.Header.Get("X-Amz-Checksum-Mode") != "" || r.URL.Query().Has("X-Amz-Checksum-Mode")
	ex.operation, ex.opens = operation, operation == "GetObject" || operation == "HeadObject" && sums
	if operation != "PutObject" {
		return nil
	}
	if refusal := ex.prepare(r); refusal != nil {
		return refusal
	}
	return ex.authorizeKey(r.Context(), "GenerateDataKey", ex.asked)
}

// prepare turns a PutObject request into one that gofakes3 takes: without the
// encryption it would refuse, and with a plain body.
func (ex *exchange) prepare(r *http.Request) *refusal {
	if r.ContentLength < 0 {
		return &refusal{http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header."}
	}
	ex.asked = encryption{
		Algorithm: r.Header.Get(sseHeader),
		KeyID:     r.Header.Get(sseKeyHeader),
		BucketKey: strings.EqualFold(r.Header.Get(sseBucketKeyHeader), "true"),
	}
	switch ex.asked.Algorithm {
	case kmsAlgorithm:
	case "", "AES256":
		if ex.asked.KeyID != "" {
			return &refusal{http.StatusBadRequest, "InvalidArgument", "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms"}
		}
	case "aws:kms:dsse", "aws:fsx":
		return &refusal{http.StatusNotImplemented, "NotImplemented", "The operation PutObject with the encryption " + ex.asked.Algorithm + " is not implemented."}
	default:
		return &refusal{http.StatusBadRequest, "InvalidArgument", "The encryption method specified is not supported"}
	}
	for _, name := range []string{sseHeader, sseKeyHeader, sseBucketKeyHeader} {
		r.Header.Del(name)
	}
	if ex.asked.Algorithm == "" {
		ex.asked = ex.server.defaultOf(ex.bucket)
	}
	if r.Header.Get("X-Amz-Content-Sha256") == streamingTrailer {
		return unchunk(r)
	}
	if r.Header.Get("X-Amz-Trailer") != "" {
		return &refusal{http.StatusBadRequest, "InvalidRequest", "x-amz-trailer needs x-amz-content-sha256: " + streamingTrailer}
	}
	return nil
}

// response puts right what gofakes3 answers otherwise than S3: it adds the
// encryption and the default content type, and leaves out the CORS headers, since
// no bucket here has a CORS configuration.
type response struct {
	http.ResponseWriter
	exchange  *exchange
	operation string
	started   bool
}

func (w *response) Write(p []byte) (int, error) {
	if !w.started {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

func (w *response) WriteHeader(status int) {
	if w.started {
		return
	}
	w.started = true
	if w.exchange.denied {
		status = http.StatusForbidden
	}
	h := w.Header()
	for _, name := range []string{"Origin", "Methods", "Headers"} {
		h.Del("Access-Control-Allow-" + name)
	}
	h.Del("Access-Control-Expose-Headers")
	h.Del("X-Amz-Delete-Marker") // said only of versioned buckets
	if status < 300 {
		w.describe(h)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) describe(h http.Header) {
	enc := w.exchange.found
	if enc.Algorithm != "" {
		h.Set(sseHeader, enc.Algorithm)
	}
	if enc.KeyID != "" {
		h.Set(sseKeyHeader, enc.KeyID)
	}
	if enc.BucketKey {
		h.Set(sseBucketKeyHeader, "true")
	}
	switch {
	case w.operation == "ListObjectsV2":
		h.Set("Content-Type", "application/xml")
	case (w.operation == "GetObject" || w.operation == "HeadObject") && h.Get("Content-Type") == "":
		h.Set("Content-Type", "binary/octet-stream")
	}
}
