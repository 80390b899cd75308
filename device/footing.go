package device

import (
	"context"
	"errors"

	"zapas/device/internal/pack"
	"zapas/device/internal/recall"
	"zapas/device/internal/remote"
	"zapas/device/internal/state"
	"zapas/shared/api"
)

// footing is what a backup builds on.
type footing struct {
	own     *recall.Cache // this phone's last snapshot; nil for none
	why     string        // there is none
	adopted *recall.Cache // one that this phone has restored since and that is built on instead; nil for none
}

// base is the snapshot to build on, or why there is none.
func (f *footing) base() (*recall.Cache, string) {
	switch {
	case f.adopted != nil:
		return f.adopted, ""
	case f.own != nil:
		return f.own, ""
	}
	return nil, f.why
}

// stand puts a snapshot in its place.
func (f *footing) stand(c *recall.Cache, why string) {
	if f.own, f.why = c, why; c != nil && c.Adopted {
		f.own, f.why, f.adopted = nil, "first", c
	}
}

// whyRestored is why a phone reads a snapshot that it has not made: it holds what is in it, since it has just restored it.
const whyRestored = "restored"

// footing is what the next backup builds on, as far as that is known before the phone is read. What this phone remembers of its own
// last backup stays until the next one is committed, whatever that is built on.
func (d *Device) footing(ctx context.Context, location string) (f footing, err error) {
	r := d.id.Restored
	if r.Whole() {
		if c := d.dir.RestoredCache(); c != nil && c.Snapshot == r.Snapshot && c.Device == d.id.Device && c.Location == location {
			f.adopted = c
		}
	}
	own, why, err := d.own(ctx, location, f.adopted != nil)
	if err != nil {
		return f, err
	}
	f.stand(own, why)
	switch gains := d.gains(f.own); {
	case f.adopted != nil && f.own != nil && !gains:
		f.adopted = nil
	case f.adopted == nil && gains:
		f.adopted, _, err = d.recall(ctx, location, r.Snapshot, whyRestored)
		if err != nil && f.own != nil && unread(err) {
			d.tell("what this phone has restored cannot be read now, and is not built on: %v", err)
			err = nil
		}
	}
	return f, err
}

// unread reports whether a snapshot's list, or an object of it, is not given out though others are: it is not waited for where
// there is another snapshot to build on.
func unread(err error) bool {
	refused, ok := errors.AsType[*remote.Refused](err)
	return remote.Code(err) == listUnreadable || ok && refused.OfOne()
}

// gains reports whether less is to be sent when a backup builds on what this phone has restored than on its own last snapshot
// and what a run that was killed has sealed since. What is built on the restored one already goes on with that.
func (d *Device) gains(own *recall.Cache) bool {
	r := d.id.Restored
	if !r.Whole() || own != nil && (own.Snapshot == r.Snapshot || !d.shows(own)) {
		return false
	}
	var held int64
	if b, begun := d.id.Begun[string(api.SessionInputKindBackup)]; begun {
		if b.Base == r.Snapshot {
			return true
		}
		held = d.dir.Sealed()
	}
	if own != nil {
		held += int64(own.Items.Len())
	}
	return held < r.Items()
}

// own is this phone's last snapshot, or why there is none; where it has made none, one that it has restored. Looked says that
// this was asked before.
func (d *Device) own(ctx context.Context, location string, looked bool) (c *recall.Cache, why string, err error) {
	c, err = d.dir.Cache()
	_, damaged := errors.AsType[*state.Damaged](err)
	switch {
	case damaged:
		return d.recall(ctx, location, "", "cache_damaged")
	case err != nil:
		return nil, "", err
	case c == nil && d.begunAnew(): // its chunks are of that session
		return nil, "first", nil
	case c == nil && (looked || d.id.Counter == 0): // it has never begun anything
		return nil, "first", nil
	case c == nil:
		return d.recall(ctx, location, "", "cache_lost")
	case c.Device != d.id.Device:
		return d.recall(ctx, location, "", "cache_foreign")
	case c.Location != location:
		return nil, "location_changed", nil
	}
	return c, "", nil
}

// begunAnew reports whether a backup was begun without a base and has not ended.
func (d *Device) begunAnew() bool {
	b, begun := d.id.Begun[string(api.SessionInputKindBackup)]
	return begun && b.Base == ""
}

// over forgets the session of a kind: the next one is another, not this one again. Whoever calls it stores that.
func (d *Device) over(kind api.SessionInputKind) { delete(d.id.Begun, string(kind)) }

const notBuiltOn = "what this phone has restored is not built on: not all that it holds could be read"

// read reads the phone, held against what the backup builds on. A snapshot that was restored is not built on where something of
// this phone's own last one would be lost by it, or something would come in that is another phone's: what could not be read now
// may be either.
func (d *Device) read(ctx context.Context, src Source, elements []string, f *footing) (*pack.Scan, error) {
	base, _ := f.base()
	s, err := pack.Read(ctx, d.dir, src, elements, base, d.track)
	if err != nil || f.adopted == nil || (f.own == nil || !s.Lacks(f.own)) && (d.brought(f.adopted) || s.Whole(f.adopted)) {
		return s, err
	}
	d.tell(notBuiltOn)
	d.track.Break()
	f.adopted, d.rebuilt = nil, ""
	return pack.Read(ctx, d.dir, src, elements, f.own, d.track)
}

// otherwise is what to build on where the service says that a backup cannot build on what it did. Where the service has another
// snapshot of this device than this phone remembers, since one of the two was put back to an earlier state, it is that.
func (d *Device) otherwise(ctx context.Context, location, why string, f *footing) error {
	if f.adopted != nil {
		if f.adopted, d.rebuilt = nil, ""; why == unreadable {
			d.tell(notBuiltOn)
		}
		if err := d.dir.DropRestoredCache(); err != nil {
			return err
		}
		if f.own != nil {
			return nil
		}
	}
	if err := d.dir.DropCache(); err != nil {
		return err
	}
	if f.own, f.why = nil, why; why != "base_gone" || d.rebuilt != "" {
		return nil
	}
	c, why, err := d.recall(ctx, location, "", why)
	f.stand(c, why)
	return err
}
