package device

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"zapas/shared/api"
	"zapas/shared/vault"
)

// lived is a phone with three backups, the last of which stands.
func lived(t *testing.T) (*service, *phone, *memory, []Report) {
	t.Helper()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := everything()
	m.mms(9000, noise(9, 300_000))
	out := []Report{p.backUp(t, m)}
	for range 2 {
		m = day(m)
		out = append(out, p.backUp(t, m))
	}
	return s, p, m, out
}

// cacheOf is the file in which a phone remembers its last backup.
func (p *phone) cacheOf(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(p.Device.dir.Path("cache"))
	must(t, err)
	return b
}

func (p *phone) putCache(t *testing.T, b []byte) {
	t.Helper()
	must(t, os.WriteFile(p.Device.dir.Path("cache"), b, 0o600))
}

// TestRebuild: a phone that has lost what it knew of its last backup, or that knows something else than the service, reads it
// again from the records of that backup, never its attachments, and stores nothing twice.
func TestRebuild(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, rebuilt string
		damage        func(t *testing.T, s *service, p *phone, m *memory)
		stored        int64
	}{
		{"Deleted", "cache_lost", func(t *testing.T, _ *service, p *phone, _ *memory) { must(t, p.Device.dir.DropCache()) }, 0},
		{"OneByteFlipped", "cache_damaged", func(t *testing.T, _ *service, p *phone, _ *memory) {
			b := p.cacheOf(t)
			b[len(b)/3] ^= 4
			p.putCache(t, b)
		}, 0},
		{"Empty", "cache_damaged", func(t *testing.T, _ *service, p *phone, _ *memory) { p.putCache(t, nil) }, 0},
		{"OfAnotherPhone", "cache_foreign", func(t *testing.T, s *service, p *phone, m *memory) {
			q := enrolled(t, s, 7)
			q.backUp(t, m)
			p.putCache(t, q.cacheOf(t))
		}, 0},
		{"OlderThanTheService", "base_gone", func(t *testing.T, _ *service, p *phone, m *memory) {
			before := p.cacheOf(t)
			m.items = append(m.items, sms(7777, "one more"))
			p.backUp(t, m)
			p.putCache(t, before)
		}, 0},
		{"NewerThanTheService", "base_gone", func(t *testing.T, s *service, p *phone, m *memory) {
			head, rows, snaps := s.head, len(s.rows), len(s.snaps)
			m.items = append(m.items, sms(7777, "one more"))
			r := p.backUp(t, m)
			if len(s.rows) != rows+1 || len(s.snaps) != snaps+1 {
				t.Fatal("it was no backup")
			}
			delete(s.rows, vault.SessionID(r.Snapshot)) // the table is that of an earlier point, and the counter behind
			delete(s.snaps, s.head.Seq)
			head.Rev = s.head.Rev + 1<<32
			s.head = head
		}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, p, m, _ := lived(t)
			tt.damage(t, s, p, m)
			p.restart(t, s)
			stored := len(s.chunksStored())
			r := p.backUp(t, m)
			if r.Rebuilt != tt.rebuilt || r.Why != "" || r.Note == "" || r.Unchanged != (tt.stored == 0) {
				t.Errorf("%+v", r)
			}
			if n := len(s.chunksStored()) - stored; n != int(tt.stored) || r.Objects != n || r.Ledger["messages"].Stored != tt.stored || r.Ledger["contacts"].Stored != 0 {
				t.Errorf("%d objects: %+v", n, r)
			}
			if r.Requests.BytesDown > 30_000 || r.Requests.BytesDown < 1000 {
				t.Errorf("%d bytes came down", r.Requests.BytesDown)
			}
			if len(s.head.Open) != 0 {
				t.Errorf("%+v is left open", s.head.Open)
			}
			p.clean(t)
			if r = p.backUp(t, m); !r.Unchanged || r.Requests.Total() != 1 || r.Rebuilt != "" {
				t.Errorf("afterwards: %+v", r)
			}
			m = day(m)
			r = p.backUp(t, m)
			if r.Objects != 1 || r.Ledger["messages"].Stored == 0 || r.Ledger["messages"].Already < 60 {
				t.Errorf("a day later: %+v", r)
			}
			got := &memory{coverage: m.coverage}
			restored(t, s, r.Snapshot, got, all...)
			same(t, "restored", got, m)
			if v := p.verified(t, VerifyOptions{}); v.Outcome != Proven {
				t.Errorf("%+v", v)
			}
		})
	}
}

