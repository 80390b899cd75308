// Package readertest knows how tests ask the second reader of the formats, which is written in JavaScript from the pages
// FORMAT.md, what it makes of vectors. It does not know what they should be, nor any format itself.
package readertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Told is what the reader says of one vector: what it has read, or why it has refused it.
type Told struct {
	Name    string          `json:"name"`
	Got     json.RawMessage `json:"got"`
	Refused string          `json:"refused"`
}

// Read runs the reader on files of vectors, which are chunks, indexes or items, and gives its answers by name.
func Read(t *testing.T, what string, files ...string) map[string]Told {
	t.Helper()
	main := filepath.Join("..", "readertest", "reader", "main.mjs") // the packages with vectors are its neighbours
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "node", append([]string{main, what}, files...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); errors.Is(err, exec.ErrNotFound) {
		t.Fatal("node is missing: the second reader of the formats runs on it; install Node 20 or later, then try again")
	} else if err != nil {
		t.Fatalf("node %s %s: %v\n%s", main, what, err, errs.Bytes())
	}
	all := map[string]Told{}
	for d := json.NewDecoder(&out); d.More(); {
		var told Told
		if err := d.Decode(&told); err != nil {
			t.Fatal(err)
		}
		if _, twice := all[told.Name]; twice || (told.Got == nil) == (told.Refused == "") {
			t.Fatalf("the reader told of %s twice, or nothing of it", told.Name)
		}
		all[told.Name] = told
	}
	return all
}

// Reasons compares why the reader has refused invalid vectors, by their names, with what a file says, or writes that file anew.
func Reasons(t *testing.T, file string, got map[string]string, update bool) {
	t.Helper()
	if update {
		b, err := json.MarshalIndent(got, "", " ")
		if err == nil {
			err = os.WriteFile(file, append(b, '\n'), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{}
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the second reader refuses for other reasons than %s says: %s", file, diff)
	}
}

// ReadAll gives the reader vectors that are in no file, by their names.
func ReadAll(t *testing.T, what string, vectors any) map[string]Told {
	t.Helper()
	file := filepath.Join(t.TempDir(), "vectors.json")
	b, err := json.Marshal(vectors)
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return Read(t, what, file)
}
