package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"zapas/device/sample"
	"zapas/shared/api"
)

type sampled struct {
	Seed uint64 `help:"Another seed is another phone." default:"1"`
	Day  int    `help:"How many days have passed on it." default:"0"`
	Size string `help:"demo, or large: six busy years." enum:"demo,large" default:"demo"`
	File string `arg:"" type:"path" help:"The export to write; one that is there is replaced." placeholder:"FILE.xml"`
}

// written is what a sample phone holds.
type written struct {
	File   string     `json:"file"`
	Counts api.Counts `json:"counts"`
	Today  *today     `json:"today,omitempty"`
}

// today is what the last day did.
type today struct {
	NewSMS    int `json:"newSms"`
	NewMMS    int `json:"newMms"`
	Touched   int `json:"touched"`
	Rewritten int `json:"rewritten"`
	Deleted   int `json:"deleted"`
}

const mostDays = 3650

func (c *sampled) Run(t *terminal) error {
	if c.Day < 0 || c.Day > mostDays {
		return fmt.Errorf("--day is %d and must be 0 to %d", c.Day, mostDays)
	}
	size := sample.Demo()
	if c.Size == "large" {
		size = sample.Full()
	}
	phone := sample.New(c.Seed, size)
	out := written{File: c.File}
	for n := 1; n <= c.Day; n++ {
		day := today(phone.Day(n))
		out.Today = &day
	}
	sms, mms := phone.Counts()
	out.Counts = api.Counts{"sms": int64(sms), "mms": int64(mms)}
	if err := write(c.File, phone); err != nil {
		return fmt.Errorf("write the sample: %w", err)
	}
	return t.say(out, func(p *page) {
		p.title("Wrote %s: %s", c.File, counted(out.Counts))
		if d := out.Today; d != nil {
			p.row("its last day", fmt.Sprintf("%d new sms, %d new mms, %d touched, %d rewritten, %d deleted", d.NewSMS, d.NewMMS, d.Touched, d.Rewritten, d.Deleted))
		}
	})
}

func write(path string, phone *sample.Phone) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := phone.WriteXML(w); err != nil {
		return err
	}
	return w.Flush()
}
