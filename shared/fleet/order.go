package fleet

import (
	"context"
	"time"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fault"
)

// OrderID names an order.
type OrderID string

// OrderLife is how long an order waits for its end.
const OrderLife = 24 * time.Hour

// Order says that a device is to back up now.
type Order struct {
	ID        OrderID
	Device    caller.DeviceID
	Owner     caller.UserID // of the device
	State     OrderState
	Session   string // that carries it out, or did
	Why       Reason // of OrderFailed
	Rev       int64
	CreatedAt time.Time
	UpdatedAt time.Time
	ExpiresAt time.Time
}

// OrderState is how far an order is.
type OrderState string

const (
	Queued         OrderState = "queued"    // the device has not seen it
	Delivered      OrderState = "delivered" // it has
	Begun          OrderState = "running"
	OrderDone      OrderState = "done"
	OrderUnchanged OrderState = "unchanged" // there was nothing new to store
	OrderFailed    OrderState = "failed"    // for a Reason
	OrderExpired   OrderState = "expired"   // is never stored: the time says so
)

// Reason is why an order failed.
type Reason string

const (
	SessionGivenUp Reason = "given_up"
	DeviceRetired  Reason = "device_retired"
)

func (o Order) open() bool { return o.State == Queued || o.State == Delivered || o.State == Begun }

// Orders keep orders. Reads are strongly consistent. A device's Status names its order from OpenOrder to EndOrder.
type Orders interface {
	// Order reads one; fault.NotFound when there is none.
	Order(ctx context.Context, id OrderID) (Order, error)
	// OpenOrder stores a new order, has its device's Status name it in the place of another ("": of none), and notes c there,
	// all or none; fault.Conflict when the Status does not name that other, or there is none.
	OpenOrder(ctx context.Context, o Order, instead OrderID, c Change) error
	// MoveOrder stores o with the next Rev; fault.Conflict when the stored one has not o.Rev.
	MoveOrder(ctx context.Context, o Order) error
	// EndOrder is MoveOrder after which its device's Status names no order, both or none; fault.Conflict, too, when the
	// Status names another.
	EndOrder(ctx context.Context, o Order) error
}

// OrderBook is what becomes of orders once they are given.
type OrderBook struct {
	Store Orders
	Now   func() time.Time
}

// Get reads any order.
func (b OrderBook) Get(ctx context.Context, id OrderID) (Order, error) {
	if !caller.ValidID(string(id)) {
		return Order{}, noOrder()
	}
	o, err := b.Store.Order(ctx, id)
	if o.open() && !b.Now().Before(o.ExpiresAt) {
		o.State, o.UpdatedAt = OrderExpired, o.ExpiresAt
	}
	return o, err
}

// Mine reads an order for one of the user's devices; fault.NotFound for everything else, whoever's it is.
func (b OrderBook) Mine(ctx context.Context, user caller.UserID, id OrderID) (Order, error) {
	o, err := b.Get(ctx, id)
	if err == nil && o.Owner != user {
		return Order{}, noOrder()
	}
	return o, err
}