// TestRebuild_Large: what a rebuild reads does not grow with the attachments.
func TestRebuild_Large(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	for i := range 5 {
		m.mms(i+1000, noise(uint64(i), 9<<20))
	}
	m.mms(2000, noise(77, 20<<20)) // in parts
	first := p.backUp(t, m)
	must(t, p.Device.dir.DropCache())
	r := p.backUp(t, m)
	if !r.Unchanged || r.Objects != 0 || first.BytesUp < 60<<20 || r.Requests.BytesDown > 40_000 || r.Requests.Gets > 1+2*first.Objects {
		t.Errorf("of %d bytes in %d objects, %d were read in %d requests: %+v", first.BytesUp, first.Objects, r.Requests.BytesDown, r.Requests.Gets, r)
	}
	t.Logf("of %d bytes in %d objects, %d were read in %d requests", first.BytesUp, first.Objects, r.Requests.BytesDown, r.Requests.Gets)
	less := m.clone()
	less.items = less.items[:len(less.items)-2] // the last two attachments go
	r = p.backUp(t, less)
	got := new(memory)
	restored(t, s, r.Snapshot, got)
	same(t, "restored", got, less)
}

// TestRebuild_Unreadable: a backup that cannot be read again is not built on; the next one is in full, and says why. What may
// pass is waited for.
func TestRebuild_Unreadable(t *testing.T) {
	t.Parallel()
	flip := func(s *service, key string, at func(n int) int) {
		b := slices.Clone(s.objects[key])
		b[at(len(b))] ^= 1
		s.objects[key] = b
	}
	for _, tt := range []struct {
		why    string
		damage func(s *service, oldest, newest, list string)
	}{
		{"chunk_missing", func(s *service, oldest, _, _ string) { delete(s.objects, oldest) }},
		{"chunk_damaged", func(s *service, oldest, _, _ string) { flip(s, oldest, func(int) int { return 200 }) }},
		{"chunk_damaged", func(s *service, oldest, _, _ string) { flip(s, oldest, func(n int) int { return n - 100 }) }},
		{"chunk_damaged", func(s *service, oldest, _, _ string) { s.objects[oldest] = s.objects[oldest][:50] }},
		{"index_damaged", func(s *service, _, newest, _ string) { flip(s, newest, func(n int) int { return n - 600 }) }},
		{"list_gone", func(s *service, _, _, list string) { delete(s.objects, list) }},
		{"list_damaged", func(s *service, _, _, list string) { s.objects[list] = []byte("{}") }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			s, p, m, made := lived(t)
			c, err := p.Device.dir.Cache()
			must(t, err)
			key := func(i int) string {
				return vault.ChunkKey(s.user, vault.SessionID(c.Chunks[i].Session.String()), c.Chunks[i].ID.String())
			}
			tt.damage(s, key(0), key(len(c.Chunks)-1), vault.ListKey(s.user, vault.SessionID(made[2].Snapshot)))
			must(t, p.Device.dir.DropCache())
			r := p.backUp(t, m)
			if r.Why != tt.why || r.Base != "" || r.Ledger["messages"].Already != 0 || r.Ledger["messages"].Stored != r.Ledger["messages"].Seen || !strings.Contains(r.Note, "cache_lost") {
				t.Errorf("%+v", r)
			}
			if len(s.head.Open) != 0 {
				t.Errorf("%+v is left open", s.head.Open)
			}
			got := &memory{coverage: m.coverage}
			restored(t, s, r.Snapshot, got, all...)
			same(t, "restored", got, m)
		})
	}
}

