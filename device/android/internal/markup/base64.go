package markup

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
)

// Base64 decodes a value. It works in larger steps than base64.NewDecoder, which matters for the bulk of a file,
// and passes over white space.
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
	d := &Base64{text: make([]byte, base64Step), data: make([]byte, base64Step)}
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
		d.step()
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	if n == 0 && len(p) > 0 {
		return 0, d.err
	}
	return n, nil
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
	white := false
	for _, c := range []byte(" \t\r\n") {
		white = white || bytes.IndexByte(b, c) >= 0
	}
	if !white {
		return len(b)
	}
	n := 0
	for _, c := range b {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			b[n] = c
			n++
		}
	}
	return n
}
