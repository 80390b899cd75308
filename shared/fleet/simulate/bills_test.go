package simulate_test

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"zapas/localstack/deployment"
	"zapas/localstack/standin/standintest"
	"zapas/shared/audit"
	"zapas/shared/aws/table"
	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fleet"
	"zapas/shared/profile"
	"zapas/shared/restore"
)

// side is one of the two that are billed: the tables, or the rows of the play.
type side struct {
	fleet    *fleet.Fleet
	runs     fleet.RunBook
	profiles *profile.Service
	ticks    profile.Ticks
	watch    fleet.Watch
	restores func(ctx context.Context, who caller.Caller) error
	edit     func(p profile.Profile) error
	units    func() (writes, reads float64)
	rowSize  func() int
}

// deaf is a bus that nobody hears.
type deaf struct{}

func (deaf) Announce(context.Context, ...event.Event) ([]event.Event, error) { return nil, nil }

// TestBills: whatever befalls a device in a day takes of the tables, through the adapters, what the play bills for it, call by
// call; and its row has the same size.
func TestBills(t *testing.T) {
	t.Parallel()
	w := config{devices: 1, days: 3, seed: 1}.world()
	d := w.parts[0].order[0]
	now := begins.Add(time.Hour)
	clock := func() time.Time { return now }
	sides := []side{tables(t, w, d, clock), w.rows(d)}
	who := caller.Caller{User: caller.UserID(d.id), Device: d.id}
	device := fleet.Device{ID: d.id, Owner: who.User, State: fleet.InUse, EnrolledAt: now}
	p := w.scenes[0].profile
	report := func(at int64) fleet.Report { r, _ := d.report(at, 1<<40); return r }
	var order [2]fleet.Order
	const first, second, third = "01M00000000000000000000S01", "01M00000000000000000000S02", "01M00000000000000000000S03"
	begin := func(session string, slot time.Time) func(context.Context, side, int) error {
		return func(ctx context.Context, s side, i int) error {
			p, err := s.profiles.ForRun(ctx, p.ID)
			return cmp.Or(err, s.runs.Begun(ctx, d.id, session, s.runs.Run(d.id, p, slot)))
		}
	}
	commit := func(session string, seq int64) func(context.Context, side, int) error {
		return func(ctx context.Context, s side, i int) error {
			c, err := s.fleet.Card(ctx, device)
			if err != nil {
				return err
			}
			before, err := s.runs.Committed(ctx, who, session, c.Run, fleet.Stored{At: now, Seq: seq, Counts: w.items}, false)
			return cmp.Or(err, s.fleet.Orders.Committed(ctx, before, session))
		}
	}
	checkIn := func(ctx context.Context, s side, _ int) error {
		_, err := s.fleet.CheckIn(ctx, who, report(now.Unix()))
		return cmp.Or(err, s.restores(ctx, who))
	}
	overdue := func(ctx context.Context, s side, _ int) error {
		w.pending[dueShard(d.id)] = []*phone{d}
		done, _, err := s.watch.Due(ctx, "")
		if done.Overdue != 1 {
			err = errors.Join(err, errors.New("it is not found to be overdue"))
		}
		return err
	}
	for _, step := range []struct {
		name  string
		after time.Duration
		do    func(ctx context.Context, s side, i int) error
	}{
		{"Enrol", 0, func(ctx context.Context, s side, _ int) error {
			return s.fleet.Statuses.CreateStatus(ctx, fleet.Status{Device: d.id, Owner: who.User, Trust: fleet.InUse, Label: "Phone " + string(d.id[20:]), Platform: "android", Model: "SM-G991B",
				EnrolledAt: now, Seen: fleet.Seen{AppVersion: "2.4.1"}, Look: fleet.Look{At: now}})
		}},
		{"WhoItIs", 0, func(ctx context.Context, s side, _ int) error {
			_, err := s.fleet.Identities.Device(ctx, d.id)
			return err
		}},
		{"FirstCheckIn", time.Minute, checkIn},
		{"Again", 20 * time.Minute, checkIn},
		{"Begin", time.Minute, begin(first, time.Time{})},
		{"Commit", time.Minute, commit(first, 1)},
		{"CheckInAfterIt", time.Hour, checkIn},
		{"NoteAfterFourHours", 4 * time.Hour, checkIn},
		{"Order", time.Minute, func(ctx context.Context, s side, i int) (err error) {
			order[i], err = s.fleet.Order(ctx, caller.Caller{User: "admin"}, device, "")
			return err
		}},
		{"CheckInWithAnOrder", time.Minute, checkIn},
		{"BeginOrdered", time.Minute, func(ctx context.Context, s side, i int) error {
			o, err := s.fleet.Orders.ToCarry(ctx, d.id, order[i].ID)
			return cmp.Or(err, begin(second, time.Time{})(ctx, s, i), s.fleet.Orders.Carry(ctx, o, second))
		}},
		{"GiveUpOrdered", time.Minute, func(ctx context.Context, s side, i int) error {
			before, err := s.runs.GivenUp(ctx, d.id, second)
			return cmp.Or(err, s.fleet.Orders.GivenUp(ctx, before, second))
		}},
		{"Edit", time.Minute, func(ctx context.Context, s side, i int) error { return s.edit(p) }},
		{"CheckInAfterAnEdit", time.Hour, checkIn},
		{"Move", time.Minute, func(ctx context.Context, s side, i int) error {
			c, err := s.fleet.Card(ctx, device)
			if err == nil {
				_, err = s.fleet.Govern(ctx, caller.Caller{User: "admin"}, device, c.Version(), new("field"), nil)
			}
			return err
		}},
		{"Back", time.Minute, func(ctx context.Context, s side, i int) error {
			c, err := s.fleet.Card(ctx, device)
			if err == nil {
				_, err = s.fleet.Govern(ctx, caller.Caller{User: "admin"}, device, c.Version(), new(""), nil)
			}
			return err
		}},
		{"Tick", 24 * time.Hour, func(ctx context.Context, s side, i int) error {
			did, err := s.ticks.Tick(ctx, p.ID, p.Schedule.Last(now))
			if did != profile.Recorded {
				err = errors.Join(err, errors.New("the tick is "+string(did)))
			}
			return err
		}},
		{"Overdue", 48 * time.Hour, overdue},
		{"CheckInOverdue", time.Minute, checkIn},
		{"BeginOverdue", time.Minute, begin(third, time.Time{})},
		{"Recover", time.Minute, commit(third, 2)},
		{"Unchanged", 24 * time.Hour, func(ctx context.Context, s side, i int) error {
			p, err := s.profiles.ForRun(ctx, p.ID)
			if err == nil {
				_, err = s.runs.Unchanged(ctx, d.id, p, time.Time{})
			}
			return err
		}},
	} {
		now = now.Add(step.after)
		w.now, w.parts[0].now = now.Unix(), now.Unix()
		w.meter.from, w.parts[0].meter = now.Unix(), w.meter
		var got [2][2]float64
		for i, s := range sides {
			writes, reads := s.units()
			if err := step.do(t.Context(), s, i); err != nil {
				t.Fatalf("%s, of side %d: %v", step.name, i, err)
			}
			w, r := s.units()
			got[i] = [2]float64{w - writes, r - reads}
		}
		if got[0] != got[1] {
			t.Errorf("%s takes %v WRU and RRU of the tables, and is billed as %v", step.name, got[0], got[1])
		}
		if a, b := sides[0].rowSize(), sides[1].rowSize(); a != b {
			t.Errorf("after %s the row has %d bytes, and is billed for %d", step.name, a, b)
		}
	}
}

