package main_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"zapas/localstack/build"
)

// bin is where TestMain puts the programs.
var bin string

func TestMain(m *testing.M) { os.Exit(withPrograms(m)) }

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

// ports that were handed out; they lie below those that systems give to whoever asks for any.
var ports atomic.Int64

func port(t *testing.T) string {
	t.Helper()
	for range 1000 {
		n := 10_000 + (int64(os.Getpid())*97+ports.Add(1))%20_000
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", n)); err == nil {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return strconv.FormatInt(n, 10)
		}
	}
	t.Fatal("no port is free")
	return ""
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
	if err := r.cmd.Start(); err != nil {
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