// current reads the order that a Status names, if it is open.
func (b OrderBook) current(ctx context.Context, id OrderID) (*Order, error) {
	if id == "" {
		return nil, nil
	}
	o, err := b.Get(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && !o.open() { // one that has long expired is not kept
		return nil, nil
	}
	return &o, err
}

// Delivered reads the order that the Status of a device that checks in names; nil when none is open.
func (b OrderBook) Delivered(ctx context.Context, id OrderID) (*Order, error) {
	o, err := b.current(ctx, id)
	if err != nil || o == nil || o.State != Queued {
		return o, err
	}
	o.State = Delivered
	return o, b.store(ctx, o, b.Store.MoveOrder)
}

// ToCarry reads the order that a device means to carry out; one that is over may be meant, and then nothing becomes of
// it: the backup is as good without. fault.NotFound when it is not the device's own.
func (b OrderBook) ToCarry(ctx context.Context, device caller.DeviceID, id OrderID) (Order, error) {
	o, err := b.Get(ctx, id)
	if err == nil && o.Device != device {
		return Order{}, noOrder()
	}
	return o, err
}

// Carry records the session that carries an order out. Repeating it changes nothing.
func (b OrderBook) Carry(ctx context.Context, o Order, session string) error {
	if !o.open() || o.State == Begun && o.Session == session {
		return nil
	}
	o.State, o.Session = Begun, session
	return b.store(ctx, &o, b.Store.MoveOrder)
}

// Unchanged ends an order for which there was nothing new to store. Repeating it changes nothing.
func (b OrderBook) Unchanged(ctx context.Context, o Order) error {
	if !o.open() {
		return nil
	}
	o.State, o.Session = OrderUnchanged, ""
	return b.store(ctx, &o, b.Store.EndOrder)
}

// Committed ends the order that a device's Status names, if this session, which is a snapshot now, carried it out.
func (b OrderBook) Committed(ctx context.Context, s Status, session string) error {
	return b.end(ctx, s, session, OrderDone, "")
}

// GivenUp ends the order that a device's Status names, if this session was to carry it out.
func (b OrderBook) GivenUp(ctx context.Context, s Status, session string) error {
	return b.end(ctx, s, session, OrderFailed, SessionGivenUp)
}

// Retired ends the order that a device's Status names, whatever carries it out: nothing does any more. Repeating it changes
// nothing.
func (b OrderBook) Retired(ctx context.Context, s Status) error {
	o, err := b.current(ctx, s.Order)
	if err != nil || o == nil {
		return err
	}
	o.State, o.Why = OrderFailed, DeviceRetired
	return b.store(ctx, o, b.Store.EndOrder)
}

func (b OrderBook) end(ctx context.Context, s Status, session string, as OrderState, why Reason) error {
	o, err := b.current(ctx, s.Order)
	if err != nil || o == nil || o.Session != session {
		return err
	}
	o.State, o.Why = as, why
	return b.store(ctx, o, b.Store.EndOrder)
}

// store writes o as it was read and then changed. A refusal may be this write's own effect, whose answer was lost: then
// what is stored is o.
func (b OrderBook) store(ctx context.Context, o *Order, write func(context.Context, Order) error) error {
	o.UpdatedAt = moment(b.Now)
	err := write(ctx, *o)
	if !fault.Is(err, fault.Conflict) {
		return err
	}
	stored, read := b.Store.Order(ctx, o.ID)
	if read == nil && stored.State == o.State && stored.Session == o.Session {
		return nil
	}
	return fault.Wrap(err, fault.Unavailable, "busy", "This order has just changed; try the same again in a moment.")
}

const orderTries = 3 // under contention

// Order has a device back up now. While an order is open, that one is answered. id is that of a new one, or ""; given, it
// is safe to repeat: the order that bears it already is answered as it is.
// fault.Conflict "device_retired", "device_unconfirmed".
func (f *Fleet) Order(ctx context.Context, who caller.Caller, d Device, id OrderID) (Order, error) {
	if id != "" {
		if o, err := f.Orders.Get(ctx, id); !fault.Is(err, fault.NotFound) {
			return o, err
		}
	}
	switch d.State {
	case Retired:
		return Order{}, retired()
	case Unconfirmed:
		return Order{}, fault.New(fault.Conflict, "device_unconfirmed", "This device is not confirmed; its user confirms it on my card, then it can back up.")
	}
	now := f.now()
	o, recorded := Order{ID: id, Device: d.ID, Owner: d.Owner, State: Queued, CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(OrderLife)}, false
	for range orderTries {
		s, err := f.Statuses.Status(ctx, d.ID)
		if err != nil {
			return Order{}, err
		}
		if open, err := f.Orders.current(ctx, s.Order); err != nil {
			return Order{}, err
		} else if open != nil {
			return *open, nil
		}
		if len(s.Tell) >= MaxTell {
			return Order{}, fault.New(fault.Unavailable, "events_waiting", "Too much of this device waits to be announced; try the same again in a quarter of an hour.")
		}
		if o.ID == "" {
			o.ID = OrderID(f.NewID())
		}
		if !recorded {
			if err := f.Audit.Record(ctx, who, audit.BackupOrdered, string(o.ID), string(d.ID)); err != nil {
				return Order{}, err
			}
			recorded = true
		}
		// If we die after this line, asking again finds the order open, and the watch tells of it.
		requested := event.Requested(f.News.of(s), string(o.ID), o.CreatedAt)
		err = f.Orders.Store.OpenOrder(ctx, o, s.Order, Keep(o.CreatedAt, requested))
		if err == nil {
			f.News.Kept(ctx, d.ID, requested)
		}
		if !fault.Is(err, fault.Conflict) {
			return o, err
		}
	}
	return Order{}, fault.New(fault.Unavailable, "busy", "This device has just changed; try the same again in a moment.")
}

func noOrder() error { return fault.New(fault.NotFound, "not_found", "There is no such order.") }
