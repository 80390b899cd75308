// Package lambda knows how Lambda runs a function built with aws-lambda-go (build tag lambda.norpc): it starts the
// binary, hands it events by the Runtime API and takes its answers. It does not know what the functions do, who calls
// them, nor what their credentials may do.
//
// Sources: AWS Lambda developer guide, "Using the Lambda runtime API", "Lambda execution environment lifecycle",
// "Lambda quotas", "Working with Lambda environment variables".
//
// It has synchronous invocation, one event at a time per execution environment, environments on demand up to
// Function.Concurrency and queueing beyond, time-outs, payload limits, and the errors of a function that fails, exits or
// hangs. It has no asynchronous invocation, response streaming, extensions, versions, layers, memory limits or freezing
// between events: a process keeps its CPU while it is idle. Initialisation has the function's own time-out. The binary runs
// as the user who started the stack; nothing but its environment is held back from it. Each listener of the Runtime API
// is on loopback, and trusts whoever can reach it.
package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"zapas/localstack/standin/lambda/child"
)

// The limits of a synchronous invocation, in bytes. The second is the one that Lambda's own message names.
const (
	maxRequest  = 6_291_456
	maxResponse = 6_291_556
)

// ErrTooLarge says that an event is larger than Lambda takes (RequestTooLargeException). The function was not called.
var ErrTooLarge = errors.New("the event is larger than 6291456 bytes, the most that Lambda takes")

// Function is one function and how it is run.
type Function struct {
	Name            string
	ARN             string            // by which it is told it was called; "": made of its name
	Binary          string            // path of the bootstrap
	Env             map[string]string // all that the process sees, beside Lambda's own variables
	AccessKeyID     string            // of the function's role
	SecretAccessKey string
	Timeout         time.Duration // 0: 3 s, Lambda's default
	Concurrency     int           // most environments at a time; 0: 1
	Memory          int           // MB, told to the function, not enforced; 0: 128, Lambda's default
}

// Config says what a Service runs.
type Config struct {
	Functions       []Function
	Region, Account string
	Output          io.Writer    // what functions print: whole lines, each behind its function's name; nil: nowhere
	Log             *slog.Logger // nil: nowhere
}

// FunctionError is what a function, or the end of its process, answered instead of a result.
type FunctionError struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// Service runs functions. All methods may be called at the same time.
type Service struct {
	region, account string
	output          *output
	log             *slog.Logger
	pools           map[string]*pool
	children        *child.Parent
	closing         chan struct{} // closed by Close

	mu     sync.Mutex
	closed bool
	live   map[*environment]struct{}
	work   sync.WaitGroup // invocations and processes
}

// pool is one function's environments.
type pool struct {
	service  *Service
	function Function
	slots    chan struct{} // one is held during each invocation

	mu   sync.Mutex
	idle []*environment // the most recently used last; the ended are found when they are taken
}

