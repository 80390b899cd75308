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
	return io.NopCloser(&again{r: r, want: b, what: what, sum: sha256.New()})
}

type again struct {
	r    io.Reader
	want Blob
	what string
	sum  hash.Hash
	read int64
}

var errChanged = errors.New("it changed since it was read first")

func (a *again) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	a.sum.Write(p[:n])
	a.read += int64(n)
	if errors.Is(err, io.EOF) && (a.read != a.want.Size || [32]byte(a.sum.Sum(nil)) != a.want.SHA256) {
		err = errChanged
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s: %w", a.what, err)
	}
	return n, err
}
