package vcard

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"zapas/device/internal/item"
)

// reader reads a file once, card by card.
type reader struct {
	f         *File
	in        *input
	met       int // cards, bad ones included
	begun     *begun
	addresses map[string]item.Address
}

// begun is a card whose first line was read.
type begun struct{ offset, line int64 }

// maxAddresses bounds the cache of parsed addresses; parsing one costs more than a whole card.
const maxAddresses = 1 << 14

func newReader(f *File) *reader {
	return &reader{f: f, in: newInput(io.NewSectionReader(f.file, 0, f.size)), addresses: map[string]item.Address{}}
}

// next gives the next card, a *BadCard for one that cannot be read, a *BadFile for a place behind which nothing can,
// and io.EOF at the end of a whole file.
func (r *reader) next() (card, error) {
	c, err := r.read()
	if _, bad := errors.AsType[*BadCard](err); err == nil || bad {
		r.met++
		return c, err
	}
	if _, over := errors.AsType[*BadFile](err); over || errors.Is(err, io.EOF) {
		return c, err
	}
	return c, r.fault(err)
}

func (r *reader) fault(err error) error {
	return &BadFile{Path: r.f.path, Line: r.in.line, Reason: err.Error(), Read: r.met, Err: err}
}

func (r *reader) over(reason string) error {
	return &BadFile{Path: r.f.path, Line: r.in.line, Reason: reason, Read: r.met}
}

// begin goes to the next card's first line. Text before it is a *BadCard, one for all of it, unless it is the file's
// first: such a file is of something else.
func (r *reader) begin() (begun, error) {
	if b := r.begun; b != nil {
		r.begun = nil
		return *b, nil
	}
	if r.in.offset == 0 {
		if reason := foreign(r.in); reason != "" {
			return begun{}, r.over(reason)
		}
	}
	var stray *BadCard
	for {
		if b, _ := r.in.r.Peek(len(mark)); string(b) == mark { // files put together have one each
			r.in.skip(len(mark))
			continue
		}
		at := begun{r.in.offset, r.in.line}
		if _, err := r.in.r.Peek(1); err != nil {
			if stray != nil && errors.Is(err, io.EOF) {
				err = stray
			}
			return at, err
		}
		p, value, err := head(r.in)
		if err != nil {
			return at, err
		}
		starts := false
		if value != nil {
			value.soft = false // outside of a card it would be a guess that the next line is not one
			if starts, err = says(p, value, "BEGIN"); err != nil {
				return at, err
			}
		}
		switch {
		case starts && stray != nil:
			r.begun = &at
			return at, stray
		case starts:
			return at, nil
		case value == nil && strings.Trim(p.value, blanks) == "", stray != nil:
		case r.met == 0:
			return at, r.over("it does not begin with BEGIN:VCARD; it is no vCard file")
		default:
			stray = &BadCard{Offset: at.offset, Line: at.line, At: at.line, Stray: true, Reason: "it does not begin with BEGIN:VCARD"}
		}
	}
}

const (
	mark   = "\ufeff" // of bytes' order, which UTF-8 does not have
	blanks = " \t\r\n" + mark
)

// foreign says why a file cannot be read, by its first bytes.
func foreign(in *input) string {
	b, _ := in.r.Peek(64)
	if bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff}) {
		return "it is written in UTF-16: convert it to UTF-8"
	}
	first, rest, ok := bytes.Cut(bytes.Trim(b, blanks), []byte{'\r'})
	if ok && bytes.EqualFold(first, []byte("BEGIN:"+vcard)) && !bytes.HasPrefix(bytes.TrimLeft(rest, "\r"), []byte{'\n'}) {
		return "its lines end in carriage returns alone: convert them to line feeds"
	}
	return ""
}

// says reads a line's value to its end and reports whether the line is BEGIN:VCARD or END:VCARD.
func says(p *property, value *text, what string) (bool, error) {
	if !p.is(what) {
		return false, value.drain()
	}
	b, err := value.rest(64)
	if errors.Is(err, errLong) {
		return false, nil
	}
	return strings.EqualFold(strings.Trim(string(b), blanks), vcard), err
}

