package main_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"zapas/localstack/build"
	"zapas/localstack/deployment"
	"zapas/localstack/stack"
)

// views are what people see of all that is stored.
func (h *home) views(t *testing.T) map[string]string {
	t.Helper()
	seen := map[string]string{}
	for _, path := range []string{"/v1/profiles", "/v1/devices", "/v1/users", "/v1/devices/" + h.device["old"] + "/snapshots"} {
		seen["ada "+path] = string(h.ada.ask(t, "GET", path, "", ""))
	}
	for _, path := range []string{"/v1/me", "/v1/me/devices", "/v1/me/snapshots", "/v1/me/restores", "/v1/me/devices/" + h.device["old"]} {
		seen["anna "+path] = string(h.anna.ask(t, "GET", path, "", ""))
	}
	return seen
}

// rows are all rows of all tables in a folder whose stack is down, by table.
func rows(t *testing.T, dir string) map[string]map[string]string {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, "aws", "dynamodb.db"), 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := map[string]map[string]string{}
	err = db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			table, ok := strings.CutPrefix(string(name), "items/")
			if !ok {
				return nil
			}
			all[table] = map[string]string{}
			return b.ForEach(func(k, v []byte) error {
				all[table][string(k)] = string(v)
				return nil
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// filled makes a folder with profiles, devices, backups, restores and orders, and ends its stack.
func filled(t *testing.T, p place) *home {
	t.Helper()
	running := p.serve(t)
	h := newHome(t, p.url())
	h.anna.ask(t, "GET", "/v1/me", "", "")
	h.backUp(t)
	h.anna.ask(t, "POST", "/v1/me/devices/"+h.device["old"]+"/backup", "order", "")
	h.backUp(t)
	h.restore(t, h.send(t))
	h.send(t) // one that waits
	h.anna.ask(t, "POST", "/v1/me/devices/"+h.device["new"]+"/backup", "order-new", "")
	running.stop(t)
	return h
}

// TestStateSurvives: a restart changes no row of any table and nothing that anybody sees; keys open what they sealed.
func TestStateSurvives(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	h := filled(t, p)
	before := rows(t, p.dir)
	for _, table := range []string{deployment.Table, deployment.Identity, deployment.VaultKeys, deployment.Audit} {
		if len(before[table]) == 0 {
			t.Errorf("the table %s is empty", table)
		}
	}
	running := p.serve(t)
	running.stop(t)
	if diff := cmp.Diff(before, rows(t, p.dir)); diff != "" {
		t.Errorf("a restart has changed rows (-before +after):\n%s", diff)
	}
	running = p.serve(t)
	seen := h.views(t)
	running.stop(t)
	running = p.serve(t)
	if diff := cmp.Diff(seen, h.views(t)); diff != "" {
		t.Errorf("a restart has changed what is seen (-before +after):\n%s", diff)
	}
	h.whole(t, 2)
	h.backUp(t)
	h.whole(t, 3)
	running.stop(t)
}

// damages are done to one file.
var damages = map[string]func(path string, content []byte) error{
	"CutShort": func(path string, content []byte) error { return os.Truncate(path, int64(len(content)/4)) },
	"Emptied":  func(path string, _ []byte) error { return os.Truncate(path, 0) },
	"Removed":  func(path string, _ []byte) error { return os.Remove(path) },
	"Flipped": func(path string, content []byte) error {
		bad := bytes.Clone(content)
		for at := min(100, len(bad)/2); at < len(bad); at += 256 {
			bad[at] ^= 0x10
		}
		return os.WriteFile(path, bad, 0o600)
	},
}

// goesOn are the damages after which nothing is missing: the issuer's key is made anew, and tokens with it; which key the
// account has is told by the keys themselves; the log is nobody's data, nor is progress the stack's.
func goesOn(file, damage string) bool {
	switch filepath.Base(file) {
	case "oidc-key.pem", "account":
		return damage == "Removed"
	case "stack.log", "progress.json":
		return true
	}
	return false
}

// TestDamagedFolder: each file of the data folder is damaged in each way. The stack does not start and names the file and
// what helps, or it has everything that was there.
func TestDamagedFolder(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	h := filled(t, p)
	running := p.serve(t)
	seen := h.views(t)
	running.stop(t)
	var files []string
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 7 {
		t.Fatalf("the folder has only %v: %v", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for name, damage := range damages {
			if err := damage(file, content); err != nil {
				t.Fatal(err)
			}
			says := p.startsOn(t, h, seen)
			rel, err := filepath.Rel(p.dir, file)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case goesOn(file, name) && says != "":
				t.Errorf("%s %s: it does not go on: %s", rel, name, says)
			case !goesOn(file, name) && (!strings.Contains(says, file) || !strings.Contains(says, "copy") && !strings.Contains(says, "remove")):
				t.Errorf("%s %s: it does not name the file and what helps, but says: %s", rel, name, says)
			}
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	running = p.serve(t) // with every file put back
	if diff := cmp.Diff(seen, h.views(t)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	h.whole(t, 2)
	running.stop(t)
}

// startsOn starts a stack there, and answers why it does not start, or that something is missing.
func (p place) startsOn(t *testing.T, h *home, seen map[string]string) string {
	t.Helper()
	running, err := stack.Start(stack.Config{Dir: p.dir, Programs: build.In(bin), API: "127.0.0.1:" + p.api, AWS: "127.0.0.1:" + p.aws,
		Log: t.Output(), Now: time.Now})
	if err != nil {
		return err.Error()
	}
	diff := cmp.Diff(seen, h.views(t))
	if err := running.Close(); err != nil {
		t.Error(err)
	}
	if diff != "" {
		return fmt.Sprintf("it starts without a word, and (-before +after):\n%s", diff)
	}
	return ""
}