// TestRebuild_LyingList: what only the service's list says of the chunk with the index is not believed where it cannot be.
func TestRebuild_LyingList(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(m *api.Manifest, last *api.ManifestChunk){
		"NegativeRecords":  func(_ *api.Manifest, last *api.ManifestChunk) { last.Records = -1 },
		"RecordsOverSize":  func(_ *api.Manifest, last *api.ManifestChunk) { last.Records = last.Size + 1 },
		"IndexBeyond":      func(m *api.Manifest, last *api.ManifestChunk) { m.Index.Length = last.Size - m.Index.Offset + 1 },
		"IndexFar":         func(m *api.Manifest, _ *api.ManifestChunk) { m.Index.Offset, m.Index.Length = 1<<63-1, 1<<63-1 },
		"IndexNegative":    func(m *api.Manifest, _ *api.ManifestChunk) { m.Index.Offset = -1 },
		"IndexOfNoBytes":   func(m *api.Manifest, _ *api.ManifestChunk) { m.Index.Length = 0 },
		"IndexSomewhereIn": func(m *api.Manifest, _ *api.ManifestChunk) { m.Index.Offset-- },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, m, made := lived(t)
			s.lists = func(list *api.Manifest) {
				if list.Snapshot == made[2].Snapshot {
					lie(list, &list.Chunks[len(list.Chunks)-1])
				}
			}
			must(t, p.Device.dir.DropCache())
			r := p.backUp(t, m)
			if r.Why != "index_damaged" || r.Base != "" || r.Ledger["messages"].Stored != r.Ledger["messages"].Seen {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestRebuild_Interrupted: a rebuild that is broken off at any request is begun again, and comes to the same.
func TestRebuild_Interrupted(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		s, p, m, _ := lived(t)
		must(t, p.Device.dir.DropCache())
		asked := 0
		s.fault = func(req *http.Request, after bool) error {
			if asked++; asked > n {
				return fmt.Errorf("the network is gone")
			}
			return nil
		}
		_, err := p.Backup(t.Context(), m, profileOf(s.location))
		s.fault = nil
		p.restart(t, s)
		r := p.backUp(t, m)
		if !r.Unchanged || r.Objects != 0 || r.Why != "" || len(s.head.Open) > 1 {
			t.Fatalf("broken off after %d: %v; then %+v, and %+v is open", n, err, r, s.head.Open)
		}
		p.clean(t)
		if err == nil {
			return
		}
	}
	t.Error("it never came to its end")
}

// TestOpen_StateOfAnotherPhone: a state folder that was copied to another phone says so, and sends nothing; enrolled, that phone
// remembers nothing of it.
func TestOpen_StateOfAnotherPhone(t *testing.T) {
	t.Parallel()
	s, p, m, made := lived(t)
	must(t, p.Close())
	q := &phone{key: newPhoneKey(t), dir: t.TempDir(), random: p.random}
	must(t, os.CopyFS(q.dir, os.DirFS(p.dir)))
	q.open(t, s)
	s.requests = nil
	if _, err := q.Backup(t.Context(), m, profileOf(s.location)); !errors.Is(err, ErrNotEnrolled) || !strings.Contains(err.Error(), "another phone") || len(s.requests) > 0 {
		t.Errorf("%v, and %v was sent", err, s.requests)
	}
	_, err := q.Enrol(t.Context(), Enrolment{Server: "https://zapas.test", Code: "GOOD-CODE", Platform: "android", Label: "Copy"})
	must(t, err)
	if r := q.backUp(t, m); r.Why != "first" || r.Base != "" || r.Snapshot == made[2].Snapshot {
		t.Errorf("%+v", r)
	}
	p.open(t, s)
	if r := p.backUp(t, m); !r.Unchanged || r.Snapshot != made[2].Snapshot {
		t.Errorf("the phone itself: %+v", r)
	}
}
