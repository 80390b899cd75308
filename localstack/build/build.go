// Package build knows how the house's programs are compiled: the same mains, tags and flags as for a deployment, for this
// machine's processor. It does not know what the programs do.
package build

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Flags are those of every build of the house. What `make run` and `make test` compile with the same flags is compiled
// once.
var Flags = []string{"-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w"}

// Functions are the programs that are deployed, by the folders below functions/.
var Functions = []string{"profiles", "devices", "sessions", "uploads", "restores"}

// Programs are the paths of what was built.
type Programs struct {
	Function map[string]string // a function's name -> its binary
	Phone    string            // zapas-device
}

// Root finds the folder of the house's go.mod, from the working directory upwards.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if b, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(b), "module zapas\n") {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("this is not within the project's folder: change to it and try again")
		}
		dir = up
	}
}

// All compiles every program into dir: <dir>/<function>/bootstrap and <dir>/zapas-device. Progress goes to out.
func All(ctx context.Context, root, dir string, out io.Writer) (Programs, error) {
	p := Programs{Function: map[string]string{}, Phone: filepath.Join(dir, "zapas-device")}
	if err := compile(ctx, root, p.Phone, "./device/cli", out); err != nil {
		return Programs{}, err
	}
	for _, f := range Functions {
		p.Function[f] = filepath.Join(dir, f, "bootstrap")
		if err := compile(ctx, root, p.Function[f], "./functions/"+f, out); err != nil {
			return Programs{}, err
		}
	}
	return p, nil
}

func compile(ctx context.Context, root, to, pkg string, out io.Writer) error {
	args := append([]string{"build", "-v", "-o", to}, Flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("the go command cannot be started: %w; install Go 1.26 and try again", err)
	}
	rest := progress(said, pkg, out)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s does not compile: %w\n%s", pkg, err, rest)
	}
	return nil
}

// progress reads what `go build -v` says: a package a line as each is compiled, which becomes a count now and then, and
// whatever went wrong, which it returns.
func progress(r io.Reader, pkg string, out io.Writer) string {
	var rest strings.Builder
	compiled := 0
	for s := bufio.NewScanner(r); s.Scan(); {
		line := s.Text()
		switch {
		case strings.HasPrefix(line, "go: downloading "):
			fmt.Fprintln(out, "  "+line)
		case strings.ContainsAny(line, " \t:#"):
			rest.WriteString(line + "\n")
		default:
			if compiled++; compiled%50 == 0 {
				fmt.Fprintf(out, "  %s: %d packages compiled\n", pkg, compiled)
			}
		}
	}
	return rest.String()
}
