package vault

import (
	"context"
	"slices"
	"time"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// Opener opens and closes sessions and releases their keys. It uses vault keys and never sees an object.
type Opener struct {
	Tenant  string
	Quota   int64 // bytes, of a new vault
	Table   Table
	Keys    Keys
	Wrapper Wrapper
	// Record writes into the audit what is about to be released. No key leaves unless it has returned without error.
	Record func(ctx context.Context, r Release) error
	// Active reports whether a device may still use this vault; the counters of those that may not are forgotten.
	Active func(ctx context.Context, device caller.DeviceID) (bool, error)
	// Consented reports whether the user's consent to this restore stands, for this session and its device: the vault's
	// own rows can refuse a key and never grant one.
	Consented func(ctx context.Context, user caller.UserID, s Session) error
	Now       func() time.Time
	NewID     func() string
}

// Beginning is a device's wish to begin a session.
type Beginning struct {
	Device   caller.DeviceID
	Kind     Kind
	Counter  int64     // grows with every session that the device begins
	Base     SessionID // the snapshot to build on (own, or ""), to restore, or to prove or read again (own; "": the newest)
	Restore  string    // the consent that a restore follows
	Location string    // of a backup

	ShrinkOver int  // of a backup; see Session
	Run        *Run // likewise
}

// Begin opens a session, or answers the open one that the same counter opened. Whatever else this device had open of the
// kind is over. fault.Conflict: "stale" counter, "base_gone", "too_many_devices"; fault.Forbidden "beyond_consent".
func (o *Opener) Begin(ctx context.Context, user caller.UserID, b Beginning) (Session, error) {
	if b.Counter < 1 {
		return Session{}, fault.New(fault.Invalid, "invalid", "counter: it is %d and must be at least 1.", b.Counter)
	}
	var opened Session
	err := serially(ctx, func() error {
		h, err := o.Table.Head(ctx, user)
		if err != nil {
			return err
		}
		if c := h.counter(b.Device); b.Counter <= c.Last {
			opened, err = o.repeated(ctx, user, h, b)
			return err
		}
		if b.Kind.own() && h.State != Active { // there is nothing, and it makes no vault
			return noSnapshot()
		}
		c := Change{Head: h}
		if err := o.live(ctx, user, &c); err != nil {
			return err
		}
		e := Entry{Device: b.Device, Kind: b.Kind, Counter: b.Counter, Base: b.Base, Location: b.Location, Lease: moment(o.Now).Add(Lease)}
		base, err := o.base(ctx, user, &c.Head, &e)
		if err != nil {
			return err
		}
		if err := o.takeOver(ctx, user, &c, b.Device, b.Kind); err != nil {
			return err
		}
		if err := o.room(ctx, &c.Head, b.Device); err != nil {
			return err
		}
		e.Session = SessionID(o.NewID())
		c.Head.put(e)
		counter := h.counter(b.Device)
		counter.Last, counter.Session = b.Counter, e.Session
		c.Head.setCounter(counter)
		s := Session{ID: e.Session, State: Open, Kind: b.Kind, Device: b.Device, Base: e.Base, Restore: b.Restore,
			Location: e.Location, Version: c.Head.Version, ShrinkOver: b.ShrinkOver, Run: b.Run, At: moment(o.Now)}
		if b.Kind != Restore {
			s.Origins, s.Adopted = base.originsFor(b.Device)
		}
		c.Sessions = append(c.Sessions, s)
		// If we die after this line, the device repeats its counter and gets this session.
		if err := write(ctx, o.Table, user, c); err != nil {
			return err
		}
		opened = s
		return nil
	})
	return opened, err
}

// repeated answers a begin whose counter is not new: the session that this counter opened, if it is still open. Sessions of
// other kinds that were begun since change nothing: a backup of days goes on though the device has proven one or restored one.
func (o *Opener) repeated(ctx context.Context, user caller.UserID, h Head, b Beginning) (Session, error) {
	e, ok := h.entry(b.Device, b.Kind)
	if !ok || e.Counter != b.Counter {
		return Session{}, stale(b.Counter, h.counter(b.Device).Last)
	}
	s, err := o.Table.Session(ctx, user, e.Session)
	if err != nil {
		return Session{}, err
	}
	newest := b.Kind.own() && b.Base == "" // when it was opened, and still what it keeps
	if s.Restore != b.Restore || s.Base != b.Base && !newest {
		return Session{}, stale(b.Counter, b.Counter)
	}
	return s, o.renew(ctx, user, h, e)
}

func stale(counter, last int64) error {
	e := fault.New(fault.Conflict, "stale", "counter: %d is not above %d, which this device has used; begin with a higher one.", counter, last)
	e.Counter = last
	return e
}

// renew moves the lease of an open session, at most once a day.
func (o *Opener) renew(ctx context.Context, user caller.UserID, h Head, e Entry) error {
	if e.Lease.Sub(o.Now()) > renewWhenUnder {
		return nil
	}
	e.Lease = moment(o.Now).Add(Lease)
	h.put(e)
	return write(ctx, o.Table, user, Change{Head: h})
}

// live makes the vault ACTIVE with a key: its own, or the next version's if it never was or was erased. An erasure that
// stopped half way is finished first.
func (o *Opener) live(ctx context.Context, user caller.UserID, c *Change) error {
	h := &c.Head
	if h.State == Active {
		k, err := o.Keys.Key(ctx, user, h.Version)
		if err != nil || !k.Tombstone {
			return err
		}
		if err := o.erased(ctx, user, h); err != nil {
			return err
		}
		return again{fault.New(fault.Conflict, "erased", "The vault has just been erased.")}
	}
	for v := h.Version + 1; ; v++ {
		k, err := o.key(ctx, user, v)
		if err != nil {
			return err
		}
		if !k.Tombstone {
			h.State, h.Version = Active, v
			break
		}
	}
	if h.Quota == 0 {
		h.Quota = o.Quota
	}
	return nil
}

// erased ends what an erasure left: every open session, and the vault of that key version.
func (o *Opener) erased(ctx context.Context, user caller.UserID, h *Head) error {
	c := Change{Head: *h}
	for _, e := range h.Open {
		if err := o.takeOver(ctx, user, &c, e.Device, e.Kind); err != nil {
			return err
		}
	}
	c.Head.State = Erased
	return write(ctx, o.Table, user, c)
}

// base checks the snapshot that e names and fills in where it stands; the zero Snapshot for none.
func (o *Opener) base(ctx context.Context, user caller.UserID, h *Head, e *Entry) (Snapshot, error) {
	if e.Base == "" && e.Kind == Backup {
		return Snapshot{}, nil
	}
	n, err := o.newest(ctx, user, h, *e)
	switch {
	case fault.Is(err, fault.NotFound) && e.Kind == Backup:
		return Snapshot{}, baseGone()
	case err != nil:
		return Snapshot{}, err
	case (e.Kind == Backup || e.Kind == Rebuild) && e.Base != "" && n.State == Kept && h.beyond(e.Device, n):
		return Snapshot{}, fault.New(fault.Forbidden, "beyond_consent",
			"base: this device has restored only a part of this backup, and may not read or build on all of it; begin without a base.")
	case e.Kind.own() && (n.State != Kept || !h.adopts(e.Device, n)), e.Kind == Verify && n.Device != e.Device:
		return Snapshot{}, noSnapshot()
	case n.State != Kept && e.Kind == Restore:
		return Snapshot{}, fault.New(fault.Gone, "snapshot_expired", "This backup has expired; choose another one on my card.")
	case n.State != Kept:
		return Snapshot{}, baseGone()
	case e.Kind == Backup && (!h.adopts(e.Device, n) || n.Location != e.Location):
		return Snapshot{}, baseGone()
	}
	e.Base, e.BaseSeq, e.Location = n.ID, n.Seq, n.Location
	return n, nil
}

// adopts reports whether a device may build on a snapshot, and read it without a further consent: its own, or one of which its
// restores have brought every element in full, while it has made none since.
func (h *Head) adopts(device caller.DeviceID, n Snapshot) bool {
	c := h.counter(device)
	return n.Device == device || n.Seq == c.Restored && c.Brought == Every && len(n.Origins) < maxOrigins
}

// beyond reports whether a device has restored a part of a snapshot, and not all: it knows of it, and may not read the rest.
func (h *Head) beyond(device caller.DeviceID, n Snapshot) bool {
	c := h.counter(device)
	return n.Device != device && n.Seq == c.Restored && c.Brought != Every
}

// originsFor are those of a backup of a device that builds on n, and whether n is another's.
func (n Snapshot) originsFor(device caller.DeviceID) (of []Origin, adopted bool) {
	if n.Seq == 0 || n.Device == device {
		return n.Origins, false
	}
	return append(slices.Clone(n.Origins), Origin{Device: n.Device, Seq: n.Seq}), true
}

// newest reads the base: of a backup this device's own newest, which HEAD names, or what it has restored since, and no other,
// for a phone that was put back to an earlier state must not confirm what it no longer knows. A proof or a rebuild that names
// none has the newest, or what was restored where there is none.
func (o *Opener) newest(ctx context.Context, user caller.UserID, h *Head, e Entry) (Snapshot, error) {
	if e.Kind == Restore || e.Kind.own() && e.Base != "" {
		return find(ctx, o.Table, user, h, e.Base)
	}
	c := h.counter(e.Device)
	for _, seq := range []int64{c.Kept, c.Restored} {
		if seq == 0 {
			continue
		}
		n, err := o.Table.Snapshot(ctx, user, seq)
		if err != nil || (e.Base == "" || n.ID == e.Base) && !h.gone(n) {
			return n, err
		}
	}
	return Snapshot{}, noSnapshot()
}

func baseGone() error {
	return fault.New(fault.Conflict, "base_gone",
		"base: this backup is not there to build on any more, or is kept elsewhere; begin without a base.")
}

// takeOver ends the open session of a device and kind, if there is one.
func (o *Opener) takeOver(ctx context.Context, user caller.UserID, c *Change, device caller.DeviceID, kind Kind) error {
	e, ok := c.Head.entry(device, kind)
	if !ok {
		return nil
	}
	s, err := o.Table.Session(ctx, user, e.Session)
	if err != nil {
		return err
	}
	if s.State == Open {
		s.State = kind.over()
		c.Sessions = append(c.Sessions, s)
	}
	c.Head.remove(device, kind)
	return nil
}

// room makes place for one more device, if it is not here yet.
func (o *Opener) room(ctx context.Context, h *Head, device caller.DeviceID) error {
	if h.counter(device).Last > 0 || len(h.Devices) < MaxDevices {
		return nil
	}
	for _, c := range slices.Clone(h.Devices) {
		if slices.ContainsFunc(h.Open, func(e Entry) bool { return e.Device == c.Device }) {
			continue
		}
		if active, err := o.Active(ctx, c.Device); err != nil {
			return err
		} else if !active {
			h.Devices = slices.DeleteFunc(slices.Clone(h.Devices), func(d Counter) bool { return d.Device == c.Device })
			return nil
		}
	}
	return fault.New(fault.Conflict, "too_many_devices",
		"Ten devices use this backup vault already; retire one that is not needed on my card, then try again.")
}

// Unchanged confirms that a device's newest backup still stands for what it holds. It needs what a begin on that base
// needs, and changes nothing.
func (o *Opener) Unchanged(ctx context.Context, user caller.UserID, b Beginning) error {
	h, err := o.Table.Head(ctx, user)
	if err != nil {
		return err
	}
	if h.State != Active || b.Base == "" {
		return baseGone()
	}
	n, err := o.base(ctx, user, &h, &Entry{Device: b.Device, Kind: Backup, Base: b.Base, Location: b.Location})
	if err == nil && n.Device != b.Device {
		return baseGone() // it has none of its own yet: a commit makes one
	}
	return err
}

// End gives a session up. One that is over already, or never was, is over.
func (o *Opener) End(ctx context.Context, user caller.UserID, device caller.DeviceID, id SessionID) error {
	return o.Restored(ctx, user, device, id, 0)
}

// Restored ends the session of a restore that has brought these elements in full, by a consent that names them. When every
// element of the snapshot has been brought so, be it by several restores, the device's next backup may build on it.
func (o *Opener) Restored(ctx context.Context, user caller.UserID, device caller.DeviceID, id SessionID, brought Elements) error {
	return serially(ctx, func() error {
		h, err := o.Table.Head(ctx, user)
		if err != nil {
			return err
		}
		e, ok := h.byID(device, id)
		if !ok {
			return nil
		}
		c := Change{Head: h}
		if err := o.takeOver(ctx, user, &c, e.Device, e.Kind); err != nil {
			return err
		}
		if brought != 0 && e.Kind == Restore {
			counter := c.Head.counter(device)
			counter.bring(e.BaseSeq, brought)
			c.Head.setCounter(counter)
		}
		return write(ctx, o.Table, user, c)
	})
}

// Find is a snapshot of the user's own that may be chosen; fault.NotFound for everything else, whoever's it is.
func (o *Opener) Find(ctx context.Context, user caller.UserID, id SessionID) (Snapshot, error) {
	h, err := o.Table.Head(ctx, user)
	if err != nil {
		return Snapshot{}, err
	}
	n, err := find(ctx, o.Table, user, &h, id)
	if err == nil && n.State != Kept {
		return Snapshot{}, noSnapshot()
	}
	return n, err
}

func noSnapshot() error {
	return fault.New(fault.NotFound, "not_found", "There is no such backup.")
}

// find reads the snapshot of a session; fault.NotFound unless it can still be used.
func find(ctx context.Context, t Table, user caller.UserID, h *Head, id SessionID) (Snapshot, error) {
	if !caller.ValidID(string(id)) {
		return Snapshot{}, noSnapshot()
	}
	s, err := t.Session(ctx, user, id)
	if fault.Is(err, fault.NotFound) || err == nil && s.State != Committed {
		return Snapshot{}, noSnapshot()
	}
	if err != nil {
		return Snapshot{}, err
	}
	n, err := t.Snapshot(ctx, user, s.Seq)
	if fault.Is(err, fault.NotFound) || err == nil && (n.ID != id || h.gone(n)) {
		return Snapshot{}, noSnapshot()
	}
	return n, err
}
