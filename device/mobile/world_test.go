package mobile_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zapas/device/mobile"
	"zapas/localstack/build"
	"zapas/localstack/stack"
)

// The service is the real one, with its functions' binaries, on this machine; it is started once for all tests that ask.
var (
	home    string // of what it keeps
	running = sync.OnceValues(start)
	started *stack.Stack
	refuses atomic.Bool // the storage takes no object; only for tests that are not parallel
)

func TestMain(m *testing.M) { os.Exit(within(m)) }

func within(m *testing.M) int {
	dir, err := os.MkdirTemp("", "zapas-mobile-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	home = dir
	code := m.Run()
	if started != nil {
		if err := started.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

func start() (*service, error) {
	root, err := build.Root()
	if err != nil {
		return nil, err
	}
	programs, err := build.All(context.Background(), root, home)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(home + "/functions.log")
	if err != nil {
		return nil, err
	}
	started, err = stack.Start(stack.Config{Dir: home + "/data", Programs: programs, API: "127.0.0.1:0", AWS: "127.0.0.1:0", Log: log, Now: time.Now, Around: refusing})
	if err != nil {
		return nil, err
	}
	s := &service{URL: started.URL, who: map[string]string{}}
	for _, user := range []string{"ada", "anna", "piotr"} {
		form := url.Values{"grant_type": {"urn:zapas:development"}, "user": {user}}
		var token struct {
			Access string `json:"access_token"`
		}
		if err := s.call(http.MethodPost, "/oidc/token", "", "application/x-www-form-urlencoded", form.Encode(), &token); err != nil {
			return nil, err
		}
		s.who[user] = token.Access
	}
	return s, s.as("ada", "/v1/profiles", `{"name": "Every night", "elements": ["contacts", "messages", "calls"], "location": "eu",
		"schedule": {"kind": "daily", "at": "02:00", "zone": "Europe/Warsaw"}, "region": "PL", "conditions": {"unmetered": true}}`, nil)
}

// refusing answers uploads as S3 does what it will not take.
func refusing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuses.Load() && r.Method == http.MethodPut && r.URL.Query().Has("X-Amz-Signature") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, "<Error><Code>InvalidRequest</Code></Error>")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// service is the service as its users meet it in the console.
type service struct {
	URL string
	who map[string]string // a user's token
}

func (s *service) as(user, path, body string, out any) error {
	return s.call(http.MethodPost, path, s.who[user], "application/json", body, out)
}

func (s *service) call(method, path, token, kind, body string, out any) error {
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s %s (%v)", method, path, resp.Status, answer, err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// Code is what a user reads on my card when adding a phone.
func (s *service) Code(user string) (string, error) {
	var out struct{ Code string }
	err := s.as(user, "/v1/me/enrolments", "", &out)
	return out.Code, err
}

// Send is a user's choice of a backup for one of his phones.
func (s *service) Send(user, snapshot, device string) error {
	return s.as(user, "/v1/me/restores", fmt.Sprintf(`{"snapshot": %q, "device": %q}`, snapshot, device), nil)
}

// retire takes a phone from a user, who has room for ten.
func (s *service) retire(user, device string) error {
	var tag string
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		req, err := http.NewRequest(method, s.URL+"/v1/me/devices/"+device, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+s.who[user])
		req.Header.Set("If-Match", tag)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		tag = resp.Header.Get("ETag")
		if resp.Body.Close(); resp.StatusCode >= 300 {
			return fmt.Errorf("%s of a phone: %s", method, resp.Status)
		}
	}
	return nil
}

func serving(t *testing.T) *service {
	t.Helper()
	s, err := running()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// key is what a phone has in its hardware store.
type key struct{ private *ecdsa.PrivateKey }

func newKey() (*key, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &key{k}, err
}

func (k *key) PublicKey() []byte {
	der, _ := x509.MarshalPKIXPublicKey(&k.private.PublicKey) // of P-256 it can always be written
	return der
}

func (k *key) Sign(digest []byte) ([]byte, error) {
	return ecdsa.SignASN1(rand.Reader, k.private, digest)
}

// app is an app with an address book, messages and calls of its own, built on the facade's types alone.
type app struct {
	contacts []*mobile.Contact
	messages []*mobile.Message
	calls    []*mobile.Call
	files    map[string][]byte

	limited  string                                         // the element of which it sees only some
	broken   string                                         // what it cannot read of its calls
	onList   func(element string) error                     // hears of each listing
	onPut    func(it *mobile.Item) (*mobile.Outcome, error) // may answer in the place of the app
	puts     int
	finished int
}

var (
	_ mobile.Source = &app{}
	_ mobile.Sink   = &app{}
)

func (a *app) Coverage(element string) string {
	if element == a.limited {
		return mobile.CoverageLimited
	}
	return mobile.CoverageFull
}

func (a *app) List(element string, into *mobile.Items) error {
	if a.onList != nil {
		if err := a.onList(element); err != nil {
			return err
		}
	}
	switch element {
	case mobile.Contacts:
		for _, c := range a.contacts {
			if !into.AddContact(c) {
				return nil
			}
		}
	case mobile.Messages:
		for _, m := range a.messages {
			if !into.AddMessage(m) {
				return nil
			}
		}
	case mobile.Calls:
		if a.broken != "" {
			into.Unreadable(a.broken, "the row has no number")
		}
		for _, c := range a.calls {
			if !into.AddCall(c) {
				return nil
			}
		}
	}
	return nil
}

func (a *app) Open(key string) (mobile.Reader, error) {
	b, ok := a.files[key]
	if !ok {
		return nil, fmt.Errorf("the file %s is gone", key)
	}
	return &file{bytes.NewReader(b)}, nil
}

type file struct{ *bytes.Reader }

func (f *file) Read(n int) ([]byte, error) {
	b := make([]byte, min(n, 1000)) // less than is asked for
	n, err := f.Reader.Read(b)
	if err == io.EOF {
		return nil, nil
	}
	return b[:n], err
}

func (f *file) Close() error { return nil }

func (a *app) Takes(string) bool { return true }

func (a *app) Check(*mobile.Item) (*mobile.Outcome, error) { return mobile.Written(), nil }

func (a *app) Put(it *mobile.Item) (*mobile.Outcome, error) {
	a.puts++
	if a.onPut != nil {
		if o, err := a.onPut(it); o != nil || err != nil {
			return o, err
		}
	}
	switch it.Kind {
	case mobile.KindContact:
		return a.putContact(it)
	case mobile.KindCall:
		a.calls = append(a.calls, it.Call())
	default:
		m := it.Message()
		for i := range m.PartCount() {
			if err := a.keep(it, m.Part(i).Attachment); err != nil {
				return nil, err
			}
		}
		a.messages = append(a.messages, m)
	}
	return mobile.Written(), nil
}

func (a *app) putContact(it *mobile.Item) (*mobile.Outcome, error) {
	c := it.Contact()
	for i := range c.Count() {
		if err := a.keep(it, c.Value(i).Attachment); err != nil {
			return nil, err
		}
	}
	for i, old := range a.contacts {
		if it.Held != "" && old.Key == it.Held {
			c.Key = it.Held
			a.contacts[i] = c
			return mobile.Written(), nil
		}
	}
	c.Key = fmt.Sprint("row ", len(a.contacts))
	a.contacts = append(a.contacts, c)
	return mobile.Written(), nil
}

// keep saves an attachment as a file of its own.
func (a *app) keep(it *mobile.Item, at *mobile.Attachment) error {
	if at == nil {
		return nil
	}
	in, err := it.Open(at)
	if err != nil {
		return err
	}
	var all []byte
	for in.Left() > 0 {
		b, err := in.Read(700)
		if err != nil {
			return err
		}
		all = append(all, b...)
	}
	if a.files == nil {
		a.files = map[string][]byte{}
	}
	at.Key = fmt.Sprint("file ", len(a.files))
	a.files[at.Key] = all
	return in.Close()
}

func (a *app) Finish() error {
	a.finished++
	return nil
}

// steps notes progress, and may do something at each.
type steps struct {
	all []step
	on  func(s step)
}

type step struct {
	Element, Work, State string
	Done, Total, Failed  int64
}

func (s *steps) Step(element, work, state string, done, total, failed int64) {
	at := step{element, work, state, done, total, failed}
	s.all = append(s.all, at)
	if s.on != nil {
		s.on(at)
	}
}

// check finds no step that goes back, and none that ends short of its total.
func (s *steps) check(t *testing.T, works ...string) {
	t.Helper()
	last := map[string]step{}
	seen := map[string]bool{}
	for _, at := range s.all {
		name := at.Element + " " + at.Work
		before, ok := last[name]
		if ok && at.Done < before.Done || at.State == "ended" && at.Done != at.Total || ok && before.State != "running" {
			t.Errorf("%s: %+v after %+v", name, at, before)
		}
		last[name], seen[at.Work] = at, true
	}
	for name, at := range last {
		if at.State == "running" {
			t.Errorf("%s comes to no end", name)
		}
	}
	for _, w := range works {
		if !seen[w] {
			t.Errorf("nothing was told of %s", w)
		}
	}
}
