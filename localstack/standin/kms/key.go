package kms

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// A State is what a key may be used for.
type State string

// The states of a key; only an enabled one can be used.
const (
	Enabled         State = "Enabled"
	Disabled        State = "Disabled"
	PendingDeletion State = "PendingDeletion"
)

// A key is one KMS key. Its newest version seals; all of them open.
type key struct {
	ID       string    `json:"id"`
	Created  time.Time `json:"created"`
	State    State     `json:"state"`
	Versions [][]byte  `json:"versions"` // 32 bytes each
}

// A ciphertext is
//
//	format (1) | key id (16) | key version (4, big endian) | nonce (12) | sealed bytes and tag
//
// and its additional data is the first three fields and the encryption context.
const (
	format     = 1
	headerSize = 1 + 16 + 4
	nonceSize  = 12
)

var errSealed = errors.New("the ciphertext is not one of this key")

func (k *key) seal(plain []byte, context encryptionContext) ([]byte, error) {
	id, err := hex.DecodeString(strings.ReplaceAll(k.ID, "-", ""))
	if err != nil {
		return nil, err
	}
	version := len(k.Versions)
	blob := append([]byte{format}, id...)
	blob = binary.BigEndian.AppendUint32(blob, uint32(version))
	nonce := make([]byte, nonceSize)
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	aead, err := k.aead(version)
	if err != nil {
		return nil, err
	}
	bound := additionalData(blob, context)
	return aead.Seal(append(blob, nonce...), nonce, plain, bound), nil
}

func (k *key) open(blob []byte, context encryptionContext) ([]byte, error) {
	if len(blob) < headerSize+nonceSize || blob[0] != format {
		return nil, errSealed
	}
	header, rest := blob[:headerSize], blob[headerSize:]
	version := binary.BigEndian.Uint32(header[headerSize-4:])
	if version == 0 || uint64(version) > uint64(len(k.Versions)) {
		return nil, errSealed
	}
	aead, err := k.aead(int(version))
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, rest[:nonceSize], rest[nonceSize:], additionalData(header, context))
}

func (k *key) aead(version int) (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.Versions[version-1])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// blobKey is the id of the key that a ciphertext names, or "".
func blobKey(blob []byte) string {
	if len(blob) < headerSize || blob[0] != format {
		return ""
	}
	return uuid(blob[1:17])
}

func uuid(b []byte) string {
	h := hex.EncodeToString(b)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// additionalData writes a context in one way only: in the order of its names,
// each name and value behind its length.
func additionalData(header []byte, context encryptionContext) []byte {
	b := bytes.Clone(header)
	for _, name := range slices.Sorted(maps.Keys(context)) {
		for _, text := range []string{name, *context[name]} {
			b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
			b = append(b, text...)
		}
	}
	return b
}
