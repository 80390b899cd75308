// Package story knows how to play a story: a text file of steps (testscript) in which people call the API and phones run
// zapas-device, against a running stack. It does not know what the stories say.
//
// Beside testscript's own commands a story has:
//
//	step TEXT                begins a step, and shows its title
//	say TEXT                 shows a line
//	tell                     shows what the last command printed
//	as USER                  signs USER in, now; the calls that follow are his
//	as phone NAME            has the calls that follow be of the phone NAME, as an app of another's making would sign them
//	                         with its key
//	api [-H HEADER]... METHOD PATH [FILE] STATUS
//	                         calls the API and expects the status; the answer is stdout
//	keep NAME PLACE          sets $NAME to what stands in a place: a JSON pointer (RFC 6901) into stdout, or header:NAME
//	                         of the last answer
//	expect PLACE VALUE       expects a value there; [!] that there is none such
//	recent PLACE             expects a time of the last ten minutes there; [!] another
//	moment PLACE TIME        expects a time there that is the same moment, in whatever zone it is told
//	begins TIME              says at what time the story begins, such as 2027-03-27T12:00:00Z
//	clock +DURATION|TIME     sets everybody's clock forward, as by +26h, or to a time such as 2027-03-28T00:59:00Z
//	phone NAME ARGS...       runs zapas-device as the phone NAME; [!] expects it to fail
//	crash FUNCTION           kills the function's running processes
//	invoke FUNCTION FILE     calls a function by itself, as a schedule does: the file is the event; its answer is stdout;
//	                         [!] expects it to fail
//	events TYPE              shows the events of a type that were told until now, each once, the last one first, below
//	                         /events/0, /events/1, and how often one was told at /told
//	damage PART              flips a bit of the one stored object whose key contains PART, such as s/$SESSION/c/ for its
//	                         only chunk
//	uploads off|on           has the buckets refuse what phones upload, or take it again
//	stored TEXT...           expects each text in what the stack keeps on the disk: as it is, or within base64, zstd, gzip;
//	                         [!] that it cannot be read there
//	shows RULE TEXT          remembers that this step has shown a rule, and how
//
// The clock of a stack begins as the machine's, or at the time at which its only story begins: whoever starts a stack for
// a story asks Begins. A story that names dates says it, or it goes wrong once they have passed. When the clock is set
// forward, the issuer, the authorizer, the functions and what stands in for AWS go by it, and so do phones in later
// commands: --clock of a story is how far a phone is ahead of the story's clock, not of the machine's. Schedules that are due
// on the way fire in order, each at its own time (of rates of minutes, as the watch's, the last time before each other moment),
// with the functions' clocks at that time, and repeats of what failed among them; when the command returns all these calls have
// ended. They may be due at 2,000 moments within one command: more is an
// error. Items whose time to live has passed are gone then. Who is signed in stays so for as long as his token is good: say
// "as" again. On a stack whose data is elsewhere the clock is not set, nor is it remembered when a stack ends: stories of
// make run leave it alone.
//
// In files and headers that are sent, ${NAME} is what NAME was set to. $DATA is where the phones live, each in
// $DATA/phones/NAME; what is on a phone belongs into $DATA/exports.
package story

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"zapas/localstack/stack"
)

// Teller plays stories on one stack.
type Teller struct {
	Stack *stack.Stack
	Phone string    // zapas-device
	Out   io.Writer // what a person sees of the story

	Data  string            // where the phones live; "": in the story's own folder, which goes with it
	Env   map[string]string // variables beside the story's own
	Shown func(Shown)       // hears which rules the story has shown; nil: nobody

	stopped *error // by what cannot be done on this stack, in Play
}

// Shown says that a step of a story has shown a rule.
type Shown struct {
	Rule string
	Step int
	How  string
}

func (t Teller) phones(name string) string { return filepath.Join(t.Data, "phones", name) }

// Params are how testscript plays the files.
func (t Teller) Params(files ...string) testscript.Params {
	return testscript.Params{
		Files:              files,
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("API", t.Stack.URL)
			e.Setenv("HOME", e.WorkDir)
			here := t
			if t.Data == "" {
				here.Data = e.WorkDir
			}
			e.Setenv("DATA", here.Data)
			for name, value := range t.Env {
				e.Setenv(name, value)
			}
			e.Values[stateKey{}] = &state{teller: here}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"step": t.step, "say": t.say, "tell": t.tell, "as": t.as, "api": t.api, "keep": t.keep, "expect": t.expect,
			"recent": t.recent, "moment": t.moment, "begins": t.begins, "clock": t.clock, "phone": t.phone, "crash": t.crash, "invoke": t.invoke,
			"events": t.events, "damage": t.damage, "uploads": t.uploads, "stored": t.stored, "shows": t.shows,
		},
	}
}

type stateKey struct{}

// state is what a story remembers from line to line.
type state struct {
	teller Teller // with the folder of the phones
	steps  int
	token  string
	app    *app        // that signs the calls in place of a person; nil: none
	header http.Header // of the API's last answer
}

func of(ts *testscript.TestScript) *state { return ts.Value(stateKey{}).(*state) }

// check fails the story if a command did, and remembers what cannot be done on a stack whose data is elsewhere.
func (t Teller) check(ts *testscript.TestScript, command string, err error) {
	if t.stopped != nil && errors.Is(err, stack.ErrElsewhere) {
		*t.stopped = fmt.Errorf("step %d, %s: %w", of(ts).steps, command, err)
	}
	ts.Check(err)
}

