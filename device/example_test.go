package device_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"zapas/device"
)

// What follows is on the page, from the first function on.

// addThisPhone comes once: the user types the code that my card shows.
func addThisPhone(ctx context.Context, dir, server, code string, key device.Signer) (*device.Device, error) {
	d, err := device.Open(device.Config{Dir: dir, Signer: key, AppVersion: "1.0", Transport: http.DefaultTransport,
		Now: time.Now, Random: rand.Reader, Wait: wait})
	if err != nil {
		return nil, err
	}
	_, err = d.Enrol(ctx, device.Enrolment{Server: server, Code: code, Platform: "android", Label: "My phone"})
	return d, err
}

// wait lets time pass before something is tried again: all of it, unless the run is ended.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// phone is the app's own: it lists what is there, takes what comes back, and says what it would refuse, for a plan.
type phone interface {
	device.Source
	device.Sink
	device.Target
}

// round comes as often as the system lets an app run. asked shows a plan, and says whether the user wants it.
func round(ctx context.Context, d *device.Device, p phone, asked func(device.Plan) bool) error {
	todo, err := d.CheckIn(ctx, nil) // what should this phone do, and why?
	if err != nil {
		return err
	}
	if todo.Profile != nil && (todo.Due || d.Pending()) {
		if _, err := d.Backup(ctx, p, *todo.Profile); err != nil {
			return err
		}
	}
	for _, r := range todo.Restores { // the user has sent a backup here
		if r.State == "held" {
			continue // for some hours, in which the user can still cancel it
		}
		chosen := []string{} // of the elements that it brings, such as "contacts"; none: all
		plan, err := d.Plan(ctx, r, p, chosen)
		if err != nil {
			return err
		}
		if asked(plan) {
			if _, err := d.Restore(ctx, r, p, chosen); err != nil {
				return err
			}
		}
	}
	_, err = d.Verify(ctx, device.VerifyOptions{Sample: 5}) // can the newest backup be restored?
	return err
}

// Example is not run: there is no service here. It is compiled, and TestReadme holds the page against it.
func Example() {
	ctx := context.Background()
	var key device.Signer // in the phone's hardware
	var p phone           // of the app
	d, err := addThisPhone(ctx, "state", "https://backup.example", "XXXXX-XXXXX", key)
	if err == nil {
		err = round(ctx, d, p, func(plan device.Plan) bool { return plan.Failed() == 0 })
	}
	if err != nil {
		panic(err)
	}
}

// TestReadme: what the page shows compiles, since it is this file's.
func TestReadme(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, ok := strings.Cut(string(page), "```go\n")
	shown, _, closed := strings.Cut(shown, "```\n")
	_, compiled, _ := strings.Cut(string(own), "on the page, from the first function on.\n\n")
	compiled, _, _ = strings.Cut(compiled, "\n// Example is not run")
	if !ok || !closed || shown != compiled {
		t.Errorf("the page shows\n%s", shown)
	}
	for line := range strings.Lines(string(page)) {
		if len(line) > 140 && !strings.HasPrefix(line, "|") {
			t.Errorf("too long a line: %s", line)
		}
	}
}
