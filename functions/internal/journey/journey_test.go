// Package journey_test plays the main job through all functions in one process: their handlers, the rules and the real
// adapters, on an AWS that can fail at any call.
package journey_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/localstack/standin"
	"zapas/shared/api"
	"zapas/shared/caller"
	"zapas/shared/fleet"
	"zapas/shared/vault"
)

func TestEveryRouteIsAnswered(t *testing.T) {
	t.Parallel()
	w := open(t, gatewaytest.NewIssuer(t))
	want := map[string][]string{}
	for _, r := range api.Routes {
		want[r.Function] = append(want[r.Function], r.Operation)
	}
	for function, routes := range want {
		slices.Sort(routes)
		if d := cmp.Diff(routes, slices.Sorted(maps.Keys(w.functions[function].Operations))); d != "" {
			t.Errorf("the function %s does not answer (-), or answers too much (+):\n%s", function, d)
		}
	}
	if len(want) != len(w.functions) {
		t.Errorf("there are %d functions, want %d", len(w.functions), len(want))
	}
}

// journey is the main job: two phones, a first backup, one of a day later, one of nothing, a restore.
type journey struct {
	*world
	ada, wera, anna person
	old, fresh      *phone
	profile         api.Profile
	snapshots       [2]string
	restore         api.Restore
	keys            map[string]string // by session, as they were released to the old phone
}

// day has a slot of the profile in it, also where the clocks are changed.
const day = 26 * time.Hour

func travel(w *world) *journey {
	j := &journey{world: w, ada: person{w, "ada", []string{"admins"}}, wera: person{w, "wera", []string{"viewers"}}, anna: person{w, "anna", nil}, keys: map[string]string{}}
	j.begin()
	j.snapshots[0] = j.backup("", nil, [][]byte{chunk("first"), chunk("second")}, 3, 0)
	w.stack.Clock.Advance(day)
	j.snapshots[1] = j.backup(j.snapshots[0], []int{0}, [][]byte{chunk("third")}, 1, 3)
	w.stack.Clock.Advance(day)
	due := j.checkIn(j.old)
	if !due.Due || due.Why != "slot" {
		w.t.Fatalf("a day later the phone is not due: %v", due)
	}
	in := api.SessionInput{Kind: api.SessionInputKindUnchanged, Base: &j.snapshots[1], Profile: &due.Profile.Id}
	if out := good[api.Session](w.t, j.old.ask("beginSession", "", "", in), 200); out.UnchangedAt == nil || out.Session != nil || out.Key != nil {
		w.t.Errorf("nothing new is answered with %v", out)
	}
	if due := j.checkIn(j.old); due.Due || due.Why != "not_due" {
		w.t.Errorf("having found nothing new, the phone is still due: %v", due)
	}
	j.restoring()
	j.proving()
	return j
}

func (j *journey) begin() {
	in := api.ProfileInput{Name: "Every night", Elements: []api.Element{"calls", "messages"}, Location: location.ID,
		Schedule: api.Schedule{Kind: api.ScheduleKindDaily, At: new("12:00"), Zone: "Europe/Warsaw"}}
	out := j.ada.ask("createProfile", "", "", in)
	j.profile = good[api.Profile](j.t, out, 201)
	if out.Headers["ETag"] != quoted(j.profile.Version) || out.Headers["Location"] != "/v1/profiles/"+j.profile.Id || len(j.profile.NextRuns) != 3 || !j.profile.Enabled {
		j.t.Errorf("the profile is created with %v %s", out.Headers, out.Body)
	}
	if me := good[api.Me](j.t, j.anna.ask("getMe", "", "", nil), 200); me.Email != "anna@example.com" || !slices.Equal(me.Permissions, []string{"me"}) {
		j.t.Errorf("anna is %v", me)
	}
	j.old, j.fresh = j.anna.enrol("Old"), j.anna.enrol("New")
}

func (j *journey) card(f *phone) api.Device {
	j.t.Helper()
	return good[api.Device](j.t, j.anna.ask("getMyDevice", f.ID, "", nil), 200)
}

func (j *journey) checkIn(f *phone) api.CheckInAnswer {
	j.t.Helper()
	return good[api.CheckInAnswer](j.t, f.ask("checkIn", "", "", api.CheckIn{AppVersion: "1", Coverage: &api.Coverage{"calls": "denied"}}), 200)
}

