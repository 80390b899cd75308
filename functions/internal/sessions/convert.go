package sessions

import (
	"context"
	"encoding/base64"
	"slices"
	"time"

	"zapas/shared/api"
	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
	"zapas/shared/restore"
	"zapas/shared/vault"
)

// wished is what a device asks for when it begins.
type wished struct {
	vault.Beginning
	profile   profile.ID
	order     fleet.OrderID
	slot      time.Time
	publicKey []byte
}

// members says which members each kind of session must have, and which it may have besides.
var members = map[api.SessionInputKind]struct{ must, may []string }{
	api.SessionInputKindBackup:    {must: []string{"counter", "profile", "publicKey"}, may: []string{"base", "order", "slot"}},
	api.SessionInputKindUnchanged: {must: []string{"base", "profile"}, may: []string{"order", "slot"}},
	api.SessionInputKindRestore:   {must: []string{"counter", "restore"}, may: []string{"publicKey"}},
	api.SessionInputKindVerify:    {must: []string{"counter"}, may: []string{"base"}},
	api.SessionInputKindRebuild:   {must: []string{"counter"}, may: []string{"base"}},
}

func wish(device caller.DeviceID, in api.SessionInput) (wished, error) {
	var wrong []fault.Field
	for _, m := range []struct {
		name  string
		given bool
	}{{"base", in.Base != nil}, {"counter", in.Counter != nil}, {"order", in.Order != nil}, {"profile", in.Profile != nil}, {"publicKey", in.PublicKey != nil}, {"restore", in.Restore != nil}, {"slot", in.Slot != nil}} {
		switch must := slices.Contains(members[in.Kind].must, m.name); {
		case must && !m.given:
			wrong = append(wrong, fault.Field{Pointer: "/" + m.name, Code: "missing", Detail: "it is required for kind " + string(in.Kind)})
		case !must && m.given && !slices.Contains(members[in.Kind].may, m.name):
			wrong = append(wrong, fault.Field{Pointer: "/" + m.name, Code: "unknown", Detail: "kind " + string(in.Kind) + " has no such member"})
		}
	}
	if err := fault.Fields(wrong); err != nil {
		return wished{}, err
	}
	publicKey, err := parse("/publicKey", or(in.PublicKey))
	return wished{profile: profile.ID(or(in.Profile)), order: fleet.OrderID(or(in.Order)), slot: or(in.Slot), publicKey: publicKey, Beginning: vault.Beginning{Device: device, Kind: vault.Kind(in.Kind),
		Counter: or(in.Counter), Base: vault.SessionID(or(in.Base)), Restore: or(in.Restore)}}, err
}

func opened(out *api.Session, s vault.Session) {
	out.Session, out.KeyVersion, out.Location = new(string(s.ID)), new(int32(s.Version)), &s.Location
}

func released(r vault.Released) api.Keys {
	out := api.Keys{KeyVersion: int32(r.Version)}
	for _, k := range r.Keys {
		out.Keys = append(out.Keys, api.SealedKey{Session: string(k.Session), Key: binary(k.Key)})
	}
	return out
}

func consent(id restore.ID, in api.RestoreInput) restore.Restore {
	return restore.Restore{ID: id, Snapshot: vault.SessionID(in.Snapshot), Device: caller.DeviceID(or(in.Device)), Enrolment: or(in.Enrolment),
		Elements: list[string](in.Elements)}
}

func restored(r restore.Restore) api.Restore {
	out := api.Restore{Id: string(r.ID), Snapshot: string(r.Snapshot), Device: some(string(r.Device)), Enrolment: some(r.Enrolment),
		Elements: list[api.Element](r.Elements), State: api.RestoreState(r.State), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
	if r.State == restore.Held {
		out.Until = &r.HeldUntil
	}
	if r.Live() {
		out.ExpiresAt = &r.ExpiresAt
	}
	if r.Ledger != nil {
		out.Ledger = new(api.RestoreLedgers{})
		for element, l := range r.Ledger {
			(*out.Ledger)[element] = api.RestoreLedger{Planned: l.Planned, Inserted: l.Inserted, Duplicate: l.Duplicate, Merged: l.Merged,
				Skipped: l.Skipped, Failed: l.Failed, Reasons: l.Reasons}
		}
	}
	return out
}

func ledgers(in api.RestoreLedgers) map[string]restore.Ledger {
	out := map[string]restore.Ledger{}
	for element, l := range in {
		out[element] = restore.Ledger{Planned: l.Planned, Inserted: l.Inserted, Duplicate: l.Duplicate, Merged: l.Merged,
			Skipped: l.Skipped, Failed: l.Failed, Reasons: l.Reasons}
	}
	return out
}

// Recording turns a release of keys into a line of the audit.
func Recording(log audit.Recorder) func(context.Context, vault.Release) error {
	actions := map[vault.Kind]audit.Action{vault.Backup: audit.KeyBackup, vault.Restore: audit.KeyRestore, vault.Verify: audit.KeyProof, vault.Rebuild: audit.KeyRebuild}
	return func(ctx context.Context, r vault.Release) error {
		return log.Record(ctx, caller.Caller{User: r.User, Device: r.Device}, actions[r.Kind], string(r.Session), list[string](r.Sessions)...)
	}
}

func binary(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func parse(pointer, s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, fault.Fields([]fault.Field{{Pointer: pointer, Code: "invalid", Detail: "it is no base64url without padding"}})
	}
	return b, nil
}

// some is a member that is left out when it has nothing to say.
func some[T comparable](v T) *T {
	if v == *new(T) {
		return nil
	}
	return &v
}

func or[T any](given *T) (v T) {
	if given != nil {
		v = *given
	}
	return v
}

func list[To, From ~string](from []From) []To {
	var to []To
	for _, v := range from {
		to = append(to, To(v))
	}
	return to
}
