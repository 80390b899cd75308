// Package simulate plays a fleet of devices by the day, in a time of its own: the rules of shared/fleet and shared/profile
// are the real ones, rows are kept in memory and billed as the tables would bill them, and an oracle judges what becomes of
// every backup that falls due. It knows nothing of HTTP, of vaults, nor of what is in a backup.
package simulate_test

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"zapas/shared/fleet"
	"zapas/shared/profile"
)

var (
	devices = flag.String("devices", "300", "play fleets of so many devices, as 1000,10000,100000: the last is looked at closely")
	days    = flag.Int("days", 5, "for so many days")
	seed    = flag.Uint64("seed", 1, "another one is another fleet")
	write   = flag.String("write", "", "put what comes of it into this file")
)

// TestFleet: every backup that falls due happens once, or is reported as overdue once; starts are spread over the window; a
// device-day costs the same in every fleet; no key and no shard takes more than a partition does.
func TestFleet(t *testing.T) {
	t.Parallel()
	var played []*world
	for size := range strings.SplitSeq(*devices, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 || *days < 1 {
			t.Fatalf("-devices %s -days %d: say how many devices, for how many days", *devices, *days)
		}
		began := time.Now()
		w := config{devices: n, days: *days, seed: *seed}.world()
		w.play()
		w.judge()
		if len(played) > 0 {
			w.alike(played[len(played)-1])
		}
		fmt.Printf("%d devices for %d days: played in %s\n", n, *days, time.Since(began).Round(time.Second))
		for what, n := range w.counts.wrong {
			t.Errorf("%s: %d, the first of them: %s", what, n, w.counts.first[what])
		}
		played = append(played, w)
		if len(played) > 1 {
			played[len(played)-2].parts, played[len(played)-2].where = nil, nil // it was judged
		}
		table := report(played)
		fmt.Print(table)
		if *write != "" {
			if err := os.WriteFile(*write, []byte(scaling(table, w)), 0o644); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestSkipping: a play in which quiet check-ins are skipped, and rows that are what they were, comes to the same as one in
// which nothing is, row by row and unit by unit; and so do plays by one thread and by three.
func TestSkipping(t *testing.T) {
	t.Parallel()
	c := config{devices: 120, days: 4, seed: 7, threads: 1}
	w, exact := c.world(), c
	exact.exact, exact.threads = true, 3
	o := exact.world()
	w.play()
	o.play()
	if err := w.sameAs(o); err != nil {
		t.Error(err)
	}
	if w.counts.skipped < w.counts.polls/4 || o.counts.skipped != 0 || o.counts.audited < w.counts.skipped {
		t.Errorf("%d and %d of %d were skipped: this shows nothing", w.counts.skipped, o.counts.skipped, w.counts.polls)
	}
	for what := range o.counts.wrong {
		t.Errorf("%s: %s", what, o.counts.first[what])
	}
}

// TestPlanted: each check sees the fault that it is for.
func TestPlanted(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		plant plant
		want  string
	}{
		"ASlotIsLost": {plant{profiles: func(p profile.Profile) profile.Profile {
			if p.Name == "everyone" {
				p.Schedule = profile.Schedule{Kind: profile.Weekly, At: "02:30", Zone: p.Schedule.Zone, Days: []string{"mon", "tue", "thu", "fri", "sat", "sun"}}
			}
			return p
		}}, notReported},
		"TheZoneIsAnother": {plant{profiles: func(p profile.Profile) profile.Profile {
			if p.Name == "field" {
				p.Schedule.Zone = "UTC"
			}
			return p
		}}, ranTwice},
		"AllStartAtOnce": {plant{profiles: func(p profile.Profile) profile.Profile {
			p.Window = 0
			return p
		}}, bunched},
		"TheWindowIsWider": {plant{profiles: func(p profile.Profile) profile.Profile {
			p.Window *= 2
			return p
		}}, slipped},
		"ARunIsNotNoted": {plant{change: func(c fleet.Change) fleet.Change {
			c.Run = nil
			return c
		}}, ranTwice},
		"GivingUpIsNotNoted": {plant{change: func(c fleet.Change) fleet.Change {
			c.Failed = nil
			return c
		}}, notAgain},
		"ItIsTriedAgainAtOnce": {plant{change: func(c fleet.Change) fleet.Change {
			if c.Failed != nil {
				c.Failed = &fleet.Failed{At: c.Failed.At.Add(-time.Hour), Session: c.Failed.Session}
			}
			return c
		}}, ranTwice},
		"OverdueIsNotNoted": {plant{change: func(c fleet.Change) fleet.Change {
			if c.Overdue != nil && !c.Overdue.Slot.IsZero() {
				c.Overdue, c.Look = nil, nil
			}
			return c
		}}, toldTwice},
		"ABackupIsNotNoted": {plant{change: func(c fleet.Change) fleet.Change {
			if c.Stored != nil && c.Stored.Seq%5 == 0 {
				c.Stored, c.Look, c.Overdue = nil, nil, nil
			}
			return c
		}}, falseReport},
		"TheIndexIsWrong": {plant{change: func(c fleet.Change) fleet.Change {
			if c.Look != nil && c.Look.Overdue == "" {
				c.Look = &fleet.Look{At: c.Look.At.Add(26 * time.Hour)}
			}
			return c
		}}, notReported},
		"AnEventIsLost": {plant{silent: true}, notReported},
		"AllInOneShard": {plant{alike: true}, uneven},
		"RecoveryIsMissed": {plant{change: func(c fleet.Change) fleet.Change {
			if c.Overdue != nil && c.Overdue.Slot.IsZero() {
				c.Overdue, c.Look = nil, nil
			}
			return c
		}}, rowsDiffer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := config{devices: 150, days: 5, seed: 3, plant: tt.plant}.world()
			w.play()
			w.judge()
			if w.counts.wrong[tt.want] == 0 {
				t.Errorf("nobody says that %s; seen was %v", tt.want, w.counts.wrong)
			}
		})
	}
}
