package table_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"pgregory.net/rapid"

	"zapas/localstack/deployment"
	"zapas/shared/aws/table"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
)

func TestOrders(t *testing.T) {
	t.Parallel()

	t.Run("ReadBackAsWritten", func(t *testing.T) {
		t.Parallel()
		w, n := open(t), 0
		s := w.orders()
		rapid.Check(t, func(r *rapid.T) {
			n++
			want := made[fleet.Order]().Draw(r, "order")
			want.ID, want.Device, want.Rev = id[fleet.OrderID](n), id[caller.DeviceID](n), 0
			must(r, w.statuses().CreateStatus(t.Context(), fleet.Status{Device: want.Device, Owner: user, Label: "a"}), s.OpenOrder(t.Context(), want, "", fleet.Change{}))
			want.Rev = 1
			got, err := s.Order(t.Context(), want.ID)
			must(r, err)
			same(r, got, want)
		})
	})

	t.Run("NoSuchOrder", func(t *testing.T) {
		t.Parallel()
		_, err := open(t).orders().Order(t.Context(), "O")
		wantKind(t, err, fault.NotFound)
	})

	t.Run("KeptForThirtyDays", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		must(t, w.statuses().CreateStatus(t.Context(), fleet.Status{Device: phone, Owner: user, Label: "a"}),
			w.orders().OpenOrder(t.Context(), fleet.Order{ID: "O", Device: phone, ExpiresAt: start}, "", fleet.Change{}))
		same(t, w.row(t, deployment.Table, "O#O", "ORDER")["ttl"].(*types.AttributeValueMemberN).Value, fmt.Sprint(start.Add(30*24*time.Hour).Unix()))
	})

	t.Run("OfNobody", func(t *testing.T) {
		t.Parallel()
		s := open(t).orders()
		wantKind(t, s.OpenOrder(t.Context(), fleet.Order{ID: "O", Device: phone}, "", fleet.Change{}), fault.Conflict)
		_, err := s.Order(t.Context(), "O")
		wantKind(t, err, fault.NotFound)
	})
}

// TestBulks_KeptForThirtyDays: what names a profile's newest bulk order goes with it, whatever has become of the profile.
func TestBulks_KeptForThirtyDays(t *testing.T) {
	t.Parallel()
	w := open(t)
	s := table.Bulks{DB: w.db, Name: deployment.Table}
	b := fleet.Bulk{ID: "O", Profile: "P", State: fleet.Queued, ExpiresAt: start}
	must(t, s.OpenBulk(t.Context(), b, ""))
	for _, state := range []fleet.OrderState{fleet.Queued, fleet.Begun, fleet.OrderDone} {
		for _, place := range [][2]string{{"O#O", "BULK"}, {"O#BULK", "P"}} {
			same(t, w.row(t, deployment.Table, place[0], place[1])["ttl"].(*types.AttributeValueMemberN).Value, fmt.Sprint(start.Add(30*24*time.Hour).Unix()))
		}
		b.State, b.Rev = state, b.Rev+1
		must(t, s.MoveBulk(t.Context(), b))
	}
}

