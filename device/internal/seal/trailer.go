package seal

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// A table is the plain text of a trailer: the blocks of the chunk in their order. What follows from it (offsets,
// counters, record numbers, plain lengths of blob blocks) is not repeated in it.
type table struct {
	Records []recordEntry `cbor:"1,keyasint"`
	Parts   []partEntry   `cbor:"2,keyasint"`
	Index   *indexEntry   `cbor:"3,keyasint,omitempty"`
}

type recordEntry struct {
	_      struct{} `cbor:",toarray"`
	Kind   uint8    // item kind
	Count  uint32   // records
	Plain  uint32   // bytes of plain text, the kind and the length prefixes among them
	Sealed uint32
}

type partEntry struct {
	_      struct{} `cbor:",toarray"`
	Sum    [32]byte // SHA-256 of the whole blob
	Size   uint32   // of the whole blob
	Offset uint32   // of this part within the blob
	Sealed []uint32 // its blocks
}

type indexEntry struct {
	_      struct{} `cbor:",toarray"`
	Plain  uint32
	Sealed uint32
}

// The most bytes that each thing adds to an encoded table.
const (
	tableBase    = 1 + 3 + 5 + 5 + (1 + 5 + 5) // map, keys, lengths of both lists, index
	tableRecords = 1 + 2 + 5 + 5 + 5
	tablePart    = 1 + (2 + 32) + 5 + 5 + 1
	tableBlock   = 5
)

func (t *table) encode() ([]byte, error) {
	opts := cbor.CoreDetEncOptions()
	opts.NilContainers = cbor.NilContainerAsEmpty
	mode, err := opts.EncMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(t)
}

// decodeTable accepts only what encode makes.
func decodeTable(b []byte) (*table, error) {
	mode, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   4,
		MaxMapPairs:       16,
		MaxArrayElements:  maxTable / 5,
	}.DecMode()
	if err != nil {
		return nil, err
	}
	var t table
	if err := mode.Unmarshal(b, &t); err != nil {
		return nil, fmt.Errorf("the table of blocks: %w", err)
	}
	if again, err := t.encode(); err != nil || !bytes.Equal(again, b) {
		return nil, errors.New("the table of blocks is not in its only form (RFC 8949, section 4.2.1)")
	}
	return &t, nil
}

// A place is where a block is and which counter it was sealed under.
type place struct {
	offset  int64 // of the sealed bytes, after any prefix
	counter uint32
	sealed  int
}

// A recordPlace is a record block and what it holds.
type recordPlace struct {
	place
	recordEntry
	first uint32 // number of its first record
	last  bool   // it ends the record part

	damage *BlockError // it stands for what cannot be opened, of any kinds
}

// A layout is a table with everything that follows from it.
type layout struct {
	records    []recordPlace
	recordPart int64
	count      uint32 // records
	parts      []Part
	blobs      [][]place // by part
	index      *place    // of the sealed bytes, after header copy and counter
	indexPlain int       // bytes of the index
	end        place     // where the trailer has to be, with what counter
}

// place works out the layout and refuses what no writer makes.
func (t *table) place() (*layout, error) {
	l := &layout{end: place{offset: headerLen}}
	if len(t.Records) == 0 {
		return nil, errors.New("the table of blocks lacks the last record block")
	}
	for i, e := range t.Records {
		if err := e.check(len(t.Records) == 1); err != nil {
			return nil, fmt.Errorf("the table of blocks, record block %d: %w", i, err)
		}
		l.end.offset += prefixLen
		l.records = append(l.records, recordPlace{
			place: l.take(e.Sealed), recordEntry: e, first: l.count, last: i == len(t.Records)-1})
		if l.count += e.Count; l.count > MaxRecords {
			return nil, fmt.Errorf("the table of blocks names more than %d records", MaxRecords)
		}
	}
	l.recordPart = l.end.offset
	for i, e := range t.Parts {
		part, err := e.part()
		if err != nil {
			return nil, fmt.Errorf("the table of blocks, blob %d: %w", i, err)
		}
		var blocks []place
		for _, sealed := range e.Sealed {
			blocks = append(blocks, l.take(sealed))
		}
		l.parts, l.blobs = append(l.parts, part), append(l.blobs, blocks)
	}
	if t.Index != nil {
		if t.Index.Plain > MaxIndex {
			return nil, fmt.Errorf("the table of blocks: an index of %d bytes is larger than %d", t.Index.Plain, MaxIndex)
		}
		if err := checkSealedLen(t.Index.Sealed, int(t.Index.Plain)); err != nil {
			return nil, fmt.Errorf("the table of blocks, index: %w", err)
		}
		l.end.offset += indexHeadLen
		at := l.take(t.Index.Sealed)
		l.index, l.indexPlain = &at, int(t.Index.Plain)
	}
	return l, nil
}

// take places the next block.
func (l *layout) take(sealed uint32) place {
	at := place{offset: l.end.offset, counter: l.end.counter, sealed: int(sealed)}
	l.end.offset += int64(sealed)
	l.end.counter++
	return at
}

func (e recordEntry) check(only bool) error {
	switch {
	case e.Count == 0 && !(only && e.Plain == 1):
		return errors.New("it holds no record")
	case e.Count == 0 && e.Kind != 0:
		return errEmptyKind
	case e.Plain < 1 || e.Count > e.Plain-1 && e.Count > 0:
		return fmt.Errorf("%d records do not fit in %d bytes", e.Count, e.Plain)
	case e.Plain > 1+BlockRoom && e.Count != 1, e.Plain > maxRecordBlock:
		return fmt.Errorf("%d bytes are more than allowed", e.Plain)
	}
	return checkSealedLen(e.Sealed, int(e.Plain))
}

// part checks an entry and returns what it says.
func (e partEntry) part() (Part, error) {
	p := Part{Sum: e.Sum, Size: int64(e.Size), Offset: int64(e.Offset)}
	switch {
	case p.Size > MaxBlob:
		return Part{}, fmt.Errorf("%d bytes are more than %d", p.Size, int64(MaxBlob))
	case p.Offset%blobRoom != 0, p.Offset > 0 && p.Offset >= p.Size:
		return Part{}, fmt.Errorf("no part of %d bytes begins at %d", p.Size, p.Offset)
	case p.Size > 0 && len(e.Sealed) == 0:
		return Part{}, errors.New("it has no block")
	}
	for _, sealed := range e.Sealed {
		n := min(p.Size-p.Offset-p.Length, blobRoom)
		if n == 0 {
			return Part{}, errors.New("it has too many blocks")
		}
		if err := checkSealedLen(sealed, int(n)); err != nil {
			return Part{}, err
		}
		p.Length += n
	}
	return p, nil
}
