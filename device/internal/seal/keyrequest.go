package seal

import (
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A KeyRequest is the device's half of a key delivery: an HPKE key pair (RFC 9180) for one request.
type KeyRequest struct {
	private hpke.PrivateKey
}

// NewKeyRequest makes a key pair from rand, which has to be a cryptographic source.
func NewKeyRequest(rand io.Reader) (*KeyRequest, error) {
	var ikm [32]byte
	if _, err := io.ReadFull(rand, ikm[:]); err != nil {
		return nil, fmt.Errorf("draw a key pair: %w", err)
	}
	private, err := hpke.DHKEM(ecdh.X25519()).DeriveKeyPair(ikm[:])
	if err != nil {
		return nil, fmt.Errorf("make a key pair: %w", err)
	}
	return &KeyRequest{private: private}, nil
}

// Public returns the 32 bytes to send with the request.
func (k *KeyRequest) Public() []byte { return k.private.PublicKey().Bytes() }

// Open opens the key of a session, sealed as enc (32 bytes) and ciphertext. It opens only what was sealed for this
// tenant, user, session and device.
func (k *KeyRequest) Open(sealed []byte, tenant, user, session, device string) (SessionKey, error) {
	info := "zapas key v1"
	for _, name := range []string{tenant, user, session, device} {
		if name == "" || strings.Contains(name, "\x00") {
			return SessionKey{}, errors.New("open a session key: tenant, user, session and device each need a name, without NUL")
		}
		info += "\x00" + name
	}
	key, err := hpke.Open(k.private, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info), sealed)
	if err != nil {
		return SessionKey{}, fmt.Errorf("open the key of session %s: it was not sealed for this request, user, session and device", session)
	}
	if len(key) != len(SessionKey{}) {
		return SessionKey{}, fmt.Errorf("open the key of session %s: it has %d bytes instead of %d", session, len(key), len(SessionKey{}))
	}
	return SessionKey(key), nil
}
