package main

import "fmt"

// bound is a number and the most that it may be.
type bound struct {
	what      string
	got, most float64
	unit      string
}

// holds is false, too, for what is no number.
func (b bound) holds() bool { return b.got <= b.most }

func (b bound) String() string {
	says := "holds"
	if !b.holds() {
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
	agedGets   = 22
	mostWrites = 28
	mostReads  = 12
)

// bounds are those of a phone of six years.
func (l life) bounds() []bound {
	f, d, s := l.row(first), l.row(nextDay), l.row(same)
	out := []bound{
		{first + ": bytes up beyond the floor", float64(f.up() - l.first.Bytes), mostExcess * float64(l.first.Bytes), "bytes"},
		{first + ": CPU", f.CPU.Seconds() / l.first.cpu(), mostCPU, "times the floor"},
		{nextDay + ": bytes up beyond new attachments", float64(d.up() - l.day.Attached), mostDay, "bytes"},
		{nextDay + ": objects up", float64(d.Puts), dayPuts, "PUT"},
		{nextDay + ": objects down", float64(d.Gets), 0, "GET"},
		{nextDay + ": calls", float64(d.Calls), dayCalls, "API"},
		{nextDay + ": capacity", d.Writes, mostWrites, "WRU"},
		{nextDay + ": capacity", d.Reads, mostReads, "RRU"},
		{same + ": calls", float64(s.Calls), sameCalls, "API"},
		{same + ": objects", float64(s.Puts + s.Gets), 0, "PUT and GET"},
		{contacts + ": objects down", float64(l.row(contacts).Gets), freshGets, "GET"},
	}
	for _, r := range l.rows {
		out = append(out, bound{r.name + ": peak memory", float64(r.Peak) / (1 << 20), mostMemory, "MiB"})
	}
	return out
}

// yearly are the bounds of a phone at any age. Chunks are flat when there are no more of them than one round of small backups,
// after which compaction is due, has added since day 90; a day's bytes, which have what compaction stores again in them, when they
// have not doubled since.
func yearly(year []mark) (out []bound) {
	const round = 16
	var settled mark
	for _, m := range year {
		if m.day <= 90 {
			settled = m
		}
		day := fmt.Sprintf("up to day %d: ", m.day)
		out = append(out,
			bound{day + "bytes up of a day without compaction, beyond its attachment", float64(m.ordinary), mostDay, "bytes"},
			bound{day + "objects up of a day", float64(m.puts), dayPuts, "PUT"},
			bound{day + "calls of a day", float64(m.calls), dayCalls, "API"},
			bound{day + "capacity of a day", m.writes, mostWrites, "WRU"},
			bound{day + "capacity of a day", m.reads, mostReads, "RRU"},
			bound{day + contacts + ", objects down", float64(m.restored.Gets), agedGets, "GET"})
	}
	for _, m := range year {
		if m.day > settled.day {
			day := fmt.Sprintf("day %d: ", m.day)
			out = append(out,
				bound{day + "chunks listed", float64(m.chunks), float64(settled.chunks + round), "chunks"},
				bound{day + "bytes up of a day beyond new attachments, mean", float64(m.mean), float64(2 * settled.mean), "bytes"})
		}
	}
	return out
}

// missed are those that do not hold.
func missed(all []bound) (out []bound) {
	for _, b := range all {
		if !b.holds() {
			out = append(out, b)
		}
	}
	return out
}
