package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"zapas/device"
	"zapas/device/android"
	"zapas/device/cli/export"
	"zapas/shared/api"
)

// where says what is restored and to which files.
type where struct {
	ID       string   `arg:"" optional:"" help:"Which restore; not needed when only one waits."`
	To       []string `required:"" sep:"none" type:"path" help:"A file to add to, made if there is none; once for each element. One that is there is of what it holds; a new one of what its name says: NAME.vcf is for contacts, calls*.xml for calls, any other .xml for messages. Any other name is a folder with contacts.vcf, messages.xml and calls.xml. Items of an element without a file are skipped and counted." placeholder:"FILE|DIR"`
	Elements chosen   `help:"Only these of the restore's elements: contacts, messages, calls." placeholder:"ELEMENTS,..."`
	With     []string `help:"Only one conversation: messages with these numbers or addresses and no others, and calls with this one. Without --elements it brings no contacts." placeholder:"NUMBER,..."`
	Since    day      `help:"Only messages and calls from this day on, as this computer counts days. Without --elements it brings no contacts." placeholder:"YYYY-MM-DD"`
	Until    day      `help:"Only messages and calls to the end of this day." placeholder:"YYYY-MM-DD"`
	Failed   bool     `help:"Only what a restore of the same backup could not bring before. Send the backup to this phone again first: the service ends a restore with its result."`
}

// day is one in the computer's zone; zero for none.
type day struct{ time.Time }

func (d *day) UnmarshalText(b []byte) (err error) {
	if d.Time, err = time.ParseInLocation(time.DateOnly, string(b), time.Local); err != nil {
		return fmt.Errorf("%q is no day, such as 2026-03-31", b)
	}
	return nil
}

// only is what the flags leave of the elements' items.
func (c *where) only(o android.Options) device.Only {
	out := device.Only{With: c.With, Region: o.Region, Since: c.Since.Time, Until: c.Until.Time, Failed: c.Failed}
	if !out.Until.IsZero() {
		out.Until = out.Until.AddDate(0, 0, 1)
	}
	return out
}

func (c *where) narrowed() bool {
	return len(c.With) > 0 || !c.Since.IsZero() || !c.Until.IsZero()
}

// find asks which restores wait, and answers the one that is meant and how files are read for it.
func (c *where) find(t *terminal, d *device.Device) (api.Restore, android.Options, error) {
	o := android.Options{Now: t.now}
	a, err := d.CheckIn(t.ctx, nil)
	if err != nil {
		return api.Restore{}, o, err
	}
	if a.Profile != nil {
		o.Region = a.Profile.Region
	}
	which, err := c.choose(a.Restores)
	if snapshot, n, ferr := d.Failed(); err != nil && c.Failed && c.ID == "" && ferr == nil && n > 0 {
		err = fmt.Errorf("%d items of backup %s could not be brought before; send that backup to this phone again on my card, then repeat this: %w", n, snapshot, err)
	}
	return which, o, err
}

// plan says what the restore would do.
func (c *where) plan(t *terminal, d *device.Device, which api.Restore, o android.Options) (p device.Plan, err error) {
	to, err := export.Places(c.To, c.brought(which))
	if err != nil {
		return p, err
	}
	files, err := export.OpenTrial(to, o)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	if p, err = d.Plan(t.ctx, which, files, c.brought(which), c.only(o)); err != nil {
		return p, err
	}
	return p, t.say(p, func(page *page) { page.plan(p) })
}

// bring carries the restore out.
func (c *where) bring(t *terminal, d *device.Device, which api.Restore, o android.Options) (r device.RestoreReport, err error) {
	if err := export.MakeFolders(c.To); err != nil {
		return r, err
	}
	to, err := export.Places(c.To, c.brought(which))
	if err != nil {
		return r, err
	}
	files, err := export.OpenTarget(to, o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, files.Abort()) }()
	return d.Restore(t.ctx, which, files, c.brought(which), c.only(o))
}

type plan struct{ where }

func (c *plan) Run(t *terminal) (err error) {
	d, err := t.phone(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	which, o, err := c.find(t, d)
	if err != nil {
		return err
	}
	p, err := c.plan(t, d, which, o)
	if err == nil && p.Failed() > 0 {
		err = errIncomplete
	}
	return err
}

// errDeclined is a question that was answered with no.
var errDeclined = errors.New("nothing was restored; the restore still waits for this phone")

// ask asks whether to go on.
func (t *terminal) ask(question string) error {
	fmt.Fprint(t.out, question+" [y/N] ")
	type line struct {
		text string
		err  error
	}
	answered := make(chan line, 1)
	go func() { // a signal must end the question, and cannot end the reading
		text, err := bufio.NewReader(t.in).ReadString('\n')
		answered <- line{text, err}
	}()
	var a line
	select {
	case <-t.ctx.Done():
		fmt.Fprintln(t.out)
		return errDeclined
	case a = <-answered:
	}
	if a.err != nil {
		fmt.Fprintln(t.out) // the line was not ended
	}
	if a.err != nil && !errors.Is(a.err, io.EOF) {
		return fmt.Errorf("read the answer: %w", a.err)
	}
	if !slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(a.text))) {
		return errDeclined
	}
	return nil
}

func (p *page) plan(r device.Plan) {
	p.title("Restoring backup %s here would do this; nothing is written yet", r.Snapshot)
	p.row("", "planned\tnew\tduplicate\twould merge\talike\tnot possible here")
	for _, e := range elements {
		if l, ok := r.Elements[e]; ok {
			p.row(e, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s%s", number(l.Planned), number(l.New), number(l.Duplicate), number(l.Merge), number(l.Alike),
				number(l.NotPossible()), why(l.Reasons)))
		}
	}
	for _, e := range elements {
		if n := r.Elements[e].Alike; n > 0 {
			p.row("alike", fmt.Sprintf("%s of the %s may be there already in another form; they are inserted, for you to look at", number(n), e))
		}
	}
	p.row("downloaded", moved(int64(r.Objects), r.Bytes, r.Requests))
	p.failures(r.Failures)
}
