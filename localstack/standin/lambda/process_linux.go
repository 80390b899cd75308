package lambda

import "syscall"

// attributes make a child die with the thread that started it, and keep the terminal's Ctrl-C from it: the parent
// ends its children itself, after its own work.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
