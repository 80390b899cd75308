// Package outfile knows how a file is replaced by one writer at a time: the lock, the file that is written beside it, and
// the look at whether somebody else changed it meanwhile. It does not know what is in the file.
package outfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// LockSuffix ends the name of the file that is the lock.
const LockSuffix = ".lock"

const (
	partSuffix = ".part"
	maxLinks   = 40
)

// ErrBusy is the error of Acquire while another writer works on the file.
var ErrBusy = errors.New("another restore is writing it: wait for its end, then try again")

func busy(path string) error {
	return fmt.Errorf("outfile: cannot write %s: %w (if none runs, remove %s)", path, ErrBusy, path+LockSuffix)
}

// Named follows links to the file that they name, which need not exist, so that it and not a link to it is replaced, and
// so that all ways to a file lead to one lock.
func Named(path string) (string, error) {
	for range maxLinks {
		folder, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", fmt.Errorf("outfile: cannot write %s: %w", path, err)
		}
		path = filepath.Join(folder, filepath.Base(path))
		to, err := os.Readlink(path)
		if err != nil {
			return path, nil //nolint:nilerr // it is no link
		}
		if !filepath.IsAbs(to) {
			// Not filepath.Join, which takes .. for the parent by name and not by folder.
			to = folder + string(filepath.Separator) + to
		}
		path = to
	}
	return "", fmt.Errorf("outfile: cannot write %s: a link that leads to itself", path)
}

// moved says what happened to the file since it was read, nil if nothing did. before is nil for a file that was not there.
func moved(path string, before fs.FileInfo) error {
	now, err := os.Stat(path)
	switch {
	case before == nil && errors.Is(err, fs.ErrNotExist):
		return nil
	case before != nil && err == nil && os.SameFile(before, now) && before.Size() == now.Size() && before.ModTime().Equal(now.ModTime()):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("outfile: cannot look at %s before it is replaced: %w", path, err)
	}
	return fmt.Errorf("outfile: %s was changed by another program while it was added to; it stays as that program left it: try again", path)
}

// Sweep removes the half-written files of those who died. Only who holds the lock may do so.
func Sweep(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("outfile: cannot look beside %s: %w", path, err)
	}
	for _, e := range entries {
		middle, ours := strings.CutPrefix(e.Name(), filepath.Base(path)+".")
		middle, half := strings.CutSuffix(middle, partSuffix)
		if !ours || !half || middle == "" || strings.Trim(middle, "0123456789") != "" || !e.Type().IsRegular() {
			continue
		}
		if err := Remove(filepath.Join(filepath.Dir(path), e.Name())); err != nil {
			return fmt.Errorf("outfile: cannot remove the half-written file of a restore that ended early: %w", err)
		}
	}
	return nil
}

// Remove makes sure that there is no such file.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Part makes a file beside the other, which Sweep removes if nobody else does.
func Part(path string) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+partSuffix)
	if err != nil {
		return nil, fmt.Errorf("outfile: cannot write beside %s: %w", path, err)
	}
	return f, nil
}

// Replace puts a part in the place of the file, unless somebody else changed that since it was read; before is what it
// was then, nil if it was not there.
func Replace(path string, part *os.File, before fs.FileInfo) error {
	if err := part.Sync(); err != nil {
		return fmt.Errorf("outfile: cannot write %s: %w", part.Name(), err)
	}
	if err := moved(path, before); err != nil {
		return err
	}
	if err := os.Rename(part.Name(), path); err != nil {
		return fmt.Errorf("outfile: cannot write %s: %w", path, err)
	}
	return nil
}

// Undo takes back what was written behind a place, by way of w.
func Undo(f *os.File, w *bufio.Writer, place int64) error {
	w.Reset(f)
	if err := f.Truncate(place); err != nil {
		return err
	}
	_, err := f.Seek(place, io.SeekStart)
	return err
}

// Settle makes a new name last.
func Settle(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil //nolint:nilerr // some systems cannot open a folder
	}
	return errors.Join(dir.Sync(), dir.Close())
}
