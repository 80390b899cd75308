package functions_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"zapas/shared/api"
)

// TestDeviceKilled kills the real program at each of its requests, before and after its effect, or asks it to stop there, and
// runs it again, against the real stack: nothing is lost, nothing is doubled, the ledger balances, and nothing is sent again
// but what may not have arrived.
func TestDeviceKilled(t *testing.T) {
	t.Parallel()
	programs := compiled(t)
	every := []os.Signal{syscall.SIGKILL, syscall.SIGTERM}
	for _, tt := range []struct {
		name    string
		play    func(w *wards, s strike) bool
		signals []os.Signal
		at, to  int // the first and the last request; to is 0 for all there are
	}{
		{"FirstBackup", (*wards).firstBackup, every, 0, 0},
		{"Backup", (*wards).nextBackup, every, 0, 0},
		{"ManyChunks", (*wards).manyChunks, every[:1], 3, 4}, // those that differ from a backup of one chunk: its uploads
		{"Restore", (*wards).restoreToNothing, every, 0, 0},
		{"RestoreOntoSome", (*wards).restoreOntoSome, every[:1], 0, 0},
		{"SecondRestore", (*wards).restoreAgain, every[:1], 0, 0},
	} {
		for _, signal := range tt.signals {
			t.Run(tt.name+"/"+signal.String(), func(t *testing.T) {
				t.Parallel()
				w := newWards(t, programs)
				at := tt.at
				for ; tt.to == 0 || at <= tt.to; at++ {
					before := tt.play(w, strike{signal, at, false})
					if after := tt.play(w, strike{signal, at, true}); after != before {
						t.Errorf("request %d came once, and not again", at)
					}
					if !before {
						break
					}
				}
				if at < 5 {
					t.Errorf("there were only %d requests to die at", at)
				}
			})
		}
	}
}

const small = 30_000 // bytes of an attachment

// firstBackup: each time another phone, since there is but one first time; a person has few.
func (w *wards) firstBackup(s strike) bool {
	people := []string{"ada", "olek", "wera", "piotr"}
	p := w.enrolled(w.token(people[w.phones%len(people)]))
	return w.backup(s, p, 0, small, 1)
}

func (w *wards) nextBackup(s strike) bool {
	if w.days == 0 {
		w.old = w.enrolled(w.anna)
		var r report
		dir, _ := w.folder(0, small)
		w.well(&r, w.old.state, "backup", "--from", dir)
	}
	w.days++
	return w.backup(s, w.old, w.days, small, 1)
}

// manyChunks: attachments that fill two chunks, another pair each time; requests that are under way together end together.
func (w *wards) manyChunks(s strike) bool {
	if w.old.id == "" {
		w.old = w.enrolled(w.anna)
	}
	w.days++
	return w.backup(s, w.old, w.days, 8<<20+w.days, 2)
}

// report is what a backup says of itself.
type report struct {
	Snapshot           string
	Unchanged, Resumed bool
	Ledger             api.BackupLedgers
	Objects            int
}

// backup lets a backup be struck, runs it again, and proves what it has stored.
func (w *wards) backup(s strike, p ward, day, attachment, chunks int) (reached bool) {
	w.t.Helper()
	dir, items := w.folder(day, attachment)
	before := len(w.snapshots(p))
	w.uploads()
	var order api.Order
	w.ask(&order, p.user, "POST", "/v1/me/devices/"+p.id+"/backup", nil) // it is due at its first time only
	struck := w.struck(s, p, "run", "--from", dir, "--for", "1ms")
	if struck.hit == "" {
		return false // it has come to its end, as others did
	}
	where := fmt.Sprintf("struck at %s (%d, after=%t)", struck.hit, s.at, s.after)
	var r, again report
	w.well(&r, p.state, "backup", "--from", dir)
	seen := int64(0)
	for element, l := range r.Ledger {
		if seen += l.Seen; l.Seen != l.Stored+l.Already+l.Excluded || l.Failed != 0 {
			w.t.Errorf("%s: the ledger of %s does not balance: %+v", where, element, l)
		}
	}
	if seen != items {
		w.t.Errorf("%s: it has seen %d items, want %d", where, seen, items)
	}
	w.well(&again, p.state, "backup", "--from", dir)
	if !again.Unchanged || again.Snapshot != r.Snapshot || again.Objects != 0 {
		w.t.Errorf("%s: another run found something new: %+v", where, again)
	}
	if n := len(w.snapshots(p)) - before; n != 1 {
		w.t.Errorf("%s: it has made %d backups", where, n)
	}
	w.frugal(where, struck.hit, chunks)
	if w.ask(&order, p.user, "GET", "/v1/me/orders/"+order.Id, nil); order.State != api.OrderStateDone && order.State != api.OrderStateUnchanged {
		w.t.Errorf("%s: the order is %s", where, order.State)
	}
	w.proven(where, p, r.Snapshot, dir)
	return true
}

