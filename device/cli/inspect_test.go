package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zapas/device/internal/seal"
)

// sealed writes a chunk with two record blocks, an attachment and an index, and returns its bytes.
func sealed(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := seal.NewWriter(&out, seal.SessionKey{1}, 7, rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	photo := []byte("a photo")
	b, err := seal.NewBlob(bytes.NewReader(photo), int64(len(photo)), sha256.Sum256(photo))
	if err != nil {
		t.Fatal(err)
	}
	for kind := range byte(2) {
		if _, err := w.Record(kind+1, []byte("a record")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Blob(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Index([]byte("an index")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func inspectFile(t *testing.T, data []byte, args ...string) (code int, out, errs string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "object")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var o, e bytes.Buffer
	code = run(t.Context(), append(args, "inspect", path), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

func TestInspect(t *testing.T) {
	t.Parallel()
	chunk := sealed(t)
	code, out, errs := inspectFile(t, chunk)
	sum := sha256.Sum256(chunk)
	for _, want := range []string{"A sealed object of 1,534 bytes\n", "version 0, suite 1", hex.EncodeToString(sum[:]), "version 7\n", hex.EncodeToString(chunk[10:42]),
		hex.EncodeToString(chunk[42:74]), "2 blocks in the first 628 bytes\n", "block 0: 272 bytes sealed, at offset 79\n", "block 1: 272 bytes sealed, at offset 356\n",
		"1 block, 272 bytes sealed, from offset 628", "block 3: 272 bytes sealed, at offset 978\n", "block 4: 272 bytes sealed, at offset 1,250\n", "which no phone keeps"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if code != exitOK || errs != "" {
		t.Errorf("exit %d: %s", code, errs)
	}
	var is inspected
	code, out, _ = inspectFile(t, chunk, "--json")
	if err := json.Unmarshal([]byte(out), &is); err != nil || code != exitOK || is.Size != int64(len(chunk)) || len(is.RecordBlocks) != 2 || is.Index == nil || is.Index.Offset != 978 {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
}

func TestPage_InspectedLong(t *testing.T) {
	t.Parallel()
	got := pageOf(t, func(p *page) { p.inspected(inspected{RecordBlocks: make([]block, 300)}) })
	if strings.Count(got, "block 0:") != mostBlocks+1 || !strings.Contains(got, "and 292 more, which --json lists") || !strings.Contains(got, "not the last object") {
		t.Errorf("got\n%s", got)
	}
}

func TestInspect_SaysWhere(t *testing.T) {
	t.Parallel()
	chunk := sealed(t)
	edit := func(at int, v byte) []byte {
		b := bytes.Clone(chunk)
		b[at] = v
		return b
	}
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"Foreign":    {[]byte(strings.Repeat("<smses/>", 50)), "header at offset 0: this is not a chunk"},
		"Empty":      {nil, "a chunk of 0 bytes is not possible"},
		"Later":      {edit(4, 9), "header at offset 4: unknown format version 9: this app is too old; update it"},
		"CutOff":     {chunk[:1000], "footer at offset 988: the chunk does not end here"},
		"BlockKind":  {edit(351, 9), "record block (block 1 at offset 351): a block of kind 9 does not belong here"},
		"IndexMoved": {edit(900, 0), "blob blocks at offset 628: 2 of them cannot have"},
	} {
		if code, out, errs := inspectFile(t, tt.data); code != exitFailed || out != "" || !strings.Contains(errs, tt.want) || !strings.Contains(errs, "cannot be a whole sealed object") {
			t.Errorf("%s: exit %d: %s%s, want %q", name, code, out, errs, tt.want)
		}
	}
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"inspect", t.TempDir()}, strings.NewReader(""), io.Discard, &errs); code != exitFailed || !strings.Contains(errs.String(), "is no file") {
		t.Errorf("a folder: exit %d: %s", code, errs.String())
	}
}
