package table

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"zapas/shared/aws"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// Profiles are the rows P / PROFILE#<id>. They share a partition: there are hundreds at most, and they are read together.
// The row P / REV has a number that grows with every write of one, in the same transaction: who has read them all reads
// that to know whether they still are so.
type Profiles rows

var (
	_ profile.Store = Profiles{}
	_ profile.Notes = Profiles{}
)

type profileRow struct {
	ID           profile.ID  `dynamodbav:"id"`
	Version      int64       `dynamodbav:"version"`
	Name         string      `dynamodbav:"name"`
	Description  string      `dynamodbav:"description,omitempty"`
	Enabled      bool        `dynamodbav:"enabled"`
	Elements     []string    `dynamodbav:"elements,omitempty"`
	Location     string      `dynamodbav:"location"`
	Schedule     scheduleRow `dynamodbav:"schedule"`
	DeviceGroups []string    `dynamodbav:"deviceGroups,omitempty"`
	Priority     int         `dynamodbav:"priority"`
	Region       string      `dynamodbav:"region,omitempty"`

	// Older rows have none of these.
	Messages   messagesRow   `dynamodbav:"messages"`
	Window     int           `dynamodbav:"window"`
	Conditions conditionsRow `dynamodbav:"conditions"`
	QuietHours quietRow      `dynamodbav:"quietHours"`
	Retention  *retentionRow `dynamodbav:"retention,omitempty"`
	Alerts     *alertsRow    `dynamodbav:"alerts,omitempty"`

	CreatedAt time.Time `dynamodbav:"createdAt"`
	UpdatedAt time.Time `dynamodbav:"updatedAt"`
	Scheduled int64     `dynamodbav:"scheduled,omitempty"`
	Told      int64     `dynamodbav:"told,omitempty"`
	Since     time.Time `dynamodbav:"since,omitempty"`
}

type scheduleRow struct {
	Kind  profile.Kind `dynamodbav:"kind"`
	Hours int          `dynamodbav:"hours,omitempty"`
	At    string       `dynamodbav:"at,omitempty"`
	Days  []string     `dynamodbav:"days,omitempty"`
	Cron  string       `dynamodbav:"cron,omitempty"`
	Zone  string       `dynamodbav:"zone"`
}

type messagesRow struct {
	WithoutAttachments bool  `dynamodbav:"withoutAttachments,omitempty"`
	MaxAttachment      int64 `dynamodbav:"maxAttachment,omitempty"`
}

type conditionsRow struct {
	Unmetered bool `dynamodbav:"unmetered,omitempty"`
	Charging  bool `dynamodbav:"charging,omitempty"`
	Battery   int  `dynamodbav:"battery,omitempty"`
}

type quietRow struct {
	From string `dynamodbav:"from,omitempty"`
	To   string `dynamodbav:"to,omitempty"`
}

type retentionRow struct {
	Keep map[profile.Keep]int `dynamodbav:"keep,omitempty"`
}

type alertsRow struct {
	OverdueAfter int `dynamodbav:"overdueAfter"`
	ShrinkOver   int `dynamodbav:"shrinkOver"`
}

func rowOfProfile(p profile.Profile) profileRow {
	return profileRow{ID: p.ID, Version: p.Version, Name: p.Name, Description: p.Description, Enabled: p.Enabled,
		Elements: p.Elements, Location: p.Location, Schedule: scheduleRow(p.Schedule), DeviceGroups: p.DeviceGroups,
		Priority: p.Priority, Region: p.Region, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Since: p.Since, Messages: messagesRow(p.Messages),
		Window: p.Window, Conditions: conditionsRow(p.Conditions), QuietHours: quietRow(p.QuietHours),
		Retention: &retentionRow{Keep: p.Retention}, Alerts: new(alertsRow(p.Alerts)),
		Scheduled: p.Scheduled, Told: p.Told}
}

func (r profileRow) profile() profile.Profile {
	p := profile.Profile{ID: r.ID, Version: r.Version, Name: r.Name, Description: r.Description, Enabled: r.Enabled,
		Elements: r.Elements, Location: r.Location, Schedule: profile.Schedule(r.Schedule), DeviceGroups: r.DeviceGroups,
		Priority: r.Priority, Region: r.Region, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Since: r.Since, Messages: profile.Messages(r.Messages),
		Window: r.Window, Conditions: profile.Conditions(r.Conditions), QuietHours: profile.QuietHours(r.QuietHours),
		Retention: profile.DefaultRetention(), Alerts: profile.DefaultAlerts(), Scheduled: r.Scheduled, Told: r.Told}
	if r.Retention != nil {
		p.Retention = r.Retention.Keep
	}
	if r.Alerts != nil {
		p.Alerts = profile.Alerts(*r.Alerts)
	}
	return p
}

func profileKey(id profile.ID) key { return key{"P", "PROFILE#" + string(id)} }

