package table_test

import (
	"errors"
	"testing"
	"time"

	"zapas/shared/audit"
	"zapas/shared/aws/table"
	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fleet"
	"zapas/shared/idempotency"
	"zapas/shared/profile"
	"zapas/shared/restore"
	"zapas/shared/vault"
)

// TestCapacity states what every operation costs, in request units as "Read and write capacity" (Amazon DynamoDB
// Developer Guide) counts them, on a vault late in its life. An index costs a write of its own.
func TestCapacity(t *testing.T) {
	t.Parallel()
	c := full()
	device, code := fleet.Device{ID: phone, Owner: user, PublicKey: make([]byte, 91)}, fleet.Code{Hash: "h", ID: "E", User: user, Device: phone}
	other := fleet.Device{ID: id[caller.DeviceID](3), Owner: user, PublicKey: make([]byte, 91)}
	record := audit.Record{ID: id[string](1), At: start, Who: user, Device: phone, Action: audit.KeyBackup, Target: id[string](2)}
	err := func(_ any, err error) error { return err }
	for _, test := range []struct {
		name          string
		writes, reads float64
		call          func(w *world) error
	}{
		{"Head", 0, 1, func(w *world) error { return err(w.vaults().Head(t.Context(), user)) }},
		{"Session", 0, 1, func(w *world) error { return err(w.vaults().Session(t.Context(), user, c.Sessions[0].ID)) }},
		{"Snapshot", 0, 1, func(w *world) error { return err(w.vaults().Snapshot(t.Context(), user, c.Snapshots[0].Seq)) }},
		{"Snapshots", 0, 1, func(w *world) error { return err(w.vaults().Snapshots(t.Context(), user)) }},
		{"WriteHead", 1, 0, func(w *world) error { return w.vaults().Write(t.Context(), user, vault.Change{Head: next(c.Head)}) }},
		{"WriteHeadWhileAllIsProven", 2, 0, func(w *world) error {
			return w.vaults().Write(t.Context(), user, vault.Change{Head: proving(next(c.Head))})
		}},
		{"WriteBegin", 4, 0, func(w *world) error {
			return w.vaults().Write(t.Context(), user, vault.Change{Head: next(c.Head), Sessions: c.Sessions})
		}},
		{"WriteCommit", 6, 0, func(w *world) error {
			return w.vaults().Write(t.Context(), user, vault.Change{Head: next(c.Head), Sessions: c.Sessions, Snapshots: c.Snapshots})
		}},
		{"LostRace", 1, 0, func(w *world) error {
			if w.vaults().Write(t.Context(), user, vault.Change{Head: vault.Head{Rev: 7}}) == nil {
				t.Error("the race was won")
			}
			return nil
		}},
		{"Key", 0, 1, func(w *world) error { return err(w.keys().Key(t.Context(), user, 1)) }},
		{"CreateKey", 1, 0, func(w *world) error { return w.keys().CreateKey(t.Context(), user, 2, make([]byte, 184)) }},
		{"Restore", 0, 1, func(w *world) error { return err(w.restores().Restore(t.Context(), user, "R")) }},
		{"PutRestore", 1, 0, func(w *world) error {
			return w.restores().PutRestore(t.Context(), restore.Restore{ID: "R", User: user, Rev: 1})
		}},
		{"Restores", 0, 1, func(w *world) error {
			_, _, err := w.restores().Restores(t.Context(), user, "", 50)
			return err
		}},
		{"RecordSlot", 1, 0, func(w *world) error {
			return table.Slots(w.profiles()).Record(t.Context(), "P", start, start)
		}},
		{"Slot", 0, 1, func(w *world) error { return err(table.Slots(w.profiles()).Slot(t.Context(), "P")) }},
		{"Settings", 0, 1, func(w *world) error { return err(w.settings().Settings(t.Context())) }},
		{"ReplaceSettings", 1, 0, func(w *world) error {
			return w.settings().ReplaceSettings(t.Context(), restore.Settings{Version: 1}, 0)
		}},
		{"UseToken", 1, 0, func(w *world) error { return w.tokens().UseToken(t.Context(), phone, "T", "r", record.At) }},
		{"Append", 1, 0, func(w *world) error { return w.audit().Append(t.Context(), record) }},
		{"Device", 0, 1, func(w *world) error { return err(w.identities().Device(t.Context(), other.ID)) }},
		{"Code", 0, 1, func(w *world) error { return err(w.identities().Code(t.Context(), "h")) }},
		{"Enrolment", 0, 1, func(w *world) error { return err(w.identities().Enrolment(t.Context(), "E")) }},
		{"PutCode", 4, 0, func(w *world) error { return w.identities().PutCode(t.Context(), fleet.Code{Hash: "new", ID: "new"}) }},
		{"SetState", 1, 0, func(w *world) error { return w.identities().SetState(t.Context(), other.ID, "", fleet.InUse) }},
		{"PutUser", 2, 0, func(w *world) error { return w.people().PutUser(t.Context(), fleet.User{ID: "new"}) }},
		{"PutUserAgain", 1, 0, func(w *world) error { return w.people().PutUser(t.Context(), fleet.User{ID: user, SeenAt: start}) }},
		{"User", 0, 1, func(w *world) error { return err(w.people().User(t.Context(), user)) }},
		{"Users", 0, 0.5, func(w *world) error {
			_, _, err := w.people().Users(t.Context(), "", 50)
			return err
		}},
		{"Order", 0, 1, func(w *world) error { return err(w.orders().Order(t.Context(), "O")) }},
		{"OpenOrder", 8, 0, func(w *world) error {
			return w.orders().OpenOrder(t.Context(), fleet.Order{ID: "P", Device: phone}, "O", fleet.Change{})
		}},
		{"OpenOrderAndKeep", 12, 0, func(w *world) error {
			return w.orders().OpenOrder(t.Context(), fleet.Order{ID: "P", Device: phone}, "O", fleet.Keep(start, event.Requested(event.Subject{Device: phone}, "P", start)))
		}},
		{"PutRestoreAndKeep", 12, 0, func(w *world) error {
			r := restore.Restore{ID: "R", User: user, Device: phone, Rev: 1}
			return w.restores().PutRestore(t.Context(), r, event.Restore(event.RestoreCancelled, event.Subject{Device: phone}, "R", start))
		}},
		{"MoveOrder", 1, 0, func(w *world) error {
			return w.orders().MoveOrder(t.Context(), fleet.Order{ID: "O", Device: phone, Rev: 1})
		}},
		{"EndOrder", 8, 0, func(w *world) error {
			return w.orders().EndOrder(t.Context(), fleet.Order{ID: "O", Device: phone, Rev: 1})
		}},
		{"Enrol", 6, 0, func(w *world) error { return w.identities().Enrol(t.Context(), code, device) }},
		{"Status", 0, 1, func(w *world) error { return err(w.statuses().Status(t.Context(), phone)) }},
		{"CreateStatus", 4, 0, func(w *world) error {
			return w.statuses().CreateStatus(t.Context(), fleet.Status{Device: "X", Owner: user, Label: "a", Look: fleet.Look{At: start}})
		}},
		{"Note", 3, 0, func(w *world) error {
			return err(w.statuses().Note(t.Context(), phone, fleet.Change{Run: &fleet.Run{At: start}, Stored: &fleet.Stored{Seq: 2}}))
		}},
		{"NoteOfAProof", 3, 0, func(w *world) error {
			return err(w.statuses().Note(t.Context(), phone, fleet.Change{Proven: &fleet.Proven{At: start, Snapshot: string(c.Snapshots[0].ID)}, DamagedAt: &start}))
		}},
		{"NoteOfAnotherDeadline", 5, 0, func(w *world) error { // of the index, the old place goes
			return err(w.statuses().Note(t.Context(), phone, fleet.Change{Stored: &fleet.Stored{Seq: 2}, Look: &fleet.Look{At: start.Add(time.Hour)}}))
		}},
		{"NoteOfAnOlderBackup", 1, 0, func(w *world) error {
			return err(w.statuses().Note(t.Context(), phone, fleet.Change{Stored: &fleet.Stored{Seq: -1}}))
		}},
		{"OfOwner", 0, 0.5, func(w *world) error { return err(w.statuses().OfOwner(t.Context(), user)) }},
		{"List", 0, 2, func(w *world) error {
			_, _, err := w.statuses().List(t.Context(), fleet.Which{}, "", 50)
			return err
		}},
		{"CreateProfile", 4, 0, func(w *world) error { return w.profiles().Create(t.Context(), profile.Profile{ID: "A"}) }},
		{"ReplaceProfile", 4, 0, func(w *world) error {
			return w.profiles().Replace(t.Context(), profile.Profile{ID: "B", Version: 2}, 1)
		}},
		{"DeleteProfile", 4, 0, func(w *world) error { return w.profiles().Delete(t.Context(), "B", 1) }},
		{"Claim", 1, 0, func(w *world) error {
			return err(w.requests().Claim(t.Context(), idempotency.Request{User: user, Key: "new"}, start))
		}},
		{"ClaimAgain", 1, 1, func(w *world) error { return err(w.requests().Claim(t.Context(), claimed(), start)) }},
		{"Answer", 1, 0, func(w *world) error { return w.requests().Answer(t.Context(), claimed()) }},
		{"Profiles", 0, 1, func(w *world) error { return err(w.profiles().Profiles(t.Context())) }},
		{"SetOfProfiles", 0, 2, func(w *world) error { return err((&table.Sets{Profiles: w.profiles()}).Set(t.Context())) }},
		{"SetOfProfilesTwice", 0, 3, func(w *world) error {
			s := &table.Sets{Profiles: w.profiles()}
			return errors.Join(err(s.Set(t.Context())), err(s.Set(t.Context())))
		}},
		{"SlotThatNoTickHasRecorded", 0, 1, func(w *world) error { return err((&table.Sets{Profiles: w.profiles()}).Slot(t.Context(), "B")) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			first := c
			first.Head.Rev = 0
			unused, used := code, fleet.Code{Hash: "h2", ID: "E2", User: user, Device: other.ID}
			unused.Device = ""
			must(t, w.profiles().Create(t.Context(), profile.Profile{ID: "B", Version: 1}), err(w.requests().Claim(t.Context(), claimed(), claimed().ExpiresAt)))
			must(t, w.vaults().Write(t.Context(), user, first), w.keys().CreateKey(t.Context(), user, 1, make([]byte, 184)),
				w.restores().PutRestore(t.Context(), restore.Restore{ID: "R", User: user}), w.identities().PutCode(t.Context(), unused),
				w.identities().PutCode(t.Context(), fleet.Code{Hash: "h2", ID: "E2", User: user}), w.identities().Enrol(t.Context(), used, other),
				w.statuses().CreateStatus(t.Context(), fleet.Status{Device: phone, Owner: user, Label: "Phone", Look: fleet.Look{At: start}, Stored: fleet.Stored{Seq: 1}}),
				w.people().PutUser(t.Context(), fleet.User{ID: user}), w.orders().OpenOrder(t.Context(), fleet.Order{ID: "O", Device: phone}, "", fleet.Change{}))
			writesBefore, readsBefore := w.server.Consumed()
			must(t, test.call(w))
			writes, reads := w.server.Consumed()
			same(t, [2]float64{writes - writesBefore, reads - readsBefore}, [2]float64{test.writes, test.reads})
		})
	}
}

func next(h vault.Head) vault.Head {
	h.Rev = 1
	return h
}

// proving adds a proof on each phone, with which the head outgrows one unit.
func proving(h vault.Head) vault.Head {
	for _, e := range h.Open {
		if e.Kind == vault.Restore {
			e.Kind, e.Granted = vault.Verify, 0
			h.Open = append(h.Open, e)
		}
	}
	return h
}
