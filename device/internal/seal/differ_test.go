package seal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"zapas/device/internal/readertest"
)

// TestMutants_SecondReader: both readers read the same or both refuse what is almost a chunk, a record part or an index section:
// bytes that somebody changed, and what a holder of the key has sealed. Only what is behind a compressed block may be refused by
// one alone.
func TestMutants_SecondReader(t *testing.T) {
	t.Parallel()
	all := mutants(t)
	told, accepted, unseen := readertest.ReadAll(t, "chunks", all), 0, 0
	for name, v := range all {
		want, err := v.open(t)
		second := told[name]
		if second.Refused != "" {
			if err == nil {
				t.Errorf("%s: the second reader alone refuses it: %s", name, second.Refused)
			}
			continue
		}
		got := must[secondRead](t)(unmarshal[secondRead](second.Got))
		switch {
		case err != nil && got.Unexpanded > 0:
			unseen++
		case err != nil:
			t.Errorf("%s: the second reader alone accepts it: %v", name, err)
		case want != nil:
			seen := want.seenBy(got)
			if a, b := must[[]byte](t)(json.Marshal(seen)), must[[]byte](t)(json.Marshal(got.want)); !bytes.Equal(a, b) {
				t.Errorf("%s: %s, and the second reader: %s", name, a, b)
			}
			accepted++
		default:
			accepted++
		}
	}
	if accepted < len(all)/20 || accepted > len(all)/2 || unseen > len(all)/20 {
		t.Errorf("%d of %d mutants are accepted, and %d have a fault that one reader cannot see", accepted, len(all), unseen)
	}
	t.Logf("%d mutants, %d accepted, %d with a fault that one reader cannot see", len(all), accepted, unseen)
}

// mutants are the same each time.
func mutants(t *testing.T) map[string]vector {
	all := map[string]vector{}
	add := func(how string, chunk []byte) {
		all[fmt.Sprintf("%s %d", how, len(all))] = vector{What: "chunk", Key: testKey[:], Input: chunk}
	}
	alone := func(what string, input []byte) {
		all[fmt.Sprintf("%s %d", what, len(all))] = vector{What: what, Key: testKey[:], Input: input}
	}
	r := rand.New(rand.NewPCG(3, 0))
	chunks := []sealedChunk{
		content{}.seal(t, 1),
		content{Records: append(records(0, 1, []byte("a"), []byte("b")), records(2, 2, []byte("c"))...), Blobs: [][]byte{[]byte("d"), {}}, Index: []byte("f")}.seal(t, 2),
		content{Blobs: [][]byte{noise(1, 300)}}.seal(t, 3),
		content{Records: records(0, 7, nil), Index: []byte{}}.seal(t, 4),
	}
	var tables [][]byte
	for _, s := range chunks {
		p := takeApart(t, s.bytes)
		p.join(t)
		tables = append(tables, must[[]byte](t)(p.table.encode()))
	}
	for i, table := range readertest.Mutants(4, 400, tables) {
		p := takeApart(t, chunks[i%len(chunks)].bytes)
		p.raw = table
		add("table", p.join(t))
	}
	for i := range 150 {
		s := chunks[i%len(chunks)]
		add("bytes", readertest.Spoil(r, s.bytes))
		alone("record part", readertest.Spoil(r, s.recordPart()))
		if s.sum.IndexLength > 0 {
			alone("index", readertest.Spoil(r, s.index()))
		}
	}
	for i := range 600 {
		s := chunks[i%len(chunks)]
		p := takeApart(t, s.bytes)
		at := r.IntN(len(p.blocks))
		plain := mutatePlain(r, p.blocks[at].frame)
		p.blocks[at].frame = mutateFrame(r, plain)
		if at < len(p.table.Records) {
			p.tell(r, at, plain)
		}
		out := p.join(t)
		add("frame", out)
		part := headerLen
		for _, b := range p.blocks[:len(p.table.Records)] {
			part += prefixLen + len(b.frame) + tagLen
		}
		alone("record part", out[:part])
	}
	return all
}

