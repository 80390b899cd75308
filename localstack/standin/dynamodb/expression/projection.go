package expression

// ParseProjection reads a list of paths.
func ParseProjection(text string, ph *Placeholders) (*Paths, error) {
	p := newParser("ProjectionExpression", text, ph)
	paths := &Paths{}
	for p.err == nil {
		read := p.path()
		if p.err == nil {
			p.failed(paths.add(read))
		}
		if !p.accept(",") {
			break
		}
	}
	return paths, p.end()
}
