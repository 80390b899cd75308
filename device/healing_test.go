package device

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"zapas/device/internal/item"
	"zapas/shared/api"
	"zapas/shared/vault"
)

// objectOf is the key of the object that is the i-th chunk of the phone's last backup.
func (p *phone) objectOf(t *testing.T, s *service, i int) string {
	t.Helper()
	key := p.keyOf(t, s, i)
	if s.objects[key] == nil {
		t.Fatalf("chunk %d is not stored", i)
	}
	return key
}

func (p *phone) keyOf(t *testing.T, s *service, i int) string {
	t.Helper()
	defer p.Device.dir.LetGo()
	c, err := p.Device.dir.Cache()
	must(t, err)
	return vault.ChunkKey(s.user, vault.SessionID(c.Chunks[i].Session.String()), c.Chunks[i].ID.String())
}

// healed backs up after something was found lost: what is shown comes again, all of it is proven, and a day later nothing is new.
func (p *phone) healed(t *testing.T, s *service, m *memory) Report {
	t.Helper()
	r := p.backUp(t, m)
	if r.Unchanged || r.Base == "" || r.Note == "" {
		t.Errorf("not healed: %+v", r)
	}
	if _, err := os.Lstat(p.Device.dir.Path("lost.json")); err == nil {
		t.Error("it is still known as lost")
	}
	if v := p.verified(t, VerifyOptions{}); v.Outcome != Proven {
		t.Errorf("%+v", v)
	}
	got := &memory{coverage: m.coverage}
	restored(t, s, r.Snapshot, got, all...)
	same(t, "restored", got, m)
	if u := p.backUp(t, m); !u.Unchanged || u.Healed != nil {
		t.Errorf("a day later: %+v", u)
	}
	return r
}

// TestHealing: what a proof finds lost, the next backup brings again, and nothing else.
func TestHealing(t *testing.T) {
	t.Parallel()
	const attachment = 9 << 20
	gone := func(chunks ...int) func(t *testing.T, s *service, p *phone) {
		return func(t *testing.T, s *service, p *phone) {
			t.Helper()
			var keys []string
			for _, i := range chunks {
				keys = append(keys, p.objectOf(t, s, i))
			}
			for _, k := range keys {
				delete(s.objects, k)
			}
		}
	}
	changed := func(chunk int, change func(b []byte) []byte) func(t *testing.T, s *service, p *phone) {
		return func(t *testing.T, s *service, p *phone) {
			t.Helper()
			key := p.objectOf(t, s, chunk)
			s.objects[key] = change(slices.Clone(s.objects[key]))
		}
	}
	for _, tt := range []struct {
		name    string
		befalls func(t *testing.T, s *service, p *phone) // chunks: records with an attachment, an attachment, records of a day with the index
		sample  float64
		healed  int64
		atMost  int64 // bytes that are sent
	}{
		{"RecordsGone", gone(0), 0, 62, attachment + 150_000},
		{"RecordsGoneSampled", gone(0), 1, 62, attachment + 150_000},
		{"BlobsGone", gone(1), 0, 1, attachment + 20_000},
		{"BothGone", gone(0, 1), 0, 62, 2*attachment + 150_000},
		{"IndexGone", gone(2), 0, 3, 20_000},
		{"AllGone", gone(0, 1, 2), 0, 3, 20_000},
		{"RecordFlipped", changed(0, func(b []byte) []byte { b[500] ^= 1; return b }), 0, 62, attachment + 150_000},
		{"BlobFlipped", changed(1, func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), 0, 1, attachment + 20_000},
		{"Longer", changed(0, func(b []byte) []byte { return append(b, 0) }), 0, 62, attachment + 150_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			m := demo()
			m.mms(7000, noise(1, attachment), noise(2, attachment))
			p.backUp(t, m)
			m = day(m)
			p.backUp(t, m)
			tt.befalls(t, s, p)
			if v := p.verified(t, VerifyOptions{Sample: tt.sample}); v.Outcome != Damaged {
				t.Fatalf("%+v", v)
			}
			p.restart(t, s)
			if tt.name == "AllGone" { // without its index, a proof does not know of more; the next one does
				r := p.backUp(t, m)
				if r.Mended() != tt.healed || r.BytesUp > tt.atMost {
					t.Errorf("%d healed, %d bytes: %+v", r.Mended(), r.BytesUp, r)
				}
				if v := p.verified(t, VerifyOptions{}); v.Outcome != Damaged || v.Lost() != 62 {
					t.Errorf("%+v", v)
				}
				p.healed(t, s, m)
				return
			}
			r := p.healed(t, s, m)
			if r.Mended() != tt.healed || r.BytesUp > tt.atMost || r.Ledger["messages"].Stored != 0 || r.Compacted != 0 {
				t.Errorf("%d healed, %d bytes: %+v", r.Mended(), r.BytesUp, r)
			}
		})
	}
}

