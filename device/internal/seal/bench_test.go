package seal

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// messages are records like those of a phone: short, alike and each its own.
func messages(n int) [][]byte {
	words := strings.Fields("hello are you coming home today the train is late again see you at eight ok thanks love")
	rnd := source(1)
	out := make([][]byte, n)
	for i := range out {
		text := fmt.Sprintf("+4860%07d|%d|", rnd.Uint64()%300, int64(1700000000000)+int64(i)*60000)
		for range 3 + rnd.Uint64()%15 {
			text += words[rnd.Uint64()%uint64(len(words))] + " "
		}
		out[i] = []byte(text)
	}
	return out
}

// fillRecords fills a chunk with noise, up to its cap.
func fillRecords(t testing.TB, w *Writer, record []byte) Summary {
	for {
		if _, err := w.Record(1, record); err == ErrFull {
			return must[Summary](t)(w.Close())
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// fillBlob fills a chunk with one blob, up to its cap.
func fillBlob(t testing.TB, w *Writer, data []byte, sum [32]byte) Summary {
	b := must[*Blob](t)(NewBlob(bytes.NewReader(data), int64(len(data)), sum))
	must[uint32](t)(w.Blob(b))
	return must[Summary](t)(w.Close())
}

// A full chunk passes through a Writer in the memory of a few blocks, and the next one in next to none.
// Not parallel: it counts what the whole process allocates.
func TestMemory(t *testing.T) {
	record, data := noise(1, 50000), noise(2, 16<<20)
	sum := sha256.Sum256(data)
	for name, fill := range map[string]func(w *Writer) Summary{
		"Records": func(w *Writer) Summary { return fillRecords(t, w, record) },
		"Blobs":   func(w *Writer) Summary { return fillBlob(t, w, data, sum) },
	} {
		var w *Writer
		first := allocated(func() {
			w = newWriter(t, io.Discard, 1)
			fill(w)
		})
		next := allocated(func() {
			if err := w.Reset(io.Discard); err != nil {
				t.Fatal(err)
			}
			fill(w)
		})
		t.Logf("%s: %d KiB for the first chunk, %d KiB for the next", name, first>>10, next>>10)
		if first > 6<<20 || next > 256<<10 {
			t.Errorf("%s: %d bytes for the first chunk, %d for the next", name, first, next)
		}
	}
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func BenchmarkSealRecords(b *testing.B) {
	all := messages(20000)
	w := newWriter(b, io.Discard, 1)
	n := 0
	for _, m := range all {
		n += len(m)
	}
	b.SetBytes(int64(n))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Reset(io.Discard); err != nil {
			b.Fatal(err)
		}
		for _, m := range all {
			if _, err := w.Record(1, m); err != nil {
				b.Fatal(err)
			}
		}
		must[Summary](b)(w.Close())
	}
}

func BenchmarkSealBlobs(b *testing.B) {
	data := noise(1, 15<<20)
	sum := sha256.Sum256(data)
	w := newWriter(b, io.Discard, 1)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Reset(io.Discard); err != nil {
			b.Fatal(err)
		}
		fillBlob(b, w, data, sum)
	}
}

func BenchmarkOpenRecords(b *testing.B) {
	c := content{}
	n := 0
	for i, m := range messages(20000) {
		n += len(m)
		c.Records = append(c.Records, Record{Number: uint32(i), Kind: 1, Bytes: m})
	}
	s := c.seal(b, 1)
	b.SetBytes(int64(n))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range ReadRecords(bytes.NewReader(s.recordPart()), testKey) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkOpenBlobs(b *testing.B) {
	data := noise(1, 15<<20)
	s := content{Blobs: [][]byte{data}}.seal(b, 1)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		r := must[*Reader](b)(Open(bytes.NewReader(s.bytes), s.sum.Size, testKey))
		if _, err := io.Copy(io.Discard, must[io.Reader](b)(r.Blob(0))); err != nil {
			b.Fatal(err)
		}
	}
}
