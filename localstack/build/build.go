// Package build knows how the house's programs are compiled: the same mains, tags and flags as for a deployment, for this
// machine's processor, all in one go. It does not know what the programs do.
package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Flags are those of every build of the house. What `make run` and `make test` compile with the same flags is compiled
// once.
var Flags = []string{"-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w"}

// Functions are the programs that are deployed, by the folders below functions/.
var Functions = []string{"profiles", "devices", "sessions", "uploads", "restores", "triggers"}

// Programs are the paths of what was built.
type Programs struct {
	Function map[string]string // a function's name -> its binary
	Phone    string            // zapas-device
}

// In names the programs in a folder into which they were built.
func In(dir string) Programs {
	p := Programs{Function: map[string]string{}, Phone: filepath.Join(dir, "cli")}
	for _, f := range Functions {
		p.Function[f] = filepath.Join(dir, f)
	}
	return p
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

// All compiles the functions, the phone and what else is named (as ./localstack) into dir.
func All(ctx context.Context, root, dir string, more ...string) (Programs, error) {
	args := append([]string{"build", "-o", dir + string(filepath.Separator)}, Flags...)
	args = append(append(args, "./device/cli"), more...)
	for _, f := range Functions {
		args = append(args, "./functions/"+f)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return Programs{}, fmt.Errorf("the programs do not compile: %w\n%s", err, out)
	}
	return In(dir), nil
}
