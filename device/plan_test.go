package device

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapas/device/internal/item"
	"zapas/shared/restore"
)

// drawPhone is a phone of all elements, with items of which another one may have the same, some of them in other forms.
func drawPhone(t *rapid.T) *memory {
	m := drawMemory(t)
	m.coverage = map[string]string{"contacts": Full, "calls": Full}
	for range rapid.IntRange(0, 12).Draw(t, "contacts") {
		name := rapid.SampledFrom([]string{"Ann", "Ann Lee", "ann lee", "Bob", ""}).Draw(t, "name")
		c := &item.Contact{UID: rapid.SampledFrom([]string{"", "", "", "u1", "u2"}).Draw(t, "uid"), Name: item.Name{Full: name}}
		for _, n := range rapid.SliceOfN(rapid.SampledFrom([]string{"+48600100200", "600100200", "+48600100201", "112"}), 0, 2).Draw(t, "numbers") {
			c.Phones = append(c.Phones, item.Phone{Address: item.ParseAddress(n, "PL")})
		}
		if note := rapid.SampledFrom([]string{"", "likes tea", "likes tea and cake"}).Draw(t, "note"); note != "" {
			c.Notes = []string{note}
		}
		if size := rapid.SampledFrom([]int{0, 0, 100, 200}).Draw(t, "photo"); size > 0 {
			m.photograph(c, noise(uint64(size), size))
		}
		m.items = append(m.items, c)
	}
	for range rapid.IntRange(0, 8).Draw(t, "calls") {
		m.items = append(m.items, call(rapid.IntRange(0, 4).Draw(t, "call"), rapid.Int64Range(0, 4).Draw(t, "duration")))
	}
	return m
}

// drawTarget is a phone that has some of what m has, some that it has not, and does not take everything.
func drawTarget(t *rapid.T, m *memory) *memory {
	target := drawPhone(t)
	have := rapid.Permutation(m.items).Draw(t, "have")
	target.items = append(target.items, have[:rapid.IntRange(0, len(have)).Draw(t, "n")]...)
	maps.Copy(target.blobs, m.blobs)
	target.refuses = map[string]bool{rapid.SampledFrom([]string{"none", "ok", "Ann Lee", "Bob"}).Draw(t, "refuses"): true}
	target.coverage = map[string]string{}
	for _, e := range []string{"contacts", "calls"} {
		target.coverage[e] = rapid.SampledFrom([]string{Full, Full, Unavailable}).Draw(t, e)
	}
	return target
}

// TestPlan_IsWhatTheRestoreDoes: whatever a phone has backed up, and whatever another one holds, the plan says what the
// restore then does; and the plan itself does nothing.
func TestPlan_IsWhatTheRestoreDoes(t *testing.T) {
	t.Parallel()
	seen := ElementPlan{}
	rapid.Check(t, func(rt *rapid.T) {
		s := newService(t)
		p := enrolled(t, s, 1)
		defer p.Close()
		m := drawPhone(rt)
		r := p.backUp(t, m)
		if rapid.Bool().Draw(rt, "another day") {
			more := drawPhone(rt)
			m.items = append(rapid.Permutation(m.items).Draw(rt, "kept")[len(m.items)/3:], more.items...)
			maps.Copy(m.blobs, more.blobs)
			r = p.backUp(t, m)
		}
		damaged := ""
		if keys := s.chunksStored(); rapid.IntRange(0, 3).Draw(rt, "damage") == 0 && len(keys) > 1 {
			damaged = rapid.SampledFrom(keys).Draw(rt, "which")
			s.objects[damaged][200] ^= 1
		}
		target := drawTarget(rt, m)
		elements := rapid.SampledFrom([][]string{all, {"contacts"}, {"messages", "calls"}}).Draw(rt, "elements")
		chosen := rapid.SampledFrom([][]string{nil, elements[:1]}).Draw(rt, "chosen")

		q := enrolled(t, s, 2)
		defer q.Close()
		into := s.consent(t, r.Snapshot, q.id.Device, elements...)
		before, sent := content(t, target), len(s.requests)
		plan, err := q.Plan(t.Context(), into, target, chosen)
		must(t, err)
		q.addUp(t)
		if diff := cmp.Diff(before, content(t, target)); diff != "" || target.finished || s.restores[restore.ID(into.Id)].State != restore.Opened {
			rt.Fatalf("the plan did something: %s", diff)
		}
		if told := slices.ContainsFunc(s.requests[sent:], func(r string) bool { return strings.HasSuffix(r, "/result") || strings.HasPrefix(r, "DELETE") }); told {
			rt.Fatalf("the service was told: %v", s.requests[sent:])
		}
		if damaged != "" && !slices.Contains(s.requests[sent:], "GET /"+damaged) {
			s.objects[damaged][200] ^= 1 // it holds attachments alone, of which the plan says nothing
			damaged = ""
		}
		again, err := q.Plan(t.Context(), into, target, chosen)
		must(t, err)
		done, err := q.Restore(t.Context(), into, target, chosen)
		must(t, err)
		gets := map[string]int{}
		for _, r := range s.requests[sent:] {
			if gets[r]++; strings.HasPrefix(r, "GET /u/") && gets[r] > 3 && r != "GET /"+damaged { // the index in it, its records, and then the rest
				rt.Fatalf("%s was downloaded again", r)
			}
		}
		var stored int64
		for _, k := range s.chunksStored() {
			stored += int64(len(s.objects[k]))
		}
		if read := plan.Bytes + again.Bytes + done.Bytes; read > stored+4096 && damaged == "" {
			rt.Fatalf("%d bytes were downloaded of %d and the index", read, stored)
		}
		want := planOf(done)
		for _, got := range []Plan{plan, again} {
			if diff := cmp.Diff(want.Elements, got.Elements) + cmp.Diff(want.Failures, got.Failures); diff != "" {
				rt.Fatalf("planned, and not done: %s", diff)
			}
		}
		for e, l := range plan.Elements {
			if l.Planned != l.New+l.Duplicate+l.Merge+l.Alike+l.NotPossible() {
				rt.Fatalf("the plan of %s does not balance: %+v", e, l)
			}
			seen = ElementPlan{Planned: seen.Planned + l.Planned, New: seen.New + l.New, Duplicate: seen.Duplicate + l.Duplicate, Merge: seen.Merge + l.Merge,
				Alike: seen.Alike + l.Alike, Skipped: seen.Skipped + l.Skipped, Failed: seen.Failed + l.Failed}
		}
		if t.Failed() {
			rt.FailNow()
		}
	})
	t.Logf("%+v", seen)
	if seen.New == 0 || seen.Duplicate == 0 || seen.Merge == 0 || seen.Alike == 0 || seen.Skipped == 0 || seen.Failed == 0 {
		t.Errorf("the cases do not cover everything: %+v", seen)
	}
}

