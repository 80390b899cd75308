package vcard

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"zapas/device/internal/item"
	"zapas/device/internal/match"
	"zapas/device/internal/outfile"
)

// Writer adds contacts to a file, and to the contacts in it. Until Commit the file is as it was: what is new is
// written beside it, and a second file then takes its place. What is not merged stays byte for byte.
type Writer struct {
	path     string
	existing *File // nil for a new file
	before   fs.FileInfo
	lock     *outfile.Lock
	cards    []card // of existing, without their contacts: good ones, in their order
	version  string // of new cards
	options  Options
	tail     *os.File
	w        *bufio.Writer
	added    []piece
	merged   map[int]piece // by number of the existing card
}

// piece is a card in the tail.
type piece struct{ from, to int64 }

// ErrBusy is the error of Create while another Writer works on the file.
var ErrBusy = outfile.ErrBusy

// Create begins to write the file, which need not exist. A file that exists and cannot be read whole, or holds text that is
// of no card, is refused with a *BadFile and stays as it is. While a Writer works on a file, a second one is refused with
// ErrBusy.
func Create(path string, o Options) (*Writer, error) {
	path, err := outfile.Named(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, version: "4.0", options: o, merged: map[int]piece{}}
	if w.lock, err = outfile.Acquire(path); err != nil {
		return nil, err
	}
	if err := w.start(); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w, nil
}

// start reads the existing file and begins the tail. Only the holder of the lock does so.
func (w *Writer) start() error {
	existing, cards, err := surveyed(w.path, w.options)
	if err != nil {
		return err
	}
	if w.existing, w.cards = existing, cards; existing != nil {
		w.before = existing.info
	}
	if len(cards) > 0 {
		w.version = cards[0].version
	}
	if err := outfile.Sweep(w.path); err != nil {
		return err
	}
	if w.tail, err = outfile.Part(w.path); err != nil {
		return err
	}
	w.w = bufio.NewWriterSize(w.tail, 64<<10)
	return nil
}

// surveyed opens a file to add to it, nil for one that is not there, and reads it once for the places and versions of its
// cards.
func surveyed(path string, o Options) (existing *File, cards []card, err error) {
	existing, err = Open(path, o)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for c, err := range existing.cards() {
		if bad, ok := errors.AsType[*BadFile](err); ok {
			return nil, nil, errors.Join(bad, existing.Close())
		}
		if bad, ok := errors.AsType[*BadCard](err); ok && bad.Stray { // what comes behind it may be taken for its end
			return nil, nil, errors.Join(&BadFile{Path: path, Line: bad.Line, Reason: "it has text there that is of no card: take it out, or name another file",
				Read: len(cards)}, existing.Close())
		}
		if err != nil {
			continue
		}
		c.contact = nil
		cards = append(cards, c)
	}
	return existing, cards, nil
}

// Existing reads the contacts that were in the file when Create was called, as File.Items does.
func (w *Writer) Existing() iter.Seq2[item.Item, error] { return w.existing.items() }

// items are none of a file that is not there.
func (f *File) items() iter.Seq2[item.Item, error] {
	if f == nil {
		return func(func(item.Item, error) bool) {}
	}
	return f.Items()
}

// Put adds a contact; open gives its media, whose size and digest are checked. A contact that cannot be put leaves
// nothing behind, and others can be put after it.
func (w *Writer) Put(c *item.Contact, open Opener) error {
	p, err := w.write(c, w.version, open)
	if err == nil {
		w.added = append(w.added, p)
	}
	return err
}

// Merge adds what a contact has to an existing one, by its number among those that Existing yields, and reports
// whether that was anything.
func (w *Writer) Merge(at int, c *item.Contact, open Opener) (changed bool, err error) {
	if at < 0 || at >= len(w.cards) {
		return false, fmt.Errorf("vcard: %s has no contact %d", w.path, at)
	}
	held, version, from, err := w.current(at)
	if err != nil {
		return false, err
	}
	more, changed := match.Merge(held, c)
	if !changed {
		return false, nil
	}
	p, err := w.write(more, version, func(b item.Blob) (io.ReadCloser, error) {
		for _, have := range held.Blobs() {
			if have.SHA256 == b.SHA256 {
				return from.OpenBlob(b)
			}
		}
		return open(b)
	})
	if err == nil {
		w.merged[at] = p
	}
	return err == nil, err
}

// current reads an existing contact as it is by now.
func (w *Writer) current(at int) (*item.Contact, string, *File, error) {
	c := w.cards[at]
	from := newFile(w.path, io.NewSectionReader(w.existing.file, c.from, c.to-c.from), c.to-c.from, w.options)
	if p, ok := w.merged[at]; ok {
		if err := w.w.Flush(); err != nil {
			return nil, "", nil, w.fault(err)
		}
		from = newFile(w.path, io.NewSectionReader(w.tail, p.from, p.to-p.from), p.to-p.from, w.options)
	}
	for now, err := range from.cards() {
		return now.contact, c.version, from, err
	}
	return nil, "", nil, fmt.Errorf("vcard: %s has changed while it was read", w.path)
}

