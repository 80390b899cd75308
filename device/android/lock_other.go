//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package android

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// lock is a file beside the target that one writer at a time holds by having made it.
type lock struct{ f *os.File }

func acquire(path string) (*lock, error) {
	f, err := os.OpenFile(path+lockSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, busy(path)
	}
	if err != nil {
		return nil, fmt.Errorf("android: cannot write beside %s: %w", path, err)
	}
	return &lock{f}, nil
}

func (l *lock) release() error { return errors.Join(l.f.Close(), removed(l.f.Name())) }
