package mobile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"zapas/device"
	"zapas/device/internal/item"
	"zapas/device/internal/match"
)

// Sink writes items to the phone.
type Sink interface {
	// Takes reports whether the phone can hold items of a kind: one of the Kind constants.
	Takes(kind string) bool
	// Check answers what Put would, for a plan, and writes nothing. An app that cannot tell answers Written.
	Check(it *Item) (*Outcome, error)
	// Put writes an item, whole or not at all, and answers what became of it: Written, Refused or NoPlace. An error ends the
	// restore.
	Put(it *Item) (*Outcome, error)
	// Finish makes lasting what was put last.
	Finish() error
}

// Item is what a Sink is to write: by its kind, one of Contact, Message and Call is not null.
type Item struct {
	Kind string
	// Held is the app's key of a contact that the phone holds: Contact is then what that one becomes, all that is known of it
	// put together. It is empty where the item is to be added, and in a plan.
	Held string

	contact *Contact
	message *Message
	call    *Call
	open    func(item.Blob) (io.ReadCloser, error)
}

// Contact is the contact to be written.
func (i *Item) Contact() *Contact { return i.contact }

// Message is the SMS or MMS to be written.
func (i *Item) Message() *Message { return i.message }

// Call is the call to be written.
func (i *Item) Call() *Call { return i.call }

// Open reads an attachment of the item. When it fails, or what it gives does, the app lets that error out of Put.
func (i *Item) Open(a *Attachment) (*Stream, error) {
	if a == nil || len(a.Digest) != len(item.Ref{}.SHA256) {
		return nil, told(errNoArgument)
	}
	if i.open == nil {
		return nil, told(&coded{CodeUsage, errors.New("a plan opens no attachments")})
	}
	in, err := i.open(item.Blob{SHA256: [32]byte(a.Digest), Size: a.Size})
	if err != nil {
		return nil, told(err)
	}
	return &Stream{in: in, left: a.Size}, nil
}

// Stream is an attachment that an app reads: as long as Left is above 0, Read answers something.
type Stream struct {
	in   io.ReadCloser
	left int64
}

// Left is how many bytes have not been read yet.
func (s *Stream) Left() int64 { return s.left }

// Read answers the next bytes, at least one and at most n. The last of them are answered only if all are what they were.
func (s *Stream) Read(n int) ([]byte, error) {
	if n <= 0 || s.in == nil || s.left == 0 {
		return nil, told(&coded{CodeUsage, fmt.Errorf("%d bytes are asked for and %d are left", n, s.left)})
	}
	b := make([]byte, min(int64(n), s.left, 1<<20))
	if _, err := io.ReadFull(s.in, b); err != nil {
		return nil, told(err)
	}
	if s.left -= int64(len(b)); s.left > 0 {
		return b, nil
	}
	// Bytes are good only when they end with io.EOF.
	switch n, err := io.ReadFull(s.in, make([]byte, 1)); {
	case n > 0:
		return nil, told(errors.New("an attachment is longer than it should be"))
	case !errors.Is(err, io.EOF):
		return nil, told(err)
	}
	return b, nil
}

// Close ends the reading.
func (s *Stream) Close() error {
	if s.in == nil {
		return nil
	}
	return told(s.in.Close())
}

// sink is the app's Sink and Source as package device wants them, for one restore or a plan of one.
type sink struct {
	app  Sink
	from *source
}

var (
	_ device.Sink   = &sink{}
	_ device.Target = &sink{}
)

func newSink(ctx context.Context, from Source, to Sink, r *Restore) *sink {
	return &sink{app: to, from: newSource(ctx, from, r.region, r.elements())}
}

func (s *sink) Takes(kind item.Kind) bool { return s.app.Takes(kind.String()) }

func (s *sink) Existing() iter.Seq2[item.Item, error] { return s.from.Items() }

func (s *sink) Refuses(it item.Item) error { return outcome(s.app.Check(itemOf(it, "", nil))) }

func (s *sink) Insert(it item.Item, open func(item.Blob) (io.ReadCloser, error)) error {
	return outcome(s.app.Put(itemOf(it, "", open)))
}

func (s *sink) Merge(at int, c *item.Contact, open func(item.Blob) (io.ReadCloser, error)) (changed bool, err error) {
	if at < 0 || at >= len(s.from.contacts) {
		return false, fmt.Errorf("the phone has shown no contact %d", at)
	}
	held := &s.from.contacts[at]
	merged, changed := match.Merge(held.contact, c)
	if !changed {
		return false, nil
	}
	here := func(b item.Blob) (io.ReadCloser, error) {
		if _, ok := s.from.keys[b.SHA256]; ok {
			return s.from.OpenBlob(b)
		}
		return open(b)
	}
	if err := outcome(s.app.Put(itemOf(merged, held.key, here))); err != nil {
		return false, err
	}
	held.contact = merged
	return true, nil
}

func (s *sink) Finish() error { return app(s.app.Finish()) }

func itemOf(it item.Item, held string, open func(item.Blob) (io.ReadCloser, error)) *Item {
	out := &Item{Kind: it.Kind().String(), Held: held, open: open}
	switch it := it.(type) {
	case *item.Contact:
		out.contact = contactOf(it)
	case *item.SMS:
		out.message = smsOf(it)
	case *item.MMS:
		out.message = mmsOf(it)
	case *item.Call:
		out.call = callOf(it)
	}
	return out
}

// outcome is what package device makes of an app's answer.
func outcome(o *Outcome, err error) error {
	switch {
	case err != nil:
		return app(err)
	case o == nil:
		return app(errors.New("a Sink has answered null in the place of an Outcome"))
	}
	return o.err
}
