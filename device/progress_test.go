package device

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"zapas/device/internal/item"
)

// step is the last one of a work on an element.
func (p *phone) step(element string, w Work) (last Progress) {
	for _, s := range p.steps {
		if s.Element == element && s.Work == w {
			last = s
		}
	}
	return last
}

// works are what a run was told to do, in order, with the states in which it left them.
func (p *phone) works(element string) (out []string) {
	for _, s := range p.steps {
		if s.Element == element && s.State != Running {
			out = append(out, string(s.Work)+" "+string(s.State))
		}
	}
	return out
}

// addUp holds each work on each element against what is promised of its steps.
func (p *phone) addUp(t *testing.T) {
	t.Helper()
	type key struct {
		element string
		work    Work
	}
	last := map[key]Progress{}
	for _, s := range p.steps {
		k := key{s.Element, s.Work}
		before, begun := last[k]
		first := s.Done == 0 && s.State == Running
		switch {
		case !begun && !first, begun && before.State != Running && !first:
			t.Errorf("it does not begin at its beginning: %+v", s)
		case begun && !first && (s.Done < before.Done || s.Failed < before.Failed):
			t.Errorf("it goes back from %+v to %+v", before, s)
		case s.Total > 0 && s.Done > s.Total, s.Failed > s.Done, s.State == Ended && s.Done != s.Total:
			t.Errorf("it does not add up: %+v", s)
		}
		last[k] = s
	}
	for _, s := range last {
		if s.State == Running {
			t.Errorf("it has no end: %+v", s)
		}
	}
}

func TestProgress_EachElement(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := everything()
	r := p.backUp(t, m)
	counts := map[string]int64{"contacts": 40, "messages": 64, "calls": 31}
	for element, n := range counts {
		if got := p.works(element); !slices.Equal(got, []string{"reading ended", "sealing ended", "uploading ended"}) {
			t.Errorf("%s: %v", element, got)
		}
		if at := p.step(element, Sealing); at.Done != n {
			t.Errorf("%+v", at)
		}
		if at := p.step(element, Uploading); at.Done != r.BytesUp {
			t.Errorf("%+v of %d bytes", at, r.BytesUp)
		}
	}
	m.items = append(m.items, call(1000, 5))
	p.backUp(t, m)
	if p.step("calls", Sealing).Done != 1 || p.step("calls", Uploading).State != Ended || p.step("messages", Sealing) != (Progress{}) || p.step("messages", Uploading) != (Progress{}) {
		t.Errorf("a call is new, and nothing else: %+v", p.steps)
	}

	q := enrolled(t, s, 2)
	got := &memory{coverage: m.coverage, items: slices.Clone(m.items[:3]), blobs: maps.Clone(m.blobs)}
	into := s.consent(t, r.Snapshot, q.id.Device, all...)
	if _, err := q.Plan(t.Context(), into, got, nil); err != nil {
		t.Fatal(err)
	}
	q.addUp(t)
	for element, n := range counts {
		if got := q.works(element); !slices.Equal(got, []string{"downloading ended", "reading ended", "matching ended", "planning ended"}) {
			t.Errorf("%s: %v", element, got)
		}
		if at := q.step(element, Planning); at.Done != n {
			t.Errorf("%+v", at)
		}
	}
	q.steps = nil
	if _, err := q.Restore(t.Context(), into, got, []string{"calls"}); err != nil {
		t.Fatal(err)
	}
	q.addUp(t)
	if got := q.works("calls"); !slices.Equal(got, []string{"downloading ended", "reading ended", "matching ended", "writing ended"}) || len(q.works("contacts")) > 0 {
		t.Errorf("%v", q.steps)
	}
}

