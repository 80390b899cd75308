package markup

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Value reads the characters of one attribute value, up to and including its closing quote. It is
// ours rather than encoding/xml's because the format's files are not XML where it matters: they write
// a character beyond U+FFFF as references to its two surrogates, which encoding/xml silently turns
// into U+FFFD twice, and forbidden characters as references, at which it gives up the file.
type Value struct {
	in    *input
	quote byte
	data  bool // base64: whatever else is in it is the decoder's to find
	done  bool
	bad   string  // why the value cannot be trusted
	rest  []byte  // decoded but not yet read
	room  [8]byte // of rest
}

const maxReference = 16 // bytes of the longest reference that is read

// special marks the bytes that are more than themselves.
func special(b, quote byte) bool {
	return b < ' ' || b >= utf8.RuneSelf || b == quote || b == '&' || b == '<' || b == 0x7f
}

// Null says, before the first Read, that the value is the format's word for an absent one. Our writer
// writes a text that is this word with a reference, so that the two stay apart.
func (v *Value) Null() bool { return v.in.starts("null" + string(v.quote)) }

// ValueAt reads a value again whose first character is the first of r.
func ValueAt(r io.Reader, quote byte) *Value { return &Value{in: newInput(r), quote: quote} }

// Start is where the value begins, before the first Read, and the quote that ends it: what ValueAt
// needs.
func (v *Value) Start() (offset int64, quote byte) { return v.in.offset, v.quote }

// Done says that all of the value was taken from the file.
func (v *Value) Done() bool { return v.done }

// Bad says why the value cannot be trusted, as far as it was read; empty if it can.
func (v *Value) Bad() string { return v.bad }

// Drain passes over what is left of the value.
func (v *Value) Drain() error {
	var waste [512]byte
	for {
		if _, err := v.Read(waste[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// Skip passes over a value of which nothing was read, and which is known to be so many bytes long before its quote, with so
// many line ends in them; r gives the file from the quote. That it is not there is a SyntaxError.
func (v *Value) Skip(r io.Reader, long, lines int64) error {
	if int64(v.in.r.Buffered()) > long {
		_, _ = v.in.r.Discard(int(long)) // of what is buffered
	} else {
		v.in.r.Reset(r)
	}
	v.in.offset, v.in.line = v.in.offset+long, v.in.line+lines
	b, err := v.in.window(1)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case err != nil || b[0] != v.quote:
		return Syntax("a value does not end where it did")
	}
	v.in.skip(1)
	v.done = true
	return nil
}

// plain says how many bytes at the beginning of b are only themselves.
func (v *Value) plain(b []byte) int {
	if v.data {
		if i := bytes.IndexByte(b, v.quote); i >= 0 {
			b = b[:i]
		}
		if bytes.IndexByte(b, '&') < 0 && bytes.IndexByte(b, '<') < 0 {
			return len(b)
		}
	}
	n := 0
	for n < len(b) && !special(b[n], v.quote) {
		n++
	}
	return n
}

// Read gives the value's characters in UTF-8. A file that ends within the value, or a < in it, is a
// SyntaxError.
func (v *Value) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(v.rest) > 0 {
			c := copy(p[n:], v.rest)
			v.rest = v.rest[c:]
			n += c
			continue
		}
		if v.done {
			break
		}
		b, err := v.in.window(2 * maxReference)
		if err != nil {
			return n, ending(err)
		}
		if run := v.plain(b[:min(len(b), len(p)-n)]); run > 0 {
			n += copy(p[n:], b[:run])
			v.in.skip(run)
			continue
		}
		if err := v.character(b); err != nil {
			return n, err
		}
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// character takes one special character from the window into rest.
func (v *Value) character(b []byte) error {
	switch c := b[0]; {
	case c == v.quote:
		v.in.skip(1)
		v.done = true
	case c == '<':
		return Syntax("a < within a value; the closing quote is missing")
	case c == '&':
		v.reference(b)
	case c == '\r': // XML 1.0, 2.11: line ends are line feeds
		v.in.skip(1)
		if !v.in.starts("\n") {
			v.emit('\n')
		}
	case c >= utf8.RuneSelf:
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			v.in.note(&v.in.mended.Replaced)
		} else if !Lawful(r) {
			v.in.note(&v.in.mended.Kept)
		}
		v.emit(r)
		v.in.skip(size)
	default:
		if !Lawful(rune(c)) {
			v.in.note(&v.in.mended.Kept)
		}
		v.emit(rune(c))
		v.in.skip(1)
	}
	return nil
}

func (v *Value) emit(r rune) { v.rest = utf8.AppendRune(v.room[:0], r) }

// reference takes one character reference, or two that are the halves of one character.
func (v *Value) reference(b []byte) {
	r, n := reference(b)
	switch {
	case n == 0:
		v.bad = "an & that begins no reference"
		v.emit('&')
		n = 1
	case utf16.IsSurrogate(r):
		low, m := reference(b[n:])
		if joined := utf16.DecodeRune(r, low); m > 0 && joined != utf8.RuneError {
			v.in.mended.Joined++
			r, n = joined, n+m
		} else {
			v.in.note(&v.in.mended.Replaced)
			r = utf8.RuneError
		}
		v.emit(r)
	case r > utf8.MaxRune:
		v.in.note(&v.in.mended.Replaced)
		v.emit(utf8.RuneError)
	default:
		if !Lawful(r) {
			v.in.note(&v.in.mended.Kept)
		}
		v.emit(r)
	}
	v.in.skip(n)
}

// reference decodes the reference at the beginning of b and gives its length, 0 if there is none.
func reference(b []byte) (rune, int) {
	if len(b) == 0 || b[0] != '&' {
		return 0, 0
	}
	name, _, ok := strings.Cut(string(b[1:min(len(b), maxReference)]), ";")
	if !ok {
		return 0, 0
	}
	n := len(name) + 2
	switch name {
	case "lt":
		return '<', n
	case "gt":
		return '>', n
	case "amp":
		return '&', n
	case "quot":
		return '"', n
	case "apos":
		return '\'', n
	}
	digits, base := strings.CutPrefix(name, "#")
	if !base {
		return 0, 0
	}
	radix := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, radix = hex, 16
	}
	code, err := strconv.ParseUint(digits, radix, 31)
	if err != nil {
		return 0, 0
	}
	return rune(code), n
}

// Lawful says whether XML 1.0, 2.2 allows the character in a document.
func Lawful(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000
}
