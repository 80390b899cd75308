// Package recall knows what a phone remembers of a snapshot, so that the next backup can build on it: which items it holds and
// where their records are, its attachments and its chunks; and the bytes of that. It does not know where those are kept, nor
// what is built.
package recall

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"

	"zapas/device/internal/index"
	"zapas/device/internal/paged"
)

// Cache is what the device's last snapshot holds, as far as the next backup needs it.
type Cache struct {
	Device   string // that it is of
	Snapshot string
	IndexSum [32]byte // SHA-256 of its encoded index
	Location string
	Schema   uint64
	Chunks   []index.Chunk // as the service lists them; ids and sizes of all are known
	Items    Items         // sorted
	Blobs    []Blob
	Adopted  bool // it is another device's snapshot, which this one has restored: it has none of its own yet
}

// head is a Cache as it begins on the disk; its items follow.
type head struct {
	_        struct{} `cbor:",toarray"`
	Device   string
	Snapshot string
	IndexSum [32]byte
	Location string
	Schema   uint64
	Chunks   []index.Chunk
	Blobs    []Blob
	Adopted  bool
	Items    uint32 // how many rows follow
	Refs     uint32 // and how many numbers of blobs behind them
}

// Blob is an attachment, and the chunks in which it is. A live item names it, or one has before: those are last.
type Blob struct {
	_      struct{} `cbor:",toarray"`
	Sum    [32]byte
	Size   int64
	Chunks []uint32 // positions in Chunks
}

const magic = "ZPK4"

const buffered = 64 << 10 // bytes of a cache that are in memory beside what it says

// Encode writes the cache row by row: a magic, the length of the head, the head in CBOR, the items' rows, the numbers of
// their blobs, the SHA-256 of it all.
func (c *Cache) Encode(out io.Writer) error {
	h, err := cbor.Marshal(head{Device: c.Device, Snapshot: c.Snapshot, IndexSum: c.IndexSum, Location: c.Location, Schema: c.Schema, Chunks: c.Chunks, Blobs: c.Blobs, Adopted: c.Adopted,
		Items: uint32(c.Items.Len()), Refs: uint32(len(c.Items.blobs))})
	if err != nil {
		return fmt.Errorf("encode what the snapshot holds: %w", err)
	}
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(out, sum), buffered) // it keeps its first error for Flush
	_, _ = w.WriteString(magic)
	_, _ = w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(h))))
	_, _ = w.Write(h)
	for i := range c.Items.Len() {
		_, _ = w.Write(c.Items.rows.Row(i))
	}
	for _, b := range c.Items.blobs {
		_, _ = w.Write(binary.BigEndian.AppendUint32(w.AvailableBuffer(), b))
	}
	if err := errors.Join(c.Items.Err(), w.Flush()); err != nil {
		return err
	}
	_, err = out.Write(sum.Sum(nil))
	return err
}

var errForm = errors.New("it is not in the form that this app writes")

// Decode reads a cache of size bytes, and its items when they are asked for: end is called when they are closed. Nothing is
// believed before the sum of it all is right.
func Decode(in io.ReaderAt, size int64, end func()) (*Cache, error) {
	const prefix = int64(len(magic) + 4)
	if size < prefix+sha256.Size {
		return nil, errForm
	}
	body := size - sha256.Size
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(in, 0, body)); err != nil {
		return nil, err
	}
	ends := make([]byte, prefix+sha256.Size)
	if _, err := in.ReadAt(ends[:prefix], 0); err != nil || string(ends[:len(magic)]) != magic {
		return nil, errForm
	}
	if err := readAt(in, ends[prefix:], body); err != nil || !bytes.Equal(sum.Sum(nil), ends[prefix:]) {
		return nil, errors.New("its check sum is wrong")
	}
	rows := prefix + int64(binary.BigEndian.Uint32(ends[len(magic):]))
	if rows > body {
		return nil, errForm
	}
	b := make([]byte, rows-prefix)
	if err := readAt(in, b, prefix); err != nil {
		return nil, err
	}
	mode, err := cbor.DecOptions{MaxArrayElements: 1 << 30}.DecMode()
	if err != nil {
		return nil, err
	}
	var h head
	if err := mode.Unmarshal(b, &h); err != nil {
		return nil, err
	}
	refs := rows + int64(h.Items)*rowSize
	if body != refs+int64(h.Refs)*4 {
		return nil, errForm
	}
	c := &Cache{Device: h.Device, Snapshot: h.Snapshot, IndexSum: h.IndexSum, Location: h.Location, Schema: h.Schema, Chunks: h.Chunks, Blobs: h.Blobs, Adopted: h.Adopted}
	c.Items.rows, c.Items.end = paged.Over(in, rows, rowSize, int(h.Items)), end
	b = make([]byte, body-refs)
	if err := readAt(in, b, refs); err != nil {
		return nil, err
	}
	c.Items.blobs = make([]uint32, h.Refs)
	for i := range c.Items.blobs {
		c.Items.blobs[i] = binary.BigEndian.Uint32(b[4*i:])
	}
	return c, c.check()
}

func readAt(in io.ReaderAt, b []byte, at int64) error {
	_, err := io.ReadFull(io.NewSectionReader(in, at, int64(len(b))), b)
	return err
}

func (c *Cache) check() error {
	last := make([]byte, rowSize)
	for i := range c.Items.Len() {
		b := c.Items.rows.Row(i)
		if compare(last, b) > 0 {
			return errors.New("its items are not in their order")
		}
		copy(last, b)
		r := rowOf(b)
		if int64(r.blobs)+int64(r.count) > int64(len(c.Items.blobs)) {
			return fmt.Errorf("item %d names blobs that are not there", i)
		}
		if int64(r.chunk) >= int64(len(c.Chunks)) || r.record >= c.Chunks[r.chunk].Records() {
			return fmt.Errorf("item %d is record %d of chunk %d, which is not there", i, r.record, r.chunk)
		}
		for _, blob := range c.Items.blobs[r.blobs : r.blobs+uint32(r.count)] {
			if int64(blob) >= int64(len(c.Blobs)) {
				return fmt.Errorf("an item names blob %d of %d", blob, len(c.Blobs))
			}
		}
	}
	if err := c.Items.Err(); err != nil {
		return err
	}
	for _, b := range c.Blobs {
		for _, chunk := range b.Chunks {
			if int(chunk) >= len(c.Chunks) {
				return fmt.Errorf("a blob is in chunk %d of %d", chunk, len(c.Chunks))
			}
		}
	}
	return nil
}
