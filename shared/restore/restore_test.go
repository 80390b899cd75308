package restore_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"zapas/localstack/deployment"
	"zapas/localstack/standin"
	"zapas/localstack/standin/standintest"
	"zapas/shared/audit"
	"zapas/shared/aws/bus"
	"zapas/shared/aws/table"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/restore"
	"zapas/shared/vault"
)

const (
	snapshot = vault.SessionID("01SNAPSH0T0000000000000000")
	session  = vault.SessionID("01SESS10N00000000000000000")
	phone    = caller.DeviceID("01PH0NE0000000000000000001")
	// enrolment is one that Anna made, fresh the device that comes of it.
	enrolment = "01ENR0VMENT000000000000000"
	fresh     = caller.DeviceID("01PH0NE0000000000000000003")
)

// world has one user, who owns one snapshot and one phone.
type world struct {
	*restore.Service
	stack *standintest.Stack
	clock *standintest.Clock
	anna  caller.Caller
	// counts are what the snapshot holds.
	counts vault.Counts
	// retired is a device of hers that is not in use any more.
	retired caller.DeviceID
	// enrolled is the device that has come of her enrolment, expires when its code does.
	enrolled caller.DeviceID
	expires  time.Time
	left     []error // why an event was not told
}

func open(t *testing.T) *world {
	t.Helper()
	s := standintest.New(t)
	if err := deployment.Tables(s.AWS); err != nil {
		t.Fatal(err)
	}
	db := table.Open(s.Config())
	newID := func() string { return ulid.Make().String() }
	w := &world{stack: s, clock: s.Clock, counts: vault.Counts{"sms": 1, "mms": 1}}
	w.anna = caller.Caller{User: "0ANNA000000000000000000000", AuthTime: s.Clock.Now()}
	recorder := audit.Recorder{Log: table.Audit{DB: db, Name: deployment.Audit}, Now: s.Clock.Now, NewID: newID}
	cards := table.Statuses{DB: db, Name: deployment.Table}
	for _, id := range []caller.DeviceID{phone, fresh} {
		if err := cards.CreateStatus(t.Context(), fleet.Status{Device: id, Owner: w.anna.User, Label: "Phone"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.EventBridge.CreateBus("zapas"); err != nil {
		t.Fatal(err)
	}
	news := fleet.Announcer{Bus: bus.New(s.Config(), "zapas"), Statuses: cards, Tenant: "acme", Now: s.Clock.Now,
		Left: func(_ context.Context, _ caller.DeviceID, why error) { w.left = append(w.left, why) }}
	w.Service = &restore.Service{Tenant: "acme", Store: table.Restores{DB: db, Name: deployment.VaultKeys, Cards: deployment.Table}, News: news, Now: s.Clock.Now, NewID: newID, Audit: recorder,
		Settings: restore.Organisation{Store: table.Settings{DB: db, Name: deployment.Table}, Audit: recorder},
		Find: func(_ context.Context, user caller.UserID, id vault.SessionID) (vault.Snapshot, error) {
			if user != w.anna.User || id != snapshot {
				return vault.Snapshot{}, fault.New(fault.NotFound, "not_found", "There is no such backup.")
			}
			return vault.Snapshot{ID: id, Counts: w.counts}, nil
		},
		Owns: func(_ context.Context, user caller.UserID, id caller.DeviceID) error {
			if user != w.anna.User || id != phone && id != fresh || id == w.retired {
				return fault.New(fault.NotFound, "not_found", "There is no such device.")
			}
			return nil
		},
		Enrolled: func(_ context.Context, user caller.UserID, id string) (caller.DeviceID, time.Time, error) {
			if user != w.anna.User || id != enrolment {
				return "", time.Time{}, fault.New(fault.NotFound, "not_found", "There is no such code.")
			}
			return w.enrolled, w.expires, nil
		}}
	return w
}

// on is a device of Anna's, as its token proves it.
func (w *world) on(device caller.DeviceID) caller.Caller {
	return caller.Caller{User: w.anna.User, Device: device}
}

func asked() restore.Restore { return restore.Restore{Snapshot: snapshot, Device: phone} }

func (w *world) consent(t *testing.T, elements ...string) restore.Restore {
	t.Helper()
	r := asked()
	r.Elements = elements
	r, err := w.Consent(t.Context(), w.anna, r)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (w *world) opened(t *testing.T, r restore.Restore) restore.Restore {
	t.Helper()
	r, err := w.ToOpen(t.Context(), w.on(phone), r.ID)
	if err == nil {
		_, err = w.Open(t.Context(), r, session)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w.stored(t, r.ID)
}

func (w *world) stored(t *testing.T, id restore.ID) restore.Restore {
	t.Helper()
	r, err := w.Get(t.Context(), w.anna.User, id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func refused(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	if e, ok := errors.AsType[*fault.Error](err); !ok || e.Kind != kind || e.Code != code {
		t.Errorf("the answer is %v, and should be of kind %d with code %q", err, kind, code)
	}
}

func TestConsent(t *testing.T) {
	t.Parallel()
	w := open(t)
	t.Run("AllElementsUnlessSaid", func(t *testing.T) {
		r := w.consent(t)
		if r.State != restore.Waiting || !slices.Equal(r.Elements, []string{"contacts", "messages", "calls"}) {
			t.Errorf("%+v", r)
		}
	})
	for _, tt := range []struct {
		name string
		who  func(c *caller.Caller)
		ask  func(r *restore.Restore)
		kind fault.Kind
		code string
	}{
		{"SignInOfFiveMinutesIsFresh", func(c *caller.Caller) { c.AuthTime = w.clock.Now().Add(-5 * time.Minute) }, nil, 0, ""},
		{"OlderIsNot", func(c *caller.Caller) { c.AuthTime = w.clock.Now().Add(-5*time.Minute - time.Millisecond) }, nil, fault.Forbidden, "sign_in_again"},
		{"NorIsOneOfWhichNothingIsSaid", func(c *caller.Caller) { c.AuthTime = time.Time{} }, nil, fault.Forbidden, "sign_in_again"},
		{"AnotherUser", func(c *caller.Caller) { c.User = "0P10TR00000000000000000000" }, nil, fault.NotFound, "not_found"},
		{"AnAdministrator", func(c *caller.Caller) {
			c.User, c.Roles = "0ADA0000000000000000000000", []caller.Role{caller.Admin}
		}, nil, fault.NotFound, "not_found"},
		{"NoSuchSnapshot", nil, func(r *restore.Restore) { r.Snapshot = "01ARZ3NDEKTSV4RRFFQ69G5FAV" }, fault.NotFound, "not_found"},
		{"NoSuchDevice", nil, func(r *restore.Restore) { r.Device = "01ARZ3NDEKTSV4RRFFQ69G5FAV" }, fault.NotFound, "not_found"},
		{"NoSuchElement", nil, func(r *restore.Restore) { r.Elements = []string{"photos"} }, fault.Invalid, "invalid"},
		{"ElementTwice", nil, func(r *restore.Restore) { r.Elements = []string{"calls", "calls"} }, fault.Invalid, "invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			who, r := w.anna, asked()
			if tt.who != nil {
				tt.who(&who)
			}
			if tt.ask != nil {
				tt.ask(&r)
			}
			_, err := w.Consent(t.Context(), who, r)
			if tt.code == "" && err != nil {
				t.Error(err)
			} else if tt.code != "" {
				refused(t, err, tt.kind, tt.code)
			}
		})
	}
	t.Run("NoRecordNoConsent", func(t *testing.T) {
		w.stack.Strike(func(c standin.Call) standin.Fault { return standin.Before })
		defer w.stack.Strike(nil)
		before := 0
		if _, err := w.Consent(t.Context(), w.anna, asked()); err == nil {
			t.Error("it is given without a record")
		}
		w.stack.Strike(nil)
		all, _, err := w.List(t.Context(), w.anna.User, "", 50)
		for _, r := range all {
			if r.State == restore.Waiting {
				before++
			}
		}
		if err != nil || before != 2 {
			t.Errorf("%d consents are there: %v", before, err)
		}
	})
}

// TestLife: waiting, opened, done; each step only from the one before, and each repeated without harm.
func TestLife(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.counts["sms"] = 2
	r := w.consent(t, "messages")
	in := vault.Session{ID: session, Device: phone, Restore: string(r.ID)}
	refused(t, w.Consented(t.Context(), w.anna.User, in), fault.Gone, "session_over")
	_, err := w.ToOpen(t.Context(), w.on("01PH0NE0000000000000000002"), r.ID)
	refused(t, err, fault.NotFound, "not_found")
	_, err = w.ToOpen(t.Context(), caller.Caller{User: "0P10TR00000000000000000000", Device: phone}, r.ID)
	refused(t, err, fault.NotFound, "not_found")
	r = w.opened(t, r)
	if again := w.opened(t, r); again.Rev != r.Rev {
		t.Error("opening it again for the same session changed it")
	}
	if err := w.Consented(t.Context(), w.anna.User, in); err != nil {
		t.Error(err)
	}
	for name, other := range map[string]vault.Session{
		"OtherSession": {ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Device: phone, Restore: string(r.ID)}, "OtherDevice": {ID: session, Device: "01PH0NE0000000000000000002", Restore: string(r.ID)},
		"OtherRestore": {ID: session, Device: phone, Restore: "01ARZ3NDEKTSV4RRFFQ69G5FAV"}, "NoRestore": {ID: session, Device: phone},
	} {
		if w.Consented(t.Context(), w.anna.User, other) == nil {
			t.Errorf("%s has consent", name)
		}
	}
	ledger := map[string]restore.Ledger{"messages": {Planned: 3, Inserted: 1, Duplicate: 1, Failed: 1, Reasons: map[string]int64{"full": 1}}}
	_, err = w.Finish(t.Context(), w.anna.User, phone, r.ID, "01ARZ3NDEKTSV4RRFFQ69G5FAV", ledger)
	refused(t, err, fault.Gone, "session_over")
	_, err = w.Finish(t.Context(), w.anna.User, "01PH0NE0000000000000000002", r.ID, session, ledger)
	refused(t, err, fault.NotFound, "not_found")
	done, err := w.Finish(t.Context(), w.anna.User, phone, r.ID, session, ledger)
	if err != nil || done.State != restore.PartlyDone {
		t.Fatalf("%+v %v", done, err)
	}
	again, err := w.Finish(t.Context(), w.anna.User, phone, r.ID, session, ledger)
	if err != nil || again.State != restore.PartlyDone {
		t.Errorf("reported again: %+v %v", again, err)
	}
	if d := cmp.Diff(ledger, w.stored(t, r.ID).Ledger); d != "" {
		t.Error(d)
	}
	_, err = w.Finish(t.Context(), w.anna.User, phone, r.ID, session, map[string]restore.Ledger{"messages": {Planned: 3, Inserted: 3}})
	refused(t, err, fault.Conflict, "restore_over")
	_, err = w.ToOpen(t.Context(), w.on(phone), r.ID)
	refused(t, err, fault.Gone, "restore_over")
	refused(t, w.Consented(t.Context(), w.anna.User, in), fault.Gone, "session_over")
	if all, err := w.ForDevice(t.Context(), w.on(phone)); err != nil || len(all) != 0 {
		t.Errorf("%d still wait: %v", len(all), err)
	}
}

// TestCancel: what has not ended is over when its user says so, and then nothing is released for it.
func TestCancel(t *testing.T) {
	t.Parallel()
	w := open(t)
	piotr := caller.Caller{User: "0P10TR00000000000000000000"}
	for name, r := range map[string]restore.Restore{"Waiting": w.consent(t, "messages"), "Opened": w.opened(t, w.consent(t, "messages"))} {
		_, err := w.Cancel(t.Context(), piotr, r.ID)
		refused(t, err, fault.NotFound, "not_found")
		for range 2 {
			if c, err := w.Cancel(t.Context(), w.anna, r.ID); err != nil || c.State != restore.Cancelled || c.Session != r.Session {
				t.Errorf("%s: %+v %v", name, c, err)
			}
		}
		if rev := w.stored(t, r.ID).Rev; rev != r.Rev+1 && name == "Opened" {
			t.Errorf("%s: cancelled twice, it has changed %d times", name, rev-r.Rev)
		}
		_, err = w.ToOpen(t.Context(), w.on(phone), r.ID)
		refused(t, err, fault.Gone, "restore_over")
		refused(t, w.Consented(t.Context(), w.anna.User, vault.Session{ID: session, Device: phone, Restore: string(r.ID)}), fault.Gone, "session_over")
	}
	if all, err := w.ForDevice(t.Context(), w.on(phone)); err != nil || len(all) != 0 {
		t.Errorf("%d still wait: %v", len(all), err)
	}
	r := w.opened(t, w.consent(t, "messages"))
	if _, err := w.Finish(t.Context(), w.anna.User, phone, r.ID, session, map[string]restore.Ledger{"messages": {Planned: 2, Inserted: 2}}); err != nil {
		t.Fatal(err)
	}
	_, err := w.Cancel(t.Context(), w.anna, r.ID)
	refused(t, err, fault.Conflict, "restore_over")
}

// TestCancelledUnderWay: what was written before the device heard of it is told, once, and it stays cancelled.
func TestCancelledUnderWay(t *testing.T) {
	t.Parallel()
	w := open(t)
	written := func(n int64) map[string]restore.Ledger {
		return map[string]restore.Ledger{"messages": {Planned: 2, Inserted: n, Duplicate: 2 - n}}
	}
	finish := func(r restore.Restore, by vault.SessionID, l map[string]restore.Ledger) (restore.Restore, error) {
		return w.Finish(t.Context(), w.anna.User, phone, r.ID, by, l)
	}
	r := w.opened(t, w.consent(t, "messages"))
	if _, err := w.Cancel(t.Context(), w.anna, r.ID); err != nil {
		t.Fatal(err)
	}
	_, err := finish(r, "01SESS10N00000000000000001", written(2))
	refused(t, err, fault.Gone, "session_over")
	for range 2 {
		if told, err := finish(r, session, written(2)); err != nil || told.State != restore.Cancelled || told.Ledger["messages"].Inserted != 2 {
			t.Errorf("%+v %v", told, err)
		}
	}
	_, err = finish(r, session, written(1))
	refused(t, err, fault.Conflict, "restore_over")
	if c, err := w.Cancel(t.Context(), w.anna, r.ID); err != nil || c.Ledger["messages"].Inserted != 2 {
		t.Errorf("cancelled again: %+v %v", c, err)
	}
	r = w.consent(t, "messages") // never opened
	if _, err := w.Cancel(t.Context(), w.anna, r.ID); err != nil {
		t.Fatal(err)
	}
	_, err = finish(r, session, written(2))
	refused(t, err, fault.Gone, "session_over")
}

// TestRetiredDevice: what waits for a device that is not in use any more, or is open on it, is over.
func TestRetiredDevice(t *testing.T) {
	t.Parallel()
	w := open(t)
	done := w.opened(t, w.consent(t, "messages"))
	if _, err := w.Finish(t.Context(), w.anna.User, phone, done.ID, session, map[string]restore.Ledger{"messages": {Planned: 2, Inserted: 2}}); err != nil {
		t.Fatal(err)
	}
	r := w.consent(t, "messages")
	w.enrolled, w.expires = fresh, w.clock.Now().Add(time.Minute)
	moved, err := w.Consent(t.Context(), w.anna, restore.Restore{Snapshot: snapshot, Enrolment: enrolment})
	if err != nil {
		t.Fatal(err)
	}
	w.retired = phone
	for id, want := range map[restore.ID]restore.State{r.ID: restore.Expired, moved.ID: restore.Waiting, done.ID: restore.Done} {
		if got := w.stored(t, id); got.State != want {
			t.Errorf("it is %s, want %s", got.State, want)
		}
	}
	all, _, err := w.List(t.Context(), w.anna.User, "", 10)
	if err != nil || len(all) != 3 || all[1].State != restore.Expired {
		t.Errorf("%+v %v", all, err)
	}
	if w.retired = fresh; w.stored(t, moved.ID).State != restore.Expired {
		t.Error("one for a phone that came of an enrolment waits on")
	}
}

// TestConsent_Again: with an id, the same consent is one, whatever has become of it.
func TestConsent_Again(t *testing.T) {
	t.Parallel()
	w := open(t)
	again := func() restore.Restore {
		t.Helper()
		r := asked()
		r.ID = "01REST0RE00000000000000000"
		r, err := w.Consent(t.Context(), w.anna, r)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := again()
	if second := again(); second.ID != first.ID || second.State != restore.Waiting || !second.CreatedAt.Equal(first.CreatedAt) {
		t.Errorf("%+v, then %+v", first, second)
	}
	w.opened(t, first)
	if third := again(); third.State != restore.Opened {
		t.Errorf("opened, it is answered as %+v", third)
	}
	if all, _, err := w.List(t.Context(), w.anna.User, "", 10); err != nil || len(all) != 1 {
		t.Errorf("%d %v", len(all), err)
	}
}

func TestFinish(t *testing.T) {
	t.Parallel()
	one := func(l restore.Ledger) map[string]restore.Ledger { return map[string]restore.Ledger{"messages": l} }
	for _, tt := range []struct {
		name   string
		ledger map[string]restore.Ledger
		want   restore.State // "" when it is refused
	}{
		{"NothingIsAccountedFor", map[string]restore.Ledger{}, ""},
		{"FewerThanTheBackupHolds", one(restore.Ledger{Planned: 1, Inserted: 1}), ""},
		{"MoreThanTheBackupHolds", one(restore.Ledger{Planned: 3, Inserted: 3}), ""},
		{"AllInserted", one(restore.Ledger{Planned: 2, Inserted: 2}), restore.Done},
		{"AllThereAlready", one(restore.Ledger{Planned: 2, Duplicate: 2}), restore.Done},
		{"Skipped", one(restore.Ledger{Planned: 2, Inserted: 1, Skipped: 1, Reasons: map[string]int64{"draft": 1}}), restore.Done},
		{"AllFailed", one(restore.Ledger{Planned: 2, Failed: 2, Reasons: map[string]int64{"unreadable": 2}}), restore.Failed},
		{"Unbalanced", one(restore.Ledger{Planned: 2, Inserted: 1}), ""},
		{"BelowZero", one(restore.Ledger{Planned: 2, Inserted: 3, Duplicate: -1}), ""},
		{"FailedWithoutAReason", one(restore.Ledger{Planned: 2, Inserted: 1, Failed: 1}), ""},
		{"AnElementThatWasNotAskedFor", map[string]restore.Ledger{"messages": {Planned: 2, Inserted: 2}, "calls": {}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			r := w.opened(t, w.consent(t, "messages"))
			done, err := w.Finish(t.Context(), w.anna.User, phone, r.ID, session, tt.ledger)
			switch {
			case tt.want == "" && !fault.Is(err, fault.Invalid):
				t.Errorf("it is not refused: %v", err)
			case tt.want != "" && (err != nil || done.State != tt.want):
				t.Errorf("it is %s: %v", done.State, err)
			}
		})
	}
}

// TestBrought: of a restore that has ended, those elements count as brought of which it has left nothing out; of one that was
// cancelled, or has not ended, none.
func TestBrought(t *testing.T) {
	t.Parallel()
	left := func(why string, n int64) restore.Ledger {
		return restore.Ledger{Planned: 2, Inserted: 2 - n, Skipped: n, Reasons: map[string]int64{why: n}}
	}
	one, others := []string{"messages"}, []string{"contacts", "calls"}
	for _, tt := range []struct {
		name     string
		elements []string
		messages restore.Ledger
		calls    int64 // that fail
		cancel   bool
		want     []string
	}{
		{"AllThatWasConsentedTo", one, restore.Ledger{Planned: 2, Inserted: 1, Merged: 1}, 0, false, one},
		{"AllThereAlready", one, restore.Ledger{Planned: 2, Duplicate: 2}, 0, false, one},
		{"Everything", nil, restore.Ledger{Planned: 2, Inserted: 2}, 0, false, []string{"contacts", "messages", "calls"}},
		{"NoPlaceForOne", one, left("draft", 1), 0, false, one},
		{"OneNotChosen", one, left("not_chosen", 1), 0, false, nil},
		{"NoneChosen", nil, left("not_chosen", 2), 0, false, others},
		{"TheFailedAlone", one, left("restored_before", 1), 0, false, nil},
		{"TheFailedAloneOfSome", one, left("not_failed", 1), 0, false, nil},
		{"NobodyKnowsWhy", one, left("other", 1), 0, false, nil},
		{"OneFailed", nil, restore.Ledger{Planned: 2, Inserted: 1, Failed: 1, Reasons: map[string]int64{"unreadable": 1}}, 0, false, others},
		{"OneOfAnotherElementFailed", nil, restore.Ledger{Planned: 2, Inserted: 2}, 1, false, []string{"contacts", "messages"}},
		{"AllFailed", nil, restore.Ledger{Planned: 2, Failed: 2, Reasons: map[string]int64{"unreadable": 2}}, 1, false, nil},
		{"Cancelled", nil, restore.Ledger{Planned: 2, Inserted: 2}, 0, true, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			w.counts["calls"] = 1
			r := w.opened(t, w.consent(t, tt.elements...))
			if got := r.Brought(); got != nil {
				t.Errorf("it is open, and has brought %v", got)
			}
			if tt.cancel {
				if _, err := w.Cancel(t.Context(), w.anna, r.ID); err != nil {
					t.Fatal(err)
				}
			}
			calls := restore.Ledger{Planned: 1, Inserted: 1 - tt.calls, Failed: tt.calls}
			if tt.calls > 0 {
				calls.Reasons = map[string]int64{"unreadable": tt.calls}
			}
			l := map[string]restore.Ledger{"contacts": {}, "messages": tt.messages, "calls": calls}
			if tt.elements != nil {
				l = map[string]restore.Ledger{"messages": tt.messages}
			}
			for range 2 { // its answer was lost
				done, err := w.Finish(t.Context(), w.anna.User, phone, r.ID, session, l)
				if got := done.Brought(); err != nil || !slices.Equal(got, tt.want) {
					t.Errorf("it has brought %v, want %v: %v", got, tt.want, err)
				}
			}
		})
	}
}

// TestBrought_Expired: what a device says of a restore once its consent has expired is recorded, and counts for nothing; what
// it said before still does when it says so again.
func TestBrought_Expired(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		late time.Duration // after it has expired
		want []string
	}{
		{"JustBefore", -time.Millisecond, []string{"contacts", "messages", "calls"}},
		{"JustThen", 0, nil},
		{"After", time.Hour, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			r := w.opened(t, w.consent(t))
			w.clock.Advance(r.ExpiresAt.Add(tt.late).Sub(w.clock.Now()))
			for range 2 {
				done, err := w.Finish(t.Context(), w.anna.User, phone, r.ID, session, map[string]restore.Ledger{"contacts": {}, "messages": {Planned: 2, Inserted: 2}, "calls": {}})
				if got := done.Brought(); err != nil || done.State != restore.Done || !slices.Equal(got, tt.want) {
					t.Errorf("it is %s and has brought %v, want %v: %v", done.State, got, tt.want, err)
				}
				w.clock.Advance(2 * time.Hour)
			}
		})
	}
}

// TestLostAnswers: a write whose answer was lost, and which meets its own effect when it is tried again, is no conflict.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	w := open(t)
	r := w.consent(t, "messages")
	puts := 0
	w.stack.Strike(func(c standin.Call) standin.Fault {
		if c.Operation == "PutItem" {
			if puts++; puts == 1 {
				return standin.After
			}
		}
		return standin.None
	})
	read, err := w.ToOpen(t.Context(), w.on(phone), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Open(t.Context(), read, session); err == nil {
		t.Fatal("the fault did not strike")
	}
	if _, err := w.Open(t.Context(), read, session); err != nil {
		t.Errorf("the same write again: %v", err)
	}
	if _, err := w.Open(t.Context(), read, "01ARZ3NDEKTSV4RRFFQ69G5FAV"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("another write on what was read before: %v", err)
	}
}
