package main

import (
	"errors"
	"fmt"

	"zapas/device"
)

type verify struct {
	Sample   float64 `help:"Look at so many percent of the attachments, drawn at random, beside everything else." placeholder:"PERCENT" default:"100"`
	Snapshot string  `help:"Which backup of this phone; the newest unless said." placeholder:"ID"`
	Elements chosen  `help:"Only these elements: contacts, messages, calls." placeholder:"ELEMENTS,..."`
}

// Validate makes a share that cannot be wrong usage.
func (c *verify) Validate() error {
	if !(c.Sample > 0 && c.Sample <= 100) {
		return fmt.Errorf("--sample: %v is no percentage above 0 and up to 100", c.Sample)
	}
	return nil
}

// errNotProven is a proof that has found a loss, as its report tells.
var errNotProven = errors.New("some of the backup cannot be restored")

func (c *verify) Run(t *terminal) (err error) {
	d, err := t.phone(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	r, err := d.Verify(t.ctx, device.VerifyOptions{Snapshot: c.Snapshot, Elements: c.Elements, Sample: c.Sample})
	told := err == nil
	if r.Snapshot != "" && (told || !t.json) { // one object alone: this, or the error
		err = errors.Join(err, t.say(r, func(p *page) { p.verify(r, told) }))
	}
	if err != nil {
		return err
	}
	return proof(r)
}

// proof is what a proof's exit code says of it.
func proof(r device.VerifyReport) error {
	if r.Outcome == device.Damaged {
		return errNotProven
	}
	return nil
}

func (p *page) verify(r device.VerifyReport, told bool) {
	switch r.Outcome {
	case device.Proven:
		p.title("Proven: backup %s can be restored", r.Snapshot)
	case device.Sampled:
		p.title("Looked at some of backup %s: that can be restored", r.Snapshot)
	default:
		p.title("DAMAGED: some of backup %s cannot be restored", r.Snapshot)
	}
	for _, e := range elements {
		if l, ok := r.Elements[e]; ok {
			p.row(e, fmt.Sprintf("%s = %s proven + %s lost", plural(l.Items, "item"), number(l.Proven), number(l.Lost))+why(l.Reasons))
		}
	}
	seen := fmt.Sprintf("%s of %s proven", number(r.Attachments.Proven), number(r.Attachments.Named))
	if r.Sample > 0 {
		seen += fmt.Sprintf(", a sample of %v %%", r.Sample)
	}
	p.row("attachments", seen)
	p.row("downloaded", moved(int64(r.Objects), r.Bytes, r.Requests))
	for _, f := range r.Failures {
		if f.Element == "" {
			p.row("lost", f.Detail)
			continue
		}
		p.row("lost", fmt.Sprintf("%s of %s: %s", plural(f.Items, "item"), f.Element, f.Detail))
	}
	p.remedies(r.Failures)
	switch {
	case !told:
		p.row("card", "it does not know of this")
	case r.Outcome == device.Proven:
		p.row("card", "it shows this proof")
	case r.Outcome == device.Damaged:
		p.row("card", "it shows that damage was found, and the last proof in full")
	default:
		p.row("card", "it shows the last proof in full, which this is not")
	}
}