// TestOrderOfADevice: the device's row names an order from its opening to its end; each step is both or none.
func TestOrderOfADevice(t *testing.T) {
	t.Parallel()
	one := fleet.Order{ID: "O", Device: phone, State: fleet.Queued}
	again := func(o fleet.Order, rev int64, state fleet.OrderState) fleet.Order {
		o.Rev, o.State = rev, state
		return o
	}
	for _, test := range []struct {
		name string
		call func(w *world) error
		want fault.Kind
		// afterwards
		named fleet.OrderID
		state fleet.OrderState // of O
	}{
		{"Another", func(w *world) error {
			return w.orders().OpenOrder(t.Context(), fleet.Order{ID: "P", Device: phone}, "", fleet.Change{})
		}, fault.Conflict, "O", fleet.Queued},
		{"InItsPlace", func(w *world) error {
			return w.orders().OpenOrder(t.Context(), fleet.Order{ID: "P", Device: phone}, "O", fleet.Change{})
		}, ok, "P", fleet.Queued},
		{"InThePlaceOfNone", func(w *world) error {
			return w.orders().OpenOrder(t.Context(), fleet.Order{ID: "P", Device: phone}, "Q", fleet.Change{})
		}, fault.Conflict, "O", fleet.Queued},
		{"TheSameAgain", func(w *world) error { return w.orders().OpenOrder(t.Context(), one, "O", fleet.Change{}) }, fault.Conflict, "O", fleet.Queued},
		{"Moved", func(w *world) error { return w.orders().MoveOrder(t.Context(), again(one, 1, fleet.Delivered)) }, ok, "O", fleet.Delivered},
		{"MovedFromWhatItWas", func(w *world) error { return w.orders().MoveOrder(t.Context(), again(one, 2, fleet.Delivered)) }, fault.Conflict, "O", fleet.Queued},
		{"Ended", func(w *world) error { return w.orders().EndOrder(t.Context(), again(one, 1, fleet.OrderDone)) }, ok, "", fleet.OrderDone},
		{"EndedFromWhatItWas", func(w *world) error { return w.orders().EndOrder(t.Context(), again(one, 2, fleet.OrderDone)) }, fault.Conflict, "O", fleet.Queued},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for name, strikes := range map[string][]strike{"Answered": nil, "FailedBefore": {lostBefore}, "AnswerLost": {lostAfter}} {
				w := open(t)
				must(t, w.statuses().CreateStatus(t.Context(), fleet.Status{Device: phone, Owner: user, Label: "a"}), w.orders().OpenOrder(t.Context(), one, "", fleet.Change{}))
				w.wire.strike(strikes...)
				want := test.want
				if name == "AnswerLost" && test.name == "Moved" { // a put has no token: it meets its own effect
					want = fault.Conflict
				}
				wantKind(t, test.call(w), want)
				s, err := w.statuses().Status(t.Context(), phone)
				must(t, err)
				o, err := w.orders().Order(t.Context(), "O")
				must(t, err)
				same(t, s.Order, test.named)
				if same(t, o.State, test.state); t.Failed() {
					t.Fatalf("when %s", name)
				}
			}
		})
	}

	t.Run("EndedWhenAnotherIsNamed", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		must(t, w.statuses().CreateStatus(t.Context(), fleet.Status{Device: phone, Owner: user, Label: "a"}), w.orders().OpenOrder(t.Context(), one, "", fleet.Change{}),
			w.orders().OpenOrder(t.Context(), fleet.Order{ID: "P", Device: phone}, "O", fleet.Change{}))
		wantKind(t, w.orders().EndOrder(t.Context(), again(one, 1, fleet.OrderDone)), fault.Conflict)
	})
}

