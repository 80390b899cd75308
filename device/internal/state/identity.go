package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"zapas/device/internal/ledger"
)

// ErrNotEnrolled says that the directory holds no device yet.
var ErrNotEnrolled = errors.New("this phone is not enrolled; make a code on my card, then enrol it with that")

// Identity is who the device is, and what must never go back: its counter.
type Identity struct {
	Server  string        `json:"server"`
	Device  string        `json:"device"`
	User    string        `json:"user"`
	Tenant  string        `json:"tenant"`
	Label   string        `json:"label"`
	Key     string        `json:"key,omitempty"`         // the fingerprint of the phone's public key
	Offset  time.Duration `json:"offsetNanos,omitempty"` // of the service's clock
	Counter int64         `json:"counter"`               // of the last session begun; written before it is begun

	// Begun are the sessions that may be open, by kind: the service keeps one of each, and another of its kind ends it.
	Begun map[string]Begun `json:"sessions,omitempty"`

	// Unlisted is since when the service could not read of what the base consists; zero while it could.
	Unlisted time.Time `json:"unlisted,omitzero"`

	// Restored is what this device has restored since its last backup, which may build on it.
	Restored *Restored `json:"restored,omitempty"`

	// Unfinished says that a backup was begun and has not ended: set before the service hears of it.
	Unfinished bool `json:"unfinished,omitempty"`
}

// Begun is what a session was begun with, so that the same is asked again and answers the same session.
type Begun struct {
	Counter int64  `json:"counter"`
	Base    string `json:"base,omitempty"`
	For     string `json:"for,omitempty"` // the profile or the restore
}

// Same reports whether two sessions of a kind were begun with the same wish.
func (b Begun) Same(other Begun) bool { return b.Base == other.Base && b.For == other.For }

// Restored is a snapshot, and how many items there are of each element of which a restore has brought everything.
type Restored struct {
	Snapshot string           `json:"snapshot"`
	Elements map[string]int64 `json:"elements"`
}

// Whole reports whether those are all elements, without which the service lets nothing be built on the snapshot.
func (r *Restored) Whole() bool { return r != nil && len(r.Elements) == len(ledger.Elements()) }

// Items are those of all elements.
func (r *Restored) Items() (n int64) {
	for _, of := range r.Elements {
		n += of
	}
	return n
}

const identityFile = "device.json"

// Identity reads who the device is; ErrNotEnrolled when it is nobody.
func (d *Dir) Identity() (Identity, error) {
	b, err := os.ReadFile(d.Path(identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Identity{}, ErrNotEnrolled
	}
	if err != nil {
		return Identity{}, fmt.Errorf("read who this device is: %w", err)
	}
	var id Identity
	if err := json.Unmarshal(b, &id); err != nil || id.Device == "" || id.Server == "" {
		return Identity{}, fmt.Errorf("%s is damaged; enrol this phone again with a new code (its old backups stay restorable): %w",
			d.Path(identityFile), &damagedIdentity{err})
	}
	if len(id.Begun) == 0 {
		id.Begun = nil
	}
	return id, nil
}

// damagedIdentity is ErrNotEnrolled for a reason of its own, in its words.
type damagedIdentity struct{ err error }

func (e *damagedIdentity) Error() string {
	if e.err == nil {
		return "it names no device"
	}
	return e.err.Error()
}

func (e *damagedIdentity) Is(target error) bool { return target == ErrNotEnrolled }

func (e *damagedIdentity) Unwrap() error { return e.err }

// PutIdentity stores who the device is.
func (d *Dir) PutIdentity(id Identity) error {
	b, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return fmt.Errorf("encode who this device is: %w", err)
	}
	return d.put(append(b, '\n'), identityFile)
}

// Forget removes all that belonged to another identity. The identity itself is to be replaced next.
func (d *Dir) Forget() error {
	if err := d.ClearSession(); err != nil {
		return err
	}
	for _, file := range []string{cacheFile, restoredFile, agendaFile, failedFile, lostFile} {
		if err := d.removeAll(file); err != nil {
			return err
		}
	}
	if err := d.ClearProof(); err != nil {
		return err
	}
	if err := d.ClearRebuild(); err != nil {
		return err
	}
	return d.removeAll(restoreFolder)
}
