package table

import (
	"context"

	"zapas/shared/restore"
)

// Settings are the row SETTINGS / SETTINGS: what the organisation has set.
type Settings rows

var _ restore.SettingsStore = Settings{}

type settingsRow struct {
	Hold      int    `dynamodbav:"restoreHold"`
	Expires   int    `dynamodbav:"restoreExpires"`
	OldestApp string `dynamodbav:"oldestApp,omitempty"`
	Version   int64  `dynamodbav:"version"`
}

var settingsKey = key{"SETTINGS", "SETTINGS"}

// Settings reads them.
func (t Settings) Settings(ctx context.Context) (restore.Settings, error) {
	var r settingsRow
	_, err := rows(t).get(ctx, settingsKey, "settings", &r)
	return restore.Settings(r), err
}

// ReplaceSettings stores s in the place of a version.
func (t Settings) ReplaceSettings(ctx context.Context, s restore.Settings, version int64) error {
	row, err := encode(settingsKey, settingsRow(s))
	if err != nil {
		return err
	}
	if version == 0 {
		return rows(t).put(ctx, row, "settings", absent, nil)
	}
	return rows(t).put(ctx, row, "settings", "version = :version", item{":version": number(version)})
}
