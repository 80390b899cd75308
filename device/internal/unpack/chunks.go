package unpack

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"

	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/seal"
)

// Chunks is a snapshot on this device's disk: its index, its chunks as far as they could be had, and their keys.
type Chunks struct {
	Folder string // of files named by chunk
	Index  *index.Index
	Keys   map[index.ID]seal.SessionKey // by session
	Bad    map[int]Bad                  // by position in Index.Chunks: those that cannot be used
	// Harmed are those that are there, and are not as they were stored: each block proves whether it is.
	Harmed map[int]Bad
	Part   map[int]bool // those of which the records alone are there
	// Left are those that are there, as the service says, and whose attachments were not fetched. A plan takes what is
	// nowhere else to be in them.
	Left  map[int]bool
	parts map[[32]byte][]part
}

// Bad is why a chunk cannot be used.
type Bad struct {
	Reason string // a word of a-z and _
	Detail string
}

// Path is the file of a chunk.
func (g *Chunks) Path(id index.ID) string { return filepath.Join(g.Folder, id.String()) }

// part is where a blob, or a piece of it, is.
type part struct {
	chunk          int // position in the index
	number         uint32
	offset, length int64
	size           int64 // of the whole blob
}

// chunkFile is an open chunk on this device's disk.
type chunkFile struct {
	*seal.Reader
	table error // why nothing is known but its records
	file  *os.File
}

func (c *chunkFile) Close() error { return c.file.Close() }

// openChunk opens a chunk, or of it what can be proven: its records alone where no more is there, or its table is damaged.
func (g *Chunks) openChunk(i int) (*chunkFile, error) {
	c := g.Index.Chunks[i]
	f, err := os.Open(g.Path(c.ID))
	if err != nil {
		return nil, err
	}
	var r *seal.Reader
	err = errPart
	if !g.Part[i] {
		r, err = seal.Open(f, c.Size, g.Keys[c.Session])
	}
	var table error
	if _, harmed := g.Harmed[i]; err != nil && (harmed || g.Part[i]) {
		table = err
		r, err = seal.OpenRecords(f, c.RecordPart, c.Records(), g.Keys[c.Session])
	}
	switch {
	case err != nil:
	case r.RecordCount() != c.Records():
		err = fmt.Errorf("it has %d records and the index says %d", r.RecordCount(), c.Records())
	case !c.Is(r.Mark()):
		err = errors.New("it is another chunk of its session")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &chunkFile{r, table, f}, nil
}

var errPart = errors.New("its attachments were not fetched")

// locate notes where all blobs are, by the tables of the chunks themselves.
func (g *Chunks) locate() error {
	g.parts = map[[32]byte][]part{}
	for i := range g.Index.Chunks {
		if _, bad := g.Bad[i]; bad || g.Left[i] || g.Part[i] || len(g.Index.Chunks[i].Parts) == 0 {
			continue
		}
		c, err := g.openChunk(i)
		if err != nil {
			g.Bad[i] = Bad{Reason: "chunk_damaged", Detail: fmt.Sprintf("chunk %s: %v", g.Index.Chunks[i].ID, err)}
			continue
		}
		for n, p := range c.Parts() {
			g.parts[p.Sum] = append(g.parts[p.Sum], part{i, uint32(n), p.Offset, p.Length, p.Size})
		}
		if err := c.Close(); err != nil {
			return err
		}
	}
	return nil
}

// pieces are the parts of a blob in their order, or why they are not all there. A backup that was broken off may have left
// a piece that another one repeats, and healing another copy beside one that is damaged, which is not taken then. Of what may be
// in a chunk that was left there are none.
func (g *Chunks) pieces(sum [32]byte) ([]part, error) {
	all := g.parts[sum]
	out := joined(sum, all)
	if len(all) > len(out) && slices.ContainsFunc(out, g.inHarmed) {
		if whole := joined(sum, slices.DeleteFunc(slices.Clone(all), g.damaged)); whole != nil {
			g.parts[sum], out = whole, whole
		}
	}
	if out != nil || len(g.Left) > 0 {
		return out, nil
	}
	return nil, errors.New("an attachment is not in the chunks that could be read")
}

// joined are those of some parts of a blob that join to all of it; nil for none.
func joined(sum [32]byte, all []part) (out []part) {
	parts := make([]seal.Part, len(all))
	for i, p := range all {
		parts[i] = seal.Part{Sum: sum, Size: p.size, Offset: p.offset, Length: p.length}
	}
	for _, at := range seal.Chain(parts) {
		out = append(out, all[at])
	}
	return out
}

func (g *Chunks) inHarmed(p part) bool {
	_, harmed := g.Harmed[p.chunk]
	return harmed
}

// damaged reads a part that is in a chunk that is not as it was stored.
func (g *Chunks) damaged(p part) bool {
	if !g.inHarmed(p) {
		return false
	}
	c, err := g.openChunk(p.chunk)
	if err != nil {
		return true
	}
	defer c.Close()
	in, err := c.Blob(p.number)
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	return err != nil
}

// missing says why a blob cannot be had, or "".
func (g *Chunks) missing(sum [32]byte) string {
	_, err := g.pieces(sum)
	if err == nil {
		return ""
	}
	return err.Error()
}

// opener opens the blobs of one item and remembers whether that failed.
type opener struct {
	g   *Chunks
	err error
}

func (o *opener) open(b item.Blob) (io.ReadCloser, error) {
	pieces, err := o.g.pieces(b.SHA256)
	if err != nil {
		o.err = err
		return nil, err
	}
	return &blobReader{o: o, pieces: pieces, sum: b.SHA256, size: b.Size, hash: sha256.New()}, nil
}

// blobReader reads a blob piece by piece, and ends with io.EOF only when it was the blob that was backed up.
type blobReader struct {
	o      *opener
	pieces []part
	sum    [32]byte
	size   int64
	done   int64
	hash   hash.Hash
	chunk  index.ID // that is read
	file   *chunkFile
	in     io.Reader
}

func (b *blobReader) Read(p []byte) (int, error) {
	n, err := b.read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.o.err = err
	}
	return n, err
}

func (b *blobReader) read(p []byte) (int, error) {
	for {
		if b.in == nil {
			if len(b.pieces) == 0 {
				return 0, b.end()
			}
			if err := b.next(); err != nil {
				return 0, err
			}
		}
		n, err := b.in.Read(p)
		b.hash.Write(p[:n])
		b.done += int64(n)
		if errors.Is(err, io.EOF) {
			err = b.close()
		} else if err != nil {
			err = fmt.Errorf("chunk %s: %w", b.chunk, err)
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (b *blobReader) next() error {
	piece := b.pieces[0]
	b.pieces = b.pieces[1:]
	b.chunk = b.o.g.Index.Chunks[piece.chunk].ID
	c, err := b.o.g.openChunk(piece.chunk)
	if err != nil {
		return fmt.Errorf("chunk %s: %w", b.chunk, err)
	}
	b.file = c
	b.in, err = c.Blob(piece.number)
	return err
}

func (b *blobReader) end() error {
	if b.done != b.size || subtle.ConstantTimeCompare(b.hash.Sum(nil), b.sum[:]) != 1 {
		return fmt.Errorf("an attachment of %d bytes is not what was backed up", b.size)
	}
	return io.EOF
}

func (b *blobReader) close() error {
	b.in = nil
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	return err
}

// Close may come before the end.
func (b *blobReader) Close() error { return b.close() }
