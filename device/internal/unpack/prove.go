package unpack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"slices"

	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/device/internal/seal"
)

// Proof goes through a snapshot as Restore does, with nothing to write to: each chunk once, in the index's order, of which
// it keeps no content. What is proven is accounted for in its outcome as inserted, what is not as failed.
type Proof struct {
	writing
	kinds    []item.Kind
	blobs    map[[32]byte]*blob
	reads    bool // some of these have attachments
	attached []attached
	unread   []string // chunks whose attachments cannot be known
}

// blob is what is known of an attachment.
type blob struct {
	size   int64
	proven bool
	damage string              // how a part of it is not what was sealed, "" while none is
	prefix map[int64]hash.Hash // of so many of its first bytes, while it comes in parts
}

// attached is an item that has attachments, wherever they are.
type attached struct {
	element string
	blobs   []item.Blob
}

// NewProof begins a proof of the items of some kinds.
func NewProof(g *Chunks, kinds []item.Kind, out *Outcome) *Proof {
	p := &Proof{writing: writing{g: g, out: out}, kinds: kinds, blobs: map[[32]byte]*blob{},
		reads: slices.Contains(kinds, item.KindMMS) || slices.Contains(kinds, item.KindContact)}
	p.one = p.item
	return p
}

// Chunk proves what one chunk holds.
func (p *Proof) Chunk(ctx context.Context, i int) error {
	if err := p.chunk(ctx, i, p.kinds); err != nil {
		return err
	}
	if !p.reads || len(p.g.Index.Chunks[i].Parts) == 0 {
		return nil
	}
	if bad, isBad := p.g.Bad[i]; isBad {
		p.unread = append(p.unread, bad.Detail)
		return nil
	}
	c, err := p.g.openChunk(i)
	if err != nil {
		p.unread = append(p.unread, fmt.Sprintf("chunk %s: %v", p.g.Index.Chunks[i].ID, err))
		return nil
	}
	defer c.Close()
	if c.table != nil {
		p.unread = append(p.unread, fmt.Sprintf("chunk %s: %v", p.g.Index.Chunks[i].ID, c.table))
	}
	for n, part := range c.Parts() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := p.part(c, uint32(n), part); err != nil {
			p.blob(part).damage = fmt.Sprintf("chunk %s: %v", p.g.Index.Chunks[i].ID, err)
		}
	}
	return nil
}

// Unread reports whether a chunk with attachments could not be read: which they were, only all others can tell.
func (p *Proof) Unread() bool { return len(p.unread) > 0 }

// item accounts for an item, unless it has attachments, which End accounts for.
func (p *Proof) item(it item.Item) error {
	if blobs := it.Blobs(); len(blobs) > 0 {
		p.attached = append(p.attached, attached{it.Kind().Element(), blobs})
		return nil
	}
	p.good(it.Kind().Element())
	return nil
}

func (p *Proof) good(element string) {
	l := p.out.Ledger[element]
	l.Planned++
	l.Inserted++
	p.out.Ledger[element] = l
}

func (p *Proof) blob(part seal.Part) *blob {
	b, ok := p.blobs[part.Sum]
	if !ok {
		b = &blob{size: part.Size}
		p.blobs[part.Sum] = b
	}
	return b
}

// part reads a blob, or a part of one. A part is proven by those before it.
func (p *Proof) part(c *chunkFile, number uint32, part seal.Part) error {
	b := p.blob(part)
	if b.size != part.Size {
		return fmt.Errorf("an attachment has %d bytes here and %d elsewhere", part.Size, b.size)
	}
	in, err := c.Blob(number)
	if err != nil {
		return err
	}
	if part.Whole() { // the reader compares it with its sum
		_, err := io.Copy(io.Discard, in)
		b.proven = b.proven || err == nil
		return err
	}
	sum, err := b.upTo(part.Offset)
	if err != nil {
		return err
	}
	if _, err := io.Copy(sum, in); err != nil {
		return err
	}
	return b.have(part.Offset+part.Length, part.Sum, sum)
}

