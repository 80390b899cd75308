package item

import (
	"errors"
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
