// Package fleet knows devices, their users and how a phone becomes a device, what a device that checks in should do, which
// backups were ordered, and how its backups stand. It does not know what is in a backup, nor where rows are kept.
package fleet

import (
	"context"
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/profile"
)

// Device is a phone's identity: who owns it, for ever, and the key that it signs with.
type Device struct {
	ID         caller.DeviceID
	Owner      caller.UserID
	PublicKey  []byte // P-256, SubjectPublicKeyInfo in DER
	Enrolment  string // the code's id
	State      DeviceState
	EnrolledAt time.Time
}

// DeviceState is how far a device is trusted.
type DeviceState string

const (
	Unconfirmed DeviceState = "unconfirmed" // enrolled by an administrator: it may check in and nothing else
	InUse       DeviceState = "active"
	Retired     DeviceState = "retired"
)

// User is a person who signed in.
type User struct {
	ID          caller.UserID
	Subject     string
	Name, Email string
	SeenAt      time.Time
}

// Code is a single-use enrolment code; the code itself is not kept.
type Code struct {
	Hash      string // SHA-256 of the code, hex
	ID        string // names the enrolment
	User      caller.UserID
	ExpiresAt time.Time
	Device    caller.DeviceID // that used it; "" while unused

	Unconfirmed bool // it was not made by the user himself: nor is the device confirmed that it makes
}

// Identities keep devices and codes. Reads are strongly consistent.
type Identities interface {
	// Device reads one; fault.NotFound when there is none.
	Device(ctx context.Context, id caller.DeviceID) (Device, error)
	// Code reads one by its hash; fault.NotFound when there is none.
	Code(ctx context.Context, hash string) (Code, error)
	// PutCode stores a new code; fault.Conflict when its hash or its id is taken.
	PutCode(ctx context.Context, c Code) error
	// Enrol marks the code as used by c.Device and stores that device, both or none; fault.Conflict when the code was used
	// or has gone.
	Enrol(ctx context.Context, c Code, d Device) error
	// SetState takes a device from one state to another; fault.Conflict when it is in neither, or there is none.
	SetState(ctx context.Context, id caller.DeviceID, from, to DeviceState) error
}

// Enrolments keep codes by what names them. Reads are strongly consistent.
type Enrolments interface {
	// Enrolment reads the code of an id, without its hash; fault.NotFound when there is none, or it has gone unused.
	Enrolment(ctx context.Context, id string) (Code, error)
}

// People keep users.
type People interface {
	// PutUser stores what is known of a user, in place of what was known.
	PutUser(ctx context.Context, u User) error
	// User reads one, strongly consistent; fault.NotFound when nobody of that id has signed in.
	User(ctx context.Context, id caller.UserID) (User, error)
	// Users lists id, name and e-mail of all by name, at most limit from a position on; next is "" at the end. It may lag by
	// a moment.
	Users(ctx context.Context, position string, limit int) (page []User, next string, err error)
}

// Status is what rows hold of how a device stands; Assess says what that means.
type Status struct {
	Device      caller.DeviceID
	Owner       caller.UserID
	Trust       DeviceState // a copy: what is decided, is decided by Device.State
	Label       string
	Group       string     // its device group
	Explicit    profile.ID // chosen for this device alone
	Platform    string
	Model       string
	EnrolledAt  time.Time
	Seen        Seen
	Governs     Governs
	Run         Run
	Stored      Stored
	UnchangedAt time.Time
	Failed      Failed
	Overdue     Overdue
	Tell        []string // events that may not have been announced, as they would be: at most MaxTell
	Look        Look
	Proven      Proven
	DamagedAt   time.Time // when it last found a backup of its own that cannot be restored in full
	Order       OrderID   // the last one that has not been brought to its end; it may have expired
	Rev         int64     // grows with every Note
}

// MaxTell is how many events a device's row has room for.
const MaxTell = 8

// Seen is what a check-in leaves.
type Seen struct {
	At         time.Time
	AppVersion string
	Coverage   map[string]string // what it can see, by element
	Conditions *Conditions       // nil: it has not said
	Waiting    []string          // conditions of its profile that were not met: unmetered, charging, battery
	PushToken  string            // by which an MDM rings it: opaque, and in no list
}

