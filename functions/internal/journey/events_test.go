package journey_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/localstack/standin"
	"zapas/shared/api"
	"zapas/shared/event"
)

// eventful is a journey in which everything happens that is told of devices, backups and restores.
func eventful(w *world) *journey {
	j := set(w)
	handed := j.hand(j.old.user)
	good[api.Device](j.t, j.anna.ask("confirmMyDevice", handed.ID, "", api.ConfirmInput{Mine: true}), 200)
	base := j.backup("", nil, [][]byte{chunk("first")}, 10, 0)
	j.checkIn(j.fresh)
	w.stack.Clock.Advance(3 * day)
	j.look()
	in := api.SessionInput{Kind: api.SessionInputKindBackup, Profile: &j.profile.Id, Base: &base}
	s := j.old.begin(in)
	good[api.Committed](j.t, j.old.ask("commitSession", *s.Session, "", ending(j.old.upload(*s.Session, chunk("second")), []int{0}, 1, 0)), 200)
	base = *s.Session
	w.stack.Clock.Advance(time.Minute)
	in.Order = new(good[api.Order](j.t, j.anna.send("orderMyBackup", j.old.ID, "", nil, once("order")), 202).Id)
	j.checkIn(j.old)
	s = j.old.begin(in)
	if out := j.old.ask("endSession", *s.Session, "", nil); out.StatusCode != http.StatusNoContent {
		j.t.Fatalf("the session is given up with %d %s", out.StatusCode, out.Body)
	}
	j.restored("done", base, api.RestoreLedgers{"messages": {Planned: 1, Inserted: 1}})
	j.restored("failed", base, api.RestoreLedgers{"messages": {Planned: 1, Failed: 1, Reasons: map[string]int64{"refused": 1}}})
	asked := j.consent("cancelled", base)
	for range 2 {
		if out := j.anna.ask("cancelMyRestore", asked, "", nil); out.StatusCode != http.StatusNoContent {
			j.t.Fatalf("it is cancelled with %d %s", out.StatusCode, out.Body)
		}
	}
	return j
}

func once(key string) map[string]string { return map[string]string{"idempotency-key": key} }

func (j *journey) consent(name, snapshot string) string {
	j.t.Helper()
	in := api.RestoreInput{Snapshot: snapshot, Device: &j.fresh.ID, Elements: []api.Element{"messages"}}
	return good[api.Restore](j.t, j.anna.send("createMyRestore", "", "", in, once(name)), 201).Id
}

func (j *journey) restored(name, snapshot string, ledger api.RestoreLedgers) {
	j.t.Helper()
	asked := j.consent(name, snapshot)
	s := j.fresh.begin(api.SessionInput{Kind: api.SessionInputKindRestore, Restore: &asked})
	good[api.Restore](j.t, j.fresh.ask("reportRestore", asked, "", api.ResultInput{Session: *s.Session, Ledger: ledger}), 200)
}

// look is what the watch does of devices, when nothing befalls it.
func (j *journey) look() {
	j.t.Helper()
	j.first = false
	_, next, err := j.watcher.Due(j.t.Context(), "")
	if j.must(err); next != "" {
		j.t.Errorf("the watch has not come to its end: %q", next)
	}
}

// told are the events that the bus has: how many there are of each type, each id once, and how many in all.
func (j *journey) told() (of map[event.Type]int, times int) {
	j.t.Helper()
	of, seen := map[event.Type]int{}, map[string]bool{}
	for _, text := range j.stack.EventBridge.Seen.Events() {
		var e struct{ Detail event.Event }
		j.must(json.Unmarshal(text, &e))
		if times++; !seen[e.Detail.ID] {
			seen[e.Detail.ID] = true
			of[e.Detail.Type]++
		}
	}
	return of, times
}

// happened is how often each thing happens in it.
func happened() map[event.Type]int {
	return map[event.Type]int{event.DeviceEnrolled: 3, event.DeviceConfirmed: 1, event.BackupCommitted: 2, event.BackupOverdue: 2 /* the fresh phone is, too */, event.BackupRecovered: 1,
		event.BackupShrunk: 1, event.BackupRequested: 1, event.BackupFailed: 1, event.RestoreRequested: 3, event.RestoreDone: 1, event.RestoreFailed: 1, event.RestoreCancelled: 1}
}

// TestEvents: everything that happens is told once, and under one id.
func TestEvents(t *testing.T) {
	t.Parallel()
	j := eventful(open(t, gatewaytest.NewIssuer(t)))
	of, times := j.told()
	if d := cmp.Diff(happened(), of); d != "" {
		t.Error(d)
	}
	want := 0
	for n := range maps.Values(of) {
		want += n
	}
	if times != want {
		t.Errorf("%d events are told %d times", want, times)
	}
}

// TestEvents_Faults: whatever befalls a call of AWS, before or after its effect, each thing that happened is told at least
// once, under one id, by when the watch has run.
func TestEvents_Faults(t *testing.T) {
	t.Parallel()
	issuer := gatewaytest.NewIssuer(t)
	w, calls, most := open(t, issuer), 0, 0
	w.stack.Strike(func(standin.Call) standin.Fault {
		if w.first {
			calls, w.calls = calls+1, w.calls+1
			most = max(most, w.calls)
		}
		return standin.None
	})
	eventful(w)
	for _, fault := range []standin.Fault{standin.Before, standin.After} {
		struck := 0
		for n := range most {
			w := open(t, issuer)
			w.stack.Strike(func(standin.Call) standin.Fault {
				w.calls++
				if !w.first || w.calls != n+1 {
					return standin.None
				}
				struck++
				return fault
			})
			j := eventful(w)
			w.stack.Strike(nil)
			w.stack.Clock.Advance(6 * time.Minute)
			j.look()
			of, _ := j.told()
			if d := cmp.Diff(happened(), of); d != "" {
				t.Errorf("fault %d of each request's call %d: it is told otherwise:\n%s", fault, n, d)
			}
		}
		if struck != calls {
			t.Errorf("fault %d struck %d calls of %d", fault, struck, calls)
		}
	}
}

// TestEvents_BusDown: while the bus is down everything goes on, at the first attempt, and what happened is told by the watch.
func TestEvents_BusDown(t *testing.T) {
	t.Parallel()
	for _, fault := range []standin.Fault{standin.Before, standin.Throttled} {
		w := open(t, gatewaytest.NewIssuer(t))
		attempts := 0
		w.stack.Strike(func(c standin.Call) standin.Fault {
			if c.Operation != "PutEvents" || !w.first {
				return standin.None
			}
			attempts++
			return fault
		})
		requests := 0
		w.answered = func(status int) {
			if requests++; status >= 500 {
				t.Errorf("with the bus down, a request is answered with %d", status)
			}
		}
		j := eventful(w)
		if _, times := j.told(); times >= attempts || attempts < 10 || len(w.left) < 10 || requests < 30 {
			t.Errorf("of %d attempts of %d requests %d events were taken, and %d are left", attempts, requests, times, len(w.left))
		}
		w.stack.Strike(nil)
		w.stack.Clock.Advance(6 * time.Minute)
		j.look()
		of, times := j.told()
		if d := cmp.Diff(happened(), of); d != "" {
			t.Error(d)
		}
		j.look()
		if _, again := j.told(); again != times {
			t.Errorf("the watch tells %d events again", again-times)
		}
	}
}
