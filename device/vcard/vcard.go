// Package vcard knows the address books that phones and services export as vCard files: it reads their cards as
// contacts and writes contacts to them. It does not know where a backup is kept, what is restored and why, nor
// anything of a phone's own databases.
//
// It reads vCard 3.0 (RFC 2426) and 4.0 (RFC 6350, RFC 9554), with what Apple's and Android's exports add to them.
package vcard

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"

	"zapas/device/internal/infile"
	"zapas/device/internal/item"
)

// Opener gives the bytes of a medium; the caller closes them.
type Opener func(item.Blob) (io.ReadCloser, error)

// Options say what the file itself does not.
type Options struct {
	Region string // by which national numbers are read; ISO 3166 alpha-2, may be empty
}

// BadCard is a card that cannot be read. It costs only itself: reading goes on behind it.
type BadCard struct {
	Offset int64 // of its first byte
	Line   int64 // of its first line, counted from 1
	At     int64 // the line at which it cannot be read
	Reason string
	Stray  bool // it is text between cards or behind the last one, and may be any number of them
}

func (e *BadCard) Error() string {
	if e.Stray {
		return fmt.Sprintf("the text at line %d is of no card: %s", e.Line, e.Reason)
	}
	return fmt.Sprintf("the card at line %d cannot be read (line %d): %s", e.Line, e.At, e.Reason)
}

// BadFile is a place behind which nothing can be read. What was read before it is good.
type BadFile struct {
	Path   string
	Line   int64
	Reason string
	Read   int   // cards read before, bad ones included
	Err    error // what the operating system said, if it was that
}

func (e *BadFile) Error() string {
	read := fmt.Sprintf("%d cards were", e.Read)
	if e.Read == 1 {
		read = "1 card was"
	}
	return fmt.Sprintf("%s cannot be read past line %d: %s; %s read before it: export the contacts again", e.Path, e.Line, e.Reason, read)
}

func (e *BadFile) Unwrap() error { return e.Err }

// File is an open file of cards. Its methods may be called at the same time.
type File struct {
	path    string
	file    io.ReaderAt
	size    int64
	info    os.FileInfo // when it was opened
	close   func() error
	options Options

	mu    sync.Mutex
	blobs map[[32]byte]int64 // where their characters begin
}

// Open opens a file for reading. Items reads it, as often as wanted.
func Open(path string, o Options) (*File, error) {
	if len(o.Region) != 0 && (len(o.Region) != 2 || o.Region[0]-'A' >= 26 || o.Region[1]-'A' >= 26) {
		return nil, fmt.Errorf("vcard: the region %q is not two capital letters (ISO 3166 alpha-2)", o.Region)
	}
	// Before it is opened: to open a pipe is to wait for whoever writes to it.
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("vcard: cannot open the contacts: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("vcard: cannot read the contacts %s: it is not a regular file; name the file itself", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("vcard: cannot open the contacts: %w", err)
	}
	if info, err = f.Stat(); err != nil {
		return nil, errors.Join(fmt.Errorf("vcard: cannot read the contacts %s: %w", path, err), f.Close())
	}
	v := newFile(path, f, info.Size(), o)
	v.info, v.close = info, f.Close
	return v, nil
}

func newFile(path string, file io.ReaderAt, size int64, o Options) *File {
	return &File{path: path, file: file, size: size, options: o, close: func() error { return nil }, blobs: map[[32]byte]int64{}}
}

// Close closes the file; media still open fail.
func (f *File) Close() error { return f.close() }

// Items reads the file from its beginning. A card that cannot be read is a *BadCard and the next follows, and so is text
// that is of no card; a *BadFile is the last, of infile.ErrMoved for a file that is not as it was when it was opened. Memory does not grow with the file but by a few dozen bytes for each medium.
func (f *File) Items() iter.Seq2[item.Item, error] {
	return func(yield func(item.Item, error) bool) {
		for c, err := range f.cards() {
			if err != nil {
				if !yield(nil, err) {
					return
				}
			} else if !yield(c.contact, nil) {
				return
			}
		}
	}
}

// card is one card and where it is.
type card struct {
	contact  *item.Contact
	version  string
	from, to int64 // first byte of it, and behind its last line's end
}

func (f *File) cards() iter.Seq2[card, error] {
	return func(yield func(card, error) bool) {
		r := newReader(f)
		for {
			c, err := r.next()
			ended := errors.Is(err, io.EOF)
			bad, over := errors.AsType[*BadFile](err)
			if ended || over && bad.Err == nil {
				if moved := infile.Still(f.file, f.size, f.info); moved != nil {
					err, ended, over = r.fault(moved), false, true
				}
			}
			if ended {
				return
			}
			if !yield(c, err) || over {
				return
			}
		}
	}
}

func (f *File) remember(sum [32]byte, at int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.blobs[sum]; !ok {
		f.blobs[sum] = at
	}
}

// OpenBlob reads a medium of a contact that Items has yielded, from the file itself. The last Read fails if the bytes
// are not those of the first reading.
func (f *File) OpenBlob(b item.Blob) (io.ReadCloser, error) {
	f.mu.Lock()
	at, ok := f.blobs[b.SHA256]
	f.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("vcard: %s holds no medium with SHA-256 %x: read its cards first", f.path, b.SHA256)
	}
	in := newInput(io.NewSectionReader(f.file, at, f.size-at))
	return infile.Again(decoded(&text{in: in}), b.Size, b.SHA256, "vcard: a medium of "+f.path), nil
}

// decoded decodes base64, over the blanks that some exports put between its characters.
func decoded(r io.Reader) io.Reader { return base64.NewDecoder(base64.StdEncoding, solid{r}) }

type solid struct{ r io.Reader }

func (s solid) Read(p []byte) (int, error) {
	for {
		n, err := s.r.Read(p)
		kept := 0
		for _, c := range p[:n] {
			if c != ' ' && c != '\t' {
				p[kept] = c
				kept++
			}
		}
		if kept > 0 || err != nil || n == 0 {
			return kept, err
		}
	}
}
