// Package restore knows the life of a restore: a user's consent that one of his backups goes to one of his devices, or to
// the phone that will use an enrolment of his, how long it is held and waits, its opening there, its ledger and its end,
// and what an organisation sets of that. It does not know what is restored, nor where consents are kept.
package restore

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fault"
	"zapas/shared/vault"
)

// ID names a restore.
type ID string

// State is how far a restore is.
type State string

const (
	Held       State = "held"    // its device may not open it yet
	Waiting    State = "waiting" // for its device to check in
	Opened     State = "opened"
	Done       State = "done"
	PartlyDone State = "partly_done"
	Failed     State = "failed"
	Cancelled  State = "cancelled" // by its user
	Expired    State = "expired"   // it was not opened, or not ended, in time
)

// MaxLive is how many restores of a user can be held, waiting or open at the same time; of consents given in the same
// moment one more may get through.
const MaxLive = 20

// Restore is one consent and what became of it.
type Restore struct {
	ID        ID
	User      caller.UserID
	Snapshot  vault.SessionID
	Device    caller.DeviceID // to which it goes; "" until the phone is known that used Enrolment
	Enrolment string          // of the phone to which it goes, if that was not there yet
	Elements  []string
	Planned   map[string]int64 // by element: what the snapshot holds of them
	State     State            // what is kept is neither Held nor Expired: those come by the clock alone
	HeldUntil time.Time        // from then on its device may open it
	ExpiresAt time.Time        // from then on it may not
	Session   vault.SessionID  // that reads it, once opened
	Ledger    map[string]Ledger
	Rev       int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Ledger accounts for the items of one element: Planned = Inserted + Duplicate + Merged + Skipped + Failed.
type Ledger struct {
	Planned, Inserted, Duplicate, Merged, Skipped, Failed int64
	Reasons                                               map[string]int64 // of Skipped and Failed, which they add up to
}

// Store keeps consents. Reads are strongly consistent.
type Store interface {
	// Restore reads one; fault.NotFound when this user has none of that id.
	Restore(ctx context.Context, user caller.UserID, id ID) (Restore, error)
	// Restores lists a user's, newest first, at most limit from a position on; next is "" at the end. fault.Invalid when
	// no list has given that position.
	Restores(ctx context.Context, user caller.UserID, position string, limit int) (page []Restore, next string, err error)
	// PutRestore stores r with the next Rev, provided that the stored one still has r.Rev (0: that there is none), and has the
	// row of its device keep events until they are told, all or none; fault.Conflict when it has not. A new one with events is
	// fault.Conflict, too, when that row has no room.
	PutRestore(ctx context.Context, r Restore, keep ...event.Event) error
}

// News is how the world hears of restores.
type News interface {
	// Kept tells events that PutRestore has had a device's row keep. What of that fails is done later.
	Kept(ctx context.Context, device caller.DeviceID, events ...event.Event)
	// Happened tells events that nobody has kept. What cannot be told now is kept with the device, or lost if that is "".
	Happened(ctx context.Context, device caller.DeviceID, events ...event.Event) error
}

// Service is what users and their devices do with restores.
type Service struct {
	Tenant   string
	Store    Store
	News     News
	Settings Organisation
	Audit    audit.Recorder
	// Find answers fault.NotFound unless the snapshot is the user's own and may be chosen.
	Find func(ctx context.Context, user caller.UserID, id vault.SessionID) (vault.Snapshot, error)
	// Owns answers fault.NotFound unless the device is the user's own and in use.
	Owns func(ctx context.Context, user caller.UserID, device caller.DeviceID) error
	// Enrolled answers which device has come of an enrolment, "" while none has, and when its code expires; fault.NotFound
	// unless the user made it for himself.
	Enrolled func(ctx context.Context, user caller.UserID, enrolment string) (caller.DeviceID, time.Time, error)
	Now      func() time.Time
	NewID    func() string
}

// Consent sends one of the caller's backups to one of his devices, or to the phone that uses an enrolment of his. He must
// have signed in just now. A snapshot, a device or an enrolment that is not his own, an enrolment that another made for
// him, one that has expired or whose device is not in use: each answers exactly as one that does not exist. Given an ID,
// it is safe to repeat: what bears it already is answered as it is.
func (s *Service) Consent(ctx context.Context, who caller.Caller, r Restore) (Restore, error) {
	if !who.Fresh(s.Now()) {
		return Restore{}, fault.New(fault.Forbidden, "sign_in_again",
			"A restore needs a sign-in of the last five minutes; sign in again, then repeat it.")
	}
	if err := s.lawful(&r); err != nil {
		return Restore{}, err
	}
	if r.ID == "" {
		r.ID = ID(s.NewID())
	} else if given, err := s.Store.Restore(ctx, who.User, r.ID); err == nil {
		return s.shown(ctx, given)
	} else if !fault.Is(err, fault.NotFound) {
		return Restore{}, err
	}
	n, err := s.Find(ctx, who.User, r.Snapshot)
	if err != nil {
		return Restore{}, err
	}
	r.Planned = n.Counts.ByElement()
	if err := s.target(ctx, who.User, &r); err != nil {
		return Restore{}, err
	}
	if err := s.room(ctx, who.User); err != nil {
		return Restore{}, err
	}
	set, err := s.Settings.Get(ctx)
	if err != nil {
		return Restore{}, err
	}
	now := s.now()
	r.User, r.State, r.CreatedAt, r.UpdatedAt = who.User, Waiting, now, now
	r.HeldUntil, r.ExpiresAt = set.terms(now)
	if err := s.Audit.Record(ctx, who, audit.RestoreAsked, string(r.ID), string(r.Snapshot), cmp.Or(r.Enrolment, string(r.Device))); err != nil {
		return Restore{}, err
	}
	return r.at(now), s.people(ctx, r, event.RestoreRequested)
}

// people stores what a person did of a restore, and tells of it. One that goes to a phone which nobody knows yet has no row
// that could keep the event: it is told once, or not at all if the bus does not take it.
func (s *Service) people(ctx context.Context, r Restore, what event.Type) error {
	e := s.event(r, what)
	if r.Device == "" {
		if err := s.put(ctx, r); err != nil {
			return err
		}
		return s.News.Happened(ctx, "", e)
	}
	if err := s.put(ctx, r, e); err != nil {
		return err
	}
	s.News.Kept(ctx, r.Device, e)
	return nil
}

func (s *Service) event(r Restore, what event.Type) event.Event {
	return event.Restore(what, event.Subject{Tenant: s.Tenant, Device: r.Device, User: r.User}, string(r.ID), r.UpdatedAt)
}

// target finds the device that r goes to, or leaves it to the phone that will use the enrolment.
func (s *Service) target(ctx context.Context, user caller.UserID, r *Restore) (err error) {
	if r.Enrolment == "" {
		return s.Owns(ctx, user, r.Device)
	}
	var expires time.Time
	r.Device, expires, err = s.Enrolled(ctx, user, r.Enrolment)
	if err == nil && r.Device != "" { // the phone was quicker
		err = s.Owns(ctx, user, r.Device)
	}
	if fault.Is(err, fault.NotFound) || err == nil && !s.Now().Before(expires) {
		return fault.New(fault.NotFound, "not_found", "There is no such enrolment.")
	}
	return err
}

// room keeps what may be open at the same time within bounds.
func (s *Service) room(ctx context.Context, user caller.UserID) error {
	recent, err := s.recent(ctx, user)
	live := 0
	for _, r := range recent {
		if r, err = s.shown(ctx, r); err != nil {
			return err
		}
		if r.Live() {
			live++
		}
	}
	if err == nil && live >= MaxLive {
		return fault.New(fault.Conflict, "too_many_restores",
			"%d restores are waiting or open already; cancel one that is not needed on my card, then ask again.", live)
	}
	return err
}

// put stores r. A refusal may be this write's own effect, whose answer was lost: then r is what is stored.
func (s *Service) put(ctx context.Context, r Restore, keep ...event.Event) error {
	err := s.Store.PutRestore(ctx, r, keep...)
	if !fault.Is(err, fault.Conflict) {
		return err
	}
	stored, read := s.Store.Restore(ctx, r.User, r.ID)
	if read == nil && stored.State == r.State && stored.Session == r.Session && maps.EqualFunc(stored.Ledger, r.Ledger, Ledger.equal) {
		return nil
	}
	return fault.Wrap(err, fault.Unavailable, "busy", "This restore has just changed; try the same again in a moment.")
}

var elements = []string{"contacts", "messages", "calls"}

func (s *Service) lawful(r *Restore) error {
	switch {
	case r.Device == "" && r.Enrolment == "":
		return fault.Fields([]fault.Field{{Pointer: "/device", Code: "missing", Detail: "name a device, or an enrolment in its place"}})
	case r.Device != "" && r.Enrolment != "":
		return fault.Fields([]fault.Field{{Pointer: "/enrolment", Code: "invalid", Detail: "name a device or an enrolment, not both"}})
	}
	if len(r.Elements) == 0 {
		r.Elements = slices.Clone(elements)
	}
	for i, e := range r.Elements {
		if !slices.Contains(elements, e) || slices.Index(r.Elements, e) != i {
			return fault.Fields([]fault.Field{{Pointer: "/elements", Code: "invalid",
				Detail: "each must be one of contacts, messages, calls, and stand there once"}})
		}
	}
	slices.SortFunc(r.Elements, func(a, b string) int { return slices.Index(elements, a) - slices.Index(elements, b) })
	return nil
}

// Open records the session that reads a restore. Repeating it changes nothing.
func (s *Service) Open(ctx context.Context, r Restore, session vault.SessionID) (Restore, error) {
	if r.State == Opened && r.Session == session {
		return r, nil
	}
	if err := s.Audit.Record(ctx, asker(r), audit.RestoreOpened, string(r.ID), string(r.Snapshot), string(session)); err != nil {
		return Restore{}, err
	}
	now := s.now()
	if r.State == Waiting { // begun in time, it may be brought to its end
		r.ExpiresAt = later(r.ExpiresAt, now.Add(vault.Lease))
	}
	r.State, r.Session, r.UpdatedAt = Opened, session, now
	return r, s.put(ctx, r)
}

// asker is the device that carries a restore out.
func asker(r Restore) caller.Caller { return caller.Caller{User: r.User, Device: r.Device} }

// Consented reports whether keys may be released to a session: its restore must be open, for it and for its device.
func (s *Service) Consented(ctx context.Context, user caller.UserID, v vault.Session) error {
	r, err := s.read(ctx, user, ID(v.Restore))
	if err != nil {
		return err
	}
	if r = r.at(s.Now()); r.State != Opened || r.Session != v.ID || r.Device != v.Device {
		return fault.New(fault.Gone, "session_over", "This restore is not open here any more; open it again.")
	}
	return nil
}

// Cancel takes a consent back that is held, waits or is open. Its device gets no further key. Repeating it changes nothing.
// fault.Conflict "restore_over".
func (s *Service) Cancel(ctx context.Context, who caller.Caller, id ID) (Restore, error) {
	r, err := s.read(ctx, who.User, id)
	if err != nil || r.State == Cancelled {
		return r, err
	}
	if now := r.at(s.Now()); !now.Live() {
		return r, over(now)
	}
	if err := s.Audit.Record(ctx, who, audit.RestoreCancelled, string(r.ID), string(r.Device)); err != nil {
		return r, err
	}
	r.State, r.UpdatedAt = Cancelled, s.now()
	return r, s.people(ctx, r, event.RestoreCancelled)
}

// Finish records what became of a restore, though it may have expired or been cancelled meanwhile: what was written was
// written. One that was cancelled stays so, with its ledger. Repeating it answers the same.
func (s *Service) Finish(ctx context.Context, user caller.UserID, device caller.DeviceID, id ID, session vault.SessionID, l map[string]Ledger) (Restore, error) {
	r, err := s.read(ctx, user, id)
	if err == nil && r.Device != device {
		err = notFound()
	}
	if err != nil {
		return Restore{}, err
	}
	if r.Session != session {
		return Restore{}, fault.New(fault.Gone, "session_over", "Another session has this restore; open it again.")
	}
	if err := checkLedger(r, l); err != nil {
		return Restore{}, err
	}
	to := outcome(l)
	if r.State == Cancelled {
		to = Cancelled
	}
	switch told := r.Ledger != nil; {
	case told && r.State == to && maps.EqualFunc(r.Ledger, l, Ledger.equal):
		return r, s.ended(ctx, r)
	case told || r.State != Opened && r.State != Cancelled:
		return Restore{}, over(r)
	}
	if err := s.Audit.Record(ctx, asker(r), audit.RestoreEnded, string(r.ID), string(session)); err != nil {
		return Restore{}, err
	}
	r.Ledger, r.State, r.UpdatedAt = l, to, s.now()
	if err := s.put(ctx, r); err != nil {
		return r, err
	}
	// If we die on this line, the device reports again, and it is told then.
	return r, s.ended(ctx, r)
}

// ended tells how a restore has ended. Its user's word that it is cancelled was told when he gave it.
func (s *Service) ended(ctx context.Context, r Restore) error {
	switch r.State {
	case Done, PartlyDone:
		return s.News.Happened(ctx, r.Device, s.event(r, event.RestoreDone))
	case Failed:
		return s.News.Happened(ctx, r.Device, s.event(r, event.RestoreFailed))
	}
	return nil
}

// outcome is done when nothing failed, failed when nothing else happened.
func outcome(l map[string]Ledger) State {
	var good, failed int64
	for _, e := range l {
		good += e.Inserted + e.Duplicate + e.Merged
		failed += e.Failed
	}
	switch {
	case failed == 0:
		return Done
	case good == 0:
		return Failed
	}
	return PartlyDone
}

func (a Ledger) equal(b Ledger) bool {
	return a.numbers() == b.numbers() && maps.Equal(a.Reasons, b.Reasons)
}

func (a Ledger) numbers() [6]int64 {
	return [6]int64{a.Planned, a.Inserted, a.Duplicate, a.Merged, a.Skipped, a.Failed}
}

// checkLedger refuses a ledger that does not balance, or does not account for all that the backup holds of the elements
// that were asked for: nothing may be lost silently. What the device was told to leave out is skipped.
func checkLedger(r Restore, l map[string]Ledger) error {
	var f []fault.Field
	for _, element := range r.Elements {
		if e, ok := l[element]; !ok || e.Planned != r.Planned[element] {
			f = append(f, fault.Field{Pointer: "/ledger/" + element, Code: "incomplete",
				Detail: fmt.Sprintf("the backup holds %d items, and %d are accounted for", r.Planned[element], e.Planned)})
		}
	}
	for _, element := range slices.Sorted(maps.Keys(l)) {
		e, at := l[element], "/ledger/"+element
		if !slices.Contains(r.Elements, element) {
			f = append(f, fault.Field{Pointer: "/ledger", Code: "invalid", Detail: "it names an element that was not to be restored"})
			continue
		}
		var sum int64
		for i, n := range e.numbers() {
			if n < 0 || n > 4*vault.MaxCount {
				f = append(f, fault.Field{Pointer: at, Code: "invalid", Detail: "a number of items is below 0 or too large"})
			}
			if i > 0 {
				sum += n
			}
		}
		if sum != e.Planned {
			f = append(f, fault.Field{Pointer: at, Code: "unbalanced", Detail: "what became of the items does not add up to those planned"})
		}
		f = append(f, vault.CheckReasons(at, e.Reasons, e.Skipped+e.Failed)...)
	}
	return fault.Fields(f)
}

func over(r Restore) error {
	return fault.New(fault.Conflict, "restore_over", "This restore is over already (%s).", r.State)
}

func notFound() error { return fault.New(fault.NotFound, "not_found", "There is no such restore.") }
