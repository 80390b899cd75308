package device

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"zapas/device/internal/item"
)

// TestRestore_ContactsAlone: contacts come back without what messages had attached, fresh and after 400 days: no object is
// asked for that holds none of them but the index's, none but that twice, no byte twice, and no more than its records of one
// that has no photo of theirs. A conversation or some days take no more than their element.
func TestRestore_ContactsAlone(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	p.config.Conditions = func() Conditions { return Conditions{Unmetered: true, Charging: true} }
	y := newYear(100, 500)
	for i := range 8 { // with what is sealed beside them, contacts lie in a chunk of 16 MiB
		y.mms(4000+i, noise(uint64(40+i), 7<<20))
	}
	r := p.backUp(t, y.memory)
	if r.Objects < 4 {
		t.Fatalf("%d objects", r.Objects)
	}
	contactsAlone(t, s, y, r.Snapshot, 6, 17_000_000)
	days := rand.New(rand.NewChaCha8([32]byte{9}))
	for range 400 {
		y.pass(days, 100_000)
		s.now = s.now.Add(24 * time.Hour)
		r = p.backUp(t, y.memory)
	}
	contactsAlone(t, s, y, r.Snapshot, 22, 17_000_000)
}

func contactsAlone(t *testing.T, s *service, y *year, snapshot string, gets int, bytes int64) {
	t.Helper()
	got := &memory{coverage: y.coverage}
	var back RestoreReport
	s.eachOnce(t, snapshot, func() { back = restored(t, s, snapshot, got, "contacts") })
	want := y.clone()
	want.items = slices.DeleteFunc(want.items, func(it item.Item) bool { return it.Kind() != item.KindContact })
	same(t, "contacts", got, want)
	t.Logf("contacts: %d GETs, %d bytes", back.Requests.Gets, back.Requests.BytesDown)
	if back.Requests.Gets > gets || back.Requests.BytesDown > bytes {
		t.Errorf("contacts take %d GETs and %d bytes; want %d and %d", back.Requests.Gets, back.Requests.BytesDown, gets, bytes)
	}
	q := enrolled(t, s, 98)
	defer q.Close()
	// A plan and the restore that follows it ask once for what each adds.
	s.noByteTwice(t, func() {
		consent := s.consent(t, snapshot, q.id.Device, "contacts")
		_, err := q.Plan(t.Context(), consent, &memory{coverage: y.coverage}, nil)
		must(t, err)
		_, err = q.Restore(t.Context(), consent, &memory{coverage: y.coverage}, nil)
		must(t, err)
	})
	planned := func(element string, only ...Only) Plan {
		must(t, q.Device.dir.ClearRestores())
		plan, err := q.Plan(t.Context(), s.consent(t, snapshot, q.id.Device, element), &memory{coverage: y.coverage}, nil, only...)
		must(t, err)
		return plan
	}
	if plan := planned("contacts"); plan.Requests.Gets > gets || plan.Requests.BytesDown > 200_000 || plan.Elements["contacts"].New != 100 {
		t.Errorf("the plan takes %+v: %+v", plan.Requests, plan.Elements)
	}
	all := planned("messages")
	for _, only := range []Only{{With: []string{"+48600100200"}}, {Since: s.now.Add(-48 * time.Hour)}} {
		part := planned("messages", only)
		if part.Requests.Gets > all.Requests.Gets || part.Requests.BytesDown > all.Requests.BytesDown || all.Elements["messages"].New == 0 || part.Elements["messages"].Skipped == 0 {
			t.Errorf("%+v: %+v, and all messages %+v", only, part.Requests, all.Requests)
		}
	}
}

// asked are the ranges of an object for which a GET has asked, in their order.
type asked map[string][][2]int64

// watch notes what is asked of each object meanwhile.
func (s *service) watch(do func()) asked {
	seen, before := asked{}, s.fault
	s.fault = func(req *http.Request, after bool) error {
		if key := strings.TrimPrefix(req.URL.Path, "/"); req.URL.Host == "s3" && req.Method == http.MethodGet && !after {
			r := [2]int64{0, int64(len(s.objects[key]))}
			if n, _ := fmt.Sscanf(req.Header.Get("Range"), "bytes=%d-%d", &r[0], &r[1]); n == 2 {
				r[1]++
			}
			seen[key] = append(seen[key], r)
		}
		return nil
	}
	do()
	s.fault = before
	return seen
}

