package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// source is deterministic, so that a failing test fails again.
func source(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	source(seed).Read(b)
	return b
}

var testKey = SessionKey(bytes.Repeat([]byte{7}, 32))

type sealedChunk struct {
	bytes []byte
	sum   Summary
}

func newWriter(t testing.TB, out io.Writer, seed byte) *Writer {
	t.Helper()
	w, err := NewWriter(out, testKey, 3, source(seed))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newBlob(t testing.TB, b []byte) *Blob {
	t.Helper()
	return must[*Blob](t)(NewBlob(bytes.NewReader(b), int64(len(b)), sha256.Sum256(b)))
}

// content is everything that a chunk holds.
type content struct {
	Records []Record
	Blobs   [][]byte
	Index   []byte // nil for none
}

// seal seals all of c into one chunk.
func (c content) seal(t testing.TB, seed byte) sealedChunk {
	t.Helper()
	var out bytes.Buffer
	w := newWriter(t, &out, seed)
	for i, r := range c.Records {
		if n := must[uint32](t)(w.Record(r.Kind, r.Bytes)); n != uint32(i) {
			t.Fatalf("record %d got number %d", i, n)
		}
	}
	for i, b := range c.Blobs {
		blob := newBlob(t, b)
		if n := must[uint32](t)(w.Blob(blob)); n != uint32(i) || !blob.Done() {
			t.Fatalf("blob %d got number %d, done %v", i, n, blob.Done())
		}
	}
	if c.Index != nil {
		if err := w.Index(c.Index); err != nil {
			t.Fatal(err)
		}
	}
	return sealedChunk{sum: must[Summary](t)(w.Close()), bytes: out.Bytes()}
}

// read opens everything in a chunk and stops at the first error.
func read(chunk []byte, key SessionKey) (c content, err error) {
	r, err := Open(bytes.NewReader(chunk), int64(len(chunk)), key)
	if err != nil {
		return c, err
	}
	for rec, err := range r.Records() {
		if err != nil {
			return c, err
		}
		c.Records = append(c.Records, rec)
	}
	for i := range r.Parts() {
		b, err := r.Blob(uint32(i))
		if err != nil {
			return c, err
		}
		got, err := io.ReadAll(b)
		if err != nil {
			return c, err
		}
		c.Blobs = append(c.Blobs, got)
	}
	if r.layout.index != nil {
		c.Index, err = r.Index()
	}
	return c, err
}

func readPart(part []byte, key SessionKey) (recs []Record, err error) {
	for rec, err := range ReadRecords(bytes.NewReader(part), key) {
		if err != nil {
			return recs, err
		}
		recs = append(recs, rec)
	}
	return recs, nil
}

func (s sealedChunk) recordPart() []byte { return s.bytes[:s.sum.RecordPart] }

func (s sealedChunk) index() []byte {
	return s.bytes[s.sum.IndexOffset : s.sum.IndexOffset+s.sum.IndexLength]
}

// records makes records of one kind, numbered from first.
func records(first uint32, kind byte, bytes ...[]byte) (recs []Record) {
	for i, b := range bytes {
		recs = append(recs, Record{Number: first + uint32(i), Kind: kind, Bytes: b})
	}
	return recs
}

// check seals c and reads it back in all three ways.
func (c content) check(t testing.TB, seed byte) sealedChunk {
	t.Helper()
	s := c.seal(t, seed)
	got, err := read(s.bytes, testKey)
	if err != nil {
		t.Fatal(err)
	}
	if !c.equal(got) {
		t.Fatal("the chunk holds something else")
	}
	part, err := readPart(s.recordPart(), testKey)
	if err != nil || !(content{Records: c.Records}).equal(content{Records: part}) {
		t.Fatalf("the record part holds something else: %v", err)
	}
	if c.Index != nil {
		index, err := OpenIndex(s.index(), testKey)
		if err != nil || !bytes.Equal(index, c.Index) {
			t.Fatalf("the index is something else: %v", err)
		}
	}
	if s.sum.Size != int64(len(s.bytes)) || s.sum.SHA256 != sha256.Sum256(s.bytes) ||
		s.sum.Records != uint32(len(c.Records)) || (s.sum.IndexLength > 0) != (c.Index != nil) {
		t.Fatalf("the summary is wrong: %+v", s.sum)
	}
	return s
}

func (c content) equal(d content) bool {
	return (c.Index == nil) == (d.Index == nil) && bytes.Equal(c.Index, d.Index) &&
		slices.EqualFunc(c.Blobs, d.Blobs, bytes.Equal) &&
		slices.EqualFunc(c.Records, d.Records, func(a, b Record) bool {
			return a.Number == b.Number && a.Kind == b.Kind && bytes.Equal(a.Bytes, b.Bytes)
		})
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat("the same again, ", 10))
	rows := map[string]content{
		"Empty":                {},
		"OneRecord":            {Records: records(0, 1, []byte("hello"))},
		"EmptyRecord":          {Records: records(0, 0, nil)},
		"EveryKindByte":        {Records: append(records(0, 0, text), records(1, 255, text)...)},
		"AlternatingKinds":     {Records: append(records(0, 1, text, text), append(records(2, 2, text), records(3, 1, text)...)...)},
		"LargestRecord":        {Records: records(0, 1, text, noise(1, MaxRecord), text)},
		"EmptyBlob":            {Blobs: [][]byte{{}}},
		"BlobsOnly":            {Blobs: [][]byte{noise(1, 1000), text, {}, noise(2, 3<<20)}},
		"IndexOnly":            {Index: text},
		"EmptyIndex":           {Index: []byte{}},
		"LargestIndex":         {Index: noise(3, MaxIndex)},
		"LargestIndexOfZeros":  {Index: make([]byte, MaxIndex)},
		"Everything":           {Records: records(0, 1, text, nil, noise(4, 700)), Blobs: [][]byte{text, noise(5, 5000)}, Index: text},
		"ManyIdenticalRecords": {Records: records(0, 9, bytes.Split(bytes.Repeat([]byte("x,"), 70000), []byte(","))...)},
	}
	for name, c := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t, 1)
		})
	}
}

