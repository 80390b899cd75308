package gateway

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"zapas/shared/fault"
)

// maxWrong is how many wrong members one answer names.
const maxWrong = 20

// shaped holds a well-formed body against a type of the contract. A member is required when its field is no pointer and
// not omitempty, which is how the contract's required members are generated; a text with a method Valid is one of a list.
func shaped(body []byte, t reflect.Type) error {
	w := walk{d: jsontext.NewDecoder(bytes.NewBuffer(body))}
	if err := w.value(t); err != nil {
		return err
	}
	if len(w.wrong) == 1 && w.wrong[0].Pointer == "" {
		return fault.New(fault.Invalid, "invalid", "The body: %s.", w.wrong[0].Detail)
	}
	return fault.Fields(w.wrong)
}

type walk struct {
	d     *jsontext.Decoder
	wrong []fault.Field
}

func (w *walk) add(at jsontext.Pointer, code, detail string) {
	if len(w.wrong) < maxWrong {
		w.wrong = append(w.wrong, fault.Field{Pointer: short(string(at)), Code: code, Detail: detail})
	}
}

// value reads one value that should be a t. An error is one of the reader, which a well-formed body does not cause.
func (w *walk) value(t reflect.Type) error {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[time.Time]() {
		return w.time()
	}
	kinds, name := jsonKinds(t.Kind())
	if !slices.Contains(kinds, w.d.PeekKind()) {
		err := w.d.SkipValue()
		w.add(w.d.StackPointer(), "type", "it must be "+name)
		return err
	}
	switch t.Kind() {
	case reflect.Struct:
		return w.object(t)
	case reflect.Map:
		return w.members(func(string) (reflect.Type, bool) { return t.Elem(), true })
	case reflect.Slice:
		return w.array(t.Elem())
	}
	token, err := w.d.ReadToken()
	if err != nil {
		return err
	}
	switch kinds[0] {
	case '0':
		if detail := integer(token.String(), t.Bits()); detail != "" {
			w.add(w.d.StackPointer(), "range", detail)
		}
	case '"':
		v := reflect.New(t).Elem()
		v.SetString(token.String())
		if listed, ok := v.Interface().(interface{ Valid() bool }); ok && !listed.Valid() {
			w.add(w.d.StackPointer(), "invalid", "it is none of the values that there are")
		}
	}
	return nil
}

// time reads a moment as RFC 3339 writes it.
func (w *walk) time() error {
	const detail = "it must be a time as RFC 3339 writes it, such as 2026-03-01T02:00:00Z"
	if w.d.PeekKind() != '"' {
		err := w.d.SkipValue()
		w.add(w.d.StackPointer(), "type", detail)
		return err
	}
	token, err := w.d.ReadToken()
	if err != nil {
		return err
	}
	if _, err := time.Parse(time.RFC3339, token.String()); err != nil {
		w.add(w.d.StackPointer(), "invalid", detail)
	}
	return nil
}

// jsonKinds are the kinds of JSON value that a Go kind is written as, and what people call them. The contract's bodies
// have no others, and no fractions.
func jsonKinds(k reflect.Kind) ([]jsontext.Kind, string) {
	switch k {
	case reflect.Struct, reflect.Map:
		return []jsontext.Kind{'{'}, "an object"
	case reflect.Slice:
		return []jsontext.Kind{'['}, "an array"
	case reflect.String:
		return []jsontext.Kind{'"'}, "a string"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return []jsontext.Kind{'0'}, "an integer"
	case reflect.Bool:
		return []jsontext.Kind{'t', 'f'}, "true or false"
	}
	return nil, "left out: this service cannot read it"
}

// integer says what is wrong with an integer; "" when nothing is.
func integer(text string, bits int) string {
	if text == "-0" || strings.ContainsAny(text, ".eE") {
		return "it must be an integer in plain digits"
	}
	if _, err := strconv.ParseInt(text, 10, bits); err != nil {
		return "it is too large"
	}
	return ""
}

func (w *walk) object(t reflect.Type) error {
	fields, missing := map[string]reflect.Type{}, map[string]bool{}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name] = f.Type
		if f.Type.Kind() != reflect.Pointer && options != "omitempty" {
			missing[name] = true
		}
	}
	err := w.members(func(name string) (reflect.Type, bool) {
		delete(missing, name)
		if t, ok := fields[name]; ok {
			return t, true
		}
		detail := "there is no such member here"
		for known := range fields {
			if strings.EqualFold(known, name) {
				detail = "there is no such member here; " + known + " is written so"
			}
		}
		w.add(w.d.StackPointer(), "unknown", detail)
		return nil, false
	})
	at := w.d.StackPointer() // of the object, once it has ended
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		w.add(at.AppendToken(name), "missing", "it is required")
	}
	return err
}

// members reads an object; of says what type a member has.
func (w *walk) members(of func(name string) (reflect.Type, bool)) error {
	if _, err := w.d.ReadToken(); err != nil {
		return err
	}
	for w.d.PeekKind() != '}' {
		name, err := w.d.ReadToken()
		if err != nil {
			return err
		}
		if t, ok := of(name.String()); ok {
			err = w.value(t)
		} else {
			err = w.d.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	_, err := w.d.ReadToken()
	return err
}

func (w *walk) array(t reflect.Type) error {
	if _, err := w.d.ReadToken(); err != nil {
		return err
	}
	for w.d.PeekKind() != ']' {
		if err := w.value(t); err != nil {
			return err
		}
	}
	_, err := w.d.ReadToken()
	return err
}