// Conditions are what a device says of itself: whether a backup would be welcome.
type Conditions struct {
	Unmetered bool // its network costs nothing by volume
	Charging  bool
	Battery   int // per cent
}

// Governs is which profile governed the device when that was last looked at; the zero value is "not yet", one without a
// profile is "none".
type Governs struct {
	Profile profile.ID
	Since   time.Time
}

// Run is the last backup that a device started.
type Run struct {
	At       time.Time
	Profile  profile.ID
	Session  string    // "" when nothing had changed
	Deadline time.Time // the next one, once this run has ended well; zero: there is none
}

// Stored is the last backup that was committed.
type Stored struct {
	At      time.Time
	Started time.Time
	Seq     int64 // of the user's vault
	Counts  map[string]int64
	Failed  int64 // items that could not be read or stored
}

// Failed is the last run that ended without a backup.
type Failed struct {
	At      time.Time
	Session string
}

// Overdue says that it was announced that the device is late with the backup for a slot.
type Overdue struct {
	Slot, Since time.Time
}

// Look is where the index that the watch reads has the device: to be looked at when At has come, or, with a profile, among
// those that are announced as overdue since then. The zero value is nowhere.
type Look struct {
	At      time.Time
	Overdue profile.ID
}

// Proven is the last proof that a backup can be restored in full.
type Proven struct {
	At       time.Time
	Snapshot string
}

// Change is what one function writes of a Status; a nil member stays as it is.
type Change struct {
	Seen        *Seen
	Platform    *string
	Governs     *Governs
	Run         *Run
	Stored      *Stored // one with an older Seq than the one there is does nothing, nor do Overdue and Look beside it
	UnchangedAt *time.Time
	Failed      *Failed
	Overdue     *Overdue // the zero value: it is not, or not any more
	Look        *Look
	Proven      *Proven
	DamagedAt   *time.Time
	Trust       *DeviceState // Retired takes it out of every list but its owner's, whatever Look says
	Label       *string
	Group       *string     // "": none, as in Explicit
	Explicit    *profile.ID // chosen for this device alone
	Tell, Told  []string    // events that come to Status.Tell, and that go

	Over *Edition // write only in the place of this one; fault.Conflict when there is another
	Of   string   // write only if this is the session of the Run, the device is not Overdue, nothing waits in Tell, and no newer or equal Stored is there; fault.Conflict otherwise
	Rev  *int64   // write only in the place of this Status.Rev; fault.Conflict when there is another
}

// Empty reports that it writes nothing, whatever its conditions.
func (c Change) Empty() bool {
	c.Over, c.Of, c.Rev = nil, "", nil
	return reflect.ValueOf(c).IsZero()
}

// Statuses keep how devices stand. Reads of one device are strongly consistent, lists may lag by a moment.
type Statuses interface {
	// Status reads one; fault.NotFound when there is none.
	Status(ctx context.Context, id caller.DeviceID) (Status, error)
	// CreateStatus stores a new one; one that is there already stays as it is.
	CreateStatus(ctx context.Context, s Status) error
	// Note writes the members of c, all or none, and answers what is there then; fault.NotFound when there is no such device.
	Note(ctx context.Context, id caller.DeviceID, c Change) (Status, error)
	// OfOwner lists a user's devices, those that are retired, too.
	OfOwner(ctx context.Context, user caller.UserID) ([]Status, error)
	// List lists those of the fleet that are asked for, by label, at most limit from a position on; next is "" at the end.
	// Retired devices are not in it. A page may be short, or empty, and not be the last: it looks at 2,000 rows at most.
	List(ctx context.Context, which Which, position string, limit int) (page []Status, next string, err error)
}

// Profiles are read for what they say of devices.
type Profiles interface {
	// Set reads all of them, as they are when it is called or later.
	Set(ctx context.Context) (profile.Set, error)
	// Slot reads the last slot of a profile that a tick has recorded, strongly consistent; zero when none has.
	Slot(ctx context.Context, id profile.ID) (time.Time, error)
}

