package fleet

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fault"
)

// CodeLife is how long an enrolment code works.
const CodeLife = 15 * time.Minute

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford's: nothing that sounds or looks like something else

// NewCode makes a single-use code, ten letters and digits in two groups (50 bits), with which a phone becomes the
// caller's own device. It is shown once: only its hash is kept.
func (f *Fleet) NewCode(ctx context.Context, who caller.Caller) (code string, c Code, err error) {
	return f.newCode(ctx, who, Code{User: who.User})
}

// NewCodeFor makes a code with which a phone becomes another's device. He may not know of it: the device is unconfirmed.
// fault.NotFound when he has never signed in here.
func (f *Fleet) NewCodeFor(ctx context.Context, who caller.Caller, user caller.UserID) (code string, c Code, err error) {
	if !caller.ValidID(string(user)) {
		return "", Code{}, fault.New(fault.NotFound, "not_found", "There is no such user.")
	}
	if _, err := f.People.User(ctx, user); err != nil {
		return "", Code{}, err
	}
	return f.newCode(ctx, who, Code{User: user, Unconfirmed: true})
}

func (f *Fleet) newCode(ctx context.Context, who caller.Caller, c Code) (string, Code, error) {
	var b [10]byte
	f.Random(b[:])
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	code := string(b[:5]) + "-" + string(b[5:])
	c.Hash, c.ID, c.ExpiresAt = codeHash(code), f.NewID(), f.now().Add(CodeLife)
	if err := f.Audit.Record(ctx, who, audit.DeviceCode, c.ID, string(c.User)); err != nil {
		return "", Code{}, err
	}
	err := f.Identities.PutCode(ctx, c)
	if fault.Is(err, fault.Conflict) { // either the answer to this very write was lost, or 50 bits have met again
		if stored, read := f.Identities.Code(ctx, c.Hash); read == nil && stored.ID == c.ID {
			return code, c, nil
		}
	}
	return code, c, err
}

// Enrolled answers which device has come of an enrolment, "" while none has, and when its code expires. The enrolment must
// be one that the user made for himself: of an administrator's, of another's and of one that does not exist it is
// fault.NotFound alike.
func (f *Fleet) Enrolled(ctx context.Context, user caller.UserID, enrolment string) (caller.DeviceID, time.Time, error) {
	none := fault.New(fault.NotFound, "not_found", "There is no such enrolment.")
	if !caller.ValidID(enrolment) {
		return "", time.Time{}, none
	}
	c, err := f.Enrolments.Enrolment(ctx, enrolment)
	if fault.Is(err, fault.NotFound) || err == nil && (c.User != user || c.Unconfirmed) {
		return "", time.Time{}, none
	}
	return c.Device, c.ExpiresAt, err
}

// codeHash is the same however a code was typed: in small letters, with O for 0 or I and L for 1, in one group.
func codeHash(code string) string {
	code = strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(code))
	sum := sha256.Sum256([]byte(code))
	return hex.EncodeToString(sum[:])
}

// Phone is what a phone says of itself when it enrols.
type Phone struct {
	PublicKey  []byte // P-256, SubjectPublicKeyInfo in DER
	Platform   string
	Model      string
	Label      string
	AppVersion string
}

// ParseKey reads a device's public key; fault.Invalid when it is no P-256 key.
func ParseKey(der []byte) (*ecdsa.PublicKey, error) {
	key, err := x509.ParsePKIXPublicKey(der)
	if k, ok := key.(*ecdsa.PublicKey); err == nil && ok && k.Curve == elliptic.P256() {
		return k, nil
	}
	return nil, fault.Wrap(err, fault.Invalid, "invalid", "publicKey: it is no P-256 key (SubjectPublicKeyInfo in DER).")
}

