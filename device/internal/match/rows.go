package match

import "sort"

// rows is a long array that grows without being copied, of what holds no pointers: the collector passes over it.
type rows[T any] struct {
	slabs [][]T
	n     int
}

const slab = 1 << 10

// Len is how many there are.
func (r *rows[T]) Len() int { return r.n }

func (r *rows[T]) at(i int) *T { return &r.slabs[i/slab][i%slab] }

func (r *rows[T]) add(v T) {
	if r.n%slab == 0 {
		r.slabs = append(r.slabs, make([]T, slab))
	}
	*r.at(r.n) = v
	r.n++
}

// search is the first of which found is true, as it is of all behind it.
func (r *rows[T]) search(found func(v *T) bool) int {
	return sort.Search(r.n, func(i int) bool { return found(r.at(i)) })
}

func (r *rows[T]) sort(less func(a, b *T) bool) { sort.Sort(&sorting[T]{r, less}) }

type sorting[T any] struct {
	*rows[T]
	less func(a, b *T) bool
}

func (s *sorting[T]) Less(i, j int) bool { return s.less(s.at(i), s.at(j)) }
func (s *sorting[T]) Swap(i, j int)      { a, b := s.at(i), s.at(j); *a, *b = *b, *a }
