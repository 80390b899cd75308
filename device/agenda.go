package device

import (
	"time"

	"zapas/device/internal/state"
	"zapas/shared/api"
)

// conditions are those of the phone; nil: it does not know. What the profile wants of them and is not so, check-in answers as
// Waiting.
func (d *Device) conditions() *api.DeviceConditions {
	if d.config.Conditions == nil {
		return nil
	}
	c := d.config.Conditions()
	return &api.DeviceConditions{Unmetered: c.Unmetered, Charging: c.Charging, Battery: c.Battery}
}

// Own is what to do when the service cannot be asked: whether, by what it said last, a backup is due now, for which profile,
// and for what it waits first. However many moments have passed meanwhile, one backup serves them all.
func (d *Device) Own() (p api.DeviceProfile, due bool, waiting []api.Waiting, err error) {
	a, err := d.dir.Agenda()
	if err != nil || d.id.Device == "" {
		return p, false, nil, err
	}
	now := d.client.Time()
	for _, one := range a.Planned {
		if !one.Start.After(now) && one.Slot.After(a.Begun) {
			d.slot, due = one.Slot, true
		}
	}
	if are := d.conditions(); due && are != nil {
		waiting = unmet(a.Profile.Conditions, *are)
	}
	return a.Profile, due, waiting, nil
}

// unmet is what check-in answers as Waiting.
func unmet(want api.Conditions, are api.DeviceConditions) (waiting []api.Waiting) {
	if want.Unmetered != nil && *want.Unmetered && !are.Unmetered {
		waiting = append(waiting, api.WaitingUnmetered)
	}
	if want.Charging != nil && *want.Charging && !are.Charging {
		waiting = append(waiting, api.WaitingCharging)
	}
	if want.Battery != nil && are.Battery < *want.Battery {
		waiting = append(waiting, api.WaitingBattery)
	}
	return waiting
}

// remember keeps what a check-in has said of backups to come.
func (d *Device) remember(out api.CheckInAnswer) error {
	old, err := d.dir.Agenda()
	if err != nil {
		return err
	}
	a := state.Agenda{Begun: old.Begun}
	d.slot = time.Time{}
	if out.Profile != nil && out.Why != api.CheckInAnswerWhyUnconfirmed && out.Why != api.CheckInAnswerWhyAppTooOld {
		a.Profile, a.Planned = *out.Profile, out.Agenda
		if out.Due && out.Slot != nil {
			d.slot = *out.Slot
			one := api.Planned{Slot: d.slot, Start: d.slot}
			if out.NotBefore != nil {
				one.Start = *out.NotBefore
			}
			a.Planned = append([]api.Planned{one}, a.Planned...)
		}
	}
	return d.dir.PutAgenda(a)
}

// serving is the moment of the schedule that a session serves, as it is begun with.
func (d *Device) serving() *time.Time {
	if d.slot.IsZero() {
		return nil
	}
	return &d.slot
}

// served notes that a backup began: what was due until now is served.
func (d *Device) served() error {
	a, err := d.dir.Agenda()
	if err != nil {
		return err
	}
	a.Begun = d.client.Time()
	if d.slot.After(a.Begun) {
		a.Begun = d.slot
	}
	return d.dir.PutAgenda(a)
}
