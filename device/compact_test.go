package device

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zapas/device/internal/item"
)

// year is a phone on which something happens every day.
type year struct {
	*memory
	n int // of the day
}

func newYear(contacts, messages int) *year {
	m := &memory{blobs: map[[32]byte][]byte{}, coverage: map[string]string{"contacts": Full, "calls": Full}}
	for i := range contacts {
		c := &item.Contact{UID: fmt.Sprint("uid-", i), Name: item.Name{Full: fmt.Sprintf("Person %d", i)}}
		if i%7 == 0 {
			m.photograph(c, noise(uint64(30_000+i), 2000))
		}
		m.items = append(m.items, c)
	}
	for i := range messages {
		m.items = append(m.items, sms(i, fmt.Sprintf("message %d of long ago", i)))
	}
	return &year{memory: m}
}

// pass lets a day pass: messages, calls and an attachment come, contacts are edited, one now and then with a new photo, and
// something is deleted.
func (y *year) pass(r *rand.Rand, attachment int) {
	y.n++
	for i := range 4 {
		y.items = append(y.items, sms(1_000_000+1000*y.n+i, fmt.Sprintf("message %d of day %d: %x", i, y.n, r.Uint64())))
	}
	for i := range 2 {
		y.items = append(y.items, call(10_000*y.n+i, int64(r.IntN(900))))
	}
	if attachment > 0 {
		y.mms(5_000_000+y.n, noise(uint64(y.n), attachment))
	}
	var contacts []int
	for i, it := range y.items {
		if _, ok := it.(*item.Contact); ok {
			contacts = append(contacts, i)
		}
	}
	for range 3 {
		at := contacts[r.IntN(len(contacts))]
		changed := *y.items[at].(*item.Contact)
		changed.Notes = []string{fmt.Sprintf("%x", r.Uint64())}
		if y.n%10 == 0 {
			y.photograph(&changed, noise(uint64(60_000+y.n), 2000))
		}
		y.items[at] = &changed
	}
	for range 4 {
		for at := r.IntN(len(y.items)); ; at = r.IntN(len(y.items)) {
			if _, ok := y.items[at].(*item.SMS); ok {
				y.items = slices.Delete(y.items, at, at+1)
				break
			}
		}
	}
}

// TestCompaction_Days: 400 days leave a backup that is no larger for its age: chunks, index and list stay as they are, a day
// is one object, and contacts alone come back by as many requests as at any other age.
func TestCompaction_Days(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                    string
		attachment              int
		plenty                  bool
		chunks, gets, bytesADay int
	}{
		{"Records", 0, false, 17, 17, 10_000},
		{"Attachments", 100_000, true, 32, 22, 10_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			p.config.Conditions = func() Conditions { return Conditions{Unmetered: tt.plenty, Charging: tt.plenty} }
			y := newYear(100, 500)
			r := rand.New(rand.NewChaCha8([32]byte{7}))
			p.backUp(t, y.memory)
			most, ordinary, rewritten := 0, 0, int64(0)
			for range 400 {
				y.pass(r, tt.attachment)
				s.now = s.now.Add(24 * time.Hour)
				report := p.backUp(t, y.memory)
				status, err := p.Status()
				must(t, err)
				most = max(most, status.Chunks)
				beyond := int(report.BytesUp) - tt.attachment - 2000
				if report.Compacted > 0 {
					rewritten += int64(beyond)
				} else if ordinary = max(ordinary, beyond); report.Objects != 1 {
					t.Errorf("day %d: %d objects", y.n, report.Objects)
				}
				if report.Requests.API != 3 || report.Objects > 2 {
					t.Errorf("day %d: %+v", y.n, report.Requests)
				}
				if y.n%80 != 0 {
					continue
				}
				got := &memory{coverage: y.coverage}
				back := restored(t, s, report.Snapshot, got, "contacts")
				if back.Requests.Gets > tt.gets {
					t.Errorf("day %d: contacts take %d GETs", y.n, back.Requests.Gets)
				}
				t.Logf("day %d: %d chunks; contacts take %d GETs; an ordinary day at most %d bytes; %d written again so far",
					y.n, status.Chunks, back.Requests.Gets, ordinary, rewritten)
			}
			if most > tt.chunks || ordinary > tt.bytesADay {
				t.Errorf("at most %d chunks, want %d; at most %d bytes on a day without compaction, want %d", most, tt.chunks, ordinary, tt.bytesADay)
			}
			status, err := p.Status()
			must(t, err)
			got := &memory{coverage: y.coverage}
			restored(t, s, status.Snapshot, got, all...)
			same(t, "restored", got, y.memory)
		})
	}
}

