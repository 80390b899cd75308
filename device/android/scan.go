package android

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// scanner reads the markup of a file: elements and their attributes, one at a time. Text between
// elements means nothing in this format and is passed over.
type scanner struct {
	in    *input
	open  []string // the elements around the current place
	names map[string]string
	tag   bool // within a start tag
}

const (
	maxDepth = 16
	maxName  = 128
)

// syntaxError is what makes the rest of a file unreadable.
type syntaxError struct{ reason string }

func (e syntaxError) Error() string { return e.reason }

func syntax(format string, args ...any) error { return syntaxError{fmt.Sprintf(format, args...)} }

// ending names the end of the file where it must not be.
func ending(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return syntax("the file is cut off")
	}
	return err
}

// next goes to the next start or end tag. After a start tag the caller takes the attributes, all or
// some, with attr. An empty element (<a/>) gives a start and an end. The end of the file is io.EOF.
func (s *scanner) next() (name string, start bool, at Place, err error) {
	for s.tag {
		v, _, err := s.attr()
		if err != nil {
			return "", false, at, err
		}
		if v != nil {
			if err := s.drain(v); err != nil {
				return "", false, at, err
			}
		}
	}
	if n := len(s.open); n > 0 && s.open[n-1] == "" { // an empty element was begun
		s.open = s.open[:n-1]
		return s.pop(s.in.place())
	}
	for {
		if at, err = s.toMarkup(); err != nil {
			return "", false, at, err
		}
		switch {
		case s.in.starts("<?"):
			err = s.in.until("?>")
		case s.in.starts("<!--"):
			err = s.in.until("-->")
		case s.in.starts("<![CDATA["):
			err = s.in.until("]]>")
		case s.in.starts("<!"):
			return "", false, at, syntax("a document type declaration, which this format does not have")
		case s.in.starts("</"):
			return s.endTag(at)
		default:
			return s.startTag(at)
		}
		if err != nil {
			return "", false, at, ending(err)
		}
	}
}

func (s *scanner) toMarkup() (Place, error) {
	for {
		b, err := s.in.window(1)
		if err != nil {
			return s.in.place(), err
		}
		if b[0] == '<' {
			return s.in.place(), nil
		}
		n := bytes.IndexByte(b, '<')
		if n < 0 {
			n = len(b)
		}
		s.in.skip(n)
	}
}

func (s *scanner) startTag(at Place) (string, bool, Place, error) {
	s.in.skip(1)
	name, err := s.name()
	if err != nil {
		return "", false, at, err
	}
	if len(s.open) == maxDepth {
		return "", false, at, syntax("elements nested deeper than %d", maxDepth)
	}
	s.open = append(s.open, name)
	s.tag = true
	return name, true, at, nil
}

func (s *scanner) endTag(at Place) (string, bool, Place, error) {
	s.in.skip(2)
	name, err := s.name()
	if err != nil {
		return "", false, at, err
	}
	if err := s.in.blank(); err != nil {
		return "", false, at, ending(err)
	}
	if !s.in.starts(">") {
		return "", false, at, syntax("</%s is not closed", name)
	}
	s.in.skip(1)
	if len(s.open) == 0 || s.open[len(s.open)-1] != name {
		return "", false, at, syntax("</%s> closes nothing", name)
	}
	return s.pop(at)
}

func (s *scanner) pop(at Place) (string, bool, Place, error) {
	name := s.open[len(s.open)-1]
	s.open = s.open[:len(s.open)-1]
	return name, false, at, nil
}

// attr gives the next attribute of the current start tag, whose value the caller reads to its end, or
// nil after the last.
func (s *scanner) attr() (*value, string, error) {
	if err := s.in.blank(); err != nil {
		return nil, "", ending(err)
	}
	switch {
	case s.in.starts(">"):
		s.in.skip(1)
		s.tag = false
		return nil, "", nil
	case s.in.starts("/>"):
		s.in.skip(2)
		s.tag = false
		s.open = append(s.open, "")
		return nil, "", nil
	}
	name, err := s.name()
	if err != nil {
		return nil, "", err
	}
	if err := s.in.blank(); err != nil {
		return nil, "", ending(err)
	}
	if !s.in.starts("=") {
		return nil, "", syntax("the attribute %s has no value", name)
	}
	s.in.skip(1)
	if err := s.in.blank(); err != nil {
		return nil, "", ending(err)
	}
	b, _ := s.in.window(1)
	if b[0] != '"' && b[0] != '\'' {
		return nil, "", syntax("the value of the attribute %s is not quoted", name)
	}
	quote := b[0]
	s.in.skip(1)
	return &value{in: s.in, quote: quote}, name, nil
}

// name reads a name of ASCII letters, digits and _ : . -, which is all that the format uses.
func (s *scanner) name() (string, error) {
	b, err := s.in.window(maxName + 1)
	if err != nil {
		return "", ending(err)
	}
	n := 0
	for n < len(b) && nameByte(b[n], n == 0) {
		n++
	}
	if n == 0 || n > maxName {
		if len(b) <= maxName && n == len(b) {
			return "", syntax("the file is cut off")
		}
		return "", syntax("a name of an element or attribute was expected")
	}
	name, ok := s.names[string(b[:n])]
	if !ok {
		name = string(b[:n])
		if len(s.names) < 1024 {
			s.names[name] = name
		}
	}
	s.in.skip(n)
	return name, nil
}

func nameByte(c byte, first bool) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == ':':
		return true
	case c >= '0' && c <= '9', c == '.', c == '-':
		return !first
	}
	return false
}

// drain passes over what is left of a value.
func (s *scanner) drain(v *value) error {
	var waste [512]byte
	for {
		_, err := v.Read(waste[:])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return broken(err)
		}
	}
}

// broken tells a missing quote and a cut file from trouble with the disk.
func broken(err error) error {
	if errors.Is(err, errMarkup) {
		return syntaxError{err.Error()}
	}
	return ending(err)
}
