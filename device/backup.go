package device

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"zapas/device/internal/pack"
	"zapas/device/internal/progress"
	"zapas/device/internal/recall"
	"zapas/device/internal/remote"
	"zapas/device/internal/seal"
	"zapas/device/internal/state"
	"zapas/shared/api"
)

const (
	beginnings = 3              // sessions that one backup begins before it gives up
	patience   = 24 * time.Hour // for a list of chunks that the service's storage does not give out
)

// Backup stores what is new in src since the device's last snapshot, for the profile that check-in answered, and carries
// out the order that it answered. What a run before has sealed and not committed is brought to its end first. Killed at any
// moment, it is called again.
func (d *Device) Backup(ctx context.Context, src Source, p api.DeviceProfile) (Report, error) {
	if d.id.Device == "" {
		return Report{}, d.nobody
	}
	before := d.client.Sent()
	d.objects, d.bytes, d.note, d.rebuilt, d.given, d.moving = 0, 0, "", "", false, nil
	d.track = progress.New(d.config.Progress)
	defer d.track.Break() // what has come to no end
	d.backing = true
	d.shows = func(c *recall.Cache) bool { return showsAll(src, p, c) }
	defer func() { d.backing = false }()
	defer d.dir.LetGo()
	defer d.heed(p.Conditions)()
	r, err := d.backup(ctx, src, p)
	if err == nil {
		err = d.keepOffset()
	}
	r.Requests = d.client.Sent().Minus(before)
	r.Objects, r.BytesUp, r.Rebuilt = d.objects, d.bytes, d.rebuilt
	if d.note != "" && r.Note != "" {
		r.Note = d.note + "; " + r.Note
	} else {
		r.Note += d.note
	}
	if err != nil {
		err = fmt.Errorf("back up: %w", d.unlisted(err))
	}
	return r, err
}

func (d *Device) backup(ctx context.Context, src Source, p api.DeviceProfile) (Report, error) {
	restored := d.id.Restored != nil && d.id.Begun[string(api.SessionInputKindBackup)].Base == d.id.Restored.Snapshot
	resumed, err := d.resume(ctx)
	if err != nil {
		return Report{}, err
	}
	var f footing
	if d.given && restored {
		d.id.Restored = nil // it is not built on again; what this phone itself has made still stands
	}
	if d.given && !restored {
		err = d.otherwise(ctx, p.Location, listUnreadable, &f)
	} else {
		f, err = d.footing(ctx, p.Location)
	}
	if err != nil {
		return Report{}, err
	}
	for range beginnings {
		var r Report
		r, err = d.attempt(ctx, src, p, &f, resumed)
		r.Resumed = resumed != nil
		if !r.Finished {
			_, r.Why = f.base()
		}
		again := d.restart(err)
		if again == "" {
			return r, err
		}
		d.track.Break()
		if again == "begin" {
			continue
		}
		if err = d.otherwise(ctx, p.Location, again, &f); err != nil {
			return Report{}, err
		}
	}
	return Report{}, err
}

// restart says what an error asks for: "" nothing, "begin" another session, or else why the next one has no base.
func (d *Device) restart(err error) string {
	switch code := remote.Code(err); {
	case code == listUnreadable && d.given, code == "base_gone", code == beyondConsent, code == "too_many_chunks", listLost(code):
		return code
	case errors.Is(err, pack.ErrLoses):
		return unreadable
	case errors.Is(err, pack.ErrMoved), errors.Is(err, errOver):
		return "begin"
	}
	return ""
}

const (
	listUnreadable = "list_unreadable" // a problem that may pass
	unreadable     = "unreadable"      // an item of the own last snapshot, so that nothing else is built on
)

// beyondConsent is what the service says of a snapshot that this phone has restored in part: nothing is built on it.
const beyondConsent = "beyond_consent"

// unlisted notes since when the list of the base's chunks cannot be read, and says for how long that is waited for.
func (d *Device) unlisted(err error) error {
	if remote.Code(err) != listUnreadable || d.given {
		return err
	}
	if d.id.Unlisted.IsZero() {
		d.id.Unlisted = d.client.Time().UTC().Truncate(time.Second)
		if perr := d.dir.PutIdentity(d.id); perr != nil {
			return errors.Join(err, perr)
		}
	}
	return fmt.Errorf("%w (a backup after %s that cannot read it either is a full one)", err, d.id.Unlisted.Add(patience).Format(time.RFC3339))
}

// giveUp reports whether an error means that the list of the base's chunks could not be read for so long that it counts as lost.
func (d *Device) giveUp(err error) bool {
	over := remote.Code(err) == listUnreadable && !d.id.Unlisted.IsZero() && d.client.Time().Sub(d.id.Unlisted) >= patience
	d.given = d.given || over
	return over
}

// listLost reports whether a problem means that nobody knows any more of which chunks a snapshot consists.
func listLost(code string) bool { return code == "list_gone" || code == "list_damaged" }

// showsAll reports whether a phone shows all of the elements of which a snapshot holds something: of the others, what it does
// not show stays in what is built on the snapshot, and in nothing else.
func showsAll(src Source, p api.DeviceProfile, c *recall.Cache) bool {
	chosen := elementsOf(p)
	for _, it := range c.Items.All() {
		if e := it.Kind.Element(); !slices.Contains(chosen, e) || src.Coverage(e) != Full {
			return false
		}
	}
	return true
}

