package table

import (
	"context"
	"time"

	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// Walks are the rows P / WALK, the way through all devices that is or was the last, and P / FLEET, what the last found that
// came to its end.
type Walks rows

var (
	_ fleet.Walks      = Walks{}
	_ profile.Censuses = Walks{}
)

var (
	walkKey   = key{"P", "WALK"}
	totalsKey = key{"P", "FLEET"}
)

type totalsRow struct {
	AsOf     time.Time                            `dynamodbav:"asOf,omitempty"`
	Devices  int64                                `dynamodbav:"devices"`
	States   map[fleet.State]int64                `dynamodbav:"states,omitempty"`
	Profiles map[profile.ID]map[fleet.State]int64 `dynamodbav:"profiles,omitempty"`
	Classes  []classRow                           `dynamodbav:"classes,omitempty"`
	Others   int64                                `dynamodbav:"others,omitempty"`
}

type classRow struct {
	Explicit profile.ID `dynamodbav:"p,omitempty"`
	Group    string     `dynamodbav:"g,omitempty"`
	Devices  int64      `dynamodbav:"n"`
}

type walkRow struct {
	Began    time.Time `dynamodbav:"began"`
	Rev      int64     `dynamodbav:"rev"`
	Position string    `dynamodbav:"position,omitempty"`
	Done     bool      `dynamodbav:"done"`
	Found    totalsRow `dynamodbav:"found"`
	Version  int64     `dynamodbav:"version"`
}

func rowOfTotals(t fleet.Totals) totalsRow {
	r := totalsRow{AsOf: t.AsOf, Devices: t.Devices, States: t.States, Profiles: t.Profiles, Others: t.Others}
	for c, n := range t.Classes {
		r.Classes = append(r.Classes, classRow{c.Explicit, c.Group, n})
	}
	return r
}

func (r totalsRow) totals() fleet.Totals {
	t := fleet.Totals{Devices: r.Devices, States: r.States, Profiles: r.Profiles}
	t.AsOf, t.Others = r.AsOf, r.Others
	if len(r.Classes) > 0 {
		t.Classes = make(map[profile.Class]int64, len(r.Classes))
	}
	for _, c := range r.Classes {
		t.Classes[profile.Class{Explicit: c.Explicit, Group: c.Group}] = c.Devices
	}
	return t
}

// Rev reads the number of the profiles.
func (t Walks) Rev(ctx context.Context) (int64, error) { return Profiles(t).rev(ctx) }

// Walk reads the walk.
func (t Walks) Walk(ctx context.Context) (fleet.Walk, error) {
	var r walkRow
	_, err := rows(t).get(ctx, walkKey, "walk", &r)
	return fleet.Walk{Began: r.Began, Rev: r.Rev, Position: r.Position, Done: r.Done, Found: r.Found.totals(), Version: r.Version}, err
}

// SetWalk stores it with the next Version.
func (t Walks) SetWalk(ctx context.Context, w fleet.Walk) error {
	row, err := encode(walkKey, walkRow{Began: w.Began, Rev: w.Rev, Position: w.Position, Done: w.Done, Found: rowOfTotals(w.Found), Version: w.Version + 1})
	if err != nil {
		return err
	}
	if w.Version == 0 {
		return rows(t).put(ctx, row, "walk", absent, nil)
	}
	return rows(t).put(ctx, row, "walk", thatVersion, item{":version": number(w.Version)})
}

// Totals reads them.
func (t Walks) Totals(ctx context.Context) (fleet.Totals, error) {
	var r totalsRow
	_, err := rows(t).get(ctx, totalsKey, "totals", &r)
	return r.totals(), err
}

// SetTotals stores them unless later ones are there.
func (t Walks) SetTotals(ctx context.Context, totals fleet.Totals) error {
	row, err := encode(totalsKey, rowOfTotals(totals))
	if err != nil {
		return err
	}
	err = rows(t).put(ctx, row, "totals", absent+" OR asOf <= :asof", item{":asof": text(stamp(totals.AsOf))})
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// Census reads how many devices there were of each class.
func (t Walks) Census(ctx context.Context) (profile.Census, error) {
	totals, err := t.Totals(ctx)
	return totals.Census, err
}
