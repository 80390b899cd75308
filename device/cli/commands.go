package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"zapas/device"
	"zapas/shared/api"
)

type enrol struct {
	API      string `name:"api" required:"" help:"The service's address." placeholder:"URL"`
	Code     string `required:"" help:"The code from my card."`
	Label    string `required:"" help:"What you call this phone."`
	Model    string `help:"Its model."`
	Platform string `help:"android or ios." enum:"android,ios" default:"android"`
	Replace  bool   `help:"Forget the device that this phone is already; retire that one on my card."`
}

func (c *enrol) Run(t *terminal) (err error) {
	d, err := t.phone(true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if s, err := d.Status(); err == nil && !c.Replace {
		return fmt.Errorf("this phone is enrolled already, as %q: retire that device on my card and enrol with --replace, after which its first backup is a full one; or name another folder with --state", s.Label)
	}
	s, err := d.Enrol(t.ctx, device.Enrolment{Server: c.API, Code: c.Code, Platform: c.Platform, Model: c.Model, Label: c.Label})
	if err != nil {
		return err
	}
	return t.say(s, func(p *page) {
		p.title("Enrolled as %q", s.Label)
		p.row("device", s.Device)
		p.row("state", s.State)
		if s.State == string(api.EnrolledStateUnconfirmed) {
			p.row("key", s.Key)
			p.row("next", "confirm this phone on my card, which shows the same key; until then it can check in and nothing else")
		}
	})
}

type checkin struct{ conditions }

func (c *checkin) Run(t *terminal) (err error) {
	t.are = c.are
	d, err := t.phone(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	a, err := d.CheckIn(t.ctx, nil)
	if err != nil {
		return err
	}
	said := struct {
		api.CheckInAnswer
		Requests device.Requests `json:"requests"`
	}{a, d.Sent()}
	return t.say(said, func(p *page) {
		p.title("Checked in")
		p.row("backup", dueness(a))
		if what := awaited(a); what != "" && isDue(a, d.Pending()) {
			p.row("waiting for", what)
		}
		if a.NextSlot != nil {
			p.row("next due", a.NextSlot.Local().Format("2006-01-02 15:04 MST"))
		}
		if a.OldestApp != nil {
			p.row("oldest app", *a.OldestApp)
		}
		p.row("restores", waiting(a.Restores))
		p.row("ask again", fmt.Sprintf("in %s", seconds(a.PollAfter)))
	})
}

type backup struct {
	content
	conditions
	IfDue bool `help:"Do nothing, quietly, unless a backup is due or one was begun and has not ended, and it need not wait for anything."`
}

func (c *backup) Run(t *terminal) (err error) {
	t.are, t.byHand = c.are, !c.IfDue
	src, err := c.find()
	if err != nil {
		return err
	}
	d, err := t.phone(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	a, err := d.CheckIn(t.ctx, src.Shown())
	if err != nil {
		return err
	}
	switch {
	case a.Why == api.CheckInAnswerWhyUnconfirmed:
		return errors.New("this phone is not confirmed yet; its user confirms it on my card, then it can back up")
	case a.Why == api.CheckInAnswerWhyAppTooOld:
		return fmt.Errorf("this app is too old to back up; install %s or a newer one", *a.OldestApp)
	case c.IfDue && (!isDue(a, d.Pending()) || awaited(a) != ""):
		return nil
	case a.Profile == nil:
		return errors.New("no backup profile governs this phone; an administrator makes one that does, then it can back up")
	}
	if err := src.Open(a.Profile.Region); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	r, err := d.Backup(t.ctx, src, *a.Profile)
	if err != nil {
		return err
	}
	if err := t.say(r, func(p *page) { p.backup(a, r) }); err != nil {
		return err
	}
	if r.Failed() > 0 {
		return errIncomplete
	}
	return nil
}

// isDue reports whether there is anything to do for --if-due: what was begun comes to its end, due or not.
func isDue(a api.CheckInAnswer, pending bool) bool {
	if a.Profile == nil || a.Why == api.CheckInAnswerWhyUnconfirmed || a.Why == api.CheckInAnswerWhyAppTooOld {
		return false
	}
	return a.Due || pending
}

type restores struct{}

func (c *restores) Run(t *terminal) (err error) {
	d, err := t.phone(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	a, err := d.CheckIn(t.ctx, nil)
	if err != nil {
		return err
	}
	return t.say(api.RestoreList{Restores: a.Restores}, func(p *page) {
		p.title("%s", waiting(a.Restores))
		for _, r := range a.Restores {
			p.row(r.Id, fmt.Sprintf("%s of backup %s, %s, asked for %s", listed(r.Elements), r.Snapshot, state(r), r.CreatedAt.Local().Format("2006-01-02 15:04")))
		}
	})
}

type restore struct {
	where
	Yes bool `help:"Do not ask first. It is asked only on a terminal."`
}

func (c *restore) Run(t *terminal) (err error) {
	d, err := t.phone(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	which, o, err := c.find(t, d)
	if err != nil {
		return err
	}
	if t.asks && !c.Yes {
		if _, err := c.plan(t, d, which, o); err != nil {
			return err
		}
		if err := t.ask("Restore?"); err != nil {
			return err
		}
	}
	r, err := c.bring(t, d, which, o)
	if err != nil {
		return err
	}
	if err := t.say(r, func(p *page) { p.restore(r) }); err != nil {
		return err
	}
	return verdict(r)
}

// verdict is what a restore's exit code says of it.
func verdict(r device.RestoreReport) error {
	switch {
	case r.State == string(api.RestoreStateFailed):
		return errNotRestored
	case r.Failed() > 0:
		return errIncomplete
	}
	return nil
}

// brought are the elements that the restore brings, or those that were asked for. Who asks for a conversation or for some
// days alone means no contacts.
func (c *where) brought(r api.Restore) (out []string) {
	if len(c.Elements) > 0 {
		return c.Elements
	}
	for _, e := range r.Elements {
		if e != "contacts" || !c.narrowed() {
			out = append(out, string(e))
		}
	}
	if len(out) == 0 {
		return []string{"messages"} // which it does not bring, as it is told
	}
	return out
}

// chosen is a list of elements; an empty one would choose all of them, which nobody means who writes it.
type chosen []string

func (c *chosen) UnmarshalText(b []byte) error {
	for _, e := range strings.Split(string(b), ",") {
		if !slices.Contains(elements, e) {
			return fmt.Errorf("%q is no element; there are contacts, messages and calls", e)
		}
		*c = append(*c, e)
	}
	return nil
}

// choose finds the restore that is meant. One that is held is named by the service, which refuses it, with the time.
func (c *where) choose(all []api.Restore) (api.Restore, error) {
	waiting, held := sorted(all)
	for _, r := range all {
		if r.Id == c.ID || c.ID == "" && len(waiting) == 1 && waiting[0].Id == r.Id {
			return r, nil
		}
	}
	switch {
	case c.ID != "":
		return api.Restore{}, fmt.Errorf("no restore %s waits for this phone; zapas-device restores lists those that do", c.ID)
	case len(waiting) == 0 && len(held) > 0:
		return api.Restore{}, fmt.Errorf("no restore waits for this phone yet; restore %s %s, and can be cancelled on my card", held[0].Id, state(held[0]))
	case len(waiting) == 0:
		return api.Restore{}, errors.New("no restore waits for this phone; send it a backup on my card")
	}
	return api.Restore{}, fmt.Errorf("%d restores wait for this phone; name one of them (zapas-device restores lists them)", len(waiting))
}

type status struct{}

func (c *status) Run(t *terminal) (err error) {
	d, err := t.phone(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	s, err := d.Status()
	if err != nil {
		return err
	}
	return t.say(s, func(p *page) {
		p.title("Phone %q", s.Label)
		p.row("device", s.Device)
		p.row("service", s.Server)
		p.row("key", s.Key)
		if s.Snapshot == "" {
			p.row("last backup", "none that this phone knows of")
		} else {
			p.row("last backup", fmt.Sprintf("%s: %s in %s", s.Snapshot, counted(s.Counts), plural(int64(s.Chunks), "object")))
		}
		if s.Pending != "" {
			p.row("unfinished", "backup "+s.Pending+" is sealed and not committed; the next backup brings it to its end")
		} else if s.Unfinished {
			p.row("unfinished", "a backup was begun and has not ended; the next one begins again")
		}
		if s.Note != "" {
			p.row("note", s.Note)
		}
	})
}

func listed(elements []api.Element) string {
	var out []string
	for _, e := range elements {
		out = append(out, string(e))
	}
	return strings.Join(out, ", ")
}
