package pack

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"

	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/device/internal/paged"
	"zapas/device/internal/progress"
	"zapas/device/internal/recall"
	"zapas/device/internal/state"
)

// Scan is what one reading of a source has found, held against the base. It holds ids and digests, never items, and of
// what the base has only where that is.
type Scan struct {
	base     *recall.Cache       // nil for none; its Items are sorted
	kept     bits                // by position in base.Items: seen again, unchanged
	paired   map[int]int         // of those that are equal, by where they begin: how many were seen again
	blobs    map[[32]byte]uint32 // positions in base.Blobs
	entries  *paged.Array        // every item that was yielded, in order
	waiting  []waiting           // that were yielded last, and are no entries yet
	ordered  []int               // positions in waiting
	fresh    recall.Items        // those to be sealed, in this order; chunks are the session's, blobs positions in named
	named    []blobKey           // attachments of what is fresh
	naming   map[blobKey]uint32  // positions in named, as long as items come
	elements []string            // that this run backs up
	coverage map[string]string
	failed   map[string]map[string]int64 // by element and reason
	examples []string                    // of what failed, in words
	notes    []string                    // what else there is to know of the source, in words
	track    *progress.Tracker

	compaction compaction
	healing    healing
}

// entry is one item of the source.
type entry struct {
	at    uint32 // fresh: position in Scan.fresh; already: in base.Items
	kind  item.Kind
	state entryState
}

const entrySize = 6

// entry is the i-th item that was yielded.
func (s *Scan) entry(i int) entry {
	b := s.entries.Row(i)
	return entry{at: binary.BigEndian.Uint32(b), kind: item.Kind(b[4]), state: entryState(b[5])}
}

func (e entry) row() []byte {
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, entrySize), e.at), byte(e.kind), byte(e.state))
}

type entryState byte

const (
	ignored entryState = iota // of an element that the profile does not choose
	fresh                     // new, or changed
	already                   // in the base as it is
	failed                    // it cannot be stored
)

type blobKey struct {
	sum  [32]byte
	size int64
}

const maxExamples = 5

