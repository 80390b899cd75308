package device

import (
	"context"
	"errors"
	"maps"

	"zapas/device/internal/state"
	"zapas/shared/api"
)

// begin opens a session under a counter that is written down first. The same wish again, as long as it has not been brought
// further, repeats its counter and gets the same session, whatever sessions of other kinds were begun meanwhile.
func (d *Device) begin(ctx context.Context, in api.SessionInput) (api.Session, error) {
	wish := state.Begun{Base: orEmpty(in.Base), For: orEmpty(in.Profile) + orEmpty(in.Restore)}
	last := int64(0) // that the service knows of, if it has complained
	for again := false; ; again = true {
		if begun, ok := d.id.Begun[string(in.Kind)]; ok && begun.Same(wish) && !again {
			wish = begun
		} else if err := d.count(in.Kind, &wish, last); err != nil {
			return api.Session{}, err
		}
		in.Counter = &wish.Counter
		s, err := d.client.Begin(ctx, in)
		if p, ok := errors.AsType[*Problem](err); ok && p.Code == "stale" && !again {
			if p.Counter != nil {
				last = *p.Counter
			}
			continue
		}
		if err == nil && (s.Session == nil || s.Tenant != d.id.Tenant || s.User != d.id.User) {
			err = errors.New("the service opened a session that is not this device's")
		}
		return s, err
	}
}

// count gives a wish the next counter, above the last that the service knows of, and writes both down.
func (d *Device) count(kind api.SessionInputKind, wish *state.Begun, last int64) error {
	// The time makes the counter of a state directory that was put back from a copy grow, too. It is the service's,
	// so that a clock that was ahead leaves no counter that is years ahead; a counter that is, just goes on.
	next := d.id.Counter + 1
	if last > 0 {
		next = last + 1
	}
	id := d.id
	id.Counter = max(next, d.client.Time().UnixMilli())
	wish.Counter = id.Counter
	id.Begun = map[string]state.Begun{}
	maps.Copy(id.Begun, d.id.Begun)
	id.Begun[string(kind)] = *wish
	id.Unfinished = id.Unfinished || kind == api.SessionInputKindBackup
	if err := d.dir.PutIdentity(id); err != nil {
		return err
	}
	d.id = id
	return nil
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
