package vault

import (
	"context"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// Commit is a device's request to make what it uploaded a snapshot.
type Commit struct {
	Added    []Added           `json:"added"`   // the last one holds the index
	Dropped  []int             `json:"dropped"` // positions in the base's list, ascending
	Index    Index             `json:"index"`
	Counts   Counts            `json:"counts"`
	Coverage map[string]string `json:"coverage"` // by element: full, limited, denied, unavailable
	Ledger   map[string]Ledger `json:"ledger"`   // by element
}

// Added is a chunk that this session uploaded.
type Added struct {
	ID      string `json:"id"`
	Size    int64  `json:"size"`
	Records int64  `json:"records"`
}

// digest is the same for the same request, and for no other.
func (c Commit) digest() (string, error) {
	b, err := json.Marshal(c, json.Deterministic(true))
	return digest(b), err
}

// Commit makes the session's chunks, and those of its base that it does not drop, the user's newest snapshot. Repeating
// the request answers the same snapshot.
// fault.Gone "session_over"; fault.Conflict "committed_otherwise", "list_stored"; fault.Unprocessable "chunk_missing",
// "too_many_chunks"; fault.Lost "list_gone", "list_damaged" of the base: begin without; fault.Invalid with the members.
func (u *Uploader) Commit(ctx context.Context, user caller.UserID, device caller.DeviceID, id SessionID, c Commit) (Snapshot, error) {
	if err := c.check(); err != nil {
		return Snapshot{}, err
	}
	request, err := c.digest()
	if err != nil {
		return Snapshot{}, err
	}
	var n Snapshot
	err = serially(ctx, func() error {
		h, err := u.Table.Head(ctx, user)
		if err != nil {
			return err
		}
		s, err := u.Table.Session(ctx, user, id)
		switch {
		case fault.Is(err, fault.NotFound) || err == nil && (s.Device != device || s.Kind != Backup || h.dead(s.Version)):
			return sessionOver()
		case err != nil:
			return err
		case s.State == Committed:
			n, err = u.committed(ctx, user, s, request)
			return err
		}
		e, ok := h.byID(device, id)
		if !ok || s.State != Open {
			return sessionOver()
		}
		n, err = u.commit(ctx, user, h, s, e, c, request)
		return err
	})
	return n, err
}

// committed answers a request that comes again.
func (u *Uploader) committed(ctx context.Context, user caller.UserID, s Session, request string) (Snapshot, error) {
	if s.Request != request {
		return Snapshot{}, fault.New(fault.Conflict, "committed_otherwise", "This session was committed with another request; begin again.")
	}
	n, err := u.Table.Snapshot(ctx, user, s.Seq)
	n.Run = nil // what follows from a commit may have followed: who asks again looks first
	return n, err
}

// commit stores the list, then the rows. Dying between them leaves a list that no row names: a repeated request adopts
// it, garbage collection removes it.
func (u *Uploader) commit(ctx context.Context, user caller.UserID, h Head, s Session, e Entry, c Commit, request string) (Snapshot, error) {
	l := List{Session: s.ID, Device: s.Device, Version: s.Version, Base: s.Base, Location: s.Location,
		Request: request, Counts: c.Counts, Index: c.Index, Origins: s.Origins}
	var base Snapshot
	if s.Base != "" {
		var err error
		if base, err = u.keep(ctx, user, h, e, &l, c.Dropped); err != nil {
			return Snapshot{}, err
		}
	} else if len(c.Dropped) > 0 {
		return Snapshot{}, fault.New(fault.Invalid, "invalid", "dropped: this session has no base to drop chunks of.")
	}
	if err := c.follows(base); err != nil {
		return Snapshot{}, err
	}
	if err := u.uploaded(ctx, user, s, c.Added); err != nil {
		return Snapshot{}, err
	}
	for _, a := range c.Added {
		l.Chunks = append(l.Chunks, Chunk{Session: s.ID, ID: a.ID, Size: a.Size, Records: a.Records})
	}
	if len(l.Chunks) > MaxListed {
		return Snapshot{}, fault.New(fault.Unprocessable, "too_many_chunks",
			"The snapshot would consist of %d chunks, and %d is the most; compact first.", len(l.Chunks), MaxListed)
	}
	body, err := u.store(ctx, user, l)
	if err != nil {
		return Snapshot{}, err
	}
	n := Snapshot{Seq: h.Seq + 1, ID: s.ID, State: Kept, Device: s.Device, Location: s.Location, Version: s.Version,
		Counts: c.Counts, Ledger: c.Ledger, At: moment(u.Now), ListSum: digest(body), ListSize: int64(len(body)), Origins: s.Origins, Run: s.Run}
	s.State, s.Seq, s.Request = Committed, n.Seq, request
	change := Change{Head: h, Sessions: []Session{s}, Snapshots: []Snapshot{n}}
	change.Head.Seq, change.Head.Counts = n.Seq, c.Counts
	change.Head.remove(s.Device, Backup)
	counter := change.Head.counter(s.Device)
	counter.Kept, counter.Restored, counter.Brought = n.Seq, 0, 0
	change.Head.setCounter(counter)
	if base.Seq != 0 && base.State == Kept && shrunk(base.Counts, c.Counts, s.ShrinkOver) {
		base.Hold, n.Shrunk = true, true
		change.Snapshots = []Snapshot{n, base}
	}
	return n, write(ctx, u.Table, user, change)
}

// keep begins the list with the chunks of the base that are not dropped.
func (u *Uploader) keep(ctx context.Context, user caller.UserID, h Head, e Entry, l *List, dropped []int) (Snapshot, error) {
	n, err := u.Table.Snapshot(ctx, user, e.BaseSeq)
	if err != nil {
		return Snapshot{}, moved(err)
	}
	body, err := u.Store.List(ctx, n.Location, ListKey(user, n.ID))
	if err != nil {
		return Snapshot{}, unlisted(ctx, u.Table, user, h, n, err)
	}
	base, err := decodeList(body, n)
	if err != nil {
		return Snapshot{}, err
	}
	if k := len(dropped); k > 0 && dropped[k-1] >= len(base.Chunks) {
		return Snapshot{}, fault.New(fault.Invalid, "invalid", "dropped: position %d is beyond the base's %d chunks.", dropped[k-1], len(base.Chunks))
	}
	for i, c := range base.Chunks {
		if _, drop := slices.BinarySearch(dropped, i); !drop {
			l.Chunks = append(l.Chunks, c)
		}
	}
	return n, nil
}

// uploaded checks that every added chunk is there. The URL has bound its key to its content, so that its size is all
// there is left to see.
func (u *Uploader) uploaded(ctx context.Context, user caller.UserID, s Session, added []Added) error {
	sizes, err := u.Store.Sizes(ctx, s.Location, chunkPrefix(user, s.ID))
	if err != nil {
		return err
	}
	for i, a := range added {
		size, ok := sizes[ChunkKey(user, s.ID, a.ID)]
		switch {
		case !ok:
			return fault.New(fault.Unprocessable, "chunk_missing", "added/%d: chunk %s has not arrived; upload it, then commit again.", i, a.ID)
		case size != a.Size:
			return fault.New(fault.Unprocessable, "chunk_missing", "added/%d: chunk %s has %d bytes and not %d.", i, a.ID, size, a.Size)
		}
	}
	return nil
}

// store puts the list, or adopts the one that an earlier attempt of the same request has put.
func (u *Uploader) store(ctx context.Context, user caller.UserID, l List) ([]byte, error) {
	body, err := l.encode()
	if err != nil {
		return nil, err
	}
	err = u.Store.PutList(ctx, l.Location, ListKey(user, l.Session), body)
	if !fault.Is(err, fault.Conflict) {
		return body, err
	}
	stored, err := u.Store.List(ctx, l.Location, ListKey(user, l.Session))
	if err != nil {
		return nil, err
	}
	var is List
	if err := json.Unmarshal(stored, &is); err != nil {
		return nil, fault.Wrap(err, fault.Conflict, "list_stored", "Another commit of this session has been tried, and cannot be read; begin again.")
	}
	if is.Request != l.Request {
		return nil, fault.New(fault.Conflict, "list_stored", "Another commit of this session has been tried; begin again.")
	}
	return stored, nil
}

// shrunk reports whether an element lost more than so many per cent of its items. Kinds that one of the two could not see
// say nothing.
func shrunk(before, after Counts, over int) bool {
	if over == 0 {
		over = shrinkOver
	}
	b, a := byElement(before), byElement(after)
	for _, element := range slices.Sorted(maps.Keys(b)) {
		if n, ok := a[element]; ok && 100*(b[element]-n) > int64(over)*b[element] {
			return true
		}
	}
	return false
}

// ByElement adds kinds up: sms and mms are messages.
func (c Counts) ByElement() map[string]int64 { return byElement(c) }

func byElement(c Counts) map[string]int64 {
	out := map[string]int64{}
	for kind, n := range c {
		out[elements[kind]] += n
	}
	return out
}
