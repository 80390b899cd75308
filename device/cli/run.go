package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"zapas/device"
	"zapas/device/android"
	"zapas/device/cli/export"
	"zapas/device/internal/remote"
	"zapas/shared/api"
)

const (
	leastPause = 10 * time.Second // whatever the service says
	mostPause  = 24 * time.Hour
	firstRetry = 30 * time.Second // after a failure; doubled after each
	mostRetry  = 15 * time.Minute
)

type running struct {
	content
	conditions
	To   []string      `sep:"none" type:"path" help:"Where a backup that was sent to this phone is restored to, as of restore; without it the phone says that one waits." placeholder:"FILE|DIR"`
	Once bool          `help:"Do one round and end: 0 when it went well, 1 when it failed, 3 when it is done but for items that could not be read or written."`
	For  time.Duration `help:"End after so long, such as 90m; what is under way then comes to its end." placeholder:"DURATION"`
}

// Validate makes a time that cannot be waited for wrong usage.
func (c *running) Validate() error {
	if c.For < 0 {
		return fmt.Errorf("--for is %s and must be longer than nothing", c.For)
	}
	return c.content.Validate()
}

func (c *running) Run(t *terminal) (err error) {
	t.are = c.are
	d, err := t.phone(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return (&life{running: c, t: t, d: d, told: map[string]bool{}}).live()
}

// life is a phone that runs.
type life struct {
	*running
	t    *terminal
	d    *device.Device
	told map[string]bool // what was told once, of which restore
}

// live goes round until it is stopped. What goes wrong in a round has been told when the round returns.
func (l *life) live() error {
	began, failures := l.t.now(), 0
	for {
		r := l.round()
		if l.t.ctx.Err() != nil {
			return l.stopped()
		}
		if l.Once {
			return r.verdict()
		}
		if failures++; !r.failed {
			failures = 0
		}
		d, err := l.pause(r, failures)
		if err != nil {
			return err
		}
		over := false
		if l.For > 0 {
			left := max(0, l.For-l.t.now().Sub(began))
			over, d = left <= d, min(d, left)
		}
		if err := l.tell(event{Did: "wait", Seconds: d.Seconds()}, "waits for %s", d.Round(time.Second)); err != nil {
			return err
		}
		if l.t.wait(l.t.ctx, d) != nil {
			return l.stopped()
		}
		if over {
			return l.tell(event{Did: "end"}, "ends after %s, as it was told to", l.For)
		}
	}
}

// stopped is the end by a signal: what was under way goes on when the phone is started again.
func (l *life) stopped() error {
	next := ""
	if l.d.Pending() {
		next = "; the backup that is under way is brought to its end at the next start"
	}
	err := l.tell(event{Did: "stop", Pending: l.d.Pending()}, "stopped%s", next)
	if l.Once && err == nil {
		return errTold
	}
	return err
}

// round is what became of one.
type round struct {
	answer     *api.CheckInAnswer // nil when the service could not be asked
	failed     bool
	incomplete bool
	after      time.Duration // the service wants to be left alone for so long
	broken     error         // nothing can be told any more
}

func (r *round) verdict() error {
	switch {
	case r.broken != nil:
		return r.broken
	case r.failed:
		return errTold
	case r.incomplete:
		return errIncomplete
	}
	return nil
}

// round checks in and does what there is to do. That one thing fails keeps no other from being done.
func (l *life) round() *round {
	r := &round{}
	src, unfound := l.find()
	var coverage map[string]string
	if unfound == nil {
		coverage = src.Shown()
	}
	a, err := l.d.CheckIn(l.t.ctx, coverage)
	if err != nil {
		l.fails(r, "checkin", err)
		if status := remote.Status(err); l.t.ctx.Err() == nil && (status == 0 || status >= http.StatusInternalServerError) {
			l.alone(r, src, unfound)
		}
		return r
	}
	r.answer = &a
	l.note(r, l.tell(event{Did: "checkin", CheckIn: &a}, "checked in: %s", dueness(a)))
	if isDue(a, l.d.Pending()) {
		if what := awaited(a); what != "" {
			l.note(r, l.tell(event{Did: "delay", For: a.Waiting, Until: a.NotBefore}, "waiting for %s", what))
		} else {
			l.due(r, src, unfound, *a.Profile)
		}
	}
	for _, sent := range a.Restores {
		if l.t.ctx.Err() != nil {
			break
		}
		if err := l.restore(r, a, sent); err != nil {
			l.fails(r, "restore", err)
		}
	}
	return r
}

// alone does what is due by this phone's own copy of the schedule, when the service could not be asked.
func (l *life) alone(r *round, src *export.Phone, unfound error) {
	p, due, waiting, err := l.d.Own()
	switch {
	case err != nil:
		l.fails(r, "backup", err)
	case !due:
	case len(waiting) > 0:
		l.note(r, l.tell(event{Did: "delay", For: waiting}, "waiting for %s", things(waiting)))
	default:
		l.note(r, l.tell(event{Did: "alone"}, "a backup is due for profile %q, by this phone's own copy of the schedule", p.Name))
		l.due(r, src, unfound, p)
	}
}

// due backs up what was found; what was not, it tells.
func (l *life) due(r *round, src *export.Phone, unfound error, p api.DeviceProfile) {
	err := unfound
	if err == nil {
		err = l.backup(r, src, p)
	}
	if err != nil {
		l.fails(r, "backup", err)
	}
}

func (l *life) backup(r *round, src *export.Phone, p api.DeviceProfile) (err error) {
	if err := src.Open(p.Region); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	done, err := l.d.Backup(l.t.ctx, src, p)
	if err != nil {
		return err
	}
	r.incomplete = r.incomplete || done.Failed() > 0
	l.note(r, l.tell(event{Did: "backup", Backup: &done}, "%s", backedUp(done, p.Name)))
	return nil
}

func (l *life) restore(r *round, a api.CheckInAnswer, sent api.Restore) error {
	switch {
	case sent.State == api.RestoreStateHeld:
		l.once(r, sent, event{Did: "held", Waiting: &sent}, "restore %s, of %s, %s", sent.Id, listed(sent.Elements), state(sent))
		return nil
	case len(l.To) == 0:
		l.once(r, sent, event{Did: "waiting", Waiting: &sent}, "restore %s waits, of %s: start run with --to, or end it and use zapas-device restore --to, to bring it here", sent.Id, listed(sent.Elements))
		return nil
	}
	o := android.Options{Now: l.t.now}
	if a.Profile != nil {
		o.Region = a.Profile.Region
	}
	done, err := (&where{To: l.To}).bring(l.t, l.d, sent, o)
	if err != nil {
		return err
	}
	r.incomplete = r.incomplete || done.Failed() > 0
	r.failed = r.failed || done.State == string(api.RestoreStateFailed)
	l.note(r, l.tell(event{Did: "restore", Restore: &done}, "%s", broughtBack(done)))
	return nil
}

// once tells something of a restore, unless it was told already.
func (l *life) once(r *round, sent api.Restore, e event, format string, args ...any) {
	if key := e.Did + " " + sent.Id; !l.told[key] {
		l.told[key] = true
		l.note(r, l.tell(e, format, args...))
	}
}

// fails tells of what went wrong, unless it went wrong because somebody has stopped the phone.
func (l *life) fails(r *round, what string, err error) {
	if l.t.ctx.Err() != nil {
		return
	}
	r.failed = true
	if p, ok := errors.AsType[*device.Problem](err); ok {
		r.after = max(r.after, p.After)
	}
	l.note(r, l.tell(event{Did: "failed", What: what, Error: err.Error(), Code: remote.Code(err)}, "failed: %v", err))
}

// note keeps the first error of telling.
func (l *life) note(r *round, err error) {
	if r.broken == nil {
		r.broken = err
	}
}

// event is a thing that happened, as --json prints it.
type event struct {
	At       time.Time             `json:"at"` // by this phone's clock
	Did      string                `json:"did"`
	CheckIn  *api.CheckInAnswer    `json:"checkin,omitempty"`
	Backup   *device.Report        `json:"backup,omitempty"`
	Restore  *device.RestoreReport `json:"restore,omitempty"`
	Waiting  *api.Restore          `json:"waiting,omitempty"`
	For      []api.Waiting         `json:"for,omitempty"`   // what a backup waits for
	Until    *time.Time            `json:"until,omitempty"` // it waits
	What     string                `json:"what,omitempty"`  // that failed
	Error    string                `json:"error,omitempty"`
	Code     string                `json:"code,omitempty"`
	Seconds  float64               `json:"seconds,omitempty"`
	Pending  bool                  `json:"pending,omitempty"`
	Requests device.Requests       `json:"requests"` // all, since the phone was started
}

// tell prints one line.
func (l *life) tell(e event, format string, args ...any) error {
	e.At, e.Requests = l.t.now(), l.d.Sent()
	if l.t.json {
		return l.t.print(e)
	}
	_, err := fmt.Fprintf(l.t.out, "%s  %s\n", e.At.Local().Format(time.TimeOnly), fmt.Sprintf(format, args...))
	return err
}

// pause is how long to wait after a round: as the service says, and no longer than until the next slot; after failures, in
// a row, ever longer.
func (l *life) pause(r *round, failures int) (time.Duration, error) {
	if r.broken != nil {
		return 0, r.broken
	}
	slot := mostPause
	if a := r.answer; a != nil && a.NextSlot != nil && a.NextSlot.After(a.Time) {
		slot = max(a.NextSlot.Sub(a.Time), time.Second)
	}
	if a := r.answer; a != nil {
		if d, waits := until(*a); waits {
			slot = min(slot, max(d, time.Second))
		}
	}
	if failures > 0 {
		most := min(firstRetry<<min(failures-1, 10), mostRetry)
		less, err := drawn(l.t.random, most/2)
		return max(min(most-less, slot), min(r.after, mostPause)), err
	}
	d := max(leastPause, min(mostPause, time.Duration(min(r.answer.PollAfter, int(mostPause/time.Second)))*time.Second))
	if slot < d+time.Second { // asked before it, the service would say that nothing is due yet
		return slot, nil
	}
	less, err := drawn(l.t.random, d/10) // lest phones that were started together ask together
	return d - less, err
}

// drawn is evenly spread below most.
func drawn(random io.Reader, most time.Duration) (time.Duration, error) {
	var b [8]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return 0, fmt.Errorf("draw random bytes: %w", err)
	}
	return time.Duration(binary.BigEndian.Uint64(b[:]) % uint64(most)), nil
}

