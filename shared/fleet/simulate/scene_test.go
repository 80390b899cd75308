package simulate_test

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sort"
	"time"

	"github.com/adhocore/gronx"

	"zapas/shared/caller"
	"zapas/shared/profile"
)

// begins is when the first device enrols. Within a month of it Europe and America set their clocks back, each on a day of
// its own.
var begins = time.Date(2026, 10, 12, 0, 0, 0, 0, time.UTC)

// scene is a profile of the play. What it says of slots it says twice: to the service by the profile, and to the oracle by
// what a wall clock shows at one.
type scene struct {
	profile profile.Profile
	share   int // of a hundred devices; those of scenes with a group are in it
	slotAt  func(shown time.Time) bool
	quiet   [2]int // minutes of the day
}

func at(hour, minute int) func(time.Time) bool {
	return func(w time.Time) bool { return w.Hour() == hour && w.Minute() == minute }
}

func cron(text string) func(time.Time) bool {
	reader := gronx.New()
	return func(w time.Time) bool {
		due, err := reader.IsDue(text, w)
		return err == nil && due
	}
}

func scenes() []scene {
	all := []scene{
		{share: 62, slotAt: at(2, 30), profile: profile.Profile{Name: "everyone", Window: 240,
			Schedule: profile.Schedule{Kind: profile.Daily, At: "02:30", Zone: "Europe/Warsaw"}, Alerts: profile.Alerts{OverdueAfter: 1440, ShrinkOver: 30}}},
		{share: 15, slotAt: func(w time.Time) bool { return w.Hour()%6 == 0 && w.Minute() == 0 }, profile: profile.Profile{Name: "field", Window: 60, Priority: 1, DeviceGroups: []string{"field"},
			Schedule: profile.Schedule{Kind: profile.Hourly, Hours: 6, Zone: "America/New_York"}, Alerts: profile.Alerts{OverdueAfter: 360, ShrinkOver: 30}}},
		{share: 8, slotAt: func(w time.Time) bool {
			return w.Hour() == 12 && w.Minute() == 15 && slices.Contains([]time.Weekday{1, 3, 5}, w.Weekday())
		}, profile: profile.Profile{Name: "office", Window: 120, DeviceGroups: []string{"office"}, Conditions: profile.Conditions{Charging: true},
			Schedule: profile.Schedule{Kind: profile.Weekly, At: "12:15", Days: []string{"mon", "wed", "fri"}, Zone: "Asia/Kolkata"}, Alerts: profile.Alerts{OverdueAfter: 2880, ShrinkOver: 30}}},
		{share: 6, slotAt: at(23, 0), quiet: [2]int{0, 240}, profile: profile.Profile{Name: "night", Window: 180, DeviceGroups: []string{"night"}, QuietHours: profile.QuietHours{From: "00:00", To: "04:00"},
			Schedule: profile.Schedule{Kind: profile.Daily, At: "23:00", Zone: "America/Sao_Paulo"}, Alerts: profile.Alerts{OverdueAfter: 720, ShrinkOver: 30}}},
		{share: 5, slotAt: cron("30 */8 * * 1-5"), quiet: [2]int{22 * 60, 6 * 60}, profile: profile.Profile{Name: "board", Window: 30, DeviceGroups: []string{"board", "field"}, QuietHours: profile.QuietHours{From: "22:00", To: "06:00"},
			Schedule: profile.Schedule{Kind: profile.Cron, Cron: "30 */8 * * 1-5", Zone: "Australia/Lord_Howe"}, Alerts: profile.Alerts{OverdueAfter: 60, ShrinkOver: 30}}},
		{share: 4, slotAt: func(w time.Time) bool { return w.Minute() == 0 }, profile: profile.Profile{Name: "lab", Window: 60, DeviceGroups: []string{"nobody's"},
			Conditions: profile.Conditions{Unmetered: true}, Schedule: profile.Schedule{Kind: profile.Hourly, Hours: 1, Zone: "UTC"}, Alerts: profile.Alerts{OverdueAfter: 120, ShrinkOver: 30}}},
	}
	for i := range all {
		p := &all[i].profile
		p.ID, p.Enabled, p.Elements, p.Location, p.Retention = profile.ID(ulid(1<<60|uint64(i))), true, profile.Elements(), "eu", profile.DefaultRetention()
	}
	return all
}

// edit is what an administrator does to a scene at a moment, as a part of the days that are played.
type edit struct {
	at    float64
	scene int
	do    func(s *scene)
}

