package android

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"zapas/device/android/internal/markup"
	"zapas/device/internal/item"
)

// element is one element's attributes.
type element struct {
	at    markup.Place
	attrs []attr
	buf   []byte // the values, one after the other
	bad   string // the first reason why the message cannot be used

	key    []byte                 // working space
	shared map[string]item.Extras // by what they are
}

type attr struct {
	name   string
	lo, hi int  // in buf
	null   bool // absent
	used   bool // a field stands for it
}

const maxAttrs = 256

func (el *element) reset(at markup.Place) {
	*el = element{at: at, attrs: el.attrs[:0], buf: el.buf[:0], key: el.key, shared: el.shared}
}

func (el *element) spoil(format string, args ...any) {
	if el.bad == "" {
		el.bad = fmt.Sprintf(format, args...)
	}
}

// read takes one value into the element, as long as there is room for it.
func (el *element) read(name string, v *markup.Value, room int) error {
	for i := range el.attrs {
		if el.attrs[i].name == name {
			el.spoil("it has %s twice", called(name))
		}
	}
	if len(el.attrs) == maxAttrs {
		el.spoil("it has more than %d attributes", maxAttrs)
		el.attrs = el.attrs[:0]
	}
	a := attr{name: name, lo: len(el.buf), null: v.Null()}
	for {
		b, err := v.Next()
		if err != nil {
			return err
		}
		if len(b) == 0 {
			break
		}
		if el.buf = append(el.buf, b...); len(el.buf) > room {
			el.spoil("it is larger than %d bytes", item.MaxEncoded)
			el.buf = el.buf[:a.lo]
		}
	}
	if v.Bad() != "" {
		el.spoil("%s has %s", called(name), v.Bad())
	}
	a.hi = len(el.buf)
	el.attrs = append(el.attrs, a)
	return nil
}

// called is how an error speaks of an attribute: by its name only if that is one of ours, since in a damaged file the
// words of a message stand where names should.
func called(name string) string {
	switch name {
	case "block_reason", "countryiso", "data_usage", "duration", "features", "geocoded_location", "is_read", "missed_reason", "new", "number",
		"post_dial_digits", "presentation", "subscription_component_name", "subscription_id", "via_number",
		"address", "backup_date", "backup_set", "body", "chset", "charset", "cid", "cl", "contact_name", "count", "ct", "ct_l", "d_rpt", "data",
		"date", "date_sent", "error_code", "fn", "locked", "m_id", "m_type", "msg_box", "name", "pri", "protocol", "read", "readable_date",
		"rr", "seen", "seq", "service_center", "status", "sub", "sub_cs", "subject", "text", "tr_id", "type":
		return "the attribute " + name
	}
	return "an attribute"
}

func (el *element) find(name string) *attr {
	for i := range el.attrs {
		if el.attrs[i].name == name {
			return &el.attrs[i]
		}
	}
	return nil
}

// text takes an attribute; an absent one is empty.
func (el *element) text(name string) string {
	a := el.find(name)
	if a == nil {
		return ""
	}
	a.used = true
	if a.null {
		return ""
	}
	return string(el.buf[a.lo:a.hi])
}

// message takes an attribute of what a person wrote. There, null is the word: a message that says
// null and one without a text look alike in this format, and only this reading loses nothing.
func (el *element) message(name string) string {
	if a := el.find(name); a != nil {
		a.null = false
	}
	return el.text(name)
}

// number takes a whole number; what is none stays for the extras.
func (el *element) number(name string) (n int64, ok bool) {
	a := el.find(name)
	if a == nil || a.null {
		return 0, false
	}
	n, err := strconv.ParseInt(string(el.buf[a.lo:a.hi]), 10, 64)
	if err != nil {
		return 0, false
	}
	a.used = true
	return n, true
}

// optional is number for an attribute whose absence is as good as 0.
func (el *element) optional(name string) int64 {
	n, _ := el.number(name)
	return n
}

// need takes a number without which the message cannot be used.
func (el *element) need(name string) int64 {
	n, ok := el.number(name)
	if !ok {
		if a := el.find(name); a == nil || a.null {
			el.spoil("it has no %s", name)
		} else {
			el.spoil("its %s is not a number", name)
		}
	}
	return n
}

// flag takes 0 or 1; anything else stays for the extras.
func (el *element) flag(name string) bool {
	a := el.find(name)
	if a == nil || a.null || a.hi-a.lo != 1 || el.buf[a.lo]|1 != '1' {
		return false
	}
	a.used = true
	return el.buf[a.lo] == '1'
}

const (
	maxShared    = 256 // extras that are known at a time
	maxSharedKey = 256 // bytes of one of them
)

// extras are the attributes that were not taken. They are few that come again and again, such as the number of a card: items share
// them, since none is changed after it was handed on.
func (el *element) extras(space string) item.Extras {
	el.key = append(el.key[:0], space...)
	n := 0
	for i := range el.attrs {
		if a := &el.attrs[i]; a.kept() {
			n++
			el.key = append(binary.AppendUvarint(el.key, uint64(len(a.name))), a.name...)
			el.key = append(binary.AppendUvarint(el.key, uint64(a.hi-a.lo)), el.buf[a.lo:a.hi]...)
		}
	}
	if n == 0 {
		return nil
	}
	if x, ok := el.shared[string(el.key)]; ok {
		return x
	}
	kept := make(map[string]string, n)
	for i := range el.attrs {
		if a := &el.attrs[i]; a.kept() {
			kept[a.name] = string(el.buf[a.lo:a.hi])
		}
	}
	x := item.Extras{space: kept}
	if len(el.shared) < maxShared && len(el.key) <= maxSharedKey {
		if el.shared == nil {
			el.shared = map[string]item.Extras{}
		}
		el.shared[string(el.key)] = x
	}
	return x
}

// kept says that nothing else stands for the attribute. Two are never kept: the app derives them from the phone's language and
// contacts, and they would make a message look edited when those change.
func (a *attr) kept() bool {
	return !a.used && !a.null && a.name != "readable_date" && a.name != "contact_name"
}
