package readertest

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

// A value is CBOR (RFC 8949) taken apart, so that it can be put together in forms that no encoder makes.
type value struct {
	major byte
	arg   uint64
	bytes []byte
	kids  []value // of a map: key, value, key, value
	raw   []byte  // stands for all of it
	wide  int     // so many steps longer than its shortest form
}

// parse takes apart what is well-formed and of definite length.
func parse(b []byte) (v value, rest []byte) {
	v.major, v.arg, b = b[0]>>5, uint64(b[0]&31), b[1:]
	if v.arg >= 24 {
		n := 1 << (v.arg - 24)
		v.arg = 0
		for _, c := range b[:n] {
			v.arg = v.arg<<8 | uint64(c)
		}
		b = b[n:]
	}
	kids := uint64(0)
	switch v.major {
	case 2, 3:
		v.bytes, b = b[:v.arg], b[v.arg:]
	case 4:
		kids = v.arg
	case 5:
		kids = 2 * v.arg
	}
	for range kids {
		var kid value
		kid, b = parse(b)
		v.kids = append(v.kids, kid)
	}
	return v, b
}

func (v *value) append(out []byte) []byte {
	if v.raw != nil {
		return append(out, v.raw...)
	}
	switch v.major {
	case 2, 3:
		v.arg = uint64(len(v.bytes))
	case 4:
		v.arg = uint64(len(v.kids))
	case 5:
		v.arg = uint64(len(v.kids) / 2)
	}
	size := 0 // 0: in the first byte, 1 to 4: in 1, 2, 4 or 8 more
	for size < 4 && v.arg >= []uint64{24, 1 << 8, 1 << 16, 1 << 32}[size] {
		size++
	}
	if v.major != 7 {
		size = min(4, size+v.wide)
	}
	if size == 0 {
		out = append(out, v.major<<5|byte(v.arg))
	} else {
		var arg [8]byte
		binary.BigEndian.PutUint64(arg[:], v.arg)
		out = append(append(out, v.major<<5|byte(23+size)), arg[8-1<<(size-1):]...)
	}
	out = append(out, v.bytes...)
	for i := range v.kids {
		out = v.kids[i].append(out)
	}
	return out
}

// all are the value and what is in it.
func (v *value) all() []*value {
	out := []*value{v}
	for i := range v.kids {
		out = append(out, v.kids[i].all()...)
	}
	return out
}

func (v value) clone() value {
	v.kids = slices.Clone(v.kids)
	for i := range v.kids {
		v.kids[i] = v.kids[i].clone()
	}
	return v
}

// Numbers and strings at which formats have edges.
var (
	edges = []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 16, 18, 19, 20, 23, 24, 100, 101, 255, 256, 272, 512, 1 << 14, 1<<16 - 1, 1 << 16, 1<<20 - 1, 1 << 20,
		1<<20 + 1, 1<<20 + 4, 1<<20 + 5, 1 << 22, 1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 - 1, 1 << 32, 1<<53 - 1, 1 << 53, 1<<53 + 1, 1<<63 - 1, 1 << 63, 1<<64 - 1}
	strings = []string{"", "\x00", "0", "2", "5", "6", "x:y", "x", "PL", "pl", "+1", "+", "+123456789012345678901", "12", "\xff", "\xed\xa0\x80", "\xc0\x80", "\ufeff", "e\u0301",
		"\xf4\x90\x80\x80", "a\rb:", "home", "\x80", "\x80\x00", "\xff\xff\x3f", "0000000000000000", "00000000", "\x00\x00\x00\x00\x00\x00\x00\x00",
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}
	odd = []string{"\xf4", "\xf5", "\xf6", "\xf7", "\xe0", "\xf8\x20", "\xf9\x00\x00", "\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00", "\xc0\x00", "\xc1\x60", "\x9f\xff", "\xbf\xff", "\x5f\xff",
		"\x7f\xff", "\x80", "\xa0", "\x40", "\x60", "\x00", "\x81\x00", "\xa1\x00\x00", "\xff", "\x1c", "\x9b\xff\xff\xff\xff\xff\xff\xff\xff"}
)

