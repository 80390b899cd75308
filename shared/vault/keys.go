package vault

import (
	"context"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"slices"
	"strconv"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// Keys keeps the wrapped vault keys. Reads are strongly consistent.
type Keys interface {
	// Key reads one version; the zero Key when there is none.
	Key(ctx context.Context, user caller.UserID, version int) (Key, error)
	// CreateKey stores a version if there is none; fault.Conflict when there is one, live or tombstone.
	CreateKey(ctx context.Context, user caller.UserID, version int, wrapped []byte) error
}

// Key is one version of a user's vault key, wrapped; a tombstone is what erasure leaves of it, for good.
type Key struct {
	Wrapped   []byte
	Tombstone bool
}

// Wrapper is the key management service. Context binds a wrapped key to its user and version: it must be the same again.
type Wrapper interface {
	// Generate makes a 32-byte key and answers it wrapped; the key itself never leaves the service.
	Generate(ctx context.Context, binding map[string]string) ([]byte, error)
	// Unwrap answers the key.
	Unwrap(ctx context.Context, binding map[string]string, wrapped []byte) ([]byte, error)
}

// Release is what the audit records before keys leave.
type Release struct {
	User     caller.UserID
	Device   caller.DeviceID
	Session  SessionID   // the open session for which they are released
	Sessions []SessionID // whose keys they are
	Kind     Kind
}

// SealedKey is a session's key for one device's eyes: HPKE's encapsulated key, then the ciphertext.
type SealedKey struct {
	Session SessionID
	Key     []byte
}

// Released are keys of one vault key version.
type Released struct {
	Version int
	Keys    []SealedKey
}

func (o *Opener) binding(user caller.UserID, version int) map[string]string {
	return map[string]string{"app": "zapas", "tenant": o.Tenant, "user": string(user), "v": strconv.Itoa(version)}
}

// key is a version of the vault key, made if there is none.
func (o *Opener) key(ctx context.Context, user caller.UserID, version int) (Key, error) {
	k, err := o.Keys.Key(ctx, user, version)
	if err != nil || k.Tombstone || len(k.Wrapped) > 0 {
		return k, err
	}
	wrapped, err := o.Wrapper.Generate(ctx, o.binding(user, version))
	if err != nil {
		return Key{}, err
	}
	err = o.Keys.CreateKey(ctx, user, version, wrapped)
	if fault.Is(err, fault.Conflict) { // another session was first, or the answer to our own write was lost
		return o.Keys.Key(ctx, user, version)
	}
	return Key{Wrapped: wrapped}, err
}

// Begun releases the key of a session that Begin has just answered.
func (o *Opener) Begun(ctx context.Context, user caller.UserID, s Session, publicKey []byte) (Released, error) {
	return o.release(ctx, Release{User: user, Device: s.Device, Session: s.ID, Sessions: []SessionID{s.ID}, Kind: s.Kind}, s.Version, publicKey)
}

// Release releases the keys of the sessions that an open restore, proof or rebuild of this device reads. Keys are derived for the
// user himself, whatever ids are asked for. fault.Gone "session_over"; fault.NotFound when one asked for cannot be of its
// snapshot.
func (o *Opener) Release(ctx context.Context, user caller.UserID, device caller.DeviceID, id SessionID, asked []SessionID, publicKey []byte) (Released, error) {
	if len(asked) < 1 || len(asked) > MaxKeys {
		return Released{}, fault.New(fault.Invalid, "invalid", "sessions: %d are asked for; 1 to %d can be.", len(asked), MaxKeys)
	}
	for _, s := range asked {
		if !caller.ValidID(string(s)) {
			return Released{}, fault.New(fault.Invalid, "invalid", "sessions: one of them is no id.")
		}
	}
	var version int
	var kind Kind
	err := serially(ctx, func() error {
		h, err := o.Table.Head(ctx, user)
		if err != nil {
			return err
		}
		e, ok := h.byID(device, id)
		if !ok || e.Kind == Backup || h.State != Active {
			return sessionOver()
		}
		if err := o.readable(ctx, user, &h, e, asked); err != nil {
			return err
		}
		version, kind = h.Version, e.Kind
		return o.renew(ctx, user, h, e)
	})
	if err != nil {
		return Released{}, err
	}
	return o.release(ctx, Release{User: user, Device: device, Session: id, Sessions: slices.Clone(asked), Kind: kind}, version, publicKey)
}

// readable reports whether an open session may have the keys that it asks for: a restore by its user's consent, a proof or a
// rebuild because its device is in use; each those of what its snapshot can consist of. fault.NotFound for every other session,
// whoever's it is. A row that is missing may have been lost: a restore, whose consent stands elsewhere, does not need it.
func (o *Opener) readable(ctx context.Context, user caller.UserID, h *Head, e Entry, asked []SessionID) error {
	if err := o.permitted(ctx, user, e); err != nil {
		return err
	}
	n, err := o.Table.Snapshot(ctx, user, e.BaseSeq)
	if err != nil {
		return moved(err)
	}
	for _, id := range asked {
		s, err := o.Table.Session(ctx, user, id)
		switch lost := fault.Is(err, fault.NotFound); {
		case err != nil && !lost:
			return err
		case lost && e.Kind == Restore:
		case h.dead(s.Version) || !n.consists(s):
			return fault.New(fault.NotFound, "not_found", "There is no such session.")
		}
	}
	return nil
}

// permitted asks for what stands in no row of this table, which functions can write that may never have a key: a restore's
// consent, or that a device is in use.
func (o *Opener) permitted(ctx context.Context, user caller.UserID, e Entry) error {
	if e.Kind == Restore {
		s, err := o.Table.Session(ctx, user, e.Session)
		if err != nil {
			return moved(err)
		}
		return o.Consented(ctx, user, s)
	}
	active, err := o.Active(ctx, e.Device)
	if err == nil && !active {
		err = sessionOver()
	}
	return err
}

// consists reports whether a snapshot can hold chunks of a session: a backup of its own device up to itself, or of a device that
// it rests on, up to there.
func (n Snapshot) consists(s Session) bool {
	from := append(slices.Clone(n.Origins), Origin{Device: n.Device, Seq: n.Seq})
	return s.State == Committed && slices.ContainsFunc(from, func(o Origin) bool { return o.Device == s.Device && s.Seq <= o.Seq })
}

func sessionOver() error {
	return fault.New(fault.Gone, "session_over", "This session is over; begin again.")
}

// release reads the vault key only now, after the session exists: an erasure in between has left a tombstone.
func (o *Opener) release(ctx context.Context, r Release, version int, publicKey []byte) (Released, error) {
	to, err := recipient(publicKey)
	if err != nil {
		return Released{}, err
	}
	if err := o.Record(ctx, r); err != nil {
		return Released{}, err
	}
	k, err := o.Keys.Key(ctx, r.User, version)
	if err != nil {
		return Released{}, err
	}
	if k.Tombstone || len(k.Wrapped) == 0 {
		return Released{}, fault.New(fault.Gone, "erased", "These backups were erased; begin a new one.")
	}
	vaultKey, err := o.Wrapper.Unwrap(ctx, o.binding(r.User, version), k.Wrapped)
	if err != nil {
		return Released{}, err
	}
	defer clear(vaultKey)
	out := Released{Version: version}
	for _, s := range r.Sessions {
		sealed, err := o.seal(vaultKey, to, r, s)
		if err != nil {
			return Released{}, err
		}
		out.Keys = append(out.Keys, SealedKey{Session: s, Key: sealed})
	}
	return out, nil
}

// seal derives a session's key and seals it to the device:
// session key = HKDF-SHA256(vault key, info "zapas session v1" 00 tenant 00 user 00 session);
// HPKE (RFC 9180) with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, base mode,
// info "zapas key v1" 00 tenant 00 user 00 session 00 device.
func (o *Opener) seal(vaultKey []byte, to hpke.PublicKey, r Release, s SessionID) ([]byte, error) {
	of := o.Tenant + "\x00" + string(r.User) + "\x00" + string(s)
	key, err := hkdf.Key(sha256.New, vaultKey, nil, "zapas session v1\x00"+of, 32)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	info := "zapas key v1\x00" + of + "\x00" + string(r.Device)
	sealed, err := hpke.Seal(to, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info), key)
	if err != nil { // a point of low order, with which nothing can be kept secret
		return nil, fault.Wrap(err, fault.Invalid, "invalid", "publicKey: nothing can be sealed to it.")
	}
	return sealed, nil
}

func recipient(publicKey []byte) (hpke.PublicKey, error) {
	pub, err := ecdh.X25519().NewPublicKey(publicKey)
	if err == nil {
		var to hpke.PublicKey
		if to, err = hpke.NewDHKEMPublicKey(pub); err == nil {
			return to, nil
		}
	}
	return nil, fault.Wrap(err, fault.Invalid, "invalid", "publicKey: it is no X25519 key of 32 bytes.")
}
