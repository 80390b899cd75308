package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"

	"zapas/device"
	"zapas/device/android"
	"zapas/device/internal/item"
)

// export is an XML file of messages in the place of a phone's own.
type export struct{ *android.Export }

var _ device.Source = export{}

// Coverage: the format holds messages and nothing else.
func (export) Coverage(element string) string {
	if element == "messages" {
		return device.Full
	}
	return device.Unavailable
}

// coverage is what check-in is told.
func (e export) coverage() map[string]string {
	out := map[string]string{}
	for _, element := range []string{"contacts", "messages", "calls"} {
		out[element] = e.Coverage(element)
	}
	return out
}

// Items accounts for messages that cannot be read, for those behind a place where the file breaks off or that it does
// not hold though it says so (as many as the file itself says that it should hold), and for elements that mean nothing to
// us and may be messages all the same.
func (e export) Items() iter.Seq2[item.Item, error] {
	return func(yield func(item.Item, error) bool) {
		met, cut := 0, false
		for it, err := range e.Export.Items() {
			_, cut = errors.AsType[*android.BadFile](err)
			if !yield(it, e.unreadable(err, met)) {
				return
			}
			met++
		}
		for _, gap := range e.gaps(cut) {
			if !yield(nil, gap) {
				return
			}
		}
	}
}

// gaps are what a reading came to its end without. Of a file that breaks off, unreadable has told already what is missing.
func (e export) gaps(cut bool) (gaps []error) {
	n := e.Notes()
	if missing := n.Declared - n.Messages - n.Foreign; missing > 0 && !cut {
		gaps = append(gaps, &device.Unreadable{Kind: item.KindSMS, Count: int64(missing), Reason: "missing_from_file",
			Err: fmt.Errorf("the export says that it holds %d messages and holds %d: export the phone's messages again", n.Declared, n.Messages)})
	}
	if n.Unknown > 0 {
		gaps = append(gaps, &device.Unreadable{Kind: item.KindSMS, Count: int64(n.Unknown), Reason: "unknown_element",
			Err: fmt.Errorf("the element at byte %d (line %d) is none of the format, or not where the format has it", n.Passed.Offset, n.Passed.Line)})
	}
	return gaps
}

// unreadable turns an error of the file, after so many messages, into one that the ledger knows. A file of which nothing
// can be read is no phone that has lost everything, but the wrong file.
func (e export) unreadable(err error, met int) error {
	if bad, ok := errors.AsType[*android.BadItem](err); ok {
		return &device.Unreadable{Kind: bad.Kind, Count: 1, Reason: "malformed", Err: err}
	}
	bad, ok := errors.AsType[*android.BadFile](err)
	if !ok || bad.Err != nil || met == 0 {
		return err
	}
	n := e.Notes()
	lost := max(1, n.Declared-met-n.Foreign)
	return &device.Unreadable{Kind: item.KindSMS, Count: int64(lost), Reason: "file_cut_off", Err: err}
}

// target is an XML file that messages are added to.
type target struct{ *android.Writer }

var _ device.Sink = target{}

func (target) Takes(kind item.Kind) bool { return kind == item.KindSMS || kind == item.KindMMS }

func (t target) Existing() iter.Seq2[item.Item, error] {
	return func(yield func(item.Item, error) bool) {
		for it, err := range t.Writer.Existing() {
			if bad, ok := errors.AsType[*android.BadItem](err); ok {
				err = &device.Unreadable{Kind: bad.Kind, Count: 1, Reason: "malformed", Err: bad}
			}
			if !yield(it, err) {
				return
			}
		}
	}
}

func (t target) Insert(it item.Item, open func(item.Blob) (io.ReadCloser, error)) error {
	err := t.Put(it, open)
	if _, disk := errors.AsType[*fs.PathError](err); err == nil || disk {
		return err
	}
	return &device.Unwritable{Reason: "not_writable", Err: err}
}

func (t target) Finish() error { return t.Commit() }

func openExport(path, region string) (export, error) {
	e, err := android.Open(path, android.Options{Region: region})
	if err != nil {
		return export{}, fmt.Errorf("open the export: %w", err)
	}
	return export{e}, nil
}
