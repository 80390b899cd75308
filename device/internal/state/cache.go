package state

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

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

// Damaged is a cache that cannot be used. Nothing is lost by it.
type Damaged struct{ Err error }

func (e *Damaged) Error() string {
	return fmt.Sprintf("what this phone remembers of its last backup is damaged (%v); the next backup reads it again", e.Err)
}

func (e *Damaged) Unwrap() error { return e.Err }

const (
	cacheFile    = "cache"
	restoredFile = "restored" // a Cache, too
	cacheMagic   = "ZPK4"
)

// Cache reads what the last snapshot holds; nil when nothing is known of one, *Damaged when it cannot be read. Its items stay in
// their file, and can be had until they are closed, or LetGo.
func (d *Dir) Cache() (*Cache, error) { return d.cache(cacheFile) }

func (d *Dir) cache(file string) (*Cache, error) {
	f, err := os.Open(d.Path(file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &Damaged{err}
	}
	info, err := f.Stat()
	var c *Cache
	if err == nil {
		c, err = decodeCache(f, info.Size())
	}
	if err != nil {
		_ = f.Close() // what is wrong with it is known
		return nil, &Damaged{err}
	}
	d.open = append(d.open, f)
	c.Items.close = func() { d.end(f) }
	return c, nil
}

// PutCache stores what the last snapshot holds.
func (d *Dir) PutCache(c *Cache) error { return d.stream(c.encode, cacheFile) }

// DropCache forgets the last snapshot.
func (d *Dir) DropCache() error { return d.removeAll(cacheFile) }

// RestoredCache reads what a snapshot holds that this phone has restored, and on which its next backup may build; nil when
// nothing of that is known, or it cannot be read.
func (d *Dir) RestoredCache() *Cache {
	c, err := d.cache(restoredFile)
	if err != nil {
		return nil // it is read again, from the service
	}
	return c
}

// PutRestoredCache stores it beside the device's own, which stands until the backup that builds on this one is committed.
func (d *Dir) PutRestoredCache(c *Cache) error { return d.stream(c.encode, restoredFile) }

// DropRestoredCache forgets it.
func (d *Dir) DropRestoredCache() error { return d.removeAll(restoredFile) }

const buffered = 64 << 10 // bytes of a cache that are in memory beside what it says

// encode writes the cache row by row: a magic, the length of the head, the head in CBOR, the items' rows, the numbers of
// their blobs, the SHA-256 of it all.
func (c *Cache) encode(out io.Writer) error {
	h, err := cbor.Marshal(head{Device: c.Device, Snapshot: c.Snapshot, IndexSum: c.IndexSum, Location: c.Location, Schema: c.Schema, Chunks: c.Chunks, Blobs: c.Blobs, Adopted: c.Adopted,
		Items: uint32(c.Items.Len()), Refs: uint32(len(c.Items.blobs))})
	if err != nil {
		return fmt.Errorf("encode what the snapshot holds: %w", err)
	}
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(out, sum), buffered) // it keeps its first error for Flush
	_, _ = w.WriteString(cacheMagic)
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

// decodeCache reads size bytes, and the items when they are asked for. Nothing is believed before the sum of it all is right.
func decodeCache(in io.ReaderAt, size int64) (*Cache, error) {
	const prefix = int64(len(cacheMagic) + 4)
	if size < prefix+sha256.Size {
		return nil, errForm
	}
	body := size - sha256.Size
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(in, 0, body)); err != nil {
		return nil, err
	}
	ends := make([]byte, prefix+sha256.Size)
	if _, err := in.ReadAt(ends[:prefix], 0); err != nil || string(ends[:len(cacheMagic)]) != cacheMagic {
		return nil, errForm
	}
	if err := readAt(in, ends[prefix:], body); err != nil || !bytes.Equal(sum.Sum(nil), ends[prefix:]) {
		return nil, errors.New("its check sum is wrong")
	}
	rows := prefix + int64(binary.BigEndian.Uint32(ends[len(cacheMagic):]))
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
	c.Items.rows = paged.Over(in, rows, rowSize, int(h.Items))
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
