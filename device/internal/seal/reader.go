package seal

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
)

// A Reader opens what one chunk holds. It is for one goroutine.
type Reader struct {
	r      io.ReaderAt
	cipher *chunkCipher
	codec  *codec
	layout *layout
}

// Open reads header and trailer of a chunk of size bytes and verifies both. Blocks are verified as they are read. A
// chunk is bound to its session; that it is the right chunk of the session is for the caller to check, by its SHA-256.
func Open(r io.ReaderAt, size int64, key SessionKey) (*Reader, error) {
	if size < headerLen+footerLen || size > MaxChunk {
		return nil, fmt.Errorf("a chunk of %d bytes is not possible", size)
	}
	d, err := opened(r, key)
	if err != nil {
		return nil, err
	}
	d.layout, err = d.trailer(size)
	return d, err
}

// opened has read and verified the header, and knows no layout yet.
func opened(r io.ReaderAt, key SessionKey) (*Reader, error) {
	var h header
	if err := readAt(r, h[:], 0); err != nil {
		return nil, fmt.Errorf("header at offset 0: %w", err)
	}
	c, err := openHeader(h, key)
	if err != nil {
		return nil, err
	}
	codec, err := newDecoder()
	if err != nil {
		return nil, err
	}
	return &Reader{r: r, cipher: c, codec: codec}, nil
}

// trailer finds, opens and checks the table of blocks, which has to account for every byte of the chunk.
func (d *Reader) trailer(size int64) (*layout, error) {
	p, err := footerOf(d.r, size)
	if err != nil {
		return nil, err
	}
	plain, err := d.block(p, kindTrailer, maxTable)
	if err != nil {
		return nil, err
	}
	l, err := layoutOf(plain)
	if err == nil && (l.end.offset != p.offset || l.end.counter != p.counter) {
		err = fmt.Errorf("the table of blocks names %d blocks up to offset %d", l.end.counter, l.end.offset)
	}
	if err != nil {
		return nil, kindTrailer.at(p, err)
	}
	return l, nil
}

// footerOf reads where the footer says that the trailer is.
func footerOf(r io.ReaderAt, size int64) (place, error) {
	var footer [footerLen]byte
	at := size - footerLen
	if err := readAt(r, footer[:], at); err != nil {
		return place{}, fmt.Errorf("footer at offset %d: %w", at, err)
	}
	if string(footer[8:]) != magicTail {
		return place{}, fmt.Errorf("footer at offset %d: the chunk does not end here", at)
	}
	sealed := binary.BigEndian.Uint32(footer[4:])
	err := checkSealedLen(sealed, maxTable)
	if err == nil && int64(sealed) > at-headerLen {
		err = fmt.Errorf("a trailer of %d bytes is longer than the chunk", sealed)
	}
	if err != nil {
		return place{}, fmt.Errorf("footer at offset %d: %w", at, err)
	}
	return place{offset: at - int64(sealed), counter: binary.BigEndian.Uint32(footer[:]), sealed: int(sealed)}, nil
}

func layoutOf(plain []byte) (*layout, error) {
	t, err := decodeTable(plain)
	if err != nil {
		return nil, err
	}
	return t.place()
}

// KeyVersion is the version of the vault key that the session key comes from.
func (d *Reader) KeyVersion() uint32 { return d.cipher.header.keyVersion() }

// RecordCount is the number of records; their numbers are below it.
func (d *Reader) RecordCount() uint32 { return d.layout.count }

// RecordPart is the length of the beginning of the chunk that ReadRecords reads.
func (d *Reader) RecordPart() int64 { return d.layout.recordPart }

// Parts returns the blobs, and parts of blobs, by their number.
func (d *Reader) Parts() []Part { return slices.Clone(d.layout.parts) }

// Blob reads a blob or part by its number. Each block is verified before any byte of it is returned; a whole blob is
// also compared with its sum, before io.EOF. Parts of a larger blob are for a Joiner.
func (d *Reader) Blob(number uint32) (io.Reader, error) {
	b, err := d.part(number)
	if err == nil && b.part.Whole() {
		b.hash = sha256.New()
	}
	return b, err
}

func (d *Reader) part(number uint32) (*blobReader, error) {
	if uint64(number) >= uint64(len(d.layout.parts)) {
		return nil, fmt.Errorf("the chunk has no blob %d, only %d blobs", number, len(d.layout.parts))
	}
	return &blobReader{d: d, part: d.layout.parts[number], blocks: d.layout.blobs[number]}, nil
}

