// Package mobile knows how a phone app in Kotlin or Swift speaks to package device: one call for each of its screens, in
// types that gobind binds. It does not know how backups are made or restored, and decides nothing about them.
//
// What the app lists it pushes, item by item, into an Items; what is written for it comes as an Item. Lists of the answers
// are read by a count and a position; a position that there is not gives null. A call that can take long gets a Run, by which
// another thread can end it. One call is made at a time: a second one fails as CodeBusy, and waits for nothing.
package mobile

import (
	"context"
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"zapas/device"
	"zapas/device/internal/ledger"
	"zapas/device/internal/remote"
)

// The elements of a backup.
const (
	Contacts = "contacts"
	Messages = "messages"
	Calls    = "calls"
)

// The kinds of items.
const (
	KindContact = "contact"
	KindSMS     = "sms"
	KindMMS     = "mms"
	KindCall    = "call"
)

// How much of an element the app can see.
const (
	CoverageFull        = device.Full        // all: what is missing was deleted
	CoverageLimited     = device.Limited     // some of it, as with limited access to the contacts
	CoverageDenied      = device.Denied      // nothing, for want of a permission
	CoverageUnavailable = device.Unavailable // nothing: the platform shows it to no app
)

// Signer holds the phone's private key, P-256, in its hardware store.
type Signer interface {
	// PublicKey is the key as a SubjectPublicKeyInfo in DER (RFC 5280, 4.1.2.7).
	PublicKey() []byte
	// Sign signs a SHA-256 digest by ECDSA; the signature is in DER (RFC 3279, 2.2.3).
	Sign(digest []byte) ([]byte, error)
}

// Progress is told how far a run has come.
type Progress interface {
	// Step says that of a work on an element so much is done: items, or bytes of what is uploaded and downloaded. Works are
	// reading, sealing, uploading, downloading, matching, planning and writing; states running, ended and broken_off. Done
	// does not fall; total is 0 while it is not known. It comes on the thread that works, must return soon and throw nothing.
	Step(element, work, state string, done, total, failed int64)
}

// Run is one call that takes long. It is used once.
type Run struct {
	ctx    context.Context
	cancel context.CancelFunc
	tell   Progress
}

// NewRun makes a run. progress may be null.
func NewRun(progress Progress) *Run {
	ctx, cancel := context.WithCancel(context.Background())
	return &Run{ctx: ctx, cancel: cancel, tell: progress}
}

// Cancel ends the run at its next step; its call fails as CodeCancelled. It may be called from any thread, at any time.
func (r *Run) Cancel() { r.cancel() }

// Device is this phone's end of the service.
type Device struct {
	mu   sync.Mutex
	d    *device.Device
	tell Progress // of the run that is under way
	pace pace
}

// Conditions is how the phone stands at a moment. Its methods come on several threads at a time, often, and must return soon.
type Conditions interface {
	// Unmetered reports whether the network costs nothing by volume.
	Unmetered() bool
	Charging() bool
	// Battery is how full it is, per cent.
	Battery() int
	// MayUse is asked, once in a run, whether a metered network may be used although the profile wants none; bytes are those of
	// the next object. order says that somebody has ordered this backup on my card. False ends the run, as CodeMetered, and
	// the next one goes on.
	MayUse(bytes int64, order bool) bool
}

// Open opens the folder in which the app keeps what this library knows; it is made if there is none. appVersion is what the
// service is told, at most 32 characters. From then on Go takes garbage away early: a phone gives an app little memory.
func Open(dir, appVersion string, signer Signer) (*Device, error) {
	return OpenWith(dir, appVersion, signer, nil)
}

// OpenWith is Open for an app that says how the phone stands: what the profile wants of that is heeded then.
func OpenWith(dir, appVersion string, signer Signer, conditions Conditions) (*Device, error) {
	device.SpareMemory()
	out := &Device{}
	c := device.Config{Limit: out.pace.take, Dir: dir, Signer: signer, AppVersion: appVersion, Transport: http.DefaultTransport,
		Now: time.Now, Random: rand.Reader, Wait: remote.Sleep, Progress: out.step}
	if conditions != nil {
		c.Conditions = func() device.Conditions {
			return device.Conditions{Unmetered: conditions.Unmetered(), Charging: conditions.Charging(), Battery: conditions.Battery()}
		}
		c.MayUse = func(_ context.Context, u device.Use) error {
			if !conditions.MayUse(u.Bytes, u.Order) {
				return errNoLeave
			}
			return nil
		}
	}
	d, err := device.Open(c)
	if err != nil {
		return nil, told(err)
	}
	out.d = d
	return out, nil
}

// step comes from within the call that holds the lock.
func (d *Device) step(s device.Progress) {
	if d.tell != nil {
		d.tell.Step(s.Element, string(s.Work), string(s.State), s.Done, s.Total, s.Failed)
	}
}

// do makes one call, if none is under way. run may be nil.
func (d *Device) do(run *Run, call func(ctx context.Context) error) error {
	if d.d == nil { // an app can make one by itself
		return told(errNotOpen)
	}
	if !d.mu.TryLock() {
		return told(errBusy)
	}
	defer d.mu.Unlock()
	ctx := context.Background()
	if run != nil {
		ctx, d.tell = run.ctx, run.tell
		defer func() { d.tell = nil }()
	}
	return told(call(ctx))
}

// Close lets another process open the folder. Nothing is called afterwards.
func (d *Device) Close() error { return d.do(nil, func(context.Context) error { return d.d.Close() }) }

// Enrolment is what the screen with the code asks for.
type Enrolment struct {
	Server   string // its address, beginning with https://
	Code     string
	Platform string // android or ios
	Model    string
	Label    string // what its user calls the phone
}

// NewEnrolment is an empty one.
func NewEnrolment() *Enrolment { return &Enrolment{} }

// Enrol makes the phone a device of the service. The same code with the same key again answers the same.
func (d *Device) Enrol(run *Run, by *Enrolment) (*Status, error) {
	var out *Status
	err := d.do(run, func(ctx context.Context) error {
		if by == nil {
			return errNoArgument
		}
		s, err := d.d.Enrol(ctx, device.Enrolment{Server: by.Server, Code: by.Code, Platform: by.Platform, Model: by.Model, Label: by.Label})
		out = statusOf(s)
		return err
	})
	return given(out, err)
}

// Status is what the phone knows of itself without asking.
type Status struct {
	Device   string
	User     string
	Server   string
	Label    string
	Key      string // the fingerprint of its key, for comparing with my card
	State    string // after enrolling: unconfirmed (its user has to confirm it on my card) or active
	Snapshot string // the newest backup; empty when there is none
	Pending  bool   // a backup was begun and has not ended: call BackUp
	Note     string

	counts map[string]int64
}

// Count is how many items of an element are in the newest backup.
func (s *Status) Count(element string) int64 {
	var n int64
	for _, k := range ledger.Kinds(element) {
		n += s.counts[ledger.Name(k)]
	}
	return n
}

// Status fails as CodeNotEnrolled when the phone is no device yet.
func (d *Device) Status() (*Status, error) {
	var out *Status
	err := d.do(nil, func(context.Context) error {
		s, err := d.d.Status()
		out = statusOf(s)
		return err
	})
	return given(out, err)
}

func statusOf(s device.Status) *Status {
	return &Status{Device: s.Device, User: s.User, Server: s.Server, Label: s.Label, Key: s.Key, State: s.State,
		Snapshot: s.Snapshot, Pending: s.Unfinished, Note: s.Note, counts: s.Counts}
}

// given is what a call answers: an error or an object, never both.
func given[T any](out *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return out, nil
}