// Mutants are n variations of deterministic CBOR, the same for the same seed: most are still CBOR, and some still what they were.
func Mutants(seed uint64, n int, of [][]byte) [][]byte {
	r := rand.New(rand.NewPCG(seed, 0))
	var roots []value
	var parts []*value // to be put where they do not belong
	for _, b := range of {
		v, _ := parse(b)
		roots = append(roots, v)
	}
	for i := range roots {
		parts = append(parts, roots[i].all()...)
	}
	out := make([][]byte, 0, n)
	for i := range n {
		v := roots[i%len(roots)].clone()
		for range 1 + r.IntN(3) {
			all := v.all()
			all[r.IntN(len(all))].mutate(r, parts)
		}
		b := v.append(nil)
		if r.IntN(20) == 0 {
			b = Spoil(r, b)
		}
		out = append(out, b)
	}
	return out
}

// Spoil changes bytes, whatever they mean.
func Spoil(r *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	if len(b) == 0 {
		return []byte{byte(r.Uint32())}
	}
	at := r.IntN(len(b))
	switch r.IntN(5) {
	case 0:
		b[at] ^= 1 << r.IntN(8)
	case 1:
		b[at] = byte(r.Uint32())
	case 2:
		b = b[:at]
	case 3:
		b = slices.Insert(b, at, byte(r.Uint32()))
	default:
		b = append(b, b[at:]...)
	}
	return b
}

func (v *value) mutate(r *rand.Rand, parts []*value) {
	switch r.IntN(16) {
	case 0:
		*v = value{raw: []byte(pick(r, odd))}
	case 1:
		*v = pick(r, parts).clone()
	case 2:
		v.wide = 1 + r.IntN(3)
	default:
		switch v.major {
		case 0, 1:
			v.mutateNumber(r)
		case 2, 3:
			v.mutateString(r)
		case 4, 5:
			v.mutateList(r, parts)
		case 7:
			v.arg ^= 1
		}
	}
}

func (v *value) mutateNumber(r *rand.Rand) {
	switch r.IntN(6) {
	case 0:
		v.arg++
	case 1:
		v.arg--
	case 2:
		v.major ^= 1
	default:
		v.arg = pick(r, edges)
	}
}

func (v *value) mutateString(r *rand.Rand) {
	switch r.IntN(6) {
	case 0:
		v.major ^= 1
	case 1:
		v.bytes = bytes.Repeat([]byte{0}, len(v.bytes))
	case 2:
		v.bytes = Spoil(r, v.bytes)
	case 3:
		v.bytes = append(bytes.Clone(v.bytes), pick(r, strings)...)
	default:
		v.bytes = []byte(pick(r, strings))
	}
}

// mutateList changes what an array or a map has; the keys of a map are mostly brought back into their order.
func (v *value) mutateList(r *rand.Rand, parts []*value) {
	step := int(v.major - 3)
	n := len(v.kids) / step
	at := step * r.IntN(n+1)
	switch kind := r.IntN(5); {
	case kind == 0 || n == 0:
		for range step {
			v.kids = slices.Insert(v.kids, at, pick(r, parts).clone())
		}
		if step == 2 {
			v.kids[at] = value{arg: r.Uint64N(30)}
		}
	case at == len(v.kids):
		v.kids = nil
	case kind == 1:
		v.kids = slices.Delete(v.kids, at, at+step)
	case kind == 2:
		v.kids = slices.Insert(v.kids, at, slices.Clone(v.kids[at:at+step])...)
	case kind == 3 && step == 2:
		v.kids[at].arg = r.Uint64N(30)
	default:
		to := step * r.IntN(n)
		for i := range step {
			v.kids[at+i], v.kids[to+i] = v.kids[to+i], v.kids[at+i]
		}
	}
	if v.major == 5 && r.IntN(10) > 0 {
		v.sort()
	}
}

func (v *value) sort() {
	pairs := slices.Collect(slices.Chunk(v.kids, 2))
	slices.SortStableFunc(pairs, func(a, b []value) int { return bytes.Compare(a[0].append(nil), b[0].append(nil)) })
	v.kids = slices.Concat(pairs...)
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }
