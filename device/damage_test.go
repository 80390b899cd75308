package device

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"zapas/device/internal/item"
)

// harm is one thing that befalls the stored objects, and whose content is lost by it.
type harm struct {
	name string
	do   func(objects map[string][]byte)
	hit  []string // keys
}

// harms are: a byte changed, at every stride-th place and at those where one part of an object ends and the next begins; an
// object missing, cut short, longer, empty, in the place of each other one, or in exchange with it.
func harms(objects map[string][]byte, stride int) (out []harm) {
	keys := slices.Sorted(maps.Keys(objects))
	for _, k := range keys {
		n := len(objects[k])
		at := map[int]bool{}
		for i := 0; i < n; i += stride {
			at[i] = true
		}
		for _, i := range []int{4, 5, 6, 9, 10, 41, 42, 73, 74, 78, 79, n - 13, n - 12, n - 8, n - 5, n - 4, n - 1} { // header, first block, footer
			at[i] = true
		}
		for _, i := range slices.Sorted(maps.Keys(at)) {
			out = append(out, harm{fmt.Sprintf("byte %d of %s", i, k), func(o map[string][]byte) {
				o[k] = bytes.Clone(o[k])
				o[k][i] ^= 1 << (i % 8)
			}, []string{k}})
		}
		out = append(out,
			harm{"missing " + k, func(o map[string][]byte) { delete(o, k) }, []string{k}},
			harm{"cut " + k, func(o map[string][]byte) { o[k] = o[k][:n-1] }, []string{k}},
			harm{"longer " + k, func(o map[string][]byte) { o[k] = append(bytes.Clone(o[k]), 0) }, []string{k}},
			harm{"empty " + k, func(o map[string][]byte) { o[k] = nil }, []string{k}},
			harm{"twice within " + k, func(o map[string][]byte) { o[k] = append(bytes.Clone(o[k]), o[k]...) }, []string{k}})
		for _, other := range keys {
			if other == k {
				continue
			}
			out = append(out, harm{other + " for " + k, func(o map[string][]byte) { o[k] = o[other] }, []string{k}})
			if k < other {
				out = append(out, harm{other + " and " + k, func(o map[string][]byte) { o[k], o[other] = o[other], o[k] }, []string{k, other}})
			}
		}
	}
	return out
}

// TestRestore_AnyHarm: whatever befalls the objects of a small snapshot, each item that it costs is accounted for under the
// snapshot and the element, and all others come as they were.
func TestRestore_AnyHarm(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	all := map[string]string{"contacts": Full, "messages": Full, "calls": Full}
	parts := map[string]*memory{"contacts": {coverage: all}, "messages": {coverage: all}, "calls": {coverage: all}}
	for i := range 3 {
		parts["contacts"].items = append(parts["contacts"].items, &item.Contact{Notes: []string{fmt.Sprint("number ", i)}})
		parts["calls"].items = append(parts["calls"].items, &item.Call{Type: item.Incoming, Unit: item.Millisecond, Date: int64(i) * 60_000, Address: item.ParseAddress("+48600100200")})
		parts["messages"].items = append(parts["messages"].items, sms(i, "Hello"))
		parts["messages"].mms(i, noise(uint64(i), 700))
	}
	m := &memory{coverage: all, blobs: parts["messages"].blobs}
	holds := map[string]string{} // which element a chunk holds, by key
	var r Report
	for _, e := range []string{"messages", "calls", "contacts"} {
		m.items = append(m.items, parts[e].items...)
		r = p.backUp(t, m)
		for _, k := range s.chunksStored() {
			if holds[k] == "" {
				holds[k] = e
			}
		}
	}
	last := ""
	for k := range holds {
		if strings.Contains(k, r.Snapshot) {
			last = k
		}
	}
	whole := maps.Clone(s.objects)
	tried, came := 0, 0
	for _, h := range harms(whole, 41) {
		s.objects = maps.Clone(whole)
		h.do(s.objects)
		must, may := map[string]bool{}, map[string]bool{}
		for _, k := range h.hit {
			switch {
			case k == last, strings.HasSuffix(k, "/l/"+r.Snapshot): // with the index, or the list, all is lost
				may = map[string]bool{"messages": true, "calls": true, "contacts": true}
				must["contacts"] = true
			case holds[k] != "":
				must[holds[k]], may[holds[k]] = true, true
			}
		}
		tried++
		came += harmed(t, s, p, h.name, r.Snapshot, m, must, may)
	}
	if len(holds) != 3 || last == "" || tried < 300 || came < 300 {
		t.Errorf("%d harms were tried on %d chunks; %d items came in spite of them", tried, len(holds), came)
	}
}

// harmed restores and proves, and looks at what is told: must are the elements that the harm befalls, may those that it may
// cost something. It answers how many items of these came.
func harmed(t *testing.T, s *service, p *phone, name, snapshot string, m *memory, must, may map[string]bool) (came int) {
	t.Helper()
	got, is, done, proof := brought(t, s, p, name, snapshot, m)
	if want := map[bool]string{true: Proven, false: Damaged}[len(must) == 0]; proof.Outcome != want {
		t.Errorf("%s: the proof says %s", name, proof.Outcome)
	}
	rest, missing := m.clone(), map[string]int64{}
	rest.items = slices.DeleteFunc(rest.items, func(it item.Item) bool {
		e := it.Kind().Element()
		gone := !is[encodedItem(t, it)]
		if gone {
			missing[e]++
		} else if may[e] {
			came++
		}
		return gone && may[e]
	})
	same(t, name, got, rest)
	for e, l := range done.Ledger {
		if l.Failed != missing[e] || l.Failed > 0 && !may[e] || proof.Elements[e].Lost != l.Failed || l.Planned == 0 {
			t.Errorf("%s: of %s %d are missing, and there is told %+v and %+v", name, e, missing[e], l, proof.Elements[e])
		}
		for what, failures := range map[string][]Failure{"restore": done.Failures, "proof": proof.Failures} {
			told, items := false, int64(0)
			for _, f := range failures {
				if f.Element == e {
					told = told || f.Snapshot == snapshot && f.Reason != "" && f.Detail != ""
					items += f.Items
				}
			}
			if told != (must[e] || l.Failed > 0) || items != l.Failed {
				t.Errorf("%s: the %s tells of %s %+v", name, what, e, failures)
			}
		}
	}
	return came
}

// brought restores and proves a snapshot: what came, also by its encoding, and what is told of that. m is what was backed up.
func brought(t *testing.T, s *service, p *phone, name, snapshot string, m *memory) (got *memory, came map[string]bool, done RestoreReport, proof VerifyReport) {
	t.Helper()
	got = &memory{coverage: m.coverage}
	done, err := p.Restore(t.Context(), s.consent(t, snapshot, p.id.Device), got, nil)
	if err != nil {
		t.Fatalf("%s: restore: %v", name, err)
	}
	proof, err = p.Verify(t.Context(), VerifyOptions{})
	if err != nil {
		t.Fatalf("%s: verify: %v", name, err)
	}
	came = map[string]bool{}
	for _, it := range got.items {
		came[encodedItem(t, it)] = true
	}
	return got, came, done, proof
}

func encodedItem(t *testing.T, it item.Item) string {
	t.Helper()
	b, err := item.Encode(it)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
