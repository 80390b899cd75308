// Package eventbridge knows how Amazon EventBridge takes events, over its AWS JSON 1.1 protocol, and which rules they match.
// It does not know who calls, nor what becomes of a delivered event: signatures are checked before a request comes here, an
// Authorizer says what the caller may do, and rules say to whom an event goes.
//
// It has PutEvents, with entries that fail by themselves and those that fail all; every other operation, and every member
// that is not heeded, answers 501 and names itself. Buses and rules are made by the program. Patterns have exact values and
// prefixes; one with anything else is refused, and named. An event is delivered before PutEvents answers, once; a target
// that fails is logged. What AWS drops without a word, an event for a bus that is not there, fails its entry here. A request
// may have 256 KB, as "Quotas" and "Calculating PutEvents event entry size" long said; newer pages say 1 MB, and the lower
// bound is kept so that what passes here passes there. Nothing is kept on the disk: events are on their way.
package eventbridge

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"zapas/localstack/standin/iam"
)

// An Authorizer says whether the caller, whom the context names, may do what he asks: nil, or an *iam.Denied.
type Authorizer interface {
	Authorize(ctx context.Context, r iam.Request) error
}

// Config is what a server needs. All fields but Authorizer are required.
type Config struct {
	Account, Region string     // for the ARNs of buses
	Authorizer      Authorizer // nil: everything is allowed
	Now             func() time.Time
	Log             *slog.Logger
}

// Server is one account's buses in one region. It is safe for concurrent use.
type Server struct {
	// Seen has all events that were taken, of all buses.
	Seen Inbox

	cfg    Config
	mu     sync.RWMutex
	rules  map[string][]Rule // by bus
	topics map[string]*Inbox // by ARN
}

// Rule sends the events of a bus that match a pattern to a target.
type Rule struct {
	Name, Bus string
	Pattern   []byte // JSON
	// Deliver hands an event, in JSON, to the target.
	Deliver func(ctx context.Context, event []byte) error

	matches pattern
}

// defaultBus is there in every account.
const defaultBus = "default"

// New is an account without rules, whose one bus is "default".
func New(cfg Config) *Server {
	return &Server{cfg: cfg, rules: map[string][]Rule{defaultBus: nil}, topics: map[string]*Inbox{}}
}

// CreateBus makes a bus; one that is there stays as it is.
func (s *Server) CreateBus(name string) error {
	if !regexp.MustCompile(`^[\w.\-]{1,256}$`).MatchString(name) {
		return fmt.Errorf("the event bus %q must have 1 to 256 letters, digits, dots, - or _ as its name", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.rules[name]; !there {
		s.rules[name] = nil
	}
	return nil
}

// PutRule makes a rule, or replaces the one of its name on its bus.
func (s *Server) PutRule(r Rule) (err error) {
	if r.matches, err = parsePattern(r.Pattern); err != nil {
		return fmt.Errorf("rule %s: %w", r.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rules, ok := s.rules[r.Bus]
	if !ok {
		return fmt.Errorf("rule %s: there is no event bus %s: create it first", r.Name, r.Bus)
	}
	rules = slices.DeleteFunc(slices.Clone(rules), func(there Rule) bool { return there.Name == r.Name })
	s.rules[r.Bus] = append(rules, r)
	return nil
}

// Topic is what stands in for a topic of SNS, as the target of rules: whoever would subscribe reads it.
func (s *Server) Topic(arn string) *Inbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics[arn] == nil {
		s.topics[arn] = &Inbox{}
	}
	return s.topics[arn]
}

// keeps is how many events an Inbox remembers.
const keeps = 10_000

// Inbox is a target that remembers the newest events, in order. Its zero value is empty.
type Inbox struct {
	mu     sync.Mutex
	events [][]byte
}

// Deliver adds an event.
func (i *Inbox) Deliver(_ context.Context, event []byte) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.events = append(i.events[max(0, len(i.events)+1-keeps):], event)
	return nil
}

// Events are those that were delivered.
func (i *Inbox) Events() [][]byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.events)
}

// maxBody is far above the longest valid request.
const maxBody = 4 << 20

// ServeHTTP answers one call, whose signature the caller has verified.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := s.answer(r)
	status := http.StatusOK
	if err != nil {
		f, ok := errors.AsType[*failure](err)
		if !ok {
			s.cfg.Log.Error("a call of EventBridge failed", slog.Any("error", err))
			f = &failure{http.StatusInternalServerError, "InternalException", "An internal error occurred."}
		}
		status, answer = f.status, map[string]string{"__type": f.code, "message": f.message}
	}
	var b bytes.Buffer
	if err := json.MarshalWrite(&b, answer); err != nil {
		s.cfg.Log.Error("an answer of EventBridge cannot be encoded", slog.Any("error", err))
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-RequestId", rand.Text())
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a client that has gone cannot be told
}

func (s *Server) answer(r *http.Request) (any, error) {
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AWSEvents.")
	if operation != "PutEvents" || r.Method != http.MethodPost {
		return nil, &failure{http.StatusNotImplemented, "UnknownOperationException", "The operation " + operation + " is not implemented."}
	}
	var in putInput
	err := json.UnmarshalRead(http.MaxBytesReader(nil, r.Body, maxBody), &in, json.RejectUnknownMembers(true))
	switch {
	case errors.Is(err, json.ErrUnknownName):
		return nil, &failure{http.StatusNotImplemented, "UnknownOperationException", "The operation PutEvents with a member that is none of its own, or is not heeded, is not implemented."}
	case err != nil:
		return nil, refuse("SerializationException", "The request is not a JSON object of this operation's members.")
	}
	return s.put(r.Context(), in)
}

// A failure is an error of the EventBridge API Reference.
type failure struct {
	status        int
	code, message string
}

func (f *failure) Error() string { return f.code + ": " + f.message }

func refuse(code, message string) error { return &failure{http.StatusBadRequest, code, message} }
