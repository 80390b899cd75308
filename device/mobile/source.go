package mobile

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"

	"zapas/device"
	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
)

// Source is what the phone holds. The same object serves backups and restores, which ask what is there already.
type Source interface {
	// Coverage says how much of an element the app can see: one of the Coverage constants.
	Coverage(element string) string
	// List adds all items of an element to into, from the first one, and each time in the same order; it is called more than
	// once in a run. When an add answers false, it should return: nothing more is wanted. An item that cannot be read is added
	// as Unreadable; an error ends the run.
	List(element string, into *Items) error
	// Open reads an attachment by the key that the app gave it when it listed it.
	Open(key string) (Reader, error)
}

// Reader reads an attachment from its beginning to its end.
type Reader interface {
	// Read answers the next bytes, at most n; none at the end.
	Read(n int) ([]byte, error)
	Close() error
}

var errNull = errors.New("the app has added a null")

// Items takes what a Source lists. It is of use only within the call of List that it was handed to.
type Items struct {
	// Region is the country by which national telephone numbers are read, as PL (ISO 3166 alpha-2): the profile's, unless
	// the app sets that of the SIM card.
	Region string

	mu      sync.Mutex
	ended   bool
	element string
	source  *source
	yield   func(item.Item, error) bool
}

// AddContact adds a contact, and answers whether more are wanted.
func (i *Items) AddContact(c *Contact) bool {
	if c == nil {
		return i.add(Contacts, errNull, nil)
	}
	return i.add(Contacts, c.check(), func() (item.Item, error) {
		it, err := c.item(i.Region, i.source.known)
		if err == nil {
			i.source.contacts = append(i.source.contacts, held{key: c.Key, contact: it})
		}
		return it, err
	})
}

// AddMessage adds an SMS or MMS, and answers whether more are wanted.
func (i *Items) AddMessage(m *Message) bool {
	if m == nil {
		return i.add(Messages, errNull, nil)
	}
	return i.add(Messages, m.check(), func() (item.Item, error) { return m.item(i.Region, i.source.known) })
}

// AddCall adds a call, and answers whether more are wanted.
func (i *Items) AddCall(c *Call) bool {
	if c == nil {
		return i.add(Calls, errNull, nil)
	}
	return i.add(Calls, nil, func() (item.Item, error) { return c.item(i.Region), nil })
}

// Unreadable adds one item that is there and cannot be read. It is counted as failed, and nothing of the element is taken for
// deleted in this run. reason is a word of a-z and _, at most 32 characters; why is a sentence that stays on the phone.
func (i *Items) Unreadable(reasonWord, why string) bool {
	if i.over() {
		return false
	}
	return i.push(nil, i.unreadable(reasonWord, errors.New(why)))
}

func (i *Items) unreadable(reasonWord string, err error) error {
	return &ledger.Unreadable{Kind: ledger.Kinds(i.element)[0], Count: 1, Reason: reason(reasonWord), Err: err}
}

// add adds what made makes, unless it is not lawful. An attachment that cannot be read costs the item, and not the run.
func (i *Items) add(element string, unlawful error, made func() (item.Item, error)) bool {
	if i.over() {
		return false
	}
	switch {
	case element != i.element:
		return i.push(nil, app(fmt.Errorf("the list was asked for %s, and has added something of %s", i.element, element)))
	case unlawful != nil:
		return i.push(nil, i.unreadable("not_lawful", unlawful))
	}
	it, err := made()
	if err != nil {
		return i.push(nil, i.unreadable("attachment_unreadable", err))
	}
	return i.push(it, nil)
}

// push hands on what was added, unless nothing more is wanted: whoever asked is gone then.
func (i *Items) push(it item.Item, err error) bool {
	if i.over() {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.ended && !i.yield(it, err) {
		i.ended = true
	}
	return !i.ended
}

func (i *Items) over() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.ended || i.yield == nil // an app can make one by itself
}

func (i *Items) end() (already bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	already, i.ended = i.ended, true
	return already
}

// source is the app's Source as package device wants it, for one run.
type source struct {
	ctx      context.Context
	app      Source
	region   string
	elements []string // that the run is about

	sums     map[string]item.Ref // of attachments, by the app's key
	keys     map[[32]byte]string // the other way
	contacts []held              // that the last listing has shown
}

// held is a contact that the phone holds.
type held struct {
	key     string
	contact *item.Contact
}

var _ device.Source = &source{}

func newSource(ctx context.Context, from Source, region string, elements []string) *source {
	return &source{ctx: ctx, app: from, region: region, elements: elements, sums: map[string]item.Ref{}, keys: map[[32]byte]string{}}
}

func (s *source) Coverage(element string) string { return s.app.Coverage(element) }

// Items lists one element after the other, those alone that the run is about and the app can see.
func (s *source) Items() iter.Seq2[item.Item, error] {
	return func(yield func(item.Item, error) bool) {
		s.contacts = nil
		for _, e := range ledger.Elements() {
			cover := s.app.Coverage(e)
			if !slices.Contains(s.elements, e) || cover == CoverageDenied || cover == CoverageUnavailable {
				continue
			}
			into := &Items{Region: s.region, element: e, source: s, yield: yield}
			err := s.app.List(e, into)
			if into.end() {
				return
			}
			if err != nil {
				yield(nil, app(fmt.Errorf("list the phone's %s: %w", e, err)))
				return
			}
		}
	}
}

func (s *source) OpenBlob(b item.Blob) (io.ReadCloser, error) {
	key, ok := s.keys[b.SHA256]
	if !ok {
		return nil, errors.New("the app has listed no such attachment")
	}
	return s.open(key)
}

func (s *source) open(key string) (io.ReadCloser, error) {
	r, err := s.app.Open(key)
	if err == nil && r == nil {
		err = errors.New("the app has opened nothing")
	}
	if err != nil {
		return nil, app(fmt.Errorf("open an attachment: %w", err))
	}
	return &reading{ctx: s.ctx, from: r}, nil
}

// known is how an attachment is named: by what the app knows of it, or else by reading it, once in a run.
func (s *source) known(a *Attachment) (item.Ref, error) {
	ref, ok := s.sums[a.Key]
	switch {
	case ok:
		return ref, nil
	case len(a.Digest) == sha256.Size:
		ref = item.Ref{SHA256: [32]byte(a.Digest), Size: a.Size}
	default:
		in, err := s.open(a.Key)
		if err != nil {
			return ref, err
		}
		sum := sha256.New()
		ref.Size, err = io.Copy(sum, in)
		if err = errors.Join(err, in.Close()); err != nil {
			return ref, err
		}
		sum.Sum(ref.SHA256[:0])
	}
	s.sums[a.Key], s.keys[ref.SHA256] = ref, a.Key
	return ref, nil
}

// reading is an app's Reader as an io.Reader, that ends with the run.
type reading struct {
	ctx  context.Context
	from Reader
}

func (r *reading) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	b, err := r.from.Read(len(p))
	switch {
	case err != nil:
		return 0, app(err)
	case len(b) == 0:
		return 0, io.EOF
	case len(b) > len(p):
		return 0, app(fmt.Errorf("a Reader was asked for %d bytes and gave %d", len(p), len(b)))
	}
	return copy(p, b), nil
}

func (r *reading) Close() error { return app(r.from.Close()) }
