package device

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zapas/device/internal/pack"
	"zapas/device/internal/seal"
)

// line is a network on which the storage is reached over loopback, and a test sees what is under way.
type line struct {
	s    *service
	to   *url.URL
	http *http.Transport
	// meets is called with each large object: one that goes up when all of it has come, one that goes down before any of it has
	// gone. Another answer than 0 is the storage's then, and -1 none, without any effect; -2 is none as well, after it.
	meets func(r *http.Request) (status int)

	mu               sync.Mutex
	n, mostN         int   // large objects under way
	under, mostUnder int64 // bytes of all objects under way
	came             int64 // bytes of what went up
	sizes            map[string]int64
}

const largeObject = 9 << 20

func newLine(t *testing.T, s *service) *line {
	t.Helper()
	l := &line{s: s, http: &http.Transport{ExpectContinueTimeout: time.Minute}, sizes: map[string]int64{}}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	t.Cleanup(l.http.CloseIdleConnections)
	var err error
	l.to, err = url.Parse(server.URL)
	must(t, err)
	return l
}

// joins lets a phone use the line.
func (l *line) joins(p *phone) {
	p.config.Transport = l
	p.use(p.id)
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "s3" {
		return l.s.RoundTrip(r)
	}
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host = l.to.Scheme, l.to.Host
	return l.http.RoundTrip(out)
}

func (l *line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.s.mu.Lock()
	stored, there := l.s.objects[strings.TrimPrefix(r.URL.Path, "/")]
	l.s.mu.Unlock()
	size := r.ContentLength
	if r.Method == http.MethodGet {
		size = int64(len(stored))
	} else if there { // as it may: before it takes anything
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	defer l.track(r, size)()
	body, err := io.ReadAll(r.Body)
	l.mu.Lock()
	l.came += int64(len(body))
	l.mu.Unlock()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	status := 0
	if size >= largeObject && r.Header.Get("Range") == "" && l.meets != nil {
		status = l.meets(r)
	}
	if status > 0 {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		return
	}
	if status == -1 {
		panic(http.ErrAbortHandler)
	}
	again := r.Clone(context.WithoutCancel(r.Context()))
	again.URL.Scheme, again.URL.Host, again.Body = "https", "s3", io.NopCloser(bytes.NewReader(body))
	resp, err := l.s.RoundTrip(again)
	if err != nil || status == -2 {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

// track notes an object that is under way, and that it has ended: before its answer is on the line.
func (l *line) track(r *http.Request, size int64) (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	large := 0
	if size >= largeObject && r.Header.Get("Range") == "" {
		large = 1
	}
	if r.Method == http.MethodPut {
		l.sizes[r.URL.Path] = size
	}
	l.n, l.under = l.n+large, l.under+size
	l.mostN, l.mostUnder = max(l.mostN, l.n), max(l.mostUnder, l.under)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.n, l.under = l.n-large, l.under-size
	}
}

// again is how many bytes have come more than once.
func (l *line) again() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.came
	for _, size := range l.sizes {
		n -= size
	}
	return n
}

// pair answers what lets transfers wait until two are there, but for the first few.
func pair(ctx context.Context, free int, then func()) func() {
	var mu sync.Mutex
	n, met := 0, make(chan struct{})
	return func() {
		mu.Lock()
		n++
		if n <= free {
			mu.Unlock()
			return
		}
		if n == free+2 {
			then()
			close(met)
		}
		mu.Unlock()
		select {
		case <-met:
		case <-ctx.Done():
		}
	}
}

// photographer is a phone whose attachments fill a chunk each, the first one with the records.
func photographer(n int) *memory {
	m := demo()
	for i := range n {
		m.mms(i, noise(uint64(1000+i), largeObject+200<<10))
	}
	return m
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // is over only where nothing comes to meet the first
	t.Cleanup(cancel)
	return ctx
}

// TestTransfers_TwoAtOnce: two full chunks are under way at the same time, up and down, and not many more, nor so many bytes that
// a kill would cost 20 MB; and the spool holds no more than four that are sent, four that wait, and one that is sealed.
func TestTransfers_TwoAtOnce(t *testing.T) {
	t.Parallel()
	ctx := soon(t)
	s := newService(t)
	p := enrolled(t, s, 1)
	m := photographer(11)
	l := newLine(t, s)
	l.joins(p)
	met := pair(ctx, 0, func() {})
	var mu sync.Mutex
	spooled := 0
	p.Device.dir.Before = func(string) error {
		mu.Lock()
		defer mu.Unlock()
		files, err := filepath.Glob(p.Device.dir.Path("session", "*.chunk"))
		spooled = max(spooled, len(files))
		return err
	}
	l.meets = func(*http.Request) int { met(); return 0 }
	r, err := p.Backup(ctx, m, profileOf("eu"))
	must(t, err)
	if r.Objects != 11 || l.mostN != 2 || l.mostUnder > inFlight || l.again() != 0 || spooled > 9 {
		t.Errorf("%d objects; %d large ones at once, %d bytes; %d sent again; %d chunks in the spool", r.Objects, l.mostN, l.mostUnder, l.again(), spooled)
	}

	for name, down := range map[string]func(q *phone) error{
		"restore": func(q *phone) error {
			got := new(memory)
			_, err := q.Restore(t.Context(), s.consent(t, r.Snapshot, q.id.Device, "messages"), got, nil)
			same(t, "restored", got, m)
			return err
		},
		"verify": func(*phone) error {
			v, err := p.Verify(ctx, VerifyOptions{})
			if v.Outcome != Proven {
				t.Errorf("%+v", v)
			}
			return err
		},
	} {
		l := newLine(t, s)
		q := enrolled(t, s, 2)
		l.joins(q)
		l.joins(p)
		met := pair(ctx, 1, func() {}) // the index's chunk comes before all others
		l.meets = func(*http.Request) int { met(); return 0 }
		must(t, down(q))
		if l.mostN < 2 || l.mostN > 4 {
			t.Errorf("%s: %d large ones at once", name, l.mostN)
		}
	}
}

// TestBackup_KilledAtTheWorst kills a backup when all bytes of two full chunks, which is as much as can be under way, have left
// and no answer has come: what goes again is these two, less than 20 MB. Where they had arrived all the same, nothing does.
func TestBackup_KilledAtTheWorst(t *testing.T) {
	t.Parallel()
	if inFlight >= 20e6 || seal.MaxChunk >= 20e6 || 2*pack.FullChunk > inFlight {
		t.Fatalf("%d bytes may be under way", max(inFlight, seal.MaxChunk))
	}
	for _, tt := range []struct {
		name        string
		effect      int // of what was under way
		least, most int64
	}{
		{"Lost", -1, 2 * largeObject, 20e6 - 1},
		{"ArrivedUnanswered", -2, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, kill := context.WithCancelCause(soon(t))
			defer kill(nil)
			s := newService(t)
			p := enrolled(t, s, 1)
			m := photographer(7)
			l := newLine(t, s)
			l.joins(p)
			free := 0
			met := pair(ctx, 4, func() { kill(errKilled) })
			l.meets = func(*http.Request) int {
				met()
				l.mu.Lock()
				defer l.mu.Unlock()
				if free++; free <= 4 {
					return 0
				}
				return tt.effect
			}
			if _, err := p.Backup(ctx, m, profileOf("eu")); err == nil {
				t.Fatal("no error")
			}
			l.http.CloseIdleConnections()
			sent := len(l.sizes)
			p.restart(t, s)
			l.meets = nil
			l.joins(p)
			r, err := p.Backup(t.Context(), m, profileOf("eu"))
			must(t, err)
			if again := l.again(); again < tt.least || again > tt.most || sent != 6 || len(l.sizes) != 7 {
				t.Errorf("%d bytes went again; %d chunks had been sent, of %d", again, sent, len(l.sizes))
			}
			got := new(memory)
			restored(t, s, r.Snapshot, got)
			same(t, "restored", got, m)
		})
	}
}