// tell makes the table say of a record block what is in it, mostly, so that not the table is what is wrong.
func (p *pieces) tell(r *rand.Rand, at int, plain []byte) {
	if r.IntN(8) == 0 {
		return
	}
	e := &p.table.Records[at]
	e.Plain = uint32(len(plain))
	if count, err := countRecords(plain); err == nil {
		e.Kind, e.Count = plain[0], count
	}
}

// mutatePlain gives the plain text of a stored frame, or another.
func mutatePlain(r *rand.Rand, frame []byte) []byte {
	plain := bytes.Clone(frame[frameHeadLen : frameHeadLen+binary.BigEndian.Uint32(frame[5:])])
	switch r.IntN(6) {
	case 0:
		return readertest.Spoil(r, plain)
	case 1:
		return append(plain, 2, 'x', 'y')
	case 2:
		return append(append([]byte{byte(r.IntN(4)), 0xe8, 7}, make([]byte, 1000)...), 0)
	case 3:
		return append([]byte{byte(r.IntN(4)), 0xe8, 7}, bytes.Repeat([]byte{byte(r.Uint32())}, 1000)...)
	case 4:
		return append([]byte{1}, make([]byte, r.IntN(3000))...)
	}
	return plain
}

// mutateFrame frames a plain text well or almost.
func mutateFrame(r *rand.Rand, plain []byte) []byte {
	f := stored(plain)
	if len(plain) > 600 && r.IntN(8) > 0 {
		f = frame(encodingZstd, len(plain), mutateZstd(r, plain))
	}
	switch r.IntN(12) {
	case 0:
		f[r.IntN(frameHeadLen)] ^= 1 << r.IntN(8)
	case 1:
		at := len(f) - 1 - r.IntN(8)
		f[at] ^= 1 << r.IntN(8)
	case 2:
		f = append(f, make([]byte, padTo)...)
	case 3:
		f = f[:padTo]
	}
	return f
}

// mutateZstd makes a frame of raw blocks and such that repeat a byte (RFC 8878, section 3.1.1), well or almost. What comes of it is
// the plain text where that ends with zeros.
func mutateZstd(r *rand.Rand, plain []byte) []byte {
	descriptor := byte(r.IntN(4)<<6 | r.IntN(2)<<5)
	if r.IntN(8) == 0 {
		descriptor ^= 1 << r.IntN(5)
	}
	out := []byte{0x28, 0xb5, 0x2f, 0xfd, descriptor}
	if descriptor&0x20 == 0 {
		out = append(out, byte(r.IntN(16)<<3|r.IntN(8)))
	}
	out = append(out, make([]byte, []int{0, 1, 2, 4}[descriptor&3])...)
	size := []int{int(descriptor >> 5 & 1), 2, 4, 8}[descriptor>>6]
	stated := uint64(len(plain))
	if size == 2 {
		stated -= 256
	}
	if r.IntN(16) == 0 {
		stated += uint64(r.IntN(3)) - 1
	}
	out = append(out, binary.LittleEndian.AppendUint64(nil, stated)[:size]...)
	for rest := plain; ; {
		n := min(len(rest), 1+r.IntN(1200))
		kind, body := 0, rest[:n]
		if n > 0 && len(bytes.Trim(body, string(body[:1]))) == 0 && r.IntN(4) > 0 {
			kind, body = 1, body[:1]
		}
		rest = rest[n:]
		head := uint32(n)<<3 | uint32(kind)<<1
		if len(rest) == 0 {
			head |= 1
		}
		if r.IntN(40) == 0 {
			head ^= 1 << r.IntN(24)
		}
		out = append(append(out, byte(head), byte(head>>8), byte(head>>16)), body...)
		if len(rest) == 0 {
			break
		}
	}
	if descriptor&4 != 0 {
		out = append(out, 0, 0, 0, 0)
	}
	if r.IntN(16) == 0 {
		out = readertest.Spoil(r, out)
	}
	return slices.Clip(out)
}
