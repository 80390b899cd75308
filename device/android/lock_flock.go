//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package android

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock is a file beside the target that one writer at a time holds. The system lets go of it when we die; the file that
// then stays behind locks nobody out.
type lock struct{ f *os.File }

func acquire(path string) (*lock, error) {
	name := path + lockSuffix
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("android: cannot write beside %s: %w", path, err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, busy(path)
			}
			return nil, fmt.Errorf("android: cannot lock %s: %w", name, err)
		}
		mine, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("android: cannot lock %s: %w", name, err)
		}
		// Who held it before us removed the file: what we have locked may be a file without a name.
		if there, err := os.Stat(name); err == nil && os.SameFile(mine, there) {
			return &lock{f}, nil
		}
		f.Close()
	}
}

func (l *lock) release() error { return errors.Join(removed(l.f.Name()), l.f.Close()) }
