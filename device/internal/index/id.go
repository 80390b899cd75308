package index

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// ID is 128 bits that name a session, a snapshot or a chunk, written as 26 characters of Crockford base32 as a ULID is.
type ID [16]byte

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// OfChunk is the id of a chunk with this SHA-256.
func OfChunk(sum [sha256.Size]byte) ID { return ID(sum[:16]) }

const shortLen = 8 // bytes

// Short is what an index knows of the id of a chunk without records: its first 8 bytes, and zeros.
func (id ID) Short() (short ID) {
	copy(short[:shortLen], id[:])
	return short
}

func (id ID) String() string {
	var out [26]byte
	var acc, bits uint
	i := len(id)
	for n := len(out) - 1; n >= 0; n-- {
		if bits < 5 && i > 0 {
			i--
			acc |= uint(id[i]) << bits
			bits += 8
		}
		out[n] = crockford[acc&31]
		acc >>= 5
		bits -= min(bits, 5)
	}
	return string(out[:])
}

// Parse reads what String writes, and nothing else.
func Parse(s string) (id ID, err error) {
	if len(s) != 26 || s[0] > '7' {
		return ID{}, fmt.Errorf("%q is no id", s)
	}
	var acc, bits uint
	i := len(id)
	for n := len(s) - 1; n >= 0; n-- {
		v := strings.IndexByte(crockford, s[n])
		if v < 0 {
			return ID{}, fmt.Errorf("%q is no id", s)
		}
		acc |= uint(v) << bits
		bits += 5
		if bits >= 8 && i > 0 {
			i--
			id[i] = byte(acc)
			acc >>= 8
			bits -= 8
		}
	}
	return id, nil
}
