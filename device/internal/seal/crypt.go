package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
)

const (
	formatVersion = 0
	suiteAESGCM   = 1 // HKDF-SHA256, AES-256-GCM, zstd

	magicHead = "ZPC1"
	magicTail = "ZPCE"

	saltLen   = 32
	headerLen = 4 + 1 + 1 + 4 + saltLen + 32
	tagLen    = 16
	footerLen = 4 + 4 + 4
	prefixLen = 1 + 4 // before a record block: its kind and sealed length
)

// A blockKind says, inside what is authenticated, what a block is.
type blockKind byte

const (
	kindRecords     blockKind = 1
	kindLastRecords blockKind = 2 // ends the record part, so that a shortened one is noticed
	kindBlob        blockKind = 3
	kindIndex       blockKind = 4
	kindTrailer     blockKind = 5
)

func (k blockKind) String() string {
	switch k {
	case kindRecords, kindLastRecords:
		return "record block"
	case kindBlob:
		return "blob block"
	case kindIndex:
		return "index"
	default:
		return "trailer"
	}
}

// recordPrefix is what precedes a record block, so that a record part can be read without the trailer. Both are bound
// to the block as well.
func recordPrefix(kind blockKind, sealed uint32) (p [prefixLen]byte) {
	p[0] = byte(kind)
	binary.BigEndian.PutUint32(p[1:], sealed)
	return p
}

// A header opens a chunk; every block of the chunk is bound to it.
type header [headerLen]byte

// newHeader makes the header of a chunk with this salt, and the cipher that goes with it.
func newHeader(key SessionKey, keyVersion uint32, salt [saltLen]byte) (*chunkCipher, error) {
	var h header
	copy(h[:], magicHead)
	h[4], h[5] = formatVersion, suiteAESGCM
	binary.BigEndian.PutUint32(h[6:], keyVersion)
	copy(h[10:], salt[:])
	chunkKey, commitment, err := derive(key, h.salt())
	if err != nil {
		return nil, err
	}
	copy(h[10+saltLen:], commitment)
	return newCipher(h, chunkKey)
}

// openHeader checks a header and its commitment to the key before anything is opened with it.
func openHeader(h header, key SessionKey) (*chunkCipher, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	chunkKey, commitment, err := derive(key, h.salt())
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(commitment, h[10+saltLen:]) != 1 {
		return nil, fmt.Errorf("header at offset 0: %w", ErrWrongKey)
	}
	return newCipher(h, chunkKey)
}

// check refuses what is no chunk, and what another version must read.
func (h *header) check() error {
	if string(h[:4]) != magicHead {
		return fmt.Errorf("header at offset 0: this is not a chunk")
	}
	if h[4] != formatVersion {
		return fmt.Errorf("header at offset 4: unknown format version %d: %w", h[4], ErrTooNew)
	}
	if h[5] != suiteAESGCM {
		return fmt.Errorf("header at offset 5: unknown cipher suite %d: %w", h[5], ErrTooNew)
	}
	return nil
}

func (h *header) salt() []byte        { return h[10 : 10+saltLen] }
func (h *header) mark() [MarkLen]byte { return [MarkLen]byte(h[10+saltLen:]) }
func (h *header) keyVersion() uint32  { return binary.BigEndian.Uint32(h[6:]) }

// derive makes the key of one chunk and the commitment to it (RFC 5869).
func derive(key SessionKey, salt []byte) (chunkKey, commitment []byte, err error) {
	okm, err := hkdf.Key(sha256.New, key[:], salt, "zapas chunk v1", 64)
	if err != nil {
		return nil, nil, fmt.Errorf("derive the chunk key: %w", err)
	}
	return okm[:32], okm[32:], nil
}

// A chunkCipher seals and opens the blocks of one chunk.
type chunkCipher struct {
	header header
	aead   cipher.AEAD
}

func newCipher(h header, chunkKey []byte) (*chunkCipher, error) {
	block, err := aes.NewCipher(chunkKey)
	if err != nil {
		return nil, fmt.Errorf("make the chunk cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make the chunk cipher: %w", err)
	}
	return &chunkCipher{header: h, aead: aead}, nil
}

// bind returns the nonce and the additional data of a block: what it is bound to.
func (c *chunkCipher) bind(counter uint32, kind blockKind, sealed int) (nonce, aad []byte) {
	aad = make([]byte, 0, headerLen+12+1+4)
	aad = append(aad, c.header[:]...)
	aad = append(aad, 0, 0, 0, 0, 0, 0, 0, 0)
	aad = binary.BigEndian.AppendUint32(aad, counter)
	nonce = aad[headerLen:]
	aad = append(aad, byte(kind))
	aad = binary.BigEndian.AppendUint32(aad, uint32(sealed))
	return nonce, aad
}

// seal seals plain in place; its array needs room for the tag.
func (c *chunkCipher) seal(plain []byte, counter uint32, kind blockKind) []byte {
	nonce, aad := c.bind(counter, kind, len(plain)+tagLen)
	return c.aead.Seal(plain[:0], nonce, plain, aad)
}

// open verifies and opens sealed in place.
func (c *chunkCipher) open(sealed []byte, counter uint32, kind blockKind) ([]byte, error) {
	nonce, aad := c.bind(counter, kind, len(sealed))
	plain, err := c.aead.Open(sealed[:0], nonce, sealed, aad)
	if err != nil {
		return nil, errNotAuthentic
	}
	return plain, nil
}
