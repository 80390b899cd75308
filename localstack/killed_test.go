package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"zapas/localstack/build"
	"zapas/localstack/stack"
)

// TestStackKilled: the whole stack is killed as by kill -9 at each call of AWS that a backup makes, and at every second
// one of a restore, which writes little: when the call has taken effect, and nobody has been told. It is started again on
// its folder and ports. What was acknowledged is there, and the phone, which only sees its calls unanswered, carries on
// by itself.
func TestStackKilled(t *testing.T) {
	t.Parallel()
	for during, every := range map[string]int{"backup": 1, "restore": 2} {
		t.Run(during, func(t *testing.T) {
			t.Parallel()
			killedAtEach(t, during, every)
		})
	}
}

func killedAtEach(t *testing.T, during string, every int) {
	t.Helper()
	p := newPlace(t)
	stack := p.serve(t)
	h := newHome(t, p.url())
	h.backUp(t)
	backups, kills := 1, 0
	for killed := true; killed; {
		var id string
		args := []string{"old", "backup", "--from"}
		if during == "backup" {
			args = append(args, h.write(t))
			backups++
		} else {
			id = h.send(t)
			args = []string{"new", "restore", id, "--to", h.target()}
		}
		stack.stop(t)
		stack, killed = p.carriesOn(t, fmt.Sprintf("%d:die", 1+kills*every), func() error {
			_, err := h.run(args[0], args[1:]...)
			return err
		})
		if killed {
			kills++
		}
		if n, _ := h.snapshots(t); n != backups {
			t.Fatalf("killed %d times: %d backups were made, and %d are there", kills, backups, n)
		}
		if id != "" {
			h.restored(t, id)
		}
	}
	h.whole(t, backups)
	stack.stop(t)
	if kills < 10 {
		t.Errorf("a %s makes more calls than those %d at which it was killed", during, kills)
	}
	t.Logf("killed at %d calls", kills)
}

// carriesOn does something on a stack that something befalls, and starts it again when it is killed by that.
func (p place) carriesOn(t *testing.T, befalls string, do func() error) (running *process, killed bool) {
	t.Helper()
	running = p.serve(t, "-befalls="+befalls)
	done := make(chan error, 1)
	go func() { done <- do() }()
	var err error
	select {
	case <-running.gone:
		if s, ok := running.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
			t.Fatalf("it was not killed, but ended with %v:\n%s", running.cmd.ProcessState, running.rest())
		}
		killed = true
		running = p.serve(t)
		err = <-done
	case err = <-done:
		running.stop(t) // what was to befall it has not come yet
		running = p.serve(t)
	}
	if err != nil {
		t.Fatalf("%s: %v", befalls, err)
	}
	return running, killed
}

// strikes kills the process of a function at its calls of AWS, each kind of call once before its effect and once after.
type strikes struct {
	stack atomic.Pointer[stack.Stack]

	mu     sync.Mutex
	met    map[string]int  // function and operation -> how often it was struck
	spared map[string]bool // functions that were killed since the client's last step
}

// again lets each function be killed once more.
func (s *strikes) again() (total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spared = map[string]bool{}
	for _, n := range s.met {
		total += n
	}
	return total
}

// next says how often the call was struck before, and whether it is struck now.
func (s *strikes) next(function, operation string) (before int, now bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := function + " " + operation
	if s.stack.Load() == nil || function == "" || s.spared[function] || s.met[key] == 2 {
		return 0, false
	}
	s.spared[function] = true
	s.met[key]++
	return s.met[key] - 1, true
}

func (s *strikes) around(next http.Handler) http.Handler {
	role := regexp.MustCompile(`Credential=AKIAZAPAS([A-Z]+)/`)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		function := ""
		if m := role.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
			for _, f := range build.Functions {
				if m[1] == strings.ToUpper(f) {
					function = f
				}
			}
		}
		operation := r.Header.Get("X-Amz-Target")
		if operation == "" {
			operation = "S3 " + r.Method
		}
		before, now := s.next(function, operation)
		if !now {
			next.ServeHTTP(w, r)
			return
		}
		if before == 1 { // the second time, its effect stays
			next.ServeHTTP(httptest.NewRecorder(), r)
		}
		s.stack.Load().Kill(function)
		panic(http.ErrAbortHandler)
	})
}

// TestFunctionKilled: the process of each function is killed in the middle of a call, at each kind of call of AWS that it
// makes. The call is answered 5xx and repeated, another process answers it, and nothing is lost or done twice.
func TestFunctionKilled(t *testing.T) {
	t.Parallel()
	s := &strikes{met: map[string]int{}, spared: map[string]bool{}}
	cfg := stack.Config{Dir: t.TempDir(), Programs: build.In(bin), API: "127.0.0.1:0", AWS: "127.0.0.1:0", Log: t.Output(), Now: time.Now, Around: s.around}
	running, err := stack.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Close(); err != nil {
			t.Error(err)
		}
	})
	s.stack.Store(running)
	s.again()
	h := newHome(t, running.URL)
	backups, watch := 0, []byte(`{"watch":"2026-01-01T00:00:00Z"}`)
	for struck := -1; struck != s.again(); backups++ {
		struck = s.again()
		h.ada.ask(t, "GET", "/v1/profiles", "", "")
		s.again()
		h.ada.ask(t, "POST", "/v1/profiles", "first", everything) // the same key: the same profile
		s.again()
		h.anna.ask(t, "POST", "/v1/me/devices/"+h.device["old"]+"/backup", fmt.Sprintf("order-%d", backups), "")
		s.again()
		h.backUp(t)
		s.again()
		id := h.send(t)
		s.again()
		h.restore(t, id)
		s.again()
		if _, err := running.Invoke(t.Context(), "triggers", watch); err != nil { // as Lambda does, which tries again
			if _, err := running.Invoke(t.Context(), "triggers", watch); err != nil {
				t.Error(err)
			}
		}
	}
	h.whole(t, backups)
	killed := map[string]bool{}
	for call, n := range s.met {
		if n != 2 {
			t.Errorf("%s was struck before its effect only", call)
		}
		killed[regexp.MustCompile(`^\S+`).FindString(call)] = true
	}
	if len(killed) != len(build.Functions) {
		t.Errorf("of the functions only %v were killed", killed)
	}
	if len(h.anna.refused) == 0 || len(h.ada.refused) == 0 {
		t.Error("nobody has met a 5xx")
	}
	t.Logf("%d kinds of calls, %d backups", len(s.met), backups)
}
