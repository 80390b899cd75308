// Command zapas-device is a phone on your desk: it enrols, checks in, backs up and restores as the app on a phone does,
// with vCards and files of the app SMS Backup & Restore in place of the phone's own contacts, messages and calls. It knows
// how a person asks for that and reads the answer. It does not know how a backup is made.
//
// It exits 0 when all went well, 1 when it did not, 2 when it was not asked properly, and 3 when it is done but for items
// that could not be read or written, which it names.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"zapas/device"
	"zapas/device/internal/remote"
	"zapas/shared/api"
)

// Exit codes.
const (
	exitOK         = 0
	exitFailed     = 1
	exitUsage      = 2
	exitIncomplete = 3
)

// errIncomplete is a run that is done but for items that its report names.
var errIncomplete = errors.New("some items could not be read or written")

// errNotRestored is a restore that has brought nothing, as its report tells.
var errNotRestored = errors.New("the restore has failed")

// errTold is a failure that was told when it happened.
var errTold = errors.New("it has failed, as was told")

// errDiffer is two files that do not hold the same.
var errDiffer = errors.New("the files differ")

type commands struct {
	State string `help:"Where this phone keeps what it knows." default:"~/.zapas-device" type:"path" placeholder:"DIR"`
	JSON  bool   `name:"json" help:"Print one JSON object instead of text; run prints one a line."`
	// Clock is there to see what becomes of a phone whose clock is wrong.
	Clock time.Duration `help:"This phone's clock is ahead by so much, as by 72h, or behind, as by -72h (--clock=-72h)." default:"0s" placeholder:"DURATION"`

	Enrol    enrol    `cmd:"" help:"Make this phone a device of the service, by a code."`
	Checkin  checkin  `cmd:"" help:"Ask what to do now."`
	Backup   backup   `cmd:"" help:"Store what is new in exports of contacts, messages and calls."`
	Run      running  `cmd:"" help:"Live as a phone does: check in, back up, restore, wait, until Ctrl-C."`
	Restores restores `cmd:"" help:"List the restores that wait for this phone."`
	Plan     plan     `cmd:"" help:"Show what a restore would do, by element, and write nothing."`
	Restore  restore  `cmd:"" help:"Add what is in a backup to exports of contacts, messages and calls."`
	Verify   verify   `cmd:"" help:"Prove that this phone's newest backup can be restored."`
	Status   status   `cmd:"" help:"Show what this phone knows of itself."`
	Compare  compare  `cmd:"" help:"Compare two exports, or two folders of them, item by item."`
	Inspect  inspect  `cmd:"" help:"Explain a sealed object, without any key."`
	Sample   sampled  `cmd:"" help:"Write exports of made-up contacts, messages and calls."`
}

// terminal is what commands work with.
type terminal struct {
	ctx    context.Context
	in     io.Reader
	out    io.Writer
	errs   io.Writer
	bars   *bars // nil where nobody watches
	asks   bool  // somebody reads what is asked, and can answer
	state  string
	json   bool
	now    func() time.Time
	random io.Reader

	transport http.RoundTripper
	wait      func(ctx context.Context, d time.Duration) error

	are    func() device.Conditions // nil where nothing is said of them
	byHand bool                     // who runs a command by hand gives leave to use whatever network there is
}

func main() {
	device.SpareMemory()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // who asks twice is not waited for
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	var c commands
	exited := -1
	parser, err := kong.New(&c, kong.Name("zapas-device"), kong.Writers(out, errs), kong.Exit(func(code int) { exited = code }),
		kong.Description("A phone on your desk. Exit status: 0 done, 1 failed, 2 wrong usage, 3 done but for items that could not be read or written."))
	if err != nil {
		fmt.Fprintln(errs, "zapas-device:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	switch {
	case exited >= 0: // --help
		return exited
	case err != nil:
		fmt.Fprintf(errs, "zapas-device: %v; zapas-device --help shows how\n", err)
		return exitUsage
	}
	t := &terminal{ctx: ctx, in: in, out: out, errs: errs, state: c.State, json: c.JSON, random: rand.Reader,
		now: func() time.Time { return time.Now().Add(c.Clock) }, transport: http.DefaultTransport, wait: remote.Sleep}
	t.watched()
	return t.exit(parsed.Run(t))
}

// exit tells what went wrong, once, and turns it into a code.
func (t *terminal) exit(err error) int {
	t.bars.end()
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errIncomplete):
		return exitIncomplete
	case errors.Is(err, errDiffer), errors.Is(err, errNotRestored), errors.Is(err, errTold), errors.Is(err, errNotProven):
		return exitFailed
	}
	if t.json {
		said := map[string]string{"error": err.Error()}
		code := remote.Code(err)
		if errors.Is(err, device.ErrAppTooOld) {
			code = string(api.CheckInAnswerWhyAppTooOld)
		}
		if code != "" {
			said["code"] = code
		}
		if perr := t.print(said); perr != nil {
			err = errors.Join(err, perr)
		}
	}
	fmt.Fprintln(t.errs, "zapas-device:", err)
	return exitFailed
}

// print prints one JSON object.
func (t *terminal) print(v any) error {
	e := json.NewEncoder(t.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// phone opens the state directory; its key is made when create says so.
func (t *terminal) phone(create bool) (*device.Device, error) {
	key, err := openKey(filepath.Join(t.state, "key.pem"), t.random, create)
	if err != nil {
		return nil, err
	}
	var leave func(context.Context, device.Use) error
	if t.byHand {
		leave = func(context.Context, device.Use) error { return nil }
	}
	return device.Open(device.Config{Conditions: t.are, MayUse: leave, Dir: t.state, Signer: key, AppVersion: version, Transport: t.transport,
		Now: t.now, Random: t.random, Wait: t.wait, Progress: t.bars.watching()})
}

// version is what the service is told.
const version = "cli 0"
