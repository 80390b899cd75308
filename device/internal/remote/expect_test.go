package remote

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestPut_Asks: where the storage answers by the head of an upload alone, none of its bytes are sent; and where something on the
// way cannot ask, they are sent without.
func TestPut_Asks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request, n int)
		puts   int
		sent   int64
		fails  bool
	}{
		{"ThereAlready", func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusPreconditionFailed) }, 1, 0, false},
		{"Expired", func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusForbidden) }, 1, 0, true},
		{"Busy", func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
		}, 2, 1 << 20, false},
		{"Wanted", func(_ http.ResponseWriter, r *http.Request, _ int) { _, _ = io.Copy(io.Discard, r.Body) }, 1, 1 << 20, false},
		{"CannotBeAsked", func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Header.Get("Expect") != "" {
				w.WriteHeader(http.StatusExpectationFailed)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
		}, 2, 1 << 20, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n++; tt.answer(w, r, n) }))
			defer server.Close()
			c, _, _ := client(t)
			transport := &http.Transport{ExpectContinueTimeout: time.Hour}
			defer transport.CloseIdleConnections()
			c.Transport = transport
			err := c.Put(t.Context(), Upload{URL: server.URL + "/k", Size: 1 << 20, Open: func() (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader(strings.Repeat("x", 1<<20))), nil
			}})
			if got := c.Sent(); (err != nil) != tt.fails || got != (Requests{Puts: tt.puts, BytesUp: tt.sent}) {
				t.Errorf("%v; sent %+v", err, got)
			}
		})
	}
}
