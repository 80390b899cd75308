package device

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestBackup_CounterBehind: a phone whose clock once ran ahead, and whose state was put back since, finds its counter again.
func TestBackup_CounterBehind(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	ahead := s.now.AddDate(5, 0, 0).UnixMilli()
	p.id.Counter = ahead
	p.backUp(t, m)
	p.id.Counter = 7
	must(t, p.Device.dir.PutIdentity(p.id))
	p.restart(t, s)
	if r := p.backUp(t, day(m)); r.Ledger["messages"].Stored != 3 {
		t.Errorf("%+v", r)
	}
	if p.id.Counter != ahead+3 { // two backups, and before the first a look for one before it
		t.Errorf("the counter is %d, want %d", p.id.Counter, ahead+3)
	}
}

func TestEnrol_Address(t *testing.T) {
	t.Parallel()
	for server, good := range map[string]bool{"https://x.test": true, "https://x.test/": true, "https://x.test:8443/v1": true, "https://x.test/v1/": true,
		"http://127.0.0.1:7420": true, "http://[::1]:7420/v1": true, "HTTPS://X.test": true,
		"http://x.test": false, "https://me@x.test": false, "https://me:word@x.test/v1": false, "https://x.test?a=b": false, "https://x.test/v1?": false,
		"https://x.test#f": false, "https://x.test/#": false, "https://x.test/v2": false, "https://x.test/v1/device": false, "https://x.test//": false,
		"https://:443": false, "https://x.test:": false, "ftp://x.test": false, "x.test": false, "": false, "https://x.test:port": false} {
		err := checkServer(server)
		if (err == nil) != good {
			t.Errorf("%q: %v", server, err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n@") {
			t.Errorf("%q: no clear sentence: %v", server, err)
		}
	}
}

// TestBackup_CounterNotWritten: a session whose counter could not be written down is not begun under it later, in the same process:
// killed then, the phone would not know that a backup was begun.
func TestBackup_CounterNotWritten(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	full := errors.New("no space left")
	p.Device.dir.Before = func(step string) error { return map[bool]error{true: full}[step == "write device.json"] }
	if _, err := p.Backup(t.Context(), demo(), profileOf("eu")); !errors.Is(err, full) {
		t.Fatal(err)
	}
	p.Device.dir.Before = nil
	s.fault = func(req *http.Request, after bool) error { return map[bool]error{true: errKilled}[len(s.rows) > 0] }
	if _, err := p.Backup(t.Context(), demo(), profileOf("eu")); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	s.fault = nil
	p.restart(t, s)
	if !p.Pending() {
		t.Error("the service counts a backup as begun, and the phone does not know of it")
	}
}

// TestEnrol_Forgets: a phone that becomes another device keeps nothing of the one that it was.
func TestEnrol_Forgets(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	p.backUp(t, demo())
	delete(s.objects, p.objectOf(t, s, 0))
	p.verified(t, VerifyOptions{})
	clear(s.keys)
	if _, err := p.Enrol(t.Context(), Enrolment{Server: "https://zapas.test", Code: "GOOD-CODE", Platform: "android"}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(p.dir)
	must(t, err)
	for _, f := range files {
		if f.Name() != "device.json" && f.Name() != "lock" {
			t.Errorf("%s is still there", f.Name())
		}
	}
}