// TestHealing_IndexAlone: an object that holds nothing but the index is stored again, too: without it all is lost.
func TestHealing_IndexAlone(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	p.backUp(t, m)
	m.items = m.items[1:]
	p.backUp(t, m)
	delete(s.objects, p.objectOf(t, s, 1))
	if v := p.verified(t, VerifyOptions{}); v.Outcome != Damaged || v.Lost() != int64(len(m.items)) {
		t.Errorf("%+v", v)
	}
	if r := p.healed(t, s, m); r.BytesUp > 10_000 || r.Mended() != 0 {
		t.Errorf("%+v", r)
	}
}

// TestHealing_NotShown: what lies in a lost object and is not shown stays listed there, which is told once; it is healed as soon
// as it is shown.
func TestHealing_NotShown(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := &memory{coverage: map[string]string{"messages": Full}}
	for day := range 3 {
		for i := range 5 {
			m.items = append(m.items, sms(100*day+i, fmt.Sprintf("message %d of day %d", i, day)))
		}
		p.backUp(t, m)
	}
	for _, key := range []string{p.objectOf(t, s, 0), p.objectOf(t, s, 1)} {
		delete(s.objects, key)
	}
	p.verified(t, VerifyOptions{})
	shown := &memory{coverage: map[string]string{"messages": Limited}, items: m.items[3:]}
	for n := range 2 {
		r := p.backUp(t, shown)
		if first := n == 0; r.Unchanged == first || first != (r.Mended() == 7) || first != strings.Contains(r.Note, "3 items lie in objects that were found lost") || r.Counts["sms"] != 15 {
			t.Errorf("run %d: %+v", n, r)
		}
		if v := p.verified(t, VerifyOptions{}); v.Outcome != Damaged || v.Lost() != 3 {
			t.Errorf("run %d: %+v", n, v)
		}
	}
	if r := p.healed(t, s, m); r.Mended() != 3 {
		t.Errorf("%+v", r)
	}
}

// TestHealing_ReadAgain: records that are whole in a damaged object are read from it where the phone does not show them; the
// attachment that is damaged stays with its item.
func TestHealing_ReadAgain(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	m.coverage = map[string]string{"messages": Full}
	p.backUp(t, m)
	m.items = append(m.items, sms(9000, "later"))
	p.backUp(t, m)
	key := p.objectOf(t, s, 0)
	b := slices.Clone(s.objects[key])
	b[len(b)/2] ^= 1
	s.objects[key] = b
	if v := p.verified(t, VerifyOptions{}); v.Lost() != 1 {
		t.Fatalf("%+v", v)
	}
	shown := &memory{coverage: map[string]string{"messages": Limited}, items: []item.Item{m.items[0], m.items[len(m.items)-1]}}
	if r := p.backUp(t, shown); r.Mended() < 50 || r.Requests.Gets == 0 {
		t.Errorf("%d healed: %+v", r.Mended(), r)
	}
	if v := p.verified(t, VerifyOptions{}); v.Outcome != Damaged || v.Lost() != 1 {
		t.Errorf("%+v", v)
	}
	p.healed(t, s, m)
}

