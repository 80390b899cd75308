package main

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"zapas/shared/api"
)

// nightly is an answer to a phone that is due, with what else it says.
func nightly(change func(a *api.CheckInAnswer)) reply {
	slot := noon.Add(-time.Hour)
	a := api.CheckInAnswer{Due: true, Why: api.CheckInAnswerWhySlot, Slot: &slot, PollAfter: 3600, Time: noon, Profile: &api.DeviceProfile{Name: "Nightly"}}
	change(&a)
	return reply{http.StatusOK, "", a}
}

// TestRun_Waits: a backup that is due waits for its moment and for what its profile wants, and says so in a line; it is not
// even begun.
func TestRun_Waits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		says  reply
		want  string // contained in the line that tells
		until time.Duration
	}{
		{"ItsMoment", nightly(func(a *api.CheckInAnswer) { a.NotBefore = new(noon.Add(17 * time.Minute)) }), ", when the profile lets this phone start", 17 * time.Minute},
		{"OneCondition", nightly(func(a *api.CheckInAnswer) { a.Waiting = []api.Waiting{api.WaitingCharging} }), "waiting for a charger", 0},
		{"AllConditions", nightly(func(a *api.CheckInAnswer) {
			a.Waiting = []api.Waiting{api.WaitingUnmetered, api.WaitingCharging, api.WaitingBattery}
		}), "waiting for a network that costs nothing by volume, a charger and a fuller battery", 0},
		{"OrderedOnAMeteredNetwork", nightly(func(a *api.CheckInAnswer) {
			a.Why, a.Waiting = api.CheckInAnswerWhyOrder, []api.Waiting{api.WaitingUnmetered}
		}), "waiting for leave to use a network that costs by volume", 0},
		{"TooOld", nightly(func(a *api.CheckInAnswer) {
			a.Due, a.Why, a.OldestApp = false, api.CheckInAnswerWhyAppTooOld, new("2.10")
		}),
			"checked in: not with this app; the organisation wants 2.10 or a newer one", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, out, errs, waits := lived(t, says{tt.says}, 1, func(*running, *terminal) {})
			if code != exitOK || errs != "" || !strings.Contains(out, tt.want) || strings.Contains(out, "failed") || strings.Contains(out, "backed up") {
				t.Errorf("exit code %d, %q:\n%s", code, errs, out)
			}
			if tt.until > 0 && waits[0] != tt.until {
				t.Errorf("it waits for %v, want %s", waits, tt.until)
			}
		})
	}
}

// TestRun_Conditions: what the flags say is what check-ins tell.
func TestRun_Conditions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		is   conditions
		want string
	}{
		{conditions{Battery: 100}, `"conditions":{"battery":100,"charging":true,"unmetered":true}`},
		{conditions{Metered: true, NotCharging: true, Battery: 20}, `"conditions":{"battery":20,"charging":false,"unmetered":false}`},
	} {
		var told []string
		lived(t, says{idle()}, 1, func(c *running, term *terminal) {
			c.conditions = tt.is
			term.transport = heard{term.transport, &told}
		})
		if !slices.ContainsFunc(told, func(body string) bool { return strings.Contains(body, tt.want) }) {
			t.Errorf("it told %q, want %s", told, tt.want)
		}
	}
	for text, want := range map[string]bool{"0": true, "100": true, "101": false, "-1": false, "": false, "full": false} {
		if err := new(percent).UnmarshalText([]byte(text)); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestRun_Alone: a phone that cannot reach the service goes by what it was told last, when the time comes and not before,
// and heeds conditions by itself. A refusal is no reason to.
func TestRun_Alone(t *testing.T) {
	t.Parallel()
	knows := func(c api.Conditions) reply {
		r := idle()
		a := r.body.(api.CheckInAnswer)
		a.Profile.Conditions = c
		a.Agenda = []api.Planned{{Slot: noon.Add(time.Minute), Start: noon.Add(5 * time.Minute)}, {Slot: noon.Add(48 * time.Hour), Start: noon.Add(48 * time.Hour)}}
		r.body = a
		return r
	}
	const begins, waits = `a backup is due for profile "Nightly", by this phone's own copy of the schedule`, "waiting for a charger"
	for _, tt := range []struct {
		name  string
		is    conditions
		then  reply
		after int // waits until it is
		want  string
	}{
		{"Unreachable", conditions{Battery: 100}, refusal(http.StatusServiceUnavailable, "", "unavailable", "No."), 40, begins},
		{"NotBeforeItsTime", conditions{Battery: 100}, refusal(http.StatusServiceUnavailable, "", "unavailable", "No."), 3, ""},
		{"Conditions", conditions{Battery: 100, NotCharging: true}, refusal(http.StatusServiceUnavailable, "", "unavailable", "No."), 40, waits},
		{"Refused", conditions{Battery: 100}, refusal(http.StatusForbidden, "", "device_retired", "Retired."), 40, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, out, _, _ := lived(t, says{knows(api.Conditions{Charging: new(true)}), tt.then}, tt.after, func(c *running, _ *terminal) { c.conditions = tt.is })
			for _, line := range []string{begins, waits} {
				if strings.Contains(out, line) != (line == tt.want) {
					t.Errorf("want %q:\n%s", tt.want, out)
				}
			}
		})
	}
}

// heard keeps what is sent to check in.
type heard struct {
	http.RoundTripper
	bodies *[]string
}

func (h heard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.GetBody != nil {
		b, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		var text strings.Builder
		if _, err := io.Copy(&text, b); err != nil {
			return nil, err
		}
		*h.bodies = append(*h.bodies, text.String())
	}
	return h.RoundTripper.RoundTrip(req)
}