// frugal: the chunks are as many as they would be, and none was sent again whose arrival the phone knew of.
func (w *wards) frugal(where, hit string, chunks int) {
	w.t.Helper()
	sent, most := w.uploads(), 1
	if strings.HasPrefix(hit, "PUT ") {
		most = 2
	} else if chunks > 1 {
		w.t.Errorf("%s, which is no upload", where)
	}
	if len(sent) != chunks {
		w.t.Errorf("%s: %d objects were sent, want %d: %v", where, len(sent), chunks, sent)
	}
	for key, n := range sent {
		if n > most {
			w.t.Errorf("%s: %s was sent %d times", where, key, n)
		}
	}
}

// struck lets a phone be struck and looks at how it ended: a signal that asks ends a run without an error, and another
// command with one.
func (w *wards) struck(s strike, p ward, args ...string) ran {
	w.t.Helper()
	r := w.run(s, p.state, args...)
	switch {
	case r.hit == "" && r.code != 0, r.hit != "" && s.signal == syscall.SIGKILL && r.code != -1:
		w.t.Errorf("%v: exit code %d, struck at %q: %s%s", args, r.code, r.hit, r.out, r.errs)
	case r.hit != "" && s.signal == syscall.SIGTERM && args[0] == "run" && (r.code != 0 || r.errs != "" || !strings.Contains(r.out, `"did":"stop"`)):
		w.t.Errorf("stopped at %s, it does not end as it should: exit code %d, %s%s", r.hit, r.code, r.out, r.errs)
	case r.hit != "" && s.signal == syscall.SIGTERM && args[0] != "run" && (r.code != 1 || strings.Count(r.errs, "\n") != 1):
		w.t.Errorf("stopped at %s, it does not say so in a sentence: exit code %d, %s", r.hit, r.code, r.errs)
	}
	return r
}

type restoreReport struct {
	State  string
	Ledger api.RestoreLedgers
}

func (w *wards) restoreToNothing(s strike) bool {
	return w.restore(s, func(into, _ string) { w.mkdir(into) })
}

// restoreOntoSome: the phone holds one of each pair of equal items, and some of the rest.
func (w *wards) restoreOntoSome(s strike) bool {
	return w.restore(s, func(into, _ string) {
		w.write(filepath.Join(into, "messages.xml"), `<smses count="1"><sms address="+48600100200" date="1700000500000" type="2" body="ok" read="1"/></smses>`)
		w.write(filepath.Join(into, "calls.xml"), `<calls count="1"><call number="+48600100200" duration="0" date="1700000500000" type="2"/></calls>`)
	})
}

// restoreAgain: the phone holds all of it.
func (w *wards) restoreAgain(s strike) bool {
	return w.restore(s, func(into, all string) {
		if err := os.CopyFS(into, os.DirFS(all)); err != nil {
			w.t.Fatal(err)
		}
	})
}

// restore lets a restore be struck, runs it again, and compares what is there.
func (w *wards) restore(s strike, prepare func(into, all string)) (reached bool) {
	w.t.Helper()
	all, items := w.folder(0, small)
	if w.old.id == "" {
		w.old = w.enrolled(w.anna)
		var r report
		w.well(&r, w.old.state, "backup", "--from", all)
	}
	w.days++
	into, before := filepath.Join(w.dir, fmt.Sprint("into", w.days)), filepath.Join(w.dir, fmt.Sprint("before", w.days))
	prepare(into, all)
	prepare(before, all)
	sent := w.consent(w.reader, w.snapshots(w.old)[0].Id)
	struck := w.struck(s, w.reader, "restore", sent.Id, "--to", into)
	if struck.hit == "" {
		w.same("unharmed", all, into)
		return false
	}
	where := fmt.Sprintf("struck at %s (%d, after=%t)", struck.hit, s.at, s.after)
	told := strings.HasSuffix(struck.hit, "/result")
	if told { // all is written before the service hears of it
		w.same(where, all, into)
	} else {
		w.untouched(where, before, into)
	}
	if told && s.after {
		if r := w.run(strike{}, w.reader.state, "restore", sent.Id, "--to", into); r.code != 1 || !strings.Contains(r.errs, "no restore "+sent.Id+" waits") {
			w.t.Errorf("%s: exit code %d, %s", where, r.code, r.errs)
		}
	} else {
		var r restoreReport
		w.well(&r, w.reader.state, "restore", sent.Id, "--to", into)
		planned := int64(0)
		for element, l := range r.Ledger {
			if planned += l.Planned; l.Planned != l.Inserted+l.Duplicate+l.Merged || l.Skipped+l.Failed != 0 {
				w.t.Errorf("%s: the ledger of %s does not balance: %+v", where, element, l)
			}
			if told && l.Inserted+l.Merged != 0 {
				w.t.Errorf("%s: %s are inserted again: %+v", where, element, l)
			}
		}
		if planned != items || r.State != string(api.RestoreStateDone) {
			w.t.Errorf("%s: %d items were planned, want %d; it is %s", where, planned, items, r.State)
		}
	}
	w.same(where, all, into)
	var over api.Restore
	w.ask(&over, w.anna, "GET", "/v1/me/restores/"+sent.Id, nil)
	if over.State != api.RestoreStateDone {
		w.t.Errorf("%s: on my card it is %s", where, over.State)
	}
	return true
}