// backup checks in, begins, uploads and commits, and answers the snapshot.
func (j *journey) backup(base string, dropped []int, chunks [][]byte, stored, already int64) string {
	j.t.Helper()
	due := j.checkIn(j.old)
	if !due.Due || due.Profile == nil {
		j.t.Fatalf("the phone is not due: %v", due)
	}
	in := api.SessionInput{Kind: api.SessionInputKindBackup, Profile: &due.Profile.Id}
	if base != "" {
		in.Base = &base
	}
	s := j.old.begin(in)
	j.keys[*s.Session] = j.old.unseal(*s.Session, *s.Key)
	if card := j.card(j.old); card.State != api.DeviceStateRunning {
		j.t.Errorf("while it backs up, the phone's card says %s", card.State)
	}
	commit := ending(j.old.upload(*s.Session, chunks...), dropped, stored, already)
	done := good[api.Committed](j.t, j.old.ask("commitSession", *s.Session, "", commit), 200)
	if card := j.card(j.old); card.State != api.DeviceStateOk || card.Counts == nil || (*card.Counts)["sms"] != stored+already {
		j.t.Errorf("after its commit the phone's card says %v", card)
	}
	if again := good[api.Committed](j.t, j.old.ask("commitSession", *s.Session, "", commit), 200); again != done || done.Snapshot != *s.Session {
		j.t.Errorf("the commit is answered with %v, then with %v", done, again)
	}
	return done.Snapshot
}

// restoring sends the second snapshot to the other phone, which reads it.
func (j *journey) restoring() {
	j.t.Helper()
	asked := good[api.Restore](j.t, j.anna.ask("createMyRestore", "", "", api.RestoreInput{Snapshot: j.snapshots[1], Device: &j.fresh.ID, Elements: []api.Element{"messages"}}), 201)
	due := j.checkIn(j.fresh)
	if !slices.ContainsFunc(due.Restores, func(r api.Restore) bool { return r.Id == asked.Id }) {
		j.t.Fatalf("the phone is not told of the restore: %v", due)
	}
	s := j.fresh.begin(api.SessionInput{Kind: api.SessionInputKindRestore, Restore: &asked.Id})
	if s.Key != nil || s.Session == nil {
		j.t.Errorf("a restore is opened with %v", s)
	}
	m := good[api.Manifest](j.t, j.fresh.ask("getManifest", *s.Session, "", nil), 200)
	var read [][]byte
	keys := api.KeysInput{PublicKey: b64(j.fresh.secret.PublicKey().Bytes())}
	for _, c := range m.Chunks {
		body := j.fresh.get(c.Url)
		if sum := sha256.Sum256(body); vault.ChunkID(sum) != c.Id || int64(len(body)) != c.Size {
			j.t.Errorf("chunk %s is not what it is called", c.Id)
		}
		read, keys.Sessions = append(read, body), append(keys.Sessions, c.Session)
	}
	if d := cmp.Diff([][]byte{chunk("second"), chunk("third")}, read); d != "" || m.Total != 2 {
		j.t.Errorf("the manifest of %d leads to:\n%s", m.Total, d)
	}
	for i, k := range good[api.Keys](j.t, j.fresh.ask("releaseKeys", *s.Session, "", keys), 200).Keys {
		if k.Session != keys.Sessions[i] || j.fresh.unseal(k.Session, k.Key) != j.keys[k.Session] {
			j.t.Errorf("the key of %s is not the one that its backup had", k.Session)
		}
	}
	result := api.ResultInput{Session: *s.Session, Ledger: api.RestoreLedgers{"messages": {Planned: 4, Inserted: 3, Duplicate: 1}}}
	done := good[api.Restore](j.t, j.fresh.ask("reportRestore", asked.Id, "", result), 200)
	again := good[api.Restore](j.t, j.fresh.ask("reportRestore", asked.Id, "", result), 200)
	if d := cmp.Diff(done, again); d != "" {
		j.t.Errorf("the result repeated is answered otherwise:\n%s", d)
	}
	j.restore = done
}

// state is what a journey leaves, without ids and times. What a repeated request may rightly leave twice (a profile, a
// code, a consent that nobody opens, bytes granted) does not stand here.
type state struct {
	Snapshots []api.Snapshot
	Cards     []api.Device
	Restore   api.Restore
	Head      vault.Head
	Objects   []int64
	Lists     int
}

