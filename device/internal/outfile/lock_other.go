//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package outfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Lock is a file beside the target that one writer at a time holds by having made it.
type Lock struct{ f *os.File }

// Acquire takes the lock of a file that Named has named.
func Acquire(path string) (*Lock, error) {
	f, err := os.OpenFile(path+LockSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, busy(path)
	}
	if err != nil {
		return nil, fmt.Errorf("outfile: cannot write beside %s: %w", path, err)
	}
	return &Lock{f}, nil
}

// Release lets the next writer begin.
func (l *Lock) Release() error { return errors.Join(l.f.Close(), Remove(l.f.Name())) }
