package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"zapas/device/cli/export"
	"zapas/device/internal/ledger"
	"zapas/device/sample"
	"zapas/shared/api"
)

type sampled struct {
	Seed uint64 `help:"Another seed is another phone." default:"1"`
	Day  int    `help:"How many days have passed on it." default:"0"`
	Size string `help:"demo, or large: six busy years." enum:"demo,large" default:"demo"`
	File string `arg:"" type:"path" help:"A folder for contacts.vcf, messages.xml and calls.xml; or a file, NAME.vcf for the contacts alone, calls*.xml for the calls, any other .xml for the messages. What is there is replaced." placeholder:"FILE|DIR"`
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
	NewCalls  int `json:"newCalls"`
	Edited    int `json:"editedContacts"`
	Removed   int `json:"removedContacts"`
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
	if err := c.write(phone, &out); err != nil {
		return fmt.Errorf("write the sample: %w", err)
	}
	return t.say(out, func(p *page) {
		p.title("Wrote %s: %s", c.File, counted(out.Counts))
		if d := out.Today; d != nil {
			p.row("its last day", fmt.Sprintf("%d new sms, %d new mms, %d touched, %d rewritten, %d deleted", d.NewSMS, d.NewMMS, d.Touched, d.Rewritten, d.Deleted))
			p.row("", fmt.Sprintf("%d new calls; %d contacts edited, %d removed", d.NewCalls, d.Edited, d.Removed))
		}
	})
}

// write writes the files that were asked for, and counts what is in them.
func (c *sampled) write(phone *sample.Phone, out *written) error {
	if err := export.MakeFolders([]string{c.File}); err != nil {
		return err
	}
	files, err := export.Places([]string{c.File}, elements)
	if err != nil {
		return err
	}
	writers := map[string]func(io.Writer) error{"contacts": phone.WriteContacts, "messages": phone.WriteXML, "calls": phone.WriteCalls}
	counts := phone.Counts()
	out.Counts = api.Counts{}
	for element, path := range files {
		if err := write(path, writers[element]); err != nil {
			return err
		}
		for _, k := range ledger.Kinds(element) {
			out.Counts[ledger.Name(k)] = int64(counts[k])
		}
	}
	return nil
}

func write(path string, content func(io.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := content(w); err != nil {
		return err
	}
	return w.Flush()
}
