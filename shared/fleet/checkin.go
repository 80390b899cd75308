package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/profile"
)

// Why says why a device should or should not back up now.
type Why string

const (
	NoProfile    Why = "no_profile" // no profile governs it
	First        Why = "first"      // it has never run for this profile
	SlotPassed   Why = "slot"       // the profile's last slot is newer than its last run
	NotDue       Why = "not_due"
	NotConfirmed Why = "unconfirmed" // its user has yet to confirm it on my card
	TooOld       Why = "app_too_old" // the organisation wants a newer app
	Ordered      Why = "order"       // somebody wants it now, whatever the schedule says
)

const (
	pollMost     = time.Hour     // an order or a restore is seen after this, and a tenth more, at the latest
	pollLeast    = time.Minute   //
	seenAgain    = 4 * time.Hour // a check-in that tells nothing new is noted when the last one that was is so old
	planned      = 24            // slots that a device knows ahead
	maxVersion   = 32            // characters
	maxPushToken = 512           // bytes
)

// Conditions of a profile that a device may wait for.
const (
	WaitUnmetered = "unmetered"
	WaitCharging  = "charging"
	WaitBattery   = "battery"
)

// Report is what a device says of itself when it checks in. What it leaves out stays as it was.
type Report struct {
	AppVersion string
	Platform   string            // "": as before
	Coverage   map[string]string // nil: as before
	Conditions *Conditions       // nil: it does not know
	PushToken  string            // "": as before
}

// Answer is what a device that checks in should do.
type Answer struct {
	Standing
	Waiting   []string // conditions that are not met; what is due waits for them
	Order     *Order   // that is open
	OldestApp string   // "": any
	Agenda    []profile.Planned
	PollAfter time.Duration
	Time      time.Time
}

// CheckIn answers what a device should do, and notes that it is there. One that has nothing new to say and was noted
// lately costs no write.
func (f *Fleet) CheckIn(ctx context.Context, who caller.Caller, r Report) (Answer, error) {
	if err := r.check(); err != nil {
		return Answer{}, err
	}
	s, err := f.Statuses.Status(ctx, who.Device)
	if err != nil {
		return Answer{}, err
	}
	all, err := f.Profiles.Set(ctx)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Time: f.now()}
	p, _, governed := all.Governing(s.Explicit, s.Group)
	if governed {
		slot, err := f.Profiles.Slot(ctx, p.ID)
		if err != nil {
			return Answer{}, err
		}
		all, a.Agenda = all.Ticked(p.ID, slot), p.Agenda(a.Time, planned, who.Device)
	}
	if a.OldestApp, err = f.OldestApp(ctx); err != nil {
		return Answer{}, err
	}
	a.Standing = Assess(s, all, a.Time)
	if a.Order, err = f.Orders.Delivered(ctx, s.Order); err != nil {
		return Answer{}, err
	}
	a.Waiting = unmet(a.Profile.Conditions, r.Conditions)
	a.poll(who.Device, p)
	c := s.Placed(a.Standing, a.Time)
	a.decide(who.Unconfirmed, r.AppVersion)
	if seen, news := s.seen(r, a); news || !c.Empty() || !a.Time.Before(s.Seen.At.Add(seenAgain)) {
		c.Seen = &seen
	}
	if r.Platform != "" && r.Platform != s.Platform {
		c.Platform = &r.Platform
	}
	if c.Empty() {
		return a, nil
	}
	// If we die on this line, the device checks in again.
	_, err = f.Statuses.Note(ctx, who.Device, c)
	return a, err
}

// decide is what goes before the schedule. Without a profile nobody knows what to back up, nor where to.
func (a *Answer) decide(unconfirmed bool, version string) {
	switch {
	case unconfirmed:
		a.Due, a.Why = false, NotConfirmed
	case a.Governs == "":
	case older(version, a.OldestApp):
		a.Due, a.Why = false, TooOld
	case a.Order != nil:
		a.Due, a.Why, a.NotBefore = true, Ordered, time.Time{}
		a.Waiting = slices.DeleteFunc(a.Waiting, func(w string) bool { return w != WaitUnmetered }) // it asks before it costs something
	}
	if !a.Due || !a.NotBefore.After(a.Time) {
		a.NotBefore = time.Time{}
	}
}

