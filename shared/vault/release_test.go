package vault_test

import (
	"testing"

	"zapas/shared/fault"
	"zapas/shared/vault"
)

// TestRelease_OfTheSnapshot: an open restore has the keys of what its snapshot can consist of: a consent to one backup opens
// no other, though its objects were fetched in the name of a consent that is over.
func TestRelease_OfTheSnapshot(t *testing.T) {
	t.Parallel()
	w := open(t)
	p, q := w.phone(anna, one), w.phone(anna, two)
	earlier := p.backup("", 1, "a")
	others := q.backup("", 1, "of another device")
	base := p.backup(earlier.ID, 2, "b")
	later := p.backup(base.ID, 3, "c")
	writing := p.begin(later.ID)
	r := w.phone(anna, "01ARZ3NDEKTSV4RRFFQ69G500R")
	r.restores(base.ID, every...)
	resting := r.backup(base.ID, 3, "d")
	key, _ := ephemeral(t)
	for _, tt := range []struct {
		name   string
		of     vault.Snapshot
		asked  []vault.SessionID
		closed bool
	}{
		{"Itself", base, []vault.SessionID{base.ID}, false},
		{"WhatItRestsOn", base, []vault.SessionID{earlier.ID, base.ID}, false},
		{"WhoseRowIsLost", base, []vault.SessionID{base.ID, none}, false},
		{"ALaterOne", base, []vault.SessionID{base.ID, later.ID}, true},
		{"OneThatIsOpen", later, []vault.SessionID{writing.ID}, true},
		{"AnotherDevices", later, []vault.SessionID{others.ID}, true},
		{"OneThatRestsOnIt", later, []vault.SessionID{resting.ID}, true},
		{"AnotherDevicesThatItRestsOn", resting, []vault.SessionID{earlier.ID, base.ID, resting.ID}, false},
		{"LaterThanWhatItRestsOn", resting, []vault.SessionID{later.ID}, true},
	} {
		q.counter++
		s, err := w.opener.Begin(t.Context(), anna, vault.Beginning{Device: two, Kind: vault.Restore, Counter: q.counter, Base: tt.of.ID})
		must(t, err)
		w.records = nil
		_, err = w.opener.Release(t.Context(), anna, two, s.ID, tt.asked, key)
		if tt.closed {
			refused(t, err, fault.NotFound, "not_found")
		} else if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if released := len(w.records) == 1; released == tt.closed {
			t.Errorf("%s: recorded are %+v", tt.name, w.records)
		}
	}
	q.counter++
	s, err := w.opener.Begin(t.Context(), anna, vault.Beginning{Device: two, Kind: vault.Restore, Counter: q.counter, Base: base.ID})
	must(t, err)
	_, err = w.opener.Release(t.Context(), anna, two, s.ID, []vault.SessionID{s.ID}, key) // which is no backup
	refused(t, err, fault.NotFound, "not_found")
}
