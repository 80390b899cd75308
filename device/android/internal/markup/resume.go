package markup

import (
	"bytes"
	"io"
)

// Resume goes on behind a SyntaxError, directly within the root element: at the next start tag with an attribute of an
// element of that name, or at the root's end tag. Whatever is before it is passed over. Without one, the file is cut off.
func (s *Scanner) Resume(names ...string) error {
	root := s.open[0]
	s.tag, s.open = false, s.open[:1]
	for {
		if _, err := s.toMarkup(); err != nil {
			return ending(err)
		}
		b, err := s.in.window(2 * maxName)
		if err != nil {
			return err
		}
		if rest, ok := bytes.CutPrefix(b, []byte("</"+root)); ok && bytes.HasPrefix(bytes.TrimLeft(rest, white), []byte(">")) {
			return nil
		}
		for _, name := range names {
			if rest, ok := bytes.CutPrefix(b, []byte("<"+name)); ok && len(rest) > 0 && bytes.IndexByte([]byte(white), rest[0]) >= 0 {
				return nil
			}
		}
		s.in.skip(1)
	}
}

// Rewind goes back, directly into the root element, to a place from which r gives the file, and to what was mended
// before it.
func (s *Scanner) Rewind(r io.Reader, at Place, m Mended) {
	s.tag, s.open = false, s.open[:1]
	s.in.jump(&gradual{r, 512}, at)
	s.in.mended = m
}

// gradual reads little at first, so that going back often costs no more than what is then read.
type gradual struct {
	r io.Reader
	n int
}

func (g *gradual) Read(p []byte) (int, error) {
	p = p[:min(len(p), g.n)]
	g.n = min(2*g.n, bufferSize)
	return g.r.Read(p)
}
