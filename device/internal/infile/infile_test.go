package infile_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"zapas/device/internal/infile"
)

func TestAgain(t *testing.T) {
	t.Parallel()
	was := []byte("a photo")
	again := func(now io.Reader) io.ReadCloser {
		return infile.Again(now, int64(len(was)), sha256.Sum256(was), "what")
	}
	for name, tt := range map[string]struct {
		now io.Reader
		bad string
	}{
		"Same":      {iotest.OneByteReader(bytes.NewReader(was)), ""},
		"EndAtOnce": {iotest.DataErrReader(bytes.NewReader(was)), ""},
		"Changed":   {strings.NewReader("A photo"), "what: it changed"},
		"Shorter":   {strings.NewReader("a phot"), "what: it changed"},
		"Longer":    {strings.NewReader("a photo!"), "what: it changed"},
		"Fails":     {io.MultiReader(bytes.NewReader(was), iotest.ErrReader(io.ErrUnexpectedEOF)), "what: unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := again(tt.now)
			got, err := io.ReadAll(r)
			switch {
			case tt.bad == "" && (err != nil || !bytes.Equal(got, was)):
				t.Errorf("%q, %v", got, err)
			case tt.bad != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.bad)):
				t.Errorf("the error is %v, want %s…", err, tt.bad)
			}
			if u, ok := again(tt.now).(interface{ Uncompared() io.Reader }); !ok {
				t.Error("it can only be read by comparing")
			} else if _, err := io.ReadAll(u.Uncompared()); name != "Fails" && err != nil {
				t.Errorf("who compares himself is told %v", err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
