package profile

import (
	"context"
	"reflect"
	"time"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fault"
)

// Service is what administrators do with profiles.
type Service struct {
	Store     Store
	Audit     audit.Recorder
	Locations []Location
	Now       func() time.Time
	NewID     func() string
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
	p.Version, p.CreatedAt, p.UpdatedAt = 1, now, now
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
		return s.Store.Profile(ctx, p.ID)
	}
	return p, err
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
	if p, err = s.Check(p); err != nil {
		return Profile{}, err
	}
	if old.Version != version {
		return p.orStale(old)
	}
	if err := s.Audit.Record(ctx, who, audit.ProfileChanged, string(p.ID)); err != nil {
		return Profile{}, err
	}
	err = s.Store.Replace(ctx, p, version)
	if fault.Is(err, fault.Conflict) {
		if old, err = s.Store.Profile(ctx, p.ID); err != nil {
			return Profile{}, err
		}
		return p.orStale(old)
	}
	return p, err
}

// orStale is what is stored if that is p, whenever it was stored; else fault.Stale.
func (p Profile) orStale(stored Profile) (Profile, error) {
	p.UpdatedAt = stored.UpdatedAt
	if reflect.DeepEqual(p, stored) {
		return stored, nil
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
	if !fault.Is(err, fault.Conflict) {
		return err
	}
	if _, err = s.Store.Profile(ctx, id); fault.Is(err, fault.NotFound) {
		return nil // it is gone, as was wished: the answer was lost, or another was a moment faster
	} else if err != nil {
		return err
	}
	return stale()
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
