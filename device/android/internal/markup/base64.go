package markup

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
)

// Base64 decodes a value. It works in larger steps than base64.NewDecoder, which matters for the bulk of a file: from where it
// was read to where it is wanted, as long as nothing is between the characters. White space it passes over.
type Base64 struct {
	v     *Value
	text  []byte
	have  int // characters in text that are not decoded yet
	data  []byte
	rest  []byte
	ended bool // padding was seen
	err   error
}

const base64Step = 16 << 10

// ErrBase64 is the error of Read for a value that is not base64.
var ErrBase64 = errors.New("its data is not base64")

// NewBase64 decodes v.
func NewBase64(v *Value) *Base64 {
	d := &Base64{text: make([]byte, base64Step), data: make([]byte, bufferSize/4*3)}
	d.Reset(v)
	return d
}

// Reset begins with another value.
func (d *Base64) Reset(v *Value) {
	if v != nil {
		v.data = true
	}
	*d = Base64{v: v, text: d.text, data: d.data}
}

// Read gives the decoded bytes, ErrBase64 or the value's error.
func (d *Base64) Read(p []byte) (int, error) {
	for len(d.rest) == 0 && d.err == nil {
		if len(p) >= base64Step {
			if n := d.straight(p); n > 0 {
				return n, nil
			}
		} else if n := d.straight(d.data); n > 0 {
			d.rest = d.data[:n]
			break
		}
		d.step()
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	if n == 0 && len(p) > 0 {
		return 0, d.err
	}
	return n, nil
}

// WriteTo is Read until the end.
func (d *Base64) WriteTo(w io.Writer) (written int64, err error) {
	for {
		n, err := d.Read(d.data)
		if err == nil {
			n, err = w.Write(d.data[:n])
			written += int64(n)
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return written, err
		}
	}
}

// straight decodes characters at hand into p, but for the last ones of the value. It takes none where it cannot tell that they
// are base64 and nothing else.
func (d *Base64) straight(p []byte) int {
	if d.have > 0 || d.ended || len(d.v.rest) > 0 || d.v.done {
		return 0
	}
	b, _ := d.v.in.window(base64Step)
	if end := bytes.IndexByte(b, d.v.quote); end >= 0 {
		b = b[:max(0, end-4)]
	}
	b = b[:min(len(b), len(p)/3*4)&^3]
	n, err := base64.StdEncoding.Decode(p, b)
	if err != nil || n != len(b)/4*3 { // or it holds a line end, which Decode passes over
		return 0
	}
	d.v.in.skip(len(b))
	return n
}

func (d *Base64) step() {
	n, err := d.v.Read(d.text[d.have:])
	d.have += unwrap(d.text[d.have : d.have+n])
	if err != nil && !errors.Is(err, io.EOF) {
		d.err = err
		return
	}
	whole := d.have &^ 3
	if errors.Is(err, io.EOF) {
		whole, d.err = d.have, io.EOF
	}
	n, bad := base64.StdEncoding.Decode(d.data, d.text[:whole])
	if bad != nil || whole > 0 && d.ended {
		d.err = ErrBase64
		return
	}
	d.ended = whole > 0 && d.text[whole-1] == '='
	d.rest = d.data[:n]
	d.have = copy(d.text, d.text[whole:d.have])
}

// unwrap removes white space and says how many bytes stay.
func unwrap(b []byte) int {
	n := 0
	for _, c := range b {
		if !isWhite(c) {
			b[n] = c
			n++
		}
	}
	return n
}
