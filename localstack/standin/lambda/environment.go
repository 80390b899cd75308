package lambda

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// environment is one execution environment: one process and the Runtime API that only it is told of.
type environment struct {
	function Function
	arn      string
	log      *slog.Logger
	cmd      *exec.Cmd
	events   chan *invocation // received from by the process's request for the next event
	ready    chan struct{}    // closed when the process asks for its first event
	gone     chan struct{}    // closed when the process has ended and been waited for

	mu        sync.Mutex
	polled    bool
	current   *invocation // what the process works on
	initError *FunctionError
}

// invocation is one event on its way to an answer.
type invocation struct {
	id       string
	payload  []byte
	deadline time.Time
	done     chan outcome // takes one
}

type outcome struct {
	response []byte
	err      error
}

func newInvocation(payload []byte) *invocation {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // a random UUID, RFC 9562 5.4
	id := fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	return &invocation{id: id, payload: payload, done: make(chan outcome, 1)}
}

// variables are the environment variables that Lambda sets (developer guide, "Defined runtime environment variables").
func (s *Service) variables(f Function, runtimeAPI string) [][2]string {
	return [][2]string{
		{"AWS_LAMBDA_RUNTIME_API", runtimeAPI},
		{"AWS_LAMBDA_FUNCTION_NAME", f.Name},
		{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", strconv.Itoa(f.Memory)},
		{"AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"},
		{"AWS_REGION", s.region},
		{"AWS_ACCESS_KEY_ID", f.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", f.SecretAccessKey},
		{"LAMBDA_TASK_ROOT", filepath.Dir(f.Binary)},
		{"_HANDLER", "bootstrap"},
		{"PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"},
		{"TZ", ":UTC"},
	}
}

// start starts a process with its Runtime API. The process ends by kill, by itself, or with ours.
func (s *Service) start(f Function) (*environment, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("function %s: no loopback port for its Runtime API: %w", f.Name, err)
	}
	env := &environment{
		function: f,
		arn:      cmp.Or(f.ARN, "arn:aws:lambda:"+s.region+":"+s.account+":function:"+f.Name),
		log:      s.log.With(slog.String("function", f.Name)),
		cmd:      exec.Command(f.Binary),
		events:   make(chan *invocation),
		ready:    make(chan struct{}),
		gone:     make(chan struct{}),
	}
	printed := &lines{out: s.output, prefix: f.Name + ": "}
	env.cmd.Dir = filepath.Dir(f.Binary)
	env.cmd.Stdout, env.cmd.Stderr = printed, printed
	env.cmd.WaitDelay = time.Second // a grandchild that holds the output does not hold us
	for _, own := range s.variables(f, listener.Addr().String()) {
		env.cmd.Env = append(env.cmd.Env, own[0]+"="+own[1])
	}
	for name, value := range f.Env {
		env.cmd.Env = append(env.cmd.Env, name+"="+value)
	}
	if err := s.children.Start(env.cmd); err != nil {
		listener.Close()
		return nil, fmt.Errorf("function %s does not start: build the functions again: %w", f.Name, err)
	}
	env.log.Debug("function started", slog.Int("pid", env.cmd.Process.Pid))

	server := &http.Server{
		Handler: env.runtimeAPI(), ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(env.log.Handler(), slog.LevelWarn),
	}
	go func() { _ = server.Serve(listener) }() // until the process ends
	s.mu.Lock()
	s.live[env] = struct{}{}
	closed := s.closed
	s.mu.Unlock()
	s.work.Go(func() {
		_ = env.cmd.Wait() // how it ended is in ProcessState
		server.Close()
		printed.flush()
		env.log.Debug("function ended", slog.Int("pid", env.cmd.Process.Pid), slog.String("how", env.cmd.ProcessState.String()))
		s.mu.Lock()
		delete(s.live, env)
		s.mu.Unlock()
		close(env.gone)
	})
	if closed { // Close has not seen this one
		env.kill()
	}
	return env, nil
}

// kill ends the process, by the handle that the system gave us for it. After its end this does nothing.
func (e *environment) kill() { _ = e.cmd.Process.Kill() }

func (e *environment) ended() bool {
	select {
	case <-e.gone:
		return true
	default:
		return false
	}
}

// awaitReady waits until the process asks for its first event.
func (e *environment) awaitReady(id string) error {
	timer := time.NewTimer(e.function.Timeout)
	defer timer.Stop()
	select {
	case <-e.ready:
		return nil
	case <-e.gone:
		return e.exitError(id)
	case <-timer.C:
		return e.timeOut(id)
	}
}

// call hands the event to the process and waits for its answer, its end, or the time-out, which ends it. Delivered is
// false when the process ended without having been given the event.
func (e *environment) call(inv *invocation) (out outcome, delivered bool) {
	if e.ended() {
		return outcome{err: e.exitError(inv.id)}, false
	}
	// The wall clock, since the process at the other end reads it too.
	inv.deadline = time.Now().Add(e.function.Timeout)
	timer := time.NewTimer(e.function.Timeout)
	defer timer.Stop()
	select {
	case e.events <- inv:
	case <-e.gone:
		return outcome{err: e.exitError(inv.id)}, false
	case <-timer.C:
		return outcome{err: e.timeOut(inv.id)}, true
	}
	select {
	case out := <-inv.done:
		return out, true
	case <-timer.C:
		return outcome{err: e.timeOut(inv.id)}, true
	case <-e.gone:
		select {
		case out := <-inv.done: // it answered, then ended
			return out, true
		default:
			return outcome{err: e.exitError(inv.id)}, true
		}
	}
}

func (e *environment) timeOut(id string) *FunctionError {
	e.kill()
	<-e.gone
	return &FunctionError{
		Type:    "Sandbox.Timedout",
		Message: fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", id, e.function.Timeout.Seconds()),
	}
}

// exitError says how the process ended; it may be called when it has.
func (e *environment) exitError(id string) *FunctionError {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.initError != nil {
		return e.initError
	}
	how := "Runtime exited without providing a reason"
	if !e.cmd.ProcessState.Success() {
		how = "Runtime exited with error: " + e.cmd.ProcessState.String()
	}
	return &FunctionError{Type: "Runtime.ExitError", Message: "RequestId: " + id + " Error: " + how}
}
