// Package caller knows who is asking and what he may do. It does not know how he proved who he is, nor what he asks for.
package caller

import (
	"crypto/sha256"
	"regexp"
	"slices"
	"time"
)

// UserID names a user everywhere: opaque, 26 characters of Crockford base32.
type UserID string

// DeviceID names a device, for ever.
type DeviceID string

// Permission is a right that an operation asks for.
type Permission string

const (
	ProfilesRead  Permission = "profiles:read"
	ProfilesWrite Permission = "profiles:write"
	DevicesRead   Permission = "devices:read"
	DevicesWrite  Permission = "devices:write"
	DevicesForce  Permission = "devices:force" // have a device back up now
	CountsRead    Permission = "counts:read"
	AuditRead     Permission = "audit:read"
	SettingsWrite Permission = "settings:write"
	Me            Permission = "me"
	DeviceCheckIn Permission = "device:checkin"
	DeviceVault   Permission = "device:vault"
)

// Role is what the organisation's groups make of a user. No role reads content.
type Role string

const (
	Admin        Role = "admin"
	Operator     Role = "operator"
	Viewer       Role = "viewer"
	CountsViewer Role = "counts-viewer"
	Auditor      Role = "auditor"
)

// rights is the whole table: everyone has Me, and a role has what stands here.
var rights = map[Role][]Permission{
	Admin:        {ProfilesRead, ProfilesWrite, DevicesRead, DevicesWrite, DevicesForce, CountsRead, AuditRead, SettingsWrite},
	Operator:     {ProfilesRead, DevicesRead, DevicesForce, CountsRead},
	Viewer:       {ProfilesRead, DevicesRead},
	CountsViewer: {ProfilesRead, DevicesRead, CountsRead},
	Auditor:      {AuditRead},
}

// Roles lists the roles there are.
func Roles() []Role { return []Role{Admin, Operator, Viewer, CountsViewer, Auditor} }

// Caller is who asks: a person at a console, or a device for its owner.
type Caller struct {
	Tenant string
	User   UserID // for a device: its owner

	// Of a person.
	Subject     string
	Name, Email string
	Roles       []Role
	AuthTime    time.Time // when he signed in; zero when the provider does not say

	// Of a device.
	Device      DeviceID
	Enrolment   string // that it came of
	Unconfirmed bool   // enrolled by an administrator and not yet confirmed by its user
}

// May decides whether the caller has a permission.
func (c Caller) May(p Permission) bool {
	return slices.Contains(c.Permissions(), p)
}

// Permissions are all that the caller has, in the order of the table.
func (c Caller) Permissions() []Permission {
	switch {
	case c.User == "":
		return nil
	case c.Device != "" && c.Unconfirmed:
		return []Permission{DeviceCheckIn}
	case c.Device != "":
		return []Permission{DeviceCheckIn, DeviceVault}
	}
	all := []Permission{Me}
	for _, r := range Roles() {
		if !slices.Contains(c.Roles, r) {
			continue
		}
		for _, p := range rights[r] {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}

// FreshFor is how long a sign-in counts as fresh.
const FreshFor = 5 * time.Minute

// Fresh reports whether the caller signed in within FreshFor before now. A provider that does not say when, or says a
// time to come, is not fresh.
func (c Caller) Fresh(now time.Time) bool {
	return !c.AuthTime.IsZero() && !c.AuthTime.After(now.Add(time.Minute)) && now.Sub(c.AuthTime) <= FreshFor
}

// UserOf makes a user's id: the first 16 bytes of SHA-256(issuer 00 tenant 00 subject), in Crockford base32.
func UserOf(issuer, tenant, subject string) UserID {
	sum := sha256.Sum256([]byte(issuer + "\x00" + tenant + "\x00" + subject))
	return UserID(Base32([16]byte(sum[:16])))
}

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// Base32 writes 16 bytes as 26 characters of Crockford base32, as a ULID is written: 128 bits, the first character 0-7.
func Base32(b [16]byte) string {
	out := make([]byte, 26)
	var acc uint32
	bits, i := 0, 15
	for n := 25; n >= 0; n-- {
		for bits < 5 && i >= 0 {
			acc |= uint32(b[i]) << bits
			bits += 8
			i--
		}
		out[n] = crockford[acc&31]
		acc >>= 5
		bits -= 5
	}
	return string(out)
}

var id = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)

// ValidID reports whether s has the form of an id: what Base32 and ULIDs make.
func ValidID(s string) bool { return id.MatchString(s) }
