package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"zapas/device/sample"
)

// attachment is the size of the one that a day brings: too large to be stored again with the records about it.
const attachment = 70 << 10

// small is a phone on which days are quick.
func small() sample.Size {
	return sample.Size{SMS: 3_000, MMS: 20, MinAttachment: attachment, MaxAttachment: attachment, History: sample.Demo().History, DaySMS: 60, DayMMS: 1, DayDeleted: 60,
		Contacts: 1_500, Calls: 1_000, MinPhoto: 1 << 10, MaxPhoto: 4 << 10, DayCalls: 25}
}

// yearMessages are those that this phone has had by a day.
func yearMessages(day int) int {
	size := small()
	return size.SMS + size.MMS + day*(size.DaySMS+size.DayMMS)
}

// marks are the days after which is looked, up to the last one.
func marks(last int) (days []int) {
	for _, day := range []int{1, 30, 90, 180, 365} {
		if day <= last {
			days = append(days, day)
		}
	}
	return days
}

// mark is how a snapshot looks after some days, and what the days since the mark before have cost.
type mark struct {
	day           int
	chunks        int // listed
	records       int // of them with records
	list, index   int64
	ordinary      int64   // bytes of a day that compacts nothing, beyond its attachment, at most
	compacted     int     // days that do
	mean          int64   // bytes of any day, beyond its attachment
	puts, calls   int     // of a day, at most
	writes, reads float64 // of a day, at most
	restored      run     // the contacts alone
}

// add takes in a day.
func (m *mark) add(r run) {
	up := row{run: r}.up()
	m.mean += up
	if r.said.Compacted > 0 {
		m.compacted++
	} else {
		m.ordinary = max(m.ordinary, up-attachment)
	}
	m.puts, m.calls = max(m.puts, r.Puts), max(m.calls, r.Calls)
	m.writes, m.reads = max(m.writes, r.Writes), max(m.reads, r.Reads)
	m.chunks, m.list, m.index, m.records = len(r.list.Chunks), r.list.Bytes, r.list.Index.Length, 0
	for _, c := range r.list.Chunks {
		if c.Records > 0 {
			m.records++
		}
	}
}

// year lets days pass on a small phone, with a backup after each.
func (w *world) year(ctx context.Context, marks []int, least string, tell io.Writer) (out []mark, err error) {
	phone, old, export := sample.New(seed, small()), filepath.Join(w.dir, "before"), filepath.Join(w.dir, "export")
	if err := write(export, phone); err != nil {
		return nil, err
	}
	if _, err := w.enrol(ctx, "old"); err != nil {
		return nil, err
	}
	if _, err := w.phone(ctx, "old", "backup", "--from", export); err != nil {
		return nil, err
	}
	for day := 1; len(out) < len(marks); {
		if err := os.Rename(export, old); err != nil {
			return nil, err
		}
		m, from := mark{day: marks[len(out)]}, day
		var snapshot string
		for ; day <= m.day; day++ {
			phone.Day(day)
			if err := write(export, phone); err != nil {
				return nil, err
			}
			r, err := w.phone(ctx, "old", "backup", "--from", export)
			if err != nil {
				return nil, fmt.Errorf("day %d: %w", day, err)
			}
			m.add(r)
			snapshot = r.said.Snapshot
		}
		f, err := floorOf(ctx, least, "-base", old, export)
		if err != nil {
			return nil, err
		}
		m.mean = (m.mean - f.Attached) / int64(day-from)
		name := fmt.Sprintf("day%d", m.day)
		if m.restored, err = w.restore(ctx, name, snapshot, "contacts", filepath.Join(w.dir, name)); err != nil {
			return nil, err
		}
		fmt.Fprintf(tell, "  day %-13d %d chunks, %d GET for the contacts\n", m.day, m.chunks, m.restored.Gets)
		out = append(out, m)
		if err := os.RemoveAll(old); err != nil {
			return nil, err
		}
	}
	return out, nil
}
