package seal

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Pieces are the plain texts of a chunk, so that tests can seal, under the right key, what no Writer would.
type pieces struct {
	cipher *chunkCipher
	blocks []piece
	table  table
	raw    []byte // in place of table
	from   uint32 // counter of the first block
}

type piece struct {
	kind  blockKind
	frame []byte
}

// takeApart opens a sound chunk.
func takeApart(t testing.TB, chunk []byte) *pieces {
	t.Helper()
	r := must[*Reader](t)(Open(bytes.NewReader(chunk), int64(len(chunk)), testKey))
	p := &pieces{cipher: r.cipher}
	add := func(at place, kind blockKind) {
		sealed := bytes.Clone(chunk[at.offset : at.offset+int64(at.sealed)])
		p.blocks = append(p.blocks, piece{kind, must[[]byte](t)(r.cipher.open(sealed, at.counter, kind))})
	}
	for _, rec := range r.layout.records {
		kind := kindRecords
		if rec.last {
			kind = kindLastRecords
		}
		add(rec.place, kind)
		p.table.Records = append(p.table.Records, rec.recordEntry)
	}
	for i, part := range r.layout.parts {
		e := partEntry{Sum: part.Sum, Size: uint32(part.Size), Offset: uint32(part.Offset)}
		for _, at := range r.layout.blobs[i] {
			add(at, kindBlob)
			e.Sealed = append(e.Sealed, uint32(at.sealed))
		}
		p.table.Parts = append(p.table.Parts, e)
	}
	if at := r.layout.index; at != nil {
		add(*at, kindIndex)
		p.table.Index = &indexEntry{Plain: uint32(len(must[[]byte](t)(r.Index()))), Sealed: uint32(at.sealed)}
	}
	return p
}

// join seals the pieces again. The sealed lengths of the table follow the frames, as far as it has entries for them.
func (p *pieces) join(t testing.TB) []byte {
	t.Helper()
	var lengths []*uint32
	for i := range p.table.Records {
		lengths = append(lengths, &p.table.Records[i].Sealed)
	}
	for _, e := range p.table.Parts {
		for i := range e.Sealed {
			lengths = append(lengths, &e.Sealed[i])
		}
	}
	if p.table.Index != nil {
		lengths = append(lengths, &p.table.Index.Sealed)
	}
	out := bytes.Clone(p.cipher.header[:])
	for i, b := range p.blocks {
		sealed := p.cipher.seal(append(make([]byte, 0, len(b.frame)+tagLen), b.frame...), p.from+uint32(i), b.kind)
		switch b.kind {
		case kindRecords, kindLastRecords:
			prefix := recordPrefix(b.kind, uint32(len(sealed)))
			out = append(out, prefix[:]...)
		case kindIndex:
			out = binary.BigEndian.AppendUint32(append(out, p.cipher.header[:]...), p.from+uint32(i))
		}
		out = append(out, sealed...)
		if i < len(lengths) {
			*lengths[i] = uint32(len(sealed))
		}
	}
	raw := p.raw
	if raw == nil {
		raw = must[[]byte](t)(p.table.encode())
	}
	frame := stored(raw)
	sealed := p.cipher.seal(append(make([]byte, 0, len(frame)+tagLen), frame...), p.from+uint32(len(p.blocks)), kindTrailer)
	out = append(out, sealed...)
	out = binary.BigEndian.AppendUint32(out, p.from+uint32(len(p.blocks)))
	out = binary.BigEndian.AppendUint32(out, uint32(len(sealed)))
	return append(out, magicTail...)
}

// stored frames plain text as it is.
func stored(plain []byte) []byte { return frame(encodingStored, len(plain), plain) }

// frame frames a body under any encoding and plain length.
func frame(encoding byte, plain int, body []byte) []byte {
	out := binary.BigEndian.AppendUint32([]byte{encoding}, uint32(plain))
	out = append(binary.BigEndian.AppendUint32(out, uint32(len(body))), body...)
	return append(out, make([]byte, frameLen(len(body))-len(out))...)
}

// compressed makes one zstd frame.
func compressed(t testing.TB, plain []byte, opts ...zstd.EOption) []byte {
	t.Helper()
	enc := must[*zstd.Encoder](t)(zstd.NewWriter(nil, append([]zstd.EOption{zstd.WithEncoderConcurrency(1)}, opts...)...))
	return enc.EncodeAll(plain, nil)
}

// streamed makes one zstd frame that does not state its content size.
func streamed(t testing.TB, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	enc := must[*zstd.Encoder](t)(zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1)))
	for _, half := range [][]byte{plain[:len(plain)/2], plain[len(plain)/2:]} {
		must[int](t)(enc.Write(half))
		if err := enc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// zstdFrame is a frame by hand, with a window of 2^windowLog bytes, of blocks that repeat one byte.
func zstdFrame(windowLog byte, stated uint32, repeats ...uint32) []byte {
	out := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x80, (windowLog - 10) << 3}
	out = binary.LittleEndian.AppendUint32(out, stated)
	for i, n := range repeats {
		head := n<<3 | 1<<1
		if i == len(repeats)-1 {
			head |= 1
		}
		out = append(out, byte(head), byte(head>>8), byte(head>>16), 0)
	}
	return out
}
