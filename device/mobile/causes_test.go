package mobile_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zapas/device/mobile"
)

// coded finds the code that a cause has, and a sentence.
func coded(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || mobile.Code(err.Error()) != want || strings.HasPrefix(mobile.Sentence(err.Error()), "[") {
		t.Errorf("it says %v, want the code %s", err, want)
	}
}

// TestOffline: nobody is at the server's address.
func TestOffline(t *testing.T) {
	t.Parallel()
	k, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := mobile.Open(t.TempDir(), "test 1", k)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	_, err = d.Enrol(nil, &mobile.Enrolment{Server: "http://" + l.Addr().String(), Code: "AAAAA-AAAAA", Platform: "ios", Label: "x"})
	coded(t, err, mobile.CodeOffline)
}

// TestStorage: it refuses the objects, and takes them the next time.
func TestStorage(t *testing.T) { // alone, for all phones have one storage
	p := enrolled(t, serving(t), demo())
	card := p.checkIn(t)
	refuses.Store(true)
	_, err := p.device.BackUp(nil, card, p)
	refuses.Store(false)
	coded(t, err, mobile.CodeStorage)
	if again := p.backUp(t, nil); again.Element(mobile.Contacts).Stored != 2 {
		t.Errorf("after it: %+v", again)
	}
}

// TestFolder: what the library keeps cannot be read or written. A folder that is a file is refused to everybody, as a full or a
// locked one is to most.
func TestFolder(t *testing.T) {
	t.Parallel()
	k, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = mobile.Open(filepath.Join(file, "zapas"), "test 1", k)
	coded(t, err, mobile.CodeFolder)

	p := enrolled(t, serving(t), demo())
	card := p.checkIn(t)
	if err := os.RemoveAll(p.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = p.device.BackUp(nil, card, p)
	coded(t, err, mobile.CodeFolder)
}
