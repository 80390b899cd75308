package device

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fault"
	"zapas/shared/restore"
	"zapas/shared/vault"
)

// The rows.

func (s *service) Head(context.Context, caller.UserID) (vault.Head, error) { return s.head, nil }

func (s *service) Session(_ context.Context, _ caller.UserID, id vault.SessionID) (vault.Session, error) {
	row, ok := s.rows[id]
	if !ok {
		return row, fault.New(fault.NotFound, "not_found", "no row")
	}
	return row, nil
}

func (s *service) Snapshot(_ context.Context, _ caller.UserID, seq int64) (vault.Snapshot, error) {
	n, ok := s.snaps[seq]
	if !ok {
		return n, fault.New(fault.NotFound, "not_found", "no row")
	}
	return n, nil
}

func (s *service) Snapshots(context.Context, caller.UserID) ([]vault.Snapshot, error) {
	seqs := slices.Sorted(maps.Keys(s.snaps))
	slices.Reverse(seqs)
	var out []vault.Snapshot
	for _, q := range seqs {
		out = append(out, s.snaps[q])
	}
	return out, nil
}

func (s *service) Write(_ context.Context, _ caller.UserID, c vault.Change) error {
	if c.Head.Rev != s.head.Rev {
		return fault.New(fault.Conflict, "conflict", "rev")
	}
	s.head = c.Head
	s.head.Rev++
	for _, row := range c.Sessions {
		s.rows[row.ID] = row
	}
	for _, n := range c.Snapshots {
		s.snaps[n.Seq] = n
	}
	return nil
}

func (s *service) Key(_ context.Context, _ caller.UserID, version int) (vault.Key, error) {
	return vault.Key{Wrapped: s.key}, nil
}

func (s *service) CreateKey(_ context.Context, _ caller.UserID, _ int, wrapped []byte) error {
	s.key = wrapped
	return nil
}

func (s *service) Generate(context.Context, map[string]string) ([]byte, error) {
	return []byte("a vault key of 32 bytes, wrapped"), nil
}

func (s *service) Unwrap(_ context.Context, _ map[string]string, w []byte) ([]byte, error) {
	return slices.Clone(w), nil
}

func (s *service) Append(context.Context, audit.Record) error { return nil }

func (s *service) Restore(_ context.Context, _ caller.UserID, id restore.ID) (restore.Restore, error) {
	r, ok := s.restores[id]
	if !ok {
		return r, fault.New(fault.NotFound, "not_found", "There is no such restore.")
	}
	return r, nil
}

func (s *service) Restores(context.Context, caller.UserID, string, int) ([]restore.Restore, string, error) {
	return slices.Collect(maps.Values(s.restores)), "", nil
}

func (s *service) Settings(context.Context) (restore.Settings, error) { return restore.Settings{}, nil }

func (s *service) ReplaceSettings(context.Context, restore.Settings, int64) error {
	return fault.New(fault.Conflict, "changed", "Nobody sets anything here.")
}

// Kept and Happened: nobody listens to what is told of restores here.
func (s *service) Kept(context.Context, caller.DeviceID, ...event.Event) {}

func (s *service) Happened(context.Context, caller.DeviceID, ...event.Event) error { return nil }

func (s *service) PutRestore(_ context.Context, r restore.Restore, _ ...event.Event) error {
	r.Rev++
	s.restores[r.ID] = r
	return nil
}

// The objects.

func (s *service) SignPut(_ context.Context, _, key string, c vault.ChunkSum) (string, map[string]string, error) {
	return s.sign(http.MethodPut, key, vault.SignedFor), map[string]string{
		"content-length": fmt.Sprint(c.Size), "x-amz-checksum-sha256": base64.StdEncoding.EncodeToString(c.SHA256[:]), "if-none-match": "*"}, nil
}

func (s *service) SignGet(_ context.Context, _, key string) (string, error) {
	return s.sign(http.MethodGet, key, vault.ReadFor), nil
}

func (s *service) Sizes(_ context.Context, _, prefix string) (map[string]int64, error) {
	out := map[string]int64{}
	for k, b := range s.objects {
		if strings.HasPrefix(k, prefix) {
			out[k] = int64(len(b))
		}
	}
	return out, nil
}

func (s *service) List(_ context.Context, _, key string) ([]byte, error) {
	if s.unlisted || s.unlistedOf != "" && strings.HasSuffix(key, "/"+s.unlistedOf) {
		return nil, fault.New(fault.Unavailable, "list_unreadable", "The storage does not give it out.")
	}
	b, ok := s.objects[key]
	if !ok {
		return nil, fault.New(fault.NotFound, "not_found", "no list")
	}
	return b, nil
}

func (s *service) PutList(_ context.Context, _, key string, body []byte) error {
	if _, ok := s.objects[key]; ok {
		return fault.New(fault.Conflict, "exists", "list")
	}
	s.objects[key] = body
	return nil
}

// chunksStored lists the keys of all chunks, oldest session's first within its map order made stable.
func (s *service) chunksStored() (keys []string) {
	for k := range s.objects {
		if strings.Contains(k, "/c/") {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// phoneKey is a device key in memory.
type phoneKey struct{ key *ecdsa.PrivateKey }

func newPhoneKey(t *testing.T) phoneKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return phoneKey{key}
}

func (k phoneKey) PublicKey() []byte {
	der, err := x509.MarshalPKIXPublicKey(&k.key.PublicKey)
	if err != nil {
		panic(err)
	}
	return der
}

func (k phoneKey) Sign(digest []byte) ([]byte, error) {
	return ecdsa.SignASN1(rand.Reader, k.key, digest)
}
