// Package device knows how a phone's items become snapshots and how they come back: what is new since the last backup, how
// it is sealed, spooled, uploaded and committed, and what a restore fetches, proves and writes. It does not know where items
// come from nor how a platform stores them, nor anything of the functions that answer it but their API.
package device

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/device/internal/progress"
	"zapas/device/internal/recall"
	"zapas/device/internal/remote"
	"zapas/device/internal/seal"
	"zapas/device/internal/state"
	"zapas/shared/api"
)

type (
	// Signer holds the device's private key.
	Signer = remote.Signer
	// Requests counts what was sent.
	Requests = remote.Requests
	// Problem is the service's refusal, with its sentence for people.
	Problem = remote.Problem
)

// ErrNotEnrolled says that the state directory holds no device yet.
var ErrNotEnrolled = state.ErrNotEnrolled

// Config is what a device works with.
type Config struct {
	Dir        string // its state; made if there is none
	Signer     Signer
	AppVersion string
	Transport  http.RoundTripper
	Now        func() time.Time
	Random     io.Reader // a cryptographic source
	// Wait returns after a time, or with the context's error when that ends first.
	Wait func(ctx context.Context, d time.Duration) error
	// Progress is told how far a backup, a plan or a restore has come; nil for nobody. It should not take long, and calls
	// nothing of the Device.
	Progress func(Progress)
	// Conditions says how the phone stands now; nil: nothing is known. Check-ins tell it; a profile that wants no metered
	// network is heeded before each object of a backup or a proof; and large attachments are stored again, so that a backup
	// consists of fewer objects, only on a network that costs nothing and while the phone is charging. It is called by several
	// transfers at the same time.
	Conditions func() Conditions
	// MayUse is asked, once in a run, whether a metered network may be used although the profile wants none; nil: never. Its
	// error ends the run, whose rest waits for the next one.
	MayUse func(ctx context.Context, u Use) error
	// Limit returns when up to n more bytes of objects may go over the network, or with the context's error; nil: at once. It
	// is called by several transfers at the same time. What is slower than 16 KiB a second counts as broken off.
	Limit func(ctx context.Context, n int) error
}

// Use is what a metered network would be used for.
type Use struct {
	Bytes int64 // of the next object; more may follow
	Order bool  // somebody has asked for this backup now, and may be asked for leave
}

// Conditions are those of the phone at a moment.
type Conditions struct {
	Unmetered bool // the network costs nothing by volume
	Charging  bool
	Battery   int // per cent, 0-100
}

// ErrAppTooOld says that a newer app has made what is to be read, in a format that this one does not know. Nothing is
// damaged: the same call goes on after an update.
var ErrAppTooOld = errors.New("this app is too old to read the backup, which a newer one has made; update the app, then it goes on")

// tooOld is err, which is ErrAppTooOld if a format or a schema is not known that is what was stored.
func tooOld(err error) error {
	if errors.Is(err, seal.ErrTooNew) || errors.Is(err, index.ErrTooNew) || errors.Is(err, item.ErrSchema) {
		return fmt.Errorf("%w (%w)", ErrAppTooOld, err)
	}
	return err
}

// ErrMetered says that a network costs by volume, and that the profile waits for one that does not.
var ErrMetered = errors.New("this network costs by volume, and the profile wants one that does not; the rest waits for that")

// Device is one phone's end of the service. Its methods are for one goroutine; one process has a state directory at a time.
type Device struct {
	config Config
	dir    *state.Dir
	client *remote.Client
	id     state.Identity // zero until it is enrolled
	nobody error          // why it is zero
	order  string         // that the last check-in has brought, and the next backup carries out
	slot   time.Time      // that the next backup serves; zero for none

	metered sync.Mutex     // of what follows
	want    api.Conditions // of the profile, in a run that heeds it
	leave   bool           // to use a metered network in this run

	backing bool                     // a backup is under way
	shows   func(*recall.Cache) bool // all of the elements of which a snapshot holds something

	given   bool   // up, by the backup that is under way: the list of its base
	rebuilt string // why the backup that is under way has read its base again
	note    string // what the backup that is under way tells in passing
	objects int    // uploaded by the backup that is under way
	bytes   int64
	track   *progress.Tracker // of the run that is under way
	moving  []string          // the elements that it uploads
}

// Open opens the state directory. A directory without a device can only Enrol.
func Open(c Config) (*Device, error) {
	dir, err := state.Open(c.Dir)
	if err != nil {
		return nil, err
	}
	c.Random = &shared{random: c.Random}
	d := &Device{config: c, dir: dir}
	id, err := dir.Identity()
	if err == nil && id.Key != "" && id.Key != fingerprint(c.Signer.PublicKey()) {
		id, err = state.Identity{}, fmt.Errorf("%s is the state of another phone, whose key this one has not: %w", c.Dir, ErrNotEnrolled)
	}
	d.nobody = err
	if err != nil && !errors.Is(err, ErrNotEnrolled) {
		return nil, errors.Join(err, dir.Close())
	}
	d.use(id)
	return d, nil
}

