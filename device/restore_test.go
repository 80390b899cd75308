package device

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"zapas/device/internal/item"
	"zapas/shared/restore"
	"zapas/shared/vault"
)

func TestRestore_Damaged(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		damage func(s *service, keys []string) // of the first snapshot's chunks
		reason string
		lost   int64
	}{
		{"Flipped", func(s *service, k []string) { s.objects[k[0]][2000] ^= 1 }, "attachment_damaged", 1},
		{"FlippedSalt", func(s *service, k []string) { s.objects[k[0]][30] ^= 1 }, "chunk_damaged", 61},
		{"Missing", func(s *service, k []string) { delete(s.objects, k[0]) }, "chunk_missing", 61},
		{"CutShort", func(s *service, k []string) { s.objects[k[0]] = s.objects[k[0]][:500] }, "block_damaged", 61},
		{"TooLong", func(s *service, k []string) { s.objects[k[0]] = append(s.objects[k[0]], 0) }, "", 0},
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
			if l.Failed != tt.lost || l.Inserted != 64-tt.lost || l.Reasons[tt.reason] != tt.lost || rr.State != map[bool]string{true: "done", false: "partly_done"}[tt.lost == 0] {
				t.Errorf("%+v %s", l, rr.State)
			}
			if len(rr.Failures) != 1 || rr.Failures[0].Snapshot != r.Snapshot || rr.Failures[0].Element != "messages" || rr.Failures[0].Detail == "" {
				t.Errorf("failures: %+v", rr.Failures)
			}
			if int64(len(got.items)) != 64-tt.lost {
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
			s.objects[k][inIndex(s.objects[k])] ^= 1
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
		for i := range 3 { // the second has a chunk of its own, between the records and the index
			m.mms(i, noise(uint64(i), 12<<20))
		}
		r := p.backUp(t, m)
		want.items = append(want.items, m.items[len(m.items)-3], m.items[len(m.items)-1])
		want.blobs = m.blobs
		if len(p.listed(t)) != 3 {
			t.Fatalf("%d chunks", len(p.listed(t)))
		}
		delete(s.objects, vault.ChunkKey(s.user, vault.SessionID(r.Snapshot), p.listed(t)[1]))
		got := new(memory)
		rr := restored(t, s, r.Snapshot, got)
		if l := rr.Ledger["messages"]; l.Failed != 1 || l.Reasons["attachment_missing"] != 1 {
			t.Errorf("%+v %+v", l, rr.Failures)
		}
		same(t, "the rest", got, want)
	})
}

// listed are the ids of the chunks of the phone's last snapshot, in order.
func (p *phone) listed(t *testing.T) (ids []string) {
	t.Helper()
	c, err := p.Device.dir.Cache()
	must(t, err)
	for _, chunk := range c.Chunks {
		ids = append(ids, chunk.ID.String())
	}
	return ids
}

// TestRestore_ManyDays reads more chunks than fit one page, of more sessions than one request for keys takes, while URLs
// expire under it; and so does a proof.
func TestRestore_ManyDays(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := new(memory)
	var r Report
	for i := range 205 {
		m.mms(i, noise(uint64(i), 66_000)) // what is merged only where that costs nothing
		if r = p.backUp(t, m); r.Objects != 1 || r.Requests.Total() != 4 {
			t.Fatalf("day %d: %+v", i, r)
		}
	}
	gets := 0
	s.fault = func(req *http.Request, after bool) error {
		if req.Method == http.MethodGet && req.URL.Host == "s3" && !after {
			if gets++; gets == 100 {
				s.now = s.now.Add(time.Hour)
			}
		}
		return nil
	}
	got := new(memory)
	rr := restored(t, s, r.Snapshot, got)
	same(t, "restored", got, m)
	if rr.Objects != 205 || rr.Requests.Gets > 205+3*transfersAtMost {
		t.Errorf("%+v", rr)
	}
	gets = 0
	v := p.verified(t, VerifyOptions{})
	if v.Outcome != Proven || v.Objects != 205 || v.Elements["messages"].Proven != 205 || v.Requests.Gets > 205+3*transfersAtMost {
		t.Errorf("%+v", v)
	}
}

const transfersAtMost = 3

// TestRestore_NotDuplicate: what shares an id with something that the target holds, and is not that, comes.
func TestRestore_NotDuplicate(t *testing.T) {
	t.Parallel()
	unread, read := sms(1, "hello"), sms(1, "hello")
	read.Read = true
	whole, other, announced := received("x", "a photo, say"), received("x", "another"), received("x", "")
	for _, tt := range []struct {
		name               string
		backup, held, want []item.Item
	}{
		{"MessageOnItsAnnouncement", []item.Item{whole}, []item.Item{announced}, []item.Item{announced, whole}},
		{"AnnouncementOnItsMessage", []item.Item{announced}, []item.Item{whole}, []item.Item{whole}},
		{"MessageIDGivenTwice", []item.Item{other, whole}, []item.Item{whole}, []item.Item{whole, other}},
		{"EqualOnesFirst", []item.Item{unread, read}, []item.Item{read}, []item.Item{read, unread}},
		{"EqualOnesFirst/Turned", []item.Item{read, unread}, []item.Item{unread}, []item.Item{unread, read}},
		{"OtherState", []item.Item{read}, []item.Item{unread}, []item.Item{unread}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			r := p.backUp(t, &memory{items: tt.backup})
			into := &memory{items: slices.Clone(tt.held)}
			restored(t, s, r.Snapshot, into)
			same(t, "restored", into, &memory{items: tt.want})
		})
	}
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

// kept is a Sink that is as it was until it is finished, as a file is.
type kept struct {
	*memory
	to *memory
}

func (k kept) Finish() error { *k.to = *k.memory; return nil }

// TestRestore_Killed kills a restore at each request, before and after its effect, and runs it again: every item is there
// once, and the restore is done.
func TestRestore_Killed(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	p.backUp(t, m)
	m = day(m)
	snapshot := p.backUp(t, m).Snapshot
	for at, reached := 0, true; reached; at++ {
		reached = false
		r := s.consent(t, snapshot, p.id.Device, "messages")
		ctx, kill := context.WithCancelCause(t.Context())
		n := at
		s.fault = func(*http.Request, bool) error {
			if n--; n < 0 {
				reached = true
				kill(errKilled)
				return errKilled
			}
			return nil
		}
		got := new(memory)
		_, err := p.Restore(ctx, r, kept{got.clone(), got}, nil)
		s.fault = nil
		if reached == (err == nil) {
			t.Errorf("killed at %d: %v", at, err)
		}
		p.restart(t, s)
		if state := s.restores[restore.ID(r.Id)].State; state == restore.Waiting || state == restore.Opened {
			rr, err := p.Restore(t.Context(), r, kept{got.clone(), got}, nil)
			if l := rr.Ledger["messages"]; err != nil || rr.State != "done" || l.Inserted+l.Duplicate != 64 {
				t.Errorf("killed at %d, then again: %v %+v", at, err, rr)
			}
		}
		same(t, fmt.Sprint("killed at ", at), got, m)
		kill(nil)
		if !reached && at < 10 {
			t.Errorf("there are only %d places to die at", at)
		}
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
