package child_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"zapas/localstack/standin/lambda/child"
)

// role tells the test's own program what it is when it runs again: a parent, or its child.
const role = "ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "parent":
		if err := child.New().Start(again("child", os.Stdout)); err != nil {
			panic(err)
		}
	case "child":
		_, _ = os.Stdout.WriteString("up\n") // who reads it misses it
	}
	time.Sleep(time.Hour) // until it is killed
}

func again(as string, out *os.File) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.Stdout, cmd.Stderr = []string{role + "=" + as}, out, os.Stderr
	return cmd
}

// TestStart/ParentKilled: it is killed, and nothing else; its child ends.
func TestStart(t *testing.T) {
	t.Parallel()
	t.Run("ParentKilled", func(t *testing.T) {
		t.Parallel()
		printed, out, err := os.Pipe() // it ends when nobody is left who could print
		if err != nil {
			t.Fatal(err)
		}
		defer printed.Close()
		parent := again("parent", out)
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(printed).ReadString('\n')
		if line != "up\n" {
			t.Errorf("it says %q, %v", line, err)
		}
		if err := parent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = parent.Wait()
		if _, err := io.Copy(io.Discard, printed); err != nil {
			t.Error(err)
		}
	})
	t.Run("NoProgram", func(t *testing.T) {
		t.Parallel()
		parent := child.New()
		defer parent.Close()
		if err := parent.Start(exec.Command(t.TempDir())); err == nil {
			t.Error("a folder is started")
		}
	})
}
