// Package gather knows how a snapshot's chunks and keys come to this device: the manifest, what it may be believed, whole
// chunks compared with their ids, their records alone, URLs that expire. It does not know what is in a chunk beyond its index.
package gather

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/progress"
	"zapas/device/internal/remote"
	"zapas/device/internal/seal"
	"zapas/device/internal/unpack"
	"zapas/shared/api"
)

const (
	keysAtOnce = 200 // that the service takes
	asked      = 2   // chunks, whether the storage refuses the index's alone

	smallOwn = 1 << 20 // bytes that may be fetched with an index and not be needed
)

// Restore is what is to be gathered, for an open session.
type Restore struct {
	Snapshot string
	Session  string // that reads it
	Proof    bool   // it is a verify session
	Rebuild  bool   // it is a rebuild session
	Folder   string // on this device's disk; what an earlier run has left there is used
	Kinds    []item.Kind
	Again    map[index.ID]index.Spans // records, by chunk: nothing but these is needed, and their attachments; nil for all
	Records  bool                     // no attachments but those that lie with what is read
}

// Gathered is what could be had.
type Gathered struct {
	unpack.Chunks            // without an Index when that cannot be read
	Counts        api.Counts // as the service says
	NoIndex       unpack.Bad // why there is no Index
	IndexIn       index.ID   // the chunk in which the list says it is; zeros where there is no list
	Objects       int        // downloaded
	Bytes         int64
}

// Forget clears the keys.
func (g *Gathered) Forget() { clear(g.Keys) }

// Gatherer asks the service and its storage for one device.
type Gatherer struct {
	Client               *remote.Client
	Tenant, User, Device string
	Random               io.Reader
	Track                *progress.Tracker // may be nil
}

// Gather downloads what a restore needs. A chunk that cannot be had is Bad; any error may pass with another run, but for
// a service's "session_over": open the restore again; and one that wraps seal.ErrTooNew or index.ErrTooNew, which only a newer
// app helps.
func (d Gatherer) Gather(ctx context.Context, r Restore) (*Gathered, error) {
	g, err := d.open(ctx, r)
	if err != nil {
		return nil, err
	}
	if g.out.Index == nil {
		return g.out, nil
	}
	if err := g.download(ctx); err != nil {
		g.out.Forget()
		return nil, err
	}
	return g.out, nil
}

// open reads of what a snapshot consists: its list, its keys, and its index if that can be had.
func (d Gatherer) open(ctx context.Context, r Restore) (_ *gathering, err error) {
	g := d.begin(r)
	defer func() {
		if err != nil {
			g.out.Forget()
		}
	}()
	if err := g.manifest(ctx); err != nil || g.out.NoIndex.Reason != "" {
		return g, err
	}
	if err := g.keys(ctx); err != nil {
		return nil, err
	}
	if err := g.readIndex(ctx); err != nil {
		return nil, err
	}
	return g, g.keysByIndex(ctx)
}

func (d Gatherer) begin(r Restore) *gathering {
	return &gathering{d: d, r: r, out: &Gathered{Chunks: unpack.Chunks{Folder: r.Folder, Keys: map[index.ID]seal.SessionKey{},
		Bad: map[int]unpack.Bad{}, Harmed: map[int]unpack.Bad{}, Part: map[int]bool{}, Left: map[int]bool{}}}}
}

// gathering is the work on one restore. The list of chunks is the service's word on where they are; what they are, the
// index says.
type gathering struct {
	d       Gatherer
	r       Restore
	chunks  []listed
	at      map[index.ID]int
	index   api.IndexPosition
	unkeyed error  // why the keys of the sessions that are listed were not given
	own     *found // the index's chunk, where it is on the disk

	mu      sync.Mutex // of all that downloads share: URLs, out and what follows
	out     *Gathered
	answers int      // chunks beside the index's of which the storage said anything but that it refuses them
	refused []string // what it said of the others
}

type listed struct {
	api.ManifestChunk
	cursor string // of its page
}

