package device

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"zapas/device/internal/gather"
	"zapas/device/internal/index"
	"zapas/device/internal/pack"
	"zapas/device/internal/rebuild"
	"zapas/device/internal/recall"
	"zapas/device/internal/remote"
	"zapas/device/internal/seal"
	"zapas/shared/api"
)

// reading is an open rebuild session and what it reads.
type reading struct {
	*gather.Records
	session api.Session
}

// reread opens a rebuild session of a snapshot of this device, "" for its newest, and begins to read. Whoever calls it ends it.
func (d *Device) reread(ctx context.Context, snapshot string, only ...index.ID) (*reading, error) {
	folder, err := d.dir.RebuildFolder()
	if err != nil {
		return nil, err
	}
	in := api.SessionInput{Kind: api.SessionInputKindRebuild}
	if snapshot != "" {
		in.Base = &snapshot
	}
	for n := 1; ; n++ {
		opened, err := d.begin(ctx, in)
		if err != nil {
			return nil, err
		}
		if opened.Base == nil || opened.Location == nil || snapshot != "" && *opened.Base != snapshot {
			return nil, errors.New("the service opened another snapshot than the one that was asked for")
		}
		r, err := d.gatherer().Records(ctx, gather.Restore{Snapshot: *opened.Base, Session: *opened.Session, Rebuild: true, Folder: folder}, only...)
		if remote.Code(err) == "session_over" && n < openings {
			continue
		}
		return &reading{r, opened}, err
	}
}

// done ends a rebuild session. That the service cannot be told costs no more than its lease.
func (d *Device) done(ctx context.Context, r *reading) error {
	if r == nil {
		return nil
	}
	_ = d.client.End(ctx, *r.session.Session)
	d.over(api.SessionInputKindRebuild)
	return d.dir.PutIdentity(d.id)
}

func (d *Device) gatherer() gather.Gatherer {
	return gather.Gatherer{Client: d.client, Tenant: d.id.Tenant, User: d.id.User, Device: d.id.Device, Random: d.config.Random}
}

// recall reads again what this phone should remember of its newest snapshot: the index, the records and the tables of its
// chunks, never an attachment. A snapshot that is named is one that it has restored. lost is why. Without a snapshot to build
// on it answers none, and why that is so.
func (d *Device) recall(ctx context.Context, location, snapshot, lost string) (c *recall.Cache, why string, err error) {
	r, err := d.reread(ctx, snapshot)
	defer func() {
		if err == nil {
			err = d.done(ctx, r)
		}
		err = errors.Join(err, d.dir.ClearRebuild())
	}()
	if code := remote.Code(err); code == "not_found" || code == beyondConsent {
		if lost == "cache_lost" {
			return nil, "first", nil
		}
		return nil, lost, nil
	}
	if r != nil && r.Records != nil {
		defer r.Forget()
	}
	if err == nil && *r.session.Location != location {
		return nil, "location_changed", nil
	}
	if err == nil {
		c, err = rebuild.Cache(ctx, r, d.dir.Scratch, r.Index, r.Plain)
	}
	if err != nil {
		why, err = d.unrecalled(lost, tooOld(err))
		return nil, why, err
	}
	c.Device, c.Location = d.id.Device, *r.session.Location
	if c.Adopted = lost == whyRestored || r.session.Adopted != nil && *r.session.Adopted; c.Adopted {
		if d.id.Restored != nil && d.id.Restored.Snapshot == c.Snapshot {
			lost = whyRestored
		}
		if !d.brought(c) && !d.shows(c) {
			return nil, "first", nil
		}
		err = d.dir.PutRestoredCache(c)
	} else {
		err = d.dir.PutCache(c)
	}
	if err != nil {
		return nil, "", err
	}
	if d.rebuilt = lost; lost == whyRestored {
		d.tell("what this phone has restored is built on: %d bytes of it were read", r.Bytes())
		return c, "", nil
	}
	d.tell("what this phone remembered of its last backup was lost (%s) and has been read again: %d bytes", lost, r.Bytes())
	return c, "", nil
}

