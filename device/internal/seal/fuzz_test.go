package seal

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// FuzzOpen looks for a chunk, record part or index that is not refused and was never sealed, and for a panic.
func FuzzOpen(f *testing.F) {
	s, empty := small(f, 1), content{}.seal(f, 2)
	for _, b := range [][]byte{s.bytes, s.recordPart(), s.index(), empty.bytes, empty.recordPart(), s.bytes[:headerLen]} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		sound := bytes.Equal(b, s.bytes) || bytes.Equal(b, empty.bytes)
		if _, err := read(b, testKey); (err == nil) != sound {
			t.Errorf("a chunk of %d bytes: %v", len(b), err)
		}
		if recs, err := readPart(b, testKey); err == nil && !bytes.Equal(b, s.recordPart()) && !bytes.Equal(b, empty.recordPart()) {
			t.Errorf("a record part with %d records", len(recs))
		}
		if _, err := OpenIndex(b, testKey); err == nil && !bytes.Equal(b, s.index()) {
			t.Error("an index")
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
		table, err := decodeTable(b)
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
	f.Fuzz(func(t *testing.T, b []byte) {
		c := must[*codec](t)(newDecoder())
		plain, err := c.unpack(b, maxRecordBlock, nil)
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
