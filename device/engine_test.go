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
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/item"
	"zapas/shared/api"
	"zapas/shared/caller"
	"zapas/shared/vault"
)

// memory is a phone's content: a Source and a Sink.
type memory struct {
	items    []item.Item
	blobs    map[[32]byte][]byte
	coverage map[string]string // Full for messages, Unavailable for the rest unless said
	bad      []*Unreadable
	refuses  map[string]bool // bodies that Insert refuses
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

func (m *memory) Takes(k item.Kind) bool { return k.Element() == "messages" }

func (m *memory) Existing() iter.Seq2[item.Item, error] { return m.Items() }

func (m *memory) Insert(it item.Item, open func(item.Blob) (io.ReadCloser, error)) error {
	if s, ok := it.(*item.SMS); ok && m.refuses[s.Body] {
		return &Unwritable{Reason: "refused_here", Err: errors.New("no")}
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
		Random: p.random, Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
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
	r, err := p.Backup(t.Context(), src, profileOf("eu"))
	if err != nil {
		t.Fatal(err)
	}
	for element, l := range r.Ledger {
		if l.Seen != l.Stored+l.Already+l.Excluded+l.Failed {
			t.Errorf("ledger of %s does not balance: %+v", element, l)
		}
	}
	return r
}

// restored is what another phone of the user gets of a snapshot.
func restored(t *testing.T, s *service, snapshot string, into *memory) RestoreReport {
	t.Helper()
	p := enrolled(t, s, 99)
	r, err := p.Restore(t.Context(), s.consent(t, snapshot, p.id.Device, "messages"), into, nil)
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
	}
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

func TestBackup(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	first := demo()

	r := p.backUp(t, first)
	want := api.BackupLedgers{"contacts": {}, "calls": {}, "messages": {Seen: 64, Stored: 64}}
	if d := cmp.Diff(want, r.Ledger); d != "" {
		t.Errorf("first: %s", d)
	}
	if d := cmp.Diff(api.Counts{"sms": 61, "mms": 3}, r.Counts); d != "" {
		t.Errorf("first counts: %s", d)
	}
	if r.Why != "first" || r.Objects != 1 || r.Requests.API != 3 || r.Requests.Puts != 1 {
		t.Errorf("first: %+v", r)
	}

	p.restart(t, s)
	s.now = s.now.Add(24 * time.Hour)
	second := day(first)
	r2 := p.backUp(t, second)
	if d := cmp.Diff(api.BackupLedger{Seen: 64, Stored: 3, Already: 61}, r2.Ledger["messages"]); d != "" {
		t.Errorf("day: %s", d)
	}
	if r2.Base != r.Snapshot || r2.Objects != 1 || r2.Requests.API != 3 || r2.Requests.Puts != 1 || r2.BytesUp > 4000+4096 {
		t.Errorf("day: %+v", r2)
	}

	r3 := p.backUp(t, second)
	if !r3.Unchanged || r3.Objects != 0 || r3.Requests.Total() != 1 || r3.Snapshot != r2.Snapshot || r3.Ledger["messages"].Already != 64 {
		t.Errorf("unchanged: %+v", r3)
	}

	for snapshot, want := range map[string]*memory{r.Snapshot: first, r2.Snapshot: second} {
		got := new(memory)
		rr := restored(t, s, snapshot, got)
		same(t, "restored", got, want)
		if rr.State != "done" || !got.finished || rr.Ledger["messages"].Inserted != 64 {
			t.Errorf("restored: %+v", rr)
		}
		again := restored(t, s, snapshot, got)
		if l := again.Ledger["messages"]; l.Duplicate != 64 || l.Planned != 64 {
			t.Errorf("restored twice: %+v", again)
		}
	}
}

func TestBackup_ManyChunks(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	m.mms(1, noise(1, 9<<20), noise(2, 9<<20)) // neither is cut
	m.mms(2, noise(3, 20<<20))                 // cannot but be cut
	r := p.backUp(t, m)
	if r.Objects < 3 || r.Requests.Puts != r.Objects {
		t.Errorf("%+v", r)
	}
	got := new(memory)
	restored(t, s, r.Snapshot, got)
	same(t, "restored", got, m)

	// All attachments go: so do the chunks that hold nothing else.
	less := m.clone()
	less.items = slices.DeleteFunc(less.items, func(it item.Item) bool { return len(it.Blobs()) > 0 })
	r = p.backUp(t, less)
	got = new(memory)
	rr := restored(t, s, r.Snapshot, got)
	same(t, "restored without attachments", got, less)
	if rr.Objects > 2 {
		t.Errorf("%d objects are read for what is in one chunk and the index", rr.Objects)
	}
}

func TestBackup_WhatIsNotSeen(t *testing.T) {
	t.Parallel()
	full := demo()
	for _, tt := range []struct {
		name  string
		later func(m *memory)
		want  func(m *memory)
		live  int64
	}{
		{"Limited/DeletesNothing", func(m *memory) {
			m.coverage = map[string]string{"messages": Limited}
			m.items = m.items[:20]
		}, func(m *memory) {}, 64},
		{"Denied/DeletesNothing", func(m *memory) {
			m.coverage = map[string]string{"messages": Denied}
			m.items = nil
		}, func(m *memory) {}, 64},
		{"OneUnreadable/DeletesNothing", func(m *memory) {
			m.bad = []*Unreadable{{Kind: item.KindMMS, Count: 2, Reason: "bad_xml", Err: errors.New("line 7")}}
			m.items = append(m.items[20:], sms(500, "new"))
		}, func(m *memory) { m.items = append(m.items, sms(500, "new")) }, 65},
		{"Limited/AnEditReplaces", func(m *memory) {
			m.coverage = map[string]string{"messages": Limited}
			m.items = m.items[:1]
			m.edit()
		}, func(m *memory) { m.edit() }, 64},
		{"Limited/OneOfTwoEqualsEdited", func(m *memory) { // nobody can say which: both stay, and the new one comes
			m.coverage = map[string]string{"messages": Limited}
			m.items = m.items[3:4]
			m.edit()
		}, func(m *memory) {
			edited := *m.items[3].(*item.SMS)
			edited.Read = true
			m.items = append(m.items, &edited)
		}, 65},
		{"Full/MissingIsDeleted", func(m *memory) { m.items = m.items[:20] }, func(m *memory) { m.items = m.items[:20] }, 20},
		{"Full/AllDeleted", func(m *memory) { m.items = nil }, func(m *memory) { m.items = nil }, 0},
		{"NotChosen/Kept", func(m *memory) { m.coverage = map[string]string{"messages": Unavailable}; m.items = nil }, func(m *memory) {}, 64},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			r := p.backUp(t, full)
			later, want := full.clone(), full.clone()
			tt.later(later)
			tt.want(want)
			r = p.backUp(t, later)
			if got := r.Counts["sms"] + r.Counts["mms"]; got != tt.live {
				t.Errorf("%d items are counted, want %d", got, tt.live)
			}
			got := new(memory)
			restored(t, s, r.Snapshot, got)
			same(t, "restored", got, want)
		})
	}
}

