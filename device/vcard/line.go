package vcard

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// input is the file's bytes with their place.
type input struct {
	r      *bufio.Reader
	offset int64
	line   int64
}

func newInput(r io.Reader) *input { return &input{r: bufio.NewReaderSize(r, 32<<10), line: 1} }

func (in *input) skip(n int) {
	b, _ := in.r.Peek(n)
	in.line += int64(bytes.Count(b, []byte{'\n'}))
	in.offset += int64(n)
	_, _ = in.r.Discard(n) // they were peeked at
}

// text reads one logical line from where the input is to the line's end: RFC 6350, 3.2 breaks it anywhere, within a
// character too, before a blank.
type text struct {
	in   *input
	soft bool // quoted-printable: a line that ends with = goes on in the next, too
	last byte
	done bool
}

func (t *text) Read(p []byte) (int, error) {
	for {
		if t.done || len(p) == 0 {
			return 0, io.EOF
		}
		b, err := t.in.r.Peek(1)
		if len(b) == 0 {
			t.done = true
			if errors.Is(err, io.EOF) {
				continue
			}
			return 0, err
		}
		b, _ = t.in.r.Peek(t.in.r.Buffered())
		if run := bytes.IndexAny(b, "\r\n"); run != 0 {
			if run < 0 {
				run = len(b)
			}
			n := copy(p, b[:run])
			t.last = b[n-1]
			t.in.skip(n)
			return n, nil
		}
		n, goesOn := t.end()
		switch {
		case n == 0: // a carriage return alone is no end of a line
			p[0], t.last = '\r', '\r'
			t.in.skip(1)
			return 1, nil
		case t.soft && t.last == '=':
			t.in.skip(n)
			p[0], t.last = '\n', '\n'
			return 1, nil
		case goesOn:
			t.in.skip(n + 1)
		default:
			t.in.skip(n)
			t.done = true
		}
	}
}

// end gives the length of the line end that comes next, and whether the line goes on behind it.
func (t *text) end() (n int, goesOn bool) {
	b, _ := t.in.r.Peek(3)
	switch {
	case b[0] == '\n':
		n = 1
	case len(b) > 1 && b[1] == '\n':
		n = 2
	default:
		return 0, false
	}
	return n, len(b) > n && (b[n] == ' ' || b[n] == '\t')
}

func (t *text) drain() error {
	_, err := io.Copy(io.Discard, t)
	return err
}

// errLong is of a text that is larger than all that one contact may be.
var errLong = errors.New("it is too long")

// rest reads the line's rest, at most so many bytes of it.
func (t *text) rest(most int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(t, int64(most)+1))
	if err == nil && len(b) > most {
		if err = t.drain(); err == nil {
			err = errLong
		}
	}
	return b, err
}

// param is a parameter as it was written: NAME=value, or a value alone.
type param struct{ name, value string }

// property is one content line of RFC 6350, 3.3.
type property struct {
	line   int64
	group  string
	name   string // as written
	params []param
	value  string // as written, but unfolded and in UTF-8
}

func (p *property) is(name string) bool { return strings.EqualFold(p.name, name) }

// get is the value of a parameter, in lower case and without quotes.
func (p *property) get(name string) string {
	for _, q := range p.params {
		if q.name == name {
			return strings.ToLower(strings.Trim(q.value, `"`))
		}
	}
	return ""
}

const maxHead = 64 << 10

// head reads what is before the colon of a line, and answers what is behind it. A line that is none gives no value.
func head(in *input) (p *property, value *text, err error) {
	p = &property{line: in.line}
	t := &text{in: in}
	var b []byte
	var one [1]byte
	quoted := false
	for {
		n, err := t.Read(one[:])
		if err != nil && !errors.Is(err, io.EOF) {
			return p, nil, err
		}
		if n == 0 || len(b) == maxHead {
			p.value = string(b)
			return p, nil, t.drain()
		}
		if one[0] == '"' {
			quoted = !quoted
		}
		if one[0] == ':' && !quoted {
			break
		}
		b = append(b, one[0])
	}
	parts := splitQuoted(string(b), ';')
	p.name = strings.TrimSpace(parts[0])
	if i := strings.LastIndexByte(p.name, '.'); i >= 0 {
		p.group, p.name = p.name[:i], p.name[i+1:]
	}
	for _, q := range parts[1:] {
		name, v, named := strings.Cut(q, "=")
		if !named {
			name, v = "", q
		}
		name = strings.ToUpper(strings.TrimSpace(name))
		if named && !isName(name) {
			name, v = "", strings.TrimSpace(q)
		}
		p.params = append(p.params, param{name, v})
		t.soft = t.soft || strings.EqualFold(strings.Trim(v, `"`), "quoted-printable")
	}
	return p, t, nil
}

// isName knows the names of groups, properties and parameters; some exports use _, too.
func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '_' {
			return false
		}
	}
	return s != ""
}

// splitQuoted splits at separators that are not between quotes.
func splitQuoted(s string, separator byte) (out []string) {
	quoted, from := false, 0
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return append(out, s[from:])
}

// split splits a value at separators that no backslash takes for text.
func split(s string, separator byte) (out []string) {
	from := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case separator:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return append(out, s[from:])
}

// unescape gives the text that a value stands for. A backslash before anything that needs none is a backslash.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n', 'N':
			b.WriteByte('\n')
		case ',', ';', ':', '\\':
			b.WriteByte(s[i])
		default:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
