// Package profile knows what a backup profile is, which ones are lawful, when their backups fall due and which profile
// governs a device. It does not know where profiles are kept, nor how they were asked for.
package profile

import (
	"cmp"
	"context"
	"time"
)

// ID names a profile.
type ID string

// Profile is a backup policy.
type Profile struct {
	ID           ID
	Version      int64 // grows with every change
	Name         string
	Description  string
	Enabled      bool
	Elements     []string // contacts, messages, calls: in this order
	Messages     Messages
	Location     string // where its backups are kept
	Schedule     Schedule
	Window       int // minutes after a slot over which starts are spread; 0: all start at once
	Conditions   Conditions
	QuietHours   QuietHours
	Retention    Retention
	Alerts       Alerts
	DeviceGroups []string // which device groups it governs; none: what no group's profile governs
	Priority     int      // of those whose device groups match, the highest governs
	Region       string   // default region for phone numbers, ISO 3166-1 alpha-2
	CreatedAt    time.Time
	UpdatedAt    time.Time
	Scheduled    int64     // the newest version that the scheduler is known to have; an edit keeps it
	Told         int64     // the newest version of which the world was told
	Since        time.Time // when what it says of whom and when last changed: no deadline counts from before
}

// Location is a bucket that profiles may choose.
type Location struct {
	ID, Name, Region string
}

// Store keeps profiles. Reads are strongly consistent.
type Store interface {
	// Profiles reads all of them, in no order.
	Profiles(ctx context.Context) ([]Profile, error)
	// Profile reads one; fault.NotFound when there is none.
	Profile(ctx context.Context, id ID) (Profile, error)
	// Create stores a new one; fault.Conflict when its id is taken.
	Create(ctx context.Context, p Profile) error
	// Replace stores p in the place of this version of it; fault.Conflict when another version is there, or none.
	Replace(ctx context.Context, p Profile, version int64) error
	// Delete removes this version; fault.Conflict when another version is there, or none.
	Delete(ctx context.Context, id ID, version int64) error
}

func byAge(a, b Profile) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
}

// Why says why a profile governs a device.
type Why string

const (
	Explicit Why = "explicit" // it was chosen for this very device
	ByGroup  Why = "group"    // it has the highest priority of those whose device groups match
	ByAge    Why = "oldest"   // it is the oldest of those that govern every device
)
