package android

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"

	"zapas/device/internal/item"
	"zapas/device/internal/outfile"
)

// Writer adds messages or calls to a file. Until Commit the file is as it was: all is written to a second
// file beside it, which then takes its place. What the file held stays byte for byte, but for the
// count in its root element.
type Writer struct {
	path     string
	existing *Export // nil for a new file
	before   fs.FileInfo
	lock     *outfile.Lock
	tmp      *os.File
	w        *bufio.Writer
	name     string // of the root
	root     int64  // where the root's start tag is in tmp
	attrs    string
	count    int
}

// ErrBusy is the error of Create while another Writer works on the file.
var ErrBusy = outfile.ErrBusy

// Create begins to write a file of messages, which need not exist. A file that exists and cannot be
// read whole, or is of calls, is refused with a *BadFile and stays as it is. While a Writer works on a file, a second one
// is refused with ErrBusy.
func Create(path string, o Options) (*Writer, error) { return create(path, rootMessages, o) }

// CreateCalls is Create for a file of calls.
func CreateCalls(path string, o Options) (*Writer, error) { return create(path, rootCalls, o) }

func create(path, root string, o Options) (*Writer, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	path, err := outfile.Named(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, name: root, attrs: dated(o)}
	if w.lock, err = outfile.Acquire(path); err != nil {
		return nil, err
	}
	if err := w.start(o); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w, nil
}

// start reads the existing file and begins the second one. Only the holder of the lock does so.
func (w *Writer) start(o Options) error {
	existing, err := surveyed(w.path, w.name, o)
	if err != nil {
		return err
	}
	if w.existing = existing; existing != nil {
		w.before, w.count, w.attrs = existing.info, existing.Notes().Messages, existing.frame.attrs
	}
	if err := outfile.Sweep(w.path); err != nil {
		return err
	}
	if w.tmp, err = outfile.Part(w.path); err != nil {
		return err
	}
	w.w = bufio.NewWriterSize(w.tmp, 64<<10)
	if err := w.begin(); err != nil {
		return w.fault(err)
	}
	return nil
}

// surveyed opens a file to add to it, nil for one that is not there, and reads it once for its items' number and place.
// Markup that is broken is no ground to build on: what comes behind it may not be where it seems, and other programs may
// not read it.
func surveyed(path, root string, o Options) (*Export, error) {
	existing, err := Open(path, o)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := existing.survey(root); err != nil {
		return nil, errors.Join(err, existing.Close())
	}
	return existing, nil
}

func (e *Export) survey(root string) error {
	read := 0
	for _, err := range e.Items() {
		var file *BadFile
		if errors.As(err, &file) {
			return file
		}
		var bad *BadItem
		if errors.As(err, &bad) && bad.Broken {
			return &BadFile{Path: e.path, Offset: bad.Offset, Line: bad.Line, Reason: bad.Reason, Read: read}
		}
		read++
	}
	if is := e.frame.name; is != root {
		return &BadFile{Path: e.path, Line: 1, Reason: fmt.Sprintf("it is of %s, not of %s", elementOf(is), elementOf(root))}
	}
	return nil
}

// begin writes what goes before the first new message.
func (w *Writer) begin() error {
	head, body := io.Reader(strings.NewReader(prolog)), io.Reader(strings.NewReader("\n"))
	w.root = int64(len(prolog))
	if w.existing != nil {
		f := w.existing.frame
		w.root = f.root
		head = io.NewSectionReader(w.existing.file, 0, f.root)
		if !f.empty {
			body = io.NewSectionReader(w.existing.file, f.open, f.end-f.open)
		}
	}
	for _, r := range []io.Reader{head, strings.NewReader(rootTag(w.name, w.count, w.attrs)), body} {
		if _, err := io.Copy(w.w, r); err != nil {
			return err
		}
	}
	return w.w.Flush()
}

// Existing reads the messages that were in the file when Create was called, as Export.Items does.
func (w *Writer) Existing() iter.Seq2[item.Item, error] { return w.existing.items() }

// items are none of a file that is not there.
func (e *Export) items() iter.Seq2[item.Item, error] {
	if e == nil {
		return func(func(item.Item, error) bool) {}
	}
	return e.Items()
}

// Put adds a message; open gives its attachments, whose size and digest are checked. A message that
// cannot be put leaves nothing behind, and others can be put after it. A message that was waiting to
// be sent is put as failed, so that no phone sends it again.
func (w *Writer) Put(it item.Item, open Opener) error {
	if err := w.w.Flush(); err != nil {
		return w.fault(err)
	}
	start, err := w.tmp.Seek(0, io.SeekCurrent)
	if err != nil {
		return w.fault(err)
	}
	if err := encode(w.w, w.name, it, open); err != nil {
		return errors.Join(fmt.Errorf("android: cannot write this %s to %s: %w", it.Kind(), w.path, err), w.undo(start))
	}
	w.count++
	return nil
}

// undo takes back what was written behind start.
func (w *Writer) undo(start int64) error {
	if err := outfile.Undo(w.tmp, w.w, start); err != nil {
		return w.fault(err)
	}
	return nil
}

func (w *Writer) fault(err error) error {
	return fmt.Errorf("android: cannot write %s: %w", w.tmp.Name(), err)
}

// Commit makes the file hold what was put. If it fails, or we die before its end, the file is as it
// was; so it is if another program changed it since Create, which is refused. Abort is then still to be called.
func (w *Writer) Commit() error {
	w.w.WriteString(rootEnd(w.name))
	if err := w.w.Flush(); err != nil {
		return w.fault(err)
	}
	if _, err := w.tmp.WriteAt([]byte(rootTag(w.name, w.count, w.attrs)), w.root); err != nil {
		return w.fault(err)
	}
	if err := outfile.Replace(w.path, w.tmp, w.before); err != nil {
		return err
	}
	return errors.Join(w.close(), outfile.Settle(w.path))
}

// Abort forgets what was put. After a Commit that succeeded it does nothing.
func (w *Writer) Abort() error {
	var err error
	if w.tmp != nil {
		if err = outfile.Remove(w.tmp.Name()); err != nil {
			err = fmt.Errorf("android: cannot remove the half-written file: %w", err)
		}
	}
	return errors.Join(err, w.close())
}

func (w *Writer) close() error {
	var errs []error
	if w.existing != nil {
		errs = append(errs, w.existing.Close())
		w.existing = nil
	}
	if w.tmp != nil {
		errs = append(errs, w.tmp.Close())
		w.tmp = nil
	}
	if w.lock != nil { // last: the next writer begins here
		errs = append(errs, w.lock.Release())
		w.lock = nil
	}
	return errors.Join(errs...)
}
