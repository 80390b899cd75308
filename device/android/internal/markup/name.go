package markup

import (
	"io"
	"unicode/utf8"
)

// name is one that was read, and the one that was read next when it was read last: mostly it is so again.
type name struct {
	text string
	next *name
}

// name reads a name as XML 1.0, 2.3 has it.
func (s *Scanner) name() (string, error) {
	b, err := s.in.window(maxName + 1)
	if err != nil {
		return "", ending(err)
	}
	n := nameLen(b[:min(len(b), maxName+utf8.UTFMax)], true)
	if len(b) <= maxName && !utf8.FullRune(b[n:]) {
		return "", ending(io.EOF)
	}
	if n == 0 || n > maxName {
		return "", Syntax("a name of an element or attribute was expected")
	}
	if s.last.next == nil || s.last.next.text != string(b[:n]) {
		s.last.next = s.named(b[:n])
	}
	s.last = s.last.next
	s.in.skip(n)
	return s.last.text, nil
}

// named makes no name twice, as long as there are few.
func (s *Scanner) named(b []byte) *name {
	n, ok := s.names[string(b)]
	if !ok {
		if len(s.names) == maxNames {
			clear(s.names)
		}
		n = &name{text: string(b)}
		s.names[n.text] = n
	}
	return n
}

// IsName says whether a name can be read as one of an element or attribute.
func IsName(name string) bool {
	return name != "" && len(name) <= maxName && nameLen([]byte(name), true) == len(name)
}

// nameLen says how many bytes at the beginning of b are of a name; start, that it begins there.
func nameLen(b []byte, start bool) (n int) {
	for n < len(b) {
		r, size := rune(b[n]), 1
		if r >= utf8.RuneSelf {
			if r, size = utf8.DecodeRune(b[n:]); size == 1 {
				return n // broken
			}
		}
		if !nameStart(r) && (start && n == 0 || !nameInner(r)) {
			return n
		}
		n += size
	}
	return n
}

func nameStart(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == ':'
	case r <= 0x2ff:
		return r >= 0xc0 && r != 0xd7 && r != 0xf7
	case r <= 0x1fff:
		return r >= 0x370 && r != 0x37e
	case r <= 0x218f:
		return r == 0x200c || r == 0x200d || r >= 0x2070
	case r <= 0xd7ff:
		return r >= 0x2c00 && r <= 0x2fef || r >= 0x3001
	}
	return r >= 0xf900 && r <= 0xfdcf || r >= 0xfdf0 && r <= 0xfffd || r >= 0x10000 && r <= 0xeffff
}

// nameInner says which further characters may be within a name.
func nameInner(r rune) bool {
	return r >= '0' && r <= '9' || r == '.' || r == '-' || r == 0xb7 || r >= 0x300 && r <= 0x36f || r == 0x203f || r == 0x2040
}
