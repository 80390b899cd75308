package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"zapas/device"
	"zapas/device/internal/ledger"
	"zapas/shared/api"
)

// page is an answer in words: a title and rows of a name and a value.
type page struct {
	head string
	rows [][2]string
}

func (p *page) title(format string, args ...any) { p.head = fmt.Sprintf(format, args...) }

func (p *page) row(name, value string) { p.rows = append(p.rows, [2]string{name, value}) }

// say prints v as JSON, or the page that write makes of it.
func (t *terminal) say(v any, write func(p *page)) error {
	t.bars.end()
	if t.json {
		return t.print(v)
	}
	var p page
	write(&p)
	fmt.Fprintln(t.out, p.head)
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, r := range p.rows {
		fmt.Fprintf(w, "  %s\t%s\n", r[0], r[1])
	}
	return w.Flush()
}

var elements = ledger.Elements()

func (p *page) backup(a api.CheckInAnswer, r device.Report) {
	switch {
	case r.Unchanged:
		p.title("Nothing has changed since the last backup")
	case r.Finished && r.Base == "":
		p.title("Finished the backup that was interrupted, in full (%s), for profile %q", fullness[r.Why], a.Profile.Name)
	case r.Finished:
		p.title("Finished the backup that was interrupted, for profile %q", a.Profile.Name)
	case r.Base == "":
		p.title("Backed up in full (%s), for profile %q", fullness[r.Why], a.Profile.Name)
	default:
		p.title("Backed up what is new, for profile %q", a.Profile.Name)
	}
	if r.Resumed && !r.Finished {
		p.row("resumed", "a backup that an earlier run had not finished was brought to its end")
	}
	if r.Note != "" {
		p.row("note", r.Note)
	}
	p.row("backup", r.Snapshot)
	for _, e := range elements {
		if l, ok := r.Ledger[e]; ok {
			said := stored(l, r.Coverage[e])
			if n := r.Removed[e]; n > 0 {
				said += fmt.Sprintf("; %s removed since the last backup", number(n))
			}
			if n := r.Healed[e]; n > 0 {
				said += fmt.Sprintf("; %s healed", number(n))
			}
			p.row(e, said)
		}
	}
	p.row("holds", counted(r.Counts))
	p.row("uploaded", moved(int64(r.Objects), r.BytesUp, r.Requests))
	for _, f := range r.Failures {
		p.row("failed", f)
	}
	if n := r.Failed(); n > 0 {
		p.row("warning", plural(n, "item")+" could not be read; nothing was taken for deleted in this run")
	}
}

// fullness says why a backup has no base.
var fullness = map[string]string{
	"first":            "the first one",
	"cache_damaged":    "what this phone remembered of the last one was damaged",
	"base_gone":        "the last one is not there any more",
	"location_changed": "the profile's location has changed",
	"too_many_chunks":  "the last one was in too many pieces",
	"list_gone":        "the service has lost what the last one consists of",
	"list_damaged":     "what the last one consists of was damaged at the service",
}

func stored(l api.BackupLedger, coverage string) string {
	switch {
	case coverage == device.Unavailable && l.Seen == 0:
		return "not available here"
	case coverage == device.Denied && l.Seen == 0:
		return "not permitted"
	}
	s := fmt.Sprintf("%s seen = %s stored + %s already stored + %s excluded + %s failed",
		number(l.Seen), number(l.Stored), number(l.Already), number(l.Excluded), number(l.Failed)) + why(l.Reasons)
	if coverage == device.Limited && l.Failed == 0 {
		s += "; limited access: nothing was taken for deleted"
	}
	return s
}

func (p *page) restore(r device.RestoreReport) {
	p.title("Restored backup %s", r.Snapshot)
	if r.State == string(api.RestoreStateFailed) {
		p.title("Could not restore backup %s", r.Snapshot)
	}
	for _, e := range elements {
		if l, ok := r.Ledger[e]; ok {
			p.row(e, fmt.Sprintf("%s planned = %s inserted + %s duplicate + %s merged + %s skipped + %s failed",
				number(l.Planned), number(l.Inserted), number(l.Duplicate), number(l.Merged), number(l.Skipped), number(l.Failed))+why(l.Reasons))
		}
	}
	for _, e := range elements {
		if n := r.Near[e]; n > 0 {
			p.row("alike", fmt.Sprintf("%s of the %s inserted may be there already in another form", number(n), e))
		}
	}
	p.row("downloaded", moved(int64(r.Objects), r.Bytes, r.Requests))
	p.row("state", strings.ReplaceAll(r.State, "_", " "))
	p.failures(r.Failures)
}