const vcard = "VCARD"

// end reads the value of an END and reports whether it ends the card, and where. Where the next card's BEGIN:VCARD has come
// onto the same line, as in files put together of which one lacks its last line end, that card is begun.
func (r *reader) end(value *text) (to int64, ok bool, err error) {
	from, line := r.in.offset, r.in.line
	raw, _ := r.in.r.Peek(64)
	raw = bytes.Clone(raw)
	b, err := value.rest(64)
	if errors.Is(err, errLong) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	rest, ok := strings.CutPrefix(strings.ToUpper(strings.Trim(string(b), blanks)), vcard)
	if !ok || rest == "" {
		return r.in.offset, ok, nil
	}
	if strings.TrimLeft(rest, blanks) != "BEGIN:"+vcard {
		return 0, false, nil
	}
	at := bytes.Index(bytes.ToUpper(raw[:min(int64(len(raw)), r.in.offset-from)]), []byte("BEGIN:"+vcard))
	if at < 0 { // broken within its words
		return 0, false, nil
	}
	to = from + int64(at)
	r.begun = &begun{to, line + int64(bytes.Count(raw[:at], []byte{'\n'}))}
	return to, true, nil
}

// body is what was read of one card.
type body struct {
	properties []property
	media      []medium
	version    string
	left       int    // bytes that it may still have
	bad        string // why it cannot be used
	at         int64  // the line of that
}

// medium is a property whose bytes stay in the file.
type medium struct {
	property
	item.Media
}

func (b *body) spoil(line int64, format string, args ...any) {
	if b.bad == "" {
		b.bad, b.at = fmt.Sprintf(format, args...), line
	}
}

func (r *reader) read() (card, error) {
	start, err := r.begin()
	if err != nil {
		return card{}, err
	}
	b := &body{left: item.MaxEncoded}
	depth, to := 1, int64(0)
	for agent := false; depth > 0; {
		at := begun{r.in.offset, r.in.line}
		if _, err := r.in.r.Peek(1); err == io.EOF {
			return card{}, r.over("the file is cut off within a card")
		} else if err != nil {
			return card{}, err
		}
		p, value, err := head(r.in)
		switch {
		case err != nil:
			return card{}, err
		case value == nil && strings.TrimSpace(p.value) == "":
		case value == nil:
			b.spoil(p.line, "it has a line that is no property")
		case !isName(p.name), p.group != "" && !isName(p.group):
			b.spoil(p.line, "it has a line that is no property")
			err = value.drain()
		case p.is("BEGIN"):
			var within int
			within, err = r.nested(b, p, value, at, agent)
			depth += within
		case p.is("END"):
			var ends bool
			if to, ends, err = r.end(value); ends {
				depth--
			} else {
				b.spoil(at.line, "it has an END that is not END:VCARD")
			}
		case depth > 1:
			err = value.drain()
		default:
			err = r.property(b, p, value)
		}
		switch {
		case err != nil:
			return card{}, err
		case r.begun != nil && depth > 0: // the next card, which is not within this one, and nor is more of it
			return card{}, b.error(start)
		}
		agent = p.is("AGENT") || agent && value == nil
	}
	c := card{version: b.version, from: start.offset, to: to}
	if b.check(start); b.bad == "" {
		c.contact = r.contact(b)
	}
	return c, b.error(start)
}

// nested reads the value of a BEGIN within a card and answers by how much it is nested deeper: the agent of a card is a card
// within it. Any other is the next one, which is begun.
func (r *reader) nested(b *body, p *property, value *text, at begun, agent bool) (int, error) {
	again, err := says(p, value, "BEGIN")
	switch {
	case err != nil:
		return 0, err
	case !again:
		b.spoil(at.line, "it has a BEGIN that is not BEGIN:VCARD")
		return 0, nil
	case agent:
		b.spoil(at.line, "there is a card within it")
		return 1, nil
	}
	b.spoil(at.line, "it has no END:VCARD")
	r.begun = &at
	return 0, nil
}

