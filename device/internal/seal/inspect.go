package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// An Anatomy is what anybody can see of a chunk, without a key. Nothing of it is proven: whoever can change the chunk's bytes
// can change it.
type Anatomy struct {
	Size       int64
	Version    byte
	Suite      byte
	KeyVersion uint32
	Salt       [saltLen]byte
	Commitment [32]byte

	RecordPart int64    // the chunk's beginning that holds records
	Records    []Sealed // record blocks
	Blobs      Sealed   // blob blocks, all in one: the cuts between them are not in the clear
	BlobBlocks uint32
	Index      *Sealed // nil for none
	Trailer    Sealed
}

// Sealed is where sealed bytes lie in a chunk, and under which counter the first of them is sealed.
type Sealed struct {
	Offset  int64
	Length  int64
	Counter uint32
}

// Inspect reads what is in the clear of a chunk of size bytes, and refuses what cannot be one.
func Inspect(r io.ReaderAt, size int64) (*Anatomy, error) {
	if size < headerLen+footerLen || size > MaxChunk {
		return nil, fmt.Errorf("a chunk of %d bytes is not possible: it has %d to %d", size, headerLen+footerLen, MaxChunk)
	}
	var h header
	if err := readAt(r, h[:], 0); err != nil {
		return nil, fmt.Errorf("header at offset 0: %w", err)
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	a := &Anatomy{Size: size, Version: h[4], Suite: h[5], KeyVersion: h.keyVersion(), Salt: [saltLen]byte(h.salt()), Commitment: [32]byte(h[10+saltLen:])}
	p, err := footerOf(r, size)
	if err != nil {
		return nil, err
	}
	a.Trailer = Sealed{p.offset, int64(p.sealed), p.counter}
	if err := a.recordBlocks(r); err != nil {
		return nil, err
	}
	if err := a.findIndex(r, h); err != nil {
		return nil, err
	}
	return a, a.blobBlocks()
}

// recordBlocks goes by what stands before each record block.
func (a *Anatomy) recordBlocks(r io.ReaderAt) error {
	at := int64(headerLen)
	for last := false; !last; {
		p := place{offset: at, counter: uint32(len(a.Records))}
		var prefix [prefixLen]byte
		if at+prefixLen > a.Trailer.Offset {
			return kindRecords.at(p, errors.New("it would reach into the trailer; the record part does not end"))
		}
		if err := readAt(r, prefix[:], at); err != nil {
			return kindRecords.at(p, err)
		}
		kind, sealed := blockKind(prefix[0]), binary.BigEndian.Uint32(prefix[1:])
		if kind != kindRecords && kind != kindLastRecords {
			return kindRecords.at(p, fmt.Errorf("a block of kind %d does not belong here", kind))
		}
		err := checkSealedLen(sealed, maxRecordBlock)
		if err == nil && at+prefixLen+int64(sealed) > a.Trailer.Offset {
			err = errors.New("it would reach into the trailer")
		}
		if err != nil {
			return kindRecords.at(p, err)
		}
		a.Records = append(a.Records, Sealed{at + prefixLen, int64(sealed), p.counter})
		at += prefixLen + int64(sealed)
		last = kind == kindLastRecords
	}
	a.RecordPart = at
	return nil
}

// findIndex looks for the copy of the header that stands before an index. Only so many places are possible: an index ends
// where the trailer begins. That the salt stands there by chance is not to be feared.
func (a *Anatomy) findIndex(r io.ReaderAt, h header) error {
	most := min(a.Trailer.Offset-a.RecordPart, int64(indexHeadLen+sealedLen(MaxIndex)))
	tail := make([]byte, most)
	from := a.Trailer.Offset - most
	if err := readAt(r, tail, from); err != nil {
		return fmt.Errorf("index before offset %d: %w", a.Trailer.Offset, err)
	}
	for sealed := int64(padTo + tagLen); sealed+indexHeadLen <= most; sealed += padTo {
		section := tail[most-sealed-indexHeadLen:]
		if !bytes.Equal(section[:headerLen], h[:]) {
			continue
		}
		a.Index = &Sealed{a.Trailer.Offset - sealed, sealed, binary.BigEndian.Uint32(section[headerLen:])}
		if a.Index.Counter+1 != a.Trailer.Counter {
			return fmt.Errorf("index at offset %d: it is block %d and the trailer block %d", a.Index.Offset-indexHeadLen, a.Index.Counter, a.Trailer.Counter)
		}
	}
	return nil
}

// blobBlocks is what is left, if so many blocks can have so many bytes.
func (a *Anatomy) blobBlocks() error {
	end, next := a.Trailer.Offset, a.Trailer.Counter
	if a.Index != nil {
		end, next = a.Index.Offset-indexHeadLen, a.Index.Counter
	}
	a.Blobs = Sealed{a.RecordPart, end - a.RecordPart, uint32(len(a.Records))}
	blocks := int64(next) - int64(len(a.Records))
	if blocks < 0 || a.Blobs.Length < blocks*(padTo+tagLen) || a.Blobs.Length > blocks*int64(sealedLen(blobRoom)) || (a.Blobs.Length-blocks*tagLen)%padTo != 0 {
		return fmt.Errorf("blob blocks at offset %d: %d of them cannot have %d bytes", a.Blobs.Offset, blocks, a.Blobs.Length)
	}
	a.BlobBlocks = uint32(blocks)
	return nil
}
