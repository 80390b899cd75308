// Package android knows the XML files that the app SMS Backup & Restore writes, one of messages and
// one of calls: it reads what is in them as items and writes items to them. It does not know where a backup is kept, what is
// restored and why, nor anything of a phone's own databases.
//
// The format is described on SyncTech's page "Fields in XML Backup Files".
package android

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
	"time"

	"zapas/device/android/internal/markup"
	"zapas/device/internal/infile"
	"zapas/device/internal/item"
)

// The namespaces of extras: attributes of the format that no field of an item stands for.
const (
	extrasSMS  = "android.sms"
	extrasMMS  = "android.mms"
	extrasPart = "android.part"
	extrasAddr = "android.addr"
	extrasCall = "android.call"
)

// Options say what the file itself does not.
type Options struct {
	Region string           // by which national numbers are read; ISO 3166 alpha-2, may be empty
	Own    []string         // the owner's numbers, left out of an MMS's peers
	Now    func() time.Time // dates a new file; nil leaves it undated
}

// BadItem is a message or call that could not be read. It costs only itself: reading goes on behind it.
type BadItem struct {
	Kind   item.Kind
	Offset int64 // of the element's first byte
	Line   int64 // counted from 1
	Reason string
	Broken bool // its markup is, so that where it ends is a guess
}

func (e *BadItem) Error() string {
	return fmt.Sprintf("the %s at byte %d (line %d) cannot be read: %s", e.Kind, e.Offset, e.Line, e.Reason)
}

// BadFile is a place behind which nothing can be read. What was read before it is good.
type BadFile struct {
	Path   string
	Offset int64
	Line   int64 // counted from 1
	Reason string
	Read   int   // items read before, bad ones included
	Err    error // what the operating system said, if it was that
}

func (e *BadFile) Error() string {
	read := fmt.Sprintf("%d items were", e.Read)
	if e.Read == 1 {
		read = "1 item was"
	}
	return fmt.Sprintf("%s cannot be read past byte %d (line %d): %s; %s read before it: export them from the phone again", e.Path, e.Offset, e.Line, e.Reason, read)
}

func (e *BadFile) Unwrap() error { return e.Err }

// Notes is what the last reading met and mended.
type Notes struct {
	Declared int          // the file's own count, -1 where it states none that can be believed
	Messages int          // messages or calls met, bad ones included
	Unknown  int          // elements whose meaning we do not know, passed over
	Foreign  int          // those of Unknown that stand where a message or call could
	Passed   markup.Place // where the first of Unknown is
	markup.Mended
}

// Export is an open file of messages or of calls. Its methods may be called at the same time.
type Export struct {
	path    string
	file    io.ReaderAt
	size    int64
	info    os.FileInfo // when it was opened
	close   func() error
	options Options
	own     map[string]bool

	mu    sync.Mutex
	notes Notes
	blobs map[[32]byte]place
	read  map[int64]extent // values that were read as blobs, by where they begin: a later reading passes over them
	frame frame
}

// maxDeclared bounds the count that a file is believed to hold: more than any phone has, and too little for a damaged
// number to drown everything that was really read.
const maxDeclared = 1_000_000

// place is where a blob's characters are in the file.
type place struct {
	offset int64
	quote  byte
	base64 bool
}

// extent is what a reading found a value to hold, and how far it reaches.
type extent struct {
	sum        [32]byte
	size       int64
	long, high int64 // bytes before its quote, and line ends in them
}

// frame is where the last whole reading found the root element; the writer needs it.
type frame struct {
	name            string // smses or calls
	root, open, end int64  // first byte of its start tag, first byte behind that, first byte of its end tag
	attrs           string // the root's attributes as they are, without count
	empty           bool   // <smses/>
}

// Open opens a file for reading. Items reads it, as often as wanted.
func Open(path string, o Options) (*Export, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	// Before it is opened: to open a pipe is to wait for whoever writes to it.
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("android: cannot open the export: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("android: cannot read the export %s: it is not a regular file; name the XML file itself", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("android: cannot open the export: %w", err)
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, fmt.Errorf("android: cannot read the export %s: %w", path, err)
	}
	e := newExport(path, f, info.Size(), o)
	e.info, e.close = info, f.Close
	return e, nil
}

func newExport(path string, file io.ReaderAt, size int64, o Options) *Export {
	own := map[string]bool{}
	for _, number := range o.Own {
		own[item.ParseAddress(number, o.regions()...).Key()] = true
	}
	return &Export{path: path, file: file, size: size, options: o, own: own, close: func() error { return nil }, blobs: map[[32]byte]place{}, read: map[int64]extent{}}
}

func (o Options) check() error {
	if len(o.Region) == 0 || len(o.Region) == 2 && o.Region[0]-'A' < 26 && o.Region[1]-'A' < 26 {
		return nil
	}
	return fmt.Errorf("android: the region %q is not two capital letters (ISO 3166 alpha-2)", o.Region)
}

func (o Options) regions() []string {
	if o.Region == "" {
		return nil
	}
	return []string{o.Region}
}

// Close closes the file; blobs still open fail.
func (e *Export) Close() error { return e.close() }

// Items reads the file from its beginning. A message that cannot be read is a *BadItem and the next
// follows; a *BadFile is the last, of infile.ErrMoved for a file that is not as it was when it was opened. Memory does not
// grow with the file but by some dozens of bytes for each attachment. The attachments are read once: later readings pass over
// them, since OpenBlob compares what it reads.
func (e *Export) Items() iter.Seq2[item.Item, error] {
	return func(yield func(item.Item, error) bool) {
		r := newReader(e)
		for {
			it, err := r.next()
			e.mu.Lock()
			e.notes = r.notes
			e.notes.Mended = r.s.Mended()
			e.frame = r.frame
			e.mu.Unlock()
			ended := errors.Is(err, io.EOF)
			bad, over := errors.AsType[*BadFile](err)
			if ended || over && bad.Err == nil {
				if moved := infile.Still(e.file, e.size, e.info); moved != nil {
					err, ended, over = r.fault(moved), false, true
				}
			}
			if ended || !yield(it, err) || over {
				return
			}
		}
	}
}

// Element is "messages" or "calls": what the file is of, by its root. The error is a *BadFile for a file
// that is of neither.
func (e *Export) Element() (string, error) {
	r := newReader(e)
	if err := r.readRoot(); err != nil {
		return "", r.over(err)
	}
	return elementOf(r.frame.name), nil
}

// Notes tells what the reading that is under way, or the last one, met.
func (e *Export) Notes() Notes {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.notes
}

// known is what an earlier reading found in the value that begins at an offset.
func (e *Export) known(offset int64) (extent, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w, ok := e.read[offset]
	return w, ok
}

func (e *Export) remember(sum [32]byte, at place, w extent) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w.long > 0 {
		e.read[at.offset] = w
	}
	if _, ok := e.blobs[sum]; !ok {
		e.blobs[sum] = at
	}
}

// OpenBlob reads an attachment of an item that Items has yielded, from the file itself. The last Read
// fails if the bytes are not those of the first reading.
func (e *Export) OpenBlob(b item.Blob) (io.ReadCloser, error) {
	e.mu.Lock()
	at, ok := e.blobs[b.SHA256]
	e.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("android: %s holds no attachment with SHA-256 %x: read its messages first", e.path, b.SHA256)
	}
	v := markup.ValueAt(io.NewSectionReader(e.file, at.offset, e.size-at.offset), at.quote)
	var r io.Reader = v
	if at.base64 {
		r = markup.NewBase64(v)
	}
	return infile.Again(r, b.Size, b.SHA256, "android: an attachment of "+e.path), nil
}