func (m *memory) edit() {
	edited := *m.items[0].(*item.SMS)
	edited.Read = true
	m.items[0] = &edited
}

func TestBackup_Failed(t *testing.T) {
	t.Parallel()
	t.Run("UnreadableIsAccountedFor", func(t *testing.T) {
		t.Parallel()
		s := newService(t)
		p := enrolled(t, s, 1)
		m := demo()
		for i := range 10 {
			m.bad = append(m.bad, &Unreadable{Kind: item.KindSMS, Count: int64(i + 1), Reason: "bad_" + string(rune('a'+i)), Err: errors.New("x")})
		}
		r := p.backUp(t, m)
		l := r.Ledger["messages"]
		if l.Failed != 55 || l.Stored != 64 || len(l.Reasons) != 8 || l.Reasons["other"] != 1+2+3 || r.Coverage["messages"] != Limited {
			t.Errorf("%+v %v", l, r.Coverage)
		}
	})
	t.Run("TooLarge", func(t *testing.T) {
		t.Parallel()
		s := newService(t)
		p := enrolled(t, s, 1)
		r := p.backUp(t, &memory{items: []item.Item{sms(1, strings.Repeat("x", item.MaxEncoded)), sms(2, "fine")}})
		if l := r.Ledger["messages"]; l.Failed != 1 || l.Stored != 1 || l.Reasons["too_large"] != 1 {
			t.Errorf("%+v", l)
		}
	})
	t.Run("AttachmentCostsItsItem", func(t *testing.T) {
		t.Parallel()
		s := newService(t)
		p := enrolled(t, s, 1)
		m := demo()
		want := m.clone()
		bad := noise(5, 3<<20)
		m.mms(900, noise(6, 100), bad)
		sum := sha256.Sum256(bad)
		m.blobs[sum] = bad[:2<<20] // cut short
		r := p.backUp(t, m)
		if l := r.Ledger["messages"]; l.Failed != 1 || l.Stored != 64 || l.Reasons["attachment_unreadable"] != 1 {
			t.Errorf("%+v", l)
		}
		got := new(memory)
		restored(t, s, r.Snapshot, got)
		same(t, "restored", got, want)
		m.blobs[sum] = bad // mended
		r = p.backUp(t, m)
		if l := r.Ledger["messages"]; l.Failed != 0 || l.Stored != 1 {
			t.Errorf("mended: %+v", l)
		}
		got = new(memory)
		restored(t, s, r.Snapshot, got)
		same(t, "restored when mended", got, m)
	})
}

