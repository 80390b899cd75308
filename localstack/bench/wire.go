package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

// traffic is what passed between phones and the service, and what that consumed of the tables.
type traffic struct {
	Puts, Gets, Calls, CheckIns int
	Up, Down                    int64 // bytes of objects
	CallsUp, CallsDown          int64 // bytes of the bodies of calls, those of check-ins apart
	Writes, Reads               float64
	CheckInWrites, CheckInReads float64 // those of check-ins, which are not in the former
}

func (t traffic) minus(o traffic) traffic {
	return traffic{t.Puts - o.Puts, t.Gets - o.Gets, t.Calls - o.Calls, t.CheckIns - o.CheckIns, t.Up - o.Up, t.Down - o.Down,
		t.CallsUp - o.CallsUp, t.CallsDown - o.CallsDown, t.Writes - o.Writes, t.Reads - o.Reads,
		t.CheckInWrites - o.CheckInWrites, t.CheckInReads - o.CheckInReads}
}

// list is the last list of chunks that was stored.
type list struct {
	Bytes int64 // of the list itself
	Index struct {
		Length int64 `json:"length"`
	} `json:"index"`
	Chunks []struct {
		Size    int64 `json:"n"`
		Records int64 `json:"r"`
	} `json:"chunks"`
}

// wire counts what goes over it.
type wire struct {
	consumed func() (writes, reads float64)

	arrived atomic.Int64 // bytes that phones have put, as they come
	open    atomic.Int64 // requests under way

	mu   sync.Mutex
	sum  traffic
	list list
	err  error
}

// now is what has passed so far, and the last list.
func (w *wire) now() (traffic, list, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.sum
	t.Writes, t.Reads = w.consumed()
	t.Writes, t.Reads = t.Writes-t.CheckInWrites, t.Reads-t.CheckInReads
	return t, w.list, w.err
}

func (w *wire) count(add func(t *traffic)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	add(&w.sum)
}

// aws is put around what stands in for AWS. Phones are who comes with a presigned URL.
func (w *wire) aws(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("X-Amz-Signature") {
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/l/") {
				w.listed(r)
			}
			next.ServeHTTP(rw, r)
			return
		}
		w.open.Add(1)
		defer w.open.Add(-1)
		in, out := &counted{ReadCloser: r.Body, all: &w.arrived}, &answer{ResponseWriter: rw}
		r.Body = in
		next.ServeHTTP(out, r)
		w.count(func(t *traffic) {
			t.Up, t.Down = t.Up+in.n, t.Down+out.n
			if r.Method == http.MethodPut {
				t.Puts++
			} else {
				t.Gets++
			}
		})
	})
}

// listed reads along when a list is stored.
func (w *wire) listed(r *http.Request) {
	b, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(b))
	var l list
	if err == nil {
		err = json.Unmarshal(b, &l)
	}
	l.Bytes = int64(len(b))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = l
	if err != nil {
		w.err = fmt.Errorf("a list of chunks cannot be read along: %w", err)
	}
}

// api stands before the API.
func (w *wire) api(address string) (http.Handler, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	next := httputil.NewSingleHostReverseProxy(u)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.open.Add(1)
		defer w.open.Add(-1)
		in, out := &counted{ReadCloser: r.Body, all: new(atomic.Int64)}, &answer{ResponseWriter: rw}
		r.Body = in
		writes, reads := w.consumed()
		next.ServeHTTP(out, r)
		writesNow, readsNow := w.consumed()
		w.count(func(t *traffic) {
			if strings.HasSuffix(r.URL.Path, "/device/checkin") {
				t.CheckIns++
				t.CheckInWrites, t.CheckInReads = t.CheckInWrites+writesNow-writes, t.CheckInReads+readsNow-reads
				return
			}
			t.Calls++
			t.CallsUp, t.CallsDown = t.CallsUp+in.n, t.CallsDown+out.n
		})
	}), nil
}

type counted struct {
	io.ReadCloser
	n   int64
	all *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.n += int64(n)
	c.all.Add(int64(n))
	return n, err
}

type answer struct {
	http.ResponseWriter
	n int64
}

func (a *answer) Write(b []byte) (int, error) {
	n, err := a.ResponseWriter.Write(b)
	a.n += int64(n)
	return n, err
}
