package fleet_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"zapas/localstack/standin"
	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

var ada = caller.Caller{Tenant: "acme", User: "0ADA0000000000000000000000", Roles: []caller.Role{caller.Admin}}

// given is a device that an administrator has enrolled as Anna's.
func (w *world) given(t *testing.T) fleet.Device {
	t.Helper()
	if err := w.Met(t.Context(), anna); err != nil {
		t.Fatal(err)
	}
	code, _, err := w.NewCodeFor(t.Context(), ada, anna.User)
	if err != nil {
		t.Fatal(err)
	}
	d, err := w.Enrol(t.Context(), code, phone(t))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// fresh is who has just signed in.
func (w *world) fresh(who caller.Caller) caller.Caller {
	who.AuthTime = w.clock.Now()
	return who
}

func (w *world) stored(t *testing.T, id caller.DeviceID) fleet.Device {
	t.Helper()
	d, err := w.Any(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// trusts holds what decides about a device, and the list's copy of it, to be a state.
func (w *world) trusts(t *testing.T, id caller.DeviceID, want fleet.DeviceState) {
	t.Helper()
	s, err := w.statuses.Status(t.Context(), id)
	if got := w.stored(t, id).State; err != nil || got != want || s.Trust != want {
		t.Errorf("the device is %s and listed as %s, want %s: %v", got, s.Trust, want, err)
	}
}

// version is that of the device's card now.
func (w *world) version(t *testing.T, d fleet.Device) int64 {
	t.Helper()
	c, err := w.Card(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return c.Version()
}

func TestCodeForAnother(t *testing.T) {
	t.Parallel()
	w := open(t)
	for _, nobody := range []caller.UserID{anna.User, "", "../x"} {
		_, _, err := w.NewCodeFor(t.Context(), ada, nobody)
		refused(t, err, fault.NotFound, "not_found")
	}
	d := w.given(t)
	if d.Owner != anna.User || d.State != fleet.Unconfirmed {
		t.Errorf("%+v", d)
	}
	w.trusts(t, d.ID, fleet.Unconfirmed)
	if err := w.Owns(t.Context(), anna.User, d.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("a restore may go to it: %v", err)
	}
	if active, err := w.Active(t.Context(), d.ID); err != nil || active {
		t.Errorf("it is in use: %v", err)
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		is   fleet.DeviceState // before
		who  func(w *world) caller.Caller
		mine bool
		kind fault.Kind
		code string
		then fleet.DeviceState
	}{
		{"Mine", fleet.Unconfirmed, func(w *world) caller.Caller { return w.fresh(anna) }, true, 0, "", fleet.InUse},
		{"MineAgain", fleet.InUse, func(w *world) caller.Caller { return w.fresh(anna) }, true, 0, "", fleet.InUse},
		{"NotMine", fleet.Unconfirmed, func(w *world) caller.Caller { return w.fresh(anna) }, false, 0, "", fleet.Retired},
		{"NotMineAgain", fleet.Retired, func(w *world) caller.Caller { return w.fresh(anna) }, false, 0, "", fleet.Retired},
		{"NotMineAfterAll", fleet.InUse, func(w *world) caller.Caller { return w.fresh(anna) }, false, 0, "", fleet.Retired},
		{"MineWhenRetired", fleet.Retired, func(w *world) caller.Caller { return w.fresh(anna) }, true, fault.Conflict, "device_retired", fleet.Retired},
		{"WhoMadeTheCode", fleet.Unconfirmed, func(w *world) caller.Caller { return w.fresh(ada) }, true, fault.NotFound, "not_found", fleet.Unconfirmed},
		{"SignedInLongAgo", fleet.Unconfirmed, func(w *world) caller.Caller {
			who := w.fresh(anna)
			who.AuthTime = who.AuthTime.Add(-caller.FreshFor - time.Millisecond)
			return who
		}, true, fault.Forbidden, "sign_in_again", fleet.Unconfirmed},
		{"NobodySaysWhen", fleet.Unconfirmed, func(*world) caller.Caller { return anna }, true, fault.Forbidden, "sign_in_again", fleet.Unconfirmed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			d := w.given(t)
			var err error
			switch tt.is {
			case fleet.Unconfirmed:
			case fleet.InUse:
				_, err = w.Confirm(t.Context(), w.fresh(anna), d.ID, true)
			case fleet.Retired:
				err = w.Retire(t.Context(), anna, d, w.version(t, d))
			}
			if err != nil {
				t.Fatal(err)
			}
			c, err := w.Confirm(t.Context(), tt.who(w), d.ID, tt.mine)
			if tt.code != "" {
				refused(t, err, tt.kind, tt.code)
			} else if err != nil || c.Trust != tt.then || c.Fingerprint != fleet.Fingerprint(d.PublicKey) {
				t.Errorf("%+v %v", c, err)
			}
			w.trusts(t, d.ID, tt.then)
		})
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	// SHA-256 of "abc", from FIPS 180-4's examples.
	want := "BA78 16BF 8F01 CFEA 4141 40DE 5DAE 2223 B003 61A3 9617 7A9C B410 FF61 F200 15AD"
	if got := fleet.Fingerprint([]byte("abc")); got != want {
		t.Errorf("it is %s, want %s", got, want)
	}
}

func TestRetire(t *testing.T) {
	t.Parallel()
	w := open(t)
	d, kept := w.enrol(t), w.enrol(t)
	for range 2 {
		if err := w.Retire(t.Context(), anna, d, w.version(t, d)); err != nil {
			t.Fatal(err)
		}
		d = w.stored(t, d.ID)
		w.trusts(t, d.ID, fleet.Retired)
	}
	if mine, err := w.Mine(t.Context(), anna.User); err != nil || len(mine) != 1 || mine[0].Device != kept.ID {
		t.Errorf("%+v %v", mine, err)
	}
	if all, _, err := w.statuses.List(t.Context(), fleet.Which{}, "", 10); err != nil || len(all) != 1 || all[0].Device != kept.ID {
		t.Errorf("%+v %v", all, err)
	}
	if c, err := w.Card(t.Context(), d); err != nil || c.Label != "My phone" || c.Trust != fleet.Retired {
		t.Errorf("%+v %v", c, err)
	}
	if err := w.Owns(t.Context(), anna.User, d.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("a restore may go to it: %v", err)
	}
	_, err := w.Rename(t.Context(), anna, d, w.version(t, d), "New name")
	refused(t, err, fault.Conflict, "device_retired")
	_, err = w.Govern(t.Context(), ada, d, w.version(t, d), new("field"), nil)
	refused(t, err, fault.Conflict, "device_retired")
	_, err = w.Order(t.Context(), anna, d, "")
	refused(t, err, fault.Conflict, "device_retired")
}

// TestRetire_Order: nobody waits for an order of a device that is retired, were an answer lost on the way.
func TestRetire_Order(t *testing.T) {
	t.Parallel()
	for _, f := range []standin.Fault{standin.None, standin.Before, standin.After} {
		for n := range 12 {
			w := open(t)
			d := w.enrol(t)
			o, err := w.Order(t.Context(), anna, d, "")
			if err != nil {
				t.Fatal(err)
			}
			version, calls := w.version(t, d), 0
			w.stack.Strike(func(standin.Call) standin.Fault {
				if calls++; calls == n+1 {
					return f
				}
				return standin.None
			})
			for range 3 {
				var now fleet.Device
				if now, err = w.Any(t.Context(), d.ID); err == nil {
					err = w.Retire(t.Context(), anna, now, version)
				}
				if err == nil {
					break
				}
			}
			w.stack.Strike(nil)
			if err != nil {
				t.Fatalf("fault %d at call %d: %v", f, n, err)
			}
			w.is(t, o, fleet.OrderFailed)
			if o, err := w.Orders.Mine(t.Context(), anna.User, o.ID); err != nil || o.Why != fleet.DeviceRetired {
				t.Errorf("fault %d at call %d: it failed for %q: %v", f, n, o.Why, err)
			}
			if c, err := w.Card(t.Context(), w.stored(t, d.ID)); err != nil || c.Standing.State != fleet.Over {
				t.Errorf("the card says %s: %v", c.Standing.State, err)
			}
			if f == standin.None {
				break
			}
		}
	}
}

// TestOrder_Again: with an id, the same order is one, though it has come to its end.
func TestOrder_Again(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	order := func() fleet.Order {
		t.Helper()
		o, err := w.Order(t.Context(), anna, d, "01RDER00000000000000000000")
		if err != nil || o.ID != "01RDER00000000000000000000" {
			t.Fatalf("%+v %v", o, err)
		}
		return o
	}
	o, err := w.Orders.ToCarry(t.Context(), d.ID, order().ID)
	if err := errors.Join(err, w.Orders.Unchanged(t.Context(), o)); err != nil {
		t.Fatal(err)
	}
	if o := order(); o.State != fleet.OrderUnchanged {
		t.Errorf("asked for again, it is %s", o.State)
	}
}

func TestRetire_BeforeItSaidWhatItIs(t *testing.T) {
	t.Parallel()
	w := open(t)
	code, p := w.code(t), phone(t)
	w.stack.Strike(func(c standin.Call) standin.Fault {
		if c.Operation == "TransactWriteItems" { // the device is stored, its status is not
			return standin.After
		}
		return standin.None
	})
	_, err := w.Enrol(t.Context(), code, p)
	w.stack.Strike(nil)
	if err == nil {
		t.Fatal("the fault did not strike")
	}
	c, err := w.codeOf(t, code)
	if err != nil {
		t.Fatal(err)
	}
	d := w.stored(t, c.Device)
	if err := w.Retire(t.Context(), ada, d, w.version(t, d)); err != nil {
		t.Error(err)
	}
	_, err = w.Enrol(t.Context(), code, p)
	refused(t, err, fault.Conflict, "code_used")
}

// TestRecordedFirst: what cannot be recorded does not happen.
func TestRecordedFirst(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(t *testing.T, w *world, d fleet.Device) error{
		"Confirm": func(t *testing.T, w *world, d fleet.Device) error {
			_, err := w.Confirm(t.Context(), w.fresh(anna), d.ID, true)
			return err
		},
		"NotMine": func(t *testing.T, w *world, d fleet.Device) error {
			_, err := w.Confirm(t.Context(), w.fresh(anna), d.ID, false)
			return err
		},
		"Retire": func(t *testing.T, w *world, d fleet.Device) error {
			return w.Retire(t.Context(), anna, d, w.version(t, d))
		},
		"Rename": func(t *testing.T, w *world, d fleet.Device) error {
			_, err := w.Rename(t.Context(), anna, d, w.version(t, d), "Other")
			return err
		},
		"Govern": func(t *testing.T, w *world, d fleet.Device) error {
			_, err := w.Govern(t.Context(), ada, d, w.version(t, d), new("field"), nil)
			return err
		},
		"Order": func(t *testing.T, w *world, d fleet.Device) error {
			d.State = fleet.InUse
			_, err := w.Order(t.Context(), anna, d, "")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			d := w.given(t)
			before, err := w.statuses.Status(t.Context(), d.ID)
			if err != nil {
				t.Fatal(err)
			}
			w.Audit.Log = deaf{}
			if err := act(t, w, d); err == nil || !strings.Contains(err.Error(), "deaf") {
				t.Errorf("it is answered with %v", err)
			}
			w.trusts(t, d.ID, fleet.Unconfirmed)
			if s, err := w.statuses.Status(t.Context(), d.ID); err != nil || s.Label != before.Label || s.Group != "" || s.Order != "" {
				t.Errorf("%+v %v", s, err)
			}
		})
	}
}

func TestGovern(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	p := profile.Profile{ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Name: "P", Enabled: true, Elements: []string{"messages"}, Location: "eu",
		Schedule: profile.Schedule{Kind: profile.Hourly, Hours: 1, Zone: "UTC"}}
	if err := w.profiles.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name            string
		group, explicit *string
		refused         string // the member
		wantGroup       string
		want            profile.ID
	}{
		{"Group", new("field"), nil, "", "field", ""},
		{"OwnProfile", nil, new(string(p.ID)), "", "field", p.ID},
		{"Nothing", nil, nil, "", "field", p.ID},
		{"NoSuchProfile", nil, new("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), "/profile", "field", p.ID},
		{"GroupAtItsLimit", new(strings.Repeat("ż", 64)), nil, "", strings.Repeat("ż", 64), p.ID},
		{"GroupOverItsLimit", new(strings.Repeat("ż", 65)), nil, "/group", strings.Repeat("ż", 64), p.ID},
		{"GroupWithAControl", new("a\tb"), nil, "/group", strings.Repeat("ż", 64), p.ID},
		{"GroupInSpaces", new(" field \u00a0"), nil, "", "field", p.ID},
		{"OnlySpaces", new("  "), nil, "", "", p.ID},
		{"Neither", new(""), new(""), "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := w.Govern(t.Context(), ada, d, w.version(t, d), tt.group, (*profile.ID)(tt.explicit))
			if tt.refused != "" {
				if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tt.refused) {
					t.Errorf("it is answered with %v", err)
				}
				c, err = w.Card(t.Context(), d)
			}
			if err != nil || c.Group != tt.wantGroup || c.Explicit != tt.want {
				t.Errorf("%+v %v", c, err)
			}
		})
	}
	for label, lawful := range map[string]bool{"": false, "  ": false, "a\nb": false, strings.Repeat("ż", 65): false, strings.Repeat("ż", 64): true} {
		if c, err := w.Rename(t.Context(), anna, d, w.version(t, d), label); lawful && (err != nil || c.Label != label) || !lawful && !fault.Is(err, fault.Invalid) {
			t.Errorf("the label %q: %+v %v", label, c, err)
		}
	}
	if c, err := w.Rename(t.Context(), anna, d, w.version(t, d), " Kitchen  phone "); err != nil || c.Label != "Kitchen  phone" {
		t.Errorf("spaces about a label stay: %q %v", c.Label, err)
	}
}

// deaf is an audit that takes nothing.
type deaf struct{}

func (deaf) Append(context.Context, audit.Record) error { return errors.New("the audit is deaf") }

// codeOf reads the stored form of a code.
func (w *world) codeOf(t *testing.T, code string) (fleet.Code, error) {
	t.Helper()
	sum := sha256.Sum256([]byte(strings.ReplaceAll(code, "-", "")))
	return w.Identities.Code(t.Context(), hex.EncodeToString(sum[:]))
}
