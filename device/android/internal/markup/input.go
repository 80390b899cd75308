package markup

import (
	"bufio"
	"bytes"
	"io"
)

// input is the file's bytes with their place.
type input struct {
	r      *bufio.Reader
	offset int64
	line   int64
	mended Mended
}

// Place is a spot in the file.
type Place struct {
	Offset int64 // from 0
	Line   int64 // from 1
}

// Mended is what of a file's characters was put right.
type Mended struct {
	Joined   int     // characters written as a pair of surrogates, joined
	Kept     int     // characters that XML forbids, kept
	Replaced int     // halves of pairs and broken bytes, replaced by U+FFFD
	Places   []Place // where the first of Kept and Replaced are
}

const maxPlaces = 10

const bufferSize = 64 << 10

const white = " \t\r\n"

func newInput(r io.Reader) *input {
	return &input{r: bufio.NewReaderSize(r, bufferSize), line: 1}
}

// window gives the bytes at hand, at least n unless the file ends before, and at least one unless
// there is an error.
func (in *input) window(n int) ([]byte, error) {
	b, err := in.r.Peek(max(n, 1))
	if len(b) == 0 {
		return nil, err
	}
	return in.r.Peek(in.r.Buffered())
}

// skip passes over n bytes of the window.
func (in *input) skip(n int) {
	b, _ := in.r.Peek(n)
	in.line += int64(bytes.Count(b, []byte{'\n'}))
	in.offset += int64(n)
	_, _ = in.r.Discard(n) // of what has been peeked at
}

func (in *input) place() Place { return Place{in.offset, in.line} }

func (in *input) note(count *int) {
	*count++
	if len(in.mended.Places) < maxPlaces {
		in.mended.Places = append(in.mended.Places, in.place())
	}
}

// until passes over all bytes up to and including the mark.
func (in *input) until(mark string) error {
	for {
		b, err := in.window(len(mark))
		if err != nil {
			return err
		}
		if len(b) < len(mark) {
			in.skip(len(b))
			return io.EOF
		}
		if i := bytes.Index(b, []byte(mark)); i >= 0 {
			in.skip(i + len(mark))
			return nil
		}
		in.skip(len(b) - len(mark) + 1)
	}
}

// starts says whether the next bytes are s.
func (in *input) starts(s string) bool {
	b, _ := in.r.Peek(len(s))
	return string(b) == s
}

func (in *input) blank() error {
	for {
		b, err := in.window(1)
		if err != nil {
			return err
		}
		n := len(b) - len(bytes.TrimLeft(b, white))
		in.skip(n)
		if n < len(b) {
			return nil
		}
	}
}
