package device

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"zapas/device/internal/gather"
	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/seal"
	"zapas/shared/api"
	"zapas/shared/vault"
)

// forgery is a snapshot that is taken apart, to be stored again as a newer app would have stored it.
type forgery struct {
	s    *service
	row  vault.Snapshot
	list vault.List
	keys map[index.ID]seal.SessionKey
}

func forge(t *testing.T, s *service, p *phone) *forgery {
	t.Helper()
	f := &forgery{s: s, row: s.snaps[s.head.Seq]}
	must(t, json.Unmarshal(s.objects[vault.ListKey(s.user, f.row.ID)], &f.list))
	opened, err := p.begin(t.Context(), api.SessionInput{Kind: api.SessionInputKindVerify})
	must(t, err)
	stream, err := p.gatherer().Stream(t.Context(), gather.Restore{Snapshot: string(f.row.ID), Session: *opened.Session, Proof: true, Folder: t.TempDir(), Kinds: []item.Kind{item.KindCall}})
	must(t, err)
	f.keys = maps.Clone(stream.Gathered().Keys)
	must(t, p.client.End(t.Context(), *opened.Session))
	p.id.Begun = nil
	must(t, p.Device.dir.PutIdentity(p.id))
	return f
}

func (f *forgery) key(i int) string {
	return vault.ChunkKey(f.s.user, f.list.Chunks[i].Session, f.list.Chunks[i].ID)
}

func (f *forgery) chunk(i int) []byte { return bytes.Clone(f.s.objects[f.key(i)]) }

func (f *forgery) last() int { return len(f.list.Chunks) - 1 }

// put stores a chunk in the place of another, and lists it by its true SHA-256.
func (f *forgery) put(t *testing.T, i int, b []byte) index.ID {
	t.Helper()
	id := index.OfChunk(sha256.Sum256(b))
	f.list.Chunks[i].ID, f.list.Chunks[i].Size = id.String(), int64(len(b))
	f.s.objects[f.key(i)] = b
	list, err := json.Marshal(f.list)
	must(t, err)
	sum := sha256.Sum256(list)
	f.row.ListSum = hex.EncodeToString(sum[:])
	f.s.objects[vault.ListKey(f.s.user, f.row.ID)], f.s.snaps[f.row.Seq] = list, f.row
	return id
}

// again seals the last chunk again, with other records and another index.
func (f *forgery) again(t *testing.T, record func(seal.Record) []byte, x func(*index.Index), encoded func([]byte)) {
	t.Helper()
	session, err := index.Parse(string(f.row.ID))
	must(t, err)
	old := f.chunk(f.last())
	r, err := seal.Open(bytes.NewReader(old), int64(len(old)), f.keys[session])
	must(t, err)
	var out bytes.Buffer
	w, err := seal.NewWriter(&out, f.keys[session], 1, rand.NewChaCha8([32]byte{77}))
	must(t, err)
	for rec, err := range r.Records() {
		must(t, err)
		_, err = w.Record(rec.Kind, record(rec))
		must(t, err)
	}
	for n, p := range r.Parts() {
		in, err := r.Blob(uint32(n))
		must(t, err)
		b, err := seal.NewBlob(in, p.Size, p.Sum)
		must(t, err)
		_, err = w.Blob(b)
		must(t, err)
	}
	plain, err := r.Index()
	must(t, err)
	table, err := index.Decode(plain)
	must(t, err)
	x(table)
	plain, err = table.Encode()
	must(t, err)
	encoded(plain)
	must(t, w.Index(plain))
	sum, err := w.Close()
	must(t, err)
	f.list.Index = vault.Index{Offset: sum.IndexOffset, Length: sum.IndexLength}
	f.list.Chunks[f.last()].Records = sum.RecordPart
	f.put(t, f.last(), out.Bytes())
}

func asItIs(r seal.Record) []byte { return r.Bytes }

