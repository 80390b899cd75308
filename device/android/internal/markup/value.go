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
func (v *Value) Null() bool {
	b, _ := v.in.window(len("null") + 1)
	return len(b) > 4 && b[0] == 'n' && string(b[:4]) == "null" && b[4] == v.quote
}

// ValueAt reads a value again whose first character is the first of r.
func ValueAt(r io.Reader, quote byte) *Value { return &Value{in: newInput(r), quote: quote} }

// Start is where the value begins, before the first Read, and the quote that ends it: what ValueAt
// needs.
func (v *Value) Start() (offset int64, quote byte) { return v.in.offset(), v.quote }

// Done says that all of the value was taken from the file.
func (v *Value) Done() bool { return v.done }

// Bad says why the value cannot be trusted, as far as it was read; empty if it can.
func (v *Value) Bad() string { return v.bad }

// Drain passes over what is left of the value.
func (v *Value) Drain() error {
	for {
		if b, err := v.Next(); len(b) == 0 {
			return err
		}
	}
}

// Skip passes over a value of which nothing was read, and which is known to be so many bytes long before its quote, with so
// many line ends in them; r gives the file from the quote. That it is not there is a SyntaxError.
func (v *Value) Skip(r io.Reader, long, lines int64) error {
	to := v.in.place()
	v.in.jump(r, Place{to.Offset + long, to.Line + lines})
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
func (v *Value) plain(b []byte) (n int) {
	if v.data {
		if i := bytes.IndexByte(b, v.quote); i >= 0 {
			b = b[:i]
		}
		if bytes.IndexByte(b, '&') < 0 && bytes.IndexByte(b, '<') < 0 {
			return len(b)
		}
	}
	for n < len(b) {
		c := b[n]
		if c < utf8.RuneSelf {
			if special(c, v.quote) {
				return n
			}
			n++
			continue
		}
		r, size := utf8.DecodeRune(b[n:])
		if size == 1 || !Lawful(r) { // broken, or its end is not in b
			return n
		}
		n += size
	}
	return n
}

// Next gives the value's next characters in UTF-8, and none at its end; they are there until anything else is read. A file that
// ends within the value, or a < in it, is a SyntaxError.
func (v *Value) Next() ([]byte, error) {
	if rest := v.rest; len(rest) > 0 {
		v.rest = nil
		return rest, nil
	}
	for !v.done {
		b, err := v.in.window(2 * maxReference)
		if err != nil {
			return nil, ending(err)
		}
		if n := v.plain(b); n > 0 {
			v.in.skip(n)
			return b[:n], nil
		}
		got, err := v.character(b)
		if len(got) > 0 || err != nil {
			return got, err
		}
	}
	return nil, nil
}

// Read is Next for who has a place for it.
func (v *Value) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if v.rest, err = v.Next(); len(v.rest) == 0 {
			break
		}
		c := copy(p[n:], v.rest)
		v.rest = v.rest[c:]
		n += c
	}
	if n == 0 && len(p) > 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// character takes one special character from the window. It gives none where that is the end, or half of a line's.
func (v *Value) character(b []byte) ([]byte, error) {
	switch c := b[0]; {
	case c == v.quote:
		v.in.skip(1)
		v.done = true
		return nil, nil
	case c == '<':
		return nil, Syntax("a < within a value; the closing quote is missing")
	case c == '&':
		return v.reference(b), nil
	case c == '\r': // XML 1.0, 2.11: line ends are line feeds
		v.in.skip(1)
		if v.in.starts("\n") {
			return nil, nil
		}
		return v.one('\n'), nil
	}
	r, size := utf8.DecodeRune(b)
	if r == utf8.RuneError && size == 1 {
		v.in.note(&v.in.mended.Replaced)
	} else if !Lawful(r) {
		v.in.note(&v.in.mended.Kept)
	}
	v.in.skip(size)
	return v.one(r), nil
}

func (v *Value) one(r rune) []byte { return utf8.AppendRune(v.room[:0], r) }

// reference takes one character reference, or two that are the halves of one character.
func (v *Value) reference(b []byte) []byte {
	r, n := reference(b)
	switch {
	case n == 0:
		v.bad = "an & that begins no reference"
		r, n = '&', 1
	case utf16.IsSurrogate(r):
		low, m := reference(b[n:])
		if joined := utf16.DecodeRune(r, low); m > 0 && joined != utf8.RuneError {
			v.in.mended.Joined++
			r, n = joined, n+m
		} else {
			v.in.note(&v.in.mended.Replaced)
			r = utf8.RuneError
		}
	case r > utf8.MaxRune:
		v.in.note(&v.in.mended.Replaced)
		r = utf8.RuneError
	case !Lawful(r):
		v.in.note(&v.in.mended.Kept)
	}
	v.in.skip(n)
	return v.one(r)
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
