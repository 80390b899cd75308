// Package infile knows whether a file still holds what was read from it first. It does not know what that is, nor how it is
// read.
package infile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
)

// ErrMoved says that a file is not as it was when it was opened: nobody can say what it holds, least of all what not.
var ErrMoved = errors.New("it has changed while it was read")

// Still checks that a file is as it was when it was opened; opened is nil for a part of one. A file that was cut off may
// look whole, and one that was cut off and written again may have its size again.
func Still(file io.ReaderAt, size int64, opened fs.FileInfo) error {
	if size > 0 {
		var b [1]byte
		if n, err := file.ReadAt(b[:], size-1); n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				return ErrMoved
			}
			return err
		}
	}
	f, ok := file.(fs.File)
	if !ok || opened == nil {
		return nil
	}
	now, err := f.Stat()
	if err == nil && (now.Size() != opened.Size() || !now.ModTime().Equal(opened.ModTime())) {
		err = ErrMoved
	}
	return err
}

// Again reads so many bytes of a file once more, of this SHA-256 when they were read first. The last Read fails if they are
// others now; every error begins with what they are, which names no content.
func Again(r io.Reader, size int64, sum [32]byte, what string) io.ReadCloser {
	return &again{r: r, wantSize: size, wantSum: sum, what: what, sum: sha256.New()}
}

type again struct {
	r        io.Reader
	wantSize int64
	wantSum  [32]byte
	what     string
	sum      hash.Hash
	read     int64
}

// Uncompared is for who compares size and SHA-256 himself with what they should be, so that no byte is hashed twice.
func (a *again) Uncompared() io.Reader {
	a.sum = nil
	return a
}

// Close has nothing to let go of: the file is another's.
func (*again) Close() error { return nil }

var errChanged = errors.New("it changed since it was read first")

func (a *again) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	a.read += int64(n)
	if a.sum != nil {
		a.sum.Write(p[:n])
	}
	if a.sum != nil && errors.Is(err, io.EOF) && (a.read != a.wantSize || [32]byte(a.sum.Sum(nil)) != a.wantSum) {
		err = errChanged
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s: %w", a.what, err)
	}
	return n, err
}
