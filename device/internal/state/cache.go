package state

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/fxamacker/cbor/v2"

	"zapas/device/internal/index"
	"zapas/device/internal/item"
)

// Cache is what the device's last snapshot holds, as far as the next backup needs it.
type Cache struct {
	_        struct{} `cbor:",toarray"`
	Snapshot string
	IndexSum [32]byte // SHA-256 of its encoded index
	Location string
	Schema   uint64
	Chunks   []index.Chunk // as the service lists them; ids and sizes of all are known
	Items    []Item        // in the order of their ids
	Blobs    []Blob
}

// Item is one item of the snapshot and where its record is.
type Item struct {
	_       struct{} `cbor:",toarray"`
	ID      item.ID
	Kind    item.Kind
	Content [16]byte // of the SHA-256 of its encoding
	Essence item.Essence
	Chunk   uint32 // position in Chunks
	Record  uint32
	Blobs   []uint32 // positions in Blobs
}

// Blob is an attachment that a live item names, and the chunks in which it is.
type Blob struct {
	_      struct{} `cbor:",toarray"`
	Sum    [32]byte
	Size   int64
	Chunks []uint32 // positions in Chunks
}

// Damaged is a cache that cannot be used. Nothing is lost by it.
type Damaged struct{ Err error }

func (e *Damaged) Error() string {
	return fmt.Sprintf("what this phone remembers of its last backup is damaged (%v); the next backup is a full one", e.Err)
}

func (e *Damaged) Unwrap() error { return e.Err }

const (
	cacheFile  = "cache"
	cacheMagic = "ZPK1"
)

// Cache reads what the last snapshot holds; nil when nothing is known of one, *Damaged when it cannot be read.
func (d *Dir) Cache() (*Cache, error) {
	b, err := os.ReadFile(d.Path(cacheFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &Damaged{err}
	}
	c, err := decodeCache(b)
	if err != nil {
		return nil, &Damaged{err}
	}
	return c, nil
}

// DropCache forgets the last snapshot.
func (d *Dir) DropCache() error { return d.removeAll(cacheFile) }

func (c *Cache) encode() ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(cacheMagic)
	if err := cbor.NewEncoder(&out).Encode(c); err != nil {
		return nil, fmt.Errorf("encode what the snapshot holds: %w", err)
	}
	sum := sha256.Sum256(out.Bytes())
	out.Write(sum[:])
	return out.Bytes(), nil
}

func decodeCache(b []byte) (*Cache, error) {
	body := len(b) - sha256.Size
	if body < len(cacheMagic) || string(b[:len(cacheMagic)]) != cacheMagic {
		return nil, errors.New("it is not in the form that this app writes")
	}
	if sum := sha256.Sum256(b[:body]); !bytes.Equal(sum[:], b[body:]) {
		return nil, errors.New("its check sum is wrong")
	}
	mode, err := cbor.DecOptions{MaxArrayElements: 1 << 30}.DecMode()
	if err != nil {
		return nil, err
	}
	c := new(Cache)
	if err := mode.Unmarshal(b[len(cacheMagic):body], c); err != nil {
		return nil, err
	}
	return c, c.check()
}

func (c *Cache) check() error {
	for _, it := range c.Items {
		if int(it.Chunk) >= len(c.Chunks) {
			return fmt.Errorf("an item is in chunk %d of %d", it.Chunk, len(c.Chunks))
		}
		for _, b := range it.Blobs {
			if int(b) >= len(c.Blobs) {
				return fmt.Errorf("an item names blob %d of %d", b, len(c.Blobs))
			}
		}
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