// Read goes through the source once. base is what the device's last snapshot holds, or nil; track counts the items, and
// then those that are sealed. Of a large phone, dir holds what is found, until it lets go of it.
func Read(ctx context.Context, dir *state.Dir, src Source, chosen []string, base *recall.Cache, track *progress.Tracker) (*Scan, error) {
	s := &Scan{base: base, track: track, entries: paged.New(entrySize, dir.Scratch), fresh: recall.In(dir.Scratch),
		blobs: map[[32]byte]uint32{}, paired: map[int]int{}, naming: map[blobKey]uint32{}, coverage: map[string]string{}, failed: map[string]map[string]int64{}}
	if base != nil {
		s.kept = newBits(base.Items.Len())
		for i, b := range base.Blobs {
			s.blobs[b.Sum] = uint32(i)
		}
	}
	for _, e := range ledger.Elements() {
		if slices.Contains(chosen, e) {
			s.elements = append(s.elements, e)
			s.coverage[e] = src.Coverage(e)
			track.Begin(progress.Reading, e, 0)
		}
	}
	for it, err := range src.Items() {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if u, ok := errors.AsType[*ledger.Unreadable](err); ok {
			if slices.Contains(s.elements, u.Kind.Element()) {
				s.fail(u.Kind.Element(), u.Reason, max(1, u.Count), u.Error())
				track.Fail(progress.Reading, u.Kind.Element(), max(1, u.Count))
			}
			continue
		}
		if b, ok := errors.AsType[*ledger.Blank](err); ok {
			if slices.Contains(s.elements, b.Element) {
				s.limit(b.Element)
				s.notes = append(s.notes, b.Error())
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		s.add(it)
	}
	for _, e := range s.elements {
		if src.Coverage(e) != ledger.Full { // what could be seen as it began may have been taken away
			s.limit(e)
		}
	}
	s.settle()
	s.waiting, s.ordered, s.naming = nil, nil, nil // all have come
	track.End(progress.Reading)
	return s, s.err()
}

func (s *Scan) add(it item.Item) {
	e := entry{kind: it.Kind(), state: fresh}
	element := e.kind.Element()
	if !slices.Contains(s.elements, element) {
		e.state = ignored
		s.wait(waiting{entry: e})
		return
	}
	record, err := item.Encode(it)
	if err != nil {
		e.state = failed
		reason := "not_lawful"
		if errors.Is(err, item.ErrTooLarge) {
			reason = "too_large"
		}
		s.fail(element, reason, 1, err.Error())
		s.wait(waiting{entry: e})
		s.track.Fail(progress.Reading, element, 1)
		return
	}
	s.track.Add(progress.Reading, element, 1)
	is := recall.Item{ID: it.IDs()[0], Kind: e.kind, Content: digest(record), Essence: it.Essence()}
	s.wait(waiting{entry: e, is: is, blobs: it.Blobs()})
}

// err is why nothing that was found can be believed.
func (s *Scan) err() error {
	err := errors.Join(s.entries.Err(), s.fresh.Err())
	if s.base != nil {
		err = errors.Join(err, s.base.Items.Err())
	}
	if err != nil {
		err = fmt.Errorf("compare the phone with its last backup: %w", err)
	}
	return err
}

// all goes through the entries, in the order of the source.
func (s *Scan) all() iter.Seq2[int, entry] {
	return func(yield func(int, entry) bool) {
		for i := range s.entries.Len() {
			if !yield(i, s.entry(i)) {
				return
			}
		}
	}
}

// seen goes through the items that are in the base, in its order, or to be sealed.
func (s *Scan) seen() iter.Seq[recall.Item] {
	return func(yield func(recall.Item) bool) {
		if s.base != nil {
			for at, it := range s.base.Items.All() {
				if s.kept.has(at) && !yield(it) {
					return
				}
			}
		}
		for _, it := range s.added() {
			if !yield(it) {
				return
			}
		}
	}
}

// row is what is known of an entry that is in the base or to be sealed.
func (s *Scan) row(e entry) recall.Item {
	if e.state == already {
		return s.base.Items.At(int(e.at))
	}
	return s.fresh.At(int(e.at))
}

// added goes through what is to be sealed, each with the number of its entry.
func (s *Scan) added() iter.Seq2[int, recall.Item] {
	return func(yield func(int, recall.Item) bool) {
		for i, e := range s.all() {
			if e.state == fresh && !yield(i, s.row(e)) {
				return
			}
		}
	}
}

func digest(record []byte) [16]byte {
	sum := sha256.Sum256(record)
	return [16]byte(sum[:16])
}

// fail accounts for items that cannot be stored. Nothing of their element is taken for deleted then.
func (s *Scan) fail(element, reason string, n int64, example string) {
	if s.failed[element] == nil {
		s.failed[element] = map[string]int64{}
	}
	s.failed[element][reason] += n
	s.limit(element)
	if len(s.examples) < maxExamples {
		s.examples = append(s.examples, example)
	}
}

func (s *Scan) limit(element string) {
	if s.coverage[element] == ledger.Full {
		s.coverage[element] = ledger.Limited
	}
}

// alike is what a changed item has in common with what it was.
type alike struct {
	id      item.ID
	essence item.Essence
}

// sealing begins to count what is to be sealed.
func (s *Scan) sealing() {
	waiting := map[string]int64{}
	for _, e := range s.all() {
		if e.state == fresh {
			waiting[e.kind.Element()]++
		}
	}
	for _, e := range s.elements {
		if waiting[e] > 0 {
			s.track.Begin(progress.Sealing, e, waiting[e])
		}
	}
}

// dead says which of the base's items are no items of the new snapshot: under full coverage, those not seen again; under
// limited coverage, those in whose place a changed one has come that is alike, or a message in that of its announcement.
// Where fewer are seen than are known, nobody can say which one has changed, and all stay.
func (s *Scan) dead() bits {
	if s.base == nil {
		return nil
	}
	out := newBits(s.base.Items.Len())
	for at, it := range s.base.Items.All() {
		if !s.kept.has(at) && s.coverage[it.Kind.Element()] == ledger.Full {
			out.set(at)
		}
	}
	more := map[alike]int{} // seen beyond those known, where one of them is fresh
	for _, it := range s.added() {
		if s.coverage[it.Kind.Element()] == ledger.Full {
			continue
		}
		if from, to := s.known(it.ID); from < to {
			more[alike{it.ID, it.Essence}] = 0
		}
	}
	if len(more) > 0 {
		for it := range s.seen() {
			if _, ok := more[alike{it.ID, it.Essence}]; ok {
				more[alike{it.ID, it.Essence}]++
			}
		}
	}
	for k := range more {
		from, to := s.known(k.id)
		for at := from; at < to; at++ {
			if s.base.Items.At(at).Essence == k.essence {
				more[k]--
			}
		}
		for at := from; at < to && more[k] >= 0; at++ {
			if s.base.Items.At(at).Essence == k.essence && !s.kept.has(at) {
				out.set(at)
			}
		}
	}
	s.downloaded(more, out)
	return out
}

// downloaded adds to the dead the announcements for each of which a message has come.
func (s *Scan) downloaded(more map[alike]int, dead bits) {
	come := map[item.ID]int{}
	for k, n := range more {
		if !k.essence.Announced && n > 0 {
			come[k.id] += n
		}
	}
	for id, n := range come {
		var announced []int
		from, to := s.known(id)
		for at := from; at < to; at++ {
			if s.base.Items.At(at).Essence.Announced && !s.kept.has(at) && !dead.has(at) {
				announced = append(announced, at)
			}
		}
		for _, at := range announced {
			if n >= len(announced) {
				dead.set(at)
			}
		}
	}
}

// removed counts, by element, the base's items that are no longer there. One in whose place another has come is none.
func (s *Scan) removed() map[string]int64 {
	out := map[string]int64{}
	gone := s.dead()
	if !gone.any() {
		return out
	}
	come := map[item.ID]int64{} // of ids that the base knows
	for _, it := range s.added() {
		if from, to := s.known(it.ID); from < to {
			come[it.ID]++
		}
	}
	for at := range gone.all() {
		if it := s.base.Items.At(at); come[it.ID] > 0 {
			come[it.ID]--
		} else {
			out[it.Kind.Element()]++
		}
	}
	return out
}

// Unchanged reports whether the base still stands for what was seen, nothing of it is to be healed, and all of it could be read:
// what could not is told by a snapshot's ledger alone.
func (s *Scan) Unchanged() (bool, error) {
	same := s.base != nil && !s.base.Adopted && len(s.failed) == 0 && s.fresh.Len() == 0 && !s.healing.any() && !s.dead().any()
	return same, s.err()
}
