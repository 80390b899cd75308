// Package event knows what Zapas tells the world of: one event for each change, under an id that is the same whenever the
// same change is told again, and the JSON in which it is told. It does not know who listens, nor how an event is sent.
//
// An event has opaque ids and times alone: no names, labels, counts or sizes. Each type has a JSON Schema in the folder
// schema, named by its type and version. A version gains members that may be missing; what says otherwise is a new version.
package event

import (
	"crypto/sha256"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"zapas/shared/caller"
)

// Type says what has happened.
type Type string

const (
	BackupDue        Type = "backup.due"       // a profile's slot has come: the devices that it governs may start
	BackupRequested  Type = "backup.requested" // somebody ordered a backup of a device
	BackupCommitted  Type = "backup.committed" // a device has a new snapshot
	BackupFailed     Type = "backup.failed"    // a device's run ended without one
	BackupOverdue    Type = "backup.overdue"   // a device has not ended a run well by the deadline of a slot
	BackupRecovered  Type = "backup.recovered" // a device that was told as overdue has ended a run well
	BackupShrunk     Type = "backup.shrunk"    // a snapshot lost so much that the one before it is held
	RestoreRequested Type = "restore.requested"
	RestoreDone      Type = "restore.done" // it has written all, or all but what its device could not
	RestoreFailed    Type = "restore.failed"
	RestoreCancelled Type = "restore.cancelled"
	DeviceEnrolled   Type = "device.enrolled"
	DeviceConfirmed  Type = "device.confirmed" // its user knows it
	ProfileChanged   Type = "profile.changed"  // made, edited or deleted
)

// Types lists the types there are.
func Types() []Type {
	return []Type{BackupDue, BackupRequested, BackupCommitted, BackupFailed, BackupOverdue, BackupRecovered, BackupShrunk, RestoreRequested, RestoreDone,
		RestoreFailed, RestoreCancelled, DeviceEnrolled, DeviceConfirmed, ProfileChanged}
}

// version is that of every type until now.
const version = 1

// Event is one thing that has happened. Its JSON is what is told.
type Event struct {
	ID      string    `json:"id"` // the same whenever the same is told again
	Type    Type      `json:"type"`
	Version int       `json:"version"`
	Time    time.Time `json:"time"` // when it happened
	Subject

	Slot     time.Time `json:"slot,omitzero"`     // of the profile's schedule
	Session  string    `json:"session,omitempty"` // of a backup; a snapshot's id is its session's
	Order    string    `json:"order,omitempty"`
	Restore  string    `json:"restore,omitempty"`
	Revision int64     `json:"revision,omitempty"` // of a profile: its version
	Deleted  bool      `json:"deleted,omitempty"`  // the profile is gone
}

// Subject is whom an event is about.
type Subject struct {
	Tenant  string          `json:"tenant"`
	Device  caller.DeviceID `json:"device,omitempty"`
	User    caller.UserID   `json:"user,omitempty"`    // whose device it is
	Profile string          `json:"profile,omitempty"` // that governs the device
}

// about makes an event, whose id is the first 16 bytes of the SHA-256 of its type and version, its tenant and what tells it
// from others of its type, each ended by a zero byte.
func (s Subject) about(t Type, at time.Time, what ...string) Event {
	parts := append([]string{string(t), strconv.Itoa(version), s.Tenant}, what...)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00") + "\x00"))
	return Event{ID: caller.Base32([16]byte(sum[:16])), Type: t, Version: version, Time: at.UTC().Truncate(time.Millisecond), Subject: s}
}

// JSON is the event as it is told.
func (e Event) JSON() ([]byte, error) { return json.Marshal(e) }

func stamp(slot time.Time) string { return slot.UTC().Format(time.RFC3339) }

// Due is told of a profile at a slot, and at no other time.
func Due(s Subject, slot time.Time) Event {
	e := Subject{Tenant: s.Tenant, Profile: s.Profile}.about(BackupDue, slot, s.Profile, stamp(slot))
	e.Slot = slot.UTC()
	return e
}

// Requested is told of an order for a device.
func Requested(s Subject, order string, at time.Time) Event {
	e := s.about(BackupRequested, at, order)
	e.Order = order
	return e
}

// Committed is told of a device's new snapshot.
func Committed(s Subject, session string, at time.Time) Event {
	return s.ofSession(BackupCommitted, session, at)
}

// Failed is told of a device's session that ended without a snapshot.
func Failed(s Subject, session string, at time.Time) Event {
	return s.ofSession(BackupFailed, session, at)
}

// Shrunk is told of a device's snapshot after which the one before it is held.
func Shrunk(s Subject, session string, at time.Time) Event {
	return s.ofSession(BackupShrunk, session, at)
}

func (s Subject) ofSession(t Type, session string, at time.Time) Event {
	e := s.about(t, at, session)
	e.Session = session
	return e
}

// Overdue is told of a device that is late for a slot.
func Overdue(s Subject, slot, at time.Time) Event { return s.ofSlot(BackupOverdue, slot, at) }

// Recovered is told of a device that was told as overdue for the slot.
func Recovered(s Subject, slot, at time.Time) Event { return s.ofSlot(BackupRecovered, slot, at) }

func (s Subject) ofSlot(t Type, slot, at time.Time) Event {
	e := s.about(t, at, string(s.Device), stamp(slot))
	e.Slot = slot.UTC()
	return e
}

// Restore is told of a restore: t is one of the four types of restores. Its device may not be enrolled yet.
func Restore(t Type, s Subject, restore string, at time.Time) Event {
	e := s.about(t, at, restore)
	e.Restore = restore
	return e
}

// Enrolled is told of a device that there is from now on.
func Enrolled(s Subject, at time.Time) Event { return s.about(DeviceEnrolled, at, string(s.Device)) }

// Confirmed is told of a device that its user knows.
func Confirmed(s Subject, at time.Time) Event { return s.about(DeviceConfirmed, at, string(s.Device)) }

// Changed is told of a profile that has this version from now on.
func Changed(s Subject, revision int64, at time.Time) Event {
	e := s.about(ProfileChanged, at, s.Profile, strconv.FormatInt(revision, 10))
	e.Revision = revision
	return e
}

// Deleted is told of a profile that is gone.
func Deleted(s Subject, at time.Time) Event {
	e := s.about(ProfileChanged, at, s.Profile, "deleted")
	e.Deleted = true
	return e
}
