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
	"sync"
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
	r := &process{lines: make(chan string, 10_000)}
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
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(r.lines)
		for s := bufio.NewScanner(printed); s.Scan(); {
			r.lines <- s.Text()
		}
	})
	t.Cleanup(func() {
		r.end(syscall.SIGKILL)
		reading.Wait()
	})
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

// rest waits for its end and answers all that was printed.
func (r *process) rest() string {
	for line := range r.lines {
		fmt.Fprintln(&r.said, line)
	}
	return r.said.String()
}

// end ends it by a signal and waits; an ended one stays ended.
func (r *process) end(by syscall.Signal) {
	if r.cmd.ProcessState != nil {
		return
	}
	_ = r.cmd.Process.Signal(by) // it may have ended by itself
	_ = r.cmd.Wait()             // how it ended is in ProcessState
}

// stop ends it as Ctrl-C does.
func (r *process) stop(t *testing.T) {
	t.Helper()
	r.end(syscall.SIGINT)
	if !r.cmd.ProcessState.Success() {
		t.Errorf("it ended with %v:\n%s", r.cmd.ProcessState, r.rest())
	}
}
