package device

import (
	"maps"
	"slices"

	"zapas/device/internal/progress"
	"zapas/device/internal/state"
	"zapas/shared/api"
)

type (
	// Progress is how far one work on one element has come.
	Progress = progress.Step
	// Work is one kind of what a run does.
	Work = progress.Work
)

// The works, in the order in which a run comes to them.
const (
	Reading     = progress.Reading
	Sealing     = progress.Sealing
	Uploading   = progress.Uploading
	Downloading = progress.Downloading
	Matching    = progress.Matching
	Planning    = progress.Planning
	Writing     = progress.Writing
)

// The states of a work.
const (
	Running = progress.Running
	Ended   = progress.Ended
	Broken  = progress.Broken
)

// uploading begins to count a session's bytes. None of its items is stored before all of its objects are, so they count for
// each of the elements that have something new.
func (d *Device) uploading(j *state.Journal, r Report) {
	var size int64
	for _, c := range j.Chunks {
		size += c.Size
	}
	d.moving = d.moving[:0]
	for e, l := range r.Ledger {
		if l.Stored > 0 {
			d.moving = append(d.moving, e)
		}
	}
	slices.Sort(d.moving)
	for _, e := range d.moving {
		d.track.Begin(progress.Uploading, e, size)
	}
}

func (d *Device) uploaded(n int64) {
	for _, e := range d.moving {
		d.track.Add(progress.Uploading, e, n)
	}
}

// allLost tells of elements of which nothing can be downloaded, let alone be written.
func (d *Device) allLost(l api.RestoreLedgers) {
	for _, e := range slices.Sorted(maps.Keys(l)) {
		d.track.Begin(progress.Downloading, e, 0)
	}
	d.track.Break()
}
