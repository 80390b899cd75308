package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"zapas/device/sample"
)

// results are all that one run has measured.
type results struct {
	machine string
	large   life
	ten     *life  // nil: not asked for
	kept    string // the section on it that an earlier run has written
	year    []mark
	micro   string
}

func (r results) bounds() []bound {
	out := append(r.large.bounds(), yearly(r.year)...)
	if r.ten != nil {
		out = append(out, r.ten.more(r.large)...)
	}
	return out
}

const tenfoldHead = "\n## Ten times the items\n"

// keptFrom is the section on ten times the items in a page that was written before.
func keptFrom(page string) string {
	_, section, ok := strings.Cut(page, tenfoldHead)
	section, _, ends := strings.Cut(section, "\n## ")
	if !ok || !ends {
		return ""
	}
	return tenfoldHead + section
}

// asked is how less than the year, or more than the phone, was asked for.
func (r results) asked() (says string) {
	if last := r.year[len(r.year)-1].day; last != 365 {
		says = fmt.Sprintf(" DAYS=%d", last)
	}
	if r.ten != nil {
		says += " TEN=1"
	}
	return says
}

// machine names the processor, its cores, the system and the compiler.
func machine() string {
	name := "unknown processor"
	b, err := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && err == nil && strings.TrimSpace(key) == "model name" {
			name = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s", name, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// page is all of it as Markdown.
func (r results) page(w io.Writer) {
	fmt.Fprintf(w, "# Benchmarks\n\nWritten by `make bench WRITE=1%s` on: %s. Everything is on one machine, over loopback: the phone is\n"+
		"`zapas-device` in a process of its own, the service is its functions' binaries on what stands in for AWS.\n", r.asked(), r.machine)
	fmt.Fprint(w, "\n## A phone of six years\n\n")
	r.large.page(w)
	if r.ten != nil {
		fmt.Fprintf(w, "%s\nMeasured with TEN=1 on: %s. ", tenfoldHead, r.machine)
		r.ten.page(w)
		fmt.Fprintf(w, "What an item more takes is judged by how much more memory a run takes here than above, for each of %s items.\n\n",
			number(int64(items(r.ten.size)-items(r.large.size))))
		table(w, r.ten.more(r.large))
	}
	fmt.Fprint(w, r.kept)
	fmt.Fprint(w, "\n## A year of days\n\n")
	yearPage(w, r.year)
	fmt.Fprintf(w, "\n## Sealing and opening\n\n```\n%s```\n", r.micro)
	fmt.Fprint(w, "\n## Bounds\n\n")
	table(w, append(r.large.bounds(), yearly(r.year)...))
}

func table(w io.Writer, all []bound) {
	fmt.Fprint(w, "| | is | at most | | |\n|---|--:|--:|---|---|\n")
	for _, b := range all {
		fmt.Fprintln(w, b)
	}
}

// stock is what a new phone holds, in words.
func stock(s sample.Size) string {
	attached := fmt.Sprint(s.MinAttachment >> 10)
	if s.MaxAttachment != s.MinAttachment {
		attached += fmt.Sprint("-", s.MaxAttachment>>10)
	}
	return fmt.Sprintf("%s contacts, 15 %% with a photo, %s SMS, %s MMS with an attachment of %s KiB, %s calls", number(int64(s.Contacts)), number(int64(s.SMS)),
		number(int64(s.MMS)), attached, number(int64(s.Calls)))
}

// bring is what a day brings, in words.
func bring(s sample.Size) string {
	return fmt.Sprintf("+%d SMS, +%d MMS, +%d calls, 4 contacts edited, 2 deleted, %d SMS of one conversation deleted, 4 SMS in another state, 1 with another text",
		s.DaySMS, s.DayMMS, s.DayCalls, s.DayDeleted)
}

func (l life) page(w io.Writer) {
	fmt.Fprintf(w, "%s; a day later %s. It backs up on a metered network.\n\n", stock(l.size), bring(l.size))
	fmt.Fprint(w, "| | bytes up | bytes down | PUT | GET | API | WRU | RRU | CPU s | to the floor | to it and reading | peak MiB |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	fmt.Fprintf(w, "| floor of the %s | %s | | | | | | | %.2f | 1 | | |\n", first, number(l.first.Bytes), l.first.cpu())
	fmt.Fprintf(w, "| floor of the day | %s | | | | | | | | | | |\n", number(l.day.Bytes))
	for _, r := range l.rows {
		fmt.Fprintf(w, "| %s | %s | %s | %d | %d | %d | %s | %s | %.2f | %.2f | %.2f | %d |\n", r.name, number(r.up()), number(r.down()), r.Puts, r.Gets, r.Calls,
			amount(r.Writes), amount(r.Reads), r.CPU.Seconds(), r.CPU.Seconds()/l.first.cpu(), r.CPU.Seconds()/(l.first.cpu()+l.first.Reading), r.Peak>>20)
	}
	d, f := l.row(nextDay), l.row(first)
	fmt.Fprintf(w, "\nThe floor: the canonical records of each kind as one zstd stream at its default level, and the attachments as they are; its CPU is that of zstd\n"+
		"over all of these bytes (%.2f s) and AES-256-GCM over what comes out (%.2f s). To read the exports, each item and attachment once, takes %.2f s more, and a phone's CPU contains that.\n",
		l.first.Compressing, l.first.Sealing, l.first.Reading)
	fmt.Fprint(w, "CPU is told and not judged: the floor neither reads nor hashes. A first backup reads the exports to see what is new, reads the records once more and each\n"+
		"attachment once more to seal them (where it has changed, it is not sealed), computes the SHA-256 of each attachment when it is seen and when it is sealed, and of\n"+
		"each chunk when it is sealed and before it is signed for, expands again what it compressed, and writes, syncs, reads and sends the chunks.\n")
	fmt.Fprintf(w, "Bytes are those of objects and of the bodies of calls; capacity is all that any function consumes meanwhile. Check-in is not in the lines: one call, %s WRU, %s RRU.\n",
		amount(d.CheckInWrites), amount(d.CheckInReads))
	fmt.Fprintf(w, "Beyond the floor the %s sends %s bytes (%.3f %%), %s of them in calls. Beyond its %d new attachments (%s bytes) the day sends %s, %s of them in calls; its floor is %s.\n",
		first, number(f.up()-l.first.Bytes), 100*(float64(f.up())/float64(l.first.Bytes)-1), number(f.CallsUp),
		l.day.Attachments, number(l.day.Attached), number(d.up()-l.day.Attached), number(d.CallsUp), number(l.day.Bytes-l.day.Attached))
	fmt.Fprintf(w, "The line %q is another phone with the same content, whose first backup was killed (SIGKILL) when 90 %% of its bytes had arrived: it is the run that\n"+
		"followed, and %s bytes came twice.\n", resumed, number(l.twice))
}

func yearPage(w io.Writer, year []mark) {
	fmt.Fprintf(w, "%s; each day %s, and a backup at night, charging and unmetered.\n\n", stock(small()), bring(small()))
	fmt.Fprint(w, "| after day | chunks listed | with records | list | index | bytes of an ordinary day at most | days with compaction | bytes of any day, mean | GET for the contacts | WRU at most | RRU at most |\n"+
		"|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, m := range year {
		fmt.Fprintf(w, "| %d | %d | %d | %s | %s | %s | %d | %s | %d | %s | %s |\n", m.day, m.chunks, m.records, number(m.list), number(m.index),
			number(m.ordinary), m.compacted, number(m.mean), m.restored.Gets, amount(m.writes), amount(m.reads))
	}
	fmt.Fprint(w, "\nThe days are the phone's: the clock stands still, and nothing that is measured depends on it. Days are those since the line above,\n"+
		"their bytes without new attachments; in the mean is what compaction stores again.\n"+
		"An ordinary day's bytes grow since its index lists what the days before have left: each chunk, and in each that is not half dead yet the messages that were\n"+
		"deleted or changed since, a byte for each. Compaction takes both away, at first rarely; the bound grows by half a byte for each message that the phone has had.\n")
}

// number writes thousands apart.
func number(n int64) string {
	s := fmt.Sprint(max(n, -n))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if n < 0 {
		return "-" + s
	}
	return s
}
