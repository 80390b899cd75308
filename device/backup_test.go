package device

import (
	"crypto/sha256"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/item"
	"zapas/shared/api"
	"zapas/shared/vault"
)

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
	full.items = append(full.items, received("m1", "text"), received("m2", ""))
	for _, tt := range []struct {
		name  string
		later func(m *memory)
		want  func(m *memory)
		live  int64
	}{
		{"Limited/DeletesNothing", func(m *memory) {
			m.coverage = map[string]string{"messages": Limited}
			m.items = m.items[:20]
		}, func(m *memory) {}, 66},
		{"Denied/DeletesNothing", func(m *memory) {
			m.coverage = map[string]string{"messages": Denied}
			m.items = nil
		}, func(m *memory) {}, 66},
		{"OneUnreadable/DeletesNothing", func(m *memory) {
			m.bad = []*Unreadable{{Kind: item.KindMMS, Count: 2, Reason: "bad_xml", Err: errors.New("line 7")}}
			m.items = append(m.items[20:], sms(500, "new"))
		}, func(m *memory) { m.items = append(m.items, sms(500, "new")) }, 67},
		{"Limited/AnEditReplaces", func(m *memory) {
			m.coverage = map[string]string{"messages": Limited}
			m.items = m.items[:1]
			m.edit()
		}, func(m *memory) { m.edit() }, 66},
		{"Limited/OneOfTwoEqualsEdited", func(m *memory) { // nobody can say which: both stay, and the new one comes
			m.coverage = map[string]string{"messages": Limited}
			m.items = m.items[3:4]
			m.edit()
		}, func(m *memory) {
			edited := *m.items[3].(*item.SMS)
			edited.Read = true
			m.items = append(m.items, &edited)
		}, 67},
		{"Limited/MessageIDGivenTwice", func(m *memory) {
			m.coverage = map[string]string{"messages": Limited}
			m.items = []item.Item{received("m1", "another text")}
		}, func(m *memory) { m.items = append(m.items, received("m1", "another text")) }, 67},
		{"Limited/AnnouncementReplacesNothing", func(m *memory) {
			m.coverage = map[string]string{"messages": Limited}
			m.items = []item.Item{received("m1", "")}
		}, func(m *memory) { m.items = append(m.items, received("m1", "")) }, 67},
		{"Limited/OtherSubject", func(m *memory) {
			m.coverage = map[string]string{"messages": Limited}
			m.items = m.items[:1]
			m.edit()
			m.items[0].(*item.SMS).Subject = "another"
		}, func(m *memory) {
			old := m.items[0]
			m.edit()
			m.items[0].(*item.SMS).Subject = "another"
			m.items = append(m.items, old)
		}, 67},
		{"Limited/MessageReplacesItsAnnouncement", func(m *memory) {
			m.coverage = map[string]string{"messages": Limited}
			m.items = []item.Item{received("m2", "downloaded")}
		}, func(m *memory) { m.items[len(m.items)-1] = received("m2", "downloaded") }, 66},
		{"Full/MissingIsDeleted", func(m *memory) { m.items = m.items[:20] }, func(m *memory) { m.items = m.items[:20] }, 20},
		{"Full/AllDeleted", func(m *memory) { m.items = nil }, func(m *memory) { m.items = nil }, 0},
		{"NotChosen/Kept", func(m *memory) { m.coverage = map[string]string{"messages": Unavailable}; m.items = nil }, func(m *memory) {}, 66},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			p.backUp(t, full)
			later, want := full.clone(), full.clone()
			tt.later(later)
			tt.want(want)
			r := p.backUp(t, later)
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
		{"location_changed", func(_ *testing.T, s *service, _ *phone) { s.location = "us" }},
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

// TestBackup_ReadsTwice: however its kinds alternate, a source is read once to see what is new and once to seal that.
func TestBackup_ReadsTwice(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := &counted{memory: newYear(3, 3).memory}
	for i := range 20 {
		m.mms(4000+i, noise(uint64(i), 100))
		m.items = append(m.items, call(i, 5), sms(5000+i, "between"))
	}
	r := p.backUp(t, m)
	if m.readings != 2 {
		t.Errorf("it was read %d times", m.readings)
	}
	got := &memory{coverage: m.coverage}
	restored(t, s, r.Snapshot, got, all...)
	same(t, "restored", got, m.memory)
}

// counted counts how often it is read.
type counted struct {
	*memory
	readings int
}

func (c *counted) Items() iter.Seq2[item.Item, error] {
	c.readings++
	return c.memory.Items()
}