// TestTransfers_Hooks: of transfers at the same time, each waits as long as it was asked to, none sends a byte that was not granted,
// and leave to use a metered network is asked for once.
func TestTransfers_Hooks(t *testing.T) {
	t.Parallel()
	ctx := soon(t)
	s := newService(t)
	p := enrolled(t, s, 1)
	l := newLine(t, s)
	met := pair(ctx, 0, func() {})
	busy := 2
	l.meets = func(*http.Request) int {
		met()
		l.mu.Lock()
		defer l.mu.Unlock()
		if busy--; busy >= 0 {
			return http.StatusServiceUnavailable
		}
		return 0
	}
	var mu sync.Mutex
	var waits []time.Duration
	var granted int64
	asked := 0
	p.config.Wait = func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		waits = append(waits, d)
		return ctx.Err()
	}
	p.config.Limit = func(_ context.Context, n int) error {
		mu.Lock()
		defer mu.Unlock()
		granted += int64(n)
		return nil
	}
	p.config.Conditions = func() Conditions { return Conditions{} }
	p.config.MayUse = func(context.Context, Use) error {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return nil
	}
	profile := profileOf("eu")
	profile.Conditions.Unmetered = new(true)
	l.joins(p)
	r, err := p.Backup(ctx, photographer(3), profile)
	must(t, err)
	if len(waits) != 2 || min(waits[0], waits[1]) < 7*time.Second || asked != 1 || granted < l.came || l.came != r.Requests.BytesUp || r.Requests.Puts != r.Objects+2 {
		t.Errorf("waited %v; asked %d times; %d bytes granted, %d have come: %+v", waits, asked, granted, l.came, r.Requests)
	}
}
