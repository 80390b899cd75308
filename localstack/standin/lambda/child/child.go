// Package child knows how a program is started that does not outlive the one that started it, however that one ends. It
// does not know what the programs do.
package child

import (
	"os/exec"
	"runtime"
)

// Parent starts programs. Its methods may be called at the same time.
type Parent struct {
	starts chan func()
}

// New makes one, with a thread of its own: Linux delivers the parent's death signal when the thread that started the child
// ends, not the process.
func New() *Parent {
	p := &Parent{make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this
		for start := range p.starts {
			start()
		}
	}()
	return p
}

// Start starts a program, as the command's Start does. On Linux it is killed when this process ends; elsewhere it has to
// find out by itself. The terminal's Ctrl-C is kept from it: who starts it ends it, after his own work.
func (p *Parent) Start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = attributes()
	started := make(chan error)
	p.starts <- func() { started <- cmd.Start() }
	return <-started
}

// Close lets the thread go, when what it started has ended: what has not may be killed. Nothing can be started any more.
func (p *Parent) Close() { close(p.starts) }
