package markup

import (
	"bytes"
	"io"
)

// input is the file's bytes with their place. It is not a bufio.Reader, since there is no buffer between the file and a window.
type input struct {
	r       io.Reader
	room    []byte
	lo, hi  int   // of room: what was read and is not passed over yet
	counted int   // of room: up to where line ends are in line
	before  int64 // how much of the file lies before room
	line    int64
	err     error // of r, behind what was read
	mended  Mended
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
	return &input{r: r, room: make([]byte, bufferSize), line: 1}
}

// window gives the bytes at hand, at least n unless the file ends before, and at least one unless
// there is an error. They are there until the next window.
func (in *input) window(n int) ([]byte, error) {
	if in.hi-in.lo >= n {
		return in.room[in.lo:in.hi], nil
	}
	return in.read(n)
}

// read makes a window of at least n bytes, as far as there are so many. Empty reads are allowed, but not without end (io.Reader).
func (in *input) read(n int) ([]byte, error) {
	in.count()
	copy(in.room, in.room[in.lo:in.hi])
	in.before += int64(in.lo)
	in.lo, in.hi, in.counted = 0, in.hi-in.lo, 0
	for empty := 0; in.hi < n && in.err == nil; {
		var got int
		got, in.err = in.r.Read(in.room[in.hi:])
		in.hi += got
		if empty++; got > 0 {
			empty = 0
		} else if empty == 100 && in.err == nil {
			in.err = io.ErrNoProgress
		}
	}
	if in.hi == 0 {
		return nil, in.err
	}
	return in.room[:in.hi], nil
}

// skip passes over n bytes of the window.
func (in *input) skip(n int) { in.lo += n }

// count counts the lines that were passed over.
func (in *input) count() {
	in.line += int64(bytes.Count(in.room[in.counted:in.lo], []byte{'\n'}))
	in.counted = in.lo
}

func (in *input) offset() int64 { return in.before + int64(in.lo) }

func (in *input) place() Place {
	in.count()
	return Place{in.offset(), in.line}
}

// jump goes on at another place, from which r gives the file if it is not at hand.
func (in *input) jump(r io.Reader, to Place) {
	if by := to.Offset - in.offset(); by >= 0 && by < int64(in.hi-in.lo) {
		in.lo += int(by)
	} else {
		in.r, in.err = r, nil
		in.lo, in.hi, in.before = 0, 0, to.Offset
	}
	in.counted, in.line = in.lo, to.Line
}

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
	b, _ := in.window(len(s))
	return len(b) >= len(s) && string(b[:len(s)]) == s
}

// blank passes over white space. An error says that nothing is behind it.
func (in *input) blank() error {
	for {
		b, err := in.window(1)
		if err != nil {
			return err
		}
		n := 0
		for n < len(b) && isWhite(b[n]) {
			n++
		}
		in.skip(n)
		if n < len(b) {
			return nil
		}
	}
}

func isWhite(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }
