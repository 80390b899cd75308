package main_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zapas/localstack/build"
	"zapas/localstack/standin/lambda/child"
)

var (
	bin      string        // where TestMain puts the programs
	children *child.Parent // of all programs that are started
)

func TestMain(m *testing.M) {
	children = child.New()
	if programs := os.Getenv(killed); programs != "" {
		toBeKilled(programs)
		return
	}
	os.Exit(withPrograms(m))
}

// killed tells the test's own program, when it runs again, that it is to start a stack and be killed, and where the
// programs are.
const killed = "KILLED_BESIDE"

func toBeKilled(programs string) {
	cmd := exec.Command(filepath.Join(programs, "localstack"), "-dir", os.Getenv("DIR"), "-api-port", "0", "-aws-port", "0", "-story=false")
	cmd.Dir, cmd.Stdout, cmd.Stderr = "..", os.Stdout, os.Stdout
	if err := children.Start(cmd); err != nil {
		panic(err)
	}
	time.Sleep(time.Hour)
}

func withPrograms(m *testing.M) int {
	dir, err := os.MkdirTemp("", "zapas-localstack-")
	if err == nil {
		defer os.RemoveAll(dir)
		bin = dir
		_, err = build.All(context.Background(), "..", dir, "./localstack")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// process is a running localstack.
type process struct {
	cmd   *exec.Cmd
	lines chan string // of what it prints; closed at its end
	gone  chan struct{}
	said  strings.Builder
}

// place is a data folder and the ports at which it is served.
type place struct{ dir, api, aws string }

func newPlace(t *testing.T) place {
	t.Helper()
	return place{dir: filepath.Join(t.TempDir(), "data"), api: port(t), aws: port(t)}
}

func (p place) url() string { return "http://127.0.0.1:" + p.api }

// port is one that the system gives to nobody else while the test runs: it stays bound here, and is listened at there. Linux
// lets a socket listen where another is bound, if both have SO_REUSEADDR, as Go's listeners do, and the other does not listen.
func port(t *testing.T) string {
	t.Helper()
	syscall.ForkLock.RLock()
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(s)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(s) })
	if err := errors.Join(syscall.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1),
		syscall.Bind(s, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(s)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(at.(*syscall.SockaddrInet4).Port)
}

// start starts localstack there, as make run does.
func (p place) start(t *testing.T, args ...string) *process {
	t.Helper()
	r := &process{lines: make(chan string, 10_000), gone: make(chan struct{})}
	r.cmd = exec.Command(filepath.Join(bin, "localstack"), append([]string{"-dir", p.dir, "-api-port", p.api, "-aws-port", p.aws}, args...)...)
	r.cmd.Dir = ".." // the project's folder
	printed, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.Stderr = r.cmd.Stdout
	if err := children.Start(r.cmd); err != nil {
		t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(printed); s.Scan(); {
			r.lines <- s.Text()
		}
		close(r.lines)
		_ = r.cmd.Wait() // how it ended is in ProcessState
		close(r.gone)
	}()
	t.Cleanup(func() { r.end(syscall.SIGKILL) })
	return r
}

// serve starts it without a story, and waits until it serves.
func (p place) serve(t *testing.T, args ...string) *process {
	t.Helper()
	r := p.start(t, append(args, "-story=false")...)
	r.until(t, serving)
	return r
}

// until waits for a line that has the text, and answers all that was printed before and with it.
func (r *process) until(t *testing.T, text string) string {
	t.Helper()
	for line := range r.lines {
		fmt.Fprintln(&r.said, line)
		if strings.Contains(line, text) {
			return r.said.String()
		}
	}
	t.Fatalf("it ended without having said %q:\n%s", text, r.said.String())
	return ""
}

// unless waits for a line that has the text, but not for longer than until done has something, which stays there.
func (r *process) unless(done chan error, text string) (said string, found bool) {
	lines := r.lines
	for {
		select {
		case line, more := <-lines:
			if !more {
				lines = nil // it has ended, and says nothing more
			}
			fmt.Fprintln(&r.said, line)
			if strings.Contains(line, text) {
				return r.said.String(), true
			}
		case err := <-done:
			done <- err
			return r.said.String(), false
		}
	}
}

// rest waits for its end and answers all that was printed.
func (r *process) rest() string {
	for line := range r.lines {
		fmt.Fprintln(&r.said, line)
	}
	<-r.gone
	return r.said.String()
}

// end ends it by a signal and waits; an ended one stays ended.
func (r *process) end(by syscall.Signal) {
	_ = r.cmd.Process.Signal(by) // it may have ended by itself
	<-r.gone
}

// stop ends it as Ctrl-C does.
func (r *process) stop(t *testing.T) {
	t.Helper()
	r.end(syscall.SIGINT)
	if !r.cmd.ProcessState.Success() {
		t.Errorf("it ended with %v:\n%s", r.cmd.ProcessState, r.rest())
	}
}
