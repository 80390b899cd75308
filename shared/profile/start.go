package profile

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// Start is when a device starts the backup that fell due at a slot: spread over the window by the device's id, the same
// at every slot, and never in quiet hours: they do not count, so that the window goes on at their end, and begins there when
// the slot lies in them. A window that would then not end before the next slot is as much narrower, so that a device serves
// each slot before the next one comes.
func (p Profile) Start(slot time.Time, device caller.DeviceID) time.Time {
	plan := p.Plan()
	return plan.Start(slot, device)
}

// offset is how long after a slot a device starts.
func (p Profile) offset(device caller.DeviceID) time.Duration {
	if p.Window <= 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(device))
	return time.Duration(binary.BigEndian.Uint64(sum[:8])%(uint64(p.Window)*60)) * time.Second
}

// Runs are the next n moments after t at which backups begin to start, in the schedule's zone: the slots, but those in
// quiet hours at their end, where several become one.
func (p Profile) Runs(t time.Time, n int) (runs []time.Time) {
	zone, err := p.Schedule.zone()
	if err != nil {
		return nil
	}
	if last := p.Schedule.Last(t); !last.IsZero() {
		if run := p.QuietHours.after(last, zone); run.After(t) && n > 0 {
			runs = append(runs, run)
			t = run
		}
	}
	for len(runs) < n {
		next := p.Schedule.Next(t, 1)
		if len(next) == 0 {
			break
		}
		t = p.QuietHours.after(next[0], zone)
		runs = append(runs, t)
	}
	return runs
}

// Notes say what is lawful and may still not be meant.
func (p Profile) Notes() (f []fault.Field) {
	due, err := p.Schedule.times()
	from, length := p.QuietHours.span()
	if err != nil || length == 0 {
		return nil
	}
	within, all := 0, due.ofDay()
	for _, m := range all {
		if into := (m - from + minutesOfDay) % minutesOfDay; into+p.Window < length {
			within++
		}
	}
	if within > 0 {
		f = append(f, fault.Field{Pointer: "/quietHours", Code: "window_within",
			Detail: fmt.Sprintf("%d of the %d windows of a day lie wholly within the quiet hours; the devices start after their end, %s",
				within, len(all), p.QuietHours.To)})
	}
	return f
}
