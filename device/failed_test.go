package device

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestRestore_Failed: what has failed, and nothing else, is brought by the next restore of the snapshot, when it can be had
// again; nothing is written twice, and each restore accounts for all items.
func TestRestore_Failed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		damage func(s *service, keys []string)
		failed int64
		gets   int // of the second restore
	}{
		{"Attachment", func(s *service, k []string) { s.objects[k[0]][2000] ^= 1 }, 1, 3},
		{"ChunkMissing", func(s *service, k []string) { delete(s.objects, k[0]) }, 61, 3},
		{"RecordsOfTheLast", func(s *service, k []string) { s.objects[k[1]][100] ^= 1 }, 2, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			m := demo()
			p.backUp(t, m)
			keys := s.chunksStored()
			m = day(m)
			r := p.backUp(t, m)
			for _, k := range s.chunksStored() {
				if !slices.Contains(keys, k) {
					keys = append(keys, k)
				}
			}
			whole := maps.Clone(s.objects)
			for k, b := range s.objects {
				s.objects[k] = bytes.Clone(b)
			}
			tt.damage(s, keys)
			q := enrolled(t, s, 2)
			got := &memory{coverage: m.coverage}
			order := s.consent(t, r.Snapshot, q.id.Device, "messages")
			first, err := q.Restore(t.Context(), order, got, nil)
			must(t, err)
			snapshot, n, err := q.Failed()
			must(t, err)
			if l := first.Ledger["messages"]; l.Failed != tt.failed || first.State != "partly_done" || snapshot != r.Snapshot || n != tt.failed {
				t.Fatalf("%+v; %d of %s are known to have failed", first, n, snapshot)
			}
			if _, err := q.Restore(t.Context(), order, got, nil, Only{Failed: true}); err == nil || !strings.Contains(err.Error(), "ask for a new one") {
				t.Errorf("the service has ended this order, and it answers %v", err)
			}
			s.objects = whole
			q.restart(t, s)
			again := s.consent(t, r.Snapshot, q.id.Device, "messages")
			plan, err := q.Plan(t.Context(), again, got, nil, Only{Failed: true})
			must(t, err)
			if e := plan.Elements["messages"]; e.New != tt.failed || e.Skipped != 64-tt.failed || e.Planned != 64 || e.Reasons["restored_before"] != 64-tt.failed {
				t.Errorf("the plan: %+v", e)
			}
			second, err := q.Restore(t.Context(), again, got, nil, Only{Failed: true})
			must(t, err)
			if l := second.Ledger["messages"]; l.Inserted != tt.failed || l.Skipped != 64-tt.failed || l.Planned != 64 || l.Failed != 0 || plan.Requests.Gets+second.Requests.Gets > tt.gets {
				t.Errorf("%+v by %d and %d GETs", l, plan.Requests.Gets, second.Requests.Gets)
			}
			same(t, "restored", got, m)
			if _, n, err := q.Failed(); n != 0 || err != nil {
				t.Errorf("%d are still known to have failed; %v", n, err)
			}
			third := s.consent(t, r.Snapshot, q.id.Device, "messages")
			if _, err := q.Restore(t.Context(), third, got, nil, Only{Failed: true}); err == nil || !strings.Contains(err.Error(), "does not know") {
				t.Errorf("nothing has failed, and it answers %v", err)
			}
		})
	}
}

// TestRestore_Failed_Known: what has failed is known though the run is killed as the service ends the restore, and an element that
// was never restored does not count as one that was.
func TestRestore_Failed_Known(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := newYear(5, 20).memory
	r := p.backUp(t, m)
	for _, k := range s.chunksStored() {
		s.objects[k] = bytes.Clone(s.objects[k])
		s.objects[k][200] ^= 1 // contacts, which come first
	}
	q := enrolled(t, s, 2)
	got := &memory{coverage: m.coverage}
	s.fault = func(req *http.Request, after bool) error {
		if after && strings.HasSuffix(req.URL.Path, "/result") {
			return errKilled
		}
		return nil
	}
	_, err := q.Restore(t.Context(), s.consent(t, r.Snapshot, q.id.Device, "contacts"), got, nil)
	s.fault = nil
	if _, n, ferr := q.Failed(); err == nil || n == 0 || ferr != nil {
		t.Errorf("%v; %d are known to have failed; %v", err, n, ferr)
	}
	both := s.consent(t, r.Snapshot, q.id.Device, "contacts", "messages")
	if again, err := q.Restore(t.Context(), both, got, nil, Only{Failed: true}); err == nil || !strings.Contains(err.Error(), "messages") {
		t.Errorf("messages were never restored: %+v, %v", again.Ledger, err)
	}
}
