package restore_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/restore"
)

// TestSettings: lawful ones alone are stored, recorded first, in the place of those that were read.
func TestSettings(t *testing.T) {
	t.Parallel()
	ada := caller.Caller{User: "0ADA0000000000000000000000"}
	for _, test := range []struct {
		name          string
		hold, expires int
		oldest        string
		pointer       string
	}{
		{"Least", 0, 1, "0", ""}, {"Most", 72, 90, "999999999.1.2.3", ""}, {"HoldBelow", -1, 1, "", "/restoreHold"}, {"HoldAbove", 73, 1, "", "/restoreHold"},
		{"ExpiresBelow", 0, 0, "", "/restoreExpires"}, {"ExpiresAbove", 0, 91, "", "/restoreExpires"}, {"AnyApp", 0, 1, "", ""},
		{"AppWithAWord", 0, 1, "2.1-beta", "/oldestApp"}, {"AppWithAnEmptyPart", 0, 1, "2..1", "/oldestApp"}, {"AppWithFiveParts", 0, 1, "1.2.3.4.5", "/oldestApp"},
		{"AppWithTenDigits", 0, 1, "1000000000", "/oldestApp"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			s, err := w.Settings.Edit(t.Context(), ada, restore.Settings{Hold: test.hold, Expires: test.expires, OldestApp: test.oldest}, 0)
			known, _ := err.(*fault.Error)
			switch {
			case test.pointer == "" && (err != nil || s != restore.Settings{Hold: test.hold, Expires: test.expires, OldestApp: test.oldest, Version: 1}):
				t.Errorf("%+v %v", s, err)
			case test.pointer != "" && (known == nil || known.Kind != fault.Invalid || len(known.Fields) != 1 || known.Fields[0].Pointer != test.pointer):
				t.Error(err)
			}
		})
	}

	t.Run("InThePlaceOfWhatWasRead", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		if s, err := w.Settings.Get(t.Context()); err != nil || (s != restore.Settings{Expires: 14}) {
			t.Errorf("before they are set they are %+v %v", s, err)
		}
		first := restore.Settings{Hold: 1, Expires: 2}
		for _, step := range []struct {
			set     restore.Settings
			version int64
			want    int64 // 0: it is stale
		}{{first, 1, 0}, {first, 0, 1}, {first, 0, 1}, {restore.Settings{Hold: 3, Expires: 4}, 0, 0}, {restore.Settings{Hold: 3, Expires: 4}, 1, 2},
			{first, 1, 0}, {first, -1, 0}, {first, 2, 3}} {
			s, err := w.Settings.Edit(t.Context(), ada, step.set, step.version)
			if step.want == 0 {
				refused(t, err, fault.Stale, "stale")
			} else if step.set.Version = step.want; err != nil || s != step.set {
				t.Errorf("%+v at version %d: %+v %v", step.set, step.version, s, err)
			}
		}
	})

	t.Run("RecordedFirst", func(t *testing.T) {
		t.Parallel()
		w := open(t)
		var log lines
		w.Settings.Audit.Log = &log
		if _, err := w.Settings.Edit(t.Context(), ada, restore.Settings{Hold: 1, Expires: 2, OldestApp: "2.10"}, 0); err != nil {
			t.Fatal(err)
		}
		want := lines{{ID: log[0].ID, At: w.clock.Now(), Who: ada.User, Action: audit.SettingsChanged, Also: []string{"restoreHold=1", "restoreExpires=2", "oldestApp=2.10"}}}
		if d := cmp.Diff(want, log); d != "" {
			t.Error(d)
		}
		w.Settings.Audit.Log = refusing{}
		if _, err := w.Settings.Edit(t.Context(), ada, restore.Settings{Hold: 3, Expires: 4}, 1); !fault.Is(err, fault.Unavailable) {
			t.Errorf("without a record they are changed: %v", err)
		}
		if s, err := w.Settings.Get(t.Context()); err != nil || s.Version != 1 {
			t.Errorf("without a record they are %+v %v", s, err)
		}
	})
}

// lines are what was recorded.
type lines []audit.Record

func (l *lines) Append(_ context.Context, r audit.Record) error {
	*l = append(*l, r)
	return nil
}

// refusing takes no record.
type refusing struct{}

func (refusing) Append(context.Context, audit.Record) error {
	return fault.New(fault.Unavailable, "unavailable", "Nothing is recorded now.")
}
