package vault

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// elements says to which element a kind of item belongs.
var elements = map[string]string{"contacts": "contacts", "sms": "messages", "mms": "messages", "calls": "calls"}

var (
	coverages = []string{"full", "limited", "denied", "unavailable"}
	reason    = regexp.MustCompile(`^[a-z][a-z_]{0,31}$`)
)

// check holds a commit request against itself; what it says of stored things is checked when they are read.
func (c Commit) check() error {
	f := c.checkChunks()
	f = append(f, c.checkNumbers()...)
	return fault.Fields(f)
}

func wrong(pointer, format string, args ...any) fault.Field {
	return fault.Field{Pointer: pointer, Code: "invalid", Detail: fmt.Sprintf(format, args...)}
}

func (c Commit) checkChunks() (f []fault.Field) {
	if n := len(c.Added); n < 1 || n > MaxAdded {
		return []fault.Field{wrong("/added", "there are %d chunks; a commit adds 1 to %d", n, MaxAdded)}
	}
	seen := map[string]bool{}
	for i, a := range c.Added {
		at := fmt.Sprintf("/added/%d", i)
		switch {
		case !caller.ValidID(a.ID):
			f = append(f, wrong(at+"/id", "it is no chunk id"))
		case seen[a.ID]:
			f = append(f, wrong(at+"/id", "it stands there twice"))
		case a.Size < 1 || a.Size > MaxChunk:
			f = append(f, wrong(at+"/size", "it is %d and must be 1 to %d bytes", a.Size, MaxChunk))
		case a.Records < 0 || a.Records > a.Size:
			f = append(f, wrong(at+"/records", "it is %d and must be 0 to the chunk's %d bytes", a.Records, a.Size))
		}
		seen[a.ID] = true
	}
	last := c.Added[len(c.Added)-1]
	if c.Index.Offset < 0 || c.Index.Length < 1 || c.Index.Length > last.Size || c.Index.Offset > last.Size-c.Index.Length {
		f = append(f, wrong("/index", "%d bytes at %d are not within the last chunk's %d bytes", c.Index.Length, c.Index.Offset, last.Size))
	}
	for i, d := range c.Dropped {
		if d < 0 || i > 0 && d <= c.Dropped[i-1] {
			f = append(f, wrong(fmt.Sprintf("/dropped/%d", i), "positions must be 0 or more and ascend"))
		}
	}
	return f
}

func (c Commit) checkNumbers() (f []fault.Field) {
	for _, kind := range slices.Sorted(maps.Keys(c.Counts)) {
		switch n := c.Counts[kind]; {
		case elements[kind] == "":
			f = append(f, wrong("/counts", "there is no kind of item of that name"))
		case n < 0 || n > MaxCount:
			f = append(f, wrong("/counts/"+kind, "it is %d and must be 0 to %d", n, MaxCount))
		}
	}
	held := byElement(c.Counts)
	if len(c.Coverage) == 0 {
		f = append(f, wrong("/coverage", "a backup says of at least one element what it could see"))
	}
	for _, element := range slices.Sorted(maps.Keys(c.Coverage)) {
		if _, ok := c.Ledger[element]; !ok {
			f = append(f, wrong("/ledger", "element %q was looked at and is not accounted for", element))
		}
	}
	known := slices.Sorted(maps.Values(elements))
	for element, how := range c.Coverage {
		if !slices.Contains(known, element) || !slices.Contains(coverages, how) {
			f = append(f, wrong("/coverage", "it names an element or a coverage that there is not"))
		}
	}
	for _, element := range slices.Sorted(maps.Keys(c.Ledger)) {
		l, at := c.Ledger[element], "/ledger/"+element
		if !slices.Contains(known, element) {
			f = append(f, wrong("/ledger", "there is no element of that name"))
			continue
		}
		f = append(f, l.check(at)...)
		if c.Coverage[element] == "full" && held[element] != l.Stored+l.Already {
			f = append(f, wrong(at, "the snapshot counts %d items, and %d are stored", held[element], l.Stored+l.Already))
		}
	}
	for _, element := range slices.Sorted(maps.Keys(held)) {
		if _, ok := c.Ledger[element]; !ok {
			f = append(f, wrong("/ledger", "element %q is counted and not accounted for", element))
		}
	}
	return f
}

// follows holds the numbers against those of the base, the zero Snapshot without one: nothing is stored already that was
// not there, and nothing is held that was neither there nor stored now.
func (c Commit) follows(base Snapshot) error {
	var f []fault.Field
	before, after := byElement(base.Counts), byElement(c.Counts)
	for _, element := range slices.Sorted(maps.Keys(c.Ledger)) {
		l, at := c.Ledger[element], "/ledger/"+element
		if l.Already > before[element] {
			f = append(f, wrong(at, "%d items are stored already, and the base holds %d", l.Already, before[element]))
		}
		if after[element] > before[element]+l.Stored {
			f = append(f, wrong(at, "the snapshot counts %d items; the base holds %d and %d are stored now", after[element], before[element], l.Stored))
		}
	}
	return fault.Fields(f)
}

func (l Ledger) check(at string) (f []fault.Field) {
	for _, n := range []int64{l.Seen, l.Stored, l.Already, l.Excluded, l.Failed} {
		if n < 0 || n > 4*MaxCount {
			return []fault.Field{wrong(at, "%d is no number of items", n)}
		}
	}
	if sum := l.Stored + l.Already + l.Excluded + l.Failed; sum != l.Seen {
		f = append(f, wrong(at, "%d items were seen and %d are accounted for", l.Seen, sum))
	}
	return append(f, CheckReasons(at, l.Reasons, l.Excluded+l.Failed)...)
}

// CheckReasons holds the reasons of a ledger entry against the number of items that they must explain.
func CheckReasons(at string, reasons map[string]int64, of int64) (f []fault.Field) {
	if len(reasons) > maxReasons {
		return []fault.Field{wrong(at+"/reasons", "there are %d; at most %d fit", len(reasons), maxReasons)}
	}
	var sum int64
	for r, n := range reasons {
		if !reason.MatchString(r) || n < 1 || n > 4*MaxCount {
			return []fault.Field{wrong(at+"/reasons", "a reason is a word of a-z and _, at most 32 characters, with a number above 0")}
		}
		sum += n
	}
	if sum != of {
		f = append(f, wrong(at+"/reasons", "they add up to %d and must explain %d", sum, of))
	}
	return f
}
