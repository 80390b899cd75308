package pack

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sort"

	"zapas/device/internal/index"
	"zapas/device/internal/seal"
	"zapas/device/internal/state"
)

// adopted are the records of chunks that an earlier run has closed for this session, by their content. A record is looked for
// there before it is sealed: in whatever order the source shows its items now, each that is sealed already stays where it is,
// and what has gone meanwhile is dead.
type adopted struct {
	records []sealed
	used    []uint32 // by where a content begins: how many of it have been taken
}

type sealed struct {
	content [16]byte
	at      place
}

func (a *adopted) take(content [16]byte) (place, bool) {
	first := sort.Search(len(a.records), func(i int) bool { return bytes.Compare(a.records[i].content[:], content[:]) >= 0 })
	if first == len(a.records) {
		return place{}, false
	}
	next := first + int(a.used[first])
	if next == len(a.records) || a.records[next].content != content {
		return place{}, false
	}
	a.used[first]++
	return a.records[next].at, true
}

// adopt goes on with what an earlier run has closed.
func (p *packer) adopt(closed []state.Closed) error {
	parts := map[[32]byte][]held{}
	var all int
	for _, c := range closed {
		all += len(c.Records) / 16
	}
	p.adopted.records = make([]sealed, 0, all)
	for n, c := range closed {
		closed[n].Records = nil // of a large phone they are many, and each is held below
		id, err := index.Parse(c.Spooled.ID)
		if err != nil {
			return fmt.Errorf("go on with a session: %w", err)
		}
		p.chunks = append(p.chunks, packed{spooled: c.Spooled,
			Chunk: index.Chunk{Session: p.session, ID: id, Size: c.Spooled.Size, RecordPart: c.RecordPart, Mark: c.Mark, Runs: c.Runs}})
		for number := range len(c.Records) / 16 {
			p.adopted.records = append(p.adopted.records, sealed{[16]byte(c.Records[16*number:]), place{uint32(n), uint32(number)}})
		}
		for _, part := range c.Parts {
			parts[part.Sum] = append(parts[part.Sum], held{part, uint32(n)})
		}
		if err := p.announce(n); err != nil {
			return err
		}
	}
	slices.SortFunc(p.adopted.records, func(a, b sealed) int {
		return cmp.Or(bytes.Compare(a.content[:], b.content[:]), cmp.Compare(a.at.chunk, b.at.chunk), cmp.Compare(a.at.record, b.at.record))
	})
	p.adopted.used = make([]uint32, len(p.adopted.records))
	for sum, all := range parts {
		if b := whole(all); b != nil {
			p.blobs[sum] = b
		}
	}
	return nil
}

// held is a part of a blob in a chunk of this session.
type held struct {
	state.Part
	chunk uint32
}

// whole is a blob all of whose parts are there; nil when one is missing, and it is sealed again.
func whole(all []held) *newBlob {
	parts := make([]seal.Part, len(all))
	for i, p := range all {
		parts[i] = seal.Part{Sum: p.Sum, Size: p.Size, Offset: p.Offset, Length: p.Length}
	}
	chain := seal.Chain(parts)
	if chain == nil {
		return nil
	}
	b := &newBlob{size: all[0].Size}
	for _, at := range chain {
		b.chunks = append(b.chunks, all[at].chunk)
	}
	return b
}

// close notes the chunk that was ended, and says that it can be sent.
func (p *packer) close() error {
	c := p.open()
	if err := p.dir.NoteClosed(state.Closed{Spooled: c.spooled, RecordPart: c.RecordPart, Mark: c.Mark, Runs: c.Runs, Records: p.contents, Parts: p.parts}); err != nil {
		return err
	}
	p.contents, p.parts = p.contents[:0], nil
	return p.announce(len(p.chunks) - 1)
}

func (p *packer) announce(n int) error {
	if p.closed == nil {
		return nil
	}
	return p.closed(n, p.chunks[n].spooled)
}
