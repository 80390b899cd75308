package device

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"zapas/device/internal/item"
	"zapas/device/internal/seal"
)

// region is a part of a stored object that stands for itself.
type region struct {
	name     string
	from, to int
}

// regionsOf are the parts of a chunk, which leave out nothing of it. Its blobs are of equal sizes.
func regionsOf(t *testing.T, b []byte) (out []region) {
	t.Helper()
	a, err := seal.Inspect(bytes.NewReader(b), int64(len(b)))
	must(t, err)
	const prefix = 5
	out = append(out, region{"header", 0, seal.HeaderLen})
	for i, r := range a.Records {
		out = append(out, region{fmt.Sprint("records ", i), int(r.Offset) - prefix, int(r.Offset + r.Length)})
	}
	for i := range int(a.BlobBlocks) {
		n := int(a.Blobs.Length) / int(a.BlobBlocks)
		out = append(out, region{fmt.Sprint("blob ", i), int(a.Blobs.Offset) + i*n, int(a.Blobs.Offset) + (i+1)*n})
	}
	if a.Index != nil {
		out = append(out, region{"index", int(a.Blobs.Offset + a.Blobs.Length), int(a.Index.Offset + a.Index.Length)})
	}
	out = append(out, region{"trailer", int(a.Trailer.Offset), int(a.Trailer.Offset + a.Trailer.Length)}, region{"footer", int(a.Trailer.Offset + a.Trailer.Length), len(b)})
	at := 0
	for _, r := range out {
		if r.from != at || r.to <= r.from {
			t.Fatalf("%+v does not lie at %d", r, at)
		}
		at = r.to
	}
	if at != len(b) {
		t.Fatalf("%d bytes of %d are in no region", at, len(b))
	}
	return out
}

// batches is a phone with three backups, each of which is one chunk and holds a batch of items of each kind, two of them with an
// attachment. The last chunk holds the index, too.
func batches(t *testing.T) (s *service, p *phone, m *memory, snapshot string, chunks []string, made [][]item.Item) {
	t.Helper()
	s = newService(t)
	p = enrolled(t, s, 1)
	m = &memory{coverage: map[string]string{"contacts": Full, "messages": Full, "calls": Full}}
	for n := range 3 {
		before := len(m.items)
		for i := range 2 {
			m.items = append(m.items, &item.Contact{UID: fmt.Sprint(n, i), Notes: []string{fmt.Sprint("number ", n, i)}})
		}
		for i := range 3 {
			m.items = append(m.items, sms(100*n+i, "Hello"))
		}
		for i := range 2 {
			m.mms(100*n+i, noise(uint64(100*n+i), 700))
		}
		m.items = append(m.items, &item.Call{Type: item.Incoming, Unit: item.Millisecond, Date: int64(n) * 60_000, Address: item.ParseAddress("+48600100200")})
		r := p.backUp(t, m)
		snapshot = r.Snapshot
		if r.Objects != 1 {
			t.Fatalf("%+v", r)
		}
		for _, k := range s.chunksStored() {
			if !slices.Contains(chunks, k) {
				chunks = append(chunks, k)
			}
		}
		made = append(made, slices.Clone(m.items[before:]))
	}
	return s, p, m, snapshot, chunks, made
}

// accounted restores and proves what is stored now, and answers what did not come. Each item is accounted for, by snapshot, element
// and remedy, and the proof says what the restore says; told is whether they find anything wrong.
func accounted(t *testing.T, s *service, p *phone, name, snapshot string, m *memory) (lost map[string]bool, told bool) {
	t.Helper()
	got, came, done, proof := brought(t, s, p, name, snapshot, m)
	told = len(done.Failures) > 0
	if told != (proof.Outcome == Damaged) {
		t.Errorf("%s: the proof says %s, and the restore %+v", name, proof.Outcome, done.Failures)
	}
	lost, missing, rest := map[string]bool{}, map[string]int64{}, m.clone()
	rest.items = slices.DeleteFunc(rest.items, func(it item.Item) bool {
		key := encodedItem(t, it)
		if !came[key] {
			lost[key] = true
			missing[it.Kind().Element()]++
		}
		return !came[key]
	})
	same(t, name, got, rest)
	for e, l := range done.Ledger {
		if l.Failed != missing[e] || proof.Elements[e].Lost != missing[e] {
			t.Errorf("%s: of %s %d are missing, and there is told %+v and %+v", name, e, missing[e], l, proof.Elements[e])
		}
		for _, failures := range [][]Failure{done.Failures, proof.Failures} {
			var items int64
			for _, f := range failures {
				if f.Element == e {
					items += f.Items
				}
				if f.Snapshot != snapshot || f.Reason == "" || f.Detail == "" || f.Remedy == "" {
					t.Errorf("%s: not named: %+v", name, f)
				}
			}
			if items != missing[e] {
				t.Errorf("%s: of %s %d are missing, and there is told %+v", name, e, missing[e], failures)
			}
		}
	}
	return lost, told
}

