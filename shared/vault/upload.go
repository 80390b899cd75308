package vault

import (
	"context"
	"time"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// SignedFor is how long an upload URL works.
const SignedFor = 10 * time.Minute

// Store is where backups put their objects. It never sees a key.
type Store interface {
	// SignPut answers a URL for exactly this object, for SignedFor: its length, its SHA-256 and that nothing may be
	// overwritten are signed. The headers must be sent as they are.
	SignPut(ctx context.Context, location, key string, c ChunkSum) (url string, headers map[string]string, err error)
	// Sizes lists the objects below a prefix with their lengths in bytes; what was acknowledged is there.
	Sizes(ctx context.Context, location, prefix string) (map[string]int64, error)
	// List reads a chunk list; fault.NotFound when there is none, fault.Unavailable "list_unreadable"
	// when the storage answers and does not give it out. Whether it is what was stored, who asks must see.
	List(ctx context.Context, location, key string) ([]byte, error)
	// PutList stores a chunk list if there is none; fault.Conflict when there is one.
	PutList(ctx context.Context, location, key string, body []byte) error
}

// ChunkSum is what a URL is bound to.
type ChunkSum struct {
	SHA256 [32]byte
	Size   int64
}

// Signed is a URL for one chunk.
type Signed struct {
	ID      string
	URL     string
	Headers map[string]string
}

// Uploader signs uploads and commits snapshots. It has no way to a key.
type Uploader struct {
	Table Table
	Store Store
	Now   func() time.Time
}

// Sign answers URLs for chunks of an open backup, within the vault's quota. Bytes are granted when they are signed:
// signing them again grants them again, until the session ends.
// fault.Gone "session_over"; fault.TooLarge "quota".
func (u *Uploader) Sign(ctx context.Context, user caller.UserID, device caller.DeviceID, id SessionID, chunks []ChunkSum) ([]Signed, error) {
	total, err := granting(chunks)
	if err != nil {
		return nil, err
	}
	var e Entry
	err = serially(ctx, func() error {
		h, err := u.Table.Head(ctx, user)
		if err != nil {
			return err
		}
		var ok bool
		if e, ok = h.byID(device, id); !ok || e.Kind != Backup || h.State != Active {
			return sessionOver()
		}
		if free := h.Quota - h.Bytes - h.granted(); total > free {
			return fault.New(fault.TooLarge, "quota",
				"The backup needs %d bytes and %d are free of %d; ask an administrator for more room.", total, max(free, 0), h.Quota)
		}
		e.Granted += total
		e.Lease = moment(u.Now).Add(Lease)
		h.put(e)
		return write(ctx, u.Table, user, Change{Head: h})
	})
	if err != nil {
		return nil, err
	}
	out := make([]Signed, len(chunks))
	for i, c := range chunks {
		out[i].ID = ChunkID(c.SHA256)
		if out[i].URL, out[i].Headers, err = u.Store.SignPut(ctx, e.Location, ChunkKey(user, id, out[i].ID), c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func granting(chunks []ChunkSum) (total int64, err error) {
	if len(chunks) < 1 || len(chunks) > MaxSigned {
		return 0, fault.New(fault.Invalid, "invalid", "chunks: there are %d; 1 to %d can be signed at once.", len(chunks), MaxSigned)
	}
	seen := map[[32]byte]bool{}
	for i, c := range chunks {
		if c.Size < 1 || c.Size > MaxChunk {
			return 0, fault.New(fault.Invalid, "invalid", "chunks/%d/size: it is %d and must be 1 to %d bytes.", i, c.Size, MaxChunk)
		}
		if seen[c.SHA256] {
			return 0, fault.New(fault.Invalid, "invalid", "chunks/%d/sha256: it stands there twice.", i)
		}
		seen[c.SHA256] = true
		total += c.Size
	}
	return total, nil
}
