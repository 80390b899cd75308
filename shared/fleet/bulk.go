package fleet

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/profile"
)

// Bulk says that all devices are to back up now which were announced as overdue with the backups of a profile.
type Bulk struct {
	ID        OrderID
	Profile   profile.ID
	By        caller.UserID // who gave it
	State     OrderState    // Queued, Begun while devices are still given their orders, OrderDone; OrderExpired is never stored but of one that nobody has ended
	Position  string        // of the devices that follow
	Asked     int64         // devices that it has come to
	Ordered   int64         // of them, those that it gave an order
	Already   int64         // those that had one
	Refused   int64         // those that take none, are overdue no more, or of which nobody can read what is stored
	Rev       int64
	CreatedAt time.Time
	UpdatedAt time.Time
	ExpiresAt time.Time
}

func (b Bulk) open() bool { return b.State == Queued || b.State == Begun }

// Bulks keep bulk orders. Reads are strongly consistent.
type Bulks interface {
	// Bulk reads one; fault.NotFound when there is none.
	Bulk(ctx context.Context, id OrderID) (Bulk, error)
	// LastBulk reads the id of a profile's newest; "" when there is none.
	LastBulk(ctx context.Context, p profile.ID) (OrderID, error)
	// OpenBulk stores a new one as its profile's newest in the place of another ("": of none), both or none; fault.Conflict
	// when that is not the newest.
	OpenBulk(ctx context.Context, b Bulk, instead OrderID) error
	// MoveBulk stores b with the next Rev; fault.Conflict when the stored one has not b.Rev. One that is not open is not
	// listed any more.
	MoveBulk(ctx context.Context, b Bulk) error
	// OpenBulks lists those that are open, in no order; the list may lag by a moment.
	OpenBulks(ctx context.Context) ([]OrderID, error)
}

// Overdues list who was announced as overdue.
type Overdues interface {
	// OverdueFor lists devices that were announced as overdue with the backups of a profile, at most limit from a position on,
	// "" being the beginning; next is "" at the end. It may lag by a moment.
	OverdueFor(ctx context.Context, p profile.ID, position string, limit int) (page []Place, next string, err error)
}

// Place is a device in a list, and the position after it.
type Place struct {
	Device caller.DeviceID
	After  string
}

// How many devices are given their orders in one go.
const (
	orderedAtOnce  = 100   // by who asks for it
	orderedByWatch = 1_000 // of each bulk order
)

// OrderAll has all devices back up now that were announced as overdue with the backups of a profile. While such an order is
// open, that one is answered. The first devices are given their orders at once, and the watch goes on. id is as for Order.
func (f *Fleet) OrderAll(ctx context.Context, who caller.Caller, p profile.ID, id OrderID) (Bulk, error) {
	all, err := f.Profiles.Set(ctx)
	switch {
	case err != nil:
		return Bulk{}, err
	case !all.Has(p):
		return Bulk{}, fault.Fields([]fault.Field{{Pointer: "/profile", Code: "unknown", Detail: "there is no such profile"}})
	case id != "":
		if b, err := f.Bulk(ctx, id); !fault.Is(err, fault.NotFound) {
			return b, err
		}
	default:
		id = OrderID(f.NewID())
	}
	now, recorded := f.now(), false
	b := Bulk{ID: id, Profile: p, By: who.User, State: Queued, CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(OrderLife)}
	for range orderTries {
		last, err := f.Bulks.LastBulk(ctx, p)
		if err != nil {
			return Bulk{}, err
		}
		if last != "" {
			if open, err := f.Bulk(ctx, last); err == nil && open.open() || err != nil && !fault.Is(err, fault.NotFound) {
				return open, err
			}
		}
		if !recorded {
			if err := f.Audit.Record(ctx, who, audit.BackupsOrdered, string(id), string(p)); err != nil {
				return Bulk{}, err
			}
			recorded = true
		}
		// If we die after this line, the watch begins it.
		err = f.Bulks.OpenBulk(ctx, b, last)
		if fault.Is(err, fault.Conflict) {
			continue
		}
		if err != nil {
			return Bulk{}, err
		}
		b.Rev++
		return f.begin(ctx, who, b, all)
	}
	return Bulk{}, fault.New(fault.Unavailable, "busy", "This profile's devices are just being ordered to back up; try the same again in a moment.")
}

