package seal

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
)

// indexHeadLen is what precedes a sealed index, so that it can be opened by itself: the chunk's header and the counter.
const indexHeadLen = headerLen + 4

// A Writer seals one chunk: first records, then blobs, then perhaps an index. It holds at most one block of plain text
// and writes each block as soon as it is full. After an error of the underlying writer it refuses everything; after any
// other error nothing was taken and the chunk goes on.
type Writer struct {
	key        SessionKey
	keyVersion uint32
	rand       io.Reader
	codec      *codec

	out    io.Writer
	sum    hash.Hash
	cipher *chunkCipher
	size   int64
	most   int64  // that it may become
	next   uint32 // block counter
	table  table
	bound  int // the most bytes that table encodes to
	stage  stage
	err    error // of the underlying writer

	open   []byte // plain text of the open record block, item kind first; empty if there is none
	count  uint32 // its records
	total  uint32 // records of the chunk
	sealed []byte // working space: a block
	blob   []byte // working space: plain text of a blob block

	index struct{ offset, length int64 }
}

// A stage is what a chunk can still take.
type stage byte

const (
	takesRecords stage = iota
	takesBlobs
	takesNothing // the index was written
	closed
)

// A Summary is what is known of a finished chunk without any key.
type Summary struct {
	Size        int64
	SHA256      [32]byte
	Records     uint32
	Mark        [MarkLen]byte
	RecordPart  int64 // the first bytes of the chunk, which ReadRecords reads
	IndexOffset int64 // the bytes that OpenIndex opens; IndexLength is 0 where the chunk has no index
	IndexLength int64
}

// NewWriter begins a chunk on out. keyVersion is the version of the vault key that the session key comes from; rand
// gives the salt, and has to be a cryptographic source.
func NewWriter(out io.Writer, key SessionKey, keyVersion uint32, rand io.Reader) (*Writer, error) {
	codec, err := newEncoder()
	if err != nil {
		return nil, err
	}
	w := &Writer{key: key, keyVersion: keyVersion, rand: rand, codec: codec}
	return w, w.Reset(out)
}

// Reset begins another chunk of the same session on out, with a salt and so a key of its own. What was not closed is
// abandoned. It reuses the working memory of the chunk before.
func (w *Writer) Reset(out io.Writer) error {
	var salt [saltLen]byte
	if _, err := io.ReadFull(w.rand, salt[:]); err != nil {
		return fmt.Errorf("draw the salt of a chunk: %w", err)
	}
	c, err := newHeader(w.key, w.keyVersion, salt)
	if err != nil {
		return err
	}
	*w = Writer{key: w.key, keyVersion: w.keyVersion, rand: w.rand, codec: w.codec,
		out: out, sum: sha256.New(), cipher: c, bound: tableBase, most: MaxChunk,
		open: w.open[:0], sealed: w.sealed, blob: w.blob}
	return w.write(c.header[:])
}

// Bound lets the open chunk have no more than most bytes, or MaxChunk. What it has already stays.
func (w *Writer) Bound(most int64) { w.most = min(most, MaxChunk) }

// Record adds a record of an item kind and returns its number: the first record of a chunk is 0, the next 1. Blocks are
// cut by order, kind and size alone. It returns ErrFull when the chunk has no room or its MaxRecords.
func (w *Writer) Record(kind byte, record []byte) (number uint32, err error) {
	if err := w.takes(takesRecords); err != nil {
		return 0, err
	}
	if len(record) > MaxRecord {
		return 0, fmt.Errorf("a record of %d bytes is larger than %d", len(record), MaxRecord)
	}
	var prefix [binary.MaxVarintLen64]byte
	head := binary.PutUvarint(prefix[:], uint64(len(record)))
	size := head + len(record)
	fresh := len(w.open) == 0 || w.open[0] != kind || len(w.open)+size > 1+BlockRoom

	at, bound := w.size, w.bound+tableRecords
	block := len(w.open) + size
	if fresh {
		if block = 1 + size; len(w.open) > 0 {
			at += int64(prefixLen + sealedLen(len(w.open)))
			bound += tableRecords
		}
	}
	if w.total == MaxRecords || !w.fits(at+int64(prefixLen+sealedLen(block)), bound) {
		return 0, ErrFull
	}
	if fresh {
		if len(w.open) > 0 {
			if err := w.sealRecords(kindRecords); err != nil {
				return 0, err
			}
		}
		w.open = append(w.open[:0], kind)
	}
	w.open = append(append(w.open, prefix[:head]...), record...)
	w.count++
	w.total++
	return w.total - 1, nil
}

// Index adds the session's index, which ends the chunk. It returns ErrFull when the chunk has no room; an empty chunk
// has room for any index.
func (w *Writer) Index(index []byte) error {
	if err := w.takes(takesBlobs); err != nil {
		return err
	}
	if len(index) > MaxIndex {
		return fmt.Errorf("an index of %d bytes is larger than %d", len(index), MaxIndex)
	}
	if at, bound := w.least(); !w.fits(at+int64(indexHeadLen+sealedLen(len(index))), bound) {
		return ErrFull
	}
	if err := w.endRecords(); err != nil {
		return err
	}
	head := binary.BigEndian.AppendUint32(w.cipher.header[:], w.next)
	w.index.offset = w.size
	if err := w.write(head); err != nil {
		return err
	}
	sealed, err := w.sealBlock(kindIndex, index)
	if err != nil {
		return err
	}
	w.index.length = w.size - w.index.offset
	w.table.Index = &indexEntry{Plain: uint32(len(index)), Sealed: sealed}
	w.stage = takesNothing
	return nil
}

