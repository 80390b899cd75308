package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// MarkOf is the mark in the header with which a chunk, a record part or an index section begins; zeros where there is none.
func MarkOf(begins []byte) (mark [MarkLen]byte) {
	if len(begins) >= headerLen {
		h := header(begins[:headerLen])
		mark = h.mark()
	}
	return mark
}

// Begins reports whether these may be the first bytes of a chunk, or of an index section.
func Begins(b []byte) bool { return bytes.HasPrefix(b, []byte(magicHead)) }

// TooNew is an error that wraps ErrTooNew where the bytes with which a chunk, or a part of one, begins are those of a later
// version; else nil. They are in the clear: whether they are what was stored, the chunk's SHA-256 alone can say.
func TooNew(begins []byte) error {
	var h header
	copy(h[:], begins)
	if err := h.check(); errors.Is(err, ErrTooNew) {
		return err
	}
	return nil
}

// Mark is that of the chunk.
func (d *Reader) Mark() [MarkLen]byte { return d.cipher.header.mark() }

// OpenRecords opens the records of a chunk by its record part alone: its first part bytes, which hold so many records, as is
// known beside the chunk. What cannot be opened of it is one gap: the damaged blocks and those between them, whose numbers
// are not known without the table. Blocks before the gap are numbered from the beginning, and those behind it from the end.
// All are opened once, to count what they hold.
func OpenRecords(r io.ReaderAt, part int64, records uint32, key SessionKey) (*Reader, error) {
	d, err := opened(r, key)
	if err != nil {
		return nil, err
	}
	front, back, gap := d.walk(part)
	d.layout = &layout{count: records, recordPart: part}
	had := number(front, 0)
	behind := number(back, 0)
	if had+behind > uint64(records) || gap == nil && had != uint64(records) {
		return nil, fmt.Errorf("its record part holds %d records and should hold %d", had+behind, records)
	}
	d.layout.records = front
	if gap != nil {
		lost := uint32(uint64(records) - had - behind)
		d.layout.records = append(d.layout.records, recordPlace{place: place{offset: gap.Offset, counter: gap.Block},
			recordEntry: recordEntry{Count: lost}, first: uint32(had), damage: gap})
		number(back, records-uint32(behind))
		d.layout.records = append(d.layout.records, back...)
	}
	return d, nil
}

// Damage is why not all records can be read, or nil: of what OpenRecords has opened.
func (d *Reader) Damage() error {
	for _, p := range d.layout.records {
		if p.damage != nil {
			return p.damage
		}
	}
	return nil
}

// number gives records their numbers from first on, and counts them.
func number(places []recordPlace, first uint32) (n uint64) {
	for i := range places {
		places[i].first = first + uint32(n)
		n += uint64(places[i].Count)
	}
	return n
}

// walk goes from block to block by what is in the clear before each, which its seal confirms, as it confirms its place.
func (d *Reader) walk(part int64) (front, back []recordPlace, gap *BlockError) {
	at := place{offset: headerLen}
	for at.offset < part || at.counter == 0 {
		p, err := d.step(at, part)
		switch {
		case err != nil:
			back = nil
			if gap == nil {
				gap = err
			}
		case gap == nil:
			front = append(front, p)
		default:
			back = append(back, p)
		}
		if p.sealed == 0 { // where the next one begins cannot be said
			return front, nil, gap
		}
		at = place{offset: p.offset + int64(p.sealed), counter: at.counter + 1}
	}
	return front, back, gap
}

// step opens the record block whose prefix lies at a place. Of one that is damaged it still answers where it is, if it can be.
func (d *Reader) step(at place, part int64) (p recordPlace, damage *BlockError) {
	var prefix [prefixLen]byte
	if err := readAt(d.r, prefix[:], at.offset); err != nil {
		return p, kindRecords.at(at, err)
	}
	kind, sealed := blockKind(prefix[0]), binary.BigEndian.Uint32(prefix[1:])
	begin := place{offset: at.offset + prefixLen, counter: at.counter, sealed: int(sealed)}
	end := begin.offset + int64(sealed)
	if checkSealedLen(sealed, maxRecordBlock) != nil || end > part {
		return p, kindRecords.at(begin, errors.New("the length before it cannot be its own"))
	}
	p = recordPlace{place: begin, last: end == part}
	if want := map[bool]blockKind{false: kindRecords, true: kindLastRecords}[p.last]; kind != want {
		return p, kindRecords.at(begin, fmt.Errorf("a block of kind %d does not belong here", kind))
	}
	plain, err := d.block(begin, kind, maxRecordBlock)
	if err == nil {
		p.Count, err = countRecords(plain)
	}
	if err == nil && p.Count == 0 && (!p.last || begin.counter > 0) {
		err = errors.New("it holds no record")
	}
	if err != nil {
		block, ok := errors.AsType[*BlockError](err)
		if !ok {
			block = kind.at(begin, err)
		}
		return p, block
	}
	p.recordEntry = recordEntry{Kind: plain[0], Count: p.Count, Plain: uint32(len(plain)), Sealed: sealed}
	return p, nil
}