// poll is when the device should ask again: when it may start, or as soon as an order must be seen, and up to a tenth
// later, so that devices which all ask at one moment do not do so for ever. p is nil when nothing governs the device.
func (a *Answer) poll(device caller.DeviceID, p *profile.Plan) {
	after, starts := pollMost, []time.Time{a.NotBefore}
	if p != nil && !a.Next.IsZero() {
		starts = append(starts, p.Start(a.Next, device))
	}
	for _, start := range starts {
		if until := start.Sub(a.Time); until > 0 {
			after = min(after, until)
		}
	}
	after = max(after, pollLeast)
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", device, a.Slot.Unix()))
	a.PollAfter = after + time.Duration(uint64(after/10)*uint64(binary.BigEndian.Uint32(sum[:4]))>>32)
}

// seen is what a check-in leaves, and whether there is news in it. How the device's conditions have changed is none by itself,
// and is written with the next note, four hours later at the latest: a phone is plugged in and out, and leaves its network,
// many times a day. It is news when it begins or ends what a backup that is due waits for.
func (s Status) seen(r Report, a Answer) (Seen, bool) {
	now := Seen{At: a.Time, AppVersion: r.AppVersion, Coverage: r.Coverage, Conditions: r.Conditions, PushToken: r.PushToken}
	if a.Due {
		now.Waiting = a.Waiting
	}
	if now.Coverage == nil {
		now.Coverage = s.Seen.Coverage
	}
	if now.PushToken == "" {
		now.PushToken = s.Seen.PushToken
	}
	same := now.AppVersion == s.Seen.AppVersion && now.PushToken == s.Seen.PushToken && maps.Equal(now.Coverage, s.Seen.Coverage) &&
		slices.Equal(now.Waiting, s.Seen.Waiting)
	return now, !same
}

// unmet are the conditions that are wanted and not met. A device that does not say how things are is not held to them.
func unmet(want profile.Conditions, are *Conditions) (waiting []string) {
	if are == nil {
		return nil
	}
	if want.Unmetered && !are.Unmetered {
		waiting = append(waiting, WaitUnmetered)
	}
	if want.Charging && !are.Charging {
		waiting = append(waiting, WaitCharging)
	}
	if are.Battery < want.Battery {
		waiting = append(waiting, WaitBattery)
	}
	return waiting
}

// older compares versions part by part, as numbers: 1.9 is older than 1.10. What follows the digits of a part does not
// count; a part that is missing is 0. Nothing is older than "".
func older(version, oldest string) bool {
	if oldest == "" {
		return false
	}
	a, b := strings.Split(version, "."), strings.Split(oldest, ".")
	part := func(all []string, i int) (n uint64) {
		if i < len(all) {
			digits := strings.IndexFunc(all[i]+" ", func(r rune) bool { return r < '0' || r > '9' })
			n, _ = strconv.ParseUint(all[i][:digits], 10, 64) // the largest number, where there are too many
		}
		return n
	}
	for i := range max(len(a), len(b)) {
		if x, y := part(a, i), part(b, i); x != y {
			return x < y
		}
	}
	return false
}

func (r Report) check() error {
	var f []fault.Field
	add := func(pointer, detail string) {
		f = append(f, fault.Field{Pointer: pointer, Code: "invalid", Detail: detail})
	}
	if n := len(r.AppVersion); n < 1 || n > maxVersion || strings.ContainsFunc(r.AppVersion, misleads) {
		add("/appVersion", "it must have 1 to 32 characters, and no control characters")
	}
	if r.Platform != "" && !platform(r.Platform) {
		add("/platform", "it must be android or ios")
	}
	for element, how := range r.Coverage {
		if !slices.Contains(profile.Elements(), element) || !slices.Contains([]string{"full", "limited", "denied", "unavailable"}, how) {
			add("/coverage", "it names an element or a coverage that there is not")
			break
		}
	}
	if r.Conditions != nil && (r.Conditions.Battery < 0 || r.Conditions.Battery > 100) {
		add("/conditions/battery", "it must be 0 to 100 per cent")
	}
	if len(r.PushToken) > maxPushToken || strings.ContainsFunc(r.PushToken, func(c rune) bool { return c < '!' || c > '~' }) {
		add("/pushToken", "it must have at most 512 characters of ASCII, and no spaces")
	}
	return fault.Fields(f)
}

func platform(name string) bool { return name == "android" || name == "ios" }
