package android

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"zapas/device/android/internal/markup"
	"zapas/device/internal/item"
)

// reader reads a file once, message by message.
type reader struct {
	e         *Export
	s         *markup.Scanner
	notes     Notes
	frame     frame
	inside    bool         // the root's start tag was read
	closed    bool         // and its end tag
	kind      item.Kind    // of the element directly within the root that is read
	at        markup.Place // where it begins
	before    Notes        // as they were there
	swallowed mark         // the first message within it
	el, child element
	spent     int    // bytes of the current message that are kept in memory
	inline    []byte // a part's text, and one byte more
	base64    *markup.Base64
	addresses map[string]item.Address
}

// mark is a place to go back to, and what was mended before it.
type mark struct {
	at     markup.Place
	mended markup.Mended
}

// maxAddresses bounds the cache of parsed addresses; parsing one costs more than a whole message.
const maxAddresses = 1 << 14

func newReader(e *Export) *reader {
	return &reader{
		e: e, s: markup.NewScanner(io.NewSectionReader(e.file, 0, e.size)), notes: Notes{Declared: -1},
		inline: make([]byte, item.MaxInlineText+1), base64: markup.NewBase64(nil), addresses: map[string]item.Address{},
	}
}

// next gives the next message, a *BadItem for one that cannot be read, a *BadFile for a place behind
// which nothing can, and io.EOF at the end of a whole file.
func (r *reader) next() (item.Item, error) {
	it, err := r.message()
	var bad *BadItem
	if err == nil || errors.As(err, &bad) {
		r.notes.Messages++
		return it, err
	}
	if errors.Is(err, io.EOF) {
		return nil, err
	}
	return nil, r.over(err)
}

// over makes an error the last of a reading.
func (r *reader) over(err error) error {
	file := r.fault(err)
	var wrong markup.SyntaxError
	if !errors.As(err, &wrong) {
		return file
	}
	file.Err = nil
	return r.recover(wrong, file)
}

func (r *reader) fault(err error) *BadFile {
	at := r.s.Place()
	return &BadFile{Path: r.e.path, Offset: at.Offset, Line: at.Line, Reason: err.Error(), Read: r.notes.Messages, Err: err}
}

// recover goes on behind a message whose markup is broken, which then costs only itself; file is what to say if there is
// nothing to go on with. An element that is not closed swallows the messages behind it: there, the first of them is next.
func (r *reader) recover(wrong markup.SyntaxError, file *BadFile) error {
	swallowed := r.swallowed.at.Offset > 0
	if !r.inside || r.closed || wrong.CutOff() && !swallowed {
		return file
	}
	if at := r.swallowed.at; swallowed {
		r.s.Rewind(io.NewSectionReader(r.e.file, at.Offset, r.e.size-at.Offset), at, r.swallowed.mended)
	}
	if err := r.s.Resume(r.expected()...); err != nil {
		if !errors.As(err, &wrong) {
			file.Reason, file.Err = err.Error(), err
		}
		return file
	}
	r.notes = r.before
	r.notes.Messages++
	return &BadItem{Kind: r.kind, Offset: r.at.Offset, Line: r.at.Line, Reason: wrong.Error(), Broken: true}
}

// expected are the elements that stand for an item in this file.
func (r *reader) expected() []string {
	if r.frame.name == rootCalls {
		return []string{"call"}
	}
	return []string{"sms", "mms"}
}

// firstKind is the kind of an item in a file with this root, until its element says more.
func firstKind(root string) item.Kind {
	if root == rootCalls {
		return item.KindCall
	}
	return item.KindSMS
}

func (r *reader) message() (item.Item, error) {
	if !r.inside {
		if err := r.readRoot(); err != nil {
			return nil, err
		}
		r.inside = true
	}
	for {
		name, start, at, err := r.s.Next()
		r.kind, r.at, r.before, r.swallowed = firstKind(r.frame.name), at, r.notes, mark{}
		switch {
		case err != nil:
			return nil, err
		case !start:
			r.closed = true
			r.frame.end = at.Offset
		case r.closed:
			return nil, markup.Syntax("an element behind the end of the file's root")
		case r.frame.name == rootCalls && name == "call":
			return r.call(at)
		case r.frame.name == rootCalls:
			r.notes.Foreign++
			if err := r.pass(at); err != nil {
				return nil, err
			}
		case name == "sms":
			return r.sms(at)
		case name == "mms":
			r.kind = item.KindMMS
			return r.mms(at)
		default:
			r.notes.Foreign++
			if err := r.pass(at); err != nil {
				return nil, err
			}
		}
	}
}

// step is the scanner's Next within an element; it remembers the first message in there.
func (r *reader) step() (start bool, at markup.Place, err error) {
	mended := r.s.Mended()
	name, start, at, err := r.s.Next()
	if start && r.swallowed.at.Offset == 0 && slices.Contains(r.expected(), name) {
		r.swallowed = mark{at, mended}
	}
	return start, at, err
}