func (j *journey) state() state {
	j.t.Helper()
	s := state{Snapshots: good[api.SnapshotList](j.t, j.anna.ask("listMySnapshots", "", "", nil), 200).Snapshots,
		Restore: good[api.Restore](j.t, j.anna.ask("getMyRestore", j.restore.Id, "", nil), 200)}
	if d := cmp.Diff(s.Restore, j.restore); d != "" {
		j.t.Errorf("the restore as recorded (-) is not what its phone was told (+):\n%s", d)
	}
	for i := range s.Snapshots {
		s.Snapshots[i].Id, s.Snapshots[i].Device, s.Snapshots[i].At = "", "", time.Time{}
	}
	for _, f := range []*phone{j.old, j.fresh} {
		d := j.card(f)
		for _, at := range []*time.Time{d.SeenAt, d.BackupAt, d.UnchangedAt, d.ProvenAt, d.DamagedAt, d.NextSlot, d.Deadline} {
			if at != nil {
				*at = time.Time{}
			}
		}
		if d.Fingerprint == nil || *d.Fingerprint != fleet.Fingerprint(f.PublicKey()) {
			j.t.Errorf("the card shows the key %v", d.Fingerprint)
		}
		if d.ProvenSnapshot != nil && *d.ProvenSnapshot == j.snapshots[1] {
			*d.ProvenSnapshot = "the second"
		}
		d.Id, d.Profile, d.EnrolledAt, d.Fingerprint = "", nil, time.Time{}, nil
		s.Cards = append(s.Cards, d)
	}
	s.Restore.Id, s.Restore.Snapshot, s.Restore.Device, s.Restore.CreatedAt, s.Restore.UpdatedAt = "", "", nil, time.Time{}, time.Time{}
	var err error
	s.Head, err = j.vaults.Head(j.t.Context(), caller.UserID(j.old.user))
	j.must(err)
	s.Head.Rev, s.Head.Bytes, s.Head.Devices = 0, 0, nil
	objects, err := j.objects.Sizes(j.t.Context(), location.ID, "u/")
	j.must(err)
	for key, size := range objects {
		if strings.Contains(key, "/l/") {
			s.Lists++
		} else {
			s.Objects = append(s.Objects, size)
		}
	}
	slices.Sort(s.Objects)
	return s
}

func TestJourney(t *testing.T) {
	t.Parallel()
	j := travel(open(t, gatewaytest.NewIssuer(t)))
	s := j.state()
	ledger := func(stored, already int64) *api.BackupLedgers {
		return &api.BackupLedgers{"calls": {}, "messages": {Seen: stored + already + 1, Stored: stored, Already: already, Excluded: 1, Reasons: map[string]int64{"too_large": 1}}}
	}
	want := state{
		Snapshots: []api.Snapshot{
			{State: "committed", Location: location.ID, Counts: &api.Counts{"sms": 4}, Ledger: ledger(1, 3)},
			{State: "committed", Location: location.ID, Counts: &api.Counts{"sms": 3}, Ledger: ledger(3, 0)},
		},
		Cards: []api.Device{
			{User: j.old.user, Label: "Old", Platform: "android", Model: "M", Trust: "active", State: "ok", AppVersion: new("1"), SeenAt: &time.Time{}, BackupAt: &time.Time{},
				UnchangedAt: &time.Time{}, Counts: &api.Counts{"sms": 4}, Failed: new(int64(0)), ProvenAt: &time.Time{}, ProvenSnapshot: new("the second"), DamagedAt: &time.Time{}, Coverage: &api.Coverage{"calls": "denied"},
				ProfileWhy: new(api.DeviceProfileWhyOldest), NextSlot: &time.Time{}, Deadline: &time.Time{}},
			{User: j.old.user, Label: "New", Platform: "android", Model: "M", Trust: "active", State: "no_backup", AppVersion: new("1"), SeenAt: &time.Time{},
				Coverage: &api.Coverage{"calls": "denied"}, ProfileWhy: new(api.DeviceProfileWhyOldest), NextSlot: &time.Time{}, Deadline: &time.Time{}},
		},
		Restore: api.Restore{Elements: []api.Element{"messages"}, State: "done", Ledger: &api.RestoreLedgers{"messages": {Planned: 4, Inserted: 3, Duplicate: 1}}},
		Head:    vault.Head{State: vault.Active, Version: 1, Seq: 2, Quota: 1 << 30, Counts: vault.Counts{"sms": 4}},
		Objects: []int64{int64(len(chunk("first"))), int64(len(chunk("third"))), int64(len(chunk("second")))}, Lists: 2,
	}
	slices.Sort(want.Objects)
	if d := cmp.Diff(want, s); d != "" {
		t.Error(d)
	}
	for _, sentinel := range []string{"Name of", "@example.com", "Old", "Every night", "X-Amz-Signature"} {
		if strings.Contains(j.log.String(), sentinel) {
			t.Errorf("the log has %q", sentinel)
		}
	}
}

