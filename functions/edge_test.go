package functions_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"zapas/localstack/stack"
)

// edge stands between phones and a stack: what they send to its API and to its storage goes through it, is counted, and can
// be their last. It sees the real program's real requests; no clock decides when a phone dies, the number of the request does.
type edge struct {
	t     *testing.T
	stack *stack.Stack
	phone string // the program
	url   string

	mu     sync.Mutex
	strike strike
	victim *victim
	seen   int
	hit    string              // the request at which it struck, "" while it has not
	sent   map[string]int      // as uploads tells
	sums   map[string][32]byte // by key: its bytes
}

// strike is when a phone gets a signal: at its n-th request, from 0, before or after its effect, and never with an answer.
type strike struct {
	signal os.Signal // nil: never
	at     int
	after  bool
}

// victim is a running phone.
type victim struct {
	process *os.Process
	gone    chan struct{} // closed when it has ended
}

func newEdge(t *testing.T, s *stack.Stack, phone string) *edge {
	e := &edge{t: t, stack: s, phone: phone, sent: map[string]int{}, sums: map[string][32]byte{}}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // its sender has died
	}
	e.mu.Lock()
	v, s, name := e.victim, e.strike, r.Method+" "+r.URL.Path
	struck := s.signal != nil && e.seen == s.at
	e.seen++
	if struck {
		e.hit = name
	}
	over := e.hit != "" && !struck
	e.mu.Unlock()
	if over {
		panic(http.ErrAbortHandler)
	}
	if struck && !s.after {
		e.end(v, s.signal)
	}
	answer, content := e.forward(r, body) //nolint:contextcheck // a request that was sent on is answered, though its sender dies
	if struck {
		e.end(v, s.signal)
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(content) // whether it arrives is not the service's to know
}

// end gives a phone its signal, and its request no answer.
func (e *edge) end(v *victim, signal os.Signal) {
	if err := v.process.Signal(signal); err != nil {
		e.t.Errorf("the phone had ended already: %v", err)
	}
	<-v.gone
	panic(http.ErrAbortHandler)
}

// forward sends a request where it belongs. The service names its storage in what it answers; the phone is told to ask here.
func (e *edge) forward(r *http.Request, body []byte) (*http.Response, []byte) {
	to := e.stack.AWSURL
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		to = e.stack.URL
	}
	u, err := url.Parse(to)
	if err != nil {
		e.t.Error(err)
		panic(http.ErrAbortHandler)
	}
	out := r.Clone(e.t.Context()) // it takes effect though its sender dies
	out.URL.Scheme, out.URL.Host, out.Host, out.RequestURI = u.Scheme, u.Host, u.Host, ""
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if r.Method == http.MethodPut {
		e.put(r.URL.Path, body)
	}
	answer, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		e.t.Error(err)
		panic(http.ErrAbortHandler)
	}
	content, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		e.t.Error(err)
	}
	if to == e.stack.URL {
		content = bytes.ReplaceAll(content, []byte(e.stack.AWSURL), []byte(e.url))
	}
	return answer, content
}

// put notes an object: a key never has other bytes.
func (e *edge) put(key string, body []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	sum := sha256.Sum256(body)
	if before, ok := e.sums[key]; ok && before != sum {
		e.t.Errorf("chunk %s was sent again with other bytes", key)
	}
	e.sums[key] = sum
	e.sent[key]++
}

// uploads is how often each object has reached the storage since it was last asked.
func (e *edge) uploads() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	sent := e.sent
	e.sent = map[string]int{}
	return sent
}

// ran is what became of a phone's run.
type ran struct {
	out, errs string
	code      int    // -1: killed
	hit       string // the request at which it was struck
	requests  int
}

// run runs the program; when it ends within an hour, it was by itself or by the strike.
func (e *edge) run(s strike, state string, args ...string) ran {
	e.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(e.t.Context(), e.phone, append([]string{"--json", "--state", state}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	v := &victim{gone: make(chan struct{})}
	e.mu.Lock()
	e.strike, e.victim, e.seen, e.hit = s, v, 0, ""
	err := cmd.Start()
	v.process = cmd.Process
	e.mu.Unlock()
	if err != nil {
		e.t.Fatal(err)
	}
	_ = cmd.Wait() // its exit code is what is looked at
	close(v.gone)
	e.mu.Lock()
	defer e.mu.Unlock()
	return ran{out.String(), errs.String(), cmd.ProcessState.ExitCode(), e.hit, e.seen}
}

// well runs the program unharmed and decodes what it printed.
func (e *edge) well(into any, state string, args ...string) {
	e.t.Helper()
	r := e.run(strike{}, state, args...)
	if r.code != 0 {
		e.t.Fatalf("zapas-device %v: exit code %d, %s%s", args, r.code, r.out, r.errs)
	}
	if err := json.Unmarshal([]byte(r.out), into); err != nil {
		e.t.Fatalf("zapas-device %v: %v in %s", args, err, r.out)
	}
}

// token signs a person in.
func (e *edge) token(user string) string {
	e.t.Helper()
	answer, err := http.PostForm(e.stack.URL+"/oidc/token", url.Values{"grant_type": {"urn:zapas:development"}, "user": {user}})
	if err != nil {
		e.t.Fatal(err)
	}
	defer answer.Body.Close()
	var out struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil || out.Token == "" {
		e.t.Fatalf("%s cannot sign in: %v", user, err)
	}
	return out.Token
}

// ask asks the API as a person.
func (e *edge) ask(into any, token, method, path string, in any) {
	e.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		e.t.Fatal(err)
	}
	if in == nil {
		body = nil
	}
	r, err := http.NewRequestWithContext(e.t.Context(), method, e.stack.URL+path, bytes.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := (&http.Client{Timeout: time.Minute}).Do(r)
	if err != nil {
		e.t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode > 299 {
		e.t.Fatalf("%s %s: %s, %v: %s", method, path, answer.Status, err, content)
	}
	if err := json.Unmarshal(content, into); err != nil {
		e.t.Fatalf("%s %s: %v in %s", method, path, err, content)
	}
}
