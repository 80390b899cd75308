package device

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"zapas/device/internal/pack"
	"zapas/device/internal/progress"
	"zapas/device/internal/remote"
	"zapas/device/internal/state"
	"zapas/shared/api"
)

const (
	signedAtOnce = 16                 // chunks; more would wait for longer than their URLs work, and count against the quota twice
	transfers    = 3                  // at the same time, of no more than
	inFlight     = 2 * pack.FullChunk // bytes: two chunks of attachments, or one of any size. So much is sent twice when a run is killed
	signings     = 4                  // of one batch, before it is given up
)

// errOver says that the session cannot be brought to its end, and another has to be begun.
var errOver = errors.New("the session is over")

// resume brings the session that an earlier run has sealed to its end, if there is one; nil when there is none, or when it
// is over.
func (d *Device) resume(ctx context.Context) (*Report, error) {
	j, err := d.dir.Journal()
	if damaged, ok := errors.AsType[*state.DamagedSession](err); ok {
		d.note = damaged.Error()
		d.over(api.SessionInputKindBackup)
		return nil, d.dir.ClearSession()
	}
	if err != nil || j == nil {
		return nil, err
	}
	r, err := d.finish(ctx, j)
	if errors.Is(err, errOver) {
		d.track.Break()
		d.note = fmt.Sprintf("a backup that an earlier run had not finished was given up and begun again: %v", err)
		return nil, nil
	}
	return &r, err
}

// finish uploads what has not arrived, commits, and makes the session's cache the device's.
func (d *Device) finish(ctx context.Context, j *state.Journal) (Report, error) {
	var r Report
	if err := json.Unmarshal(j.Report, &r); err != nil {
		return Report{}, fmt.Errorf("read the report of session %s: %w", j.Session, err)
	}
	d.uploading(j, r)
	err := d.deliver(ctx, j)
	if remote.Code(err) == "chunk_missing" {
		if err := d.dir.ForgetUploaded(); err != nil {
			return Report{}, err
		}
		err = d.deliver(ctx, j)
	}
	if err = d.abandon(ctx, j.Session, err); err != nil {
		return Report{}, err
	}
	d.track.End(progress.Uploading)
	if err := d.ended(); err != nil { // before the journal goes: dying between, the next run comes here again
		return Report{}, err
	}
	if err := d.dir.Adopt(); err != nil {
		return Report{}, err
	}
	return r, d.forgetLost() // dying before, what is not listed any more is known for longer, and means nothing
}

// abandon forgets a session that an error says can never be committed, or that is not waited for any more. Any error is
// answered as it came, or as errOver.
func (d *Device) abandon(ctx context.Context, session string, err error) error {
	over := d.giveUp(err)
	if spoilt(err) || over {
		// It would stay open until its lease ends. That the service cannot be told now costs no more than that.
		_ = d.client.End(ctx, session)
	}
	if hopeless(err) || over {
		d.over(api.SessionInputKindBackup)
		// What it brought is still on the phone: without the journal, the next session brings it.
		if cerr := d.dir.ClearSession(); cerr != nil {
			return errors.Join(err, cerr)
		}
		if code := remote.Code(err); remote.Status(err) != http.StatusBadRequest && code != "chunk_missing" { // those would come again
			err = fmt.Errorf("%w: %w", errOver, err)
		}
	}
	return err
}

