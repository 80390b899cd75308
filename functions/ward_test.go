package functions_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zapas/localstack/build"
	"zapas/localstack/stack"
	"zapas/shared/api"
)

// wards are phones and what they are to hold.
type wards struct {
	*edge
	dir    string
	anna   string // her token
	phones int
	days   int

	old    ward // that has backed up
	reader ward // that proves backups
}

// ward is one phone of somebody's.
type ward struct {
	state, id string
	user      string // a token
}

func newWards(t *testing.T, programs build.Programs) *wards {
	t.Helper()
	s, err := stack.Start(stack.Config{Dir: t.TempDir(), Programs: programs, API: "127.0.0.1:0", AWS: "127.0.0.1:0", Log: logOf(t), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &wards{edge: newEdge(t, s, programs.Phone), dir: t.TempDir()}
	w.anna = w.token("anna")
	var made api.Profile
	w.ask(&made, w.token("ada"), "POST", "/v1/profiles", map[string]any{"name": "Everything", "elements": []string{"contacts", "messages", "calls"}, "location": "eu",
		"schedule": map[string]any{"kind": "weekly", "days": []string{"sun"}, "at": "02:00", "zone": "UTC"}})
	w.reader = w.enrolled(w.anna)
	return w
}

// enrolled is a new phone of a person's.
func (w *wards) enrolled(user string) ward {
	w.t.Helper()
	w.phones++
	p := ward{state: filepath.Join(w.dir, fmt.Sprintf("phone%d", w.phones)), user: user}
	var code api.Enrolment
	w.ask(&code, user, "POST", "/v1/me/enrolments", nil)
	var s struct{ Device string }
	w.well(&s, p.state, "enrol", "--api", w.url, "--code", code.Code, "--label", fmt.Sprint("Phone ", w.phones))
	p.id = s.Device
	return p
}

// folder writes what a phone holds on a day: a few items of each kind come, one is edited and one deleted each day, and two
// messages and two calls are equal.
func (w *wards) folder(day, attachment int) (dir string, items int64) {
	w.t.Helper()
	dir = filepath.Join(w.dir, fmt.Sprintf("day%d-%d", day, attachment))
	var people, messages, calls strings.Builder
	for i := day; i < day+6; i++ {
		edited := ""
		if i == day+2 {
			edited = "NOTE:edited\n"
		}
		fmt.Fprintf(&people, "BEGIN:VCARD\nVERSION:3.0\nUID:person-%d\nFN:Person %[1]d\nTEL:+4860010%04[1]d\n%sEND:VCARD\n", i, edited)
		fmt.Fprintf(&calls, `<call number="+4860010%04d" duration="%d" date="%d" type="1"/>`, i, i, 1_700_000_000_000+i*60_000)
		fmt.Fprintf(&messages, `<sms address="+4860010%04d" date="%d" date_sent="%d" type="1" body="message %d" read="%d"/>`, i, 1_700_000_000_000+i*60_000, 1_700_000_000_000+i*60_000, i, min(1, i%4))
	}
	twice := `<sms address="+48600100200" date="1700000500000" type="2" body="ok" read="1"/>`
	twiceCalled := `<call number="+48600100200" duration="0" date="1700000500000" type="2"/>`
	media := rand.NewChaCha8([32]byte{byte(attachment)})
	for i := range 2 {
		b := make([]byte, attachment)
		_, _ = media.Read(b)
		fmt.Fprintf(&messages, `<mms date="%d" msg_box="2" m_type="128" address="+48600100200"><parts><part seq="0" ct="image/jpeg" data="%s"/></parts><addrs><addr address="+48600100200" type="151" charset="106"/></addrs></mms>`,
			1_700_000_600_000+i*1000, base64.StdEncoding.EncodeToString(b))
	}
	for name, content := range map[string]string{"contacts.vcf": people.String(), "calls.xml": `<calls count="8">` + twiceCalled + twiceCalled + calls.String() + `</calls>`,
		"messages.xml": `<smses count="10">` + twice + twice + messages.String() + `</smses>`} {
		w.write(filepath.Join(dir, name), content)
	}
	return dir, 6 + 10 + 8
}

func (w *wards) write(path, content string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wards) snapshots(p ward) (of []api.Snapshot) {
	w.t.Helper()
	var all api.SnapshotList
	w.ask(&all, p.user, "GET", "/v1/me/snapshots", nil)
	for _, n := range all.Snapshots {
		if n.Device == p.id {
			of = append(of, n)
		}
	}
	return of
}

// proven restores a snapshot to another phone of the same person's, and compares.
func (w *wards) proven(where string, p ward, snapshot, want string) {
	w.t.Helper()
	to := w.reader
	if p.user != w.anna {
		to = p // a person's first phone is his only one
	}
	into := filepath.Join(w.dir, "proof")
	if err := os.RemoveAll(into); err != nil {
		w.t.Fatal(err)
	}
	var r restoreReport
	w.well(&r, to.state, "restore", w.consent(to, snapshot).Id, "--to", into)
	w.same(where, want, into)
}

func (w *wards) consent(to ward, snapshot string) (r api.Restore) {
	w.t.Helper()
	w.ask(&r, to.user, "POST", "/v1/me/restores", map[string]any{"snapshot": snapshot, "device": to.id, "elements": []string{"contacts", "messages", "calls"}})
	return r
}

// same compares item by item; two equal ones are two.
func (w *wards) same(where, want, got string) {
	w.t.Helper()
	if r := w.run(strike{}, w.reader.state, "compare", want, got); r.code != 0 {
		w.t.Errorf("%s: they differ: %s%s", where, r.out, r.errs)
	}
}

func (w *wards) mkdir(dir string) {
	w.t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
}

// untouched: of a restore that was struck before it had all, nothing is there.
func (w *wards) untouched(where, before, into string) {
	w.t.Helper()
	for _, name := range []string{"contacts.vcf", "messages.xml", "calls.xml"} {
		was, _ := os.ReadFile(filepath.Join(before, name))
		is, _ := os.ReadFile(filepath.Join(into, name))
		if string(was) != string(is) {
			w.t.Errorf("%s: %s is half restored", where, name)
		}
	}
}
