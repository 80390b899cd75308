package main_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestNoOrphans: a test process is killed while its stack serves; the stack ends, and leaves what it had open.
func TestNoOrphans(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	printed, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer printed.Close()
	p := newPlace(t)
	parent := exec.Command(self)
	parent.Env, parent.Stdout = append(os.Environ(), killed+"="+bin, "DIR="+p.dir), out
	if err := children.Start(parent); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(printed)
	for line := ""; !strings.Contains(line, serving); {
		if line, err = r.ReadString('\n'); err != nil {
			t.Fatalf("it ends before it serves: %v", err)
		}
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	if _, err := io.Copy(io.Discard, r); err != nil { // it ends when nobody is left who could print
		t.Error(err)
	}
	p.serve(t).stop(t)
}