// noByteTwice fails where a byte of an object is asked for again.
func (s *service) noByteTwice(t *testing.T, do func()) asked {
	t.Helper()
	seen := s.watch(do)
	for key, ranges := range seen {
		slices.SortFunc(ranges, func(a, b [2]int64) int { return int(a[0] - b[0]) })
		for i := range ranges[1:] {
			if ranges[i][1] > ranges[i+1][0] {
				t.Errorf("of %s there is asked for %v", key, ranges)
			}
		}
	}
	return seen
}

// eachOnce fails where a byte is asked for again, or an object, but for one in which the snapshot's index may lie: that twice.
func (s *service) eachOnce(t *testing.T, snapshot string, do func()) {
	t.Helper()
	twice := 0
	for key, ranges := range s.noByteTwice(t, do) {
		if len(ranges) == 2 && strings.Contains(key, snapshot) {
			twice++
		} else if len(ranges) != 1 {
			t.Errorf("of %s there is asked for %v", key, ranges)
		}
	}
	if twice > 1 {
		t.Errorf("%d objects are asked for twice", twice)
	}
}

// TestRestore_OneObject: of a snapshot in one object no byte comes twice, whether its index lies far behind what is needed or
// beside it, and whatever of the rest an earlier run has brought.
func TestRestore_OneObject(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		attached int
		photo    bool
		elements []string
		gets     int
	}{
		{"Small", 300_000, true, []string{"contacts"}, 1},
		{"All", 9 << 20, true, all, 1},
		{"Photos", 9 << 20, true, []string{"contacts"}, 2},
		{"RecordsAlone", 9 << 20, false, []string{"contacts"}, 2},
		{"Nothing", 9 << 20, true, []string{"calls"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p, q, v := enrolled(t, s, 1), enrolled(t, s, 2), enrolled(t, s, 3)
			m := &memory{coverage: map[string]string{"contacts": Full, "calls": Full}, blobs: map[[32]byte][]byte{}}
			c := &item.Contact{Name: item.Name{Full: "Anna"}}
			if tt.photo {
				m.photograph(c, noise(5, 40_000))
			}
			m.items = append(m.items, c)
			m.mms(1, noise(6, tt.attached))
			r := p.backUp(t, m)
			if r.Objects != 1 {
				t.Fatalf("%d objects", r.Objects)
			}
			size := int64(len(s.objects[s.chunksStored()[0]]))
			want := m.clone()
			want.items = slices.DeleteFunc(want.items, func(it item.Item) bool { return !slices.Contains(tt.elements, it.Kind().Element()) })
			got := &memory{coverage: m.coverage}
			s.eachOnce(t, r.Snapshot, func() {
				done, err := q.Restore(t.Context(), s.consent(t, r.Snapshot, q.id.Device, tt.elements...), got, nil)
				must(t, err)
				if done.Requests.Gets != tt.gets || done.Bytes > size {
					t.Errorf("%d GETs of %d bytes; the object has %d", done.Requests.Gets, done.Bytes, size)
				}
			})
			same(t, "restored", got, want)
			got = &memory{coverage: m.coverage}
			s.noByteTwice(t, func() {
				consent := s.consent(t, r.Snapshot, v.id.Device, tt.elements...)
				_, err := v.Plan(t.Context(), consent, got, nil)
				must(t, err)
				_, err = v.Restore(t.Context(), consent, got, nil)
				must(t, err)
			})
			same(t, "planned and restored", got, want)
			proof := 1
			if !slices.Contains(tt.elements, "messages") && tt.gets == 2 {
				proof = 2
			}
			s.eachOnce(t, r.Snapshot, func() {
				if is := p.verified(t, VerifyOptions{Elements: tt.elements}); is.Outcome == Damaged || is.Requests.Gets > proof || is.Bytes > size {
					t.Errorf("%+v", is)
				}
			})
		})
	}
}
