package seal

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// end closes a chunk, checks its limits and opens it again.
func end(t *testing.T, w *Writer, out *bytes.Buffer) *Reader {
	t.Helper()
	s := must[Summary](t)(w.Close())
	if s.Size > MaxChunk || s.Size != int64(out.Len()) {
		t.Fatalf("the chunk has %d bytes, the summary says %d", out.Len(), s.Size)
	}
	if n := len(must[[]byte](t)(w.table.encode())); n > w.bound || n > maxTable {
		t.Fatalf("the table has %d bytes, reckoned with %d", n, w.bound)
	}
	return must[*Reader](t)(Open(bytes.NewReader(out.Bytes()), s.Size, testKey))
}

func TestBlob_OverSeveralChunks(t *testing.T) {
	t.Parallel()
	for _, size := range []int{17 << 20, 32<<20 + 1} {
		data := noise(1, size)
		b := newBlob(t, data)
		var joined bytes.Buffer
		j := NewJoiner(&joined, int64(size), sha256.Sum256(data))
		var out bytes.Buffer
		w := newWriter(t, &out, 1)
		must[uint32](t)(w.Record(1, []byte("a record before it")))
		must[uint32](t)(w.Blob(newBlob(t, []byte("a blob before it"))))
		want := uint32(1)
		for chunks := 0; !b.Done(); chunks++ {
			if chunks > 0 {
				out.Reset()
				if err := w.Reset(&out); err != nil {
					t.Fatal(err)
				}
			}
			if n := must[uint32](t)(w.Blob(b)); n != want {
				t.Fatalf("chunk %d: part number %d", chunks, n)
			}
			r := end(t, w, &out)
			if p := r.Parts()[want]; p.Whole() || p.Size != int64(size) || p.Offset%blobRoom != 0 {
				t.Fatalf("chunk %d: %+v", chunks, p)
			}
			if err := j.Add(r, want); err != nil {
				t.Fatal(err)
			}
			want = 0
		}
		if err := j.Close(); err != nil || !bytes.Equal(joined.Bytes(), data) {
			t.Errorf("%d bytes: joined to something else: %v", size, err)
		}
		if _, err := w.Blob(b); err == nil {
			t.Error("a blob that is done was taken again")
		}
	}
}

func TestBlob_Source(t *testing.T) {
	t.Parallel()
	rows := map[string]func(data []byte) io.Reader{
		"Short": func(d []byte) io.Reader { return bytes.NewReader(d[:len(d)-1]) },
		"Long":  func(d []byte) io.Reader { return bytes.NewReader(append(bytes.Clone(d), 0)) },
		"Other": func(d []byte) io.Reader {
			d = bytes.Clone(d)
			d[0] ^= 1
			return bytes.NewReader(d)
		},
		"Fails": func(d []byte) io.Reader {
			return io.MultiReader(bytes.NewReader(d[:len(d)-1]), iotest.ErrReader(io.ErrClosedPipe))
		},
		"FailsAtEnd": func(d []byte) io.Reader {
			return io.MultiReader(bytes.NewReader(d), iotest.ErrReader(io.ErrClosedPipe))
		},
	}
	for name, source := range rows {
		for size, parts := range map[int]int{1: 1, 1000: 1, blobRoom: 1, blobRoom + 1: 2, 3 * blobRoom: 2} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				data := noise(1, size)
				b := must[*Blob](t)(NewBlob(source(data), int64(size), sha256.Sum256(data)))
				var out bytes.Buffer
				w := newWriter(t, &out, 1)
				_, err := w.Blob(b)
				if err == nil || b.Done() || !strings.Contains(err.Error(), "a blob of ") {
					t.Fatalf("%d bytes: %v", size, err)
				}
				if strings.HasPrefix(name, "Fails") && !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("%d bytes: the reason is lost: %v", size, err)
				}
				if _, again := w.Blob(b); again != err {
					t.Errorf("%d bytes: tried again: %v", size, again)
				}
				// The chunk goes on, and what is left of the blob cannot be taken for it.
				must[uint32](t)(w.Blob(newBlob(t, []byte("next"))))
				r := end(t, w, &out)
				if len(r.Parts()) != parts {
					t.Fatalf("%d bytes: %d parts, want %d", size, len(r.Parts()), parts)
				}
				if parts == 2 {
					j := NewJoiner(io.Discard, int64(size), sha256.Sum256(data))
					if err := errors.Join(j.Add(r, 0), j.Close()); err == nil || r.Parts()[0].Whole() {
						t.Errorf("%d bytes: what is left was taken for the blob", size)
					}
				}
			})
		}
	}
}

