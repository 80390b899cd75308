package paged

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"zapas/device/internal/alloctest"
)

// spill makes files in a folder of the test's own.
func spill(t *testing.T, made *int) func() (File, error) {
	t.Helper()
	dir := t.TempDir()
	return func() (File, error) {
		*made++
		f, err := os.Create(filepath.Join(dir, "pages"))
		t.Cleanup(func() { _ = f.Close() })
		return f, err
	}
}

func number(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// TestArray: it is what a slice is, however much of it is in the file. Rows are large here, so that few fill the memory.
func TestArray(t *testing.T) {
	t.Parallel()
	made := 0
	files := spill(t, &made)
	rapid.Check(t, func(r *rapid.T) {
		const size = pageSize / 2
		a := New(size, files)
		var want []int
		row := func(n int) []byte { return append(number(n), make([]byte, size-4)...) }
		for range rapid.IntRange(1, 4*resident).Draw(r, "rows") {
			a.Add(row(len(want)))
			want = append(want, len(want))
		}
		for range rapid.IntRange(0, 300).Draw(r, "changes") {
			i, n := rapid.IntRange(0, len(want)-1).Draw(r, "at"), rapid.IntRange(0, 1<<20).Draw(r, "value")
			if rapid.Bool().Draw(r, "whole") {
				a.Put(i, row(n))
			} else {
				copy(a.Change(i), number(n))
			}
			want[i] = n
			if rapid.Bool().Draw(r, "more") {
				a.Add(row(n))
				want = append(want, n)
			}
		}
		for i, n := range want {
			if !bytes.Equal(a.Row(i), row(n)) {
				r.Fatalf("row %d is %x, want %x", i, a.Row(i)[:4], number(n))
			}
		}
		if a.Len() != len(want) || a.Err() != nil {
			r.Fatal(a.Len(), len(want), a.Err())
		}
	})
	if made == 0 {
		t.Error("no file was needed")
	}
}

func TestArray_FewNeedNoFile(t *testing.T) {
	t.Parallel()
	for rows, want := range map[int]int{resident: 0, resident + 1: 1} {
		made := 0
		a := New(pageSize, spill(t, &made))
		for range rows {
			a.Add(make([]byte, pageSize))
		}
		if made != want {
			t.Errorf("%d files for %d pages", made, rows)
		}
	}
}

func TestOver(t *testing.T) {
	t.Parallel()
	var b []byte
	for n := range 10_000 {
		b = append(b, number(n)...)
	}
	for from := range 3 {
		a := Over(bytes.NewReader(b), int64(4*from), 4, 10_000-from)
		for i := range a.Len() {
			if want := number(from + i); !slices.Equal(a.Row(i), want) {
				t.Fatalf("row %d is %x, want %x", i, a.Row(i), want)
			}
		}
		if a.Err() != nil {
			t.Error(a.Err())
		}
	}
	a := Over(bytes.NewReader(b[:len(b)-1]), 0, 4, 10_000)
	if a.Row(0); a.Err() != nil {
		t.Errorf("the first page is whole: %v", a.Err())
	}
	if a.Row(9_999); a.Err() == nil {
		t.Error("the last row is not all there, and nobody saw it")
	}
}

// full is a disk that takes no page, or gives none out.
type full struct{ write, read error }

func (f full) WriteAt(b []byte, _ int64) (int, error) { return len(b), f.write }
func (f full) ReadAt(b []byte, _ int64) (int, error)  { return len(b), f.read }

func TestArray_Err(t *testing.T) {
	t.Parallel()
	bad := errors.New("the disk is full")
	for name, tt := range map[string]func() (File, error){
		"NoFile":  func() (File, error) { return nil, bad },
		"NoWrite": func() (File, error) { return full{write: bad}, nil },
		"NoRead":  func() (File, error) { return full{read: bad}, nil },
	} {
		a := New(pageSize, tt)
		for range resident + 2 {
			a.Add(make([]byte, pageSize))
		}
		if a.Row(0); !errors.Is(a.Err(), bad) {
			t.Errorf("%s: %v", name, a.Err())
		}
		if name == "NoWrite" && !strings.Contains(a.Err().Error(), "free some space") {
			t.Errorf("it does not say what to do: %v", a.Err())
		}
	}
}

// TestArray_Memory: a million rows need no more than the pages that stay, and 4 bytes for each other one. Not parallel: it counts
// what the whole process allocates.
func TestArray_Memory(t *testing.T) {
	made := 0
	a := New(72, spill(t, &made))
	row := make([]byte, 72)
	const rows = 1 << 20
	alloctest.Within(t, 1_900_000, func() {
		for n := range rows {
			binary.BigEndian.PutUint32(row, uint32(n))
			a.Add(row)
		}
		for n := range rows / 64 {
			if i := n * 7919 % rows; int(binary.BigEndian.Uint32(a.Row(i))) != i {
				t.Fatalf("row %d is another", i)
			}
		}
	})
	if a.Err() != nil {
		t.Error(a.Err())
	}
}