// Enrol trades a code for a device. The same code with the same key answers the same device again, so that a lost answer
// costs nothing. fault.NotFound "code_unknown"; fault.Gone "code_expired"; fault.Conflict "code_used".
func (f *Fleet) Enrol(ctx context.Context, code string, p Phone) (Device, error) {
	p.Label, p.Model = strings.TrimSpace(p.Label), strings.TrimSpace(p.Model)
	if err := p.check(); err != nil {
		return Device{}, err
	}
	c, err := f.Identities.Code(ctx, codeHash(code))
	switch {
	case fault.Is(err, fault.NotFound):
		return Device{}, fault.New(fault.NotFound, "code_unknown", "This code is not known; check it, or make a new one on my card.")
	case err != nil:
		return Device{}, err
	case c.Device != "":
		return f.again(ctx, c, p)
	case !f.now().Before(c.ExpiresAt):
		return Device{}, fault.New(fault.Gone, "code_expired", "This code has expired; make a new one on my card.")
	}
	d := Device{ID: caller.DeviceID(f.NewID()), Owner: c.User, PublicKey: p.PublicKey, Enrolment: c.ID, State: InUse, EnrolledAt: f.now()}
	if c.Unconfirmed {
		d.State = Unconfirmed
	}
	who := caller.Caller{Tenant: f.Tenant, User: c.User, Device: d.ID}
	if err := f.Audit.Record(ctx, who, audit.DeviceEnrolled, string(d.ID), c.ID); err != nil {
		return Device{}, err
	}
	c.Device = d.ID
	if err := f.Identities.Enrol(ctx, c, d); fault.Is(err, fault.Conflict) { // used meanwhile, perhaps by this very request
		if c, err = f.Identities.Code(ctx, c.Hash); err != nil {
			return Device{}, err
		}
		return f.again(ctx, c, p)
	} else if err != nil {
		return Device{}, err
	}
	// If we die after this line, the phone asks again and its status is made then.
	return d, f.arrived(ctx, d, p)
}

// again answers a code that was used: to the phone that used it as before, to any other not at all.
func (f *Fleet) again(ctx context.Context, c Code, p Phone) (Device, error) {
	used := fault.New(fault.Conflict, "code_used", "This code was used already; make a new one on my card.")
	if c.Device == "" {
		return Device{}, used
	}
	d, err := f.Identities.Device(ctx, c.Device)
	if err != nil {
		return Device{}, err
	}
	if !bytes.Equal(d.PublicKey, p.PublicKey) || d.State == Retired {
		return Device{}, used
	}
	return d, f.arrived(ctx, d, p)
}

// arrived announces a device that there is, then makes its status. One that has a status was announced before, or waits in it.
func (f *Fleet) arrived(ctx context.Context, d Device, p Phone) error {
	s, kept := p.status(d, f.now()), Change{}
	f.News.did(ctx, s, &kept, event.Enrolled(f.News.whose(d), d.EnrolledAt))
	s.Tell = kept.Tell
	return f.Statuses.CreateStatus(ctx, s)
}

// status is that of a new device, which the watch is to look at now: a profile may govern it.
func (p Phone) status(d Device, now time.Time) Status {
	return Status{Look: Look{At: now}, Device: d.ID, Owner: d.Owner, Trust: d.State, Label: p.Label, Platform: p.Platform, Model: p.Model, EnrolledAt: d.EnrolledAt,
		Seen: Seen{AppVersion: p.AppVersion}}
}

func (p Phone) check() error {
	fields := slices.Concat(checkText("/label", p.Label, 1, maxText), checkText("/model", p.Model, 0, maxText), checkText("/appVersion", p.AppVersion, 1, 32))
	if !platform(p.Platform) {
		fields = append(fields, fault.Field{Pointer: "/platform", Code: "invalid", Detail: "it must be android or ios"})
	}
	if err := fault.Fields(fields); err != nil {
		return err
	}
	_, err := ParseKey(p.PublicKey)
	return err
}

const maxText = 64 // characters of a label or a model

func checkText(pointer, s string, least, most int) []fault.Field {
	if n := utf8.RuneCountInString(s); n < least || n > most || strings.ContainsFunc(s, misleads) {
		return []fault.Field{{Pointer: pointer, Code: "invalid", Detail: "it is empty, too long, or has control characters"}}
	}
	return nil
}

// misleads: a character that people do not see, and that may make of a text beside it another.
func misleads(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError
}