// rows are the side of the play.
func (w *world) rows(d *phone) side {
	r := w.parts[0]
	return side{fleet: r.fleet, runs: r.runs, profiles: r.profiles, ticks: w.ticker, watch: w.watch, rowSize: func() int { return size(d.row) },
		restores: func(context.Context, caller.Caller) error { r.reads(allReads, 2); return nil },
		edit: func(p profile.Profile) error {
			p.Description, p.Version = "edited", 2
			return w.Replace(context.Background(), p, 1)
		},
		units: func() (writes, reads float64) {
			for i := range epoch {
				writes, reads = writes+float64(w.meter.used[allWrites][i])/2, reads+float64(w.meter.used[allReads][i])/2
			}
			return writes, reads
		}}
}

// tables are the other side.
func tables(t *testing.T, w *world, d *phone, clock func() time.Time) side {
	stack := standintest.New(t)
	db := table.Open(stack.Config())
	err := deployment.Tables(stack.AWS)
	rows, identities := table.Profiles{DB: db, Name: deployment.Table}, table.Identities{DB: db, Name: deployment.Identity}
	for _, s := range w.scenes {
		err = errors.Join(err, rows.Create(t.Context(), s.profile))
	}
	code := fleet.Code{Hash: "h", ID: "E", User: caller.UserID(d.id)}
	err = errors.Join(err, identities.PutCode(t.Context(), code))
	code.Device = d.id
	if err = errors.Join(err, identities.Enrol(t.Context(), code, fleet.Device{ID: d.id, Owner: code.User, State: fleet.InUse})); err != nil {
		t.Fatal(err)
	}
	statuses := table.Statuses{DB: db, Name: deployment.Table}
	records := audit.Recorder{Log: table.Audit{DB: db, Name: deployment.Audit}, Now: clock, NewID: func() string { return ulid(uint64(clock().Unix())) }}
	restores := &restore.Service{Store: table.Restores{DB: db, Name: deployment.VaultKeys}, Now: clock}
	return side{
		fleet: &fleet.Fleet{Tenant: "T", Identities: identities, Statuses: statuses, Profiles: &table.Sets{Profiles: rows}, Audit: records, Now: clock,
			Orders: fleet.OrderBook{Store: table.Orders{DB: db, Name: deployment.Table}, Now: clock}, News: fleet.Announcer{Bus: deaf{}, Statuses: statuses, Tenant: "T", Now: clock}, NewID: func() string { return ulid(uint64(clock().Unix())) },
			OldestApp: restore.Organisation{Store: table.Settings{DB: db, Name: deployment.Table}}.OldestApp},
		runs:     fleet.RunBook{Statuses: statuses, Now: clock, News: fleet.Announcer{Bus: deaf{}, Statuses: statuses, Tenant: "T", Now: clock}},
		profiles: &profile.Service{Store: rows, Now: clock},
		ticks:    profile.Ticks{Profiles: rows, Slots: table.Slots(rows), Bus: deaf{}, Tenant: "T", Now: clock},
		watch:    fleet.Watch{Devices: statuses, Profiles: &table.Sets{Profiles: rows}, Bus: deaf{}, Tenant: "T", Now: clock},
		restores: func(ctx context.Context, who caller.Caller) error {
			_, err := restores.ForDevice(ctx, who)
			return err
		},
		edit: func(p profile.Profile) error {
			p.Description, p.Version = "edited", 2
			return rows.Replace(context.Background(), p, 1)
		},
		units: stack.DynamoDB.Consumed,
		rowSize: func() int {
			out, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: new(deployment.Table), ConsistentRead: new(true),
				Key: map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: "F#" + string(d.id)}, "SK": &types.AttributeValueMemberS{Value: "STATUS"}}})
			if err != nil {
				t.Fatal(err)
			}
			return sizeOf(&types.AttributeValueMemberM{Value: out.Item}) - 3 - len(out.Item)
		}}
}

// sizeOf is a value's size as "DynamoDB item sizes and formats" (Amazon DynamoDB Developer Guide) counts it.
func sizeOf(v types.AttributeValue) (n int) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		n := 0
		for _, c := range v.Value {
			n = n*10 + int(c-'0')
		}
		return number(int64(n))
	case *types.AttributeValueMemberM:
		n = 3
		for name, e := range v.Value {
			n += 1 + len(name) + sizeOf(e)
		}
		return n
	case *types.AttributeValueMemberL:
		n = 3
		for _, e := range v.Value {
			n += 1 + sizeOf(e)
		}
		return n
	}
	return 1
}
