// Package audit knows what is recorded of who did what: one line for each act that matters, written before the act takes
// effect. It does not know what the act does, nor where records are kept; names, numbers of items and content never
// stand in a record.
package audit

import (
	"context"
	"time"

	"zapas/shared/caller"
)

// Action is what was done.
type Action string

const (
	ProfileCreated   Action = "profile.created"
	ProfileChanged   Action = "profile.changed"
	ProfileCopied    Action = "profile.copied" // the target is the copy
	ProfileDeleted   Action = "profile.deleted"
	DeviceCode       Action = "device.code"     // an enrolment code was made
	DeviceEnrolled   Action = "device.enrolled" // a phone became a device
	DeviceMine       Action = "device.confirmed"
	DeviceNotMine    Action = "device.disowned" // its user does not know it; it is retired with that
	DeviceRetired    Action = "device.retired"
	DeviceChanged    Action = "device.changed" // its label, group or explicit profile
	BackupOrdered    Action = "backup.ordered"
	BackupsOrdered   Action = "backups.ordered"  // of all devices that are overdue for a profile; each is recorded besides
	SettingsChanged  Action = "settings.changed" // of the organisation
	RestoreAsked     Action = "restore.requested"
	RestoreOpened    Action = "restore.opened" // its device gets its list and download URLs from now on
	RestoreEnded     Action = "restore.ended"  // its device has reported what became of it
	RestoreCancelled Action = "restore.cancelled"
	KeyBackup        Action = "key.backup"  // the key of a new backup session was released to its device
	KeyRestore       Action = "key.restore" // keys of past sessions were released for a restore
	KeyRebuild       Action = "key.rebuild" // keys of past sessions were released to the device that made them and has lost what it knew of them
	KeyProof         Action = "key.proof"   // keys of past sessions were released for a proof that they can be restored
	ProofDone        Action = "proof.proven"
	ProofSampled     Action = "proof.sampled" // it was not all that was looked at
	ProofDamaged     Action = "proof.damaged" // something cannot be restored
)

// Actions lists the actions there are.
func Actions() []Action {
	return []Action{ProfileCreated, ProfileChanged, ProfileCopied, ProfileDeleted, DeviceCode, DeviceEnrolled, DeviceMine, DeviceNotMine,
		DeviceRetired, DeviceChanged, BackupOrdered, BackupsOrdered, SettingsChanged, RestoreAsked, RestoreOpened, RestoreEnded, RestoreCancelled, KeyBackup, KeyRestore,
		KeyRebuild, KeyProof, ProofDone, ProofSampled, ProofDamaged}
}

// Record is one line.
type Record struct {
	ID     string // a ULID
	At     time.Time
	Who    caller.UserID   // who asked; for a device, its owner
	Device caller.DeviceID // if a device asked
	Action Action
	Target string   // the id of what it was done to; "" of the settings, which have none
	Also   []string // further ids that it touched; of the settings, what they are from then on
}

// Log is where records go. What it has accepted is durable and is never changed.
type Log interface {
	// Append stores a record. After an error nobody knows whether it is there; appending it again is harmless.
	Append(ctx context.Context, r Record) error
}

// Recorder fills in what every record has.
type Recorder struct {
	Log   Log
	Now   func() time.Time
	NewID func() string
}

// Record writes a line and returns when it is durable.
func (r Recorder) Record(ctx context.Context, who caller.Caller, action Action, target string, also ...string) error {
	return r.Log.Append(ctx, Record{ID: r.NewID(), At: r.Now(), Who: who.User, Device: who.Device, Action: action, Target: target, Also: also})
}
