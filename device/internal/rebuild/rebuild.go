// Package rebuild knows how what a device remembers of its last snapshot is put together again from that snapshot: its index,
// its records, the tables of its chunks. It does not know how these are fetched, and needs no blob.
package rebuild

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"

	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/paged"
	"zapas/device/internal/recall"
	"zapas/device/internal/seal"
)

// Snapshot is what is read again.
type Snapshot interface {
	// Fetch makes the records of a chunk ready to be read.
	Fetch(ctx context.Context, c index.Chunk) error
	// Read goes through all records of a chunk that was fetched; it ends with the first error.
	Read(c index.Chunk) iter.Seq2[seal.Record, error]
	// Parts are the blobs, and parts of blobs, of a chunk that was fetched.
	Parts(ctx context.Context, c index.Chunk) ([]seal.Part, error)
}

// Damaged is a snapshot that does not say what it holds, or otherwise than it should.
type Damaged struct{ Err error }

func (d *Damaged) Error() string { return d.Err.Error() }

func damaged(format string, args ...any) *Damaged { return &Damaged{fmt.Errorf(format, args...)} }

// piece is where a blob, or a part of one, is.
type piece struct {
	chunk uint32
	seal.Part
}

type work struct {
	from   Snapshot
	cache  *recall.Cache
	blobs  map[[32]byte]uint32 // positions in the cache
	pieces map[[32]byte][]piece
}

// Cache reads a snapshot whose index has these bytes. *Damaged, one that wraps item.ErrSchema for a record of a newer schema,
// and the errors of from and of spill, which makes a file for the items of a large phone.
func Cache(ctx context.Context, from Snapshot, spill func() (paged.File, error), x *index.Index, plain []byte) (*recall.Cache, error) {
	w := &work{from: from, blobs: map[[32]byte]uint32{}, pieces: map[[32]byte][]piece{},
		cache: &recall.Cache{Snapshot: x.Snapshot.String(), IndexSum: sha256.Sum256(plain), Schema: x.Schema, Chunks: x.Chunks, Items: recall.In(spill)}}
	counts := map[item.Kind]int64{}
	for i := range x.Chunks {
		if err := w.chunk(ctx, uint32(i)); err != nil {
			return nil, err
		}
		for k, n := range x.Chunks[i].Live() {
			counts[item.Kind(k)] += n
		}
	}
	for _, it := range w.cache.Items.All() {
		counts[it.Kind]--
	}
	if err := w.cache.Items.Err(); err != nil {
		return nil, err
	}
	for k, n := range counts {
		if n != 0 {
			return nil, damaged("of the kind %s, %d more items are listed than there are", k, n)
		}
	}
	w.cache.Items.Sort()
	for i := range w.cache.Blobs {
		b := &w.cache.Blobs[i]
		var err error
		if b.Chunks, err = w.locate(*b); err != nil {
			return nil, err
		}
	}
	return w.cache, w.cache.Items.Err()
}

// chunk reads what lives of a chunk.
func (w *work) chunk(ctx context.Context, i uint32) error {
	c := w.cache.Chunks[i]
	if len(c.Live()) == 0 && len(c.Parts) == 0 {
		return nil
	}
	if err := w.from.Fetch(ctx, c); err != nil {
		return err
	}
	records := uint32(0)
	for r, err := range w.from.Read(c) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		records++
		if c.IsDead(r.Number) {
			continue
		}
		if err := w.record(i, r); errors.Is(err, item.ErrSchema) {
			return fmt.Errorf("chunk %s, record %d: %w", c.ID, r.Number, err)
		} else if err != nil {
			return damaged("chunk %s, record %d: %w", c.ID, r.Number, err)
		}
	}
	if records != c.Records() {
		return damaged("chunk %s has %d records and the index says %d", c.ID, records, c.Records())
	}
	if len(c.Parts) == 0 {
		return nil
	}
	parts, err := w.from.Parts(ctx, c)
	for _, p := range parts {
		w.pieces[p.Sum] = append(w.pieces[p.Sum], piece{i, p})
	}
	return err
}

func (w *work) record(chunk uint32, r seal.Record) error {
	it, err := item.Decode(r.Bytes)
	if err != nil {
		return err
	}
	if byte(it.Kind()) != r.Kind {
		return fmt.Errorf("one of kind %d holds a %s", r.Kind, it.Kind())
	}
	sum := sha256.Sum256(r.Bytes)
	is := recall.Item{ID: it.IDs()[0], Kind: it.Kind(), Content: [16]byte(sum[:16]), Essence: it.Essence(), Chunk: chunk, Record: r.Number}
	for _, b := range it.Blobs() {
		at, known := w.blobs[b.SHA256]
		if !known {
			at = uint32(len(w.cache.Blobs))
			w.blobs[b.SHA256] = at
			w.cache.Blobs = append(w.cache.Blobs, recall.Blob{Sum: b.SHA256, Size: b.Size})
		}
		if !slices.Contains(is.Blobs, at) {
			is.Blobs = append(is.Blobs, at)
		}
	}
	w.cache.Items.Append(is)
	return nil
}

// locate is where a blob is: whole in the latest chunk that has it so, or else in parts that join.
func (w *work) locate(b recall.Blob) (chunks []uint32, err error) {
	all := w.pieces[b.Sum]
	for _, p := range slices.Backward(all) {
		if p.Whole() && p.Size == b.Size {
			return []uint32{p.chunk}, nil
		}
	}
	all = slices.DeleteFunc(slices.Clone(all), func(p piece) bool { return p.Size != b.Size })
	parts := make([]seal.Part, len(all))
	for i, p := range all {
		parts[i] = p.Part
	}
	for _, at := range seal.Chain(parts) {
		chunks = append(chunks, all[at].chunk)
	}
	if len(chunks) == 0 {
		return nil, &Damaged{errors.New("an attachment is in none of the chunks")}
	}
	return chunks, nil
}
