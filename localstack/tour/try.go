package tour

import (
	_ "embed" // the commands are a file of their own
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

//go:embed try.sh
var commands string

// Place is where the commands to try are typed, and what they name.
type Place struct {
	Root   string // the project's folder, where they are typed
	Data   string // the data folder
	Device string // zapas-device
	API    string
}

// Try prints commands to paste into another terminal, in their order.
func Try(out io.Writer, p Place) error {
	p.Data, p.Device = within(p.Root, p.Data), within(p.Root, p.Device)
	t, err := template.New("try.sh").Funcs(template.FuncMap{"sh": quoted}).Parse(commands)
	if err != nil {
		return err
	}
	return t.Execute(out, p)
}

// within shortens a path that lies below the project's folder.
func within(root, path string) string {
	if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// quoted is a word of the shell.
func quoted(word string) string {
	if regexp.MustCompile(`^[A-Za-z0-9_./:@%+=-]+$`).MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