// TestCompaction_DayAfterTheFirst: the large chunks that a first backup made of attachments are not taken for small ones: a day
// sends what is new and nothing else.
func TestCompaction_DayAfterTheFirst(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	y := newYear(20, 20)
	for i := range 17 { // each fills a chunk so that the next one goes into another
		y.mms(4_000_000+2*i, noise(uint64(2*i), 9<<20))
		y.mms(4_000_001+2*i, noise(uint64(2*i+1), 60_000))
	}
	if r := p.backUp(t, y.memory); r.Objects < 17 {
		t.Fatalf("the first backup made %d objects", r.Objects)
	}
	const attachment = 70_000
	y.pass(rand.New(rand.NewChaCha8([32]byte{1})), attachment)
	if r := p.backUp(t, y.memory); r.Objects != 1 || r.Compacted != 0 || r.BytesUp > attachment+10_000 {
		t.Errorf("a day: %d objects, %d bytes, %d chunks written again", r.Objects, r.BytesUp, r.Compacted)
	}
}

// TestCompaction: whatever comes, changes and goes, and whatever a phone does not show on a day: what was seen last, and not
// seen to be gone, is what a restore brings.
func TestCompaction(t *testing.T) {
	t.Parallel()
	for seed := range byte(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewChaCha8([32]byte{seed}))
			s := newService(t)
			p := enrolled(t, s, 1)
			p.config.Conditions = func() Conditions { return Conditions{Unmetered: true, Charging: r.IntN(2) == 0} }
			held := newYear(5, 20) // what a restore should bring
			p.backUp(t, held.memory)
			compacted := 0
			for range 45 {
				report := p.backUp(t, held.anyDay(r))
				compacted += report.Compacted
			}
			report := p.backUp(t, held.memory)
			got := &memory{coverage: held.coverage}
			restored(t, s, report.Snapshot, got, all...)
			same(t, "restored", got, held.memory)
			if v := p.verified(t, VerifyOptions{}); v.Outcome != Proven {
				t.Errorf("%+v", v)
			}
			if compacted < smallObjects {
				t.Errorf("%d objects were stored again", compacted)
			}
		})
	}
}

const smallObjects = 16 // that are merged

