package android

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	lockSuffix = ".lock"
	partSuffix = ".part"
	maxLinks   = 40
)

// ErrBusy is the error of Create while another Writer works on the file.
var ErrBusy = errors.New("another restore is writing it: wait for its end, then try again")

func busy(path string) error {
	return fmt.Errorf("android: cannot write %s: %w (if none runs, remove %s)", path, ErrBusy, path+lockSuffix)
}

// named follows links to the file that they name, which need not exist, so that it and not a link to it is replaced, and
// so that all ways to a file lead to one lock.
func named(path string) (string, error) {
	for range maxLinks {
		folder, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", fmt.Errorf("android: cannot write %s: %w", path, err)
		}
		path = filepath.Join(folder, filepath.Base(path))
		to, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link
		}
		if !filepath.IsAbs(to) {
			// Not filepath.Join, which takes .. for the parent by name and not by folder.
			to = folder + string(filepath.Separator) + to
		}
		path = to
	}
	return "", fmt.Errorf("android: cannot write %s: a link that leads to itself", path)
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
		return fmt.Errorf("android: cannot look at %s before it is replaced: %w", path, err)
	}
	return fmt.Errorf("android: %s was changed by another program while it was added to; it stays as that program left it: try again", path)
}

// sweep removes the half-written files of those who died. Only who holds the lock may do so.
func sweep(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("android: cannot look beside %s: %w", path, err)
	}
	for _, e := range entries {
		middle, ours := strings.CutPrefix(e.Name(), filepath.Base(path)+".")
		middle, half := strings.CutSuffix(middle, partSuffix)
		if !ours || !half || middle == "" || strings.Trim(middle, "0123456789") != "" || !e.Type().IsRegular() {
			continue
		}
		if err := removed(filepath.Join(filepath.Dir(path), e.Name())); err != nil {
			return fmt.Errorf("android: cannot remove the half-written file of a restore that ended early: %w", err)
		}
	}
	return nil
}

// removed makes sure that there is no such file.
func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