func TestSetState(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		is       fleet.DeviceState
		strikes  []strike
		from, to fleet.DeviceState
		want     fault.Kind
		then     fleet.DeviceState
	}{
		{"FromThere", fleet.Unconfirmed, nil, fleet.Unconfirmed, fleet.InUse, ok, fleet.InUse},
		{"ThereAlready", fleet.InUse, nil, fleet.Unconfirmed, fleet.InUse, ok, fleet.InUse},
		{"InNeither", fleet.Retired, nil, fleet.Unconfirmed, fleet.InUse, fault.Conflict, fleet.Retired},
		{"AnswerLost", fleet.InUse, []strike{lostAfter}, fleet.InUse, fleet.Retired, ok, fleet.Retired},
		{"FailedBefore", fleet.InUse, []strike{lostBefore}, fleet.InUse, fleet.Retired, ok, fleet.Retired},
		{"Unanswered", fleet.InUse, []strike{lostBefore, lostBefore, lostBefore}, fleet.InUse, fleet.Retired, fault.Unavailable, fleet.InUse},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			d := fleet.Device{ID: phone, Owner: user, PublicKey: []byte("key"), State: test.is, EnrolledAt: start}
			must(t, w.identities().PutCode(t.Context(), fleet.Code{Hash: "h"}), w.identities().Enrol(t.Context(), fleet.Code{Hash: "h", Device: phone}, d))
			w.wire.strike(test.strikes...)
			wantKind(t, w.identities().SetState(t.Context(), phone, test.from, test.to), test.want)
			got, err := w.identities().Device(t.Context(), phone)
			must(t, err)
			d.State = test.then
			same(t, got, d)
		})
	}
	t.Run("NoSuchDevice", func(t *testing.T) {
		t.Parallel()
		s := open(t).identities()
		wantKind(t, s.SetState(t.Context(), phone, fleet.InUse, fleet.Retired), fault.Conflict)
		_, err := s.Device(t.Context(), phone)
		wantKind(t, err, fault.NotFound)
	})
}

func TestPeople(t *testing.T) {
	t.Parallel()

	t.Run("ReadBackAsWritten", func(t *testing.T) {
		t.Parallel()
		s := open(t).people()
		rapid.Check(t, func(r *rapid.T) {
			want := made[fleet.User]().Draw(r, "user")
			must(r, s.PutUser(t.Context(), want))
			got, err := s.User(t.Context(), want.ID)
			must(r, err)
			same(r, got, want)
		})
		_, err := s.User(t.Context(), "nobody")
		wantKind(t, err, fault.NotFound)
	})

	t.Run("NameLongerThanAKey", func(t *testing.T) {
		t.Parallel()
		s := open(t).people()
		for n := range 2 {
			must(t, s.PutUser(t.Context(), fleet.User{ID: id[caller.UserID](n), Name: strings.Repeat("😀", 256)}))
		}
		first, next, err := s.Users(t.Context(), "", 1)
		must(t, err)
		second, next, err := s.Users(t.Context(), next, 1)
		must(t, err)
		same(t, []caller.UserID{first[0].ID, second[0].ID}, []caller.UserID{id[caller.UserID](0), id[caller.UserID](1)})
		same(t, next, "")
	})

	t.Run("ByNameInPages", func(t *testing.T) {
		t.Parallel()
		s := open(t).people()
		for n, name := range []string{"Żaneta", "anna", "Anna Maria", "Anna", "", "Bob"} {
			must(t, s.PutUser(t.Context(), fleet.User{ID: id[caller.UserID](n), Subject: "s", Name: name, Email: "e", SeenAt: start}))
		}
		must(t, s.PutUser(t.Context(), fleet.User{ID: id[caller.UserID](5), Name: "Zoe", Email: "z"}))
		for limit := 1; limit <= 7; limit++ {
			var all []fleet.User
			for position := ""; ; {
				page, next, err := s.Users(t.Context(), position, limit)
				must(t, err)
				if len(page) > limit || next != "" && len(page) < limit || position != "" && len(page) == 0 {
					t.Fatalf("a page of %d has %d, after %q and before %q", limit, len(page), position, next)
				}
				all = append(all, page...)
				if position = next; next == "" {
					break
				}
			}
			same(t, all, []fleet.User{{ID: id[caller.UserID](4), Email: "e"}, {ID: id[caller.UserID](1), Name: "anna", Email: "e"}, {ID: id[caller.UserID](3), Name: "Anna", Email: "e"},
				{ID: id[caller.UserID](2), Name: "Anna Maria", Email: "e"}, {ID: id[caller.UserID](5), Name: "Zoe", Email: "z"}, {ID: id[caller.UserID](0), Name: "Żaneta", Email: "e"}})
		}
		_, _, err := s.Users(t.Context(), "%", 10)
		wantKind(t, err, fault.Invalid)
	})
}