// Play plays one story in a work folder that it makes and removes, and returns an error if it does not go as it says. One
// that stops at what cannot be done on this stack, and went as it says until then, is stack.ErrElsewhere.
func (t Teller) Play(file, work string) (err error) {
	if err := errors.Join(os.RemoveAll(work), os.MkdirAll(work, 0o700)); err != nil {
		return fmt.Errorf("the story's work folder cannot be made: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	var stopped error
	t.stopped = &stopped
	params := t.Params(file)
	params.WorkdirRoot = work
	var p player
	func() {
		defer func() {
			if r := recover(); r != nil && r != (stop{}) {
				panic(r)
			}
		}()
		testscript.RunT(&p, params)
	}()
	if stopped != nil {
		return fmt.Errorf("the story %s stops: %w", filepath.Base(file), stopped)
	}
	if p.failed {
		return fmt.Errorf("the story %s went wrong:\n%s", filepath.Base(file), p.log.String())
	}
	return nil
}

// player is what testscript asks of a test, outside of one.
type player struct {
	log    strings.Builder
	failed bool
}

type stop struct{}

func (p *player) Log(args ...any) { fmt.Fprintln(&p.log, args...) }
func (p *player) FailNow()        { p.failed = true; panic(stop{}) }
func (p *player) Parallel()       {}
func (p *player) Verbose() bool   { return false }

func (p *player) Fatal(args ...any) { p.Log(args...); p.FailNow() }

// Skip is a failure: a story that was not played was not shown.
func (p *player) Skip(args ...any) { p.Fatal(append([]any{"skipped:"}, args...)...) }

func (p *player) Run(_ string, f func(testscript.T)) { f(p) }

func want(ts *testscript.TestScript, ok bool, usage string) {
	if !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

func (t Teller) step(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) > 0, "step TEXT")
	s := of(ts)
	s.steps++
	fmt.Fprintf(t.Out, "\n%d. %s\n", s.steps, strings.Join(args, " "))
}

func (t Teller) say(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) > 0, "say TEXT")
	fmt.Fprintln(t.Out, "   "+strings.Join(args, " "))
}

func (t Teller) shows(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) > 1, "shows RULE TEXT")
	if s := of(ts); t.Shown != nil {
		t.Shown(Shown{Rule: args[0], Step: s.steps, How: strings.Join(args[1:], " ")})
	}
}

func (t Teller) tell(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 0, "tell")
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		fmt.Fprint(t.Out, "   "+line)
	}
}

func (t Teller) as(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && (len(args) == 1 || len(args) == 2 && args[0] == "phone"), "as USER|phone NAME")
	s := of(ts)
	if s.token, s.app = "", nil; len(args) == 1 {
		s.token = t.signIn(ts, args[0])
		return
	}
	var err error
	s.app, err = openApp(s.teller.phones(args[1]))
	ts.Check(err)
}

// phone gives each phone a state folder and a home of its own.
func (t Teller) phone(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, len(args) > 1, "phone NAME ARGS...")
	timed, err := atTime(args[1:], t.Stack.Ahead())
	ts.Check(err)
	err = ts.Exec(t.Phone, append([]string{"--state", of(ts).teller.phones(args[0])}, timed...)...)
	if neg && err == nil {
		ts.Fatalf("zapas-device %s succeeded, and should have failed", args[1])
	}
	if !neg {
		ts.Check(err)
	}
}

func (t Teller) crash(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 1, "crash FUNCTION")
	if t.Stack.Kill(args[0]) == 0 {
		ts.Fatalf("no process of %s was running", args[0])
	}
}

func (t Teller) damage(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 1, "damage PART")
	_, err := t.Stack.Damage(args[0])
	t.check(ts, "damage", err)
}

func (t Teller) uploads(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 1 && (args[0] == "off" || args[0] == "on"), "uploads off|on")
	t.check(ts, "uploads", t.Stack.Uploads(args[0] == "on"))
}

const usageOfAPI = "api [-H HEADER]... METHOD PATH [FILE] STATUS"

func (t Teller) api(ts *testscript.TestScript, neg bool, args []string) {
	header := http.Header{}
	for len(args) > 1 && args[0] == "-H" {
		name, value, ok := strings.Cut(args[1], ":")
		want(ts, ok, usageOfAPI)
		header.Set(name, os.Expand(strings.TrimSpace(value), ts.Getenv))
		args = args[2:]
	}
	want(ts, !neg && (len(args) == 3 || len(args) == 4), usageOfAPI)
	body := ""
	if len(args) == 4 {
		body = os.Expand(ts.ReadFile(args[2]), ts.Getenv)
	}
	r, err := http.NewRequest(args[0], t.Stack.URL+args[1], strings.NewReader(body))
	ts.Check(err)
	r.Header = header
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	switch s := of(ts); {
	case s.app != nil:
		ts.Check(s.app.sign(r, body, t.Stack.Now()))
	case s.token != "":
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	got, header, answer, err := send(r)
	ts.Check(err)
	of(ts).header = header
	_, err = ts.Stdout().Write(answer)
	ts.Check(err)
	if expected := args[len(args)-1]; fmt.Sprint(got) != expected {
		ts.Fatalf("%s %s answered %d and not %s: %s", args[0], args[1], got, expected, answer)
	}
}

func send(r *http.Request) (status int, header http.Header, body []byte, err error) {
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	body, err = io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, body, errors.Join(err, answer.Body.Close())
}