// A blobReader reads one part.
type blobReader struct {
	d      *Reader
	part   Part
	blocks []place // still to be read
	done   int64
	plain  []byte // verified and not yet returned
	hash   hash.Hash
	err    error
}

func (b *blobReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(b.plain) == 0 && b.err == nil {
		b.err = b.next()
	}
	if b.err != nil {
		return 0, b.err
	}
	n := copy(p, b.plain)
	b.plain = b.plain[n:]
	return n, nil
}

func (b *blobReader) next() error {
	if len(b.blocks) == 0 {
		if b.hash != nil && subtle.ConstantTimeCompare(b.hash.Sum(nil), b.part.Sum[:]) != 1 {
			return fmt.Errorf("the blob of %d bytes is not what was backed up", b.part.Size)
		}
		return io.EOF
	}
	want := min(b.part.Length-b.done, blobRoom)
	plain, err := b.d.block(b.blocks[0], kindBlob, blobRoom)
	if err == nil && int64(len(plain)) != want {
		err = kindBlob.at(b.blocks[0], fmt.Errorf("it holds %d bytes instead of %d", len(plain), want))
	}
	if err != nil {
		return err
	}
	if b.hash != nil {
		b.hash.Write(plain)
	}
	b.plain, b.blocks, b.done = plain, b.blocks[1:], b.done+want
	return nil
}

// Index returns the session's index. It is an error where the chunk has none.
func (d *Reader) Index() ([]byte, error) {
	p := d.layout.index
	if p == nil {
		return nil, errors.New("the chunk has no index")
	}
	section := make([]byte, indexHeadLen+p.sealed)
	at := p.offset - indexHeadLen
	if err := readAt(d.r, section, at); err != nil {
		return nil, kindIndex.at(*p, err)
	}
	want := binary.BigEndian.AppendUint32(d.cipher.header[:], p.counter)
	if string(section[:indexHeadLen]) != string(want) {
		return nil, fmt.Errorf("index at offset %d: it does not belong to this chunk", at)
	}
	plain, err := d.openIndex(*p, section[indexHeadLen:])
	if err == nil && len(plain) != d.layout.indexPlain {
		return nil, kindIndex.at(*p, errOtherThanTable)
	}
	return plain, err
}

// OpenIndex opens an index by itself, from the bytes of its chunk that Summary.IndexOffset and IndexLength name. That
// it is the right index of its session is for the caller to know: from where the bytes come, or by the hash in the next.
func OpenIndex(section []byte, key SessionKey) ([]byte, error) {
	if len(section) < indexHeadLen || len(section)-indexHeadLen > sealedLen(MaxIndex) {
		return nil, fmt.Errorf("an index of %d bytes is not possible", len(section))
	}
	c, err := openHeader(header(section), key)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	codec, err := newDecoder()
	if err != nil {
		return nil, err
	}
	d := &Reader{cipher: c, codec: codec}
	sealed := slices.Clone(section[indexHeadLen:])
	p := place{offset: indexHeadLen, counter: binary.BigEndian.Uint32(section[headerLen:]), sealed: len(sealed)}
	return d.openIndex(p, sealed)
}

func (d *Reader) openIndex(p place, sealed []byte) ([]byte, error) {
	return d.openBlock(p, kindIndex, sealed, MaxIndex)
}

// block reads, verifies and expands one block.
func (d *Reader) block(p place, kind blockKind, limit int) ([]byte, error) {
	sealed := make([]byte, p.sealed)
	if err := readAt(d.r, sealed, p.offset); err != nil {
		return nil, kind.at(p, err)
	}
	return d.openBlock(p, kind, sealed, limit)
}

func (d *Reader) openBlock(p place, kind blockKind, sealed []byte, limit int) ([]byte, error) {
	frame, err := d.cipher.open(sealed, p.counter, kind)
	if err != nil {
		return nil, kind.at(p, err)
	}
	plain, err := d.codec.unpack(frame, limit, nil)
	if err != nil {
		return nil, kind.at(p, err)
	}
	return plain, nil
}

// at says which block err is about.
func (k blockKind) at(p place, err error) *BlockError {
	return &BlockError{What: k.String(), Block: p.counter, Offset: p.offset, Err: err}
}

// readAt fills b, or says that the chunk is cut short.
func readAt(r io.ReaderAt, b []byte, offset int64) error {
	n, err := r.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	return cut(err)
}