// Start checks every function and makes them callable. Processes are started when they are first needed.
func Start(cfg Config) (*Service, error) {
	s := &Service{
		region: cfg.Region, account: cfg.Account,
		output: &output{w: cfg.Output}, log: cfg.Log,
		pools: map[string]*pool{}, live: map[*environment]struct{}{},
		closing: make(chan struct{}),
	}
	if s.output.w == nil {
		s.output.w = io.Discard
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for _, f := range cfg.Functions {
		if err := s.add(f); err != nil {
			return nil, err
		}
	}
	s.children = child.New()
	return s, nil
}

func (s *Service) add(f Function) error {
	if f.Name == "" {
		return errors.New("a function has no name: name it in the configuration of the stand-in")
	}
	if _, twice := s.pools[f.Name]; twice {
		return fmt.Errorf("function %s is configured twice: keep one", f.Name)
	}
	binary, err := filepath.Abs(f.Binary)
	if err != nil {
		return fmt.Errorf("function %s: the path of its binary cannot be made absolute: %w", f.Name, err)
	}
	info, err := os.Stat(binary)
	if err != nil {
		return fmt.Errorf("function %s has no binary at %s: build the functions first: %w", f.Name, f.Binary, err)
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("function %s: %s is not an executable file: build the functions again", f.Name, f.Binary)
	}
	for _, own := range s.variables(f, "") {
		if _, set := f.Env[own[0]]; set {
			return fmt.Errorf("function %s sets %s, which Lambda sets itself: remove it from its environment", f.Name, own[0])
		}
	}
	if f.Timeout < 0 || f.Concurrency < 0 || f.Memory < 0 {
		return fmt.Errorf("function %s has a negative time-out, concurrency or memory: use 0 for Lambda's default", f.Name)
	}
	f.Binary = binary
	if f.Timeout == 0 {
		f.Timeout = 3 * time.Second
	}
	f.Concurrency = max(f.Concurrency, 1)
	if f.Memory == 0 {
		f.Memory = 128
	}
	s.pools[f.Name] = &pool{service: s, function: f, slots: make(chan struct{}, f.Concurrency)}
	return nil
}

// Invoke calls a function and returns its answer, as Lambda's Invoke does with InvocationType RequestResponse. A
// failure of the function is a *FunctionError. While all environments are busy the call waits, until ctx ends. When
// ctx ends during the call, the caller is released and the function runs on, as on Lambda.
func (s *Service) Invoke(ctx context.Context, function string, payload []byte) ([]byte, error) {
	p, ok := s.pools[function]
	if !ok {
		return nil, fmt.Errorf("there is no function %q: add it to the configuration of the stand-in", function)
	}
	if len(payload) > maxRequest {
		return nil, fmt.Errorf("function %s was not called: %w", function, ErrTooLarge)
	}
	if !json.Valid(payload) {
		return nil, fmt.Errorf("function %s was not called: the event is not JSON", function)
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("all %d environments of function %s are busy: %w", cap(p.slots), function, ctx.Err())
	case <-s.closing:
		return nil, s.closedError(function)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		<-p.slots
		return nil, s.closedError(function)
	}
	result := make(chan outcome, 1)
	s.work.Go(func() {
		out := p.run(newInvocation(payload))
		<-p.slots
		result <- out
	})
	s.mu.Unlock()
	select {
	case out := <-result:
		return out.response, out.err
	case <-ctx.Done():
		return nil, fmt.Errorf("function %s has not answered: %w", function, ctx.Err())
	}
}

func (s *Service) closedError(function string) error {
	return fmt.Errorf("function %s was not called: the stand-in is closed", function)
}

// run gives the event to an idle environment or a new one.
func (p *pool) run(inv *invocation) outcome {
	for {
		env := p.take()
		fresh := env == nil
		if fresh {
			var err error
			if env, err = p.service.start(p.function); err != nil {
				return outcome{err: err}
			}
			if failure := env.awaitReady(inv.id); failure != nil {
				return outcome{err: failure}
			}
		}
		out, delivered := env.call(inv)
		if !delivered && !fresh {
			continue // it ended while it was idle; nobody has seen the event
		}
		p.give(env)
		return out
	}
}

func (p *pool) take() *environment {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		env := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if !env.ended() {
			return env
		}
	}
	return nil
}

func (p *pool) give(env *environment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, env)
}

// Kill kills the running processes of a function, waits for their end and says how many they were. Calls in progress
// fail; the next call starts a new process.
func (s *Service) Kill(function string) int {
	killed := s.environments(func(e *environment) bool { return e.function.Name == function })
	for _, env := range killed {
		env.kill()
		<-env.gone
	}
	return len(killed)
}

// Setenv gives all functions a variable, or another value of it, as a change of their configuration does: calls in progress
// end as they began, and their processes with them; later calls have processes that know it. It waits until ctx ends.
func (s *Service) Setenv(ctx context.Context, name, value string) error {
	for _, p := range s.pools {
		for _, own := range s.variables(p.function, "") {
			if own[0] == name {
				return fmt.Errorf("%s is a variable that Lambda sets itself: choose another", name)
			}
		}
		if err := p.setenv(ctx, name, value); err != nil {
			return err
		}
	}
	return nil
}

// setenv holds all slots, so that no process is at work and none is started.
func (p *pool) setenv(ctx context.Context, name, value string) error {
	held := 0
	defer func() {
		for range held {
			<-p.slots
		}
	}()
	for held < cap(p.slots) {
		select {
		case p.slots <- struct{}{}:
			held++
		case <-ctx.Done():
			return fmt.Errorf("function %s has not ended its work: %w", p.function.Name, ctx.Err())
		}
	}
	env := maps.Clone(p.function.Env)
	if env == nil {
		env = map[string]string{}
	}
	env[name] = value
	p.function.Env = env
	for old := p.take(); old != nil; old = p.take() {
		old.kill()
		<-old.gone
	}
	return nil
}

func (s *Service) environments(match func(*environment) bool) []*environment {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*environment
	for env := range s.live {
		if match(env) {
			found = append(found, env)
		}
	}
	return found
}

// Close kills every process and waits for its end. Calls in progress fail, and so do later ones. It may be repeated.
func (s *Service) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		close(s.closing)
		for _, env := range s.environments(func(*environment) bool { return true }) {
			env.kill()
		}
		s.work.Wait()
		s.children.Close()
	}
	return nil
}