// begin gives the first devices their orders. Whatever keeps it from that, the order stands, and the watch goes on.
func (f *Fleet) begin(ctx context.Context, who caller.Caller, b Bulk, all profile.Set) (Bulk, error) {
	next, failed := f.further(ctx, who, b, all, orderedAtOnce)
	if err := f.Bulks.MoveBulk(ctx, next); err != nil || failed != nil {
		return f.Bulk(ctx, b.ID)
	}
	return next, nil
}

// Bulk reads one.
func (f *Fleet) Bulk(ctx context.Context, id OrderID) (Bulk, error) {
	if !caller.ValidID(string(id)) {
		return Bulk{}, noOrder()
	}
	b, err := f.Bulks.Bulk(ctx, id)
	if b.open() && !f.now().Before(b.ExpiresAt) {
		b.State, b.UpdatedAt = OrderExpired, b.ExpiresAt
	}
	return b, err
}

// Furthered counts what Further has found and done.
type Furthered struct {
	Bulks int // that were open
	Asked int // devices
	Ended int // of the bulk orders, those that are at their end
}

// Further gives more devices their orders, for each bulk order that is open. One failure does not keep it from the rest.
func (f *Fleet) Further(ctx context.Context) (done Furthered, err error) {
	open, err := f.Bulks.OpenBulks(ctx)
	if err != nil || len(open) == 0 {
		return done, err
	}
	all, err := f.Profiles.Set(ctx)
	if err != nil {
		return done, err
	}
	var failed []error
	for _, id := range open {
		if short(ctx) {
			break
		}
		b, err := f.Bulk(ctx, id)
		if fault.Is(err, fault.NotFound) { // it expired so long ago that it is not kept: the profile's next one is listed instead
			continue
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		done.Bulks++
		before := b.Asked
		if b.open() {
			b, err = f.further(ctx, caller.Caller{Tenant: f.Tenant, User: b.By}, b, all, orderedByWatch)
			failed = append(failed, err)
		}
		err = f.Bulks.MoveBulk(ctx, b)
		if fault.Is(err, fault.Conflict) { // somebody else has done the same, and has counted it
			continue
		}
		failed = append(failed, err)
		if done.Asked += int(b.Asked - before); !b.open() {
			done.Ended++
		}
	}
	return done, errors.Join(failed...)
}

// further gives devices their orders, at most so many, and answers the bulk order as it is to be stored then. The id of a
// device's order follows from both, so that who dies before that does nothing twice. What passes by itself ends it, and is
// tried again; what fails for one device whenever it is tried is told, and keeps it from no other.
func (f *Fleet) further(ctx context.Context, who caller.Caller, b Bulk, all profile.Set, most int) (Bulk, error) {
	b.State, b.UpdatedAt = Begun, f.now()
	page, next, err := f.Overdues.OverdueFor(ctx, b.Profile, b.Position, most)
	if err != nil {
		return b, err
	}
	var failed []error
	for _, one := range page {
		if short(ctx) {
			return b, errors.Join(failed...)
		}
		count, err := f.orderLate(ctx, who, &b, one.Device, all)
		if failed = append(failed, err); err != nil {
			if ctx.Err() != nil || fault.KindOf(err) != fault.Internal {
				return b, errors.Join(failed...)
			}
			count = &b.Refused
		}
		*count++
		b.Asked, b.Position = b.Asked+1, one.After
	}
	if b.Position = next; next == "" {
		b.State = OrderDone
	}
	return b, errors.Join(failed...)
}

// orderLate orders one device to back up, and answers what of the bulk order counts it.
func (f *Fleet) orderLate(ctx context.Context, who caller.Caller, b *Bulk, id caller.DeviceID, all profile.Set) (*int64, error) {
	s, err := f.Statuses.Status(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return &b.Refused, nil
	}
	if err != nil {
		return nil, err
	}
	order := b.orderOf(id)
	if st := Assess(s, all, f.now()); s.Order != order && (st.State != Late || st.Profile.ID != b.Profile) {
		return &b.Refused, nil
	}
	// How far it is trusted is a copy here: one that is behind gives an order that the device is refused to carry out.
	o, err := f.Order(ctx, who, Device{ID: id, Owner: s.Owner, State: s.Trust}, order)
	switch {
	case fault.Is(err, fault.Conflict):
		return &b.Refused, nil
	case err == nil && o.ID != order:
		return &b.Already, nil
	}
	return &b.Ordered, err
}

// orderOf is the id of a device's order.
func (b Bulk) orderOf(id caller.DeviceID) OrderID {
	sum := sha256.Sum256([]byte(string(b.ID) + "\x00" + string(id)))
	return OrderID(caller.Base32([16]byte(sum[:16])))
}
