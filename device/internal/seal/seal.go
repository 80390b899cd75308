// Package seal knows the bytes of chunks and indexes and their cryptography: how records and blobs are packed,
// compressed, padded and sealed under a session key, how they are verified and opened again, and how that key reaches
// the device. It does not know what a record means, nor where a chunk is kept or how it gets there.
//
// The format is written down in FORMAT.md; testdata holds vectors of what must and what must not be accepted.
package seal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
)

// Limits of the format. A writer keeps them and a reader refuses what does not.
const (
	MaxChunk   = 16 << 20 // bytes of a sealed chunk, everything counted
	MaxRecord  = 1 << 20  // bytes of one record
	MaxRecords = 1 << 20  // records of a chunk
	MaxBlob    = 2 << 30  // bytes of one blob, over all its chunks
	MaxIndex   = 4 << 20  // bytes of an index

	HeaderLen = headerLen // bytes with which a chunk begins, and an index section
	MarkLen   = 8         // bytes of a chunk's commitment by which a part of the chunk is known to be of it
)

// BlockRoom is how much of records, each of its RecordSize, a record block holds. It is fuller only with a single larger record.
const BlockRoom = 128 << 10

// Sizes within a chunk.
const (
	blobRoom = 1 << 20 // bytes of a blob block
	maxTable = 1 << 20 // CBOR of the trailer

	// The plain text of a record block: item kind, then length prefixes and records.
	maxRecordBlock = 1 + 3 + MaxRecord
)

// RecordSize is how much of a record block a record of so many bytes takes: with its length.
func RecordSize(n int) int {
	var prefix [binary.MaxVarintLen64]byte
	return binary.PutUvarint(prefix[:], uint64(n)) + n
}

var (
	// ErrFull says that the chunk has no room left for what was offered. Nothing of it was written; close the chunk
	// and offer it to the next one.
	ErrFull = errors.New("the chunk is full")
	// ErrTooNew says that a chunk was written by a later version of the format.
	ErrTooNew = errors.New("this app is too old; update it")
	// ErrWrongKey says that a chunk was not sealed under the session key it is opened with.
	ErrWrongKey = errors.New("it was not sealed under this session key")

	errNotAuthentic = errors.New("it is damaged or not what was sealed here")
)

// A SessionKey seals the chunks of one session. It never prints itself.
type SessionKey [32]byte

// Format prints the same for every key and verb, so that no log or error can hold a key.
func (SessionKey) Format(s fmt.State, _ rune) { fmt.Fprint(s, "session key") }

// LogValue does for slog what Format does for fmt.
func (SessionKey) LogValue() slog.Value { return slog.StringValue("session key") }

// MarshalText does for encoders what Format does for fmt.
func (SessionKey) MarshalText() ([]byte, error) { return []byte("session key"), nil }

// A BlockError says which block of a chunk could not be opened. For a record block that the trailer names, and for all that
// OpenRecords cannot number, it also says which records went with it, so that they can be reported and the other blocks still
// read.
type BlockError struct {
	What   string // "record block", "blob block", "index", "trailer"
	Block  uint32 // its counter
	Offset int64  // where it begins in the chunk

	Kind         byte   // item kind of the records; 0 where unknown
	First, Count uint32 // their numbers: First to First+Count-1; Count is 0 where unknown

	Err error
}

func (e *BlockError) Error() string {
	return fmt.Sprintf("%s (block %d at offset %d): %v", e.What, e.Block, e.Offset, e.Err)
}

func (e *BlockError) Unwrap() error { return e.Err }
