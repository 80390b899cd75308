package seal

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
)

// recordChunk seals a record part from plain texts, the last of them in the last block, and a table that fits it.
func recordChunk(t *testing.T, plains ...[]byte) []byte {
	t.Helper()
	p := takeApart(t, content{}.seal(t, 1).bytes)
	p.blocks, p.table.Records = nil, nil
	for i, plain := range plains {
		f := stored(plain)
		if z := compressed(t, plain, zstd.WithSingleSegment(true)); len(z) < len(plain) {
			f = frame(encodingZstd, len(plain), z)
		}
		count, _ := countRecords(plain)
		p.blocks = append(p.blocks, piece{kindRecords, f})
		p.table.Records = append(p.table.Records, recordEntry{Count: count, Plain: uint32(len(plain))})
		if i == len(plains)-1 {
			p.blocks[i].kind = kindLastRecords
		}
	}
	return p.join(t)
}

// What a holder of the key could seal, at the edge of each limit.
func TestReaderLimits(t *testing.T) {
	t.Parallel()
	empties := func(n int) (plains [][]byte) { // blocks of as many empty records as fit
		for ; n > BlockRoom; n -= BlockRoom {
			plains = append(plains, make([]byte, 1+BlockRoom))
		}
		return append(plains, make([]byte, 1+n))
	}
	record := func(n int) []byte { // a length prefix of three bytes, then a record of n zeros
		return append([]byte{0, byte(n) | 0x80, byte(n>>7) | 0x80, byte(n >> 14)}, make([]byte, n)...)
	}
	rows := map[string]struct {
		plains [][]byte
		count  int // 0: refused
	}{
		"Records":          {empties(MaxRecords), MaxRecords},
		"OneRecordMore":    {empties(MaxRecords + 1), 0},
		"FullBlock":        {[][]byte{make([]byte, 1+BlockRoom)}, BlockRoom},
		"FullerBlock":      {[][]byte{make([]byte, 1+BlockRoom+1)}, 0},
		"LargestRecord":    {[][]byte{record(MaxRecord)}, 1},
		"LargerRecord":     {[][]byte{record(MaxRecord + 1)}, 0},
		"LargeAndAnother":  {[][]byte{append(record(BlockRoom), 0)}, 0},
		"EmptyAfterOthers": {[][]byte{{0, 0}, {0}}, 0},
		"EmptyAlone":       {[][]byte{{0}}, 0},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chunk := recordChunk(t, row.plains...)
			ok := row.count > 0 || name == "EmptyAlone"
			c, err := read(chunk, testKey)
			if (err == nil) != ok || ok && len(c.Records) != row.count {
				t.Errorf("the chunk: %d records, %v", len(c.Records), err)
			}
			recs, err := readPart(recordPartOf(t, chunk), testKey)
			if (err == nil) != ok || ok && len(recs) != row.count {
				t.Errorf("the record part: %d records, %v", len(recs), err)
			}
		})
	}
}

// recordPartOf follows the prefixes, as they stand in a chunk that Open may refuse.
func recordPartOf(t *testing.T, chunk []byte) []byte {
	t.Helper()
	for at := headerLen; ; {
		kind := blockKind(chunk[at])
		at += prefixLen + int(chunk[at+1])<<24 + int(chunk[at+2])<<16 + int(chunk[at+3])<<8 + int(chunk[at+4])
		if kind == kindLastRecords {
			return chunk[:at]
		}
	}
}

func TestRecordPartOverCap(t *testing.T) {
	t.Parallel()
	c := must[*chunkCipher](t)(newHeader(testKey, 1, [saltLen]byte{}))
	part := bytes.Clone(c.header[:])
	for i := uint32(0); len(part) <= MaxChunk; i++ {
		f := stored(append([]byte{1, 0x80, 0x80, 0x40}, make([]byte, MaxRecord)...))
		sealed := c.seal(append(make([]byte, 0, len(f)+tagLen), f...), i, kindRecords)
		prefix := recordPrefix(kindRecords, uint32(len(sealed)))
		part = append(append(part, prefix[:]...), sealed...)
	}
	if recs, err := readPart(part, testKey); err == nil || !strings.Contains(err.Error(), "longer than a chunk") {
		t.Errorf("%d records: %v", len(recs), err)
	}
}

func TestOpen_Size(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{-1, 0, headerLen + footerLen - 1, MaxChunk + 1, 1 << 62} {
		if _, err := Open(bytes.NewReader(nil), size, testKey); err == nil || !strings.Contains(err.Error(), "is not possible") {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// Where the bytes come from may fail: the reason is kept, so that the caller can try again.
func TestReaderFails(t *testing.T) {
	t.Parallel()
	s := small(t, 1)
	for n := range s.bytes {
		r, err := Open(failsBetween(s.bytes, n, n+1), s.sum.Size, testKey)
		if err == nil {
			for _, recErr := range r.Records() {
				err = errors.Join(err, recErr)
			}
			for i := range r.Parts() {
				_, blobErr := io.Copy(io.Discard, must[io.Reader](t)(r.Blob(uint32(i))))
				err = errors.Join(err, blobErr)
			}
			_, indexErr := r.Index()
			err = errors.Join(err, indexErr)
		}
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Fatalf("byte %d cannot be read: %v", n, err)
		}
	}
	part := io.MultiReader(bytes.NewReader(s.recordPart()[:400]), iotest.ErrReader(io.ErrClosedPipe))
	for _, err := range ReadRecords(part, testKey) {
		if err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the record part: %v", err)
		}
	}
}

// failsBetween is b, but for reads that touch [from, to).
func failsBetween(b []byte, from, to int) io.ReaderAt {
	return readerAt(func(p []byte, off int64) (int, error) {
		if int(off) < to && int(off)+len(p) > from {
			return 0, io.ErrClosedPipe
		}
		return bytes.NewReader(b).ReadAt(p, off)
	})
}

type readerAt func(p []byte, off int64) (int, error)

func (r readerAt) ReadAt(p []byte, off int64) (int, error) { return r(p, off) }

// Whoever has seen enough stops, and nothing more is read.
func TestStop(t *testing.T) {
	t.Parallel()
	s := content{Records: append(records(0, 1, []byte("a"), []byte("b")), records(2, 2, []byte("c"))...)}.seal(t, 1)
	r := must[*Reader](t)(Open(bytes.NewReader(s.bytes), s.sum.Size, testKey))
	part := bytes.NewReader(s.recordPart())
	for name, seq := range map[string]func(func(Record, error) bool){"Records": r.Records(), "ReadRecords": ReadRecords(part, testKey)} {
		n := 0
		for _, err := range seq {
			if n++; err != nil || n == 2 {
				break
			}
		}
		if n != 2 {
			t.Errorf("%s: stopped after %d", name, n)
		}
	}
	if part.Len() == 0 {
		t.Error("the rest was read")
	}
	if r.RecordPart() != s.sum.RecordPart || r.KeyVersion() != 3 {
		t.Errorf("record part of %d, key version %d", r.RecordPart(), r.KeyVersion())
	}
	if _, err := r.Index(); err == nil {
		t.Error("an index that is not there was opened")
	}
}
