package device

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"zapas/device/internal/index"
	"zapas/shared/api"
)

// TestRestore_AnyList: whatever the service says of which chunks a backup consists, and where its index is: nothing is lost but what
// is in the chunk of which it says so, and nothing at all where the index knows better. Where the index cannot be found by it, all is.
func TestRestore_AnyList(t *testing.T) {
	t.Parallel()
	s, p, m, snapshot, keys, made := batches(t)
	const nothing, all = -1, -2
	type harm struct {
		name string
		do   func(m *api.Manifest)
		hit  int // the chunk that may be lost
	}
	var harms []harm
	add := func(hit int, name string, do func(m *api.Manifest)) { harms = append(harms, harm{name, do, hit}) }
	last := len(keys) - 1
	for i := range keys {
		whose := i
		if i == last {
			whose = all
		}
		add(whose, fmt.Sprint("missing ", i), func(m *api.Manifest) { m.Chunks = slices.Delete(m.Chunks, i, i+1) })
		add(nothing, fmt.Sprint("twice ", i), func(m *api.Manifest) { m.Chunks = slices.Insert(m.Chunks, i, m.Chunks[i]) })
		add(nothing, fmt.Sprint("again at the end ", i), func(m *api.Manifest) { m.Chunks = append(m.Chunks, m.Chunks[i]) })
		add(nothing, fmt.Sprint("again at the beginning ", i), func(m *api.Manifest) { m.Chunks = slices.Insert(m.Chunks, 0, m.Chunks[i]) })
		add(whose, fmt.Sprint("id ", i), func(m *api.Manifest) { m.Chunks[i].Id = snapshot })
		add(whose, fmt.Sprint("no id ", i), func(m *api.Manifest) { m.Chunks[i].Id = "../" + m.Chunks[i].Id })
		add(whose, fmt.Sprint("session ", i), func(m *api.Manifest) { m.Chunks[i].Session = m.Chunks[(i+1)%len(m.Chunks)].Session })
		add(whose, fmt.Sprint("unknown session ", i), func(m *api.Manifest) { m.Chunks[i].Session = "01ARZ3NDEKTSV4RRFFQ69G5FAV" })
		add(whose, fmt.Sprint("url ", i), func(m *api.Manifest) { m.Chunks[i].Url = m.Chunks[(i+1)%len(m.Chunks)].Url })
		for _, size := range []int64{0, -1, 1, 1 << 40, +2, +3} {
			do := func(m *api.Manifest) { m.Chunks[i].Size = size }
			if size == 2 || size == 3 { // one more or less than it is
				do = func(m *api.Manifest) { m.Chunks[i].Size += 2*size - 5 }
			}
			hit := nothing
			if i == last {
				hit = i
				if size < 1 || size > 1<<24 {
					hit = all
				}
			}
			add(hit, fmt.Sprintf("size %d of %d", size, i), do)
		}
		for _, n := range []int64{0, -1, 1, 1 << 40} {
			add(nothing, fmt.Sprintf("records %d of %d", n, i), func(m *api.Manifest) { m.Chunks[i].Records = n })
		}
		for j := range i {
			add(nothing, fmt.Sprintf("%d and %d", i, j), func(m *api.Manifest) { m.Chunks[i], m.Chunks[j] = m.Chunks[j], m.Chunks[i] })
		}
	}
	add(nothing, "backwards", func(m *api.Manifest) { slices.Reverse(m.Chunks) })
	for _, by := range []int64{-1, 1, -1 << 40, 1 << 40} {
		add(all, fmt.Sprint("offset ", by), func(m *api.Manifest) { m.Index.Offset += by })
		add(all, fmt.Sprint("length ", by), func(m *api.Manifest) { m.Index.Length += by })
	}
	for _, h := range harms {
		s.lists = h.do
		lost, told := accounted(t, s, p, h.name, snapshot, m)
		may := map[string]bool{}
		for n, batch := range made {
			for _, it := range batch {
				may[encodedItem(t, it)] = h.hit == all || h.hit == n
			}
		}
		for it := range lost {
			if !may[it] {
				t.Errorf("%s: %d items are lost, also others than those of chunk %d", h.name, len(lost), h.hit)
				break
			}
		}
		if told != (len(lost) > 0) && h.hit == nothing || h.hit != nothing && !told {
			t.Errorf("%s: %d items are lost, and that something is wrong is told: %t", h.name, len(lost), told)
		}
	}
	s.lists = nil
	if lost, told := accounted(t, s, p, "sound", snapshot, m); len(lost) > 0 || told || len(harms) < 60 {
		t.Errorf("%d harms were tried; without any, %d items are lost", len(harms), len(lost))
	}
}

