package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"zapas/device/cli/export"
)

// content is how a person says what stands for this phone, and how much of it the phone may show.
type content struct {
	From    []string `required:"" sep:"none" type:"path" help:"An export that stands for this phone: contacts (vCard), messages or calls (XML of SMS Backup & Restore), told apart by what is in it; once for each, or a folder with contacts.vcf, messages.xml and calls.xml. Of an element without a file nothing is taken for deleted." placeholder:"FILE|DIR"`
	Limited chosen   `help:"The phone shows only some of these, as an iPhone or an Android phone whose user has allowed some contacts alone: what is not seen is not taken for deleted." placeholder:"ELEMENTS,..."`
	Denied  chosen   `help:"The phone's user does not permit these to be seen: a file of them is not read." placeholder:"ELEMENTS,..."`
}

// Validate makes a file that is not there wrong usage, and an element that is limited and denied.
func (c *content) Validate() error {
	for _, path := range c.From {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("--from: %w", err)
		}
	}
	for _, e := range c.Limited {
		if slices.Contains(c.Denied, e) {
			return fmt.Errorf("--limited and --denied both name %s; a phone shows some of them or none", e)
		}
	}
	return nil
}

// find finds the files, anew each time: a phone's content changes.
func (c *content) find() (*export.Phone, error) {
	p, err := export.Find(c.From)
	if err != nil {
		return nil, err
	}
	for _, element := range c.Denied {
		p.Deny(element)
	}
	for _, element := range c.Limited {
		if !p.Limit(element) {
			return nil, errors.New("--limited: no file of " + element + " was named with --from, of which some could be shown")
		}
	}
	return p, nil
}
