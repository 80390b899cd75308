package sigv4

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
)

const (
	unsigned  = "UNSIGNED-PAYLOAD"
	trailer   = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	shaHeader = "X-Amz-Content-Sha256"
)

// payloadHash is the last line of the canonical request. S3 takes it from the
// request; every other service computes it from the body.
func (c *claim) payloadHash(r *http.Request) (string, error) {
	if c.service != S3 {
		return c.hashBody(r)
	}
	if c.presigned && !slices.Contains(c.signedHeaders, "x-amz-content-sha256") {
		if given := c.query.Get(shaHeader); given != "" && given != unsigned {
			return "", c.refuse(payloadInvalid, "")
		}
		return unsigned, nil
	}
	given := r.Header.Get(shaHeader)
	switch {
	case given == "":
		return "", c.refuse(payloadMissing, "")
	case given != unsigned && given != trailer && !isHash(given):
		return "", c.refuse(payloadInvalid, "")
	}
	return given, nil
}

// checkPayload compares the body with the hash that was signed for it.
func (c *claim) checkPayload(r *http.Request, payload string) error {
	if c.service != S3 || payload == unsigned || payload == trailer {
		return nil
	}
	actual, err := c.hashBody(r)
	if err != nil {
		return err
	}
	if actual != payload {
		return c.refuse(payloadMismatch, "")
	}
	return nil
}

// hashBody reads the body, puts it back and answers its hash.
func (c *claim) hashBody(r *http.Request) (string, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(io.LimitReader(r.Body, MaxSignedBody+1))
		if err != nil {
			return "", c.refuse(payloadUnread, "")
		}
		if len(body) > MaxSignedBody {
			return "", c.refuse(payloadTooLong, "")
		}
		if err := r.Body.Close(); err != nil {
			return "", c.refuse(payloadUnread, "")
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), nil
}

func isHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}