func TestBackup_WithoutBase(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		why    string
		damage func(t *testing.T, s *service, p *phone)
	}{
		{"first", func(t *testing.T, _ *service, p *phone) { must(t, p.Device.dir.DropCache()) }},
		{"cache_damaged", func(t *testing.T, _ *service, p *phone) {
			b, err := os.ReadFile(p.Device.dir.Path("cache"))
			must(t, err)
			b[len(b)/2] ^= 1
			must(t, os.WriteFile(p.Device.dir.Path("cache"), b, 0o600))
		}},
		{"base_gone", func(_ *testing.T, s *service, _ *phone) {
			n := s.snaps[1]
			n.State = vault.Retired
			s.snaps[1] = n
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			m := demo()
			p.backUp(t, m)
			tt.damage(t, s, p)
			r := p.backUp(t, m)
			if r.Why != tt.why || r.Base != "" || r.Ledger["messages"].Stored != 64 {
				t.Errorf("%+v", r)
			}
			if r = p.backUp(t, m); !r.Unchanged {
				t.Errorf("afterwards: %+v", r)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var errKilled = errors.New("killed")

// TestBackup_Killed kills a backup at each request, before and after its effect, and at each change of the disk, and runs it
// again: the snapshot is whole, and no chunk is ever uploaded with other bytes (the service watches that).
func TestBackup_Killed(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		for at := 0; ; at++ {
			if !killedAt(t, first, at) {
				if at < 15 {
					t.Errorf("there are only %d places to die at", at)
				}
				break
			}
		}
	}
}

func killedAt(t *testing.T, first bool, at int) (reached bool) {
	t.Helper()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	if !first {
		p.backUp(t, m)
		m = day(m)
	}
	ctx, kill := context.WithCancelCause(t.Context())
	defer kill(nil)
	where := ""
	step := func(what string) error {
		if reached {
			return errKilled
		}
		if at--; at < 0 {
			reached, where = true, what
			kill(errKilled)
			return errKilled
		}
		return nil
	}
	s.fault = func(req *http.Request, after bool) error {
		return step(fmt.Sprintf("%s %s after=%t", req.Method, req.URL.Path, after))
	}
	p.Device.dir.Before = step
	_, err := p.Backup(ctx, m, profileOf("eu"))
	s.fault = nil
	if reached && err == nil && !strings.Contains(where, "remove") {
		t.Errorf("killed at %q, and no error", where)
	}
	p.restart(t, s)
	r := p.backUp(t, m)
	got := new(memory)
	restored(t, s, r.Snapshot, got)
	same(t, "killed at "+where, got, m)
	if again := p.backUp(t, m); !again.Unchanged {
		t.Errorf("killed at %q: a third run found something new: %+v", where, again)
	}
	return reached
}

// TestBackup_Resumed shows that a session which was sealed is brought to its end byte for byte, though the phone has moved on.
func TestBackup_Resumed(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	m.mms(1, noise(1, 9<<20), noise(2, 9<<20))
	puts := 0
	s.fault = func(req *http.Request, after bool) error {
		if req.Method == http.MethodPut && !after {
			if puts++; puts > 1 {
				return errKilled
			}
		}
		return nil
	}
	if _, err := p.Backup(t.Context(), m, profileOf("eu")); err == nil {
		t.Fatal("no error")
	}
	s.fault = nil
	sent := len(s.chunksStored())
	p.restart(t, s)
	s.now = s.now.Add(48 * time.Hour) // the URLs have long expired
	later := day(m)
	r := p.backUp(t, later)
	if !r.Resumed || sent != 1 || r.Ledger["messages"].Stored != 3 {
		t.Errorf("%d chunks had been sent; %+v", sent, r)
	}
	if len(s.snaps) != 2 {
		t.Errorf("%d snapshots, want the resumed one and the new one", len(s.snaps))
	}
	got := new(memory)
	restored(t, s, r.Snapshot, got)
	same(t, "restored", got, later)
}

func TestBackup_SessionOver(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, s *service, p *phone)
	}{
		{"Ended", func(t *testing.T, s *service, p *phone) {
			for _, e := range s.head.Open {
				must(t, s.opener().End(t.Context(), s.user, caller.DeviceID(p.id.Device), e.Session))
			}
		}},
		{"SpoolDamaged", func(t *testing.T, _ *service, p *phone) {
			b, err := os.ReadFile(p.Device.dir.Path("session", "0.chunk"))
			must(t, err)
			b[len(b)/2] ^= 1
			must(t, os.WriteFile(p.Device.dir.Path("session", "0.chunk"), b, 0o600))
		}},
		{"SpoolMissing", func(t *testing.T, _ *service, p *phone) {
			must(t, os.Remove(p.Device.dir.Path("session", "0.chunk")))
		}},
		{"JournalDamaged", func(t *testing.T, _ *service, p *phone) {
			must(t, os.WriteFile(p.Device.dir.Path("session", "journal.json"), []byte("{"), 0o600))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			s.fault = func(req *http.Request, after bool) error {
				if req.Method == http.MethodPut {
					return errKilled
				}
				return nil
			}
			m := demo()
			if _, err := p.Backup(t.Context(), m, profileOf("eu")); err == nil {
				t.Fatal("no error")
			}
			s.fault = nil
			tt.damage(t, s, p)
			r := p.backUp(t, m)
			got := new(memory)
			restored(t, s, r.Snapshot, got)
			same(t, "restored", got, m)
		})
	}
}

func TestBackup_ExpiredURLIsSignedAgain(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	once := true
	s.fault = func(req *http.Request, after bool) error {
		if req.Method == http.MethodPut && !after && once {
			once = false
			s.now = s.now.Add(time.Hour)
		}
		return nil
	}
	if r := p.backUp(t, demo()); r.Requests.Puts != 2 || r.Requests.API != 4 || r.Objects != 1 {
		t.Errorf("%+v", r)
	}
}

func TestBackup_ClockOff(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	p.config.Now = func() time.Time { return s.now.Add(-72 * time.Hour) }
	p.use(p.id)
	if r := p.backUp(t, demo()); r.Requests.API != 4 {
		t.Errorf("the offset costs one request once: %+v", r)
	}
	id, err := p.Device.dir.Identity()
	if err != nil || id.Offset != 72*time.Hour {
		t.Errorf("offset kept: %v, %v", id.Offset, err)
	}
}

func TestRestore_Damaged(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		damage func(s *service, keys []string) // of the first snapshot's chunks
		reason string
		lost   int64
	}{
		{"Flipped", func(s *service, k []string) { s.objects[k[0]][2000] ^= 1 }, "chunk_damaged", 61},
		{"Missing", func(s *service, k []string) { delete(s.objects, k[0]) }, "chunk_missing", 61},
		{"CutShort", func(s *service, k []string) { s.objects[k[0]] = s.objects[k[0]][:500] }, "chunk_damaged", 61},
		{"TooLong", func(s *service, k []string) { s.objects[k[0]] = append(s.objects[k[0]], 0) }, "chunk_damaged", 61},
		{"AnothersPlace", func(s *service, k []string) { s.objects[k[0]] = s.objects[k[1]] }, "chunk_damaged", 61},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			first := demo()
			p.backUp(t, first)
			keys := s.chunksStored()
			r := p.backUp(t, day(first)) // 3 of its items are in its own chunk, 61 in the first
			for _, k := range s.chunksStored() {
				if !slices.Contains(keys, k) {
					keys = append(keys, k)
				}
			}
			tt.damage(s, keys)
			got := new(memory)
			rr := restored(t, s, r.Snapshot, got)
			l := rr.Ledger["messages"]
			if l.Failed != tt.lost || l.Inserted != 3 || l.Reasons[tt.reason] != tt.lost || rr.State != "partly_done" {
				t.Errorf("%+v %s", l, rr.State)
			}
			if len(rr.Failures) != 1 || rr.Failures[0].Snapshot != r.Snapshot || rr.Failures[0].Element != "messages" || rr.Failures[0].Detail == "" {
				t.Errorf("failures: %+v", rr.Failures)
			}
			if len(got.items) != 3 {
				t.Errorf("%d items came", len(got.items))
			}
		})
	}
	t.Run("Index", func(t *testing.T) {
		t.Parallel()
		s := newService(t)
		p := enrolled(t, s, 1)
		r := p.backUp(t, demo())
		for _, k := range s.chunksStored() {
			s.objects[k][100] ^= 1
		}
		got := new(memory)
		rr := restored(t, s, r.Snapshot, got)
		if l := rr.Ledger["messages"]; l.Failed != 64 || rr.State != "failed" || !strings.Contains(rr.Failures[0].Detail, r.Snapshot) {
			t.Errorf("%+v", rr)
		}
	})
	t.Run("AttachmentChunk", func(t *testing.T) {
		t.Parallel()
		s := newService(t)
		p := enrolled(t, s, 1)
		m := demo()
		want := m.clone()
		m.mms(1, noise(1, 12<<20)) // has a chunk of its own
		m.mms(2, noise(2, 12<<20))
		r := p.backUp(t, m)
		largest := slices.MaxFunc(s.chunksStored(), func(a, b string) int { return len(s.objects[a]) - len(s.objects[b]) })
		if len(s.objects[largest]) < 12<<20 {
			t.Fatal("no chunk holds the attachment")
		}
		var lost int64
		for _, k := range s.chunksStored() {
			if b := s.objects[k]; len(b) > 12<<20 && bytes.Count(b[:64<<10], []byte{0}) < 1<<15 && k == largest {
				delete(s.objects, k)
				lost++
			}
		}
		got := new(memory)
		rr := restored(t, s, r.Snapshot, got)
		if l := rr.Ledger["messages"]; l.Failed < 1 || l.Inserted+l.Failed != 66 {
			t.Errorf("%+v %+v", l, rr.Failures)
		}
		_ = want
	})
}

func TestRestore_SkipsAndRefusals(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	r := p.backUp(t, m)
	rr := restored(t, s, r.Snapshot, &memory{refuses: map[string]bool{"message 5": true}})
	if l := rr.Ledger["messages"]; l.Failed != 1 || l.Reasons["refused_here"] != 1 || l.Inserted != 63 {
		t.Errorf("%+v", l)
	}
	if _, err := p.Restore(t.Context(), s.consent(t, r.Snapshot, p.id.Device, "messages"), new(memory), []string{"calls"}); err == nil {
		t.Error("an element that the restore does not bring was taken")
	}
}

// TestRestore_PageOver lets the restore's session end between its opening and its first page.
func TestRestore_PageOver(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	r := p.backUp(t, m)
	once := true
	s.fault = func(req *http.Request, after bool) error {
		if strings.HasSuffix(req.URL.Path, "/manifest") && !after && once {
			once = false
			for _, e := range s.head.Open {
				return s.opener().End(context.Background(), s.user, e.Device, e.Session)
			}
		}
		return nil
	}
	got := new(memory)
	restored(t, s, r.Snapshot, got)
	same(t, "restored", got, m)
}