// Fleet is what people and phones do with devices.
type Fleet struct {
	Tenant     string
	Identities Identities
	Enrolments Enrolments
	People     People
	Statuses   Statuses
	Orders     OrderBook
	Profiles   Profiles
	News       Announcer
	Walks      Walks
	Bulks      Bulks
	Overdues   Overdues
	OldestApp  func(ctx context.Context) (string, error) // that may back up; "": any
	Audit      audit.Recorder
	Now        func() time.Time
	NewID      func() string
	Random     func(p []byte) // fills p with unguessable bytes
}

// Met records who signed in, for the console's lists.
func (f *Fleet) Met(ctx context.Context, who caller.Caller) error {
	return f.People.PutUser(ctx, User{ID: who.User, Subject: who.Subject, Name: who.Name, Email: who.Email, SeenAt: f.now()})
}

// Any reads any device; fault.NotFound when there is none.
func (f *Fleet) Any(ctx context.Context, id caller.DeviceID) (Device, error) {
	if !caller.ValidID(string(id)) {
		return Device{}, noDevice()
	}
	return f.Identities.Device(ctx, id)
}

// Own reads one of the user's own devices; fault.NotFound for everything else, whoever's it is.
func (f *Fleet) Own(ctx context.Context, user caller.UserID, id caller.DeviceID) (Device, error) {
	d, err := f.Any(ctx, id)
	if err == nil && d.Owner != user {
		return Device{}, noDevice()
	}
	return d, err
}

// Owns answers fault.NotFound unless the device is the user's own and in use.
func (f *Fleet) Owns(ctx context.Context, user caller.UserID, id caller.DeviceID) error {
	d, err := f.Own(ctx, user, id)
	if err == nil && d.State != InUse {
		return noDevice()
	}
	return err
}

// Active reports whether a device is in use: confirmed, and not retired.
func (f *Fleet) Active(ctx context.Context, id caller.DeviceID) (bool, error) {
	d, err := f.Identities.Device(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil && d.State == InUse, err
}

// Mine lists the user's devices that are not retired, without their fingerprints.
func (f *Fleet) Mine(ctx context.Context, user caller.UserID) ([]Card, error) {
	all, err := f.Statuses.OfOwner(ctx, user)
	if err != nil {
		return nil, err
	}
	return f.cards(ctx, slices.DeleteFunc(all, func(s Status) bool { return s.Trust == Retired }))
}

func (f *Fleet) cards(ctx context.Context, statuses []Status) ([]Card, error) {
	all, err := f.Profiles.Set(ctx)
	if err != nil {
		return nil, err
	}
	now, cards := f.now(), make([]Card, len(statuses))
	for i, s := range statuses {
		cards[i] = Card{Status: s, Standing: Assess(s, all, now)}
	}
	return cards, nil
}

// Card is all there is to show of one device.
type Card struct {
	Status
	Standing    Standing
	Fingerprint string // of its key
}

// Card shows a device that was read before.
func (f *Fleet) Card(ctx context.Context, d Device) (Card, error) {
	s, err := f.status(ctx, d)
	if err != nil {
		return Card{}, err
	}
	all, err := f.Profiles.Set(ctx)
	return f.card(d, s, all), err
}

// status reads how a device stands; one that has enrolled and never said what it is has a status all the same.
func (f *Fleet) status(ctx context.Context, d Device) (Status, error) {
	s, err := f.Statuses.Status(ctx, d.ID)
	if fault.Is(err, fault.NotFound) {
		return Status{Device: d.ID, Owner: d.Owner, EnrolledAt: d.EnrolledAt}, nil
	}
	return s, err
}

func (f *Fleet) card(d Device, s Status, all profile.Set) Card {
	s.Trust = d.State
	return Card{Status: s, Standing: Assess(s, all, f.now()), Fingerprint: Fingerprint(d.PublicKey)}
}

// Fingerprint is the SHA-256 of a public key in DER, in groups that two people can compare.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	var groups []string
	for pair := range slices.Chunk(sum[:], 2) {
		groups = append(groups, fmt.Sprintf("%X", pair))
	}
	return strings.Join(groups, " ")
}

func noDevice() error { return fault.New(fault.NotFound, "not_found", "There is no such device.") }

func (f *Fleet) now() time.Time { return moment(f.Now) }

// moment is the time as rows keep it, so that an answer says what its repetition says.
func moment(now func() time.Time) time.Time { return now().UTC().Truncate(time.Millisecond) }
