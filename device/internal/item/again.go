package item

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Again reads the bytes of a blob once more. The last Read fails if they are not those that were read before; every error
// begins with what they are, which names no content.
func (b Blob) Again(r io.Reader, what string) io.ReadCloser {
	return &again{r: r, want: b, what: what, sum: sha256.New()}
}

type again struct {
	r    io.Reader
	want Blob
	what string
	sum  hash.Hash
	read int64
}

// Uncompared is for who compares size and SHA-256 himself with what the blob should be, so that no byte is hashed twice.
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
	if a.sum != nil && errors.Is(err, io.EOF) && (a.read != a.want.Size || [32]byte(a.sum.Sum(nil)) != a.want.SHA256) {
		err = errChanged
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s: %w", a.what, err)
	}
	return n, err
}