// TestRestore_AnyRegion: each part of each object of a small backup is changed at its beginning, amid and at its end, missing,
// repeated, in exchange with the next one, in the place of that of another object, and the last one that is there. Nothing is lost
// but what is in it, where it is only changed; where the object has another form by it, nothing but what is in the object. With
// the index alone, all is lost.
func TestRestore_AnyRegion(t *testing.T) {
	t.Parallel()
	s, p, m, snapshot, chunks, made := batches(t)
	whole := maps.Clone(s.objects)
	all, regions := map[string]bool{}, map[string][]region{}
	of := make([]map[string]bool, len(chunks)) // by chunk: its items
	for n, batch := range made {
		of[n] = map[string]bool{}
		for _, it := range batch {
			of[n][encodedItem(t, it)], all[encodedItem(t, it)] = true, true
		}
		regions[chunks[n]] = regionsOf(t, whole[chunks[n]])
	}
	last := chunks[len(chunks)-1]
	tried := 0
	try := func(name string, harmed map[string][]byte) map[string]bool {
		tried++
		s.objects = maps.Clone(whole)
		maps.Copy(s.objects, harmed)
		lost, told := accounted(t, s, p, name, snapshot, m)
		if !told {
			t.Errorf("%s: nothing is told", name)
		}
		return lost
	}
	for n, k := range chunks {
		b := whole[k]
		alone := map[string]int{} // how many items are lost with a part, by its kind
		for i, r := range regions[k] {
			for _, at := range []int{r.from, (r.from + r.to) / 2, r.to - 1} {
				name := fmt.Sprintf("byte %d of %s of chunk %d", at-r.from, r.name, n)
				c := bytes.Clone(b)
				c[at] ^= 0x10
				lost := try(name, map[string][]byte{k: c})
				if at == r.from {
					alone[strings.Fields(r.name)[0]] += len(lost)
				}
				index := map[string]bool{}
				if k == last {
					index = all
				}
				checkLoss(t, name, r, made[n], of[n], index, lost)
			}
			cut := [][]byte{slices.Concat(b[:r.from], b[r.to:]), slices.Concat(b[:r.to], b[r.from:]), b[:r.from], b[:(r.from+r.to)/2], b[r.from:]}
			if i+1 < len(regions[k]) {
				next := regions[k][i+1]
				cut = append(cut, slices.Concat(b[:r.from], b[next.from:next.to], b[r.from:r.to], b[next.to:]))
			}
			for _, other := range chunks {
				if o := regions[other]; other != k && i < len(o) && o[i].name == r.name {
					cut = append(cut, slices.Concat(b[:r.from], whole[other][o[i].from:o[i].to], b[r.to:]))
				}
			}
			for j, c := range cut {
				if bytes.Equal(c, b) {
					continue
				}
				lost := try(fmt.Sprintf("%s of chunk %d, form %d", r.name, n, j), map[string][]byte{k: c})
				for it := range lost {
					if !of[n][it] && k != last {
						t.Errorf("%s of chunk %d, form %d: an item of another chunk is lost", r.name, n, j)
						break
					}
				}
			}
		}
		if alone["records"] != len(of[n]) || alone["blob"] != 2 {
			t.Errorf("chunk %d: with its parts %v are lost, of %d", n, alone, len(of[n]))
		}
	}
	if tried < 250 || len(all) != 24 {
		t.Errorf("%d harms were tried on %d items", tried, len(all))
	}
}

// checkLoss holds what is lost by a changed byte against what is in its region.
func checkLoss(t *testing.T, name string, r region, made []item.Item, of, index, lost map[string]bool) {
	t.Helper()
	attached := map[string]bool{}
	kinds := map[item.Kind]map[string]bool{}
	for _, it := range made {
		if kinds[it.Kind()] == nil {
			kinds[it.Kind()] = map[string]bool{}
		}
		kinds[it.Kind()][encodedItem(t, it)] = true
		if len(it.Blobs()) > 0 {
			attached[encodedItem(t, it)] = true
		}
	}
	good := false
	switch strings.Fields(r.name)[0] {
	case "header":
		good = maps.Equal(lost, of)
	case "records":
		for _, k := range kinds {
			good = good || maps.Equal(lost, k)
		}
	case "blob":
		good = len(lost) == 1
		for it := range lost {
			good = good && attached[it]
		}
	case "trailer", "footer":
		good = maps.Equal(lost, attached)
	case "index": // that of an earlier backup is not needed
		good = maps.Equal(lost, index)
	}
	if !good {
		t.Errorf("%s: %d items are lost", name, len(lost))
	}
}