// attempt makes one snapshot, or finds that nothing has changed.
func (d *Device) attempt(ctx context.Context, src Source, p api.DeviceProfile, f *footing, resumed *Report) (Report, error) {
	s, err := d.read(ctx, src, elementsOf(p), f)
	if err != nil {
		return Report{}, err
	}
	base, _ := f.base()
	s.Heal(d.lost())
	same, err := s.Unchanged()
	if err != nil {
		return Report{}, err
	}
	if !same {
		s.Compact(d.plenty())
		forget, err := d.unseen(ctx, s, base)
		defer forget()
		if err != nil {
			return Report{}, err
		}
		r, err := d.store(ctx, src, s, f, p)
		return r, errors.Join(err, d.dir.ClearRebuild())
	}
	found, err := s.Same()
	if err != nil {
		return Report{}, err
	}
	r := reportOf(found)
	r.Snapshot, r.Unchanged = base.Snapshot, true
	if resumed != nil && r.Note == "" {
		r = *resumed
		r.Finished = true
		if d.order == "" {
			return r, nil // just committed: that it is unchanged need not be said, unless an order waits to hear it
		}
	}
	in := api.SessionInput{Kind: api.SessionInputKindUnchanged, Base: &base.Snapshot, Profile: &p.Id, Order: d.named(), Slot: d.serving()}
	if _, err := d.client.Begin(ctx, in); err != nil {
		return Report{}, err
	}
	if err := d.served(); err != nil {
		return Report{}, err
	}
	if err := d.dir.ClearSession(); err != nil { // what was sealed for a session that nobody needs any more
		return Report{}, err
	}
	return r, d.ended()
}

// plenty reports whether neither bytes nor power are to be spared.
func (d *Device) plenty() bool {
	are := d.conditions()
	return are != nil && are.Unmetered && are.Charging
}

// named is how a session names the order.
func (d *Device) named() *string {
	if d.order == "" {
		return nil
	}
	return &d.order
}

func elementsOf(p api.DeviceProfile) (out []string) {
	for _, e := range p.Elements {
		out = append(out, string(e))
	}
	return out
}

// store begins a session, seals what is new, and brings the session to its end.
func (d *Device) store(ctx context.Context, src Source, s *pack.Scan, f *footing, p api.DeviceProfile) (Report, error) {
	base, why := f.base()
	request, err := seal.NewKeyRequest(d.config.Random)
	if err != nil {
		return Report{}, err
	}
	public := base64.RawURLEncoding.EncodeToString(request.Public())
	in := api.SessionInput{Kind: api.SessionInputKindBackup, PublicKey: &public, Profile: &p.Id, Order: d.named(), Slot: d.serving()}
	if base != nil {
		in.Base = &base.Snapshot
	}
	begun, err := d.begin(ctx, in)
	if err != nil {
		return Report{}, err
	}
	if err := d.served(); err != nil {
		return Report{}, err
	}
	of := pack.Session{ID: *begun.Session, Device: d.id.Device, Location: p.Location}
	if begun.Location != nil {
		of.Location = *begun.Location // the profile may have changed since check-in
	}
	if of.Key, err = d.open(request, begun); err != nil {
		return Report{}, err
	}
	of.KeyVersion = uint32(*begun.KeyVersion)
	if f.adopted != nil {
		of.Own = f.own
	}
	ship := d.shipping(ctx, of.ID)
	of.Closed = ship.closed
	sealed, err := pack.Seal(ctx, d.dir, src, s, of, d.config.Random)
	clear(of.Key[:])
	if err := d.abandon(ctx, of.ID, ship.end(err)); err != nil {
		return Report{}, err
	}
	j, err := d.journal(of, orEmpty(in.Base), why, sealed)
	if err != nil {
		return Report{}, err
	}
	return d.finish(ctx, j)
}

func (d *Device) open(request *seal.KeyRequest, begun api.Session) (seal.SessionKey, error) {
	if begun.Key == nil || begun.KeyVersion == nil || *begun.KeyVersion < 0 {
		return seal.SessionKey{}, errors.New("the service opened a session without a key")
	}
	sealed, err := base64.RawURLEncoding.DecodeString(*begun.Key)
	if err != nil {
		return seal.SessionKey{}, fmt.Errorf("the service sent a session key that cannot be read: %w", err)
	}
	return request.Open(sealed, d.id.Tenant, d.id.User, *begun.Session, d.id.Device)
}

// journal makes a sealed session last: from here on it is brought to its end, whatever happens.
func (d *Device) journal(of pack.Session, base, why string, sealed *pack.Sealed) (*state.Journal, error) {
	commit, err := json.Marshal(sealed.Commit)
	if err != nil {
		return nil, fmt.Errorf("encode the commit: %w", err)
	}
	r := reportOf(sealed.Outcome)
	r.Snapshot, r.Base, r.Why = of.ID, base, why
	report, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode the report: %w", err)
	}
	j := &state.Journal{Session: of.ID, Location: of.Location, Chunks: sealed.Chunks, Commit: commit, Report: report}
	return j, d.dir.PutJournal(*j, sealed.Cache)
}

func reportOf(o pack.Outcome) Report {
	return Report{Ledger: o.Ledger, Counts: o.Counts, Coverage: o.Coverage, Removed: o.Removed, Healed: o.Healed, Failures: o.Failures, Compacted: o.Compacted, Note: strings.Join(o.Notes, "; ")}
}
