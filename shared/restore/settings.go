package restore

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/vault"
)

// Settings are what an organisation says of its restores, and of the apps that may back up.
type Settings struct {
	Hold      int    // hours that a restore is held before its device may open it
	Expires   int    // days that it then waits for its device
	OldestApp string // the oldest app that may back up; "": any
	Version   int64  // 0: they were never set
}

// Bounds of the settings, and what holds before they are set.
const (
	MaxHold        = 72 // hours
	MinExpires     = 1  // days
	MaxExpires     = 90
	defaultExpires = 14
)

// longest is how long after its consent a restore may still be open: held and waiting for as long as can be set, and
// opened in its last moment.
const longest = MaxHold*time.Hour + MaxExpires*24*time.Hour + vault.Lease

// SettingsStore keeps them. Reads are strongly consistent.
type SettingsStore interface {
	// Settings reads them; the zero value when they were never set.
	Settings(ctx context.Context) (Settings, error)
	// ReplaceSettings stores s in the place of a version, 0 for none; fault.Conflict when there is another.
	ReplaceSettings(ctx context.Context, s Settings, version int64) error
}

// Organisation reads and changes the settings.
type Organisation struct {
	Store SettingsStore
	Audit audit.Recorder
}

// Get reads the settings that hold now.
func (o Organisation) Get(ctx context.Context) (Settings, error) {
	s, err := o.Store.Settings(ctx)
	if err == nil && s.Version == 0 {
		s.Expires = defaultExpires
	}
	return s, err
}

// OldestApp is the oldest app that may back up now; "": any.
func (o Organisation) OldestApp(ctx context.Context) (string, error) {
	s, err := o.Get(ctx)
	return s.OldestApp, err
}

// Edit stores s in the place of the version that its editor has read; fault.Stale when there is another by now, unless
// that says exactly the same. Restores that were consented to before stay as they are: who lifts the hold does not lift
// it from them.
func (o Organisation) Edit(ctx context.Context, who caller.Caller, s Settings, version int64) (Settings, error) {
	if err := s.check(); err != nil {
		return Settings{}, err
	}
	old, err := o.Get(ctx)
	if err != nil {
		return Settings{}, err
	}
	s.Version = version + 1
	if old.Version != version {
		return s.orStale(old)
	}
	now := []string{fmt.Sprint("restoreHold=", s.Hold), fmt.Sprint("restoreExpires=", s.Expires), "oldestApp=" + s.OldestApp}
	if err := o.Audit.Record(ctx, who, audit.SettingsChanged, "", now...); err != nil {
		return Settings{}, err
	}
	err = o.Store.ReplaceSettings(ctx, s, version)
	if !fault.Is(err, fault.Conflict) {
		return s, err
	}
	if old, err = o.Get(ctx); err != nil {
		return Settings{}, err
	}
	return s.orStale(old)
}

// orStale is what is stored if that is s, whenever it was stored; else fault.Stale.
func (s Settings) orStale(stored Settings) (Settings, error) {
	if s == stored {
		return stored, nil
	}
	return Settings{}, fault.New(fault.Stale, "stale", "The settings were changed since you read them; read them again, then decide again.")
}

func (s Settings) check() error {
	var f []fault.Field
	for _, n := range []struct {
		name               string
		value, least, most int
		unit               string
	}{{"restoreHold", s.Hold, 0, MaxHold, "hours"}, {"restoreExpires", s.Expires, MinExpires, MaxExpires, "days"}} {
		if n.value < n.least || n.value > n.most {
			f = append(f, fault.Field{Pointer: "/" + n.name, Code: "invalid",
				Detail: fmt.Sprintf("it is %d and must be %d to %d %s", n.value, n.least, n.most, n.unit)})
		}
	}
	if s.OldestApp != "" && !appVersion.MatchString(s.OldestApp) {
		f = append(f, fault.Field{Pointer: "/oldestApp", Code: "invalid", Detail: "it must be one to four numbers with points between them, such as 2.10"})
	}
	return fault.Fields(f)
}

var appVersion = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9}){0,3}$`)

// terms are until when a restore consented to now is held, and when it expires. It waits its whole time after the hold.
func (s Settings) terms(now time.Time) (heldUntil, expiresAt time.Time) {
	heldUntil = now.Add(time.Duration(s.Hold) * time.Hour)
	return heldUntil, heldUntil.Add(time.Duration(s.Expires) * 24 * time.Hour)
}
