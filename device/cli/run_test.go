package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zapas/device"
	"zapas/shared/api"
)

// says is a service that answers check-ins, one after the other and the last one for ever, and nothing else.
type says []reply

type reply struct {
	status int
	after  string // Retry-After
	body   any
}

func (s *says) RoundTrip(req *http.Request) (*http.Response, error) {
	now := reply{200, "", api.Enrolled{Device: "01DEV", User: "01USER", Tenant: "demo", State: "active"}}
	if req.URL.Path == "/v1/device/checkin" {
		if now = (*s)[0]; len(*s) > 1 {
			*s = (*s)[1:]
		}
	}
	b, err := json.Marshal(now.body)
	return &http.Response{StatusCode: now.status, Status: fmt.Sprint(now.status), Body: io.NopCloser(bytes.NewReader(b)), Request: req,
		Header: http.Header{"Retry-After": {now.after}}}, err
}

func refusal(status int, after, code, sentence string) reply {
	return reply{status, after, api.Problem{Status: status, Code: code, Title: "No", Detail: &sentence}}
}

// idle is an answer to a phone that has nothing to do.
func idle(restores ...api.Restore) reply {
	return reply{200, "", api.CheckInAnswer{Why: "not_due", PollAfter: 100, Profile: &api.DeviceProfile{Name: "Nightly"}, Restores: restores, Time: noon}}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// lived runs a phone that asks a service, by a clock that moves only while it waits. stop ends the run at a wait.
func lived(t *testing.T, s says, stop int, asked func(c *running, term *terminal)) (code int, out, errs string, waits []time.Duration) {
	t.Helper()
	dir := t.TempDir()
	from := filepath.Join(dir, "contacts.vcf")
	writeFile(t, from, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	now, random := noon, rand.NewChaCha8([32]byte{1})
	var stdout, stderr bytes.Buffer
	term := &terminal{ctx: ctx, out: &stdout, errs: &stderr, state: filepath.Join(dir, "state"), now: func() time.Time { return now }, random: random, transport: &s,
		wait: func(ctx context.Context, d time.Duration) error {
			waits = append(waits, d)
			if len(waits) == stop {
				cancel()
			}
			if ctx.Err() == nil {
				now = now.Add(d)
			}
			return ctx.Err()
		}}
	d, err := term.phone(true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Enrol(ctx, device.Enrolment{Server: "https://zapas.test", Code: "C", Platform: "android", Label: "L"}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	c := &running{content: content{From: []string{from}}}
	asked(c, term)
	code = term.exit(c.Run(term))
	return code, stdout.String(), stderr.String(), waits
}

// happened is the lines without their times.
func happened(out string) (lines []string) {
	for line := range strings.Lines(out) {
		_, what, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		lines = append(lines, what)
	}
	return lines
}

func TestRun_UntilStopped(t *testing.T) {
	t.Parallel()
	sent := api.Restore{Id: "01RESTORE", Elements: []api.Element{"contacts"}}
	code, out, errs, waits := lived(t, says{idle(), idle(sent)}, 3, func(*running, *terminal) {})
	got := happened(out)
	waited := func(s string) bool { return strings.HasPrefix(s, "waits for 1m") }
	got = slices.DeleteFunc(got, waited)
	want := []string{"checked in: not due", "checked in: not due",
		"restore 01RESTORE waits, of contacts: start run with --to, or end it and use zapas-device restore --to, to bring it here", "checked in: not due", "stopped"}
	if code != exitOK || errs != "" || !slices.Equal(got, want) || len(waits) != 3 {
		t.Errorf("exit code %d, %q, %d waits:\n%s", code, errs, len(waits), out)
	}
	for _, d := range waits {
		if d <= 90*time.Second || d > 100*time.Second {
			t.Errorf("it waits for %s, and was asked to for 100s", d)
		}
	}
}

// TestRun_Held: a restore that is held is told once, and is not asked for.
func TestRun_Held(t *testing.T) {
	t.Parallel()
	held := api.Restore{Id: "01RESTORE", Elements: []api.Element{"contacts"}, State: api.RestoreStateHeld, Until: new(noon)}
	code, out, errs, _ := lived(t, says{idle(held)}, 2, func(c *running, _ *terminal) { c.To = []string{"anywhere"} })
	if code != exitOK || errs != "" || strings.Count(out, "restore 01RESTORE, of contacts, is held until ") != 1 || strings.Contains(out, "failed") {
		t.Errorf("exit code %d, %q:\n%s", code, errs, out)
	}
}

// TestRun_Fails: a failure is told in a sentence and tried again, ever later, and what the service says of it is heeded.
func TestRun_Fails(t *testing.T) {
	t.Parallel()
	no := refusal(403, "", "forbidden", "This phone was retired.")
	code, out, errs, waits := lived(t, says{no, no, no, refusal(503, "1000", "down", "Come back."), idle(), no}, 6, func(*running, *terminal) {})
	if code != exitOK || errs != "" || strings.Count(out, "failed: check in: This phone was retired.\n") != 4 || strings.Count(out, "Come back.") != 1 {
		t.Errorf("exit code %d, %q:\n%s", code, errs, out)
	}
	for i, most := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 1000 * time.Second, 100 * time.Second, 30 * time.Second} {
		if d := waits[i]; d > most || d <= most/2-time.Second {
			t.Errorf("wait %d is %s, want at most %s", i, d, most)
		}
	}
}

func TestRun_For(t *testing.T) {
	t.Parallel()
	code, out, _, waits := lived(t, says{idle()}, 0, func(c *running, _ *terminal) { c.For = 250 * time.Second })
	var sum time.Duration
	for _, d := range waits {
		sum += d
	}
	if lines := happened(out); code != exitOK || sum != 250*time.Second || lines[len(lines)-1] != "ends after 4m10s, as it was told to" {
		t.Errorf("exit code %d after %s:\n%s", code, sum, out)
	}
}

func TestRun_Once(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		says reply
		stop bool
		code int
		last string
	}{
		{"Well", idle(), false, exitOK, `"did":"checkin"`},
		{"Failed", refusal(403, "", "forbidden", "Retired."), false, exitFailed, `"what":"checkin","error":"check in: Retired.","code":"forbidden"`},
		{"Stopped", idle(), true, exitFailed, `"did":"stop"`},
		{"DueWithoutItsFile", reply{200, "", api.CheckInAnswer{Due: true, Why: "first", Profile: &api.DeviceProfile{Name: "N"}, PollAfter: 60}}, false, exitFailed, `"what":"backup"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, out, errs, waits := lived(t, says{tt.says}, 0, func(c *running, term *terminal) {
				c.Once, term.json = true, true
				c.From[0] += map[bool]string{true: ".gone"}[tt.name == "DueWithoutItsFile"]
				if tt.stop {
					ctx, cancel := context.WithCancel(term.ctx)
					cancel()
					term.ctx = ctx
				}
			})
			lines := strings.Split(strings.TrimSpace(out), "\n")
			for _, line := range lines {
				var e struct{ At, Did string }
				if err := json.Unmarshal([]byte(line), &e); err != nil || e.At == "" || e.Did == "" {
					t.Errorf("%v: %s", err, line)
				}
			}
			if code != tt.code || errs != "" || len(waits) > 0 || !strings.Contains(lines[len(lines)-1], tt.last) {
				t.Errorf("exit code %d, %q, %d waits:\n%s", code, errs, len(waits), out)
			}
		})
	}
}

// constant is chance that always draws the same.
type constant byte

func (c constant) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(c)
	}
	return len(b), nil
}

func TestRun_Pause(t *testing.T) {
	t.Parallel()
	in := func(d time.Duration) *time.Time { return new(noon.Add(d)) }
	for _, tt := range []struct {
		name     string
		poll     int
		slot     *time.Time
		failures int
		after    time.Duration
		want     time.Duration
	}{
		{"AsTheServiceSays", 3600, nil, 0, 0, time.Hour},
		{"NotForever", 1 << 40, nil, 0, 0, mostPause},
		{"NotWithoutEnd", -1, nil, 0, 0, leastPause},
		{"UntilTheSlot", 3600, in(20 * time.Minute), 0, 0, 20 * time.Minute},
		{"UntilTheSlotThatPollAfterRoundsDown", 59, in(59*time.Second + 700*time.Millisecond), 0, 0, 59*time.Second + 700*time.Millisecond},
		{"ASlotThatIsNow", 3600, in(time.Millisecond), 0, 0, time.Second},
		{"ASlotThatHasPassed", 3600, in(-time.Second), 0, 0, time.Hour},
		{"ALaterSlot", 3600, in(3 * time.Hour), 0, 0, time.Hour},
		{"Failed", 3600, nil, 1, 0, 30 * time.Second},
		{"FailedAgain", 3600, nil, 4, 0, 4 * time.Minute},
		{"FailedForLong", 3600, nil, 1 << 20, 0, mostRetry},
		{"FailedBeforeTheSlot", 3600, in(time.Minute), 9, 0, time.Minute},
		{"AskedToStayAway", 3600, in(time.Minute), 1, time.Hour, time.Hour},
		{"AskedToStayAwayForever", 3600, nil, 1, 1 << 60, mostPause},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &round{answer: &api.CheckInAnswer{PollAfter: tt.poll, NextSlot: tt.slot, Time: noon}, after: tt.after}
			l := &life{t: &terminal{random: constant(0)}}
			if got, err := l.pause(r, tt.failures); err != nil || got != tt.want {
				t.Errorf("it waits for %s, want %s (%v)", got, tt.want, err)
			}
			l.t.random = rand.NewChaCha8([32]byte{2})
			less := tt.want / 10
			if tt.failures > 0 {
				less = tt.want / 2
			}
			if got, err := l.pause(r, tt.failures); err != nil || got > tt.want || got < tt.want-less {
				t.Errorf("with jitter it waits for %s, want at most %s (%v)", got, tt.want, err)
			}
		})
	}
	if _, err := (&life{t: &terminal{random: bytes.NewReader(nil)}}).pause(&round{answer: &api.CheckInAnswer{PollAfter: 60}}, 0); !errors.Is(err, io.EOF) {
		t.Errorf("without chance: %v", err)
	}
}