func (g *gathering) manifest(ctx context.Context) error {
	g.at = map[index.ID]int{}
	entries := 0 // with what is no chunk
	for cursor := ""; ; {
		page, err := g.page(ctx, cursor)
		if g.unlisted(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if page.Snapshot != g.r.Snapshot {
			return fmt.Errorf("the service answered with snapshot %s", page.Snapshot)
		}
		g.out.Counts, g.index = page.Counts, page.Index
		for _, c := range page.Chunks {
			if entries++; entries > index.MaxChunks {
				return fmt.Errorf("the service lists more than %d chunks", index.MaxChunks)
			}
			id, err := index.Parse(c.Id)
			if err != nil {
				continue // no chunk: the index says which one is missing
			}
			if _, twice := g.at[id]; !twice {
				g.at[id] = len(g.chunks)
			}
			g.chunks = append(g.chunks, listed{c, cursor})
		}
		if page.Cursor == nil || *page.Cursor == "" {
			break
		}
		if cursor = *page.Cursor; len(page.Chunks) == 0 {
			return errors.New("the service's list of chunks does not end")
		}
	}
	if len(g.chunks) == 0 {
		return errors.New("the service lists no chunks")
	}
	return nil
}

// unlisted notes that the service has lost the list of the snapshot's chunks: without it, nothing can be had. A list that the
// storage does not give out may be there another time: a restore, which would be over, waits for that; a proof is soon
// repeated, and says what it finds.
func (g *gathering) unlisted(err error) bool {
	p, ok := errors.AsType[*remote.Problem](err)
	if !ok || p.Code != "list_gone" && p.Code != "list_damaged" && (p.Code != "list_unreadable" || !g.r.Proof) {
		return false
	}
	if p.Counts != nil {
		g.out.Counts = *p.Counts
	}
	g.out.NoIndex = unpack.Bad{Reason: p.Code, Detail: fmt.Sprintf("snapshot %s: %v", g.r.Snapshot, p)}
	return true
}

func (g *gathering) page(ctx context.Context, cursor string) (api.Manifest, error) {
	if g.r.Proof || g.r.Rebuild {
		return g.d.Client.Base(ctx, g.r.Session, cursor)
	}
	return g.d.Client.Manifest(ctx, g.r.Session, cursor)
}

// refresh asks for the URLs of a chunk's page again.
func (g *gathering) refresh(ctx context.Context, i int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	cursor := g.chunks[i].cursor
	page, err := g.page(ctx, cursor)
	if err != nil {
		return err
	}
	for _, c := range page.Chunks {
		if id, err := index.Parse(c.Id); err == nil {
			if at, ok := g.at[id]; ok {
				g.chunks[at].Url = c.Url
			}
		}
	}
	return nil
}

func (g *gathering) url(i int) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.chunks[i].Url
}

// keys asks for the keys of all sessions that the service lists. Where it gives none, since one of them is none that it
// knows, the snapshot's own has to do until the index says which there are.
func (g *gathering) keys(ctx context.Context) error {
	var sessions []string
	for _, c := range g.chunks {
		if !slices.Contains(sessions, c.Session) {
			sessions = append(sessions, c.Session)
		}
	}
	err := g.keysOf(ctx, sessions)
	if remote.Code(err) == "not_found" && len(sessions) > 1 {
		g.unkeyed = err
		err = g.keysOf(ctx, []string{g.r.Snapshot})
	}
	return err
}

// keysByIndex asks for the keys of the sessions that the index names, where those that the service lists were not given.
func (g *gathering) keysByIndex(ctx context.Context) error {
	if g.unkeyed == nil || g.out.Index == nil {
		return nil
	}
	var sessions []string
	for _, c := range g.out.Index.Chunks {
		if _, has := g.out.Keys[c.Session]; !has && !slices.Contains(sessions, c.Session.String()) {
			sessions = append(sessions, c.Session.String())
		}
	}
	return g.keysOf(ctx, sessions)
}

func (g *gathering) keysOf(ctx context.Context, sessions []string) error {
	for part := range slices.Chunk(sessions, keysAtOnce) {
		request, err := seal.NewKeyRequest(g.d.Random)
		if err != nil {
			return err
		}
		answer, err := g.d.Client.Keys(ctx, g.r.Session, api.KeysInput{PublicKey: base64.RawURLEncoding.EncodeToString(request.Public()), Sessions: part})
		if err != nil {
			return err
		}
		for _, k := range answer.Keys {
			if !slices.Contains(part, k.Session) {
				continue
			}
			id, err := index.Parse(k.Session)
			if err != nil {
				return err
			}
			sealed, err := base64.RawURLEncoding.DecodeString(k.Key)
			if err != nil {
				return fmt.Errorf("the service sent a session key that cannot be read: %w", err)
			}
			if g.out.Keys[id], err = request.Open(sealed, g.d.Tenant, g.d.User, k.Session, g.d.Device); err != nil {
				return err
			}
		}
	}
	return nil
}
