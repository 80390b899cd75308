package seal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

// A Record is one record of a chunk. Its bytes are for reading, and may be kept; records of a block share an array.
type Record struct {
	Number uint32
	Kind   byte
	Bytes  []byte
}

// Records goes through the records of the given item kinds, or of all, in order of their number, and reads only their
// blocks. A block that cannot be opened gives one *BlockError, which names its records; what follows can still be read
// by going on.
func (d *Reader) Records(kinds ...byte) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, p := range d.layout.records {
			if p.damage == nil && len(kinds) > 0 && !slices.Contains(kinds, p.Kind) {
				continue
			}
			if !p.each(d, yield) {
				return
			}
		}
	}
}

func (p *recordPlace) each(d *Reader, yield func(Record, error) bool) bool {
	plain, err := p.read(d)
	if err != nil {
		var block *BlockError
		if errors.As(err, &block) {
			block.Kind, block.First, block.Count = p.Kind, p.first, p.Count
		}
		return yield(Record{Number: p.first, Kind: p.Kind}, err)
	}
	return eachRecord(plain, p.first, yield)
}

// read opens the block and compares it with what is written before it and in the table.
func (p *recordPlace) read(d *Reader) ([]byte, error) {
	if p.damage != nil {
		return nil, p.damage
	}
	kind := kindRecords
	if p.last {
		kind = kindLastRecords
	}
	var prefix [prefixLen]byte
	if err := readAt(d.r, prefix[:], p.offset-prefixLen); err != nil {
		return nil, kind.at(p.place, err)
	}
	if prefix != recordPrefix(kind, uint32(p.sealed)) {
		return nil, kind.at(p.place, errors.New("the kind or length before it is not its own"))
	}
	plain, err := d.block(p.place, kind, maxRecordBlock)
	if err != nil {
		return nil, err
	}
	count, err := countRecords(plain)
	if err == nil && (count != p.Count || plain[0] != p.Kind || len(plain) != int(p.Plain)) {
		err = errOtherThanTable
	}
	if err != nil {
		return nil, kind.at(p.place, err)
	}
	return plain, nil
}

// ReadRecords goes through the records of a chunk by its record part alone: the first Summary.RecordPart bytes, and no
// more. It ends with the first error, since the numbers of the records behind a damaged block are not known without the
// trailer. A record part that was cut short, even between blocks, is such an error, but only at its end: nothing may be
// concluded from what is missing before the iteration ended well.
func ReadRecords(r io.Reader, key SessionKey) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if err := readRecords(r, key, yield); err != nil {
			yield(Record{}, err)
		}
	}
}

// readRecords returns nil when the record part ended well or yield had enough.
func readRecords(r io.Reader, key SessionKey, yield func(Record, error) bool) error {
	var h header
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return fmt.Errorf("header at offset 0: %w", cut(err))
	}
	c, err := openHeader(h, key)
	if err != nil {
		return err
	}
	codec, err := newDecoder()
	if err != nil {
		return err
	}
	d := &Reader{cipher: c, codec: codec}
	next := place{offset: headerLen}
	first := uint32(0)
	for last := false; !last; next.counter++ {
		var plain []byte
		if plain, last, err = d.nextRecords(r, &next); err != nil {
			return err
		}
		count, err := countRecords(plain)
		if err == nil && count == 0 && (!last || next.counter > 0) {
			err = errors.New("it holds no record")
		}
		if err == nil && count > MaxRecords-first {
			err = fmt.Errorf("the chunk has more than %d records", MaxRecords)
		}
		if err != nil {
			return kindRecords.at(next, err)
		}
		if !eachRecord(plain, first, yield) {
			return nil
		}
		first += count
		next.offset += int64(next.sealed)
	}
	if n, err := io.ReadFull(r, make([]byte, 1)); n > 0 || err != io.EOF {
		return fmt.Errorf("record part at offset %d: it does not end here", next.offset)
	}
	return nil
}

// nextRecords reads the record block that follows and completes its place.
func (d *Reader) nextRecords(r io.Reader, p *place) (plain []byte, last bool, err error) {
	var prefix [prefixLen]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, false, kindRecords.at(*p, cut(err))
	}
	kind, sealed := blockKind(prefix[0]), binary.BigEndian.Uint32(prefix[1:])
	if kind != kindRecords && kind != kindLastRecords {
		return nil, false, kindRecords.at(*p, fmt.Errorf("a block of kind %d does not belong here", kind))
	}
	p.offset += prefixLen
	err = checkSealedLen(sealed, maxRecordBlock)
	if err == nil && p.offset+int64(sealed) > MaxChunk {
		err = errors.New("the record part is longer than a chunk")
	}
	if err != nil {
		return nil, false, kind.at(*p, err)
	}
	p.sealed = int(sealed)
	b := make([]byte, sealed)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, false, kind.at(*p, cut(err))
	}
	plain, err = d.openBlock(*p, kind, b, maxRecordBlock)
	return plain, kind == kindLastRecords, err
}

// cut turns the end of the bytes into what it means here.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

var (
	errEmptyKind      = errors.New("it holds no record and has an item kind other than 0")
	errOtherThanTable = errors.New("it is not what the table of blocks says")
)

// countRecords checks the plain text of a record block and counts its records.
func countRecords(plain []byte) (uint32, error) {
	if len(plain) == 0 {
		return 0, errors.New("its item kind is missing")
	}
	count := uint32(0)
	for rest := plain[1:]; len(rest) > 0; count++ {
		n, head := binary.Uvarint(rest)
		if head <= 0 || head > 1 && rest[head-1] == 0 {
			return 0, fmt.Errorf("the length of its record %d is malformed", count)
		}
		if n > MaxRecord || n > uint64(len(rest)-head) {
			return 0, fmt.Errorf("its record %d is longer than the block or the limit", count)
		}
		rest = rest[head+int(n):]
	}
	if count == 0 && plain[0] != 0 {
		return 0, errEmptyKind
	}
	if len(plain) > 1+BlockRoom && count != 1 {
		return 0, fmt.Errorf("%d records in %d bytes are more than allowed", count, len(plain))
	}
	return count, nil
}

// eachRecord yields the records of a block that countRecords accepted; it returns false when yield had enough.
func eachRecord(plain []byte, first uint32, yield func(Record, error) bool) bool {
	kind, rest := plain[0], plain[1:]
	for number := first; len(rest) > 0; number++ {
		n, head := binary.Uvarint(rest)
		end := head + int(n)
		if !yield(Record{Number: number, Kind: kind, Bytes: rest[head:end:end]}, nil) {
			return false
		}
		rest = rest[end:]
	}
	return true
}
