// Package gather knows how a snapshot's chunks and keys come to this device: the manifest, what it may be believed, whole
// chunks compared with their ids, their records alone, URLs that expire. It does not know what is in a chunk beyond its index.
package gather

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
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
// a service's "session_over": open the restore again.
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
	return g, g.readIndex(ctx)
}

func (d Gatherer) begin(r Restore) *gathering {
	return &gathering{d: d, r: r, out: &Gathered{Chunks: unpack.Chunks{Folder: r.Folder, Keys: map[index.ID]seal.SessionKey{}, Bad: map[int]unpack.Bad{}, Harmed: map[int]unpack.Bad{}, Part: map[int]bool{}, Left: map[int]bool{}}}}
}

// gathering is the work on one restore. The list of chunks is the service's word on where they are; what they are, the
// index says.
type gathering struct {
	d      Gatherer
	r      Restore
	chunks []listed
	at     map[index.ID]int
	index  api.IndexPosition
	own    *found // the index's chunk, where it is on the disk

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
			id, err := index.Parse(c.Id)
			if err != nil || len(g.chunks) >= index.MaxChunks || c.Size < 1 || c.Size > seal.MaxChunk {
				return fmt.Errorf("the service's list of chunks cannot be: chunk %q of %d bytes", c.Id, c.Size)
			}
			g.at[id] = len(g.chunks)
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

func (g *gathering) keys(ctx context.Context) error {
	var sessions []string
	for _, c := range g.chunks {
		if !slices.Contains(sessions, c.Session) {
			sessions = append(sessions, c.Session)
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

// readIndex opens the index in the last chunk. One that cannot be had leaves g.out.Index nil.
func (g *gathering) readIndex(ctx context.Context) error {
	last := len(g.chunks) - 1
	c := g.chunks[last]
	lost := func(reason, format string, args ...any) error {
		g.out.NoIndex = unpack.Bad{Reason: reason, Detail: fmt.Sprintf("snapshot %s: its index, in chunk %s, ", g.r.Snapshot, c.Id) + fmt.Sprintf(format, args...) + noIndex}
		return nil
	}
	id, err := index.Parse(c.Id)
	if err != nil {
		return err
	}
	section, f, err := g.section(ctx, last, id)
	if err != nil {
		return err
	}
	if f.bad != nil {
		if f.bad.Reason == chunkRefused {
			if err := g.ask(ctx); err != nil {
				return err
			}
		}
		return lost(f.bad.Reason, "cannot be read: %s", f.bad.Detail)
	}
	session, err := index.Parse(c.Session)
	if err != nil || c.Session != g.r.Snapshot {
		return lost("index_damaged", "is of session %s", c.Session)
	}
	x, err := g.openIndex(section, session)
	switch {
	case err != nil && f.harmed != nil:
		return lost(f.harmed.Reason, "cannot be read: %s (%v)", f.harmed.Detail, err)
	case err != nil:
		return lost("index_damaged", "cannot be read: %v", err)
	case x.Snapshot != session:
		return lost("index_damaged", "is that of snapshot %s", x.Snapshot)
	}
	own := &x.Chunks[len(x.Chunks)-1]
	own.ID, own.Size, own.RecordPart, own.Mark = id, c.Size, c.Records, seal.MarkOf(section)
	if own.RecordPart < 0 || own.RecordPart > own.Size {
		return lost("index_damaged", "is in a chunk whose records cannot be %d of %d bytes", c.Records, c.Size)
	}
	x.Find(g.list())
	g.out.Index = x
	return nil
}

// list is the service's, as an index takes it.
func (g *gathering) list() []index.Listed {
	out := make([]index.Listed, len(g.chunks))
	for id, at := range g.at {
		out[at] = index.Listed{ID: id, Size: g.chunks[at].Size, RecordPart: g.chunks[at].Records}
	}
	return out
}

// noIndex ends the sentence on an index that cannot be had. Records of listed chunks could be read, but nothing else says which
// of them were deleted since: they would all come back.
const noIndex = "; without it nobody can tell what of this backup's content had been deleted before. Restore the backup before this one, or back up again from the phone"

// section brings the bytes of the index: by themselves where the rest of its chunk is much and perhaps not needed.
func (g *gathering) section(ctx context.Context, at int, id index.ID) (section []byte, f found, err error) {
	c := g.chunks[at]
	possible := g.index.Offset >= 0 && g.index.Length >= 1 && g.index.Length <= c.Size-g.index.Offset
	alone := c.Size-c.Records-g.index.Length > smallOwn && (g.r.Records || !slices.Contains(g.r.Kinds, item.KindMMS))
	if possible && alone && !is(g.out.Path(id), id, c.Size) {
		return g.indexAlone(ctx, at, g.out.Path(id)+".index")
	}
	f, err = g.whole(ctx, at, id, c.Size, c.Records)
	if err == nil && f.bad == nil {
		g.own = &f
	}
	if g.own == nil || !possible {
		return nil, f, err
	}
	file, err := os.Open(g.out.Path(id))
	if err != nil {
		return nil, f, err
	}
	defer file.Close()
	section = make([]byte, g.index.Length)
	if _, err := file.ReadAt(section, g.index.Offset); err != nil {
		return nil, f, nil // it is cut short, and so is what was stored
	}
	return section, f, nil
}

// indexAlone downloads the index's bytes, unless an earlier run has them.
func (g *gathering) indexAlone(ctx context.Context, at int, path string) (section []byte, f found, err error) {
	session, err := index.Parse(g.chunks[at].Session)
	if err != nil {
		return nil, f, err
	}
	if b, err := os.ReadFile(path); err == nil {
		if _, err := g.openIndex(b, session); err == nil {
			return b, f, nil
		}
	}
	f.bad, err = g.asked(ctx, at, func(url string) error {
		err := g.d.Client.GetPart(ctx, url, g.index.Offset, g.index.Length, func() (io.WriteCloser, error) {
			return newSpool(path, false, new([32]byte))
		})
		if err != nil {
			return err
		}
		g.gotten(g.index.Length)
		if section, err = os.ReadFile(path); err != nil {
			return err
		}
		if _, err := g.openIndex(section, session); err != nil {
			return errOther
		}
		return nil
	})
	if f.bad != nil && f.bad.Reason == chunkDamaged {
		f.bad = nil // whoever opens it says what is wrong with it
	}
	return section, f, err
}

// ask asks the storage for other chunks when it refuses the index's: only if it gives one out, that was a word on the index's.
func (g *gathering) ask(ctx context.Context) error {
	for i := 0; i < min(asked, len(g.chunks)-1) && g.answers == 0; i++ {
		id, err := index.Parse(g.chunks[i].Id)
		if err != nil {
			return err
		}
		if _, err := g.whole(ctx, i, id, g.chunks[i].Size, 0); err != nil {
			return err
		}
	}
	if g.answers == 0 {
		return g.refusesAll()
	}
	return nil
}

func (g *gathering) openIndex(section []byte, session index.ID) (*index.Index, error) {
	key, ok := g.out.Keys[session]
	if !ok {
		return nil, errors.New("the service did not give its key")
	}
	b, err := seal.OpenIndex(section, key)
	if err != nil {
		return nil, err
	}
	return index.Decode(b)
}