// Every size at which a block, a padding or a length prefix changes.
func TestRoundTrip_Boundaries(t *testing.T) {
	t.Parallel()
	var sizes []int
	for _, edge := range []int{0, 127, padTo - frameHeadLen, padTo, 2*padTo - frameHeadLen, 16383,
		BlockRoom - 3, BlockRoom - 2, BlockRoom, MaxRecord - 1, blobRoom, 2 * blobRoom} {
		sizes = append(sizes, max(0, edge-1), edge, edge+1)
	}
	for _, size := range sizes {
		for name, data := range map[string][]byte{"noise": noise(1, size), "zeros": make([]byte, size)} {
			c := content{Blobs: [][]byte{data}}
			if size <= MaxRecord {
				c.Records = records(0, 1, data, []byte{1}, data)
			}
			t.Run(fmt.Sprintf("%s/%d", name, size), func(t *testing.T) {
				t.Parallel()
				c.check(t, 1)
			})
		}
	}
}

func TestRoundTrip_Property(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var c content
		data := rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 300),
			rapid.Map(rapid.IntRange(0, 150<<10), func(n int) []byte { return noise(byte(n), n) }),
			rapid.Map(rapid.IntRange(0, 150<<10), func(n int) []byte { return make([]byte, n) }))
		for i, kind := range rapid.SliceOfN(rapid.ByteRange(1, 3), 0, 12).Draw(rt, "kinds") {
			c.Records = append(c.Records, Record{Number: uint32(i), Kind: kind, Bytes: data.Draw(rt, "record")})
		}
		c.Blobs = rapid.SliceOfN(data, 0, 4).Draw(rt, "blobs")
		if rapid.Bool().Draw(rt, "indexed") {
			c.Index = append([]byte{}, data.Draw(rt, "index")...)
		}
		c.check(t, 1)
	})
}

