package bus_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin"
	"zapas/localstack/standin/standintest"
	"zapas/shared/aws/bus"
	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fault"
)

func open(t *testing.T) (*standintest.Stack, bus.Bus) {
	t.Helper()
	s := standintest.New(t)
	if err := s.EventBridge.CreateBus("zapas"); err != nil {
		t.Fatal(err)
	}
	return s, bus.New(s.Config(), "zapas")
}

// some are n events whose tenant is so long.
func some(n, tenant int) (all []event.Event) {
	for i := range n {
		s := event.Subject{Tenant: strings.Repeat("t", tenant), Device: caller.DeviceID(fmt.Sprint("d", i)), User: "u"}
		all = append(all, event.Enrolled(s, time.UnixMilli(1_700_000_000_000)))
	}
	return all
}

// taken are the ids of what the bus has, in order.
func taken(t *testing.T, s *standintest.Stack) (ids []string) {
	t.Helper()
	for _, text := range s.EventBridge.Seen.Events() {
		var e struct {
			Source, Time string
			Type         string `json:"detail-type"`
			Detail       event.Event
		}
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		if e.Source != "zapas" || e.Type != string(e.Detail.Type) || e.Time != e.Detail.Time.Format(time.RFC3339) {
			t.Errorf("around the event stands something else than in it: %s", text)
		}
		ids = append(ids, e.Detail.ID)
	}
	return ids
}

func idsOf(events []event.Event) (ids []string) {
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

// TestAnnounce: everything arrives once and in order, in as few calls as may be.
func TestAnnounce(t *testing.T) {
	t.Parallel()
	text, err := some(1, 0)[0].JSON()
	if err != nil {
		t.Fatal(err)
	}
	around := 14 + len("zapas") + len(event.DeviceEnrolled) + len(text) // bytes of an entry, but for its tenant
	for name, c := range map[string]struct{ events, tenant, calls int }{
		"None": {0, 1, 0}, "One": {1, 1, 1}, "Ten": {10, 1, 1}, "Eleven": {11, 1, 2}, "Twenty": {20, 1, 2},
		"TwoThatFill": {2, 128<<10 - around, 1}, "TwoTooLarge": {2, 128<<10 - around + 1, 2}, "EachFills": {3, 256<<10 - around, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b := open(t)
			calls := 0
			s.Strike(func(standin.Call) standin.Fault { calls++; return standin.None })
			events := some(c.events, c.tenant)
			if left, err := b.Announce(t.Context(), events...); err != nil || left != nil {
				t.Fatalf("%d are left: %v", len(left), err)
			}
			if d := cmp.Diff(idsOf(events), taken(t, s)); d != "" {
				t.Error(d)
			}
			if calls != c.calls {
				t.Errorf("it took %d calls, want %d", calls, c.calls)
			}
		})
	}
}

// TestFaults: what is left is what the bus has not surely taken, and it is what is announced again.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault standin.Fault
		taken int
	}{"Before": {standin.Before, 10}, "After": {standin.After, 20}, "Throttled": {standin.Throttled, 10}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b := open(t)
			calls := 0
			s.Strike(func(standin.Call) standin.Fault {
				if calls++; calls == 2 {
					return c.fault
				}
				return standin.None
			})
			events := some(25, 1)
			left, err := b.Announce(t.Context(), events...)
			if !fault.Is(err, fault.Unavailable) {
				t.Errorf("it fails otherwise: %v", err)
			}
			if d := cmp.Diff(idsOf(events[10:]), idsOf(left)); d != "" {
				t.Error(d)
			}
			if n := len(taken(t, s)); n != c.taken || calls != 2 {
				t.Errorf("%d were taken in %d calls", n, calls)
			}
			if left, err := b.Announce(t.Context(), left...); err != nil || left != nil {
				t.Errorf("again, %d are left: %v", len(left), err)
			}
		})
	}
}

// refusing has the bus refuse some entries of each call.
type refusing struct {
	next http.RoundTripper
	code map[int]string // by the place of the entry
}

func (r refusing) RoundTrip(q *http.Request) (*http.Response, error) {
	answer, err := r.next.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	var out struct {
		FailedEntryCount int
		Entries          []map[string]string
	}
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil {
		return nil, err
	}
	for i, code := range r.code {
		out.FailedEntryCount++
		out.Entries[i] = map[string]string{"ErrorCode": code, "ErrorMessage": "no"}
	}
	text, err := json.Marshal(out)
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	answer.Header.Del("Content-Length")
	return answer, err
}

// TestEntryRefused: an entry fails by itself.
func TestEntryRefused(t *testing.T) {
	t.Parallel()
	for code, kind := range map[string]fault.Kind{"ThrottlingException": fault.Unavailable, "InternalFailure": fault.Unavailable, "MalformedDetail": fault.Internal} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s, _ := open(t)
			cfg := s.Config()
			cfg.HTTPClient = &http.Client{Transport: refusing{s.Client().Transport, map[int]string{1: code, 3: code}}}
			events := some(5, 1)
			left, err := bus.New(cfg, "zapas").Announce(t.Context(), events...)
			if !fault.Is(err, kind) || !strings.Contains(err.Error(), code) {
				t.Errorf("it fails otherwise: %v", err)
			}
			if d := cmp.Diff([]string{events[1].ID, events[3].ID}, idsOf(left)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestNoSuchBus: that is no failure that passes.
func TestNoSuchBus(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	left, err := bus.New(s.Config(), "another").Announce(t.Context(), some(1, 1)...)
	if len(left) != 1 || !fault.Is(err, fault.Internal) || err == nil {
		t.Errorf("%d are left: %v", len(left), err)
	}
	var none aws.Config
	if _, err := bus.New(none, "zapas").Announce(t.Context()); err != nil {
		t.Errorf("to announce nothing takes a call: %v", err)
	}
}
