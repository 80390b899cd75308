package fleet_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

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
	"zapas/shared/profile"
)

var anna = caller.Caller{Tenant: "acme", User: "0ANNA000000000000000000000", Subject: "anna", Name: "Anna"}

type world struct {
	*fleet.Fleet
	stack    *standintest.Stack
	clock    *standintest.Clock
	statuses table.Statuses
	profiles table.Profiles
	oldest   string // app that may back up
	left     []error
}

func (w *world) oldestApp(context.Context) (string, error) { return w.oldest, nil }

// checkIn is what a device that says no more than it must is answered.
func (w *world) checkIn(t *testing.T, d fleet.Device) fleet.Answer {
	t.Helper()
	a, err := w.CheckIn(t.Context(), caller.Caller{Tenant: "acme", User: d.Owner, Device: d.ID}, fleet.Report{AppVersion: "1.0"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func open(t *testing.T) *world {
	t.Helper()
	s := standintest.New(t)
	if err := deployment.Tables(s.AWS); err != nil {
		t.Fatal(err)
	}
	db := table.Open(s.Config())
	newID := func() string { return ulid.Make().String() }
	w := &world{stack: s, clock: s.Clock, statuses: table.Statuses{DB: db, Name: deployment.Table}, profiles: table.Profiles{DB: db, Name: deployment.Table}}
	identities := table.Identities{DB: db, Name: deployment.Identity}
	if err := s.EventBridge.CreateBus("zapas"); err != nil {
		t.Fatal(err)
	}
	news := fleet.Announcer{Bus: bus.New(s.Config(), "zapas"), Statuses: w.statuses, Tenant: "acme", Now: s.Clock.Now,
		Left: func(_ context.Context, _ caller.DeviceID, why error) { w.left = append(w.left, why) }}
	w.Fleet = &fleet.Fleet{Tenant: "acme", Identities: identities, Enrolments: identities, People: table.People{DB: db, Name: deployment.Identity},
		Statuses: w.statuses, News: news, Orders: fleet.OrderBook{Store: table.Orders{DB: db, Name: deployment.Table}, Now: s.Clock.Now}, Profiles: &table.Sets{Profiles: w.profiles}, Walks: table.Walks{DB: db, Name: deployment.Table}, Bulks: table.Bulks{DB: db, Name: deployment.Table}, Overdues: w.statuses, OldestApp: w.oldestApp,
		Audit: audit.Recorder{Log: table.Audit{DB: db, Name: deployment.Audit}, Now: s.Clock.Now, NewID: newID}, Now: s.Clock.Now, NewID: newID,
		Random: func(p []byte) { _, _ = rand.Read(p) }}
	return w
}

func publicKey(t *testing.T, curve elliptic.Curve) []byte {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return der(t, k.Public())
}

func der(t *testing.T, key any) []byte {
	t.Helper()
	b, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func phone(t *testing.T) fleet.Phone {
	return fleet.Phone{PublicKey: publicKey(t, elliptic.P256()), Platform: "android", Model: "Pixel", Label: "My phone", AppVersion: "1.0"}
}

func (w *world) code(t *testing.T) string {
	t.Helper()
	code, _, err := w.NewCode(t.Context(), anna)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func (w *world) enrol(t *testing.T) fleet.Device {
	t.Helper()
	d, err := w.Enrol(t.Context(), w.code(t), phone(t))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func refused(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	if e, ok := errors.AsType[*fault.Error](err); !ok || e.Kind != kind || e.Code != code {
		t.Errorf("the answer is %v, and should be of kind %d with code %q", err, kind, code)
	}
}

func TestEnrol(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		try  func(t *testing.T, w *world)
	}{
		{"ACodeMakesTheCallersOwnDevice", func(t *testing.T, w *world) {
			d := w.enrol(t)
			if d.Owner != anna.User || d.State != fleet.InUse {
				t.Errorf("%+v", d)
			}
			if c, err := w.Card(t.Context(), d); err != nil || c.Label != "My phone" || c.Standing.State != fleet.Unseen || c.Trust != fleet.InUse {
				t.Errorf("%+v %v", c, err)
			}
		}},
		{"ACodeMayBeTypedAsItIsHeard", func(t *testing.T, w *world) {
			code := strings.NewReplacer("-", " ", "0", "o", "1", "l").Replace(strings.ToLower(w.code(t)))
			if _, err := w.Enrol(t.Context(), code, phone(t)); err != nil {
				t.Error(err)
			}
		}},
		{"TheSameCodeAndKeyAnswerTheSame", func(t *testing.T, w *world) {
			code, p := w.code(t), phone(t)
			first, err := w.Enrol(t.Context(), code, p)
			if err != nil {
				t.Fatal(err)
			}
			w.clock.Advance(2 * fleet.CodeLife)
			if again, err := w.Enrol(t.Context(), code, p); err != nil || again.ID != first.ID {
				t.Errorf("%+v %v", again, err)
			}
		}},
		{"AUsedCodeIsRefused", func(t *testing.T, w *world) {
			code := w.code(t)
			if _, err := w.Enrol(t.Context(), code, phone(t)); err != nil {
				t.Fatal(err)
			}
			_, err := w.Enrol(t.Context(), code, phone(t))
			refused(t, err, fault.Conflict, "code_used")
		}},
		{"AWrongCodeIsRefused", func(t *testing.T, w *world) {
			_, err := w.Enrol(t.Context(), "00000-00000", phone(t))
			refused(t, err, fault.NotFound, "code_unknown")
		}},
		{"ACodeWorksUntilItsLastMoment", func(t *testing.T, w *world) {
			code := w.code(t)
			w.clock.Advance(fleet.CodeLife - time.Millisecond)
			if _, err := w.Enrol(t.Context(), code, phone(t)); err != nil {
				t.Error(err)
			}
		}},
		{"AnExpiredCodeIsRefused", func(t *testing.T, w *world) {
			code := w.code(t)
			w.clock.Advance(fleet.CodeLife)
			_, err := w.Enrol(t.Context(), code, phone(t))
			refused(t, err, fault.Gone, "code_expired")
		}},
		{"TwoPhonesWithOneCodeMakeOneDevice", func(t *testing.T, w *world) {
			code, one, two := w.code(t), phone(t), phone(t)
			errs := make(chan error, 2)
			for _, p := range []fleet.Phone{one, two} {
				go func() { _, err := w.Enrol(context.WithoutCancel(t.Context()), code, p); errs <- err }()
			}
			a, b := <-errs, <-errs
			if (a == nil) == (b == nil) {
				t.Errorf("%v and %v", a, b)
			}
			if mine, err := w.Mine(t.Context(), anna.User); err != nil || len(mine) != 1 {
				t.Errorf("%d devices: %v", len(mine), err)
			}
		}},
		{"ALostAnswerCostsNothing", func(t *testing.T, w *world) {
			for _, operation := range []string{"TransactWriteItems", "PutItem"} {
				code, p := w.code(t), phone(t)
				w.stack.Strike(func(c standin.Call) standin.Fault {
					if c.Operation == operation {
						return standin.After
					}
					return standin.None
				})
				_, err := w.Enrol(t.Context(), code, p)
				w.stack.Strike(nil)
				d, again := w.Enrol(t.Context(), code, p)
				if again != nil {
					t.Fatalf("%s: %v, then %v", operation, err, again)
				}
				if s, err := w.Card(t.Context(), d); err != nil || s.Owner != anna.User {
					t.Errorf("%s: %+v %v", operation, s, err)
				}
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { t.Parallel(); tt.try(t, open(t)) })
	}
}

// TestEnrolled: what came of an enrolment is told to the user who made it for himself, and to nobody else.
func TestEnrolled(t *testing.T) {
	t.Parallel()
	w := open(t)
	if err := w.Met(t.Context(), anna); err != nil {
		t.Fatal(err)
	}
	code, own, err := w.NewCode(t.Context(), anna)
	if err != nil {
		t.Fatal(err)
	}
	given, handed, err := w.NewCodeFor(t.Context(), caller.Caller{User: "0ADA0000000000000000000000"}, anna.User)
	if err != nil {
		t.Fatal(err)
	}
	if own.ID == "" || strings.Contains(own.ID, strings.Split(code, "-")[0]) {
		t.Errorf("the enrolment of %s is called %s", code, own.ID)
	}
	enrolled := func(user caller.UserID, id string) (caller.DeviceID, error) {
		device, expires, err := w.Enrolled(t.Context(), user, id)
		if err == nil && !expires.Equal(own.ExpiresAt) {
			t.Errorf("it expires at %v, and its code at %v", expires, own.ExpiresAt)
		}
		return device, err
	}
	if device, err := enrolled(anna.User, own.ID); err != nil || device != "" {
		t.Errorf("nobody has used it, and it made %q: %v", device, err)
	}
	d, err := w.Enrol(t.Context(), code, phone(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Enrol(t.Context(), given, phone(t)); err != nil {
		t.Fatal(err)
	}
	if device, err := enrolled(anna.User, own.ID); err != nil || device != d.ID || d.Enrolment != own.ID {
		t.Errorf("it made %q, and %q says it came of %q: %v", device, d.ID, d.Enrolment, err)
	}
	sentences := map[string]bool{}
	for _, row := range []struct {
		user caller.UserID
		id   string
	}{{"0P10TR00000000000000000000", own.ID}, {anna.User, handed.ID}, {"0ADA0000000000000000000000", handed.ID}, {anna.User, "01ARZ3NDEKTSV4RRFFQ69G5FAV"}, {anna.User, "../" + own.ID}, {anna.User, ""}} {
		_, err := enrolled(row.user, row.id)
		refused(t, err, fault.NotFound, "not_found")
		sentences[err.Error()] = true
	}
	if len(sentences) != 1 {
		t.Errorf("it is said in different words: %v", sentences)
	}
}

func TestPhoneIsHeldAgainstItself(t *testing.T) {
	t.Parallel()
	w := open(t)
	code := w.code(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(p *fleet.Phone)
		lawful bool
	}{
		{"NoLabel", func(p *fleet.Phone) { p.Label = "" }, false},
		{"LabelOverItsLimit", func(p *fleet.Phone) { p.Label = strings.Repeat("ż", 65) }, false},
		{"LabelWithAControl", func(p *fleet.Phone) { p.Label = "a\nb" }, false},
		{"ModelOverItsLimit", func(p *fleet.Phone) { p.Model = strings.Repeat("x", 65) }, false},
		{"NoAppVersion", func(p *fleet.Phone) { p.AppVersion = "" }, false},
		{"UnknownPlatform", func(p *fleet.Phone) { p.Platform = "symbian" }, false},
		{"NoKey", func(p *fleet.Phone) { p.PublicKey = nil }, false},
		{"RSAKey", func(p *fleet.Phone) { p.PublicKey = der(t, other.Public()) }, false},
		{"OtherCurve", func(p *fleet.Phone) { p.PublicKey = publicKey(t, elliptic.P384()) }, false},
		{"AtTheLimits", func(p *fleet.Phone) {
			p.Label, p.Model, p.AppVersion = strings.Repeat("ż", 64), strings.Repeat("x", 64), strings.Repeat("1", 32)
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := phone(t)
			tt.change(&p)
			if _, err := w.Enrol(t.Context(), code, p); tt.lawful && err != nil || !tt.lawful && !fault.Is(err, fault.Invalid) {
				t.Error(err)
			}
		})
	}
}

// TestForeignDevices: another's device answers exactly as one that does not exist.
func TestForeignDevices(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	for name, ask := range map[string]func(user caller.UserID, id caller.DeviceID) error{
		"Own": func(user caller.UserID, id caller.DeviceID) error {
			_, err := w.Own(t.Context(), user, id)
			return err
		},
		"Confirm": func(user caller.UserID, id caller.DeviceID) error {
			_, err := w.Confirm(t.Context(), caller.Caller{User: user, AuthTime: w.clock.Now()}, id, true)
			return err
		},
		"Owns": func(user caller.UserID, id caller.DeviceID) error { return w.Owns(t.Context(), user, id) },
	} {
		if err := ask(anna.User, d.ID); err != nil {
			t.Errorf("%s: its own user: %v", name, err)
		}
		foreign, missing := ask("0P10TR00000000000000000000", d.ID), ask(anna.User, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
		refused(t, foreign, fault.NotFound, "not_found")
		refused(t, missing, fault.NotFound, "not_found")
		if f, _ := errors.AsType[*fault.Error](foreign); f != nil {
			if m, _ := errors.AsType[*fault.Error](missing); m == nil || f.Sentence != m.Sentence {
				t.Errorf("%s: %v is not %v", name, foreign, missing)
			}
		}
	}
}

// TestCheckIn_Coverage: what a device has said that it can show stays until it says something else.
func TestCheckIn_Coverage(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	for _, tt := range []struct{ said, want map[string]string }{
		{nil, nil},
		{map[string]string{"contacts": "limited", "calls": "denied"}, map[string]string{"contacts": "limited", "calls": "denied"}},
		{nil, map[string]string{"contacts": "limited", "calls": "denied"}},
		{map[string]string{"contacts": "full"}, map[string]string{"contacts": "full"}},
	} {
		if _, err := w.CheckIn(t.Context(), caller.Caller{Tenant: "acme", User: d.Owner, Device: d.ID}, fleet.Report{AppVersion: "1.0", Coverage: tt.said}); err != nil {
			t.Fatal(err)
		}
		s, err := w.statuses.Status(t.Context(), d.ID)
		if err != nil || !maps.Equal(s.Seen.Coverage, tt.want) {
			t.Errorf("after it has said %v: %v, %v", tt.said, s.Seen.Coverage, err)
		}
	}
}

func TestCheckIn(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	who := caller.Caller{Tenant: "acme", User: d.Owner, Device: d.ID}
	checkIn := func() fleet.Answer {
		t.Helper()
		a, err := w.CheckIn(t.Context(), who, fleet.Report{AppVersion: "1.0", Coverage: map[string]string{"messages": "full"}})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := checkIn(); a.Due || a.Why != fleet.NoProfile || a.PollAfter < time.Hour || a.PollAfter > 66*time.Minute {
		t.Errorf("without a profile: %+v", a)
	}
	p := profile.Profile{ID: profile.ID(ulid.Make().String()), Version: 1, Name: "Hourly", Enabled: true, Elements: []string{"messages"}, Location: "eu",
		Schedule: profile.Schedule{Kind: profile.Hourly, Hours: 1, Zone: "UTC"}, CreatedAt: w.clock.Now()}
	if err := w.profiles.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if a := checkIn(); !a.Due || a.Why != fleet.First || a.Profile.ID != p.ID || a.Governs != profile.ByAge {
		t.Errorf("before its first run: %+v", a)
	}
	if _, err := w.statuses.Note(t.Context(), d.ID, fleet.Change{Run: &fleet.Run{At: w.clock.Now(), Profile: p.ID, Session: "S"}}); err != nil {
		t.Fatal(err)
	}
	a := checkIn()
	if a.Due || a.Why != fleet.NotDue || a.PollAfter < time.Minute || a.PollAfter > 66*time.Minute {
		t.Errorf("after its run: %+v", a)
	}
	w.clock.Advance(a.Next.Sub(w.clock.Now()) - time.Millisecond)
	if a := checkIn(); a.Due || a.PollAfter < time.Minute || a.PollAfter > 66*time.Second {
		t.Errorf("just before the slot: %+v", a)
	}
	w.clock.Advance(time.Millisecond)
	if a := checkIn(); !a.Due || a.Why != fleet.SlotPassed || !a.Slot.Equal(w.clock.Now()) {
		t.Errorf("at the slot: %+v", a)
	}
	w.clock.Advance(5 * time.Hour)
	if a := checkIn(); !a.Due {
		t.Errorf("after missed slots: %+v", a)
	}
	who.Unconfirmed = true
	if a := checkIn(); a.Due || a.Why != fleet.NotConfirmed {
		t.Errorf("unconfirmed: %+v", a)
	}
	for _, bad := range []fleet.Report{{}, {AppVersion: strings.Repeat("1", 33)}, {AppVersion: "1", Coverage: map[string]string{"photos": "full"}},
		{AppVersion: "1", Coverage: map[string]string{"calls": "some"}}, {AppVersion: "1", Platform: "symbian"}, {AppVersion: "1", Conditions: &fleet.Conditions{Battery: 101}},
		{AppVersion: "1", Conditions: &fleet.Conditions{Battery: -1}}, {AppVersion: "1", PushToken: strings.Repeat("x", 513)}, {AppVersion: "1", PushToken: "a b"}} {
		if _, err := w.CheckIn(t.Context(), who, bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