// Profiles reads all of them.
func (t Profiles) Profiles(ctx context.Context) ([]profile.Profile, error) {
	found, err := query[profileRow](ctx, rows(t), under("P", "PROFILE#"), "profile", 0)
	if err != nil {
		return nil, err
	}
	all := make([]profile.Profile, len(found))
	for i, r := range found {
		all[i] = r.profile()
	}
	return all, nil
}

// Profile reads one.
func (t Profiles) Profile(ctx context.Context, id profile.ID) (profile.Profile, error) {
	var r profileRow
	err := rows(t).must(ctx, profileKey(id), "profile", &r)
	return r.profile(), err
}

// Create stores a new one.
func (t Profiles) Create(ctx context.Context, p profile.Profile) error {
	row, err := encode(profileKey(p.ID), rowOfProfile(p))
	if err != nil {
		return err
	}
	return t.write(ctx, types.TransactWriteItem{Put: &types.Put{TableName: &t.Name, Item: row, ConditionExpression: new(absent)}})
}

// Replace stores one in the place of a version.
func (t Profiles) Replace(ctx context.Context, p profile.Profile, version int64) error {
	row, err := encode(profileKey(p.ID), rowOfProfile(p))
	if err != nil {
		return err
	}
	return t.write(ctx, types.TransactWriteItem{Put: &types.Put{TableName: &t.Name, Item: row, ConditionExpression: new(thatVersion),
		ExpressionAttributeValues: item{":version": number(version)}}})
}

// Delete removes a version.
func (t Profiles) Delete(ctx context.Context, id profile.ID, version int64) error {
	return t.write(ctx, types.TransactWriteItem{Delete: &types.Delete{TableName: &t.Name, Key: profileKey(id).attributes(), ConditionExpression: new(thatVersion),
		ExpressionAttributeValues: item{":version": number(version)}}})
}

const thatVersion = "version = :version"

// write is one write of a profile, with the next number in P / REV. Two writes at once meet there: one of them is busy.
func (t Profiles) write(ctx context.Context, one types.TransactWriteItem) error {
	_, err := t.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{one,
		{Update: &types.Update{TableName: &t.Name, Key: profilesRev.attributes(), UpdateExpression: new("ADD rev :one"),
			ExpressionAttributeValues: item{":one": number(1)}}}}})
	if c, ok := errors.AsType[*types.TransactionCanceledException](err); ok && len(c.CancellationReasons) == 2 &&
		sdk.ToString(c.CancellationReasons[0].Code) != "ConditionalCheckFailed" && sdk.ToString(c.CancellationReasons[1].Code) == "TransactionConflict" {
		return aws.Busy(err)
	}
	return failed(err, "write profile")
}

var profilesRev = key{"P", "REV"}

func (t Profiles) rev(ctx context.Context) (int64, error) {
	var r struct {
		Rev int64 `dynamodbav:"rev"`
	}
	_, err := rows(t).get(ctx, profilesRev, "number of the profiles", &r)
	return r.Rev, err
}

// Sets are the Profiles as sets, each read once and then kept for as long as P / REV says that nothing has changed.
type Sets struct {
	Profiles Profiles

	mu   sync.Mutex
	read bool
	rev  int64 // was read before set was
	set  profile.Set
}

var _ fleet.Profiles = (*Sets)(nil)

// Set reads all profiles, or knows that they are what they were.
func (s *Sets) Set(ctx context.Context) (profile.Set, error) {
	rev, err := s.Profiles.rev(ctx)
	if err != nil {
		return profile.Set{}, err
	}
	if set, ok := s.kept(rev); ok {
		return set, nil
	}
	all, err := s.Profiles.Profiles(ctx)
	if err != nil {
		return profile.Set{}, err
	}
	// What was read may be newer than rev; then the next reader finds another rev and reads again.
	set := profile.NewSet(all)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.read || rev >= s.rev {
		s.read, s.rev, s.set = true, rev, set
	}
	return set, nil
}

func (s *Sets) kept(rev int64) (profile.Set, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set, s.read && s.rev == rev
}

// Slot reads the last slot that a tick has recorded.
func (s *Sets) Slot(ctx context.Context, id profile.ID) (time.Time, error) {
	return Slots(s.Profiles).Slot(ctx, id)
}

// Note says of a version what has arrived of it.
func (t Profiles) Note(ctx context.Context, id profile.ID, version int64, scheduled, told bool) error {
	var set []string
	if scheduled {
		set = append(set, "scheduled = :version")
	}
	if told {
		set = append(set, "told = :version")
	}
	_, err := t.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: &t.Name, Key: profileKey(id).attributes(), ConditionExpression: new("version = :version"),
		UpdateExpression: new("SET " + strings.Join(set, ", ")), ExpressionAttributeValues: item{":version": number(version)}})
	return failed(err, "note what has arrived of a profile")
}
