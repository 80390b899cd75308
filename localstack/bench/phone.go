package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"zapas/device/sample"
)

// row is one thing that a phone did.
type row struct {
	name string
	run
}

func (r row) up() int64   { return r.Up + r.CallsUp }
func (r row) down() int64 { return r.Down + r.CallsDown }

// floor is the least that it takes, as device/floor prints it.
type floor struct {
	Attachments int64   `json:"attachments"`
	Attached    int64   `json:"attached"` // bytes in them
	Bytes       int64   `json:"bytes"`    // compressed records and attachments
	Compressing float64 `json:"compressing"`
	Sealing     float64 `json:"sealing"`
	Reading     float64 `json:"reading"` // CPU seconds, all three: of the exports, each item and attachment once
}

// cpu is without reading: where a phone reads from is its app's matter.
func (f floor) cpu() float64 { return f.Compressing + f.Sealing }

// life is some days of one phone.
type life struct {
	size       sample.Size
	rows       []row
	first, day floor
	twice      int64 // bytes that came twice when the first backup was killed and run again
}

// row finds a row by its name.
func (l life) row(name string) row {
	for _, r := range l.rows {
		if r.name == name {
			return r
		}
	}
	return row{name: name}
}

// The rows of a life.
const (
	first    = "first backup"
	resumed  = "after a kill at 90 %"
	contacts = "restore contacts"
	nextDay  = "a day later"
	same     = "nothing changed"
	all      = "restore all"
	proof    = "verify"
)

const seed = 1

// live plays the life of a phone.
func (w *world) live(ctx context.Context, size sample.Size, least string, tell io.Writer) (l life, err error) {
	l.size = size
	phone, old, export, snapshot := sample.New(seed, size), filepath.Join(w.dir, "before"), filepath.Join(w.dir, "export"), ""
	if err := write(export, phone); err != nil {
		return l, err
	}
	if l.first, err = floorOf(ctx, least, export); err != nil {
		return l, err
	}
	if _, err := w.enrol(ctx, "old"); err != nil {
		return l, err
	}
	did := func(name string, r run, err error) error {
		if err == nil {
			l.rows = append(l.rows, row{name, r})
			fmt.Fprintf(tell, "  %-17s %.1f s of CPU, %d MiB at most\n", name, r.CPU.Seconds(), r.Peak>>20)
		}
		return err
	}
	backUp := func(name string) error {
		r, err := w.phone(ctx, "old", "backup", "--metered", "--from", export)
		snapshot = r.said.Snapshot
		return did(name, r, err)
	}
	restore := func(name, elements string) error {
		r, err := w.restore(ctx, name, snapshot, elements, filepath.Join(w.dir, name))
		return did(name, r, err)
	}
	steps := []func() error{
		func() error { return backUp(first) },
		func() (err error) {
			var r run
			r, l.twice, err = w.killed(ctx, export, l.row(first).Up)
			return did(resumed, r, err)
		},
		func() error { return restore(contacts, "contacts") },
		func() error {
			phone.Day(1)
			return errors.Join(os.Rename(export, old), write(export, phone))
		},
		func() error {
			l.day, err = floorOf(ctx, least, "-base", old, export)
			return errors.Join(err, os.RemoveAll(old))
		},
		func() error { return backUp(nextDay) },
		func() error { return backUp(same) },
		func() error { return restore(all, "contacts,messages,calls") },
		func() error { return w.compare(ctx, export, filepath.Join(w.dir, all)) },
		func() error {
			r, err := w.phone(ctx, "old", "verify")
			if err == nil && r.said.Outcome != "proven" {
				err = fmt.Errorf("the proof is %q and not proven", r.said.Outcome)
			}
			return did(proof, r, err)
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return l, err
		}
	}
	return l, nil
}

// compare makes sure that what came back is what was backed up.
func (w *world) compare(ctx context.Context, a, b string) error {
	out, err := exec.CommandContext(ctx, w.programs.Phone, "compare", a, b).CombinedOutput()
	if err != nil {
		return fmt.Errorf("what was restored is not what was backed up: %w\n%s", err, out)
	}
	return nil
}

func floorOf(ctx context.Context, program string, args ...string) (f floor, err error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return f, fmt.Errorf("the floor cannot be computed: %w", err)
	}
	return f, json.Unmarshal(out, &f)
}

// write writes what is on a phone as its exports.
func write(folder string, p *sample.Phone) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for name, content := range map[string]func(io.Writer) error{"contacts.vcf": p.WriteContacts, "messages.xml": p.WriteXML, "calls.xml": p.WriteCalls} {
		if err := file(filepath.Join(folder, name), content); err != nil {
			return err
		}
	}
	return nil
}

func file(path string, content func(io.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	return errors.Join(content(w), w.Flush())
}
