package vault

import (
	"context"
	"strconv"
	"time"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// ReadFor is how long a download URL works.
const ReadFor = 5 * time.Minute

// Downloads is where restores find their objects. It never sees a key.
type Downloads interface {
	// List is as that of Store.
	List(ctx context.Context, location, key string) ([]byte, error)
	// SignGet answers a URL that reads exactly this object, for ReadFor.
	SignGet(ctx context.Context, location, key string) (string, error)
}

// Reader answers what a user's snapshots consist of. It has no way to a key.
type Reader struct {
	Table     Table
	Downloads Downloads
}

// Manifest is one page of a snapshot's chunks, with download URLs.
type Manifest struct {
	Snapshot Snapshot
	Total    int // chunks on all pages
	Index    Index
	Chunks   []ReadableChunk
	Next     string // where the next page begins; "" on the last
}

// ReadableChunk is a chunk with the URL that reads it.
type ReadableChunk struct {
	Chunk
	URL string
}

// Snapshots are the user's backups that may still be chosen, or are being restored; newest first.
func (r *Reader) Snapshots(ctx context.Context, user caller.UserID) ([]Snapshot, error) {
	return Snapshots(ctx, r.Table, user)
}

// Snapshots are the backups of a vault that may still be chosen, or are being restored; newest first.
func Snapshots(ctx context.Context, t Table, user caller.UserID) ([]Snapshot, error) {
	h, err := t.Head(ctx, user)
	if err != nil {
		return nil, err
	}
	all, err := t.Snapshots(ctx, user)
	if err != nil {
		return nil, err
	}
	var out []Snapshot
	for _, n := range all {
		if !h.gone(n) {
			out = append(out, n)
		}
	}
	return out, nil
}

// Manifest answers a page of what an open restore reads; cursor is the last page's Next.
// fault.Gone "session_over": open the restore again; fault.Lost "list_gone", "list_damaged": nobody knows any more of which
// chunks the snapshot consists.
func (r *Reader) Manifest(ctx context.Context, user caller.UserID, device caller.DeviceID, id SessionID, cursor string) (Manifest, error) {
	return r.read(ctx, user, device, id, func(k Kind) bool { return k == Restore }, cursor)
}

// Base answers a page of what an open proof or rebuild reads, as Manifest does for a restore.
func (r *Reader) Base(ctx context.Context, user caller.UserID, device caller.DeviceID, id SessionID, cursor string) (Manifest, error) {
	return r.read(ctx, user, device, id, Kind.own, cursor)
}

func (r *Reader) read(ctx context.Context, user caller.UserID, device caller.DeviceID, id SessionID, kind func(Kind) bool, cursor string) (Manifest, error) {
	from, err := position(cursor)
	if err != nil {
		return Manifest{}, err
	}
	h, err := r.Table.Head(ctx, user)
	if err != nil {
		return Manifest{}, err
	}
	e, ok := h.byID(device, id)
	if !ok || !kind(e.Kind) || h.State != Active {
		return Manifest{}, sessionOver()
	}
	n, err := r.Table.Snapshot(ctx, user, e.BaseSeq)
	if err != nil {
		return Manifest{}, moved(err)
	}
	body, err := r.Downloads.List(ctx, n.Location, ListKey(user, n.ID))
	if err != nil {
		return Manifest{}, unlisted(ctx, r.Table, user, h, n, err)
	}
	l, err := decodeList(body, n)
	if err != nil {
		return Manifest{}, holding(n, err)
	}
	if from >= len(l.Chunks) {
		return Manifest{}, fault.New(fault.Invalid, "invalid", "cursor: it is beyond the last page; read the manifest from its beginning.")
	}
	return r.page(ctx, user, n, l, from)
}

func (r *Reader) page(ctx context.Context, user caller.UserID, n Snapshot, l List, from int) (Manifest, error) {
	to := min(from+manifestPage, len(l.Chunks))
	m := Manifest{Snapshot: n, Total: len(l.Chunks), Index: l.Index}
	for _, c := range l.Chunks[from:to] {
		url, err := r.Downloads.SignGet(ctx, n.Location, ChunkKey(user, c.Session, c.ID))
		if err != nil {
			return Manifest{}, err
		}
		m.Chunks = append(m.Chunks, ReadableChunk{Chunk: c, URL: url})
	}
	if to < len(l.Chunks) {
		m.Next = strconv.Itoa(to)
	}
	return m, nil
}

// position reads a cursor: a position only, whose partition the caller's own token gives.
func position(cursor string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(cursor, 10, 31)
	if err != nil {
		return 0, fault.Cursor()
	}
	return int(n), nil
}