// TestRestore_AnyList_Large: so it is where the index is fetched by itself, since its chunk is large and not needed.
func TestRestore_AnyList_Large(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := everything()
	for i := range 3 {
		m.mms(9000+i, noise(uint64(i), 9<<20))
	}
	r := p.backUp(t, m)
	sound := 0
	for _, h := range []struct {
		name string
		do   func(m *api.Manifest)
	}{
		{"Sound", func(*api.Manifest) {}},
		{"Backwards", func(m *api.Manifest) { slices.Reverse(m.Chunks) }},
		{"Twice", func(m *api.Manifest) { m.Chunks = append(m.Chunks, m.Chunks[0]) }},
		{"SizeLess", func(m *api.Manifest) { m.Chunks[len(m.Chunks)-1].Size = 1 }},
		{"SizeMore", func(m *api.Manifest) { m.Chunks[len(m.Chunks)-1].Size++ }},
	} {
		s.lists = func(m *api.Manifest) {
			if len(m.Chunks) < 3 {
				t.Errorf("there are only %d chunks", len(m.Chunks))
			}
			h.do(m)
		}
		got := &memory{coverage: m.coverage}
		done := restored(t, s, r.Snapshot, got, "contacts")
		if l := done.Ledger["contacts"]; l.Failed != 0 || l.Inserted != l.Planned || l.Planned != r.Counts["contacts"] || l.Planned == 0 {
			t.Errorf("%s: %+v, of %v", h.name, l, r.Counts)
		}
		if h.name == "Sound" {
			sound = done.Requests.Gets
		}
		t.Logf("%s: %d GETs, and %d bytes", h.name, done.Requests.Gets, done.Requests.BytesDown)
		if done.Requests.Gets > sound+8 {
			t.Errorf("%s: %d GETs, and %d where nothing is wrong", h.name, done.Requests.Gets, sound)
		}
	}
}

// endless is a service whose list of chunks has always one page more.
type endless struct {
	*service
	page  api.Manifest
	pages int
}

func (e *endless) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := e.service.RoundTrip(req)
	if !strings.HasSuffix(req.URL.Path, "/manifest") {
		return resp, err
	}
	if e.pages++; e.pages > 20 {
		return nil, errKilled
	}
	b, err := json.Marshal(e.page)
	return answer(http.StatusOK, b), err
}

// TestRestore_EndlessList: a list that goes on for ever ends the restore, be there chunks in it or not.
func TestRestore_EndlessList(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"2B49VQFN6X3Z31RVW89X468782", "none", ""} {
		s := newService(t)
		p := enrolled(t, s, 1)
		snapshot := p.backUp(t, demo()).Snapshot
		e := &endless{service: s, page: api.Manifest{Snapshot: snapshot, Cursor: new("again")}}
		for range index.MaxChunks / 10 {
			e.page.Chunks = append(e.page.Chunks, api.ManifestChunk{Id: id})
		}
		p.config.Transport = e
		p.use(p.id)
		_, err := p.Restore(t.Context(), s.consent(t, snapshot, p.id.Device, "messages"), new(memory), nil)
		if err == nil || !strings.Contains(err.Error(), "lists more than") || e.pages != 11 {
			t.Errorf("%q: %d pages: %v", id, e.pages, err)
		}
	}
}
