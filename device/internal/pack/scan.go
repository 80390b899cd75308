package pack

import (
	"context"
	"crypto/sha256"
	"errors"
	"iter"
	"slices"

	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/device/internal/progress"
	"zapas/device/internal/state"
)

// Scan is what one reading of a source has found, held against the base. It holds ids and digests, never items, and of
// what the base has only where that is.
type Scan struct {
	base     *state.Cache        // nil for none; its Items are sorted
	kept     []bool              // by position in base.Items: seen again, unchanged
	paired   map[int]int         // of those that are equal, by where they begin: how many were seen again
	blobs    map[[32]byte]uint32 // positions in base.Blobs
	entries  []entry             // every item that was yielded, in order
	fresh    state.Items         // those to be sealed, in this order; chunks are the session's, blobs positions in named
	named    []blobKey           // attachments of what is fresh
	naming   map[blobKey]uint32
	elements []string // that this run backs up
	coverage map[string]string
	failed   map[string]map[string]int64 // by element and reason
	examples []string                    // of what failed, in words
	notes    []string                    // what else there is to know of the source, in words
	track    *progress.Tracker

	compaction compaction
}

// entry is one item of the source.
type entry struct {
	at    uint32 // fresh: position in Scan.fresh; already: in base.Items
	kind  item.Kind
	state entryState
}

type entryState byte

const (
	fresh   entryState = iota // new, or changed
	already                   // in the base as it is
	failed                    // it cannot be stored
	ignored                   // of an element that the profile does not choose
)

type blobKey struct {
	sum  [32]byte
	size int64
}

const maxExamples = 5

// Read goes through the source once. base is what the device's last snapshot holds, or nil; track counts the items, and
// then those that are sealed.
func Read(ctx context.Context, src Source, chosen []string, base *state.Cache, track *progress.Tracker) (*Scan, error) {
	s := &Scan{base: base, track: track, blobs: map[[32]byte]uint32{}, paired: map[int]int{}, naming: map[blobKey]uint32{}, coverage: map[string]string{}, failed: map[string]map[string]int64{}}
	if base != nil {
		s.kept = make([]bool, base.Items.Len())
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
	track.End(progress.Reading)
	return s, nil
}

func (s *Scan) add(it item.Item) {
	e := entry{kind: it.Kind()}
	element := e.kind.Element()
	if !slices.Contains(s.elements, element) {
		e.state = ignored
		s.entries = append(s.entries, e)
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
		s.entries = append(s.entries, e)
		s.track.Fail(progress.Reading, element, 1)
		return
	}
	s.track.Add(progress.Reading, element, 1)
	row := state.Item{ID: it.IDs()[0], Kind: e.kind, Content: digest(record), Essence: it.Essence()}
	if at, ok := s.match(row); ok {
		s.kept[at] = true
		e.state, e.at = already, uint32(at)
		s.entries = append(s.entries, e)
		return
	}
	for _, b := range it.Blobs() {
		if at := s.name(blobKey{b.SHA256, b.Size}); !slices.Contains(row.Blobs, at) {
			row.Blobs = append(row.Blobs, at)
		}
	}
	e.at = uint32(s.fresh.Len())
	s.fresh.Append(row)
	s.entries = append(s.entries, e)
}

// name is the number of an attachment.
func (s *Scan) name(b blobKey) uint32 {
	at, ok := s.naming[b]
	if !ok {
		at = uint32(len(s.named))
		s.naming[b] = at
		s.named = append(s.named, b)
	}
	return at
}

// seen goes through the entries that are in the base or to be sealed, in the order of the source.
func (s *Scan) seen() iter.Seq2[*entry, state.Item] {
	return func(yield func(*entry, state.Item) bool) {
		for i := range s.entries {
			e := &s.entries[i]
			var it state.Item
			switch e.state {
			case fresh:
				it = s.fresh.At(int(e.at))
			case already:
				it = s.base.Items.At(int(e.at))
			default:
				continue
			}
			if !yield(e, it) {
				return
			}
		}
	}
}

// row is what is known of an entry that is in the base or to be sealed.
func (s *Scan) row(e *entry) state.Item {
	if e.state == already {
		return s.base.Items.At(int(e.at))
	}
	return s.fresh.At(int(e.at))
}

// added goes through what is to be sealed.
func (s *Scan) added() iter.Seq2[*entry, state.Item] {
	return func(yield func(*entry, state.Item) bool) {
		for e, it := range s.seen() {
			if e.state == fresh && !yield(e, it) {
				return
			}
		}
	}
}

func digest(record []byte) [16]byte {
	sum := sha256.Sum256(record)
	return [16]byte(sum[:16])
}

// match finds the base's item that is this one, unchanged, and not yet another's: two equal messages are two. Of equal
// ones, which can stand for each other, it takes the first, then the next.
func (s *Scan) match(it state.Item) (int, bool) {
	if s.base == nil {
		return 0, false
	}
	from, to := s.base.Items.Equal(it.ID, it.Content, it.Kind)
	if to-from > 1 {
		first := from
		from += s.paired[first]
		s.paired[first]++
	}
	return from, from < to && !s.kept[from]
}

// known is the range of the base's items with an id.
func (s *Scan) known(id item.ID) (from, to int) {
	if s.base == nil {
		return 0, 0
	}
	return s.base.Items.Find(id)
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
	for _, e := range s.entries {
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
func (s *Scan) dead() []bool {
	out := make([]bool, len(s.kept))
	for at, kept := range s.kept {
		out[at] = !kept && s.coverage[s.base.Items.At(at).Kind.Element()] == ledger.Full
	}
	more := map[alike]int{} // seen beyond those known, where one of them is fresh
	for e, it := range s.added() {
		if s.coverage[e.kind.Element()] != ledger.Full {
			more[alike{it.ID, it.Essence}] = 0
		}
	}
	if len(more) > 0 {
		for _, it := range s.seen() {
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
			if s.base.Items.At(at).Essence == k.essence {
				out[at] = !s.kept[at]
			}
		}
	}
	s.downloaded(more, out)
	return out
}

// downloaded adds to the dead the announcements for each of which a message has come.
func (s *Scan) downloaded(more map[alike]int, dead []bool) {
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
			if s.base.Items.At(at).Essence.Announced && !s.kept[at] && !dead[at] {
				announced = append(announced, at)
			}
		}
		for _, at := range announced {
			dead[at] = n >= len(announced)
		}
	}
}

// removed counts, by element, the base's items that are no longer there. One in whose place another has come is none.
func (s *Scan) removed() map[string]int64 {
	out := map[string]int64{}
	gone := s.dead()
	if !slices.Contains(gone, true) {
		return out
	}
	come := map[item.ID]int64{} // of ids that have gone
	for at, dead := range gone {
		if dead {
			come[s.base.Items.At(at).ID] = 0
		}
	}
	for _, it := range s.added() {
		if _, ok := come[it.ID]; ok {
			come[it.ID]++
		}
	}
	for at, dead := range gone {
		if !dead {
			continue
		}
		if it := s.base.Items.At(at); come[it.ID] > 0 {
			come[it.ID]--
		} else {
			out[it.Kind.Element()]++
		}
	}
	return out
}

// Unchanged reports whether the base still stands for what was seen, and all of it could be read: what could not is told
// by a snapshot's ledger alone.
func (s *Scan) Unchanged() bool {
	return s.base != nil && !s.base.Adopted && len(s.failed) == 0 && !slices.ContainsFunc(s.entries, func(e entry) bool { return e.state == fresh }) && !slices.Contains(s.dead(), true)
}
