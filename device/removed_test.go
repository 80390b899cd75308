package device

import (
	"errors"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/item"
	"zapas/device/internal/pack"
)

func TestBackup_Removed(t *testing.T) {
	t.Parallel()
	full := demo()
	for _, tt := range []struct {
		name  string
		later func(m *memory) *memory
		want  map[string]int64
	}{
		{"ADayLater", day, map[string]int64{"messages": 2}},
		{"EditedIsNotRemoved", func(m *memory) *memory { m.edit(); return m }, nil},
		{"OneOfTwoEquals", func(m *memory) *memory { m.items = m.items[:len(m.items)-1]; return m }, map[string]int64{"messages": 1}},
		{"All", func(m *memory) *memory { m.items = nil; return m }, map[string]int64{"messages": 64}},
		{"NotSeen", func(m *memory) *memory {
			m.items, m.coverage = nil, map[string]string{"messages": Limited}
			return m
		}, nil},
		{"Unreadable", func(m *memory) *memory {
			m.items, m.bad = nil, []*Unreadable{{Kind: item.KindSMS, Count: 1, Reason: "malformed", Err: errors.New("x")}}
			return m
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			if r := p.backUp(t, full); len(r.Removed) > 0 {
				t.Errorf("first: %v", r.Removed)
			}
			r := p.backUp(t, tt.later(full.clone()))
			want := int64(0)
			for _, n := range tt.want {
				want += n
			}
			if len(r.Removed) != len(tt.want) || r.Removed["messages"] != tt.want["messages"] || r.Gone() != want {
				t.Errorf("%v, %d", r.Removed, r.Gone())
			}
		})
	}
}

// TestBackup_Blank shows that an element of which nothing is shown loses nothing, and that this is told.
func TestBackup_Blank(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(m *memory){
		"AndNothingElseIsNew": func(*memory) {},
		"AndCallsAreNew":      func(m *memory) { m.items = append(m.items, call(9000, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			m := everything()
			p.backUp(t, m)
			less := m.clone()
			less.items = nil
			for _, it := range m.items {
				if it.Kind() != item.KindContact {
					less.items = append(less.items, it)
				}
			}
			change(less)
			less.blank = []*Blank{{Element: "contacts", Err: errors.New("the file is empty")}}
			r := p.backUp(t, less)
			if r.Counts["contacts"] != 40 || r.Coverage["contacts"] != Limited || r.Gone() > 0 || r.Failed() > 0 || r.Note != "the file is empty" {
				t.Errorf("%+v", r)
			}
			got := &memory{coverage: m.coverage}
			restored(t, s, r.Snapshot, got, "contacts")
			if len(got.items) != 40 {
				t.Errorf("%d contacts", len(got.items))
			}
		})
	}
}

// flicker is a source that shows one item less at some of its readings, counted from 0.
type flicker struct {
	*memory
	hides    func(reading int) bool
	readings int
}

func (f *flicker) Items() iter.Seq2[item.Item, error] {
	shown := f.memory.clone()
	if f.hides(f.readings) {
		shown.items = shown.items[1:]
	}
	f.readings++
	return shown.Items()
}

// TestBackup_SeenTwice shows that nothing is let go that is missing at one reading only, even where nothing is new.
func TestBackup_SeenTwice(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	full := demo()
	first := p.backUp(t, full)
	r := p.backUp(t, &flicker{memory: full, hides: func(n int) bool { return n == 0 }})
	if diff := cmp.Diff(first.Counts, r.Counts); diff != "" || r.Gone() > 0 {
		t.Errorf("%v %s", r.Removed, diff)
	}
	never := &flicker{memory: full, hides: func(n int) bool { return n%2 == 0 }}
	if _, err := p.Backup(t.Context(), never, profileOf(s.location)); !errors.Is(err, pack.ErrMoved) {
		t.Error(err)
	}
}

// asking is a source that asks its phone for the status in the middle of each reading.
type asking struct {
	*memory
	phone *phone
	t     *testing.T
}

func (a asking) Items() iter.Seq2[item.Item, error] {
	return func(yield func(item.Item, error) bool) {
		n := 0
		for it, err := range a.memory.Items() {
			if n++; n == len(a.items)/2 {
				a.phone.status(a.t)
			}
			if !yield(it, err) {
				return
			}
		}
	}
}

// TestStatus_InABackup shows that to ask for the status takes nothing from a backup that is under way, of more than it has in
// memory.
func TestStatus_InABackup(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := &memory{}
	for n := range 20_000 {
		m.items = append(m.items, sms(n, "old"))
	}
	p.backUp(t, m)
	m.items = append(m.items, sms(len(m.items), "new"))
	if r := p.backUp(t, asking{m, p, t}); r.Ledger["messages"].Stored != 1 || len(r.Failures) > 0 {
		t.Errorf("%+v", r)
	}
}

// taken is a phone whose user takes away what an app may see while it looks: then it shows nothing.
type taken struct {
	*memory
	left int // questions until then
}

func (m *taken) Coverage(element string) string {
	if m.left--; m.left < 0 {
		return Denied
	}
	return m.memory.Coverage(element)
}

func (m *taken) Items() iter.Seq2[item.Item, error] {
	return func(yield func(item.Item, error) bool) {
		for it, err := range m.memory.Items() {
			if m.Coverage(it.Kind().Element()) == Denied || !yield(it, err) {
				return
			}
		}
	}
}

// TestRemoved_TakenAway: what cannot be seen any more, since its user took that away while the phone was read, is not taken for
// deleted, whenever it is.
func TestRemoved_TakenAway(t *testing.T) {
	t.Parallel()
	m := &memory{items: []item.Item{sms(1, "one"), sms(2, "two"), sms(3, "three")}}
	for left := range 30 {
		s := newService(t)
		p := enrolled(t, s, 1)
		p.backUp(t, m)
		r, err := p.Backup(t.Context(), &taken{m, left}, profileOf("eu"))
		must(t, err)
		if r.Gone() != 0 {
			t.Errorf("after %d questions %d are gone: %+v", left, r.Gone(), r)
		}
		got := new(memory)
		restored(t, s, r.Snapshot, got)
		same(t, "restored", got, m)
	}
}
