package device

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/item"
	"zapas/device/internal/match"
)

// memory is a phone's content: a Source and a Sink.
type memory struct {
	items    []item.Item
	blobs    map[[32]byte][]byte
	coverage map[string]string // Full for messages, Unavailable for the rest unless said
	bad      []*Unreadable
	blank    []*Blank
	refuses  map[string]bool // bodies that Insert refuses, and names
	finished bool
}

func (m *memory) Coverage(element string) string {
	if c, ok := m.coverage[element]; ok {
		return c
	}
	if element == "messages" {
		return Full
	}
	return Unavailable
}

func (m *memory) Items() iter.Seq2[item.Item, error] {
	return func(yield func(item.Item, error) bool) {
		for _, b := range m.bad {
			if !yield(nil, b) {
				return
			}
		}
		for _, b := range m.blank {
			if !yield(nil, b) {
				return
			}
		}
		for _, it := range m.items {
			if !yield(it, nil) {
				return
			}
		}
	}
}

func (m *memory) OpenBlob(b item.Blob) (io.ReadCloser, error) {
	data, ok := m.blobs[b.SHA256]
	if !ok {
		return nil, errors.New("no such attachment")
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (m *memory) Takes(k item.Kind) bool {
	return k.Element() == "messages" || m.coverage[k.Element()] == Full
}

func (m *memory) Existing() iter.Seq2[item.Item, error] { return m.Items() }

func (m *memory) Refuses(it item.Item) error {
	if s, ok := it.(*item.SMS); ok && m.refuses[s.Body] {
		return &Unwritable{Reason: "refused_here", Err: errors.New("no")}
	}
	if c, ok := it.(*item.Contact); ok && m.refuses[c.FullName()] {
		return &Unwritable{Reason: "unsupported", Skipped: true, Err: errors.New("no")}
	}
	return nil
}

func (m *memory) Insert(it item.Item, open func(item.Blob) (io.ReadCloser, error)) error {
	if err := m.Refuses(it); err != nil {
		return err
	}
	got := map[[32]byte][]byte{}
	for _, b := range it.Blobs() {
		r, err := open(b)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := r.Close(); err != nil {
			return err
		}
		got[b.SHA256] = data
	}
	if m.blobs == nil {
		m.blobs = map[[32]byte][]byte{}
	}
	maps.Copy(m.blobs, got)
	m.items = append(m.items, it)
	return nil
}

func (m *memory) Merge(at int, more *item.Contact, open func(item.Blob) (io.ReadCloser, error)) (bool, error) {
	for i, it := range m.items {
		c, ok := it.(*item.Contact)
		if !ok {
			continue
		}
		if at--; at >= 0 {
			continue
		}
		merged, changed := match.Merge(c, more)
		if changed {
			n := len(m.items)
			if err := m.Insert(merged, func(b item.Blob) (io.ReadCloser, error) {
				if slices.ContainsFunc(c.Blobs(), func(have item.Blob) bool { return have.SHA256 == b.SHA256 }) {
					return m.OpenBlob(b)
				}
				return open(b)
			}); err != nil {
				return false, err
			}
			m.items[i], m.items = m.items[n], m.items[:n]
		}
		return changed, nil
	}
	return false, errors.New("no such contact")
}

func (m *memory) Finish() error { m.finished = true; return nil }

func (m *memory) clone() *memory {
	return &memory{items: slices.Clone(m.items), blobs: maps.Clone(m.blobs), coverage: maps.Clone(m.coverage)}
}

func sms(n int, body string) *item.SMS {
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() + int64(n)*60_000
	return &item.SMS{Message: item.Message{Box: item.Inbox, Date: at, DateSent: at - 2000, Unit: item.Millisecond,
		Peers: []item.Address{item.ParseAddress(fmt.Sprintf("+4860010%04d", n%50))}}, Body: body}
}

// mms adds a message with attachments to m.
func (m *memory) mms(n int, attachments ...[]byte) {
	it := &item.MMS{Message: item.Message{Box: item.Sent, Date: int64(1_700_000_000_000) + int64(n)*1000, Unit: item.Millisecond,
		Peers: []item.Address{item.ParseAddress("+48600100200")}}, Type: item.SendRequest}
	for i, a := range attachments {
		sum := sha256.Sum256(a)
		it.Parts = append(it.Parts, item.Part{Seq: int64(i), ContentType: "image/jpeg", Blob: &item.Ref{SHA256: sum, Size: int64(len(a))}})
		if m.blobs == nil {
			m.blobs = map[[32]byte][]byte{}
		}
		m.blobs[sum] = a
	}
	m.items = append(m.items, it)
}

// received is an MMS with the network's message id; without a text it is only announced.
func received(id, text string) *item.MMS {
	it := &item.MMS{Message: item.Message{Box: item.Inbox, Date: 1_700_000_000_000, Unit: item.Second,
		Peers: []item.Address{item.ParseAddress("+48600100200")}}, Type: item.Notification, MessageID: id}
	if text != "" {
		it.Type, it.Parts = item.Retrieved, []item.Part{{ContentType: "text/plain", Text: text}}
	}
	return it
}

func noise(seed uint64, n int) []byte {
	var s [32]byte
	s[0], s[1] = byte(seed), byte(seed>>8)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(s).Read(b)
	return b
}

// demo is a phone with messages of both kinds, mixed, one pair of true repeats, and attachments.
func demo() *memory {
	m := new(memory)
	for i := range 60 {
		m.items = append(m.items, sms(i, fmt.Sprintf("message %d", i)))
		if i%20 == 7 {
			m.mms(i, noise(uint64(i), 30_000), noise(200, 500))
		}
	}
	m.items = append(m.items, sms(3, "message 3"))
	return m
}

// day is demo one day later: two new messages, one with a new attachment, one edited, two deleted.
func day(m *memory) *memory {
	d := m.clone()
	d.items = slices.Delete(d.items, 10, 12)
	edited := *d.items[0].(*item.SMS)
	edited.Read = true
	d.items[0] = &edited
	d.items = append(d.items, sms(1000, "new"))
	d.mms(1001, noise(77, 4000))
	return d
}

type phone struct {
	*Device
	key    phoneKey
	dir    string
	random *rand.ChaCha8
	steps  []Progress // of the last run that a helper began
}

// enrolled is a phone that is a device of the service.
func enrolled(t *testing.T, s *service, seed byte) *phone {
	t.Helper()
	p := &phone{key: newPhoneKey(t), dir: t.TempDir(), random: rand.NewChaCha8([32]byte{seed})}
	p.open(t, s)
	if _, err := p.Enrol(t.Context(), Enrolment{Server: "https://zapas.test/v1/", Code: "GOOD-CODE", Platform: "android", Label: "Phone"}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *phone) open(t *testing.T, s *service) {
	t.Helper()
	d, err := Open(Config{Dir: p.dir, Signer: p.key, AppVersion: "test", Transport: s, Now: func() time.Time { return s.now },
		Random: p.random, Progress: func(s Progress) { p.steps = append(p.steps, s) }, Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
	if err != nil {
		t.Fatal(err)
	}
	p.Device = d
	t.Cleanup(func() { _ = d.Close() })
}

// restart ends the process and begins another.
func (p *phone) restart(t *testing.T, s *service) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p.open(t, s)
}

func (p *phone) backUp(t *testing.T, src Source) Report {
	t.Helper()
	p.steps = nil
	r, err := p.Backup(t.Context(), src, profileOf(p.config.Transport.(*service).location))
	if err != nil {
		t.Fatal(err)
	}
	for element, l := range r.Ledger {
		if l.Seen != l.Stored+l.Already+l.Excluded+l.Failed {
			t.Errorf("ledger of %s does not balance: %+v", element, l)
		}
		if at := p.step(element, Reading); !r.Resumed && (at.Done != l.Seen || at.State != Ended) {
			t.Errorf("of %s there is told %+v, and %d were seen", element, at, l.Seen)
		}
	}
	p.addUp(t)
	return r
}

// restored is what another phone of the user gets of a snapshot.
func restored(t *testing.T, s *service, snapshot string, into *memory, elements ...string) RestoreReport {
	t.Helper()
	p := enrolled(t, s, 99)
	if len(elements) == 0 {
		elements = []string{"messages"}
	}
	r, err := p.Restore(t.Context(), s.consent(t, snapshot, p.id.Device, elements...), into, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Failures) > 0 {
		t.Logf("failures: %+v", r.Failures)
	}
	for element, l := range r.Ledger {
		if l.Planned != l.Inserted+l.Duplicate+l.Merged+l.Skipped+l.Failed {
			t.Errorf("ledger of %s does not balance: %+v", element, l)
		}
		if at := p.step(element, Writing); at.State == Ended && (at.Done != l.Planned || at.Failed != l.Failed) {
			t.Errorf("of %s there is told %+v, and the ledger says %+v", element, at, l)
		}
	}
	p.addUp(t)
	return r
}

// content is a memory's items as sorted encodings, and the attachments they name.
func content(t *testing.T, m *memory) (out []string) {
	t.Helper()
	for _, it := range m.items {
		b, err := item.Encode(it)
		if err != nil {
			t.Fatal(err)
		}
		for _, blob := range it.Blobs() {
			if sum := sha256.Sum256(m.blobs[blob.SHA256]); sum != blob.SHA256 {
				t.Errorf("an attachment of %d bytes is not what it was", blob.Size)
			}
		}
		sum := sha256.Sum256(b)
		out = append(out, fmt.Sprintf("%s %x", it.Kind(), sum[:4]))
	}
	slices.Sort(out)
	return out
}

func same(t *testing.T, what string, got, want *memory) {
	t.Helper()
	w, g := content(t, want), content(t, got)
	if !slices.Equal(w, g) {
		t.Errorf("%s: %d items, want %d: %.400s", what, len(g), len(w), cmp.Diff(w, g))
	}
}