func TestBlob_EmptySource(t *testing.T) {
	t.Parallel()
	b := must[*Blob](t)(NewBlob(strings.NewReader("x"), 0, sha256.Sum256(nil)))
	if _, err := newWriter(t, io.Discard, 1).Blob(b); err == nil {
		t.Error("a source that is not empty was taken for an empty blob")
	}
}

func TestNewBlob_Limits(t *testing.T) {
	t.Parallel()
	for size, ok := range map[int64]bool{-1: false, 0: true, MaxBlob: true, MaxBlob + 1: false} {
		if _, err := NewBlob(nil, size, [32]byte{}); (err == nil) != ok {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// What Room promises is so to the byte, and a full chunk is within its cap, whatever that is.
func TestRoom(t *testing.T) {
	t.Parallel()
	for bound, most := range map[int64]int{4 << 20: 4 << 20, MaxChunk: MaxChunk, MaxChunk + padTo: MaxChunk} {
		last := 0
		for extra, whole := range map[int64]bool{-1: true, 0: true, 1: false} {
			for _, before := range []int{0, 1, 5000, BlockRoom + 1, MaxRecord} {
				var out bytes.Buffer
				w := newWriter(t, &out, 1)
				w.Bound(bound)
				must[uint32](t)(w.Record(1, noise(2, before)))
				size := w.Room() + extra
				b := newBlob(t, noise(3, int(size)))
				must[uint32](t)(w.Blob(b))
				r := end(t, w, &out)
				if b.Done() != whole || r.Parts()[0].Whole() != whole {
					t.Errorf("of %d, after %d bytes, room%+d: done %v", bound, before, extra, b.Done())
				}
				if last = max(last, out.Len()); whole && out.Len() < most-2*padTo {
					t.Errorf("of %d, after %d bytes, room%+d: only %d bytes", bound, before, extra, out.Len())
				}
			}
		}
		if last <= most-padTo || last > most {
			t.Errorf("the cap of %d was not reached, or passed: %d", most, last)
		}
	}
}

// TestBound: a chunk that has become too large for its cap takes nothing more, until the cap is another; the next has none.
func TestBound(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := newWriter(t, &out, 1)
	must[uint32](t)(w.Blob(newBlob(t, noise(1, 5000))))
	w.Bound(4000)
	if _, err := w.Blob(newBlob(t, noise(2, 1))); err != ErrFull || w.Room() != 0 || w.Index([]byte{1}) != ErrFull {
		t.Errorf("it has room for %d bytes: %v", w.Room(), err)
	}
	w.Bound(MaxChunk)
	must[uint32](t)(w.Blob(newBlob(t, noise(2, 1))))
	w.Bound(4000)
	if r := end(t, w, &out); len(r.Parts()) != 2 {
		t.Errorf("%d blobs", len(r.Parts()))
	}
	if err := w.Reset(&out); err != nil || w.Room() < MaxChunk-8192 {
		t.Errorf("the next has room for %d bytes: %v", w.Room(), err)
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	t.Run("Records", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		w := newWriter(t, &out, 1)
		n := uint32(0)
		for ; ; n++ {
			if _, err := w.Record(1, noise(byte(n), 1000)); err == ErrFull {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		r := end(t, w, &out)
		if r.RecordCount() != n || out.Len() < MaxChunk*9/10 {
			t.Errorf("%d of %d records in %d bytes", r.RecordCount(), n, out.Len())
		}
	})
	t.Run("LastRecordToTheByte", func(t *testing.T) {
		t.Parallel()
		for extra, want := range map[int]error{0: nil, 1: ErrFull} {
			var out bytes.Buffer
			w := newWriter(t, &out, 1)
			for range 15 {
				must[uint32](t)(w.Record(1, noise(1, MaxRecord)))
			}
			// One more block, stored: everything but prefixes, item kind, frame head, tag, trailer and footer.
			at, bound := w.least()
			left := MaxChunk - int(at) - sealedLen(bound+tableRecords) - footerLen
			n := (left-prefixLen-tagLen)/padTo*padTo - frameHeadLen - 1 - 3
			if _, err := w.Record(1, noise(2, n+extra)); err != want {
				t.Fatalf("%d bytes: %v", n+extra, err)
			}
			r := end(t, w, &out)
			if _, err := read(out.Bytes(), testKey); err != nil || want == nil && r.RecordCount() != 16 {
				t.Errorf("%d records: %v", r.RecordCount(), err)
			}
		}
	})
	t.Run("Blobs", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		w := newWriter(t, &out, 1)
		must[uint32](t)(w.Blob(newBlob(t, noise(1, int(w.Room())-1000))))
		b := newBlob(t, noise(2, 5000))
		if _, err := w.Blob(b); err != ErrFull {
			t.Fatalf("got %v", err)
		}
		end(t, w, &out)
		if err := w.Reset(&out); err != nil {
			t.Fatal(err)
		}
		if must[uint32](t)(w.Blob(b)); !b.Done() {
			t.Error("the next chunk did not take it")
		}
	})
	t.Run("Index", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		w := newWriter(t, &out, 1)
		must[uint32](t)(w.Blob(newBlob(t, noise(1, int(w.Room())-5000))))
		if err := w.Index(noise(2, 5000)); err != ErrFull {
			t.Fatalf("got %v", err)
		}
		end(t, w, &out)
	})
	t.Run("TableOfRecordBlocks", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		w := newWriter(t, &out, 1)
		var err error
		for kind := byte(0); err == nil; kind++ {
			_, err = w.Record(kind, nil)
		}
		if err != ErrFull || w.Room() != 0 {
			t.Fatalf("room %d: %v", w.Room(), err)
		}
		end(t, w, &out)
	})
	t.Run("TableOfBlobs", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		w := newWriter(t, &out, 1)
		var err error
		for err == nil {
			_, err = w.Blob(newBlob(t, nil))
		}
		if err != ErrFull || w.Room() != 0 {
			t.Fatalf("room %d: %v", w.Room(), err)
		}
		end(t, w, &out)
	})
}

func TestJoiner(t *testing.T) {
	t.Parallel()
	data := noise(1, 2*blobRoom)
	s := content{Blobs: [][]byte{data, []byte("other")}}.seal(t, 1)
	r := must[*Reader](t)(Open(bytes.NewReader(s.bytes), s.sum.Size, testKey))
	join := func(size int64, sum [32]byte, numbers ...uint32) error {
		j := NewJoiner(io.Discard, size, sum)
		var errs error
		for _, n := range numbers {
			errs = errors.Join(errs, j.Add(r, n))
		}
		return errors.Join(errs, j.Close())
	}
	sum, size := sha256.Sum256(data), int64(len(data))
	if err := join(size, sum, 0); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"Missing":   join(size, sum),
		"Foreign":   join(size, sum, 1),
		"Twice":     join(size, sum, 0, 0),
		"NoSuch":    join(size, sum, 2),
		"OtherSize": join(size-1, sum, 0),
		"OtherSum":  join(size, [32]byte{}, 0),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := r.Blob(2); err == nil {
		t.Error("a blob that is not there was opened")
	}
}

// TestChain: what any choice of parts joins to is found, whatever else of the blob lies between.
func TestChain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		size  int64
		parts [][2]int64 // from, to
		want  []int
	}{
		{"Nothing", 10, nil, nil},
		{"Whole", 10, [][2]int64{{0, 10}}, []int{0}},
		{"Empty", 0, [][2]int64{{0, 0}}, []int{0}},
		{"EmptyTwice", 0, [][2]int64{{0, 0}, {0, 0}}, []int{0}},
		{"AnyOrder", 10, [][2]int64{{8, 10}, {0, 4}, {4, 8}}, []int{1, 2, 0}},
		{"WholeBesideAPart", 10, [][2]int64{{0, 4}, {0, 10}}, []int{1}},
		{"LongerFirst", 10, [][2]int64{{0, 4}, {0, 6}, {6, 10}}, []int{1, 2}},
		{"LongerLeadsNowhere", 10, [][2]int64{{0, 6}, {0, 4}, {4, 10}}, []int{1, 2}},
		{"NowhereFarther", 10, [][2]int64{{0, 2}, {2, 8}, {2, 5}, {5, 9}, {5, 7}, {7, 10}}, []int{0, 2, 4, 5}},
		{"OneMissing", 10, [][2]int64{{0, 4}, {8, 10}}, nil},
		{"EndMissing", 10, [][2]int64{{0, 4}, {4, 8}}, nil},
		{"BeginningMissing", 10, [][2]int64{{4, 8}, {8, 10}}, nil},
		{"OfNothing", 10, [][2]int64{{0, 0}, {0, 4}}, nil},
	} {
		var parts []Part
		for _, p := range tt.parts {
			parts = append(parts, Part{Size: tt.size, Offset: p[0], Length: p[1] - p[0]})
		}
		if got := Chain(parts); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
