package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fault"
)

// Bus is where is told what has happened.
type Bus interface {
	// Announce hands events over. left are those that the bus has not surely taken, and err says why there are some. It is
	// safe to repeat: an event has the same id each time.
	Announce(ctx context.Context, events ...event.Event) (left []event.Event, err error)
}

// Announcer tells the world what has happened to devices: each event at least once, under one id, whatever becomes of the bus
// and of us. An event that may not have been told waits in its device's Status until the watch tells it. Two rules see to that:
//
//   - What a device does is announced first, then noted. Who dies in between is asked again by the device, and announces the
//     same again. What the bus does not take waits by that same note, so that nothing that a device does fails for it.
//   - What people do is noted with its event in one write, then announced, then taken out. Who dies leaves it to the watch.
type Announcer struct {
	Bus      Bus
	Statuses Statuses
	Tenant   string
	Now      func() time.Time
	Left     func(ctx context.Context, device caller.DeviceID, why error) // hears why an event waits, or is lost
}

const (
	ownTurn  = 5 * time.Minute // so long the watch leaves an event to who has noted it
	patience = 3 * time.Second // with the bus, of the time that a request has
)

// of is whom an event of a device's backups is about.
func (a Announcer) of(s Status) event.Subject {
	return event.Subject{Tenant: a.Tenant, Device: s.Device, User: s.Owner, Profile: string(s.Governs.Profile)}
}

// whose is whom an event of the device itself is about.
func (a Announcer) whose(d Device) event.Subject {
	return event.Subject{Tenant: a.Tenant, Device: d.ID, User: d.Owner}
}

// did announces what a device did, before c is noted, and has c keep what the bus has not surely taken.
func (a Announcer) did(ctx context.Context, s Status, c *Change, events ...event.Event) {
	if len(events) == 0 {
		return
	}
	left, err := a.announce(ctx, events)
	if room := max(MaxTell-len(s.Tell), 0); len(left) > room {
		err = errors.Join(err, fmt.Errorf("%d events are lost: %d others wait already", len(left)-room, len(s.Tell)))
		left = left[:room]
	}
	if len(left) > 0 {
		c.Tell, c.Look = texts(left), &Look{At: moment(a.Now)}
	}
	if err != nil {
		a.Left(ctx, s.Device, err)
	}
}

// Happened is did for what is recorded elsewhere, such as a restore's end: what the bus does not take is noted by itself. A
// device that is not known, "", has nothing to note it with: then the event is lost if the bus does not take it.
func (a Announcer) Happened(ctx context.Context, device caller.DeviceID, events ...event.Event) error {
	left, err := a.announce(ctx, events)
	if err != nil {
		a.Left(ctx, device, err)
	}
	if len(left) == 0 || device == "" {
		return nil
	}
	_, err = a.Statuses.Note(ctx, device, Change{Tell: texts(left), Look: &Look{At: moment(a.Now)}})
	return err
}

// Keep is what a write of what people did at a time notes of their device, so that the events of it are told by the watch, if
// not by who has noted them.
func Keep(at time.Time, events ...event.Event) Change {
	return Change{Tell: texts(events), Look: &Look{At: at.Add(ownTurn)}}
}

// Kept announces events that a write has kept, then takes them out, and puts the device back among those that are overdue if
// it was there: who orders all of them must find it. What of that fails is left to the watch.
func (a Announcer) Kept(ctx context.Context, device caller.DeviceID, events ...event.Event) {
	left, err := a.announce(ctx, events)
	told := slices.DeleteFunc(slices.Clone(events), func(e event.Event) bool {
		return slices.ContainsFunc(left, func(l event.Event) bool { return l.ID == e.ID })
	})
	if len(told) > 0 {
		s, noted := a.Statuses.Note(ctx, device, Change{Told: texts(told)})
		if noted == nil && len(s.Tell) == 0 && s.Trust != Retired && s.late() && s.Governs.Profile != "" && s.Look.Overdue == "" {
			_, noted = a.Statuses.Note(ctx, device, Change{Look: &Look{At: s.Overdue.Since, Overdue: s.Governs.Profile}, Rev: &s.Rev})
		}
		if !fault.Is(noted, fault.Conflict) { // else what was written meanwhile says where it is
			err = errors.Join(err, noted)
		}
	}
	if err != nil {
		a.Left(ctx, device, err)
	}
}

// Again announces what waits in a device's Status, and answers what need wait no longer: what the bus has surely taken, and
// what nobody can read.
func (a Announcer) Again(ctx context.Context, s Status) (told []string, err error) {
	waiting := map[string]string{} // id -> as it stands there
	var events []event.Event
	for _, text := range s.Tell {
		var e event.Event
		if err := json.Unmarshal([]byte(text), &e); err != nil || e.ID == "" {
			a.Left(ctx, s.Device, fmt.Errorf("an event is lost: what waits is none: %w", err))
			told = append(told, text)
			continue
		}
		if _, twice := waiting[e.ID]; twice {
			told = append(told, text)
			continue
		}
		waiting[e.ID], events = text, append(events, e)
	}
	left, err := a.announce(ctx, events)
	for _, e := range left {
		delete(waiting, e.ID)
	}
	for _, text := range s.Tell {
		var e event.Event
		if json.Unmarshal([]byte(text), &e) == nil && waiting[e.ID] == text {
			told = append(told, text)
		}
	}
	return told, err
}

// announce leaves time for what comes after it, whatever the bus does.
func (a Announcer) announce(ctx context.Context, events []event.Event) (left []event.Event, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return a.Bus.Announce(ctx, events...)
}

// texts are events as they wait.
func texts(events []event.Event) []string {
	all := make([]string, 0, len(events))
	for _, e := range events {
		if b, err := e.JSON(); err == nil { // text and times, which JSON always has
			all = append(all, string(b))
		}
	}
	return all
}
