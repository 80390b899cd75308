package pack

import "iter"

// bits are numbers below some number.
type bits []uint64

func newBits(n int) bits { return make(bits, (n+63)/64) }

func (b bits) has(i int) bool { return b[i/64]>>(i%64)&1 == 1 }

func (b bits) set(i int) { b[i/64] |= 1 << (i % 64) }

// all goes through them, ascending.
func (b bits) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for n, word := range b {
			for i := 64 * n; word != 0; word, i = word>>1, i+1 {
				if word&1 == 1 && !yield(i) {
					return
				}
			}
		}
	}
}

func (b bits) any() bool {
	for range b.all() {
		return true
	}
	return false
}
