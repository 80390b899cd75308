package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zapas/localstack/build"
	"zapas/localstack/stack"
)

// world is one running Zapas with a profile, a user and her phones.
type world struct {
	stack    *stack.Stack
	wire     *wire
	front    *http.Server
	url      string // where phones call: the wire to the API
	dir      string
	log      *os.File
	programs build.Programs
	launcher string
}

const profile = `{"name": "Every night", "elements": ["contacts", "messages", "calls"], "location": "eu",
	"schedule": {"kind": "daily", "at": "02:00", "zone": "Europe/Warsaw"}}`

// begin starts a world in a folder.
func begin(ctx context.Context, dir string, programs build.Programs, launcher string) (w *world, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	w = &world{wire: &wire{}, dir: dir, programs: programs, launcher: launcher}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.end())
		}
	}()
	if w.log, err = os.Create(filepath.Join(dir, "stack.log")); err != nil {
		return w, err
	}
	w.stack, err = stack.Start(stack.Config{Dir: filepath.Join(dir, "stack"), Programs: programs, API: "127.0.0.1:0", AWS: "127.0.0.1:0",
		Log: w.log, Now: time.Now, Around: w.wire.aws})
	if err != nil {
		return w, err
	}
	w.wire.consumed = w.stack.Consumed
	if err := w.serve(); err != nil {
		return w, err
	}
	for _, user := range []string{"ada", "anna"} { // who has come once is known
		if err := w.call(ctx, user, http.MethodGet, "/v1/me", "", nil); err != nil {
			return w, err
		}
	}
	return w, w.call(ctx, "ada", http.MethodPost, "/v1/profiles", profile, nil)
}

func (w *world) serve() error {
	h, err := w.wire.api(w.stack.URL)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.url = "http://" + l.Addr().String()
	w.front = &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = w.front.Serve(l) }() // ends when end closes it
	return nil
}

// end ends what is running. What it has stored goes with the folder.
func (w *world) end() (err error) {
	if w.front != nil {
		err = w.front.Close()
	}
	if w.stack != nil {
		err = errors.Join(err, w.stack.Close())
	}
	if w.log != nil {
		err = errors.Join(err, w.log.Close())
	}
	return err
}

// call asks the API for a person.
func (w *world) call(ctx context.Context, user, method, path, in string, out any) error {
	var signed struct {
		Token string `json:"access_token"`
	}
	form := url.Values{"grant_type": {"urn:zapas:development"}, "user": {user}}
	if err := send(ctx, http.MethodPost, w.stack.URL+"/oidc/token", "", "application/x-www-form-urlencoded", form.Encode(), &signed); err != nil {
		return err
	}
	kind := ""
	if in != "" {
		kind = "application/json"
	}
	return send(ctx, method, w.stack.URL+path, signed.Token, kind, in, out)
}

func send(ctx context.Context, method, address, token, kind, in string, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(in))
	if err != nil {
		return err
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	switch {
	case err != nil:
		return err
	case a.StatusCode >= 300:
		return fmt.Errorf("%s %s answers %s: %s", method, r.URL.Path, a.Status, b)
	case out == nil:
		return nil
	}
	return json.NewDecoder(bytes.NewReader(b)).Decode(out)
}

// run is one run of a phone.
type run struct {
	traffic
	used
	list list
	said report
}

// report is what a phone prints of a backup, a restore or a proof.
type report struct {
	Device    string `json:"device"`
	Snapshot  string `json:"snapshot"`
	Compacted int    `json:"compacted"` // chunks of which a backup has stored again what lives
	State     string `json:"state"`     // of a restore
	Outcome   string `json:"outcome"`   // of a proof
	Requests  struct {
		API  int `json:"api"`
		Puts int `json:"puts"`
		Gets int `json:"gets"`
	} `json:"requests"`
}

// phone runs zapas-device as one of Anna's phones.
func (w *world) phone(ctx context.Context, name string, args ...string) (r run, err error) {
	before, _, _ := w.wire.now()
	out, u, err := measured(ctx, w.launcher, w.dir, w.programs.Phone, append([]string{"--json", "--state", filepath.Join(w.dir, "phones", name)}, args...)...)
	if err != nil {
		return r, err
	}
	after, last, err := w.wire.now()
	if err != nil {
		return r, err
	}
	r = run{traffic: after.minus(before), used: u, list: last}
	if err := json.Unmarshal(out, &r.said); err != nil {
		return r, fmt.Errorf("the phone's %s printed no report: %w", args[0], err)
	}
	q := r.said.Requests
	if args[0] != "enrol" && (q.API != r.Calls || q.Puts != r.Puts || q.Gets != r.Gets) {
		return r, fmt.Errorf("the phone's %s tells of %d calls, %d PUT and %d GET, and %d, %d and %d have come", args[0], q.API, q.Puts, q.Gets, r.Calls, r.Puts, r.Gets)
	}
	return r, nil
}

// enrol makes a phone one of Anna's, and answers its id.
func (w *world) enrol(ctx context.Context, name string) (string, error) {
	var made struct {
		Code string `json:"code"`
	}
	if err := w.call(ctx, "anna", http.MethodPost, "/v1/me/enrolments", "", &made); err != nil {
		return "", err
	}
	r, err := w.phone(ctx, name, "enrol", "--api", w.url, "--code", made.Code, "--label", name)
	return r.said.Device, err
}

// restore sends a snapshot to a new phone and restores there what is wanted of it, into a folder.
func (w *world) restore(ctx context.Context, name, snapshot, elements, folder string) (run, error) {
	device, err := w.enrol(ctx, name)
	if err != nil {
		return run{}, err
	}
	in := fmt.Sprintf(`{"snapshot": %q, "device": %q, "elements": ["%s"]}`, snapshot, device, strings.ReplaceAll(elements, ",", `","`))
	if err := w.call(ctx, "anna", http.MethodPost, "/v1/me/restores", in, nil); err != nil {
		return run{}, err
	}
	r, err := w.phone(ctx, name, "restore", "--to", folder)
	if err == nil && r.said.State != "done" {
		err = fmt.Errorf("the restore of %s is %q and not done", elements, r.said.State)
	}
	return r, err
}