// TestPlan_LeavesAttachments shows that attachments are left to the restore, also those that lie with what the plan reads.
func TestPlan_LeavesAttachments(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := new(memory)
	for i := range 3 { // the second has a chunk of its own, between the records and the index
		m.mms(i, noise(uint64(i), 12<<20))
	}
	r := p.backUp(t, m)
	q := enrolled(t, s, 2)
	into := s.consent(t, r.Snapshot, q.id.Device, "messages")
	got := new(memory)
	plan, err := q.Plan(t.Context(), into, got, nil)
	must(t, err)
	if want := (ElementPlan{Planned: 3, New: 3}); plan.Objects != 2 || plan.Bytes > 10_000 || cmp.Diff(want, plan.Elements["messages"]) != "" || len(plan.Failures) > 0 {
		t.Errorf("%+v", plan)
	}
	if at := q.step("messages", Downloading); at.Done > plan.Bytes || at.Done != at.Total || at.State != Ended {
		t.Errorf("%+v, and %d bytes were downloaded", at, plan.Bytes)
	}
	done, err := q.Restore(t.Context(), into, got, nil)
	must(t, err)
	if done.Objects != 3 || done.Ledger["messages"].Inserted != 3 {
		t.Errorf("%+v", done)
	}
	same(t, "restored", got, m)
}

// TestPlan_Missing shows what a plan says of a backup that is not whole any more.
func TestPlan_Missing(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(s *service, key string){
		"Deleted": func(s *service, key string) { delete(s.objects, key) },
		"Flipped": func(s *service, key string) { s.objects[key][30] ^= 1 },
	} {
		for _, last := range []bool{false, true} { // the last one has the index
			t.Run(fmt.Sprint(name, "/Last=", last), func(t *testing.T) {
				t.Parallel()
				s := newService(t)
				p := enrolled(t, s, 1)
				m := demo()
				p.backUp(t, m)
				first := s.chunksStored()
				r := p.backUp(t, day(m))
				for _, k := range s.chunksStored() {
					if slices.Contains(first, k) != last {
						damage(s, k)
					}
				}
				q := enrolled(t, s, 2)
				plan, err := q.Plan(t.Context(), s.consent(t, r.Snapshot, q.id.Device, "messages"), new(memory), nil)
				must(t, err)
				want := map[bool]ElementPlan{false: {Planned: 64, New: 3, Failed: 61}, true: {Planned: 64, Failed: 64}}[last]
				if last && name == "Flipped" { // it is not the index that is damaged
					want = ElementPlan{Planned: 64, New: 61, Failed: 3}
				}
				got := plan.Elements["messages"]
				got.Reasons = nil
				if cmp.Diff(want, got) != "" || len(plan.Failures) != 1 || plan.Failures[0].Items != want.Failed || plan.Failures[0].Detail == "" || plan.Failed() != want.Failed {
					t.Errorf("%+v", plan)
				}
			})
		}
	}
}

// TestPlan_NeverRestored shows that what a plan has downloaded goes when no restore waits any more, and not before.
func TestPlan_NeverRestored(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	r := p.backUp(t, demo())
	q := enrolled(t, s, 2)
	into := s.consent(t, r.Snapshot, q.id.Device, "messages")
	_, err := q.Plan(t.Context(), into, new(memory), nil)
	must(t, err)
	folder, err := q.Device.dir.RestoreFolder(r.Snapshot)
	must(t, err)
	for _, cancelled := range []bool{false, true} {
		if cancelled {
			row := s.restores[restore.ID(into.Id)]
			row.State = restore.Cancelled
			s.restores[row.ID] = row
		}
		_, err := q.CheckIn(t.Context(), nil)
		must(t, err)
		if left, _ := os.ReadDir(folder); len(left) > 0 == cancelled {
			t.Errorf("cancelled %t: %d objects are on the disk", cancelled, len(left))
		}
	}
}
