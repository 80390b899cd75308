package main

import (
	"fmt"
	"math"

	"zapas/device/sample"
)

// bound is a number and the most that it may be. One that is told is not judged: it fails nothing.
type bound struct {
	what      string
	got, most float64
	unit      string
	told      bool
}

// holds is false, too, for what is no number.
func (b bound) holds() bool { return b.got <= b.most }

func (b bound) String() string {
	says := "holds"
	switch {
	case b.holds():
	case b.told:
		says = "told, not judged"
	default:
		says = "MISSED"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |", b.what, amount(b.got), amount(b.most), b.unit, says)
}

func amount(v float64) string {
	if v == float64(int64(v)) {
		return number(int64(v))
	}
	if v > 1000 {
		return number(int64(v))
	}
	return fmt.Sprintf("%.2f", v)
}

// What a phone of six years may cost. The bytes are as those of a phone whose floor is 693.0 MB and that sends 694.5 MB.
const (
	mostExcess = 0.0022 // of the floor's bytes, in a first backup
	mostCPU    = 2      // times the floor's
	mostMemory = 64     // MiB
	mostDay    = 10_000 // bytes beyond new attachments
	dayPuts    = 1
	dayCalls   = 3
	sameCalls  = 1
	freshGets  = 6
	mostTwice  = 20_000_000 // bytes, after a kill
	agedGets   = 22
	mostWrites = 28
	mostReads  = 12
)

// How many bytes of memory an item may take, where there are ten times the items. Of each that a killed run has sealed, the next
// one holds where that is.
const (
	mostPerItem   = 100
	mostPerSealed = 130
)

// bounds are those of a phone of six years. A first backup puts each of its objects once, which hold 9 MiB and more, and asks for
// where to put four of them at a time; what it consumes is a day's, and two units for each time. What reads all asks for each
// object once: the index's is needed whole.
func (l life) bounds() []bound {
	f, d, s := l.row(first), l.row(nextDay), l.row(same)
	objects := float64(l.first.Bytes/(9<<20) + 2)
	out := []bound{
		{what: first + ": bytes up beyond the floor", got: float64(f.up() - l.first.Bytes), most: mostExcess * float64(l.first.Bytes), unit: "bytes"},
		{what: first + ": objects up", got: float64(f.Puts), most: objects, unit: "PUT"},
		{what: first + ": objects down", got: float64(f.Gets), most: 0, unit: "GET"},
		{what: first + ": calls", got: float64(f.Calls), most: dayCalls + math.Ceil(objects/4), unit: "API"},
		{what: first + ": capacity", got: f.Writes, most: mostWrites + objects/2, unit: "WRU"},
		{what: first + ": capacity", got: f.Reads, most: mostReads + objects/2, unit: "RRU"},
		{what: resumed + ": bytes sent twice", got: float64(l.twice), most: mostTwice, unit: "bytes"},
		{what: first + ": CPU", got: f.CPU.Seconds() / l.first.cpu(), most: mostCPU, unit: "times the floor", told: true},
		{what: nextDay + ": bytes up beyond new attachments", got: float64(d.up() - l.day.Attached), most: mostDay, unit: "bytes"},
		{what: nextDay + ": objects up", got: float64(d.Puts), most: dayPuts, unit: "PUT"},
		{what: nextDay + ": objects down", got: float64(d.Gets), most: 0, unit: "GET"},
		{what: nextDay + ": calls", got: float64(d.Calls), most: dayCalls, unit: "API"},
		{what: nextDay + ": capacity", got: d.Writes, most: mostWrites, unit: "WRU"},
		{what: nextDay + ": capacity", got: d.Reads, most: mostReads, unit: "RRU"},
		{what: same + ": calls", got: float64(s.Calls), most: sameCalls, unit: "API"},
		{what: same + ": objects", got: float64(s.Puts + s.Gets), most: 0, unit: "PUT and GET"},
		{what: contacts + ": objects down", got: float64(l.row(contacts).Gets), most: freshGets, unit: "GET"},
	}
	for _, name := range []string{all, proof} {
		r := l.row(name)
		out = append(out, bound{what: name + ": objects down", got: float64(r.Gets), most: float64(len(r.list.Chunks)), unit: "GET"})
	}
	for _, r := range l.rows {
		out = append(out, bound{what: r.name + ": peak memory", got: float64(r.Peak) / (1 << 20), most: mostMemory, unit: "MiB"})
	}
	return out
}

// more are the bounds of a phone with more items than another: what each of them adds to the memory.
func (l life) more(than life) (out []bound) {
	for _, r := range l.rows {
		each := float64(r.Peak-than.row(r.name).Peak) / float64(items(l.size)-items(than.size))
		most := mostPerItem
		if r.name == resumed {
			most = mostPerSealed
		}
		out = append(out, bound{what: r.name + ": memory for each item more", got: each, most: float64(most), unit: "bytes"})
	}
	return out
}

func items(s sample.Size) int { return s.Contacts + s.SMS + s.MMS + s.Calls }

// What the days of a year may cost by their compaction. That begins when there are sixteen small chunks, and for weeks has
// little to merge: the first months cost less than the others, and are no measure for them. From then on a byte is written
// again only when what it lies in has doubled, until that has the 8 MiB of a chunk that is not merged: from a day's 75 KB
// that is 7 times, so that with its first writing a byte is sent no more than 8 times, at any age. And as the same days come
// again and again, a half-year costs no more than the quarter before it, but for where in the large merges it begins and ends.
const (
	mostWritten = 8    // times what a day brings, records and attachment
	mostGrowth  = 1.25 // of the days 181 to 365 over the days 91 to 180
)

// yearly are the bounds of a phone at any age. Chunks are flat when there are no more of them than one round of small backups,
// after which compaction is due, has added since day 90. An ordinary day's index lists the dead records of chunks that are not
// half dead yet, a byte for each: of all messages that the phone has had, at most half.
func yearly(year []mark) (out []bound) {
	const round = 16
	by := map[int]mark{}
	for _, m := range year {
		by[m.day] = m
		day := fmt.Sprintf("up to day %d: ", m.day)
		out = append(out,
			bound{what: day + "bytes up of a day without compaction, beyond its attachment", got: float64(m.ordinary), most: mostDay + float64(yearMessages(m.day))/2, unit: "bytes"},
			bound{what: day + "bytes up of any day beyond its attachment, mean", got: float64(m.mean), most: mostWritten * float64(m.ordinary+attachment), unit: "bytes"},
			bound{what: day + "objects up of a day", got: float64(m.puts), most: dayPuts, unit: "PUT"},
			bound{what: day + "calls of a day", got: float64(m.calls), most: dayCalls, unit: "API"},
			bound{what: day + "capacity of a day", got: m.writes, most: mostWrites, unit: "WRU"},
			bound{what: day + "capacity of a day", got: m.reads, most: mostReads, unit: "RRU"},
			bound{what: day + contacts + ", objects down", got: float64(m.restored.Gets), most: agedGets, unit: "GET"})
	}
	for _, m := range year {
		if m.day > 90 {
			out = append(out, bound{what: fmt.Sprintf("day %d: chunks listed", m.day), got: float64(m.chunks), most: float64(by[90].chunks + round), unit: "chunks"})
		}
	}
	if second, ok := by[365]; ok {
		out = append(out, bound{what: "days 181 to 365: bytes up of any day beyond its attachment, mean", got: float64(second.mean), most: mostGrowth * float64(by[180].mean), unit: "bytes"})
	}
	return out
}

// missed are those that are judged and do not hold.
func missed(all []bound) (out []bound) {
	for _, b := range all {
		if !b.holds() && !b.told {
			out = append(out, b)
		}
	}
	return out
}
