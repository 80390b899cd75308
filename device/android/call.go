package android

import (
	"bufio"
	"errors"
	"strconv"

	"zapas/device/android/internal/markup"
	"zapas/device/internal/item"
)

// ErrVoicemail is wrapped by the error of Put for a message on an answering machine: its line in the call log is
// worth nothing without it, and no app but the telephone's own may put it back.
var ErrVoicemail = errors.New("a voicemail cannot be put into a call log")

// call reads the element whose start tag was just entered.
func (r *reader) call(at markup.Place) (item.Item, error) {
	r.spent = 0
	el := &r.el
	el.reset(at)
	if err := r.attributes(el, nil); err != nil {
		return nil, err
	}
	if err := r.finish(); err != nil {
		return nil, err
	}
	kind := el.need("type")
	if kind < int64(item.Incoming) || kind > int64(item.AnsweredElsewhere) {
		el.spoil("its type is none of 1 to 7")
	}
	c := &item.Call{
		Type: item.CallType(kind), Date: el.need("date"), Unit: item.Millisecond, Read: el.flag("is_read"), New: el.flag("new"), Features: el.optional("features"),
		PostDial: el.text("post_dial_digits"), ViaNumber: el.text("via_number"), Line: el.text("subscription_id"), LineOf: el.text("subscription_component_name"),
		Country: el.text("countryiso"), Place: el.text("geocoded_location"), BlockReason: el.optional("block_reason"), MissedReason: el.optional("missed_reason"),
		DataUsage: el.optional("data_usage"),
	}
	c.Duration = el.within("duration", 0, 1<<40)
	c.Presentation = item.Presentation(el.within("presentation", int64(item.Allowed), int64(item.Unavailable)))
	c.Address = r.caller(el.text("number"), c.Presentation)
	c.Extras = el.extras(extrasCall)
	if el.bad != "" {
		return nil, &BadItem{Kind: item.KindCall, Offset: at.Offset, Line: at.Line, Reason: el.bad}
	}
	return c, nil
}

func (r *reader) caller(raw string, p item.Presentation) item.Address {
	if p > item.Allowed {
		return item.ParseCaller(raw, p)
	}
	return r.address(raw)
}

// within takes a number from low to high; any other stays for the extras.
func (el *element) within(name string, low, high int64) int64 {
	n, ok := el.number(name)
	if ok && (n < low || n > high) {
		el.find(name).used = false
		return 0
	}
	return n
}

func encodeCall(w *bufio.Writer, c *item.Call) error {
	if c.Type == item.Voicemail {
		return ErrVoicemail
	}
	t := begin(w, "call", c.Extras[extrasCall])
	t.always("number", c.Address.Raw)
	t.number("duration", c.Duration)
	t.always("date", strconv.FormatInt(c.Date, 10))
	t.always("type", strconv.Itoa(int(c.Type)))
	t.optional("presentation", int64(c.Presentation))
	t.text("subscription_id", c.Line)
	t.text("post_dial_digits", c.PostDial)
	t.text("subscription_component_name", c.LineOf)
	if c.Read {
		t.flag("is_read", true)
	}
	if c.New {
		t.flag("new", true)
	}
	t.optional("features", c.Features)
	t.text("via_number", c.ViaNumber)
	t.text("countryiso", c.Country)
	t.text("geocoded_location", c.Place)
	t.optional("block_reason", c.BlockReason)
	t.optional("missed_reason", c.MissedReason)
	t.optional("data_usage", c.DataUsage)
	if err := t.rest(); err != nil {
		return err
	}
	w.WriteString(" />\n")
	return nil
}
