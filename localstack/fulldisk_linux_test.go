package main_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// freeSpace lets a process write to files again.
func (r *process) freeSpace(t *testing.T) {
	t.Helper()
	const unlimited = ^uint64(0)
	limit := syscall.Rlimit{Cur: unlimited, Max: unlimited}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(r.cmd.Process.Pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		t.Fatalf("the limit of the size of files cannot be raised: %v", errno)
	}
}

// TestFullDisk: the disk is full from a call of AWS on that comes somewhere within a backup or a restore. Who wants to
// write is answered 5xx, who reads is served, the terminal names the folder and what helps; when there is space again the
// phone carries on, and everything that was acknowledged is there.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for during, every := range map[string]int{"backup": 4, "restore": 8} {
		t.Run(during, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			h := filled(t, p)
			backups := 2
			for n, befell := 1, true; befell; n += every {
				running := p.serve(t)
				args := []string{"old", "backup", "--from"}
				id := ""
				if during == "backup" {
					args = append(args, h.write(t))
					backups++
				} else {
					id = h.send(t)
					args = []string{"new", "restore", id, "--to", h.target()}
				}
				running.stop(t)
				running = p.serve(t, fmt.Sprintf("-befalls=%d:full", n))
				done := make(chan error, 1)
				go func() { _, err := h.run(args[0], args[1:]...); done <- err }()
				var said string
				if said, befell = running.unless(done, "is full and nothing was stored"); befell &&
					(!strings.Contains(said, filepath.Join(p.dir, "aws")) || !strings.Contains(said, "free space there")) {
					t.Errorf("it does not name the folder and what helps:\n%s", said)
				}
				switch {
				case n == 1:
					h.refusedWhileFull(t)
				case !befell && n < 16:
					t.Errorf("there was nothing to write after call %d", n)
				}
				running.freeSpace(t)
				if err := <-done; err != nil {
					t.Fatalf("full at call %d: %v", n, err)
				}
				if got, _ := h.snapshots(t); got != backups {
					t.Fatalf("full at call %d: %d backups were made, and %d are there", n, backups, got)
				}
				if id != "" {
					h.restored(t, id)
				}
				running.stop(t)
			}
			running := p.serve(t)
			h.whole(t, backups)
			running.stop(t)
		})
	}
}

// refusedWhileFull: a write is answered 503, as a problem; a read goes on.
func (h *home) refusedWhileFull(t *testing.T) {
	t.Helper()
	status, answer, err := h.ada.once("POST", "/v1/profiles", "full", strings.Replace(everything, "Every night", "Too much", 1))
	if err != nil || status != 503 || !strings.Contains(string(answer), `"code":"unavailable"`) {
		t.Errorf("a write on a full disk is answered %d %s, %v", status, answer, err)
	}
	if list := h.ada.ask(t, "GET", "/v1/profiles", "", ""); strings.Contains(string(list), "Too much") {
		t.Errorf("what was refused is there: %s", list)
	}
}

// TestStartOnAFullDisk: nothing is served, and the folder and what helps are named.
func TestStartOnAFullDisk(t *testing.T) {
	t.Parallel()
	for _, story := range []string{"true", "false"} {
		p := newPlace(t)
		cmd := exec.Command("bash", "-c", `ulimit -f 0; exec "$@"`, "-", filepath.Join(bin, "localstack"), "-dir", p.dir, "-api-port", p.api, "-aws-port", p.aws, "-story="+story)
		cmd.Dir = ".."
		said, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(said), p.dir) || !strings.Contains(string(said), "free space there") {
			t.Errorf("with -story=%s it ends with %v and says: %s", story, err, said)
		}
	}
}
