package device

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestBackup_KilledWhileSealing kills a backup of several chunks at every third of its requests, before and after their effect,
// and of the changes of its disk that matter, and runs it again, on a phone that lists its messages in another order by then:
// no chunk is sealed a second time once it is closed, so that the session consists of as many as if nothing had happened; and
// what is sent twice is what was under way, less than 20 MB.
func TestBackup_KilledWhileSealing(t *testing.T) {
	t.Parallel()
	m := demo()
	for i := range 5 { // each fills a chunk
		m.mms(i, noise(uint64(i), 9<<20))
	}
	turned := m.clone()
	slices.Reverse(turned.items)
	last := 0
	for at := 1; killedSealing(t, m, turned, at); at += 3 {
		last = at
	}
	if last < 20 {
		t.Errorf("there were only %d places to die at", last)
	}
}

func killedSealing(t *testing.T, m, later *memory, at int) (reached bool) {
	t.Helper()
	s := newService(t)
	p := enrolled(t, s, 1)
	ctx, kill := context.WithCancelCause(t.Context())
	defer kill(nil)
	var mu sync.Mutex
	where, sent := "", map[string]int64{}
	var all int64
	step := func(what string) error {
		mu.Lock()
		defer mu.Unlock()
		if reached {
			return errKilled
		}
		if at--; at < 0 {
			reached, where = true, what
			kill(errKilled)
			return errKilled
		}
		return nil
	}
	count := func(req *http.Request, after bool) {
		if req.Method == http.MethodPut && !after {
			sent[req.URL.Path] = req.ContentLength
			all += req.ContentLength
		}
	}
	s.fault = func(req *http.Request, after bool) error {
		count(req, after)
		return step(fmt.Sprintf("%s %s after=%t", req.Method, req.URL.Path, after))
	}
	p.Device.dir.Before = func(what string) error {
		if slices.Contains([]string{"note closed", "note uploaded", "drop chunk", "write journal.json"}, what) {
			return step(what)
		}
		if reached {
			return errKilled
		}
		return nil
	}
	_, err := p.Backup(ctx, m, profileOf("eu"))
	if s.fault = nil; !reached {
		must(t, err)
	} else if err == nil {
		t.Errorf("killed at %q, and no error", where)
	}
	s.fault = func(req *http.Request, after bool) error { count(req, after); return nil }
	p.restart(t, s)
	r := p.backUp(t, later)
	got := new(memory)
	restored(t, s, r.Snapshot, got)
	same(t, "killed at "+where, got, later)
	var once int64
	for path, n := range sent {
		if once += n; !strings.Contains(path, r.Snapshot) {
			t.Errorf("killed at %q: %s was sent in vain", where, path)
		}
	}
	if again := all - once; again >= 20e6 || len(sent) != 5 || len(s.rows) != 1+1 { // the backup's session, the restore's
		t.Errorf("killed at %q: %d bytes were sent again; %d chunks, %d sessions", where, again, len(sent), len(s.rows))
	}
	return reached
}

// TestBackup_MomentRefused: an upload that the storage refuses since it was too slow, or since the URL was signed with what has
// expired, says nothing of what was sealed: the same session goes on with it.
func TestBackup_MomentRefused(t *testing.T) {
	t.Parallel()
	for code, failing := range map[string]bool{"ExpiredToken": false, "RequestTimeout": true} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p := enrolled(t, s, 1)
			m := demo()
			refused := 1
			if failing {
				refused = 6 // as often as it is tried
			}
			p.client.Transport = transport(func(req *http.Request) (*http.Response, error) {
				if req.Method == http.MethodPut && refused > 0 {
					refused--
					_, err := io.Copy(io.Discard, req.Body)
					return answer(http.StatusBadRequest, []byte("<Error><Code>"+code+"</Code></Error>")), err
				}
				return s.RoundTrip(req)
			})
			if failing {
				if r, err := p.Backup(t.Context(), m, profileOf("eu")); err == nil || !p.Pending() {
					t.Errorf("%v: %+v", err, r)
				}
			}
			if r := p.backUp(t, m); r.Resumed != failing || len(s.rows) != 1 || len(s.given) != 0 || r.Note != "" {
				t.Errorf("%d sessions: %+v", len(s.rows), r)
			}
		})
	}
}

type transport func(req *http.Request) (*http.Response, error)

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