// TestProgress_Verify: a proof tells what it downloads, all of it or a sample, what is damaged and what cannot be read at all.
func TestProgress_Verify(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := everything()
	r := p.backUp(t, m)
	proven := func(o VerifyOptions) (bytes int64) {
		t.Helper()
		p.steps = nil
		out, err := p.Verify(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		p.addUp(t)
		return out.Bytes
	}
	n := proven(VerifyOptions{})
	for element := range r.Ledger {
		if at := p.step(element, Downloading); !slices.Equal(p.works(element), []string{"downloading ended"}) || at.Done == 0 || at.Done > n || at.Failed != 0 {
			t.Errorf("%+v of %d bytes", at, n)
		}
	}
	proven(VerifyOptions{Elements: []string{"calls"}})
	if p.step("calls", Downloading).State != Ended || len(p.works("contacts")) > 0 {
		t.Errorf("calls alone: %+v", p.steps)
	}
	for _, k := range s.chunksStored() {
		delete(s.objects, k)
	}
	proven(VerifyOptions{})
	for element := range r.Ledger {
		if got := p.works(element); !slices.Equal(got, []string{"downloading broken_off"}) {
			t.Errorf("without any chunk, of %s: %v", element, got)
		}
	}
}

// TestProgress_Failed shows what an element that did not come through says of itself.
func TestProgress_Failed(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := everything()
	m.bad = []*Unreadable{{Kind: item.KindCall, Count: 2, Reason: "malformed", Err: errors.New("bad")}}
	delete(m.blobs, m.items[8].Blobs()[0].SHA256)
	p.backUp(t, m)
	if at := p.step("calls", Reading); at.Failed != 2 || at.Done != 33 {
		t.Errorf("%+v", at)
	}
	if at := p.step("messages", Sealing); at.Failed != 1 || at.Done != 64 || p.step("contacts", Sealing).Failed != 0 {
		t.Errorf("%+v", at)
	}

	refused := func(*http.Request, bool) error { return errKilled }
	s.fault, p.steps = refused, nil
	m.items = append(m.items, call(1000, 5))
	if _, err := p.Backup(t.Context(), m, profileOf("eu")); err == nil {
		t.Fatal("a backup without a network")
	}
	p.addUp(t)
	s.fault = func(r *http.Request, after bool) error {
		if r.URL.Host == "s3" {
			return errKilled
		}
		return nil
	}
	p.steps = nil
	if _, err := p.Backup(t.Context(), m, profileOf("eu")); err == nil {
		t.Fatal("a backup without a storage")
	}
	p.addUp(t)
	if got := p.works("calls"); !slices.Equal(got, []string{"reading ended", "sealing ended", "uploading broken_off"}) {
		t.Errorf("%v", got)
	}
	s.fault = nil
	r := p.backUp(t, m) // goes on with the upload
	if got := p.works("calls"); got[0] != "uploading ended" || !r.Resumed {
		t.Errorf("%v", got)
	}

	q := enrolled(t, s, 2)
	s.fault = func(r *http.Request, after bool) error {
		if strings.HasSuffix(r.URL.Path, p.listed(t)[0]) {
			return errKilled
		}
		return nil
	}
	into := s.consent(t, r.Snapshot, q.id.Device, all...)
	if _, err := q.Restore(t.Context(), into, new(memory), nil); err == nil {
		t.Fatal("a restore without a storage")
	}
	q.addUp(t)
	if got := q.works("contacts"); !slices.Equal(got, []string{"downloading broken_off"}) {
		t.Errorf("%v", got)
	}
	s.fault, q.steps = nil, nil
	for _, k := range s.chunksStored() { // the first one is that of almost everything
		if strings.HasSuffix(k, p.listed(t)[0]) {
			delete(s.objects, k)
		}
	}
	rr, err := q.Restore(t.Context(), into, &memory{coverage: m.coverage}, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.addUp(t)
	for element, l := range rr.Ledger {
		if at := q.step(element, Writing); at.State != Ended || at.Failed != l.Failed || at.Failed == 0 || q.step(element, Downloading).Failed == 0 {
			t.Errorf("%s: %+v", element, at)
		}
	}
}
