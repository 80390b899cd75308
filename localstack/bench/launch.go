package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// launch is this program's first argument when it is to start another one and tell what that has used.
const launch = "launch"

// used is what a process has taken of the machine.
type used struct {
	CPU  time.Duration `json:"cpu"`  // user and system, all threads
	Peak int64         `json:"peak"` // bytes of memory that were resident at once
}

// launched is the small process between the stack and a phone: launch FILE PROGRAM ARGS... It is there because Linux takes
// the memory of whoever starts a program for that program's own (getrusage(2), ru_maxrss, begins with what the process held
// before it became another), and the stack's is large.
func launched(args []string) int {
	cmd := exec.Command(args[1], args[2:]...) //nolint:gosec // it is bench that calls it, with what is to be measured
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	b, err := json.Marshal(usedBy(cmd.ProcessState))
	if err == nil {
		err = os.WriteFile(args[0], b, 0o600) //nolint:gosec // as above
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

func usedBy(p *os.ProcessState) used {
	peak := p.SysUsage().(*syscall.Rusage).Maxrss
	if runtime.GOOS == "linux" {
		peak <<= 10 // there it is in KiB
	}
	return used{CPU: p.UserTime() + p.SystemTime(), Peak: peak}
}

// measured runs a program by a launcher of its own and answers what it printed and used.
func measured(ctx context.Context, launcher, dir, program string, args ...string) (out []byte, u used, err error) {
	file := filepath.Join(dir, "used.json")
	cmd := exec.CommandContext(ctx, launcher, append([]string{launch, file, program}, args...)...)
	cmd.Stderr = os.Stderr
	if out, err = cmd.Output(); err != nil {
		return out, u, fmt.Errorf("%s %v: %w\n%s", filepath.Base(program), args, err, out)
	}
	b, err := os.ReadFile(file)
	if err == nil {
		err = errors.Join(json.Unmarshal(b, &u), os.Remove(file))
	}
	return out, u, err
}