// shared is a source of random bytes from which chunks are sealed and requests are signed at the same time.
type shared struct {
	mu     sync.Mutex
	random io.Reader
}

func (s *shared) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Read(b)
}

// Close lets the next process in.
func (d *Device) Close() error { return d.dir.Close() }

func (d *Device) use(id state.Identity) {
	d.id = id
	d.client = d.speaking(id.Server, id.Device)
	d.client.SetOffset(id.Offset)
}

func (d *Device) speaking(server, device string) *remote.Client {
	c := d.config
	return &remote.Client{Server: server, Device: device, Signer: c.Signer, Transport: c.Transport, Now: c.Now, Random: c.Random, Wait: c.Wait,
		Limit: c.Limit, May: d.mayUse}
}

// heed begins a run that keeps to a profile's conditions, and answers what ends that.
func (d *Device) heed(want api.Conditions) (end func()) {
	set := func(c api.Conditions) {
		d.metered.Lock()
		defer d.metered.Unlock()
		d.want, d.leave = c, false
	}
	set(want)
	return func() { set(api.Conditions{}) }
}

// mayUse is asked before each object.
func (d *Device) mayUse(ctx context.Context, n int64) error {
	d.metered.Lock()
	defer d.metered.Unlock()
	if d.leave || d.want.Unmetered == nil || !*d.want.Unmetered || d.config.Conditions == nil || d.config.Conditions().Unmetered {
		return nil
	}
	if d.config.MayUse == nil {
		return ErrMetered
	}
	if err := d.config.MayUse(ctx, Use{Bytes: n, Order: d.backing && d.order != ""}); err != nil {
		return fmt.Errorf("%w: %w", ErrMetered, err)
	}
	d.leave = true
	return nil
}

// Enrolment is what a phone says of itself when it becomes a device.
type Enrolment struct {
	Server   string // its address, with or without /v1
	Code     string
	Platform string // android or ios
	Model    string
	Label    string // what its user calls it
}

// Enrol trades a code for a device id. Repeated with the same code and key it answers the same. What the state directory
// knew of another identity is forgotten.
func (d *Device) Enrol(ctx context.Context, e Enrolment) (Status, error) {
	if err := checkServer(e.Server); err != nil {
		return Status{}, err
	}
	server := strings.TrimSuffix(strings.TrimRight(e.Server, "/"), "/v1")
	client := d.speaking(server, "")
	in := api.EnrolInput{Code: e.Code, Platform: api.EnrolInputPlatform(e.Platform), Model: e.Model, Label: e.Label, AppVersion: d.config.AppVersion}
	out, err := client.Enrol(ctx, in)
	if err != nil {
		return Status{}, fmt.Errorf("enrol this phone: %w", err)
	}
	id := state.Identity{}
	if out.Device == d.id.Device { // with all that it has begun
		id = d.id
	} else if err := d.dir.Forget(); err != nil {
		return Status{}, err
	}
	id.Server, id.Device, id.User, id.Tenant, id.Label = server, out.Device, out.User, out.Tenant, e.Label
	id.Offset, id.Key = client.Offset(), fingerprint(d.config.Signer.PublicKey())
	// If we die before this line, the same code and key answer the same again.
	if err := d.dir.PutIdentity(id); err != nil {
		return Status{}, err
	}
	d.use(id)
	s, err := d.Status()
	s.State, s.Requests = string(out.State), new(client.Sent())
	return s, err
}