// hopeless reports whether an error means that this session can never be committed.
func hopeless(err error) bool {
	if spoilt(err) {
		return true
	}
	switch remote.Status(err) {
	case http.StatusBadRequest, http.StatusConflict, http.StatusGone, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// spoilt reports whether an error means that a sealed chunk is not on this device's disk as it was sealed.
func spoilt(err error) bool {
	if r, ok := errors.AsType[*remote.Refused](err); ok {
		return r.Status == http.StatusBadRequest && r.OfOne() && !r.Expired() // its check sum is not the one that was signed
	}
	_, unreadable := errors.AsType[*remote.Unreadable](err)
	return unreadable || errors.Is(err, errSpool)
}

func (d *Device) deliver(ctx context.Context, j *state.Journal) error {
	done, err := d.dir.Uploaded()
	if err != nil {
		return fmt.Errorf("%w: %w", errSpool, err)
	}
	var waiting []int
	for i, c := range j.Chunks {
		if done[c.ID] {
			d.uploaded(c.Size)
		} else {
			waiting = append(waiting, i)
		}
	}
	for len(waiting) > 0 {
		n := min(len(waiting), signedAtOnce)
		if err := d.upload(ctx, j, waiting[:n]); err != nil {
			return err
		}
		waiting = waiting[n:]
	}
	committed, err := d.client.Commit(ctx, j.Session, j.Commit)
	if err == nil && committed.Snapshot != j.Session {
		err = fmt.Errorf("the service committed snapshot %s instead of %s", committed.Snapshot, j.Session)
	}
	return err
}

// upload signs and puts one batch of chunks; those whose URLs have expired are signed again. What is damaged on the disk is
// not even signed: it would count against the quota in vain.
func (d *Device) upload(ctx context.Context, j *state.Journal, batch []int) error {
	for _, i := range batch {
		if err := d.dir.CheckChunk(i, j.Chunks[i]); err != nil {
			return fmt.Errorf("%w: %w", errSpool, err)
		}
	}
	for range signings {
		in := api.ChunksInput{}
		for _, i := range batch {
			in.Chunks = append(in.Chunks, api.ChunkInput{Sha256: j.Chunks[i].SHA256, Size: j.Chunks[i].Size})
		}
		signed, err := d.client.Sign(ctx, j.Session, in)
		if err != nil {
			return err
		}
		if len(signed.Chunks) != len(batch) {
			return fmt.Errorf("the service signed %d chunks instead of %d", len(signed.Chunks), len(batch))
		}
		if batch, err = d.puts(ctx, j, batch, signed.Chunks); err != nil || len(batch) == 0 {
			return err
		}
	}
	return errors.New("the storage refuses every upload URL that the service gives; is this phone's network changing what it sends?")
}

// puts uploads chunks in parallel and answers those whose URL has expired.
func (d *Device) puts(ctx context.Context, j *state.Journal, batch []int, signed []api.SignedChunk) (expired []int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	room := remote.NewRoom(inFlight)
	remote.Each(transfers, len(batch), func(n int) {
		size := j.Chunks[batch[n]].Size
		room.Enter(size)
		defer room.Leave(size)
		perr := context.Cause(ctx) // of one that has failed: no other is begun
		if perr == nil {
			perr = d.put(ctx, j, batch[n], signed[n])
		}
		mu.Lock()
		defer mu.Unlock()
		if r, ok := errors.AsType[*remote.Refused](perr); ok && r.Expired() {
			expired = append(expired, batch[n])
			return
		}
		if perr == nil {
			d.objects++
			d.bytes += j.Chunks[batch[n]].Size
			d.uploaded(j.Chunks[batch[n]].Size)
			perr = d.dir.NoteUploaded(j.Chunks[batch[n]].ID)
		}
		if perr != nil && err == nil {
			err = perr
			cancel()
		}
	})
	return expired, err
}

// errSpool says that a sealed chunk is not on this device's disk any more as it was.
var errSpool = errors.New("a spooled chunk is missing or damaged")

func (d *Device) put(ctx context.Context, j *state.Journal, i int, signed api.SignedChunk) error {
	c := j.Chunks[i]
	if signed.Id != c.ID {
		return fmt.Errorf("the service signed chunk %s instead of %s", signed.Id, c.ID)
	}
	err := d.client.Put(ctx, remote.Upload{URL: signed.Url, Headers: signed.Headers, Size: c.Size,
		Open: func() (io.ReadCloser, error) {
			f, err := d.dir.OpenChunk(i)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errSpool, err)
			}
			return f, nil
		}})
	if err != nil {
		return fmt.Errorf("upload chunk %s: %w", c.ID, err)
	}
	return nil
}
