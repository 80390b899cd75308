package fleet_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"zapas/localstack/standin"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

const one, another = "01SESS10N00000000000000001", "01SESS10N00000000000000002"

func (w *world) order(t *testing.T, d fleet.Device) fleet.Order {
	t.Helper()
	o, err := w.Order(t.Context(), anna, d, "")
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// is holds an order to be in a state, and its device's status to name it just as long as it is open.
func (w *world) is(t *testing.T, o fleet.Order, want fleet.OrderState) {
	t.Helper()
	got, err := w.Orders.Get(t.Context(), o.ID)
	if err != nil || got.State != want {
		t.Errorf("the order is %s: %v, want %s", got.State, err, want)
	}
	open := want == fleet.Queued || want == fleet.Delivered || want == fleet.Begun
	if s, err := w.statuses.Status(t.Context(), o.Device); err != nil || open != (s.Order == o.ID) && want != fleet.OrderExpired {
		t.Errorf("while the order is %s, its device's status names %q: %v", want, s.Order, err)
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	type steps = []func(t *testing.T, w *world, o fleet.Order) error
	checkIn := func(t *testing.T, w *world, o fleet.Order) error {
		_, err := w.CheckIn(t.Context(), caller.Caller{User: o.Owner, Device: o.Device}, fleet.Report{AppVersion: "1"})
		return err
	}
	carry := func(session string) func(t *testing.T, w *world, o fleet.Order) error {
		return func(t *testing.T, w *world, o fleet.Order) error {
			o, err := w.Orders.ToCarry(t.Context(), o.Device, o.ID)
			return errors.Join(err, w.Orders.Carry(t.Context(), o, session))
		}
	}
	status := func(t *testing.T, w *world, o fleet.Order) fleet.Status {
		s, err := w.statuses.Status(t.Context(), o.Device)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	committed := func(session string) func(t *testing.T, w *world, o fleet.Order) error {
		return func(t *testing.T, w *world, o fleet.Order) error {
			return w.Orders.Committed(t.Context(), status(t, w, o), session)
		}
	}
	givenUp := func(session string) func(t *testing.T, w *world, o fleet.Order) error {
		return func(t *testing.T, w *world, o fleet.Order) error {
			return w.Orders.GivenUp(t.Context(), status(t, w, o), session)
		}
	}
	unchanged := func(t *testing.T, w *world, o fleet.Order) error {
		o, err := w.Orders.ToCarry(t.Context(), o.Device, o.ID)
		return errors.Join(err, w.Orders.Unchanged(t.Context(), o))
	}
	wait := func(d time.Duration) func(t *testing.T, w *world, o fleet.Order) error {
		return func(_ *testing.T, w *world, _ fleet.Order) error { w.clock.Advance(d); return nil }
	}
	for _, tt := range []struct {
		name  string
		steps steps
		want  fleet.OrderState
	}{
		{"Queued", nil, fleet.Queued},
		{"Delivered", steps{checkIn}, fleet.Delivered},
		{"Begun", steps{checkIn, carry(one)}, fleet.Begun},
		{"BegunUnseen", steps{carry(one)}, fleet.Begun},
		{"StillBegunAtTheNextCheckIn", steps{checkIn, carry(one), checkIn}, fleet.Begun},
		{"Done", steps{checkIn, carry(one), committed(one)}, fleet.OrderDone},
		{"DoneByTheSessionAfter", steps{checkIn, carry(one), carry(another), committed(another)}, fleet.OrderDone},
		{"NotByAnotherSession", steps{checkIn, carry(one), committed(another)}, fleet.Begun},
		{"NotByTheSessionBefore", steps{checkIn, carry(one), carry(another), committed(one)}, fleet.Begun},
		{"NotByASessionThatKnewNothingOfIt", steps{checkIn, committed(one)}, fleet.Delivered},
		{"Unchanged", steps{checkIn, unchanged}, fleet.OrderUnchanged},
		{"Failed", steps{checkIn, carry(one), givenUp(one)}, fleet.OrderFailed},
		{"NotFailedByAnotherSession", steps{checkIn, carry(one), givenUp(another)}, fleet.Begun},
		{"JustBeforeItsEnd", steps{checkIn, wait((fleet.OrderLife - 2*time.Millisecond) / 2)}, fleet.Delivered},
		{"Expired", steps{wait(fleet.OrderLife)}, fleet.OrderExpired},
		{"ExpiredWhileBegun", steps{carry(one), wait(fleet.OrderLife), committed(one)}, fleet.OrderExpired},
		{"ExpiredIsForGood", steps{wait(fleet.OrderLife), checkIn, carry(one), unchanged}, fleet.OrderExpired},
		{"DoneIsForGood", steps{carry(one), committed(one), wait(fleet.OrderLife), checkIn, carry(another), unchanged, givenUp(one)}, fleet.OrderDone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			o := w.order(t, w.enrol(t))
			for i, step := range tt.steps {
				for range 2 { // repeated, it changes nothing
					if err := step(t, w, o); err != nil {
						t.Fatalf("step %d: %v", i, err)
					}
				}
			}
			w.is(t, o, tt.want)
			again := w.order(t, w.stored(t, o.Device))
			if open := tt.want == fleet.Queued || tt.want == fleet.Delivered || tt.want == fleet.Begun; open != (again.ID == o.ID) {
				t.Errorf("after %s the order %s is answered, and it was %s", tt.want, again.ID, o.ID)
			}
		})
	}
}

// TestOrderSteps_LostAnswers: at each step a fault may befall any call, before or after its effect: the step again does
// what is left.
func TestOrderSteps_LostAnswers(t *testing.T) {
	t.Parallel()
	for _, befalls := range []standin.Fault{standin.Before, standin.After} {
		for n := 1; ; n++ {
			w, calls := open(t), 0
			d := w.enrol(t)
			insist := func(step func() error) {
				t.Helper()
				err := step()
				for range 3 {
					if !fault.Is(err, fault.Unavailable) {
						break
					}
					err = step()
				}
				if err != nil {
					t.Fatalf("fault %d at call %d: %v", befalls, n, err)
				}
			}
			w.stack.Strike(func(standin.Call) standin.Fault {
				if calls++; calls == n {
					return befalls
				}
				return standin.None
			})
			var o fleet.Order
			insist(func() (err error) { o, err = w.Order(t.Context(), anna, d, ""); return err })
			insist(func() error {
				_, err := w.CheckIn(t.Context(), caller.Caller{User: anna.User, Device: d.ID}, fleet.Report{AppVersion: "1"})
				return err
			})
			insist(func() error {
				read, err := w.Orders.ToCarry(t.Context(), d.ID, o.ID)
				if err == nil {
					err = w.Orders.Carry(t.Context(), read, one)
				}
				return err
			})
			insist(func() error {
				s, err := w.statuses.Status(t.Context(), d.ID)
				if err == nil {
					err = w.Orders.Committed(t.Context(), s, one)
				}
				return err
			})
			w.stack.Strike(nil)
			w.is(t, o, fleet.OrderDone)
			if calls < n {
				if n < 12 {
					t.Errorf("there were %d calls", calls)
				}
				break
			}
		}
	}
}

func TestOrder_OneIsOpen(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	orders, errs := make(chan fleet.OrderID, 4), make(chan error, 4)
	ctx := t.Context()
	for range 4 {
		go func() {
			o, err := w.Order(ctx, anna, d, "")
			orders <- o.ID
			errs <- err
		}()
	}
	first := <-orders
	for range 3 {
		if o := <-orders; o != first {
			t.Errorf("%s and %s are open", o, first)
		}
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	unconfirmed := w.given(t)
	_, err := w.Order(t.Context(), ada, unconfirmed, "")
	refused(t, err, fault.Conflict, "device_unconfirmed")
}

// TestForeignOrders: another's order answers exactly as one that does not exist.
func TestForeignOrders(t *testing.T) {
	t.Parallel()
	w := open(t)
	d, other := w.enrol(t), w.enrol(t)
	o := w.order(t, d)
	const nowhere = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"
	for name, ask := range map[string]func(id fleet.OrderID) error{
		"Mine": func(id fleet.OrderID) error {
			_, err := w.Orders.Mine(t.Context(), "0P10TR00000000000000000000", id)
			return err
		},
		"ToCarry": func(id fleet.OrderID) error {
			_, err := w.Orders.ToCarry(t.Context(), other.ID, id)
			return err
		},
	} {
		foreign, missing, malformed := ask(o.ID), ask(nowhere), ask("x")
		refused(t, foreign, fault.NotFound, "not_found")
		for _, err := range []error{missing, malformed} {
			if f, _ := errors.AsType[*fault.Error](foreign); f == nil || err == nil || err.Error() != f.Error() {
				t.Errorf("%s: %v is not %v", name, err, foreign)
			}
		}
	}
	if got, err := w.Orders.Mine(t.Context(), anna.User, o.ID); err != nil || got.ID != o.ID {
		t.Errorf("%+v %v", got, err)
	}
}

func TestCheckIn_Order(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	who := caller.Caller{User: anna.User, Device: d.ID}
	o := w.order(t, d)
	a, err := w.CheckIn(t.Context(), who, fleet.Report{AppVersion: "1"})
	if err != nil || a.Due || a.Why != fleet.NoProfile || a.Order == nil || a.Order.ID != o.ID || a.Order.State != fleet.Delivered {
		t.Errorf("without a profile: %+v %v", a, err)
	}
	p := profile.Profile{ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Name: "P", Enabled: true, Elements: []string{"messages"}, Location: "eu",
		Schedule: profile.Schedule{Kind: profile.Weekly, At: "02:00", Days: []string{"mon"}, Zone: "UTC"}}
	if err := w.profiles.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := w.statuses.Note(t.Context(), d.ID, fleet.Change{Run: &fleet.Run{At: w.clock.Now(), Profile: p.ID}}); err != nil {
		t.Fatal(err)
	}
	if a, err = w.CheckIn(t.Context(), who, fleet.Report{AppVersion: "1"}); err != nil || !a.Due || a.Why != fleet.Ordered || a.Order == nil {
		t.Errorf("when it is not due: %+v %v", a, err)
	}
	w.clock.Advance(fleet.OrderLife)
	if a, err = w.CheckIn(t.Context(), who, fleet.Report{AppVersion: "1"}); err != nil || a.Why == fleet.Ordered || a.Order != nil {
		t.Errorf("a day later: %+v %v", a, err)
	}
}

// twice is a store whose writes are tried again although they took effect, as a client does that has lost the answer.
type twice struct{ fleet.Orders }

func (s twice) MoveOrder(ctx context.Context, o fleet.Order) error {
	return errors.Join(s.Orders.MoveOrder(ctx, o), s.Orders.MoveOrder(ctx, o))
}

func (s twice) EndOrder(ctx context.Context, o fleet.Order) error {
	return errors.Join(s.Orders.EndOrder(ctx, o), s.Orders.EndOrder(ctx, o))
}

func (s twice) OpenOrder(ctx context.Context, o fleet.Order, instead fleet.OrderID, c fleet.Change) error {
	return errors.Join(s.Orders.OpenOrder(ctx, o, instead, c), s.Orders.OpenOrder(ctx, o, instead, c))
}

// TestOrder_MeetsItself: a write that is refused because of its own effect is no failure; one that is refused because of
// another's is.
func TestOrder_MeetsItself(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	w.Orders.Store = twice{w.Orders.Store}
	o := w.order(t, d)
	queued, err := w.Orders.ToCarry(t.Context(), d.ID, o.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Orders.Carry(t.Context(), queued, one); err != nil {
		t.Error(err)
	}
	refused(t, w.Orders.Carry(t.Context(), queued, another), fault.Unavailable, "busy")
	refused(t, w.Orders.Unchanged(t.Context(), queued), fault.Unavailable, "busy")
	s, err := w.statuses.Status(t.Context(), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Orders.Committed(t.Context(), s, one); err != nil {
		t.Error(err)
	}
	w.is(t, o, fleet.OrderDone)
}
