//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package outfile

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Lock is a file beside the target that one writer at a time holds. The system lets go of it when we die; the file that
// then stays behind locks nobody out.
type Lock struct{ f *os.File }

// Acquire takes the lock of a file that Named has named.
func Acquire(path string) (*Lock, error) {
	name := path + LockSuffix
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("outfile: cannot write beside %s: %w", path, err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, busy(path)
			}
			return nil, fmt.Errorf("outfile: cannot lock %s: %w", name, err)
		}
		mine, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("outfile: cannot lock %s: %w", name, err)
		}
		// Who held it before us removed the file: what we have locked may be a file without a name.
		if there, err := os.Stat(name); err == nil && os.SameFile(mine, there) {
			return &Lock{f}, nil
		}
		f.Close()
	}
}

// Release lets the next writer begin.
func (l *Lock) Release() error { return errors.Join(Remove(l.f.Name()), l.f.Close()) }
