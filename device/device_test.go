package device

import (
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
