package story

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
)

const (
	wrappings = 3       // how deep a text is looked for within what wraps it
	unpacked  = 1 << 28 // bytes of one compressed run that are looked at
)

// stored looks for a text in everything that the stack keeps on the disk.
func (t Teller) stored(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, len(args) > 0, "stored TEXT...")
	for _, text := range args {
		file, err := of(ts).teller.holding(text)
		t.check(ts, "stored", err)
		switch {
		case neg && file != "":
			ts.Fatalf("%q is stored, readable, in %s", text, file)
		case !neg && file == "":
			ts.Fatalf("%q is not stored anywhere in %s", text, t.Stack.Dir)
		}
	}
}

// holding is the first file in which the text can be read, or none. What is not the stack's is passed over: the phones'
// own files, the stories' and the programs.
func (t Teller) holding(text string) (file string, err error) {
	dir, err := t.Stack.Kept()
	if err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	forms := formsOf(text)
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed since it was listed
			return nil
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"phones", "exports", "work", "bin"}, path):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		data, err := root.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && readable(data, forms, wrappings) {
			file = filepath.Join(dir, path)
			return fs.SkipAll
		}
		return err
	})
	return file, err
}

// formsOf is a text as it may be written down without anybody having sealed it.
func formsOf(text string) (forms [][]byte) {
	forms = append(forms, []byte(text), []byte(hex.EncodeToString([]byte(text))))
	var wide []byte
	var escaped strings.Builder
	for _, u := range utf16.Encode([]rune(text)) {
		wide = append(wide, byte(u), byte(u>>8))
		if u < 0x80 {
			escaped.WriteByte(byte(u))
		} else {
			fmt.Fprintf(&escaped, `\u%04x`, u)
		}
	}
	return append(forms, wide, []byte(escaped.String()))
}

// readable reports whether one of the forms lies in the data, or within what base64, zstd or gzip wraps in it.
func readable(data []byte, forms [][]byte, depth int) bool {
	for _, f := range forms {
		if bytes.Contains(data, f) {
			return true
		}
	}
	if depth == 0 {
		return false
	}
	for _, run := range regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}`).FindAll(data, -1) {
		plain := strings.NewReplacer("-", "+", "_", "/").Replace(string(run))
		if inner, err := base64.RawStdEncoding.DecodeString(plain[:len(plain)/4*4]); err == nil && readable(inner, forms, depth-1) {
			return true
		}
	}
	for magic, open := range map[string]func(io.Reader) (io.Reader, error){
		"\x28\xb5\x2f\xfd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
		"\x1f\x8b\x08":     func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	} {
		for rest := data; ; {
			at := bytes.Index(rest, []byte(magic))
			if at < 0 {
				break
			}
			rest = rest[at:]
			if inner := unpack(rest, open); len(inner) > 0 && readable(inner, forms, depth-1) {
				return true
			}
			rest = rest[len(magic):]
		}
	}
	return false
}

// unpack reads as much as there is of a compressed run; what follows it is no error.
func unpack(data []byte, open func(io.Reader) (io.Reader, error)) []byte {
	r, err := open(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	out, _ := io.ReadAll(io.LimitReader(r, unpacked)) // an error ends the run
	return out
}
