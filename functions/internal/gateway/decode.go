package gateway

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"zapas/shared/fault"
)

// maxDepth is how deep objects and arrays may stand in each other; the contract's bodies need 4.
const maxDepth = 8

// decode reads a body that must be exactly what In says: nothing that In does not have, nothing missing that In asks for,
// nothing twice, nothing that the reader would have to guess. In stays untouched unless all is well.
func decode[In any](r Request, in *In) error {
	if err := isJSON(r); err != nil {
		return err
	}
	if err := wellFormed(r.Body); err != nil {
		return err
	}
	if err := shaped(r.Body, reflect.TypeFor[In]()); err != nil {
		return err
	}
	var out In
	if err := json.Unmarshal(r.Body, &out, json.RejectUnknownMembers(true)); err != nil {
		return fault.Wrap(err, fault.Invalid, "invalid", "The body is not what this operation takes.")
	}
	*in = out
	return nil
}

func isJSON(r Request) error {
	kind, parameters, err := mime.ParseMediaType(r.mediaType)
	charset, given := parameters["charset"]
	switch {
	case r.encoding != "" && !strings.EqualFold(r.encoding, "identity"):
		return fault.New(fault.Unsupported, "media_type", "Content-Encoding: bodies are taken as they are; send it uncompressed.")
	case err != nil || kind != "application/json" || given && !strings.EqualFold(charset, "utf-8"):
		return fault.New(fault.Unsupported, "media_type", "Content-Type: it must be application/json.")
	}
	return nil
}

// wellFormed holds a body against JSON itself (RFC 8259, and RFC 7493 for names that stand there twice and for what is no
// UTF-8), and against what no type of the contract has: null, U+0000, depth.
func wellFormed(body []byte) error {
	if len(body) == 0 {
		return fault.New(fault.Invalid, "invalid", "The body is empty; it must be a JSON object.")
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(body))
	for ended := false; ; ended = d.StackDepth() == 0 {
		token, err := d.ReadToken()
		switch {
		case ended && errors.Is(err, io.EOF):
			return nil
		case ended:
			return fault.New(fault.Invalid, "malformed", "The body goes on after its end; send one JSON object.")
		case err != nil:
			return malformed(err)
		case d.StackDepth() > maxDepth:
			return wrong(d.StackPointer(), "malformed", "it stands deeper than 8 objects and arrays")
		case token.Kind() == 'n':
			return wrong(d.StackPointer(), "type", "it must not be null; leave it out")
		case token.Kind() == '"' && strings.ContainsRune(token.String(), 0):
			return wrong(d.StackPointer(), "invalid", "it has the character U+0000")
		}
	}
}

func malformed(err error) error {
	at, why := jsontext.Pointer(""), err
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at, why = s.JSONPointer, s.Err
	}
	if errors.Is(why, jsontext.ErrDuplicateName) {
		return wrong(at, "duplicate", "it stands there twice")
	}
	return wrong(at, "malformed", "it is no JSON: "+why.Error())
}

// wrong is one wrong member; the whole body has no pointer.
func wrong(at jsontext.Pointer, code, detail string) error {
	if at == "" {
		return fault.New(fault.Invalid, code, "The body: %s.", detail)
	}
	return fault.Fields([]fault.Field{{Pointer: short(string(at)), Code: code, Detail: detail}})
}

// short keeps what a caller wrote from filling the answer to him.
func short(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
