// Package state knows what a device keeps between its runs and how it survives being killed at any moment: who it is, what
// its last snapshot holds, and the sealed chunks of a session that is not finished. It does not know what is in a chunk,
// nor how anything is sent.
//
// All but the identity is a cache: lost, it is read again from the last backup.
package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"zapas/device/internal/paged"
)

const (
	scratchPrefix = "scratch-" // of what Scratch makes
	newSuffix     = ".new"     // of a file that is not in its place yet
)

// Dir is an open state directory. One process has it at a time.
type Dir struct {
	// Before is asked before each step that changes the disk, and stops it with an error; nil allows all. Tests use it to
	// die on every line.
	Before func(step string) error

	path string
	lock *os.File
	open []*os.File // what LetGo closes
	mu   sync.Mutex // of Before: chunks are sealed and sent at the same time
}

var errBusy = errors.New("this phone is at work already, in another process")

// Open makes the directory if there is none, and locks it.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, unwritten("make the state directory", err)
	}
	f, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unwritten("open the state directory", err)
	}
	if err := lock(f); err != nil {
		f.Close()
		if errors.Is(err, errBusy) {
			return nil, fmt.Errorf("%w: %s is its state directory; wait for it, or end it, then try again", errBusy, path)
		}
		return nil, unwritten("lock the state directory", err)
	}
	d := &Dir{path: path, lock: f}
	d.tidy()
	return d, nil
}

// tidy removes what a run that was killed has begun to write and nobody goes on with. What cannot be removed is in nobody's way.
func (d *Dir) tidy() {
	files, _ := os.ReadDir(d.path)
	for _, f := range files {
		if strings.HasPrefix(f.Name(), scratchPrefix) || strings.HasSuffix(f.Name(), newSuffix) {
			_ = os.Remove(d.Path(f.Name()))
		}
	}
}

// Close lets the next run in.
func (d *Dir) Close() error {
	d.LetGo()
	return errors.Join(unlock(d.lock), d.lock.Close())
}

// Scratch makes a file for what a run has no memory for. It is nobody's as soon as it is open, so that a run that is killed
// leaves nothing.
func (d *Dir) Scratch() (paged.File, error) {
	if err := d.may("make room"); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(d.path, scratchPrefix+"*")
	if err != nil {
		return nil, unwritten("make room for what is compared", err)
	}
	_ = os.Remove(f.Name()) // where an open file cannot be removed, LetGo does it
	d.open = append(d.open, f)
	return f, nil
}

// LetGo ends the use of what Scratch has made and of the items of every Cache: a run is over.
func (d *Dir) LetGo() {
	for len(d.open) > 0 {
		d.end(d.open[0])
	}
}

// end ends the use of a file.
func (d *Dir) end(f *os.File) {
	_ = f.Close() // nothing in it is needed any more
	if strings.HasPrefix(filepath.Base(f.Name()), scratchPrefix) {
		_ = os.Remove(f.Name())
	}
	d.open = slices.DeleteFunc(d.open, func(open *os.File) bool { return open == f })
}

// Path names a file of the directory.
func (d *Dir) Path(names ...string) string {
	return filepath.Join(append([]string{d.path}, names...)...)
}

// unwritten says what could not be written, and what to do.
func unwritten(what string, err error) error {
	return fmt.Errorf("%s: %w; free some space or make the folder writable, then run it again", what, err)
}

func (d *Dir) may(step string) error {
	if d.Before == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Before(step)
}

// put replaces a file whole: after a crash it is the old one or the new one.
func (d *Dir) put(data []byte, names ...string) error {
	return d.stream(func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}, names...)
}

// stream is put for what is better not in memory at once.
func (d *Dir) stream(content func(w io.Writer) error, names ...string) error {
	path := d.Path(names...)
	temp := path + newSuffix
	died := d.may("write " + filepath.Base(path))
	if err := writeSynced(temp, content); err != nil {
		return errors.Join(died, unwritten("write "+path, err))
	}
	if died != nil {
		if info, err := os.Stat(temp); err == nil {
			_ = os.Truncate(temp, info.Size()/2) // what a crash would leave
		}
		return died
	}
	return d.rename(temp, path)
}

func (d *Dir) rename(from, to string) error {
	if err := d.may("rename to " + filepath.Base(to)); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return unwritten("put "+to+" in its place", err)
	}
	return syncDir(filepath.Dir(to))
}

func writeSynced(path string, content func(w io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = content(f)
	if serr := f.Sync(); err == nil {
		err = serr
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// syncDir makes renames last. Not every file system can: then its own order has to do.
func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}

// removeAll empties and removes a folder of the directory.
func (d *Dir) removeAll(name string) error {
	if err := d.may("remove " + name); err != nil {
		return err
	}
	if err := os.RemoveAll(d.Path(name)); err != nil {
		return unwritten("remove what is not needed any more", err)
	}
	return nil
}