// checkServer lets plain HTTP go to this machine only.
func checkServer(server string) error {
	u, err := url.Parse(server)
	// What is left when scheme and host are taken away: a user, a query or a fragment would be there, too.
	if err != nil || u.Hostname() == "" || strings.HasSuffix(u.Host, ":") || u.Scheme != "https" && u.Scheme != "http" ||
		!slices.Contains([]string{"", "/", "/v1", "/v1/"}, server[min(len(server), len(u.Scheme+"://"+u.Host)):]) {
		return errors.New("this is no address of a service: one begins with https://, names a host and perhaps a port, and nothing else, such as https://backup.example.com")
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	if u.Scheme == "http" && u.Hostname() != "localhost" && !ip.IsLoopback() {
		return fmt.Errorf("%q would be spoken to without encryption; use https://", server)
	}
	return nil
}

// Status is what the phone knows of itself without asking.
type Status struct {
	Device   string     `json:"device"`
	User     string     `json:"user"`
	Server   string     `json:"server"`
	Label    string     `json:"label"`
	Key      string     `json:"key"`             // the fingerprint of its public key, as my card shows it
	State    string     `json:"state,omitempty"` // after enrolling: unconfirmed or active
	Snapshot string     `json:"snapshot,omitempty"`
	Counts   api.Counts `json:"counts,omitempty"`
	Chunks   int        `json:"chunks"`
	Pending  string     `json:"pending,omitempty"` // a session that waits to be brought to its end
	Note     string     `json:"note,omitempty"`

	Unfinished bool `json:"unfinished"` // a backup was begun and has not ended: the next one is due, whatever check-in says

	Requests *Requests `json:"requests,omitempty"` // after enrolling: what it took
}

// Status reads the state directory; ErrNotEnrolled when it holds no device.
func (d *Device) Status() (Status, error) {
	if d.id.Device == "" {
		return Status{}, d.nobody
	}
	s := Status{Device: d.id.Device, User: d.id.User, Server: d.id.Server, Label: d.id.Label, Key: fingerprint(d.config.Signer.PublicKey())}
	cache, err := d.dir.Cache()
	if damaged, ok := errors.AsType[*state.Damaged](err); ok {
		s.Note = damaged.Error()
	} else if err != nil {
		return Status{}, err
	}
	if cache != nil {
		defer cache.Items.Close() // and of nothing else: a backup may be under way, whose source asks this
		s.Snapshot, s.Chunks, s.Counts = cache.Snapshot, len(cache.Chunks), api.Counts{}
		for _, it := range cache.Items.All() {
			s.Counts[ledger.Name(it.Kind)]++
		}
		if err := cache.Items.Err(); err != nil {
			return Status{}, err
		}
	}
	j, err := d.dir.Journal()
	if damaged, ok := errors.AsType[*state.DamagedSession](err); ok {
		s.Note, err = strings.TrimPrefix(s.Note+"; "+damaged.Error(), "; "), nil
	}
	if j != nil {
		s.Pending = j.Session
	}
	s.Unfinished = d.Pending()
	return s, err
}

// Pending reports whether a backup was begun and has not ended. The service counts it as begun, and does not say that one is
// due before the next slot: an app calls Backup when one is due or pending.
func (d *Device) Pending() bool {
	j, err := d.dir.Journal()
	return d.id.Unfinished || j != nil || err != nil
}

// ended notes that no backup is under way any more. If we die before it, the next run finds nothing new.
func (d *Device) ended() error {
	if !d.id.Unfinished && d.id.Unlisted.IsZero() && d.id.Restored == nil {
		return nil
	}
	id := d.id
	id.Begun = maps.Clone(id.Begun)
	delete(id.Begun, string(api.SessionInputKindBackup))
	delete(id.Begun, string(api.SessionInputKindVerify)) // it may be of the newest snapshot as that was then
	id.Unfinished, id.Unlisted, id.Restored = false, time.Time{}, nil
	if err := errors.Join(d.dir.PutIdentity(id), d.dir.DropRestoredCache()); err != nil {
		return err
	}
	d.id = id
	return nil
}

// fingerprint is the SHA-256 of a public key in DER, in groups that two people can compare.
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	var groups []string
	for pair := range slices.Chunk(sum[:], 2) {
		groups = append(groups, fmt.Sprintf("%X", pair))
	}
	return strings.Join(groups, " ")
}

// CheckIn asks what the device should do now. coverage says, by element, what this phone can show; it may be nil.
func (d *Device) CheckIn(ctx context.Context, coverage map[string]string) (api.CheckInAnswer, error) {
	if d.id.Device == "" {
		return api.CheckInAnswer{}, d.nobody
	}
	in := api.CheckIn{AppVersion: d.config.AppVersion, Conditions: d.conditions()}
	if coverage != nil {
		in.Coverage = (*api.Coverage)(&coverage)
	}
	out, err := d.client.CheckIn(ctx, in)
	if err != nil {
		return out, fmt.Errorf("check in: %w", err)
	}
	d.order = ""
	if out.Order != nil {
		d.order = out.Order.Id
	}
	if len(out.Restores) == 0 { // what plans have downloaded for restores that never came
		if err := d.dir.ClearRestores(); err != nil {
			return out, err
		}
	}
	if err := d.remember(out); err != nil {
		return out, err
	}
	return out, d.keepOffset()
}

// Sent counts what was sent since Open, or since Enrol.
func (d *Device) Sent() Requests { return d.client.Sent() }

// keepOffset remembers the service's clock, so that the next run's first request is right.
func (d *Device) keepOffset() error {
	if d.id.Device == "" || d.client.Offset() == d.id.Offset {
		return nil
	}
	d.id.Offset = d.client.Offset()
	return d.dir.PutIdentity(d.id)
}