// TestFaults: whatever befalls a call of AWS, before or after its effect, the same request sent again comes to the same
// end. A journey strikes the n-th call of each request at its first attempt; all journeys together strike every call.
func TestFaults(t *testing.T) {
	t.Parallel()
	issuer := gatewaytest.NewIssuer(t)
	w, calls, most := open(t, issuer), 0, 0
	w.stack.Strike(func(standin.Call) standin.Fault {
		calls, w.calls = calls+1, w.calls+1
		most = max(most, w.calls)
		return standin.None
	})
	j := travel(w)
	w.stack.Strike(nil)
	want := j.state()
	if calls < 80 || most < 5 {
		t.Errorf("the journey makes %d calls, and up to %d in a request", calls, most)
	}
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
			j := travel(w)
			w.stack.Strike(nil)
			if d := cmp.Diff(want, j.state()); d != "" {
				t.Errorf("fault %d of each request's call %d: it ends otherwise:\n%s", fault, n, d)
			}
		}
		if struck != calls {
			t.Errorf("fault %d struck %d calls of %d", fault, struck, calls)
		}
	}
}

// TestNumbers: who may not see numbers of items sees none, anywhere.
func TestNumbers(t *testing.T) {
	t.Parallel()
	j := travel(open(t, gatewaytest.NewIssuer(t)))
	for operation, id := range map[string]string{"listDevices": "", "getDevice": j.old.ID, "listDeviceSnapshots": j.old.ID} {
		if out := j.ada.ask(operation, id, "", nil); out.StatusCode != http.StatusOK || !strings.Contains(out.Body, `"counts":{"sms":4}`) {
			t.Errorf("%s answers an administrator with %s", operation, out.Body)
		}
		out := j.wera.ask(operation, id, "", nil)
		if out.StatusCode != http.StatusOK || strings.Contains(out.Body, "counts") || strings.Contains(out.Body, "ledger") || strings.Contains(out.Body, "sms") {
			t.Errorf("%s answers a viewer with %s", operation, out.Body)
		}
	}
	all := good[api.SnapshotList](t, j.wera.ask("listDeviceSnapshots", j.fresh.ID, "", nil), 200)
	if len(all.Snapshots) != 0 {
		t.Errorf("the other phone has %v", all)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := open(t, gatewaytest.NewIssuer(t))
	ada, anna := person{w, "ada", []string{"admins"}}, person{w, "anna", nil}
	for n := range 5 {
		anna.enrol(fmt.Sprintf("Phone %d", n))
	}
	var labels []string
	query := "limit=2"
	for range 3 {
		page := good[api.DeviceList](t, ada.ask("listDevices", "", query, nil), 200)
		for _, d := range page.Devices {
			labels = append(labels, d.Label)
		}
		if page.Cursor == nil {
			break
		}
		query = "limit=2&cursor=" + *page.Cursor
	}
	if d := cmp.Diff([]string{"Phone 0", "Phone 1", "Phone 2", "Phone 3", "Phone 4"}, labels); d != "" {
		t.Error(d)
	}
	if out := ada.ask("listDevices", "", "cursor=%21", nil); out.StatusCode != http.StatusBadRequest {
		t.Errorf("a cursor of no list is answered with %d", out.StatusCode)
	}
	if mine := good[api.DeviceList](t, anna.ask("listMyDevices", "", "", nil), 200); len(mine.Devices) != 5 {
		t.Errorf("anna has %d phones", len(mine.Devices))
	}
}
