package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"zapas/device"
	"zapas/shared/api"
)

// conditions are how things are with this phone; what its profile wants of them and is not so, a backup waits for.
type conditions struct {
	Metered     bool    `help:"The phone's network costs by volume, as a mobile one does."`
	NotCharging bool    `help:"The phone is on its battery."`
	Battery     percent `help:"How full its battery is." default:"100" placeholder:"PERCENT"`
}

// are is how things are.
func (c *conditions) are() device.Conditions {
	return device.Conditions{Unmetered: !c.Metered, Charging: !c.NotCharging, Battery: int(c.Battery)}
}

type percent int

func (p *percent) UnmarshalText(b []byte) error {
	n, err := strconv.Atoi(string(b))
	if err != nil || n < 0 || n > 100 {
		return fmt.Errorf("%q must be 0 to 100 per cent", b)
	}
	*p = percent(n)
	return nil
}

// awaited is for what a backup that check-in asks for, or that was begun, waits; "" when it need not.
func awaited(a api.CheckInAnswer) string {
	if a.NotBefore != nil && a.NotBefore.After(a.Time) {
		return a.NotBefore.Local().Format("2006-01-02 15:04") + ", when the profile lets this phone start"
	}
	if a.Why == api.CheckInAnswerWhyOrder && len(a.Waiting) > 0 {
		return "leave to use a network that costs by volume: zapas-device backup, run by hand, is that"
	}
	return things(a.Waiting)
}

// things names conditions.
func things(waiting []api.Waiting) string {
	names := map[api.Waiting]string{api.WaitingUnmetered: "a network that costs nothing by volume", api.WaitingCharging: "a charger", api.WaitingBattery: "a fuller battery"}
	var all []string
	for _, w := range waiting {
		all = append(all, names[w])
	}
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

// until is how long a backup that is due waits for its moment; false when it does not.
func until(a api.CheckInAnswer) (time.Duration, bool) {
	if a.NotBefore == nil || !a.NotBefore.After(a.Time) {
		return 0, false
	}
	return a.NotBefore.Sub(a.Time), true
}