// TestHealing_CopyBesideDamage: where a damaged object stays listed, since something in it is not shown, what was brought again out
// of it is restored and proven from where it is whole.
func TestHealing_CopyBesideDamage(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := &memory{coverage: map[string]string{"messages": Full}}
	m.mms(1, noise(1, 200_000))
	m.mms(2, noise(2, 200_000))
	p.backUp(t, m)
	m.items = append(m.items, sms(9000, "later"))
	p.backUp(t, m)
	key := p.objectOf(t, s, 0)
	b := slices.Clone(s.objects[key])
	b[100_000] ^= 1 // of the first attachment
	s.objects[key] = b
	if v := p.verified(t, VerifyOptions{}); v.Lost() != 1 {
		t.Fatalf("%+v", v)
	}
	r := p.backUp(t, &memory{coverage: map[string]string{"messages": Limited}, blobs: m.blobs, items: m.items[:1]})
	if r.Mended() != 1 || p.status(t).Chunks != 3 {
		t.Fatalf("%+v", r)
	}
	if v := p.verified(t, VerifyOptions{}); v.Outcome != Damaged || v.Lost() != 0 || v.Attachments.Proven != 2 {
		t.Errorf("%+v", v)
	}
	got := new(memory)
	if r := restored(t, s, r.Snapshot, got); r.Failed() != 0 || r.State != "done" {
		t.Errorf("%+v", r)
	}
	same(t, "restored", got, m)
	p.healed(t, s, m)
}

// TestHealing_Note: a damaged note is dropped, what a later proof finds whole is not healed, and what a restore finds lost is.
func TestHealing_Note(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	p.backUp(t, m)
	m = day(m)
	newest := p.backUp(t, m)
	key := p.objectOf(t, s, 0)
	object := s.objects[key]
	note := p.Device.dir.Path("lost.json")

	delete(s.objects, key)
	p.verified(t, VerifyOptions{})
	b, err := os.ReadFile(note)
	must(t, err)
	b[len(b)/3] ^= 1
	must(t, os.WriteFile(note, b, 0o600))
	if r := p.backUp(t, m); !r.Unchanged {
		t.Errorf("with a damaged note: %+v", r)
	}

	p.verified(t, VerifyOptions{})
	s.objects[key] = object
	if v := p.verified(t, VerifyOptions{}); v.Outcome != Proven {
		t.Errorf("%+v", v)
	}
	if r := p.backUp(t, m); !r.Unchanged {
		t.Errorf("brought back: %+v", r)
	}

	delete(s.objects, key)
	if r, err := p.Restore(t.Context(), s.consent(t, newest.Snapshot, p.id.Device, "messages"), new(memory), nil); err != nil || r.Failed() == 0 {
		t.Errorf("%v %+v", err, r)
	}
	if r := p.healed(t, s, m); r.Mended() == 0 {
		t.Errorf("%+v", r)
	}
}

