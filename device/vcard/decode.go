package vcard

import (
	"bytes"
	"errors"
	"io"
	"mime/quotedprintable"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"
)

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
		if err != nil || !isQuoted(raw) {
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

// isQuoted says that each = stands before two hexadecimal digits or a line's end (RFC 2045, 6.7). The decoder takes any other
// for text, which nobody can say that it is.
func isQuoted(raw []byte) bool {
	for {
		_, rest, ok := bytes.Cut(raw, []byte{'='})
		if !ok {
			return true
		}
		if len(rest) > 1 && isHex(rest[0]) && isHex(rest[1]) {
			rest = rest[2:]
		} else if end := bytes.TrimLeft(rest, " \t\r"); len(end) > 0 && end[0] != '\n' {
			return false
		}
		raw = rest
	}
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }
