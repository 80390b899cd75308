package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin/lambda"
)

// binary is the function of testdata, built once.
var binary string

func TestMain(m *testing.M) {
	if address := os.Getenv("MEET"); address != "" {
		parent(address) // see lambda_linux_test.go
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "function")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", binary, "./testdata/function")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Printf("%s%v\n", out, err)
		return 1
	}
	return m.Run()
}

// parent runs a function that meets the address, for ever.
func parent(address string) {
	s, err := lambda.Start(lambda.Config{Functions: []lambda.Function{
		{Name: "child", Binary: os.Getenv("BINARY"), Timeout: time.Hour},
	}})
	if err != nil {
		panic(err)
	}
	s.Invoke(context.Background(), "child", fmt.Appendf(nil, `{"Do":"meet","Address":%q}`, address))
}

func start(t *testing.T, f lambda.Function) *lambda.Service {
	t.Helper()
	return startWith(t, f, nil)
}

func startWith(t *testing.T, f lambda.Function, out io.Writer) *lambda.Service {
	t.Helper()
	f.Name, f.Binary = "sample", binary
	if f.Timeout == 0 {
		f.Timeout = time.Minute
	}
	s, err := lambda.Start(lambda.Config{
		Functions: []lambda.Function{f}, Region: "eu-central-1", Account: "000000000000", Output: out,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func invoke(t *testing.T, s *lambda.Service, payload string) string {
	t.Helper()
	out, err := s.Invoke(t.Context(), "sample", []byte(payload))
	if err != nil {
		t.Fatalf("%.80s: %v", payload, err)
	}
	return string(out)
}

func TestInvoke(t *testing.T) {
	t.Parallel()
	s := start(t, lambda.Function{})
	t.Run("AnswersWithTheFunctionsAnswer", func(t *testing.T) {
		for _, event := range []string{`{"Do":"echo","Text":"zażółć"}`, `{}`} {
			if got := invoke(t, s, event); got != event {
				t.Errorf("got %s, want %s", got, event)
			}
		}
	})
	t.Run("KeepsItsProcess", func(t *testing.T) {
		if a, b := invoke(t, s, `{"Do":"pid"}`), invoke(t, s, `{"Do":"pid"}`); a != b {
			t.Errorf("two calls one after the other ran in processes %s and %s", a, b)
		}
	})
	t.Run("TellsTheContext", func(t *testing.T) {
		var got struct {
			ID, ARN, Trace string
			Left           time.Duration
		}
		if err := json.Unmarshal([]byte(invoke(t, s, `{"Do":"context"}`)), &got); err != nil {
			t.Fatal(err)
		}
		if want := "arn:aws:lambda:eu-central-1:000000000000:function:sample"; got.ARN != want {
			t.Errorf("arn %s, want %s", got.ARN, want)
		}
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(got.ID) {
			t.Errorf("request id %q is not a random UUID", got.ID)
		}
		if !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`).MatchString(got.Trace) {
			t.Errorf("trace id %q", got.Trace)
		}
		if got.Left <= 0 || got.Left > time.Minute {
			t.Errorf("%v are left of a minute", got.Left)
		}
	})
	t.Run("RefusesAnUnknownFunction", func(t *testing.T) {
		if _, err := s.Invoke(t.Context(), "other", []byte(`{}`)); err == nil || !strings.Contains(err.Error(), `"other"`) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("RefusesWhatIsNotJSON", func(t *testing.T) {
		if _, err := s.Invoke(t.Context(), "sample", []byte(`{`)); err == nil || !strings.Contains(err.Error(), "not JSON") {
			t.Errorf("got %v", err)
		}
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	s := start(t, lambda.Function{})
	event := func(size int) []byte {
		return []byte(`{"Text":"` + strings.Repeat("x", size-len(`{"Text":""}`)) + `"}`)
	}
	if out, err := s.Invoke(t.Context(), "sample", event(6_291_456)); err != nil || len(out) != 6_291_456 {
		t.Errorf("the largest event: %d bytes, %v", len(out), err)
	}
	if _, err := s.Invoke(t.Context(), "sample", event(6_291_457)); !errors.Is(err, lambda.ErrTooLarge) {
		t.Errorf("an event one byte too large: %v", err)
	}
	if got := invoke(t, s, `{"Do":"big","Bytes":6291554}`); len(got) != 6_291_556 {
		t.Errorf("the largest answer has %d bytes", len(got))
	}
	_, err := s.Invoke(t.Context(), "sample", []byte(`{"Do":"big","Bytes":6291555}`))
	want := &lambda.FunctionError{
		Type:    "Function.ResponseSizeTooLarge",
		Message: "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
	}
	if diff := cmp.Diff(want, functionError(t, err)); diff != "" {
		t.Error(diff)
	}
	invoke(t, s, `{}`)
}

func functionError(t *testing.T, err error) *lambda.FunctionError {
	t.Helper()
	var failure *lambda.FunctionError
	if !errors.As(err, &failure) {
		t.Fatalf("%v is not the function's error", err)
	}
	failure.Message = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).ReplaceAllString(failure.Message, "ID")
	return failure
}

func TestFailure(t *testing.T) {
	t.Parallel()
	type failure = lambda.FunctionError
	for name, c := range map[string]struct {
		function lambda.Function
		event    string
		want     failure
	}{
		"Returned": {event: `{"Do":"error"}`, want: failure{Type: "errorString", Message: "this is refused"}},
		"Panicked": {event: `{"Do":"panic"}`, want: failure{Type: "string", Message: "this cannot be"}},
		"HalfWay":  {event: `{"Do":"reader"}`, want: failure{Type: "errorString", Message: "the source broke off"}},
		"Exited": {event: `{"Do":"exit"}`, want: failure{
			Type: "Runtime.ExitError", Message: "RequestId: ID Error: Runtime exited with error: exit status 3",
		}},
		"ExitedBeforeItsFirstEvent": {
			function: lambda.Function{Env: map[string]string{"INIT": "exit"}}, event: `{}`,
			want: failure{
				Type: "Runtime.ExitError", Message: "RequestId: ID Error: Runtime exited with error: exit status 7",
			},
		},
		"TimedOut": {
			function: lambda.Function{Timeout: 2500 * time.Millisecond}, event: `{"Do":"hang"}`,
			want: failure{Type: "Sandbox.Timedout", Message: "RequestId: ID Error: Task timed out after 2.50 seconds"},
		},
		"TimedOutBeforeItsFirstEvent": {
			function: lambda.Function{Timeout: 20 * time.Millisecond, Env: map[string]string{"INIT": "hang"}}, event: `{}`,
			want: failure{Type: "Sandbox.Timedout", Message: "RequestId: ID Error: Task timed out after 0.02 seconds"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.function)
			_, err := s.Invoke(t.Context(), "sample", []byte(c.event))
			if diff := cmp.Diff(&c.want, functionError(t, err)); diff != "" {
				t.Error(diff)
			}
			if c.function.Env == nil {
				invoke(t, s, `{"Do":"after"}`) // the next call is served
			} else if n := s.Kill("sample"); n != 0 {
				t.Errorf("%d processes are left", n)
			}
		})
	}
}

// meetings is where functions say that they are running, and wait.
type meetings struct{ net.Listener }

func meet(t *testing.T) meetings {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return meetings{l}
}

func (m meetings) event() []byte {
	return fmt.Appendf(nil, `{"Do":"meet","Address":%q}`, m.Addr())
}

func (m meetings) next(t *testing.T) net.Conn {
	t.Helper()
	conn, err := m.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

type answer struct {
	out string
	err error
}

func invokeInBackground(ctx context.Context, s *lambda.Service, event []byte) <-chan answer {
	c := make(chan answer, 1)
	go func() {
		out, err := s.Invoke(ctx, "sample", event)
		c <- answer{string(out), err}
	}()
	return c
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	s, place := start(t, lambda.Function{Concurrency: 2}), meet(t)
	a := invokeInBackground(t.Context(), s, place.event())
	b := invokeInBackground(t.Context(), s, place.event())
	first, second := place.next(t), place.next(t) // both run at once

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Invoke(ended, "sample", []byte(`{}`)); !errors.Is(err, context.Canceled) ||
		!strings.Contains(err.Error(), "all 2 environments of function sample are busy") {
		t.Errorf("a third call whose caller gives up: %v", err)
	}
	third := invokeInBackground(t.Context(), s, []byte(`{"Do":"pid"}`))
	first.Close()
	second.Close()
	one, two, queued := <-a, <-b, <-third
	if one.err != nil || two.err != nil || queued.err != nil {
		t.Fatal(one.err, two.err, queued.err)
	}
	if one.out == two.out {
		t.Errorf("process %s had two events at a time", one.out)
	}
	if queued.out != one.out && queued.out != two.out {
		t.Errorf("a third process, %s, was started", queued.out)
	}
	if n := s.Kill("sample"); n != 2 {
		t.Errorf("%d processes ran, want 2", n)
	}
}

func TestInvoke_CallerLeaves(t *testing.T) {
	t.Parallel()
	s, place := start(t, lambda.Function{}), meet(t)
	ctx, cancel := context.WithCancel(t.Context())
	call := invokeInBackground(ctx, s, place.event())
	conn := place.next(t)
	cancel()
	if got := <-call; !errors.Is(got.err, context.Canceled) {
		t.Errorf("got %v", got)
	}
	// The function runs on, and its environment is busy until it has answered.
	next := invokeInBackground(t.Context(), s, []byte(`{"Do":"pid"}`))
	conn.Close()
	if got := <-next; got.err != nil {
		t.Error(got.err)
	}
	if n := s.Kill("sample"); n != 1 {
		t.Errorf("%d processes ran, want 1", n)
	}
}

func TestKill(t *testing.T) {
	t.Parallel()
	s, place := start(t, lambda.Function{}), meet(t)
	if n := s.Kill("sample"); n != 0 {
		t.Errorf("killed %d processes before the first call", n)
	}
	before := invoke(t, s, `{"Do":"pid"}`)
	if n := s.Kill("sample"); n != 1 {
		t.Errorf("killed %d idle processes, want 1", n)
	}
	if after := invoke(t, s, `{"Do":"pid"}`); after == before {
		t.Errorf("process %s outlived its end", before)
	}
	call := invokeInBackground(t.Context(), s, place.event())
	defer place.next(t).Close()
	if n := s.Kill("sample"); n != 1 {
		t.Errorf("killed %d busy processes, want 1", n)
	}
	want := &lambda.FunctionError{
		Type: "Runtime.ExitError", Message: "RequestId: ID Error: Runtime exited with error: signal: killed",
	}
	if diff := cmp.Diff(want, functionError(t, (<-call).err)); diff != "" {
		t.Error(diff)
	}
	invoke(t, s, `{}`)
}

// TestSetenv: who is at work ends it, as he began; whoever is called later knows the new value.
func TestSetenv(t *testing.T) {
	t.Parallel()
	s, place := start(t, lambda.Function{Concurrency: 2, Env: map[string]string{"KEPT": "1"}}), meet(t)
	before := invoke(t, s, `{"Do":"pid"}`)
	call := invokeInBackground(t.Context(), s, place.event())
	conn := place.next(t)
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Setenv(short, "ADDED", "0"); !errors.Is(err, context.Canceled) {
		t.Errorf("it does not wait for a call in progress: %v", err)
	}
	set := make(chan error, 1)
	go func() { set <- s.Setenv(t.Context(), "ADDED", "2") }()
	conn.Close()
	if got := <-call; got.err != nil {
		t.Errorf("the call in progress failed: %v", got.err)
	}
	if err := <-set; err != nil {
		t.Fatal(err)
	}
	if after := invoke(t, s, `{"Do":"pid"}`); after == before {
		t.Error("the process is the same")
	}
	var got []string
	if err := json.Unmarshal([]byte(invoke(t, s, `{"Do":"env"}`)), &got); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(got, "KEPT=1") || !slices.Contains(got, "ADDED=2") {
		t.Errorf("the environment is %v", got)
	}
	if err := s.Setenv(t.Context(), "AWS_REGION", "x"); err == nil {
		t.Error("a variable of Lambda's own can be set")
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	s, place := start(t, lambda.Function{}), meet(t)
	busy := invokeInBackground(t.Context(), s, place.event())
	conn := place.next(t)
	queued := invokeInBackground(t.Context(), s, place.event())
	s.Close()
	s.Close()
	io.Copy(io.Discard, conn) // ends when the function has
	for name, got := range map[string]answer{"busy": <-busy, "queued": <-queued} {
		if got.err == nil {
			t.Errorf("the %s call succeeded", name)
		}
	}
	if _, err := s.Invoke(t.Context(), "sample", []byte(`{}`)); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a call after Close: %v", err)
	}
}

func TestEnvironment_IsExact(t *testing.T) {
	t.Setenv("ZAPAS_NOT_INHERITED", "1")
	s := start(t, lambda.Function{
		Env:         map[string]string{"TABLE": "zapas", "EMPTY": ""},
		AccessKeyID: "AKID", SecretAccessKey: "secret", Memory: 256,
	})
	var got []string
	if err := json.Unmarshal([]byte(invoke(t, s, `{"Do":"env"}`)), &got); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if strings.HasPrefix(v, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:") {
			got[i] = "AWS_LAMBDA_RUNTIME_API=127.0.0.1:PORT"
		}
	}
	// The runtime sets the last itself, for each event.
	got = slices.DeleteFunc(got, func(v string) bool { return strings.HasPrefix(v, "_X_AMZN_TRACE_ID=") })
	slices.Sort(got)
	want := []string{
		"AWS_ACCESS_KEY_ID=AKID",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"AWS_LAMBDA_FUNCTION_NAME=sample",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_RUNTIME_API=127.0.0.1:PORT",
		"AWS_REGION=eu-central-1",
		"AWS_SECRET_ACCESS_KEY=secret",
		"EMPTY=",
		"LAMBDA_TASK_ROOT=" + filepath.Dir(binary),
		"PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"TABLE=zapas",
		"TZ=:UTC",
		"_HANDLER=bootstrap",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// record keeps each write apart.
type record struct {
	mu     sync.Mutex
	writes []string
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes = append(r.writes, string(p))
	return len(p), nil
}

func TestOutput_IsWholeLines(t *testing.T) {
	t.Parallel()
	var out record
	s := startWith(t, lambda.Function{}, &out)
	long := strings.Repeat("z", 256*1024)
	for _, text := range []string{"one\ntwo\nthr", "ee\n", long + "\n", long + "y\n", "\n", "the end"} {
		event, err := json.Marshal(map[string]string{"Do": "print", "Text": text})
		if err != nil {
			t.Fatal(err)
		}
		invoke(t, s, string(event))
	}
	s.Close()
	want := []string{"one", "two", "three", long, long, "y", "", "the end"}
	for i := range want {
		want[i] = "sample: " + want[i] + "\n"
	}
	if !slices.Equal(want, out.writes) {
		for i, w := range out.writes {
			t.Logf("%d: %d bytes, %.20q", i, len(w), w)
		}
		t.Errorf("%d lines, want %d", len(out.writes), len(want))
	}
}

func TestStart_Refuses(t *testing.T) {
	t.Parallel()
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("no program"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		functions []lambda.Function
		want      string
	}{
		"NoBinary": {
			[]lambda.Function{{Name: "a", Binary: "dist/a/bootstrap"}},
			"function a has no binary at dist/a/bootstrap: build the functions first",
		},
		"NotExecutable": {[]lambda.Function{{Name: "a", Binary: plain}}, "is not an executable file"},
		"Twice":         {[]lambda.Function{{Name: "a", Binary: binary}, {Name: "a", Binary: binary}}, "function a is configured twice"},
		"NoName":        {[]lambda.Function{{Binary: binary}}, "a function has no name"},
		"LambdasOwnVariable": {
			[]lambda.Function{{Name: "a", Binary: binary, Env: map[string]string{"AWS_REGION": "x"}}},
			"function a sets AWS_REGION, which Lambda sets itself",
		},
		"Negative": {[]lambda.Function{{Name: "a", Binary: binary, Timeout: -1}}, "negative time-out"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := lambda.Start(lambda.Config{Functions: c.functions})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	s, err := lambda.Start(lambda.Config{Functions: []lambda.Function{{Name: "sample", Binary: broken}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Invoke(t.Context(), "sample", []byte(`{}`)); err == nil || !strings.Contains(err.Error(), "function sample does not start") {
		t.Errorf("a file that is no program: %v", err)
	}
}

func BenchmarkInvoke(b *testing.B) {
	s, err := lambda.Start(lambda.Config{Functions: []lambda.Function{{Name: "sample", Binary: binary}}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		if out, err := s.Invoke(b.Context(), "sample", []byte(`{}`)); err != nil || !bytes.Equal(out, []byte(`{}`)) {
			b.Fatal(string(out), err)
		}
	}
}