// TestHealing_InPassing: an object that a backup itself finds lost or damaged, when it reads what it stores again, is healed as soon
// as what was in it is shown, without a proof.
func TestHealing_InPassing(t *testing.T) {
	t.Parallel()
	for name, befalls := range map[string]func(s *service, key string){
		"Gone": func(s *service, key string) { delete(s.objects, key) },
		"Damaged": func(s *service, key string) {
			b := slices.Clone(s.objects[key])
			b[150] ^= 1 // of its one record
			s.objects[key] = b
		},
		"Another": func(s *service, key string) {
			b := slices.Clone(s.objects[key])
			b[50] ^= 1 // of its head
			s.objects[key] = b
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			held := newYear(5, 20).memory
			p.backUp(t, held)
			for n := range smallObjects {
				one := sms(2_000_000+n, "seen on one day alone")
				held.items = append(held.items, one)
				if n == smallObjects-1 {
					befalls(s, p.objectOf(t, s, 3))
				}
				r := p.backUp(t, &memory{coverage: map[string]string{"messages": Limited}, items: []item.Item{one}})
				if last := n == smallObjects-1; last != (r.Note != "") || r.Healed != nil {
					t.Errorf("day %d: %+v", n, r)
				}
			}
			if r := p.healed(t, s, held); r.Mended() != 1 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestHealing_Metered: what is brought again keeps to the network that the profile asks for, and comes when that is there.
func TestHealing_Metered(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	are := Conditions{Unmetered: true, Battery: 100}
	p.config.Conditions = func() Conditions { return are }
	profile := profileOf("eu")
	profile.Conditions.Unmetered = new(true)
	must(t, p.remember(api.CheckInAnswer{Profile: &profile}))
	m := demo()
	p.backUp(t, m)
	delete(s.objects, p.objectOf(t, s, 0))
	p.verified(t, VerifyOptions{})
	are.Unmetered = false
	asked := 0
	p.config.MayUse = func(context.Context, Use) error { asked++; return errors.New("no") }
	for range 2 {
		if _, err := p.Backup(t.Context(), m, profile); !errors.Is(err, ErrMetered) || len(s.chunksStored()) != 0 {
			t.Errorf("%v; %d objects are stored", err, len(s.chunksStored()))
		}
	}
	are.Unmetered = true
	if r := p.healed(t, s, m); asked != 2 || r.Mended() == 0 {
		t.Errorf("asked %d times: %+v", asked, r)
	}
}

// TestHealing_AnyDay: whatever is lost on whatever days, all that the phone shows at last is proven.
func TestHealing_AnyDay(t *testing.T) {
	t.Parallel()
	for seed := range byte(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewChaCha8([32]byte{seed, 1}))
			s := newService(t)
			p := enrolled(t, s, 1)
			p.config.Conditions = func() Conditions { return Conditions{Unmetered: true, Charging: r.IntN(2) == 0} }
			held := newYear(5, 20)
			p.backUp(t, held.memory)
			var mended int64
			for range 30 {
				if r.IntN(4) == 0 {
					chunks := p.status(t).Chunks
					delete(s.objects, p.keyOf(t, s, r.IntN(chunks)))
					p.verified(t, VerifyOptions{})
				}
				report := p.backUp(t, held.anyDay(r))
				mended += report.Mended()
			}
			p.backUp(t, held.memory)
			p.verified(t, VerifyOptions{}) // what an earlier one did not see for want of an index
			p.backUp(t, held.memory)
			if v := p.verified(t, VerifyOptions{}); v.Outcome != Proven || mended == 0 {
				t.Errorf("%d were healed: %+v", mended, v)
			}
			got := &memory{coverage: held.coverage}
			restored(t, s, p.status(t).Snapshot, got, all...)
			same(t, "restored", got, held.memory)
		})
	}
}

// TestHealing_NamedAnew: a new item whose attachment is stored in an object that was found lost, and cannot be read now, is not
// taken for stored.
func TestHealing_NamedAnew(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := &memory{coverage: map[string]string{"messages": Full}}
	m.mms(1, noise(1, 200_000))
	p.backUp(t, m)
	m.items = append(m.items, sms(9000, "later"))
	p.backUp(t, m)
	delete(s.objects, p.objectOf(t, s, 0))
	p.verified(t, VerifyOptions{})
	m.mms(2, noise(1, 200_000))
	unread := m.clone()
	unread.blobs = nil
	r := p.backUp(t, unread)
	if l := r.Ledger["messages"]; l.Stored != 0 || l.Failed != 1 || l.Reasons["attachment_unreadable"] != 1 {
		t.Errorf("%+v", r)
	}
	if r := p.healed(t, s, m); r.Mended() != 1 || r.Ledger["messages"].Stored != 1 {
		t.Errorf("%+v", r)
	}
}
