package seal

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"zapas/device/internal/alloctest"
)

// decoderCost is what may be allocated whatever is read: a decompressor, which has its tables, and the largest record block that
// the 5 bytes before it may announce.
const decoderCost = 3 << 20

// FuzzOpen looks for a chunk, record part or index that is not refused and was never sealed, and for a panic.
func FuzzOpen(f *testing.F) {
	s, empty := small(f, 1), content{}.seal(f, 2)
	for _, b := range [][]byte{s.bytes, s.recordPart(), s.index(), empty.bytes, empty.recordPart(), s.bytes[:headerLen]} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		sound := bytes.Equal(b, s.bytes) || bytes.Equal(b, empty.bytes)
		most := decoderCost + uint64(len(b))*8
		alloctest.Within(t, most, func() {
			if _, err := read(b, testKey); (err == nil) != sound {
				t.Errorf("a chunk of %d bytes: %v", len(b), err)
			}
		})
		alloctest.Within(t, most, func() {
			if recs, err := readPart(b, testKey); err == nil && !bytes.Equal(b, s.recordPart()) && !bytes.Equal(b, empty.recordPart()) {
				t.Errorf("a record part with %d records", len(recs))
			}
		})
		alloctest.Within(t, most, func() {
			if _, err := OpenIndex(b, testKey); err == nil && !bytes.Equal(b, s.index()) {
				t.Error("an index")
			}
		})
	})
}

// FuzzOpenRecords: whatever lies in the place of a record part, and however long it is said to be, each record that comes of it
// is the one of its number, and all others are in one gap.
func FuzzOpenRecords(f *testing.F) {
	s, recs, at := four(f, 1)
	for _, offset := range []int64{at[0].offset, at[1].offset - prefixLen, at[2].offset - 1, at[3].offset} {
		b := bytes.Clone(s.recordPart())
		b[offset] ^= 1
		f.Add(b, s.sum.RecordPart)
	}
	f.Add(s.bytes, s.sum.RecordPart)
	f.Add(s.bytes, int64(len(s.bytes)))
	f.Add(s.recordPart()[:at[2].offset-prefixLen], at[2].offset-prefixLen)
	f.Add(small(f, 9).recordPart(), s.sum.RecordPart)
	f.Add(s.bytes[:headerLen], int64(-1))
	f.Fuzz(func(t *testing.T, b []byte, part int64) {
		var r *Reader
		var err error
		alloctest.Within(t, 4*maxWindow+uint64(len(b))*64, func() { r, err = OpenRecords(bytes.NewReader(b), part, uint32(len(recs)), testKey) })
		if err != nil || r.Mark() != s.sum.Mark {
			return
		}
		got, gap := salvage(t, r)
		if gap == nil && (part != s.sum.RecordPart || !bytes.HasPrefix(b, s.recordPart())) {
			t.Error("other bytes are whole")
		}
		for _, rec := range got {
			if want := recs[rec.Number]; rec.Kind != want.Kind || !bytes.Equal(rec.Bytes, want.Bytes) {
				t.Errorf("record %d is %x", rec.Number, rec.Bytes)
			}
		}
	})
}

// FuzzInspect: what is told of an object without a key accounts for each of its bytes.
func FuzzInspect(f *testing.F) {
	for seed, c := range []content{{}, {Index: []byte("i")}, {Blobs: [][]byte{[]byte("b")}}, {Records: append(records(0, 1, []byte("r")), records(1, 2, []byte("s"))...)}} {
		f.Add(c.seal(f, byte(seed)).bytes)
	}
	f.Add(small(f, 9).bytes)
	f.Fuzz(func(t *testing.T, b []byte) {
		var a *Anatomy
		var err error
		alloctest.Within(t, 64<<10+uint64(len(b))*8, func() { a, err = Inspect(bytes.NewReader(b), int64(len(b))) })
		if err != nil {
			return
		}
		at, blocks := int64(headerLen), uint32(0)
		for _, r := range a.Records {
			if r.Offset != at+prefixLen || r.Counter != blocks {
				t.Fatalf("a record block is at %+v", r)
			}
			at, blocks = r.Offset+r.Length, blocks+1
		}
		if at != a.RecordPart || at != a.Blobs.Offset || blocks != a.Blobs.Counter {
			t.Fatalf("%+v", a)
		}
		at, blocks = at+a.Blobs.Length, blocks+a.BlobBlocks
		if a.Index != nil {
			if a.Index.Offset != at+indexHeadLen || a.Index.Counter != blocks {
				t.Fatalf("%+v", a)
			}
			at, blocks = a.Index.Offset+a.Index.Length, blocks+1
		}
		if a.Trailer.Offset != at || a.Trailer.Counter != blocks || at+a.Trailer.Length+footerLen != int64(len(b)) {
			t.Fatalf("%+v", a)
		}
	})
}

