package index

import (
	"cmp"
	"slices"
	"sort"
)

// Span is some records of a chunk that follow each other, by their numbers.
type Span struct {
	First uint32 `json:"first"`
	Count uint32 `json:"count"`
}

// Spans are records of a chunk: ascending, none of them twice.
type Spans []Span

// Has reports whether a record is one of them.
func (s Spans) Has(number uint32) bool {
	i := sort.Search(len(s), func(i int) bool { return number < s[i].First+s[i].Count })
	return i < len(s) && s[i].First <= number
}

// Add adds a record whose number is above all others.
func (s Spans) Add(number uint32) Spans {
	if at := len(s) - 1; at >= 0 && s[at].First+s[at].Count == number {
		s[at].Count++
		return s
	}
	return append(s, Span{number, 1})
}

// With are those of both.
func (s Spans) With(more Spans) (out Spans) {
	all := slices.Concat(s, more)
	slices.SortFunc(all, func(a, b Span) int { return cmp.Compare(a.First, b.First) })
	for _, x := range all {
		if at := len(out) - 1; at >= 0 && x.First <= out[at].First+out[at].Count {
			out[at].Count = max(out[at].Count, x.First+x.Count-out[at].First)
		} else {
			out = append(out, x)
		}
	}
	return out
}

// Len is how many they are.
func (s Spans) Len() (n int64) {
	for _, x := range s {
		n += int64(x.Count)
	}
	return n
}

// Lawful reports whether they can be records of a chunk.
func (s Spans) Lawful() bool {
	next := uint64(0)
	for _, x := range s {
		if x.Count == 0 || uint64(x.First) < next {
			return false
		}
		if next = uint64(x.First) + uint64(x.Count); next > MaxRecords {
			return false
		}
	}
	return true
}
