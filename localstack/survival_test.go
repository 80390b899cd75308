package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tried is how often a client repeats a call that gets a 5xx or no answer.
const tried = 8

// caller is a person who calls the API, and repeats what fails for reasons that pass.
type caller struct {
	url, user string
	refused   []string // 5xx answers that were met
}

// ask returns the body of a 2xx; nil body: GET. key is the Idempotency-Key of a POST.
func (c *caller) ask(t *testing.T, method, path, key, body string, header ...string) []byte {
	t.Helper()
	var last error
	for range tried {
		status, answer, err := c.once(method, path, key, body, header...)
		switch {
		case err == nil && status < 300:
			return answer
		case err == nil && status < 500:
			t.Fatalf("%s %s: %d %s", method, path, status, answer)
		case err == nil:
			c.refused = append(c.refused, fmt.Sprintf("%d %s", status, answer))
			err = errors.New(string(answer))
		}
		last = err
	}
	t.Fatalf("%s %s is never answered: %v", method, path, last)
	return nil
}

func (c *caller) once(method, path, key, body string, header ...string) (int, []byte, error) {
	r, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	token, err := c.token()
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return send(r)
}

func (c *caller) token() (string, error) {
	form := url.Values{"grant_type": {"urn:zapas:development"}, "user": {c.user}}
	r, err := http.NewRequest(http.MethodPost, c.url+"/oidc/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, answer, err := send(r)
	var tokens struct {
		Access string `json:"access_token"`
	}
	return tokens.Access, errors.Join(err, json.Unmarshal(answer, &tokens))
}

func send(r *http.Request) (int, []byte, error) {
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, body, errors.Join(err, answer.Body.Close())
}

// member is the first value of a name in a JSON text.
func member(t *testing.T, doc []byte, name string) string {
	t.Helper()
	m := regexp.MustCompile(`"` + name + `":"([^"]*)"`).FindSubmatch(doc)
	if m == nil {
		t.Fatalf("no %s in %s", name, doc)
	}
	return string(m[1])
}

// home is where Anna, her phones and a profile are.
type home struct {
	url, dir   string
	anna, ada  *caller
	device     map[string]string // a phone's name -> its device id
	messages   int               // on the old phone
	restoredTo int
}

const everything = `{"name":"Every night","elements":["contacts","messages","calls"],"location":"eu","schedule":{"kind":"weekly","days":["sun"],"at":"02:00","zone":"UTC"}}`

func newHome(t *testing.T, url string) *home {
	t.Helper()
	h := &home{url: url, dir: t.TempDir(), anna: &caller{url: url, user: "anna"}, ada: &caller{url: url, user: "ada"}, device: map[string]string{}}
	h.ada.ask(t, "POST", "/v1/profiles", "first", everything)
	for _, phone := range []string{"old", "new"} {
		code := member(t, h.anna.ask(t, "POST", "/v1/me/enrolments", "", ""), "code")
		h.phone(t, phone, "enrol", "--api", url, "--code", code, "--label", phone)
		h.device[phone] = member(t, h.phone(t, phone, "status", "--json"), "device")
	}
	return h
}

// phone runs zapas-device.
func (h *home) phone(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := h.run(name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// run runs zapas-device, and again when it fails for a reason that may pass.
func (h *home) run(name string, args ...string) ([]byte, error) {
	var out, errs bytes.Buffer
	var err error
	for range 3 {
		out.Reset()
		cmd := exec.Command(filepath.Join(bin, "cli"), append([]string{"--state", filepath.Join(h.dir, name)}, args...)...)
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err = children.Start(cmd); err == nil {
			err = cmd.Wait()
		}
		if err == nil {
			return out.Bytes(), nil
		}
	}
	return nil, fmt.Errorf("zapas-device %s fails: %w:\n%s%s", args[0], err, out.String(), errs.String())
}

// write puts one more message on the old phone.
func (h *home) write(t *testing.T) string {
	t.Helper()
	h.messages++
	var b strings.Builder
	fmt.Fprintf(&b, "<?xml version='1.0' encoding='UTF-8'?>\n<smses count=\"%d\">\n", h.messages)
	for i := range h.messages {
		fmt.Fprintf(&b, `<sms address="+447700900001" date="%d" type="1" body="message %d" read="1" status="-1" />`+"\n", 1_761_000_000_000+i*1000, i)
	}
	b.WriteString("</smses>\n")
	file := filepath.Join(h.dir, "old.xml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// snapshots is how many backups Anna has, and the newest.
func (h *home) snapshots(t *testing.T) (n int, newest string) {
	t.Helper()
	list := h.anna.ask(t, "GET", "/v1/me/snapshots", "", "")
	n = bytes.Count(list, []byte(`"state":"committed"`))
	if n > 0 {
		newest = member(t, list, "id")
	}
	return n, newest
}

func (h *home) backUp(t *testing.T) { h.phone(t, "old", "backup", "--from", h.write(t)) }

// send asks for a restore of the newest backup to the new phone.
func (h *home) send(t *testing.T) (restore string) {
	t.Helper()
	_, newest := h.snapshots(t)
	h.restoredTo++
	body := fmt.Sprintf(`{"snapshot":%q,"device":%q}`, newest, h.device["new"])
	return member(t, h.anna.ask(t, "POST", "/v1/me/restores", fmt.Sprintf("restore-%d", h.restoredTo), body), "id")
}

// target is the file of the restore that was asked for last.
func (h *home) target() string { return filepath.Join(h.dir, fmt.Sprintf("new-%d.xml", h.restoredTo)) }

// restore brings it to a file of its own, and compares.
func (h *home) restore(t *testing.T, id string) {
	t.Helper()
	h.phone(t, "new", "restore", id, "--to", h.target())
	h.restored(t, id)
}

func (h *home) restored(t *testing.T, id string) {
	t.Helper()
	h.phone(t, "new", "compare", filepath.Join(h.dir, "old.xml"), h.target())
	if state := member(t, h.anna.ask(t, "GET", "/v1/me/restores/"+id, "", ""), "state"); state != "done" {
		t.Errorf("the restore is %s", state)
	}
}

// whole checks that there is exactly one backup for each that was made, and the newest comes back.
func (h *home) whole(t *testing.T, backups int) {
	t.Helper()
	if n, _ := h.snapshots(t); n != backups {
		t.Errorf("%d backups were made, and %d are there", backups, n)
	}
	h.restore(t, h.send(t))
	if list := h.ada.ask(t, "GET", "/v1/profiles", "", ""); bytes.Count(list, []byte(`"version"`)) != 1 {
		t.Errorf("one profile was made, and there are %s", list)
	}
}
