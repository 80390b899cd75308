// Package paged knows how a long array of rows of equal size is kept with little of it in memory: 576 KiB are, and what is more
// lies in a file, of which the pages that were used last are at hand. It does not know what a row says.
//
// A page is large, since rows that are asked for in their order are read faster then: who asks for many does that. For each page
// 4 bytes are in memory.
package paged

import (
	"fmt"
	"io"
)

// File is where pages are that are not in memory.
type File interface {
	io.ReaderAt
	io.WriterAt
}

const (
	pageSize = 128 * 72 // bytes at most
	resident = 64       // pages
)

// Array is an array of rows. An error of its file is kept for Err: from then on rows may be zero. It is not for concurrent use.
type Array struct {
	size, per int // bytes of a row, rows of a page
	n         int
	spill     func() (File, error) // nil: all stays in memory
	file      io.ReaderAt
	out       io.WriterAt // nil while nothing was written
	from      int64       // where in the file the first row is
	slots     []slot
	at        []int32 // by page: its slot, from 1; 0 when it is in the file
	hand      int     // the slot that is looked at next when one is needed
	err       error
}

// slot is a page in memory.
type slot struct {
	page        int
	used, dirty bool
	rows        []byte
}

// New is an empty array of rows of some bytes. spill makes its file when that is needed; nil keeps all in memory.
func New(size int, spill func() (File, error)) *Array {
	return &Array{size: size, per: max(1, pageSize/size), spill: spill}
}

// Over is an array of n rows that lie in a file, from an offset on. It is for reading.
func Over(file io.ReaderAt, from int64, size, n int) *Array {
	a := New(size, nil)
	a.file, a.from, a.n = file, from, n
	a.at = make([]int32, (n+a.per-1)/a.per)
	return a
}

// Len is how many rows there are.
func (a *Array) Len() int { return a.n }

// Err is the first error of the file.
func (a *Array) Err() error { return a.err }

// Row is the i-th row, until the next call of any method.
func (a *Array) Row(i int) []byte { return a.row(i, false) }

// Change is the i-th row, to be written to until the next call of any method.
func (a *Array) Change(i int) []byte { return a.row(i, true) }

// Put replaces the i-th row.
func (a *Array) Put(i int, row []byte) { copy(a.Change(i), row) }

// Add adds a row at the end.
func (a *Array) Add(row []byte) {
	if a.n%a.per == 0 {
		a.at = append(a.at, 0)
		a.take(len(a.at) - 1)
	}
	a.n++
	a.Put(a.n-1, row)
}

func (a *Array) row(i int, write bool) []byte {
	page := i / a.per
	if a.at[page] == 0 {
		a.load(page)
	}
	s := &a.slots[a.at[page]-1]
	s.used, s.dirty = true, s.dirty || write
	from := i % a.per * a.size
	return s.rows[from : from+a.size]
}

func (a *Array) load(page int) {
	s := a.take(page)
	n := min(a.per, a.n-page*a.per) * a.size
	if _, err := a.file.ReadAt(s.rows[:n], a.place(page)); err != nil && a.err == nil {
		a.err = fmt.Errorf("read a page of rows: %w", err)
		clear(s.rows)
	}
}

func (a *Array) place(page int) int64 { return a.from + int64(page)*int64(a.per*a.size) }

// take gives a page a slot: a new one, or when there are enough that of a page that was not used since it was looked at last.
func (a *Array) take(page int) *slot {
	if len(a.slots) < resident || !a.spills() {
		a.slots = append(a.slots, slot{rows: make([]byte, a.per*a.size)})
		a.hand = len(a.slots) - 1
	} else {
		for a.slots[a.hand].used {
			a.slots[a.hand].used = false
			a.hand = (a.hand + 1) % len(a.slots)
		}
		a.leave(&a.slots[a.hand])
	}
	s := &a.slots[a.hand]
	a.at[page] = int32(a.hand) + 1
	s.page = page
	a.hand = (a.hand + 1) % len(a.slots)
	return s
}

// leave lets a page be in the file alone.
func (a *Array) leave(s *slot) {
	if s.dirty {
		if _, err := a.out.WriteAt(s.rows, a.place(s.page)); err != nil && a.err == nil {
			a.err = fmt.Errorf("write a page of rows: %w; free some space, then run it again", err)
		}
	}
	a.at[s.page], s.dirty = 0, false
	clear(s.rows)
}

// spills reports whether there is a file, which it makes when the first page has to leave.
func (a *Array) spills() bool {
	if a.file == nil && a.spill != nil {
		file, err := a.spill()
		if a.spill = nil; err != nil {
			a.err = err
			return false
		}
		a.file, a.out = file, file
	}
	return a.file != nil
}