// failures are what cannot be restored, and then what to do about it, each remedy once.
func (p *page) failures(all []device.Failure) {
	for _, f := range all {
		of := fmt.Sprintf("%s of %s: ", plural(f.Items, "item"), f.Element)
		if f.Element == "" {
			of = ""
		}
		p.row("failed", of+f.Detail)
	}
	p.remedies(all)
}

func (p *page) remedies(all []device.Failure) {
	var said []string
	for _, f := range all {
		if f.Remedy != "" && !slices.Contains(said, f.Remedy) {
			said = append(said, f.Remedy)
			p.row("remedy", f.Remedy)
		}
	}
}

func why(reasons map[string]int64) string {
	if len(reasons) == 0 {
		return ""
	}
	var out []string
	for _, r := range slices.Sorted(maps.Keys(reasons)) {
		out = append(out, fmt.Sprintf("%s %s", strings.ReplaceAll(r, "_", " "), number(reasons[r])))
	}
	return " (" + strings.Join(out, ", ") + ")"
}

func moved(objects, bytes int64, r device.Requests) string {
	s := plural(objects, "object") + ", "
	if objects > 0 {
		s += size(bytes) + ", "
	}
	return s + plural(int64(r.Total()), "request")
}

func counted(c api.Counts) string {
	var out []string
	for _, kind := range []string{"contacts", "sms", "mms", "calls"} {
		n, ok := c[kind]
		if !ok {
			continue
		}
		if one, some := strings.CutSuffix(kind, "s"); n == 1 && some && kind != "sms" && kind != "mms" {
			kind = one
		}
		out = append(out, number(n)+" "+kind)
	}
	if len(out) == 0 {
		return "no items"
	}
	return strings.Join(out, ", ")
}

func waiting(all []api.Restore) string {
	ready, held := sorted(all)
	said := fmt.Sprintf("%d restores wait for this phone", len(ready))
	switch len(ready) {
	case 0:
		said = "no restore waits for this phone"
	case 1:
		said = "1 restore waits for this phone"
	}
	for _, r := range held {
		said += "; one " + state(r)
	}
	return said
}

// sorted tells restores that may be carried out from those that are held.
func sorted(all []api.Restore) (ready, held []api.Restore) {
	for _, r := range all {
		if r.State == api.RestoreStateHeld {
			held = append(held, r)
		} else {
			ready = append(ready, r)
		}
	}
	return ready, held
}

// state is how far a restore is, in words.
func state(r api.Restore) string {
	if r.State == api.RestoreStateHeld && r.Until != nil {
		return "is held until " + r.Until.Local().Format("2006-01-02 15:04")
	}
	return string(r.State)
}

func dueness(a api.CheckInAnswer) string {
	switch a.Why {
	case api.CheckInAnswerWhyFirst:
		return fmt.Sprintf("due: the first one for profile %q", a.Profile.Name)
	case api.CheckInAnswerWhySlot:
		return fmt.Sprintf("due for profile %q", a.Profile.Name)
	case api.CheckInAnswerWhyNoProfile:
		return "no profile governs this phone"
	case api.CheckInAnswerWhyOrder:
		return fmt.Sprintf("ordered, for profile %q", a.Profile.Name)
	case api.CheckInAnswerWhyUnconfirmed:
		return "not before this phone is confirmed on my card"
	case api.CheckInAnswerWhyAppTooOld:
		return fmt.Sprintf("not with this app; the organisation wants %s or a newer one", *a.OldestApp)
	}
	return "not due"
}

func seconds(n int) string { return (time.Duration(n) * time.Second).String() }

// number groups digits by three.
func number(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return number(n) + " " + what + "s"
}

// size is in decimal units.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}