// FuzzKey looks for a delivered key that is not refused and was never sealed, and for a panic.
func FuzzKey(f *testing.F) {
	k := must[*KeyRequest](f)(NewKeyRequest(source(1)))
	sound := sealByThePage(f, k.Public(), noise(2, 32), info(tenant, user, session, device), testKey[:])
	f.Add(sound, tenant, user, session, device)
	f.Add(sound[:32], tenant, user, session, "")
	f.Add(make([]byte, 80), "\x00", user, session, device) // a point of low order
	f.Fuzz(func(t *testing.T, sealed []byte, te, us, se, de string) {
		whole := bytes.Equal(sealed, sound) && te == tenant && us == user && se == session && de == device
		var got SessionKey
		var err error
		alloctest.Within(t, 32<<10+uint64(len(sealed)+len(te)+len(us)+len(se)+len(de))*16, func() { got, err = k.Open(sealed, te, us, se, de) })
		if (err == nil) != whole || whole == (got != testKey) {
			t.Errorf("%x for %q %q %q %q: %v", sealed, te, us, se, de, err)
		}
	})
}

// FuzzTrailer gives the table of blocks what only a holder of the key could: it is bounded, and accepted in one form.
func FuzzTrailer(f *testing.F) {
	for _, c := range []content{{}, {Blobs: [][]byte{noise(1, blobRoom+1), {}}}, {Records: records(0, 9, noise(1, 100000)), Index: []byte{}}} {
		p := takeApart(f, c.seal(f, 1).bytes)
		f.Add(must[[]byte](f)(p.table.encode()))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxTable {
			return
		}
		var table *table
		var err error
		alloctest.Within(t, 64<<10+uint64(len(b))*200, func() { table, err = decodeTable(b) })
		if err != nil {
			return
		}
		if again := must[[]byte](t)(table.encode()); !bytes.Equal(again, b) {
			t.Fatalf("%x came back as %x", b, again)
		}
		l, err := table.place()
		if err != nil {
			return
		}
		blocks := len(l.records)
		for i, p := range l.parts {
			blocks += len(l.blobs[i])
			if p.Length < 0 || p.Offset+p.Length > p.Size || p.Size > MaxBlob {
				t.Errorf("a part like %+v", p)
			}
		}
		if l.index != nil {
			blocks++
		}
		if int(l.end.counter) != blocks || l.end.offset < l.recordPart || l.count > MaxRecords {
			t.Errorf("%d blocks up to %d, %d records up to %d", l.end.counter, l.end.offset, l.count, l.recordPart)
		}
	})
}

// FuzzFrame gives a block's plain text what only a holder of the key could.
func FuzzFrame(f *testing.F) {
	f.Add(stored([]byte("\x01\x01a\x00")))
	f.Add(frame(encodingZstd, 1003, compressed(f, append([]byte{1, 0xe8, 7}, make([]byte, 1000)...))))
	f.Add(frame(encodingZstd, 60000, compressed(f, make([]byte, 70000))))
	f.Add(frame(encodingZstd, 1000, streamed(f, make([]byte, 1000))))
	large := bytes.Repeat(noise(1, 4000), maxRecordBlock/4000)
	f.Add(frame(encodingZstd, len(large), compressed(f, large, zstd.WithWindowSize(maxWindow))))
	f.Add(frame(encodingZstd, maxRecordBlock, zstdFrame(23, maxRecordBlock, append(slices.Repeat([]uint32{128 << 10}, 8), 4)...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := must[*codec](t)(newDecoder())
		var plain []byte
		var err error
		alloctest.Within(t, 3*maxRecordBlock+uint64(len(b))*4, func() { plain, err = c.unpack(b, maxRecordBlock, nil) })
		if err != nil {
			return
		}
		if len(plain) > maxRecordBlock || b[0] == encodingStored && !bytes.Equal(stored(plain), b) {
			t.Fatalf("%d bytes from %x", len(plain), b)
		}
		count, err := countRecords(plain)
		if err != nil {
			return
		}
		again := plain[:1:1]
		eachRecord(plain, 0, func(r Record, _ error) bool {
			again = append(binary.AppendUvarint(again, uint64(len(r.Bytes))), r.Bytes...)
			count--
			return true
		})
		if count != 0 || !bytes.Equal(again, plain) {
			t.Errorf("%x came back as %x", plain, again)
		}
	})
}