func TestRecord(t *testing.T) {
	t.Parallel()
	t.Run("BlockIsFullAt128KiB", func(t *testing.T) {
		t.Parallel()
		full := BlockRoom - (2 + 1000) - 3 // a second record of this size, with prefixes of 2 and 3 bytes
		for second, want := range map[int]int{full - 1: 1, full: 1, full + 1: 2} {
			s := content{Records: records(0, 1, noise(1, 1000), noise(2, second))}.check(t, 1)
			r := must[*Reader](t)(Open(bytes.NewReader(s.bytes), s.sum.Size, testKey))
			if got := len(r.layout.records); got != want {
				t.Errorf("a second record of %d bytes: %d blocks, want %d", second, got, want)
			}
		}
	})
	t.Run("TooLarge", func(t *testing.T) {
		t.Parallel()
		w := newWriter(t, io.Discard, 1)
		if _, err := w.Record(1, make([]byte, MaxRecord+1)); err == nil || err == ErrFull {
			t.Errorf("a record over the limit: %v", err)
		}
		if n, err := w.Record(1, nil); n != 0 || err != nil {
			t.Errorf("the next record: %d, %v", n, err)
		}
	})
	t.Run("CountIsLimited", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		w := newWriter(t, &out, 1)
		for range MaxRecords {
			must[uint32](t)(w.Record(1, nil))
		}
		if _, err := w.Record(1, nil); err != ErrFull {
			t.Errorf("one record more: %v", err)
		}
		s := must[Summary](t)(w.Close())
		got, err := readPart(out.Bytes()[:s.RecordPart], testKey)
		if len(got) != MaxRecords || err != nil {
			t.Errorf("read %d records, %v", len(got), err)
		}
	})
	t.Run("KindsAreSkippedUnread", func(t *testing.T) {
		t.Parallel()
		s := content{Records: append(records(0, 1, []byte("a")), records(1, 2, []byte("b"), []byte("c"))...)}.seal(t, 1)
		s.bytes[headerLen+prefixLen+20] ^= 1 // the block of kind 1
		r := must[*Reader](t)(Open(bytes.NewReader(s.bytes), s.sum.Size, testKey))
		var got []uint32
		for rec, err := range r.Records(2, 3) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, rec.Number)
		}
		if diff := cmp.Diff([]uint32{1, 2}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOrder(t *testing.T) {
	t.Parallel()
	record := func(w *Writer) error { _, err := w.Record(1, nil); return err }
	blob := func(w *Writer) error { _, err := w.Blob(newBlob(t, nil)); return err }
	index := func(w *Writer) error { return w.Index(nil) }
	end := func(w *Writer) error { _, err := w.Close(); return err }
	for name, row := range map[string][]func(*Writer) error{
		"RecordAfterBlob":  {blob, record},
		"RecordAfterIndex": {index, record},
		"BlobAfterIndex":   {index, blob},
		"IndexTwice":       {index, index},
		"RecordAfterClose": {end, record},
		"CloseTwice":       {end, end},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWriter(t, io.Discard, 1)
			if err := row[0](w); err != nil {
				t.Fatal(err)
			}
			if err := row[1](w); err == nil || err == ErrFull {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	var first, second bytes.Buffer
	w := newWriter(t, &first, 1)
	fill := func() Summary {
		must[uint32](t)(w.Record(1, []byte("same")))
		must[uint32](t)(w.Blob(newBlob(t, noise(1, 500))))
		return must[Summary](t)(w.Close())
	}
	a := fill()
	if err := w.Reset(&second); err != nil {
		t.Fatal(err)
	}
	b := fill()
	if a.Size != b.Size || a.SHA256 == b.SHA256 {
		t.Errorf("equal content: sizes %d and %d, equal sums %v", a.Size, b.Size, a.SHA256 == b.SHA256)
	}
	// A salt of its own means a key of its own: no 16 bytes of ciphertext in common.
	for at := headerLen; at+16 <= first.Len(); at++ {
		if bytes.Contains(second.Bytes(), first.Bytes()[at:at+16]) {
			t.Fatalf("16 bytes at offset %d are in both chunks", at)
		}
	}
	for _, chunk := range [][]byte{first.Bytes(), second.Bytes()} {
		if _, err := read(chunk, testKey); err != nil {
			t.Error(err)
		}
	}
}

// A failing writer, at each of its calls, ends the chunk for good and with one clear error.
func TestWriterFails(t *testing.T) {
	t.Parallel()
	steps := []func(w *Writer) error{
		func(w *Writer) error { _, err := w.Record(1, noise(1, 100)); return err },
		func(w *Writer) error { _, err := w.Record(2, noise(1, 100)); return err },
		func(w *Writer) error { _, err := w.Blob(newBlob(t, noise(1, 100))); return err },
		func(w *Writer) error { return w.Index([]byte("index")) },
		func(w *Writer) error { _, err := w.Close(); return err },
	}
	for calls := 1; ; calls++ {
		out := &failingWriter{left: calls}
		w := newWriter(t, out, 1)
		var err error
		for _, step := range steps {
			if err == nil {
				err = step(w)
			} else if again := step(w); again != err {
				t.Fatalf("after %v: %v", err, again)
			}
		}
		if err == nil {
			if calls < 7 {
				t.Fatalf("only %d writes", calls)
			}
			return
		}
		if !strings.Contains(err.Error(), "write the chunk at offset") || !strings.Contains(err.Error(), "disk full") {
			t.Fatalf("unclear: %v", err)
		}
	}
}

type failingWriter struct{ left int }

func (f *failingWriter) Write(b []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, fmt.Errorf("disk full")
	}
	return len(b), nil
}

func TestNewWriter_NoRandomness(t *testing.T) {
	t.Parallel()
	if _, err := NewWriter(io.Discard, testKey, 1, bytes.NewReader(make([]byte, saltLen-1))); err == nil {
		t.Error("a short salt was taken")
	}
}

// A compressor that does not give back what it took must cost nothing but bytes.
func TestCompressorLies(t *testing.T) {
	t.Parallel()
	honest := must[*codec](t)(newEncoder())
	for name, lie := range map[string]func(src, dst []byte) []byte{
		"OtherContent": func(src, dst []byte) []byte { return honest.compress(append([]byte{1}, src[1:]...), dst) },
		"Shorter":      func(src, dst []byte) []byte { return honest.compress(src[1:], dst) },
		"Garbage":      func(src, dst []byte) []byte { return append(dst, 1, 2, 3) },
		"Nothing":      func(src, dst []byte) []byte { return dst },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			w := newWriter(t, &out, 1)
			w.codec.compress = lie
			record := make([]byte, 5000)
			must[uint32](t)(w.Record(1, record))
			must[Summary](t)(w.Close())
			got, err := read(out.Bytes(), testKey)
			if err != nil || !bytes.Equal(got.Records[0].Bytes, record) {
				t.Errorf("the record came back otherwise: %v", err)
			}
		})
	}
}

func TestSealedLengthsArePadded(t *testing.T) {
	t.Parallel()
	short := content{Records: records(0, 1, []byte("a"))}.seal(t, 1)
	long := content{Records: records(0, 1, noise(1, padTo-frameHeadLen-3))}.seal(t, 1)
	if len(short.bytes) != len(long.bytes) {
		t.Errorf("records of different length show: %d and %d bytes", len(short.bytes), len(long.bytes))
	}
	if got := binary.BigEndian.Uint32(short.bytes[headerLen+1:]); got != padTo+tagLen {
		t.Errorf("sealed length %d", got)
	}
}

func TestSessionKey_NeverPrints(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		if got := fmt.Sprintf(verb, testKey); got != "session key" {
			t.Errorf("%s: %s", verb, got)
		}
		if got := fmt.Sprintf(verb, &testKey); got != "session key" {
			t.Errorf("%s of a pointer: %s", verb, got)
		}
	}
	if got := testKey.LogValue().String(); got != "session key" {
		t.Error(got)
	}
	if got := must[[]byte](t)(testKey.MarshalText()); string(got) != "session key" {
		t.Error(string(got))
	}
}
