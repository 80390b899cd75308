package item

import "iter"

// seat is a held item, as one that wants it sees it.
type seat struct {
	owner int32 // who has it, -1 while it is free
	spent bool  // no other pairing can ever free it: options need not list it
}

// seats are shared out so that as many as can be have one.
type seats []seat

// give finds the wanting one a seat among its options, moving others to other options of theirs where needed. Who has a
// seat never loses it but for another.
func (s seats) give(at int32, options func(at int32) iter.Seq[int32]) bool {
	visited := map[int32]bool{}
	if s.displace(at, options, visited) {
		return true
	}
	// What a failed search has seen stays taken for ever, whatever comes (König), so the next
	// search need not look there again.
	for h := range visited {
		s[h].spent = true
	}
	return false
}

func (s seats) displace(at int32, options func(at int32) iter.Seq[int32], visited map[int32]bool) bool {
	for h := range options(at) {
		if s[h].owner < 0 {
			s[h].owner = at
			return true
		}
	}
	for h := range options(at) {
		if visited[h] {
			continue
		}
		visited[h] = true
		if s.displace(s[h].owner, options, visited) {
			s[h].owner = at
			return true
		}
	}
	return false
}
