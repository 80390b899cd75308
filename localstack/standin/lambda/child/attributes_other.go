//go:build !linux

package child

import "syscall"

// attributes has no parent's death signal to ask for here. A function whose parent died ends when it asks for its next
// event and finds no Runtime API.
func attributes() *syscall.SysProcAttr { return nil }
