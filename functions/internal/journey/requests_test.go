package journey_test

import (
	"testing"
	"time"

	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/shared/api"
)

// TestCapacity states what each request of a phone costs in all, its token's check and every index counted, in request units
// as "Read and write capacity" (Amazon DynamoDB Developer Guide) counts them, on the second day of its life.
func TestCapacity(t *testing.T) {
	t.Parallel()
	w := open(t, gatewaytest.NewIssuer(t))
	j := &journey{world: w, ada: person{w, "ada", []string{"admins"}}, anna: person{w, "anna", nil}, keys: map[string]string{}}
	j.begin()
	first := j.backup("", nil, [][]byte{chunk("first")}, 1, 0)
	w.stack.Clock.Advance(24 * time.Hour)
	var s api.Session
	var added []api.AddedChunk
	backup := api.SessionInput{Kind: api.SessionInputKindBackup, Profile: &j.profile.Id, Base: &first}
	var commit api.CommitInput
	for _, one := range []struct {
		name          string
		writes, reads float64
		do            func()
	}{
		// Reads of a check-in: the device's key, its card, the number of the profiles, the slot, the settings; and its restores.
		{"CheckInWithNews", 3, 6, func() { j.checkIn(j.old) }},
		{"CheckIn", 0, 6, func() { j.checkIn(j.old) }},
		{"Begin", 9, 6, func() { s = j.old.begin(backup) }},
		{"Sign", 2, 2, func() { added = j.old.upload(*s.Session, chunk("second")) }},
		// The card is read before it is noted, for what the note changes: whether it was overdue, and what it held.
		{"Commit", 11, 4, func() { commit = ending(added, nil, 1, 1); j.old.ask("commitSession", *s.Session, "", commit) }},
		{"CommitAgain", 0, 5, func() { j.old.ask("commitSession", *s.Session, "", commit) }},
		{"Unchanged", 4, 5, func() {
			j.old.ask("beginSession", "", "", api.SessionInput{Kind: api.SessionInputKindUnchanged, Base: s.Session, Profile: &j.profile.Id})
		}},
		{"BeginAndGiveUp", 16, 9, func() {
			s = j.old.begin(api.SessionInput{Kind: backup.Kind, Profile: backup.Profile})
			j.old.ask("endSession", *s.Session, "", nil)
		}},
	} {
		writesBefore, readsBefore := w.stack.DynamoDB.Consumed()
		one.do()
		writes, reads := w.stack.DynamoDB.Consumed()
		if writes, reads = writes-writesBefore, reads-readsBefore; writes != one.writes || reads != one.reads {
			t.Errorf("%s costs %v writes and %v reads, want %v and %v", one.name, writes, reads, one.writes, one.reads)
		}
		w.stack.Clock.Advance(time.Minute)
	}
}
