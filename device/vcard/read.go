package vcard

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

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
	return c, &BadFile{Path: r.f.path, Line: r.in.line, Reason: err.Error(), Read: r.met, Err: err}
}

func (r *reader) over(reason string) error {
	return &BadFile{Path: r.f.path, Line: r.in.line, Reason: reason, Read: r.met}
}

// begin goes to the next card's first line.
func (r *reader) begin() (begun, error) {
	if b := r.begun; b != nil {
		r.begun = nil
		return *b, nil
	}
	if r.in.offset == 0 {
		b, _ := r.in.r.Peek(3)
		if string(b) == "\xef\xbb\xbf" {
			r.in.skip(3)
		} else if len(b) > 1 && (b[0] == 0xff && b[1] == 0xfe || b[0] == 0xfe && b[1] == 0xff) {
			return begun{}, r.over("it is written in UTF-16: convert it to UTF-8")
		}
	}
	for {
		at := begun{r.in.offset, r.in.line}
		if _, err := r.in.r.Peek(1); err != nil {
			return at, err
		}
		p, value, err := head(r.in)
		if err != nil {
			return at, err
		}
		starts := false
		if value != nil {
			if starts, err = r.says(p, value, "BEGIN"); err != nil {
				return at, err
			}
		}
		switch {
		case starts:
			return at, nil
		case r.met == 0 && (value != nil || strings.TrimSpace(p.value) != ""):
			return at, r.over("it does not begin with BEGIN:VCARD; it is no vCard file")
		}
	}
}

// says reads a line's value to its end and reports whether the line is BEGIN:VCARD or END:VCARD.
func (r *reader) says(p *property, value *text, what string) (bool, error) {
	const word = "vcard"
	if !p.is(what) {
		return false, value.drain()
	}
	b, err := value.rest(64)
	if errors.Is(err, errLong) {
		return false, nil
	}
	return strings.EqualFold(strings.TrimSpace(string(b)), word), err
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
	depth := 1
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
			if !agent {
				b.spoil(at.line, "it has no END:VCARD")
				if again, err := r.says(p, value, "BEGIN"); err != nil || !again {
					return card{}, errors.Join(err, b.error(start))
				}
				r.begun = &at
				return card{}, b.error(start)
			}
			b.spoil(at.line, "there is a card within it")
			depth++
			err = value.drain()
		case p.is("END"):
			depth--
			err = value.drain()
		case depth > 1:
			err = value.drain()
		default:
			err = r.property(b, p, value)
		}
		if err != nil {
			return card{}, err
		}
		agent = p.is("AGENT") || agent && value == nil
	}
	c := card{version: b.version, from: start.offset, to: r.in.offset}
	if b.check(start); b.bad == "" {
		c.contact = r.contact(b)
	}
	return c, b.error(start)
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

// decode undoes a property's charset and quoted-printable. RFC 6350 knows neither, and exports of older versions
// have both.
func (p *property) decode() error {
	charset := p.get("CHARSET")
	soft, coded := false, false
	kept := p.params[:0]
	for _, q := range p.params {
		switch {
		case q.name == "CHARSET":
		case (q.name == "ENCODING" || q.name == "") && strings.EqualFold(q.value, "quoted-printable"):
			soft = true
		case (q.name == "ENCODING" || q.name == "") && (strings.EqualFold(q.value, "8bit") || strings.EqualFold(q.value, "7bit")):
		case q.isBase64() && p.isText():
			coded = true
		default:
			kept = append(kept, q)
		}
	}
	p.params = kept
	raw := []byte(p.value)
	if coded {
		b, err := io.ReadAll(decoded(bytes.NewReader(raw)))
		if err != nil {
			return errors.New("a value is not base64")
		}
		raw = b
	}
	if soft {
		b, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return errors.New("a value is not quoted-printable")
		}
		raw = b
	}
	if charset != "" && charset != "utf-8" && charset != "utf8" {
		e, err := htmlindex.Get(charset)
		if err == nil {
			raw, err = e.NewDecoder().Bytes(raw)
		}
		if err != nil {
			return errors.New("a value is written in a character set that cannot be read")
		}
	}
	if !utf8.Valid(raw) {
		return errors.New("a value is not UTF-8")
	}
	p.value = string(raw)
	if soft || coded {
		p.value = strings.NewReplacer("\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(p.value)
	}
	for _, q := range p.params {
		if !utf8.ValidString(q.value) {
			return errors.New("a property's parameter is not UTF-8")
		}
	}
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
