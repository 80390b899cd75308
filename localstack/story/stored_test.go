package story

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"zapas/localstack/stack"
)

// TestStoredFindsWhatIsReadable: what anybody can take off is no seal.
func TestStoredFindsWhatIsReadable(t *testing.T) {
	t.Parallel()
	const text = "Świętosława, at eight"
	packed := func(data []byte) []byte {
		w, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		return w.EncodeAll(data, nil)
	}
	zipped := func(data []byte) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	wrapped := func(data []byte) []byte { return []byte(`{"B":"` + base64.StdEncoding.EncodeToString(data) + `"}`) }
	for name, c := range map[string]struct {
		data []byte
		want bool
	}{
		"Plain":          {[]byte("xx" + text + "xx"), true},
		"Hex":            {[]byte(hex.EncodeToString([]byte(text))), true},
		"EscapedJSON":    {[]byte(`{"S":"\u015awi\u0119tos\u0142awa, at eight"}`), true},
		"Base64":         {wrapped([]byte(text)), true},
		"Zstd":           {append([]byte{0, 1}, packed([]byte(text))...), true},
		"Gzip":           {zipped([]byte(text)), true},
		"ZstdInBase64":   {wrapped(packed([]byte(text))), true},
		"GzipZstdBase64": {zipped(wrapped(packed([]byte(text)))), true},
		"Other":          {wrapped(packed([]byte("Świętosława, at nine"))), false},
		"BrokenZstd":     {[]byte("\x28\xb5\x2f\xfd nothing"), false},
		"Empty":          {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			here := Teller{Stack: &stack.Stack{Dir: dir}, Data: dir}
			file := filepath.Join(dir, "aws", "file")
			for path, data := range map[string][]byte{file: c.data, filepath.Join(dir, "phones", "a"): []byte(text), filepath.Join(dir, "exports", "b"): []byte(text), filepath.Join(dir, "work", "c"): []byte(text)} {
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			found, err := here.holding(text)
			if err != nil || (found == file) != c.want || !c.want && found != "" {
				t.Errorf("found in %q, %v; want %v", found, err, c.want)
			}
		})
	}
}
