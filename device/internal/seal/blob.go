package seal

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
)

// A Part is a blob, or the piece of it that one chunk holds.
type Part struct {
	Sum    [32]byte // SHA-256 of the whole blob
	Size   int64    // of the whole blob
	Offset int64    // where the part begins in the blob; a multiple of 1 MiB
	Length int64    // of the part
}

// Whole reports whether the part is all of its blob.
func (p Part) Whole() bool { return p.Offset == 0 && p.Length == p.Size }

// Chain answers which of some parts of one blob join to all of it, by their positions, in their order; none where no choice of
// them does. Sealings that were broken off leave parts that others repeat, cut elsewhere.
func Chain(parts []Part) (chain []int) {
	order := make([]int, len(parts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(parts[b].Offset, parts[a].Offset), cmp.Compare(parts[b].Length, parts[a].Length))
	})
	from := map[int64]int{} // what goes on to the end
	for _, i := range order {
		p := parts[i]
		_, goesOn := from[p.Offset+p.Length]
		if _, known := from[p.Offset]; !known && (p.Length > 0 || p.Size == 0) && (goesOn || p.Offset+p.Length == p.Size) {
			from[p.Offset] = i
		}
	}
	for next := int64(0); ; {
		i, ok := from[next]
		if !ok {
			return nil
		}
		chain = append(chain, i)
		if next = parts[i].Offset + parts[i].Length; next == parts[i].Size {
			return chain
		}
	}
}

// A Blob is a photo or attachment on its way into one or more chunks.
type Blob struct {
	r    io.Reader
	sum  [32]byte
	size int64
	done int64
	hash hash.Hash
	over bool
	err  error
}

// NewBlob announces size bytes, to be read from r once, with this SHA-256.
func NewBlob(r io.Reader, size int64, sum [32]byte) (*Blob, error) {
	if size < 0 || size > MaxBlob {
		return nil, fmt.Errorf("a blob of %d bytes is not between 0 and %d", size, int64(MaxBlob))
	}
	return &Blob{r: r, sum: sum, size: size, hash: sha256.New()}, nil
}

// Taken is how many of its bytes are in chunks, so far.
func (b *Blob) Taken() int64 { return b.done }

// Done reports whether all of the blob is in chunks.
func (b *Blob) Done() bool { return b.over }

// read returns the next n bytes in buf's array. With the last ones it makes sure that the source ends there and is what
// was announced, so that the last block of any other source is never sealed and no such blob can be put together.
func (b *Blob) read(buf []byte, n int64) ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	if int64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if got, err := io.ReadFull(b.r, buf); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		b.err = fmt.Errorf("read a blob of %d bytes at %d: %w", b.size, b.done+int64(got), err)
		return nil, b.err
	}
	b.hash.Write(buf)
	b.done += n
	if b.done == b.size {
		b.err = b.check()
	}
	return buf, b.err
}

func (b *Blob) check() error {
	var more [1]byte
	switch n, err := io.ReadFull(b.r, more[:]); {
	case n > 0:
		return fmt.Errorf("a blob of %d bytes: its source is longer", b.size)
	case err != io.EOF:
		return fmt.Errorf("read a blob of %d bytes at its end: %w", b.size, err)
	case subtle.ConstantTimeCompare(b.hash.Sum(nil), b.sum[:]) != 1:
		return fmt.Errorf("a blob of %d bytes: its source is not what was announced", b.size)
	}
	return nil
}

// Blob adds as much of b as the chunk has room for, and returns the number of the part: the first of a chunk is 0. Until
// b is Done, the rest is for the next chunks. It returns ErrFull when not even one block has room. Where the source fails
// or is not what was announced, the error is b's for good and the chunk goes on; blocks of b that were written stay,
// a part of a blob that never ends.
func (w *Writer) Blob(b *Blob) (number uint32, err error) {
	if err := w.takes(takesBlobs); err != nil {
		return 0, err
	}
	if b.over {
		return 0, errors.New("the blob is already in chunks")
	}
	if b.err != nil {
		return 0, b.err
	}
	at, bound := w.least()
	if first := int(min(b.size-b.done, blobRoom)); !w.fits(at+int64(sealedLen(first)), bound+tablePart+tableBlock) {
		return 0, ErrFull
	}
	if err := w.endRecords(); err != nil {
		return 0, err
	}
	w.bound += tablePart
	entry := partEntry{Sum: b.sum, Size: uint32(b.size), Offset: uint32(b.done)}
	err = w.blobBlocks(b, &entry)
	if err != nil && len(entry.Sealed) == 0 {
		w.bound -= tablePart
		return 0, err
	}
	w.table.Parts = append(w.table.Parts, entry)
	return uint32(len(w.table.Parts) - 1), err
}

// blobBlocks seals the next blocks of b, as long as they surely fit.
func (w *Writer) blobBlocks(b *Blob, entry *partEntry) error {
	for !b.over {
		n := min(b.size-b.done, blobRoom)
		if !w.fits(w.size+int64(sealedLen(int(n))), w.bound+tableBlock) {
			return nil
		}
		plain, err := b.read(w.blob, n)
		if err != nil {
			return err
		}
		w.blob = plain
		if n > 0 {
			sealed, err := w.sealBlock(kindBlob, plain)
			if err != nil {
				return err
			}
			w.bound += tableBlock
			entry.Sealed = append(entry.Sealed, sealed)
		}
		b.over = b.done == b.size
	}
	return nil
}

// A Joiner puts a blob together from its parts, in the order of their offsets.
type Joiner struct {
	w    io.Writer
	sum  [32]byte
	size int64
	done int64
	hash hash.Hash
}

// NewJoiner writes to w a blob of this size with this SHA-256. What w holds is the blob only once Close returns nil.
func NewJoiner(w io.Writer, size int64, sum [32]byte) *Joiner {
	return &Joiner{w: w, size: size, sum: sum, hash: sha256.New()}
}

// Add writes a part, which must be the next one. Each block is verified before it is written.
func (j *Joiner) Add(r *Reader, number uint32) error {
	b, err := r.part(number)
	if err != nil {
		return err
	}
	if b.part.Sum != j.sum || b.part.Size != j.size || b.part.Offset != j.done {
		return fmt.Errorf("part %d is not the one at %d of this blob of %d bytes", number, j.done, j.size)
	}
	n, err := io.Copy(io.MultiWriter(j.w, j.hash), b)
	j.done += n
	return err
}

// Close reports whether all parts came and are what was backed up.
func (j *Joiner) Close() error {
	if j.done != j.size {
		return fmt.Errorf("the blob has %d of its %d bytes", j.done, j.size)
	}
	if subtle.ConstantTimeCompare(j.hash.Sum(nil), j.sum[:]) != 1 {
		return fmt.Errorf("the blob of %d bytes is not what was backed up", j.size)
	}
	return nil
}