// backedUp is a backup in one line.
func backedUp(r device.Report, profile string) string {
	var stored int64
	for _, l := range r.Ledger {
		stored += l.Stored
	}
	s := fmt.Sprintf("backed up %s for profile %q", plural(stored, "new item"), profile)
	switch {
	case r.Unchanged:
		s = fmt.Sprintf("nothing has changed since the last backup for profile %q", profile)
	case r.Finished:
		s = fmt.Sprintf("finished the backup that was interrupted, of %s, for profile %q", plural(stored, "new item"), profile)
	}
	if n := r.Gone(); n > 0 {
		s += fmt.Sprintf("; %s removed", plural(n, "item"))
	}
	s += fmt.Sprintf("; it holds %s; %s", counted(r.Counts), moved(int64(r.Objects), r.BytesUp, r.Requests))
	if n := r.Failed(); n > 0 {
		s += fmt.Sprintf("; %s could not be read", plural(n, "item"))
	}
	if r.Note != "" {
		s += "; " + r.Note
	}
	return s
}

// broughtBack is a restore in one line.
func broughtBack(r device.RestoreReport) string {
	var planned, inserted, there, skipped int64
	for _, l := range r.Ledger {
		planned, inserted, there, skipped = planned+l.Planned, inserted+l.Inserted, there+l.Duplicate+l.Merged, skipped+l.Skipped
	}
	s := fmt.Sprintf("restored backup %s: %s = %s inserted + %s already there + %s skipped + %s failed", r.Snapshot, plural(planned, "item"),
		number(inserted), number(there), number(skipped), number(r.Failed()))
	if r.State == string(api.RestoreStateFailed) {
		return "could not restore" + s[len("restored"):]
	}
	return s
}