// unrecalled is why there is nothing to build on when a snapshot could not be read again; an error that may pass with another
// run, or after an update, is answered as it is. What was restored is only not built on: "".
func (d *Device) unrecalled(lost string, err error) (why string, _ error) {
	detail := err.Error()
	gone, final := errors.AsType[*gather.Lost](err)
	_, damaged := errors.AsType[*rebuild.Damaged](err)
	switch {
	case damaged:
		why = "snapshot_damaged"
	case d.giveUp(err):
		why = listUnreadable
	case final:
		why, detail = gone.Reason, gone.Detail
	}
	switch {
	case lost == whyRestored && (why != "" || errors.Is(err, ErrAppTooOld)):
		return "", nil
	case why == "":
		return "", fmt.Errorf("read the last backup again, of which this phone has lost what it knew (%s): %w", lost, err)
	}
	d.tell("what this phone remembered of its last backup is lost (%s) and cannot be read again: %s", lost, detail)
	return why, nil
}

// brought reports whether a restore has brought all of a snapshot to this phone. Of another device's, nothing else may stay in
// this one's backup only because it is not shown here.
func (d *Device) brought(c *recall.Cache) bool {
	r := d.id.Restored
	return r != nil && r.Snapshot == c.Snapshot && int64(c.Items.Len()) <= r.Items()
}

// tell adds to what the backup that is under way tells in passing.
func (d *Device) tell(format string, args ...any) {
	if d.note != "" {
		d.note += "; "
	}
	d.note += fmt.Sprintf(format, args...)
}

// unseen has the records ready that are to be stored again and that the phone does not show. Chunks of which they cannot be had
// are left as they are.
func (d *Device) unseen(ctx context.Context, s *pack.Scan, base *recall.Cache) (forget func(), err error) {
	forget = func() {}
	chunks := s.Unseen()
	if len(chunks) == 0 {
		return forget, nil
	}
	var ids []index.ID
	for _, i := range chunks {
		ids = append(ids, base.Chunks[i].ID)
	}
	r, err := d.reread(ctx, base.Snapshot, ids...)
	if r != nil && r.Records != nil {
		forget = r.Forget
		var passing error // what may pass is met once, and not with every chunk
		for _, i := range chunks {
			ferr := passing
			if ferr == nil {
				ferr = r.Fetch(ctx, base.Chunks[i])
			}
			if ferr == nil {
				continue
			}
			s.Spare(i)
			if s.Heals(i) {
				continue // nobody wonders; how much is left is told
			}
			if _, ok := errors.AsType[*gather.Lost](ferr); ok {
				if err := d.unmerged(base.Chunks[i].ID, ferr); err != nil {
					return forget, err
				}
			} else if passing == nil {
				passing = ferr
				d.tell("objects of the last backup are not merged: %v", ferr)
			}
		}
		spared := s.Records(func(chunk int) iter.Seq2[seal.Record, error] { return r.Read(base.Chunks[chunk]) })
		for _, i := range slices.Sorted(maps.Keys(spared)) {
			if err := d.unmerged(base.Chunks[i].ID, spared[i]); err != nil {
				return forget, err
			}
		}
	} else {
		for _, i := range chunks {
			s.Spare(i)
		}
		d.tell("objects of the last backup are not merged: %v", err)
	}
	if ctx.Err() != nil {
		return forget, context.Cause(ctx)
	}
	return forget, d.done(ctx, r)
}

// unmerged tells why a chunk is left as it is, and remembers it if it is missing or damaged.
func (d *Device) unmerged(id index.ID, why error) error {
	d.tell("an object of the last backup is not merged: %v", why)
	gone, ok := errors.AsType[*gather.Lost](why)
	if !ok {
		return nil
	}
	return d.noteGone(id, gone)
}
