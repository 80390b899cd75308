// Package markup knows the almost-XML of the files that SMS Backup & Restore writes: their tags,
// attributes and characters, and the place of each. It does not know what any element means.
package markup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Scanner reads the markup of a file: elements and their attributes, one at a time. Text between
// elements means nothing in this format and is passed over.
type Scanner struct {
	in    *input
	open  []string // the elements around the current place
	names map[string]*name
	last  *name // that was read
	tag   bool  // within a start tag
	value Value // of the attribute that was taken last
}

const (
	maxDepth = 16
	maxName  = 128
	maxNames = 1024 // that are known at a time
)

// NewScanner reads r from its beginning.
func NewScanner(r io.Reader) *Scanner {
	return &Scanner{in: newInput(r), names: map[string]*name{}, last: &name{}}
}

// Begin comes first. It refuses a file whose bytes would be misread; the format is UTF-8.
func (s *Scanner) Begin() error {
	if s.in.starts("\xfe\xff") || s.in.starts("\xff\xfe") {
		return Syntax("it is written in UTF-16: convert it to UTF-8")
	}
	if s.in.starts("\xef\xbb\xbf") {
		s.in.skip(3)
	}
	b, err := s.in.window(256)
	if errors.Is(err, io.EOF) {
		return Syntax("it is empty")
	}
	if err != nil {
		return err
	}
	declaration, _, _ := strings.Cut(string(b[:min(len(b), 256)]), "?>")
	if !strings.HasPrefix(declaration, "<?xml") {
		return nil
	}
	_, encoding, stated := strings.Cut(declaration, "encoding")
	encoding, _, _ = strings.Cut(strings.TrimLeft(encoding, " \t\r\n='\""), " ")
	encoding = strings.ToUpper(strings.TrimRight(encoding, "'\" \t\r\n"))
	if stated && encoding != "UTF-8" && encoding != "UTF8" && encoding != "US-ASCII" {
		return Syntax("it is written in another encoding than UTF-8: convert it to UTF-8")
	}
	return nil
}

// Path is the elements around the current place, the outermost first. After the last attribute of an
// empty element its end still follows.
func (s *Scanner) Path() []string { return s.open }

// Place is the place behind what was read.
func (s *Scanner) Place() Place { return s.in.place() }

// Mended is what was put right so far.
func (s *Scanner) Mended() Mended { return s.in.mended }

// SyntaxError is what makes the rest of a file unreadable. It quotes nothing of the file: where a quote is missing, the words
// of a message stand where names should.
type SyntaxError struct {
	reason string
	cut    bool
}

func (e SyntaxError) Error() string { return e.reason }

// CutOff says that nothing is wrong with the file but that it ends too early.
func (e SyntaxError) CutOff() bool { return e.cut }

// Syntax makes a SyntaxError, for rules that only its caller knows.
func Syntax(format string, args ...any) error {
	return SyntaxError{reason: fmt.Sprintf(format, args...)}
}

// ending names the end of the file where it must not be.
func ending(err error) error {
	if errors.Is(err, io.EOF) {
		return SyntaxError{"the file is cut off", true}
	}
	return err
}

// Next goes to the next start or end tag. After a start tag the caller takes the attributes, all or
// some, with Attr. An empty element (<a/>) gives a start and an end. The end of a whole file is io.EOF.
func (s *Scanner) Next() (name string, start bool, at Place, err error) {
	for s.tag {
		v, _, err := s.Attr()
		if err != nil {
			return "", false, at, err
		}
		if v != nil {
			if err := v.Drain(); err != nil {
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
			if len(s.open) > 0 {
				err = ending(err)
			}
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
			return "", false, at, Syntax("a document type declaration, which this format does not have")
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

func (s *Scanner) toMarkup() (Place, error) {
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

func (s *Scanner) startTag(at Place) (string, bool, Place, error) {
	s.in.skip(1)
	name, err := s.name()
	if err != nil {
		return "", false, at, err
	}
	if len(s.open) == maxDepth {
		return "", false, at, Syntax("elements nested deeper than %d", maxDepth)
	}
	s.open = append(s.open, name)
	s.tag = true
	return name, true, at, nil
}

// endTag leaves an end tag that closes nothing where it is, for Resume to judge.
func (s *Scanner) endTag(at Place) (string, bool, Place, error) {
	b, err := s.in.window(maxName + 3)
	if err != nil {
		return "", false, at, err
	}
	want := "</"
	if len(s.open) > 0 {
		want += s.open[len(s.open)-1]
	}
	switch n := len(want); {
	case len(b) <= n && strings.HasPrefix(want, string(b)):
		return "", false, at, ending(io.EOF)
	case len(s.open) == 0 || !bytes.HasPrefix(b, []byte(want)) || nameLen(b[n:], false) > 0:
		return "", false, at, Syntax("an end tag that closes nothing")
	}
	s.in.skip(len(want))
	if err := s.in.blank(); err != nil {
		return "", false, at, ending(err)
	}
	if !s.in.starts(">") {
		return "", false, at, Syntax("an end tag is not closed")
	}
	s.in.skip(1)
	return s.pop(at)
}

func (s *Scanner) pop(at Place) (string, bool, Place, error) {
	name := s.open[len(s.open)-1]
	s.open = s.open[:len(s.open)-1]
	return name, false, at, nil
}

// Attr gives the next attribute of the current start tag, whose value the caller reads to its end before he asks again, or
// nil after the last.
func (s *Scanner) Attr() (*Value, string, error) {
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
		return nil, "", Syntax("an attribute has no value")
	}
	s.in.skip(1)
	if err := s.in.blank(); err != nil {
		return nil, "", ending(err)
	}
	b, _ := s.in.window(1)
	if b[0] != '"' && b[0] != '\'' {
		return nil, "", Syntax("the value of an attribute is not quoted")
	}
	quote := b[0]
	s.in.skip(1)
	s.value = Value{in: s.in, quote: quote}
	return &s.value, name, nil
}