// anyDay is what a phone shows on one of many kinds of days.
func (y *year) anyDay(r *rand.Rand) (shown *memory) {
	attachment := []int{0, 100, 70_000}[r.IntN(3)]
	switch r.IntN(6) {
	case 0: // only something new is shown
		y.n++
		one := sms(2_000_000+y.n, "seen")
		y.items = append(y.items, one)
		return &memory{coverage: map[string]string{"messages": Limited, "contacts": Denied}, items: []item.Item{one}}
	case 1: // much goes
		y.items = slices.DeleteFunc(y.items, func(item.Item) bool { return r.IntN(10) > 6 })
		left := newYear(5, 20)
		left.everyContact(func(i int, c *item.Contact) { c.UID = fmt.Sprint("uid-", y.n, "-", i) })
		y.items = append(y.items, left.items[:5]...)
		for i := range 5 {
			y.items = append(y.items, sms(3_000_000+100*y.n+i, "left"))
		}
		maps.Copy(y.blobs, left.blobs)
		y.n++
	case 2: // an attachment cannot be read
		y.pass(r, attachment)
		shown = y.clone()
		sums := slices.SortedFunc(maps.Keys(shown.blobs), func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
		delete(shown.blobs, sums[r.IntN(len(sums))])
		return shown
	default:
		y.pass(r, attachment)
	}
	return y.clone()
}

// TestCompaction_NotShown: what a phone has shown once and shows no more is read from the backup where it is stored again; where
// it cannot be read, it stays where it is.
func TestCompaction_NotShown(t *testing.T) {
	t.Parallel()
	for _, readable := range []bool{true, false} {
		s := newService(t)
		p := enrolled(t, s, 1)
		held := newYear(5, 20).memory
		p.backUp(t, held)
		if !readable {
			s.refuses = func(string) int { return 500 }
		}
		compacted, read := 0, 0
		for n := range 40 {
			one := sms(2_000_000+n, "seen on one day alone")
			held.items = append(held.items, one)
			r := p.backUp(t, &memory{coverage: map[string]string{"messages": Limited}, items: []item.Item{one}})
			compacted += r.Compacted
			read += r.Requests.Gets
			if r.Objects != 1 || r.Counts["sms"] != int64(21+n) {
				t.Errorf("day %d: %+v", n, r)
			}
		}
		status, err := p.Status()
		must(t, err)
		if readable != (status.Chunks <= 17) || readable != (compacted > 0) || read == 0 {
			t.Errorf("readable %t: %d chunks, %d stored again, %d requests", readable, status.Chunks, compacted, read)
		}
		s.refuses = nil
		got := &memory{coverage: held.coverage}
		restored(t, s, status.Snapshot, got, all...)
		same(t, "restored", got, held)
		p.clean(t)
	}
}

// TestCompaction_Killed: a backup that reads what it stores again from the one before it, and is killed while it seals, goes on
// with its session and sends nothing twice, as any other does.
func TestCompaction_Killed(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	held := newYear(5, 20).memory
	p.backUp(t, held)
	shown := &memory{blobs: map[[32]byte][]byte{}, coverage: map[string]string{"messages": Limited}}
	for n := range smallObjects - 1 {
		shown.items = []item.Item{sms(2_000_000+n, "seen on one day alone")}
		held.items = append(held.items, shown.items...)
		p.backUp(t, shown)
	}
	shown.items = nil
	for i := range 5 { // each fills a chunk
		shown.mms(6_000_000+i, noise(uint64(i), 9<<20))
		held.mms(6_000_000+i, noise(uint64(i), 9<<20))
	}
	ctx, kill := context.WithCancelCause(t.Context())
	defer kill(nil)
	var mu sync.Mutex
	var total int64
	killed, sent := false, map[string]int64{}
	s.fault = func(req *http.Request, after bool) error {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case killed:
			return errKilled
		case req.Method == http.MethodPut && !after:
			total += req.ContentLength
			sent[req.URL.Path] = req.ContentLength
		case req.Method == http.MethodPut && len(sent) > 2 && ctx.Err() == nil:
			killed = true
			kill(errKilled)
			return errKilled
		}
		return nil
	}
	p.Device.dir.Before = func(string) error {
		mu.Lock()
		defer mu.Unlock()
		if killed {
			return errKilled
		}
		return nil
	}
	if _, err := p.Backup(ctx, shown, profileOf("eu")); err == nil || total < 9<<20 {
		t.Fatalf("killed after %d bytes: %v", total, err)
	}
	p.restart(t, s)
	killed = false
	r := p.backUp(t, shown)
	s.fault = nil
	var once int64
	for path, n := range sent {
		if once += n; !strings.Contains(path, r.Snapshot) {
			t.Errorf("%s was sent in vain", path)
		}
	}
	if again := total - once; again >= 20e6 {
		t.Errorf("%d bytes were sent again", again)
	}
	got := &memory{coverage: held.coverage}
	restored(t, s, r.Snapshot, got, all...)
	same(t, "restored", got, held)
}
