// Command bench knows what backing up and restoring costs a phone, measured on real ones against a real service on this
// machine, and what it may cost: it prints the numbers beside a floor that it computes in the same run, and fails where a
// bound is missed. It does not know how anything is sealed, stored or counted by those whom it measures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"zapas/device/sample"
	"zapas/localstack/build"
)

func main() {
	if len(os.Args) > 3 && os.Args[1] == launch {
		os.Exit(launched(os.Args[2:]))
	}
	var b bench
	flag.BoolVar(&b.ten, "ten", false, "measure a phone with ten times the items, too: it takes minutes")
	flag.IntVar(&b.days, "days", 365, "how many days of a year pass")
	flag.StringVar(&b.file, "write", "", "a file to write the page to")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := b.run(ctx, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
}

// bench is what was asked for.
type bench struct {
	ten  bool
	days int
	file string

	root, dir, own string
	programs       build.Programs
}

// run measures, prints, and fails where a bound is missed.
func (b *bench) run(ctx context.Context, out, tell io.Writer) (err error) {
	if len(marks(b.days)) == 0 {
		return fmt.Errorf("%d days are not enough to look at: ask for 1 at least", b.days)
	}
	if b.root, err = build.Root(); err != nil {
		return err
	}
	if b.own, err = os.Executable(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "zapas-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	r, err := b.measure(ctx, tell)
	if err != nil {
		return err
	}
	if b.file != "" && r.ten == nil {
		before, err := os.ReadFile(b.file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		r.kept = keptFrom(string(before))
	}
	var page strings.Builder
	r.page(&page)
	fmt.Fprint(out, page.String())
	if b.file != "" {
		if err := os.WriteFile(b.file, []byte(page.String()), 0o644); err != nil { //nolint:gosec // a page for everybody
			return err
		}
	}
	return verdict(r.bounds())
}

// verdict is an error that names what is missed.
func verdict(all []bound) error {
	bad := missed(all)
	if len(bad) == 0 {
		return nil
	}
	says := fmt.Sprintf("%d of %d bounds are missed:", len(bad), len(all))
	for _, b := range bad {
		says += fmt.Sprintf("\n  %s: %s %s, at most %s", b.what, amount(b.got), b.unit, amount(b.most))
	}
	return errors.New(says)
}

func (b *bench) measure(ctx context.Context, tell io.Writer) (r results, err error) {
	r.machine = machine()
	fmt.Fprintln(tell, "Compiling the functions, a phone and the floor")
	bin := filepath.Join(b.dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		return r, err
	}
	if b.programs, err = build.All(ctx, b.root, bin, "./device/floor"); err != nil {
		return r, err
	}
	least := filepath.Join(bin, "floor")
	fmt.Fprintln(tell, "A phone of six years")
	if err := b.in(ctx, func(w *world) error {
		r.large, err = w.live(ctx, sample.Full(), least, tell)
		return err
	}); err != nil {
		return r, err
	}
	fmt.Fprintln(tell, "A year of days")
	if err := b.in(ctx, func(w *world) error {
		r.year, err = w.year(ctx, marks(b.days), least, tell)
		return err
	}); err != nil {
		return r, err
	}
	if b.ten {
		fmt.Fprintln(tell, "Ten times the phone")
		if err := b.in(ctx, func(w *world) error {
			l, err := w.live(ctx, tenfold(sample.Full()), least, tell)
			r.ten = &l
			return err
		}); err != nil {
			return r, err
		}
	}
	r.micro, err = b.micro(ctx)
	return r, err
}

// tenfold is ten times the items in as many bytes; the days are the same.
func tenfold(s sample.Size) sample.Size {
	s.SMS, s.MMS, s.Contacts, s.Calls = 10*s.SMS, 10*s.MMS, 10*s.Contacts, 10*s.Calls
	s.MinAttachment, s.MaxAttachment, s.MinPhoto, s.MaxPhoto = s.MinAttachment/10, s.MaxAttachment/10, s.MinPhoto/10, s.MaxPhoto/10
	return s
}

// in does something in a world of its own, of which nothing is left.
func (b *bench) in(ctx context.Context, do func(w *world) error) (err error) {
	dir := filepath.Join(b.dir, "world")
	w, err := begin(ctx, dir, b.programs, b.own)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.end(), os.RemoveAll(dir)) }()
	return do(w)
}

// micro are the benchmarks of sealing and opening, with what they allocate.
func (b *bench) micro(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"test"}, build.Flags...), "-run", "^$", "-bench", ".", "-benchmem", "./device/internal/seal")...)
	cmd.Dir, cmd.Stderr = b.root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("the benchmarks of sealing fail: %w\n%s", err, out)
	}
	var lines strings.Builder
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "Benchmark") {
			lines.WriteString(line)
		}
	}
	return lines.String(), nil
}