// TestNewerFormat: what only a newer app can read is neither damaged nor lost: a restore and its plan end with that word, write
// nothing and stay open; a proof reports nothing; a phone that has lost its memory begins nothing anew. After the update, each
// goes on.
func TestNewerFormat(t *testing.T) {
	t.Parallel()
	first := func(t *testing.T, f *forgery) {
		b := f.chunk(0)
		b[4] = 1
		id := f.put(t, 0, b)
		f.again(t, asItIs, func(x *index.Index) { x.Chunks[0].ID = id }, func([]byte) {})
	}
	section := func(t *testing.T, f *forgery) {
		b := f.chunk(f.last())
		b[4], b[f.list.Index.Offset+4] = 1, 1
		f.put(t, f.last(), b)
	}
	for _, tt := range []struct {
		name     string
		elements []string
		large    bool // the index lies in an object that is not fetched for it
		newer    func(t *testing.T, f *forgery)
	}{
		{"Chunk", all, false, first},
		{"ChunkOfWhichRecordsAreRead", []string{"contacts"}, true, first},
		{"Index", all, false, section},
		{"IndexByItself", []string{"contacts"}, true, section},
		{"IndexInside", all, false, func(t *testing.T, f *forgery) {
			f.again(t, asItIs, func(*index.Index) {}, func(b []byte) { b[1]++ })
		}},
		{"IndexInsideByItself", []string{"contacts"}, true, func(t *testing.T, f *forgery) {
			f.again(t, asItIs, func(*index.Index) {}, func(b []byte) { b[1]++ })
		}},
		{"Record", all, false, func(t *testing.T, f *forgery) {
			f.again(t, func(r seal.Record) []byte {
				b := bytes.Clone(r.Bytes)
				if r.Number == 1 {
					b[1]++
				}
				return b
			}, func(x *index.Index) { x.Schema = item.Schema + 1 }, func([]byte) {})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p, q := enrolled(t, s, 1), enrolled(t, s, 2)
			m := everything()
			m.mms(9000, noise(9, 300_000))
			p.backUp(t, m)
			m = day(m)
			if tt.large {
				m.mms(9001, noise(10, 2<<20))
			}
			snapshot := p.backUp(t, m).Snapshot
			before := maps.Clone(s.objects)
			f := forge(t, s, p)
			row := f.row
			tt.newer(t, f)
			consent := s.consent(t, snapshot, q.id.Device, tt.elements...)
			got := &memory{coverage: m.coverage}
			said := func(what string, err error) {
				t.Helper()
				if !errors.Is(err, ErrAppTooOld) {
					t.Errorf("%s: %v", what, err)
				}
			}
			for range 2 {
				_, err := q.Plan(t.Context(), consent, got, nil)
				said("the plan", err)
				_, err = q.Restore(t.Context(), consent, got, nil)
				said("the restore", err)
			}
			_, err := p.Verify(t.Context(), VerifyOptions{})
			said("the proof", err)
			must(t, p.Device.dir.DropCache())
			stored := len(s.chunksStored())
			r, err := p.Backup(t.Context(), m, profileOf(s.location))
			said("the backup", err)
			if r.Snapshot != "" || len(s.chunksStored()) != stored || len(got.items) > 0 || got.finished || len(s.outcomes) > 0 {
				t.Errorf("%+v, %d items are written, and the service was told %v", r, len(got.items), s.outcomes)
			}
			// An app that knows the format: here the snapshot is as this one knows it.
			maps.Copy(s.objects, before)
			s.snaps[row.Seq] = row
			done, err := q.Restore(t.Context(), consent, got, nil)
			must(t, err)
			if done.Failed() > 0 || done.State != "done" {
				t.Errorf("after the update: %+v", done)
			}
			want := m.clone()
			want.items = slices.DeleteFunc(want.items, func(it item.Item) bool { return !slices.Contains(tt.elements, it.Kind().Element()) })
			same(t, "restored", got, want)
			if r := p.backUp(t, m); !r.Unchanged || r.Rebuilt != "cache_lost" {
				t.Errorf("after the update: %+v", r)
			}
			if v := p.verified(t, VerifyOptions{}); v.Outcome != Proven {
				t.Errorf("%+v", v)
			}
		})
	}
}

// TestNewerFormat_OtherElements: a record of a newer schema is in the way of its own element alone.
func TestNewerFormat_OtherElements(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p, q := enrolled(t, s, 1), enrolled(t, s, 2)
	m := everything()
	snapshot := p.backUp(t, m).Snapshot
	f := forge(t, s, p)
	f.again(t, func(r seal.Record) []byte {
		b := bytes.Clone(r.Bytes)
		if item.Kind(r.Kind) == item.KindSMS {
			b[1]++
		}
		return b
	}, func(x *index.Index) { x.Schema = item.Schema + 1 }, func([]byte) {})
	consent := s.consent(t, snapshot, q.id.Device)
	got := &memory{coverage: m.coverage}
	if _, err := q.Restore(t.Context(), consent, got, nil); !errors.Is(err, ErrAppTooOld) || len(got.items) > 0 {
		t.Errorf("all: %v, and %d items are written", err, len(got.items))
	}
	r, err := q.Restore(t.Context(), consent, got, []string{"contacts", "calls"})
	must(t, err)
	if r.Failed() > 0 || r.Ledger["contacts"].Inserted != 40 || r.Ledger["calls"].Inserted != 31 {
		t.Errorf("%+v", r)
	}
}