// upTo is the running hash of the bytes before an offset; if they have not come, of nothing that will count.
func (b *blob) upTo(offset int64) (hash.Hash, error) {
	if offset == 0 {
		return sha256.New(), nil
	}
	before, ok := b.prefix[offset].(hash.Cloner)
	if !ok {
		return lone{sha256.New()}, nil
	}
	return before.Clone()
}

// lone is the hash of a part without those before it.
type lone struct{ hash.Hash }

// have notes the hash of the first n bytes.
func (b *blob) have(n int64, want [32]byte, sum hash.Hash) error {
	if _, alone := sum.(lone); alone || b.proven {
		return nil
	}
	if n < b.size {
		if b.prefix == nil {
			b.prefix = map[int64]hash.Hash{}
		}
		b.prefix[n] = sum
		return nil
	}
	b.prefix = nil
	if !bytes.Equal(sum.Sum(nil), want[:]) {
		return fmt.Errorf("an attachment of %d bytes is not what was backed up", b.size)
	}
	b.proven = true
	return nil
}

// End accounts for the items with attachments, and holds all numbers against each other: of the items that came, that the
// index lists and counts, and that the service counts. Whole says that every chunk was proven: then what has not come is
// missing. It answers how many attachments the items name, and how many of these are proven.
func (p *Proof) End(whole bool, counts map[string]int64) (named, proven int64) {
	seen := map[[32]byte]bool{}
	for _, it := range p.attached {
		for _, b := range it.blobs {
			if !seen[b.SHA256] {
				seen[b.SHA256] = true
				named++
				if p.lack(b, true) == (lack{}) {
					proven++
				}
			}
		}
		if l := p.lacks(it, whole); l != (lack{}) {
			p.lost(it.element, l.reason, 1, l.detail)
			continue
		}
		p.good(it.element)
	}
	p.attached = nil
	p.count(counts)
	p.harmed(p.kinds)
	return named, proven
}

// lack is why an attachment is not proven.
type lack struct{ reason, detail string }

func (p *Proof) lacks(it attached, whole bool) lack {
	for _, b := range it.blobs {
		if l := p.lack(b, whole); l != (lack{}) {
			return l
		}
	}
	return lack{}
}

func (p *Proof) lack(b item.Blob, whole bool) lack {
	is := p.blobs[b.SHA256]
	switch {
	case is != nil && is.size != b.Size:
		return lack{"attachment_damaged", fmt.Sprintf("an attachment of %d bytes is stored with %d", b.Size, is.size)}
	case is != nil && is.proven: // another copy may be damaged
		return lack{}
	case is != nil && is.damage != "":
		return lack{"attachment_damaged", is.damage}
	case !whole:
		return lack{}
	}
	detail := "an attachment is not in the chunks that could be read"
	for _, chunk := range p.unread[:min(len(p.unread), 3)] {
		detail += "; " + chunk
	}
	return lack{"attachment_missing", detail}
}

// count accounts for items that one count has and another has not.
func (p *Proof) count(served map[string]int64) {
	listed, elements := map[item.Kind]int64{}, map[string]int64{}
	for i := range p.g.Index.Chunks {
		for k, n := range p.g.Index.Chunks[i].Live() {
			listed[item.Kind(k)] += n
		}
	}
	for _, k := range p.kinds {
		elements[k.Element()] += listed[k]
	}
	for _, element := range ledger.Elements() {
		if came := p.out.Ledger[element].Planned; came != elements[element] {
			p.differ(element, came, elements[element], fmt.Sprintf("the chunks hold %d items, and the index lists %d", came, elements[element]))
		}
	}
	for _, k := range p.kinds {
		name := ledger.Name(k)
		all := []int64{listed[k], p.g.Index.Counts[name], served[name]}
		p.differ(k.Element(), slices.Min(all), slices.Max(all), fmt.Sprintf("%s: the index lists %d and counts %d, and the service counts %d", name, all[0], all[1], all[2]))
	}
}

func (p *Proof) differ(element string, a, b int64, detail string) {
	p.lost(element, "count_differs", max(a-b, b-a), detail)
}