// pass goes over an element that means nothing to us.
func (r *reader) pass(at markup.Place) error {
	if r.notes.Unknown == 0 {
		r.notes.Passed = at
	}
	r.notes.Unknown++
	depth := len(r.s.Path())
	for {
		if _, _, err := r.step(); err != nil {
			return err
		}
		if len(r.s.Path()) < depth {
			return nil
		}
	}
}

func (r *reader) readRoot() error {
	if err := r.s.Begin(); err != nil {
		return err
	}
	name, start, at, err := r.s.Next()
	if errors.Is(err, io.EOF) {
		return markup.Syntax("there is neither <smses> nor <calls> in it; it is not an export of messages or calls")
	}
	if err != nil {
		return err
	}
	if !start || name != rootMessages && name != rootCalls {
		return markup.Syntax("its first element is neither <smses> nor <calls>; it is not an export of messages or calls")
	}
	r.frame.name = name
	r.frame.root = at.Offset
	r.el.reset(at)
	if err := r.attributes(&r.el, nil); err != nil {
		return err
	}
	r.frame.open = r.s.Place().Offset
	r.frame.empty = len(r.s.Path()) > 1
	if n, ok := r.el.number("count"); ok && n >= 0 && n <= maxDeclared {
		r.notes.Declared = int(n)
	}
	var attrs strings.Builder
	for _, a := range r.el.attrs {
		if a.name != "count" {
			fmt.Fprintf(&attrs, ` %s="%s"`, a.name, escaped(string(r.el.buf[a.lo:a.hi])))
		}
	}
	r.frame.attrs = attrs.String()
	if r.el.bad != "" {
		return markup.Syntax("in its first element, %s", r.el.bad)
	}
	return nil
}

// attributes reads all attributes of the current start tag; stream may take a value for itself.
func (r *reader) attributes(el *element, stream func(name string, v *markup.Value) (bool, error)) error {
	before := r.spent
	for {
		v, name, err := r.s.Attr()
		if err != nil {
			return err
		}
		if v == nil {
			r.spent = before + len(el.buf)
			return nil
		}
		if stream != nil {
			taken, err := stream(name, v)
			if err != nil {
				return err
			}
			if taken {
				continue
			}
		}
		if err := el.read(name, v, item.MaxEncoded-before); err != nil {
			return err
		}
	}
}

func (r *reader) address(raw string) item.Address {
	a, ok := r.addresses[raw]
	if !ok {
		a = item.ParseAddress(raw, r.e.options.regions()...)
		if len(r.addresses) < maxAddresses {
			r.addresses[raw] = a
		}
	}
	return a
}

// sms reads the element whose start tag was just entered.
func (r *reader) sms(at markup.Place) (item.Item, error) {
	r.spent = 0
	el := &r.el
	el.reset(at)
	if err := r.attributes(el, nil); err != nil {
		return nil, err
	}
	if err := r.finish(); err != nil {
		return nil, err
	}
	box := el.need("type")
	if box < int64(item.Inbox) || box > int64(item.Queued) {
		el.spoil("its type is none of 1 to 6")
	}
	m := &item.SMS{Body: el.message("body"), ServiceCenter: el.text("service_center")}
	m.Message = item.Message{
		Box: item.Box(box), Date: el.need("date"), DateSent: el.optional("date_sent"), Unit: item.Millisecond,
		Read: el.flag("read"), Seen: el.flag("seen"), Locked: el.flag("locked"), Subject: el.text("subject"),
	}
	if peer := el.text("address"); peer != "" {
		m.Peers = []item.Address{r.address(peer)}
	}
	m.Protocol, m.ErrorCode = el.optional("protocol"), el.optional("error_code")
	if a := el.find("status"); a != nil {
		m.Delivery, a.used = delivery(string(el.buf[a.lo:a.hi]))
	}
	m.Extras = el.extras(extrasSMS)
	if el.bad != "" {
		return nil, &BadItem{Kind: item.KindSMS, Offset: at.Offset, Line: at.Line, Reason: el.bad}
	}
	return m, nil
}

// finish passes over what is within a message's element up to its end.
func (r *reader) finish() error {
	for len(r.s.Path()) > 1 {
		start, at, err := r.step()
		if err != nil {
			return err
		}
		if start {
			if err := r.pass(at); err != nil {
				return err
			}
		}
	}
	return nil
}

func delivery(status string) (item.Delivery, bool) {
	switch status {
	case "-1":
		return item.DeliveryNone, true
	case "0":
		return item.DeliveryComplete, true
	case "32":
		return item.DeliveryPending, true
	case "64":
		return item.DeliveryFailed, true
	}
	return item.DeliveryNone, false
}