func edits() []edit {
	return []edit{
		{0.31, 0, func(s *scene) { s.profile.Window = 180 }},
		{0.45, 4, func(s *scene) { s.profile.Description = "nothing that moves anybody" }},
		{0.52, 1, func(s *scene) {
			s.profile.Schedule.Hours, s.slotAt = 4, func(w time.Time) bool { return w.Hour()%4 == 0 && w.Minute() == 0 }
		}},
		{0.60, 2, func(s *scene) { s.profile.Enabled = false }},
		{0.66, 3, func(s *scene) { s.profile.Schedule.At, s.slotAt = "22:00", at(22, 0) }},
		{0.71, 2, func(s *scene) { s.profile.Enabled = true }},
		{0.83, 5, func(s *scene) { s.profile.Alerts.OverdueAfter = 90 }},
	}
}

// moves reports whether an edit is of whom or when, as people would say it.
func (e edit) moves() bool { return e.scene != 4 }

// timetable is what the oracle knows of a scene from a moment on.
type timetable struct {
	from, since      int64 // seconds
	enabled          bool
	window, patience int64 // minutes
	zone             *time.Location
	quiet            [2]int
	slots            []int64           // seconds, in order
	awake            map[int64][]int64 // of each slot, with quiet hours: the minutes of its window, which are those that are not quiet
}

// tabulate finds the slots between two moments: those at which the zone's clock shows, for the first time, what the scene
// says. Clocks of the play's zones are set at quarters of an hour, and so are its slots.
func tabulate(s scene, since, from, to time.Time) timetable {
	zone, err := time.LoadLocation(s.profile.Schedule.Zone)
	if err != nil {
		panic(err)
	}
	t := timetable{from: since.Unix(), since: since.Unix(), enabled: s.profile.Enabled, window: int64(s.profile.Window), patience: int64(s.profile.Alerts.OverdueAfter), zone: zone, quiet: s.quiet}
	shown := map[string]bool{}
	for at := from.Truncate(time.Hour); at.Before(to); at = at.Add(15 * time.Minute) {
		local := at.In(zone)
		text := local.Format("0102 1504")
		if !shown[text] && s.slotAt(local) {
			t.slots = append(t.slots, at.Unix())
		}
		shown[text] = true
	}
	if t.quiet == [2]int{} {
		return t
	}
	t.awake = map[int64][]int64{}
	for _, slot := range t.slots {
		for m := slot; int64(len(t.awake[slot])) < max(t.window, 1); m += 60 {
			if !t.quietAt(m) {
				t.awake[slot] = append(t.awake[slot], m)
			}
		}
	}
	return t
}

// after is the first slot after a moment; 0 when none is known.
func (t timetable) after(sec int64) int64 {
	if i := sort.Search(len(t.slots), func(i int) bool { return t.slots[i] > sec }); i < len(t.slots) {
		return t.slots[i]
	}
	return 0
}

// last is the last slot up to a moment; 0 when none is known.
func (t timetable) last(sec int64) int64 {
	if i := sort.Search(len(t.slots), func(i int) bool { return t.slots[i] > sec }); i > 0 {
		return t.slots[i-1]
	}
	return 0
}

// start is when a device starts that serves a slot: at its own second of the window.
func (t timetable) start(slot int64, device caller.DeviceID) int64 {
	own := int64(0)
	if t.window > 0 {
		sum := sha256.Sum256([]byte(device))
		own = int64(binary.BigEndian.Uint64(sum[:8]) % uint64(60*t.window))
	}
	if t.awake == nil {
		return slot + own
	}
	return t.awake[slot][own/60] + own%60
}

// into is how many seconds of the window of a slot have passed; false when it has not begun, is over, or does not run.
func (t timetable) into(slot, sec int64) (int64, bool) {
	if t.awake == nil {
		return sec - slot, sec >= slot && sec < slot+60*t.window
	}
	i, ok := slices.BinarySearch(t.awake[slot], sec-sec%60)
	return int64(i)*60 + sec%60, ok
}

func (t timetable) quietAt(sec int64) bool {
	from, to := t.quiet[0], t.quiet[1]
	if from == to {
		return false
	}
	w := time.Unix(sec, 0).In(t.zone)
	m := 60*w.Hour() + w.Minute()
	if from < to {
		return m >= from && m < to
	}
	return m >= from || m < to
}

// ulid makes an id as ULIDs look, whose last letter is as good as random.
func ulid(n uint64) string {
	const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
	b := []byte("01M00000000000000000000000")
	for i := 10; i < 26; i++ {
		b[i] = letters[sum[i]&31]
	}
	return string(b)
}
