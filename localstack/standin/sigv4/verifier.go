// Package sigv4 knows whether a request to an AWS service carries a valid
// Signature Version 4, in the Authorization header or in the query of a
// presigned URL. It does not know what the caller may do, nor any operation of
// any service.
//
// It follows the pages "AWS Signature Version 4 for API requests" (IAM User
// Guide) and "Authenticating Requests (AWS Signature Version 4)" (Amazon S3 API
// Reference). Not supported, and refused: session tokens, payloads signed chunk
// by chunk, Signature Version 4A, requests dated by Date instead of X-Amz-Date.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	dateForm   = "20060102T150405Z"

	// MaxSkew is how far a request's time may be from the verifier's.
	MaxSkew = 15 * time.Minute
	// MaxExpiry is the longest life of a presigned URL.
	MaxExpiry = 7 * 24 * time.Hour
	// MaxSignedBody is the longest body whose hash is signed that is accepted.
	// It is held in memory until the hash is checked; AWS takes more.
	MaxSignedBody = 64 << 20
)

// S3 is the one service with a canonical path, payload rules and error codes of
// its own; all others share the rules of the JSON services.
const S3 = "s3"

// A Verifier checks signatures. Its fields are all required.
type Verifier struct {
	// Secret finds the secret of an access key, or says that there is none.
	Secret func(accessKeyID string) (secret string, ok bool)
	// Now is the verifier's clock.
	Now func() time.Time
	// Region is the only region whose scope is accepted.
	Region string
}

// Verify answers who signed the request to a service ("s3", "dynamodb", ...), or
// an *Error with the code that AWS gives in that service's format.
//
// Where the body's hash is part of the signature the body is read, checked and
// replaced, so that the handler after it sees the bytes that were signed. Where
// it is not (UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, presigned S3
// URLs) the body is left alone.
func (v *Verifier) Verify(r *http.Request, service string) (accessKeyID string, err error) {
	c, err := readClaim(r, service)
	if err != nil {
		return "", err
	}
	if err := v.checkScope(c); err != nil {
		return "", err
	}
	if err := v.checkTime(c); err != nil {
		return "", err
	}
	secret, ok := v.Secret(c.accessKeyID)
	if !ok {
		return "", c.refuse(unknownKey, "")
	}
	if err := c.checkSignedHeaders(r); err != nil {
		return "", err
	}
	payload, err := c.payloadHash(r)
	if err != nil {
		return "", err
	}
	if !hmac.Equal([]byte(c.sign(secret, r, payload)), []byte(c.signature)) {
		return "", c.refuse(mismatch, "")
	}
	// Last, so that nobody without a key makes us hold a large object.
	if err := c.checkPayload(r, payload); err != nil {
		return "", err
	}
	return c.accessKeyID, nil
}

func (v *Verifier) checkScope(c *claim) error {
	if day := c.time.Format("20060102"); c.date != day {
		return c.refuse(wrongScope, "the date "+quote(c.date)+" of the credential scope is not the day of the request, "+quote(day))
	}
	if c.region != v.Region {
		return c.refuse(wrongScope, "the region "+quote(c.region)+" is wrong; expecting "+quote(v.Region))
	}
	if c.scopeService != c.service {
		return c.refuse(wrongScope, "incorrect service "+quote(c.scopeService)+"; this endpoint belongs to "+quote(c.service))
	}
	return nil
}

// checkTime accepts both edges: a request just MaxSkew off and a presigned URL in
// the second in which it expires.
func (v *Verifier) checkTime(c *claim) error {
	now := v.Now().UTC()
	ahead := c.time.Sub(now)
	if !c.presigned {
		if ahead > MaxSkew || ahead < -MaxSkew {
			return c.refuse(skewed, "the request is dated "+c.time.Format(dateForm)+", the server "+now.Format(dateForm))
		}
		return nil
	}
	if ahead > MaxSkew {
		return c.refuse(notYetValid, "")
	}
	if now.After(c.time.Add(c.expires)) {
		return c.refuse(expired, "")
	}
	return nil
}

// sign computes the signature that the claim should carry.
func (c *claim) sign(secret string, r *http.Request, payload string) string {
	canonical := sha256.Sum256([]byte(c.canonicalRequest(r, payload)))
	scope := c.date + "/" + c.region + "/" + c.scopeService + "/" + terminator
	text := algorithm + "\n" + c.time.Format(dateForm) + "\n" + scope + "\n" + hex.EncodeToString(canonical[:])

	key := mac([]byte("AWS4"+secret), c.date)
	key = mac(key, c.region)
	key = mac(key, c.scopeService)
	key = mac(key, terminator)
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func quote(s string) string { return "'" + s + "'" }
