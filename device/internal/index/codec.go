package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// encoded is the CBOR of an index (FORMAT.md).
type encoded struct {
	_        struct{} `cbor:",toarray"`
	Format   uint64
	Schema   uint64
	Snapshot []byte
	Previous []byte
	Sessions [][]byte
	Chunks   []encodedChunk
	Counts   map[string]int64
	Coverage map[string]string
}

type encodedChunk struct {
	_          struct{} `cbor:",toarray"`
	Session    uint64
	ID         []byte
	Size       int64
	RecordPart int64
	Mark       []byte
	Runs       []Run
	Parts      []Run
	Dead       []byte
}

// Encode gives the index's one encoding: deterministic CBOR (RFC 8949, section 4.2.1).
func (x *Index) Encode() ([]byte, error) {
	if err := x.check(); err != nil {
		return nil, err
	}
	e := encoded{Format: Format, Schema: x.Schema, Snapshot: x.Snapshot[:], Previous: []byte{}, Counts: x.Counts, Coverage: x.Coverage}
	if x.Previous != [32]byte{} {
		e.Previous = x.Previous[:]
	}
	at := map[ID]uint64{}
	for i := range x.Chunks {
		c := &x.Chunks[i]
		session, ok := at[c.Session]
		if !ok {
			session = uint64(len(e.Sessions))
			at[c.Session] = session
			e.Sessions = append(e.Sessions, bytes.Clone(c.Session[:]))
		}
		ec := encodedChunk{Session: session, ID: []byte{}, Mark: []byte{}, Runs: c.Runs, Parts: c.Parts, Dead: deltas(c.Dead)}
		if len(c.Runs) > 0 {
			ec.Size, ec.RecordPart = c.Size, c.RecordPart
		}
		if c.ID != (ID{}) {
			ec.ID = bytes.Clone(c.listed())
		}
		if c.marked() {
			ec.Mark = bytes.Clone(c.Mark[:])
		}
		e.Chunks = append(e.Chunks, ec)
	}
	mode, err := encodeOptions().EncMode()
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	b, err := mode.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("index: encode: %w", err)
	}
	if len(b) > MaxEncoded {
		return nil, fmt.Errorf("index: it has %d bytes, at most %d are possible", len(b), MaxEncoded)
	}
	return b, nil
}

func encodeOptions() cbor.EncOptions {
	o := cbor.CoreDetEncOptions()
	o.TagsMd = cbor.TagsForbidden
	o.NilContainers = cbor.NilContainerAsEmpty
	return o
}

func decodeOptions() cbor.DecOptions {
	return cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		MaxNestedLevels:   6,
		MaxArrayElements:  1 << 20,
		MaxMapPairs:       16,
	}
}

// Decode reads what Encode wrote and nothing else.
func Decode(b []byte) (*Index, error) {
	if len(b) > MaxEncoded {
		return nil, fmt.Errorf("index: it has %d bytes, at most %d are possible", len(b), MaxEncoded)
	}
	mode, err := decodeOptions().DecMode()
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if err := checkFormat(mode, b); err != nil {
		return nil, err
	}
	var e encoded
	if err := mode.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("index: it cannot be read: %w", err)
	}
	x, err := e.index()
	if err != nil {
		return nil, err
	}
	again, err := x.Encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, errors.New("index: its encoding is not the canonical one")
	}
	return x, nil
}

// checkFormat comes first, since another version may have another shape: only that it stands first in an array, as an unsigned
// integer, is fixed for ever.
func checkFormat(mode cbor.DecMode, b []byte) error {
	if len(b) == 0 || b[0]>>5 != 4 {
		return errors.New("index: it cannot be read: it is no array")
	}
	head := 1 // of the array: a length over 23 follows in 1, 2, 4 or 8 bytes
	if long := b[0] & 31; long >= 24 && long < 28 {
		head += 1 << (long - 24)
	}
	first := b[min(head, len(b)):]
	if b[0]&31 == 0 || len(first) == 0 || first[0]>>5 != 0 {
		return errors.New("index: it cannot be read: it states no format")
	}
	var format uint64
	if _, err := mode.UnmarshalFirst(first, &format); err != nil {
		return fmt.Errorf("index: it cannot be read: it states no format: %w", err)
	}
	if format != Format {
		return fmt.Errorf("index: it has format %d and this app reads %d: %w", format, Format, ErrTooNew)
	}
	return nil
}

func (e *encoded) index() (*Index, error) {
	x := &Index{Schema: e.Schema, Counts: e.Counts, Coverage: e.Coverage}
	var err error
	if x.Snapshot, err = id(e.Snapshot); err != nil {
		return nil, err
	}
	switch len(e.Previous) {
	case 0:
	case len(x.Previous):
		x.Previous = [32]byte(e.Previous)
	default:
		return nil, fmt.Errorf("index: the hash of the one before has %d bytes", len(e.Previous))
	}
	for i, ec := range e.Chunks {
		c := Chunk{Size: ec.Size, RecordPart: ec.RecordPart, Runs: ec.Runs, Parts: ec.Parts}
		if ec.Session >= uint64(len(e.Sessions)) {
			return nil, fmt.Errorf("index: chunk %d is of a session that is not listed", i)
		}
		if c.Session, err = id(e.Sessions[ec.Session]); err != nil {
			return nil, err
		}
		switch len(ec.ID) {
		case 0:
		case shortLen:
			copy(c.ID[:], ec.ID)
		default:
			if c.ID, err = id(ec.ID); err != nil {
				return nil, err
			}
		}
		switch len(ec.Mark) {
		case 0:
		case len(c.Mark):
			c.Mark = Mark(ec.Mark)
		default:
			return nil, fmt.Errorf("index: the mark of chunk %d has %d bytes", i, len(ec.Mark))
		}
		if c.Dead, err = numbers(ec.Dead); err != nil {
			return nil, fmt.Errorf("index: chunk %d: %w", i, err)
		}
		x.Chunks = append(x.Chunks, c)
	}
	return x, nil
}

func id(b []byte) (ID, error) {
	if len(b) != len(ID{}) {
		return ID{}, fmt.Errorf("index: an id has %d bytes", len(b))
	}
	return ID(b), nil
}

// deltas writes ascending numbers: the first, then by how much each exceeds the number after the one before, as unsigned
// varints.
func deltas(ascending []uint32) []byte {
	out := []byte{}
	var next uint32
	for _, n := range ascending {
		out = binary.AppendUvarint(out, uint64(n-next))
		next = n + 1
	}
	return out
}

func numbers(b []byte) (out []uint32, err error) {
	var next uint64
	for len(b) > 0 {
		d, n := binary.Uvarint(b)
		if n <= 0 || d > 1<<20 || next+d > 1<<20 {
			return nil, errors.New("the numbers of dead records cannot be read")
		}
		out = append(out, uint32(next+d))
		next, b = next+d+1, b[n:]
	}
	return out, nil
}
