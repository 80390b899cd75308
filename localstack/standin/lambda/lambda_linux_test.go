package lambda_test

import (
	"io"
	"os"
	"os/exec"
	"testing"
)

// TestChildren_DieWithTheirParent kills a process that has a busy function, and nothing else.
func TestChildren_DieWithTheirParent(t *testing.T) {
	t.Parallel()
	place := meet(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(self)
	parent.Env = []string{"MEET=" + place.Addr().String(), "BINARY=" + binary}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	conn := place.next(t) // the function runs
	defer conn.Close()
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	parent.Wait()
	io.Copy(io.Discard, conn) // ends when the function has
}
