package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"zapas/device/internal/index"
	"zapas/device/internal/seal"
)

type inspect struct {
	File string `arg:"" type:"path" help:"A sealed object, such as one that was copied from the bucket or lies in a phone's spool."`
}

// inspected is what can be told of a sealed object without any key.
type inspected struct {
	ID         string `json:"id"` // by which an object of these bytes goes
	SHA256     string `json:"sha256"`
	Size       int64  `json:"size"`
	Version    byte   `json:"version"`
	Suite      byte   `json:"suite"`
	KeyVersion uint32 `json:"vaultKeyVersion"`
	Salt       string `json:"salt"`
	Commitment string `json:"commitment"`

	RecordPart   int64   `json:"recordPart"`
	RecordBlocks []block `json:"recordBlocks"`
	BlobBlocks   uint32  `json:"blobBlocks"`
	BlobBytes    int64   `json:"blobBytes"`
	Index        *block  `json:"index,omitempty"`
	Trailer      block   `json:"trailer"`
}

type block struct {
	Block  uint32 `json:"block"`
	Offset int64  `json:"offset"`
	Sealed int64  `json:"sealed"`
}

// mostBlocks is how many record blocks a page lists.
const mostBlocks = 8

// Run needs no phone: a phone keeps no key that could show more.
func (c *inspect) Run(t *terminal) error {
	f, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file; name one sealed object", c.File)
	}
	a, err := seal.Inspect(f, info.Size())
	if err != nil {
		return fmt.Errorf("%s cannot be a whole sealed object of this format: %w", c.File, err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, a.Size)); err != nil {
		return fmt.Errorf("read %s: %w", c.File, err)
	}
	is := told(a, [32]byte(sum.Sum(nil)))
	return t.say(is, func(p *page) { p.inspected(is) })
}

func told(a *seal.Anatomy, sum [32]byte) inspected {
	is := inspected{ID: index.OfChunk(sum).String(), SHA256: hex.EncodeToString(sum[:]), Size: a.Size, Version: a.Version, Suite: a.Suite,
		KeyVersion: a.KeyVersion, Salt: hex.EncodeToString(a.Salt[:]), Commitment: hex.EncodeToString(a.Commitment[:]),
		RecordPart: a.RecordPart, BlobBlocks: a.BlobBlocks, BlobBytes: a.Blobs.Length, Trailer: blockOf(a.Trailer)}
	for _, r := range a.Records {
		is.RecordBlocks = append(is.RecordBlocks, blockOf(r))
	}
	if a.Index != nil {
		at := blockOf(*a.Index)
		is.Index = &at
	}
	return is
}

func blockOf(s seal.Sealed) block { return block{s.Counter, s.Offset, s.Length} }

func (p *page) inspected(is inspected) {
	p.title("A sealed object of %s bytes", number(is.Size))
	p.row("format", fmt.Sprintf("version %d, suite %d (HKDF-SHA256, AES-256-GCM, zstd)", is.Version, is.Suite))
	p.row("id", is.ID+", if these are the bytes that were stored")
	p.row("SHA-256", is.SHA256)
	p.row("vault key", fmt.Sprintf("version %d", is.KeyVersion))
	p.row("salt", is.Salt)
	p.row("commitment", is.Commitment)
	p.row("records", fmt.Sprintf("%s in the first %s bytes", plural(int64(len(is.RecordBlocks)), "block"), number(is.RecordPart)))
	for _, b := range is.RecordBlocks[:min(mostBlocks, len(is.RecordBlocks))] {
		p.row("", b.String())
	}
	if more := len(is.RecordBlocks) - mostBlocks; more > 0 {
		p.row("", fmt.Sprintf("and %s more, which --json lists", number(int64(more))))
	}
	if is.BlobBlocks == 0 {
		p.row("attachments", "none")
	} else {
		p.row("attachments", fmt.Sprintf("%s, %s bytes sealed, from offset %s; where one ends is not in the clear", plural(int64(is.BlobBlocks), "block"), number(is.BlobBytes), number(is.RecordPart)))
	}
	if is.Index == nil {
		p.row("index", "none: it is not the last object of its backup")
	} else {
		p.row("index", is.Index.String())
	}
	p.row("trailer", is.Trailer.String())
	p.row("not shown", "what it holds, how many items, and whether any of it was changed: that takes the key of its backup, which no phone keeps;")
	p.row("", "the service gives it out to the phone that restores the backup or verifies its own")
}

func (b block) String() string {
	return fmt.Sprintf("block %d: %s bytes sealed, at offset %s", b.Block, number(b.Sealed), number(b.Offset))
}