// Close ends the chunk with its trailer. A chunk that was not closed cannot be opened.
func (w *Writer) Close() (Summary, error) {
	if err := w.takes(takesNothing); err != nil {
		return Summary{}, err
	}
	if err := w.endRecords(); err != nil {
		return Summary{}, err
	}
	plain, err := w.table.encode()
	if err != nil {
		return Summary{}, fmt.Errorf("encode the table of blocks: %w", err)
	}
	footer := binary.BigEndian.AppendUint32(nil, w.next)
	sealed, err := w.sealBlock(kindTrailer, plain)
	if err != nil {
		return Summary{}, err
	}
	footer = append(binary.BigEndian.AppendUint32(footer, sealed), magicTail...)
	if err := w.write(footer); err != nil {
		return Summary{}, err
	}
	w.stage = closed
	s := Summary{Size: w.size, Records: w.total, RecordPart: headerLen,
		IndexOffset: w.index.offset, IndexLength: w.index.length}
	for _, e := range w.table.Records {
		s.RecordPart += int64(prefixLen + e.Sealed)
	}
	s.Mark = w.cipher.header.mark()
	w.sum.Sum(s.SHA256[:0])
	return s, nil
}

// Room returns how many bytes of blob the chunk surely takes: a blob of that size would not be cut.
func (w *Writer) Room() int64 {
	if w.takes(takesBlobs) != nil {
		return 0
	}
	at, bound := w.least()
	bound += tablePart
	var room int64
	for w.fits(at+int64(sealedLen(blobRoom)), bound+tableBlock) {
		at += int64(sealedLen(blobRoom))
		bound += tableBlock
		room += blobRoom
	}
	left := w.most - at - int64(sealedLen(bound+tableBlock)) - footerLen
	rest := (left-tagLen)/padTo*padTo - frameHeadLen
	if rest <= 0 || !w.fits(at, bound+tableBlock) {
		return room
	}
	return room + rest
}

// takes says why the chunk cannot take what belongs to a stage.
func (w *Writer) takes(s stage) error {
	switch {
	case w.err != nil:
		return w.err
	case w.stage == closed:
		return errors.New("the chunk is closed")
	case w.stage > s && s == takesRecords:
		return errors.New("a record cannot follow blobs or the index of a chunk")
	case w.stage > s:
		return errors.New("nothing can follow the index of a chunk")
	}
	return nil
}

// fits reports whether a chunk of this size can still be closed with a table of at most bound bytes.
func (w *Writer) fits(size int64, bound int) bool {
	return bound <= maxTable && size+int64(sealedLen(bound))+footerLen <= w.most
}

// least returns the most that the chunk and its table can measure once its record part has ended.
func (w *Writer) least() (size int64, bound int) {
	if w.stage != takesRecords {
		return w.size, w.bound
	}
	return w.size + int64(prefixLen+sealedLen(max(1, len(w.open)))), w.bound + tableRecords
}

// endRecords seals the last record block, even an empty one: the record part is complete only with it.
func (w *Writer) endRecords() error {
	if w.stage != takesRecords {
		return nil
	}
	if len(w.open) == 0 {
		w.open = append(w.open, 0)
	}
	if err := w.sealRecords(kindLastRecords); err != nil {
		return err
	}
	w.stage = takesBlobs
	return nil
}

func (w *Writer) sealRecords(kind blockKind) error {
	sealed, err := w.sealBlock(kind, w.open)
	if err != nil {
		return err
	}
	w.table.Records = append(w.table.Records, recordEntry{
		Kind: w.open[0], Count: w.count, Plain: uint32(len(w.open)), Sealed: sealed})
	w.bound += tableRecords
	w.open, w.count = w.open[:0], 0
	return nil
}

// sealBlock packs, seals and writes one block, and returns its sealed length.
func (w *Writer) sealBlock(kind blockKind, plain []byte) (uint32, error) {
	head := 0
	if kind == kindRecords || kind == kindLastRecords {
		head = prefixLen
	}
	// The compressor may need a little more than it is given, before its result is found too long.
	w.sealed = slices.Grow(w.sealed[:0], head+sealedLen(len(plain))+padTo)
	packed := slices.Grow(w.codec.pack(w.sealed[:head], plain), tagLen)
	w.sealed = packed
	sealed := w.cipher.seal(packed[head:], w.next, kind)
	if head > 0 {
		prefix := recordPrefix(kind, uint32(len(sealed)))
		copy(packed, prefix[:])
	}
	w.next++
	return uint32(len(sealed)), w.write(packed[:head+len(sealed)])
}

func (w *Writer) write(b []byte) error {
	if _, err := w.out.Write(b); err != nil {
		w.err = fmt.Errorf("write the chunk at offset %d: %w", w.size, err)
		return w.err
	}
	w.sum.Write(b)
	w.size += int64(len(b))
	return nil
}
