package profile

import (
	"context"
	"reflect"
	"slices"
	"time"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fault"
)

// Service is what administrators do with profiles.
type Service struct {
	Store     Store
	Censuses  Censuses // needed for Moves
	Audit     audit.Recorder
	Locations []Location
	Now       func() time.Time
	NewID     func() string
	Outbox    *Outbox // tells of what is saved; nil: Mend does, in another program
	// Left hears why a profile that is saved has not been told of yet. Needed with an Outbox.
	Left func(ctx context.Context, id ID, why error)
}

// patience is for how long whoever saves a profile waits for others to be told.
const patience = 3 * time.Second

// tell brings a profile that is saved to others. It stays saved whatever comes of that.
func (s *Service) tell(ctx context.Context, p Profile) Profile {
	if s.Outbox == nil {
		return p
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	told, err := s.Outbox.Deliver(ctx, p)
	if err != nil {
		s.Left(ctx, p.ID, err)
	}
	p.Scheduled, p.Told = told.Scheduled, told.Told // of a later version if there is one by now
	return p
}

func (s *Service) withdraw(ctx context.Context, id ID) {
	if s.Outbox == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.Outbox.Withdraw(ctx, id); err != nil {
		s.Left(ctx, id, err)
	}
}

// Create stores a new profile, if it is lawful. Who may ask again because an answer was lost gives it the same id in
// every attempt; otherwise it has none yet.
func (s *Service) Create(ctx context.Context, who caller.Caller, p Profile) (Profile, error) {
	return s.add(ctx, who, p, audit.ProfileCreated)
}

// Copy stores a profile that is like another but for its name and its age. id is as for Create.
func (s *Service) Copy(ctx context.Context, who caller.Caller, from, id ID, name string) (Profile, error) {
	p, err := s.Get(ctx, from)
	if err != nil {
		return Profile{}, err
	}
	original := p.Name
	p.ID, p.Name = id, name
	if p.normal().Name == original {
		return Profile{}, fault.Fields([]fault.Field{{Pointer: "/name", Code: "invalid", Detail: "the original has this name; choose another for the copy"}})
	}
	return s.add(ctx, who, p, audit.ProfileCopied, string(from))
}

func (s *Service) add(ctx context.Context, who caller.Caller, p Profile, action audit.Action, also ...string) (Profile, error) {
	now := s.now()
	p.Version, p.CreatedAt, p.UpdatedAt, p.Since = 1, now, now, now
	p.Scheduled, p.Told = 0, 0
	if p.ID == "" {
		p.ID = ID(s.NewID())
	}
	p, err := s.Check(p)
	if err != nil {
		return Profile{}, err
	}
	if err := s.Audit.Record(ctx, who, action, string(p.ID), also...); err != nil {
		return Profile{}, err
	}
	err = s.Store.Create(ctx, p)
	if fault.Is(err, fault.Conflict) { // the id is nobody else's: an earlier attempt stored it, and its answer was lost
		p, err = s.Store.Profile(ctx, p.ID)
	}
	if err != nil {
		return Profile{}, err
	}
	return s.tell(ctx, p), nil
}

// Check answers the profile as it would be stored; fault.Invalid names the members that are not lawful.
func (s *Service) Check(p Profile) (Profile, error) {
	p = p.normal()
	return p, fault.Fields(p.check(s.Locations))
}

// Edit stores p in the place of the version that its editor has read; fault.Stale when there is another by now. A change
// that is there already is not stale: its answer was lost, or somebody made the very same one (RFC 9110, 13.1.1).
func (s *Service) Edit(ctx context.Context, who caller.Caller, p Profile, version int64) (Profile, error) {
	old, err := s.Get(ctx, p.ID)
	if err != nil {
		return Profile{}, err
	}
	p.Version, p.CreatedAt, p.UpdatedAt = version+1, old.CreatedAt, s.now()
	p.Scheduled, p.Told = old.Scheduled, old.Told
	if p, err = s.Check(p); err != nil {
		return Profile{}, err
	}
	p.Since = old.Since
	if p.moved(old) {
		p.Since = p.UpdatedAt
	}
	if old.Version != version {
		return s.orStale(ctx, p, old)
	}
	if err := s.Audit.Record(ctx, who, audit.ProfileChanged, string(p.ID)); err != nil {
		return Profile{}, err
	}
	err = s.Store.Replace(ctx, p, version)
	if fault.Is(err, fault.Conflict) {
		if old, err = s.Store.Profile(ctx, p.ID); err != nil {
			return Profile{}, err
		}
		return s.orStale(ctx, p, old)
	}
	if err != nil {
		return Profile{}, err
	}
	return s.tell(ctx, p), nil
}

// moved: of p, which takes old's place, other devices are to back up, or at other times, or they are overdue after another
// while. Nobody is late for what was not asked of him.
func (p Profile) moved(old Profile) bool {
	return !reflect.DeepEqual(p.Schedule, old.Schedule) || p.Enabled != old.Enabled || !slices.Equal(p.DeviceGroups, old.DeviceGroups) ||
		p.Window != old.Window || p.QuietHours != old.QuietHours || p.Alerts.OverdueAfter != old.Alerts.OverdueAfter
}

// orStale is what is stored if that is p, whenever it was stored; else fault.Stale.
func (s *Service) orStale(ctx context.Context, p, stored Profile) (Profile, error) {
	p.UpdatedAt, p.Since, p.Scheduled, p.Told = stored.UpdatedAt, stored.Since, stored.Scheduled, stored.Told
	if reflect.DeepEqual(p, stored) {
		return s.tell(ctx, stored), nil
	}
	return Profile{}, stale()
}

func stale() error {
	return fault.New(fault.Stale, "stale", "This profile was changed since you read it; read it again, then decide again.")
}

// Delete removes the version that was read; fault.Stale when there is another by now. Backups that were made for the
// profile stay; devices that it governed learn at their next check-in what governs them now.
func (s *Service) Delete(ctx context.Context, who caller.Caller, id ID, version int64) error {
	p, err := s.Get(ctx, id)
	switch {
	case err != nil:
		return err
	case p.Version != version:
		return stale()
	}
	if err := s.Audit.Record(ctx, who, audit.ProfileDeleted, string(id)); err != nil {
		return err
	}
	err = s.Store.Delete(ctx, id, version)
	if fault.Is(err, fault.Conflict) {
		if _, err = s.Store.Profile(ctx, id); err == nil {
			return stale()
		}
		if fault.Is(err, fault.NotFound) {
			err = nil // it is gone, as was wished: the answer was lost, or another was a moment faster
		}
	}
	if err == nil {
		s.withdraw(ctx, id)
	}
	return err
}

// Get reads one profile.
func (s *Service) Get(ctx context.Context, id ID) (Profile, error) {
	if !caller.ValidID(string(id)) {
		return Profile{}, fault.New(fault.NotFound, "not_found", "There is no such profile.")
	}
	return s.Store.Profile(ctx, id)
}

// ForRun reads the profile for which a device runs; fault.Conflict "profile_moved" when there is no such profile now.
func (s *Service) ForRun(ctx context.Context, id ID) (Profile, error) {
	p, err := s.Get(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && !p.Enabled {
		return Profile{}, fault.New(fault.Conflict, "profile_moved", "profile: it does not govern this device now; check in again.")
	}
	return p, err
}

// now is what a row can keep of it.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }
