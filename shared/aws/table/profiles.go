package table

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"zapas/shared/profile"
)

// Profiles are the rows P / PROFILE#<id>. They share a partition: there are hundreds at most, and they are read together.
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
		Priority: p.Priority, Region: p.Region, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Messages: messagesRow(p.Messages),
		Window: p.Window, Conditions: conditionsRow(p.Conditions), QuietHours: quietRow(p.QuietHours),
		Retention: &retentionRow{Keep: p.Retention}, Alerts: new(alertsRow(p.Alerts)),
		Scheduled: p.Scheduled, Told: p.Told}
}

func (r profileRow) profile() profile.Profile {
	p := profile.Profile{ID: r.ID, Version: r.Version, Name: r.Name, Description: r.Description, Enabled: r.Enabled,
		Elements: r.Elements, Location: r.Location, Schedule: profile.Schedule(r.Schedule), DeviceGroups: r.DeviceGroups,
		Priority: r.Priority, Region: r.Region, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Messages: profile.Messages(r.Messages),
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
	return rows(t).put(ctx, row, "profile", absent, nil)
}

// Replace stores one in the place of a version.
func (t Profiles) Replace(ctx context.Context, p profile.Profile, version int64) error {
	row, err := encode(profileKey(p.ID), rowOfProfile(p))
	if err != nil {
		return err
	}
	return rows(t).put(ctx, row, "profile", "version = :version", item{":version": number(version)})
}

// Delete removes a version.
func (t Profiles) Delete(ctx context.Context, id profile.ID, version int64) error {
	return rows(t).delete(ctx, profileKey(id), "profile", "version = :version", item{":version": number(version)})
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
