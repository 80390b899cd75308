//go:build unix

package state

import (
	"os"
	"syscall"
)

// lock ends with the process, however that ends.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
