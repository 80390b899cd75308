package device

import (
	"bytes"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// TestRestore_Failed_Narrowed: after a restore that was narrowed, what it has left out is not said to be restored; what has failed
// and is left out by a later one has failed still.
func TestRestore_Failed_Narrowed(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p, q := enrolled(t, s, 1), enrolled(t, s, 2)
	m := demo() // 61 short messages, and 3 with attachments, which are sent to one address
	snapshot := p.backUp(t, m).Snapshot
	whole := s.objects[s.chunksStored()[0]]
	harmed := bytes.Clone(whole)
	harmed[2000] ^= 1 // an attachment of one message
	s.objects[s.chunksStored()[0]] = harmed
	got := &memory{}
	restore := func(only ...Only) RestoreReport {
		t.Helper()
		r, err := q.Restore(t.Context(), s.consent(t, snapshot, q.id.Device, "messages"), got, nil, only...)
		must(t, err)
		return r
	}
	attached := Only{With: []string{"+48600100200"}}
	short := Only{With: []string{"+48600100003"}}
	for _, tt := range []struct {
		name                    string
		only                    []Only
		mended                  bool
		inserted, failed, known int64
		reasons                 map[string]int64
	}{
		{"Narrowed", []Only{attached}, false, 2, 1, 1, map[string]int64{"not_chosen": 61, "attachment_damaged": 1}},
		{"Alone", []Only{{Failed: true}}, false, 0, 1, 1, map[string]int64{"not_failed": 63, "attachment_damaged": 1}},
		{"ToOthers", []Only{short}, false, 3, 0, 1, map[string]int64{"not_chosen": 61}},
		{"AloneToOthers", []Only{{Failed: true}, short}, false, 0, 0, 1, map[string]int64{"not_failed": 63, "not_chosen": 1}},
		{"All", nil, false, 58, 1, 1, map[string]int64{"attachment_damaged": 1}},
		{"ToOthersAgain", []Only{short}, false, 0, 0, 1, map[string]int64{"not_chosen": 61}},
		{"AloneAgain", []Only{{Failed: true}}, true, 1, 0, 0, map[string]int64{"restored_before": 63}},
	} {
		if tt.mended {
			s.objects[s.chunksStored()[0]] = whole
		}
		l := restore(tt.only...).Ledger["messages"]
		_, known, err := q.Failed()
		if d := cmp.Diff(tt.reasons, l.Reasons); d != "" || l.Planned != 64 || l.Inserted != tt.inserted || l.Failed != tt.failed || known != tt.known || err != nil {
			t.Errorf("%s: %+v, and %d are known to have failed; %v %s", tt.name, l, known, err, d)
		}
	}
	same(t, "restored", got, m)
}

// TestRestore_Failed_Damaged: what is damaged of what has failed is never nothing; a restore of all goes on without it. What lies
// in too many places is not known, and said so.
func TestRestore_Failed_Damaged(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		damage func(t *testing.T, p *phone, path string)
		says   string
	}{
		"Flipped": {func(t *testing.T, _ *phone, path string) {
			b, err := os.ReadFile(path)
			must(t, err)
			b[len(b)/2] ^= 1
			must(t, os.WriteFile(path, b, 0o600))
		}, "damaged"},
		"Empty":    {func(t *testing.T, _ *phone, path string) { must(t, os.WriteFile(path, nil, 0o600)) }, "damaged"},
		"Unsummed": {func(t *testing.T, _ *phone, path string) { must(t, os.WriteFile(path, []byte(`{"failed":{}}`), 0o600)) }, "damaged"},
		"TooMany": {func(t *testing.T, p *phone, _ string) {
			f, err := p.Device.dir.Failed()
			must(t, err)
			f.Elements, f.TooMany = nil, true
			must(t, p.Device.dir.PutFailed(f))
		}, "65536"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p, q := enrolled(t, s, 1), enrolled(t, s, 2)
			m := demo()
			snapshot := p.backUp(t, m).Snapshot
			key := s.chunksStored()[0]
			whole := s.objects[key]
			s.objects[key] = bytes.Clone(whole)
			s.objects[key][2000] ^= 1
			got := &memory{}
			_, err := q.Restore(t.Context(), s.consent(t, snapshot, q.id.Device, "messages"), got, nil)
			must(t, err)
			tt.damage(t, q, q.Device.dir.Path("failed.json"))
			q.restart(t, s)
			order := s.consent(t, snapshot, q.id.Device, "messages")
			_, planErr := q.Plan(t.Context(), order, got, nil, Only{Failed: true})
			_, err = q.Restore(t.Context(), order, got, nil, Only{Failed: true})
			for _, err := range []error{planErr, err} {
				if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "restore") || !strings.Contains(err.Error(), "not written twice") {
					t.Errorf("it answers %v", err)
				}
			}
			if _, n, err := q.Failed(); err == nil && n != 1 {
				t.Error("nothing is said to have failed")
			}
			s.objects[key] = whole
			if r, err := q.Restore(t.Context(), order, got, nil); err != nil || r.Ledger["messages"].Inserted != 1 || r.Ledger["messages"].Duplicate != 63 {
				t.Errorf("all of it: %+v %v", r, err)
			}
			if _, n, err := q.Failed(); n != 0 || err != nil {
				t.Errorf("%d have failed: %v", n, err)
			}
			same(t, "restored", got, m)
		})
	}
}

// TestRestore_Failed_NoIndex: what has failed is known still when the next restore finds nothing that it could read.
func TestRestore_Failed_NoIndex(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p, q := enrolled(t, s, 1), enrolled(t, s, 2)
	m := demo()
	snapshot := p.backUp(t, m).Snapshot
	key := s.chunksStored()[0]
	whole := s.objects[key]
	got := &memory{}
	for _, harm := range []int{2000, inIndex(whole)} { // an attachment, then the index
		s.objects[key] = bytes.Clone(whole)
		s.objects[key][harm] ^= 1
		_, err := q.Restore(t.Context(), s.consent(t, snapshot, q.id.Device, "messages"), got, nil, Only{Failed: harm != 2000})
		must(t, err)
		if known, n, err := q.Failed(); n != 1 || known != snapshot || err != nil {
			t.Errorf("byte %d: %d are known to have failed; %v", harm, n, err)
		}
	}
	s.objects[key] = whole
	r, err := q.Restore(t.Context(), s.consent(t, snapshot, q.id.Device, "messages"), got, nil, Only{Failed: true})
	if err != nil || r.Ledger["messages"].Inserted != 1 {
		t.Errorf("%+v %v", r, err)
	}
	same(t, "restored", got, m)
}