func (b *body) error(start begun) error {
	if b.bad == "" {
		return nil
	}
	return &BadCard{Offset: start.offset, Line: start.line, At: b.at, Reason: b.bad}
}

func (b *body) check(start begun) {
	switch b.version {
	case "3.0", "4.0":
	case "":
		b.spoil(start.line, "it does not say its VERSION")
	default:
		b.bad = "" // whatever else seemed wrong with it
		b.spoil(start.line, "it is of a vCard version that cannot be read yet: export the contacts as vCard 3.0 or 4.0")
	}
}

// property reads one property into the body.
func (r *reader) property(b *body, p *property, value *text) error {
	if kind := mediaKind(p); kind != 0 {
		taken, err := r.medium(b, kind, p, value)
		if taken || err != nil {
			return err
		}
	}
	raw, err := value.rest(b.left)
	if errors.Is(err, errLong) {
		b.spoil(p.line, "it is larger than %d bytes", item.MaxEncoded)
		return nil
	}
	if err != nil {
		return err
	}
	b.left = max(0, b.left-len(raw)-len(p.name))
	p.value += string(raw)
	if err := p.decode(); err != nil {
		b.spoil(p.line, "%v", err)
	}
	if p.is("VERSION") {
		b.version = strings.TrimSpace(p.value)
		return nil
	}
	b.properties = append(b.properties, *p)
	return nil
}

// isBase64 knows how RFC 2426 says it, and how those do that mix it with the version before.
func (q param) isBase64() bool {
	return q.name == "ENCODING" && strings.EqualFold(q.value, "b") || (q.name == "ENCODING" || q.name == "") && strings.EqualFold(q.value, "base64")
}

// isText says that a property has a field, and is no medium.
func (p *property) isText() bool {
	name := strings.ToUpper(p.name)
	return labelled(name) || alone(name) || name == "X-ABLABEL"
}

func mediaKind(p *property) item.MediaKind {
	switch strings.ToUpper(p.name) {
	case "PHOTO":
		return item.Photo
	case "LOGO":
		return item.Logo
	case "SOUND":
		return item.Sound
	case "KEY":
		return item.Key
	}
	return 0
}

const maxMediaType = 256 // bytes of a data: URI before its data

// medium passes over a picture, only to learn its size and digest. What is no base64 is left to be read as text,
// with its beginning in p.value.
func (r *reader) medium(b *body, kind item.MediaKind, p *property, value *text) (taken bool, err error) {
	mediaType := ""
	if !slices.ContainsFunc(p.params, param.isBase64) {
		begin, err := value.until(',', maxMediaType)
		if err != nil {
			return false, err
		}
		p.value = begin
		begin = strings.TrimSuffix(strings.TrimSuffix(begin, ","), `\`)
		uri, isURI := strings.CutPrefix(strings.ToLower(begin), "data:")
		named, isBase64 := strings.CutSuffix(uri, ";base64")
		if !isURI || !isBase64 {
			return false, nil
		}
		mediaType = named
	}
	at := r.in.offset
	sum := sha256.New()
	size, err := io.Copy(sum, decoded(value))
	var corrupt base64.CorruptInputError
	switch {
	case errors.As(err, &corrupt), errors.Is(err, io.ErrUnexpectedEOF):
		b.spoil(p.line, "a value is not base64")
		return true, value.drain()
	case err != nil:
		return true, err
	}
	if err := value.drain(); err != nil || size == 0 {
		return true, err
	}
	m := medium{property: *p, Media: item.Media{Kind: kind, Type: mediaType, Blob: item.Ref{SHA256: [32]byte(sum.Sum(nil)), Size: size}}}
	m.value = ""
	r.f.remember(m.Blob.SHA256, at)
	b.media = append(b.media, m)
	return true, nil
}

// until reads up to and including a mark, or so many bytes.
func (t *text) until(mark byte, most int) (string, error) {
	var b []byte
	var one [1]byte
	for len(b) < most {
		if _, err := t.Read(one[:]); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return "", err
		}
		if b = append(b, one[0]); one[0] == mark {
			break
		}
	}
	return string(b), nil
}
