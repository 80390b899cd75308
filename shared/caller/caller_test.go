package caller_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"zapas/shared/caller"
)

func TestMay(t *testing.T) {
	person := caller.Caller{User: "U"}
	with := func(r ...caller.Role) caller.Caller { c := person; c.Roles = r; return c }
	for _, tt := range []struct {
		name string
		who  caller.Caller
		may  map[caller.Permission]bool
	}{
		{"nobody may nothing", caller.Caller{Roles: []caller.Role{caller.Admin}}, map[caller.Permission]bool{caller.Me: false, caller.ProfilesRead: false}},
		{"everyone is himself", person, map[caller.Permission]bool{caller.Me: true, caller.ProfilesRead: false, caller.DeviceVault: false}},
		{"an unknown role adds nothing", with("owner"), map[caller.Permission]bool{caller.Me: true, caller.DevicesRead: false}},
		{"an admin writes profiles and sees counts", with(caller.Admin), map[caller.Permission]bool{caller.ProfilesWrite: true, caller.CountsRead: true, caller.DeviceVault: false}},
		{"an admin has all but content", with(caller.Admin), map[caller.Permission]bool{caller.DevicesWrite: true, caller.DevicesForce: true, caller.AuditRead: true,
			caller.SettingsWrite: true}},
		{"an operator reads and orders backups", with(caller.Operator), map[caller.Permission]bool{caller.DevicesRead: true, caller.DevicesForce: true, caller.CountsRead: true,
			caller.DevicesWrite: false, caller.AuditRead: false, caller.SettingsWrite: false}},
		{"an auditor reads the audit alone", with(caller.Auditor), map[caller.Permission]bool{caller.AuditRead: true, caller.DevicesRead: false, caller.ProfilesRead: false}},
		{"a viewer sees no counts", with(caller.Viewer), map[caller.Permission]bool{caller.DevicesRead: true, caller.CountsRead: false, caller.ProfilesWrite: false, caller.DevicesForce: false}},
		{"a device has its owner's vault and nothing of the console", caller.Caller{User: "U", Device: "D", Roles: []caller.Role{caller.Admin}},
			map[caller.Permission]bool{caller.DeviceCheckIn: true, caller.DeviceVault: true, caller.Me: false, caller.ProfilesRead: false}},
		{"an unconfirmed device may check in alone", caller.Caller{User: "U", Device: "D", Unconfirmed: true},
			map[caller.Permission]bool{caller.DeviceCheckIn: true, caller.DeviceVault: false, caller.Me: false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for p, want := range tt.may {
				if got := tt.who.May(p); got != want {
					t.Errorf("May(%s) = %v", p, got)
				}
			}
		})
	}
}

func TestFresh(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	for at, want := range map[time.Time]bool{
		{}:                                 false,
		now:                                true,
		now.Add(-caller.FreshFor):          true,
		now.Add(-caller.FreshFor - 1):      false,
		now.Add(time.Minute):               true,
		now.Add(time.Minute + time.Second): false,
	} {
		if got := (caller.Caller{AuthTime: at}).Fresh(now); got != want {
			t.Errorf("signed in %v before: fresh is %v", now.Sub(at), got)
		}
	}
}

// TestBase32 holds our writing of 16 bytes against that of ULIDs.
func TestBase32(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		var b [16]byte
		binary.BigEndian.PutUint64(b[:8], r.Uint64())
		binary.BigEndian.PutUint64(b[8:], r.Uint64())
		got := caller.Base32(b)
		if want := ulid.ULID(b).String(); got != want {
			t.Fatalf("%x: %s, a ULID says %s", b, got, want)
		}
		if !caller.ValidID(got) {
			t.Fatalf("%s is no id", got)
		}
	}
}

func TestUserOf(t *testing.T) {
	t.Parallel()
	a := caller.UserOf("https://id.example", "acme", "anna")
	for _, b := range []caller.UserID{
		caller.UserOf("https://id.example", "acme", "annb"), caller.UserOf("https://id.example", "acm", "eanna"),
		caller.UserOf("https://id.exampl", "acme", "anna"), caller.UserOf("https://id.exampleacme", "", "anna"),
	} {
		if a == b {
			t.Errorf("two users share the id %s", a)
		}
	}
}

func TestValidID(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"01ARZ3NDEKTSV4RRFFQ69G5FAV": true, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ": true, "8ZZZZZZZZZZZZZZZZZZZZZZZZZ": false,
		"01ARZ3NDEKTSV4RRFFQ69G5FA": false, "01ARZ3NDEKTSV4RRFFQ69G5FAVX": false, "01arz3ndektsv4rrffq69g5fav": false,
		"01ARZ3NDEKTSV4RRFFQ69G5FAU": false, "": false, "../../../../../../../../..": false, "01ARZ3NDEKTSV4RRFFQ69G5FAV\n": false,
	} {
		if caller.ValidID(s) != want {
			t.Errorf("ValidID(%q) = %v", s, !want)
		}
	}
}
