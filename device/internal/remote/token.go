package remote

import (
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Signer holds the device's private key, on a phone in its hardware store.
type Signer interface {
	// PublicKey is the P-256 key: SubjectPublicKeyInfo (RFC 5280) in DER.
	PublicKey() []byte
	// Sign signs a SHA-256 digest and answers an ECDSA signature in DER (RFC 3279, section 2.2.3).
	Sign(digest []byte) ([]byte, error)
}

const tokenLife = 2 * time.Minute

// token is a JWT (RFC 7519) for one request, signed ES256 (RFC 7518, section 3.4).
func (c *Client) token(method, uri string, body []byte) (string, error) {
	var id [16]byte
	if err := c.draw(id[:]); err != nil {
		return "", err
	}
	sum := sha256.Sum256(body)
	issued := c.Time()
	header := map[string]string{"alg": "ES256", "typ": "JWT"}
	if c.Device != "" {
		header["kid"] = c.Device
	}
	claims := map[string]any{
		"jti": base64url(id[:]), "iat": issued.Unix(), "exp": issued.Add(tokenLife).Unix(),
		"htm": method, "htu": uri, "bh": base64url(sum[:]),
	}
	head, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed := base64url(head) + "." + base64url(payload)
	digest := sha256.Sum256([]byte(signed))
	der, err := c.Signer.Sign(digest[:])
	if err != nil {
		return "", fmt.Errorf("sign a request with the device's key: %w", err)
	}
	raw, err := fixed(der)
	if err != nil {
		return "", err
	}
	return signed + "." + base64url(raw[:]), nil
}

// fixed turns a DER signature into the two 32-byte numbers of a JWS.
func fixed(der []byte) (raw [64]byte, err error) {
	var s struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &s)
	if err != nil || len(rest) > 0 || s.R.Sign() <= 0 || s.S.Sign() <= 0 || s.R.BitLen() > 256 || s.S.BitLen() > 256 {
		return raw, errors.New("the device's key made no P-256 signature in DER")
	}
	s.R.FillBytes(raw[:32])
	s.S.FillBytes(raw[32:])
	return raw, nil
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
