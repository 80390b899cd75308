package pack

import (
	"fmt"

	"zapas/device/internal/index"
	"zapas/device/internal/recall"
)

// healing is what of the base is known to be lost, and what of that a scan brings again. The unit is a chunk: one that is
// damaged in one place is not trusted in another.
type healing struct {
	lost  []bool // by position in base.Chunks; nil for none
	heals []bool // of these, those of which the source shows something, and the one that held the index
}

// Heal says which chunks of the base are lost. What the source shows of them is stored again, as Compact does it.
func (s *Scan) Heal(lost func(id index.ID) bool) {
	if s.base == nil {
		return
	}
	n := len(s.base.Chunks)
	h, found := healing{lost: make([]bool, n), heals: make([]bool, n)}, false
	for i, c := range s.base.Chunks {
		h.lost[i] = lost(c.ID)
		found = found || h.lost[i]
	}
	if !found {
		return
	}
	t := s.tally()
	for i := range h.lost {
		h.heals[i] = h.lost[i] && (t.shown[i] > 0 || len(t.held[i]) > 0 || i == n-1)
	}
	s.healing = h
}

func (h *healing) isLost(chunk uint32) bool { return h.lost != nil && h.lost[chunk] }

// Heals reports whether a chunk of the base is healed, as far as the source shows what was in it.
func (s *Scan) Heals(chunk int) bool { return s.healing.heals != nil && s.healing.heals[chunk] }

func (h *healing) any() bool {
	for _, heals := range h.heals {
		if heals {
			return true
		}
	}
	return false
}

// heal chooses all of a chunk that is there to be written again.
func (t *tally) heal(i int) {
	t.scan.compaction.chunks[i] = t.live[i] > 0
	for _, b := range t.held[i] {
		t.scan.compaction.blobs[b] = true
	}
}

// heal counts the items of the base of which something was lost and that are whole again, and notes how many are not.
func (n *snapshot) heal(s *Scan, p *packer) {
	if !s.healing.any() {
		return
	}
	n.healed = map[string]int64{}
	dead, left, all := s.dead(), int64(0), int64(0)
	for i, it := range s.base.Items.All() {
		if dead.has(i) {
			continue
		}
		_, moved := p.movedTo(i)
		was := s.healing.isLost(it.Chunk)
		is := was && !moved
		for _, at := range it.Blobs {
			b := s.base.Blobs[at]
			_, moved := p.movedBlob(b)
			lost := s.inLost(b)
			was, is = was || lost, is || lost && !moved
		}
		switch {
		case is:
			left++
		case was:
			n.healed[it.Kind.Element()]++
			all++
		}
	}
	if s.Heals(len(s.healing.heals) - 1) {
		n.notes = append(n.notes, "the object with the last backup's index was found lost, and there is another now")
	}
	if all > 0 {
		n.notes = append(n.notes, fmt.Sprintf("%d items of which something was found lost are stored again", all))
	}
	if left > 0 {
		n.notes = append(n.notes, fmt.Sprintf("%d items lie in objects that were found lost, and this phone does not show them, or cannot read what is attached to them: they stay listed there", left))
	}
}

// inLost reports whether a part of a blob is in a chunk that is lost.
func (s *Scan) inLost(b recall.Blob) bool {
	for _, chunk := range b.Chunks {
		if s.healing.isLost(chunk) {
			return true
		}
	}
	return false
}
