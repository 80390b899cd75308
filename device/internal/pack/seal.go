package pack

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"zapas/device/internal/index"
	"zapas/device/internal/progress"
	"zapas/device/internal/recall"
	"zapas/device/internal/seal"
	"zapas/device/internal/state"
	"zapas/shared/api"
)

// Outcome is what a run makes of what it has seen.
type Outcome struct {
	Ledger    api.BackupLedgers
	Counts    api.Counts
	Coverage  api.Coverage
	Removed   map[string]int64 // by element: items of the base that are no longer there
	Failures  []string         // the first few, in words
	Notes     []string         // what else there is to know of the source, in words
	Compacted int              // chunks of the base whose content is written again
	Healed    map[string]int64 // by element: items of the base of which something was lost and that are stored again
}

// Same is the outcome of a scan that has found nothing new.
func (s *Scan) Same() (Outcome, error) {
	out := (&snapshot{cache: s.base}).outcome(s)
	return out, s.err()
}

func (n *snapshot) outcome(s *Scan) Outcome {
	return Outcome{Ledger: n.ledger(s), Counts: n.counts(s), Coverage: s.coverage, Removed: s.removed(), Failures: s.examples, Notes: slices.Concat(s.notes, n.notes), Compacted: s.compaction.chosen, Healed: n.healed}
}

// Session is what the chunks are sealed for.
type Session struct {
	ID         string
	Device     string
	Location   string
	Key        seal.SessionKey
	KeyVersion uint32
	Own        *recall.Cache // the phone's own last snapshot, of which nothing may be lost; nil where that is the base, or there is none
	// Closed is told of each chunk but the last as soon as it is whole in the spool and will be part of the session,
	// in this run or a later one; it may be sent, and need not be kept, once it has arrived. Its error ends the sealing.
	Closed func(n int, c state.Spooled) error
}

// Sealed is a session whose chunks lie in the spool, ready to be uploaded and committed.
type Sealed struct {
	Outcome
	Chunks []state.Spooled
	Commit api.CommitInput
	Cache  *recall.Cache // valid once it is committed
}

// Seal writes what is new into the spool, behind what an earlier run has closed for this session. ErrMoved when the source does not show the same again.
func Seal(ctx context.Context, dir *state.Dir, src Source, s *Scan, of Session, random io.Reader) (*Sealed, error) {
	id, err := index.Parse(of.ID)
	if err != nil {
		return nil, fmt.Errorf("the service named a session in a form that is not its own: %w", err)
	}
	p, err := newPacker(dir, id, of, random)
	if err != nil {
		return nil, err
	}
	defer p.abandon()
	s.sealing()
	p.makeRoom(s)
	err = p.records(ctx, src, s)
	if err := cmp.Or(s.err(), err); err != nil { // that the source has moved may be a mistake then
		return nil, err
	}
	if err := p.old(ctx, s); err != nil {
		return nil, err
	}
	p.again(s)
	if err := p.attachments(ctx, src, s, of.Own); err != nil {
		return nil, err
	}
	var n *snapshot
	sum, err := p.index(func() ([]byte, error) {
		if n, err = compose(s, p, of); err != nil {
			return nil, err
		}
		return n.index(s)
	})
	if err != nil {
		return nil, err
	}
	own, sealed := &n.cache.Chunks[len(n.cache.Chunks)-1], p.open()
	own.ID, own.Size, own.RecordPart, own.Mark = sealed.ID, sealed.Size, sealed.RecordPart, sealed.Mark // known only now
	s.track.End(progress.Sealing)
	out := &Sealed{Outcome: n.outcome(s), Cache: n.cache}
	out.Commit = api.CommitInput{Added: []api.AddedChunk{}, Dropped: append([]int{}, n.dropped...),
		Index:  api.IndexPosition{Offset: sum.IndexOffset, Length: sum.IndexLength},
		Counts: out.Counts, Coverage: out.Coverage, Ledger: out.Ledger}
	for _, c := range p.chunks {
		out.Chunks = append(out.Chunks, c.spooled)
		out.Commit.Added = append(out.Commit.Added, api.AddedChunk{Id: c.ID.String(), Size: c.Size, Records: c.RecordPart})
	}
	return out, nil
}