func (w *Writer) write(c *item.Contact, version string, open Opener) (piece, error) {
	if err := w.w.Flush(); err != nil {
		return piece{}, w.fault(err)
	}
	from, err := w.tail.Seek(0, io.SeekCurrent)
	if err != nil {
		return piece{}, w.fault(err)
	}
	if err := encode(w.w, c, version, open); err != nil {
		return piece{}, errors.Join(fmt.Errorf("vcard: cannot write this contact to %s: %w", w.path, err), w.undo(from))
	}
	if err := w.w.Flush(); err != nil {
		return piece{}, w.fault(err)
	}
	to, err := w.tail.Seek(0, io.SeekCurrent)
	if err != nil {
		return piece{}, w.fault(err)
	}
	return piece{from, to}, nil
}

// undo takes back what was written behind from.
func (w *Writer) undo(from int64) error {
	if err := outfile.Undo(w.tail, w.w, from); err != nil {
		return w.fault(err)
	}
	return nil
}

func (w *Writer) fault(err error) error {
	return fmt.Errorf("vcard: cannot write %s: %w", w.path, err)
}

// Commit makes the file hold what was put and merged. If it fails, or we die before its end, the file is as it was; so it
// is if another program changed it since Create, which is refused. Abort is then still to be called.
func (w *Writer) Commit() error {
	if w.existing != nil && len(w.added)+len(w.merged) == 0 {
		return w.Abort()
	}
	whole, err := outfile.Part(w.path)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(whole, 64<<10)
	if err = w.assemble(out); err == nil {
		err = out.Flush()
	}
	if err != nil {
		err = w.fault(err)
	} else {
		err = outfile.Replace(w.path, whole, w.before)
	}
	if err != nil {
		return errors.Join(err, outfile.Remove(whole.Name()), whole.Close())
	}
	return errors.Join(whole.Close(), w.Abort(), outfile.Settle(w.path))
}

// assemble writes the existing file, with merged cards in the places of those they come of, and then the new cards.
func (w *Writer) assemble(out *bufio.Writer) error {
	if w.existing != nil {
		var done int64
		last := byte('\n')
		copied := func(to int64) error {
			if to == done {
				return nil
			}
			if _, err := io.Copy(out, io.NewSectionReader(w.existing.file, done, to-done)); err != nil {
				return err
			}
			var b [1]byte
			_, err := w.existing.file.ReadAt(b[:], to-1)
			last, done = b[0], to
			return err
		}
		line := func() error { // begins one
			if last == '\n' {
				return nil
			}
			_, err := out.WriteString("\r\n")
			return err
		}
		for at, c := range w.cards {
			p, ok := w.merged[at]
			if !ok {
				continue
			}
			if err := copied(c.from); err != nil {
				return err
			}
			if last != mark[len(mark)-1] { // which stays before the card
				if err := line(); err != nil {
					return err
				}
			}
			if err := w.piece(out, p); err != nil {
				return err
			}
			last, done = '\n', c.to
		}
		if err := errors.Join(copied(w.existing.size), line()); err != nil {
			return err
		}
	}
	for _, p := range w.added {
		if err := w.piece(out, p); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) piece(out io.Writer, p piece) error {
	_, err := io.Copy(out, io.NewSectionReader(w.tail, p.from, p.to-p.from))
	return err
}

// Abort forgets what was put. After a Commit that succeeded it does nothing.
func (w *Writer) Abort() error {
	var errs []error
	if w.existing != nil {
		errs = append(errs, w.existing.Close())
		w.existing = nil
	}
	if w.tail != nil {
		if err := outfile.Remove(w.tail.Name()); err != nil {
			errs = append(errs, fmt.Errorf("vcard: cannot remove the half-written file: %w", err))
		}
		errs = append(errs, w.tail.Close())
		w.tail = nil
	}
	if w.lock != nil { // last: the next writer begins here
		errs = append(errs, w.lock.Release())
		w.lock = nil
	}
	return errors.Join(errs...)
}

// Write writes whole cards of version 4.0, for those who have no file to add them to.
func Write(w io.Writer, contacts iter.Seq[*item.Contact], open Opener) error {
	b := bufio.NewWriter(w)
	for c := range contacts {
		if err := encode(b, c, "4.0", open); err != nil {
			return fmt.Errorf("vcard: cannot write a contact: %w", err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("vcard: cannot write the contacts: %w", err)
	}
	return nil
}
